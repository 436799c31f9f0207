"""A bad tree for each rule: the helper that writes a small repository and runs one check on it."""

import pathlib
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]


class Tree:
    """A small repository in a temporary folder."""

    def __init__(self, root):
        self.root = root

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text, encoding="utf-8")
        return self

    def check(self, name):
        """(exit code, lines) of tools/check_NAME.py on this tree."""
        done = subprocess.run([sys.executable, str(TOP / f"tools/check_{name}.py"), str(self.root)],
                              capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    def good(self, name):
        code, lines = self.check(name)
        assert code == 0, lines

    def bad(self, name, *beginnings):
        """The check fails, and says exactly these findings (each by its beginning)."""
        code, lines = self.check(name)
        assert code == 1, lines
        assert len(lines) == len(beginnings), lines
        for line, beginning in zip(lines, beginnings):
            assert line.startswith(beginning), lines


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)
