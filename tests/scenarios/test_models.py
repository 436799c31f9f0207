"""The models made for tests: are the files what they say, is nothing made twice, and does the real
llama.cpp load each and answer? The last is skipped where there is no pack or no bubblewrap."""

import array
import contextlib
import math
import os
import shutil
import struct
import subprocess

import pytest

import client
import engines  # first: it finds the makers of models
import gguf
from harness import die_with_us, wait_for

models = engines.make_test_models
SMALL = [n for n in models.RECIPES if not n.startswith("tinyllama")]
GOOD = [n for n in SMALL if not models.RECIPES[n].damage]
FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q"}


class Header:
    """The metadata and the tensors of a file, read as the format's description says."""

    def __init__(self, path):
        self.raw, self.at = path.open("rb").read(8 << 20), 24
        magic, version, tensors, pairs = struct.unpack("<4sIQQ", self.raw[:24])
        assert magic == b"GGUF" and version == 3
        self.pairs = {self.text(): self.value(self.take("I")) for _ in range(pairs)}
        self.tensors = {self.text(): (self.many("Q", self.take("I")), self.take("I"), self.take("Q"))
                        for _ in range(tensors)}
        self.data = self.at + -self.at % 32

    def take(self, letter):
        got, = struct.unpack_from("<" + letter, self.raw, self.at)
        self.at += struct.calcsize("<" + letter)
        return got

    def many(self, letter, n):
        return [self.take(letter) for _ in range(n)]

    def text(self):
        n = self.take("Q")
        self.at += n
        return self.raw[self.at - n:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner, n = self.take("I"), self.take("Q")
            return [self.value(inner) for _ in range(n)]
        return self.take(FIXED[kind])


def parts_of(name):
    path = models.path_of(name)
    return [path.parent / n for n in models.file_names(name, models.RECIPES[name])]


@pytest.mark.parametrize("name", GOOD)
def test_files_are_whole(name):
    kinds = {k.number: k for k in gguf.KINDS.values()}
    for path in parts_of(name):
        head, end = Header(path), 0
        for dimensions, kind, offset in head.tensors.values():
            assert offset == end and dimensions[0] % kinds[kind].values == 0
            end += kinds[kind].bytes_of(math.prod(dimensions))
            end += -end % 32
        assert path.stat().st_size == head.data + end


def test_a_model_in_parts():
    heads = [Header(p) for p in parts_of("parts")]
    assert [h.pairs["split.no"] for h in heads] == [0, 1, 2]
    assert {h.pairs["split.tensors.count"] for h in heads} == {sum(len(h.tensors) for h in heads)}


def test_numbers_are_sane():
    path = models.path_of("tiny")
    values = array.array("f", path.read_bytes()[Header(path).data:])
    assert all(math.isfinite(v) for v in values) and max(values) < 10


def test_nothing_is_made_twice(tmp_path):
    first = models.path_of("tiny-q4", tmp_path)
    made = first.stat()
    assert models.path_of("tiny-q4", tmp_path) == first and first.stat().st_ino == made.st_ino
    assert first.read_bytes() == models.path_of("tiny-q4").read_bytes() and os.listdir(tmp_path) == [first.name]


def test_holes_take_no_room():
    for name in (n for n, r in models.RECIPES.items() if r.sparse):
        seen = models.path_of(name).stat()
        assert seen.st_blocks * 512 < 16 << 20 < 1 << 30 < seen.st_size


# --- with the real engine -------------------------------------------------------------------------


@contextlib.contextmanager
def real_engine(ground, root, name, *args):
    """llama-server of a pack, in bubblewrap, with a made model: gives its socket, or None when it
    ended, and its log."""
    folder, model = ground.folder("real"), engines.model(ground, name)
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--setenv",
               "LLAMA_SERVER_ROUTER_PORT", "1", "--ro-bind", root, "/", "--proc", "/proc", "--dev", "/dev",
               "--tmpfs", "/tmp", "--bind", folder, "/run/hearth", "--ro-bind", model.parent, "/model",
               "/usr/bin/llama-server", "--host", "/run/hearth/e.sock", "-m", f"/model/{model.name}", "-c", "2048",
               "-np", "1", "--cache-ram", "0", "--fit", "off", "--offline", *args]
    with open(folder / "log", "wb") as log:
        proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, preexec_fn=die_with_us,
                                **ground.rules)

    def answers():
        if proc.poll() is not None:
            return True
        with contextlib.suppress(OSError, client.Cut):
            return client.ask(folder / "e.sock", "GET", "/health").status == 200
        return False
    try:
        wait_for(answers, 30)
        yield None if proc.poll() is not None else folder / "e.sock", (folder / "log").read_text(errors="replace")
    finally:
        proc.stdin.close()
        try:
            proc.wait(5)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait(5)


@pytest.fixture(scope="module")
def root(ground):
    if not shutil.which("bwrap"):
        pytest.skip("there is no bubblewrap to run the real engine in")
    source = engines.real_pack_folder(ground)
    root = source / "root" if (source / "root").is_dir() else source
    if not ground.may_enter(root):
        pytest.skip("the plain user cannot get to the pack")
    return root


def test_it_can_be_put_into_a_home(ground, real_pack):
    home = ground.folder("h")
    folder = real_pack(home)
    assert folder.parent == home / "data/engines" and (folder / "pack.json").stat().st_uid == ground.uid
    assert (folder / "root/usr/bin/llama-server").is_file()


@pytest.mark.parametrize("name", ["tiny", "tiny-q4", "tiny-q8", "tiny-f16", "small", "parts"])
def test_it_answers(ground, root, name):
    with real_engine(ground, root, name) as (socket, log):
        assert socket, log[-3000:]
        r = client.ask(socket, "POST", "/v1/chat/completions",
                       {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}, timeout=30).json()
    said = r["choices"][0]["message"]["content"]
    assert r["usage"]["completion_tokens"] == 50 and r["choices"][0]["finish_reason"] == "length"
    assert len(said.split()) == 50 and said.replace(" ", "").isalpha() and said.isascii()


def test_it_embeds_and_ranks(ground, root):
    with real_engine(ground, root, "embed", "--embedding") as (socket, log):
        assert socket, log[-3000:]
        r = client.ask(socket, "POST", "/v1/embeddings", {"input": ["time year", "other words"]}, timeout=30).json()
        one, two = (d["embedding"] for d in r["data"])
        assert len(one) == 64 and one != two and math.isclose(math.hypot(*one), 1, abs_tol=1e-3)
    with real_engine(ground, root, "rerank", "--reranking") as (socket, log):
        assert socket, log[-3000:]
        r = client.ask(socket, "POST", "/v1/rerank", {"query": "time", "documents": ["time", "way"]}, timeout=30)
        assert sorted(x["index"] for x in r.json()["results"]) == [0, 1]


@pytest.mark.parametrize("name,words", [
    ("bad-magic", "invalid magic"), ("truncated", "not within the file bounds"),
    ("unknown-architecture", "unknown model architecture: 'llamx'"), ("endless-tensors", "number of tensors"),
    ("endless-strings", "string length")])
def test_it_refuses(ground, root, name, words):
    with real_engine(ground, root, name) as (socket, log):
        assert socket is None and words in log and "exiting due to model loading error" in log
