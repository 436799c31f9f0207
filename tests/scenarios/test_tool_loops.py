"""Loops of tools through each SDK and the real llama-server: the model asks, the client answers, the model
concludes. The weights are random, so what is called is chance; that it is called, and with which arguments
it may be, is the engine's grammar of the tools."""

import json

import pytest

import client
import strict
from dialects import CHAT, MESSAGES
from shop import RealShop

PATIENCE = 60
TURNS = 3
MOST = 1500  # tokens: enough for a dozen calls at once, each of which follows another at even odds
CITIES, UNITS, ZONES = ["Bern", "Rome", "Z\u00fcrich"], ["celsius", "kelvin"], ["CET", "UTC"]


def closed(**properties):
    """A schema that leaves no free text: a model with random weights would never end one."""
    return {"type": "object", "properties": {k: {"enum": v} for k, v in properties.items()},
            "required": list(properties), "additionalProperties": False}


TOOLS = {"weather": closed(city=CITIES, unit=UNITS, days=[1, 3, 7]), "clock": closed(zone=ZONES)}
PLAIN = [{"name": n, "description": f"The {n}.", "parameters": s} for n, s in TOOLS.items()]
OPENAI, ANTHROPIC = [CHAT.tool(t) for t in PLAIN], [MESSAGES.tool(t) for t in PLAIN]

# Each prints [calls of each turn as (id, name, arguments), tokens of each prompt, how the last answer ended].
# The first turn must call; the last may not; between them it is the model's choice.
PY_OPENAI = """
client, messages, calls, prompts = openai.OpenAI(max_retries=0), [{"role": "user", "content": "hi"}], [], []
for turn in range(TURNS + 1):
    choice = FORCE if turn == 0 else "none" if turn == TURNS else "auto"
    asked = dict(model="m", messages=messages, tools=TOOLS, tool_choice=choice, max_tokens=MOST)
    if STREAM:
        with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            for event in stream:
                pass
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(**asked)
    a = answer.choices[0]
    prompts.append(answer.usage.prompt_tokens)
    if a.finish_reason != "tool_calls":
        assert not a.message.tool_calls, a
        break
    calls.append([[c.id, c.function.name, json.loads(c.function.arguments)] for c in a.message.tool_calls])
    messages.append(a.message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
    messages += [{"role": "tool", "tool_call_id": c[0], "content": "it is sunny in June"} for c in calls[-1]]
print(json.dumps([calls, prompts, a.finish_reason]))
"""
JS_OPENAI = """
const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'hi' }], calls = [], prompts = [];
let a;
for (let turn = 0; turn <= TURNS; turn++) {
    const asked = { model: 'm', messages, tools: TOOLS, max_tokens: MOST,
        tool_choice: turn === 0 ? FORCE : turn === TURNS ? 'none' : 'auto' };
    const answer = STREAM
        ? await client.chat.completions.stream({ ...asked, stream_options: { include_usage: true } }).finalChatCompletion()
        : await client.chat.completions.create(asked);
    a = answer.choices[0];
    prompts.push(answer.usage.prompt_tokens);
    if (a.finish_reason !== 'tool_calls') {
        if (a.message.tool_calls?.length) throw new Error(JSON.stringify(a));
        break;
    }
    calls.push(a.message.tool_calls.map(c => [c.id, c.function.name, JSON.parse(c.function.arguments)]));
    messages.push(a.message);
    for (const [id] of calls.at(-1)) messages.push({ role: 'tool', tool_call_id: id, content: 'it is sunny in June' });
}
say([calls, prompts, a.finish_reason]);
"""
PY_ANTHROPIC = """
client, messages, calls, prompts = anthropic.Anthropic(max_retries=0), [{"role": "user", "content": "hi"}], [], []
for turn in range(TURNS + 1):
    choice = FORCE if turn == 0 else {"type": "none" if turn == TURNS else "auto"}
    asked = dict(model="m", messages=messages, tools=TOOLS, tool_choice=choice, max_tokens=MOST)
    if STREAM:
        with client.messages.stream(**asked) as stream:
            for event in stream:
                pass
            a = stream.get_final_message()
    else:
        a = client.messages.create(**asked)
    prompts.append(a.usage.input_tokens + (a.usage.cache_read_input_tokens or 0))
    used = [b for b in a.content if b.type == "tool_use"]
    if a.stop_reason != "tool_use":
        assert not used, a
        break
    calls.append([[b.id, b.name, b.input] for b in used])
    messages.append({"role": "assistant", "content": a.content})
    messages.append({"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": b.id, "content": "it is sunny in June"} for b in used]})
print(json.dumps([calls, prompts, a.stop_reason]))
"""
JS_ANTHROPIC = """
const client = new Anthropic({ maxRetries: 0 });
const messages = [{ role: 'user', content: 'hi' }], calls = [], prompts = [];
let a;
for (let turn = 0; turn <= TURNS; turn++) {
    const asked = { model: 'm', messages, tools: TOOLS, max_tokens: MOST,
        tool_choice: turn === 0 ? FORCE : { type: turn === TURNS ? 'none' : 'auto' } };
    a = STREAM ? await client.messages.stream(asked).finalMessage() : await client.messages.create(asked);
    prompts.push(a.usage.input_tokens + (a.usage.cache_read_input_tokens ?? 0));
    const used = a.content.filter(b => b.type === 'tool_use');
    if (a.stop_reason !== 'tool_use') {
        if (used.length) throw new Error(JSON.stringify(a));
        break;
    }
    calls.push(used.map(b => [b.id, b.name, b.input]));
    messages.push({ role: 'assistant', content: a.content });
    messages.push({ role: 'user', content: used.map(b => (
        { type: 'tool_result', tool_use_id: b.id, content: 'it is sunny in June' })) });
}
say([calls, prompts, a.stop_reason]);
"""
# Ollama's cannot force a call: it is asked until one comes of itself.
PY_OLLAMA = """
asked = dict(model="m", stream=STREAM, options={"num_predict": MOST})
def ask(**more):
    answer = ollama.chat(**asked, **more)
    pieces = list(answer) if STREAM else [answer]
    return pieces[-1], "".join(p.message.content or "" for p in pieces), [
        c for p in pieces for c in p.message.tool_calls or []]
messages = [{"role": "user", "content": "hi"}]
for turn in range(TRIES):
    first, text, used = ask(messages=messages, tools=TOOLS)
    if used:
        break
calls = [[str(i), c.function.name, dict(c.function.arguments)] for i, c in enumerate(used)]
messages.append({"role": "assistant", "content": text, "tool_calls": [c.model_dump() for c in used]})
messages += [{"role": "tool", "tool_name": c[1], "content": "it is sunny in June"} for c in calls]
last, text, used = ask(messages=messages)
assert not used, used
without, _, _ = ask(messages=messages[:1])
print(json.dumps([[calls], [without.prompt_eval_count, last.prompt_eval_count], last.done_reason]))
"""
JS_OLLAMA = """
const client = new Ollama({ host: process.env.OLLAMA_HOST });
async function ask(more) {
    const answer = await client.chat({ model: 'm', stream: STREAM, options: { num_predict: MOST }, ...more });
    const pieces = [];
    if (STREAM) for await (const p of answer) pieces.push(p); else pieces.push(answer);
    return [pieces.at(-1), pieces.map(p => p.message.content ?? '').join(''),
        pieces.flatMap(p => p.message.tool_calls ?? [])];
}
const messages = [{ role: 'user', content: 'hi' }];
let text, used = [];
for (let turn = 0; turn < TRIES && !used.length; turn++) [, text, used] = await ask({ messages, tools: TOOLS });
const calls = used.map((c, i) => [String(i), c.function.name, c.function.arguments]);
messages.push({ role: 'assistant', content: text, tool_calls: used });
for (const [, name] of calls) messages.push({ role: 'tool', tool_name: name, content: 'it is sunny in June' });
const [last, , more] = await ask({ messages });
if (more.length) throw new Error(JSON.stringify(more));
const [without] = await ask({ messages: messages.slice(0, 1) });
say([[calls], [without.prompt_eval_count, last.prompt_eval_count], last.done_reason]);
"""
SCRIPTS = {("openai", "python"): PY_OPENAI, ("openai", "node"): JS_OPENAI,
           ("anthropic", "python"): PY_ANTHROPIC, ("anthropic", "node"): JS_ANTHROPIC,
           ("ollama", "python"): PY_OLLAMA, ("ollama", "node"): JS_OLLAMA}
each_language = pytest.mark.parametrize("language", ["python", "node"])
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    shop = RealShop(shared, {"m": ("calls", {"ctx": 8192, "keep_alive": "5m"})}, real_pack)
    shop.daemon.chat("hi", model="m", timeout=PATIENCE, max_tokens=1)  # it is loaded from here on
    return shop


def loop(programs, llama, sdk, language, stream, **more):
    names = {"TURNS": TURNS, "MOST": MOST, "STREAM": stream, **more}
    if language == "python":
        first = "".join(f"{k} = {v!r}\n" for k, v in names.items())
        said, = programs.python(llama.daemon, first + SCRIPTS[sdk, language], sdk)
    else:
        first = "".join(f"const {k} = {json.dumps(v)};\n" for k, v in names.items())
        said, = programs.node(llama.daemon, first + SCRIPTS[sdk, language], sdk)
    return said


def check(calls):
    """They are of tools that there are, with the arguments that these allow, each with an id of its own."""
    assert calls and all(calls), "nothing was called"
    for _, name, given in (c for turn in calls for c in turn):
        properties = TOOLS[name]["properties"]
        assert set(given) == set(properties), given
        assert all(given[k] in p["enum"] for k, p in properties.items()), given
    ids = [c[0] for turn in calls for c in turn]
    assert all(ids) and len(set(ids)) == len(ids), ids


@each_language
@each_way
def test_openai(programs, llama, language, stream):
    calls, prompts, finish = loop(programs, llama, "openai", language, stream, TOOLS=OPENAI, FORCE="required")
    check(calls)
    assert finish == "stop" and len(prompts) == len(calls) + 1
    assert prompts == sorted(set(prompts)), "each prompt has what the tools said, so it is longer"


@each_language
@each_way
def test_anthropic(programs, llama, language, stream):
    calls, prompts, finish = loop(programs, llama, "anthropic", language, stream, TOOLS=ANTHROPIC,
                                  FORCE={"type": "any"})
    check(calls)
    assert finish == "end_turn" and len(prompts) == len(calls) + 1
    assert prompts == sorted(set(prompts))


@pytest.mark.parametrize("name", list(TOOLS))
@each_language
def test_one_tool_by_name(programs, llama, language, name):
    """And one call only, as it is asked for."""
    calls, _, _ = loop(programs, llama, "anthropic", language, True, TOOLS=ANTHROPIC,
                       FORCE={"type": "tool", "name": name, "disable_parallel_tool_use": True})
    check(calls)
    assert [c[1] for c in calls[0]] == [name]


@pytest.mark.parametrize("name", list(TOOLS))
@each_language
def test_one_tool_by_name_in_openais_words(programs, llama, language, name):
    """llama-server by itself takes this for "auto"."""
    calls, _, _ = loop(programs, llama, "openai", language, True, TOOLS=OPENAI,
                       FORCE={"type": "function", "function": {"name": name}})
    check(calls)
    assert {c[1] for c in calls[0]} == {name}


@each_language
@each_way
def test_ollama(programs, llama, language, stream):
    calls, prompts, finish = loop(programs, llama, "ollama", language, stream, TOOLS=OPENAI, TRIES=20)
    check(calls)
    assert finish == "stop" and prompts[1] > prompts[0] + 20


# --- what the SDKs' types say of calls --------------------------------------------------------------

TYPES = {"openai": ("openai.types.chat.ChatCompletion", "openai.types.chat.ChatCompletionChunk"),
         "anthropic": ("anthropic.types.Message", "anthropic.types.RawMessageStreamEvent")}
FORCED = {"openai": (CHAT, "required", "tool_calls"), "anthropic": (MESSAGES, {"type": "any"}, "tool_use")}


@pytest.mark.parametrize("sdk", list(TYPES))
@each_way
def test_types(programs, llama, sdk, stream):
    dialect, choice, finish = FORCED[sdk]
    body = dialect.body("hi", model="m", stream=stream, tools=PLAIN, tool_choice=choice, max_tokens=MOST)
    answer = client.ask(llama.daemon.port, "POST", dialect.path, body, dialect.headers, timeout=PATIENCE)
    assert answer.status == 200, answer.body
    said = dialect.read(answer)
    check([said.calls])
    assert said.finish == finish
    if stream:
        strict.judge_events(programs, TYPES[sdk][1], client.split_events(answer.body))
    else:
        strict.judge(programs, TYPES[sdk][0], answer.json())
