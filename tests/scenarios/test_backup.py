"""`hearth backup` and `hearth restore`: made while requests run, put back in another home, where the
record still proves itself; and archives that somebody damaged or made up, which change nothing."""

import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import tarfile
import threading

import pytest

import harness
from test_ledger_size import filler

PLAIN = {"data/state.db", "data/audit.db", "data/secrets.key", "config/hearth.yaml",
         "config/conf.d/role-code.yaml"}


@pytest.fixture(scope="module")
def source(shared):
    """A daemon with some configuration, a key and rows."""
    fake = shared.fake()
    daemon = shared.daemon(fake)
    daemon.recording()
    code, out, err = daemon.hearth("keys", "create", "laptop", "--json")
    assert code == 0, err
    daemon.key = json.loads(out)["key"]
    code, _, err = daemon.hearth("roles", "set", "code", "fake-model")
    assert code == 0, err
    put(daemon, "config/.env", "SOME_KEY=sk-cloud\n")
    for _ in range(5):
        assert daemon.chat().status == 200
    daemon.wait_rows(5)
    return daemon


@pytest.fixture(scope="module")
def archive(source):
    path = source.home / "good.tar"
    code, out, err = source.hearth("backup", str(path), "--json")
    assert code == 0, err
    assert {f["name"] for f in json.loads(out)["files"]} == PLAIN
    return path


def put(daemon, name, text):
    path = daemon.home / name
    path.write_text(text)
    path.chmod(0o600)
    daemon.ground.own(path)


def files_of(home):
    """All files of a home but locks and logs, with what is in them."""
    return {str(p.relative_to(home)): p.read_bytes() for p in sorted(home.rglob("*"))
            if p.is_file() and p.suffix not in (".lock", ".log", ".tar")}


def verified(daemon):
    code, out, err = daemon.hearth("requests", "verify", "--json")
    assert code == 0, out + err
    return json.loads(out)["verify"]


def test_a_backup_under_load_is_put_back_elsewhere(make, source, tmp_path_factory):
    path = source.home / "load.tar"
    over, failed = threading.Event(), []

    def ask():
        while not over.is_set():
            if source.chat().status != 200:
                failed.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        before = len(source.wait_rows(30))
        code, out, err = source.hearth("backup", str(path))
        after = len(source.rows())
    finally:
        over.set()
        for t in threads:
            t.join()
    assert code == 0 and not failed, err
    assert "can act as this hearth" in out and "--secrets" in out
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as tar:  # any tar reads it
        assert set(tar.getnames()) == PLAIN | {"manifest.json"}

    other = make.home()
    put(other, "config/hearth.yaml", "listen: [127.0.0.1:0]\nqueue:\n  length: 7\n")
    code, out, err = other.hearth("restore", str(path))
    assert code == 0, err
    kept = [p.name for p in (other.home / "config").iterdir() if "before-restore" in p.name]
    assert len(kept) == 1 and kept[0].startswith("hearth.yaml.before-restore-")
    assert kept[0] in out
    assert (other.home / "config" / kept[0]).read_text().endswith("length: 7\n")
    assert not (other.home / "data/backup.tmp").exists()
    for name in ("data/secrets.key", "data/state.db", "data/audit.db"):
        assert (other.home / name).stat().st_mode & 0o777 == 0o600

    other.up()
    other.recording()
    found = verified(other)
    assert found["ok"] and found["problems"] == []
    assert before <= found["rows"] <= after
    theirs = {r["seq"]: r for r in source.rows()}
    for row in other.rows():  # row for row the same
        assert row == theirs[row["seq"]]
    answer = other.ask("GET", "/v1/models", headers=[("Authorization", f"Bearer {source.key}"),
                                                     ("X-Forwarded-For", "1.2.3.4")])
    assert answer.status == 200, answer.body  # the key that was made there is good here
    assert other.chat(model="code").status == 200
    rows = len(other.wait_rows(found["rows"] + 1))
    assert verified(other)["rows"] >= rows  # the chain goes on


def test_not_while_a_daemon_runs_and_not_over_a_file(make, source, archive):
    before = archive.read_bytes()
    code, _, err = source.hearth("backup", str(archive))
    assert code == 1 and "is there already" in err
    assert archive.read_bytes() == before
    code, _, err = source.hearth("restore", str(archive))
    assert code == 75 and "hearth is running" in err and "hearth down" in err
    code, out, _ = source.hearth("restore", str(archive), "--dry-run", "--json")
    assert code == 0 and {f["name"] for f in json.loads(out)["files"]} == PLAIN
    assert source.chat().status == 200
    empty = make.home()
    (empty.home / "config/hearth.yaml").unlink()
    code, _, err = empty.hearth("backup", str(empty.home / "x.tar"))
    assert code == 4 and "nothing to keep" in err
    code, _, err = empty.hearth("restore", str(empty.home / "x.tar"))
    assert code == 4


def test_secrets_only_when_asked_for(make, source):
    path = source.home / "secret.tar"
    code, out, err = source.hearth("backup", str(path), "--secrets")
    assert code == 0 and "the keys in .env" in out, err
    with tarfile.open(path) as tar:
        assert set(tar.getnames()) == PLAIN | {"manifest.json", "config/.env"}
        assert tar.extractfile("config/.env").read() == b"SOME_KEY=sk-cloud\n"
    other = make.home()
    code, _, err = other.hearth("restore", str(path))
    assert code == 0, err
    env = other.home / "config/.env"
    assert env.read_text() == "SOME_KEY=sk-cloud\n" and env.stat().st_mode & 0o777 == 0o600


def test_a_journal_is_put_beside_with_its_file(make, source, archive):
    """The old file's journal must not be played into the new one."""
    home = make.daemon(make.fake("second"))
    home.recording()
    for _ in range(3):
        assert home.chat().status == 200
    home.wait_rows(3)
    home.kill()
    home.expect_exit = None
    journal = home.home / "data/audit.db-wal"
    assert journal.stat().st_size > 0
    code, _, err = home.hearth("restore", str(archive))
    assert code == 0, err
    assert not journal.exists()
    beside = [p for p in (home.home / "data").iterdir()
              if p.name.startswith("audit.db.before-restore-") and p.name[-1].isdigit()]
    assert len(beside) == 1
    with sqlite3.connect(f"file:{beside[0]}?mode=ro", uri=True) as db:  # with its journal
        assert db.execute("SELECT count(*) FROM request").fetchone() == (3,)
    home.expect_exit = 0
    home.write(harness.merge(harness.USUAL, {}))
    home.up()
    home.recording()
    assert verified(home)["ok"]


def test_one_that_is_broken_off_leaves_nothing(make, ground):
    home = make.daemon(make.fake("filled"))
    home.recording()
    assert home.stop() == 0
    subprocess.run([ground.program("fill_ledger", filler()), str(home.home / "data"), "100000"],
                   check=True, stdout=subprocess.DEVNULL, timeout=120, **ground.rules)
    path, stage = home.home / "b.tar", home.home / "data/backup.tmp"

    def begun():
        return (stage / "audit.db").exists() or path.exists()

    for number in (signal.SIGTERM, signal.SIGKILL):
        proc = home.popen("backup", str(path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        harness.wait_for(begun, every=0.001)
        proc.send_signal(number)
        proc.communicate(timeout=20)
        assert proc.returncode == -number and not path.exists()
        if number == signal.SIGTERM:
            assert not stage.exists() and not path.with_suffix(".tar.part").exists()
    path.with_suffix(".tar.part").unlink(missing_ok=True)
    code, _, err = home.hearth("backup", str(path), timeout=60)  # what the killed one left is no obstacle
    assert code == 0 and not stage.exists(), err
    other = make.home()
    code, _, err = other.hearth("restore", str(path), timeout=60)
    assert code == 0, err
    with sqlite3.connect(f"file:{other.home}/data/audit.db?mode=ro", uri=True) as db:
        assert db.execute("SELECT count(*) FROM request").fetchone() == (100000,)


# --- what is no backup ------------------------------------------------------------------------------


def members(archive):
    with tarfile.open(archive) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]


def packed(path, rows, **more):
    """An archive of these, with a manifest that is right about them unless there is one."""
    if rows[0][0] != "manifest.json":
        listed = [{"name": n, "bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()}
                  for n, d in rows]
        about = {"hearth_backup": 1, "version": "0", "made": "x", "secrets": False,
                 "files": listed, **more}
        rows = [("manifest.json", json.dumps(about).encode()), *rows]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in rows:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mode = 0o600
            tar.addfile(info, io.BytesIO(data))
    data = path.read_bytes().rstrip(b"\0")  # it pads to 10 KiB; ours ends in two blocks
    path.write_bytes(data + b"\0" * (-len(data) % 512 + 1024))


def database(folder, name, *sql):
    """A copy of a database of ours with something done to it."""
    path = folder / "changed.db"
    path.write_bytes(name)
    with sqlite3.connect(path) as db:
        for one in sql:
            db.execute(one)
    db.close()
    return path.read_bytes()


def broken_archives(good, folder):
    """(what it is, its bytes, words that the refusal says)"""
    rows = dict(members(good))
    raw = good.read_bytes()
    own = [(n, d) for n, d in rows.items() if n != "manifest.json"]

    def made(*changed, **more):
        path = folder / "made.tar"
        packed(path, list(changed), **more)
        return path.read_bytes()

    def without(name):
        return [(n, d) for n, d in own if n != name]

    at = raw.index(b"SQLite format 3") + 5000
    newer = database(folder, rows["data/state.db"], "PRAGMA user_version = 99",
                     "UPDATE about SET schema = 99")
    other = database(folder, rows["data/state.db"], "DROP TABLE key")
    yield "a flipped bit in a database", raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:], "is not what it was"
    yield "a flipped bit in a head", raw[:1] + b"X" + raw[2:], "no backup of hearth"
    yield "only its first block", raw[:512], "ends too early"
    yield "cut in the middle", raw[:len(raw) // 2], "ends too early"
    yield "without its end", raw[:-1024], "ends too early"
    yield "cut by a byte", raw[:-1], "ends too early"
    yield "with more behind it", raw + b"x", "behind its end"
    yield "empty", b"", "ends too early"
    yield "no tar", b"hello " * 500, "no backup of hearth"
    yield "another tar", made(("manifest.json", b"{}"), ("readme", b"x")), "no backup of hearth"
    yield "a way out", made(*own, ("../../evil", b"x")), "no backup of hearth has"
    yield "a way out by conf.d", made(*own, ("config/conf.d/../../evil.yaml", b"x")), "no backup of hearth has"
    yield "an absolute name", made(*own, ("/tmp/evil", b"x")), "no backup of hearth has"
    yield "a foreign name", made(*own, ("data/engines/x", b"x")), "no backup of hearth has"
    yield "a name twice", made(*own, own[-1]), "a file twice"
    yield "without its key", made(*without("data/secrets.key")), "secrets.key"
    yield "a newer format", made(*own, hearth_backup=2), "newer hearth"
    yield "a newer database", made(("data/state.db", newer), *without("data/state.db")), "newer hearth"
    yield "not our database", made(("data/state.db", other), *without("data/state.db")), "damaged"
    yield "no database", made(("data/state.db", b"x" * 5000), *without("data/state.db")), "damaged"
    listed = json.loads(rows["manifest.json"])
    fewer = {**listed, "files": listed["files"][:-1]}
    yield "more than it says", made(("manifest.json", json.dumps(fewer).encode()), *own), "more than it says"
    swapped = [("manifest.json", rows["manifest.json"]), own[1], own[0], *own[2:]]
    yield "in another order", made(*swapped), "damaged"
    link = io.BytesIO()
    with tarfile.open(fileobj=link, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        info = tarfile.TarInfo("manifest.json")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    yield "a link", link.getvalue(), "no backup of hearth"


def test_what_is_no_backup_changes_nothing(make, source, archive, tmp_path):
    home = make.home()
    put(home, "config/hearth.yaml", "listen: [127.0.0.1:0]\n")
    assert home.hearth("config", "check")[0] == 0
    path = home.home / "bad.tar"
    for folder in ("config/conf.d", "data"):
        (home.home / folder).mkdir(mode=0o700, exist_ok=True)
        home.ground.own(home.home / folder)
    put(home, "data/secrets.key", "what was there\n")
    before = files_of(home.home)
    count = 0
    for what, data, words in broken_archives(archive, tmp_path):
        path.write_bytes(data)
        home.ground.own(path)
        for more in ((), ("--dry-run",)):
            code, out, err = home.hearth("restore", str(path), *more)
            assert code in (1, 2, 78) and words in err, (what, code, err)
            assert out == "" and files_of(home.home) == before, what
        count += 1
    assert count >= 22
    assert not (home.home / "data/backup.tmp").exists()
    assert [p for p in home.home.iterdir() if p.name.startswith("hearth-restore")] == []


def test_a_pipe_and_a_folder_are_no_backups(make):
    home = make.home()
    pipe = home.home / "pipe"
    os.mkfifo(pipe)
    home.ground.own(pipe)
    for path in (pipe, home.home):
        code, _, err = home.hearth("restore", str(path))
        assert code in (1, 2) and "no regular file" in err
