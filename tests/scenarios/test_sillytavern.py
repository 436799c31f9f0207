"""SillyTavern, as its server asks: a new connection for each call, an empty bearer, no model or
`undefined`, and all its samplers at once, those that no engine knows too. Against the real llama-server."""

import json

import pytest

import client
import shop as shops

LONG = 60
SAMPLERS = {
    "max_new_tokens": 8, "max_tokens": 8, "n_predict": 8, "num_predict": 8, "num_ctx": 8192, "temperature": 1,
    "top_p": 1, "top_k": 0, "min_p": 0.1, "typical_p": 1, "typical": 1, "tfs": 1, "top_a": 0, "skew": 0,
    "frequency_penalty": 0, "presence_penalty": 0, "repetition_penalty": 1.1, "repetition_penalty_range": 0,
    "repeat_penalty": 1.1, "repeat_last_n": 0, "rep_pen": 1.1, "rep_pen_range": 0, "rep_pen_slope": 1,
    "min_tokens": 0, "min_keep": 0, "add_bos_token": True, "ban_eos_token": False, "ignore_eos": False,
    "skip_special_tokens": True, "smoothing_factor": 0, "smoothing_curve": 1, "dry_multiplier": 0, "dry_base": 1.75,
    "dry_allowed_length": 2, "dry_penalty_last_n": 0, "dry_sequence_breakers": ["\n", ":", "\"", "*"],
    "max_tokens_second": 0, "stopping_strings": ["\nYou:"], "stop": ["\nYou:"], "truncation_length": 8192,
    "include_reasoning": True, "mirostat": 0, "mirostat_mode": 0, "mirostat_tau": 5, "mirostat_eta": 0.1,
    "custom_token_bans": "", "banned_strings": [], "xtc_threshold": 0.1, "xtc_probability": 0, "nsigma": 0,
    "top_n_sigma": 0, "adaptive_target": -0.01, "adaptive_decay": 0.9, "guidance_scale": 1, "negative_prompt": "",
    "samplers": ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "tfs_z", "typical_p", "top_p", "min_p", "xtc",
                 "temperature", "adaptive_p"],
    "logit_bias": [[5, -1.5], [6, False]], "grammar": "", "cache_prompt": True, "n": 1,
}
HEADERS = [("Connection", "close"), ("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br"),
           ("User-Agent", "node-fetch")]
BEARERS = [[], [("Authorization", "Bearer")], [("Authorization", "Bearer ")]]


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    return shops.RealShop(shared, {"a": ("small", {"ctx": 4096}), "vectors": ("embed", {"embedding": True})},
                          real_pack)


def ask(s, method, path, body=None, headers=()):
    with client.Wire(s.daemon.port, LONG) as wire:
        text = None if body is None else json.dumps(body).encode()
        wire.send(client.request_bytes(method, path, text, [*HEADERS, *headers]))
        r = wire.response()
        assert r.header("connection") == "close"
        return r


def events(r):
    assert r.header("content-type").startswith("text/event-stream"), r.body
    found = [client.event_json(e) for e in client.split_events(r.body) if not client.is_done(e)]
    return [e for e in found if e is not None]  # without what only keeps the line warm


@pytest.mark.parametrize("bearer", BEARERS)
def test_it_connects(llama, bearer):
    """The list, then the properties: a template to hash and a context to write into."""
    listed = ask(llama, "GET", "/v1/models", headers=bearer)
    assert [m["id"] for m in listed.json()["data"]][0] == "a"
    props = ask(llama, "GET", "/props", headers=bearer).json()
    assert isinstance(props["chat_template"], str) and props["default_generation_settings"]["n_ctx"] == 4096
    assert isinstance(ask(llama, "GET", "/slots", headers=bearer).json(), list)


@pytest.mark.parametrize("bearer", BEARERS)
def test_it_generates(llama, bearer):
    body = {"prompt": "You: hello\nThem:", **SAMPLERS, "api_type": "llamacpp", "api_server": "http://127.0.0.1:8080"}
    whole = ask(llama, "POST", "/completion", {**body, "stream": False}, bearer)
    assert whole.status == 200, whole.body
    assert whole.json()["content"] and whole.json()["stop"] is True
    pieces = events(ask(llama, "POST", "/completion", {**body, "stream": True}, bearer))
    assert all(isinstance(p["content"], str) for p in pieces)
    assert [p["stop"] for p in pieces] == [False] * (len(pieces) - 1) + [True]


def test_the_samplers_are_those_it_sent(llama):
    """What the engine knows under the same name arrives there."""
    body = {"prompt": "You: hello\nThem:", **SAMPLERS, "temperature": 0.7, "top_k": 13, "dry_multiplier": 0.8}
    used = ask(llama, "POST", "/completion", body).json()["generation_settings"]
    assert (round(used["temperature"], 3), used["top_k"], round(used["dry_multiplier"], 3)) == (0.7, 13, 0.8)
    assert used["stop"] == ["\nYou:"] and used["n_predict"] == 8


def test_a_schema(llama):
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    r = ask(llama, "POST", "/completion", {"prompt": "x", **SAMPLERS, "n_predict": 40, "json_schema": schema})
    assert r.status == 200, r.body


def test_it_counts_tokens(llama):
    r = ask(llama, "POST", "/tokenize", {"model": "undefined", "content": "one time year"})
    assert r.status == 200 and len(r.json()["tokens"]) > 0, r.body


def test_its_vectors_name_no_model(llama):
    r = ask(llama, "POST", "/v1/embeddings", {"input": ["one time", "two times"]})
    assert r.status == 200, r.body
    assert [d["index"] for d in r.json()["data"]] == [0, 1] and r.json()["model"] == "vectors"


@pytest.mark.parametrize("bearer", BEARERS)
def test_chat_completion(llama, bearer):
    """Its other mode, with a base address that ends in /v1."""
    body = {"messages": [{"role": "system", "content": "You are a bird."}, {"role": "user", "content": "hello"}],
            "model": "a", "temperature": 1, "max_tokens": 8, "max_completion_tokens": 8, "presence_penalty": 0,
            "frequency_penalty": 0, "top_p": 1, "top_k": 0, "logit_bias": {}, "seed": 5, "n": 1,
            "include_reasoning": True, "stop": []}
    pieces = events(ask(llama, "POST", "/v1/chat/completions", {**body, "stream": True}, bearer))
    assert "".join(p["choices"][0]["delta"].get("content") or "" for p in pieces if p["choices"])
    whole = ask(llama, "POST", "/v1/chat/completions", {**body, "stream": False}, bearer)
    assert whole.status == 200 and whole.json()["choices"][0]["message"]["content"], whole.body


def test_generic_text_completion(llama):
    body = {"prompt": "You: hello\nThem:", "model": "a", "max_tokens": 8, "temperature": 1, "top_p": 1, "stream": True,
            "stop": ["\nYou:"], "n": 1, "seed": 5, "frequency_penalty": 0, "presence_penalty": 0}
    pieces = events(ask(llama, "POST", "/v1/completions", body))
    assert "".join(p["choices"][0]["text"] for p in pieces if p["choices"])


def test_what_it_shows_of_an_error(llama):
    r = ask(llama, "POST", "/v1/chat/completions", {"messages": [], "model": "a"})
    assert r.status == 400 and isinstance(r.json()["error"]["message"], str)
