"""Ollama's dialect, both ways: callers who speak it, in front of targets of either kind, and OpenAI's
callers in front of a target that speaks it. Nothing that was said is lost on the way."""

import base64
import datetime
import json
import struct

import pytest

import client
import dialects
import shop as shops
import strict
from dialects import CHAT, COMPLETION, FINISHES, OLLAMA_CHAT, OLLAMA_GENERATE, TOOL
from harness import wait_for
from test_fake_clients import JS_OLLAMA, LOOP, LOOPED, PY_OLLAMA

CALLERS = {"chat": CHAT, "ollama": OLLAMA_CHAT}
PROMPTED = {"completion": COMPLETION, "generate": OLLAMA_GENERATE}
KINDS = ["openai_compatible", "ollama", "anthropic"]
STREAMS = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
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
    raw = base64.b64decode(coded["data"][1]["embedding"])
    assert struct.unpack(f"<{len(raw) // 4}f", raw) == pytest.approx(plain["data"][1]["embedding"], abs=1e-6)


# --- what its clients ask besides ----------------------------------------------------------------------


def get(place, path, **more):
    return client.ask(place.port, "GET", path, **more)


def post(place, path, body, **more):
    return client.ask(place.port, "POST", path, body, **more)


def test_version_and_root(openai):
    version = get(openai, "/api/version").json()["version"]
    assert [int(part) for part in version.split(".")] >= [0, 20, 0]
    for method in ("GET", "HEAD"):
        r = client.ask(openai.port, method, "/")
        assert r.status == 200 and r.header("Content-Type").startswith("text/plain")
        assert r.header("Content-Length") == "17" and r.body in (b"Ollama is running", b"")
    page = get(openai, "/", headers=[("Accept", "text/html")])
    assert page.header("Content-Type").startswith("text/html")
    assert client.ask(openai.port, "HEAD", "/api/tags").status == 200


def test_lists_of_a_provider(openai):
    row, = get(openai, "/api/tags").json()["models"]
    assert row["name"] == row["model"] == "fake-model" and len(row["digest"]) == 64
    assert row["digest"] == get(openai, "/api/tags").json()["models"][0]["digest"]
    assert row["modified_at"] == "1970-01-01T00:00:00Z" and row["size"] == 0  # nobody told
    assert get(openai, "/api/ps").json() == {"models": []}
    for name in ("fake-model", "fake-model:latest"):
        shown = post(openai, "/api/show", {"name": name}).json()
        assert shown["capabilities"] == ["completion", "tools"] and shown["details"]["families"] == []
        assert "unknown.context_length" not in shown["model_info"]


def test_pull(openai):
    r = post(openai, "/api/pull", {"model": "fake-model"})
    assert r.header("Content-Type") == "application/x-ndjson" and r.body == b'{"status":"success"}\n'
    assert post(openai, "/api/pull", {"model": "fake-model", "stream": False}).json() == {"status": "success"}
    r = post(openai, "/api/pull", {"model": "other"})
    assert r.status == 404 and "hearth models add" in r.json()["error"]


@pytest.mark.parametrize("method, path", [("POST", "/api/create"), ("POST", "/api/copy"), ("DELETE", "/api/delete"),
                                          ("POST", "/api/push")])
def test_what_is_not_done(openai, method, path):
    r = client.ask(openai.port, method, path, {"model": "fake-model"})
    assert r.status == 501 and path in r.json()["error"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_bodies_without_a_word_of_what_they_are(openai, kind):
    """As curl -d and many scripts send them."""
    body = json.dumps(OLLAMA_CHAT.body("events=1", stream=False)).encode()
    with client.Wire(openai.port) as w:
        said = f"Content-Type: {kind}\r\n" if kind else ""
        w.send(f"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n{said}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert w.response().status == 200


@pytest.mark.parametrize("more", [[("Origin", "http://evil.example")], [("Origin", "null")],
                                  [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")]])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/embed", "/api/show", "/api/pull"])
def test_a_page_of_somebody_else(openai, path, more):
    openai.fake.clear()
    before = openai.fake.stats()
    r = post(openai, path, OLLAMA_CHAT.body("events=1"), headers=[("Content-Type", "text/plain"), *more])
    assert r.status == 403 and openai.fake.stats()["requests"] == before["requests"]


def test_bodies_elsewhere_still_say_what_they_are(openai):
    body = json.dumps(CHAT.body("events=1")).encode()
    r = client.ask(openai.port, "POST", "/v1/chat/completions", body, [("Content-Type", "text/plain")])
    assert r.status == 415
    r = client.ask(openai.port, "POST", "/api/chat", body, [("Content-Type", "multipart/form-data")])
    assert r.status == 415 and isinstance(r.json()["error"], str)


def test_a_key_sees_its_own_models(shared):
    fake = shared.fake()
    daemon = shared.daemon(config={"providers": {"fake": fake.provider(models=("mine", "other"))}})
    key = daemon.admin("POST", "/hearth/v1/keys", {"name": "k", "models": ["mine"]}).json()["key"]
    said = [("Authorization", f"Bearer {key}")]
    names = [m["name"] for m in client.ask(daemon.port, "GET", "/api/tags", headers=said).json()["models"]]
    assert names == ["mine"]
    assert client.ask(daemon.port, "POST", "/api/show", {"model": "mine"}, said).status == 200
    assert client.ask(daemon.port, "POST", "/api/show", {"model": "other"}, said).status == 404
    assert client.ask(daemon.port, "POST", "/api/pull", {"model": "other"}, said).status == 404


def test_sillytavern_in_its_own_shape(openai):
    """Its text completion asks with raw, keep_alive and all of its samplers."""
    body = {"model": "fake-model", "prompt": "fake: events=2", "raw": True, "keep_alive": -1, "stream": True,
            "options": {"num_predict": 20, "num_ctx": 2048, "temperature": 1, "top_p": 1, "top_k": 0, "min_p": 0,
                        "typical_p": 1, "tfs_z": 1, "repeat_last_n": 64, "repeat_penalty": 1, "seed": 7,
                        "presence_penalty": 0, "frequency_penalty": 0, "mirostat": 0, "mirostat_tau": 5,
                        "mirostat_eta": 0.1, "stop": ["\nUser:"], "min_keep": 0, "penalize_newline": False,
                        "num_batch": 512, "num_gpu": 0, "numa": False, "use_mmap": True}}
    r = client.ask(openai.port, "POST", "/api/generate", body)
    said = OLLAMA_GENERATE.read(r)
    assert said.text == "w0 w1 " and openai.fake.asked().path == "/v1/completions"
    assert openai.asked()["prompt"] == "fake: events=2" and openai.asked()["stop"] == ["\nUser:"]


# --- the real engine -----------------------------------------------------------------------------------

LONG = 60


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    shop = shops.RealShop(shared, {"a": ("small", {"ctx": 4096, "keep_alive": "5m"}),
                                   "embed": ("embed", {"embedding": True})}, real_pack)
    shop.port = shop.daemon.port
    return shop


def test_a_chat_with_the_engine(llama):
    messages = [{"role": "user", "content": "Tell me a story."}]
    body = {"model": "a", "messages": messages, "options": {"num_predict": 6, "temperature": 0}}
    lines = [json.loads(ln) for ln in post(llama, "/api/chat", body, timeout=LONG).body.splitlines()]
    last = lines[-1]
    assert last["done"] and last["done_reason"] == "length" and last["eval_count"] == 6
    assert last["prompt_eval_count"] > 0 and last["eval_duration"] > 0
    assert last["total_duration"] == last["prompt_eval_duration"] + last["eval_duration"]
    whole = post(llama, "/api/chat", {**body, "stream": False}, timeout=LONG).json()
    said = dialects.OLLAMA_CHAT.streamed(b"\n".join(json.dumps(ln).encode() for ln in lines))
    assert whole["message"]["content"] == said.text and whole["eval_count"] == 6


def test_prompts_with_the_engine(llama):
    options = {"num_predict": 4, "temperature": 0}
    raw = post(llama, "/api/generate", {"model": "a", "prompt": "Once upon", "raw": True, "stream": False,
                                        "options": options}, timeout=LONG).json()
    plain = post(llama, "/v1/completions", {"model": "a", "prompt": "Once upon", "max_tokens": 4, "temperature": 0},
                 timeout=LONG).json()
    assert raw["response"] == plain["choices"][0]["text"] and raw["done_reason"] == "length"
    lines = post(llama, "/api/generate", {"model": "a", "prompt": "Hi", "options": options}, timeout=LONG).body
    assert dialects.OLLAMA_GENERATE.streamed(lines).tokens[1] == 4


def test_a_format(llama):
    schema = {"type": "object", "properties": {"n": {"type": "integer", "enum": [7]}}, "required": ["n"],
              "additionalProperties": False}
    for path, more in (("/api/chat", {"messages": [{"role": "user", "content": "A number"}]}),
                       ("/api/generate", {"prompt": "A number"}), ("/api/generate", {"prompt": "A", "raw": True})):
        r = post(llama, path, {"model": "a", "format": schema, "stream": False, "options": {"num_predict": 100},
                               **more}, timeout=LONG).json()
        assert json.loads(r["message"]["content"] if "message" in r else r["response"]) == {"n": 7}


def test_vectors_of_the_engine(llama):
    mine = post(llama, "/api/embed", {"model": "embed", "input": ["hello world", "bye"]}, timeout=LONG).json()
    theirs = post(llama, "/v1/embeddings", {"model": "embed", "input": "hello world"}, timeout=LONG).json()
    a, b = mine["embeddings"][0], theirs["data"][0]["embedding"]
    cosine = sum(x * y for x, y in zip(a, b)) / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    assert cosine >= 0.9999 and sum(x * x for x in a) == pytest.approx(1, abs=1e-4)
    assert mine["prompt_eval_count"] > 0 and len(mine["embeddings"]) == 2
    old = post(llama, "/api/embeddings", {"model": "embed", "prompt": "hello world"}, timeout=LONG).json()["embedding"]
    assert len(old) == len(a)
    length = sum(y * y for y in old) ** 0.5
    assert sum(x * y for x, y in zip(a, old)) / length >= 0.9999
    assert abs(length - 1) > 1e-3, "the older form's are as the model made them"
    for path, nothing, body in (("/api/embed", {"embeddings": []}, {"input": []}),
                                ("/api/embeddings", {"embedding": []}, {"prompt": ""})):
        said = post(llama, path, {"model": "embed", **body}, timeout=LONG).json()
        assert {k: said[k] for k in nothing} == nothing


def test_into_memory_and_out(llama):
    for path, empty in (("/api/chat", {"messages": []}), ("/api/generate", {"prompt": ""}), ("/api/generate", {})):
        r = post(llama, path, {"model": "a", **empty, "keep_alive": "10m"}, timeout=LONG)
        line = json.loads(r.body)
        assert line["done"] and line["done_reason"] == "load" and line["model"] == "a"
        row, = get(llama, "/api/ps").json()["models"]
        assert row["name"] == "a" and row["size"] > 0 and row["context_length"] == 4096
        ends = datetime.datetime.fromisoformat(row["expires_at"].replace("Z", "+00:00"))
        left = (ends - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        assert 200 < left < 320, left
    r = post(llama, "/api/generate", {"model": "a", "keep_alive": 0, "prompt": "", "stream": False}, timeout=LONG)
    assert r.json()["done_reason"] == "unload" and r.header("Content-Type") == "application/json"
    wait_for(lambda: not get(llama, "/api/ps").json()["models"], 10)
    assert get(llama, "/api/ps").json() == {"models": []}


def test_a_wish_ends_nobodys_answer(llama):
    body = {"model": "a", "messages": [{"role": "user", "content": "go on"}], "options": {"num_predict": 400}}
    with client.Wire(llama.port, LONG) as w:
        w.send(client.request_bytes("POST", "/api/chat", json.dumps(body).encode(), [("Connection", "close")]))
        while b'"done":false' not in w.reader.buf:
            assert w.fill(LONG)
        r = post(llama, "/api/generate", {"model": "a", "keep_alive": 0}, timeout=LONG)
        assert json.loads(r.body)["done_reason"] == "unload"
        lines = w.response().body.splitlines()
    assert json.loads(lines[-1])["done"] is True
    assert get(llama, "/api/ps").json()["models"], "somebody was using it"


def test_what_is_told_of_a_model(llama):
    rows = {m["name"]: m for m in get(llama, "/api/tags").json()["models"]}
    assert {"a", "embed"} <= set(rows) and rows["a"]["size"] > 0 and rows["a"]["details"]["format"] == "gguf"
    assert rows["a"]["digest"] != rows["embed"]["digest"]
    shown = post(llama, "/api/show", {"model": "a"}).json()
    assert shown["model_info"]["unknown.context_length"] == 4096
    assert post(llama, "/api/show", {"model": "embed"}).json()["capabilities"] == ["embedding"]


# --- its own clients ------------------------------------------------------------------------------------

PY_ALL = """
client = ollama.Client()
words = [{"role": "user", "content": "fake: events=3"}]
plain = client.chat("fake-model", words, stream=False)
parts = list(client.chat("fake-model", words, stream=True))
text = client.generate("fake-model", "fake: events=2")
names = [m.model for m in client.list().models]
shown = client.show("fake-model")
vectors = client.embed("fake-model", ["a", "b"]).embeddings
try:
    client.chat("no-such", words)
    code = 0
except ollama.ResponseError as e:
    code = e.status_code
print(json.dumps([plain.message.content, "".join(p.message.content for p in parts), parts[-1].done_reason,
                  text.response, names, shown.capabilities, len(vectors), len(client.ps().models), code,
                  client.pull("fake-model").status]))
"""
JS_ALL = """
const client = new Ollama({ host: process.env.OLLAMA_HOST });
const words = [{ role: 'user', content: 'fake: events=3' }];
const plain = await client.chat({ model: 'fake-model', messages: words });
let text = '', last;
for await (last of await client.chat({ model: 'fake-model', messages: words, stream: true })) text += last.message.content;
const generated = await client.generate({ model: 'fake-model', prompt: 'fake: events=2' });
const list = await client.list();
const shown = await client.show({ model: 'fake-model' });
const vectors = await client.embed({ model: 'fake-model', input: ['a', 'b'] });
let code = 0;
try { await client.chat({ model: 'no-such', messages: words }); } catch (e) { code = e.status_code; }
say([plain.message.content, text, last.done_reason, generated.response, list.models.map(m => m.model),
    shown.capabilities, vectors.embeddings.length, (await client.ps()).models.length, code,
    (await client.pull({ model: 'fake-model' })).status]);
"""
EXPECTED = ["w0 w1 w2 ", "w0 w1 w2 ", "stop", "w0 w1 ", ["fake-model"], ["completion", "tools"], 2, 0, 404, "success"]


@pytest.mark.parametrize("kind", ["openai", "ollama"])
@pytest.mark.parametrize("language", ["python", "node"])
def test_all_with_its_clients(programs, request, kind, language):
    place = request.getfixturevalue(kind)
    said, = programs.python(place, PY_ALL, "ollama") if language == "python" else programs.node(place, JS_ALL, "ollama")
    assert said == EXPECTED


@pytest.mark.parametrize("language", ["python", "node"])
def test_loops_of_tools_with_its_clients(programs, place, language):
    if language == "python":
        script = f"WORDS, TOOL = {LOOP!r}, {TOOL!r}\n" + PY_OLLAMA.replace('"m"', '"fake-model"')
        said, = programs.python(place, script, "ollama")
    else:
        first = f"const WORDS = {json.dumps(LOOP)}, TOOL = {json.dumps(TOOL)};\n"
        said, = programs.node(place, first + JS_OLLAMA.replace("'m'", "'fake-model'"), "ollama")
    assert said == [2, "stop", LOOPED, 7]


CASES = ["events=2", "reasoning=2 events=1", "events=1 tools=2", "finish=length"]


@pytest.mark.parametrize("words", CASES)
def test_what_their_types_say(programs, place, words):
    for dialect, kind, more in ((OLLAMA_CHAT, "ollama.ChatResponse", ("id", "index")),
                                (OLLAMA_GENERATE, "ollama.GenerateResponse", ("tool_calls", "id", "index"))):
        for stream in (False, True):
            answer = dialect.send(place.port, dialect.body(words, stream=stream))
            if stream:
                strict.judge_lines(programs, kind, answer.body, allowed=more)
            else:
                strict.judge(programs, kind, answer.json(), allowed=more)


def test_what_their_types_say_of_lists(programs, openai):
    strict.judge(programs, "ollama.ListResponse", get(openai, "/api/tags").json(), allowed=("name",))
    strict.judge(programs, "ollama.ProcessResponse", get(openai, "/api/ps").json())
    strict.judge(programs, "ollama.ShowResponse", post(openai, "/api/show", {"model": "fake-model"}).json())
    strict.judge(programs, "ollama.EmbedResponse",
                 post(openai, "/api/embed", {"model": "fake-model", "input": "a"}).json())
