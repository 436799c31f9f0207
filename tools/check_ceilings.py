#!/usr/bin/env python3
"""check_ceilings.py [ROOT]: how big things may grow, and where state may hide.

Big functions, files and structs are never made small later, so the ceilings hold from the first
commit. What is over one needs a line with its reason in tools/exceptions.txt; a line that is no
longer needed is a finding too, so the list can only shrink by itself."""

import sys

import cscan
from house import Exceptions, Findings, c_files, in_src, is_test, read, root_of

FUNCTION_LINES = 100
FILE_LINES = 800
HEADER_LINES = 150
STRUCT_FIELDS = 30
PARAMETERS = 6
# The only files that may keep something that changes outside a function's own frame.
MAY_KEEP_STATE = ("base/log.c", "daemon/main.c")


def is_public_header(place):
    """room/room.h, or any header of base/."""
    parts = place.split("/")
    return place.endswith(".h") and len(parts) == 2 and (
        parts[0] == "base" or parts[1] == parts[0] + ".h")


def check_file(root, path, found, allowed):
    rel, place = path.relative_to(root).as_posix(), in_src(root, path)
    text = read(path)
    lines = len(text.splitlines())
    if not allowed.allow("file", rel, lines, FILE_LINES):
        found.add(path, 1, "file", f"{lines} lines; at most {FILE_LINES}")
    if is_public_header(place) and not allowed.allow("header", rel, lines, HEADER_LINES):
        found.add(path, 1, "header", f"{lines} lines in a public header; at most {HEADER_LINES}")

    toks = cscan.tokens(text)
    for f in cscan.functions(toks):
        long = f.end - f.line + 1
        if not allowed.allow("function", f"{rel}:{f.name}", long, FUNCTION_LINES):
            found.add(path, f.line, "function", f"{f.name} has {long} lines; at most {FUNCTION_LINES}")
        if not allowed.allow("parameters", f"{rel}:{f.name}", len(f.params), PARAMETERS):
            found.add(path, f.line, "parameters",
                      f"{f.name} takes {len(f.params)}; at most {PARAMETERS}")
    for s in cscan.structs(toks):
        if not allowed.allow("struct", f"{rel}:{s.name}", s.fields, STRUCT_FIELDS):
            found.add(path, s.line, "struct", f"{s.name} has {s.fields} fields; at most {STRUCT_FIELDS}")
    if place and not is_test(root, path) and place not in MAY_KEEP_STATE:
        for v in cscan.variables(toks):
            if not allowed.allow("mutable", f"{rel}:{v.name}", 1, 0):
                found.add(path, v.line, "mutable",
                          f"{v.name} can change and outlives its function: pass it in instead")


def main():
    root = root_of(sys.argv)
    found = Findings(root)
    allowed = Exceptions(root, found, "ceilings")
    for path in c_files(root, "src", "tests", "fuzz"):
        check_file(root, path, found, allowed)
    allowed.finish()
    found.finish("ceilings")


if __name__ == "__main__":
    main()
