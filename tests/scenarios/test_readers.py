"""Several readers of one request, and bodies that are not kept in memory."""

import json
import threading

import pytest

import client
import harness
from client import event_json


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


def numbered(events):
    """[(number, the event without its id line)] of a followed stream."""
    out = []
    for event in events:
        first, _, rest = event.partition(b"\n")
        assert first.startswith(b"id: "), event
        out.append((int(first[4:]), rest))
    return out


def start(daemon, words):
    """A request that ends by itself: its id, and the stream of its first reader."""
    s = client.Stream(daemon.port, words, path="/test/chat")
    return s.start().header("X-Request-Id"), s


def follow(daemon, number, start_at=0, **more):
    raw = client.request_bytes("GET", f"/test/follow?id={number}&from={start_at}")
    return client.Stream(daemon.port, raw=raw, **more)


def texts(pairs):
    said = []
    for _, event in pairs:
        said += client.contents([event])
    return said


def test_three_readers_of_one_stream(daemon, fake):
    fake.clear()
    events = 100
    request, first = start(daemon, f"events={events} gap_ms=10 nonce=three")
    second, third = follow(daemon, request), follow(daemon, request, rcvbuf=4096)
    first.take(5)
    first.close()
    seen = numbered(second.take(20))
    second.close()

    slow = []

    def read_slowly():
        while (event := third.event()) is not None:
            slow.append(event)
            threading.Event().wait(0.012)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    with follow(daemon, request, 40) as again:
        late = numbered(again.rest())
    thread.join(20)
    third.close()

    expected = [f"three.{i} " for i in range(events)]
    assert texts(seen) == expected[:20]
    assert [n for n, _ in seen] == list(range(len(seen)))
    assert late[0][0] == 40 and [n for n, _ in late] == list(range(40, 40 + len(late)))
    assert texts(late) == expected[-len(texts(late)):] and len(texts(late)) >= events - 40
    all_of_it = numbered(slow)
    assert texts(all_of_it) == expected
    assert [n for n, _ in all_of_it] == list(range(len(all_of_it)))
    assert fake.stats()["nonces"]["most"] == 1 and fake.stats()["requests"] == 1


def test_it_goes_on_without_readers(daemon, fake):
    fake.clear()
    request, first = start(daemon, "events=20 gap_ms=20 nonce=alone")
    first.take(1)
    first.close()
    with follow(daemon, request) as later:
        assert texts(numbered(later.rest())) == [f"alone.{i} " for i in range(20)]
    assert fake.stats()["hangups"] == 0


def test_reading_again_after_the_end(daemon):
    request, first = start(daemon, "events=5 nonce=again")
    first.rest()
    first.close()
    with follow(daemon, request) as s:
        if s.start().status == 404:
            pytest.skip("a finished request is not kept")
        assert texts(numbered(s.rest())) == [f"again.{i} " for i in range(5)]


def test_nobody_to_follow(daemon):
    for query in ("id=0&from=0", "id=99999999&from=0", "id=x&from=0", "id=&from=", ""):
        assert daemon.ask("GET", f"/test/follow?{query}").status in (400, 404)


def test_an_ordinary_request_ends_with_its_reader(daemon, fake):
    fake.clear()
    with daemon.stream("events=1000 gap_ms=20") as s:
        s.take(2)
    daemon.idle(3)
    assert fake.stats()["hangups"] == 1


def test_counts(daemon):
    daemon.idle()
    with daemon.stream("events=200 gap_ms=20") as s:
        s.take(1)
        counts = daemon.counts()
        assert counts["requests"] == 1 and counts["readers"] == 1 and counts["connections"] >= 1
    daemon.idle(3)


# --- spooled bodies --------------------------------------------------------------------------------


def fnv1a(data, h=14695981039346656037):
    for byte in data:
        h = (h ^ byte) * 1099511628211 & (1 << 64) - 1
    return h


def test_small_upload(daemon):
    body = bytes(range(256)) * 16
    r = daemon.ask("POST", "/test/upload", body, [("Content-Type", "application/octet-stream")])
    got = r.json()
    assert got["bytes"] == len(body) and int(got["hash"], 16) == fnv1a(body)


def upload(daemon, pieces, piece, chunked):
    with daemon.wire(timeout=60) as w:
        head = ("POST /test/upload HTTP/1.1\r\nHost: localhost\r\n"
                "Content-Type: application/octet-stream\r\n")
        head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else \
            f"Content-Length: {pieces * len(piece)}\r\n\r\n"
        w.send(head.encode())
        most = 0
        for _ in range(pieces):
            w.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            most = max(most, daemon.memory_kib())
        if chunked:
            w.send(b"0\r\n\r\n")
        return w.response(), most


@pytest.mark.parametrize("chunked", [False, True])
def test_large_upload_at_flat_memory(daemon, ground, chunked):
    upload(daemon, 4, bytes(1 << 20), chunked)
    before = daemon.memory_kib()
    r, most = upload(daemon, 300, bytes(1 << 20), chunked)
    assert r.status == 200 and r.json()["bytes"] == 300 << 20
    if not ground.sanitized:
        assert most - before < 4096, f"{before} KiB before, {most} KiB at most"
    assert not list(daemon.home.rglob("*spool*")) or all(
        p.is_dir() for p in daemon.home.rglob("*spool*"))


def test_cut_upload_leaves_nothing(daemon):
    before = daemon.fds()
    for n in (0, 1000, 3 << 20):
        with daemon.wire() as w:
            w.send(b"POST /test/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n"
                   b"Content-Type: application/octet-stream\r\n\r\n" + bytes(n))
    counts = daemon.idle()
    assert not [k for k, v in counts.items() if "spool" in k and v], counts
    harness.wait_for(lambda: daemon.fds() <= before, 5)


def test_event_numbers_and_bytes_agree(daemon, fake):
    """A follower gets the same events as the first reader, but for the numbers."""
    request, first = start(daemon, "events=10 gap_ms=10 dress=fields model=other")
    with follow(daemon, request) as second:
        theirs = [e for _, e in numbered(second.rest())]
    theirs = [e for e in theirs if not (event_json(e) or {}).get("usage")]
    mine = first.rest()
    first.close()
    assert theirs == mine
    assert all(json.dumps(event_json(e)).find('"other"') < 0 for e in mine if event_json(e))


def test_a_reader_that_waits_for_too_much(daemon, fake):
    """Who follows from a number that never comes hears the end."""
    request, first = start(daemon, "events=20 gap_ms=10")
    late = follow(daemon, request, 1000)
    first.rest()
    rest = late.rest()
    assert len(rest) == 1 and b"[DONE]" in rest[0]
    daemon.idle()
