"""OpenAI's own SDKs, for Python and for Node, against a daemon: with a provider that says what a
script wants, and with the real llama-server. And is every answer what the SDK's types say?"""

import json

import pytest

import client
import dialects
import harness
import strict
from programs import KEY
from shop import RealShop

COMPLETION, CHUNK = "openai.types.chat.ChatCompletion", "openai.types.chat.ChatCompletionChunk"
EMBEDDING = "openai.types.CreateEmbeddingResponse"
PATIENCE = 60
SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}}

# In either language: asks, and prints {"text", "finish", "tokens", ...}.
PY_CHAT = """
client = openai.OpenAI(max_retries=0)
a = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": WORDS}], max_tokens=16)
print(json.dumps([a.choices[0].message.content, a.choices[0].finish_reason, a.usage.completion_tokens]))
"""
PY_STREAM = """
client = openai.OpenAI(max_retries=0)
kinds = []
with client.chat.completions.stream(model=MODEL, messages=[{"role": "user", "content": WORDS}], max_tokens=16,
                                    stream_options={"include_usage": True}) as stream:
    for event in stream:
        kinds.append(event.type)
    try:
        a = stream.get_final_completion()
    except openai.LengthFinishReasonError as e:  # its way to say that max_tokens was reached
        a = e.completion
assert {"chunk", "content.delta", "content.done"} <= set(kinds), kinds
print(json.dumps([a.choices[0].message.content, a.choices[0].finish_reason, a.usage.completion_tokens]))
"""
JS_CHAT = """
const client = new OpenAI({ maxRetries: 0 });
const a = await client.chat.completions.create(
    { model: MODEL, messages: [{ role: 'user', content: WORDS }], max_tokens: 16 });
say([a.choices[0].message.content, a.choices[0].finish_reason, a.usage.completion_tokens]);
"""
JS_STREAM = """
const client = new OpenAI({ maxRetries: 0 });
let text = '';
const stream = client.chat.completions.stream({ model: MODEL, messages: [{ role: 'user', content: WORDS }],
    max_tokens: 16, stream_options: { include_usage: true } });
stream.on('content', piece => { text += piece; });
const a = await stream.finalChatCompletion();
if (text !== a.choices[0].message.content) throw new Error(text);
say([text, a.choices[0].finish_reason, a.usage.completion_tokens]);
"""
PY_LOOP = """
client, messages = openai.OpenAI(max_retries=0), [{"role": "user", "content": WORDS}]
for turn in range(5):
    with client.chat.completions.stream(model=MODEL, messages=messages, tools=TOOLS) as stream:
        for event in stream:
            pass
        a = stream.get_final_completion().choices[0]
    if a.finish_reason != "tool_calls":
        break
    messages.append(a.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
    for call in a.message.tool_calls:
        call_id, args = call.id, json.loads(call.function.arguments)
        messages.append({"role": "tool", "tool_call_id": call_id, "content": f"{args['city']} is sunny {turn}"})
print(json.dumps([turn, a.finish_reason, a.message.content]))
"""
JS_LOOP = """
const client = new OpenAI({ maxRetries: 0 });
let turn = 0;
const runner = client.chat.completions.runTools({ model: MODEL, stream: true,
    messages: [{ role: 'user', content: WORDS }],
    tools: [{ type: 'function', function: { ...TOOLS[0].function, parse: JSON.parse,
        function: args => `${args.city} is sunny ${turn++}` } }] });
const last = await runner.finalContent();
say([turn, 'stop', last]);
"""
LANGUAGES = {"python": (PY_CHAT, PY_STREAM, PY_LOOP), "node": (JS_CHAT, JS_STREAM, JS_LOOP)}
each_language = pytest.mark.parametrize("language", list(LANGUAGES))


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


def run(programs, daemon, language, script, words, model="fake-model", key=KEY, **more):
    names = {"WORDS": words, "MODEL": model, "TOOLS": [dialects.CHAT.tool(dialects.TOOL)], "STREAM": False, **more}
    if language == "python":
        first = "".join(f"{k} = {v!r}\n" for k, v in names.items())
        return programs.python(daemon, first + script, "openai", key=key)
    first = "".join(f"const {k} = {json.dumps(v)};\n" for k, v in names.items())
    return programs.node(daemon, first + script, "openai", key=key)


# --- with the fake ---------------------------------------------------------------------------------


@each_language
def test_chat(programs, daemon, language):
    plain, streamed, _ = LANGUAGES[language]
    for script in (plain, streamed):
        said, = run(programs, daemon, language, script, "fake: events=3 text=%e2%82%ac")
        assert said == ["\u20ac" * 3, "stop", 3]


@each_language
def test_tool_loop(programs, daemon, fake, language):
    words = "fake: loop=weather rounds=2 args=%7B%22city%22:%22Z%C3%BCrich%22%7D"
    said, = run(programs, daemon, language, LANGUAGES[language][2], words)
    assert said == [2, "stop", "the tool said: Z\u00fcrich is sunny 0 | Z\u00fcrich is sunny 1"]
    messages = fake.asked().body["messages"]
    calls = [c["id"] for m in messages for c in m.get("tool_calls", [])]
    assert calls == [m["tool_call_id"] for m in messages if m["role"] == "tool"] and len(set(calls)) == 2


@each_language
def test_schema_is_passed_on(programs, daemon, fake, language):
    script = """
client = openai.OpenAI(max_retries=0)
a = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": WORDS}], response_format=SCHEMA)
print(json.dumps(json.loads(a.choices[0].message.content)))
""" if language == "python" else """
const a = await new OpenAI({ maxRetries: 0 }).chat.completions.parse(
    { model: MODEL, messages: [{ role: 'user', content: WORDS }], response_format: SCHEMA });
say(JSON.parse(a.choices[0].message.content));
"""
    said, = run(programs, daemon, language, script, "fake: events=1 text=%7B%22city%22:%22Bern%22%7D", SCHEMA=SCHEMA)
    assert said == {"city": "Bern"} and fake.asked().body["response_format"] == SCHEMA


PY_ERROR = """
client = openai.OpenAI(max_retries=0)
try:
    for _ in client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": WORDS}], stream=STREAM):
        pass
except openai.APIError as e:
    print(json.dumps([type(e).__name__, getattr(e, "status_code", 0), e.code]))
"""
JS_ERROR = """
try {
    const s = await new OpenAI({ maxRetries: 0 }).chat.completions.create(
        { model: MODEL, messages: [{ role: 'user', content: WORDS }], stream: STREAM });
    if (STREAM) for await (const _ of s);
} catch (e) {
    say([e.constructor.name, e.status ?? 0, e.code]);
}
"""
# What is asked: (model, words, streamed), and the class, the status and the code that come of it.
ERRORS = {
    "no such model": (("none", "hi", False), ["NotFoundError", 404, "model_not_found"]),
    "no such model, streamed": (("none", "hi", True), ["NotFoundError", 404, "model_not_found"]),
    "a bad request": (("fake-model", "fake: status=400 code=bad", False), ["BadRequestError", 400, "upstream_refused"]),
    "too many": (("fake-model", "fake: status=429", False), ["RateLimitError", 429, None]),
    "an upstream that fails": (("fake-model", "fake: status=500", False), ["InternalServerError", None, None]),
    "cut in the middle": (("fake-model", "fake: events=5 close=3", True), ["APIError", 0, None]),
    "an error in the middle": (("fake-model", "fake: events=5 error_at=3", True), ["APIError", 0, None]),
}


@pytest.mark.parametrize("case", list(ERRORS))
@each_language
def test_errors(programs, daemon, language, case):
    (model, words, stream), (kind, status, code) = ERRORS[case]
    script = PY_ERROR if language == "python" else JS_ERROR
    said = run(programs, daemon, language, script, words, model=model, STREAM=stream)
    assert len(said) == 1, "no error came of it"
    assert said[0][0] == kind
    assert status is None or said[0][1] == status
    assert code is None or said[0][2] == code


@pytest.fixture(scope="module")
def closed(shared):
    """A daemon that trusts nobody for being who he is, and a key of it."""
    nobody = {"HEARTH_TRUSTED_UIDS": ""}
    daemon = shared.home(harness.providers(shared.fake("closed"))).up(env=nobody)
    code, out, err = daemon.hearth("keys", "create", "laptop", "--json", env=nobody)
    assert code == 0, err
    daemon.write({**daemon.config, "trusted_uids": []})
    assert daemon.hearth("reload", env=nobody)[0] == 0
    return daemon, json.loads(out)["key"]


@each_language
def test_keys(programs, closed, language):
    daemon, key = closed
    script = PY_ERROR if language == "python" else JS_ERROR
    assert run(programs, daemon, language, script, "hi")[0][:2] == ["AuthenticationError", 401]
    said, = run(programs, daemon, language, LANGUAGES[language][0], "fake: events=1", key=key)
    assert said[0] == "w0 "


@each_language
def test_list_of_models(programs, daemon, language):
    script = "print(json.dumps([m.id for m in openai.OpenAI().models.list()]))" if language == "python" else """
const ids = [];
for await (const m of new OpenAI().models.list()) ids.push(m.id);
say(ids);
"""
    ids, = run(programs, daemon, language, script, "")
    assert "fake-model" in ids


STRICT = {"text": "events=2", "thoughts": "reasoning=2 events=1", "calls": "tools=2 events=0",
          "refusal": "events=0 refusal=1", "odds": "logprobs=1 events=1", "length": "finish=length"}


@pytest.mark.parametrize("case", list(STRICT))
def test_types(programs, daemon, case):
    strict.judge(programs, COMPLETION, daemon.chat(STRICT[case]).json())
    with daemon.stream(STRICT[case], stream_options={"include_usage": True}) as s:
        strict.judge_events(programs, CHUNK, s.rest())


def test_types_of_lists(programs, daemon):
    models = daemon.ask("GET", "/v1/models").json()
    assert models["object"] == "list" and models["data"]
    strict.judge(programs, "openai.types.Model", *models["data"])


def test_what_is_not_of_a_type_is_seen(programs):
    """The judge itself: it must find each of these."""
    good = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}]}
    strict.judge(programs, COMPLETION, good)
    choice = good["choices"][0]
    for bad, word in [({k: v for k, v in good.items() if k != "model"}, "model is missing"),
                      ({**good, "created": "1"}, "created: no int"), ({**good, "new": 1}, "new is not known"),
                      ({**good, "choices": [{**choice, "finish_reason": "done"}]}, "finish_reason: not one of"),
                      ({**good, "choices": [{**choice, "message": {**choice["message"], "odd": 1}}]}, "odd is not known"),
                      ({**good, "usage": {"prompt_tokens": 1}}, "completion_tokens is missing")]:
        with pytest.raises(AssertionError, match=word):
            strict.judge(programs, COMPLETION, good, bad)


# --- with the real llama-server ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared, real_pack):
    shop = RealShop(shared, {"tiny": "tiny", "embed": ("embed", {"embedding": True})}, real_pack)
    shop.daemon.chat("hi", model="tiny", timeout=PATIENCE, max_tokens=1)  # it is loaded from here on
    return shop.daemon


@each_language
def test_real_chat(programs, real, language):
    plain, streamed, _ = LANGUAGES[language]
    for script in (plain, streamed):
        (text, finish, tokens), = run(programs, real, language, script, "Tell me.", model="tiny")
        assert text and finish == "length" and tokens == 16


@each_language
def test_real_schema(programs, real, language):
    script = """
client = openai.OpenAI(max_retries=0)
a = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": WORDS}], max_tokens=200,
                                   response_format=SCHEMA)
print(json.dumps(a.choices[0].message.content))
""" if language == "python" else """
const a = await new OpenAI({ maxRetries: 0 }).chat.completions.create(
    { model: MODEL, messages: [{ role: 'user', content: WORDS }], max_tokens: 200, response_format: SCHEMA });
say(a.choices[0].message.content);
"""
    said, = run(programs, real, language, script, "Where?", model="tiny", SCHEMA=SCHEMA)
    assert said.startswith("{") and '"city"' in said


def test_real_types(programs, real):
    strict.judge(programs, COMPLETION, real.chat("hi", model="tiny", max_tokens=5, timeout=PATIENCE).json())
    with real.stream("hi", model="tiny", max_tokens=5, stream_options={"include_usage": True}) as s:
        strict.judge_events(programs, CHUNK, s.rest())
    strict.judge(programs, "openai.types.Model", *client.ask(real.port, "GET", "/v1/models").json()["data"])


# --- vectors: both SDKs ask for base64 unless they are told otherwise, and decode it ------------------

PY_VECTORS = """
client, answers = openai.OpenAI(max_retries=0), []
for asked in INPUTS:
    usual = client.embeddings.create(model=MODEL, input=asked)
    plain = client.embeddings.create(model=MODEL, input=asked, encoding_format="float")
    raw = client.embeddings.with_raw_response.create(model=MODEL, input=asked)
    answers.append([[d.embedding for d in a.data] for a in (usual, plain)]
                   + [[d.index for d in usual.data], usual.usage.prompt_tokens, json.loads(raw.text)])
print(json.dumps(answers))
"""
JS_VECTORS = """
const client = new OpenAI({ maxRetries: 0 }), answers = [];
for (const asked of INPUTS) {
    const usual = await client.embeddings.create({ model: MODEL, input: asked });
    const plain = await client.embeddings.create({ model: MODEL, input: asked, encoding_format: 'float' });
    const raw = await client.embeddings.create({ model: MODEL, input: asked, encoding_format: 'base64' }).asResponse();
    answers.push([...[usual, plain].map(a => a.data.map(d => [...d.embedding])),
        usual.data.map(d => d.index), usual.usage.prompt_tokens, await raw.json()]);
}
say(answers);
"""
# A text, several, one alone in a list; the tokens of a text, and of several.
INPUTS = ["the time year people", ["way day man", "thing woman", "life"], ["child"], [50, 60, 70], [[50, 60, 70], [80]]]


@each_language
def test_real_vectors(programs, real, language):
    script = PY_VECTORS if language == "python" else JS_VECTORS
    answers, = run(programs, real, language, script, "", model="embed", INPUTS=INPUTS)
    assert len(answers) == len(INPUTS)
    for asked, (usual, plain, order, tokens, raw) in zip(INPUTS, answers):
        many = len(asked) if isinstance(asked, list) and not isinstance(asked[0], int) else 1
        assert order == list(range(many)) and tokens > 0 and raw["model"] == "embed"
        assert all(isinstance(d["embedding"], str) for d in raw["data"]), "an SDK decodes what is base64 only"
        assert len(usual) == len(plain) == many and len({len(v) for v in usual + plain}) == 1
        for one, other in zip(usual, plain):
            assert one == pytest.approx(other, abs=1e-6) and sum(x * x for x in one) == pytest.approx(1, abs=1e-3)
    tokens_alone, tokens_both = answers[3][0], answers[4][0]
    assert tokens_both[0] == pytest.approx(tokens_alone[0], abs=1e-5), "the same tokens, the same vector"
    assert len({json.dumps(v) for usual, *_ in answers[:4] for v in usual}) == 6, "each text has its own"


@pytest.mark.parametrize("asked", INPUTS, ids=["text", "texts", "list of one", "tokens", "tokens of two"])
def test_real_types_of_vectors(programs, real, asked):
    """As numbers: the types know no other, and base64 is what its SDKs decode before they are judged."""
    body = {"model": "embed", "input": asked, "encoding_format": "float"}
    r = client.ask(real.port, "POST", "/v1/embeddings", body, timeout=PATIENCE)
    assert r.status == 200, r.body
    strict.judge(programs, EMBEDDING, r.json())
