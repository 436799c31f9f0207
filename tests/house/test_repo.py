"""The repository check: what a commit may not hold."""

import pytest


@pytest.fixture
def repo(tree):
    tree.write("CHANGELOG.md", "# Changes\n\n## Unreleased\n")
    return tree.write("README.md", "Run `make up`, and `make check` to test.\n")


def test_good(repo):
    repo.write("docs/a.md", "A network/" "work/shared-out text; see https://www.debian.org/social.\n")
    repo.write("docs/picture.png", b"\x89PNG\0\0").write("fuzz/corpus/sse/a", b"\0\1")
    repo.good("repo")


@pytest.mark.parametrize("text", [
    "see " + "/wor" + "k/main/x",
    "see " + ".." + "/shared/DESIGN.md",
    "deb http://" + "deb.deb" + "ian.org/debian trixie main",
    "from http://" + "ftp.de.deb" + "ian.org/debian",
    "pip -i https://" + "py" + "pi.org/simple",
])
def test_private(repo, text):
    repo.write("docs/a.md", "line\n" + text + "\n")
    repo.bad("repo", "docs/a.md:2: private:")


def test_files(repo):
    repo.write("tools/thing", b"ELF\0").write("docs/big.md", "x" * 1100000)
    repo.bad("repo", "docs/big.md:1: big:", "tools/thing:1: binary:")


def test_documents(tree):
    tree.write("README.md", "Run `make up`.\n")
    tree.bad("repo", "CHANGELOG.md:1: missing: the file", "README.md:1: missing: does not have")


def test_the_guide_may_be_larger(repo):
    name = "models/guide/hearth-guide.gguf"
    repo.write(name, bytes(8 << 20))
    repo.good("repo")
    repo.write(name, bytes((8 << 20) + 1)).write("models/other.gguf", bytes(1100000))
    repo.bad("repo", f"{name}:1: big:", "models/other.gguf:1: big:")
