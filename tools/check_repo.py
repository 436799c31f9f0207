#!/usr/bin/env python3
"""check_repo.py [ROOT]: what a commit may hold.

Nothing that is true on one machine only (its paths, a package mirror's host), no binary that is not
of a known kind, nothing big; and the two documents that people open first say what they must."""

import re
import sys

from house import Findings, kept_files, matches, read, root_of

# The patterns are spelt so that they do not match themselves here.
PRIVATE = (
    (re.compile(r"(?<![\w.-])/wor[k]/"), "a path of one machine"),
    (re.compile(r"\.\./share[d]\b"), "a path outside the repository"),
    (re.compile(r"\b(deb|security|snapshot|archive|ftp(\.\w\w)?)\.(debian|ubuntu)\.(org|com)\b|"
                r"\bfiles\.pythonhosted\.org\b|\bpypi\.org\b|\bstatic\.crates\.io\b|"
                r"\bproxy\.golang\.org\b|\bregistry\.npmjs\.org\b|\brepo1?\.maven\b"),
     "the host of a package registry: the machine's own configuration knows it"),
)
BINARY = ("*.png", "*.ico", "*.webp", "*.woff2", "*.wav", "*.gguf", "fuzz/corpus/*", "tests/data/*")
LARGEST = 1 << 20
LARGER = {"models/guide/hearth-guide.gguf": 8 << 20}
MUST_SAY = (
    ("CHANGELOG.md", re.compile(r"^#+ .*Unreleased", re.M), "a heading Unreleased"),
    ("README.md", re.compile(r"\bmake up\b"), "the command `make up`"),
    ("README.md", re.compile(r"\bmake check\b"), "the command `make check`"),
)


def check_file(root, path, found):
    name = path.relative_to(root).as_posix()
    data = path.read_bytes()
    most = LARGER.get(name, LARGEST)
    if len(data) > most:
        found.add(path, 1, "big", f"{len(data)} bytes; at most {most}")
    if matches(name, BINARY):
        return
    if b"\0" in data:
        found.add(path, 1, "binary", "not text, and not of a kind in the list of tools/check_repo.py")
        return
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        for pattern, what in PRIVATE:
            hit = pattern.search(line)
            if hit:
                found.add(path, number, "private", f"{hit[0]}: {what}")


def main():
    root = root_of(sys.argv)
    found = Findings(root)
    for path in kept_files(root):
        check_file(root, path, found)
    for name, pattern, what in MUST_SAY:
        path = root / name
        if not path.exists():
            found.add(path, 1, "missing", "the file is not there")
        elif not pattern.search(read(path)):
            found.add(path, 1, "missing", f"does not have {what}")
    found.finish("repository")


if __name__ == "__main__":
    main()
