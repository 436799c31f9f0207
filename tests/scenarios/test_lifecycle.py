"""The daemon's life: starting, a second start, draining, dying, and what the commands say of it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

import client
import harness
from client import contents, is_done, stream_error


@pytest.fixture
def fake(make):
    return make.fake()


class Detached:
    """`hearth up --detach` in a home, seen through its commands; down at the end."""

    def __init__(self, home):
        self.home = home

    def up(self, *args):
        code, out, err = self.home.hearth("up", "--detach", *args)
        assert code == 0, (code, out, err)
        return int(re.search(r"http://127\.0\.0\.1:(\d+)", out)[1])

    def pid(self):
        pids = harness.processes_with(self.home.home)
        assert len(pids) == 1, pids
        return pids[0]

    def down(self, *args):
        return self.home.hearth("down", *args)


@pytest.fixture
def detached(make, fake):
    d = Detached(make.home(harness.providers(fake)))
    yield d
    d.down("--now")


# --- starting ----------------------------------------------------------------------------------------


def test_up_and_down(detached):
    port = detached.up()
    assert client.ask(port, "GET", "/health").status == 200
    assert client.chat(port, "events=1").status == 200
    code, out, err = detached.down()
    assert code == 0, (out, err)
    assert not harness.processes_with(detached.home.home)
    assert not harness.is_listening(port)
    assert detached.down()[0] == 3


def test_up_twice_is_content(detached):
    port = detached.up()
    pid = detached.pid()
    began = time.monotonic()
    assert detached.up() == port and detached.pid() == pid
    assert time.monotonic() - began < 3


def test_up_detached_as_json(detached):
    code, out, _ = detached.home.hearth("up", "--detach", "--json")
    assert code == 0 and json.loads(out)


def test_up_detached_tells_why_not(make):
    home = make.home()
    home.write("log:\n  level: loud\n")
    code, out, err = home.hearth("up", "--detach")
    assert code == 78 and re.search(r"hearth\.yaml:2", err)
    assert not harness.processes_with(home.home)


def snapshot(folder):
    """Every file below a folder with what would change if somebody wrote it. Not those that a
    daemon writes in its own time."""
    return {str(p): (p.lstat().st_ino, p.lstat().st_mtime_ns, p.lstat().st_size)
            for p in folder.rglob("*") if not p.name.endswith(".log") and not p.name.startswith("audit.db")}


def test_a_second_daemon_gives_way(make, fake, ground):
    daemon = make.daemon(fake)
    assert daemon.rows() == []  # its files are open by now
    before = snapshot(daemon.home)
    began = time.monotonic()
    code, out, err = daemon.hearth("up")
    took = time.monotonic() - began
    assert code == 75 and err
    assert took < (1.0 if ground.sanitized else 0.1), took
    assert snapshot(daemon.home) == before
    assert daemon.chat("events=1").status == 200


def test_up_detached_beside_one_in_the_foreground(make, fake):
    daemon = make.daemon(fake)
    code, out, _ = daemon.hearth("up", "--detach")
    assert code == 0 and str(daemon.port) in out


def test_many_starts_at_once(make, fake):
    """One wins, the others say so."""
    home, quiet = make.home(harness.providers(fake)), subprocess.DEVNULL
    procs = [home.popen("up", stdout=quiet, stderr=quiet) for _ in range(6)]
    try:
        harness.wait_for(lambda: sum(p.poll() is None for p in procs) == 1, 15)
        assert sorted(p.returncode for p in procs if p.poll() is not None) == [75] * 5
    finally:
        for p in procs:
            if p.poll() is None:
                p.terminate()
            p.wait(15)
    assert 0 in [p.returncode for p in procs]


def test_killed_daemon_is_no_obstacle(make, fake):
    daemon = make.daemon(fake)
    for _ in range(3):
        daemon.kill()
        assert not harness.sockets_in(daemon.home)
        began = time.monotonic()
        daemon.up()
        assert time.monotonic() - began < 3
        assert daemon.chat("events=1").status == 200
    daemon.expect_exit = 0


def test_killed_in_the_middle_of_streams(make, fake, ground):
    daemon = make.daemon(fake)
    streams = [daemon.stream("events=1000 gap_ms=10") for _ in range(20)]
    for s in streams:
        s.take(1)
    daemon.kill()
    for s in streams:
        s.rest()
        assert s.cut or s.wire.eof
        s.close()
    harness.wait_for(lambda: fake.stats()["open"] == 0, 5)
    daemon.expect_exit = 0
    daemon.up()
    assert daemon.chat("events=1").status == 200


def test_leftover_socket(make, fake):
    """A socket file that nobody listens at is no obstacle."""
    daemon = make.daemon(fake)
    admin = next(p for p in daemon.home.rglob("*.sock") if stat.S_ISSOCK(p.lstat().st_mode))
    assert daemon.stop() == 0
    if not admin.exists():
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(admin))
        daemon.ground.own(admin)
    daemon.up()
    assert daemon.hearth("status")[0] == 0


def test_files_are_private(make, fake):
    daemon = make.daemon(fake)
    daemon.chat("events=1")
    for path in daemon.home.rglob("*"):
        mode = path.lstat().st_mode
        if path != daemon.config_file and not stat.S_ISLNK(mode):
            assert not mode & 0o077 or stat.S_ISREG(mode) and not mode & 0o022 and \
                not path.parent.stat().st_mode & 0o077, f"{path} is {stat.filemode(mode)}"


def test_long_home(make, fake, ground):
    """Longer than a socket's path may be."""
    home = make.home(harness.providers(fake))
    deep = home.home / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    for p in (deep.parent, deep):
        ground.own(p)
    (deep / "config").mkdir()
    ground.own(deep / "config")
    (deep / "config/hearth.yaml").write_text(home.config_file.read_text())
    env = {"HEARTH_HOME": str(deep)}
    home.up(env=env)
    assert home.hearth("status", env=env)[0] == 0
    assert home.chat("events=1").status == 200


def test_unwritable_home(make, ground):
    if ground.uid == 0:
        pytest.skip("nothing is unwritable for root")
    home = make.home()
    home.home.chmod(0o500)
    code, _, err = home.hearth("up")
    home.home.chmod(0o700)
    assert code in (1, 77) and err


# --- ending --------------------------------------------------------------------------------------------


def test_term_drains(make, fake):
    """What runs ends well, what comes is refused, then the daemon goes."""
    daemon = make.daemon(fake)
    idle, late = daemon.wire(), daemon.wire()
    for w in (idle, late):
        w.send(client.request_bytes("GET", "/health"))
        assert w.response().status == 200
    late.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body("events=1"))[:60])
    with daemon.stream("events=30 gap_ms=30 nonce=drain") as s:
        s.take(3)
        daemon.signal(signal.SIGTERM)
        time.sleep(0.15)
        late.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body("events=1"))[60:])
        refused = late.response()
        assert (refused.status, refused.error) == (503, "shutting_down")
        events = s.rest()
        assert len(contents(events)) == 27 and is_done(events[-1])
    assert idle.closes(3)
    assert daemon.proc.wait(5) == 0
    assert fake.stats()["requests"] == 1


def test_drain_has_an_end(make, fake):
    daemon = make.daemon(fake, config={"request": {"drain": "500ms"}})
    with daemon.stream("events=1000 gap_ms=20") as s:
        s.take(2)
        began = time.monotonic()
        daemon.signal(signal.SIGTERM)
        events = s.rest()
        assert stream_error(events) == "shutting_down" and not any(map(is_done, events))
    assert daemon.proc.wait(5) == 0 and time.monotonic() - began < 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_is_at_once(make, fake, number):
    daemon = make.daemon(fake, config={"request": {"drain": "30s"}})
    with daemon.stream("events=1000 gap_ms=20") as s:
        s.take(2)
        daemon.signal(number)
        time.sleep(0.2)
        assert daemon.proc.poll() is None
        began = time.monotonic()
        daemon.signal(number)
        assert daemon.proc.wait(5) == 0 and time.monotonic() - began < 1.5


def test_down_waits_and_down_now_does_not(make, fake):
    for args, least, most in (([], 0.6, 6), (["--now"], 0, 2)):
        daemon = make.daemon(fake)
        with daemon.stream("events=50 gap_ms=30") as s:
            s.take(2)
            began = time.monotonic()
            assert daemon.hearth("down", *args)[0] == 0
            assert least <= time.monotonic() - began < most
            assert daemon.proc.wait(2) == 0


def test_stop_with_everything_in_flight(make, fake):
    """Every state a request can be in, and then the end."""
    daemon = make.daemon(fake, config={"request": {"drain": "300ms"}})
    words = ("stall=request", "stall=head", "stall=2", "events=1000 gap_ms=10", "delay_ms=400",
             "events=300 size=100000")
    streams = [daemon.stream(w, rcvbuf=4096) for w in words]
    half = daemon.wire()
    half.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: local")
    body = daemon.wire()
    body.send(client.request_bytes("POST", "/v1/chat/completions", b"x" * 1000)[:-500])
    time.sleep(0.2)
    assert daemon.stop(6) == 0
    for s in streams:
        s.close()
    half.close()
    body.close()
    harness.wait_for(lambda: fake.stats()["open"] == 0, 3)


def test_hangup_of_the_terminal_is_a_reload(make, fake):
    daemon = make.daemon(fake)
    daemon.signal(signal.SIGHUP)
    time.sleep(0.2)
    assert daemon.proc.poll() is None and daemon.chat("events=1").status == 200


def test_closed_pipes_do_not_kill(make, fake):
    daemon = make.daemon(fake)
    daemon.signal(signal.SIGPIPE)
    time.sleep(0.1)
    assert daemon.chat("events=1").status == 200


# --- commands ------------------------------------------------------------------------------------------


def test_status(make, fake):
    home = make.home(harness.providers(fake))
    assert home.hearth("status")[0] == 3
    home.up()
    code, out, _ = home.hearth("status")
    assert code == 0 and str(home.port) in out and "fake" in out and "\x1b" not in out
    code, out, _ = home.hearth("status", "--json")
    assert code == 0
    assert json.loads(out) and str(home.port) in out and str(home.proc.pid) in out


@pytest.mark.parametrize("args", [["frobnicate"], ["up", "--nonsense"], ["logs", "-n", "x"], ["down", "extra"],
                                  ["config", "frob"], ["up", "--listen"]])
def test_usage_errors(make, args):
    code, out, err = make.home().hearth(*args)
    assert code == 2 and err and not out


@pytest.mark.parametrize("args", [["help"], ["--help"], ["help", "up"], ["up", "--help"], ["--version"], ["version"]])
def test_help(make, args):
    code, out, err = make.home().hearth(*args)
    assert code == 0 and out and not err


def test_alone(make):
    """`hearth` alone says how things are and what comes next."""
    code, out, err = make.home().hearth()
    assert code in (0, 3) and "hearth up" in out + err


@pytest.mark.parametrize("args", [["down"], ["reload"], ["status"]])
def test_commands_without_a_daemon(make, args):
    code, out, err = make.home().hearth(*args)
    assert code == 3 and "hearth up" in out + err


def test_logs(detached):
    port = detached.up()
    client.chat(port, "events=1")
    code, out, _ = detached.home.hearth("logs", "-n", "5")
    assert code == 0 and 1 <= len(out.splitlines()) <= 5
    assert detached.home.hearth("logs")[1].count("\n") >= out.count("\n")


def test_admin_is_not_on_the_port(make, fake):
    """What the commands use is behind the private socket only."""
    daemon = make.daemon(fake)
    for path in ("/hearth/v1/status", "/hearth/v1/reload", "/hearth/v1/shutdown", "/hearth/v1/down",
                 "/hearth/v1/stop"):
        for method in ("GET", "POST"):
            r = daemon.ask(method, path, b"{}" if method == "POST" else None)
            assert r.status in (403, 404, 405), (method, path, r.status)
    assert daemon.chat("events=1").status == 200


def test_foreign_user_is_kept_out(make, fake, ground):
    """Another uid cannot use the private socket, whatever the file's mode says."""
    if os.geteuid() != 0 or ground.uid == 0:
        pytest.skip("needs to become somebody else")
    daemon = make.daemon(fake)
    path = next(p for p in daemon.home.rglob("*.sock") if stat.S_ISSOCK(p.lstat().st_mode))
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(ground.gid + 1)
            os.setuid(ground.uid + 1)
            s = socket.socket(socket.AF_UNIX)
            s.connect(str(path))
            os._exit(1)
        except PermissionError:
            os._exit(0)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_log_lines(make, fake):
    """One line an event, with time, level and room; at debug one audit line a request."""
    daemon = make.daemon(fake, config={"log": {"level": "debug"}})
    number = daemon.chat("events=2").header("X-Request-Id")
    daemon.chat("status=500")
    harness.wait_for(lambda: len(re.findall(r" debug audit ", daemon.said())) >= 2, 3)
    mark = f"id={number.rpartition('-')[2]} "
    line = next(ln for ln in daemon.said().splitlines() if " debug audit " in ln and mark in ln)
    assert "fake" in line and re.search(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", line)
