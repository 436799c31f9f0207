"""The real llama-server behind the daemon: what it answers, how it is swapped, ended and left, and
that nobody but the daemon gets to it. Skipped by name where there is no pack to be had."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import client
import shop as shops
from harness import sockets_in, wait_for

SOAK = os.environ.get("HEARTH_SOAK") == "1"
LONG = 60  # seconds: for an answer, on a machine that does other things too
SLOW = ("small", {"ctx": 4096, "threads": 1})  # answers of some thousand words take it seconds
USAGE = {"include_usage": True}


@pytest.fixture(scope="module")
def llama(shared, real_pack):
    """A daemon for tests that leave no trace. `a` and `b` are two models, `four` has four slots."""
    return shops.RealShop(shared, {"a": SLOW, "b": "tiny2", "four": ("small", {"ctx": 4096, "parallel": 4})}, real_pack)


@pytest.fixture
def shop(make, real_pack):
    def open_shop(models, **more):
        return shops.RealShop(make, models, real_pack, **more)
    return open_shop


def say(words="Tell me something."):
    return [{"role": "user", "content": words}]


def chat(s, model, n=8, **more):
    return s.chat(model, **{"max_tokens": n, "timeout": LONG, "messages": say(), **more})


def stream(s, model, n=None, **more):
    more = {**more, "max_tokens": n} if n else more
    return s.stream(model, **{"timeout": LONG, "messages": say(), **more})


def busy_slots(slots):
    return sum(slot["is_processing"] for slot in slots)


class Poll(threading.Thread):
    """Looks at the engine's slots ten times a second, past the daemon, as a nosy program would:
    that is what makes llama-server slow to notice that a client left."""

    def __init__(self, s, model):
        super().__init__(daemon=True)
        self.shop, self.socket, self.key = s, s.socket(), s.key(model)
        if not self.key:
            pytest.skip("the engine's environment may not be read here")
        self.seen, self.over, self.error = [], threading.Event(), None  # (when asked, how many are busy)
        self.start()

    def run(self):
        try:
            while not self.over.wait(0.1):
                asked = time.monotonic()
                self.seen.append((asked, busy_slots(self.shop.slots(self.socket, self.key))))
        except Exception as e:  # told by the test's own thread
            self.error = e

    def until(self, since, busy, seconds=LONG):
        """How long after `since` it was first seen with so many busy slots."""
        def look():
            assert not self.error, self.error
            return next((at for at, n in self.seen if at >= since and n == busy), None)
        return wait_for(look, seconds) - since

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


# --- answers -------------------------------------------------------------------------------------


def test_an_answer_whole(llama):
    answer = chat(llama, "a", 20)
    assert answer.status == 200, answer.body
    told = answer.json()
    choice, = told["choices"]
    assert told["model"] == "a" and told["object"] == "chat.completion"
    assert len(choice["message"]["content"].split()) == 20 and choice["finish_reason"] == "length"
    assert told["usage"]["completion_tokens"] == 20 and told["usage"]["prompt_tokens"] > 0
    assert told["timings"]["predicted_n"] == 20 and told["timings"]["predicted_per_second"] > 0
    row = llama.daemon.row(answer)
    assert row["outcome"] == "OK" and row["target"] == "a"


def test_an_answer_streamed(llama):
    with stream(llama, "a", 20, stream_options=USAGE) as s:
        events = s.rest()
    assert client.is_done(events[-1])
    chunks = [client.event_json(e) for e in events[:-1]]
    assert {c["model"] for c in chunks} == {"a"} and len({c["id"] for c in chunks}) == 1
    assert len("".join(client.contents(events)).split()) == 20
    used = [c for c in chunks if c.get("usage")]
    assert len(used) == 1 and used[0]["usage"]["completion_tokens"] == 20
    assert any(c.get("timings", {}).get("predicted_n") == 20 for c in chunks)


def test_a_name_and_its_other_name(make, real_pack):
    s = shops.RealShop(make, {"a": ("tiny", {"aliases": ["other"]})}, real_pack)
    for name in ("a", "other", "model/a"):
        answer = chat(s, name)
        assert answer.status == 200 and answer.json()["model"] == name, answer.body


def test_four_streams_at_once(llama):
    assert chat(llama, "four", 1).status == 200
    with contextlib.ExitStack() as stack, Poll(llama, "four") as poll:
        streams = [stack.enter_context(stream(llama, "four", 150)) for _ in range(6)]
        for s in streams[:4]:
            s.take(2)
        assert llama.engine("four")["busy"] == 4 and llama.engine("four")["waiting"] == 2
        said = [s.rest() for s in streams]
    assert all(client.is_done(events[-1]) for events in said)
    assert [len(client.contents(events)) for events in said] == [148] * 4 + [150] * 2
    assert max(n for _, n in poll.seen) == 4


def test_two_models_in_turns(llama):
    for model in ("a", "b", "a"):
        answer = chat(llama, model)
        assert answer.status == 200 and answer.json()["model"] == model
        engine = llama.engine(model)
        assert engine["state"] == "READY" and engine["context"] == 4096
        assert re.match(r"llama\.cpp-", engine["build"])
        code, out, _ = llama.daemon.hearth("status")
        line, = [ln for ln in out.splitlines() if ln.startswith(f"{model} ")]
        assert code == 0 and engine["build"] in line and "ctx 4096" in line
    assert llama.state("b") == "ABSENT" and len(llama.folders()) == 1


# --- callers who leave ---------------------------------------------------------------------------


def test_a_client_that_leaves_frees_its_slot(llama):
    """Within a second while its slots are looked at ten times a second: llama-server looks for a
    client that left only when nothing else happened for a second, unless it streams."""
    began = time.monotonic()
    assert chat(llama, "a", 1).status == 200
    with Poll(llama, "a") as poll:
        for n in range(200 if SOAK else 15):
            began = time.monotonic()
            if n % 3:
                with stream(llama, "a") as s:
                    s.take(1)
                    poll.until(began, 1)
            else:  # it wants the answer whole
                with llama.daemon.wire(timeout=LONG) as wire:
                    body = client.chat_body(model="a", messages=say())
                    wire.send(client.request_bytes("POST", "/v1/chat/completions", body))
                    poll.until(began, 1)
            left = time.monotonic()
            assert poll.until(left, 0) < 1.0
    assert llama.until("a", "READY")["busy"] == 0
    wait_for(lambda: llama.engine("a")["held"] == 0)
    rows = [r for r in llama.daemon.rows(most=5) if r["target"] == "a"]
    assert rows[-1]["outcome"] == "CLIENT_GONE"


def test_its_answers_are_long_enough_for_that(llama):
    """Else a slot would be free because its answer was over."""
    answer = chat(llama, "a", 200)
    assert 4000 / answer.json()["timings"]["predicted_per_second"] > 2


# --- an engine that dies -------------------------------------------------------------------------


def test_killed_while_it_answers(shop):
    s = shop({"a": SLOW})
    assert chat(s, "a", 1).status == 200
    first = s.engine("a")["pid"]
    with stream(s, "a") as under_way:
        under_way.take(5)
        shops.kill(first)
        events = under_way.rest()
    assert client.stream_error(events) == "engine_crash" and not any(client.is_done(e) for e in events)
    assert chat(s, "a").status == 200
    assert s.engine("a")["pid"] != first
    outcomes = [r["outcome"] for r in s.daemon.wait_rows(3)]
    assert outcomes == ["OK", "ENGINE_CRASH", "OK"]


def test_stops_with_a_stream_under_way(shop):
    """Each within three seconds, and no socket is left: SIGTERM alone would hang some of them."""
    s = shop({"a": SLOW}, config={"request": {"drain": "0s"}})
    for n in range(200 if SOAK else 10):
        with stream(s, "a") as under_way:
            under_way.take(1)
            time.sleep(n % 7 / 50)
            began = time.monotonic()
            s.daemon.signal(signal.SIGTERM)
            if n % 4:  # else a caller who does not close: that alone takes two seconds
                assert not any(client.is_done(e) for e in under_way.rest())
                under_way.close()
            assert s.daemon.stop() == 0
            took = time.monotonic() - began
        assert took < 3, took
        shops.nothing_left(s.home, 0.5)
        assert not list((s.home / "run/engines").iterdir()) and not sockets_in(s.home)
        s.daemon.up()


@pytest.mark.parametrize("name,words", [
    ("unknown-architecture", "hearth engines install llama.cpp"), ("bad-magic", "no GGUF"), ("truncated", "cut off")])
def test_files_that_it_refuses(shop, name, words):
    """Told at once from then on, with what is wrong and with the commands that mend it."""
    s = shop({"bad": name, "good": "tiny"})
    answer = chat(s, "bad")
    assert answer.status == 503 and answer.error == "engine_failed", answer.body
    message = answer.json()["error"]["message"]
    assert words in message and "hearth engines restart" in message, message
    began = time.monotonic()
    assert chat(s, "bad").status == 503 and time.monotonic() - began < 1
    assert chat(s, "good").status == 200
    assert s.daemon.row(answer)["outcome"] == "ENGINE_FAILED"


# --- connections ---------------------------------------------------------------------------------


def test_many_requests_one_after_the_other(llama):
    """llama-server ends a connection after a hundred requests, and after five idle seconds: no
    caller sees that."""
    rounds = 10000 if SOAK else 150
    with llama.daemon.wire(timeout=LONG) as wire:
        for n in range(rounds):
            body = client.chat_body(model="b", messages=say(), max_tokens=1)
            wire.send(client.request_bytes("POST", "/v1/chat/completions", body))
            answer = wire.response()
            assert answer.status == 200, (n, answer.body)
            if n == rounds // 2:
                time.sleep(6)
            if answer.header("Connection") == "close":
                wire.close()
                wire.__init__(llama.daemon.port, timeout=LONG)
    assert chat(llama, "b", 1).status == 200


# --- settings that go with a request -------------------------------------------------------------


def params(s, model):
    """How the engine samples what it answers, or answered last."""
    key = s.key(model)
    if not key:
        pytest.skip("the engine's environment may not be read here")
    return s.slots(s.socket(), key)[0]["params"]


def test_sampling_of_a_model(shop):
    s = shop({"a": ("tiny", {"sampling": {"temperature": 0, "seed": 7, "top_k": 5, "min_p": 0.125}})})
    said = [chat(s, "a", 30).json()["choices"][0]["message"]["content"] for _ in range(2)]
    assert said[0] == said[1]
    seen = params(s, "a")
    assert (seen["temperature"], seen["seed"], seen["top_k"], seen["min_p"]) == (0, 7, 5, 0.125)
    assert chat(s, "a", temperature=1.5, seed=8).status == 200  # what a caller says wins
    seen = params(s, "a")
    assert (seen["temperature"], seen["seed"], seen["top_k"]) == (1.5, 8, 5)


def test_the_first_words_of_a_model(shop):
    """`system` stands before a conversation that brings none."""
    text = "One day the old house at the end of the street was on fire, and nobody knew why."
    s = shop({"told": ("tiny", {"system": text}), "plain": "tiny"})

    def tokens(model, *messages):
        answer = chat(s, model, 1, messages=[*messages, *say()])
        assert answer.status == 200, answer.body
        return answer.json()["usage"]["prompt_tokens"]
    own = {"role": "system", "content": "Be brief."}
    told, told_own = tokens("told"), tokens("told", own)
    plain, plain_own = tokens("plain"), tokens("plain", own)
    assert tokens("plain", {"role": "system", "content": text}) == told > plain
    assert told_own == plain_own


# --- who gets to it ------------------------------------------------------------------------------


def listening(pid):
    """Inodes of TCP sockets that listen in a process's namespace."""
    found = set()
    for name in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                found.add(words[9])
    return found


def sockets_of(pid):
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            match = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}"))
            if match:
                found.add(match[1])
    return found


@pytest.mark.parametrize("boxed", [True, False], ids=["sandbox", "no sandbox"])
def test_it_answers_only_at_its_socket(shop, boxed):
    """No engine has a port, in a sandbox or without; and its socket is the daemon's alone."""
    if boxed and not shutil.which("bwrap"):
        pytest.skip("there is no bubblewrap")
    s = shop({"a": "tiny"}, env=None if boxed else {"PATH": "/nowhere"})
    ours = listening("self") & sockets_of(s.daemon.proc.pid)
    answer = chat(s, "a")
    assert answer.status == 200, answer.body
    engine = s.engine("a")
    assert engine["sandbox"] == ("bubblewrap" if boxed else "none")
    assert s.children() and engine["pid"] in s.children()
    for pid in s.children():
        assert not listening(pid) & sockets_of(pid)
    if boxed:
        assert os.readlink(f"/proc/{engine['pid']}/ns/net") != os.readlink("/proc/self/ns/net")
        assert not listening(engine["pid"])
    assert listening("self") & sockets_of(s.daemon.proc.pid) == ours

    folder, = s.folders()
    assert folder.stat().st_mode & 0o777 == 0o700 and folder.parent.stat().st_mode & 0o777 == 0o700
    refused = client.ask(s.socket(), "GET", "/slots")
    assert refused.status == 401
    place = s.socket().parent
    assert (place == folder) != boxed and s.socket().stat().st_mode & 0o077 == 0
    if os.geteuid() == 0:
        assert connect_as(s.ground.uid, place) == "connected"
        assert connect_as(s.ground.uid + 1, place) == "refused"


def connect_as(uid, folder):
    """What becomes of a connection of another user, who was handed the way to the folder."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    words = (f"import socket\ntry: socket.socket(socket.AF_UNIX).connect('/proc/self/fd/{opened}/engine.sock')\n"
             "except PermissionError: print('refused')\nelse: print('connected')")
    try:
        return subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, pass_fds=[opened],
                              user=uid, group=uid, extra_groups=[], check=True).stdout.strip()
    finally:
        os.close(opened)


# --- in the foreground ---------------------------------------------------------------------------


@pytest.mark.parametrize("boxed", [True, False], ids=["sandbox", "no sandbox"])
def test_in_the_foreground(shop, boxed):
    s = shop({"a": "tiny", "b": "tiny2"})
    run = shops.Foreground(s, "a", env=None if boxed else {"PATH": "/nowhere"}).ready()
    assert "llama-server" in run.command and ("bwrap" in run.command) == boxed
    assert run.headers[0][1].removeprefix("Bearer ") not in run.command
    answer = run.ask("POST", "/v1/chat/completions", {"messages": say(), "max_tokens": 4})
    assert answer.status == 200 and answer.json()["usage"]["completion_tokens"] == 4
    assert "model loaded" in run.text()
    s.daemon.stop()  # a daemon that comes and goes does not touch it
    s.daemon.up()
    assert chat(s, "b").status == 200
    assert run.ask("GET", "/health").status == 200
    assert run.end(signal.SIGINT) == -signal.SIGINT
    s.daemon.stop()
    shops.nothing_left(s.home, 1)
    assert not pathlib.Path(run.socket).parent.exists() and not sockets_in(s.home)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_in_the_foreground_it_ends_with_the_command(shop, number):
    s = shop({"a": "tiny"})
    run = shops.Foreground(s, "a").ready()
    code = run.end(number, group=False)
    assert code == -number
    s.daemon.stop()
    shops.nothing_left(s.home, 1)
    if number == signal.SIGKILL:  # its folder goes with the next one
        shops.Foreground(s, "a").ready().end(signal.SIGINT)
    assert not pathlib.Path(run.socket).parent.exists()


def test_in_the_foreground_it_says_why_not(shop):
    s = shop({"a": "unknown-architecture"})
    code, out, err = s.daemon.hearth("engines", "exec", "a", timeout=LONG)
    assert code == 1 and "unknown model architecture" in out + err, (code, out, err)
    assert "ended with code 1" in err
    assert s.daemon.hearth("engines", "exec", "nosuch")[0] == 4
    assert not list((s.home / "run").glob("exec/*"))
