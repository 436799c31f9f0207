"""Rights: how fast they end, whose word counts while connections come and go, and what of a secret is
left behind."""

import contextlib
import http.client
import json
import os
import random
import re
import socket
import sqlite3
import ssl
import stat
import threading
import time

import pytest

import callers
import client
import harness

SOAK = os.environ.get("HEARTH_SOAK") == "1"


def make_key(daemon, name, *more):
    code, out, err = daemon.hearth("keys", "create", name, "--json", *more)
    assert code == 0, err
    return json.loads(out)["key"]


def bearer(key):
    return [("Authorization", "Bearer " + key)]


def ended_within(stream, what, seconds=1.0):
    """The stream is running; what() takes its right away. How long until it ended, and how."""
    began = time.monotonic()
    what()
    took = time.monotonic() - began
    events = stream.rest()
    all_of_it = time.monotonic() - began
    assert client.stream_error(events) == "key_revoked", events[-1:]
    assert not any(client.is_done(e) for e in events)
    print(f"ended {all_of_it * 1000:.0f} ms after it was asked for, which took {took * 1000:.0f} ms")
    assert all_of_it - took < seconds
    return all_of_it


LONG = "events=2000 gap_ms=10"


@pytest.fixture
def daemon(make):
    return make.daemon(make.fake(), config={"request": {"total": "60s"}})


# --- ends ------------------------------------------------------------------------------------------


def test_a_revoked_keys_stream_ends(daemon):
    key, other = make_key(daemon, "one"), make_key(daemon, "two")
    with daemon.stream(LONG, headers=bearer(key)) as stream, \
            daemon.stream("events=150 gap_ms=10", headers=bearer(other)) as stays:
        stream.take(3)
        stays.take(3)
        began = time.monotonic()
        ended_within(stream, lambda: daemon.hearth("keys", "rm", "one"))
        assert time.monotonic() - began < 5
        assert any(client.is_done(e) for e in stays.rest())
    assert daemon.chat("events=1", headers=bearer(key)).status == 401
    daemon.idle()


def test_a_key_that_runs_out_ends_its_stream(daemon):
    key = make_key(daemon, "short", "--expires", "2s")
    began = time.monotonic()
    with daemon.stream(LONG, headers=bearer(key)) as stream:
        stream.take(3)
        ended_within(stream, lambda: time.sleep(max(0, began + 2 - time.monotonic())))
    assert daemon.chat("events=1", headers=bearer(key)).status == 401


def test_a_request_in_the_queue_ends(make):
    fake = make.fake()
    daemon = make.daemon(config={"providers": {"fake": fake.provider(parallel=1)}})
    key = make_key(daemon, "waits")
    with daemon.stream(LONG) as first:
        first.take(2)
        with daemon.wire() as waits:
            waits.send(client.request_bytes("POST", "/v1/chat/completions",
                                            client.chat_body("events=1"), bearer(key)))
            harness.wait_for(lambda: daemon.counts()["requests"] == 2)
            assert daemon.hearth("keys", "rm", "waits")[0] == 0
            r = waits.response()
            assert (r.status, r.error) == (401, "key_revoked")
    daemon.idle()
    assert fake.stats()["requests"] == 1


def test_a_body_on_its_way_ends(daemon):
    key = make_key(daemon, "slow")
    body = client.chat_body("events=1")
    with daemon.wire() as wire:
        wire.send(client.request_bytes("POST", "/v1/chat/completions", body, bearer(key))[:-5])
        harness.wait_for(lambda: daemon.counts()["requests"] == 1)
        assert daemon.hearth("keys", "rm", "slow")[0] == 0
        assert wire.response().status == 401
    daemon.idle()


@pytest.mark.parametrize("path", ["/hearth/v1/keys", "/hearth/v1/links"])
def test_a_change_whose_body_comes_later(daemon, path):
    """The right is looked at again when the body is there: an admin's last word is not his first."""
    key = make_key(daemon, "chief", "--admin")
    body = b'{"name": "heir"}' if path.endswith("keys") else b"{}"
    with daemon.wire() as wire:
        wire.send(client.request_bytes("POST", path, body, bearer(key))[:-1])
        time.sleep(0.2)
        assert daemon.hearth("keys", "rm", "chief")[0] == 0
        wire.send(body[-1:])
        assert wire.response().status == 401
    assert "heir" not in daemon.hearth("keys", "list")[1]


@pytest.mark.parametrize("events", [200000, 3000], ids=["while it runs", "when it is complete"])
def test_who_reads_slowly_gets_no_more(daemon, events):
    """What waits for a slow reader goes with the key, in the daemon and in the kernel."""
    key = make_key(daemon, "slow")
    with client.Stream(daemon.port, f"events={events} size=1000", rcvbuf=8192,
                       headers=bearer(key)) as stream:
        stream.take(3)
        time.sleep(0.5)  # by now everything on the way is full
        assert daemon.hearth("keys", "rm", "slow")[0] == 0
        began = time.monotonic()
        harness.wait_for(lambda: daemon.counts()["connections"] == 1, 3)  # the one that asks
        assert time.monotonic() - began < 1
        got = []
        with contextlib.suppress(OSError, client.Cut):
            got = stream.rest()
        assert sum(map(len, got)) < 3_000_000 and not any(map(client.is_done, got))
    daemon.idle()


def test_a_user_who_is_trusted_no_longer(make):
    callers.needs_root()
    daemon = make.home(harness.providers(make.fake()))
    daemon.write({**daemon.config, "trusted_uids": ["self", 0]})
    no_variable = {"HEARTH_TRUSTED_UIDS": ""}
    daemon.up(env=no_variable)
    with daemon.stream(LONG) as stream:
        stream.take(3)
        daemon.write({**daemon.config, "trusted_uids": ["self"]})
        ended_within(stream, lambda: daemon.hearth("reload", env=no_variable))
    assert daemon.chat("events=1").status == 401


def test_a_session_that_is_ended_ends_its_stream(daemon):
    url = json.loads(daemon.hearth("open", "--json")[1])["url"]
    r = daemon.ask("GET", re.sub(r"^http://[^/]*", "", url))
    cookie = ("Cookie", r.header("Set-Cookie").split(";")[0])
    page = ("Sec-Fetch-Site", "same-origin")
    with daemon.stream(LONG, headers=[cookie, page]) as stream:
        stream.take(3)
        ended_within(stream, lambda: daemon.ask("DELETE", "/hearth/v1/session",
                                                headers=[cookie, page]))
    assert daemon.ask("GET", "/v1/models", headers=[cookie]).status == 401
    used = daemon.ask("GET", re.sub(r"^http://[^/]*", "", url))
    assert used.status == 401  # a link is good once


def test_what_goes_on_by_itself_is_its_owners(daemon):
    one, two = make_key(daemon, "one"), make_key(daemon, "two")
    body = client.chat_body("events=400 gap_ms=10", stream=True)
    with daemon.stream(raw=client.request_bytes("POST", "/test/chat", body, bearer(one))) as stream:
        name = stream.start().header("X-Request-Id")
        path = f"/test/follow?id={name}&from=0"
        assert daemon.ask("GET", path, headers=bearer(two)).status == 404
        assert daemon.ask("GET", path).status == 404
        with daemon.wire() as again:
            again.send(client.request_bytes("GET", path, None, bearer(one)))
            assert again.head().status == 200
    assert daemon.hearth("keys", "rm", "one")[0] == 0
    daemon.idle()


# --- connections that come and go ------------------------------------------------------------------


def from_port(own, port):
    """A connection from this very port of ours, as far as it is free."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(5)
    try:
        s.bind(("127.0.0.1", own))
        s.connect(("127.0.0.1", port))
    except OSError:
        s.close()
        return None
    return s


def come_and_go(port, ports, tries, seed):
    """The stranger: asks for the bait and is gone, in every way there is."""
    rng, sent = random.Random(seed), 0
    request = client.request_bytes("POST", "/v1/chat/completions",
                                   client.chat_body("events=1", model="bait"))
    while sent < tries:
        s = from_port(rng.choice(ports), port)
        if not s:
            continue
        with contextlib.suppress(OSError):
            s.sendall(request)
            sent += 1
            way = rng.randrange(4)
            if rng.randrange(2):
                time.sleep(rng.random() * 0.002)
            if way == 0:
                s.shutdown(socket.SHUT_WR)
                time.sleep(rng.random() * 0.001)
            if way != 1:
                callers.reset(s)
        s.close()
    return sent


def own_visits(port, ports, until, seed):
    """The owner, meanwhile: statuses of what he asked from the same ports."""
    rng, got = random.Random(seed), {}
    request = client.request_bytes("GET", "/v1/models")
    while not os.path.exists(until):
        s = from_port(rng.choice(ports), port)
        if not s:
            continue
        with contextlib.suppress(OSError):
            s.sendall(request)
            status = s.recv(65536)[9:12].decode()
            got[status] = got.get(status, 0) + 1
        callers.reset(s)
    return got


def test_nobody_is_taken_for_somebody_else(make):
    """Another user's connection is closed, reset or half closed at every moment, while the owner's
    come and go on the same ports. None of his requests may be answered as the owner's."""
    callers.needs_root()
    tries = 10000 if SOAK else 1000
    fake, bait = make.fake(), make.fake("bait")
    daemon = make.home({"providers": {"fake": fake.provider(),
                                      "bait": bait.provider(models=["bait"])}})
    daemon.up(env={"HEARTH_TRUSTED_UIDS": "self"})
    ports = random.Random(1).sample(range(20000, 32000), 12)
    over = str(daemon.ground.path / f"over{daemon.port}")
    owned = {}

    def owner():
        owned.update(callers.as_uid(daemon.ground.uid, own_visits, daemon.port, ports, over, 2))

    thread = threading.Thread(target=owner)
    thread.start()
    try:
        sent = callers.as_uid(callers.stranger(), come_and_go, daemon.port, ports, tries, 3)
    finally:
        open(over, "w").close()
        thread.join()
    print(f"{sent} requests of a stranger; the owner's: {owned}")
    assert sent == tries
    assert bait.stats()["requests"] == 0
    assert set(owned) <= {"200"} and sum(owned.values()) > tries / 20
    daemon.idle()


# --- beyond this machine ---------------------------------------------------------------------------


def lan_address():
    """An address of this machine that is not loopback; None when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with contextlib.suppress(OSError):
            s.connect(("192.0.2.1", 9))
            return s.getsockname()[0]
    return None


def https(address, port, path, headers):
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    c = http.client.HTTPSConnection(address, port, timeout=10, context=trusting)
    c.request("GET", path, headers=dict(headers))
    status = c.getresponse().status
    c.close()
    return status


def test_beyond_this_machine_everybody_needs_a_key(make):
    """The one test here that listens beyond loopback, for a moment: that is what it is about."""
    callers.needs_root()
    address = lan_address()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address beyond loopback")
    port = harness.free_port()
    daemon = make.home(harness.providers(make.fake()))
    daemon.write({**daemon.config, "listen": ["127.0.0.1:0", f"{address}:{port}"]})
    daemon.up()
    key = make_key(daemon, "laptop")
    who = {"the daemon's user": daemon.ground.uid, "root, who is trusted": 0,
           "another user": callers.stranger()}
    for name, uid in who.items():
        for path, bare, keyed in (("/health", 200, 200), ("/v1/models", 401, 200),
                                  ("/hearth/v1/status", 401, 403)):
            assert callers.as_uid(uid, https, address, port, path, ()) == bare, (name, path)
            assert callers.as_uid(uid, https, address, port, path, bearer("sk-any")) == bare, name
            assert callers.as_uid(uid, https, address, port, path, bearer(key)) == keyed, name


# --- odd bytes -------------------------------------------------------------------------------------

ODD = ["' OR '1'='1", "'; DROP TABLE key; --", "\" UNION SELECT hash FROM key --", "hk_' OR 1=1 --",
       "hk_abcdefgh_' OR hash IS NOT NULL --", "%00", "%27%20OR%201=1", "${jndi:ldap://x}", "{{7*7}}",
       "../../../etc/passwd", "\u202egnp.exe", "\udc80\udcff", "hk_" + "a" * 52, "hk_" + "_" * 52,
       "a" * 7000, "hk_%s%n%x", "\t", "hk_abcdefgh_" + "A" * 43 + ";", "=" * 60, "NULL", "-1", "1e309"]


def check_state(daemon, names):
    """The file of keys is whole and holds these."""
    with contextlib.closing(sqlite3.connect(f"file:{daemon.home}/data/state.db?mode=ro",
                                            uri=True)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert sorted(n for n, in db.execute("SELECT name FROM key")) == sorted(names)


def test_odd_bytes_are_only_bytes(daemon):
    key = make_key(daemon, "good")
    adm = make_key(daemon, "admin", "--admin")
    for words in ODD:
        for header in ("Authorization", "x-api-key", "api-key", "Cookie"):
            for value in (words, f"Bearer {words}", f"Basic {words}",
                          f"hearth-{daemon.port}={words}"):
                r = daemon.ask("GET", "/v1/models", headers=[(header, value)])
                assert r.status in (200, 400, 401, 431), (header, value, r.status)
                assert b"SELECT" not in r.body and b"sqlite" not in r.body.lower()
        for who in ((), bearer(key)):
            r = daemon.ask("POST", "/v1/chat/completions",
                           json.dumps({"model": words, "messages": [
                               {"role": "user", "content": words}]}).encode(), who)
            assert r.status in (200, 400, 404), (words, r.status)
        path = "/hearth/v1/keys/" + re.sub(r"[^!-~]|[?#\\;]", "x", words)[:200]
        assert daemon.ask("DELETE", path, headers=bearer(adm)).status in (400, 404, 405), path
    check_state(daemon, ["good", "admin"])
    assert daemon.chat("events=1", headers=bearer(key)).status == 200


def test_names_of_keys(daemon):
    adm = bearer(make_key(daemon, "admin", "--admin"))

    def create(**wish):
        return daemon.ask("POST", "/hearth/v1/keys", json.dumps(wish).encode(), adm)

    good = ["'; DROP TABLE key; --", "Müller & Söhne", "日本", "x" * 64, "a b", "\"", "\\", "%s%n"]
    for name in good:
        r = create(name=name)
        assert r.status == 201 and r.json()["name"] == name, r.body
        assert create(name=name).json()["error"]["param"] == "name"  # one key a name
    for wish in ({}, {"name": ""}, {"name": "x" * 65}, {"name": "a\nb"}, {"name": "a\u202eb"},
                 {"name": " a"}, {"name": "a\0"}, {"name": 7}, {"name": "n", "models": "x"},
                 {"name": "n", "models": ["a b"]}, {"name": "n", "models": ["a*b"]},
                 {"name": "n", "models": [""]}, {"name": "n", "models": [1]},
                 {"name": "n", "models": ["m"] * 65}, {"name": "n", "surfaces": []},
                 {"name": "n", "surfaces": ["everything"]}, {"name": "n", "expires_in_s": 0},
                 {"name": "n", "expires_in_s": 1e12}, {"name": "n", "expires_in_s": 1.5},
                 {"name": "n", "admin": "yes"}, {"name": "n", "modles": ["m"]},
                 {"name": "n", "name ": "m"}):
        r = create(**wish)
        assert r.status == 400, (wish, r.body)
        assert r.json()["error"]["message"]
    assert create(name="n", modles=["m"]).json()["error"]["param"] == "modles"
    for body in (b"", b"[]", b"{", b"null", b"7", b"\xff", b'{"name":"n","name":"m"}'):
        assert daemon.ask("POST", "/hearth/v1/keys", body, adm).status == 400, body
    check_state(daemon, ["admin", *good])


# --- scopes ----------------------------------------------------------------------------------------


def test_a_key_sees_its_models_only(make):
    fake = make.fake()
    daemon = make.daemon(config={"providers": {
        "fake": fake.provider(models=["secret-model", "open-a", "open-b", "third"])}})
    key = bearer(make_key(daemon, "scoped", "--model", "open-*", "--model", "third"))
    assert [m["id"] for m in daemon.ask("GET", "/v1/models", headers=key).json()["data"]] == \
        ["open-a", "open-b", "third"]
    bodies = set()
    for model in ("secret-model", "no-such-model", "third-", "OPEN-a"):
        r = daemon.chat("events=1", model=model, headers=key)
        assert (r.status, r.error) == (403, "out_of_scope")
        bodies.add(r.body)
    assert len(bodies) == 1  # nobody learns which of them there is
    r = daemon.chat("events=1", model="open-c", headers=key)
    assert (r.status, r.error) == (404, "model_not_found")
    assert b"secret" not in r.body
    for model in ("open-b", "third", "", "default"):
        r = daemon.chat("events=1", model=model, headers=key)
        assert r.status == 200, r.body
        assert r.json()["model"] == (model if model in ("open-b", "third") else "open-a")
    assert daemon.chat("events=1", model="secret-model").status == 200
    assert daemon.chat("events=1", model="").json()["model"] == "secret-model"


# --- what is left behind ---------------------------------------------------------------------------


def everything_of(daemon):
    """All files of its home but its configuration, and what the system shows of the process."""
    for path in [*daemon.home.rglob("*"), daemon.out_path]:
        if path.is_file() and "config" not in path.relative_to(daemon.home.parent).parts[1:2]:
            yield path, path.read_bytes()
    for name in ("cmdline", "environ"):
        path = f"/proc/{daemon.proc.pid}/{name}"
        if os.path.exists(path):
            yield path, open(path, "rb").read()


@pytest.mark.parametrize("level", ["info", "debug"])
def test_no_secret_is_left_behind(make, level):
    fake = make.fake()
    daemon = make.daemon(fake, config={"log": {"level": level}})
    key = make_key(daemon, "canary")
    gone = make_key(daemon, "gone")
    daemon.hearth("keys", "rm", "gone")
    prompt, header = "CANARYprompt5c1", "CANARYheader9d2"
    link = json.loads(daemon.hearth("open", "--json")[1])["url"]
    opened = daemon.ask("GET", re.sub(r"^http://[^/]*", "", link))
    cookie = opened.header("Set-Cookie").split(";")[0]
    secrets = [key[12:], gone[12:], prompt, header, link[-43:], cookie.split("=")[1]]
    for who in (bearer(key), bearer(gone), [("x-api-key", key)], [("api-key", key[:-1])],
                [("Authorization", f"Bearer {header}")], [("Cookie", cookie)],
                [("X-Custom", header)]):
        daemon.chat("events=2 " + prompt, headers=who)
        daemon.chat("status=401 message=bad%20key%20" + key + " " + prompt, headers=who)
        daemon.chat("status=500 message=" + key, headers=who)
        daemon.ask("POST", "/v1/chat/completions", ("{" + prompt).encode(), who)
        daemon.ask("GET", "/nothing/" + prompt, headers=who)
    time.sleep(0.3)
    left = [(str(path), s) for path, data in everything_of(daemon) for s in secrets
            if s.encode() in data]
    assert not left
    daemon.stop()
    assert not [(str(path), s) for path, data in everything_of(daemon) for s in secrets
                if s.encode() in data]


def test_files_are_ours_alone(daemon):
    make_key(daemon, "one")
    daemon.chat("events=1")
    daemon.recording()
    seen = 0
    for folder in ("data", "run"):
        top = daemon.home / folder
        for path in [top, *top.rglob("*")]:
            mode = stat.S_IMODE(path.lstat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), f"{path}: {mode:o}"
            seen += 1
    assert seen >= 8


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_secrets_that_others_may_read_are_refused(make, mode):
    daemon = make.daemon(make.fake())
    daemon.stop()
    (daemon.home / "data/secrets.key").chmod(mode)
    code, out, err = daemon.hearth("up")
    assert code == 77 and "secrets.key" in err and "chmod 600" in err
    (daemon.home / "data/secrets.key").chmod(0o600)
    daemon.up()


# --- the commands ----------------------------------------------------------------------------------


def test_keys_by_command(daemon):
    code, out, err = daemon.hearth("keys", "list")
    assert code == 0 and "keys create" in out
    code, out, err = daemon.hearth("keys", "create", "laptop", "--model", "a*", "--expires", "30d")
    assert code == 0 and re.search(r"^Next: export OPENAI_API_KEY=hk_\w{8}_[\w-]{43}$", out, re.M)
    secret = re.search(r"hk_\w{8}_([\w-]{43})", out)[1]
    code, out, err = daemon.hearth("keys", "list")
    assert code == 0 and "laptop" in out and "a*" in out and "in 29 d" in out and secret not in out
    listed = json.loads(daemon.hearth("keys", "list", "--json")[1])
    assert [k["name"] for k in listed] == ["laptop"] and secret not in json.dumps(listed)
    for words in (["create"], ["create", "x", "--expires", "soon"], ["create", "x", "y"], ["rm"],
                  ["create", "x", "--nosuch"]):
        code, out, err = daemon.hearth("keys", *words)
        assert code == 2 and err, words
    code, out, err = daemon.hearth("keys", "create", "phone", "--surface", "nop")
    assert (code, out) == (2, "")
    assert err == 'hearth: "nop" is no surface; there are models, chat, metrics, admin\n'
    code, out, err = daemon.hearth("keys", "create", "laptop")
    assert code == 2 and "already" in err
    assert daemon.hearth("keys", "rm", "nosuch")[0] == 4
    code, out, err = daemon.hearth("keys", "rm", listed[0]["id"])
    assert code == 0 and "laptop" in out
    assert daemon.hearth("keys", "rm", "laptop")[0] == 4
    daemon.stop()
    for words in (["keys", "list"], ["keys", "create", "x"], ["keys", "rm", "x"], ["open"]):
        assert daemon.hearth(*words)[0] == 3


def test_root_is_told_what_to_do(make):
    """Root can reach everybody's socket, but is not trusted unless he is named."""
    callers.needs_root()
    daemon = make.home(harness.providers(make.fake()))
    daemon.up(env={"HEARTH_TRUSTED_UIDS": "self"})
    daemon.ground.rules, rules = {}, daemon.ground.rules
    try:
        code, out, err = daemon.hearth("status")
    finally:
        daemon.ground.rules = rules
    assert code == 77 and "trusted_uids" in err
