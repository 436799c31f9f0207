#!/usr/bin/env python3
"""evaluate.py [--write] [FILE]: puts the held-out questions to the guide and counts.

FILE (hearth-guide.gguf) runs in the real llama-server, started by `hearth engines exec` as the daemon
would start it. The engine is a pack that is here (HEARTH_TEST_PACK, build/engines, the user's own), else one that
`hearth engines install llama.cpp` brings. Everything is asked twice. First all text of the training
is given to the engine's tokenizer, which has to agree with ours. --write: into EVALUATION.md."""

import concurrent.futures
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import text
import tokenizer

TOP = text.HERE.parent.parent
HEARTH = pathlib.Path(os.environ.get("HEARTH_BIN") or TOP / "build/release/hearth")
GOALS = {"paraphrases": 75, "refusals": 90}
LONG = 100  # tokens of an answer; the longest has some 60


def hearth(home, *words, **more):
    env = {**os.environ, "HEARTH_HOME": str(home), "NO_COLOR": "1"}
    return subprocess.run([HEARTH, *words], env=env, capture_output=True, text=True, **more)


def put_pack(home):
    """A llama.cpp for this home."""
    given = os.environ.get("HEARTH_TEST_PACK")
    folders = [pathlib.Path(given)] if given else []
    folders += [p.parent for data in (TOP / "build/engines/data", pathlib.Path.home() / ".local/share/hearth")
                for p in sorted(data.glob("engines/llama.cpp-*/pack.json"), reverse=True)]
    for folder in folders:
        if (folder / "pack.json").exists():
            shutil.copytree(folder, home / "data/engines" / folder.name, symlinks=True)
            return
    done = hearth(home, "engines", "install", "llama.cpp", timeout=600)
    if done.returncode:
        sys.exit(f"no llama.cpp here, and none to be had:\n{done.stderr}")


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """llama-server with the guide, in a home of its own."""

    def __init__(self, model):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="guide-"))
        (self.home / "config").mkdir(mode=0o700)
        (self.home / "config/hearth.yaml").write_text(f"models:\n  guide:\n    file: {model}\n    parallel: 4\n    ctx: 512\n")
        self.said, self.proc = self.home / "said", None
        try:
            put_pack(self.home)
            self.version = self.engine_version()
            env = {**os.environ, "HEARTH_HOME": str(self.home), "NO_COLOR": "1"}
            with open(self.said, "wb") as out:
                self.proc = subprocess.Popen([HEARTH, "engines", "exec", "guide"], env=env, stdout=out, stderr=out,
                                             stdin=subprocess.DEVNULL)
            until = time.monotonic() + 60
            while not self.ready():
                if self.proc.poll() is not None or time.monotonic() > until:
                    sys.exit(f"the engine does not come up:\n{self.words()}")
                time.sleep(0.05)
        except BaseException:
            self.close()
            raise

    def engine_version(self):
        return ", ".join(json.loads(p.read_text())["version"] for p in self.home.glob("data/engines/*/pack.json"))

    def words(self):
        return self.said.read_text(errors="replace")

    def ready(self):
        with contextlib.suppress(OSError, AttributeError, TypeError, http.client.HTTPException):
            return self.ask("GET", "/health")[0] == 200
        return False

    def ask(self, method, path, body=None):
        wire = Unix(re.search(r"--unix-socket (\S+)", self.words())[1])
        key = re.search(r"Bearer (\w+)", self.words())[1]
        wire.request(method, path, json.dumps(body) if body is not None else None,
                     {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
        answer = wire.getresponse()
        said = answer.status, json.loads(answer.read())
        wire.close()
        return said

    def chat(self, question):
        status, said = self.ask("POST", "/v1/chat/completions",
                                {"model": "guide", "max_tokens": LONG, "messages": [{"role": "user", "content": question}]})
        if status != 200:
            raise RuntimeError(f"{question!r}: {status} {said}")
        return said["choices"][0]["message"]["content"]

    def tokens(self, words):
        return self.ask("POST", "/tokenize", {"content": words, "add_special": False, "parse_special": False})[1]["tokens"]

    def close(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            self.proc.wait(20)
        shutil.rmtree(self.home, ignore_errors=True)


def same_tokens(engine, corpus, tokens):
    """Texts that the engine's tokenizer reads otherwise than ours: none."""
    rng = random.Random("tokens")
    texts = [a.text for a in corpus.answers.values()] + [corpus.sample(rng)[0] for _ in range(2000)]
    texts += [q.lower() for q, _ in corpus.paraphrases()] + [q.lower() for q in corpus.refused]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [t for t, theirs in zip(texts, pool.map(engine.tokens, texts)) if theirs != tokens.encode(t)], len(texts)


def share(part, whole):
    return 100 * part / whole


def one_pass(engine, corpus):
    """(what was said to each paraphrase, what to each unrelated question)"""
    asked, other = corpus.paraphrases(), corpus.refused
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        said = list(pool.map(engine.chat, [q for q, _ in asked] + other))
    return said[:len(asked)], said[len(asked):]


def search(corpus):
    """How often `hearth help` finds the same page without a model: first, and among its three."""
    first = three = 0
    for question, name in corpus.paraphrases():
        words = [w for w in re.findall(r"[\w.]+", question)]
        said = hearth("/nonexistent", "help", "--", *words).stdout
        titles = [said.split("\n", 1)[0]] + re.findall(r"^  hearth help \S+ +(.*)$", said, re.M)
        first += titles[0] == corpus.answers[name].title
        three += corpus.answers[name].title in titles
    return first, three


def report(file, engine, corpus, passes, found, wrong_tokens):
    asked, other = corpus.paraphrases(), corpus.refused
    right = [sum(text.is_right(corpus.answers[n], s) for (_, n), s in zip(asked, said)) for said, _ in passes]
    refused = [sum(text.is_right(corpus.answers[text.REFUSAL], s) for s in said) for _, said in passes]
    scores = {"paraphrases": [share(n, len(asked)) for n in right], "refusals": [share(n, len(other)) for n in refused]}
    rows = ["| | asked | first pass | second pass | to reach |", "| --- | --- | --- | --- | --- |"]
    for name, of in (("paraphrases", asked), ("refusals", other)):
        a, b = scores[name]
        rows.append(f"| {name} | {len(of)} | {a:.1f} % | {b:.1f} % | {GOALS[name]} % |")
    rows.append(f"| `hearth help` finds the page of a paraphrase, without a model | {len(asked)} "
                f"| {share(found[0], len(asked)):.1f} % first | {share(found[1], len(asked)):.1f} % of three | |")
    lines = ["# The guide, judged", "", "Written by `make guide-eval`.", "", *rows, "",
             f"{file.name}: {file.stat().st_size} bytes, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}; "
             f"llama.cpp {engine.version}; {datetime.date.today()}. Of {wrong_tokens[1]} texts the engine's tokenizer "
             f"reads {len(wrong_tokens[0])} otherwise than the training's.", "",
             "A paraphrase is right if the answer holds the commands and words that its page lists, and no command",
             "that is not the page's. Its line was never trained on; every second one stands in a frame that was not",
             "either. A refusal is right if it says that it knows only hearth and names `hearth run FILE.gguf`; nothing",
             "of its topic was trained on.", "", "## Wrong in the first pass", "", "| asked | to be | said |",
             "| --- | --- | --- |"]
    said, no = passes[0]
    for (question, name), answer in [*zip(asked, said), *((((q, text.REFUSAL)), s) for q, s in zip(other, no))]:
        if not text.is_right(corpus.answers[name], answer):
            told = next((a.name for a in corpus.answers.values() if a.text == answer), " ".join(answer.split())[:80])
            lines.append(f"| {question} | {name} | {told.replace('|', ' ')} |")
    good = all(min(v) >= GOALS[k] and max(v) - min(v) <= 3 for k, v in scores.items()) and not wrong_tokens[0]
    return "\n".join(lines) + "\n", rows, good


def main():
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    file = pathlib.Path(names[0] if names else text.HERE / "hearth-guide.gguf").resolve()
    corpus = text.Text()
    engine = Engine(file)
    try:
        tokens = tokenizer.Tokenizer(pieces_of(file))
        wrong_tokens = same_tokens(engine, corpus, tokens)
        passes = [one_pass(engine, corpus) for _ in range(2)]
        page, rows, good = report(file, engine, corpus, passes, search(corpus), wrong_tokens)
    finally:
        engine.close()
    print("\n".join(rows))
    if wrong_tokens[0]:
        print(f"tokenized otherwise: {wrong_tokens[0][:3]}")
    if "--write" in sys.argv:
        (text.HERE / "EVALUATION.md").write_text(page, encoding="utf-8")
    sys.exit(0 if good else 1)


def pieces_of(file):
    """The joined pieces of the vocabulary, out of the file itself."""
    raw = file.read_bytes()
    at = raw.index(b"tokenizer.ggml.tokens") + len("tokenizer.ggml.tokens") + 8
    count, at, pieces = int.from_bytes(raw[at:at + 8], "little"), at + 8, []
    for _ in range(count):
        n = int.from_bytes(raw[at:at + 8], "little")
        pieces.append(raw[at + 8:at + 8 + n].decode())
        at += 8 + n
    return pieces[len(tokenizer.MARKS) + 256 + 95:]


if __name__ == "__main__":
    main()
