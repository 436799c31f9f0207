"""When memory fails in the middle of an answer, nobody gets half of it as if it were whole."""

import json

import pytest

import client
import harness
from test_no_memory import Orders

CHAT = "/v1/chat/completions"
PATIENCE = 0.4  # as long as there is no memory at all, nobody is let in
BARE = b"The daemon is out of memory.\n"  # where there is none for an error as JSON


@pytest.fixture(scope="module")
def orders(ground):
    return Orders(ground)


@pytest.fixture(scope="module")
def daemon(shared, orders):
    config = harness.merge(harness.providers(shared.fake()), {"upstream": {"pool_idle": "50ms"}})
    return shared.home(config).up(env={"HEARTH_FAIL_ALLOC": str(orders.path)})


def models(daemon):
    return daemon.ask("GET", "/v1/models", timeout=PATIENCE)


def health(daemon):
    return daemon.ask("GET", "/health", timeout=PATIENCE)


def status(daemon):
    return client.ask(daemon.home / "run/admin.sock", "GET", "/hearth/v1/status", timeout=PATIENCE)


def unknown_model(daemon):
    return daemon.chat("", model="nobody's", timeout=PATIENCE)


def unknown_path(daemon):
    return daemon.ask("GET", "/nowhere", timeout=PATIENCE)


def bad_json(daemon):
    return daemon.ask("POST", CHAT, b'{"model": ', timeout=PATIENCE)


def refusal(daemon):
    return daemon.chat("status=500", timeout=PATIENCE)


def plain(daemon):
    return daemon.chat("events=3 tools=1", timeout=PATIENCE)


def streamed(daemon):
    return daemon.chat("events=5", stream=True, timeout=PATIENCE)


def judge(got, usual, i):
    """What came is the usual answer or an error, and whole."""
    said = f"allocation {i}: {got.status} {got.body[:300]!r}"
    if got.status == 200 and usual.header("Transfer-Encoding"):
        events = client.split_events(got.body)
        assert any(map(client.is_done, events)) or client.stream_error(events), said
        assert client.stream_error(events) or len(client.contents(events)) == 5, said
    elif got.status == 200:
        assert usual.status == 200, said
        assert got.json().keys() == usual.json().keys(), said
        for key, value in usual.json().items():
            assert not isinstance(value, list) or len(got.json()[key]) == len(value), said
    else:
        assert got.status >= 400 and (got.error or got.body == BARE), said


ASKS = [models, health, status, unknown_model, unknown_path, bad_json, refusal, plain, streamed]
CASES = [(a, 0) for a in ASKS] + [(a, 1) for a in (models, refusal, plain, streamed)]


@pytest.mark.parametrize("ask,forever", CASES, ids=lambda v: v if isinstance(v, int) else v.__name__)
def test_whole_or_not_at_all(daemon, orders, ask, forever):
    ask(daemon)
    before = orders["count"]
    usual = ask(daemon)
    harness.wait_for(lambda: daemon.counts()["requests"] == 0)
    n, met = orders["count"] - before, 0
    for i in range(1, n + 1, max(1, n // 60)):
        failed = orders["failed"]
        orders["forever"] = forever
        orders["fail_at"] = orders["count"] + i
        try:
            got = ask(daemon)
        except (OSError, client.Cut, ValueError):  # broken off: nobody takes that for the end
            got = None
        orders["fail_at"] = orders["forever"] = 0
        met += orders["failed"] > failed
        assert daemon.proc.poll() is None, f"allocation {i} of {n}: {daemon.said()[-5000:]}"
        if got:
            judge(got, usual, i)
    assert met > 0, "no allocation failed: nothing was tried"
    assert json.loads(health(daemon).body)
