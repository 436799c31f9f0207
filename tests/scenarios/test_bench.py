"""`hearth bench`: the mock, the generator, both through a daemon, and gateways that answer wrongly."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest

import client
import engines
import harness


class Mock:
    """`hearth bench upstream`."""

    def __init__(self, ground, *args):
        home = ground.folder("m")
        self.proc = subprocess.Popen(
            [ground.program("hearth"), "bench", "upstream", *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, env=ground.environment(home),
            preexec_fn=harness.die_with_us, **ground.rules)
        said = self.proc.stdout.readline()
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", said)[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self):
        self.proc.kill()
        self.proc.wait(5)
        self.proc.stdout.close()


@pytest.fixture(scope="module")
def mock(ground):
    m = Mock(ground)
    yield m
    m.close()


@pytest.fixture(scope="module")
def daemon(shared, mock):
    entry = {"kind": "openai_compatible", "base_url": mock.url + "/v1", "models": ["bench"]}
    return shared.home({"providers": {"mock": entry}}).up()


def measure(daemon, url, *args, code=0):
    got, out, err = daemon.hearth("bench", "gateway", url, "--seconds", "0.5", "--json", *args,
                                  timeout=60)
    assert got == code, (out, err)
    return json.loads(out)["measured"][0]["rounds"][0]


class Liar:
    """An HTTP server of sorts. `answer` gets the number that the question begins with and how many
    were asked before."""

    def __init__(self, answer):
        self.answer, self.asked, self.keys = answer, 0, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.talk, args=self.listener.accept()[:1], daemon=True).start()

    def talk(self, wire):
        with wire, contextlib.suppress(OSError):
            while request := wire.recv(65536):
                nonce = re.search(rb'"content":"(\d{10})', request)[1].decode()
                self.keys |= {m[1].decode() if (m := re.search(rb"Bearer (\S+)", request)) else None}
                self.asked += 1
                wire.sendall(self.answer(nonce, self.asked - 1))

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@contextlib.contextmanager
def liar(answer):
    made = Liar(answer)
    try:
        yield made
    finally:
        made.close()


def whole(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_the_mock_is_what_a_client_expects(mock):
    answer = client.chat(mock.port, model="bench").json()
    assert answer["choices"][0]["message"]["content"] == "0000000000 w1 w2 w3"
    answer = client.chat(mock.port, model="bench", max_tokens=2).json()
    assert answer["choices"][0]["message"]["content"] == "0000000000 w1"
    with client.Stream(mock.port, model="bench", max_tokens=5,
                       stream_options={"include_usage": True}) as stream:
        events = stream.rest()
    assert client.contents(events) == ["0000000000", " w1", " w2", " w3", " w4"]
    assert client.event_json(events[-2])["usage"]["completion_tokens"] == 5
    assert client.is_done(events[-1])
    listed = client.ask(mock.port, "GET", "/v1/models").json()
    assert [m["id"] for m in listed["data"]] == ["bench"]
    assert client.ask(mock.port, "GET", "/nothing").status == 404


@pytest.mark.parametrize("options", [[], ["--stream"], ["--stream", "--chunks", "100"],
                                     ["--body", "256K"], ["--rate", "100"]])
def test_through_the_daemon(daemon, options):
    got = measure(daemon, f"http://127.0.0.1:{daemon.port}", "--connections", "8", *options)
    assert got["exact"] and got["wrong"] == 0 and got["requests"] > 0, got


def test_against(daemon, mock):
    code, out, _ = daemon.hearth("bench", "gateway", f"http://127.0.0.1:{daemon.port}/v1", "--against",
                                 mock.url, "--seconds", "0.05")
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert rows[f"http://127.0.0.1:{daemon.port}/v1"][-1] == rows[mock.url][-1] == "0"
    assert 0 < float(rows["ratio"][0]) < 1  # the way through the daemon is the slower one
    assert "each answer's text was checked" in out


def test_an_upstream_that_answers_wrongly_is_found(shared, daemon):
    fake = shared.fake("breaks")
    own = shared.daemon(fake, config={"providers": {"breaks": {**fake.provider(), "models": ["bench"]}}})
    url = f"http://127.0.0.1:{own.port}"
    assert measure(daemon, url, "--stream")["wrong"] == 0
    fake.script("reset=2")
    code, out, err = daemon.hearth("bench", "gateway", url, "--seconds", "0.1", "--stream")
    assert code == 1 and not out, out


def said(text):
    return whole(json.dumps({"choices": [{"index": 0, "message": {"content": text}}]}).encode())


def test_answers_to_other_questions_are_found(daemon):
    """Right for the first who asks, then the same again: as from a cache that takes no heed."""
    first = []

    def answer(nonce, n):
        if n == 0:
            first.append(nonce)
        return said(f"{first[0]} w1 w2 w3")

    with liar(answer) as server:
        got = measure(daemon, server.url, code=1)
        assert got["exact"] and got["wrong"] > 0 and got["requests"] == 0, got
        assert "another question" in got["why"]


def test_a_text_that_lacks_a_piece_is_found(daemon):
    with liar(lambda nonce, n: said(f"{nonce} w1 w2 w3" if n < 50 else f"{nonce} w1 w3")) as server:
        got = measure(daemon, server.url, code=1)
        assert got["exact"] and got["wrong"] > 0 and "not what the mock said" in got["why"], got


def test_without_the_mock_the_form_is_checked(daemon):
    with liar(lambda nonce, n: said("whatever")) as server:
        got = measure(daemon, server.url)
        assert not got["exact"] and got["wrong"] == 0 and got["requests"] > 0
    for answer, words in [(whole(b'{"choices": 5}'), "no choices"), (said("so") + b"x", "answer nothing"),
                          (said("so")[:-1] + b"]", "no valid JSON"), (b"HTTP/1.1 2OO OK\r\n\r\n", "")]:
        with liar(lambda nonce, n, answer=answer: answer) as server:
            code, _, err = daemon.hearth("bench", "gateway", server.url, "--seconds", "0.1")
            assert code == 1 and words in err, err


def test_each_address_gets_its_own_key(daemon):
    def keys(**env):
        with liar(lambda nonce, n: said("so")) as one, liar(lambda nonce, n: said("so")) as other:
            code, _, err = daemon.hearth("bench", "gateway", one.url, "--against", other.url,
                                         "--seconds", "0.05", env=env)
            assert code == 0, err
            return one.keys, other.keys

    assert keys() == ({None}, {None})
    assert keys(HEARTH_BENCH_KEY="hk_one") == ({"hk_one"}, {None})
    assert keys(HEARTH_BENCH_KEY="", HEARTH_BENCH_AGAINST_KEY="hk_two") == ({None}, {"hk_two"})
    code, _, err = daemon.hearth("bench", "gateway", "http://127.0.0.1:1", "--key", "hk_one")
    assert code == 2 and "--key" in err


def test_what_to_do_when_it_cannot_begin(daemon):
    def says(url, *args):
        code, out, err = daemon.hearth("bench", "gateway", url, "--seconds", "0.1", *args)
        assert code != 0 and not out
        return code, err

    here = f"http://127.0.0.1:{daemon.port}"
    assert says(here, "--model", "absent")[0] == 4
    assert "--model" in says(here, "--model", "absent")[1]
    assert "nothing listens" in says(f"http://127.0.0.1:{harness.free_port()}")[1]
    assert "plain http" in says("https://127.0.0.1:1")[1]
    assert says("http://127.0.0.1:1", "--body", "much")[0] == 2
    with liar(lambda nonce, n: b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n") as server:
        assert "HEARTH_BENCH_KEY" in says(server.url)[1]


# --- the table of `make bench` ---------------------------------------------------------------------


def test_the_table_is_made():
    env = {**os.environ, "HEARTH_BIN": str(harness.program("hearth"))}
    done = subprocess.run(
        [sys.executable, harness.TOP / "tests/bench/run.py", "--only", "hearth", "--cells", "1k-1,sse-1",
         "--rounds", "1", "--seconds", "0.2"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines()]
    for cell in ("1k-1", "sse-1"):
        for name in ("direct", "hearth"):
            assert any(row[1:3] == [cell, name] and float(row[3].replace(",", "")) > 0
                       for row in rows if len(row) > 3), done.stdout
    assert "FAILED: " not in done.stdout


def test_the_table_of_decoding_is_made(ground):
    """`make bench BENCH=--decode`, with a model that answers quickly."""
    engines.real_pack_folder(ground)  # or it is skipped
    env = {**os.environ, "HEARTH_BIN": str(harness.program("hearth"))}
    done = subprocess.run(
        [sys.executable, harness.TOP / "tests/bench/run.py", "--decode", "--model", "tiny", "--rounds", "1", "--times",
         "1", "--tokens", "16", "--past"], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    for streams in ("1", "4"):
        for name in ("llama-server", "hearth", "the same, past hearth"):
            assert any(row[:2] == [streams, name] and float(row[2].replace(",", "")) > 0 for row in rows), done.stdout
    times = [row for row in rows if len(row) == 3 and row[1] not in ("hearth", "---")]
    assert len(times) == 6 and all(0 < float(row[1].split()[0]) < 60 for row in times), done.stdout


def test_a_failed_cell_has_no_figures():
    sys.path.insert(0, str(harness.TOP / "tests/bench"))
    import run
    results = run.Results()
    good = {"per_second": 100, "cpu": 1, "load_cpu": 1, "p50_us": 5, "p99_us": 9}
    for got in (good, {"failed": "3 wrong"}, good):
        results.add("1k-64", "hearth", got)
        results.add("1k-64", "haproxy", good)
    assert run.cell_row(results, "1k-64", "hearth")[2:4] == ["FAILED: 3 wrong", ""]
    assert run.cell_row(results, "1k-64", "haproxy")[2] == "100 (100 to 100)"
    ratio = next(r for r in run.target_rows(results, ["1k-64"]) if "HAProxy" in r[0])
    assert ratio[1:] == ["FAILED or not measured", "≥ 0.7×", "MISS"]
