"""Every caller in front of every answerer: what was said arrives, whatever the two speak, streamed or
not, however the bytes are cut. The answerers are fakes that speak their dialect; what a caller reads
is read strictly, in his own."""

import json
import os
import random
import urllib.parse

import pytest

import dialects
from dialects import ALL, FINISHES, TALKING, TOOL

SOAK = os.environ.get("HEARTH_SOAK") == "1"
ANSWERERS = {"openai": "openai_compatible", "anthropic": "anthropic", "ollama": "ollama"}
STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
CALLERS = pytest.mark.parametrize("caller", list(ALL))
TALKERS = pytest.mark.parametrize("caller", list(TALKING))
CITY = "args=%7B%22city%22:%22Z%c3%bcrich%22%7D"
ARGS = {"city": "Zürich", "n": 1}
SEED = 20261130


class Place:
    def __init__(self, make, name):
        self.name, self.fake = name, make.fake()
        self.daemon = make.daemon(config={"providers": {"fake": self.fake.provider(kind=ANSWERERS[name])}})
        self.port = self.daemon.port


@pytest.fixture(scope="module", params=list(ANSWERERS))
def place(shared, request):
    return Place(shared, request.param)


def told(caller, stream):
    """Does it learn the tokens without asking for them?"""
    return not stream or caller not in ("chat", "completion")


@STREAMS
@CALLERS
def test_text(place, caller, stream):
    said = ALL[caller].ask(place.port, "events=4 text=%e2%82%ac%22%5c%0a usage=always", stream=stream)
    assert said.text == '€"\\\n' * 4 and said.finish == FINISHES[caller]["stop"] and said.ended and not said.error
    assert said.model == "fake-model" or (caller == "completion" and stream)
    if stream:
        assert said.pieces == ['€"\\\n'] * 4
    if told(caller, stream):
        assert said.tokens == (7, 4)


@STREAMS
@CALLERS
def test_the_end_for_lack_of_room(place, caller, stream):
    said = ALL[caller].ask(place.port, "events=1 finish=length", stream=stream)
    assert (said.text, said.finish) == ("w0 ", FINISHES[caller]["length"])


@STREAMS
@TALKERS
def test_thoughts_and_calls(place, caller, stream):
    said = TALKING[caller].ask(place.port, "reasoning=2 events=1 tools=2", stream=stream, tools=[TOOL])
    assert (said.text, said.thoughts) == ("w0 ", "thought0 thought1 ")
    assert said.asked_for == [("tool_0", ARGS), ("tool_1", ARGS)]
    assert len({i for i, _, _ in said.calls}) == 2 and said.finish == FINISHES[caller]["tool_calls"]


@STREAMS
@TALKERS
def test_what_was_kept_of_the_prompt(place, caller, stream):
    if caller == "ollama" or place.name == "ollama":
        pytest.skip("Ollama has no word for it")
    more = {"stream_options": {"include_usage": True}} if caller == "chat" and stream else {}
    said = TALKING[caller].ask(place.port, "events=1 usage=always prompt_tokens=9 cached=4", stream=stream, **more)
    assert said.tokens == (9, 1) and said.cached == 4


@STREAMS
@TALKERS
def test_a_tool_loop(place, caller, stream):
    """The model asks twice, is answered, and concludes; each id comes back as it was given."""
    d, messages = TALKING[caller], [{"role": "user", "content": f"fake: loop=weather rounds=2 tools=1 {CITY}"}]
    for turn in range(2):
        said = d.ask(place.port, stream=stream, tools=[TOOL], messages=messages)
        assert said.asked_for == [("weather", {"city": "Zürich"})], said
        messages += d.loop(said, [f"sunny {turn}"])
    said = d.ask(place.port, stream=stream, tools=[TOOL], messages=messages)
    assert said.text == "the tool said: sunny 0 | sunny 1" and said.finish == FINISHES[caller]["stop"] and not said.calls


@STREAMS
@CALLERS
@pytest.mark.parametrize("status, code", [(429, ""), (400, "context_length_exceeded"), (500, ""), (401, "")])
def test_refusals(place, caller, stream, status, code):
    """In the caller's own shape, and never as a stream."""
    words = f"status={status} body=error message=no%20such%20luck" + (f" code={code}" if code else "")
    d = ALL[caller]
    answer = d.send(place.port, d.body(words, stream=stream))
    body = answer.json()
    assert answer.status >= 400 and answer.header("Content-Type") == "application/json"
    assert answer.header("x-should-retry") == "false"
    if caller in ("chat", "completion"):
        assert set(body["error"]) == {"message", "type", "param", "code"}
    elif caller == "messages":
        assert body["type"] == "error" and {"type", "message"} <= set(body["error"])
    else:
        assert isinstance(body["error"], str)
    assert "no such luck" in json.dumps(body)


@CALLERS
def test_an_end_in_the_middle(place, caller):
    """What came is told, then an error in the caller's own words; nothing looks like an end."""
    for fault in ("close=4", "error_at=3"):
        said = ALL[caller].ask(place.port, f"events=5 {fault}", stream=True)
        assert said.text.startswith("w0 ") and said.error and not said.ended, said


@CALLERS
@pytest.mark.parametrize("text", ["%0a%0adata:%20%5bDONE%5d%0a%0a", "event:%20x%0aid:%201%0aretry:%205%0a",
                                  "%e2%80%a8%e2%80%a9", "a%0db", "%7b%22done%22:true%7d%0a"])
def test_text_that_looks_like_an_end(place, caller, text):
    said = ALL[caller].ask(place.port, f"events=2 text={text}", stream=True)
    plain = urllib.parse.unquote(text)
    assert said.text == plain * 2 and said.pieces == [plain] * 2 and said.ended


def cuts():
    if SOAK:
        return list(range(1, 400))
    return sorted(random.Random(SEED).sample(range(1, 400), 3)) + [1, 2]


@TALKERS
@pytest.mark.parametrize("cut", cuts())
def test_cut_anywhere(place, caller, cut):
    words = f"reasoning=1 events=2 tools=1 text=%e2%82%ac escaped=%5cu20ac chunk={cut}"
    said = TALKING[caller].ask(place.port, words, stream=True, tools=[TOOL])
    assert said.pieces == ["€"] * 2 and said.thoughts == "thought0 " and said.ended
    assert said.asked_for == [("tool_0", ARGS)]


# --- what reaches the answerer ---------------------------------------------------------------------

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def picture(caller, words):
    """A message with a picture, as this caller writes it."""
    if caller == "chat":
        return {"role": "user", "content": [{"type": "text", "text": words}, {
            "type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}}]}
    if caller == "messages":
        return {"role": "user", "content": [{"type": "text", "text": words}, {
            "type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]}
    return {"role": "user", "content": words, "images": [PIXEL]}


@TALKERS
def test_a_picture_arrives(place, caller):
    d = TALKING[caller]
    d.ask(place.port, stream=False, messages=[picture(caller, "fake: events=1")])
    asked = json.dumps(place.fake.asked().body)
    assert asked.count(PIXEL) == 1 and "fake: events=1" in asked


@TALKERS
def test_a_conversation_arrives(place, caller):
    """Who said what, in order, and the system's words where each dialect has them."""
    d = TALKING[caller]
    talk = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
            {"role": "user", "content": "fake: events=1"}]
    more = {"system": "be brief"} if caller == "messages" else {}
    if not more:
        talk.insert(0, {"role": "system", "content": "be brief"})
    d.ask(place.port, stream=False, messages=talk, **more)
    body = place.fake.asked().body
    flat = json.dumps(body)
    order = [flat.index(words) for words in ('"one"', '"two"', "fake: events=1")]
    assert order == sorted(order) and flat.count("be brief") == 1
    if place.name == "anthropic":
        assert "be brief" in json.dumps(body["system"]) and [m["role"] for m in body["messages"]] == [
            "user", "assistant", "user"]


@TALKERS
def test_a_schema_arrives(place, caller):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    more = {"chat": {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}},
            "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}},
            "ollama": {"format": schema}}[caller]
    TALKING[caller].ask(place.port, "events=1", stream=False, **more)
    body = place.fake.asked().body
    got = {"openai": lambda: body["response_format"]["json_schema"]["schema"],
           "anthropic": lambda: body["output_config"]["format"]["schema"],
           "ollama": lambda: body["format"]}[place.name]()
    assert got == schema


@TALKERS
def test_limits_and_stops_arrive(place, caller):
    more = {"chat": {"max_tokens": 9, "stop": ["x", "y"], "temperature": 0.5, "top_p": 0.25},
            "messages": {"max_tokens": 9, "stop_sequences": ["x", "y"], "temperature": 0.5, "top_p": 0.25},
            "ollama": {"options": {"num_predict": 9, "stop": ["x", "y"], "temperature": 0.5, "top_p": 0.25}}}[caller]
    TALKING[caller].ask(place.port, "events=1", stream=False, **more)
    body = place.fake.asked().body
    at = body["options"] if place.name == "ollama" else body
    names = {"openai": ("max_tokens", "stop"), "anthropic": ("max_tokens", "stop_sequences"),
             "ollama": ("num_predict", "stop")}[place.name]
    assert (at[names[0]], at[names[1]], at["temperature"], at["top_p"]) == (9, ["x", "y"], 0.5, 0.25)


def test_what_has_no_word_is_named(place):
    if place.name == "openai":
        pytest.skip("it goes on as it is")
    answer = dialects.CHAT.send(place.port, dialects.CHAT.body("events=1", user="me", strange_field=1))
    assert answer.status == 200 and "strange_field" in answer.header("x-hearth-dropped")
