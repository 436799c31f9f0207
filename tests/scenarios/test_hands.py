"""The smaller commands: what is in memory and how it comes there, the live status on a terminal, the
variables for other programs, the link for a browser, completion, the manual page, the installation.

Screens that the documentation shows stand in docs/screens, and are compared with what is there now,
figures aside. HEARTH_SCREENS=write writes them anew."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import pytest

import callers
import client
import engines
import harness
import shop as shops
import terminal as terminals
from harness import in_thread, wait_for

SCREENS = harness.TOP / "docs/screens"
REAL_ID = "llama.cpp-0.7.0-b11669-debian"  # what the fake engine's build stands for
CODER, LLAMA, PHI = "qwen2.5-coder-7b", "llama3.2-3b", "phi-4"


def masked(screen):
    """Without what differs from run to run: who asks, figures with their units, bars, and how many
    blanks stand before a column."""
    screen = re.sub(r"\buid:\d+|\bowner\b", "who", screen.replace(engines.FAKE_ID, REAL_ID))
    screen = re.sub(r"\d[\d.,:+]*( ?(KiB|MiB|GiB|TiB|B|d|h|min|s|ms|us|%))*(?![\w])", "N", screen)
    screen = re.sub(r"(N )+N\b", "N", screen)
    screen = re.sub(r"[█░#.]{3,}", "=", screen)
    return [re.sub(r" {2,}", "  ", line).rstrip() for line in screen.rstrip("\n").splitlines()]


def compare_screen(name, screen):
    path = SCREENS / name
    if os.environ.get("HEARTH_SCREENS") == "write":
        path.write_text(screen.rstrip("\n").replace(engines.FAKE_ID, REAL_ID) + "\n")
    assert masked(path.read_text()) == masked(screen), f"docs/screens/{name} is stale:\n{screen}"


# --- in memory, by hand ---------------------------------------------------------------------------


def asked(s):
    """What the engine was asked to say; that it is looked at now and then is something else."""
    return [e for e in s.events("request") if e["path"].endswith("/completions")]


def test_a_model_is_brought_shown_and_taken_away(make):
    s = shops.Shop(make, {CODER: ("tokens=3 load_ms=300 steps=4", {"aliases": ["coder"], "parallel": 4}),
                          LLAMA: ("tokens=3", {"keep_alive": "forever"})})
    hearth = s.daemon.hearth
    code, out, _ = hearth("ps")
    assert code == 0 and out.startswith("No model is in memory.") and "hearth load" in out
    code, out, err = hearth("load", CODER)
    assert (code, err) == (0, ""), err
    assert re.fullmatch(rf"{CODER} is in memory: [\d.]+ \w+, loaded in [\d.]+ \w+\. It leaves when nobody asks "
                        rf"it for 30 min\.\n", out), out
    assert s.state(CODER) == "READY" and not asked(s)  # it was asked nothing
    pid = s.engine(CODER)["pid"]
    assert hearth("load", "coder")[0] == 0 and s.engine(CODER)["pid"] == pid  # by any name; it is there already
    code, out, err = hearth("ps")
    assert (code, err) == (0, "")
    compare_screen("ps.txt", out)
    listed = json.loads(hearth("ps", "--json")[1])["models"]
    assert [m["model"] for m in listed] == [CODER] and listed[0]["memory"]["rss"] > 0
    assert listed[0]["keep_alive_ms"] == 1800000 and not listed[0]["pin"]

    code, out, err = hearth("models", "load", LLAMA, "--json")  # the other one makes room
    assert code == 0 and json.loads(out) == {"loaded": True, "model": LLAMA}, err
    assert s.state(CODER) == "ABSENT"
    assert "for ever" in hearth("ps")[1]
    assert hearth("unload", LLAMA) == (0, f"{LLAMA} is out of memory.\n", "")
    assert s.state(LLAMA) == "ABSENT" and not s.children()
    assert hearth("stop", "coder") == (0, f"{CODER} was not in memory.\n", "")
    assert json.loads(hearth("unload", "--json", CODER)[1]) == {"model": CODER, "was_loaded": False}
    assert s.chat(LLAMA).status == 200  # whoever asks has it loaded again
    s.until(LLAMA, "READY")


def test_what_cannot_be_loaded_says_why(make):
    fake = make.fake("far")
    s = shops.Shop(make, {"x": engines.FAILURES["architecture"], PHI: ("tokens=1", {"pin": True}), LLAMA: "tokens=1"},
                   config=harness.providers(fake))
    hearth = s.daemon.hearth
    refused = s.chat("x")
    code, out, err = hearth("load", "x")
    assert (code, out) == (1, "") and "does not know the model's architecture" in err
    assert refused.error == "engine_failed" and "`hearth engines restart MODEL`" in err
    assert hearth("load", PHI)[0] == 0
    code, _, err = hearth("load", LLAMA)
    assert code == 1 and "pinned" in err and "pin=false" in err
    answer = s.daemon.admin("POST", f"/hearth/v1/models/load?model={LLAMA}")
    assert (answer.status, answer.error) == (503, "place_taken")
    code, _, err = hearth("load", "llama3.2-4b")
    assert code == 4 and LLAMA in err  # the nearest
    code, _, err = hearth("load", "fake-model")
    assert code == 4 and "a provider's" in err
    code, _, err = hearth("load", "chat")
    assert code == 1 and "no model is bound to the role chat" in err and "hearth roles" in err
    assert hearth("load")[0] == 2 and hearth("unload")[0] == 2
    assert hearth("unload", "nothing")[0] == 4
    assert s.daemon.admin("POST", "/hearth/v1/models/load").error == "missing_field"
    assert hearth("unload", PHI)[0] == 0  # by hand a pinned one goes too
    assert hearth("load", LLAMA)[0] == 0


def test_without_a_daemon(make):
    home = make.home()
    for words in (["ps"], ["load", "x"], ["unload", "x"], ["open"]):
        code, out, err = home.hearth(*words)
        assert (code, out) == (3, "") and "hearth up" in err, words


def test_who_is_inside_is_answered_before_it_goes(make):
    s = shops.Shop(make, {CODER: ("tokens=2", {"parallel": 1}), LLAMA: "tokens=1"})
    with s.stream(CODER, "tokens=40 token_ms=20") as stream:
        stream.take(2)
        waiting = in_thread(lambda: s.chat(CODER))  # he asked before it was to go
        wait_for(lambda: s.engine(CODER)["waiting"] == 1)
        gone = in_thread(lambda: s.daemon.hearth("unload", CODER))
        wait_for(lambda: s.engine(CODER).get("leaving"))
        assert "leaves" in s.daemon.hearth("ps")[1]
        assert client.is_done(stream.rest()[-1])
    assert waiting().status == 200
    assert gone()[0] == 0 and s.state(CODER) == "ABSENT"
    assert s.engine(CODER)["why"] == ""


def test_who_asks_without_a_pause_is_not_waited_for_for_ever(make):
    s = shops.Shop(make, {CODER: ("tokens=2", {"parallel": 1})})
    with s.stream(CODER, "tokens=2000 token_ms=5") as stream:
        stream.take(2)
        waiting = in_thread(lambda: s.chat(CODER))
        wait_for(lambda: s.engine(CODER)["waiting"] == 1)
        began = time.monotonic()
        code, out, err = s.daemon.hearth("unload", "--timeout", "1s", CODER)
        assert (code, out) == (75, "") and 0.9 < time.monotonic() - began < 3
        assert "it answers 1, and 1 waits" in err and f"hearth unload --now {CODER}" in err
        assert s.engine(CODER)["leaving"]
        assert s.daemon.hearth("unload", "--timeout", "soon", CODER)[0] == 2
        assert s.daemon.hearth("unload", "--now", CODER)[0] == 0
    waiting()


def test_a_load_meanwhile_ends_the_waiting(make):
    s = shops.Shop(make, {CODER: ("tokens=2", {"parallel": 1})})
    with s.stream(CODER, "tokens=2000 token_ms=5") as stream:
        stream.take(2)
        gone = in_thread(lambda: s.daemon.hearth("unload", CODER))
        wait_for(lambda: s.engine(CODER)["leaving"])
        assert s.daemon.hearth("load", CODER)[0] == 0
        code, out, err = gone()
        assert (code, out) == (75, "") and "somebody had it loaded meanwhile" in err
    assert s.state(CODER) in ("READY", "BUSY")


def test_now_breaks_off(make):
    s = shops.Shop(make, {CODER: ("tokens=2", {"parallel": 1})})
    with s.stream(CODER, "tokens=2000 token_ms=5") as stream:
        stream.take(2)
        waiting = in_thread(lambda: s.chat(CODER))
        wait_for(lambda: s.engine(CODER)["waiting"] == 1)
        began = time.monotonic()
        assert s.daemon.hearth("unload", "--now", CODER)[0] == 0
        assert time.monotonic() - began < 3
        assert client.stream_error(stream.rest()) == "model_unloaded"
    assert (waiting().status, waiting().error) == (503, "model_unloaded")
    assert s.state(CODER) == "ABSENT" and s.engine(CODER)["why"] == ""
    assert s.chat(CODER).status == 200  # no death that counts, and no rest


def test_a_load_waits_for_its_place_and_may_be_given_up(make):
    s = shops.Shop(make, {CODER: ("tokens=2", {"parallel": 1}), LLAMA: "tokens=1", PHI: "load_ms=60000"})
    with s.stream(CODER, "tokens=50 token_ms=20") as stream:
        stream.take(2)
        loading = in_thread(lambda: s.daemon.hearth("load", LLAMA))
        given_up = s.daemon.popen("load", PHI, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        s.until(CODER, "DRAINING")
        time.sleep(0.2)
        given_up.send_signal(signal.SIGINT)
        given_up.wait(5)
        assert client.is_done(stream.rest()[-1])
    assert loading()[0] == 0
    assert s.state(LLAMA) == "READY"
    time.sleep(0.6)
    assert s.state(PHI) == "ABSENT" and s.state(LLAMA) == "READY"
    given_up = s.daemon.popen("load", PHI, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    s.until(PHI, "STARTING")
    assert s.daemon.hearth("unload", "--now", PHI)[0] == 0
    assert given_up.wait(5) == 1


# --- live ------------------------------------------------------------------------------------------


class Terminal:
    """`hearth ARGS` on a terminal of this size."""

    def __init__(self, daemon, *args, columns=80, lines=24, env=None):
        self.master, slave = pty.openpty()
        self.size(columns, lines)
        self.before = termios.tcgetattr(slave)
        self.said, self.slave = b"", slave

        def before():
            harness.die_with_us()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        environment = {**daemon.ground.environment(daemon.home), "TERM": "xterm-256color", **(env or {})}
        environment.pop("NO_COLOR", None)
        self.proc = subprocess.Popen(
            [str(daemon.ground.program("hearth")), *args], stdin=slave, stdout=slave, stderr=slave, cwd=daemon.home,
            env=environment, start_new_session=True, preexec_fn=before, **daemon.ground.rules)

    def size(self, columns, lines):
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                data = os.read(self.master, 65536)
                self.said += data
                if data:
                    continue
            return

    def picture(self):
        """The last whole one, as text."""
        self.read()
        frames = self.said.decode(errors="replace").split("\x1b[?2026h\x1b[H")[1:]
        whole = [f.partition("\x1b[J\x1b[?2026l") for f in frames]
        last = [before for before, end, _ in whole if end]
        # what is cleared after a full line would be its last column
        assert not last or all(ln.rfind("\x1b[K") == 0 for ln in last[-1].replace("\r", "").split("\n")), last[-1]
        return re.sub(r"\x1b\[[\d;]*m|\x1b\[K", "", last[-1]).replace("\r", "") if last else ""

    def until(self, *words, seconds=5):
        return wait_for(lambda: (p := self.picture()) and all(w in p for w in words) and p, seconds)

    def fits(self, picture):
        rows = picture.split("\n")
        assert len(rows) == self.lines and max(map(len, rows)) <= self.columns, picture

    def key(self, byte):
        os.write(self.master, byte)

    def end(self, byte=b"q"):
        self.key(byte)
        code = self.proc.wait(5)
        self.read()
        return code

    def is_clean(self):
        """Was the terminal left as it was found?"""
        assert self.said.count(b"\x1b[?1049h") == self.said.count(b"\x1b[?1049l")
        assert self.said.rstrip().endswith(b"\x1b[?7h\x1b[?25h\x1b[?1049l"), self.said[-80:]
        assert termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait(5)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    made = []

    def open_terminal(*args, **more):
        made.append(Terminal(*args, **more))
        return made[-1]
    yield open_terminal
    for t in made:
        t.close()


def test_live_at_three_widths(make, terminal):
    s = shops.Shop(make, {CODER: ("tokens=3 balloon=48", {"parallel": 4}),
                          LLAMA: ("tokens=3", {"keep_alive": "1h"}),
                          "broken": engines.FAILURES["magic"]}, config={"engines": {"turn": "60s"}})
    assert s.chat("broken").error == "engine_failed"
    assert s.chat(LLAMA).status == 200
    assert s.chat(CODER).status == 200
    with s.stream(CODER, "tokens=2000 token_ms=10") as stream:
        stream.take(2)
        waits = in_thread(lambda: s.chat(LLAMA))
        wait_for(lambda: s.engine(LLAMA)["waiting"] == 1)
        shown = [terminal(s.daemon, "status", "--watch", columns=c, lines=n) for c, n in ((80, 24), (60, 20), (120, 30))]
        for t in shown:
            picture = t.until("1 of 4", "waits", "ENGINE_FAILED" if t.columns > 60 else "ENGINE_FAIL")
            t.fits(picture)
            assert "the model's file is no GGUF" in picture and "now" in picture
            assert ("stays" in picture, "build" in picture) == (t.columns >= 70, t.columns >= 110)
        picture = wait_for(lambda: re.search(r"1 of 4 +\d+\.\d +[\d.]+ MiB", p := shown[0].picture()) and p)  # tokens a second
        compare_screen("status-watch.txt", picture)
    assert waits().status == 200
    began = time.monotonic()
    shown[0].until(f"{LLAMA}       ready")
    assert s.daemon.hearth("unload", LLAMA)[0] == 0  # a change is there at once
    shown[0].until(f"{LLAMA}       not loaded", seconds=2)
    assert time.monotonic() - began < 4
    assert shown[0].end(b"\x03") == 0  # Ctrl-C
    assert shown[1].end(b"q") == 0
    shown[2].proc.send_signal(signal.SIGTERM)
    assert shown[2].proc.wait(5) == -signal.SIGTERM
    shown[2].read()
    for t in shown:
        t.is_clean()


def test_live_follows_the_size_and_the_daemon(make, terminal):
    daemon = make.daemon(make.fake())
    t = terminal(daemon, "status", "-w")
    t.fits(t.until("provider", "running"))
    t.size(50, 12)
    wait_for(lambda: len(t.picture().split("\n")) == 12)
    t.fits(t.picture())
    t.size(100, 40)
    wait_for(lambda: len(t.picture().split("\n")) == 40)
    assert daemon.stop() == 0
    t.until("hearth is not running", "hearth up", seconds=3)
    daemon.up()
    t.until("provider", "up ", seconds=3)
    t.key(b"\x1a")  # Ctrl-Z gives the shell its screen back; here is none, and it goes on
    wait_for(lambda: t.read() or t.said.count(b"\x1b[?1049h") == 2, 3)
    assert t.said.count(b"\x1b[?1049l") == 1
    t.until("provider")
    assert t.end() == 0
    t.is_clean()


def lines_of(daemon, *args):
    """A command whose output is no terminal, and a function that reads a line of it."""
    proc = daemon.popen("status", "--watch", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def line():
        assert select.select([proc.stdout], [], [], 5)[0], "it says nothing"
        return proc.stdout.readline().decode()
    return proc, line


def test_live_for_programs(make):
    daemon = make.daemon(make.fake())
    answer = daemon.chat()
    daemon.row(answer)
    proc, line = lines_of(daemon, "--json")
    first, second = json.loads(line()), json.loads(line())
    assert first["running"] and first["status"]["requests"]["done"] == 1
    assert first["requests"][0]["id"] == answer.header("X-Request-Id")
    assert 900 < second["at_ms"] - first["at_ms"] < 3000 and first["memory_total"] >= first["memory_free"]
    blocks, read = lines_of(daemon)
    assert read().startswith("hearth ")
    proc.kill(), blocks.kill()
    for p in (proc, blocks):
        p.communicate()
    daemon.stop()
    proc, line = lines_of(daemon, "--json")
    assert json.loads(line())["running"] is False
    proc.kill()
    proc.communicate()


# --- for other programs -----------------------------------------------------------------------------


def test_variables_for_other_programs(make):
    daemon = make.home({"ports": {"code": "127.0.0.1:8421"}, "listen": ["127.0.0.1:8420"]})
    code, out, err = daemon.hearth("env", env={"SHELL": "/bin/bash"})  # nothing runs
    assert (code, out) == (0, "export OPENAI_BASE_URL=http://127.0.0.1:8420/v1\nexport OPENAI_API_KEY=hearth\n")
    assert "not running" in err
    assert "8421/v1" in daemon.hearth("env", "--role", "code")[1]
    assert daemon.hearth("env", "--role", "chat")[0] == 4
    assert daemon.hearth("env", "--shell", "pwsh")[0] == 2
    code, out, err = daemon.hearth("env", env={"HEARTH_TRUSTED_UIDS": "0"} if os.geteuid() == 0 else
                                   {"HEARTH_TRUSTED_UIDS": "self"})
    assert ("hearth keys create" in err) == (os.geteuid() == 0)
    daemon.write({"listen": ["nonsense"]})
    assert daemon.hearth("env")[0] == 78
    daemon = make.daemon(make.fake())
    model = "it's $HOME `x` \\ !"
    url = f"http://127.0.0.1:{daemon.port}/v1"
    for shell, words in {"sh": 'eval "$(cat env)"', "bash": 'eval "$(cat env)"', "zsh": 'eval "$(cat env)"',
                         "fish": "source env", "csh": "source env"}.items():
        program = shutil.which(shell)
        code, out, err = daemon.hearth("env", "--shell", shell, "--model", model)
        assert (code, err) == (0, ""), err
        if not program:
            continue
        (daemon.home / "env").write_text(out)
        said = subprocess.run([program, "-c", f'{words}; printenv OPENAI_BASE_URL OPENAI_API_KEY OPENAI_MODEL'],
                              cwd=daemon.home, capture_output=True, text=True, timeout=10)
        assert said.stdout.splitlines() == [url, "hearth", model], said
    assert json.loads(daemon.hearth("env", "--json")[1]) == {
        "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "hearth", "running": True}
    for shell, words in (("sh", 'eval "$(hearth env)"'), ("fish", "hearth env | source"), ("csh", 'eval "`hearth env`"')):
        with terminals.Terminal(daemon, "env", "--shell", shell) as t:
            assert t.ends() == 0
        assert f"For this shell: {words}\n" in t.screen()
    code, out, _ = daemon.hearth("env", "--model", "a\nrm -rf x")
    assert (code, out) == (2, "")


def test_a_browser_is_opened(make, ground):
    daemon = make.daemon(make.fake())
    quiet = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "SSH_CONNECTION": ""}
    code, out, err = daemon.hearth("open", "--print", env={"DISPLAY": ":0"})
    url = re.fullmatch(rf"(http://127\.0\.0\.1:{daemon.port}/hearth/v1/open\?token=[\w-]+)\n", out)
    assert code == 0 and url and err == "", out + err
    code, out, _ = daemon.hearth("open", env=quiet)
    assert code == 0 and "Open this in a browser" in out and "ssh" not in out
    code, out, _ = daemon.hearth("open", env={**quiet, "SSH_CONNECTION": "10.0.0.2 5 10.0.0.1 2222", "USER": "ann"})
    assert code == 0 and f"ssh -N -L {daemon.port}:127.0.0.1:{daemon.port} -p 2222 ann@10.0.0.1\n" in out
    folder = ground.folder("bin")
    opener = folder / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >{folder}/opened.new\nmv {folder}/opened.new {folder}/opened\n')
    opener.chmod(0o755)
    ground.own(opener)
    code, out, err = daemon.hearth("open", env={"DISPLAY": ":0", "PATH": f"{folder}:/usr/bin:/bin"})
    assert (code, err) == (0, "") and "Your browser opens hearth" in out
    opened = wait_for(lambda: (folder / "opened").exists() and (folder / "opened").read_text().strip())
    assert opened in out
    path = opened.partition(f":{daemon.port}")[2]
    if os.geteuid() == 0:  # somebody who read it in a list of processes
        assert callers.as_uid(callers.stranger(), callers.ask, daemon.port, "GET", path).status == 401
    opened = callers.as_uid(ground.uid, callers.ask, daemon.port, "GET", path)
    assert opened.status == 303 and opened.header("location") == "/"
    code, out, _ = daemon.hearth("open", env={"DISPLAY": ":0", "PATH": "/nowhere"})
    assert code == 0 and "There is no xdg-open" in out and "token=" in out


# --- completion, the manual page, the installation ---------------------------------------------------


def test_completion_in_bash(make):
    home = make.home({"models": {CODER: {"file": "/x.gguf", "aliases": ["qwen:7b", "qwen:32b"]}},
                      "providers": {"far": {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1",
                                            "models": ["remote-model"]}}})
    script = home.home / "complete.bash"
    code, out, err = home.hearth("completion", "bash")
    assert (code, err) == (0, "")
    script.write_text(out)
    home.ground.own(script)

    def complete(line):
        words = re.findall(r"[:=]+|[^\s:=]+", line) + ([""] if line[-1] in " :=" else [])  # as bash breaks it
        run = f"""source {script}; complete -p hearth >/dev/null || exit 9
            COMP_LINE={json.dumps(line)}; COMP_POINT=${{#COMP_LINE}}
            COMP_WORDS=({' '.join(json.dumps(w) for w in words)}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            COMP_WORDS[0]={home.ground.program('hearth')}
            _hearth; printf '%s\\n' "${{COMPREPLY[@]}}" """
        said = subprocess.run(["bash", "-c", run], capture_output=True, text=True, timeout=10,
                              env=home.ground.environment(home.home), **home.ground.rules)
        assert said.returncode == 0 and said.stderr == "", said
        return said.stdout.split()

    assert complete("hearth sta") == ["status"]
    assert complete("hearth load ") == [CODER, "remote-model", "qwen:7b", "qwen:32b"]
    assert complete("hearth load qwen:") == ["7b", "32b"]
    assert complete("hearth run q") == [CODER, "qwen:7b", "qwen:32b"]
    assert complete("hearth models show q") == [CODER, "qwen:7b", "qwen:32b"]
    assert complete("hearth env --shell=f") == ["fish"]
    assert complete("hearth status --w") == ["--watch"]
    assert complete("hearth models add ") == []  # files are bash's own business
    assert home.hearth("completion")[0] == 2 and home.hearth("completion", "pwsh")[0] == 2


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_elsewhere(make, shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell}")
    home = make.home({"models": {CODER: {"file": "/x.gguf"}}})
    folder = home.ground.folder("c")
    code, out, _ = home.hearth("completion", shell)
    assert code == 0
    script = folder / f"_hearth.{shell}"
    script.write_text(out)
    home.ground.own(script)
    link = folder / "hearth"
    link.symlink_to(home.ground.program("hearth"))
    env = {**home.ground.environment(home.home), "PATH": f"{folder}:/usr/bin:/bin", "TERM": "xterm"}
    if shell == "fish":
        said = subprocess.run(["fish", "-c", f"source {script}; complete -C 'hearth load q'; complete -C 'hearth sta'"],
                              capture_output=True, text=True, timeout=20, env=env, **home.ground.rules)
        assert [ln.split("\t")[0] for ln in said.stdout.splitlines()] == [CODER, "status"], said
        return
    # zsh completes on a terminal alone: its own list of what would be offered is asked for
    run = f"""autoload -Uz compinit; compinit -D; source {script}
        _describe() {{ shift 2; print -rl -- "${{(@P)1}}" }}
        words=(hearth load q); CURRENT=3; _hearth
        words=(hearth sta); CURRENT=2; _hearth"""
    said = subprocess.run(["zsh", "-fc", run], capture_output=True, text=True, timeout=20, env=env, **home.ground.rules)
    assert [ln.split(":")[0] for ln in said.stdout.splitlines()] == [CODER, "status"], said


def test_the_manual_page(make):
    code, page, err = make.home().hearth("help", "--man")
    assert (code, err) == (0, "") and page.startswith(".\\\"")
    if not shutil.which("groff"):
        pytest.skip("no groff")
    said = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou"], input=page, capture_output=True, text=True,
                          timeout=20)
    assert said.returncode == 0 and said.stderr == "", said.stderr
    assert "hearth status" in said.stdout and "-w, --watch" in said.stdout.replace("‐", "-")


def test_it_is_installed_and_taken_away(ground):
    if not (harness.TOP / "build/release/hearth").exists():
        pytest.skip("build/release is not built")
    root = ground.folder("root")

    def install(verb):
        done = subprocess.run([harness.TOP / "tools/install.sh", verb, "/usr"], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "DESTDIR": str(root)})
        assert done.returncode == 0, done.stderr
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    there = install("install")
    assert there == ["usr/bin/hearth", "usr/bin/hearth-bridge", "usr/share/bash-completion/completions/hearth",
                     "usr/share/fish/vendor_completions.d/hearth.fish", "usr/share/hearth/hearth-guide.gguf",
                     "usr/share/hearth/installed",
                     "usr/share/man/man1/hearth.1", "usr/share/zsh/site-functions/_hearth"]
    assert (root / "usr/share/zsh/site-functions/_hearth").read_text().startswith("#compdef hearth\n")
    assert "-w" in (root / "usr/share/man/man1/hearth.1").read_text()
    assert install("install") == there  # over itself
    (root / "usr/share/man/man1/hearth.1").write_text("somebody's own\n")
    assert install("uninstall") == ["usr/share/man/man1/hearth.1"]


# --- the configuration -------------------------------------------------------------------------------


def test_the_configuration_at_a_glance(make):
    home = make.home({"log": {"level": "debug"}}, usual=False)
    code, out, err = home.hearth("config")
    assert (code, err) == (0, "") and re.search(r"^valid +yes$", out, re.M)
    assert re.search(r"^files +\S+/config/hearth\.yaml$", out, re.M) and "conf.d  (not there)" in out
    assert re.search(r"^log\.level: debug  # \S+hearth\.yaml:\d+$", out, re.M)
    assert "request.total" not in out  # nobody said anything of it
    told = json.loads(home.hearth("config", "--json")[1])
    assert told["valid"] and "log.level" in [s["path"] for s in told["set"]] and told["report"]["errors"] == 0
    home.write({"log": {"level": "loud"}})
    code, out, err = home.hearth("config")
    assert code == 78 and re.search(r"^valid +no$", out, re.M) and "hearth.yaml:" in err
    code, out, _ = home.hearth("config", "--json")
    assert code == 78 and json.loads(out)["report"]["problems"][0]["key"] == "log.level"
    home.config_file.unlink()
    code, out, _ = home.hearth("config", env={"HEARTH_TRUSTED_UIDS": ""})
    assert code == 0 and "hearth.yaml  (not there)" in out
