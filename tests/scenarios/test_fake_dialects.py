"""The fake upstream in every dialect: the same script says the same in each, and what reached it can
be read. What the answers mean is told by dialects.py, which is tried here too."""

import base64
import json
import struct

import pytest

import client
import dialects
import test_relay
from dialects import ALL, FINISHES, MESSAGES, TALKING, TOOL

STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def each(rows):
    return pytest.mark.parametrize("name", list(rows))


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(autouse=True)
def clear(fake):
    fake.clear()


@STREAMS
@each(ALL)
def test_text(fake, name, stream):
    said = ALL[name].ask(fake.port, "events=3 text=%e2%82%ac", stream=stream)
    assert said.text == "\u20ac" * 3 and said.ended and said.finish == FINISHES[name]["stop"]
    assert said.model == "fake-model" or name == "completion"
    if stream:
        assert said.pieces == ["\u20ac"] * 3
    if name not in ("chat", "completion") or not stream:
        assert said.tokens == (7, 3)


@each(ALL)
def test_streamed_unless_it_should_not(fake, name):
    answer = ALL[name].send(fake.port, ALL[name].body("events=1"))
    ollama = name in ("ollama", "generate")
    assert answer.header("Content-Type") == ("application/x-ndjson" if ollama else "application/json")
    sse = ALL[name].send(fake.port, ALL[name].body("events=1", stream=True)).header("Content-Type")
    assert ollama or sse.startswith("text/event-stream")


@STREAMS
@each(TALKING)
def test_all_that_can_be_said(fake, name, stream):
    said = TALKING[name].ask(fake.port, "reasoning=2 events=1 tools=2 usage=always cached=3 prompt_tokens=9",
                             stream=stream)
    assert (said.text, said.thoughts) == ("w0 ", "thought0 thought1 ")
    args = {"city": "Z\u00fcrich", "n": 1}
    assert said.asked_for == [("tool_0", args), ("tool_1", args)]
    assert len({i for i, _, _ in said.calls}) == 2
    assert said.finish == FINISHES[name]["tool_calls"] and said.tokens == (9, 3)
    assert said.cached == 3 or name == "ollama"


@STREAMS
@each(ALL)
def test_finish(fake, name, stream):
    assert ALL[name].ask(fake.port, "finish=length", stream=stream).finish == FINISHES[name]["length"]


def test_stop_sequence(fake):
    answer = MESSAGES.send(fake.port, MESSAGES.body("finish=stop_sequence", stop_sequences=["END"]))
    assert answer.json()["stop_reason"] == "stop_sequence" and answer.json()["stop_sequence"] == "END"


@each(["chat", "messages"])
def test_refusal(fake, name):
    said = TALKING[name].ask(fake.port, "events=0 refusal=1", stream=True)
    assert "I would rather not." in (said.refusal, said.text)
    assert said.finish == "refusal" or name == "chat"


# --- how it comes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["slice=3", "chunk=1", "chunk=7 chunk_ext=1 trailers=1",
                                   "framing=length", "framing=close", "join=4", "size=3000"])
@each(ALL)
def test_framings(fake, name, words):
    said = ALL[name].ask(fake.port, "events=3 " + words, stream=True)
    assert said.ended and [p[:3] for p in said.pieces] == ["w0 ", "w1 ", "w2 "]


@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("dress", test_relay.DRESSES)
@each(ALL)
def test_clothes(fake, name, dress, eol):
    if eol == "cr" and name in ("ollama", "generate"):
        eol = "crlf"
    said = ALL[name].ask(fake.port, f"dress={dress} eol={eol} escaped=%5cu20ac", stream=True)
    assert said.pieces == ["\u20ac"] * 3 and said.ended


@each(ALL)
def test_faults_strike_at_the_same_place(fake, name):
    """The third text is event 3, whatever the dialect."""
    with client.Wire(fake.port) as w:
        body = json.dumps(ALL[name].body("close=3", stream=True)).encode()
        w.send(client.request_bytes("POST", ALL[name].path, body))
        w.head()
        while w.fill():
            pass
        assert b"w1 " in w.reader.buf and b"w2 " not in w.reader.buf


@each(ALL)
def test_no_end(fake, name):
    said = ALL[name].ask(fake.port, "done=0", stream=True)
    assert not said.ended and said.text == "w0 w1 w2 "


@each(ALL)
def test_error_in_the_middle(fake, name):
    said = ALL[name].ask(fake.port, "error_at=2 code=overloaded_error message=too%20much", stream=True)
    assert said.pieces == ["w0 "] and not said.ended
    if name in ("ollama", "generate"):
        assert said.error == "too much"
    else:
        assert said.error["message"] == "too much"
        assert "overloaded_error" in (said.error["type"], said.error.get("code"))


@pytest.mark.parametrize("status,kind", [(400, "invalid_request_error"), (401, "authentication_error"),
                                         (403, "permission_error"), (404, "not_found_error"),
                                         (413, "request_too_large"), (418, "invalid_request_error"),
                                         (429, "rate_limit_error"), (500, "api_error"), (503, "api_error"),
                                         (529, "overloaded_error")])
@each(ALL)
def test_errors(fake, name, status, kind):
    answer = ALL[name].send(fake.port, ALL[name].body(f"status={status} message=no", stream=True))
    error = answer.json()["error"]
    assert answer.status == status
    if name == "messages":
        assert answer.json()["type"] == "error" and error == {"type": kind, "message": "no"}
        assert answer.json()["request_id"] == answer.header("request-id")
    elif name in ("ollama", "generate"):
        assert answer.json() == {"error": "no"}
    else:
        assert error == {"message": "no", "type": "fake_error", "param": None, "code": f"fake_{status}"}


# --- where the script stands, and what reached the fake --------------------------------------------

PARTS = {
    "text blocks": {"messages": [{"role": "user", "content": [
        {"type": "text", "text": "a reminder"}, {"type": "text", "text": "x fake: events=1"}]}]},
    "an earlier turn": {"messages": [{"role": "user", "content": "fake: events=1"},
                                     {"role": "assistant", "content": "fake: events=2"},
                                     {"role": "user", "content": "and then?"}]},
    "the last turn": {"messages": [{"role": "user", "content": "fake: events=2"},
                                   {"role": "user", "content": "fake: events=1\nmore text"}]},
    "no script of a result": {"messages": [
        {"role": "user", "content": "fake: events=1"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "fake: events=2"}]}]},
}


@pytest.mark.parametrize("case", list(PARTS))
@each(TALKING)
def test_where_the_script_is(fake, name, case):
    assert TALKING[name].ask(fake.port, **PARTS[case]).text == "w0 "


@each(ALL)
def test_what_reached_it(fake, name):
    body = ALL[name].body("events=1", stream=True, temperature=0.5)
    ALL[name].send(fake.port, body, [("X-Seen", "yes"), ("Authorization", "Bearer key")])
    seen = fake.asked()
    assert seen.body == body and seen.path == ALL[name].path and seen.method == "POST"
    assert seen.headers["x-seen"] == "yes" and seen.headers["authorization"] == "Bearer key"
    told = client.ask(fake.port, "GET", "/_fake/last").json()
    assert json.loads(base64.b64decode(told[0]["body"])) == body


# --- tools -----------------------------------------------------------------------------------------


@STREAMS
@each(TALKING)
def test_tool_loop(fake, name, stream):
    """Two rounds of it: each call is answered, and the last answer tells all results."""
    d = TALKING[name]
    messages = [{"role": "user", "content": "fake: loop=weather args=%7B%22city%22:%22Z%C3%BCrich%22%7D rounds=2"}]
    ids = []
    for i in range(2):
        said = d.ask(fake.port, messages=messages, tools=[TOOL], stream=stream)
        assert said.asked_for == [("weather", {"city": "Z\u00fcrich"})] and not said.text
        assert said.finish == FINISHES[name]["tool_calls"]
        ids.append(said.calls[0][0])
        messages += d.loop(said, [f"sunny{i} \u20ac"])
    assert len(set(ids)) == 2
    said = d.ask(fake.port, messages=messages, tools=[TOOL], stream=stream)
    assert said.text == "the tool said: sunny0 \u20ac | sunny1 \u20ac" and not said.calls
    assert said.finish == FINISHES[name]["stop"]


@each(TALKING)
def test_calls_side_by_side(fake, name):
    d, words = TALKING[name], "fake: loop=weather tools=2"
    said = d.ask(fake.port, messages=(m := [{"role": "user", "content": words}]), tools=[TOOL], stream=True)
    assert said.asked_for == [("weather", {})] * 2
    said = d.ask(fake.port, messages=m + d.loop(said, ["a", "b"]), tools=[TOOL])
    assert said.text == "the tool said: a | b"


@each(TALKING)
def test_no_call_without_the_tool(fake, name):
    d = TALKING[name]
    assert d.ask(fake.port, "loop=weather events=1").text == "w0 "
    never = {"type": "none"} if name == "messages" else "none"
    assert d.ask(fake.port, "loop=weather events=1", tools=[TOOL], tool_choice=never).text == "w0 "
    with pytest.raises(dialects.Refused) as refused:
        d.ask(fake.port, "loop=other", tools=[TOOL])
    assert "no tool other" in str(refused.value) and refused.value.answer.status == 400


@each(["messages", "ollama", "generate"])
def test_one_choice(fake, name):
    assert ALL[name].ask(fake.port, "events=2", stream=True, n=2).text == "w0 w1 "


# --- vectors, and what else is asked ---------------------------------------------------------------


def vectors(fake, **more):
    answer = client.ask(fake.port, "POST", "/v1/embeddings", {"model": "m", **more}).json()
    assert answer["object"] == "list" and [d["index"] for d in answer["data"]] == list(range(len(answer["data"])))
    return [d["embedding"] for d in answer["data"]]


def test_embeddings(fake):
    one, two = vectors(fake, input=["one", "two"])
    assert one != two and len(one) == 8 and all(-1 <= x <= 1 for x in one)
    assert vectors(fake, input="one") == [one]
    packed, = vectors(fake, input="one", encoding_format="base64")
    assert list(struct.unpack("<8f", base64.b64decode(packed))) == one
    assert [len(v) for v in vectors(fake, input=[[1, 2], [3]], dimensions=5)] == [5, 5]
    assert len(vectors(fake, input=[1, 2])) == 1
    ollama = client.ask(fake.port, "POST", "/api/embed", {"model": "m", "input": ["one", "two"]}).json()
    assert ollama["embeddings"] == [one, two] and ollama["prompt_eval_count"] == 7
    old = client.ask(fake.port, "POST", "/api/embeddings", {"model": "m", "prompt": "one"}).json()
    assert old == {"embedding": one}
    refused = client.ask(fake.port, "POST", "/v1/embeddings", {"input": "fake: status=503 code=x"})
    assert refused.status == 503 and refused.error == "x"


def test_lists_and_counts(fake):
    plain = client.ask(fake.port, "GET", "/v1/models").json()
    theirs = client.ask(fake.port, "GET", "/v1/models?limit=5", None, MESSAGES.headers).json()
    assert plain["object"] == "list" and plain["data"][0]["object"] == "model"
    assert theirs["data"][0]["type"] == "model" and theirs["has_more"] is False
    assert client.ask(fake.port, "GET", "/api/tags").json()["models"][0]["name"] == "fake-model:latest"
    assert client.ask(fake.port, "GET", "/api/version").json()["version"]
    counted = client.ask(fake.port, "POST", "/v1/messages/count_tokens?beta=true",
                         MESSAGES.body("prompt_tokens=42"))
    assert counted.json() == {"input_tokens": 42}
    filled = client.ask(fake.port, "POST", "/infill", {"input_prefix": "fake: events=1\n", "input_suffix": ""})
    assert filled.json()["content"] == "w0 "
