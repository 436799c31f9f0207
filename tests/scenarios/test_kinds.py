"""The kinds of call besides chats, against the real llama-server: texts, vectors, ranks, and its own
words. Skipped by name where there is no pack to be had."""

import base64
import struct

import pytest

import client
import shop as shops

LONG = 60


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    return shops.RealShop(shared, {"a": ("small", {"ctx": 4096}), "embed": ("embed", {"embedding": True}),
                                   "rank": ("rerank", {"rerank": True})}, real_pack)


def post(s, path, **body):
    return client.ask(s.daemon.port, "POST", path, body, timeout=LONG)


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
    events = [client.event_json(e) for e in client.split_events(r.body) if not client.is_done(e)]
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
