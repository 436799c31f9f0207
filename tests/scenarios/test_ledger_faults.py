"""What happens to the ledger's file happens to the ledger only: requests are answered, health says what is
wrong, and it mends itself when the cause is gone. What was changed by hand is found."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

import client
import harness
from test_metrics import scrape, value

CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake(script="usage=always")


def health(daemon):
    return daemon.ask("GET", "/health").json()["status"]


def is_up(daemon):
    return value(scrape(daemon)[1], "hearth_store_up", file="audit") == 1


def data(daemon):
    return daemon.home / "data"


def state_of(daemon):
    """What state.db says of keys, by a reader of its own."""
    with sqlite3.connect(f"file:{data(daemon)}/state.db?mode=ro", uri=True) as db:
        return db.execute("SELECT * FROM key ORDER BY id").fetchall(), \
            db.execute("SELECT * FROM principal ORDER BY id").fetchall()


def answers(daemon, n=3):
    for _ in range(n):
        assert daemon.chat("events=1").status == 200


def goes_down(daemon, seconds=8):
    """Asks until it is told that the file cannot be written; every question is answered."""
    def look():
        answers(daemon, 1)
        return not is_up(daemon)
    harness.wait_for(look, seconds, every=0.05)
    assert health(daemon) == "degraded"
    words = daemon.admin("GET", "/hearth/v1/status").json()["store"]["audit"]["why"]
    assert words and "audit.db" in daemon.hearth("status")[1]


def comes_back(daemon, seconds=10):
    harness.wait_for(lambda: is_up(daemon), seconds, every=0.05)
    harness.wait_for(lambda: health(daemon) == "ok", seconds)
    number = daemon.chat("events=1").header("X-Request-Id")
    assert daemon.row(number, 5)["outcome"] == "OK"
    assert daemon.hearth("requests", "verify")[0] == 0


# --- causes that go away --------------------------------------------------------------------------


class Locked:
    def __init__(self, daemon):
        self.db = sqlite3.connect(data(daemon) / "audit.db", isolation_level=None)
        self.db.execute("BEGIN EXCLUSIVE")

    def mend(self):
        self.db.execute("ROLLBACK")
        self.db.close()


class Full:
    """No file of the daemon may grow, as on a disk that is full."""

    def __init__(self, daemon):
        self.daemon, size = daemon, (data(daemon) / "audit.db").stat().st_size
        wal = data(daemon) / "audit.db-wal"
        size = max(size, wal.stat().st_size if wal.exists() else 0)
        self.limit(size + 100)

    def limit(self, most):
        """Only the daemon's own user may, where root has not all its powers."""
        words = f"resource.prlimit({self.daemon.proc.pid}, resource.RLIMIT_FSIZE, ({most}, -1))"
        subprocess.run([sys.executable, "-c", "import resource; " + words], check=True,
                       **self.daemon.ground.rules)

    def mend(self):
        self.limit(-1)


class Gone:
    """The folder is not there."""

    def __init__(self, daemon):
        self.here, self.there = data(daemon), daemon.home / "elsewhere"
        self.here.rename(self.there)

    def mend(self):
        self.there.rename(self.here)


def ignore_limit():
    """In the daemon: a file that may not grow is an error there, not a signal that ends it."""
    harness.die_with_us()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@pytest.mark.parametrize("cause", [Locked, Full, Gone])
def test_it_mends_itself(make, fake, cause):
    daemon = make.home(harness.providers(fake))
    daemon.before = ignore_limit
    daemon.up()
    assert daemon.hearth("keys", "create", "laptop")[0] == 0
    answers(daemon)
    daemon.wait_rows(3)
    keys = state_of(daemon)
    trouble = cause(daemon)
    try:
        goes_down(daemon)
        began = time.monotonic()
        answers(daemon, 20)
        assert time.monotonic() - began < 5, "nobody waits for the ledger"
    finally:
        trouble.mend()
    comes_back(daemon)
    assert state_of(daemon) == keys
    lost = value(scrape(daemon)[1], "hearth_ledger_rows_total", fate="lost")
    assert lost == 0, "they waited"
    outcomes = [row["outcome"] for row in daemon.rows()]
    assert len(outcomes) >= 24 and set(outcomes) == {"OK"}


def test_strict(make, fake):
    """What could not be recorded is refused, before it is a request."""
    daemon = make.daemon(fake, config={"audit": {"strict": True}})
    harness.wait_for(lambda: is_up(daemon))
    answers(daemon)
    rows = daemon.wait_rows(3)
    trouble = Locked(daemon)
    try:
        asked = fake.stats()["requests"]
        answer = harness.wait_for(lambda: (a := daemon.chat("events=1")).status != 200 and a, 8)
        answered = fake.stats()["requests"] - asked
        assert (answer.status, answer.error) == (503, "audit_unavailable")
        assert answer.header("Retry-After") and answer.header("X-Request-Id") is None
        asked = fake.stats()["requests"]
        for _ in range(10):
            assert daemon.chat("events=1").status == 503
        assert fake.stats()["requests"] == asked
        assert daemon.ask("GET", "/v1/models").status == 200, "only what leaves a row"
        daemon.config["audit"]["strict"] = False
        daemon.write(daemon.config)
        assert daemon.hearth("reload")[0] == 0
        assert daemon.chat("events=1").status == 200, "without it they are answered"
        daemon.config["audit"]["strict"] = True
        daemon.write(daemon.config)
        assert daemon.hearth("reload")[0] == 0
        assert daemon.chat("events=1").status == 503
    finally:
        trouble.mend()
    harness.wait_for(lambda: daemon.chat("events=1").status == 200, 10)
    assert value(scrape(daemon)[1], "hearth_refused_total", reason="NO_AUDIT") >= 12
    expected = len(rows) + answered + 2
    assert len(daemon.wait_rows(expected)) == expected, "none is lost, none is made up"
    refused = harness.wait_for(lambda: daemon.admin("GET", "/hearth/v1/refused").json()["refused"])
    assert sum(r["requests"] for r in refused if r["reason"].startswith("NO_AUDIT")) >= 12


# --- files that are not what they were ------------------------------------------------------------


def spoil_middle(path):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def spoil_head(path):
    with open(path, "r+b") as file:
        file.write(b"this is no database at all" * 4)


def spoil_size(path):
    os.truncate(path, 100)


@pytest.mark.parametrize("spoil", [spoil_head, spoil_middle, spoil_size])
def test_a_file_that_is_damaged(make, fake, spoil):
    daemon = make.daemon(fake)
    assert daemon.hearth("keys", "create", "laptop")[0] == 0
    answers(daemon, 5)
    daemon.wait_rows(5)
    assert daemon.stop() == 0
    keys = state_of(daemon)
    spoil(data(daemon) / "audit.db")
    daemon.up()
    answers(daemon, 5)
    aside = harness.wait_for(lambda: [p for p in data(daemon).iterdir() if ".bad-" in p.name], 8)
    assert all(p.name.startswith("audit.db") for p in aside)
    rows = daemon.wait_rows(1)
    assert rows[-1]["outcome"] == "OK"
    code, out, _ = daemon.hearth("requests", "verify")
    assert code == 0 and "A damaged audit.db was put aside" in out, out
    assert "state.db knows nothing of these records" in out, out
    found = daemon.admin("POST", "/hearth/v1/verify").json()["verify"]
    assert found["ok"] and found["file_put_aside"] and not found["anchored"]
    assert state_of(daemon) == keys
    assert daemon.admin("GET", "/hearth/v1/status").json()["store"]["audit"]["put_aside"]
    assert "audit.db.bad-...); a new one is in use" in daemon.hearth("status")[1]


def test_a_file_that_may_not_be_written(make, fake):
    daemon = make.daemon(fake)
    answers(daemon)
    daemon.wait_rows(3)
    assert daemon.stop() == 0
    path = data(daemon) / "audit.db"
    path.chmod(0o400)
    daemon.up()
    goes_down(daemon)
    path.chmod(0o600)
    comes_back(daemon)
    assert len(daemon.rows()) >= 5


# --- proofs ---------------------------------------------------------------------------------------


def edit(daemon, sql):
    """By hand, while nobody looks."""
    assert daemon.stop() == 0
    path = data(daemon) / "audit.db"
    with sqlite3.connect(path) as db:
        assert db.execute(sql).rowcount == 1, sql
    db.close()
    for file in data(daemon).glob("audit.db*"):
        shutil.chown(file, daemon.ground.uid, daemon.ground.gid)
    daemon.up()


EDITS = {
    "status": "UPDATE request SET status = 201 WHERE seq = 3",
    "tokens": "UPDATE request SET completion_tokens = completion_tokens + 1 WHERE seq = 3",
    "time": "UPDATE request SET total_us = total_us - 1 WHERE seq = 3",
    "a hash": "UPDATE request SET answer_sha256 = randomblob(32) WHERE seq = 3",
    "a try": "UPDATE try SET took_us = took_us + 1 WHERE id = (SELECT min(id) FROM try)",
    "taken out": "DELETE FROM request WHERE seq = 3",
    "the last": "DELETE FROM request WHERE seq = 6",
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_change_by_hand_is_found(make, fake, kind):
    daemon = make.daemon(fake)
    answers(daemon, 6)
    daemon.wait_rows(6)
    code, out, _ = daemon.hearth("requests", "verify")
    assert code == 0 and "6 records in 1 segment " in out and "problem" not in out
    edit(daemon, EDITS[kind])
    code, out, _ = daemon.hearth("requests", "verify")
    assert code == 1 and "problem" in out and "does not hold" in out, out
    answers(daemon, 2)
    assert daemon.hearth("requests", "verify")[0] == 1, "new rows hide nothing"
    found = daemon.admin("POST", "/hearth/v1/verify").json()
    assert found["verify"]["ok"] is False and found["took_us"] > 0


def test_what_was_let_go_is_no_alarm(make, fake, ground):
    daemon = make.daemon(fake, config={"audit": {"size": "1MiB"}})
    body = client.chat_body("", model="nobody has this model, and its name is rather long " * 3)
    raw = client.request_bytes("POST", CHAT, body) * 100
    for _ in range(80):
        with daemon.wire(timeout=30) as wire:
            wire.send(raw)
            for _ in range(100):
                assert wire.response().status == 404
    harness.wait_for(lambda: value(scrape(daemon)[1], "hearth_ledger_rows_total", fate="written") == 8000, 20)
    size = value(scrape(daemon)[1], "hearth_ledger_bytes")
    code, out, err = daemon.hearth("requests", "verify")
    assert code == 0 and "let go" in out, out + err
    assert 200_000 < size < 2_000_000
    assert len(daemon.rows()) < 8000
    assert daemon.stop() == 0
    daemon.up()
    assert daemon.hearth("requests", "verify")[0] == 0
