"""Every endpoint, asked by every kind of caller. The endpoints come from the program; each has its
row here, and one without a row fails."""

import json
import os
import re
import socket
import stat
import time

import pytest

import callers
import client
import harness

# surface, status for whoever may, body, headers, path where the table has a pattern
GZIP = [("Content-Encoding", "gzip")]  # refused behind the gate, before it has an effect
CHAT = client.chat_body("events=1")
ROWS = {
    "GET /": ("anybody", 200, None, (), None),
    "GET /health": ("anybody", 200, None, (), None),
    "GET /metrics": ("metrics", 200, None, (), None),
    "GET /v1/models": ("models", 200, None, (), None),
    "GET /models": ("models", 200, None, (), None),
    "GET /v1/models/{name}": ("models", 404, None, (), "/v1/models/no-such"),
    "POST /v1/chat/completions": ("chat", 200, CHAT, (), None),
    "POST /chat/completions": ("chat", 200, CHAT, (), None),
    "POST /v1/completions": ("chat", 200, b'{"prompt":"x"}', (), None),
    "POST /completions": ("chat", 200, b'{"prompt":"x"}', (), None),
    "POST /v1/embeddings": ("chat", 200, b'{"model":"fake-model","input":"x"}', (), None),
    "POST /embeddings": ("chat", 200, b'{"model":"fake-model","input":"x"}', (), None),
    "POST /v1/rerank": ("chat", 400, b"{}", (), None),
    "POST /rerank": ("chat", 400, b"{}", (), None),
    "POST /completion": ("chat", 200, b'{"prompt":"x"}', (), None),
    "POST /v1/messages": ("chat", 200, b'{"model":"fake-model","max_tokens":9,"messages":[{"role":"user","content":"x"}]}',
                          (), None),
    "POST /v1/messages/count_tokens": ("chat", 400, b"{}", (), None),
    "POST /api/chat": ("chat", 200, b'{"messages":[{"role":"user","content":"x"}]}', (), None),
    "POST /api/generate": ("chat", 200, b'{"prompt":"x"}', (), None),
    "POST /api/embed": ("chat", 200, b'{"model":"fake-model","input":"x"}', (), None),
    "POST /api/embeddings": ("chat", 200, b'{"model":"fake-model","prompt":"x"}', (), None),
    "GET /api/version": ("anybody", 200, None, (), None),
    "GET /api/tags": ("models", 200, None, (), None),
    "GET /api/ps": ("models", 200, None, (), None),
    "POST /api/show": ("models", 400, b"{}", (), None),
    "POST /api/pull": ("models", 400, b"{}", (), None),
    "POST /api/create": ("models", 501, b"{}", (), None),
    "POST /api/copy": ("models", 501, b"{}", (), None),
    "DELETE /api/delete": ("models", 501, b"{}", (), None),
    "POST /api/push": ("models", 501, b"{}", (), None),
    # below: only an engine can do it, and here is none
    "POST /infill": ("chat", 400, b"{}", (), None),
    "POST /v1/fim/completions": ("chat", 400, b'{"prompt":"x"}', (), None),
    "POST /fim/completions": ("chat", 400, b'{"prompt":"x"}', (), None),
    "POST /tokenize": ("chat", 400, b'{"content":"x"}', (), None),
    "POST /detokenize": ("chat", 400, b'{"tokens":[]}', (), None),
    "POST /apply-template": ("chat", 400, b'{"messages":[{"role":"user","content":"x"}]}', (), None),
    "GET /props": ("chat", 400, None, (), None),
    "GET /slots": ("chat", 400, None, (), None),
    "GET /lora-adapters": ("chat", 400, None, (), None),
    "POST /models/load": ("chat", 400, b"{}", (), None),
    "POST /models/unload": ("chat", 400, b"{}", (), None),
    "POST /v1/messages": ("chat", 200, client.chat_body("events=1", max_tokens=9), (), None),
    "POST /v1/messages/count_tokens": ("chat", 400, CHAT, (), None),
    "POST /api/chat": ("chat", 200, CHAT, (), None),
    "POST /api/generate": ("chat", 200, b'{"prompt":"x"}', (), None),
    "POST /api/embed": ("chat", 200, b'{"model":"fake-model","input":"x"}', (), None),
    "POST /api/embeddings": ("chat", 200, b'{"model":"fake-model","prompt":"x"}', (), None),
    "GET /api/version": ("anybody", 200, None, (), None),
    "GET /api/tags": ("models", 200, None, (), None),
    "GET /api/ps": ("models", 200, None, (), None),
    "POST /api/show": ("models", 400, b"{}", (), None),
    "POST /api/pull": ("models", 400, b"{}", (), None),
    "POST /api/create": ("models", 501, b"{}", (), None),
    "POST /api/copy": ("models", 501, b"{}", (), None),
    "POST /api/push": ("models", 501, b"{}", (), None),
    "DELETE /api/delete": ("models", 501, b"{}", (), None),
    "GET /hearth/v1/keys": ("admin", 200, None, (), None),
    "POST /hearth/v1/keys": ("admin", 400, b"{}", (), None),
    "DELETE /hearth/v1/keys/{id}": ("admin", 404, None, (), "/hearth/v1/keys/nosuchid"),
    "POST /hearth/v1/links": ("admin", 201, None, (), None),
    "GET /hearth/v1/open": ("anybody", 401, None, (), "/hearth/v1/open?token=none"),
    "DELETE /hearth/v1/session": ("admin", 415, None, GZIP, None),
    "GET /hearth/v1/requests": ("admin", 200, None, (), None),
    "GET /hearth/v1/requests/{id}": ("admin", 404, None, (), "/hearth/v1/requests/nosuchid"),
    "GET /hearth/v1/usage": ("admin", 200, None, (), None),
    "GET /hearth/v1/refused": ("admin", 200, None, (), None),
    "POST /hearth/v1/verify": ("admin", 415, None, GZIP, None),
    "GET /hearth/v1/status": ("admin", 200, None, (), None),
    "GET /hearth/v1/devices": ("admin", 200, None, (), None),
    "GET /hearth/v1/engines": ("admin", 200, None, (), None),
    "POST /hearth/v1/engines/restart": ("admin", 400, None, (), None),
    "POST /hearth/v1/models/load": ("admin", 400, None, (), None),
    "POST /hearth/v1/models/unload": ("admin", 400, None, (), None),
    "GET /hearth/v1/bus": ("admin", 200, None, (), None),
    "POST /hearth/v1/reload": ("admin", 415, None, GZIP, None),
    "POST /hearth/v1/shutdown": ("admin", 415, None, GZIP, None),
    "POST /test/chat": ("chat", 200, CHAT, (), None),
    "GET /test/follow": ("chat", 404, None, (), "/test/follow?id=999999&from=0"),
    "GET /test/requests": ("anybody", 200, None, (), None),
    "POST /test/upload": ("anybody", 200, b"x", (), None),
}

ALL = {"models", "chat", "metrics", "admin"}
USE = {"models", "chat", "metrics"}
USUAL = {"models", "chat"}
ELSEWHERE = USUAL | {"another model"}
NOBODY = set()
REFUSED_ALL = None  # at the gate, whatever is asked, 403


def endpoints():
    written = os.popen(f"{harness.program('hearth')} help --markdown endpoints").read()
    return [(f"{m[0]} {m[1]}", m[2]) for m in
            re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \| (\w+) \|", written, re.M)]


def test_every_endpoint_has_its_row():
    there = dict(endpoints())
    assert len(there) >= 15
    assert not set(there) - set(ROWS), "give these a row in ROWS"
    wrong = {e: (s, ROWS[e][0]) for e, s in there.items() if s != ROWS[e][0]}
    assert not wrong, f"the program says one surface, the row another: {wrong}"


class World:
    """A daemon that trusts its own user only, with keys of every kind and sessions."""

    def __init__(self, shared):
        self.fake = shared.fake()
        self.daemon = shared.home(harness.merge(harness.providers(self.fake), {
            "providers": {"fake": self.fake.provider(models=["fake-model", "other-model"])}}))
        self.uid = self.daemon.ground.uid
        self.daemon.up(env={"HEARTH_TRUSTED_UIDS": "self"}, wait=False)
        self.daemon.port = harness.wait_for(self.daemon.find_port, 20)
        harness.wait_for(self.daemon.healthy, 20)
        self.keys = {
            "usual": self.make("usual"),
            "models": self.make("only models", "--surface", "models"),
            "metrics": self.make("only metrics", "--surface", "metrics"),
            "admin": self.make("admin", "--admin"),
            "other": self.make("other model", "--model", "other*"),
            "over": self.make("over", "--expires", "1s"),
            "gone": self.make("gone"),
        }
        assert self.daemon.hearth("keys", "rm", "gone")[0] == 0
        time.sleep(1.2)

    def make(self, name, *more):
        code, out, err = self.daemon.hearth("keys", "create", name, "--json", *more)
        assert code == 0, err
        return json.loads(out)["key"]

    def session(self, uid):
        """A cookie of a session that this user opened."""
        code, out, err = self.daemon.hearth("open", "--json")
        assert code == 0, err
        path = re.sub(r"^https?://[^/]*", "", json.loads(out)["url"])
        r = callers.as_uid(uid, callers.ask, self.daemon.port, "GET", path)
        assert r.status == 303, r.body
        return ("Cookie", r.header("Set-Cookie").split(";")[0])


@pytest.fixture(scope="module")
def world(shared):
    return World(shared)


def bearer(key):
    return [("Authorization", "Bearer " + key)]


def lan_address():
    """An address of this machine that is not loopback; None when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def make_callers(world):
    """Name: (uid, where, headers, host, what he may)."""
    own, other = world.uid, callers.stranger()
    port, sock = world.daemon.port, world.daemon.home / "run/admin.sock"
    key = world.keys
    secret = key["usual"]
    wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    unknown = "hk_" + "zzzzzzzz" + secret[11:]
    page = [("Origin", f"http://localhost:{port}")]
    out = {
        "own socket, the daemon's user": (own, sock, [], None, ALL),
        "own socket, the daemon's user, junk bearer": (own, sock, bearer("sk-any"), None, ALL),
        "own socket, the daemon's user, forwarded":
            (own, sock, [("X-Forwarded-For", "1.2.3.4")], None, ALL),
        "own socket, the daemon's user, bad key": (own, sock, bearer(wrong), None, NOBODY),
        "own socket, the daemon's user, usual key": (own, sock, bearer(secret), None, USUAL),
        "127.0.0.1, the daemon's user": (own, port, [], None, USE),
        "::1, the daemon's user": (own, ("::1", port), [], None, USE),
        "the daemon's user, junk bearer": (own, port, bearer("sk-any"), None, USE),
        "the daemon's user, junk basic": (own, port, [("Authorization", "Basic eDp5")], None, USE),
        "the daemon's user, junk x-api-key": (own, port, [("x-api-key", "sk-any")], None, USE),
        "foreign Host": (own, port, [], "evil.example", REFUSED_ALL),
        "foreign Origin": (own, port, [("Origin", "https://evil.example")], None, REFUSED_ALL),
        "null Origin": (own, port, [("Origin", "null")], None, REFUSED_ALL),
        "Origin on another port": (own, port, [("Origin", "http://localhost:1")], None,
                                   REFUSED_ALL),
        "cross-site": (own, port, [("Sec-Fetch-Site", "cross-site")], None, REFUSED_ALL),
        "same-site": (own, port, [("Sec-Fetch-Site", "same-site")], None, REFUSED_ALL),
        "own page": (own, port, page, None, USE),
        "a key and a foreign Origin": (own, port, bearer(key["admin"])
                                       + [("Origin", "https://evil.example")], None, REFUSED_ALL),
    }
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "CF-Connecting-IP"):
        out[f"the daemon's user, {name}"] = (own, port, [(name, "x")], None, NOBODY)
    for who, uid in (("the daemon's user", own), ("another user", other), ("root", 0)):
        out |= {
            f"{who}, usual key": (uid, port, bearer(secret), None, USUAL),
            f"{who}, usual key, x-api-key": (uid, port, [("x-api-key", secret)], None, USUAL),
            f"{who}, usual key, forwarded":
                (uid, port, bearer(secret) + [("Forwarded", "for=x")], None, USUAL),
            f"{who}, models key": (uid, port, bearer(key["models"]), None, {"models"}),
            f"{who}, metrics key": (uid, port, bearer(key["metrics"]), None, {"metrics"}),
            f"{who}, admin key": (uid, port, bearer(key["admin"]), None, USUAL | {"admin"}),
            f"{who}, key of another model": (uid, port, bearer(key["other"]), None, ELSEWHERE),
            f"{who}, wrong secret": (uid, port, bearer(wrong), None, NOBODY),
            f"{who}, unknown id": (uid, port, bearer(unknown), None, NOBODY),
            f"{who}, malformed key": (uid, port, bearer("hk_x' OR 1=1"), None, NOBODY),
            f"{who}, expired key": (uid, port, bearer(key["over"]), None, NOBODY),
            f"{who}, revoked key": (uid, port, bearer(key["gone"]), None, NOBODY),
            f"{who}, two keys": (uid, port, bearer(secret) + [("api-key", key["admin"])], None,
                                 NOBODY),
        }
    if os.geteuid() == 0:
        session = world.session(own)
        ended = world.session(own)
        r = callers.as_uid(own, callers.ask, port, "DELETE", "/hearth/v1/session", None,
                           [ended, *page])
        assert r.status == 200 and "Max-Age=0" in r.header("Set-Cookie")
        out |= {
            "own socket, another user": (other, sock, [], None, NOBODY),
            "own socket, root": (0, sock, [], None, NOBODY),
            "own socket, another user, admin key":
                (other, sock, bearer(key["admin"]), None, USUAL | {"admin"}),
            "127.0.0.1, another user": (other, port, [], None, NOBODY),
            "::1, another user": (other, ("::1", port), [], None, NOBODY),
            "127.0.0.1, root": (0, port, [], None, NOBODY),
            "another user, junk bearer": (other, port, bearer("sk-any"), None, NOBODY),
            "another user, forwarded": (other, port, [("Forwarded", "for=x")], None, NOBODY),
            "session": (own, port, [session, *page], None, ALL),
            "session, Sec-Fetch-Site: same-origin":
                (own, port, [session, ("Sec-Fetch-Site", "same-origin")], None, ALL),
            "session, stolen by another user": (other, port, [session, *page], None, NOBODY),
            "session, stolen by root": (0, port, [session, *page], None, NOBODY),
            "session, ended": (own, port, [ended, *page], None, NOBODY),
            "session and a key": (own, port, [session, *page, *bearer(secret)], None, NOBODY),
        }
    return out


# --- the matrix ----------------------------------------------------------------------------------


def expected(row, may):
    surface, ok = row[0], row[1]
    if may is REFUSED_ALL:
        return 403
    if "another model" in may and b"fake-model" in (row[2] or b""):
        return 403
    if surface == "anybody" or surface in may:
        return ok
    if not may:
        return 401
    return 403


def ask_all(where, headers, host, rows):
    """Every endpoint, by one caller: (status, body without what differs, WWW-Authenticate)."""
    got = {}
    for name, (_, _, body, more, path) in rows.items():
        method, pattern = name.split(" ")
        r = callers.ask(where, method, path or pattern, body, [*headers, *more], host)
        got[name] = (r.status, r.body, r.header("WWW-Authenticate"),
                     r.header("Access-Control-Allow-Origin"))
    return got


def test_everybody_asks_for_everything(world):
    """The own socket is opened to everybody here, so that it is hearth that judges."""
    run = world.daemon.home / "run"
    closed = [(run, 0o711), (world.daemon.home, 0o711), (world.daemon.ground.path, 0o711),
              (run / "admin.sock", 0o666)]
    was = [(path, stat.S_IMODE(path.stat().st_mode)) for path, _ in closed]
    for path, mode in closed:
        path.chmod(mode)
    there = [e for e, _ in endpoints()]
    rows = {e: ROWS[e] for e in there}
    cells, wrong, bodies, skipped = 0, [], {}, []
    for caller, (uid, where, headers, host, may) in make_callers(world).items():
        if uid != os.geteuid() and os.geteuid() != 0:
            skipped.append(caller)
            continue
        for name, got in callers.as_uid(uid, ask_all, where, headers, host, rows).items():
            status, body, challenge, allowed = got
            cells += 1
            want = expected(rows[name], may)
            if status != want:
                wrong.append(f"{caller}: {name}: {status}, not {want}: {body[:90]}")
            if status in (401, 403) and may is not REFUSED_ALL:
                bodies.setdefault((name, status), {}).setdefault(body, caller)
            if status == 401 and challenge != "Bearer":
                wrong.append(f"{caller}: {name}: 401 without WWW-Authenticate")
            if may is REFUSED_ALL and allowed is not None:
                wrong.append(f"{caller}: {name}: a foreign page gets CORS headers")
    print(f"{cells} cells, {len(skipped)} callers skipped: {skipped}")
    # nobody finds out what he could not: the words for a refusal are the same for all
    wrong += [f"{what}: {told}" for what, told in bodies.items() if len(told) > 1]
    for path, mode in was:
        path.chmod(mode)
    assert not wrong, "\n".join(wrong)
    assert cells > 500
