"""What goes through unharmed: requests, streams, whole answers, and the bytes of both."""

import json
import time

import pytest

import client
from client import contents, event_json, is_done, split_events

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


@pytest.fixture
def upstream(fake):
    """The fake with fresh counters."""
    fake.clear()
    return fake


def expected_stream(sent, wants_usage=False, model=b'"upstream-model"'):
    """What a client should get for what the fake sent: its own name for the model, and no usage
    event that it did not ask for."""
    kept = []
    for event in split_events(sent):
        obj = event_json(event)
        unasked = obj and not obj.get("choices") and obj.get("usage") and not wants_usage
        if not unasked:
            kept.append(event.replace(model, b'"fake-model"'))
    return b"".join(kept)


# --- answers ---------------------------------------------------------------------------------------


def test_health(daemon):
    r = daemon.ask("GET", "/health")
    assert r.status == 200 and r.json()["status"] == "ok"
    assert r.header("Content-Type").startswith("application/json")


def test_head_has_no_body(daemon):
    with daemon.wire() as w:
        w.send(client.request_bytes("HEAD", "/health") + client.request_bytes("GET", "/health"))
        first = w.response(no_body=True)
        assert first.status == 200 and first.body == b""
        assert w.response().json()["status"] == "ok"


def test_models(daemon):
    listed = daemon.ask("GET", "/v1/models").json()
    assert listed["object"] == "list"
    entry = next(m for m in listed["data"] if m["id"] == "fake-model")
    assert entry["object"] == "model"
    assert isinstance(entry["created"], int) and isinstance(entry["owned_by"], str)


def test_unknown_model(daemon, upstream):
    r = daemon.chat("", model="no-such-model")
    assert (r.status, r.error) == (404, "model_not_found")
    assert upstream.stats()["requests"] == 0


def test_whole_answer(daemon, upstream):
    r = daemon.chat("events=3")
    assert r.status == 200 and r.header("X-Request-Id")
    got = r.json()
    assert {"id", "object", "created", "model", "choices", "usage"} <= set(got)
    assert got["object"] == "chat.completion" and got["model"] == "fake-model"
    assert got["created"] == 1700000000 and got["id"].startswith("chatcmpl-")
    assert got["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    choice, = got["choices"]
    assert choice["index"] == 0 and choice["finish_reason"] == "stop" and "logprobs" in choice
    assert choice["message"] == {"role": "assistant", "content": "w0 w1 w2 ", "refusal": None}


def test_upstream_is_always_asked_for_a_stream(daemon, upstream):
    for stream in (None, False, True):
        daemon.chat("events=1", stream=stream)
        asked = json.loads(upstream.last()[0]["body"])
        assert asked["stream"] is True
        assert asked["stream_options"]["include_usage"] is True


def test_stream(daemon, upstream):
    r = daemon.chat("events=3 model=upstream-model", stream=True)
    assert r.status == 200 and r.header("X-Request-Id")
    assert r.header("Content-Type").startswith("text/event-stream")
    assert r.body == expected_stream(upstream.last()[0]["sent"])
    assert contents(split_events(r.body)) == ["w0 ", "w1 ", "w2 "]
    assert is_done(split_events(r.body)[-1])


def test_stream_with_usage(daemon, upstream):
    r = daemon.chat("events=3 model=upstream-model", stream=True,
                    stream_options={"include_usage": True})
    assert r.body == expected_stream(upstream.last()[0]["sent"], wants_usage=True)
    last = event_json(split_events(r.body)[-2])
    assert last["choices"] == [] and last["usage"]["total_tokens"] == 10


def test_every_request_has_its_own_id(daemon):
    ids = {daemon.chat("events=1").header("X-Request-Id") for _ in range(5)}
    assert len(ids) == 5 and None not in ids


# --- byte for byte ---------------------------------------------------------------------------------

DRESSES = ("plain", "tight", "comments", "fields", "space", "lines")
WORDS = {
    "decoy": "decoy=1",
    "unicode": "text=%e2%82%ac%20%f0%9f%98%80%20z%cc%88",
    "escapes": r"escaped=\u20ac\ud83d\ude00\/\b\f\n\r\t\"\\",
    "escaped-u2028": r"escaped=\u2028\u2029\u0000",
    "raw-u2028": "text=%e2%80%a8%e2%80%a9",
    "done-inside": r"escaped=\n\ndata: [DONE]\n\n".replace(" ", "%20"),
    "model-inside": r"escaped=\"model\":\"upstream-model2\"",
    "usage-null": "usage_null=1",
    "usage-in-finish": "usage=finish",
    "logprobs": "logprobs=1",
    "reasoning": "reasoning=2",
    "tools": "tools=2 events=0",
    "refusal": "refusal=1 events=0",
    "no-model": "model=-",
    "empty": "events=0",
    "joined": "join=4",
    "length": "framing=length",
    "close": "framing=close",
    "tiny-chunks": "chunk=3 trailers=1",
    "chunk-extensions": "chunk=100 chunk_ext=1",
    "big-event": "events=2 size=262144",
    "many": "events=500",
}


@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("dress", DRESSES)
def test_clothes_of_events(daemon, upstream, dress, eol):
    r = daemon.chat(f"model=upstream-model dress={dress} eol={eol}", stream=True)
    assert r.body == expected_stream(upstream.last()[0]["sent"])


@pytest.mark.parametrize("name", WORDS)
def test_stream_is_byte_exact(daemon, upstream, name):
    r = daemon.chat("model=upstream-model " + WORDS[name], stream=True)
    assert r.status == 200
    assert r.body == expected_stream(upstream.last()[0]["sent"])


@pytest.mark.parametrize("name", [n for n in WORDS if not n.startswith(("big", "many"))])
def test_stream_in_single_bytes_is_byte_exact(daemon, upstream, name):
    r = daemon.chat("model=upstream-model slice=1 " + WORDS[name], stream=True)
    assert r.status == 200
    assert r.body == expected_stream(upstream.last()[0]["sent"])


@pytest.mark.parametrize("dress", DRESSES)
def test_whole_answer_of_any_clothes(daemon, dress):
    r = daemon.chat(f"dress={dress} text=%e2%82%ac")
    assert r.json()["choices"][0]["message"]["content"] == "\u20ac" * 3


def test_slices_change_nothing(daemon, upstream):
    """One byte a packet on both sides."""
    whole = daemon.chat("events=3", stream=True).body
    body = client.chat_body("events=3 slice=1 chunk=5", stream=True)
    raw = client.request_bytes("POST", CHAT, body, [("Connection", "close")])
    with daemon.wire() as w:
        w.send_sliced(raw, range(len(raw)), 0.0002)
        r = w.response()

    def plain(b):
        return [{**event_json(e), "id": ""} if event_json(e) else e for e in split_events(b)]
    assert plain(r.body) == plain(whole)


def test_chunks_are_whole_events(daemon):
    """However the upstream cuts its bytes, what leaves here is cut between events."""
    for words in ("gap_ms=5", "slice=7 slice_ms=1", "join=3", "chunk=11"):
        r = daemon.chat("events=5 " + words, stream=True)
        assert all(split_events(c)[-1].endswith(b"\n\n") for c in r.chunks), words


def test_events_leave_at_once(daemon):
    with daemon.stream("events=4 gap_ms=200") as s:
        s.take(1)
        before = time.monotonic()
        s.take(1)
        assert time.monotonic() - before < 0.35
        assert all(len(split_events(c)) == 1 for c in s.chunks)


# --- the request's bytes ---------------------------------------------------------------------------

ODD = (b'{ "temperature":1.50, "messages" : [ {"role":"user","content":"fake: events=1\\n\\u20ac\\/ '
       b'\xe2\x82\xac"} ],\n\t"unknown_field" : {"model":"inner", "stream":false, "a":[1e0,-0.0,'
       b'12345678901234567890]} , "model" : "fake-model", "seed":-7 , "user":"u\\"x"  }')
KEPT = (b'"temperature":1.50', b'"messages" : [ {"role":"user","content":"fake: events=1\\n\\u20ac\\/ '
        b'\xe2\x82\xac"} ]', b'"unknown_field" : {"model":"inner", "stream":false, "a":[1e0,-0.0,'
        b'12345678901234567890]}', b'"model" : "fake-model"', b'"seed":-7', b'"user":"u\\"x"')


def upstream_body(daemon, upstream, raw):
    r = daemon.ask("POST", CHAT, raw)
    assert r.status == 200, r.body
    return upstream.last()[0]["body"]


def no_doubles(pairs):
    assert len({k for k, _ in pairs}) == len(pairs), pairs
    return dict(pairs)


def test_body_keeps_its_bytes(daemon, upstream):
    body = upstream_body(daemon, upstream, ODD)
    for part in KEPT:
        assert part in body
    assert json.loads(body, object_pairs_hook=no_doubles)["stream"] is True


@pytest.mark.parametrize("member", [
    '"stream":true', '"stream":false', '"stream":null', '"stream" : false',
    '"stream_options":null', '"stream_options":{"include_usage":false}', '"stream_options":{}',
    '"stream":true,"stream_options":{"include_usage":true}',
    '"stream":true,"stream_options":null'])
@pytest.mark.parametrize("place", ["first", "last"])
def test_stream_members(daemon, upstream, member, place):
    rest = '"model":"fake-model","messages":[{"role":"user","content":"fake: events=1"}]'
    raw = "{" + (f"{member},{rest}" if place == "first" else f"{rest},{member}") + "}"
    got = json.loads(upstream_body(daemon, upstream, raw.encode()), object_pairs_hook=no_doubles)
    assert got["stream"] is True and got["stream_options"]["include_usage"] is True


STRIPPED = {"hearth": {"a": [1, {"b": 2}]}, "api_base": "http://10.0.0.1/", "base_url": "x",
            "api_key": "sk-secret", "n_discard": -1, "id_slot": 0, "slot_id": 1, "chat_parser": "x"}


@pytest.mark.parametrize("key", [*STRIPPED, "all"])
def test_stripped_members(daemon, upstream, key):
    extra = STRIPPED if key == "all" else {key: STRIPPED[key]}
    for order in (0, 1, 2):
        base = [("model", "fake-model"), ("messages", [{"role": "user", "content": "fake: events=1"}])]
        pairs = base[:order] + list(extra.items()) + base[order:]
        got = json.loads(upstream_body(daemon, upstream, json.dumps(dict(pairs)).encode()),
                         object_pairs_hook=no_doubles)
        assert set(got) == {"model", "messages", "stream", "stream_options"}


def test_inner_members_are_not_stripped(daemon, upstream):
    tool = {"type": "function", "function": {"name": "f", "parameters": {
        "type": "object", "properties": {"api_key": {"type": "string"}, "model": {"type": "string"}}}}}
    body = json.loads(client.chat_body("events=1", tools=[tool]))
    got = json.loads(upstream_body(daemon, upstream, json.dumps(body).encode()))
    assert got["tools"] == [tool]


@pytest.mark.parametrize("size", [10_000, 262_144, 1_000_000, 12_000_000])
def test_large_bodies(daemon, upstream, size):
    words = [{"role": "user", "content": "x" * (7 << 20)}] if size > 8 << 20 else []
    more = "y" * (size - 7 * (1 << 20) * len(words))
    messages = [*words, {"role": "system", "content": more},
                {"role": "user", "content": "fake: events=1"}]
    r = daemon.ask("POST", CHAT, {"model": "fake-model", "messages": messages}, timeout=30)
    assert r.status == 200, r.body
    assert json.loads(upstream.last()[0]["body"])["messages"] == messages


# --- headers ---------------------------------------------------------------------------------------

MAY_BE_SENT = {"host", "content-type", "content-length", "accept", "accept-encoding", "via",
               "user-agent", "connection", "x-request-id"}
CLIENT_HEADERS = [
    ("Authorization", "Bearer client-secret"), ("Cookie", "a=b"), ("X-Custom", "client-secret"),
    ("User-Agent", "client-secret"), ("Referer", "http://localhost/"), ("Accept-Encoding", "gzip, br"),
    ("OpenAI-Organization", "client-secret"), ("X-Api-Key", "client-secret"),
    ("Proxy-Authorization", "client-secret"), ("TE", "trailers"), ("X-Request-Id", "client-secret")]


def upstream_headers(record):
    lines = record["head"].strip().split(b"\r\n")[1:]
    return client.parse_head(b"\r\n".join([b"HTTP/1.1 200 OK", *lines])).headers


def test_headers_upstream_are_ours(daemon, upstream):
    assert daemon.chat("events=1", headers=CLIENT_HEADERS).status == 200
    record = upstream.last()[0]
    assert record["head"].startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    headers = upstream_headers(record)
    names = [n.lower() for n, _ in headers]
    assert len(set(names)) == len(names), names
    assert set(names) <= MAY_BE_SENT, names
    assert {"host", "content-type", "content-length", "via"} <= set(names)
    values = {n.lower(): v for n, v in headers}
    assert values["host"] == f"127.0.0.1:{upstream.port}"
    assert values["content-type"] == "application/json"
    assert int(values["content-length"]) == len(record["body"])
    assert values["via"].startswith("1.1 hearth-")
    assert b"client-secret" not in record["head"] and b"authorization" not in record["head"].lower()


def test_own_key_is_sent_and_never_shown(make):
    fake = make.fake()
    key = "sk-own-0123456789abcdef"
    config = {"providers": {"fake": fake.provider(api_key="${FAKE_KEY}")}, "log": {"level": "debug"}}
    daemon = make.home(config).up(env={"FAKE_KEY": key})
    r = daemon.chat("status=401 message=wrong%20key%20" + key)
    assert (r.status, r.error) == (502, "provider_auth")
    assert f"authorization: bearer {key}".encode() in fake.last()[0]["head"].lower().replace(
        key.lower().encode(), key.encode())
    assert key.encode() not in r.body
    assert key not in daemon.said()
    assert key not in daemon.hearth("config", "show", env={"FAKE_KEY": key})[1]


def test_own_requests_coming_back_are_refused(daemon, upstream):
    daemon.chat("events=1")
    via = dict((n.lower(), v) for n, v in upstream_headers(upstream.last()[0]))["via"]
    r = daemon.chat("events=1", headers=[("Via", f"1.0 other, {via}")])
    assert (r.status, r.error) == (508, "loop_detected")
    r = daemon.chat("events=1", headers=[("Via", "1.1 hearth-0000")])
    assert r.status == 401  # another one's: it asks for somebody else, who needs a key


# --- more of an answer ------------------------------------------------------------------------------


def test_choices(daemon):
    choices = daemon.chat("events=2", n=3).json()["choices"]
    assert [c["index"] for c in choices] == [0, 1, 2]
    assert [c["message"]["content"] for c in choices] == ["w0 w1 "] * 3  # each is a call of its own


def test_tool_calls(daemon):
    choice, = daemon.chat("tools=2 events=0").json()["choices"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    calls = choice["message"]["tool_calls"]
    assert [c["id"] for c in calls] == ["call_0", "call_1"]
    assert all(c["type"] == "function" and "index" not in c for c in calls)
    assert [json.loads(c["function"]["arguments"]) for c in calls] == [{"city": "Z\u00fcrich", "n": 1}] * 2


def test_reasoning_refusal_and_logprobs(daemon):
    message = daemon.chat("reasoning=2 events=1").json()["choices"][0]["message"]
    assert message["reasoning_content"] == "thought0 thought1 " and message["content"] == "w0 "
    message = daemon.chat("refusal=1 events=0").json()["choices"][0]["message"]
    assert message["refusal"] == "I would rather not."
    logprobs = daemon.chat("logprobs=1 events=2").json()["choices"][0]["logprobs"]
    assert [p["token"] for p in logprobs["content"]][-2:] == ["w", "w"]


def test_unix_socket(make):
    fake = make.fake(unix=True)
    daemon = make.daemon(fake)
    assert daemon.chat("events=2").json()["choices"][0]["message"]["content"] == "w0 w1 "
    assert len(split_events(daemon.chat("events=2", stream=True).body)) == 5
    assert fake.stats()["requests"] == 2


def test_a_whole_answer_instead_of_a_stream(daemon):
    """Some servers ignore `stream`: that is told, and never passed on as what was asked for."""
    for stream in (False, True):
        r = daemon.chat("body=json events=2", stream=stream)
        assert (r.status, r.error) == (502, "bad_upstream_response")


# --- connections -------------------------------------------------------------------------------------


def test_connections_upstream_are_kept(daemon, upstream):
    before = upstream.stats()["opened"]
    for _ in range(10):
        assert daemon.chat("events=1").status == 200
    assert upstream.stats()["opened"] - before <= 1


@pytest.mark.parametrize("words", ["keep=0", "framing=close", "close=after", "reset=after fault_ms=5",
                                   "close_after=2", "extra=garbage", "extra=garbage extra_ms=20",
                                   "extra=HTTP/1.1%20200%20OK%0d%0aContent-Length:%200%0d%0a%0d%0a"])
def test_unusual_ends_of_connections(daemon, upstream, words):
    """Every answer is whole, and the next request meets a connection that works."""
    for i in range(6):
        r = daemon.chat(f"events=2 nonce=k{i} {words}")
        assert r.status == 200, (words, r.body)
        assert r.json()["choices"][0]["message"]["content"] == f"k{i}.0 k{i}.1 "
        time.sleep(0.03)


def test_two_requests_in_one_go(daemon):
    one, two = (client.request_bytes("POST", CHAT, client.chat_body(f"events=2 nonce=p{i} {more}"))
                for i, more in ((1, "first_ms=200"), (2, "")))
    with daemon.wire() as w:
        w.send(one + two)
        said = [w.response().json()["choices"][0]["message"]["content"] for _ in (1, 2)]
    assert said == ["p1.0 p1.1 ", "p2.0 p2.1 "]


def test_http_1_0(daemon):
    body = client.chat_body("events=2", stream=True)
    raw = client.request_bytes("POST", CHAT, body).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    with daemon.wire() as w:
        w.send(raw)
        r = w.response()
        assert r.header("Transfer-Encoding") is None
        assert contents(split_events(r.body)) == ["w0 ", "w1 "] and w.closes()
