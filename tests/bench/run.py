#!/usr/bin/env python3
"""run.py [--write] [--cells A,B] [--only A,B] [--rounds N] [--seconds S]: the figures, side by side.

hearth, nginx and HAProxy as proxies of the same upstream, in one run: each held to the same one core,
generator and upstream to the other, in turns, medians of five rounds. Every answer is checked; a cell
in which one was wrong is printed as FAILED and has no figures. `make bench` calls this. With --decode or
--translate, the program of that name is run instead, with the other words."""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tests/scenarios"))
import contenders  # noqa: E402
import harness  # noqa: E402
import report  # noqa: E402
from report import busy_seconds, judge, number, progress, spread, table  # noqa: E402

STARTS = 10
OPEN_RATE = 500

# name: what the generator is told
CELLS = {
    f"{kib}k-{connections}": ["--body", f"{kib}K", "--connections", str(connections)]
    for kib in (1, 32, 256) for connections in (1, 64, 256)
}
CELLS |= {
    f"sse-{connections}": ["--stream", "--chunks", "100", "--connections", str(connections)]
    for connections in (1, 64)
}
CELLS["1k-open"] = ["--connections", "16", "--rate", str(OPEN_RATE)]
EXTRA = ("memory", "start")
LATENCY = [c for c in CELLS if c.endswith(("-1", "-open"))]


# --- one measurement -------------------------------------------------------------------------------


class Watch(threading.Thread):
    """The most memory that a contender has while it works."""

    def __init__(self, contender):
        super().__init__(daemon=True)
        self.contender, self.most, self.over = contender, (0, 0), threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.most = tuple(map(max, self.most, self.contender.memory()))

    def end(self):
        self.over.set()
        self.join()
        return self.most


def generate(ground, url, cell, seconds):
    """The generator's figures of one round, or {"failed": why}."""
    command = [str(ground.program("hearth")), "bench", "gateway", url, "--json", "--seconds",
               str(seconds), *CELLS[cell]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=ground.environment(ground.path), timeout=seconds + 120,
                          preexec_fn=contenders.on_core(contenders.cores()[0]), **ground.rules)
    if not done.stdout:
        return {"failed": done.stderr.strip().splitlines()[0] if done.stderr else "no word"}
    got = json.loads(done.stdout)["measured"][0]["rounds"][0]
    if got["wrong"]:
        return {"failed": f"{got['wrong']} wrong, the first: {got['why']}"}
    if not got["exact"]:
        return {"failed": "the answers are not the upstream's"}
    return got if got["requests"] else {"failed": "no answer within the time"}


def measure(ground, mock, contender, cell, seconds):
    watch = Watch(contender)
    watch.start()
    began, busy = time.monotonic(), busy_seconds()
    spent, mock_spent = contender.cpu_seconds(), mock.cpu_seconds()
    got = generate(ground, contender.url("--stream" in CELLS[cell]), cell, seconds)
    spent, mock_spent = contender.cpu_seconds() - spent, mock.cpu_seconds() - mock_spent
    got["rss"], got["anonymous"] = watch.end()
    if "failed" not in got:
        ours = spent + got["cpu_us"] / 1e6 + (mock_spent if contender is not mock else 0)
        got["others"] = (busy_seconds() - busy - ours) / (time.monotonic() - began) * 100
        asked = got["answered"] + 1  # the generator asks once before it begins
        got["cpu"] = spent / asked * 1e4
        got["load_cpu"] = (mock_spent + got["cpu_us"] / 1e6) / asked * 1e4
    return got


# --- many -------------------------------------------------------------------------------------------


class Results:
    """All rounds of all cells, by (cell, contender)."""

    def __init__(self):
        self.rounds, self.memory, self.starts = {}, {}, {}

    def add(self, cell, name, got):
        self.rounds.setdefault((cell, name), []).append(got)

    def failed(self, cell, name):
        return next((r["failed"] for r in self.rounds.get((cell, name), []) if "failed" in r), None)

    def figures(self, cell, name, key):
        """One figure of each round; [] when the cell failed or was not measured."""
        if self.failed(cell, name):
            return []
        return [r[key] for r in self.rounds.get((cell, name), [])]

    def added(self, cell, name, key):
        """What it took longer than the direct way, in the same round."""
        pairs = zip(self.figures(cell, name, key), self.figures(cell, "direct", key))
        return [a - b for a, b in pairs]

    def ratio(self, cell, name, other, key):
        pairs = zip(self.figures(cell, name, key), self.figures(cell, other, key))
        return [a / b for a, b in pairs if b]


def run_cells(ground, mock, proxies, cells, asked, results):
    everybody = [mock, *proxies]
    for number in range(asked.rounds):
        for cell in cells:
            turn = number % len(everybody)
            for contender in everybody[turn:] + everybody[:turn]:
                progress(f"round {number + 1} of {asked.rounds}: {cell}, {contender.name}")
                results.add(cell, contender.name, measure(ground, mock, contender, cell, asked.seconds))


def run_memory(ground, mock, kinds, asked, results):
    """Each from a fresh start: at rest, and while it has 256 connections of 1 KB."""
    for kind in kinds:
        progress(f"memory, {kind.name}")
        contender = kind(ground, mock).start()
        try:
            time.sleep(1)
            idle = contender.memory()
            got = measure(ground, mock, contender, "1k-256", max(1, asked.seconds))
            results.memory[kind.name] = (idle, got)
        finally:
            contender.close()


def run_starts(ground, mock, results):
    """To the first answer, from the start of the process: at first, and after a kill -9."""
    cold, again = [], []
    for number in range(STARTS):
        progress(f"start {number + 1} of {STARTS}")
        daemon = contenders.Hearth(ground, mock)
        try:
            daemon.port = harness.free_port()
            daemon.configure()
            cold.append(daemon.run() * 1e3)
            daemon.close(signal.SIGKILL)
            again.append(daemon.run() * 1e3)
        finally:
            daemon.close()
    results.starts = {"cold": cold, "again": again}


# --- words ------------------------------------------------------------------------------------------


def target_rows(results, cells):
    rows = []
    for cell, limit in (("1k-64", 1.5), ("32k-64", 2.5), ("256k-64", 5)):
        if cell in cells:
            rows.append(judge(f"CPU a request over nginx's, {cell}",
                              results.ratio(cell, "hearth", "nginx", "cpu"), "×", limit, digits=2))
    if "1k-64" in cells:
        rows.append(judge("requests/s over HAProxy's, 1k-64",
                          results.ratio("1k-64", "hearth", "haproxy", "per_second"), "×", 0.7, True, 2))
    if "1k-1" in cells:
        rows.append(judge("added latency, 1k-1, p50", results.added("1k-1", "hearth", "p50_us"), " µs", 60))
        rows.append(judge("added latency, 1k-1, p99", results.added("1k-1", "hearth", "p99_us"), " µs", 1000))
    if "hearth" in results.memory:
        (rss, anonymous), busy = results.memory["hearth"]
        rows.append(judge("idle, anonymous memory", [anonymous / 1024], " MiB", 6))
        rows.append(judge("idle, resident memory", [rss / 1024], " MiB", 20))
        most = [] if "failed" in busy else [busy["rss"] / 1024]
        rows.append(judge("resident memory at 256 connections of 1 KB", most, " MiB", 40))
    if results.starts:
        rows.append(judge("cold start to the first /health", results.starts["cold"], " ms", 50))
        rows.append(judge("restart after kill -9 to the first /health", results.starts["again"], " ms", 150))
    return rows


def cell_row(results, cell, name):
    failed = results.failed(cell, name)
    if failed:
        return [cell, name, f"FAILED: {failed}"] + [""] * 6
    direct, added = name == "direct", lambda key: spread(results.added(cell, name, key), 0)

    def of(key, digits=None):
        return spread(results.figures(cell, name, key), digits)
    return [cell, name, of("per_second", 0), "" if direct else of("cpu"), of("p50_us", 0), of("p99_us", 0),
            added("p50_us") if cell in LATENCY and not direct else "",
            added("p99_us") if cell in LATENCY and not direct else "", of("load_cpu") if direct else ""]


def memory_rows(results):
    for name, ((rss, anonymous), busy) in results.memory.items():
        if "failed" in busy:
            yield [name, f"FAILED: {busy['failed']}", "", "", ""]
        else:
            yield [name, *(number(kib / 1024) for kib in (rss, anonymous, busy["rss"], busy["anonymous"]))]


def machine():
    return report.machine(
        ("hearth", [harness.program("hearth"), "--version"], r"(\d\S*)"),
        ("nginx", [contenders.where_is("nginx"), "-v"], r"nginx/(\S+)"),
        ("HAProxy", [contenders.where_is("haproxy"), "-v"], r"version (\d[\d.]*)"))


def page(results, cells, names, asked):
    others = [r["others"] for rounds in results.rounds.values() for r in rounds if "others" in r]
    lines = [machine() + f" {asked.rounds} rounds of {number(asked.seconds, 1)} s each, in turns; "
             "medians, with the least and the most." + (
                 f" Other work on the machine took {number(max(0, statistics.median(others)), 0)} % of one "
                 "core meanwhile." if others else ""), ""]
    rows = target_rows(results, cells)
    if rows:
        lines += [*table(["what", "figure", "target", ""], rows), ""]
    if cells:
        lines += [*table(
            ["cell", "", "requests/s", "CPU-s per 10,000", "p50 µs", "p99 µs", "added p50 µs",
             "added p99 µs", "CPU-s of generator and upstream per 10,000"],
            [cell_row(results, cell, name) for cell in cells for name in names]), ""]
    if results.memory:
        lines += [*table(["memory, MiB", "idle, resident", "idle, anonymous", "256 connections, resident",
                          "256 connections, anonymous"], memory_rows(results)), ""]
    return "\n".join(lines)


# --- the command ------------------------------------------------------------------------------------


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="into docs/performance.md, too")
    parser.add_argument("--cells", default=",".join([*CELLS, *EXTRA]), help="some of: %(default)s")
    parser.add_argument("--only", default="hearth,nginx,haproxy", help="some of: %(default)s")
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("BENCH_ROUNDS", 5)))
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("BENCH_SECONDS", 3)))
    asked = parser.parse_args()
    asked.cells, asked.only = asked.cells.split(","), asked.only.split(",")
    for cell in set(asked.cells) - set(CELLS) - set(EXTRA):
        parser.error(f"there is no cell {cell}")
    for name in set(asked.only) - {k.name for k in contenders.PROXIES} - {"direct"}:
        parser.error(f"there is no contender {name}")
    return asked


def main():
    if "--decode" in sys.argv[1:]:
        import decode  # it needs more than this does: a pack of llama.cpp
        return decode.main([word for word in sys.argv[1:] if word != "--decode"])
    if "--translate" in sys.argv[1:]:
        import translate
        return translate.main([word for word in sys.argv[1:] if word != "--translate"])
    asked = arguments()
    os.environ.setdefault("HEARTH_BIN", str(TOP / "build/release/hearth"))
    kinds = [k for k in contenders.PROXIES if k.name in asked.only]
    for kind in kinds:
        if kind is not contenders.Hearth and not contenders.where_is(kind.name):
            raise SystemExit(f"{kind.name} is not here; `tools/setup.sh bench` installs it")
    if len(set(contenders.cores())) < 2:
        print("only one core: generator, upstream and proxies share it", file=sys.stderr)
    ground, results, running = harness.Ground(), Results(), []
    try:
        mock = contenders.Mock(ground).start()
        running.append(mock)
        if "start" in asked.cells and contenders.Hearth in kinds:
            run_starts(ground, mock, results)
        if "memory" in asked.cells:
            run_memory(ground, mock, kinds, asked, results)
        cells = [c for c in CELLS if c in asked.cells]
        if cells:
            running += [kind(ground, mock).start() for kind in kinds]
            run_cells(ground, mock, running[1:], cells, asked, results)
    finally:
        for contender in reversed(running):
            contender.close()
        ground.close()
        progress("")
    words = page(results, cells, ["direct", *(k.name for k in kinds)], asked)
    print(words)
    if asked.write:
        report.write_page(words, "make bench BENCH=--write")
    return any(results.failed(*key) for key in results.rounds)


if __name__ == "__main__":
    sys.exit(main())
