#!/usr/bin/env python3
"""gen_docs.py [--check]: write docs/reference/ as the built program tells it.

The tables in the code are the only source of these pages. --check writes nothing and fails when a
page differs from what build/check/hearth says, is missing, or is not in the table below."""

import difflib
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDER = TOP / "docs/reference"
PROGRAM = TOP / "build/check/hearth"
# page: the command that prints it
PAGES = {
    "config.md": ("docs", "config"),
    "cli.md": ("docs", "cli"),
    "api.md": ("docs", "api"),
    "errors.md": ("docs", "errors"),
}


def told(words):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)
    if done.returncode:
        print(f"hearth {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
        sys.exit(1)
    return done.stdout


def main():
    check, bad = "--check" in sys.argv, 0
    if not PROGRAM.exists():
        print(f"{PROGRAM.relative_to(TOP)} is not built (tools/build.sh check)")
        sys.exit(1)
    for name, words in PAGES.items():
        page, text = FOLDER / name, told(words)
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        if old == text:
            continue
        if check:
            bad += 1
            print(f"docs/reference/{name}:1: docs: stale (make docs)")
            print("".join(list(difflib.unified_diff(
                old.splitlines(True), text.splitlines(True), "there", "should be"))[:40]))
        else:
            FOLDER.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    for page in sorted(FOLDER.glob("*")):
        if page.name not in PAGES:
            bad += 1
            print(f"docs/reference/{page.name}:1: docs: nothing generates this page")
    sys.exit(1 if check and bad else 0)


if __name__ == "__main__":
    main()
