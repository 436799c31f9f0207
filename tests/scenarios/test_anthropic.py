"""Anthropic's dialect, on both sides: its clients with a provider that speaks OpenAI's, one that speaks
theirs, and the real llama-server; and OpenAI's clients with a provider of Anthropic's kind."""

import itertools
import json
import random

import pytest

import client
import dialects
import shop as shops
import strict
from dialects import CHAT, MESSAGES, TOOL
from harness import providers

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

CASES = {"text": "events=2", "thoughts": "reasoning=2 events=1 cached=2", "calls": "events=1 tools=2",
         "calls alone": "events=0 tools=1", "refusal": "events=0 refusal=1", "length": "finish=length",
         "all": "reasoning=1 events=2 tools=2 escaped=%5Cu00fc%5Cn%5C%22"}
each_case = pytest.mark.parametrize("words", list(CASES.values()), ids=list(CASES))
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
LONG = 90
PIXEL = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
         "Jggg==")


@pytest.fixture(scope="module")
def fakes(shared):
    return {"openai": shared.fake("openai"), "anthropic": shared.fake("anthropic")}


@pytest.fixture(scope="module")
def daemon(shared, fakes):
    return shared.daemon(config={"providers": {
        "openai": fakes["openai"].provider(models=["o"]),
        "anthropic": fakes["anthropic"].provider(models=["a"], kind="anthropic", api_key="sk-of-ours")}})


def as_openai(said):
    """What an answer in Anthropic's words is in OpenAI's."""
    words = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
             "refusal": "content_filter"}
    said.finish = words[said.finish]
    return said


def same(one, other, refusals=True):
    assert (one.text, one.thoughts, one.asked_for) == (other.text, other.thoughts, other.asked_for)
    assert one.tokens == other.tokens and one.cached == other.cached and one.ended and other.ended


# --- all pairs -----------------------------------------------------------------------------------


@each_case
@each_way
def test_from_an_openai_target(daemon, fakes, words, stream):
    direct = CHAT.ask(fakes["openai"].port, words, stream=True, stream_options={"include_usage": True})
    said = MESSAGES.ask(daemon.port, words, stream=stream, model="o")
    assert said.model == "o"
    if direct.refusal:
        direct.text += direct.refusal
    same(as_openai(said), direct)
    assert said.finish == direct.finish or direct.refusal
    assert [i for i, _, _ in said.calls] == [i for i, _, _ in direct.calls]


@each_case
@each_way
def test_from_an_anthropic_target_to_openai(daemon, fakes, words, stream):
    direct = MESSAGES.ask(fakes["anthropic"].port, words, stream=True)
    more = {"stream_options": {"include_usage": True}} if stream else {}
    said = CHAT.ask(daemon.port, words, stream=stream, model="a", **more)
    assert said.model == "a"
    same(said, as_openai(direct))
    assert said.finish == direct.finish
    assert [i for i, _, _ in said.calls] == [i for i, _, _ in direct.calls]


@each_case
@each_way
def test_its_own(daemon, fakes, words, stream):
    direct = MESSAGES.ask(fakes["anthropic"].port, words, stream=stream)
    said = MESSAGES.ask(daemon.port, words, stream=stream, model="a")
    assert said.model == "a"
    said.model = direct.model
    assert said.calls and direct.calls or said == direct  # (ids of calls tell the number of a request)
    same(said, direct)


# --- what a target is asked ----------------------------------------------------------------------

EVERYTHING = {
    "model": "o", "max_tokens": 100, "temperature": 0.5, "top_p": 0.9, "top_k": 40,
    "stop_sequences": ["END", "\n\nHuman:"], "metadata": {"user_id": "u1"},
    "system": [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2; cch=1;"},
               {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}},
               {"type": "text", "text": "Be kind."}],
    "tools": [{"name": "weather", "description": "d", "input_schema": {"type": "object"}, "cache_control": None}],
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "service_tier": "auto", "context_management": {"edits": []}, "diagnostics": {}, "speed": "fast",
    "container": None, "cache_control": {"type": "ephemeral"},
    "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "let me see"},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Zürich"}},
            {"type": "tool_use", "id": "t2", "name": "weather", "input": {}}]},
        {"role": "user", "content": [
            {"type": "text", "text": "fake: events=1"},
            {"type": "tool_result", "tool_use_id": "t1", "content": "sunny"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": True, "content": [
                {"type": "text", "text": "none"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
            {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "D"}}]},
        {"role": "system", "content": "Be quick."},
        {"role": "user", "content": [{"type": "text", "text": "fake: events=1"}]}],
}


def test_an_openai_target_is_asked(daemon, fakes):
    said = MESSAGES.send(daemon.port, EVERYTHING)
    assert said.status == 200, said.body
    asked = fakes["openai"].asked()
    assert asked.path == "/v1/chat/completions"
    body, messages = asked.body, asked.body["messages"]
    assert messages[0] == {"role": "system", "content": "Be brief.\n\nBe kind."}
    assert messages[1] == {"role": "user", "content": "hi"}
    call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Zürich"}'}}
    assert messages[2] == {"role": "assistant", "reasoning_content": "hm", "content": "let me see", "tool_calls": [
        call, {"id": "t2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}
    assert messages[3] == {"role": "tool", "tool_call_id": "t1", "content": "sunny"}
    assert messages[4] == {"role": "tool", "tool_call_id": "t2", "content": "Error: none"}
    assert messages[5] == {"role": "user", "content": [
        {"type": "text", "text": "fake: events=1"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "text", "text": "T\n\nD"},
        {"type": "text", "text": "<system-reminder>\nBe quick.\n</system-reminder>"},
        {"type": "text", "text": "fake: events=1"}]}
    assert len(messages) == 6
    assert body["tools"] == [{"type": "function", "function": {
        "name": "weather", "description": "d", "parameters": {"type": "object"}}}]
    assert body["tool_choice"] == "required" and body["parallel_tool_calls"] is False
    assert body["stop"] == ["END", "\n\nHuman:"] and body["user"] == "u1" and body["max_tokens"] == 100
    assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 40)
    assert body["thinking_budget_tokens"] == 2000 and body["chat_template_kwargs"] == {"enable_thinking": True}
    assert body["reasoning_effort"] == "high" and body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    gone = {"service_tier", "context_management", "diagnostics", "speed", "cache_control"}
    assert not gone & set(body)
    assert set(said.header("x-hearth-dropped").split(",")) == gone | {"redacted_thinking"}


def test_an_anthropic_target_is_asked_in_its_callers_words(daemon, fakes):
    body = {**EVERYTHING, "model": "a", "hearth": {"x": 1}}
    assert MESSAGES.send(daemon.port, body, [("anthropic-beta", "what-nobody-knows")]).status == 200
    asked = fakes["anthropic"].asked()
    del body["hearth"]
    assert asked.body == body and asked.path == "/v1/messages"
    assert asked.headers["x-api-key"] == "sk-of-ours" and asked.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in asked.headers and "anthropic-beta" not in asked.headers


def test_an_anthropic_target_is_asked_by_openais_clients(daemon, fakes):
    r = client.ask(daemon.port, "POST", "/v1/chat/completions", {
        "model": "a", "max_completion_tokens": 5000, "temperature": 1.5, "top_p": 0.9, "stop": "END", "user": "u1",
        "seed": 1, "presence_penalty": 0.5, "logit_bias": {}, "n": 1, "logprobs": False, "reasoning_effort": "minimal",
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "weather"}}, "parallel_tool_calls": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [
                {"id": "t:1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Zürich"}'}},
                {"id": "t2", "type": "function", "function": {"name": "weather", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "t:1", "content": "sunny"},
            {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "none"}]},
            {"role": "developer", "content": "Be kind."},
            {"role": "user", "content": "fake: events=1"}]})
    assert r.status == 200, r.body
    assert set(r.header("x-hearth-dropped").split(",")) == {
        "temperature", "seed", "presence_penalty", "logit_bias", "reasoning_content"}
    body = fakes["anthropic"].asked().body
    assert body == {
        "model": "a", "max_tokens": 5000, "temperature": 1, "top_p": 0.9, "stop_sequences": ["END"], "stream": True,
        "metadata": {"user_id": "u1"},
        "system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "hi"}, {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}]},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t_1", "name": "weather", "input": {"city": "Zürich"}},
                {"type": "tool_use", "id": "t2", "name": "weather", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t_1", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "t2", "content": [{"type": "text", "text": "none"}]},
                {"type": "text", "text": "fake: events=1"}]}],
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}}


@pytest.mark.parametrize("more, field", [
    ({"grammar": "root ::= \"a\""}, "grammar"), ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages")])
def test_what_it_cannot(daemon, more, field):
    body = CHAT.body("events=1", model="a")
    r = CHAT.send(daemon.port, {**body, **more})
    assert r.status == 400 and r.json()["error"]["code"] == "unsupported_parameter", r.body


def test_a_text_of_an_anthropic_target(daemon, fakes):
    said = dialects.COMPLETION.ask(daemon.port, "events=2", model="a")
    assert said.text == "w0 w1 " and said.finish == "stop"
    assert fakes["anthropic"].asked().body["max_tokens"] == 8192


@pytest.mark.parametrize("more", [
    {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    {"mcp_servers": [{"type": "url", "url": "https://example.org", "name": "x"}]},
    {"messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PIXEL}},
        {"type": "text", "text": "fake: events=1"}]}]}])
def test_what_only_anthropic_does(daemon, more):
    r = MESSAGES.send(daemon.port, {**MESSAGES.body("events=1", model="o"), **more})
    assert r.status == 400 and "it has no word for" in r.json()["error"]["message"], r.body
    assert MESSAGES.send(daemon.port, {**MESSAGES.body("events=1", model="a"), **more}).status == 200


@pytest.mark.parametrize("change, field", [
    ({"max_tokens": None}, "max_tokens"), ({"messages": []}, "messages"), ({"messages": None}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "user", "content": 1}]}, "messages"),
    ({"messages": [{"role": "user", "content": [1]}]}, "messages"), ({"system": 1}, "system"),
    ({"tools": [{"name": "x"}]}, "tools"), ({"tool_choice": {"type": "x"}}, "tool_choice"),
    ({"thinking": {"type": "enabled"}}, "thinking"), ({"temperature": "x"}, "temperature")])
def test_what_is_wrong_is_named(daemon, change, field):
    r = MESSAGES.send(daemon.port, {**MESSAGES.body("events=1", model="o"), **change})
    assert r.status == 400 and r.json()["type"] == "error"
    assert r.json()["error"]["type"] == "invalid_request_error" and field in r.json()["error"]["message"]


# --- errors --------------------------------------------------------------------------------------

ERRORS = {400: "invalid_request_error", 401: "api_error", 404: "api_error", 429: "rate_limit_error",
          500: "api_error", 529: "overloaded_error"}


@pytest.mark.parametrize("model", ["o", "a"])
@pytest.mark.parametrize("status", list(ERRORS))
def test_errors_have_its_shape(daemon, status, model):
    r = MESSAGES.send(daemon.port, MESSAGES.body(f"status={status} message=too%20bad", model=model))
    assert r.json()["type"] == "error" and r.json()["error"]["type"] == ERRORS[status]
    assert "too bad" in r.json()["error"]["message"]
    assert r.header("request-id") == r.header("x-request-id") != ""


def test_errors_of_our_own(daemon):
    r = MESSAGES.send(daemon.port, MESSAGES.body(model="nobody"))
    assert r.status == 404 and r.json()["error"]["type"] == "not_found_error"
    r = client.ask(daemon.port, "GET", "/v1/messages")
    assert r.status == 405 and r.json()["type"] == "error" and r.header("allow") == "POST"
    assert client.ask(daemon.port, "POST", "/v1/messages?beta=true", MESSAGES.body("events=1", model="o")).status == 200


@pytest.mark.parametrize("model", ["o", "a"])
@pytest.mark.parametrize("code, kind", [("overloaded_error", "overloaded_error"), ("rate_limit_error", "rate_limit_error"),
                                        ("api_error", "api_error")])
def test_an_error_in_a_stream(daemon, model, code, kind):
    said = MESSAGES.ask(daemon.port, f"events=5 error_at=3 code={code}", stream=True, model=model)
    assert said.error["type"] == (kind if model == "a" else "api_error") and not said.ended and said.text


def test_an_error_in_a_stream_for_openai(daemon):
    said = CHAT.ask(daemon.port, "events=5 error_at=3 code=overloaded_error", stream=True, model="a")
    assert said.error["code"] == "upstream_overloaded" and not said.ended


@pytest.mark.parametrize("ask, model", [(MESSAGES, "o"), (MESSAGES, "a"), (CHAT, "a")])
def test_a_stream_that_breaks_off_is_told(daemon, ask, model):
    said = ask.ask(daemon.port, "events=5 close=3", stream=True, model=model)
    assert said.error and not said.ended and said.text == "w0 w1 "


def test_another_takes_over(make):
    bad, good = make.fake("bad", "status=529"), make.fake("good")
    daemon = make.daemon(config={"providers": {
        "bad": bad.provider(models=["m"], kind="anthropic"), "good": good.provider(models=["m"], priority=2)}})
    said = MESSAGES.ask(daemon.port, "events=2", stream=True, model="m")
    assert said.text == "w0 w1 " and bad.stats()["requests"] == 1
    bad.script("close=1")  # after its message_start
    said = MESSAGES.ask(daemon.port, "events=2", stream=True, model="m")
    assert said.text == "w0 w1 " and said.ended


def test_bytes_come_as_they_like(daemon):
    roll = random.Random(5)
    for model, ask in itertools.product("oa", (MESSAGES, CHAT)):
        for _ in range(6):
            words = (f"reasoning=2 events=3 tools=2 slice={roll.randint(1, 40)} slice_ms=0 "
                     f"eol={roll.choice(['lf', 'crlf', 'cr'])} dress={roll.choice(['plain', 'comments', 'fields', 'lines'])}")
            said = ask.ask(daemon.port, words, stream=True, model=model)
            assert said.text == "w0 w1 w2 " and said.thoughts == "thought0 thought1 " and len(said.calls) == 2, words


# --- counting, models, keys ----------------------------------------------------------------------


def test_counting(daemon, fakes):
    body = {"model": "a", "messages": [{"role": "user", "content": "fake: prompt_tokens=42"}]}
    r = client.ask(daemon.port, "POST", "/v1/messages/count_tokens", body)
    assert r.status == 200 and r.json() == {"input_tokens": 42}
    assert fakes["anthropic"].asked().path == "/v1/messages/count_tokens"
    r = client.ask(daemon.port, "POST", "/v1/messages/count_tokens", {**body, "model": "o"})
    assert r.status == 400 and "it counts no tokens" in r.json()["error"]["message"]


def test_models(daemon):
    r = client.ask(daemon.port, "GET", "/v1/models", headers=MESSAGES.headers).json()
    assert [m["id"] for m in r["data"]] == ["a", "o"] or [m["id"] for m in r["data"]] == ["o", "a"]
    assert r["has_more"] is False and r["first_id"] == r["data"][0]["id"] and r["last_id"] == r["data"][1]["id"]
    assert client.ask(daemon.port, "GET", "/v1/models").json()["object"] == "list"


def test_base_urls(make):
    one = make.fake("one")
    place = f"http://127.0.0.1:{one.port}"
    for at in (place, place + "/", place + "/v1"):
        daemon = make.daemon(config={"providers": {"claude": {"base_url": at, "models": ["m"]}}})
        assert MESSAGES.ask(daemon.port, "events=1", model="m").text == "w0 "
        assert one.asked().path == "/v1/messages"
        daemon.close()


# --- its own clients -----------------------------------------------------------------------------

PYTHON = """
client = anthropic.Anthropic(max_retries=0)
messages = [{"role": "user", "content": "fake: loop=weather rounds=2 reasoning=1 args=%7B%22city%22:%22Z%C3%BCrich%22%7D"}]
tools = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
for turn in range(5):
    with client.messages.stream(model=MODEL, max_tokens=100, messages=messages, tools=tools) as stream:
        text = "".join(stream.text_stream)
        a = stream.get_final_message()
    if a.stop_reason != "tool_use":
        break
    messages.append({"role": "assistant", "content": a.content})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": b.id, "content": b.input["city"] + " is sunny"}
        for b in a.content if b.type == "tool_use"]})
print(json.dumps([turn, a.stop_reason, text, a.usage.input_tokens, [m.id for m in client.models.list()]]))
if MODEL == "a":
    assert client.messages.count_tokens(model=MODEL, messages=messages, tools=tools).input_tokens == 7
try:
    client.messages.create(model="nobody", max_tokens=1, messages=messages)
except anthropic.NotFoundError as e:
    print(json.dumps([e.body["error"]["type"], bool(e.request_id)]))
"""
NODE = """
const client = new Anthropic({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'fake: loop=weather rounds=2 reasoning=1 args=%7B%22city%22:%22Z%C3%BCrich%22%7D' }];
let turn = 0, a;
for (; turn < 5; turn++) {
    a = await client.messages.stream({ model: MODEL, max_tokens: 100, messages,
        tools: [{ name: 'weather', input_schema: { type: 'object' } }] }).finalMessage();
    if (a.stop_reason !== 'tool_use') break;
    messages.push({ role: 'assistant', content: a.content });
    messages.push({ role: 'user', content: a.content.filter(b => b.type === 'tool_use').map(b => (
        { type: 'tool_result', tool_use_id: b.id, content: `${b.input.city} is sunny` })) });
}
const models = [];
for await (const m of client.models.list()) models.push(m.id);
say([turn, a.stop_reason, a.content.filter(b => b.type === 'text').map(b => b.text).join(''), a.usage.input_tokens, models]);
try {
    await client.messages.create({ model: 'nobody', max_tokens: 1, messages });
} catch (e) {
    say([e.error.error.type, e instanceof Anthropic.NotFoundError && !!e.requestID]);
}
"""
LOOPED = [2, "end_turn", "the tool said: Zürich is sunny | Zürich is sunny", 7]


@pytest.mark.parametrize("model", ["o", "a"])
def test_the_python_client(programs, daemon, model):
    said, error = programs.python(daemon, f"MODEL = '{model}'\n" + PYTHON, "anthropic")
    assert said[:4] == LOOPED and sorted(said[4]) == ["a", "o"]
    assert error == ["not_found_error", True]


@pytest.mark.parametrize("model", ["o", "a"])
def test_the_node_client(programs, daemon, model):
    said, error = programs.node(daemon, f"const MODEL = '{model}';\n" + NODE, "anthropic")
    assert said[:4] == LOOPED and sorted(said[4]) == ["a", "o"]
    assert error == ["not_found_error", True]


@each_case
def test_its_types(programs, daemon, words):
    whole, streamed = [MESSAGES.send(daemon.port, MESSAGES.body(words, stream=s, model="o")) for s in (False, True)]
    strict.judge(programs, "anthropic.types.Message", whole.json())
    strict.judge_events(programs, "anthropic.types.RawMessageStreamEvent", client.split_events(streamed.body))
    models = client.ask(daemon.port, "GET", "/v1/models", headers=MESSAGES.headers).json()
    strict.judge(programs, "anthropic.types.ModelInfo", *models["data"])


# --- the real llama-server -----------------------------------------------------------------------


# A template that knows tools, as Hermes' and Qwen's do: then the engine makes a grammar of them.
TEMPLATE = """{%- if tools %}<|im_start|>system
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools><|im_end|>
{% endif %}{%- for message in messages %}{%- if message.role == 'tool' %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content or '' }}{%- if message.tool_calls %}{% for call in message.tool_calls %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}{% endif %}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    template = shared.ground.folder("template") / "chat.jinja"
    template.write_text(TEMPLATE)
    shared.ground.own(template)
    return shops.RealShop(shared, {"m": ("small", {"ctx": 4096, "template": str(template)})}, real_pack)


def ask_llama(llama, **more):
    body = {"model": "m", "max_tokens": 12, "messages": [{"role": "user", "content": "Once upon a time"}], **more}
    return client.ask(llama.daemon.port, "POST", "/v1/messages", body, MESSAGES.headers, timeout=LONG)


@each_way
def test_llama_talks(llama, stream):
    r = ask_llama(llama, stream=stream, temperature=0)
    assert r.status == 200, r.body
    said = MESSAGES.read(r)
    assert said.finish in ("max_tokens", "end_turn") and said.model == "m"
    assert 0 < said.tokens[1] <= 12 and said.tokens[0] > 3 and (said.text or said.thoughts)


@each_way
def test_llama_keeps_to_a_schema(llama, stream):
    schema = {"type": "object", "properties": {"city": {"enum": ["Bern", "Rome"]}}, "required": ["city"],
              "additionalProperties": False}
    said = MESSAGES.read(ask_llama(llama, stream=stream, max_tokens=100, thinking={"type": "disabled"},
                                   output_config={"format": {"type": "json_schema", "schema": schema}}))
    assert json.loads(said.text)["city"] in ("Bern", "Rome") and said.finish == "end_turn"


def test_llama_reads_results_of_tools(llama):
    """A model with random weights calls nothing by itself: what it reads is what counts here."""
    call = dialects.Said(calls=[("t1", "weather", {"city": "Bern"}), ("t2", "weather", {})])
    told = [{"role": "user", "content": "how is it"}, *MESSAGES.loop(call, ["sunny", "rainy"])]
    told[-1]["content"].append({"type": "text", "text": "well?"})
    r = ask_llama(llama, tools=[MESSAGES.tool(TOOL)], tool_choice={"type": "any"}, messages=told)
    assert r.status == 200, r.body
    less = ask_llama(llama, tools=[MESSAGES.tool(TOOL)], messages=told[:1])
    assert MESSAGES.read(r).tokens[0] > MESSAGES.read(less).tokens[0] + 20


def test_llama_counts(llama):
    body = {"model": "m", "messages": [{"role": "user", "content": "Once upon a time"}]}
    r = client.ask(llama.daemon.port, "POST", "/v1/messages/count_tokens", body, timeout=LONG)
    assert r.status == 200, r.body
    one = MESSAGES.read(ask_llama(llama))
    assert r.json() == {"input_tokens": one.tokens[0]}
    r = client.ask(llama.daemon.port, "POST", "/v1/messages/count_tokens", {"model": "m"}, timeout=LONG)
    assert r.status == 400 and r.json()["type"] == "error"


def test_llama_stops(llama):
    first = MESSAGES.read(ask_llama(llama, temperature=0, max_tokens=30))
    word = (first.text or first.thoughts).split()[2]
    r = MESSAGES.read(ask_llama(llama, temperature=0, max_tokens=30, stop_sequences=[word]))
    assert word not in r.text and r.finish == "end_turn"
