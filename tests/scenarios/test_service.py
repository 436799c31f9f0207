"""hearth as a service: what systemd is told, and a unit that it takes. Installing it for real needs a
systemd of one's own: tools/bootroom.sh makes one, and shows that it comes back after a restart."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

import harness

MOST_EXPOSED = 34  # tenths; docs/decisions/0020 says what the rest is for


@pytest.fixture(scope="module")
def unit(shared):
    """The text of the unit, as `hearth service install` would write it."""
    home = shared.home()
    elsewhere = {"HEARTH_TRUSTED_UIDS": "self", "HEARTH_HOME": "/opt/some where/hearth"}
    code, out, err = home.hearth("service", "install", "--dry-run", env=elsewhere)
    assert code == 0, err
    # Of this test's program alone: one that lies in /tmp would cost the walls.
    home.text = out
    return home


def test_systemd_is_told(make):
    home = make.home()
    path = home.home / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(path))
        home.ground.own(path)
        s.settimeout(10)
        home.up(env={"NOTIFY_SOCKET": str(path), "HEARTH_SERVICE": "hearth.service"})
        assert s.recv(100) == b"READY=1"
        status = json.loads(home.hearth("status", "--json")[1])
        assert status["service"] == "hearth.service"
        assert re.search(r"service +hearth.service\n", home.hearth("status")[1])
        assert home.hearth("down")[0] == 0
        assert s.recv(100) == b"STOPPING=1"
    path.unlink()
    assert home.proc.wait(10) == 0


def test_by_hand_it_is_no_service(make):
    home = make.home().up()
    assert json.loads(home.hearth("status", "--json")[1])["service"] is None


def test_a_dry_run_writes_nothing(unit):
    assert "ExecStart=" in unit.text and "WantedBy=default.target" in unit.text
    assert not (unit.home / ".config").exists()
    assert not (unit.home / "data").exists()


def test_trusted_users_cost_the_walls(unit):
    code, out, _ = unit.hearth("service", "install", "--dry-run", env={"HEARTH_TRUSTED_UIDS": "self,0"})
    assert code == 0 and "\nPrivateUsers=" not in out and "\nNoNewPrivileges=yes\n" in out


def test_a_dry_run_shows_no_walls_that_there_could_not_be(unit):
    folder = unit.ground.folder("b")
    (folder / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (folder / "unshare").chmod(0o755)
    code, out, err = unit.hearth("service", "install", "--dry-run",
                                 env={"HEARTH_TRUSTED_UIDS": "self", "PATH": f"{folder}:/usr/bin:/bin"})
    assert code == 0 and "\nPrivateUsers=" not in out and "Walls=no" in out
    assert "It has no walls" in err and ("a user namespace" in err or "lies in /tmp" in err)


@pytest.mark.skipif(os.path.exists("/run/systemd/system"), reason="systemd runs here")
def test_without_a_manager_that_is_said(unit):
    for words in (["service", "install"], ["service", "rm"], ["service", "status"]):
        code, _, err = unit.hearth(*words)
        assert code == 4 and "neither systemd nor launchd" in err
    assert not (unit.home / ".config").exists()


needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here")


def analyze(unit, *args):
    run = unit.home / "x"
    run.mkdir(exist_ok=True)
    file = unit.home / "hearth.service"
    file.write_text(unit.text)
    return subprocess.run(["systemd-analyze", "--user", "--no-pager", *args, str(file)], text=True,
                          env={**os.environ, "XDG_RUNTIME_DIR": str(run), "HOME": str(unit.home)},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)


@needs_analyze
def test_systemd_takes_the_unit(unit):
    done = analyze(unit, "verify")
    said = [ln for ln in done.stderr.splitlines() if "hearth.service" in ln]
    assert done.returncode == 0 and not said, done.stderr


@needs_analyze
@pytest.mark.skipif(str(harness.TOP).startswith(("/tmp/", "/var/tmp/")), reason="a program in /tmp costs the walls")
def test_how_exposed_it_is(unit):
    done = analyze(unit, "security", "--offline=true", f"--threshold={MOST_EXPOSED}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_restart(make):
    home = make.home()
    code, out, err = home.hearth("restart", "--json")
    assert code == 0, err
    first = json.loads(out)["pid"]
    good = home.config_file.read_text()
    home.write("nonsense: 1\n")
    code, _, err = home.hearth("restart")
    assert code == 78 and "nonsense" in err
    assert json.loads(home.hearth("status", "--json")[1])["pid"] == first
    home.write(good)
    code, out, err = home.hearth("restart")
    assert code == 0 and "hearth is up at" in out and "is down" not in out, err
    assert json.loads(home.hearth("status", "--json")[1])["pid"] != first
    assert home.hearth("down")[0] == 0
    assert home.hearth("down")[0] == 3
    harness.wait_for(lambda: not harness.processes_with(home.home))
