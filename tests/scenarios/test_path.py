"""docs/path-of-a-request.md says what happens: its moves are those of the log, in that order, and the
functions and files it names are there and do what it says."""

import re

import pytest

import harness

SRC = harness.TOP / "src"
DOCUMENT = harness.TOP / "docs/path-of-a-request.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
LOGGED = re.compile(r" debug (conn|request|provider) +id=(\d+) (\w+) -> (\w+) after \d+ us$", re.M)


def table(heading):
    """The rows of the first table below a heading, without its head."""
    part = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in ln.strip("|").split("|")]
            for ln in part.splitlines() if ln.startswith("|")]
    return rows[2:]


def moves():
    return [(room, tuple(move.split(" -> ")), made_by.strip("`()"), file.strip("`"))
            for room, move, made_by, file in table("Every move of it")]


def states_in_code():
    """REQUEST_STATES: name to (longest stay in ms, where it may go)."""
    text = re.sub(r"/\*.*?\*/", "", (SRC / "request/inside.h").read_text(), flags=re.S)
    found = re.findall(r"X\((\w+), (\d+), ([^\n]*)\)\s*\\?\n", text)
    return {name: (int(ms), tuple(re.findall(r"TO\((\w+)\)", to))) for name, ms, to in found}


def body_of(path, function):
    """The text of one function, from its name to the closing brace in the first column."""
    text = path.read_text(encoding="utf-8")
    found = re.search(rf"^[\w*][^;\n]*\b{function}\((?:[^;{{]*)\n{{\n(.*?)^}}", text, re.M | re.S)
    return found and found[1]


# --- against a real request -----------------------------------------------------------------------


def test_the_log_has_these_moves_in_this_order(make):
    daemon = make.daemon(make.fake(), config={"log": {"level": "debug"}})
    with daemon.stream("events=3") as stream:
        assert len(stream.rest()) > 3
        harness.wait_for(lambda: "FINISHING -> POOLED" in daemon.said())
    harness.wait_for(lambda: re.search(r"conn .*IDLE -> LINGER", daemon.said()))
    said = LOGGED.findall(daemon.said())
    ours = str(max(int(number) for room, number, _, _ in said if room == "conn"))  # the last one
    seen = [(room, (was, to)) for room, number, was, to in said if room != "conn" or number == ours]
    assert seen == [m[:2] for m in moves()]
    assert {number for room, number, _, _ in said if room != "conn"} == {"1"}, "one request"


# --- against the code ------------------------------------------------------------------------------


@pytest.mark.parametrize("room,move,function,file", moves(), ids=lambda v: None)
def test_the_function_makes_the_move(room, move, function, file):
    assert file.startswith(room + "/")
    body = body_of(SRC / file, function)
    assert body, f"there is no {function}() in {file}"
    state = f"REQUEST_{move[1]}" if room == "request" else move[1]
    assert re.search(rf"move\(\w+, {state}\)", body), f"{function}() does not move to {state}"


def test_the_states_are_those_of_the_table():
    units = {"s": 1000, "ms": 1}
    code, told = states_in_code(), table("The states of a request")
    assert [row[0] for row in told] == list(code)
    for name, _, stay, leads_to in told:
        ms, to = code[name]
        assert tuple(filter(None, re.split(r",\s*", leads_to))) == to, name
        number = re.fullmatch(r"(\d+) (s|ms)", stay)
        assert (int(number[1]) * units[number[2]] if number else 0) == ms, name


def test_the_head_of_request_c_has_the_same_moves():
    head = (SRC / "request/request.c").read_text().split("*/")[0]
    rows = re.findall(r"^ \* +(\w+) +-> (\w+) +(\w+)", head, re.M)
    code = states_in_code()
    before_the_end = [n for n in code if n not in ("SETTLING", "DONE")]
    told = {(was, to) for any_, to, _ in rows
            for was in (before_the_end if any_ == "any" else [any_])}
    assert told == {(name, to) for name, (_, tos) in code.items() for to in tos}
    for _, _, function in rows:
        assert any(body_of(SRC / "request" / f, function) for f in ("request.c", "stages.c")), function


def test_everything_named_is_there():
    files = {p.relative_to(SRC).as_posix() for p in SRC.rglob("*") if p.is_file()}
    code = "\n".join(p.read_text() for p in SRC.rglob("*.c"))
    for name in re.findall(r"`(\w+/\w+\.(?:c|h|def))`", TEXT):
        assert name in files, name
    for name in set(re.findall(r"`(\w+)\(\)`", TEXT)):
        assert re.search(rf"^[\w*][^;\n]*\b{name}\([^;{{]*\n{{", code, re.M), f"{name}()"


def test_settings_named_are_there():
    options = (SRC / "config/options.def").read_text()
    for name in set(re.findall(r"`((?:limits|request|upstream|queue|log)\.\w+)`", TEXT)):
        assert f'"{name}"' in options, name
