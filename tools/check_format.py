#!/usr/bin/env python3
"""check_format.py [--write] [ROOT]: the C code is laid out as .clang-format says.

Versions of clang-format differ in details, so only the one that .clang-format's comment names
judges; where it is not installed the check is skipped (exit 77). --write lays the files out."""

import re
import shutil
import subprocess
import sys

from house import c_files, read, root_of


def find_tool(version):
    for name in (f"clang-format-{version}", "clang-format"):
        tool = shutil.which(name)
        if tool:
            said = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout
            if f"version {version}." in said:
                return tool
    return None


def main():
    root, write = root_of(sys.argv), "--write" in sys.argv
    files = [str(p.relative_to(root)) for p in c_files(root, "src", "tests", "fuzz")
             if p.suffix != ".def"]
    version = re.search(r"clang-format (\d+)", read(root / ".clang-format"))[1]
    tool = find_tool(version)
    if not tool:
        print(f"skipped: clang-format {version} not here")
        if write:
            print(f"a way to get it: pipx install 'clang-format=={version}.*'")
        sys.exit(77)
    if not files:
        return
    if write:
        sys.exit(subprocess.run([tool, "-i", "--style=file", *files], cwd=root).returncode)
    said = subprocess.run([tool, "--dry-run", "--style=file", *files], cwd=root,
                          capture_output=True, text=True)
    bad = sorted(set(re.findall(r"^([^:\n]+:\d+):\d+: warning:", said.stderr, re.M)),
                 key=lambda place: (place.split(":")[0], int(place.split(":")[1])))
    for place in bad:
        print(f"{place}: format: not as clang-format lays it out (make format)")
    if said.returncode and not bad:
        print(said.stderr)
    if not bad and not said.returncode:
        print("format: nothing found wrong")
    sys.exit(1 if bad or said.returncode else 0)


if __name__ == "__main__":
    main()
