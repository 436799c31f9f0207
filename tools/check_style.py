#!/usr/bin/env python3
"""check_style.py [ROOT]: habits that the compilers do not enforce.

The tables below are the rules: which functions are never called and what to use instead, which
library is named in which room, and what a C file must look like. Judged on tokens, so a word in a
comment or a string is no finding."""

import re
import sys

import cscan
from house import Exceptions, Findings, c_files, in_src, is_test, matches, read, root_of

COLUMNS = 100
ADAPTER_LINES = 5

# Never called, in tests neither: the name, and what to do instead.
BANNED = {
    "system": "a shell is never called: loop/ starts children",
    "popen": "a shell is never called: loop/ starts children",
    "execlp": "a shell is never called: loop/ starts children",
    "strcpy": "base/text.h copies with lengths",
    "strcat": "base/text.h puts texts together",
    "sprintf": "snprintf, or base/text.h",
    "vsprintf": "vsnprintf, or base/text.h",
    "gets": "read with a limit",
    "atoi": "it cannot fail: use a parser that can",
    "atol": "it cannot fail: use a parser that can",
    "strtok": "it writes into its input and keeps state",
    "alloca": "the stack is no allocator: use an arena",
}
# Only base/mem.c calls these; everybody else goes through it, so that a test can make it fail.
ALLOCATORS = ("malloc", "calloc", "realloc", "free", "strdup", "strndup")
# A library is one room's business: its header, how its names begin, where it may be named.
LIBRARIES = (
    ("uv.h", re.compile(r"(uv|UV)_\w+"), ("loop/*", "conn/*", "child/*")),
    ("openssl/ssl.h", re.compile(r"SSL_\w+"), ("tls/*",)),
    ("yyjson.h", re.compile(r"(yyjson|YYJSON)_\w+"), ("base/json*.c",)),
    ("llhttp.h", re.compile(r"(llhttp|HPE|LLHTTP)_\w+"), ("http/*",)),
    ("yaml.h", re.compile(r"yaml_(parser|emitter|event|document|token|node)_\w+|YAML_\w+"),
     ("base/yaml*.c",)),
    ("histedit.h", re.compile(r"(el|EL)_\w+|EditLine|HistEvent"), ("cli/chat_edit.c",)),
    ("zlib.h", re.compile(r"(in|de)flate[A-Z]\w*|z_stream|Z_\w+"), ("conn/unpack.c",)),
    ("zstd.h", re.compile(r"ZSTD_\w+"), ("conn/unpack.c",)),
    ("sqlite3.h", re.compile(r"(sqlite3|SQLITE)_\w+"), ("store/*",)),
)
# Rooms that exist to know the differences between systems.
MAY_BRANCH = ("os/*", "loop/*")
# Build options that may be asked elsewhere, and in which files.
BUILD_OPTIONS = {"HEARTH_TEST_ENDPOINTS": ("api/test_endpoints*.c", "api/endpoints.c")}
MAY_WRITE_JSON = ("base/json*.c",)

DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)", re.S)
HANDLE = re.compile(r"uv_\w+_t")


def check_lines(path, text, found):
    lines = text.split("\n")
    if text and lines[-1]:
        found.add(path, len(lines), "layout", "no newline at the end of the file")
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            found.add(path, number, "layout", "a tab")
        if line != line.rstrip():
            found.add(path, number, "layout", "blanks at the end of the line")
        if len(line) > COLUMNS:
            found.add(path, number, "layout", f"{len(line)} columns; at most {COLUMNS}")
        mark = re.search(r"\b(TODO|FIXME|XXX)\b", line)
        if mark:
            found.add(path, number, "unfinished", f"{mark[1]}: do it, or write an issue")


def check_head(path, toks, found):
    first = toks[0] if toks else None
    if not first or first.kind != "comment" or first.line > 1:
        found.add(path, 1, "head", "the file does not begin with a comment that says what it is for")
    if path.suffix == ".h" and not any(
            t.kind == "pp" and re.fullmatch(r"#\s*pragma\s+once", t.text.strip()) for t in toks):
        found.add(path, 1, "once", "a header needs `#pragma once`")


class Product:
    """Rules that hold for what ships; tests and fuzzers may break them."""

    def __init__(self, root, path, found, allowed):
        self.rel, self.place = path.relative_to(root).as_posix(), in_src(root, path)
        self.path, self.found, self.allowed = path, found, allowed

    def say(self, line, rule, name, words):
        if not self.allowed.allow(rule, f"{self.rel}:{name}", 1, 0):
            self.found.add(self.path, line, rule, words)

    def directives(self, toks):
        for t in toks:
            parts = DIRECTIVE.match(t.text) if t.kind == "pp" else None
            if not parts:
                continue
            verb, rest = parts[1], parts[2]
            if verb in ("if", "ifdef", "ifndef", "elif"):
                options = set(re.findall(r"HEARTH_\w+", rest))
                asked = any(o in BUILD_OPTIONS and matches(self.place, BUILD_OPTIONS[o])
                            for o in options)
                if not asked and not matches(self.place, MAY_BRANCH):
                    self.say(t.line, "branch", (rest.split() or ["?"])[0],
                             f"#{verb} outside os/ and loop/: what differs between systems is theirs")
            for header, _, places in LIBRARIES:
                if verb == "include" and rest.startswith(f"<{header}>") and \
                        not matches(self.place, places):
                    self.say(t.line, "library", header, f"<{header}> belongs to {' '.join(places)}")

    def names(self, toks):
        for i, t in enumerate(toks):
            if t.kind == "id":
                for _, name, places in LIBRARIES:
                    if name.fullmatch(t.text) and not matches(self.place, places):
                        self.say(t.line, "library", t.text,
                                 f"{t.text}: only {' '.join(places)} may name it")
                if t.text in ALLOCATORS and self.place != "base/mem.c" and used(toks, i):
                    self.say(t.line, "banned", t.text, f"{t.text}: memory comes from base/mem.h")
            elif t.kind == "str" and not matches(self.place, MAY_WRITE_JSON):
                if '{\\"' in t.text or '\\":' in t.text:
                    self.say(t.line, "json", t.text.split('\\"')[1],
                             "JSON in a string: base/json.h writes it, and cannot write it wrong")


def used(toks, i):
    """Is the function named by toks[i] called or handed over here (not a field, not a variable)?"""
    before = toks[i - 1].text if i else ""
    after = toks[i + 1].text if i + 1 < len(toks) else ""
    if before in (".", "->"):
        return False
    return after == "(" or (before in ("(", ",", "=", "&") and after in (")", ",", ";", "}"))


def check_typedefs(path, toks, found):
    for i, t in enumerate(toks):
        if t.text == "typedef" and toks[i + 1].text in ("struct", "union", "enum"):
            if not any(d.text == "(" for d in cscan.strip(cscan.split(toks[i:], ";")[0])):
                found.add(path, t.line, "typedef", f"write `{toks[i + 1].text} name`, never typedef it")


def check_jumps(path, function, found):
    """goto leads forward, to one label, and that is called out."""
    body, labels, jumps = function.body, [], []
    for i, t in enumerate(body[:-1]):
        if t.kind == "id" and body[i + 1].text == ":" and body[i - 1].text in (";", "{", "}", ":") \
                and t.text != "default":
            labels.append((t.text, i, t.line))
        if t.text == "goto":
            jumps.append((body[i + 1].text, i, t.line))
    for name, _, line in labels:
        if name != "out":
            found.add(path, line, "goto", f"label {name} in {function.name}: the one label is `out`")
    for _, _, line in labels[1:]:
        found.add(path, line, "goto", f"a second label in {function.name}: at most one")
    for name, at, line in jumps:
        if any(label == name and where < at for label, where, _ in labels):
            found.add(path, line, "goto", f"{function.name} jumps backwards: write a loop")


def check_adapter(path, function, found):
    """libuv calls functions that get a handle: those only hand over."""
    handles = [p[0].text for p in function.params
               if len(p) > 1 and HANDLE.fullmatch(p[0].text) and p[1].text == "*"]
    if not function.static or not set(handles) - {"uv_loop_t", "uv_buf_t"}:
        return
    last = len(function.body) - 1
    lines = {t.line for i, t in enumerate(function.body)
             if 0 < i < last and t.text not in ("{", "}")}
    if len(lines) > ADAPTER_LINES:
        found.add(path, function.line, "adapter",
                  f"{function.name} has {len(lines)} lines of code; a libuv callback has at most "
                  f"{ADAPTER_LINES}: find the owner, translate the status, hand over")


def check_file(root, path, found, allowed):
    text = read(path)
    toks = cscan.tokens(text)
    plain, place = cscan.code(toks), in_src(root, path)
    check_lines(path, text, found)
    check_head(path, toks, found)
    check_typedefs(path, plain, found)
    for i, t in enumerate(plain):
        if t.kind == "id" and t.text in BANNED and used(plain, i):
            found.add(path, t.line, "banned", f"{t.text}: {BANNED[t.text]}")
    for function in cscan.functions(toks):
        check_jumps(path, function, found)
        if matches(place, ("loop/*", "conn/*", "child/*")):
            check_adapter(path, function, found)
    if place and not is_test(root, path):
        product = Product(root, path, found, allowed)
        product.directives(toks)
        product.names(plain)


def main():
    root = root_of(sys.argv)
    found = Findings(root)
    allowed = Exceptions(root, found, "style")
    for path in c_files(root, "src", "tests", "fuzz"):
        check_file(root, path, found, allowed)
    allowed.finish()
    found.finish("style")


if __name__ == "__main__":
    main()
