"""What translation costs: the daemon's own CPU for a chat, when caller and provider speak the same
dialect and when they do not. Daemons and providers are the same ones in all cells, which take turns;
CPU is what the scheduler counted for the daemon's threads. Every answer is read and must be whole.

`make bench BENCH=--translate` calls this; `--write` puts the table into docs/performance.md."""

import argparse
import json
import os
import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/scenarios"))
import client  # noqa: E402
import dialects  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
from report import judge, progress, spread, table  # noqa: E402

COMMAND = "make bench BENCH='--translate --write'"
MOST_US, MOST_PERCENT = 60, 50
SIZES = {"1 KB": 1 << 10, "256 KB": 256 << 10}
WORDS = "events=7 usage=always"
# name: caller, kind of provider
WAYS = {"same dialect": ("chat", "openai_compatible"), "OpenAI to Anthropic": ("chat", "anthropic"),
        "Anthropic to OpenAI": ("messages", "openai_compatible"),
        "Ollama to OpenAI": ("ollama", "openai_compatible")}


class Place:
    def __init__(self, ground, kind):
        self.fake = harness.Fake(ground)
        self.daemon = harness.Daemon(ground, {"providers": {"fake": self.fake.provider(kind=kind)}})
        self.daemon.up()

    def close(self):
        self.daemon.close()
        self.fake.close()

    def cpu_ns(self):
        threads = pathlib.Path(f"/proc/{self.daemon.proc.pid}/task").iterdir()
        return sum(int((t / "schedstat").read_text().split()[0]) for t in threads)


def body_of(caller, size, stream):
    """So many bytes, most of them in an earlier message."""
    d = dialects.ALL[caller]
    talk = [{"role": "user", "content": ""}, {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "fake: " + WORDS}]
    short = len(json.dumps(d.body(messages=talk, stream=stream)))
    talk[0]["content"] = ("words and more " * (size // 15 + 1))[:max(size - short, 1)]
    return json.dumps(d.body(messages=talk, stream=stream)).encode()


def run(place, caller, size, times):
    """Microseconds of the daemon a request."""
    d = dialects.ALL[caller]
    raw = client.request_bytes("POST", d.path, body_of(caller, size, True), d.headers)
    with client.Wire(place.daemon.port, 60) as wire:
        def once():
            wire.send(raw)
            answer = wire.response()
            assert answer.status == 200, answer.body
            return answer
        for _ in range(5):
            said = d.read(once())
            assert said.text == "w0 w1 w2 w3 w4 w5 w6 " and said.ended, said
        before = place.cpu_ns()
        for _ in range(times):
            once()
        return (place.cpu_ns() - before) / times / 1000


def measure(places, rounds, times):
    found = {(way, size): [] for way in WAYS for size in SIZES}
    for turn in range(rounds):
        for way, size in list(found)[turn % len(found):] + list(found)[:turn % len(found)]:
            caller, kind = WAYS[way]
            progress(f"round {turn + 1} of {rounds}: {way}, {size}")
            n = times if SIZES[size] < 10000 else max(times // 8, 10)
            found[way, size].append(run(places[kind], caller, SIZES[size], n))
    return found


def page(found, rounds):
    lines, verdicts = [], []
    for way in WAYS:
        lines.append([way, *(spread(found[way, size], 1) for size in SIZES)])
        if way == "same dialect":
            continue
        more = [t - s for t, s in zip(found[way, "1 KB"], found["same dialect", "1 KB"])]
        share = [(t - s) / s for t, s in zip(found[way, "256 KB"], found["same dialect", "256 KB"])]
        verdicts.append(judge(f"{way}, added at 1 KB", more, " µs", MOST_US))
        verdicts.append(judge(f"{way}, added at 256 KB", [100 * s for s in share], " %", MOST_PERCENT))
    head = report.machine(("hearth", [os.environ["HEARTH_BIN"], "version"], r"(\d\S*)"))
    return "\n".join([f"{head} {rounds} rounds, in turns; medians, with the least and the most.", "",
                      *table(["what", "figure", "target", ""], verdicts), "",
                      *table(["the daemon's CPU a request, µs", *SIZES], lines), ""])


def main(words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--times", type=int, default=1000)
    asked = parser.parse_args(words)
    os.environ.setdefault("HEARTH_BIN", str(TOP / "build/release/hearth"))
    ground, places = harness.Ground(), {}
    try:
        for kind in sorted({kind for _, kind in WAYS.values()}):
            places[kind] = Place(ground, kind)
        words = page(measure(places, asked.rounds, asked.times), asked.rounds)
    finally:
        for place in places.values():
            place.close()
        ground.close()
        progress("")
    print(words)
    if asked.write:
        report.write_page(words, COMMAND)
    return 0
