"""Vectors: as they were asked for whatever a target gives, and many small calls in few of the engine's."""

import base64
import concurrent.futures
import json
import math
import struct
import time
import urllib.parse

import pytest

import client
import shop as shops
from harness import wait_for

LONG = 60
PATH = "/v1/embeddings"
WORDS = "the time year people way day man thing woman life child world".split()


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def relay(shared, fake):
    return shared.daemon(fake)


def ask(port, **body):
    return client.ask(port, "POST", PATH, body, timeout=LONG)


def floats(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


# --- numbers and base64 -----------------------------------------------------------------------------


def raw_answer(vectors):
    body = json.dumps({"object": "list", "model": "x", "usage": {"prompt_tokens": 3, "total_tokens": 3},
                       "data": [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]})
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return "raw=" + urllib.parse.quote(head + body)


@pytest.mark.parametrize("wish", ["base64", "float", None])
@pytest.mark.parametrize("gives", ["base64", "float"])
def test_as_it_was_asked_for(relay, wish, gives):
    """openai's client asks for base64 and decodes whatever comes: numbers would become zeros."""
    vectors = [[0.0, 1.0, -2.5], [0.5, 0.25, 3e-5]]
    coded = [base64.b64encode(struct.pack("<3f", *v)).decode() for v in vectors]
    words = "fake: " + raw_answer(coded if gives == "base64" else vectors)
    r = ask(relay.port, model="fake-model", input=[words, "b"], **({"encoding_format": wish} if wish else {}))
    assert r.status == 200, r.body
    for item, vector in zip(r.json()["data"], vectors):
        got = item["embedding"]
        assert isinstance(got, str if wish == "base64" else list)
        assert (floats(got) if wish == "base64" else got) == pytest.approx(vector)
    assert r.json()["model"] == "fake-model" and r.json()["usage"]["prompt_tokens"] == 3


def test_what_is_passed_on(relay, fake):
    assert ask(relay.port, model="fake-model", input=[[1, 2, 3], [4]], dimensions=8, user="u").status == 200
    asked = fake.asked().body
    assert asked["input"] == [[1, 2, 3], [4]] and asked["dimensions"] == 8


# --- many at once -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    return shops.RealShop(shared, {"embed": ("embed", {"embedding": True})}, real_pack)


def text_of(i):
    return " ".join(WORDS[(i * k + k) % len(WORDS)] for k in range(1, 6)) + f" {i}"


def burst(port, bodies, workers=64):
    """All at once, each on a connection of its own that is there already."""
    wires = [client.Wire(port, LONG) for _ in bodies]
    try:
        began = time.monotonic()
        for wire, body in zip(wires, bodies):
            wire.send(client.request_bytes("POST", PATH, json.dumps({"model": "embed", **body}).encode()))
        answers = [wire.response() for wire in wires]
        return answers, time.monotonic() - began
    finally:
        for wire in wires:
            wire.close()


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def vector(r):
    assert r.status == 200, r.body
    item, = r.json()["data"]
    assert item["index"] == 0
    return item["embedding"] if isinstance(item["embedding"], list) else floats(item["embedding"])


def test_one_at_a_time_is_the_engines_own_word(llama):
    """Byte by byte but for the model's name, which is the same here."""
    assert ask(llama.daemon.port, model="embed", input="x").status == 200
    headers = [("Authorization", f"Bearer {llama.key('embed')}")]
    for more in ({}, {"encoding_format": "base64"}):
        body = {"model": "embed", "input": "one time year", **more}
        own = client.ask(llama.socket(), "POST", PATH, body, headers, timeout=LONG)
        assert client.ask(llama.daemon.port, "POST", PATH, body, timeout=LONG).json() == own.json()


@pytest.mark.parametrize("coding", ["float", "base64"])
def test_each_gets_his_own(llama, coding):
    texts = [text_of(i) for i in range(64)]
    alone = [ask(llama.daemon.port, model="embed", input=t) for t in texts]
    before = llama.engine("embed")["calls"]
    answers, _ = burst(llama.daemon.port, [{"input": t, "encoding_format": coding} for t in texts])
    assert llama.engine("embed")["calls"] - before <= 32, "few went together"
    for one, r in zip(alone, answers):
        assert cosine(vector(one), vector(r)) >= 0.9999
        assert r.json()["model"] == "embed" and r.json()["usage"]["prompt_tokens"] > 0
    assert len({json.dumps(vector(r)) for r in answers}) > 50, "they are not all the same"
    tokens = [sum(r.json()["usage"]["prompt_tokens"] for r in list) for list in (alone, answers)]
    assert tokens[0] == tokens[1], "no token is counted twice, and none is lost"


def test_different_wishes_at_once(llama):
    """Numbers, base64, tokens, several inputs: each as he asked."""
    bodies = [{"input": text_of(0)}, {"input": text_of(0), "encoding_format": "base64"}, {"input": [5, 6, 7]},
              {"input": [text_of(1), text_of(2)]}, {"input": [[5, 6, 7], [8]]}] * 12
    answers, _ = burst(llama.daemon.port, bodies)
    for body, r in zip(bodies, answers):
        assert r.status == 200, r.body
        items = r.json()["data"]
        several = isinstance(body["input"], list) and not isinstance(body["input"][0], int)
        assert [d["index"] for d in items] == ([0, 1] if several else [0])
        assert isinstance(items[0]["embedding"], str if "encoding_format" in body else list)
        assert items[0]["embedding"] == answers[bodies.index(body)].json()["data"][0]["embedding"] or cosine(
            vector(r), vector(answers[bodies.index(body)])) >= 0.9999


def test_a_bad_one_is_alone_with_it(llama):
    """Too much for the engine: whoever sent it hears so, and the others have their vectors."""
    bodies = [{"input": text_of(i)} for i in range(40)]
    bodies[7] = bodies[23] = {"input": "the " * 900}
    answers, _ = burst(llama.daemon.port, bodies)
    assert [i for i, r in enumerate(answers) if r.status != 200] == [7, 23]
    assert answers[7].error == "context_length_exceeded"
    assert cosine(vector(answers[8]), vector(ask(llama.daemon.port, model="embed", input=text_of(8)))) >= 0.9999


def test_callers_who_leave(llama):
    """In line, and in the middle of it; those who stay are answered, and nothing is left inside."""
    for _ in range(5):
        wires = [client.Wire(llama.daemon.port, LONG) for _ in range(48)]
        for i, wire in enumerate(wires):
            wire.send(client.request_bytes("POST", PATH, json.dumps({"model": "embed", "input": text_of(i)}).encode()))
        for wire in wires[::2]:
            wire.close()
        for wire in wires[1::2]:
            assert wire.response().status == 200
            wire.close()
    wait_for(lambda: (e := llama.engine("embed"))["busy"] == 0 and e["waiting"] == 0, LONG)


def test_it_dies_with_all_of_them(llama):
    """Whoever waits gets an answer: another try on a new child, or an error; and no line is left."""
    with concurrent.futures.ThreadPoolExecutor(48) as pool:
        asked = [pool.submit(ask, llama.daemon.port, model="embed", input=text_of(i) * 8) for i in range(48)]
        shops.kill(llama.engine("embed")["pid"])
        assert all(f.result().status in (200, 502, 503) for f in asked)
    wait_for(lambda: ask(llama.daemon.port, model="embed", input="x").status == 200, LONG)
    e = llama.engine("embed")
    assert (e["busy"], e["waiting"]) == (0, 0)


def test_how_much_it_is_worth(llama, capsys):
    """64 at once: alone each (a list of one never goes with others), and as they are usually sent. With -s
    the figures are shown."""
    port = llama.daemon.port
    texts = [text_of(i) for i in range(64)]
    before, after = [], []
    for _ in range(5):
        before.append(burst(port, [{"input": [t]} for t in texts])[1])
        after.append(burst(port, [{"input": t} for t in texts])[1])
    with capsys.disabled():
        print(f"\n64 calls for vectors at once: {min(before) * 1000:.1f} ms one by one, "
              f"{min(after) * 1000:.1f} ms together, ratio {min(before) / min(after):.2f}")
    assert min(after) < min(before) * 1.2
