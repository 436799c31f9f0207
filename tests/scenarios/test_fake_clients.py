"""The fake upstream is judged by the clients of the dialects it speaks: what it says must be what their
SDKs' types say, and their helpers for streams and for loops of tools must come to the same. So a test
with the fake behind the daemon tests the daemon, and not what we believe of a dialect."""

import json
import re

import pytest

import client
import dialects
import strict
from dialects import COMPLETION, MESSAGES, OLLAMA_CHAT, OLLAMA_GENERATE, TOOL
from harness import TOP

CASES = {"text": "events=2", "thoughts": "reasoning=2 events=1 cached=2", "calls": "events=1 tools=2",
         "calls alone": "events=0 tools=1", "refusal": "events=0 refusal=1", "length": "finish=length",
         "all": "reasoning=1 events=1 tools=1 usage=always"}
each_case = pytest.mark.parametrize("words", list(CASES.values()), ids=list(CASES))
LOOP = "fake: loop=weather rounds=2 reasoning=1 args=%7B%22city%22:%22Z%C3%BCrich%22%7D"
LOOPED = "the tool said: Z\u00fcrich is sunny | Z\u00fcrich is sunny"


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


def answers(fake, dialect, words, **more):
    """The same answer whole and streamed."""
    return [dialect.send(fake.port, dialect.body(words, stream=s, **more)) for s in (False, True)]


@each_case
def test_messages(programs, fake, words):
    whole, streamed = answers(fake, MESSAGES, words)
    strict.judge(programs, "anthropic.types.Message", whole.json())
    events = [e for e in client.split_events(streamed.body) if client.event_json(e) != {"type": "ping"}]
    strict.judge_events(programs, "anthropic.types.RawMessageStreamEvent", events)


@each_case
def test_chat(programs, fake, words):
    whole, streamed = answers(fake, dialects.CHAT, words)
    strict.judge(programs, "openai.types.chat.ChatCompletion", whole.json())
    strict.judge_events(programs, "openai.types.chat.ChatCompletionChunk", client.split_events(streamed.body))
    whole, streamed = answers(fake, COMPLETION, words)
    strict.judge(programs, "openai.types.Completion", whole.json())


@each_case
def test_ollama(programs, fake, words):
    for dialect, kind, more in ((OLLAMA_CHAT, "ollama.ChatResponse", ("id", "index")),
                                (OLLAMA_GENERATE, "ollama.GenerateResponse", ("tool_calls", "id", "index"))):
        whole, streamed = answers(fake, dialect, words)
        strict.judge(programs, kind, whole.json(), allowed=more)
        strict.judge_lines(programs, kind, streamed.body, allowed=more)


def test_vectors_and_lists(programs, fake):
    asked = {"model": "m", "input": ["a", "b"]}
    strict.judge(programs, "openai.types.CreateEmbeddingResponse",
                 client.ask(fake.port, "POST", "/v1/embeddings", asked).json())
    strict.judge(programs, "ollama.EmbedResponse", client.ask(fake.port, "POST", "/api/embed", asked).json())
    strict.judge(programs, "ollama.ListResponse", client.ask(fake.port, "GET", "/api/tags").json(), allowed=("name",))
    models = client.ask(fake.port, "GET", "/v1/models", headers=MESSAGES.headers).json()
    strict.judge(programs, "anthropic.types.ModelInfo", *models["data"])


# --- their helpers -----------------------------------------------------------------------------------

PY_MESSAGES = """
client, messages = anthropic.Anthropic(max_retries=0), [{"role": "user", "content": WORDS}]
tools = [{"name": "weather", "input_schema": {"type": "object"}}]
for turn in range(5):
    with client.messages.stream(model="m", max_tokens=100, messages=messages, tools=tools) as stream:
        text = "".join(stream.text_stream)
        a = stream.get_final_message()
    if a.stop_reason != "tool_use":
        break
    assert a.content[0].type == "thinking" and a.content[0].signature, a.content
    messages.append({"role": "assistant", "content": a.content})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": b.id, "content": b.input["city"] + " is sunny"}
        for b in a.content if b.type == "tool_use"]})
print(json.dumps([turn, a.stop_reason, text, a.usage.input_tokens]))
"""
JS_MESSAGES = """
const client = new Anthropic({ maxRetries: 0 });
const messages = [{ role: 'user', content: WORDS }];
let turn = 0, a;
for (; turn < 5; turn++) {
    a = await client.messages.stream({ model: 'm', max_tokens: 100, messages,
        tools: [{ name: 'weather', input_schema: { type: 'object' } }] }).finalMessage();
    if (a.stop_reason !== 'tool_use') break;
    messages.push({ role: 'assistant', content: a.content });
    messages.push({ role: 'user', content: a.content.filter(b => b.type === 'tool_use').map(b => (
        { type: 'tool_result', tool_use_id: b.id, content: `${b.input.city} is sunny` })) });
}
say([turn, a.stop_reason, a.content.filter(b => b.type === 'text').map(b => b.text).join(''),
    a.usage.input_tokens]);
"""
PY_OLLAMA = """
messages = [{"role": "user", "content": WORDS}]
for turn in range(5):
    parts = list(ollama.chat("m", messages, tools=[{"type": "function", "function": TOOL}], stream=True))
    calls = [c for p in parts for c in p.message.tool_calls or []]
    text = "".join(p.message.content or "" for p in parts)
    if not calls:
        break
    messages.append({"role": "assistant", "tool_calls": calls})
    for c in calls:
        messages.append({"role": "tool", "tool_name": c.function.name, "content": c.function.arguments["city"] + " is sunny"})
print(json.dumps([turn, parts[-1].done_reason, text, parts[-1].prompt_eval_count]))
"""
JS_OLLAMA = """
const client = new Ollama({ host: process.env.OLLAMA_HOST });
const messages = [{ role: 'user', content: WORDS }];
let turn = 0, last, text;
for (; turn < 5; turn++) {
    const calls = [];
    text = '';
    for await (last of await client.chat({ model: 'm', messages, stream: true,
        tools: [{ type: 'function', function: TOOL }] })) {
        text += last.message.content;
        calls.push(...last.message.tool_calls ?? []);
    }
    if (!calls.length) break;
    messages.push({ role: 'assistant', content: '', tool_calls: calls });
    for (const c of calls)
        messages.push({ role: 'tool', tool_name: c.function.name, content: `${c.function.arguments.city} is sunny` });
}
say([turn, last.done_reason, text, last.prompt_eval_count]);
"""


def test_anthropic_python(programs, fake):
    said, = programs.python(fake, f"WORDS = {LOOP!r}\n" + PY_MESSAGES, "anthropic")
    assert said == [2, "end_turn", LOOPED, 7]
    assert fake.asked().headers["authorization"].startswith("Bearer ")


def test_anthropic_node(programs, fake):
    said, = programs.node(fake, f"const WORDS = {json.dumps(LOOP)};\n" + JS_MESSAGES, "anthropic")
    assert said == [2, "end_turn", LOOPED, 7]


def test_ollama_python(programs, fake):
    said, = programs.python(fake, f"WORDS, TOOL = {LOOP!r}, {TOOL!r}\n" + PY_OLLAMA, "ollama")
    assert said == [2, "stop", LOOPED, 7]


def test_ollama_node(programs, fake):
    first = f"const WORDS = {json.dumps(LOOP)}, TOOL = {json.dumps(TOOL)};\n"
    said, = programs.node(fake, first + JS_OLLAMA, "ollama")
    assert said == [2, "stop", LOOPED, 7]


def test_anthropic_errors(programs, fake):
    said = programs.python(fake, """
        client = anthropic.Anthropic(max_retries=0)
        for words in ("status=529", "status=429", "events=3 error_at=2 code=overloaded_error"):
            try:
                with client.messages.stream(model="m", max_tokens=9, messages=[
                        {"role": "user", "content": "fake: " + words}]) as stream:
                    stream.get_final_message()
            except anthropic.APIStatusError as e:
                print(json.dumps([type(e).__name__, e.body["error"]["type"], e.request_id]))
    """, "anthropic")
    assert [s[1] for s in said] == ["overloaded_error", "rate_limit_error", "overloaded_error"]
    assert said[1][0] == "RateLimitError" and said[0][2].startswith("req_fake_")


def test_embeddings_agree(programs, fake):
    """OpenAI's SDK asks for base64 where the caller does not say, Ollama's for numbers."""
    theirs, = programs.python(fake, """
        client = openai.OpenAI()
        print(json.dumps(client.embeddings.create(model="m", input=["a", "b"]).data[1].embedding))
    """, "openai")
    assert fake.asked().body["encoding_format"] == "base64"
    ours, = programs.python(fake, 'print(json.dumps(list(ollama.embed("m", "b").embeddings[0])))', "ollama")
    assert ours == theirs and len(ours) == 8


def test_each_version_is_pinned():
    """And no lock names a registry: the machine's own is used."""
    folder = TOP / "tests/clients"
    lines = [ln for ln in (folder / "requirements.txt").read_text().splitlines() if ln and not ln.startswith("#")]
    assert len(lines) > 30 and all(re.fullmatch(r"[\w.-]+==[\w.]+", ln) for ln in lines), lines
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", v) for v in wanted.values()), wanted
    assert lock[""]["dependencies"] == wanted
    assert all("resolved" not in p and "integrity" in p for name, p in lock.items() if name)
