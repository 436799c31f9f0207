"""What is under way when the daemon is told to stop: answers on their way, bodies on theirs, and
signals in quick succession."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import client
import harness
from test_slow_clients import LARGE, WHOLE, ask, read_in

CHAT = "/v1/chat/completions"
LATER = {"request": {"drain": "20s"}}


def test_finished_answers_are_not_cut(make):
    """The requests are over, their clients still read."""
    daemon = make.daemon(make.fake(), config=LATER)
    with daemon.wire(rcvbuf=1 << 15) as closing, daemon.wire(rcvbuf=1 << 15) as staying:
        ask(closing, LARGE, [("Connection", "close")])
        ask(staying, LARGE)
        wires = (closing, staying)
        lengths = [int(w.head().header("Content-Length")) for w in wires]
        assert min(lengths) > WHOLE
        daemon.idle()
        daemon.signal(signal.SIGTERM)
        with ThreadPoolExecutor() as pool:
            assert list(pool.map(read_in, wires, [2.4, 2.4], lengths)) == lengths
    assert daemon.proc.wait(5) == 0


def test_shutdown_hears_of_itself(make):
    """Who asks for the shutdown gets its answer before the socket goes."""
    daemon = make.daemon(make.fake())
    admin = daemon.home / "run/admin.sock"
    with client.Wire(admin) as w:
        w.send(client.request_bytes("GET", "/hearth/v1/status"))
        assert w.response().status == 200
        w.send(client.request_bytes("POST", "/hearth/v1/shutdown"))
        r = w.response()
        assert r.status == 200 and r.json()
        assert w.closes(5)
    assert daemon.proc.wait(5) == 0 and not admin.exists()


ORDERS = [(signal.SIGTERM, signal.SIGTERM, signal.SIGHUP), (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM),
          (signal.SIGHUP, signal.SIGTERM, signal.SIGTERM)]


@pytest.mark.parametrize("numbers", ORDERS, ids=lambda ns: "-".join(n.name[3:].lower() for n in ns))
def test_signals_in_quick_succession(make, numbers):
    daemon = make.daemon(make.fake())
    for number in numbers:
        daemon.signal(number)
    assert daemon.proc.wait(5) == 0
    assert not (daemon.home / "run/admin.sock").exists()


def test_a_body_that_is_arriving_is_waited_for(make):
    """Its request had begun: it is answered. One that had not is refused."""
    fake = make.fake()
    daemon = make.daemon(fake, config=LATER)
    body = client.request_bytes("POST", CHAT, client.chat_body("events=2"))
    with daemon.stream("events=40 gap_ms=30") as held, daemon.wire() as half, daemon.wire() as late:
        held.take(1)
        half.send(body[:-20])
        late.send(body[:30])
        time.sleep(0.2)
        daemon.signal(signal.SIGTERM)
        time.sleep(0.2)
        half.send(body[-20:])
        late.send(body[30:])
        r = half.response()
        assert r.status == 200 and r.header("Connection") == "close"
        refused = late.response()
        assert (refused.status, refused.error) == (503, "shutting_down")
        assert client.is_done(held.rest()[-1])
    assert daemon.proc.wait(5) == 0
    assert fake.stats()["requests"] == 2
