"""The row of a request says what happened, whatever words its client chose; so does its line in the log
at debug, and what people are shown."""

import re

import pytest

import client
import harness

LINE = re.compile(r'id=\d+ call=\w+ outcome=(\w+) status=(\d+) stream=\d tries=\S* [^"]* model="([^"]*)"')
NASTY = 'x" outcome=OK status=200 stream=0 model="y'
KNOWN = 'my "own" model outcome=HTTP_5XX'


@pytest.fixture(scope="module")
def daemon(shared):
    fake = shared.fake()
    return shared.daemon(fake, config={"log": {"level": "debug"},
                                       "providers": {fake.name: {"models": ["fake-model", KNOWN]}}})


def lines(daemon, number):
    mark = f" id={number.rpartition('-')[2]} call="
    return [ln for ln in daemon.said().splitlines() if mark in ln and "audit" in ln]


def line(daemon, answer):
    """The one line of a request: its outcome, status and model."""
    number = answer.header("X-Request-Id")
    found = harness.wait_for(lambda: lines(daemon, number), 3)
    assert len(found) == 1, found
    hit = LINE.search(found[0])
    assert hit and found[0].endswith(hit[0]), f"not a row, or not its end: {found[0]!r}"
    assert found[0].isprintable()
    return hit[1], int(hit[2]), hit[3]


NAMES = {
    "blanks": "a name with blanks", "quotes": NASTY, "columns": "x outcome=OK status=200",
    "control": "\x01" * 512, "only-quotes": '"' * 40, "lines": "x\nid=7 call=chat outcome=OK",
    "terminal": "x\r\x1b[2K outcome=OK", "backslash": "\\", "not-ascii": "\x7f\x9b\u00e9",
    "sql": "'; DROP TABLE request; --", "percent": "%00%s%n"}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_is_no_column(daemon, name):
    before = daemon.said().count("outcome=")
    answer = daemon.chat("", model=name)
    assert answer.status == 404
    outcome, status, said = line(daemon, answer)
    assert outcome != "OK" and status == 404 and said
    assert not [ln for ln in daemon.said().splitlines() if ln.startswith("id=7 ")]
    assert daemon.said().count("outcome=") == before + 1 + name.count("outcome=")
    row = daemon.row(answer)
    assert (row["outcome"], row["status"]) == ("NO_MODEL", 404)
    assert row["model"] and name.startswith(row["model"]) and len(row["model"]) >= min(len(name), 80)
    if len(name) <= 80:
        assert row["model"] == name
        found = daemon.rows(model=name)
        assert [r["seq"] for r in found] == [row["seq"]], "found by its name, and only that"
    for words in (["show", row["id"]], ["search", "-n", "1"]):
        code, out, err = daemon.hearth("requests", *words)
        assert code == 0 and not err
        assert all(ln.isprintable() for ln in out.splitlines()), out
        assert len([ln for ln in out.splitlines() if "NO_MODEL" in ln]) == 1


def test_a_name_that_is_known(daemon):
    answer = daemon.chat("events=1", model=KNOWN)
    assert answer.status == 200
    assert line(daemon, answer)[:2] == ("OK", 200)
    assert daemon.row(answer)["served"] == KNOWN
    answer = daemon.chat("status=500", model=KNOWN)
    assert answer.status >= 500
    assert line(daemon, answer)[0] != "OK"
    assert daemon.row(answer)["served"] == "", "nobody answered"


def test_a_plain_name_is_said_as_it_is(daemon):
    assert line(daemon, client.chat(daemon.port, "events=1"))[2] == "fake-model"


def test_at_info_the_log_has_no_line_a_request(make):
    daemon = make.daemon(make.fake())
    daemon.row(daemon.chat("events=1"))
    assert "outcome=" not in daemon.said()
