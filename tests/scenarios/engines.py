"""Engines for the scenarios: models made on demand, the fake engine by itself or as a pack in a
daemon's home, and the real llama.cpp as a pack.

A fake engine is told what to do by words: `fake_pack(words=...)` for a build, `fake_model(words)`
for a model, and in the last message of a request."""

import contextlib
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys

import pytest

import client
import harness
from harness import TOP, wait_for

sys.path.insert(0, str(TOP / "tests/models"))

import make_test_models  # noqa: E402

KEY = "engine-key"
FAKE_ID = "fake-0.0.1"
FEATURES = ["child_protocol", "unix_socket", "exit_command", "stdin_ends", "slot_save", "ping_interval", "cancel"]
MOUNT_POINTS = ["proc", "dev", "tmp", "run/hearth", "model"]
# Words of a model that fails to load, by what failed; the lines are llama-server's own.
FAILURES = {
    "memory": "exit_log=ggml_backend_cpu_buffer_type_alloc_buffer:%20failed%20to%20allocate%20buffer%20of%20size%20512",
    "kv": "exit_log=llama_init_from_model:%20failed%20to%20initialize%20the%20context:%20failed%20to%20allocate"
          "%20buffer%20for%20kv%20cache",
    "device": "exit_log=ggml_backend_cuda_buffer_type_alloc_buffer:%20cudaMalloc%20failed:%20out%20of%20memory",
    "architecture": "exit_log=llama_model_load:%20error%20loading%20model:%20unknown%20model%20architecture:%20'x'",
    "magic": "exit_log=gguf_init_from_reader:%20invalid%20magic%20characters:%20'GGML',%20expected%20'GGUF'",
    "corrupted": "exit_log=llama_model_load:%20error%20loading%20model:%20tensor%20'output.weight'%20data%20is%20not"
                 "%20within%20the%20file%20bounds,%20model%20is%20corrupted%20or%20incomplete",
    "argument": "die=start exit_log=error:%20invalid%20argument:%20--fake",
    "bind": "exit_log=srv%20start:%20couldn't%20bind%20HTTP%20server%20socket,%20hostname:%20x,%20port:%209931",
    "unknown": "exit_log=something%20else%20went%20wrong",
    "abort": "die=load die_how=abort",
    "segv": "die=load die_how=segv",
    "ill": "die=start die_how=ill",
}


# --- models ---------------------------------------------------------------------------------------


def model(ground, name="tiny"):
    """The path of a model for real engines (see make_test_models.RECIPES), where the plain user can
    read it. Of a model in parts: the first."""
    path = make_test_models.path_of(name)
    if ground.may_enter(path.parent):
        return path
    copies = ground.path / "models"
    copies.mkdir(exist_ok=True)
    ground.own(copies)
    names = make_test_models.file_names(name, make_test_models.RECIPES[name])
    for part in names:
        if not (copies / part).exists():
            shutil.copyfile(path.parent / part, copies / part)
            ground.own(copies / part)
    return copies / names[0]


def fake_model(folder, words="", name="fake.gguf", ground=None):
    """A file that is a model to everybody who only looks at its head, and a script to the fake
    engine: GGUF without tensors, the words in its description."""
    def text(s):
        return struct.pack("<Q", len(s.encode())) + s.encode()
    pairs = {"general.architecture": "llama", "general.name": name.removesuffix(".gguf"),
             "general.description": "fake: " + words}
    body = b"".join(text(k) + struct.pack("<I", 8) + text(v) for k, v in pairs.items())
    for key, value in {"block_count": 2, "context_length": 131072, "embedding_length": 64,
                       "feed_forward_length": 128, "attention.head_count": 4}.items():
        body += text("llama." + key) + struct.pack("<II", 4, value)
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) + 5) + body
    path = pathlib.Path(folder) / name
    path.write_bytes(head + bytes(-len(head) % 32))
    if ground:
        ground.own(path)
    return path


# --- packs ----------------------------------------------------------------------------------------


def fake_program():
    return harness.program("fake_engine")


def is_static(program):
    return b"ld-linux" not in pathlib.Path(program).read_bytes()[:4096]


def write_pack(folder, ground, **more):
    manifest = {"format": 1, "engine": "llama.cpp", "version": "0.0.1 (b1)", "source": "test", "flavour": "cpu",
                "place": "root", "program": "usr/bin/llama-server", "backend": "", "trouble": "", "origin": "",
                "bytes": 0, "probed": True, "features": FEATURES, **more}
    (folder / "pack.json").write_text(json.dumps(manifest))
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, ground.uid, ground.gid, follow_symlinks=False)
    return folder


def made(ground, *folders):
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in [folder, *folder.parents]:
            if path == ground.path:
                break
            ground.own(path)
    return folders[-1]


def fake_pack(home, ground, words="", id=FAKE_ID, place="root", **more):
    """The fake engine as a pack in a daemon's home; returns the pack's folder. words: what this
    build does; place: "root" (it brings all it needs) or "files" (it stands on the system); more:
    members of pack.json."""
    if place == "root" and not is_static(fake_program()):
        pytest.skip("the fake engine is not linked statically here, so it is no root by itself")
    folder = made(ground, pathlib.Path(home) / "data/engines" / id)
    programs = folder / ("root/usr/bin" if place == "root" else "files")
    programs.mkdir(parents=True)
    for point in MOUNT_POINTS if place == "root" else []:
        (folder / "root" / point).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(fake_program(), programs / "llama-server")
    (programs / "llama-server").chmod(0o755)
    if words:
        (programs / "fake.words").write_text(f"fake: {words}\n")
    inside = "usr/bin/llama-server" if place == "root" else "llama-server"
    return write_pack(folder, ground, place=place, program=inside, **more)


def real_pack_folder(ground):
    """The folder of a llama.cpp pack: HEARTH_TEST_PACK (a pack, or the root of one), or what
    `hearth engines install llama.cpp` brings, once a checkout."""
    given = os.environ.get("HEARTH_TEST_PACK")
    if given:
        return pathlib.Path(given)
    kept = TOP / "build/engines"
    found = sorted(kept.glob("data/engines/llama.cpp-*/pack.json"))
    if found:
        return found[-1].parent
    daemon = harness.Daemon(ground)
    code, out, err = daemon.hearth("engines", "install", "llama.cpp", timeout=600)
    found = sorted(daemon.home.glob("data/engines/llama.cpp-*/pack.json"))
    if code or not found:
        pytest.skip(f"no llama.cpp pack and none to be had: {(err or out).strip()[-200:]}")
    target = kept / found[-1].parent.relative_to(daemon.home)
    new = kept / f"new{os.getpid()}"  # another run may be at it too: it is there as a whole, or not
    shutil.copytree(found[-1].parent, new, symlinks=True)
    for path in [new, *new.rglob("*")]:  # the plain user of a later run is another one
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        new.rename(target)
    except OSError:
        shutil.rmtree(new)
    return target


def put_real_pack(ground, source, home):
    """The real llama.cpp of real_pack_folder in a daemon's home; returns the pack's folder."""
    engines = made(ground, pathlib.Path(home) / "data/engines")
    if (source / "pack.json").exists():
        target = engines / source.name
        shutil.copytree(source, target, symlinks=True)
        for path in [target, *target.rglob("*")]:
            os.chown(path, ground.uid, ground.gid, follow_symlinks=False)
        return target
    target = made(ground, engines / "llama.cpp-given")
    shutil.copytree(source, target / "root", symlinks=True)
    return write_pack(target, ground, version="given")


@pytest.fixture(scope="session")
def real_pack(ground):
    """Puts the real llama.cpp into a daemon's home: real_pack(home) returns the pack's folder."""
    source = real_pack_folder(ground)
    return lambda home: put_real_pack(ground, source, home)


# --- a fake engine by itself ----------------------------------------------------------------------


def with_data(most):
    """Runs in a child that may allocate so many bytes; None: as many as it likes."""
    def before():
        harness.die_with_us()
        if most:
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return before


class Engine:
    """The fake engine as a child of ours. words: of its model; build: of the program. child: with
    the protocol on stdin and stdout."""

    def __init__(self, ground, words="", *args, child=True, key=KEY, folder=None, model=None, build="",
                 jsonl=True, data=None):
        self.ground, self.folder = ground, folder or ground.folder("e")
        self.socket, self.key = self.folder / "e.sock", key
        self.program = self.folder / "llama-server"
        if not self.program.exists():
            shutil.copyfile(fake_program(), self.program)
            self.program.chmod(0o755)
        if build:
            (self.folder / "fake.words").write_text(f"fake: {build}\n")
        model = model or fake_model(self.folder, words, ground=ground)
        env = {"PATH": "/usr/bin"}
        if child:
            env["LLAMA_SERVER_ROUTER_PORT"] = "1"
        if key:
            env["LLAMA_API_KEY"] = key
        flags = ["--host", self.socket, "-m", model, "-a", "fake-model", "--offline", "--metrics", "--slots",
                 "--slot-save-path", f"{self.folder}/", *(["--log-jsonl"] if jsonl else []), *args]
        self.out, self.err = self.folder / "out", self.folder / "err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.proc = subprocess.Popen([self.program, *flags], env=env, cwd=self.folder, stdin=subprocess.PIPE,
                                         stdout=out, stderr=err, preexec_fn=with_data(data), **ground.rules)

    # asking

    @property
    def headers(self):
        return [("Authorization", f"Bearer {self.key}")] if self.key else []

    def ask(self, method, path, body=None, headers=None, timeout=client.WAIT):
        return client.ask(self.socket, method, path, body, self.headers if headers is None else headers, timeout)

    def chat(self, words="", **more):
        return client.chat(self.socket, words, headers=self.headers, **more)

    def stream(self, words="", **more):
        return client.Stream(self.socket, words, headers=self.headers, **more)

    def health(self):
        """The status of /health; None while nobody listens."""
        with contextlib.suppress(OSError, client.Cut):
            return self.ask("GET", "/health", timeout=2).status
        return None

    def ready(self, seconds=5):
        def is_ready():
            assert self.proc.poll() is None, f"it ended with {self.proc.returncode}: {self.logged()}"
            return self.health() == 200
        wait_for(is_ready, seconds)
        return self

    def slots(self):
        return self.ask("GET", "/slots").json()

    def busy(self):
        return [s["id"] for s in self.slots() if s["is_processing"]]

    # looking

    def said(self):
        return self.out.read_text(errors="replace")

    def states(self):
        """What its protocol lines said, in order."""
        mark = "cmd_child_to_router:state:"
        return [json.loads(ln.removeprefix(mark)) for ln in self.said().splitlines() if ln.startswith(mark)]

    def logged(self):
        return self.err.read_text(errors="replace")

    def log_lines(self):
        return [json.loads(ln) for ln in self.logged().splitlines()]

    def events(self, what=None):
        return read_events(self.folder, what)

    # ending

    def tell(self, line="cmd_router_to_child:exit\n"):
        self.proc.stdin.write(line.encode())
        self.proc.stdin.flush()

    def wait(self, seconds=5):
        """Its exit code."""
        return self.proc.wait(seconds)

    def close(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL)
            self.proc.wait(5)
        self.proc.stdin.close()
        for event in self.events("forked"):
            with contextlib.suppress(ProcessLookupError):
                if b"llama-server" in pathlib.Path(f"/proc/{event['grandchild']}/cmdline").read_bytes():
                    os.kill(event["grandchild"], signal.SIGKILL)


def read_events(folder, what=None):
    """What a fake engine wrote beside its socket, oldest first; what: only events of that name."""
    path = pathlib.Path(folder) / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [e for e in map(json.loads, lines) if what in (None, e["event"])]
