"""Requests that wait for a provider: many at once behind one that fails, and time that is not carried
from one queue to the next."""

import re
import select
import time

import client
import harness

MANY = 3000
CHAT = "/v1/chat/completions"


def read_all(socks, seconds):
    """The first bytes of each connection's answer."""
    poll, got, end = select.epoll(), {}, time.monotonic() + seconds
    by_fd = {s.fileno(): s for s in socks}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    while len(got) < len(socks) and time.monotonic() < end:
        for fd, _ in poll.poll(0.5):
            got[fd] = by_fd[fd].recv(4096)
            poll.unregister(fd)
    poll.close()
    return [got.get(s.fileno(), b"") for s in socks]


def test_a_long_queue_behind_a_provider_that_is_gone(make, ground):
    """Each hears of it, first come first, and none of it happens in one go."""
    fake = make.fake(unix=True)
    daemon = make.daemon(fake, config={"queue": {"length": MANY, "wait": "60s"},
                                       "request": {"total": "60s"}, "upstream": {"first_byte": "60s"},
                                       "providers": {"fake": {"parallel": 1}}})
    raw = client.request_bytes("POST", CHAT, client.chat_body("stall=request"), [("Connection", "close")])
    wires = [daemon.wire(timeout=20) for _ in range(MANY)]
    try:
        for w in wires:
            w.send(raw)
        harness.wait_for(lambda: daemon.counts()["requests"] == MANY, 20)
        before = daemon.counts()["longest_step_us"]
        fake.close()
        heads = read_all([w.sock for w in wires], 20)
    finally:
        for w in wires:
            w.close()
    wrong = [h[:80] for h in heads if not re.match(rb"HTTP/1\.1 50\d ", h)]
    assert not wrong, (len(wrong), wrong[:3])
    longest = daemon.idle()["longest_step_us"]
    assert longest < max(before + 1, 1000000 if ground.sanitized else 100000), (before, longest)
    ids = [int(row["id"].rpartition("-")[2]) for row in daemon.wait_rows(MANY)]
    assert len(ids) == MANY and ids == sorted(ids)


def test_a_wait_in_vain_does_not_count_at_the_next(make):
    first, spare = make.fake("first"), make.fake("spare")
    daemon = make.daemon(first, spare, config={
        "queue": {"wait": "400ms"}, "upstream": {"first_byte": "10s"},
        "providers": {"first": {"parallel": 1}, "spare": {"parallel": 1}}})
    with daemon.stream("first.delay_ms=5000 events=1"):
        harness.wait_for(lambda: first.stats()["requests"] == 1)
        began = time.monotonic()
        assert daemon.chat("events=1").status == 200
        assert 0.3 < time.monotonic() - began < 3
        assert (first.stats()["requests"], spare.stats()["requests"]) == (1, 1)
