"""Clients that take their answers slowly: as long as they take them, nothing is cut; who stops is let go.

An answer here is larger than what the kernel keeps for a connection, so that a part of it waits in the
daemon for longer than a connection may rest, linger or pause."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import client
import harness

CHAT = "/v1/chat/completions"
LARGE = "events=40 size=200000"  # 8 MB
WHOLE = 40 * 200000


def ask(wire, words=LARGE, headers=(), old=False, **more):
    raw = client.request_bytes("POST", CHAT, client.chat_body(words, **more), headers)
    wire.send(raw.replace(b"HTTP/1.1", b"HTTP/1.0", 1) if old else raw)


def read_in(wire, seconds, most):
    """Reads up to `most` bytes evenly over so many seconds; how many came before the end."""
    began, got = time.monotonic(), len(wire.reader.buf)
    while got < most:
        try:
            part = wire.sock.recv(min(1 << 16, most - got))
        except ConnectionResetError:
            break
        if not part:
            break
        got += len(part)
        time.sleep(max(0, began + seconds * got / most - time.monotonic()))
    return got


def slow_reader(daemon, how):
    """Longer than a connection lingers (2 s) and than it may rest (1 s)."""
    headers = [("Connection", "close")] if how == "close" else []
    with daemon.wire(timeout=10, rcvbuf=1 << 15) as w:
        ask(w, headers=headers, old=how == "old")
        length = int(w.head().header("Content-Length"))
        assert length > WHOLE
        began = time.monotonic()
        assert read_in(w, 2.8, length) == length, how
        assert time.monotonic() - began > 2.5
        w.reader.buf.clear()
        assert w.closes(4)


def test_steady_slow_readers_get_all(make):
    daemon = make.daemon(make.fake(), config={"limits": {"keep_alive": "1s"}})
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(slow_reader, daemon, how) for how in ("close", "keep-alive", "old")]:
            done.result()


@pytest.mark.parametrize("stream", [False, True], ids=["object", "stream"])
def test_who_stops_reading_is_let_go(make, stream):
    daemon = make.daemon(make.fake(), config={"limits": {"write_stall": "400ms"}})
    with daemon.wire(rcvbuf=1 << 15) as w:
        ask(w, "events=100 size=200000", stream=stream)
        assert w.head().status == 200
        harness.wait_for(lambda: daemon.counts()["connections"] == 1, 4)  # the one that asks for the counts
        assert daemon.idle()["attempts"] == 0
        assert read_in(w, 0, 1 << 30) < 100 * 200000


def test_a_slow_client_is_no_silence_of_the_provider(make):
    """The provider is paused for longer than it may be silent, more than once."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"upstream": {"idle": "400ms"}, "limits": {"stream_buffer": "16KiB"}})
    with daemon.stream("events=120 size=200000", rcvbuf=1 << 15) as s:
        seen = s.take(1)
        for _ in range(2):
            time.sleep(0.9)
            seen += s.take(10)
        seen += s.rest()
    assert client.stream_error(seen) is None and client.is_done(seen[-1])
    assert len(client.contents(seen)) == 120
    assert fake.stats()["requests"] == 1
