"""`hearth mcp`, as programs that start an MCP server use it: both eras over a pipe, the official clients, and
what clients should not do."""

import contextlib
import json
import os
import pathlib
import queue
import shutil
import subprocess
import threading
import time

import pytest

import callers
import client
import harness
import shop
from harness import wait_for

LEGACY = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]
MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
TOOLS = ["local_llm_complete", "local_llm_embed"]
CLIENTS = harness.TOP / "build/clients"


class Server:
    """`hearth mcp`, and every line that it says."""

    def __init__(self, daemon, *words, modern=False, begin=True, reads=True):
        ground = daemon.ground
        self.modern, self.number, self.lines, self.late = modern, 0, queue.Queue(), []
        self.proc = subprocess.Popen([str(ground.program("hearth")), "mcp", *words], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=daemon.home,
                                     env=ground.environment(daemon.home), preexec_fn=harness.die_with_us,
                                     **ground.rules)
        self.reader = threading.Thread(target=self.read, daemon=True)
        if reads:
            self.reader.start()
        if begin and not modern:
            assert self.ask("initialize", protocolVersion=LEGACY[0], capabilities={},
                            clientInfo={"name": "t", "version": "1"})["result"]["serverInfo"]["name"] == "hearth"
            self.send("notifications/initialized")

    def read(self):
        for line in self.proc.stdout:
            self.lines.put(line)

    def raw(self, text):
        self.proc.stdin.write(text if isinstance(text, bytes) else text.encode())
        self.proc.stdin.flush()

    def send(self, method, number=None, **params):
        if self.modern and number is not None:
            params["_meta"] = {**META, **params.get("_meta", {})}
        self.raw(json.dumps({"jsonrpc": "2.0", **({} if number is None else {"id": number}), "method": method,
                             "params": params}) + "\n")

    def start(self, method, **params):
        """Asks, and returns the id; the answer is for answer()."""
        self.number += 1
        self.send(method, self.number, **params)
        return self.number

    def line(self, seconds=10):
        """The next message; whatever it is, it is JSON-RPC."""
        said = json.loads(self.lines.get(timeout=seconds))
        assert said["jsonrpc"] == "2.0" and said.get("id", 0) is not None, said
        return said

    def answer(self, number, seconds=10):
        for said in self.late:
            if said.get("id") == number:
                self.late.remove(said)
                return said
        while (said := self.line(seconds)).get("id") != number:
            self.late.append(said)
        return said

    def ask(self, method, **params):
        return self.answer(self.start(method, **params))

    def start_call(self, prompt, tool=TOOLS[0], meta=None, **more):
        about = {"_meta": meta} if meta else {}
        return self.start("tools/call", name=tool, arguments={"prompt": prompt, **more}, **about)

    def call(self, prompt, **more):
        return self.answer(self.start_call(prompt, **more))["result"]

    def alive(self):
        if self.modern:
            return "result" in self.ask("server/discover")
        return self.ask("ping")["result"] == {}

    def close(self, seconds=5):
        with contextlib.suppress(OSError):
            self.proc.stdin.close()
        try:
            code = self.proc.wait(seconds)
        finally:
            self.proc.kill()
            self.proc.wait()
            if self.reader.ident:
                self.reader.join(5)
        err = self.proc.stderr.read().decode(errors="replace")
        self.proc.stderr.close()
        self.proc.stdout.close()
        assert not harness.BAD_WORDS.search(err), err
        assert not err, err
        return code


@pytest.fixture(scope="module")
def place(shared):
    fake = shared.fake()
    daemon = shared.daemon(fake)
    daemon.fake = fake
    return daemon


@pytest.fixture(params=["legacy", "modern"])
def server(request, place):
    place.fake.clear()
    s = Server(place, modern=request.param == "modern")
    yield s
    assert s.close() == 0
    assert s.lines.empty() or all("params" in json.loads(s.lines.get()) for _ in range(s.lines.qsize()))


@pytest.fixture
def begun(place):
    """Of the legacy era, for what has nothing to do with eras."""
    place.fake.clear()
    s = Server(place)
    yield s
    s.close()


def text(result):
    assert [c["type"] for c in result["content"]] == ["text"]
    return result["content"][0]["text"]


def sent(place):
    return json.loads(place.fake.last()[0]["body"])


def free(place):
    """How many calls the provider has at this moment."""
    return place.fake.stats()["requests"]


# --- what it speaks -------------------------------------------------------------------------------


@pytest.mark.parametrize("asked, answered", [*((v, v) for v in LEGACY), (MODERN, LEGACY[0]), ("1999", LEGACY[0])])
def test_the_versions_that_begin_with_initialize(place, asked, answered):
    s = Server(place, begin=False)
    result = s.ask("initialize", protocolVersion=asked, capabilities={}, clientInfo={"name": "t", "version": "1"})
    assert result["result"]["protocolVersion"] == answered and result["result"]["capabilities"] == {"tools": {}}
    assert "resultType" not in result["result"]
    assert s.alive()
    assert [t["name"] for t in s.ask("tools/list")["result"]["tools"]] == TOOLS
    assert text(s.call("fake: nonce=v events=1")) == "v.0 "
    assert s.close() == 0


def test_the_version_of_each_request(place):
    s = Server(place, modern=True)
    found = s.ask("server/discover")["result"]
    assert found["supportedVersions"] == [MODERN] and found["capabilities"] == {"tools": {}}
    listed = s.ask("tools/list")["result"]
    for result in (found, listed):
        assert result["resultType"] == "complete" and result["ttlMs"] >= 0 and result["cacheScope"] == "public"
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "hearth"
    assert s.ask("tools/list")["result"] == listed
    assert [t["name"] for t in listed["tools"]] == TOOLS
    result = s.call("fake: nonce=w events=1")
    assert text(result) == "w.0 " and result["resultType"] == "complete" and not result["isError"]
    assert s.ask("ping")["error"]["code"] == -32601
    refused = s.ask("tools/list", _meta={"io.modelcontextprotocol/protocolVersion": "1900-01-01"})["error"]
    assert refused["code"] == -32022 and refused["data"] == {"supported": [MODERN], "requested": "1900-01-01"}
    assert s.ask("tools/list", _meta={"io.modelcontextprotocol/clientCapabilities": None})["error"]["code"] == -32602
    s.modern = False
    assert s.ask("tools/list")["error"]["code"] == -32602  # of neither era
    s.modern = True
    assert s.alive()
    assert s.close() == 0


def test_both_eras_in_one_process(begun):
    legacy = begun.ask("tools/list")["result"]["tools"]
    begun.modern = True
    assert begun.ask("tools/list")["result"]["tools"] == legacy
    begun.modern = False
    assert begun.alive()


# --- tools ----------------------------------------------------------------------------------------


def test_a_completion(server, place):
    result = server.call("fake: nonce=x events=3", system="be short", max_tokens=7, temperature=0.5, stop=["#"])
    assert text(result) == "x.0 x.1 x.2 " and not result["isError"]
    told = result["structuredContent"]
    assert told["text"] == text(result) and told["model"] == "fake-model" and told["finish_reason"] == "stop"
    assert told["usage"]["total_tokens"] == told["usage"]["prompt_tokens"] + told["usage"]["completion_tokens"] > 0
    asked = sent(place)
    assert asked["messages"] == [{"role": "system", "content": "be short"},
                                 {"role": "user", "content": "fake: nonce=x events=3"}]
    assert (asked["max_tokens"], asked["temperature"], asked["stop"]) == (7, 0.5, ["#"])
    row = place.rows(most=1)[0]
    assert (row["outcome"], row["who"]) == ("OK", "owner")


def test_a_conversation_and_the_names_with_a_colon(server, place):
    talk = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"},
            {"role": "user", "content": "fake: nonce=c events=1"}]
    number = server.start("tools/call", name="local_llm:complete", arguments={"messages": talk})
    assert text(server.answer(number)["result"]) == "c.0 "
    assert sent(place)["messages"] == talk


def test_the_usual_model(place):
    s = Server(place, "--model", "nothing-of-this-name")
    result = s.call("x")
    assert result["isError"] and "nothing-of-this-name" in text(result)
    assert not s.call("x", model="fake-model")["isError"]
    assert s.close() == 0


@pytest.mark.parametrize("prompt, says", [("fake: status=500 message=broken", "broken"),
                                          ("fake: reset=2", "broke off"),
                                          ("fake: status=429 message=slow%20down", "slow down")])
def test_what_fails_is_told_to_the_model(server, prompt, says):
    result = server.call(prompt)
    assert result["isError"] and says in text(result), result
    assert server.alive()


def test_a_model_that_is_not_there(server):
    result = server.call("x", model="fake-modal")
    assert result["isError"] and "fake-modal" in text(result) and "fake-model" in text(result)


def test_arguments_that_are_wrong_are_told_to_the_model(server, place):
    for arguments, says in (({}, "either prompt or messages"), ({"prompt": 3}, "prompt"),
                            ({"prompt": "x", "temprature": 1}, "there is no argument temprature")):
        result = server.answer(server.start("tools/call", name=TOOLS[0], arguments=arguments))["result"]
        assert result["isError"] and says in text(result)
    assert server.ask("tools/call", name="bash")["error"]["code"] == -32602
    assert place.fake.stats()["requests"] == 0


def test_vectors(server, place):
    """They are what the daemon says itself."""
    asked = {"model": "fake-model", "input": ["a", "b"]}
    direct = place.ask("POST", "/v1/embeddings", asked)
    result = server.answer(server.start("tools/call", name=TOOLS[1], arguments=asked))["result"]
    vectors = [d["embedding"] for d in sorted(direct.json()["data"], key=lambda d: d["index"])]
    assert result["structuredContent"]["embeddings"] == vectors and not result["isError"]
    assert result["structuredContent"]["dimensions"] == len(vectors[0])


# --- what is wrong --------------------------------------------------------------------------------


WRONG = [
    ("{", -32700), ("nonsense", -32700), ("\x00\x01", -32700), (b"\xff\xfe\xfd", -32700), ('{"a":1}{"b":2}', -32700),
    ("[]", -32600), ('[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600), ("17", -32600), ("null", -32600),
    ('"ping"', -32600), ("{}", -32600), ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
    ('{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600), ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
    ('{"jsonrpc":2.0,"method":"ping"}', -32600), ("[" * 5000, -32700), ('{"a":' * 100 + "1" + "}" * 100, -32600),
]


@pytest.mark.parametrize("line, code", WRONG, ids=range(len(WRONG)))
def test_a_line_that_is_wrong(server, line, code):
    server.raw((line if isinstance(line, bytes) else line.encode()) + b"\n")
    said = server.line()
    assert said["error"]["code"] == code and said["error"]["message"] and "id" not in said
    assert server.alive()


def test_wrong_types_keep_their_id(server):
    for message, code in (({"id": "a", "method": 3}, -32600), ({"id": "b"}, -32600),
                          ({"id": "c", "method": "tools/call", "params": []}, -32602),
                          ({"id": "d", "method": "tools/call", "params": {"_meta": 3}}, -32602),
                          ({"id": "e", "method": "no/such", "params": {"_meta": META}}, -32601)):
        server.raw(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        said = server.answer(message["id"])
        assert said["error"]["code"] == code, said
    assert server.alive()


def test_a_line_that_is_too_long_and_the_next(server):
    server.raw(b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (9 << 20) + b'"}\n')
    assert server.line()["error"]["code"] == -32600
    assert server.alive()
    server.raw(b"y" * (20 << 20) + b"\n")
    assert server.line()["error"]["code"] == -32600
    result = server.call("fake: nonce=l events=1", system="z" * (7 << 20))
    assert text(result) == "l.0 "


def test_lines_that_come_in_pieces_and_blank_ones(server):
    number = 900
    line = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/list", "params": {"_meta": META}}).encode()
    server.raw(b"\n \r\n" + line[:20])
    time.sleep(0.05)
    server.raw(line[20:] + b"\r\n" + line.replace(b"900", b"901") + b"\n" + line.replace(b"900", b"902")[:-1])
    time.sleep(0.05)
    server.raw(b"}\n")
    for n in (900, 901, 902):
        assert len(server.answer(n)["result"]["tools"]) == 2


def test_the_last_line_needs_no_end(place):
    s = Server(place)
    s.raw(b'{"jsonrpc":"2.0","id":77,"method":"ping"}')
    s.proc.stdin.close()
    assert s.answer(77)["result"] == {}
    assert s.close() == 0


# --- several at once ------------------------------------------------------------------------------


def test_lines_are_read_while_calls_are_worked_on(begun, place):
    slow = [begun.start_call(f"fake: nonce=s{i} events=1 first_ms=700") for i in range(6)]
    assert begun.alive()
    wait_for(lambda: free(place) == 4)
    time.sleep(0.2)
    assert free(place) == 4  # no more at once
    assert begun.lines.empty() and not begun.late
    assert sorted(text(begun.answer(n)["result"]) for n in slow) == [f"s{i}.0 " for i in range(6)]


def test_too_many_at_once(begun):
    numbers = [begun.start_call("fake: events=1 first_ms=400") for _ in range(70)]
    results = [begun.answer(n, 30)["result"] for n in numbers[64:]]
    assert all(r["isError"] and "Too many calls" in text(r) for r in results)
    assert not begun.answer(numbers[0])["result"]["isError"]
    assert begun.alive()


def test_cancelled(server, place):
    number = server.start_call("fake: nonce=y events=100 gap_ms=100")
    wait_for(lambda: free(place) == 1)
    server.send("notifications/cancelled", requestId=number, reason="enough")
    wait_for(lambda: place.counts()["requests"] == 0)
    assert place.rows(most=1)[0]["outcome"] == "CLIENT_GONE"
    server.send("notifications/cancelled", requestId=number)  # once more, and what is not there
    server.send("notifications/cancelled", requestId="nothing")
    assert server.alive()
    time.sleep(0.3)
    assert server.lines.empty() and not any(m.get("id") == number for m in server.late)


def test_cancelled_before_its_turn(begun, place):
    first = [begun.start_call("fake: events=1 first_ms=500") for _ in range(4)]
    last = begun.start_call("fake: nonce=never events=1")
    begun.send("notifications/cancelled", requestId=last)
    for number in first:
        begun.answer(number)
    assert begun.alive()
    assert not any(m.get("id") == last for m in begun.late) and place.fake.stats()["requests"] == 4


def test_an_id_that_is_in_use(begun):
    begun.start_call("fake: nonce=i events=1 first_ms=500")
    number = begun.number
    begun.number -= 1
    begun.start_call("fake: nonce=j events=1")
    said = begun.line()
    assert said["error"]["code"] == -32600 and "id" not in said
    assert text(begun.answer(number)["result"]) == "i.0 "


def test_the_end_of_input_ends_what_runs(place):
    place.fake.clear()
    s = Server(place)
    s.start_call("fake: events=200 gap_ms=100")
    wait_for(lambda: free(place) == 1)
    began = time.monotonic()
    assert s.close() == 0
    assert time.monotonic() - began < 2
    wait_for(lambda: place.counts()["requests"] == 0)


def test_a_client_that_does_not_read(place):
    """It is not read from either, so that no more than a few MiB are kept; nothing is lost."""
    s = Server(place, begin=False, modern=True, reads=False)
    many = 4000
    lines = b"".join(json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/list", "params": {"_meta": META}})
                     .encode() + b"\n" for i in range(many))
    writes = harness.in_thread(lambda: s.raw(lines) or True)
    time.sleep(1)
    status = pathlib.Path(f"/proc/{s.proc.pid}/statm").read_text().split()
    if not place.ground.sanitized:
        assert int(status[1]) * os.sysconf("SC_PAGE_SIZE") < 40 << 20
    s.reader.start()
    assert [s.line(30)["id"] for _ in range(many)] == list(range(many))
    assert writes()
    assert s.close() == 0


def test_the_end_comes_while_much_is_unread(place):
    """All that was asked is answered to who still reads; who does not is not waited for."""
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}).encode() + b"\n"
    s = Server(place, begin=False, modern=True, reads=False)
    s.raw(line * 600)
    s.proc.stdin.close()
    time.sleep(0.5)
    s.reader.start()
    for _ in range(600):
        s.line()
    assert s.close() == 0
    s = Server(place, begin=False, modern=True, reads=False)
    s.raw(line * 600)
    s.proc.stdin.close()
    assert s.proc.wait(10) == 0
    assert s.close() == 0


def test_a_client_that_is_gone(place):
    s = Server(place, reads=False, begin=False)
    s.proc.stdout.close()
    s.raw(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
    assert s.proc.wait(5) == 1
    s.proc.stdin.close()
    assert b"nobody reads" in s.proc.stderr.read()
    s.proc.stderr.close()


# --- progress -------------------------------------------------------------------------------------


def test_progress_while_a_model_loads(make):
    s = shop.Shop(make, {"a": "tokens=4 load_ms=2600 steps=20"}, **shop.UNBOXED)
    server = Server(s.daemon)
    number = server.start_call("hi", meta={"progressToken": "tok"})
    quiet = server.start_call("hi")
    result = server.answer(number, 20)["result"]
    assert not result["isError"] and text(result) and result["structuredContent"]["model"] == "a"
    server.answer(quiet)
    told = [m["params"] for m in server.late]
    assert len(told) >= 2 and {t["progressToken"] for t in told} == {"tok"}
    assert [t["progress"] for t in told] == sorted({t["progress"] for t in told})
    assert any("loading a" in t["message"] and "%" in t["message"] for t in told), told
    assert server.close() == 0


def test_progress_while_it_speaks(begun):
    number = begun.start_call("fake: events=24 gap_ms=100", meta={"progressToken": 5})
    begun.answer(number)
    told = [m["params"]["message"] for m in begun.late]
    assert told and all("pieces of text so far" in m for m in told)


def test_a_real_engine(make, real_pack):
    s = shop.RealShop(make, {"a": "tiny"}, real_pack)
    server = Server(s.daemon)
    result = server.answer(server.start_call("hello", max_tokens=5), 60)["result"]
    assert not result["isError"] and text(result)
    told = result["structuredContent"]
    assert told["model"] == "a" and told["usage"]["completion_tokens"] == 5 and told["finish_reason"] == "length"
    assert server.close() == 0


def test_vectors_of_a_real_engine(make, real_pack):
    """As OpenAI's endpoint gives them, number by number."""
    s = shop.RealShop(make, {"e": ("embed", {"embedding": True})}, real_pack)
    server = Server(s.daemon)
    result = server.answer(server.start("tools/call", name="local_llm:embed", arguments={"input": ["cat", "sea"]}), 60)
    direct = client.ask(s.daemon.port, "POST", "/v1/embeddings", {"model": "e", "input": ["cat", "sea"]}, timeout=60)
    vectors = [d["embedding"] for d in direct.json()["data"]]
    assert result["result"]["structuredContent"]["embeddings"] == vectors and len(vectors[0]) > 8
    assert server.close() == 0


# --- without a daemon -----------------------------------------------------------------------------


def test_it_goes_on_without_a_daemon(make):
    daemon = make.home(harness.providers(make.fake()))
    s = Server(daemon)
    for tool, arguments in ((TOOLS[0], {"prompt": "x"}), (TOOLS[1], {"input": "x"})):
        result = s.answer(s.start("tools/call", name=tool, arguments=arguments))["result"]
        assert result["isError"] and "not running" in text(result) and "hearth up" in text(result)
    daemon.up()
    assert text(s.call("fake: nonce=u events=1")) == "u.0 "
    number = s.start_call("fake: events=100 gap_ms=100")
    wait_for(lambda: daemon.counts()["requests"] == 1)
    daemon.kill()
    result = s.answer(number)["result"]
    assert result["isError"] and "closed the connection" in text(result)
    assert s.alive()
    assert s.close() == 0


def test_a_client_that_hands_on_little(make):
    """The daemon of a login is found without the variable that says where its socket is."""
    callers.needs_root()
    daemon = make.home(harness.providers(make.fake()))
    ground, run = daemon.ground, pathlib.Path(f"/run/user/{daemon.ground.uid}")
    if run.exists():
        pytest.skip(f"{run} is somebody's")
    made = [p for p in (run.parent, run) if not p.exists()]
    try:
        run.mkdir(mode=0o700, parents=True)
        ground.own(run)
        (run / "hearth").symlink_to(daemon.home / "run")
        daemon.up()
        home = ground.folder("p")
        lines = b"".join(json.dumps({"jsonrpc": "2.0", "id": i, **m}).encode() + b"\n" for i, m in enumerate((
            {"method": "initialize", "params": {"protocolVersion": LEGACY[0]}},
            {"method": "tools/call", "params": {"name": TOOLS[0], "arguments": {"prompt": "fake: nonce=q events=1"}}})))
        proc = subprocess.Popen([str(ground.program("hearth")), "mcp"], stdin=subprocess.PIPE, cwd=home,
                                stdout=subprocess.PIPE, env={"HOME": str(home)}, **ground.rules)
        proc.stdin.write(lines)
        proc.stdin.flush()
        said = [json.loads(proc.stdout.readline()) for _ in range(2)]
        proc.stdin.close()
        assert proc.wait(5) == 0
        proc.stdout.close()
        assert text(said[1]["result"]) == "q.0 "
    finally:
        for path in reversed(made):
            shutil.rmtree(path, ignore_errors=True)


# --- the official clients -------------------------------------------------------------------------


def run_client(place, *words):
    """As who runs the tests: the interpreter may stand where the plain user cannot go."""
    proc = subprocess.run([*words, str(place.ground.program("hearth")), "mcp"], capture_output=True, timeout=60,
                          cwd=place.home, env={**place.ground.environment(place.home)}, stdin=subprocess.DEVNULL)
    assert proc.returncode == 0, proc.stderr.decode()[-3000:]
    assert not harness.BAD_WORDS.search(proc.stderr.decode()), proc.stderr.decode()
    return json.loads(proc.stdout)


@pytest.mark.parametrize("mode, version", [("auto", MODERN), ("legacy", LEGACY[0]), (MODERN, MODERN)])
def test_the_python_client(place, mode, version):
    python = CLIENTS / "venv/bin/python"
    if not python.exists() or not list(CLIENTS.glob("venv/lib/python3*/site-packages/mcp")):
        pytest.skip("the Python package mcp is not in build/clients/venv")
    said = run_client(place, str(python), str(harness.TOP / "tests/scenarios/mcp_client.py"), mode)
    assert said["version"] == version and said["tools"] == TOOLS and not said["error"]
    assert said["text"] == "n.0 n.1 n.2 " and said["structured"]["text"] == said["text"]
    assert said["told"] and all(message for _, _, message in said["told"])
    assert said["bad"][0] and "nothing-of-this-name" in said["bad"][1]
    assert said["unknown"] == -32602
    assert said["several"] == [f"k{i}.0 k{i}.1 " for i in range(12)]


NODE = {"legacy": ("sdk", "dist/esm/client/index.js", "dist/esm/client/stdio.js"),
        "modern": ("client", "dist/index.mjs", "dist/stdio.mjs")}


@pytest.mark.parametrize("era", NODE)
def test_the_node_client(place, era):
    package, *files = NODE[era]
    folder = CLIENTS / "node_modules/@modelcontextprotocol" / package
    if not folder.exists() or not shutil.which("node"):
        pytest.skip(f"the Node package @modelcontextprotocol/{package} is not in build/clients")
    script = harness.TOP / "tests/scenarios/mcp_client.mjs"
    said = run_client(place, "node", str(script), era, *(str(folder / f) for f in files))
    assert said["server"]["name"] == "hearth" and said["tools"] == TOOLS
    assert said["version"] in ([MODERN] if era == "modern" else [None, *LEGACY])
    assert said["text"] == "n.0 n.1 n.2 " and said["structured"]["model"] == "fake-model"
    assert said["told"] and said["stopped"] == "stopped"
    assert said["bad"][0] and "nothing-of-this-name" in said["bad"][1]
    assert said["unknown"] == -32602
    wait_for(lambda: place.counts()["requests"] == 0)
