"""docs/compatibility.md says what tests/scenarios/compat.py would write: its rows, none red, each of
tests that are there."""

import re
import sys

from conftest import TOP

sys.path.insert(0, str(TOP / "tests/scenarios"))

import compat  # noqa: E402


def test_the_page_has_these_rows_and_none_is_red():
    page = compat.PAGE.read_text()
    told = dict(zip(compat.ROWS, re.findall(r"\| ([^|]*) \|$", page, re.M)[-len(compat.ROWS):]))
    assert page == compat.page(told.get), "`make compat` writes the page anew"
    assert all(re.fullmatch(r"ok, \d+ tests?", result) for result in told.values()), told


def test_each_row_has_a_test():
    for row in compat.ROWS:
        names = re.findall(r"^def (test_\w+)", (compat.HERE / f"{row.file}.py").read_text(), re.M)
        function = row.tests.split(r"\[")[0]  # without the cases of one
        assert any(re.match(function, name) for name in names), row
