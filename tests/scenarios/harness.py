"""What every scenario stands on: a real daemon in a folder of its own, the fake upstream, and the
proof afterwards that nothing of them is left.

The daemon runs as a plain user even when the suite runs as root: then everything belongs to a uid
that no account has, and the programs are copied to where that uid can read them. Every daemon has
its own HEARTH_HOME and its own port on the loopback. Processes are ended by their own pid, never by
name."""

import base64
import contextlib
import ctypes
import datetime
import json
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import types
import urllib.parse

import client

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FIRST_UID = 61234  # from here on: uids and gids that no account has
BAD_WORDS = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed|"
    r"stack smashing|double free|corrupted(?! or incomplete)")
SOCKET_PATH_LIMIT = 107


def build_folder():
    return pathlib.Path(os.environ.get("HEARTH_BUILD", TOP / "build/check"))


def program(name):
    """hearth, or a helper of the tests, from the build or from where the environment says."""
    if name == "hearth" and "HEARTH_BIN" in os.environ:
        return pathlib.Path(os.environ["HEARTH_BIN"])
    folders = {"hearth": ".", "fake_engine": "tests/fake_engine"}
    return build_folder() / folders.get(name, "tests/fake_upstream") / name


def wait_for(what, seconds=client.WAIT, every=0.01):
    """Calls what() until it gives something true, and returns that; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(every)


def in_thread(work):
    """Starts work() and returns a function that waits for what it returned."""
    box = []
    thread = threading.Thread(target=lambda: box.append(work()))
    thread.start()

    def result(seconds=20):
        thread.join(seconds)
        assert box, "it is not done"
        return box[0]
    return result


def moment(words):
    """Seconds since 1970 of a time as the ledger writes it."""
    return datetime.datetime.strptime(words, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp()


# --- the folder and the user ----------------------------------------------------------------------


def plain_user():
    """A uid for this session: as root one that is no account's and no other session's."""
    if os.geteuid() != 0:
        return os.geteuid()
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(FIRST_UID + os.getpid() % 2000, 65000) if uid not in taken)


class Ground:
    """The folder of one test session, the user that owns it, and the programs in it."""

    def __init__(self):
        self.began = time.time()
        self.uid = plain_user()
        self.gid = self.uid if os.geteuid() == 0 else os.getegid()
        self.path = self.make_folder()
        self.count = 0
        self.programs = {}
        self.rules = dict(user=self.uid, group=self.gid, extra_groups=[]) if os.geteuid() == 0 else {}
        self.tell_sanitizer = None

    def make_folder(self):
        wanted = TOP / "build/tmp"
        wanted.mkdir(parents=True, exist_ok=True)
        good = len(str(wanted)) < SOCKET_PATH_LIMIT - 50 and self.may_enter(wanted)
        path = pathlib.Path(tempfile.mkdtemp(prefix="s", dir=wanted if good else "/tmp"))
        os.chown(path, self.uid, self.gid)
        return path

    def may_enter(self, path):
        """Can the plain user get to a folder in here? The folder itself is made by us."""
        return os.geteuid() != 0 or all(
            p.stat().st_mode & stat.S_IXOTH for p in [path, *path.resolve().parents])

    def own(self, path):
        os.chown(path, self.uid, self.gid)
        return path

    def folder(self, name):
        self.count += 1
        path = self.path / f"{name}{self.count}"
        path.mkdir(mode=0o700)
        return self.own(path)

    def program(self, name, path=None):
        """A copy that the plain user can run; path: of this file instead of the build's own."""
        path = path or program(name)
        if path not in self.programs:
            copy = self.path / f"{name}{len(self.programs)}"
            shutil.copyfile(path, copy)
            copy.chmod(0o755)
            self.programs[path] = self.own(copy)
            self.copy_bridge(path, copy.parent)
        return self.programs[path]

    def copy_bridge(self, program, folder):
        """hearth looks for it beside itself."""
        beside, copy = program.parent / "hearth-bridge", folder / "hearth-bridge"
        if beside.exists() and not copy.exists():
            shutil.copyfile(beside, copy)
            copy.chmod(0o755)
            self.own(copy)

    @property
    def sanitized(self):
        """Was the daemon built with sanitizers? Then memory is no figure to judge."""
        if self.tell_sanitizer is None:
            self.tell_sanitizer = b"__asan_init" in program("hearth").read_bytes()
        return self.tell_sanitizer

    def environment(self, home):
        foreign = ("HEARTH_", "XDG_", "OLLAMA_", "HF_", "HUGGINGFACE_", "LLAMA_")
        env = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        env.update(HOME=str(home), HEARTH_HOME=str(home), TMPDIR=str(home), LC_ALL="C.UTF-8")
        if os.geteuid() == 0:  # the tests ask as root, the daemon is another user's
            env["HEARTH_TRUSTED_UIDS"] = "self,0"
        env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_string_checks=1")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        return env

    def left_outside(self):
        """New files of our own uid outside the folder. Told only where that uid is nobody else's."""
        if os.geteuid() != 0:
            return []
        found = []
        for top in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
            for folder, folders, files in os.walk(top):
                folders[:] = [f for f in folders if not str(self.path).startswith(f"{folder}/{f}")]
                for name in [*folders, *files]:
                    with contextlib.suppress(OSError):
                        seen = os.lstat(f"{folder}/{name}")
                        if seen.st_uid == self.uid and seen.st_ctime >= self.began:
                            found.append(f"{folder}/{name}")
        return found

    def close(self):
        if os.environ.get("HEARTH_KEEP") != "1":
            shutil.rmtree(self.path, ignore_errors=True)


def processes_with(home):
    """pids of the processes whose HEARTH_HOME is this folder."""
    mark, found = f"HEARTH_HOME={home}\0".encode(), []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and mark in pathlib.Path(f"/proc/{entry}/environ").read_bytes():
                if pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found.append(int(entry))
    return found


def sockets_in(folder):
    """Unix sockets that somebody has open below this folder."""
    lines = pathlib.Path("/proc/net/unix").read_text(errors="replace").splitlines()
    return [ln for ln in lines if str(folder) in ln]


def is_listening(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_us(libc=ctypes.CDLL(None)):
    """Runs in a child before its program: when the suite is killed, the child is too. And who runs the suite in
    the background of a script gives it a Ctrl-C that is ignored; programs begin with one that is not."""
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def with_files(most):
    """The same, for a child that may open so many files."""
    def before():
        die_with_us()
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return before


class Blackhole:
    """A loopback port whose queue is full: a connection to it is neither taken nor refused."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.held = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.held.append(s)
        time.sleep(0.05)

    def close(self):
        for s in [*self.held, self.listener]:
            s.close()


# --- the fake upstream -----------------------------------------------------------------------------


class Fake:
    """A fake upstream. `script` is what it does with every request; the request may say more."""

    def __init__(self, ground, name="fake", script="", unix=False, port=0):
        self.ground, self.name = ground, name
        self.path = str(ground.folder("u") / "s") if unix else None
        where = ["--unix", self.path] if unix else ["--port", str(port)]
        self.proc = subprocess.Popen(
            [ground.program("fake_upstream"), *where, "--name", name, "--script", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_us,
            **ground.rules)
        ready = self.proc.stdout.readline().split()
        assert ready and ready[0] == "ready", f"the fake upstream said {ready}"
        self.port = None if unix else int(ready[1])
        self.base_url = None if unix else f"http://127.0.0.1:{self.port}/v1"
        self.lock = threading.Lock()

    def command(self, words):
        with self.lock:
            self.proc.stdin.write(words + "\n")
            self.proc.stdin.flush()
            return json.loads(self.proc.stdout.readline())

    def stats(self):
        return self.command("stats")

    def clear(self):
        assert self.command("clear")["ok"]

    def script(self, words):
        assert self.command("script " + words)["ok"], f"not understood: {words}"

    def last(self, n=1):
        """The last requests, newest first, with head, body and what was sent as bytes."""
        records = self.command(f"last {n}")
        for r in records:
            for key in ("head", "body", "sent"):
                r[key] = base64.b64decode(r[key])
        return records

    def asked(self):
        """The last request as its reader sees it: method, path, headers (names in small letters) and body."""
        record, = self.last(1)
        first, *lines = record["head"].decode("latin-1").strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (ln.partition(":") for ln in lines)}
        return types.SimpleNamespace(method=method, path=path, headers=headers, body=json.loads(record["body"]))

    def provider(self, priority=1, models=("fake-model",), **more):
        """Its entry under `providers:`."""
        where = {"socket": self.path} if self.path else {"base_url": self.base_url}
        return {"kind": "openai_compatible", **where, "models": list(models), "priority": priority,
                **more}

    def close(self):
        if self.proc.poll() is None:
            self.proc.stdin.close()
            try:
                self.proc.wait(5)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait(5)
        self.proc.stdout.close()
        assert self.proc.returncode == 0, f"the fake upstream ended with {self.proc.returncode}"


# --- the daemon ------------------------------------------------------------------------------------


def yaml_text(value, depth=0):
    """Block YAML for dicts; lists and scalars as JSON, which is YAML too."""
    pad = "  " * depth
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines += [f"{pad}{key}:", yaml_text(item, depth + 1)]
        else:
            lines.append(f"{pad}{key}: {json.dumps(item)}")
    return "\n".join(lines)


USUAL = {
    "limits": {"headers": "5s", "keep_alive": "20s"},
    "upstream": {"connect": "500ms", "first_byte": "2s", "idle": "2s"},
    "request": {"total": "30s", "drain": "3s"},
    "failover": {"circuit_breaker": {"failure_threshold": 1000}},
}


def merge(base, more):
    """A deep copy of base with more laid over it."""
    out = dict(base)
    for key, value in more.items():
        out[key] = merge(out[key], value) if isinstance(value, dict) and \
            isinstance(out.get(key), dict) else value
    return out


def providers(*fakes):
    """The providers section for fakes, tried in this order."""
    return {"providers": {f.name: f.provider(i + 1) for i, f in enumerate(fakes)}}


class Daemon:
    """`hearth up` in the foreground in a home of its own."""

    def __init__(self, ground, config=None, usual=True):
        self.ground, self.home = ground, ground.folder("h")
        self.proc, self.port, self.expect_exit, self.began_at = None, None, 0, 0
        self.binary = None  # another build than the one under test
        self.before = die_with_us  # runs in the child before the program
        self.out_path = self.home.parent / (self.home.name + ".out")
        self.config_file = self.home / "config/hearth.yaml"
        self.config_file.parent.mkdir(mode=0o700)
        ground.own(self.config_file.parent)
        self.write(merge(USUAL if usual else {}, config or {}))

    # configuration

    def write(self, config):
        """config: a dict, or the text of the file."""
        if isinstance(config, dict):
            self.config = {"listen": ["127.0.0.1:0"], **config}
            config = yaml_text(self.config) + "\n"
        self.config_file.write_text(config)
        self.ground.own(self.config_file)

    # running

    def popen(self, *args, env=None, files=None, **more):
        return subprocess.Popen(
            [str(self.ground.program("hearth", self.binary)), *args], cwd=self.home, stdin=subprocess.DEVNULL,
            env={**self.ground.environment(self.home), **(env or {})}, start_new_session=True,
            preexec_fn=with_files(files) if files else self.before, **self.ground.rules, **more)

    def up(self, *args, env=None, files=None, wait=True):
        with open(self.out_path, "ab") as out:
            self.began_at = out.tell()
            self.proc = self.popen("up", *args, env=env, files=files, stdout=out, stderr=out)
        self.ground.own(self.out_path)
        if wait:
            self.port = wait_for(self.find_port, 20)
            wait_for(self.healthy, 20)
        return self

    def find_port(self):
        if self.proc.poll() is not None:
            raise AssertionError(f"hearth up ended with {self.proc.returncode}: {self.said()}")
        config = self.config_file.read_text() if self.config_file.exists() else ""
        theirs = set(re.findall(r"127\.0\.0\.1:(\d+)", config)) - {"0"}
        said = self.out_path.read_text(errors="replace")[self.began_at:]
        found = re.findall(r"http://127\.0\.0\.1:(\d+)", said)
        ours = [p for p in found if p not in theirs]
        return int(ours[-1]) if ours else None

    def healthy(self):
        try:
            return client.ask(self.port, "GET", "/health", timeout=2).status == 200
        except (OSError, client.Cut):
            return False

    def hearth(self, *args, timeout=20, env=None):
        """Runs a command to its end: (exit code, stdout, stderr)."""
        proc = self.popen(*args, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            out, err = proc.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.communicate()
            raise
        assert not BAD_WORDS.search(err), err
        return proc.returncode, out, err

    def signal(self, number):
        os.kill(self.proc.pid, number)

    # looking

    def said(self):
        """All that it printed or logged."""
        texts = [self.out_path, *sorted(self.home.rglob("*.log"))]
        return "\n".join(p.read_text(errors="replace") for p in texts if p.exists())

    def admin(self, method, path, body=None, headers=(), timeout=client.WAIT):
        """Over admin.sock."""
        return client.ask(self.home / "run/admin.sock", method, path, body, headers, timeout)

    def rows(self, seconds=3, **query):
        """Rows of the ledger, oldest first; with `id`, that one once it is there."""
        if "id" in query:
            path = "/hearth/v1/requests/" + urllib.parse.quote(query["id"], safe="")
            answer = wait_for(lambda: (a := self.admin("GET", path)).status not in (404, 503) and a, seconds)
            assert answer.status == 200, answer.body
            return [answer.json()["request"]]
        found, page, before = [], 1000, {}
        while True:
            path = "/hearth/v1/requests?" + urllib.parse.urlencode({"most": page, **before, **query})
            answer = wait_for(lambda: (a := self.admin("GET", path)).status != 503 and a, seconds)
            assert answer.status == 200, answer.body
            found += (got := answer.json()["requests"])
            if len(got) < page or {"most", "before"} & set(query):
                return found[::-1]
            before = {"before": got[-1]["seq"]}

    def row(self, answer, seconds=3):
        """The row of a request by its answer or its id."""
        number = answer if isinstance(answer, str) else answer.header("X-Request-Id")
        return self.rows(seconds, id=number)[0]

    def wait_rows(self, n, seconds=5, **query):
        """All rows, once there are n of them."""
        return wait_for(lambda: len(rows := self.rows(**query)) >= n and rows, seconds)

    def counts(self):
        return client.ask(self.port, "GET", "/test/requests").json()

    def recording(self):
        """Waits until the file of its record is open: that is after it answers."""
        def is_open():
            names = os.listdir(f"/proc/{self.proc.pid}/fd")
            return any(os.path.basename(os.path.realpath(f"/proc/{self.proc.pid}/fd/{n}"))
                       == "audit.db-wal" for n in names)
        wait_for(is_open, 20)

    def fds(self):
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def memory_kib(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.proc.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1])

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.proc.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def idle(self, seconds=client.WAIT):
        """Waits until no request is live, and returns the counts."""
        return wait_for(lambda: (c := self.counts())["requests"] == 0 and c, seconds)

    # asking

    def ask(self, method, path, body=None, headers=(), timeout=client.WAIT):
        return client.ask(self.port, method, path, body, headers, timeout)

    def chat(self, words="", **more):
        return client.chat(self.port, words, **more)

    def stream(self, words="", **more):
        return client.Stream(self.port, words, **more)

    def wire(self, **more):
        return client.Wire(self.port, **more)

    # ending

    def stop(self, seconds=15):
        """Ends it the polite way and returns its exit code."""
        if self.proc and self.proc.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGTERM)
            try:
                self.proc.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"it did not end on SIGTERM: {self.said()[-4000:]}") from None
        return self.proc.returncode if self.proc else None

    def kill(self):
        """kill -9, as a power cut does to a process."""
        self.proc.kill()
        self.proc.wait(10)
        self.expect_exit = -signal.SIGKILL

    def end_strays(self):
        """Ends whatever still runs in this home, and tells their pids."""
        strays = processes_with(self.home)
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return strays

    def close(self):
        """Stops it and asserts that it went well and left nothing."""
        try:
            code = self.stop()
        finally:
            strays = self.end_strays()
        said = self.said()
        report = BAD_WORDS.search(said)
        assert not report, said[max(0, report.start() - 200):][:6000]
        assert code in (None, self.expect_exit), f"it ended with {code}: {said[-4000:]}"
        assert not strays, f"processes were left: {strays}"
        assert not sockets_in(self.home), f"sockets were left: {sockets_in(self.home)}"
        if self.port:
            assert not is_listening(self.port), "somebody still listens on its port"


def load(ground, port, timeout=120, **options):
    """Runs the load client and returns its counts."""
    words = [str(w) for pair in options.items() for w in pair]
    proc = subprocess.run([str(ground.program("fake_load")), "port", str(port), *words],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          timeout=timeout, check=True, **ground.rules)
    return json.loads(proc.stdout)
