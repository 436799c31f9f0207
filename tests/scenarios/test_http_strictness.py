"""HTTP as the daemon takes it: strict about the ends of messages, deaf to spoofed headers, with a
deadline for everything. What is refused never reaches an upstream."""

import concurrent.futures
import random
import socket
import sys
import time

import pytest

import client
import harness

sys.path.insert(0, str(harness.TOP / "tests/corpus"))
from http_cases import CASES  # noqa: E402

GROUPS = sorted({c.group for c in CASES})
AT_ONCE = 12
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


@pytest.fixture
def upstream(fake):
    fake.clear()
    return fake


# --- the cases ---------------------------------------------------------------------------------------


def cuts_of(case):
    """Ways to cut a case: whole, at a few places, and byte by byte when it is short."""
    n, chance = len(case.raw), random.Random(case.name)
    ways = [[]] + [[at] for at in sorted({1, n - 1, *(chance.randrange(n) for _ in range(3))})]
    ways.append(sorted(chance.randrange(n) for _ in range(6)))
    if n <= 400:
        ways.append(range(n))
    return ways


def try_case(port, case, cuts):
    """What is wrong with the daemon's answers, "" when nothing is."""
    is_head = case.raw.startswith(b"HEAD")
    with client.Wire(port, timeout=8) as w:
        w.send_sliced(case.raw, cuts, 0.0002 if len(cuts) > 20 else 0.002)
        try:
            for i in range(case.before):
                if (got := w.response(is_head).status) != 200:
                    return f"answer {i} before it is {got}"
            r = w.response(is_head)
        except (client.Cut, TimeoutError, socket.timeout, AssertionError) as e:
            return f"no answer: {e!r}"
        if r.status not in case.statuses:
            return f"answer {r.status} {r.body[:100]!r}, not {sorted(case.statuses)}"
        if r.status >= 400 and not is_head and r.error is None:
            return f"not an error object: {r.body[:100]!r}"
        if case.closes and not w.closes(3):
            return "it does not close"
        if case.closes is False and not cuts and w.closes(0.03):
            return "it closes"
    return ""


@pytest.mark.parametrize("group", GROUPS)
def test_cases(daemon, upstream, group):
    todo = [(c, cuts) for c in CASES if c.group == group for cuts in cuts_of(c)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        said = pool.map(lambda job: try_case(daemon.port, *job), todo)
        wrong = [f"{c.name} cut at {list(cuts)[:8]}: {words}"
                 for (c, cuts), words in zip(todo, said) if words]
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(wrong[:40])
    assert upstream.stats()["requests"] == 0 and upstream.stats()["bytes_in"] == 0


# --- who asks ------------------------------------------------------------------------------------------


def post(daemon, headers, body=None, host="localhost"):
    raw = client.request_bytes("POST", CHAT, client.chat_body("events=1") if body is None else body,
                               headers, host)
    with daemon.wire() as w:
        w.send(raw)
        return w.response()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.nip.io", "localhost.evil", "0.0.0.0",
                                  "10.0.0.1", "evil.example:8420", "[::2]"])
def test_other_hosts(daemon, upstream, host):
    r = post(daemon, [], host=host)
    assert (r.status, r.error) == (403, "host_not_allowed")
    assert upstream.stats()["requests"] == 0


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_our_hosts(daemon, host):
    for port in ("", f":{daemon.port}"):
        assert post(daemon, [], host=host + port).status == 200


@pytest.mark.parametrize("origin", ["http://evil", "null", "https://localhost.evil", "file://",
                                    "http://127.0.0.1.nip.io", "chrome-extension://abc", "junk"])
def test_web_pages_may_not_ask(daemon, upstream, origin):
    r = post(daemon, [("Origin", origin)])
    assert (r.status, r.error) == (403, "origin_not_allowed")
    assert r.header("Access-Control-Allow-Origin") is None
    assert upstream.stats()["requests"] == 0


def test_cross_site_is_refused(daemon, upstream):
    for site in ("cross-site", "same-site"):
        assert post(daemon, [("Sec-Fetch-Site", site)]).status == 403
    assert upstream.stats()["requests"] == 0
    for site in ("same-origin", "none"):
        assert post(daemon, [("Sec-Fetch-Site", site)]).status == 200


def test_pages_that_were_let_in(make):
    fake = make.fake()
    page = "http://127.0.0.1:3000"
    daemon = make.daemon(fake, config={"origins": [page]})
    r = post(daemon, [("Origin", page), ("Sec-Fetch-Site", "same-site")])
    assert r.status == 200 and r.header("Access-Control-Allow-Origin") == page
    assert "origin" in r.header("Vary").lower()
    r = daemon.ask("OPTIONS", CHAT, headers=[
        ("Origin", page), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type,authorization")])
    assert r.status in (200, 204) and r.header("Access-Control-Allow-Origin") == page
    assert "content-type" in r.header("Access-Control-Allow-Headers").lower()
    assert post(daemon, [("Origin", "http://127.0.0.1:3001")]).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml",
                                  "multipart/form-data; boundary=x", "text/json", "application/jsonx",
                                  "application/json, text/plain", ""])
def test_other_media_types(daemon, upstream, kind):
    r = post(daemon, [("Content-Type", kind)])
    assert (r.status, r.error) == (415, "unsupported_media_type")
    assert upstream.stats()["requests"] == 0


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON", "application/json;charset=utf-8",
                                  "application/json ; charset=UTF-8"])
def test_json_media_types(daemon, kind):
    assert post(daemon, [("Content-Type", kind)]).status == 200


@pytest.mark.parametrize("coding", ["br", "deflate", "identity, gzip"])
def test_compressed_bodies(daemon, upstream, coding):
    assert post(daemon, [("Content-Encoding", coding)]).status == 415
    assert upstream.stats()["requests"] == 0


SPOOFED = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Real-IP",
           "X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "Content_Length",
           "Transfer_Encoding"]
RELAYED = SPOOFED[:5]  # whoever sends these speaks for somebody else: the kernel's word is not his


@pytest.mark.parametrize("name", SPOOFED)
def test_spoofed_headers_change_nothing(daemon, upstream, name):
    r = post(daemon, [(name, "10.11.12.13")])
    assert r.status == (401 if name in RELAYED else 200)
    assert all(b"10.11.12.13" not in seen["head"] for seen in upstream.last())


@pytest.mark.parametrize("method,path,status", [
    ("GET", CHAT, 405), ("DELETE", CHAT, 405), ("POST", "/health", 405), ("POST", "/v1/models", 405),
    ("GET", "/", None), ("GET", "/nothing", 404), ("POST", "/v1/chat/completions/", 404),
    ("POST", "/v1/chat", 404), ("GET", "/v1", 404)])
def test_paths_and_methods(daemon, method, path, status):
    r = daemon.ask(method, path, b"{}" if method == "POST" else None)
    assert r.status == status if status else r.status in (200, 404)
    if status == 405:
        assert r.header("Allow")


# --- order ---------------------------------------------------------------------------------------------


def test_answers_keep_their_order(daemon):
    """100 requests in one go, chats among them."""
    raw, expected = b"", []
    for i in range(100):
        if i % 10 == 3:
            raw += client.request_bytes("POST", CHAT, client.chat_body(f"events=1 nonce=o{i}"))
            expected.append(f"o{i}.0 ")
        else:
            raw += client.request_bytes("GET", "/health")
            expected.append("ok")
    with daemon.wire() as w:
        w.send(raw)
        for i, words in enumerate(expected):
            got = w.response().json()
            said = got["status"] if "status" in got else got["choices"][0]["message"]["content"]
            assert said == words, i


def test_good_then_bad(daemon, upstream):
    """The good one is answered, the bad one too, then it is over."""
    raw = client.request_bytes("POST", CHAT, client.chat_body("events=1 first_ms=100"))
    with daemon.wire() as w:
        w.send(raw + b"BAD\r\n\r\n" + raw)
        assert w.response().status == 200
        assert w.response().status in (400, 501, 505) and w.closes(3)
    assert upstream.stats()["requests"] == 1


def test_bad_then_good(daemon, upstream):
    good = client.request_bytes("POST", CHAT, client.chat_body("events=1"))
    with daemon.wire() as w:
        w.send(good.replace(b"Host: localhost\r\n", b"", 1) + good)
        assert w.response().status == 400 and w.closes(3)
    assert upstream.stats()["requests"] == 0


def test_keep_alive_after_errors_of_the_payload(daemon):
    """Where the message ended is clear, so the connection lives on."""
    with daemon.wire() as w:
        for body in (b"{", b"[]", b"{}", client.chat_body("events=1")):
            w.send(client.request_bytes("POST", CHAT, body))
            r = w.response()
            assert r.status == (200 if len(body) > 9 else 400)


def test_requests_per_connection(make):
    daemon = make.home({"limits": {"requests_per_connection": 3}}).up()
    with daemon.wire() as w:
        for i in range(3):
            w.send(client.request_bytes("GET", "/health"))
            assert w.response().status == 200
        assert w.closes(3)


# --- 100-continue and early refusals -------------------------------------------------------------------


def test_expect_continue(daemon):
    body = client.chat_body("events=1")
    raw = client.request_bytes("POST", CHAT, body, [("Expect", "100-continue")])
    head = raw[:-len(body)]
    with daemon.wire() as w:
        w.send(head)
        assert w.head().status == 100
        w.send(body)
        assert w.response().status == 200


@pytest.mark.parametrize("headers,path,status", [
    ([("Expect", "100-continue"), ("Origin", "http://evil")], CHAT, 403),
    ([("Expect", "100-continue")], "/nothing", 404),
    ([("Expect", "100-continue"), ("Content-Type", "text/plain")], CHAT, 415)])
def test_no_continue_for_what_is_refused(daemon, headers, path, status):
    raw = client.request_bytes("POST", path, b"x" * 1000, headers)[:-1000]
    with daemon.wire() as w:
        w.send(raw)
        assert w.head().status == status


def test_too_large_is_refused_without_continue(daemon):
    head = (f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Expect: 100-continue\r\nContent-Length: {33 << 20}\r\n\r\n")
    with daemon.wire() as w:
        w.send(head.encode())
        assert w.head().status == 413


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_early_refusal_reaches_a_client_that_sends_on(daemon, upstream, ground, framing):
    """1 GB on its way: the client must hear the 413, not a reset."""
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {1 << 30}\r\n\r\n" if framing == "length" else \
        "Transfer-Encoding: chunked\r\n\r\n"
    piece = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n" if framing == "chunked" else b"x" * (1 << 20)
    memory = daemon.memory_kib()
    with daemon.wire() as w:
        w.send(head.encode())
        sent = w.send_while_reading(piece * 64, 10)
        r = w.response()
        assert (r.status, r.error) == (413, "body_too_large") and not w.reset
        assert sent < 64 << 20
        w.closes(5)
    assert ground.sanitized or daemon.memory_kib() - memory < 80 << 10
    assert upstream.stats()["requests"] == 0


def test_error_while_the_body_is_coming(daemon):
    """A refusal by the head alone, with megabytes behind it."""
    for path, headers, status in (("/nothing", [], 404), (CHAT, [("Origin", "http://evil")], 403)):
        with daemon.wire() as w:
            raw = client.request_bytes("POST", path, b"x" * (20 << 20), headers)
            w.send_while_reading(raw, 5)
            assert w.response().status == status and not w.reset


# --- deadlines -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hasty(shared, fake):
    """A daemon that waits for nobody."""
    return shared.daemon(fake, config={"limits": {
        "headers": "600ms", "body_rate": "512", "body_rate_time": "600ms", "keep_alive": "600ms"}})


def seconds_to_close(w, within=5):
    began = time.monotonic()
    assert w.closes(within)
    return time.monotonic() - began


def test_slow_headers(hasty):
    with hasty.wire() as w:
        began = time.monotonic()
        w.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ")
        assert w.response().status == 408
        assert 0.4 < time.monotonic() - began < 2.5 and w.closes(3)


def test_dripping_headers(hasty):
    """The time is for all headers together."""
    with hasty.wire() as w:
        began = time.monotonic()
        try:
            for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 100:
                w.send(bytes([byte]))
                time.sleep(0.05)
                if time.monotonic() - began > 3:
                    break
        except OSError:
            pass
        assert time.monotonic() - began < 2.9


def test_connection_that_says_nothing(hasty):
    with hasty.wire() as w:
        assert 0.3 < seconds_to_close(w) < 3


def test_idle_keep_alive(hasty):
    with hasty.wire() as w:
        w.send(client.request_bytes("GET", "/health"))
        assert w.response().status == 200
        assert 0.3 < seconds_to_close(w) < 2.5


def test_slow_body(hasty, upstream):
    head = client.request_bytes("POST", CHAT, b"x" * 100000)[:-99000]
    with hasty.wire() as w:
        began = time.monotonic()
        w.send(head)
        r = w.response()
        assert (r.status, r.error) == (408, "request_timeout")
        assert 0.3 < time.monotonic() - began < 3
    assert upstream.stats()["requests"] == 0


def test_dripping_body_below_the_rate(hasty):
    body = client.chat_body("events=1", pad=3000)
    raw = client.request_bytes("POST", CHAT, body)
    with hasty.wire() as w:
        w.send(raw[:-2000])
        w.send_sliced(raw[-2000:], range(0, 400, 10), 0.05)
        assert w.response().status == 408


def test_slow_body_above_the_rate(hasty):
    body = client.chat_body("events=1", pad=6000)
    raw = client.request_bytes("POST", CHAT, body)
    with hasty.wire() as w:
        w.send_sliced(raw, range(0, len(raw), 400), 0.1)
        assert w.response().status == 200


def test_slow_ones_do_not_hinder_others(hasty, ground):
    """Many half-sent requests at once, and an ordinary client."""
    count = 400
    wires = [hasty.wire() for _ in range(count)]
    try:
        for i, w in enumerate(wires):
            w.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-%d: " % i)
        took = []
        for _ in range(5):
            began = time.monotonic()
            assert hasty.ask("GET", "/health").status == 200
            took.append(time.monotonic() - began)
        assert min(took) < (0.2 if ground.sanitized else 0.05)
        statuses = [w.response().status for w in wires]
        assert set(statuses) == {408}
    finally:
        for w in wires:
            w.close()
    harness.wait_for(lambda: hasty.counts()["connections"] <= 2, 5)


def test_connection_limit(make):
    """Above the limit somebody waits or is refused, and the daemon goes on."""
    daemon = make.home({"limits": {"connections": 20}}).up()
    wires = [daemon.wire(timeout=2) for _ in range(40)]
    time.sleep(0.2)
    for w in wires:
        w.close()
    harness.wait_for(daemon.healthy, 5)
