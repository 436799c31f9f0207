"""The tools of the other scenarios: does the fake upstream do what a script says, and do the clients
see it? No daemon is needed for these."""

import json

import pytest

import client
import harness
import test_relay
import test_upstream_faults
from client import contents, event_data, is_done, split_events


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(autouse=True)
def clear(fake):
    fake.clear()


def test_stream(fake):
    with client.Stream(fake.port, "events=3 nonce=a", stream_options={"include_usage": True}) as s:
        events = s.rest()
    assert contents(events) == ["a.0 ", "a.1 ", "a.2 "] and is_done(events[-1])
    assert b"".join(events) == fake.last()[0]["sent"]
    assert len(events) == 7 and client.event_json(events[-2])["usage"]["completion_tokens"] == 3


@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("dress", test_relay.DRESSES)
def test_clothes(fake, dress, eol):
    r = client.chat(fake.port, f"dress={dress} eol={eol} text=%e2%82%ac", stream=True)
    events = split_events(r.body)
    assert b"".join(events) == r.body
    assert contents(events) == ["\u20ac"] * 3 and is_done(events[-1])


def all_scripts():
    yield from (w for w, *_ in test_upstream_faults.EARLY.values())
    yield from (w for w, _ in test_upstream_faults.LATE.values())
    yield from test_relay.WORDS.values()


def test_all_scripts_are_understood(fake):
    for words in all_scripts():
        assert fake.command("script " + words)["ok"], words
    fake.script("")
    r = client.chat(fake.port, "nonsense=1")
    assert r.status == 400 and r.error == "fake_script" and fake.stats()["wrong_scripts"] == 1


@pytest.mark.parametrize("words,reset", [("reset=3", True), ("close=3", False), ("half=3", False),
                                         ("close=3.5", False), ("framing=length length=999 close=3", False)])
def test_faults(fake, words, reset):
    with client.Wire(fake.port) as w:
        w.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body(words, stream=True)))
        w.head()
        while w.fill():
            pass
        assert w.reset == reset and w.reader.buf.count(b"data:") in (3, 4)


def test_stall_and_hangup(fake):
    with client.Stream(fake.port, "stall=2") as s:
        s.take(1)
        with pytest.raises(TimeoutError):
            s.wire.fill(0.2)
    harness.wait_for(lambda: fake.stats()["hangups"] == 1, 2)
    assert fake.stats()["open"] == 0


def test_scripts_of_the_server(fake):
    fake.script("other.status=500 fake.status=503 times=1")
    assert client.chat(fake.port, "nonce=x").status == 503
    assert client.chat(fake.port, "nonce=x").status == 200
    fake.script("")


def test_recorded_bytes(fake):
    raw = b'{"model" : "m", "messages":[{"content":"fake: events=1 \xe2\x82\xac"}]}'
    client.ask(fake.port, "POST", "/v1/chat/completions", raw)
    seen = client.ask(fake.port, "GET", "/_fake/stats").json()
    record, = fake.last(1)
    assert record["body"] == raw and record["head"].endswith(b"\r\n\r\n")
    assert seen["requests"] == 1 and seen["per_connection"]


@pytest.mark.parametrize("words", ["", "slice=1", "chunk=3 chunk_ext=1 trailers=1", "framing=length",
                                   "framing=close", "join=3", "flood=info:50"])
def test_framings(fake, words):
    r = client.chat(fake.port, "events=3 " + words, stream=True)
    assert [event_data(e) for e in split_events(r.body)][-1] == b"[DONE]"
    assert contents(split_events(r.body)) == ["w0 ", "w1 ", "w2 "]


def test_unix_socket(shared):
    fake = shared.fake("unix", unix=True)
    r = client.ask(fake.path, "POST", "/v1/chat/completions", client.chat_body("body=json"))
    assert r.json()["choices"][0]["message"]["content"] == "w0 w1 w2 "


def test_load_client_judges(fake, ground):
    good = harness.load(ground, fake.port, streams=200, at_once=50, events=10)
    assert good["ok"] == 200 and not good["failed"]
    cut = harness.load(ground, fake.port, streams=10, at_once=5, events=10, words="close=5")
    assert cut["failed"] == 10 and cut["lost_events"] > 0 and cut["why"]
    mixed = harness.load(ground, fake.port, streams=5, at_once=5, events=3, words="nonce=else")
    assert mixed["mixed"] == 5
    left = harness.load(ground, fake.port, streams=50, at_once=10, events=50, words="gap_ms=1", leave=1)
    assert left["left"] + left["ok"] == 50
    slow = harness.load(ground, fake.port, streams=5, at_once=5, events=20, gulp=200, gulp_ms=1, rcvbuf=2048)
    assert slow["ok"] == 5


def test_plain_user(fake, ground):
    status = open(f"/proc/{fake.proc.pid}/status").read()
    uids = next(ln for ln in status.splitlines() if ln.startswith("Uid:")).split()[1:]
    assert set(uids) == {str(ground.uid)} and "0" not in uids


def test_yaml_text():
    text = harness.yaml_text({"listen": ["127.0.0.1:0"], "a": {"b": {"c": "x: y"}, "d": 1}, "e": {}})
    assert text.splitlines() == ['listen: ["127.0.0.1:0"]', "a:", "  b:", '    c: "x: y"', "  d: 1", "e: {}"]
    assert json.loads(text.splitlines()[0].partition(" ")[2]) == ["127.0.0.1:0"]
