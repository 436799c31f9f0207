"""Corners of engines' lives, where two things happen at the same time: a reload while one loads, a
death while another waits, children that lie about their state, and what becomes of who waits."""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time

import pytest

import client
import engines
import shop as shops
from harness import wait_for
from test_engines import in_thread, most_inside, shop  # noqa: F401  a fixture

SOAK = os.environ.get("HEARTH_SOAK") == "1"


def moves(s, model):
    """The states that it went to, as the bus tells them."""
    words = [i["words"] for i in s.daemon.admin("GET", "/hearth/v1/bus").json() if i["topic"] == "engine"]
    return [w.rpartition(" ")[2] for w in words if w.startswith(f"{model} is ")]


def starts(s, model):
    return moves(s, model).count("STARTING")


@contextlib.contextmanager
def no_more_processes(s):
    """The daemon's user has as many as it may. As that user: root may be without the right to do so."""
    pid = s.daemon.proc.pid
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    most = next(ln.split()[2] for ln in limits.splitlines() if ln.startswith("Max processes"))

    def allow(n):
        subprocess.run(["prlimit", f"--nproc={n}:", "--pid", str(pid)], check=True, **s.ground.rules)
    allow(1)
    try:
        yield
    finally:
        allow(most)


def bridge(s):
    """The pid of the process that stands between the daemon and its engine."""
    found = [pid for pid, command in s.children().items() if "hearth-bridge" in command.split()[0]]
    assert len(found) == 1, s.children()
    return found[0]


# --- models that go ------------------------------------------------------------------------------


def test_a_model_that_is_gone_dies_while_it_answers(shop):
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    with s.stream("a", "tokens=400 token_ms=10") as stream:
        stream.take(2)
        del s.config["models"]["a"]
        s.daemon.write(s.config)
        s.reload()
        shops.kill(s.engine("a")["pid"])
        assert client.stream_error(stream.rest()) == "engine_crash"
    wait_for(lambda: not s.children())
    assert s.chat("b").status == 200


def test_who_waits_for_a_model_that_goes_gets_another(shop):
    s = shop({"a": "never_ready=1", "b": "tokens=1"},
             config={"roles": {"r": ["a", "b"]}, "engines": {"load_stall": "60s"}})
    answer = in_thread(lambda: s.chat("role/r"))
    s.until("a", "STARTING")
    del s.config["models"]["a"]
    s.config["roles"]["r"] = ["b"]
    s.daemon.write(s.config)
    s.reload()
    assert answer().status == 200


def test_a_model_goes_and_comes_while_it_answers(shop):
    """There are two of the name for a while: commands and figures are about the new one."""
    s = shop({"a": "tokens=1"})
    entry = s.config["models"].pop("a")
    with s.stream("a", "tokens=300 token_ms=10") as stream:
        stream.take(1)
        s.daemon.write({**s.config, "models": {}})
        s.reload()
        s.daemon.write({**s.config, "models": {"a": entry}})
        s.reload()
        assert s.daemon.ask("GET", "/metrics").body.count(b'hearth_engine_up{model="a"}') == 1
        assert s.daemon.hearth("engines", "restart", "a")[0] == 0
        assert client.is_done(stream.rest()[-1])
    wait_for(lambda: starts(s, "a") == 2)
    s.until("a", "READY")
    assert s.chat("a").status == 200


# --- slots ---------------------------------------------------------------------------------------


def test_a_slot_that_was_given_up_on_is_not_given_out(shop):
    """The answer took too long to begin: the engine is at it still."""
    s = shop({"a": ("tokens=1", {"parallel": 1})}, config={"upstream": {"first_byte": "300ms"}, "request": {"attempts": 1}})
    assert s.chat("a").status == 200
    slow = s.chat("a", "tokens=1 prompt_ms=900 orphan_slots=900")
    assert slow.status == 504, slow.body
    assert s.chat("a", "tokens=1").status == 200
    assert most_inside(s.events()) == 1, s.events()


# --- turns ---------------------------------------------------------------------------------------


def test_one_that_cannot_start_does_not_hold_up_another(shop):
    s = shop({"a": "exit=1 die=load exit_log=something%20else", "b": "tokens=1"})
    bad = in_thread(lambda: s.chat("a", timeout=30))
    wait_for(lambda: starts(s, "a") >= 2)
    began = time.monotonic()
    assert s.chat("b").status == 200
    assert time.monotonic() - began < 1.5
    assert bad(30).status == 503


def test_the_older_one_in_the_queue_needs_no_other_model(shop):
    """Others wait longer for the model that is there: it does not go and come back for them."""
    s = shop({"a": ("tokens=3 token_ms=100", {"parallel": 1}), "b": "tokens=1"})
    assert s.chat("a", "tokens=1").status == 200
    first = [in_thread(lambda: s.chat("a")) for _ in range(6)]
    wait_for(lambda: s.engine("a")["waiting"] == 5)
    assert s.chat("b", timeout=20).status == 200
    assert [a().status for a in first] == [200] * 6
    assert starts(s, "a") == 1, moves(s, "a")


def test_nobody_waits_longer_because_others_come(shop):
    s = shop({"a": "tokens=1", "b": "tokens=1"}, config={"queue": {"wait": "1s"}})
    with s.stream("a", "tokens=500 token_ms=10") as stream:
        stream.take(1)
        began = time.monotonic()
        first = in_thread(lambda: (s.chat("b"), time.monotonic() - began))
        others = []
        for _ in range(8):
            time.sleep(0.25)
            others.append(in_thread(lambda: s.chat("b")))
        answer, took = first()
        assert answer.status == 503 and answer.error == "queue_timeout", answer.body
        assert took < 2
        stream.close()
    for other in others:
        other()


def test_one_that_shall_come_back_leaves_the_other_its_time(shop):
    s = shop({"a": ("tokens=1", {"keep_alive": "300ms"}), "b": ("tokens=1", {"keep_alive": "300ms"})})
    assert s.chat("a").status == 200
    assert s.daemon.hearth("engines", "restart", "b")[0] == 0
    s.until("a", "ABSENT", seconds=3)
    wait_for(lambda: starts(s, "b") == 1)
    s.until("b", "ABSENT", seconds=3)


def test_one_that_nobody_asks_does_not_come_back_twice(shop):
    s = shop({"a": "tokens=1"})
    assert s.chat("a").status == 200
    shops.kill(s.until("a", "READY")["pid"])
    wait_for(lambda: starts(s, "a") == 2)
    shops.kill(s.until("a", "READY")["pid"])
    s.until("a", "ABSENT")
    time.sleep(0.5)
    assert starts(s, "a") == 2
    assert s.chat("a").status == 200


def test_a_pinned_model_makes_no_room(shop):
    """Who wants another one is told so at once."""
    s = shop({"a": ("tokens=1", {"pin": True}), "b": "tokens=1"})
    assert s.chat("b").status == 200
    assert s.chat("a").status == 200
    began = time.monotonic()
    answer = s.chat("b")
    assert answer.status == 503 and "pin" in answer.json()["error"]["message"], answer.body
    assert "a" in answer.json()["error"]["message"]
    assert time.monotonic() - began < 1
    assert s.state("a") == "READY"
    s.config["models"]["a"]["pin"] = False
    s.daemon.write(s.config)
    s.reload()
    assert s.chat("b").status == 200


def test_who_waits_while_a_pinned_model_loads(shop):
    s = shop({"a": ("tokens=1 load_ms=600", {"pin": True}), "b": "tokens=1"})
    one = in_thread(lambda: s.chat("a"))
    s.until("a", "STARTING")
    began = time.monotonic()
    assert s.chat("b").status == 503
    assert time.monotonic() - began < 3
    assert one().status == 200


def test_it_stays_when_nobody_wants_the_other_any_more(shop):
    s = shop({"a": ("tokens=1", {"parallel": 2}), "b": "tokens=1"})
    with s.stream("a", "tokens=600 token_ms=10") as stream:
        stream.take(1)
        time.sleep(0.3)
        with s.stream("b"):
            s.until("a", "DRAINING")
            assert s.engine("b")["waiting"] == 1
        began = time.monotonic()
        assert s.chat("a").status == 200
        assert time.monotonic() - began < 2
        stream.take(1)
    assert starts(s, "a") == 1


def test_nothing_is_kept(shop):
    s = shop({"a": ("tokens=2", {"keep_alive": "0s"})})
    for _ in range(3):
        assert s.chat("a").status == 200
        s.until("a", "ABSENT", seconds=3)


# --- what cannot be started ----------------------------------------------------------------------


def test_no_place_for_its_socket(shop):
    s = shop({"a": "tokens=1"})
    (s.home / "run/engines").chmod(0o500)
    answer = s.chat("a", timeout=30)
    assert answer.status == 503 and answer.error == "engine_failed", answer.body
    (s.home / "run/engines").chmod(0o700)
    assert s.daemon.hearth("engines", "restart", "a")[0] == 0
    assert wait_for(lambda: s.chat("a").status == 200)


def test_no_process_to_be_had(shop):
    """fork fails: told as 503 in the end, and nothing is left of the attempts."""
    s = shop({"a": "tokens=1"})
    wait_for(lambda: s.daemon.admin("GET", "/hearth/v1/devices").status == 200)
    before = s.daemon.fds()
    with no_more_processes(s):
        answer = s.chat("a", timeout=30)
        assert answer.status == 503 and answer.error == "engine_failed", answer.body
        assert "cannot be started" in answer.json()["error"]["message"]
        wait_for(lambda: s.daemon.fds() <= before)
        assert not s.folders() and not s.children()
    assert s.daemon.hearth("engines", "restart", "a")[0] == 0
    assert s.chat("a").status == 200


def test_the_bridge_is_gone(make, ground):
    s = shops.Shop(make, {"a": "tokens=1"})
    assert s.chat("a").status == 200
    path = pathlib.Path(os.readlink(f"/proc/{bridge(s)}/exe"))
    aside = path.with_suffix(".aside")
    path.rename(aside)
    shops.kill(s.engine("a")["pid"])
    try:
        wait_for(lambda: s.state("a") in ("ABSENT", "FAILED"))
        answer = s.chat("a", timeout=30)
        assert answer.status == 503 and answer.error == "engine_failed", answer.body
    finally:
        aside.rename(path)
    assert s.daemon.hearth("engines", "restart", "a")[0] == 0
    assert s.chat("a").status == 200


def test_another_place_answers_when_no_process_is_to_be_had(make):
    fake = make.fake()
    s = shops.Shop(make, {"fake-model": "tokens=1"}, config={"providers": {"spare": fake.provider(1)}})
    with no_more_processes(s):
        assert s.chat("fake-model", "events=2", timeout=30).status == 200


def test_a_sandbox_that_stops_working_is_not_left_out(make, ground):
    """bubblewrap worked when the daemon was started: engines start in it, or not at all."""
    folder = ground.folder("p")
    program, aside = folder / "bwrap", folder / "aside"
    shutil.copy(shutil.which("bwrap"), program)
    s = shops.Shop(make, {"a": ("tokens=1", {"keep_alive": "0s"})}, env={"PATH": str(folder)})
    assert s.chat("a").status == 200
    s.until("a", "ABSENT")
    program.rename(aside)
    s.reload()
    wait_for(lambda: "when it was tried again" in s.daemon.said())
    answer = s.chat("a", timeout=30)
    assert answer.status == 503 and answer.error == "engine_failed", answer.body
    aside.rename(program)
    s.reload()
    assert wait_for(lambda: s.chat("a").status == 200)
    with s.stream("a", "tokens=100 token_ms=10") as stream:
        stream.take(1)
        assert s.engine("a")["sandbox"] == "bubblewrap"


def test_it_dies_and_nobody_noticed_yet(shop):
    """Who is let in meanwhile finds nobody there: he waits for the next one."""
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    assert s.chat("a").status == 200
    folder = s.place_of(s.engine("a")["pid"])
    shops.kill(bridge(s), signal.SIGSTOP)  # which would tell us
    stopped = bridge(s)
    shops.kill(s.engine("a")["pid"])
    wait_for(lambda: not is_answered(folder / "engine.sock"))
    answer = in_thread(lambda: s.chat("a"))
    time.sleep(0.1)
    shops.kill(stopped, signal.SIGCONT)
    answer = answer()
    assert answer.status == 200, answer.body
    tries = s.daemon.row(answer)["tries"]
    assert len(tries) == 2 and "ENGINE_CRASH" in str(tries[0]), tries


def is_answered(path):
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(path)) == 0


# --- the bridge ----------------------------------------------------------------------------------


@pytest.mark.parametrize("boxed", [True, False], ids=["sandbox", "no sandbox"])
def test_the_bridge_is_killed(make, boxed):
    s = shops.Shop(make, {"a": "tokens=1"}, **({} if boxed else shops.UNBOXED))
    assert s.chat("a").status == 200
    first = s.engine("a")["pid"]
    shops.kill(bridge(s))
    wait_for(lambda: first not in s.children(), 2)
    answer = s.chat("a")
    assert answer.status == 200, (answer.body, s.daemon.row(answer), s.daemon.said()[-1500:])


@pytest.mark.skipif(os.geteuid() != 0, reason="the user is not the test's own")
def test_the_bridge_is_killed_while_it_begins(make, ground):
    """Whatever bubblewrap was about to do: nothing of it stays."""
    s = shops.Shop(make, {"a": ("tokens=1", {"keep_alive": "0s"})})
    pid = s.daemon.proc.pid
    wait_for(lambda: s.daemon.admin("GET", "/hearth/v1/devices").status == 200)
    before = set(boxes(ground))
    for n in range(100 if SOAK else 25):
        s.daemon.admin("POST", "/hearth/v1/engines/restart?model=a")  # it starts, though nobody asks
        pids = wait_for(lambda: children_of_pid(pid), 10, 0.0002)
        time.sleep(n % 10 / 2000)
        for pid_of_bridge in pids:
            with contextlib.suppress(ProcessLookupError):
                shops.kill(pid_of_bridge)
        wait_for(lambda: not children_of_pid(pid))
    s.daemon.stop()
    wait_for(lambda: not set(boxes(ground)) - before, 2)


def children_of_pid(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            found += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    return found


def test_the_bridge_is_stopped(shop):
    """It does not end when it is asked to: then it is made to, and nobody waits for ever."""
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    assert s.chat("a").status == 200
    shops.kill(bridge(s), signal.SIGSTOP)
    assert s.chat("b", timeout=20).status == 200
    shops.kill(bridge(s), signal.SIGSTOP)
    assert s.daemon.stop() == 0
    shops.nothing_left(s.home, 1)


def boxes(ground):
    """Processes of bubblewrap that the daemon's user has."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.stat(f"/proc/{entry}").st_uid == ground.uid and \
                    b"bwrap" in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")[0]:
                found.append(int(entry))
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="the user is not the test's own")
def test_the_daemon_is_killed_while_it_tries_the_sandbox(make, ground):
    """What it tries is between two processes' beginnings then: nothing of it stays."""
    daemon, before = make.home(), boxes(ground)
    for n in range(60 if SOAK else 15):
        daemon.up(wait=False)
        wait_for(lambda: set(boxes(ground)) - set(before), 10, 0.0002)
        time.sleep(n % 5 / 2000)
        daemon.kill()
    wait_for(lambda: not set(boxes(ground)) - set(before), 2)


# --- children that hang, lie and litter ----------------------------------------------------------


def test_silence_is_noticed_whatever_the_usual_pause(shop):
    s = shop({"a": "tokens=1"}, config={"upstream": {"idle": "60s"}, "engines": {"health": "30s"}})
    assert s.chat("a").status == 200
    time.sleep(0.2)
    with s.stream("a", "tokens=2000 token_ms=10", timeout=30) as stream:
        stream.take(3)
        shops.kill(s.engine("a")["pid"], signal.SIGSTOP)
        began = time.monotonic()
        stream.rest()
        assert time.monotonic() - began < 13


def test_the_line_that_it_is_ready_does_not_come(shop):
    """It is lost, or longer than lines may be: then its answer to a question counts."""
    s = shop({"a": "tokens=1 load_ms=400 steps=4 silent_ready=1"}, config={"engines": {"load_stall": "20s"}})
    assert s.chat("a").status == 200
    assert starts(s, "a") == 1


@pytest.mark.parametrize("n", [30, 3000])
def test_what_it_leaves_in_its_folder(shop, n):
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    assert s.chat("a").status == 200
    folder, = s.folders()
    inner = folder / "deep/deeper"
    inner.mkdir(parents=True)
    for i in range(n):
        (inner if i % 3 == 0 else folder).joinpath(f"left{i}").touch()
    (folder / "link").symlink_to(s.files)
    for path in [folder / "deep", inner, *inner.iterdir()]:
        os.chown(path, s.ground.uid, s.ground.gid)
    assert s.chat("b").status == 200
    wait_for(lambda: len(s.folders()) == 1, 5)
    assert list(s.files.iterdir())  # behind the link nothing was touched


def test_many_short_lines(shop):
    """A child that floods its outputs takes no more than its share of the daemon's time."""
    s = shop({"a": "tokens=1 stdout_flood=20000000 log_flood=1 long_line=1"})
    answer = in_thread(lambda: s.chat("a", timeout=60))
    s.until("a", "STARTING", "READY")
    slowest = 0
    for _ in range(40):
        began = time.monotonic()
        assert s.daemon.ask("GET", "/health").status == 200
        slowest = max(slowest, time.monotonic() - began)
    assert slowest < (0.5 if s.ground.sanitized else 0.1), slowest
    shops.kill(s.engine("a")["pid"])
    del answer


# --- answers that are none -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 500, 503, 400, 404])
def test_it_answers_with_an_error(shop, status):
    s = shop({"a": "tokens=1"})
    answer = s.chat("a", f"status={status}", timeout=10)
    assert answer.status >= 400 and answer.json()["error"]["message"]
    assert s.chat("a").status == 200
    assert s.engine("a")["busy"] == 0 and s.engine("a")["held"] == 0
    assert s.daemon.row(answer)["outcome"] != "OK"


def test_sixty_four_at_the_same_time(shop):
    s = shop({"a": ("tokens=5 token_ms=10", {"parallel": 64})})
    answers = [in_thread(lambda: s.chat("a")) for _ in range(130)]
    assert [a().status for a in answers] == [200] * 130
    assert most_inside(s.events()) <= 64
    engine = s.engine("a")
    assert (engine["busy"], engine["waiting"]) == (0, 0)


# --- while it loads ------------------------------------------------------------------------------

LOADING = "tokens=1 load_ms=1500 steps=30"


def test_reloads_and_restarts_while_it_loads(shop):
    s = shop({"a": LOADING})
    answer = in_thread(lambda: s.chat("a", timeout=30))
    s.until("a", "STARTING")
    s.reload()
    assert starts(s, "a") == 1
    assert s.daemon.hearth("engines", "restart", "a")[0] == 0
    wait_for(lambda: starts(s, "a") == 2)
    s.until("a", "STARTING")
    s.config["models"]["a"]["ctx"] = 777
    s.daemon.write(s.config)
    s.reload()
    wait_for(lambda: starts(s, "a") == 3)
    assert answer().status == 200
    assert starts(s, "a") == 3 and s.engine("a")["waiting"] == 0


def test_a_reload_when_its_file_or_its_pack_is_gone(shop):
    """It runs, and could not be started again: it goes on."""
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    assert s.chat("a").status == 200
    first = s.engine("a")["pid"]
    os.unlink(s.config["models"]["a"]["file"])
    s.reload()
    shutil.rmtree(s.home / "data/engines" / engines.FAKE_ID)
    for _ in range(2):  # the second one knows what the first one saw
        s.reload()
        time.sleep(0.3)
    assert s.chat("a").status == 200
    assert s.engine("a")["pid"] == first


def test_a_key_is_revoked_while_it_waits(shop):
    s = shop({"a": LOADING})
    code, out, err = s.daemon.hearth("keys", "create", "one", "--json")
    assert code == 0, err
    headers = [("Authorization", f"Bearer {json.loads(out)['key']}")]
    answer = in_thread(lambda: s.chat("a", headers=headers))
    wait_for(lambda: s.engine("a")["waiting"] == 1)
    assert s.daemon.hearth("keys", "rm", "one")[0] == 0
    assert answer().status == 401
    assert s.engine("a")["waiting"] == 0
    s.until("a", "READY")
    assert s.chat("a").status == 200


def test_its_time_is_over_while_it_waits(shop):
    s = shop({"a": LOADING}, config={"request": {"total": "700ms"}})
    answer = s.chat("a")
    assert answer.status == 504 and answer.error == "deadline"
    row = s.daemon.row(answer)
    assert row["outcome"] == "DEADLINE" and not row["tries"], row
    s.until("a", "READY")
    assert s.chat("a").status == 200


def test_down_while_it_loads(shop):
    """Politely: who waits gets his answer."""
    s = shop({"a": LOADING})
    answer = in_thread(lambda: s.chat("a"))
    wait_for(lambda: s.engine("a")["waiting"] == 1)
    s.daemon.signal(signal.SIGTERM)
    assert answer().status == 200
    assert s.daemon.stop() == 0
    shops.nothing_left(s.home, 1)


@pytest.mark.parametrize("words", ["never_ready=1", "never_ready=1 hang_stop=1"])
def test_down_while_it_loads_for_ever(shop, words):
    s = shop({"a": words}, config={"request": {"drain": "500ms"}})
    answer = in_thread(lambda: s.chat("a"))
    wait_for(lambda: s.engine("a")["waiting"] == 1)
    began = time.monotonic()
    s.daemon.signal(signal.SIGTERM)
    assert answer().status == 503
    assert s.daemon.stop() == 0
    assert time.monotonic() - began < 6
    shops.nothing_left(s.home, 1)


def test_nobody_is_left_who_waits(shop):
    """A load that nobody waits for any more makes room at once."""
    s = shop({"a": "never_ready=1", "b": "tokens=1"}, config={"engines": {"load_stall": "60s"}})
    with s.stream("a") as stream:
        s.until("a", "STARTING")
        other = in_thread(lambda: s.chat("b"))
        wait_for(lambda: s.engine("b")["waiting"] == 1)
        stream.close()
    assert other(5).status == 200


# --- anything, in any order ----------------------------------------------------------------------


class Chaos:
    """Does anything to a shop, as a seed says; whatever it asks may fail, but each is answered."""

    MODELS = {
        "a": ("tokens=5 token_ms=5", {"parallel": 2}),
        "b": ("tokens=5 token_ms=5 load_ms=80 steps=4", {"parallel": 1, "keep_alive": "0s"}),
        "c": ("tokens=5 token_ms=5 fork=2", {"parallel": 4, "keep_alive": "200ms"}),
        "d": ("tokens=9 die_after=4", {}),
    }
    CONFIG = {"queue": {"wait": "2s"}, "engines": {"turn": "50ms", "load_stall": "2s", "rest": "1s", "health": "500ms"},
              "upstream": {"first_byte": "2s", "idle": "2s"}, "request": {"total": "8s"},
              "roles": {"any": ["a", "b", "c"]}}

    def __init__(self, make, seed):
        self.random = random.Random(seed)
        self.s = shops.Shop(make, self.MODELS, config=self.CONFIG)
        self.all = dict(self.s.config["models"])
        self.under_way, self.lived = [], []

    def model(self):
        return self.random.choice(["a", "a", "b", "c", "d", "role/any"])

    def chat(self):
        model, words = self.model(), self.random.choice(["", "tokens=30", "status=500", "tokens=1 prompt_ms=60"])
        self.under_way.append(in_thread(lambda: self.s.chat(model, words, timeout=30)))

    def leave(self):
        with self.s.stream(self.model(), "tokens=200", timeout=30) as stream:
            if self.random.random() < 0.6:
                self.under_way.append(in_thread(lambda: quietly(stream.event)))
            time.sleep(self.random.random() * 0.1)

    def hurt(self):
        """A process of an engine, whichever is there."""
        with contextlib.suppress(ProcessLookupError):
            pids = sorted(self.s.children())
            if pids:
                how = self.random.choice([signal.SIGKILL] * 8 + [signal.SIGSEGV, signal.SIGTERM, signal.SIGSTOP])
                shops.kill(self.random.choice(pids), how)

    def reload(self):
        self.s.daemon.write(self.s.config)
        assert self.s.daemon.admin("POST", "/hearth/v1/reload").status in (200, 429)

    def restart(self):
        model = self.random.choice("abcd")
        assert self.s.daemon.admin("POST", f"/hearth/v1/engines/restart?model={model}").status in (200, 404)

    def drop(self):
        models = self.s.config["models"]
        model = self.random.choice("abcd")
        if model in models:
            del models[model]
        else:
            models[model] = self.all[model]
        self.reload()

    def change(self):
        models = self.s.config["models"]
        model = self.random.choice(sorted(models) or ["a"])
        models[model] = self.all[model] = {**self.all[model], "ctx": self.random.randrange(256, 9999)}
        self.reload()

    def look(self):
        assert self.s.daemon.admin("GET", "/hearth/v1/engines").status == 200
        assert self.s.daemon.ask("GET", "/metrics").status == 200
        self.s.daemon.admin("GET", "/hearth/v1/devices")

    def step(self):
        do = self.random.choice([self.chat] * 8 + [self.leave] * 4 + [self.hurt] * 2 +
                                [self.reload, self.restart, self.drop, self.change, self.look])
        do()
        time.sleep(self.random.random() * 0.05)
        while len(self.under_way) > 24:
            self.under_way.pop(0)(60)
        assert self.s.daemon.proc.poll() is None, self.s.daemon.said()[-6000:]

    def settle(self):
        for answer in self.under_way:
            answer(60)
        self.s.config["models"] = dict(self.all)
        self.reload()
        self.s.daemon.idle(20)


def quietly(work):
    try:
        return work() or True
    except (OSError, client.Cut, ValueError, AssertionError):
        return True


@pytest.mark.parametrize("seed", range(1, 40) if SOAK else [1])
def test_anything_in_any_order(make, seed):
    chaos = Chaos(make, seed)
    for _ in range(300):
        chaos.step()
    chaos.settle()
    s = chaos.s
    for model in "abc":
        s.daemon.admin("POST", f"/hearth/v1/engines/restart?model={model}")
        assert wait_for(lambda m=model: s.chat(m, timeout=20).status == 200, 30)
        engine = wait_for(lambda m=model: (e := s.engine(m))["held"] == 0 and e)
        assert (engine["busy"], engine["waiting"]) == (0, 0), engine
    wait_for(lambda: len(s.folders()) <= 1)
    counts = s.daemon.counts()
    assert (counts["requests"], counts["readers"], counts["attempts"]) == (0, 0, 0), counts
    s.daemon.stop()
    shops.nothing_left(s.home, 1)
