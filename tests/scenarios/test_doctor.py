"""The doctor: a machine on which something is missing, and the command that it says mends it; and
what the daemon tells of the machine."""

import contextlib
import ctypes
import json
import os
import socket

import pytest

import client
import harness

# What may be missing where the tests run, and is not what they are about.
MAY_LACK = {"engines", "sandbox", "gpu", "memory", "disk"}
STATES = {"ok", "note", "warning", "trouble"}


@contextlib.contextmanager
def listener():
    """A program of somebody else's on a port: this one."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


def doctor(home, env=None):
    """Its findings by check, after a look at the whole document."""
    code, out, err = home.hearth("doctor", "--json", env=env)
    assert not err, err
    document = json.loads(out)
    assert set(document) == {"ok", "checks"}
    assert code == (0 if document["ok"] else 1), out
    found = {}
    for finding in document["checks"]:
        assert set(finding) == {"check", "state", "words", "mend"} and finding["state"] in STATES
        assert finding["words"]
        found.setdefault(finding["check"], []).append(finding)
    wrong = [f for f in document["checks"] if f["state"] in ("warning", "trouble")]
    assert document["ok"] == (not wrong), document
    return found


def one(found, check, state):
    assert [f["state"] for f in found[check]] == [state], found[check]
    return found[check][0]


def printed(home, env=None):
    """What a person sees; every line fits a terminal, but for a word that does not."""
    code, out, err = home.hearth("doctor", env=env)
    assert not err, err
    for line in out.splitlines():
        assert len(line) < 80 or len(line.split()[-1]) > 40, line
    return code, " ".join(out.split())


def test_nothing_is_wrong_but_what_is_missing_here(make):
    home = make.home()
    found = doctor(home)
    assert {c for c, all_of_it in found.items()
            if any(f["state"] in ("warning", "trouble") for f in all_of_it)} <= MAY_LACK
    assert one(found, "configuration", "ok")
    assert "hearth up" in one(found, "daemon", "note")["words"]
    assert one(found, "data", "note")
    code, words = printed(home)
    assert ("Nothing is wrong." in words) == (code == 0)
    assert not (home.home / "data").exists(), "it only looks"


def test_a_running_daemon_is_told(make):
    daemon = make.daemon(make.fake())
    found = doctor(daemon)
    said = one(found, "daemon", "ok")["words"]
    assert str(daemon.port) in said and str(daemon.proc.pid) in said
    assert one(found, "port", "note") and one(found, "data", "ok")


def test_without_bubblewrap(make):
    home = make.home()
    empty = home.ground.folder("p")
    sandbox = one(doctor(home, env={"PATH": str(empty)}), "sandbox", "warning")
    assert "sandbox: none" in sandbox["words"]
    assert "apt-get install bubblewrap" in sandbox["mend"] or not os.path.exists("/usr/bin/apt-get")
    assert "sandbox: none" in printed(home, env={"PATH": str(empty)})[1]


def test_without_packs(make):
    home = make.home()
    env = {"PATH": str(home.ground.folder("p"))}
    assert one(doctor(home, env), "engines", "warning")["mend"] == "hearth engines install llama.cpp"
    assert "mend hearth engines install llama.cpp" in printed(home, env)[1]


def test_a_foreign_process_on_the_port(make):
    home = make.home()
    with listener() as port:
        home.write({"listen": [f"127.0.0.1:{port}"]})
        finding = doctor(home)["port"][0]
        assert finding["state"] == "trouble" and f"127.0.0.1:{port} is taken" in finding["words"]
        assert "listen:" in finding["mend"] and "hearth.yaml" in finding["mend"]
        if os.geteuid() == 0:  # the plain user does not see whose it is
            assert "user 0" in finding["words"] and f"sport = :{port}" in finding["mend"]
        code, words = printed(home)
        assert code == 1 and f"{port} is taken" in words
    found = doctor(home)
    assert found["port"][0]["state"] == "ok"


def test_a_process_of_ones_own_on_the_port(make):
    """One whose files we may see is named with its pid: here a daemon of another home."""
    other, home = make.daemon(make.fake()), make.home()
    home.write({"listen": [f"127.0.0.1:{other.port}"]})
    finding = doctor(home)["port"][0]
    assert finding["state"] == "trouble"
    assert f"(pid {other.proc.pid})" in finding["words"] and "hearth" in finding["words"]
    assert f"kill {other.proc.pid}" in finding["mend"]


def test_a_broken_configuration(make):
    home = make.home()
    home.write("log:\n  level: loud\nlimits:\n  connections: 0\n")
    found = doctor(home)
    assert len(found["configuration"]) == 2
    for finding in found["configuration"]:
        assert finding["state"] == "trouble" and "hearth config check" in finding["mend"]
        assert "hearth.yaml:" in finding["words"]
    assert one(found, "port", "note"), "it cannot know which"
    assert printed(home)[0] == 1


def test_a_data_folder_that_is_not_private(make):
    home = make.home()
    data = home.home / "data"
    data.mkdir(0o700)
    home.ground.own(data)
    assert one(doctor(home), "data", "ok")
    for mode, state in ((0o755, "warning"), (0o770, "trouble"), (0o500, "trouble")):
        data.chmod(mode)
        finding = one(doctor(home), "data", state)
        assert "chmod" in finding["mend"] and str(data) in finding["mend"], finding
    data.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(data, 0, 0)
        finding = one(doctor(home), "data", "trouble")
        assert "sudo chown -R" in finding["mend"]
        home.ground.own(data)


@contextlib.contextmanager
def tiny_file_system(path, size):
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.mount(b"tmpfs", bytes(path), b"tmpfs", 0, size) != 0:
        pytest.skip("only root can mount a small file system")
    try:
        yield
    finally:
        libc.umount2(bytes(path), 2)  # MNT_DETACH


@pytest.mark.parametrize("size,state", [(b"size=20m", "trouble"), (b"size=900m", "warning")])
def test_without_space(make, size, state):
    home = make.home()
    data = home.home / "data"
    data.mkdir(0o700)
    with tiny_file_system(data, size + f",mode=700,uid={home.ground.uid}".encode()):
        finding = one(doctor(home), "disk", state)
        assert "hearth engines" in finding["mend"] and str(data) in finding["words"]


# --- the machine ------------------------------------------------------------------------------------


def is_machine(m):
    assert m["cpu"] and m["instructions"] and 1 <= m["cores"] <= m["threads"]
    assert 0 < m["memory_free"] <= m["memory_total"]
    for d in m["devices"]:
        assert d["name"] and d["kind"] in ("nvidia", "amd", "intel", "apple")
        assert d["usable"] == (d["trouble"] == "")
    return True


def test_doctor_gpu(make):
    home = make.home()
    code, out, err = home.hearth("doctor", "gpu", "--json")
    document = json.loads(out)
    assert set(document) == {"machine", "drivers"} and is_machine(document["machine"])
    assert code == (1 if any(d["trouble"] for d in document["machine"]["devices"]) else 0)
    assert all(os.path.exists(p) for p in document["drivers"])
    code, out, err = home.hearth("doctor", "gpu")
    assert document["machine"]["cpu"] in out and not err


def test_devices_and_status(make):
    daemon = make.daemon(make.fake())
    first = harness.wait_for(lambda: daemon.admin("GET", "/hearth/v1/status").json()["machine"])
    assert is_machine(first)
    status = json.loads(daemon.hearth("status", "--json")[1])
    assert status["machine"]["cpu"] == first["cpu"] and status["machine_age_ms"] >= 0
    out = daemon.hearth("status")[1]
    assert f"processor    {first['cpu']}" in out and " of memory, " in out
    answer = daemon.admin("GET", "/hearth/v1/devices")
    assert answer.status == 200 and is_machine(answer.json()["machine"])
    assert answer.json()["machine_age_ms"] == 0


def test_devices_are_for_administration(make):
    daemon = make.daemon(make.fake())
    assert daemon.ask("GET", "/hearth/v1/devices").status == 403
    assert daemon.admin("POST", "/hearth/v1/devices").status == 405


def test_many_ask_for_devices_and_leave(make):
    daemon = make.daemon(make.fake())
    path = daemon.home / "run/admin.sock"
    gone = []
    for _ in range(100):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(path))
        s.sendall(b"GET /hearth/v1/devices HTTP/1.1\r\nHost: localhost\r\n\r\n")
        gone.append(s)
    for s in gone:
        s.close()
    # those that left count until the look that they wait for is over; 64 may wait for one
    harness.wait_for(lambda: daemon.admin("GET", "/hearth/v1/devices").status == 200)
    assert client.ask(daemon.port, "GET", "/health").status == 200
