"""What comes behind a request on the same connection: another request, a line end, the end; and
bodies that wait for room."""

import socket
import time

import pytest

import client
import harness

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake, config={"limits": {"headers": "400ms", "keep_alive": "5s"}})


def chat(words):
    return client.request_bytes("POST", CHAT, client.chat_body(words))


@pytest.mark.parametrize("n", [2, 5])
def test_pipelined_and_then_the_end(daemon, fake, n):
    """All are answered, in their order, though no more can come."""
    fake.clear()
    with daemon.wire() as w:
        w.send(b"".join(chat(f"events=2 first_ms=100 text=t{i}") for i in range(n)))
        w.sock.shutdown(socket.SHUT_WR)
        for i in range(n):
            r = w.response()
            assert r.status == 200
            assert r.json()["choices"][0]["message"]["content"] == f"t{i}" * 2
        assert w.closes(2)
    assert fake.stats()["requests"] == n


@pytest.mark.parametrize("behind", [b"", b"\r\n", b"\r\nGET /health HT"])
def test_a_client_that_left_is_noticed(daemon, fake, behind):
    """Bytes that are no request keep nothing alive."""
    daemon.idle()
    fake.clear()
    with daemon.wire() as w:
        w.send(chat("events=100 gap_ms=50") + behind)
        harness.wait_for(lambda: fake.stats()["requests"] == 1)
    daemon.idle(1)
    harness.wait_for(lambda: fake.stats()["hangups"] == 1, 1)


def test_a_line_end_is_no_request(daemon):
    """Some clients send one behind a body: nobody is told that its headers came too slowly."""
    with daemon.wire() as w:
        for _ in range(2):
            w.send(chat("events=1") + b"\r\n")
            assert w.response().status == 200
            w.sock.settimeout(0.7)
            with pytest.raises(TimeoutError):
                w.sock.recv(1)
            w.sock.settimeout(w.timeout)
        w.send(client.request_bytes("GET", "/health"))
        assert w.response().status == 200


def test_each_wait_for_room_has_its_full_time(make):
    """A body waits for room for up to 10 s. Two waits on one connection, together longer than that."""
    daemon = make.daemon(make.fake(), config={"limits": {"bodies_total": "64KiB", "body": "64KiB"}})
    most = client.request_bytes("POST", CHAT, client.chat_body("events=1", pad=60 << 10))
    wants = client.request_bytes("POST", CHAT, client.chat_body("events=1", pad=30 << 10))
    with daemon.wire(timeout=20) as w:
        for _ in range(2):
            with daemon.wire() as other:
                other.send(most[:-10])
                harness.wait_for(lambda: daemon.counts()["body_bytes"] > 60 << 10)
                w.send(wants)
                time.sleep(5.2)
                assert not w.reader.buf
            assert w.response().status == 200
