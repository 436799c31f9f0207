#!/usr/bin/python3
"""check.py [--only SUITE]...: run the test suites one after the other and count.

A line for each suite with its counts and seconds; what a failing one printed stands above its line.
The last line is `N passed, N failed` (and `, N skipped`), and the exit code is 1 if anything failed
or nothing ran. Everything temporary lives in build/tmp and is removed (HEARTH_KEEP=1 keeps it).

HEARTH_SOAK=1 adds the tests that take long; FUZZ_SECONDS is the dose of each fuzzer."""

import argparse
import collections
import concurrent.futures
import functools
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parent.parent
TMP = TOP / "build/tmp" / str(os.getpid())
SOAK = os.environ.get("HEARTH_SOAK") == "1"
HOUSE_CHECKS = ("layers", "ceilings", "style", "repo", "format")
SKIPPED = 77  # the exit code of a check that cannot run here

Count = collections.namedtuple("Count", "passed failed skipped")
NOTHING = Count(0, 0, 0)


def add(a, b):
    return Count(*(x + y for x, y in zip(a, b)))


def environment():
    env = dict(os.environ)
    for var in ("HEARTH_HOME", "HEARTH_CONFIG"):
        env.pop(var, None)  # a test must never meet the user's own hearth
    env.update(TMPDIR=str(TMP), PYTHONDONTWRITEBYTECODE="1", CMOCKA_MESSAGE_OUTPUT="TAP")
    env.setdefault("ASAN_OPTIONS", "detect_stack_use_after_return=1:strict_string_checks=1")
    env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
    return env


def run(command, seconds):
    """(exit code, output); a run over its time is ended with all its children, and says so."""
    child = subprocess.Popen(
        [str(c) for c in command], cwd=TOP, env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        start_new_session=True)
    try:
        said = child.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        said = f"{child.communicate()[0]}\n{command[0]}: not done after {seconds} s, ended\n"
    except BaseException:  # the user pressed ^C: leave no child behind
        os.killpg(child.pid, signal.SIGKILL)
        raise
    return child.returncode, said


def show(text):
    print(text.rstrip("\n"), flush=True)


# --- the suites: each returns a Count, or None when the repository has nothing for it ------------


def house():
    count = NOTHING
    for name in HOUSE_CHECKS:
        code, said = run([sys.executable, TOP / f"tools/check_{name}.py"], 120)
        if code not in (0, SKIPPED):
            show(said)
        count = add(count, Count(int(code == 0), int(code not in (0, SKIPPED)), int(code == SKIPPED)))
    return add(count, pytest("tests/house", 300) or NOTHING)


def pytest(what, seconds, lane=0):
    """what: a folder, or a file of one."""
    if not (TOP / what).exists():
        return None
    report, base = TMP / f"report{lane}.xml", TMP / f"t{lane}"
    report.unlink(missing_ok=True)
    code, said = run(
        [sys.executable, "-m", "pytest", what, "-q", "-p", "no:cacheprovider", "--rootdir=.",
         "-W", "ignore::pytest.PytestUnknownMarkWarning", "--basetemp", base, "--junitxml", report,
         *([] if SOAK else ["-m", "not soak"])], seconds)
    count = NOTHING
    if report.exists():
        for suite in xml.etree.ElementTree.parse(report).getroot().iter("testsuite"):
            total, *bad = (int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped"))
            failed = bad[0] + bad[1]
            count = add(count, Count(max(total - failed - bad[2], 0), failed, bad[2]))
    if code not in (0, 5) and not count.failed:
        count = add(count, Count(0, 1, 0))  # it broke before or after its tests
    if count.failed:
        show(said)
    return count


def unit():
    """Every test program of build/check; the cases inside are counted where it speaks TAP."""
    build = TOP / "build/check"
    if not (TOP / "meson.build").exists():
        return None
    log, count = build / "meson-logs/testlog.json", NOTHING
    log.unlink(missing_ok=True)
    code, said = run(["meson", "test", "-C", build, "--no-rebuild",
                      "--timeout-multiplier", "24" if SOAK else "1"], 8000 if SOAK else 900)
    if "No tests defined" in said or not log.exists():
        if code:
            show(said)
        return Count(0, 1, 0) if code else NOTHING
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        test = json.loads(line)
        said = test.get("stdout") or ""
        cases = re.findall(r"^(ok|not ok) \d+(.*)$", said, re.M)
        skipped = sum("# SKIP" in rest for _, rest in cases)
        # Some versions of cmocka say "not ok" of a skipped case, and meson then calls it a failure.
        failed = sum(verdict == "not ok" and "# SKIP" not in rest for verdict, rest in cases)
        good = test["result"] in ("OK", "EXPECTEDFAIL") or \
            (skipped and not failed and test.get("returncode") == 0)
        mine = Count(len(cases) - skipped - failed, failed, skipped)
        if test["result"] == "SKIP":
            mine = Count(0, 0, max(skipped, 1))
        elif not good and not failed:
            mine = mine._replace(failed=1)  # it died outside a case, or in the middle of one
        elif good and not cases:
            mine = Count(1, 0, 0)
        if mine.failed:
            show(f"--- {test['name']}: {test['result']}\n{said}{test.get('stderr') or ''}")
        count = add(count, mine)
    if code and count == NOTHING:
        show(said)
        count = Count(0, 1, 0)
    return count


# Most of their time scenarios wait, so one file more than there are cores runs at once. FIRST takes
# longest, so it begins; what measures a time that others' work would spoil runs when the rest is done.
LANES = min(max((os.cpu_count() or 1) + 1, 2), 6)
FIRST = ("test_engine_corners", "test_llama", "test_engines", "test_no_memory", "test_half_answers")
ALONE = ("test_ledger_kill", "test_ledger_size", "test_load", "test_payload")


def scenarios():
    """A file at a time in each lane. The names of slow files are told with HEARTH_TIMES=1."""
    folder = TOP / "tests/scenarios"
    files = sorted(folder.glob("test_*.py"), key=lambda f: (f.stem not in FIRST, f.stem))
    alone = [f for f in files if f.stem in ALONE]
    seconds, counts, lanes = 3600 if SOAK else 900, [], queue.SimpleQueue()
    for lane in range(1, LANES + 1):
        lanes.put(lane)

    def one(file):
        lane, began = lanes.get(), time.monotonic()
        count = pytest(file.relative_to(TOP), seconds, lane) or NOTHING
        lanes.put(lane)
        if os.environ.get("HEARTH_TIMES") == "1":
            show(f"  {file.stem:<24} {time.monotonic() - began:6.1f} s")
        return count

    for group, workers in (([f for f in files if f not in alone], 1 if SOAK else LANES), (alone, 1)):
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            counts += pool.map(one, group)
    return functools.reduce(add, counts, NOTHING) if files else None


def examples():
    return pytest("tests/examples", 1200)


def fuzz_one(program):
    """(output or "", seconds over) of one fuzzer; what makes it crash is kept in build/crashes."""
    seeds, corpus = TOP / "fuzz/corpus" / program.name.removeprefix("fuzz_"), TMP / "corpus" / program.name
    corpus.mkdir(parents=True)
    kept = TOP / "build/crashes"
    kept.mkdir(exist_ok=True)
    seconds = int(os.environ.get("FUZZ_SECONDS") or (600 if SOAK else 10))
    code, said = run(
        [program, f"-max_total_time={seconds}", "-rss_limit_mb=1024", "-timeout=10",
         "-print_final_stats=1", f"-artifact_prefix={kept}/{program.name}-", corpus,
         *([seeds] if seeds.is_dir() else [])], seconds + 120)
    return "" if code == 0 else f"--- {program.name}: exit {code}\n{said[-20000:]}"


def fuzz():
    folder = TOP / "build/fuzz/fuzz"
    if not folder.is_dir():
        return None
    programs = sorted(p for p in folder.iterdir() if p.is_file() and os.access(p, os.X_OK))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        said = list(pool.map(fuzz_one, programs))
    bad = [words for words in said if words]
    for words in bad:
        show(words)
    return Count(len(said) - len(bad), len(bad), 0)


def docs():
    """Is docs/reference/ what the program says? One test."""
    if not (TOP / "docs/reference").is_dir():
        return None
    code, said = run([sys.executable, TOP / "tools/gen_docs.py", "--check"], 120)
    if code:
        show(said)
    return Count(int(code == 0), int(code != 0), 0)


SUITES = {f.__name__: f for f in (house, unit, scenarios, examples, fuzz, docs)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=sorted(SUITES), metavar="SUITE",
                        help=", ".join(SUITES))
    chosen = parser.parse_args().only or SUITES
    total = NOTHING
    TMP.mkdir(parents=True, exist_ok=True)
    try:
        for name in (n for n in SUITES if n in chosen):
            began = time.monotonic()
            count = SUITES[name]()
            if count is None:
                continue
            total = add(total, count)
            words = f"{count.passed} passed, {count.failed} failed"
            words += f", {count.skipped} skipped" if count.skipped else ""
            show(f"{name:<12} {words:<34} {time.monotonic() - began:6.1f} s")
    finally:
        if os.environ.get("HEARTH_KEEP") != "1":
            shutil.rmtree(TMP, ignore_errors=True)
    if not total.passed + total.failed:
        show("nothing ran")
    skipped = f", {total.skipped} skipped" if total.skipped else ""
    show(f"{total.passed} passed, {total.failed} failed{skipped}")
    sys.exit(1 if total.failed or not total.passed else 0)


if __name__ == "__main__":
    main()
