"""Fields by which an engine samples: what clients send passes byte for byte, what could hurt an engine
is refused with the field's name, and then the upstream sees nothing of it."""

import json

import pytest

CHAT = "/v1/chat/completions"

# All that SillyTavern sends for a llama.cpp server, with its own spelling of numbers.
SILLY_TAVERN = """
"max_new_tokens":200,"max_tokens":200,"n_predict":200,"num_predict":200,"num_ctx":8192,
"temperature":0.70,"top_p":0.9,"top_k":40,"min_p":0.05,"typical_p":1,"typical":1,"tfs":1,"top_a":0,
"skew":0,"frequency_penalty":0,"presence_penalty":0,"repetition_penalty":1.1,
"repetition_penalty_range":0,"repeat_penalty":1.1,"repeat_last_n":0,"rep_pen":1.1,"rep_pen_range":0,
"rep_pen_slope":1,"min_tokens":0,"min_keep":0,"add_bos_token":true,"ban_eos_token":false,
"ignore_eos":false,"skip_special_tokens":true,"smoothing_factor":0,"smoothing_curve":1,
"dry_multiplier":0.8,"dry_base":1.75,"dry_allowed_length":2,"dry_penalty_last_n":0,
"dry_sequence_breakers":["\\n",":","\\"","*"],"max_tokens_second":0,
"samplers":["penalties","dry","top_n_sigma","top_k","typ_p","tfs_z","top_p","min_p","xtc","adaptive_p",
"temperature"],"stopping_strings":["\\nYou:"],"stop":["\\nYou:"],"truncation_length":8192,
"include_reasoning":true,"mirostat":0,"mirostat_mode":0,"mirostat_tau":5,"mirostat_eta":0.1,
"custom_token_bans":"","banned_strings":[],"api_type":"llamacpp","api_server":"http://127.0.0.1:8420",
"xtc_threshold":0.1,"xtc_probability":0,"nsigma":0,"top_n_sigma":0,"adaptive_target":-0.01,
"adaptive_decay":0.9,"guidance_scale":1,"negative_prompt":"","logit_bias":[[13,-100],["x",false]],
"grammar":"","cache_prompt":true,"n":1,"seed":-1,"return_progress":true,"timings_per_token":true,
"post_sampling_probs":false,"response_fields":["content"],"lora":[{"id":0,"scale":0.5}],
"reasoning_format":"auto","dynatemp_range":0.0,"dynatemp_exponent":1""".replace("\n", "")

# Each past its bound, or of the wrong kind.
BAD = {
    "temperature": ["-0.1", "101", '"1"', "1e308"],
    "top_k": ["-2", "2147483648", "1.5", '"40"'],
    "min_p": ["-0.1", "1.1", "true"],
    "typical_p": ["2"],
    "top_n_sigma": ["1e38", "{}"],
    "xtc_probability": ["1.1"],
    "xtc_threshold": ["-1"],
    "repeat_last_n": ["-2", "200000000", "2147483647"],  # an engine takes memory for each
    "repeat_penalty": ["-1", "1e308"],
    "dry_multiplier": ["-1", "1e38"],
    "dry_base": ["1e38"],
    "dry_allowed_length": ["-1"],
    "dry_penalty_last_n": ["-2", "200000000"],
    "dry_sequence_breakers": ["1", "[1]", json.dumps(["x"] * 65)],
    "dynatemp_range": ["1e38"],
    "dynatemp_exponent": ["-1e38"],
    "mirostat": ["3", "-1"],
    "mirostat_tau": ["-1"],
    "mirostat_eta": ["1e38"],
    "adaptive_target": ["-1e38"],
    "adaptive_decay": ["2"],
    "n_predict": ["-2", "2147483648"],
    "max_tokens": ["-2", "2147483648"],
    "n_keep": ["-2"],
    "n_probs": ["-1", "100000000"],
    "n_cmpl": ["0", "100"],
    "min_keep": ["-1"],
    "n_indent": ["-1"],
    "t_max_predict_ms": ["-2", "0.5"],
    "n_cache_reuse": ["-1"],
    "reasoning_budget_tokens": ["-2"],
    "thinking_budget_tokens": ["-2"],
    "samplers": ["1", "[1]", json.dumps(["dry"] * 33)],
    "logit_bias": ["1", "[1]", "[[1,1e308]]", '{"1":1e308}', json.dumps([[i, 1] for i in range(1025)])],
    "grammar": ["{}", json.dumps("x" * (256 * 1024 + 1)), json.dumps('root ::= "a"{0,10000}'),
                json.dumps("root ::= " + '"a"{0,2000} ' * 51)],
    "json_schema": ['{"type":"array","maxItems":100001}', '{"a":[{"minLength":1e9}]}',
                    json.dumps({"x": "x" * 256 * 1024}), '{"pattern":"^a{9999}$"}'],
    "response_format": ['{"schema":{"maxLength":100001}}'],
}


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


@pytest.fixture(autouse=True)
def clear(fake):
    fake.clear()


def body(members, place="last"):
    rest = '"model":"fake-model","messages":[{"role":"user","content":"fake: events=1"}]'
    return ("{" + (f"{rest},{members}" if place == "last" else f"{members},{rest}") + "}").encode()


def passed_on(daemon, fake, raw):
    r = daemon.ask("POST", CHAT, raw)
    assert r.status == 200, (r.status, r.body[:300])
    return fake.last()[0]["body"]


@pytest.mark.parametrize("place", ["first", "last"])
def test_what_sillytavern_sends(daemon, fake, place):
    raw = body(SILLY_TAVERN, place)
    assert len(json.loads(raw)) > 65
    assert SILLY_TAVERN.encode() in passed_on(daemon, fake, raw)


@pytest.mark.parametrize("field,value", [(f, v) for f, vs in BAD.items() for v in vs],
                         ids=lambda v: str(v)[:30])
def test_too_much(daemon, fake, field, value):
    r = daemon.ask("POST", CHAT, body(f'"{field}":{value}'))
    error = r.json()["error"]
    assert (r.status, error["type"], error["param"]) == (400, "invalid_request_error", field), error
    assert error["message"] and fake.stats()["requests"] == 0 and fake.stats()["bytes_in"] == 0


@pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("field", ["temperature", "top_k", "not_known"])
def test_no_number(daemon, fake, field, value):
    r = daemon.ask("POST", CHAT, body(f'"{field}":{value}'))
    assert (r.status, r.json()["error"]["code"]) == (400, "invalid_json")
    assert fake.stats()["bytes_in"] == 0


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens", "n_predict"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_no_limit_is_said_by_saying_nothing(daemon, fake, field, place):
    got = json.loads(passed_on(daemon, fake, body(f'"{field}":-1,"top_k":-1', place)))
    assert field not in got and got["top_k"] == -1


def test_what_steers_an_engine_is_taken_out(daemon, fake):
    steering = {"id_slot": 3, "slot_id": 3, "slots": [], "n_discard": -1, "sse_ping_interval": -1,
                "chat_format": 9, "chat_parser": "x", "grammar_type": "x", "generation_prompt": "x"}
    got = json.loads(passed_on(daemon, fake, body(json.dumps(steering)[1:-1])))
    assert not steering.keys() & got.keys()


@pytest.mark.parametrize("value", ['{"13":-100,"x":false}', "[[13,-100],[14,false]]", '[{"id":13}]', "[]",
                                   json.dumps([[i, 1] for i in range(1024)])],
                         ids=lambda v: v[:20])
def test_biases_in_each_form(daemon, fake, value):
    assert f'"logit_bias":{value}'.encode() in passed_on(daemon, fake, body(f'"logit_bias":{value}'))
