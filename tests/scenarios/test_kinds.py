"""The kinds of call besides chats, against the real llama-server: texts, vectors, ranks, and its own
words. Skipped by name where there is no pack to be had."""

import base64
import json
import struct

import pytest

import client
import shop as shops
from harness import wait_for

LONG = 60


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    return shops.RealShop(shared, {"a": ("small", {"ctx": 4096}), "embed": ("embed", {"embedding": True}),
                                   "rank": ("rerank", {"rerank": True})}, real_pack)


def post(s, path, **body):
    return client.ask(s.daemon.port, "POST", path, body, timeout=LONG)


def chunks_of(r):
    """Of a stream that is whole; comments are none."""
    events = client.split_events(r.body)
    assert client.is_done(events[-1])
    return [client.event_json(e) for e in events[:-1] if client.event_data(e)]


def test_a_text(llama):
    r = post(llama, "/v1/completions", model="a", prompt="Once upon", max_tokens=5, temperature=0)
    assert r.status == 200, r.body
    object = r.json()
    assert object["object"] == "text_completion" and object["model"] == "a"
    assert object["choices"][0]["text"] and object["usage"]["completion_tokens"] == 5


def test_a_text_as_a_stream(llama):
    with client.Wire(llama.daemon.port, LONG) as wire:
        body = b'{"model":"a","prompt":"Once upon","max_tokens":5,"stream":true,"temperature":0}'
        wire.send(client.request_bytes("POST", "/v1/completions", body, [("Connection", "close")]))
        r = wire.response()
    events = chunks_of(r)
    assert all(e["object"] == "text_completion" and e["model"] == "a" for e in events)
    assert not any(e.get("usage") for e in events)


def test_vectors(llama):
    one = post(llama, "/v1/embeddings", model="embed", input="hello world")
    assert one.status == 200
    plain = one.json()["data"][0]["embedding"]
    coded = post(llama, "/v1/embeddings", model="embed", input="hello world", encoding_format="base64")
    raw = base64.b64decode(coded.json()["data"][0]["embedding"])
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(plain, abs=1e-6)
    assert coded.json()["model"] == "embed"


def test_vectors_of_too_much(llama):
    r = post(llama, "/v1/embeddings", model="embed", input="the " * 900)
    assert (r.status, r.error) == (400, "context_length_exceeded"), r.body


def test_ranks(llama):
    r = post(llama, "/v1/rerank", model="rank", query="a cat", documents=["cats", "dogs", "the sea"])
    assert r.status == 200 and len(r.json()["results"]) == 3


def test_its_own_words(llama):
    r = post(llama, "/completion", model="a", prompt="Once upon", n_predict=4)
    assert r.status == 200 and r.json()["content"] and r.json()["stop"] is True
    r = post(llama, "/completion", model="a", prompt="Once upon", n_predict=4, stream=True)
    assert r.header("content-type") == "text/event-stream" and b'"stop":true' in r.body


# --- several answers ------------------------------------------------------------------------------


def several(llama, n, **more):
    return {"model": "a", "n": n, "max_tokens": 4, "messages": [{"role": "user", "content": "Tell me."}], **more}


def test_several_answers(llama):
    """More than the engine has slots; each has its own number, and their tokens are summed."""
    r = post(llama, "/v1/chat/completions", **several(llama, 3, seed=7, temperature=1.5))
    assert r.status == 200, r.body
    answer = r.json()
    assert [c["index"] for c in answer["choices"]] == [0, 1, 2]
    texts = [c["message"]["content"] for c in answer["choices"]]
    assert all(texts) and len(set(texts)) > 1
    assert answer["usage"]["completion_tokens"] == 12
    again = post(llama, "/v1/chat/completions", **several(llama, 3, seed=7, temperature=1.5)).json()
    assert [c["message"]["content"] for c in again["choices"]] == texts


def test_several_answers_as_a_stream(llama):
    r = post(llama, "/v1/chat/completions", **several(llama, 3, stream=True, stream_options={"include_usage": True}))
    assert r.status == 200, r.body
    chunks = chunks_of(r)
    assert len({c["id"] for c in chunks}) == 1 and len({c["created"] for c in chunks}) == 1
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 12
    ends = [c["choices"][0]["index"] for c in chunks[:-1] if c["choices"][0]["finish_reason"]]
    assert sorted(ends) == [0, 1, 2] and not any(c.get("usage") for c in chunks[:-1])


@pytest.mark.parametrize("stream", [False, True])
def test_several_texts(llama, stream):
    r = post(llama, "/v1/completions", model="a", prompt="Once", n=2, max_tokens=3, stream=stream)
    assert r.status == 200, r.body
    if stream:
        chunks = chunks_of(r)
        texts = ["".join(c["choices"][0]["text"] for c in chunks if c["choices"][0]["index"] == i) for i in (0, 1)]
    else:
        texts = [c["text"] for c in r.json()["choices"]]
        assert r.json()["usage"]["completion_tokens"] == 6
    assert len(texts) == 2 and all(texts)


def test_the_rows_of_several_answers(llama):
    """The whole has a row without tokens, its parts have one each, and name it."""
    r = post(llama, "/v1/chat/completions", **several(llama, 2))
    whole = llama.daemon.row(r)
    parts = wait_for(lambda: len(found := [row for row in llama.daemon.rows()
                                           if row["parent"] == whole["id"]]) == 2 and found)
    assert whole["completion_tokens"] is None and [p["completion_tokens"] for p in parts] == [4, 4]


def test_who_leaves_several_answers(llama):
    with client.Wire(llama.daemon.port, LONG) as wire:
        body = several(llama, 4, stream=True, max_tokens=2000)
        wire.send(client.request_bytes("POST", "/v1/chat/completions", json.dumps(body).encode()))
        wire.sock.recv(100)
    wait_for(lambda: llama.daemon.admin("GET", "/hearth/v1/status").json()["requests"]["live"] == 0, 20)
