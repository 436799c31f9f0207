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
