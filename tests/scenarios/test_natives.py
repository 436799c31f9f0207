"""llama-server's own words: endpoints for those who speak them, against the real llama-server, and what
becomes of a text in them where the model is somebody else's."""

import json

import pytest

import client
import shop as shops
from harness import wait_for

LONG = 60


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    return shops.RealShop(shared, {"a": ("small", {"ctx": 2048, "parallel": 1}), "fim": ("fim", {})}, real_pack)


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def relay(shared, fake):
    return shared.daemon(fake)


def post(s, path, **body):
    return client.ask(s.port if hasattr(s, "port") else s.daemon.port, "POST", path, body, timeout=LONG)


def get(s, path):
    return client.ask(s.daemon.port, "GET", path, timeout=LONG)


def events(s, path, **body):
    with client.Wire(s.port if hasattr(s, "port") else s.daemon.port, LONG) as wire:
        text = json.dumps({**body, "stream": True}).encode()
        wire.send(client.request_bytes("POST", path, text, [("Connection", "close")]))
        r = wire.response()
    assert r.header("content-type") == "text/event-stream", r.body
    found = [client.event_json(e) for e in client.split_events(r.body) if not client.is_done(e)]
    return [e for e in found if e is not None]  # without what only keeps the line warm


# --- an engine of ours ------------------------------------------------------------------------------


def test_props(llama):
    for path in ("/props", "/props?model=a", "/props?model=undefined", "/props?model="):
        r = get(llama, path)
        assert r.status == 200, r.body
        props = r.json()
        assert isinstance(props["chat_template"], str) and props["default_generation_settings"]["n_ctx"] == 2048
        assert props["model_path"] == props["model_alias"] == "a"
        assert b"gguf" not in r.body and b"/model" not in r.body
    assert get(llama, "/props?model=nobody").error == "model_not_found"
    assert get(llama, "/props?model=%zz").error == "invalid_value"


def test_tokens_there_and_back(llama):
    for more in ({"model": "a"}, {"model": "undefined"}, {"model": ""}, {}):
        r = post(llama, "/tokenize", content="one time year", **more)
        assert r.status == 200 and len(r.json()["tokens"]) > 2, r.body
    text = post(llama, "/detokenize", model="a", tokens=r.json()["tokens"]).json()["content"]
    assert text.strip() == "one time year"
    assert post(llama, "/tokenize", model="a").error == "missing_field"
    assert post(llama, "/detokenize", model="a").error == "missing_field"


def test_template(llama):
    r = post(llama, "/apply-template", model="a", messages=[{"role": "user", "content": "hi"}])
    assert r.json() == {"prompt": "<user> hi\n<assistant>"}


def test_adapters(llama):
    assert get(llama, "/lora-adapters?model=a").json() == []


def test_slots_tell_nothing_of_what_is_in_them(llama):
    """Also while somebody is answered: they need no slot themselves."""
    with llama.stream("a", "a secret of mine", max_tokens=2000, stop=["my own end"]) as stream:
        stream.take(2)
        r = get(llama, "/slots?model=a")
        assert r.status == 200, r.body
        slot, = r.json()
        assert slot["is_processing"] is True and slot["n_ctx"] == 2048
        assert set(slot) <= {"id", "n_ctx", "speculative", "is_processing", "next_token"}
        assert b"secret" not in r.body and b"my own end" not in r.body
        assert post(llama, "/tokenize", model="a", content="one").status == 200
        assert get(llama, "/props?model=a").status == 200


def test_infill(llama):
    r = post(llama, "/infill", model="fim", input_prefix="int f() {", input_suffix="}", n_predict=4, temperature=0)
    assert r.status == 200 and r.json()["content"] and r.json()["model"] == "fim", r.body
    pieces = events(llama, "/infill", model="fim", input_prefix="int f() {", input_suffix="}", n_predict=4,
                    temperature=0)
    assert "".join(p["content"] for p in pieces) == r.json()["content"] and pieces[-1]["stop"] is True
    no = post(llama, "/infill", model="a", input_prefix="a", input_suffix="b")
    assert no.status >= 400 and b"Infill is not supported" in no.body


def test_infill_as_llama_vim_asks(llama):
    """All that it sends, with context from other buffers; the answer has only what it asks for."""
    r = post(llama, "/infill", input_prefix="int f() {\n", input_suffix="\n}\n", prompt="  return",
             input_extra=[{"text": "int g();\n", "time": 1, "filename": "g.h"}], n_predict=8, stop=[], n_indent=2,
             top_k=40, top_p=0.9, samplers=["top_k", "top_p", "infill"], stream=False, cache_prompt=True,
             t_max_prompt_ms=500, t_max_predict_ms=1000, model="fim",
             response_fields=["content", "timings/prompt_n", "timings/predicted_n", "truncated", "tokens_cached"])
    assert r.status == 200, r.body
    assert r.json()["content"] and r.json()["timings/predicted_n"] > 0


def test_vim_fills_in(programs, llama):
    """The plugin itself: what stands at the cursor is the model's."""
    lines = programs.vim(llama.daemon, ["int f() {", "  return 1", "}"], """
        let g:turn = get(g:, 'turn', 0) + 1
        if g:turn == 1
            call llama#fim(-1, -1, v:false, [], v:false)
        elseif llama#is_fim_hint_shown()
            call llama#fim_accept('full')
            let g:done = 1
        endif
    """, insert=(2, 11), model="fim")
    assert len("\n".join(lines)) > len("int f() {\n  return 1\n}"), lines


def test_filling_in_as_mistral_asks(llama):
    ask = {"model": "fim", "prompt": "int f() {", "suffix": "}", "max_tokens": 6, "temperature": 0, "random_seed": 3}
    r = post(llama, "/v1/fim/completions", **ask)
    assert r.status == 200, r.body
    choice, = r.json()["choices"]
    assert choice["message"]["content"] == choice["text"] and choice["text"]
    assert r.json()["model"] == "fim" and choice["finish_reason"] == "length"
    assert r.json()["usage"]["completion_tokens"] == 6
    own = post(llama, "/infill", model="fim", input_prefix="int f() {", input_suffix="}", n_predict=6, temperature=0,
               seed=3)
    assert own.json()["content"] == choice["text"]
    pieces = events(llama, "/v1/fim/completions", **ask)
    assert all(p["choices"] for p in pieces), "Continue looks at the first choice of each"
    assert "".join(p["choices"][0]["delta"]["content"] for p in pieces) == choice["text"]
    assert pieces[-1]["choices"][0]["finish_reason"] == "length" and pieces[-1]["usage"]["completion_tokens"] == 6
    assert post(llama, "/v1/fim/completions", model="fim", suffix="}").error == "missing_field"


def test_load_and_unload_as_the_router_is_asked(llama):
    assert post(llama, "/models/load", model="a").json() == {"success": True}
    assert llama.state("a") in ("READY", "BUSY")
    with llama.stream("a", "go on", max_tokens=2000) as stream:
        stream.take(2)
        busy = post(llama, "/models/unload", model="a")
        assert busy.status == 409 and busy.error == "model_busy"
    wait_for(lambda: post(llama, "/models/unload", model="a").status == 200, LONG)
    llama.until("a", "ABSENT", seconds=LONG)
    assert post(llama, "/models/unload", model="nobody").status == 404
    assert post(llama, "/models/load").error == "missing_field"


# --- more than fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/completion"])
@pytest.mark.parametrize("size", [20_000, 4 << 20])  # as the engine says; as is certain before it is asked
def test_longer_than_the_context(llama, path, size):
    text = ("the " * (size // 4))[:size]
    body = {"messages": [{"role": "user", "content": text}]} if "chat" in path else {"prompt": text}
    r = post(llama, path, model="a", **body)
    assert (r.status, r.error) == (400, "context_length_exceeded"), r.body
    assert ("and 2048 fit" in r.json()["error"]["message"]) == (size > 1 << 20), r.body


def test_more_tokens_than_fit(llama):
    r = post(llama, "/completion", model="a", prompt=[300] * 2049)
    assert r.error == "context_length_exceeded" and "and 2048 fit" in r.json()["error"]["message"]


def test_pictures_are_not_fetched_by_an_engine(llama):
    r = post(llama, "/v1/chat/completions", model="a", messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}]}])
    assert r.status == 400 and "fetches nothing" in r.json()["error"]["message"]


# --- a model that is somebody else's ----------------------------------------------------------------


def test_a_text_of_somebody_else(relay, fake):
    r = post(relay, "/completion", prompt="fake: events=2 text=hello%20 finish=length", n_predict=7, temperature=0.5,
             seed=-1, top_k=40, logit_bias=[[5, -1.5]], stop=["x"], grammar="", cache_prompt=True)
    assert r.status == 200, r.body
    answer = r.json()
    assert answer["content"] == "hello hello " and answer["stop"] is True and answer["stop_type"] == "limit"
    assert answer["tokens_evaluated"] > 0 and answer["tokens_predicted"] > 0
    asked = fake.asked().body
    assert asked["max_tokens"] == 7 and asked["logit_bias"] == {"5": -1.5} and asked["stop"] == ["x"]
    assert "n_predict" not in asked and "seed" not in asked and "top_k" not in asked


def test_a_text_of_somebody_else_as_a_stream(relay):
    pieces = events(relay, "/completion", prompt="fake: events=2 text=hello%20")
    assert [p["content"] for p in pieces] == ["hello ", "hello ", ""]
    assert [p["stop"] for p in pieces] == [False, False, True] and pieces[-1]["stop_type"] == "eos"
    assert pieces[-1]["tokens_predicted"] > 0


@pytest.mark.parametrize("path, body, word", [
    ("/completion", {"prompt": [1, 2, 3]}, "tokens"),
    ("/completion", {"prompt": ["a", "b"]}, "several texts"),
    ("/completion", {"prompt": "a", "grammar": "root ::= \"a\""}, "grammar"),
    ("/infill", {"input_prefix": "a", "input_suffix": "b"}, "engine of this machine"),
    ("/v1/fim/completions", {"prompt": "a"}, "engine of this machine"),
    ("/tokenize", {"content": "a"}, "engine of this machine"),
])
def test_what_somebody_else_cannot_do(relay, path, body, word):
    r = post(relay, path, **body)
    assert r.status == 400 and r.error == "unsupported_parameter", r.body
    assert word in r.json()["error"]["message"]
