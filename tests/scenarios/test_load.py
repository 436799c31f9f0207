"""Many at once, many in a row, and what is left of them: nothing."""

import time

import pytest

import client
import harness


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake, config={
        "upstream": {"first_byte": "60s", "idle": "60s", "connect": "5s", "pool_idle": "300ms"},
        "request": {"total": "5m"}, "queue": {"length": 100000, "wait": "60s"},
        "providers": {"fake": {**fake.provider(1), "parallel": 100000}}})


def settle(daemon, most=None):
    """Waits until nothing is live, not even pooled connections, and at most so many descriptors are
    open; returns how many."""
    daemon.idle(20)
    daemon.recording()
    if most is not None:
        most += 1  # the ledger's journal is opened once more when it is emptied for the first time
        harness.wait_for(lambda: daemon.fds() <= most, 10)
        return daemon.fds()
    time.sleep(0.6)
    return min(daemon.fds() for _ in range(20) if time.sleep(0.02) is None)


def tell(words):
    print(words)


def test_many_streams_at_once(daemon, fake, ground):
    streams = 2000
    fake.clear()
    fds = settle(daemon)
    idle_kib = daemon.memory_kib()
    got = harness.load(ground, daemon.port, streams=streams, at_once=streams, events=100,
                       words="gap_ms=20", seconds=100)
    assert (got["ok"], got["failed"], got["mixed"], got["lost_events"], got["extra_events"]) == \
        (streams, 0, 0, 0, 0), got
    most_kib = daemon.memory_kib("VmHWM")
    tell(f"{streams} streams of 100 events in {got['ms']} ms; {idle_kib} KiB before, {most_kib} KiB at most, "
         f"{(most_kib - idle_kib) / streams:.1f} KiB a stream")
    assert fake.stats()["nonces"]["most"] == 1
    settle(daemon, fds)


def leavers(daemon, fake, ground, streams, at_once):
    harness.load(ground, daemon.port, streams=200, at_once=at_once, events=40, words="gap_ms=1", leave=1)
    fds = settle(daemon)
    before = daemon.memory_kib()
    got = harness.load(ground, daemon.port, streams=streams, at_once=at_once, events=40,
                       words="gap_ms=1", leave=1, seconds=900, timeout=950)
    assert got["left"] + got["ok"] == streams and got["failed"] == 0, got
    counts = daemon.idle(10)
    settle(daemon, fds)
    after = daemon.memory_kib()
    tell(f"{streams} streams whose clients leave in {got['ms']} ms; {before} KiB before, {after} KiB after")
    assert not any(v for k, v in counts.items() if k in ("requests", "readers", "attempts")), counts
    harness.wait_for(lambda: fake.stats()["answering"] == 0, 5)
    if not ground.sanitized:
        assert after <= before * 1.05 + 512


def test_clients_that_leave(daemon, fake, ground):
    leavers(daemon, fake, ground, 1000, 1)


def test_clients_that_leave_in_a_crowd(daemon, fake, ground):
    leavers(daemon, fake, ground, 1000, 50)


@pytest.mark.soak
def test_ten_thousand_clients_that_leave(daemon, fake, ground):
    leavers(daemon, fake, ground, 10_000, 1)


def test_crowd_of_slow_readers(make, ground):
    """Each is given time; the daemon's memory stays within its buffers."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"limits": {"stream_buffer": "16KiB"}, "upstream": {"idle": "30s"},
                                       "request": {"total": "2m"}})
    count = 100 if ground.sanitized else 300
    before = daemon.memory_kib()
    got = harness.load(ground, daemon.port, streams=count, at_once=count, events=20, seconds=60,
                       words="size=2000", gulp=512, gulp_ms=10, rcvbuf=2048)
    assert got["ok"] == count, got
    per_stream = (daemon.memory_kib("VmHWM") - before) / count
    tell(f"{count} slow readers, {per_stream:.1f} KiB each")
    assert ground.sanitized or per_stream < 300


def test_idle_connections_cost_little(make, ground):
    daemon = make.home().up()
    daemon.ask("GET", "/health")
    count = 1000
    before = daemon.memory_kib()
    wires = [daemon.wire() for _ in range(count)]
    for w in wires:
        w.send(client.request_bytes("GET", "/health"))
    for w in wires:
        assert w.response().status == 200
    each = (daemon.memory_kib() - before) / count
    tell(f"{count} idle connections, {each:.1f} KiB each")
    for w in wires:
        w.close()
    harness.wait_for(lambda: daemon.counts()["connections"] <= 1, 10)
    assert ground.sanitized or each < 12


def test_churn(daemon, ground):
    """A new connection for each request, thousands of them."""
    fds = settle(daemon)
    before = daemon.memory_kib()
    got = harness.load(ground, daemon.port, streams=3000, at_once=20, events=1)
    assert got["ok"] == 3000, got
    settle(daemon, fds)
    assert ground.sanitized or daemon.memory_kib() <= before * 1.05 + 1024


def test_queue(make, ground):
    """A provider that takes two at a time: the others wait their turn; past the limit they hear it."""
    fake = make.fake()
    daemon = make.home({"providers": {"fake": fake.provider(parallel=2)},
                        "queue": {"length": 30, "wait": "20s"}, "upstream": {"first_byte": "20s"}}).up()
    got = harness.load(ground, daemon.port, streams=30, at_once=30, events=3, words="gap_ms=5")
    assert got["ok"] == 30, got
    streams = [daemon.stream("events=3 first_ms=300") for _ in range(50)]
    statuses = [s.start().status for s in streams]
    for s in streams:
        s.close()
    assert set(statuses) == {200, 503} and statuses.count(503) >= 15, statuses
    daemon.idle()
    slow = make.home({"providers": {"fake": fake.provider(parallel=1)},
                      "queue": {"length": 30, "wait": "300ms"}}).up()
    with slow.stream("events=1000 gap_ms=20") as s:
        s.take(1)
        r = slow.chat("events=1")
        assert (r.status, r.error) == (503, "queue_timeout")


def test_no_descriptors_left(make, ground):
    """With few descriptors the daemon refuses or waits, and is well again afterwards."""
    fake = make.fake()
    home = make.home(harness.providers(fake))
    home.up(files=64)
    wires = []
    for _ in range(150):
        try:
            wires.append(home.wire(timeout=1))
        except OSError:
            break
    time.sleep(0.3)
    cpu = home.cpu_seconds()
    time.sleep(0.5)
    assert home.cpu_seconds() - cpu < 0.3, "it spins"
    for w in wires:
        w.close()
    harness.wait_for(home.healthy, 5)
    assert home.chat("events=1").status == 200
