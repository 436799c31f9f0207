"""Upstreams that fail in every way we know: what the client is told, whether another provider is
tried, and that nothing of a failed answer ever mixes into another."""

import re
import sys
import time
import urllib.parse

import pytest

import client
import harness
from client import contents, is_done, stream_error

sys.path.insert(0, str(harness.TOP / "tests/corpus"))
from http_cases import RESPONSES  # noqa: E402

QUICK = {"upstream": {"first_byte": "600ms", "idle": "600ms", "connect": "400ms", "pool_idle": "500ms"}}


def quoted(raw):
    """Bytes as a value of the fake's script."""
    return urllib.parse.quote_from_bytes(raw)


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake("first")


@pytest.fixture(scope="module")
def spare(shared):
    return shared.fake("spare")


@pytest.fixture(scope="module")
def alone(shared, fake):
    """A daemon with one provider."""
    return shared.daemon(fake, config=QUICK)


@pytest.fixture(scope="module")
def pair(shared, fake, spare):
    """A daemon with two; words that begin with `first.` are for the one tried first."""
    return shared.daemon(fake, spare, config=QUICK)


@pytest.fixture(autouse=True)
def clear(fake, spare):
    fake.clear()
    spare.clear()


# --- before the first content ----------------------------------------------------------------------

# What the upstream does, and what a client without another provider is told.
EARLY = {
    "reset before the head": ("reset=request", 502, "upstream_reset"),
    "closed before the head": ("close=request", 502, "upstream_reset"),
    "half closed before the head": ("half=request", 502, "upstream_reset"),
    "reset in the head": ("reset=request.5", 502, "upstream_reset"),
    "closed in the head": ("close=request.5", 502, "upstream_reset"),
    "reset after the head": ("reset=head", 502, "upstream_reset"),
    "closed after the head": ("close=head", 502, "upstream_reset"),
    "reset in the first event": ("reset=0.5", 502, "upstream_reset"),
    "closed before content": ("close=1", 502, "upstream_reset"),
    "reset before content": ("reset=1", 502, "upstream_reset"),
    "reset in the first content": ("reset=1.5", 502, "upstream_reset"),
    "empty body": ("body=empty", 502, None),
    "no events": ("framing=length length=0 body=empty", 502, None),
    "never answers": ("stall=request", 504, "upstream_timeout"),
    "stops in the head": ("stall=request.5", 504, "upstream_timeout"),
    "stops after the head": ("stall=head", 504, "upstream_timeout"),
    "stops before content": ("stall=1", 504, "upstream_timeout"),
    "drips": ("slice=1 slice_ms=100", 504, "upstream_timeout"),
    "answers late": ("delay_ms=1500", 504, "upstream_timeout"),
    "speaks late": ("first_ms=1500", 504, "upstream_timeout"),
    "html": ("body=html", 502, "bad_upstream_response"),
    "html that says it is a stream": ("body=html type=text/event-stream", 502, None),
    "a stream that says it is html": ("type=text/html", 502, "bad_upstream_response"),
    "huge header": ("flood=header:104857600", 502, "bad_upstream_response"),
    "endless headers": ("flood=headers:104857600", 502, "bad_upstream_response"),
    "10,000 heads 103": ("flood=info:10000", 502, "bad_upstream_response"),
    "endless line": ("flood=line:104857600", 502, "bad_upstream_response"),
    "endless chunk extension": ("flood=chunk_ext:104857600", 502, "bad_upstream_response"),
    "401": ("status=401", 502, "provider_auth"),
    "402": ("status=402", 502, "provider_quota"),
    "403": ("status=403", 502, "provider_auth"),
    "408": ("status=408", 504, "upstream_timeout"),
    "409": ("status=409", 503, "model_loading"),
    "429": ("status=429", 429, "upstream_rate_limit"),
    "500": ("status=500", 502, "upstream_error"),
    "502": ("status=502", 502, "upstream_error"),
    "503": ("status=503", None, None),
    "529": ("status=529", 503, "upstream_overloaded"),
    "302": ("status=302 header=Location:http://127.0.0.1:1/ body=empty", 502, "bad_upstream_response"),
    "204": ("status=204 body=empty framing=length length=0", 502, None),
    "500 with html": ("status=500 body=html", 502, "upstream_error"),
    "500 with nothing": ("status=500 body=empty", 502, "upstream_error"),
    "500 with half a body": ("status=500 framing=length length=5000 close=end", 502, None),
    "an error as the first event": ("junk=data:%20{%22error%22:{%22message%22:%22no%22,%22code%22:500}}"
                                    "%0a%0a events=0", 502, None),
    "not JSON as the first event": ("junk=data:%20hello%0a%0a events=0 finish=- usage=never", 502,
                                    None),
}


def check_refusal(r, status, code):
    """An error, as an answer or, when the stream's head has left, as its last event."""
    assert r.header("X-Request-Id")
    if r.header("Content-Type").startswith("text/event-stream"):
        events = client.split_events(r.body)
        assert contents(events) == [] and not any(map(is_done, events))
        assert stream_error([events[-1]]) is not None
        assert code is None or stream_error(events) == code
        return
    error = r.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["message"]
    assert r.status == status if status else r.status in (502, 503, 504)
    if code:
        assert error["code"] == code


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", EARLY)
def test_early_failure_alone(alone, fake, name, stream):
    words, status, code = EARLY[name]
    began = time.monotonic()
    r = alone.chat(words, stream=stream)
    check_refusal(r, status, code)
    assert time.monotonic() - began < 5
    assert fake.stats()["wrong_scripts"] == 0
    assert alone.chat("events=1 nonce=after").json()["choices"][0]["message"]["content"] == "after.0 "


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", EARLY)
def test_early_failure_with_another_provider(pair, fake, spare, name, stream):
    words = " ".join("first." + w for w in EARLY[name][0].split())
    r = pair.chat(words + " spare.nonce=good", stream=stream)
    assert r.status == 200, r.body
    if stream:
        events = client.split_events(r.body)
        assert contents(events) == ["good.0 ", "good.1 ", "good.2 "] and is_done(events[-1])
        roles = [e for e in events if b'"role"' in e]
        assert len(roles) == 1, "the failed provider's first event reached the client"
    else:
        assert r.json()["choices"][0]["message"]["content"] == "good.0 good.1 good.2 "
    assert spare.stats()["requests"] == 1 and fake.stats()["requests"] >= 1


# A refusal of the request itself is told as it is: another provider would refuse it too.
@pytest.mark.parametrize("words,code", [
    ("status=400", "upstream_refused"), ("status=422", "upstream_refused"),
    ("status=400 code=context_length_exceeded", "context_length_exceeded"),
    ("status=400 code=content_policy_violation", None)])
def test_refusals_of_the_request(pair, spare, words, code):
    said = "the%20prompt%20is%20odd"
    first = " ".join("first." + w for w in words.split())
    r = pair.chat(f"{first} first.message={said}")
    assert r.status == 400 and (code is None or r.error == code)
    assert "the prompt is odd" in r.json()["error"]["message"]
    assert spare.stats()["requests"] == 0


@pytest.mark.parametrize("response", RESPONSES, ids=lambda r: r.name)
def test_no_http_or_no_stream(alone, fake, response):
    """None of these holds a chat answer, well-formed or not."""
    raw = response.raw or b"%"
    words = f"raw={quoted(raw)} close=end fault_ms=0" if response.raw else "close=request fault_ms=0"
    r = alone.chat(words)
    check_refusal(r, 503 if response.name == "529" else 502, None)
    sent = fake.stats()["bytes_out"]
    assert sent < 8 << 20
    assert alone.chat("events=1 nonce=after").json()["choices"][0]["message"]["content"] == "after.0 "


@pytest.mark.parametrize("retry_after", ["1", "0", "Wed,%2021%20Oct%202037%2007:28:00%20GMT",
                                         "1000000000", "-5", "junk", "99999999999999999999", ""])
@pytest.mark.parametrize("status", [429, 529, 503])
def test_retry_after(pair, alone, status, retry_after):
    words = f"status={status} header=Retry-After:{retry_after}"
    first = " ".join("first." + w for w in words.split())
    assert pair.chat(first).status == 200
    began = time.monotonic()
    assert alone.chat(words).status in (429, 502, 503)
    assert time.monotonic() - began < 4, "a client should not wait for the provider's pause"


# --- attempts --------------------------------------------------------------------------------------


def refused_provider(priority):
    return {"kind": "openai_compatible", "base_url": f"http://127.0.0.1:{harness.free_port()}/v1",
            "models": ["fake-model"], "priority": priority}


def test_connection_refused(make):
    fake = make.fake()
    daemon = make.home({"providers": {"gone": refused_provider(1), "fake": fake.provider(2)}}).up()
    daemon.chat("events=1")
    took = []
    for _ in range(5):
        began = time.monotonic()
        assert daemon.chat("events=1").status == 200
        took.append(time.monotonic() - began)
    assert min(took) < 0.05, took


def test_nothing_listens_anywhere(make):
    daemon = make.home({"providers": {"one": refused_provider(1), "two": refused_provider(2)}}).up()
    for stream in (False, True):
        r = daemon.chat("", stream=stream)
        assert (r.status, r.error) == (502, "upstream_unreachable")
        message = r.json()["error"]["message"]
        assert "one" in message and "two" in message, "the message names every attempt"


def test_missing_unix_socket(make, ground):
    gone = {"kind": "openai_compatible", "socket": str(ground.path / "none.sock"),
            "models": ["fake-model"]}
    daemon = make.home({"providers": {"gone": gone}}).up()
    assert daemon.chat("").error == "upstream_unreachable"


def test_connection_neither_taken_nor_refused(make):
    fake, hole = make.fake(), make.blackhole()
    lost = {"kind": "openai_compatible", "base_url": hole.base_url, "models": ["fake-model"]}
    alone = make.home(harness.merge(QUICK, {"providers": {"lost": lost}})).up()
    began = time.monotonic()
    r = alone.chat("")
    assert (r.status, r.error) == (504, "upstream_timeout")
    assert 0.3 < time.monotonic() - began < 3.5
    both = make.home(harness.merge(QUICK, {"providers": {
        "lost": {**lost, "priority": 1}, "fake": fake.provider(2)}})).up()
    began = time.monotonic()
    assert both.chat("events=1").status == 200
    assert time.monotonic() - began < 1.5


def test_three_attempts_at_most(make):
    fakes = [make.fake(f"p{i}", script="status=500") for i in range(5)]
    daemon = make.daemon(*fakes)
    r = daemon.chat("")
    assert (r.status, r.error) == (502, "upstream_error")
    assert [f.stats()["requests"] for f in fakes] == [1, 1, 1, 0, 0]
    assert all(f"p{i}" in r.json()["error"]["message"] for i in range(3))


def test_failover_can_be_switched_off(make):
    fakes = [make.fake("p0", script="status=500"), make.fake("p1")]
    daemon = make.daemon(*fakes, config={"failover": {"enabled": False}})
    assert daemon.chat("").error == "upstream_error"
    assert fakes[1].stats()["requests"] == 0


def test_priority_decides(make):
    fakes = [make.fake(n) for n in ("b", "a")]
    daemon = make.home({"providers": {"b": fakes[0].provider(2), "a": fakes[1].provider(1)}}).up()
    for _ in range(3):
        daemon.chat("events=1")
    assert [f.stats()["requests"] for f in fakes] == [0, 3]


def test_the_same_provider_again_where_that_helps(alone, fake):
    """Loading and a gateway's impatience pass by themselves."""
    for words in ("status=409 times=1 nonce=loading", "status=408 times=1 nonce=slow"):
        fake.clear()
        r = alone.chat("events=1 " + words)
        assert r.status == 200 and fake.stats()["requests"] == 2


def test_total_deadline(make):
    fake = make.fake()
    daemon = make.daemon(fake, config={"request": {"total": "1s"}})
    began = time.monotonic()
    r = daemon.chat("stall=request")
    assert (r.status, r.error) == (504, "deadline") and time.monotonic() - began < 2.5
    with daemon.stream("events=1000 gap_ms=50") as s:
        events = s.rest()
    assert stream_error(events) == "deadline" and not any(map(is_done, events))
    harness.wait_for(lambda: fake.stats()["answering"] == 0, 3)


# --- after the first content -------------------------------------------------------------------------

LATE = {
    "reset": ("reset=3", "upstream_reset"),
    "closed": ("close=3", "upstream_reset"),
    "closed in an event": ("close=3.5", "upstream_reset"),
    "half closed": ("half=3", "upstream_reset"),
    "length not met": ("framing=length length=99999 close=4", "upstream_reset"),
    "no last chunk and no end": ("done=0 close=end", "upstream_reset"),
    "chunks end, the stream did not": ("done=0", None),
    "stream ends with the connection": ("framing=close done=0", None),
    "stall": ("stall=3", "upstream_stalled"),
    "bad chunk": ("junk=data:%20not%20JSON%0a%0a", "bad_upstream_response"),
    "an error event": ("junk=data:%20{%22error%22:{%22message%22:%22oops%22}}%0a%0a", None),
}


@pytest.mark.parametrize("name", LATE)
def test_late_failure_of_a_stream(pair, fake, spare, name):
    words, code = LATE[name]
    first = " ".join("first." + w for w in words.split())
    with pair.stream(first + " first.nonce=first") as s:
        events = s.rest()
        assert s.head.status == 200
        assert s.wire.closes(1), "the connection should end with the error"
    said = contents(events)
    assert said and said == [f"first.{i} " for i in range(len(said))], "nobody else's words"
    assert stream_error(events) is not None and not any(map(is_done, events))
    assert code is None or stream_error(events) == code
    assert spare.stats()["requests"] == 0


def test_the_error_comes_at_once(pair):
    with pair.stream("first.reset=5 first.fault_ms=100") as s:
        s.take(3)
        began = time.monotonic()
        s.rest()
        assert time.monotonic() - began < 0.45


@pytest.mark.parametrize("name", LATE)
def test_late_failure_of_a_whole_answer(alone, name):
    """Nothing has reached the client yet, so it hears of the failure, never half an answer."""
    words, code = LATE[name]
    r = alone.chat(words)
    check_refusal(r, None, code)


def test_everything_but_the_last_chunk(alone, fake):
    """The stream said that it is complete; the connection is not trusted any more."""
    for end in ("close=end", "framing=length length=999999 close=end"):
        r = alone.chat("nonce=full " + end, stream=True)
        assert contents(client.split_events(r.body)) == ["full.0 ", "full.1 ", "full.2 "]
    assert alone.chat("events=1").status == 200
    assert max(fake.stats()["per_connection"]) == 1


def test_a_failed_connection_is_not_used_again(alone, fake):
    for words in ("reset=3", "stall=3", "close=3.5", "flood=line:2000000", "extra=x"):
        fake.clear()
        before = fake.stats()["opened"]
        alone.chat(words)
        alone.chat("events=1")
        assert fake.stats()["opened"] - before >= 1, words


# --- clients that leave, and slow ones -----------------------------------------------------------------


def hangup_after(fake, leave):
    """Seconds from leave() until the upstream saw its connection end."""
    before = fake.stats()["hangups"]
    leave()
    left_ms = time.monotonic() * 1000
    seen = harness.wait_for(lambda: (s := fake.stats())["hangups"] > before and s, 5)
    return (seen["last_hangups"][-1]["at_ms"] - left_ms) / 1000


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("words,stream,events", [
    ("delay_ms=400", False, 0), ("delay_ms=400", True, 0), ("first_ms=400", True, 0),
    ("events=5000 gap_ms=20", True, 3), ("events=5000 gap_ms=20", False, 0)])
def test_client_gone(alone, fake, ground, words, stream, events, reset):
    if stream:
        s = alone.stream(words)
        s.take(events)
        wire = s.wire
    else:
        wire = alone.wire()
        wire.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body(words)))
    harness.wait_for(lambda: fake.stats()["answering"] == 1, 3)
    took = hangup_after(fake, lambda: wire.close(reset))
    assert took < (0.3 if ground.sanitized else 0.1), took
    alone.idle(3)
    harness.wait_for(lambda: alone.rows(most=1)[-1]["outcome"] == "CLIENT_GONE", 3)


def test_client_gone_while_it_waits(make):
    """In the queue nobody asks the upstream for a client that has left."""
    fake = make.fake()
    daemon = make.home({"providers": {"fake": fake.provider(parallel=1)}}).up()
    with daemon.stream("events=1000 gap_ms=20") as s:
        s.take(1)
        for i in range(5):
            waiting = daemon.stream(f"events=1 nonce=gone{i}")
            harness.wait_for(lambda: daemon.counts()["requests"] == 2, 3)
            waiting.close()
            harness.wait_for(lambda: daemon.counts()["requests"] == 1, 3)
    daemon.idle(3)
    assert daemon.chat("events=1").status == 200
    assert fake.stats()["requests"] == 2


def test_slow_reader_pauses_the_upstream(alone, fake, ground):
    """What is sent is bounded by buffers, and nothing is lost when the reader goes on."""
    memory = alone.memory_kib()
    with alone.stream("events=400 size=100000 nonce=slow", rcvbuf=4096) as s:
        s.take(1)
        time.sleep(0.5)
        stopped = fake.stats()["bytes_out"]
        assert stopped < 25_000_000, "40 MB fit into nobody's buffers"
        if not ground.sanitized:
            assert alone.memory_kib() - memory < 2048
        events = s.rest()
    said = contents(events)
    assert len(said) == 399 and said[-1].startswith("slow.399 ") and is_done(events[-1])


def test_reader_that_takes_nothing(make):
    fake = make.fake()
    daemon = make.daemon(fake, config={"limits": {"write_stall": "700ms"}})
    with daemon.stream("events=4000 size=100000", rcvbuf=4096) as s:
        s.take(1)
        began = time.monotonic()
        harness.wait_for(lambda: fake.stats()["hangups"] == 1, 6)
        assert time.monotonic() - began > 0.4
        assert daemon.counts()["requests"] == 0
    assert daemon.wait_rows(1, 3)[-1]["outcome"] == "TOO_SLOW"


def test_steady_slow_reader_is_not_let_go(make):
    """Progress counts, not speed."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"limits": {"write_stall": "700ms", "stream_buffer": "4KiB"}})
    with daemon.stream("events=60 size=100000 nonce=steady", rcvbuf=4096) as s:
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            s.take(1)
            time.sleep(0.1)
        assert is_done(s.rest()[-1])


# --- nothing mixes -------------------------------------------------------------------------------------


def test_late_replies_never_mix(alone):
    """Answers that come after their time are thrown away with their connection."""
    for i in range(8):
        slow = alone.chat(f"nonce=late{i} delay_ms=700", stream=bool(i % 2))
        assert slow.status == 504
        r = alone.chat(f"nonce=next{i}")
        assert r.json()["choices"][0]["message"]["content"] == "".join(f"next{i}.{k} " for k in range(3))


@pytest.mark.parametrize("words", ["", "slice=50 slice_ms=1", "close_after=3", "chunk=7"])
def test_many_at_once_get_their_own(alone, ground, words):
    got = harness.load(ground, alone.port, streams=400, at_once=40, events=10, words=words)
    assert (got["ok"], got["mixed"], got["lost_events"], got["extra_events"]) == (400, 0, 0, 0), got


@pytest.mark.soak
def test_very_many_get_their_own(alone, ground):
    got = harness.load(ground, alone.port, streams=200_000, at_once=50, events=2, seconds=900, timeout=950)
    assert (got["ok"], got["mixed"]) == (200_000, 0), got


def test_faults_among_good_answers(pair, ground):
    """Half of the upstream's answers break; the others do not notice."""
    words = "first.reset=1 first.times=1 first.fault_ms=1"
    got = harness.load(ground, pair.port, streams=300, at_once=30, events=10, words=words)
    assert (got["ok"], got["mixed"]) == (300, 0), got


def test_upstream_that_does_not_read(make):
    """A body that nobody takes ends in time."""
    fake = make.fake(script="stall=accept")
    daemon = make.daemon(fake, config=QUICK)
    body = client.chat_body(pad=7 << 20)
    began = time.monotonic()
    r = daemon.ask("POST", "/v1/chat/completions", body)
    assert r.status == 504 and time.monotonic() - began < 6


def test_refused_early_with_the_body_in_flight(make):
    fake = make.fake(script="early=1 status=413 keep=0")
    daemon = make.daemon(fake, config=QUICK)
    r = daemon.ask("POST", "/v1/chat/completions", client.chat_body(pad=7 << 20))
    assert r.status in (400, 413, 502) and r.json()["error"]["code"]


def test_reset_on_accept(make):
    fake, spare = make.fake("first", script="reset=accept"), make.fake("spare")
    daemon = make.daemon(fake, spare)
    assert daemon.chat("events=1").status == 200
    assert spare.stats()["requests"] == 1


def test_nothing_is_left_of_all_that(alone, pair, fake, spare):
    """After every fault above: no request, no attempt, no connection, few descriptors."""
    for daemon in (alone, pair):
        counts = daemon.idle(5)
        assert counts["attempts"] == 0 and counts["readers"] == 0, counts
        harness.wait_for(lambda: daemon.fds() < 35, 5)
    for upstream in (fake, spare):
        harness.wait_for(lambda: upstream.stats()["open"] == 0, 5)
