"""Every allocation after the start fails once, in turn: the request that meets it gets an error or its
answer, everybody else notices nothing, nothing leaks and nothing hangs. In the usual run every 7th,
in the soak all of them."""

import json
import mmap
import os
import struct

import pytest

import client
import harness
import shop as shops

EVERY = 1 if os.environ.get("HEARTH_SOAK") == "1" else 7
FIELDS = ("count", "fail_at", "forever", "failed")
CHAT = "/v1/chat/completions"


class Orders:
    """The file through which the daemon's allocations are counted and failed."""

    def __init__(self, ground):
        self.path = ground.folder("o") / "orders"
        self.path.write_bytes(bytes(8 * len(FIELDS)))
        ground.own(self.path)
        with open(self.path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 8 * len(FIELDS))

    def __getitem__(self, name):
        return struct.unpack_from("=Q", self.map, 8 * FIELDS.index(name))[0]

    def __setitem__(self, name, value):
        struct.pack_into("=Q", self.map, 8 * FIELDS.index(name), value)


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def orders(ground):
    return Orders(ground)


@pytest.fixture(scope="module")
def daemon(shared, fake, orders):
    config = harness.merge(harness.providers(fake), {"upstream": {"pool_idle": "50ms"}})
    return shared.home(config).up(env={"HEARTH_FAIL_ALLOC": str(orders.path)})


def plain(daemon):
    return daemon.chat("events=3").status


def stream(daemon):
    with daemon.stream("events=5") as s:
        s.rest()


def large_body(daemon):
    words = "x" * (300 << 10)
    body = {"model": "fake-model", "messages": [{"role": "system", "content": words},
                                                {"role": "user", "content": "fake: events=1"}]}
    return daemon.ask("POST", CHAT, json.dumps(body).encode()).status


def large_answer(daemon):
    return daemon.chat("events=2 size=100000").status


def tools(daemon):
    return daemon.chat("tools=2 events=1").status


def refusal(daemon):
    return daemon.chat("status=500").status


def bad_request(daemon):
    return daemon.ask("POST", CHAT, b'{"model": 1}').status


def unknown_path(daemon):
    return daemon.ask("GET", "/nowhere").status


def models(daemon):
    return daemon.ask("GET", "/v1/models").status


def leaves(daemon):
    with daemon.stream("events=50 gap_ms=2") as s:
        s.take(1)


def pipelined(daemon):
    with daemon.wire() as w:
        w.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3 +
               b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        while w.fill():
            pass


def upload(daemon):
    return daemon.ask("POST", "/test/upload", bytes(600 << 10),
                      [("Content-Type", "application/octet-stream")]).status


SCENARIOS = [plain, stream, large_body, large_answer, tools, refusal, bad_request, unknown_path, models,
             leaves, pipelined, upload]


def attempt(scenario, daemon):
    """What a client sees when memory runs out: an answer, an error, or the end of the connection."""
    try:
        return scenario(daemon)
    except (OSError, client.Cut, AssertionError, ValueError):
        return None


def fail_in_turn(daemon, orders, scenario, forever, mend=lambda: None):
    scenario(daemon)
    before = orders["count"]
    scenario(daemon)
    harness.wait_for(lambda: daemon.counts()["requests"] == 0)
    n = orders["count"] - before
    met = 0
    every = EVERY * 3 if forever and EVERY > 1 else EVERY
    for i in range(1, n + every, every):
        failed = orders["failed"]
        orders["forever"] = forever
        orders["fail_at"] = orders["count"] + i
        attempt(scenario, daemon)
        orders["fail_at"] = orders["forever"] = 0
        met += orders["failed"] > failed
        assert daemon.proc.poll() is None, f"allocation {i} of {n}: {daemon.said()[-5000:]}"
        assert daemon.ask("GET", "/health").status == 200
        mend()
    assert met > 0, "no allocation failed: nothing was tried"
    assert daemon.idle()["body_bytes"] == 0


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("forever", [0, 1], ids=["once", "for-a-while"])
def test_allocations_fail_in_turn(daemon, orders, scenario, forever):
    fail_in_turn(daemon, orders, scenario, forever)
    assert daemon.chat("events=2").status == 200


def test_nothing_is_held_afterwards(daemon):
    daemon.idle()
    counts = daemon.counts()
    assert (counts["requests"], counts["readers"], counts["attempts"]) == (0, 0, 0), counts


# --- models that are served by engines -------------------------------------------------------------


@pytest.fixture(scope="module")
def engine_orders(ground):
    return Orders(ground)


@pytest.fixture(scope="module")
def shop(shared, engine_orders):
    """a stays; b leaves as soon as nobody asks, and so is started for each who does."""
    s = shops.Shop(shared, {"a": "tokens=3", "b": ("tokens=3 load_ms=1", {"keep_alive": "0s"})},
                   config={"queue": {"wait": "2s"}, "engines": {"load_stall": "1s"}},
                   env={"HEARTH_FAIL_ALLOC": str(engine_orders.path)})
    harness.wait_for(lambda: s.chat("a").status == 200)
    return s


def served(daemon):
    return daemon.chat(model="a", timeout=4).status


def served_anew(daemon):
    return daemon.chat(model="b", timeout=4).status


def looked_at(daemon):
    return daemon.admin("GET", "/hearth/v1/engines").status


def reloads(daemon):
    """A model comes or goes, and the one that is there changes."""
    models = daemon.config["models"]
    models["b"]["ctx"] = models["b"].get("ctx", 512) + 1
    models.pop("c") if "c" in models else models.update(c=dict(models["b"]))
    daemon.write(daemon.config)
    return daemon.admin("POST", "/hearth/v1/reload", timeout=4).status


def leaves_one_that_serves(daemon):
    with daemon.stream("tokens=50 token_ms=2", model="a", timeout=4) as s:
        s.take(1)


@pytest.mark.parametrize("scenario", [served, served_anew, looked_at, leaves_one_that_serves, reloads], ids=lambda s: s.__name__)
@pytest.mark.parametrize("forever", [0, 1], ids=["once", "for-a-while"])
def test_of_engines_too(shop, engine_orders, scenario, forever):
    def mend():  # one that was given up would only be refused
        for model in "ab":
            if shop.state(model) == "FAILED":
                shop.daemon.admin("POST", f"/hearth/v1/engines/restart?model={model}")
    fail_in_turn(shop.daemon, engine_orders, scenario, forever, mend)
    for model in "ab":
        harness.wait_for(lambda m=model: shop.chat(m).status == 200)
        engine = shop.engine(model)
        assert (engine["busy"], engine["waiting"]) == (0, 0), engine
    harness.wait_for(lambda: len(shop.folders()) <= 1)
