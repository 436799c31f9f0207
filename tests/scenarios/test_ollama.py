"""Ollama's dialect, both ways: callers who speak it, in front of targets of either kind, and OpenAI's
callers in front of a target that speaks it. Nothing that was said is lost on the way."""

import base64
import json

import pytest

import client
import dialects
import harness
import strict
from dialects import CHAT, COMPLETION, FINISHES, OLLAMA_CHAT, OLLAMA_GENERATE, TOOL
from harness import wait_for

CALLERS = {"chat": CHAT, "ollama": OLLAMA_CHAT}
PROMPTED = {"completion": COMPLETION, "generate": OLLAMA_GENERATE}
KINDS = ["openai_compatible", "ollama", "anthropic"]
STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()
ARGS = {"city": "Z\u00fcrich", "n": 1}


class Place:
    """A daemon with one fake behind it, which speaks what this kind of provider speaks."""

    def __init__(self, make, kind):
        self.kind = kind
        self.fake = make.fake()
        self.daemon = make.daemon(config={"providers": {"fake": self.fake.provider(kind=kind)}})
        self.port = self.daemon.port

    def asked(self):
        return self.fake.asked().body


@pytest.fixture(scope="module", params=KINDS)
def place(shared, request):
    return Place(shared, request.param)


@pytest.fixture(scope="module")
def ollama(shared):
    return Place(shared, "ollama")


@pytest.fixture(scope="module")
def openai(shared):
    return Place(shared, "openai_compatible")


def each(rows):
    return pytest.mark.parametrize("name", list(rows))


# --- chats -----------------------------------------------------------------------------------------


@STREAMS
@each({**CALLERS, **PROMPTED})
def test_text(place, name, stream):
    said = {**CALLERS, **PROMPTED}[name].ask(place.port, "events=3 text=%e2%82%ac usage=always", stream=stream)
    assert said.text == "\u20ac" * 3 and said.ended and said.model in ("fake-model", None)
    assert said.finish == "stop"
    if stream:
        assert said.pieces == ["\u20ac"] * 3
    if stream is False or name in ("ollama", "generate"):
        assert said.tokens == (7, 3)


@STREAMS
@each(CALLERS)
def test_all_that_can_be_said(place, name, stream):
    said = CALLERS[name].ask(place.port, "reasoning=2 events=1 tools=2 usage=always prompt_tokens=9",
                             stream=stream, tools=[TOOL])
    assert (said.text, said.thoughts) == ("w0 ", "thought0 thought1 ")
    assert said.asked_for == [("tool_0", ARGS), ("tool_1", ARGS)]
    assert len({i for i, _, _ in said.calls}) == 2
    assert said.finish == FINISHES[name]["tool_calls"] and said.ended
    assert said.tokens == (9, 3) or (name == "chat" and stream)


@STREAMS
@each({**CALLERS, **PROMPTED})
def test_length(place, name, stream):
    said = {**CALLERS, **PROMPTED}[name].ask(place.port, "finish=length", stream=stream)
    assert said.finish == "length" and said.text == "w0 w1 w2 "


@each(CALLERS)
def test_the_answer_comes_as_lines_unless_it_should_not(place, name):
    answer = CALLERS[name].send(place.port, CALLERS[name].body("events=1"))
    assert answer.header("Content-Type") == ("application/x-ndjson" if name == "ollama" else "application/json")


@each(CALLERS)
def test_tool_loop(place, name):
    """Two rounds: what is sent back reaches the target as it is said there."""
    d = CALLERS[name]
    messages = [{"role": "user", "content": "fake: loop=weather rounds=1 tools=1 args=%7B%22city%22:%22Bern%22%7D"}]
    said = d.ask(place.port, stream=True, tools=[TOOL], messages=messages)
    assert said.asked_for == [("weather", {"city": "Bern"})], said
    messages += d.loop(said, ["Bern is sunny"])
    said = d.ask(place.port, stream=True, tools=[TOOL], messages=messages)
    assert said.text == "the tool said: Bern is sunny"
    if place.kind == "anthropic":
        return  # what it is there: test_anthropic
    call = place.asked()["messages"][1]["tool_calls"][0]
    back = place.asked()["messages"][2]
    if place.kind == "ollama":
        assert call["function"] == {"name": "weather", "arguments": {"city": "Bern"}}
        assert back["tool_name"] == "weather"
    else:
        assert json.loads(call["function"]["arguments"]) == {"city": "Bern"} and call["type"] == "function"
        assert back["tool_call_id"] == call["id"]


def test_what_a_chat_becomes_at_openai(openai):
    body = OLLAMA_CHAT.body("events=1", stream=False, format={"type": "object"}, think=False, keep_alive="5m",
                            options={"num_predict": 5, "num_ctx": 100, "seed": 3, "stop": ["x"]})
    body["messages"][0]["images"] = [PIXEL]
    assert OLLAMA_CHAT.send(openai.port, body).status == 200
    asked = openai.asked()
    assert asked["messages"][0]["content"][1]["image_url"]["url"] == "data:image/png;base64," + PIXEL
    assert (asked["max_tokens"], asked["seed"], asked["stop"]) == (5, 3, ["x"])
    assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert asked["chat_template_kwargs"] == {"enable_thinking": False} and "options" not in asked


def test_what_a_chat_becomes_at_ollama(ollama):
    body = CHAT.body("events=1", max_tokens=5, seed=3, stop="x", temperature=0.5, reasoning_effort="none",
                     response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
                     tools=[TOOL], tool_choice="none", user="me")
    text = body["messages"][0]["content"]
    body["messages"][0] = {"role": "user", "content": [
        {"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}}]}
    body["messages"].insert(0, {"role": "developer", "content": "be brief"})
    assert CHAT.send(ollama.port, body).status == 200
    asked = ollama.asked()
    assert ollama.fake.asked().path == "/api/chat"
    assert asked["messages"] == [{"role": "system", "content": "be brief"},
                                 {"role": "user", "content": text, "images": [PIXEL]}]
    assert asked["options"] == {"num_predict": 5, "seed": 3, "stop": ["x"], "temperature": 0.5}
    assert asked["format"] == {"type": "object"} and asked["think"] is False and "tools" not in asked


@pytest.mark.parametrize("more", [{"logprobs": True}, {"grammar": "root ::= \"a\""},
                                  {"tool_choice": "required", "tools": [CHAT.tool(TOOL)]}, {"logit_bias": {"1": 1}}])
def test_what_ollama_cannot(ollama, more):
    answer = CHAT.send(ollama.port, CHAT.body("events=1", **more))
    assert answer.status == 400 and answer.json()["error"]["code"] == "unsupported_parameter", answer.body


def test_a_remote_image_is_not_fetched(ollama):
    parts = [{"type": "image_url", "image_url": {"url": "http://localhost/x.png"}}]
    answer = CHAT.send(ollama.port, CHAT.body(messages=[{"role": "user", "content": parts}]))
    assert answer.status == 400 and "data:" in answer.json()["error"]["message"]


def test_own_words_go_on_as_they_are(ollama):
    body = OLLAMA_CHAT.body("events=2", stream=True, keep_alive="7m", options={"num_ctx": 512}, anything={"a": 1})
    said = OLLAMA_CHAT.read(OLLAMA_CHAT.send(ollama.port, body))
    assert said.text == "w0 w1 " and ollama.asked() == body


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 64])
def test_lines_cut_anywhere(ollama, cut):
    said = CHAT.ask(ollama.port, f"events=3 tools=1 chunk={cut} text=%e2%82%ac escaped=%5cu20ac", stream=True)
    assert said.pieces == ["\u20ac"] * 3 and said.ended and said.asked_for == [("tool_0", ARGS)]
    said = OLLAMA_CHAT.ask(ollama.port, f"events=3 chunk={cut} reasoning=1", stream=True)
    assert said.text == "w0 w1 w2 " and said.ended and said.thoughts == "thought0 "


# --- errors ------------------------------------------------------------------------------------------


@STREAMS
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/show"])
def test_errors_in_its_own_shape(openai, path, stream):
    body = {"model": "no-such", "messages": [{"role": "user", "content": "x"}], "prompt": "x", "input": "x",
            "stream": stream}
    answer = client.ask(openai.port, "POST", path, body)
    assert answer.status == 404 and list(answer.json()) == ["error"] and "no-such" in answer.json()["error"]


def test_a_wrong_option(openai):
    answer = OLLAMA_CHAT.send(openai.port, OLLAMA_CHAT.body("events=1", options={"num_predict": "many"}))
    assert answer.status == 400
    assert answer.json()["error"].startswith('option "num_predict" must be of type integer')


@each(CALLERS)
def test_an_error_in_the_middle(place, name):
    said = CALLERS[name].ask(place.port, "events=5 error_at=3", stream=True)
    assert said.error and not said.ended and said.text.startswith("w0 "), said


@each(CALLERS)
def test_a_break_in_the_middle(place, name):
    said = CALLERS[name].ask(place.port, "events=5 close=4", stream=True)
    assert said.error and not said.ended


@pytest.mark.parametrize("status", [429, 500, 503, 400])
def test_a_refusal(place, status):
    answer = OLLAMA_CHAT.send(place.port, OLLAMA_CHAT.body(f"status={status}"))
    assert answer.status >= 400 and isinstance(answer.json()["error"], str)


# --- vectors -----------------------------------------------------------------------------------------


def test_vectors(place):
    if place.kind == "anthropic":
        return  # it has none
    many = client.ask(place.port, "POST", "/api/embed", {"model": "fake-model", "input": ["a", "b"]}).json()
    assert many["model"] == "fake-model" and len(many["embeddings"]) == 2
    for v in many["embeddings"]:
        assert sum(x * x for x in v) == pytest.approx(1, abs=1e-3) or place.kind == "ollama"
    old = client.ask(place.port, "POST", "/api/embeddings", {"model": "fake-model", "prompt": "b"}).json()
    assert list(old) == ["embedding"] and len(old["embedding"]) == len(many["embeddings"][1])


def test_vectors_for_openai(ollama):
    plain = client.ask(ollama.port, "POST", "/v1/embeddings", {"model": "fake-model", "input": ["a", "b"]}).json()
    coded = client.ask(ollama.port, "POST", "/v1/embeddings",
                       {"model": "fake-model", "input": ["a", "b"], "encoding_format": "base64"}).json()
    assert [d["index"] for d in plain["data"]] == [0, 1] and plain["object"] == "list"
    import struct
    raw = base64.b64decode(coded["data"][1]["embedding"])
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(plain["data"][1]["embedding"], abs=1e-6)
