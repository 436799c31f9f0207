"""`hearth shims`: llm, llm-client, llm-manager and llm-serve as names of hearth, beside those that
others have."""

import contextlib
import json
import os
import signal
import socket
import subprocess

import client
import harness

NAMES = ["llm", "llm-client", "llm-manager", "llm-serve"]


def named(daemon, name, *args, **more):
    """The daemon's own program under this name."""
    folder = daemon.home / "names"
    if not folder.exists():
        folder.mkdir(mode=0o755)
        daemon.ground.own(folder)
        code, _, err = daemon.hearth("shims", "install", "--dir", str(folder))
        assert code == 0, err
    return subprocess.Popen(
        [str(folder / name), *args], cwd=daemon.home, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=daemon.ground.environment(daemon.home), preexec_fn=harness.die_with_us,
        **daemon.ground.rules, **more)


def run(daemon, name, *args):
    proc = named(daemon, name, *args)
    out, err = proc.communicate(timeout=20)
    assert not harness.BAD_WORDS.search(err), err
    return proc.returncode, out, err


def test_names_that_others_have_are_left_alone(make):
    home = make.home()
    folder, theirs = home.home / "bin", home.home / "theirs"
    for path in (folder, theirs):
        path.mkdir(mode=0o755)
        home.ground.own(path)
    (theirs / "llm").write_text("#!/bin/sh\n")  # on PATH
    (folder / "llm-serve").symlink_to("/nowhere")  # in the way, and leads nowhere
    env = {"PATH": f"{theirs}:/usr/bin:/bin"}

    code, out, _ = home.hearth("shims", "install", "--dir", str(folder), "--dry-run", env=env)
    assert code == 0 and out.count("would be made") == 2
    assert sorted(os.listdir(folder)) == ["llm-serve"]

    code, out, _ = home.hearth("shims", "install", "--dir", str(folder), env=env)
    assert code == 0 and out.count("is made") == 2 and out.count("is left alone") == 2
    assert f"{theirs}/llm\n" in out and f'export PATH="{folder}:$PATH"' in out
    assert sorted(os.listdir(folder)) == ["llm-client", "llm-manager", "llm-serve"]
    assert os.readlink(folder / "llm-serve") == "/nowhere"
    assert (theirs / "llm").read_text() == "#!/bin/sh\n"

    code, out, _ = home.hearth("shims", "install", "--dir", str(folder), "--json", env=env)
    said = json.loads(out)
    assert [n["is"] for n in said["names"]] == ["taken", "hearth", "hearth", "taken"]
    assert not any(n["changed"] for n in said["names"]) and said["on_path"] is False

    code, out, _ = home.hearth("shims", "list", "--dir", str(folder), env=env)
    assert code == 0 and "llm-manager start" in out and "hearth up --detach" in out
    code, out, _ = home.hearth("shims", "rm", "--dir", str(folder), "--json", env=env)
    assert [n["changed"] for n in json.loads(out)["names"]] == [False, True, True, False]
    assert sorted(os.listdir(folder)) == ["llm-serve"]
    code, out, _ = home.hearth("shims", "--json", env=env)
    assert code == 0 and json.loads(out)["folder"] == f"{home.home}/.local/bin"


def test_they_mean_what_they_meant(make):
    daemon = make.home()
    code, _, err = run(daemon, "llm", "--mode", "health")
    assert code == 3 and "not running" in err
    code, out, err = run(daemon, "llm-manager", "start")
    assert code == 0 and "hearth is up at" in out, err
    code, out, _ = run(daemon, "llm", "--mode=health")
    assert code == 0 and " is up " in out
    code, out, _ = run(daemon, "llm-client", "--mode", "models", "--json")
    assert code == 0 and json.loads(out)["models"] == []
    code, out, _ = run(daemon, "llm-manager", "stop")
    assert code == 0 and "hearth is down" in out
    code, _, err = run(daemon, "llm-manager", "explode")
    assert code == 2 and "hearth shims list" in err
    code, out, _ = run(daemon, "llm-manager", "--help")
    assert code == 0 and "hearth up --detach" in out and "llm-serve" not in out
    code, _, err = run(daemon, "llm-manager", "download", "x")
    assert code == 1 and "`hearth pull`, which is not built yet" in err


def test_a_role_is_served_in_the_foreground(make):
    fake, daemon, port = make.fake(), make.home(), harness.free_port()
    config = harness.merge(harness.providers(fake), {"roles": {"raw": ["fake-model"]},
                                                     "ports": {"raw": f"127.0.0.1:{port}"}})
    daemon.write(harness.merge(harness.USUAL, config))
    proc = named(daemon, "llm-serve", "raw")
    try:
        harness.wait_for(lambda: harness.is_listening(port), 20)
        answer = client.ask(port, "POST", "/v1/chat/completions", json.dumps(
            {"model": "anything", "messages": [{"role": "user", "content": "hi"}]}).encode())
        assert answer.status == 200 and fake.stats()["requests"] == 1
        second = named(daemon, "llm-serve", "raw")  # it waits for the one that is there
        assert f"raw is at http://127.0.0.1:{port}" in second.stdout.readline()
        assert second.poll() is None
        code, _, err = run(daemon, "llm-serve", "code")
        assert code == 75 and "hearth listen role:code 8081" in err
    finally:
        os.kill(proc.pid, signal.SIGTERM)
        _, err = proc.communicate(timeout=20)
    assert proc.returncode == 0, err
    assert second.wait(20) == 0
    second.communicate()


def test_without_a_port_of_ones_own_it_is_the_usual_one(make):
    """Shown by its being taken, by us or whoever has it: a fixed port is no test's to serve at."""
    daemon = make.home()
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            s.bind(("127.0.0.1", 8083))
            s.listen()
        code, _, err = run(daemon, "llm-serve", "raw")
    assert code == 75 and "8083" in err and "role:raw" in err


def test_a_role_that_has_no_port(make):
    home = make.home()
    code, _, err = run(home, "llm-serve", "poet")
    assert code == 75 and "hearth listen role:poet" in err
