#!/usr/bin/env python3
"""gen_docs.py [--check]: write docs/reference/ and docs/troubleshooting.md as the built program tells
them.

The tables in the code are the only source of these pages. --check writes nothing and fails when a
page differs from what the product (build/release; HEARTH_BIN names another) says, is missing, or is
not in the table below."""

import difflib
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
PROGRAMS = ("build/release/hearth",)
# page: the document it is, and what stands above it where the program writes no heading
PAGES = {
    "reference/options.md": ("options", ""),
    "reference/cli.md": ("cli", ""),
    "reference/endpoints.md": (
        "endpoints", "# Endpoints\n\nWritten by `hearth help --markdown endpoints`.\n\n"),
    "reference/errors.md": ("errors", ""),
    "reference/metrics.md": ("metrics", ""),
    "troubleshooting.md": ("troubleshooting", ""),
}


def find_program():
    named = os.environ.get("HEARTH_BIN")
    for path in [pathlib.Path(named)] if named else [TOP / p for p in PROGRAMS]:
        if path.exists():
            return path
    sys.exit(f"{named or PROGRAMS[0]} is not built (tools/build.sh release)")


def told(program, which, heading):
    done = subprocess.run([program, "help", "--markdown", which], capture_output=True, text=True,
                          encoding="utf-8", timeout=60)
    if done.returncode:
        sys.exit(f"hearth help --markdown {which}: exit {done.returncode}\n{done.stderr}")
    if "`/test/" in done.stdout:
        sys.exit(f"{program} has the endpoints of the tests: these pages are of the product")
    return (heading if not done.stdout.startswith("#") else "") + done.stdout


def main():
    check, bad, program = "--check" in sys.argv, 0, find_program()
    for name, (which, heading) in PAGES.items():
        page, text = DOCS / name, told(program, which, heading)
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        if old == text:
            continue
        if check:
            bad += 1
            print(f"docs/{name}:1: docs: stale (make docs)")
            print("".join(list(difflib.unified_diff(
                old.splitlines(True), text.splitlines(True), "there", "should be"))[:40]))
        else:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote docs/{name}")
    for page in sorted((DOCS / "reference").glob("*")):
        if page.relative_to(DOCS).as_posix() not in PAGES:
            bad += 1
            print(f"{page.relative_to(TOP)}:1: docs: nothing generates this page")
    sys.exit(1 if check and bad else 0)


if __name__ == "__main__":
    main()
