"""What the benchmarks share: words and tables, and their place in docs/performance.md."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = TOP / "docs/performance.md"
END = "<!-- end -->"


def progress(words):
    if sys.stderr.isatty():
        print(f"\r\033[K{words}", end="", file=sys.stderr, flush=True)


def busy_seconds():
    """Of all cores, whoever worked on them; what the host took away too."""
    ticks = [int(n) for n in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # not idle, not waiting


# --- words ------------------------------------------------------------------------------------------


def number(value, digits=None):
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def spread(values, digits=None):
    """median (least to most)"""
    if not values:
        return "-"
    middle = number(statistics.median(values), digits)
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values), digits)} to {number(max(values), digits)})"


def table(titles, rows):
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def judge(what, values, unit, limit, at_least=False, digits=None):
    """A row: what, the figure, the target, whether it is reached; judged by the median."""
    sign = "≥" if at_least else "≤"
    target = f"{sign} {limit}{unit}"
    if not values:
        return [what, "FAILED or not measured", target, "MISS"]
    middle = statistics.median(values)
    is_ok = middle >= limit if at_least else middle <= limit
    return [what, spread(values, digits) + unit, target, "ok" if is_ok else "**MISS**"]


def version(command, pattern):
    if not command[0]:
        return None
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "?"


def machine(*versions):
    """When, where and with what: the first words of a page. versions: (name, command, pattern)."""
    text = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", text, re.M)
    told = [f"{name} {version(command, pattern)}" for name, command, pattern in versions if command[0]]
    return (f"{datetime.date.today()}; {model[1] if model else platform.machine()}, "
            f"{os.cpu_count()} cores, Linux {platform.release()}; {', '.join(told)}.")


def write_page(words, command):
    """Puts the words between the two lines of the page that name this command."""
    begin_line = f"<!-- written by `{command}`: begin -->"
    text = PAGE.read_text()
    head, begin, rest = text.partition(begin_line)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} lacks the lines that the table stands between")
    PAGE.write_text(f"{head}{begin_line}\n\n{words}\n{END}{tail}")
