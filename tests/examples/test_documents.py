"""What the documents name is there: links, files of src/, tests."""

import re

import pytest

import harness

TOP = harness.TOP
PAGES = [p for p in [*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md"), *(TOP / "src").rglob("*.md"),
                     *(TOP / "examples").glob("*.md"), *(TOP / "tests").glob("*.md")]]


def name_of(page):
    return page.relative_to(TOP).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


def test_security_names_what_is_there():
    text = (TOP / "SECURITY.md").read_text(encoding="utf-8")
    scenarios = "\n".join(p.read_text() for p in (TOP / "tests/scenarios").glob("test_*.py"))
    for file in set(re.findall(r"`(\w+/\w+\.(?:c|h|def))`", text)):
        assert (TOP / "src" / file).exists(), file
    for test in set(re.findall(r"`(test_\w+)`", text)):
        assert f"def {test}(" in scenarios, test
    for tests, file in re.findall(r"((?:`[a-z]\w+`(?:, )?)+) in `(\w+/\w+_test\.c)`", text):
        for test in re.findall(r"`(\w+)`", tests):
            assert f"{test}(void" in (TOP / "src" / file).read_text(), (test, file)
    for fuzzer in re.findall(r"fuzzers? `(\w+)`(?: and `(\w+)`)?", text):
        for name in filter(None, fuzzer):
            assert (TOP / "fuzz" / f"{name}.c").exists(), name


def test_decisions_are_listed():
    folder = TOP / "docs/decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text())
    assert listed == sorted(p.name for p in folder.glob("0*.md"))


def test_rooms_are_listed():
    rooms = re.findall(r"^\| \[(\w+)\]", (TOP / "src/README.md").read_text(), re.M)
    assert sorted(rooms) == sorted(p.name for p in (TOP / "src").iterdir() if p.is_dir())


@pytest.mark.parametrize("room", ["conn", "request", "store"])
def test_pages_of_rooms_name_their_files_and_functions(room):
    folder = TOP / "src" / room
    text = (folder / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"^\| `([\w.]+)`", text, re.M)
    assert sorted(files) == sorted(p.name for p in folder.iterdir()
                                   if p.suffix in (".c", ".h") and not p.stem.endswith("_test"))
    code = "\n".join(p.read_text() for p in (TOP / "src").rglob("*.c"))
    for function in set(re.findall(r"`(\w+)\(\)`", text)):
        assert re.search(rf"^[\w*][^;\n]*\b{function}\([^;{{]*\n{{", code, re.M), function
