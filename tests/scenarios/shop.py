"""A daemon with engines: models that a fake engine, or the real llama-server, serves in the real
sandbox, and how to look at what became of them."""

import contextlib
import os
import pathlib
import re
import signal
import time

import client
import engines
import harness
from harness import wait_for

UNBOXED = {"env": {"PATH": "/nowhere"}, "place": "files"}  # without bubblewrap a pack needs no root of its own
QUICK = {"engines": {"load_stall": "2s", "health": "1s", "rest": "60s", "turn": "200ms"}}


class Shop:
    """models: name -> words for the fake engine, or (words, settings)."""

    def __init__(self, make, models, build="", config=None, pack=True, env=None, place="root"):
        self.daemon = make.home()
        self.ground, self.home = self.daemon.ground, self.daemon.home
        self.files = self.ground.folder("m")
        self.config = harness.merge(harness.merge(harness.USUAL, QUICK), config or {})
        self.config["models"] = {name: self.entry(name, said) for name, said in models.items()}
        self.daemon.write(self.config)
        if pack:
            self.put_pack(build, place)
        self.daemon.up(env=env)

    def put_pack(self, build, place):
        engines.fake_pack(self.home, self.ground, build, place=place)

    def entry(self, name, said):
        words, settings = said if isinstance(said, tuple) else (said, {})
        path = engines.fake_model(self.files, words, name=f"{name}.gguf", ground=self.ground)
        return {"file": str(path), **settings}

    def reload(self):
        code, out, err = self.daemon.hearth("reload")
        assert code == 0, out + err

    # looking

    def engine(self, model):
        answer = self.daemon.admin("GET", "/hearth/v1/engines")
        return next(e for e in answer.json()["engines"] if e["model"] == model)

    def state(self, model):
        return self.engine(model)["state"]

    def until(self, model, *states, seconds=5):
        return wait_for(lambda: (e := self.engine(model))["state"] in states and e, seconds)

    def children(self):
        return children_of(self.home)

    def folders(self):
        return sorted((self.home / "run/engines").iterdir())

    def events(self, what=None):
        """Of the child that is there now."""
        folders = {self.place_of(pid) for pid in self.pids()} - {None}
        return [e for folder in sorted(folders) for e in engines.read_events(folder, what)]

    def pids(self):
        answer = self.daemon.admin("GET", "/hearth/v1/engines")
        return [e["pid"] for e in answer.json()["engines"] if e.get("pid")]

    def place_of(self, pid):
        """The folder of its socket, as it is seen from here."""
        for folder in [pathlib.Path(f"/proc/{pid}/root/tmp"), *self.folders()]:
            if (folder / "engine.sock").exists():
                return folder
        return None

    # asking

    def chat(self, model, words="", **more):
        return self.daemon.chat(words, model=model, **more)

    def stream(self, model, words="", **more):
        return self.daemon.stream(words, model=model, **more)


# The real one loads and answers more slowly, and a machine that is busy with other things too.
PATIENT = {"engines": {"load_stall": "30s", "health": "30s", "turn": "1s"},
           "upstream": {"first_byte": "30s", "idle": "30s"}, "request": {"total": "60s"}}


class RealShop(Shop):
    """The same with the real llama-server. models: name -> name of a made model, or (that,
    settings); real_pack: the fixture."""

    def __init__(self, make, models, real_pack, config=None, **more):
        self.real_pack = real_pack
        super().__init__(make, models, config=harness.merge(PATIENT, config or {}), **more)

    def entry(self, name, said):
        recipe, settings = said if isinstance(said, tuple) else (said, {})
        return {"file": str(engines.model(self.ground, recipe)), **settings}

    def put_pack(self, *_):
        self.real_pack(self.home)

    def key(self, model):
        """The key of the engine that is there; None where its environment may not be read."""
        try:
            environ = pathlib.Path(f"/proc/{self.engine(model)['pid']}/environ").read_bytes()
        except PermissionError:
            return None
        return next(v.partition(b"=")[2].decode() for v in environ.split(b"\0") if v.startswith(b"LLAMA_API_KEY="))

    def socket(self):
        """Of the one that is there."""
        return next(p for p in map(self.place_of, self.pids()) if p) / "engine.sock"

    def slots(self, socket, key):
        """What the engine itself says of its slots."""
        return client.ask(socket, "GET", "/slots", headers=[("Authorization", f"Bearer {key}")]).json()


class Foreground:
    """`hearth engines exec`, as somebody at a terminal runs it, beside a daemon."""

    def __init__(self, s, model, **more):
        self.home, self.said = s.home, s.home / "exec.said"
        with open(self.said, "wb") as out:
            self.proc = s.daemon.popen("engines", "exec", model, stdout=out, stderr=out, **more)
        wait_for(lambda: self.proc.poll() is not None or "/health\n" in self.text(), 20, 0.001)
        self.began, self.words = time.monotonic(), self.text()
        assert self.proc.poll() is None, self.words
        self.command = next(ln for ln in self.words.splitlines() if ln.startswith("started with:"))
        self.socket = re.search(r"--unix-socket (\S+)", self.words)[1]
        self.headers = [("Authorization", "Bearer " + re.search(r"Bearer (\w+)", self.words)[1])]

    def text(self):
        return self.said.read_text(errors="replace")

    def ask(self, method, path, body=None, timeout=60):
        return client.ask(self.socket, method, path, body, self.headers, timeout)

    def is_ready(self):
        assert self.proc.poll() is None, self.text()
        with contextlib.suppress(OSError, client.Cut):
            return self.ask("GET", "/health").status == 200
        return False

    def ready(self):
        wait_for(self.is_ready, 60, 0.002)
        return self

    def end(self, number, group=True):
        (os.killpg if group else os.kill)(self.proc.pid, number)
        return self.proc.wait(5)


def children_of(home):
    """Engines below this home, sandboxed or not: {pid: command}."""
    mark, found = str(home), {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if not entry.isdigit():
                continue
            folder = pathlib.Path("/proc") / entry
            if folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
                continue
            command = folder.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            ours = "llama-server" in command and (
                mark in command or mark.removeprefix("/") in folder.joinpath("mountinfo").read_text())
            if ours:
                found[int(entry)] = command
    return found


def nothing_left(home, seconds):
    end = time.monotonic() + seconds
    while children_of(home):
        assert time.monotonic() < end, f"engines are left after {seconds} s: {children_of(home)}"
        time.sleep(0.02)


def kill(pid, number=signal.SIGKILL):
    os.kill(pid, number)
