"""What the scenarios of the sandbox stand on: packs, a made-up daemon with a home to break into, and
programs that are started as the daemon starts an engine (tests/evil_engine/launch_evil.c)."""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import harness

PROGRAMS = ("evil_engine", "bad_child", "echo_tcp", "launch_evil")
MOUNT_POINTS = ("proc", "dev", "tmp", "model", "usr/bin")
# Where the kernel counts for a group: without it nobody counts root's processes.
GROUPS = [pathlib.Path("/sys/fs/cgroup") / name for name in ("pids/hearth", "memory/hearth", "hearth")]
SECRET = "HEARTH_TEST_SECRET"


def can_be_built():
    return (harness.build_folder() / "tests/evil_engine/launch_evil").exists()


def counts_processes_of_root():
    one, two = pathlib.Path("/sys/fs/cgroup/pids"), pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
    return os.access(one, os.W_OK) or (two.exists() and "pids" in two.read_text()
                                       and os.access(two.parent, os.W_OK))


def remove_groups():
    """What hearth leaves of its groups once their processes have ended."""
    for ours in GROUPS:
        with contextlib.suppress(OSError):
            for group in [p for p in ours.iterdir() if p.is_dir()]:
                group.rmdir()
            ours.rmdir()


class Who:
    """Root, or the plain user of the session. Root has a folder of his own: in a sandbox he may no
    more enter a user's private folder than anybody."""

    def __init__(self, ground, root):
        self.ground, self.root, self.count = ground, root, 0
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="r", dir=ground.path.parent)) if root else None
        self.uid, self.gid = (0, 0) if root else (ground.uid, ground.gid)
        self.rules = {} if root or os.geteuid() != 0 else ground.rules

    def own(self, path):
        if os.geteuid() == 0:
            for p in [path, *path.rglob("*")] if path.is_dir() else [path]:
                os.chown(p, self.uid, self.gid)
        return path

    def folder(self, name):
        if not self.root:
            return self.own(self.ground.folder(name))
        self.count += 1
        path = self.path / f"{name}{self.count}"
        path.mkdir(mode=0o700)
        return path

    def close(self):
        if self.root and os.environ.get("HEARTH_KEEP") != "1":
            shutil.rmtree(self.path, ignore_errors=True)


class Bench:
    """The programs, and a pack with them in it, owned by who starts them."""

    def __init__(self, who):
        self.who, self.folder = who, who.folder("b")
        built = harness.build_folder()
        self.copy(built / "hearth-bridge", self.folder / "hearth-bridge")
        for name in PROGRAMS:
            self.copy(built / "tests/evil_engine" / name, self.folder / name)
        self.pack = self.folder / "pack"
        for name in MOUNT_POINTS:
            (self.pack / name).mkdir(parents=True)
        for name in PROGRAMS[:3]:
            self.copy(built / "tests/evil_engine" / name, self.pack / "usr/bin" / name)
        who.own(self.folder)
        self.setuid = self.pack / "usr/bin/setuid"
        if os.geteuid() == 0:  # root's, as on any system
            self.copy(built / "tests/evil_engine/evil_engine", self.setuid, 0o4755)

    @staticmethod
    def copy(source, to, mode=0o755):
        shutil.copyfile(source, to)
        to.chmod(mode)

    def close(self):
        with contextlib.suppress(OSError):
            self.setuid.unlink()
        self.who.close()


class Prey:
    """A daemon of the same user, as far as an engine could care: a process, a home with a key, data,
    an admin socket, and servers on the loopback."""

    def __init__(self, who):
        self.who, self.home = who, who.folder("p")
        for name, words in {".ssh/id_ed25519": "key", "data/state.db": "rows",
                            "models/m.gguf": "weights"}.items():
            path = self.home / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(words)
        (self.home / "tmp").mkdir()
        (self.home / "run").mkdir()
        self.admin_path, self.abstract = self.home / "admin.sock", f"evil-{os.getpid()}-{id(self)}"
        self.listeners = [self.listen(socket.AF_UNIX, str(self.admin_path)),
                          self.listen(socket.AF_UNIX, "\0" + self.abstract),
                          self.listen(socket.AF_INET, ("127.0.0.1", 0))]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.echo = threading.Thread(target=self.answer, daemon=True)
        self.echo.start()
        who.own(self.home)
        self.process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                        preexec_fn=harness.die_with_us, **who.rules)

    @staticmethod
    def listen(family, at):
        s = socket.socket(family)
        s.bind(at)
        s.listen(8)
        return s

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                words, to = self.udp.recvfrom(64)
                if words == b"end":
                    return
                self.udp.sendto(b"pong", to)

    def words(self, inside):
        """For the evil engine; inside: the sandbox has places of its own."""
        files = dict(model="/model/m.gguf", folder="/tmp", pack="/usr", tmp="/tmp") if inside \
            else dict(model=self.home / "models/m.gguf", folder=self.home / "run",
                      pack=self.home, tmp=self.home / "tmp")
        return [f"{k}={v}" for k, v in dict(
            home=self.home, data=self.home / "data", admin_socket=self.admin_path,
            abstract_socket=self.abstract, daemon=self.process.pid,
            tcp_port=self.listeners[2].getsockname()[1], udp_port=self.udp.getsockname()[1],
            **files).items()]

    def close(self):
        self.process.stdin.close()
        self.process.wait(5)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"end", self.udp.getsockname())
        self.echo.join(5)
        for s in [*self.listeners, self.udp]:
            s.close()


def parents():
    """{pid: its parent's} of all processes that have not ended."""
    found = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, IndexError):
            if entry.isdigit():
                state, parent = pathlib.Path(f"/proc/{entry}/stat").read_text() \
                    .rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found[int(entry)] = int(parent)
    return found


def descendants(of):
    all_of_them, found = parents(), {of}
    while True:
        more = {pid for pid, parent in all_of_them.items() if parent in found} - found
        if not more:
            return found - {of}
        found |= more


class Launched:
    """A program started by launch_evil. `words`: its NAME=VALUE."""

    def __init__(self, bench, *program, kind="sandbox", env=None, **words):
        self.bench, self.family = bench, set()
        root, errors = words.pop("root", bench.pack), words.pop("errors", None)
        mounts = [f"env={words.pop('env_of')}"] if "env_of" in words else []
        mounts += [f"{k}={v}" for k, v in words.items() if k not in ("read", "empty")]
        for k in ("empty", "read"):
            values = words.get(k, [])
            mounts += [f"{k}={v}" for v in ([values] if isinstance(values, str) else values)]
        environment = {"PATH": os.environ["PATH"], SECRET: "canary", "TMPDIR": str(bench.folder),
                       "ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
        self.proc = subprocess.Popen(
            [str(bench.folder / "launch_evil"), f"kind={kind}",
             f"bridge={bench.folder / 'hearth-bridge'}", f"root={root}", *mounts, "--",
             *map(str, program)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/",
            stderr=open(errors, "wb") if errors else subprocess.PIPE,
            preexec_fn=harness.die_with_us, start_new_session=True, **bench.who.rules)

    def line(self, seconds=10):
        """The next line of its output; "" at its end."""
        words, end = b"", time.monotonic() + seconds
        while not words.endswith(b"\n"):
            ready, _, _ = select.select([self.proc.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, f"no line within {seconds} s"
            byte = os.read(self.proc.stdout.fileno(), 1)
            if not byte:
                break
            words += byte
        return words.decode().rstrip("\n")

    def started(self):
        """Waits until it is let go: the pids of the command and of the program."""
        line = self.line()
        assert re.fullmatch(r"started \d+ \d+", line), (line, self.proc.stderr.read().decode())
        self.command, self.program = map(int, line.split()[1:])
        assert self.program > 0
        return self

    def seen(self, name):
        """A file of its /tmp, as the daemon sees it."""
        return pathlib.Path(f"/proc/{self.program}/root/tmp") / name

    def all_of_it(self):
        self.family = descendants(self.proc.pid)
        return self.family

    def ended(self, seconds=1):
        """Are all the processes gone that all_of_it saw?"""
        harness.wait_for(lambda: not self.family & set(parents()), seconds)

    def kill(self):
        self.proc.kill()
        self.proc.wait(5)

    def code(self, seconds=10):
        return self.proc.wait(seconds)

    def close(self):
        self.all_of_it()
        if self.proc.poll() is None:
            self.kill()
        for pipe in filter(None, (self.proc.stdin, self.proc.stdout, self.proc.stderr)):
            with contextlib.suppress(OSError):
                pipe.close()
        for pid in self.family & set(parents()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def attempts(bench, prey, seconds=120, **more):
    """Lets the evil engine try; {name: what became of it}."""
    inside = more.get("env", {}).get("PATH") != "/nonexistent"
    program = "/usr/bin/evil_engine" if inside else bench.pack / "usr/bin/evil_engine"
    words = prey.words(inside)
    if bench.setuid.exists():
        words.append(f"setuid_program={'/usr/bin/setuid' if inside else bench.setuid}")
    launched = Launched(
        bench, program, *words, data=256 << 20, file=8 << 20, processes=64, oom=500,
        empty="/model",
        read=f"{prey.home / 'models/m.gguf'}:/model/m.gguf", **more)
    try:
        out, err = launched.proc.communicate(timeout=seconds)
        print(out.decode(), err.decode(), file=sys.stderr)
        assert launched.proc.returncode == 0, err.decode()
        lines = [json.loads(ln) for ln in out.decode().splitlines() if ln.startswith("{")]
        return {ln["attempt"]: ln for ln in lines}
    finally:
        launched.close()
