"""What may stand in a request's body, and how much of it. A body that is refused reaches nobody."""

import base64
import json
import re
import struct
import time

import pytest

import client

CHAT = "/v1/chat/completions"
MIB = 1 << 20


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake, config={"log": {"level": "debug"}})


@pytest.fixture(autouse=True)
def clear(fake):
    fake.clear()


def refused(daemon, fake, raw, code=None, param=None, status=400):
    r = daemon.ask("POST", CHAT, raw, timeout=30)
    assert r.status == status, (r.status, r.body[:300])
    error = r.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error" and error["message"]
    assert code is None or error["code"] in (code if isinstance(code, tuple) else (code,)), error
    assert param is None or (error["param"] or "").startswith(param), error
    assert fake.stats()["requests"] == 0 and fake.stats()["bytes_in"] == 0
    return r


def accepted(daemon, fake, raw):
    r = daemon.ask("POST", CHAT, raw, timeout=30)
    assert r.status == 200, (r.status, r.body[:300])
    return fake.last()[0]["body"]


def with_member(text):
    """A good request with one more member, given as JSON text."""
    return ('{"model":"fake-model","messages":[{"role":"user","content":"fake: events=1"}],%s}'
            % text).encode("utf-8", "surrogatepass")


# --- JSON -----------------------------------------------------------------------------------------

BAD_VALUES = [
    "", "tru", "TRUE", "nul", "None", "undefined", "NaN", "Infinity", "-Infinity", "-", "+1", "01",
    "-01", "1.", ".5", "-.5", "1e", "1e+", "1.e1", "0x10", "1_000", "1,", "1 2", "''", "'a'", '"', '"a',
    '"\\"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\a"',
    '"a\nb"', '"a\tb"', '"\x00"', '"\x1f"', "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1:2]", "]",
    "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', "{a:1}", "{1:1}", '{"a":1 "b":2}',
    '{,"a":1}', "/* c */ 1", "1 // c", "# c", "<a>", "\ufeff1", "\u00a01", "\x0b1", "\uff11",
]
GOOD_VALUES = [
    "null", "true", "false", "0", "-0", "-0.0", "1.5e3", "1E-2", "123456789012345678901234567890",
    '""', '"\\u0000"', '"\\ud83d\\ude00"', '"\u2028"', '"\x7f"', '"\\/"', "[]", "[[],{}]", "{}",
    '{"":0}', '{"a":{"a":{"a":1}}}', " \t\r\n1 \t\r\n", '"\U0010ffff"', '"\ufffe"', "[1,2,3]",
    "0.1000000000000000055511151231257827", "-1e-320",
]


@pytest.mark.parametrize("value", BAD_VALUES, ids=repr)
def test_bad_json_inside(daemon, fake, value):
    refused(daemon, fake, with_member('"x":' + value))


@pytest.mark.parametrize("value", GOOD_VALUES, ids=repr)
def test_good_json_inside(daemon, fake, value):
    assert ('"x":' + value).encode() in accepted(daemon, fake, with_member('"x":' + value))


@pytest.mark.parametrize("raw", [
    b"", b" ", b"null", b"1", b'"x"', b"[]", b"{", b"}", b"{}{}", b"{} x", b"x{}", b"\x00", b"\xff\xfe{}",
    b"\xef\xbb\xbf{}", b"{\"a\":1}\x00", b"{}", b'{"messages":[]}', b'{"model":"fake-model"}'])
def test_no_chat_at_all(daemon, fake, raw):
    refused(daemon, fake, raw)


@pytest.mark.parametrize("text", [
    b"\xff", b"\xc3", b"\xc3\x28", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\x80", b"\xe2\x82", b"\xf0\x9f\x98"])
@pytest.mark.parametrize("place", ["content", "key", "model"])
def test_not_utf8(daemon, fake, text, place):
    raw = client.chat_body("events=1", extra="HERE")
    where = {"content": b"events=1", "key": b"extra", "model": b"fake-model"}[place]
    refused(daemon, fake, raw.replace(where, text, 1))


def nested(depth, opening, closing, inner):
    return with_member('"x":' + opening * depth + inner + closing * depth)


@pytest.mark.parametrize("opening,closing,inner", [("[", "]", ""), ('{"a":', "}", "1"), ('[{"a":', "}]", "1")])
def test_depth(daemon, fake, opening, closing, inner):
    each = len(re.findall(r"[\[{]", opening))
    accepted(daemon, fake, nested(62 // each, opening, closing, inner))
    fake.clear()
    refused(daemon, fake, nested(64 // each + 1, opening, closing, inner), "json_too_deep")


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_bottomless(daemon, fake, ground, opening):
    raw = b'{"x":' + opening.encode() * 100_000
    memory, began = daemon.memory_kib(), time.monotonic()
    refused(daemon, fake, raw, "json_too_deep")
    assert time.monotonic() - began < (1.0 if ground.sanitized else 0.1)
    assert ground.sanitized or daemon.memory_kib() - memory < 4096


def test_too_many_values(daemon, fake):
    raw = with_member('"x":[' + "0," * 1_100_000 + "0]")
    refused(daemon, fake, raw)


@pytest.mark.parametrize("raw", [
    with_member('"model":"other"'), with_member('"messages":[]'), with_member('"stream":true,"stream":false'),
    with_member('"x":{"a":1,"a":2}'), with_member('"x":[{"b":{"a":1,"c":0,"a":1}}]'),
    with_member('"x":{"a":1,"\\u0061":2}'), with_member('"mod\\u0065l":"other"'),
    with_member('"x":{%s,"k7":0}' % ",".join(f'"k{i}":{i}' for i in range(200)))])
def test_duplicate_keys(daemon, fake, raw):
    refused(daemon, fake, raw, "duplicate_key")


def test_an_escaped_name_does_not_pass_the_strip_table(daemon, fake):
    r = daemon.ask("POST", CHAT, with_member('"\\u0061pi_base":"http://10.0.0.1/"'))
    assert r.status == 400 or b"10.0.0.1" not in fake.last()[0]["body"]


# --- fields -----------------------------------------------------------------------------------------

BAD_FIELDS = {
    "model": ["1", "[]", '"a\\u0000b"'],
    "messages": ["null", "{}", '"x"', "[]", "[1]", "[null]", "[[]]", '[{"content":"x"}]',
                 '[{"role":1,"content":"x"}]', '[{"role":"user","content":1}]',
                 '[{"role":"user","content":[1]}]', '[{"role":"user","content":true}]'],
    "stream": ["1", '"true"', "[]", "{}"],
    "stream_options": ["1", "true", "[]"],
    "max_tokens": ["0", "-2", "1.5", "2147483648", "1e999", '"1"', "true"],
    "max_completion_tokens": ["0", "-2", "9223372036854775808"],
    "n": ["0", "-1", "9", "1000000000", "1.5", '"1"', "9223372036854775808"],
    "temperature": ["-0.1", "1e308", '"1"', "[]", "1e999"],
    "top_p": ["-0.1", "1.1", '"1"'],
    "frequency_penalty": ["-2.1", "2.1"],
    "presence_penalty": ["-2.1", "2.1"],
    "top_logprobs": ["-1", "21", "1.5"],
    "logprobs": ["1", '"x"'],
    "seed": ["1.5", '"1"', "9223372036854775808"],
    "tools": ["{}", "1", "[1]"],
    "stop": ["1", "{}", "[1]", "true", json.dumps(["x"] * 17), json.dumps("x" * 257), json.dumps(["x" * 257])],
    "logit_bias": ["[1]", "1"],
    "response_format": ["1", "[]", '"json"'],
}


@pytest.mark.parametrize("field,value", [(f, v) for f, vs in BAD_FIELDS.items() for v in vs])
def test_bad_fields(daemon, fake, field, value):
    members = {"model": '"fake-model"', "messages": '[{"role":"user","content":"fake: events=1"}]'}
    members[field] = value
    raw = "{" + ",".join(f'"{k}":{v}' for k, v in members.items()) + "}"
    r = daemon.ask("POST", CHAT, raw.encode())
    error = r.json()["error"]
    assert r.status == 400 or (field == "model" and r.status == 404), r.body
    assert error["param"] == field or error["code"] in ("invalid_json", "model_not_found"), error
    assert fake.stats()["requests"] == 0


@pytest.mark.parametrize("member", ["", '"model":null,', '"model":"",'])
def test_without_a_model(daemon, fake, member):
    """Whoever names none gets the only one there is, or hears of it; the upstream is told a name."""
    raw = '{%s"messages":[{"role":"user","content":"fake: events=1"}]}' % member
    r = daemon.ask("POST", CHAT, raw.encode())
    if r.status == 200:
        assert json.loads(fake.last()[0]["body"])["model"] == "fake-model"
        assert r.json()["model"]
    else:
        assert r.status in (400, 404) and r.json()["error"]["param"] in ("model", None)


GOOD_FIELDS = {
    "max_tokens": ["1", "2147483647", "null"], "n": ["1", "8", "null"], "temperature": ["0", "2", "0.7", "null"],
    "top_p": ["0", "1", "0.95"], "seed": ["-1", "9223372036854775807", "null"], "stop": ['"x"', '["a","b"]', "null"],
    "tools": ["[]", "null"], "logit_bias": ['{"50256":-100}', "null"], "stream": ["true", "false", "null"],
    "response_format": ['{"type":"json_object"}', "null"], "user": ['"u"', "null"],
    "messages": ['[{"role":"user","content":[{"type":"text","text":"fake: events=1"}]}]',
                 '[{"role":"assistant","content":null,"tool_calls":[]},{"role":"user","content":"fake: events=1"}]'],
}


@pytest.mark.parametrize("field,value", [(f, v) for f, vs in GOOD_FIELDS.items() for v in vs])
def test_good_fields(daemon, fake, field, value):
    members = {"model": '"fake-model"', "messages": '[{"role":"user","content":"fake: events=1"}]'}
    members[field] = value
    accepted(daemon, fake, ("{" + ",".join(f'"{k}":{v}' for k, v in members.items()) + "}").encode())


# --- caps --------------------------------------------------------------------------------------------


def chat_with(**more):
    return client.chat_body("events=1", **more)


def messages(n):
    first = [{"role": "user", "content": "x"}] * (n - 1)
    return [*first, {"role": "user", "content": "fake: events=1"}]


def tools(n, size=10):
    return [{"type": "function", "function": {"name": f"t{i}", "description": "d" * size}} for i in range(n)]


def images(n):
    part = {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}}
    return [{"role": "user", "content": [{"type": "text", "text": "fake: events=1"}, *[part] * n]}]


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 16, 16) + b"\x08\x06\0\0\0"


def coded(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


PICTURES = {  # what is refused, and so before any provider sees it
    "bomb": coded(PNG.replace(struct.pack(">II", 16, 16), struct.pack(">II", 65535, 65535))),
    "svg": coded(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg+xml"),
    "jpeg 2000": coded(b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
    "avif": coded(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "avif"),
    "truncated": coded(PNG[:20]),
    "not base64": "data:image/png;base64,????",
    "file": "file:///etc/passwd",
    "path": "/etc/passwd",
    "gopher": "gopher://127.0.0.1/",
    "nothing": "",
}


def with_picture(url):
    return chat_with(messages=[{"role": "user", "content": [
        {"type": "text", "text": "fake: events=1"}, {"type": "image_url", "image_url": {"url": url}}]}])


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_are_none(daemon, fake, name):
    fake.clear()
    r = daemon.ask("POST", "/v1/chat/completions", with_picture(PICTURES[name]))
    assert (r.status, r.error) == (400, "invalid_value") and r.json()["error"]["param"] == "messages"
    assert fake.stats()["requests"] == 0


@pytest.mark.parametrize("url", [coded(PNG), coded(b"GIF89a\1\0\1\0\0"), "https://example.org/a.png"])
def test_pictures(daemon, fake, url):
    accepted(daemon, fake, with_picture(url))


def ways(n):
    return [{"type": "object", "properties": {f"p{i}": {"type": "string"}}} for i in range(n)]


def with_schema(schema):
    return chat_with(response_format={"type": "json_schema", "json_schema": {"schema": schema}})


@pytest.mark.parametrize("fits, is_too_much", [
    ({"enum": [f"v{i}" for i in range(2000)]}, {"enum": [f"v{i}" for i in range(2001)]}),
    ({"anyOf": ways(500)}, {"anyOf": ways(501)}),
    ({"properties": {f"p{i}": {} for i in range(500)}}, {"properties": {f"p{i}": {} for i in range(501)}}),
])
def test_schemas_with_too_much_to_choose_from(daemon, fake, fits, is_too_much):
    accepted(daemon, fake, with_schema(fits))
    fake.clear()
    r = daemon.ask("POST", "/v1/chat/completions", with_schema(is_too_much))
    assert (r.status, r.error) == (400, "invalid_value") and r.json()["error"]["param"] == "response_format"
    assert fake.stats()["requests"] == 0


@pytest.mark.parametrize("value", ["", [], [""], ["a", ""], [[]], {"a": 1}, 5, None, [None], ["a"] * 2049])
def test_inputs_of_vectors(daemon, value):
    r = daemon.ask("POST", "/v1/embeddings", {"model": "fake-model", "input": value})
    assert r.status == 400 and r.json()["error"]["param"] == "input", r.body


CAPS = {
    "messages": (dict(messages=messages(4096)), dict(messages=messages(4097))),
    "tools": (dict(tools=tools(256)), dict(tools=tools(257))),
    "tool schema": (dict(tools=tools(1, 250 << 10)), dict(tools=tools(1, 257 << 10))),
    "response format": (dict(response_format={"type": "json_schema", "s": "x" * (250 << 10)}),
                        dict(response_format={"type": "json_schema", "s": "x" * (257 << 10)})),
    "stop": (dict(stop=["x" * 256] * 16), dict(stop=["x"] * 17)),
    "logit bias": (dict(logit_bias={str(i): 1 for i in range(1024)}),
                   dict(logit_bias={str(i): 1 for i in range(1025)})),
    "images": (dict(messages=images(16)), dict(messages=images(17))),
    "choices": (dict(n=8), dict(n=9)),
}


@pytest.mark.parametrize("name", CAPS)
def test_caps(daemon, fake, name):
    fits, is_too_much = CAPS[name]
    accepted(daemon, fake, chat_with(**fits))
    fake.clear()
    refused(daemon, fake, chat_with(**is_too_much))


def test_content_part_of_8_mib(daemon, fake):
    big = [{"role": "user", "content": "x" * (8 * MIB)}, *messages(1)]
    accepted(daemon, fake, chat_with(messages=big))
    fake.clear()
    big[0]["content"] += "xx"
    refused(daemon, fake, chat_with(messages=big), param="messages")


def test_body_of_32_mib(daemon, fake):
    parts = [{"role": "user", "content": "x" * (7 * MIB)}] * 4
    body = chat_with(messages=[*parts, *messages(1)])
    accepted(daemon, fake, body + b" " * (32 * MIB - len(body)))
    fake.clear()
    refused(daemon, fake, body + b" " * (32 * MIB - len(body) + 1), "body_too_large", status=413)


def test_smaller_limit(make):
    fake = make.fake()
    daemon = make.daemon(fake, config={"limits": {"body": "2KiB"}})
    accepted(daemon, fake, client.chat_body("events=1", pad=1500))
    fake.clear()
    refused(daemon, fake, client.chat_body("events=1", pad=2500), "body_too_large", status=413)


def test_bodies_in_memory_have_a_budget(make, ground):
    """More large bodies than fit: they wait or are told to come again, none is lost in between."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"limits": {"bodies_total": "20MiB", "body": "8MiB"},
                                       "upstream": {"first_byte": "20s"}})
    body = client.chat_body("events=1 delay_ms=300", pad=6 * MIB)
    raw = client.request_bytes("POST", CHAT, body)
    memory = daemon.memory_kib()
    wires = [daemon.wire(timeout=40) for _ in range(8)]
    for w in wires:
        w.send_while_reading(raw, 0.5)
    most = daemon.memory_kib() - memory
    for w in wires:
        w.close()
    assert ground.sanitized or most < 90 << 10
    daemon.idle(20)
    assert daemon.chat("events=1").status == 200


# --- what must not get out ------------------------------------------------------------------------------

NASTY = "bad\r\nX-Injected: 1\x1b[31m\x07\x9b\u202e"


@pytest.mark.parametrize("field", ["model", "user"])
def test_control_bytes_stay_inside(daemon, fake, field):
    r = daemon.ask("POST", CHAT, chat_with(**{field: NASTY, "stream": True}))
    assert r.header("X-Injected") is None
    assert b"\x1b" not in r.raw_head and b"\x1b" not in r.body
    said = daemon.said().encode("utf-8", "surrogateescape")
    assert b"\x1b" not in said and b"\nX-Injected" not in said and b"\x07" not in said


def test_control_bytes_in_headers_and_paths_stay_inside(daemon):
    daemon.ask("GET", "/%1b%5b31m%0aX-Injected:1")
    daemon.chat("events=1", headers=[("User-Agent", "x\x9b31m\udcff")])
    daemon.ask("GET", "/%c2%9b31m")
    said = daemon.said().encode("utf-8", "surrogateescape")
    assert b"\x1b" not in said and b"\n X-Injected" not in said and b"\xc2\x9b" not in said


def test_words_of_the_upstream_are_data(daemon):
    """An error text with line ends and escapes is one JSON string in one event."""
    nasty = "%0d%0aX-Injected:%201%0d%0a%0d%0adata:%20[DONE]%1b[31m"
    r = daemon.chat(f"status=400 message={nasty}")
    assert r.status == 400 and r.header("X-Injected") is None and b"\x1b" not in r.body
    assert "X-Injected" in r.json()["error"]["message"] or r.json()["error"]["message"]
    assert b"\x1b" not in daemon.said().encode("utf-8", "surrogateescape")


def test_prompts_are_not_logged(daemon):
    secret = "a-very-private-sentence"
    daemon.chat(f"events=1 text={secret}-answer")
    daemon.chat(f"status=500 message={secret}-of-the-upstream")
    daemon.ask("POST", CHAT, with_member(f'"x":"{secret}",,'))
    assert secret not in daemon.said()
