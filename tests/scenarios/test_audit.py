"""The row of a request says what happened, whatever words its client chose."""

import re

import pytest

import client
import harness

ROW = re.compile(r'id=\d+ kind=\w+ outcome=(\w+) status=(\d+) stream=\d tries=\S* [^"]* model="([^"]*)"')
NASTY = 'x" outcome=OK status=200 stream=0 model="y'
KNOWN = 'my "own" model outcome=HTTP_5XX'


@pytest.fixture(scope="module")
def daemon(shared):
    fake = shared.fake()
    return shared.daemon(fake, config={"providers": {fake.name: {"models": ["fake-model", KNOWN]}}})


def rows(daemon, number):
    mark = f" id={number.rpartition('-')[2]} "
    return [ln for ln in daemon.said().splitlines() if mark in ln and "audit" in ln]


def row(daemon, answer):
    """The one row of a request: its outcome, status and model."""
    number = answer.header("X-Request-Id")
    found = harness.wait_for(lambda: rows(daemon, number), 3)
    assert len(found) == 1, found
    hit = ROW.search(found[0])
    assert hit and found[0].endswith(hit[0]), f"not a row, or not its end: {found[0]!r}"
    assert found[0].isprintable()
    return hit[1], int(hit[2]), hit[3]


NAMES = {
    "blanks": "a name with blanks", "quotes": NASTY, "columns": "x outcome=OK status=200",
    "control": "\x01" * 512, "only-quotes": '"' * 40, "lines": "x\nid=7 kind=chat outcome=OK",
    "terminal": "x\r\x1b[2K outcome=OK", "backslash": "\\", "not-ascii": "\x7f\x9b\u00e9"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_is_no_column(daemon, name):
    before = daemon.said().count("outcome=")
    answer = daemon.chat("", model=name)
    assert answer.status == 404
    outcome, status, said = row(daemon, answer)
    assert outcome != "OK" and status == 404 and said
    assert not [ln for ln in daemon.said().splitlines() if ln.startswith("id=7 ")]
    assert daemon.said().count("outcome=") == before + 1 + name.count("outcome=")


def test_a_name_that_is_known(daemon):
    answer = daemon.chat("events=1", model=KNOWN)
    assert answer.status == 200
    assert row(daemon, answer)[:2] == ("OK", 200)
    answer = daemon.chat("status=500", model=KNOWN)
    assert answer.status >= 500
    assert row(daemon, answer)[0] != "OK"


def test_a_plain_name_is_said_as_it_is(daemon):
    assert row(daemon, client.chat(daemon.port, "events=1"))[2] == "fake-model"
