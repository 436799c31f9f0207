"""decode.py [--write] [--rounds N] [--tokens N] [--streams A,B] [--times N] [--model NAME] [--past]:
what hearth costs in front of the real llama-server. `make bench BENCH=--decode` calls this.

Decoding: the daemon's own engine asked through hearth, and another one that `hearth engines exec`
started with the same words in the same sandbox, asked at its socket. They take turns; every round
begins with the other one. A rate is counted from the question to the last word; the question is short,
and the engine has read it before. With --past the daemon's engine is asked at its own socket too: what differs between two
engines is then seen apart from what hearth costs.

Times: loads, swaps and restarts, each beside what llama-server takes for it by itself.

The client keeps what comes with the moment it came, and looks at it when all is over; what it costs
is told. Every answer is checked: so many tokens, so many words, and its end."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import statistics
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/scenarios"))
import client  # noqa: E402
import contenders  # noqa: E402
import engines  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
import shop as shops  # noqa: E402
from report import judge, number, progress, spread, table  # noqa: E402

COMMAND = "make bench BENCH='--decode --write'"
SLOTS, CONTEXT = 4, 2048
LEAST, SWAP_RATIO, SWAP_MORE = 0.98, 1.05, 0.060
WAIT = 300


class Wrong(Exception):
    """An answer was not what it should be."""


# --- asking ------------------------------------------------------------------------------------------


class Place:
    """Where to ask, and as what."""

    def __init__(self, name, where, model, headers=()):
        self.name, self.where, self.model, self.headers = name, where, model, headers

    def request(self, tokens):
        body = {"model": self.model, "messages": [{"role": "user", "content": "Tell me a long story."}],
                "max_tokens": tokens, "temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
        return client.request_bytes("POST", "/v1/chat/completions", json.dumps(body).encode(),
                                    [*self.headers, ("Connection", "close")])


class Answer:
    """One stream: pieces with the moment each came."""

    def __init__(self, place, tokens):
        self.tokens, self.pieces = tokens, []
        with client.Wire(place.where, WAIT) as wire:
            self.asked = time.monotonic()
            wire.send(place.request(tokens))
            while piece := wire.sock.recv(1 << 16):
                self.pieces.append((time.monotonic(), piece))

    @property
    def raw(self):
        return b"".join(piece for _, piece in self.pieces)

    def status(self):
        return int(self.raw.split(b" ", 2)[1]) if self.pieces else 0

    def moments(self):
        """When the first word came, and the last; Wrong when it is no whole answer."""
        raw, mark = self.raw, b'"content":"'
        first, last, words = raw.find(mark), raw.rfind(mark), raw.count(mark)
        used = re.findall(rb'"completion_tokens":(\d+)', raw)
        if self.status() != 200 or b"data: [DONE]" not in raw or words < self.tokens * 0.9 or not used or \
                int(used[-1]) != self.tokens:
            raise Wrong(f"asked for {self.tokens} tokens; {words} words, usage {used}: {raw[-600:]!r}")
        at, found = 0, []
        for moment, piece in self.pieces:
            found += [moment for word in (first, last) if at <= word < at + len(piece)]
            at += len(piece)
        return found[0], found[-1]


def rate(place, streams, tokens):
    """Tokens a second of so many streams at once."""
    answers, threads = [], []
    for _ in range(streams):
        threads.append(threading.Thread(target=lambda: answers.append(Answer(place, tokens))))
        threads[-1].start()
    for thread in threads:
        thread.join()
    if len(answers) != streams:
        raise Wrong(f"{streams - len(answers)} of {streams} streams of {place.name} broke off")
    last = max(answer.moments()[1] for answer in answers)
    return streams * tokens / (last - min(answer.asked for answer in answers))


def first_word(place):
    """When the first word came; asks again while it loads or is not there yet."""
    while True:
        with contextlib.suppress(OSError, client.Cut):
            answer = Answer(place, 1)
            if answer.status() not in (0, 503):
                return answer.moments()[0]
        time.sleep(0.001)


# --- what is asked -----------------------------------------------------------------------------------


class Here:
    """A daemon with two models that are the same file, and engines beside it."""

    def __init__(self, ground, pack, recipe):
        self.file = engines.model(ground, recipe)
        self.ground, self.daemon, self.port = ground, harness.Daemon(ground, usual=False), harness.free_port()
        self.home = self.daemon.home
        entry = {"file": str(self.file), "ctx": CONTEXT, "parallel": SLOTS}
        self.daemon.write({"listen": [f"127.0.0.1:{self.port}"], "models": {"a": entry, "b": entry}})
        engines.put_real_pack(ground, pack, self.home)

    def up(self):
        """Returns when the process was started, and not when it answers."""
        began = time.monotonic()
        self.daemon.up(wait=False)
        return began

    def answers(self):
        self.daemon.port = self.port
        harness.wait_for(self.daemon.healthy, 20, 0.001)
        return self

    def place(self, model="a"):
        return Place("hearth", self.port, model)

    def engine(self, model="a"):
        told = self.daemon.admin("GET", "/hearth/v1/engines").json()["engines"]
        return next(e for e in told if e["model"] == model)

    def past(self):
        """The daemon's own engine, asked at its socket."""
        pid = self.engine()["pid"]
        environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        key = next(v.partition(b"=")[2].decode() for v in environ.split(b"\0") if v.startswith(b"LLAMA_API_KEY="))
        socket = pathlib.Path(f"/proc/{pid}/root/tmp/engine.sock")  # in its sandbox's own memory
        return Place("the same, past hearth", socket, "a", [("Authorization", f"Bearer {key}")])

    def direct(self):
        """An engine of its own: (the command that runs it, its place)."""
        run = shops.Foreground(self, "a")
        return run, Place("llama-server", run.socket, "a", run.headers)

    def end_direct(self, run):
        """llama-server's own stop; how long it took."""
        pid = next(pid for pid, command in shops.children_of(self.home).items()
                   if command.startswith("/usr/bin/llama-server") and str(run.socket) and is_below(pid, run.proc.pid))
        began = time.monotonic()
        os.kill(pid, signal.SIGINT)
        run.proc.wait(20)
        return time.monotonic() - began

    def forget_file(self):
        """Out of the page cache; works while nobody has it mapped."""
        with open(self.file, "rb") as f:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def remember_file(self):
        with open(self.file, "rb") as f:
            while f.read(1 << 24):
                pass


def is_below(pid, top):
    while pid > 1 and pid != top:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid == top


def cpu_of(pid):
    """Seconds of a process and those below it."""
    total = 0
    for one in contenders.family(pid):
        for task in pathlib.Path(f"/proc/{one}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def cpu_alone(pid):
    return sum(int((task / "schedstat").read_text().split()[0])
               for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def cpu_here():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# --- decoding ----------------------------------------------------------------------------------------


class Decoding:
    def __init__(self):
        self.rates = {}  # (streams, place) -> tokens a second, one a round
        self.costs = {}  # streams -> CPU-seconds of the daemon and of the client, and tokens
        self.others = 0

    def add(self, streams, place, value):
        self.rates.setdefault((streams, place.name), []).append(value)

    def ratios(self, streams, one="hearth", other="llama-server"):
        return [a / b for a, b in zip(self.rates.get((streams, one), []), self.rates.get((streams, other), []))]


def run_decoding(here, asked):
    got = Decoding()
    run, direct = here.direct()
    try:
        places = [here.place(), direct]
        for place in places:
            first_word(place)
        if asked.past:
            places.append(here.past())
        for place in places:  # each slot reads the question once
            rate(place, SLOTS, 8)
        busy, began = report.busy_seconds(), time.monotonic()
        spent = [cpu_of(here.daemon.proc.pid), cpu_of(run.proc.pid), cpu_here()]
        for turn in range(asked.rounds):
            for streams in asked.streams:
                first = turn % len(places)
                for place in places[first:] + places[:first]:
                    progress(f"round {turn + 1} of {asked.rounds}: {streams} streams, {place.name}")
                    daemon, here_cpu = cpu_alone(here.daemon.proc.pid), cpu_here()
                    got.add(streams, place, rate(place, streams, asked.tokens))
                    if place.name == "hearth":
                        cost = got.costs.setdefault(streams, [0, 0, 0])
                        cost[0] += cpu_alone(here.daemon.proc.pid) - daemon
                        cost[1] += cpu_here() - here_cpu
                        cost[2] += streams * asked.tokens
        ours = cpu_of(here.daemon.proc.pid) + cpu_of(run.proc.pid) + cpu_here() - sum(spent)
        got.others = (report.busy_seconds() - busy - ours) / (time.monotonic() - began) * 100
    finally:
        run.end(signal.SIGTERM)
    return got


# --- times -------------------------------------------------------------------------------------------


def time_start(here, cold):
    """(from `hearth up` to its first answer, from the first question to it), each from nothing."""
    times = []
    for with_start in (True, False):
        (here.forget_file if cold else here.remember_file)()
        began = here.up()
        if not with_start:
            here.answers()
            began = time.monotonic()
        times.append(first_word(here.place()) - began)
        here.answers()
        assert here.daemon.stop() == 0
    return times


def time_direct(here, cold):
    """(to its first word, its own stop) of llama-server by itself, from when it was started."""
    (here.forget_file if cold else here.remember_file)()
    run, place = here.direct()
    try:
        return first_word(place) - run.began, here.end_direct(run)
    finally:
        if run.proc.poll() is None:
            run.end(signal.SIGTERM)


def time_ready(here):
    """The same, to when it says that it is ready."""
    run, _ = here.direct()
    try:
        run.ready()
        return time.monotonic() - run.began
    finally:
        run.end(signal.SIGTERM)


def time_swap(here, model):
    began = time.monotonic()
    return first_word(here.place(model)) - began


def time_kill(here, model):
    pid = here.engine(model)["pid"]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    harness.wait_for(lambda: (e := here.engine(model))["state"] == "READY" and e["pid"] != pid, 60, 0.001)
    return time.monotonic() - began


def run_times(here, asked):
    """what -> seconds, one a round. The daemon is down before and after."""
    times = {}

    def add(what, value):
        times.setdefault(what, []).append(value)
    for turn in range(asked.times):
        progress(f"times {turn + 1} of {asked.times}")
        for kind in ("cold", "warm"):
            up, load = time_start(here, kind == "cold")
            add(f"up {kind}", up)
            add(f"load {kind}", load)
        here.up()
        here.answers()
        for kind in ("cold", "warm"):
            start, stop = time_direct(here, kind == "cold")
            add(f"own load {kind}", start)
            if kind == "warm":
                add("own swap", stop + start)
        add("own ready", time_ready(here))
        first_word(here.place("a"))
        for model in "ba":
            add("swap", time_swap(here, model))
        add("kill", time_kill(here, "a"))
        assert here.daemon.stop() == 0
    return times


# --- words -------------------------------------------------------------------------------------------


def target_rows(decoding, times, asked):
    rows = []
    for streams in asked.streams:
        what = f"tokens/s through hearth over llama-server asked directly, {streams} stream{'s' * (streams > 1)}"
        rows.append(judge(what, decoding.ratios(streams), "×", LEAST, True, 3))
    if times:
        own = statistics.median(times["own swap"])
        limit = round(max(own * SWAP_RATIO, own + SWAP_MORE), 3)
        rows.append(judge(f"swap to another model, to its first word (llama-server's own stop, start and first "
                          f"word: {number(own, 3)} s)", times["swap"], " s", limit, digits=3))
    return rows


def decoding_rows(decoding, asked):
    names = ["llama-server", "hearth", *(["the same, past hearth"] if asked.past else [])]
    for streams in asked.streams:
        daemon, ours, tokens = decoding.costs[streams]
        for name in names:
            costs = [number(cost / tokens * 1e6, 1) for cost in (daemon, ours)] if name == "hearth" else ["", ""]
            other = spread(decoding.ratios(streams, name), 3) if name != "llama-server" else ""
            yield [str(streams), name, spread(decoding.rates[streams, name], 1), other, *costs]


def time_rows(times):
    for what, ours, own in (
            ("first answer after `hearth up`, file not in memory", "up cold", None),
            ("first answer after `hearth up`, file in memory", "up warm", None),
            ("load to the first word, file not in memory", "load cold", "own load cold"),
            ("load to the first word, file in memory", "load warm", "own load warm"),
            ("swap to the first word", "swap", "own swap"),
            ("ready again after `kill -9` of an idle engine; its own start", "kill", "own ready")):
        yield [what, spread(times[ours], 3), spread(times[own], 3) if own else ""]


def page(decoding, times, asked, size):
    lines = [report.machine(("hearth", [harness.program("hearth"), "--version"], r"(\d\S*)"))
             + f" `{asked.model}`, {size / 1e6:,.0f} MB; {asked.rounds} rounds of {asked.tokens} tokens, in turns; "
             "medians, with the least and the most. Other work on the machine took "
             f"{number(max(0, decoding.others), 0)} % of one core meanwhile.", "",
             *table(["what", "figure", "target", ""], target_rows(decoding, times, asked)), "",
             *table(["streams", "", "tokens/s", "over llama-server", "hearth's CPU, µs a token",
                     "the client's CPU, µs a token"], decoding_rows(decoding, asked)), ""]
    if times:
        lines += [*table(["seconds", "hearth", "llama-server by itself"], time_rows(times)), ""]
    return "\n".join(lines)


# --- the command -------------------------------------------------------------------------------------


def arguments(words):
    parser = argparse.ArgumentParser(prog="run.py --decode", description=__doc__.split("\n\n")[1])
    parser.add_argument("--write", action="store_true", help="into docs/performance.md, too")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", 5)))
    parser.add_argument("--tokens", type=int, default=256, help="of each answer; default: %(default)s")
    parser.add_argument("--streams", default="1,4", help="default: %(default)s")
    parser.add_argument("--times", type=int, default=5, help="how often each time is taken; 0: not")
    parser.add_argument("--model", default="tinyllama-q4", help="of tests/models; default: %(default)s")
    parser.add_argument("--past", action="store_true", help="ask the daemon's own engine at its socket, too")
    asked = parser.parse_args(words)
    asked.streams = [int(n) for n in asked.streams.split(",")]
    if asked.model not in engines.make_test_models.ANSWERING or max(asked.streams) > SLOTS:
        parser.error("there is no such model, or there are not so many slots")
    return asked


def main(words):
    asked = arguments(words)
    os.environ.setdefault("HEARTH_BIN", str(TOP / "build/release/hearth"))
    ground, here, times = harness.Ground(), None, {}
    try:
        try:
            pack = engines.real_pack_folder(ground)
        except engines.pytest.skip.Exception as e:
            raise SystemExit(str(e)) from None
        here = Here(ground, pack, asked.model)
        size = here.file.stat().st_size
        if asked.times:
            times = run_times(here, asked)
        here.up()
        here.answers()
        decoding = run_decoding(here, asked)
        text = page(decoding, times, asked, size)
    except Wrong as e:
        print(f"FAILED: {e}", file=sys.stderr)
        return 1
    finally:
        progress("")
        if here:
            here.daemon.close()
        ground.close()
    print(text)
    if asked.write:
        report.write_page(text, COMMAND)
    return 0
