"""The answers in docs/answers: each is whole, names only commands that there are, and can be told
from all others; the questions that the guide is trained on fit them."""

import re
import sys

import pytest

from conftest import TOP

sys.path.insert(0, str(TOP / "models/guide"))

import text  # noqa: E402

ANSWERS = text.answers()
PAGES = {p.stem: p.read_text(encoding="utf-8") for p in sorted((TOP / "docs/answers").glob("*.md"))}

# Commands and options that answers may name though they are not in the table of commands yet: they
# are being built as of 2026-11-30. One that has become real fails the test below: take it out here.
EXPECTED = set()  # commands that are told before they are there
EXPECTED_OPTIONS = set()
LATER = ("pull", "import", "search")  # nothing may promise these yet


def table():
    """{command: (whether it takes arguments, its options)} of the table of commands."""
    raw = (TOP / "src/cli/commands.def").read_text(encoding="utf-8")
    found, ids = {}, {}
    for name, words, arguments in re.findall(r'^COMMAND\((\w+), "([^"]+)", "([^"]*)"', raw, re.M):
        found[words], ids[name] = (bool(arguments), {"--help", "-h"}), words
    for name, option, letter in re.findall(r'^OPTION\((\w+), "([^"]+)", (?:\'(\w)\'|0)', raw, re.M):
        found[ids[name]][1].update({f"--{option}"} | ({f"-{letter}"} if letter else set()))
    for name, words in re.findall(r'^ALIAS\((\w+), "([^"]+)"', raw, re.M):
        found[words] = found[ids[name]]
    return found


TABLE = table()


def split(command, names):
    """(the longest of these names that the command begins with, its other words)"""
    words = command.split()[1:]
    for n in (2, 1):
        if " ".join(words[:n]) in names:
            return " ".join(words[:n]), words[n:]
    return None, words


def all_commands(page):
    """Every command of a page, also in its further paragraphs and in blocks of code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.M | re.S)
    lines = [ln.split("#")[0] for b in blocks for ln in b.splitlines()]
    return text.commands_in(page) | {c for ln in lines for c in text.commands_in(f"`{ln}`")}


@pytest.mark.parametrize("name", PAGES)
def test_commands_are_in_the_table(name):
    for command in sorted(all_commands(PAGES[name])):
        if command == "hearth":
            continue
        verb, rest = split(command, {*TABLE, *EXPECTED})
        assert verb, f"`{command}`: there is no such command"
        if verb not in TABLE:
            continue
        takes, options = TABLE[verb]
        for word in rest:
            known = word.split("=")[0] in options or (verb, word) in EXPECTED_OPTIONS
            assert known or (takes or len(rest) > 1) and not word.startswith("-"), f"`{command}`: {verb} takes no {word}"


def test_what_has_become_real_is_no_longer_expected():
    real = sorted(EXPECTED & set(TABLE)) + sorted(f"{v} {o}" for v, o in EXPECTED_OPTIONS if o in TABLE[v][1])
    assert not real, f"these exist now, take them out of the lists above: {real}"


def test_nothing_is_promised():
    for page in PAGES.values():
        for command in all_commands(page):
            assert command.split()[1:2] not in [[word] for word in LATER], command


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_whole(name):
    front = PAGES[name].split("\n---\n")[0].splitlines()
    assert [ln.split(":")[0] for ln in front] == ["---", "answer", "words", "commands", "holds"]
    answer = ANSWERS[name]
    assert answer.title.endswith("?") and answer.words and answer.text
    assert len(answer.text.split()) <= 50, "the first paragraph is what the guide says: shorter"
    assert PAGES[name].count("\n---\n") == 1
    assert max(map(len, PAGES[name].splitlines()[5:])) <= 110


@pytest.mark.parametrize("name", ANSWERS)
def test_only_its_own_answer_is_right(name):
    right = [a.name for a in ANSWERS.values() if text.is_right(ANSWERS[name], a.text)]
    assert right == [name]


def test_the_build_has_all_pages():
    built = re.search(r"foreach page : \[(.*?)\]", (TOP / "src/meson.build").read_text(encoding="utf-8"), re.S)
    assert re.findall(r"'([\w-]+)'", built[1]) == sorted(PAGES)


def test_what_is_judged_is_never_trained_on():
    corpus = text.Text()
    trained = [ln for lines in corpus.trained.values() for ln in lines]
    assert {ln.section for ln in corpus.held} == set(ANSWERS) - {text.REFUSAL}
    assert not set(trained) & set(corpus.held)
    assert 0.18 < len(corpus.held) / (len(corpus.held) + len(trained)) < 0.22
    asked = {q.lower().strip("?") for q, _ in corpus.paraphrases()}
    assert len(asked) > len(corpus.held) and not asked & corpus.said_in_training()
    assert len(corpus.refused) == len(set(corpus.refused)) == 200
    assert not set(corpus.refused) & {ln.text for lines in corpus.other.values() for ln in lines}
    assert not set(corpus.frames) & set(corpus.held_frames)


@pytest.mark.parametrize("said, right", [
    ("`hearth up --detach` starts it in the background", True),
    ("`hearth up --detach` starts it in the background, `hearth down` stops it", False),  # another page's
    ("`hearth up --detach` starts it", False),  # a word is missing
    ("hearth starts in the background", False),
])
def test_right_and_wrong(said, right):
    assert text.is_right(ANSWERS["start"], said) == right
