"""The ledger: one row for every request that was admitted, whatever became of it, and true in each of
its figures; none for what was refused before. What may be asked of it."""

import hashlib
import json
import signal
import time

import pytest

import client
import harness

CHAT = "/v1/chat/completions"
TIMES = ("total_us", "first_us", "upstream_us")


def sha(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module")
def fakes(shared):
    return [shared.fake(name, script="usage=always") for name in ("first", "spare")]


@pytest.fixture(scope="module")
def daemon(shared, fakes):
    return shared.daemon(*fakes, config={
        "limits": {"body_rate": "1KiB", "body_rate_time": "500ms", "body": "1MiB"},
        "request": {"total": "3s"}, "upstream": {"first_byte": "20s", "idle": "20s"}})


def one_row(daemon, act):
    """What act() returns, and the one row that it made."""
    newest = max([row["seq"] for row in daemon.rows(most=1)], default=0)
    given = act()
    made = harness.wait_for(lambda: daemon.rows(after=newest), 5)
    daemon.idle()
    time.sleep(0.1)
    made = daemon.rows(after=newest)
    assert len(made) == 1, made
    check_sense(made[0])
    return given, made[0]


def check_sense(row):
    """What must hold of any row."""
    states = row["states"]
    assert row["call"] == "chat" and row["dialect"] == "openai"
    assert row["parent"] == "" and row["run"] == "" and row["chain_version"] == 1
    assert all(us > 0 for us in states.values()), states
    assert sum(states.values()) <= row["total_us"] + 2000 and row["total_us"] > 0
    assert row["upstream_us"] <= row["total_us"] and row["first_us"] <= row["total_us"]
    assert sum(t["took_us"] for t in row["tries"]) <= row["total_us"]
    assert (row["answer_sha256"] is None) == (row["bytes_out"] == 0)
    assert abs(time.time() - harness.moment(row["at"])) < 60


def tries(row):
    return [(t["target"], t["outcome"]) for t in row["tries"]]


# --- what is true of an answer --------------------------------------------------------------------


ANSWERS = {
    "object": ("events=3", None, {}), "stream": ("events=3", True, {}),
    "large object": ("events=40 size=20000", None, {}),
    "large stream": ("events=40 size=20000", True, {}),
    "large event": ("events=3 size=600000", True, {}),
    "large events in an object": ("events=3 size=600000", False, {}),
    "large body": ("events=2", None, {"pad": 600000}),
    "large body and stream": ("events=2", True, {"pad": 262144}),
    "just small": ("events=2", True, {"pad": 262144 - 200}),
    "tools": ("events=0 tools=2", True, {}), "reasoning": ("events=2 reasoning=2", False, {}),
    "usage asked for": ("events=2", True, {"stream_options": {"include_usage": True}}),
    "old": ("events=2", True, {}),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_answers(daemon, fakes, kind):
    words, stream, more = ANSWERS[kind]
    body = client.chat_body(words, stream=stream, **more)
    raw = client.request_bytes("POST", CHAT, body, [("Connection", "close")])
    if kind == "old":
        raw = raw.replace(b"HTTP/1.1", b"HTTP/1.0", 1)

    def act():
        with daemon.wire() as wire:
            wire.send(raw)
            return wire.response()

    answer, row = one_row(daemon, act)
    assert answer.status == 200
    assert row["id"] == answer.header("X-Request-Id")
    assert (row["outcome"], row["status"], row["streamed"]) == ("OK", 200, bool(stream))
    assert row["prompt_sha256"] == sha(body) and row["bytes_in"] == len(body)
    assert row["answer_sha256"] == sha(answer.body) and row["bytes_out"] == len(answer.body)
    assert (row["model"], row["served"], row["target"]) == ("fake-model", "fake-model", "first")
    assert tries(row) == [("first", "OK")] and row["tries"][0]["reason"]
    assert set(row["states"]) >= {"DECODING", "TRYING"}
    assert 0 < row["first_us"] <= row["total_us"] and 0 < row["upstream_us"]
    if answer.header("Content-Type") == "application/json":
        usage = answer.json()["usage"]
        assert row["prompt_tokens"] == usage["prompt_tokens"]
        assert row["completion_tokens"] == usage["completion_tokens"]
    assert row["prompt_tokens"] > 0, "hearth asks for usage even where the caller did not"


def test_who_tells_no_tokens(make):
    daemon = make.daemon(make.fake(script="usage=never"))
    row = daemon.row(daemon.chat("events=1"))
    assert (row["prompt_tokens"], row["completion_tokens"]) == (None, None)


def test_times_are_where_they_were_spent(daemon):
    answer, row = one_row(daemon, lambda: daemon.chat("delay_ms=200 first_ms=200 events=3 gap_ms=100"))
    assert answer.status == 200
    assert row["first_us"] > 380_000 and row["total_us"] > 580_000
    assert row["upstream_us"] > 550_000 and row["total_us"] - row["upstream_us"] < 100_000
    assert row["states"]["TRYING"] > 380_000 and row["states"]["STREAMING"] > 180_000


# --- other fates ----------------------------------------------------------------------------------


def test_no_such_model(daemon):
    body = client.chat_body("", model="nobody-has-it")
    answer, row = one_row(daemon, lambda: daemon.ask("POST", CHAT, body))
    assert (answer.status, row["outcome"], row["status"]) == (404, "NO_MODEL", 404)
    assert row["answer_sha256"] == sha(answer.body) and row["prompt_sha256"] == sha(body)
    assert row["tries"] == [] and row["target"] == "" and row["first_us"] == 0
    assert row["upstream_us"] == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"model":"fake-model"}', b'{"model":1,"messages":[]}'])
def test_what_is_no_call(daemon, body):
    answer, row = one_row(daemon, lambda: daemon.ask("POST", CHAT, body))
    assert (answer.status, row["status"]) == (400, 400)
    assert row["prompt_sha256"] == sha(body) and row["bytes_in"] == len(body)
    assert row["answer_sha256"] == sha(answer.body)


def test_the_next_place_answers(daemon):
    answer, row = one_row(daemon, lambda: daemon.chat("first.status=500 events=2"))
    assert answer.status == 200 and row["outcome"] == "OK"
    assert tries(row) == [("first", "HTTP_5XX"), ("spare", "OK")]
    assert row["target"] == "spare" and row["answer_sha256"] == sha(answer.body)


def test_all_places_fail(daemon):
    answer, row = one_row(daemon, lambda: daemon.chat("status=500"))
    assert answer.status == 502 and (row["outcome"], row["status"]) == ("HTTP_5XX", 502)
    assert tries(row) == [("first", "HTTP_5XX"), ("spare", "HTTP_5XX")] and row["target"] == ""
    assert row["answer_sha256"] == sha(answer.body)


def test_nothing_listens(make):
    fake = make.fake()
    daemon = make.daemon(config={"providers": {"gone": {
        **fake.provider(), "base_url": f"http://127.0.0.1:{harness.free_port()}/v1"}}})
    answer, row = one_row(daemon, lambda: daemon.chat("events=1"))
    assert answer.status == 502 and row["outcome"] == "CONNECT_REFUSED"
    assert tries(row) == [("gone", "CONNECT_REFUSED")]


def test_a_stream_that_breaks_off(daemon):
    def act():
        with daemon.stream("events=10 first.close=5") as stream:
            stream.rest()
            return stream
    stream, row = one_row(daemon, act)
    assert (row["outcome"], row["status"]) == ("EOF_MID_STREAM", 200), "200 was said already"
    assert tries(row) == [("first", "EOF_MID_STREAM")] and row["target"] == "first"
    sent = b"".join(stream.chunks)
    assert row["answer_sha256"] == sha(sent) and row["bytes_out"] == len(sent)


GONE = {
    "READING": (lambda raw: raw[:-10], ""), "TRYING": (lambda raw: raw, "delay_ms=2000"),
    "STREAMING": (lambda raw: raw, "events=100 gap_ms=50")}


@pytest.mark.parametrize("state", GONE)
def test_the_caller_hangs_up(daemon, fakes, state):
    cut, words = GONE[state]
    body = client.chat_body(words, stream=True)
    raw = cut(client.request_bytes("POST", CHAT, body))

    def act():
        with daemon.wire() as wire:
            before = daemon.counts()
            wire.send(raw)
            harness.wait_for(lambda: daemon.counts()["requests"] == before["requests"] + 1)
            if state != "READING":
                harness.wait_for(lambda: fakes[0].stats()["answering"] == 1)
            if state == "STREAMING":
                wire.head()
                for _ in range(3):  # the first ones may be without content
                    wire.need(wire.reader.take_chunk)

    _, row = one_row(daemon, act)
    assert row["outcome"] == "CLIENT_GONE" and state in row["states"]
    whole = state != "READING"
    assert row["bytes_in"] == len(body) - (0 if whole else 10)
    assert row["prompt_sha256"] == (sha(body) if whole else None)
    assert (row["first_us"] > 0) == (row["bytes_out"] > 0) == (state == "STREAMING")
    assert row["status"] == (200 if state == "STREAMING" else 499)
    assert tries(row) == ([("first", "CLIENT_GONE")] if whole else [])


def test_the_caller_hangs_up_while_it_waits(make):
    daemon = make.daemon(make.fake(), config={"providers": {"fake": {"parallel": 1}}})
    with daemon.stream("events=1000 gap_ms=20") as first:
        first.take(1)

        def act():
            with daemon.wire() as wire:
                wire.send(client.request_bytes("POST", CHAT, client.chat_body("")))
                harness.wait_for(lambda: daemon.counts()["requests"] == 2)

        act()
        row = daemon.wait_rows(1)[0]
        assert row["outcome"] == "CLIENT_GONE" and row["states"]["WAITING"] > 0
        assert row["tries"] == [] and row["upstream_us"] == 0


def test_the_caller_does_not_take_the_rest(make):
    """All was said and done, and yet the caller did not get it."""
    daemon = make.daemon(make.fake(), config={"limits": {"write_stall": "600ms"}})
    with daemon.stream("events=100 size=100000", rcvbuf=4096) as stream:
        stream.take(1)
        row = daemon.wait_rows(1)[0]
    assert row["outcome"] == "TOO_SLOW" and row["status"] == 200 and row["bytes_out"] > 0


def test_a_slow_caller_gets_all(make):
    """The row comes behind the last byte, with all of them."""
    daemon = make.daemon(make.fake())
    with daemon.stream("events=100 size=100000", rcvbuf=4096) as stream:
        stream.take(1)
        time.sleep(0.5)
        assert daemon.rows() == []
        stream.rest()
        sent = b"".join(stream.chunks)
    row = daemon.wait_rows(1)[0]
    assert row["outcome"] == "OK" and row["answer_sha256"] == sha(sent)


def test_a_body_that_never_ends(daemon):
    raw = client.request_bytes("POST", CHAT, client.chat_body("events=1"))

    def act():
        with daemon.wire() as wire:
            wire.send(raw[:-5])
            return wire.response()

    answer, row = one_row(daemon, act)
    assert (answer.status, row["outcome"], row["status"]) == (408, "REQUEST_TIMEOUT", 408)
    assert row["prompt_sha256"] is None and row["bytes_in"] == len(client.chat_body("events=1")) - 5
    assert row["answer_sha256"] == sha(answer.body)


def test_a_body_that_is_too_large(daemon):
    def act():
        with daemon.wire() as wire:
            wire.send(f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      f"Content-Length: 2000000\r\n\r\n".encode())
            return wire.response()
    answer, row = one_row(daemon, act)
    assert (answer.status, row["outcome"], row["bytes_in"]) == (413, "BODY_TOO_LARGE", 0)


def test_the_time_is_over(daemon):
    answer, row = one_row(daemon, lambda: daemon.chat("delay_ms=8000", timeout=10))
    assert answer.status == 504 and row["outcome"] == "DEADLINE"
    assert tries(row) == [("first", "DEADLINE")] and row["total_us"] > 2_900_000


def test_the_daemon_goes_down(make):
    fake = make.fake()
    daemon = make.daemon(fake)
    with daemon.stream("events=1000 gap_ms=20") as stream:
        stream.take(2)
        number = stream.head.header("X-Request-Id")
        assert daemon.hearth("down", "--now")[0] == 0
        stream.rest()
        sent = b"".join(stream.chunks)
    daemon.up()
    row = daemon.row(number)
    assert row["outcome"] == "SHUTTING_DOWN" and row["answer_sha256"] == sha(sent)
    assert daemon.rows() == [row]


def test_a_key_that_is_revoked(make):
    """Its stream ends, and the row says why and whose it was."""
    daemon = make.daemon(make.fake())
    key = json.loads(daemon.hearth("keys", "create", "laptop", "--json")[1])["key"]
    with daemon.stream("events=1000 gap_ms=20", headers=[("Authorization", f"Bearer {key}")]) as stream:
        stream.take(2)
        assert daemon.hearth("keys", "rm", "laptop")[0] == 0
        events = stream.rest()
        sent = b"".join(stream.chunks)
    assert client.stream_error(events) == "key_revoked"
    row = daemon.row(stream.head.header("X-Request-Id"))
    assert (row["outcome"], row["status"], row["who"]) == ("REVOKED", 200, "key:laptop")
    assert row["principal"] > 1 and row["answer_sha256"] == sha(sent)
    assert daemon.rows(who="key:laptop") == [row] and tries(row) == [("fake", "REVOKED")]
    assert key not in daemon.said()


def test_a_key_is_revoked_before_a_slow_caller_has_all(make):
    daemon = make.daemon(make.fake(), config={"limits": {"stream_buffer": "8MiB"}})
    key = json.loads(daemon.hearth("keys", "create", "laptop", "--json")[1])["key"]
    with daemon.stream("events=140 size=100000", rcvbuf=4096,
                       headers=[("Authorization", f"Bearer {key}")]) as stream:
        stream.take(1)
        harness.wait_for(lambda: daemon.counts()["requests"] == 0 and daemon.counts()["kept"] == 1)
        assert daemon.rows() == []
        assert daemon.hearth("keys", "rm", "laptop")[0] == 0
        row = daemon.wait_rows(1)[0]
    assert (row["outcome"], row["who"]) == ("REVOKED", "key:laptop")


def test_the_daemon_goes_down_before_a_slow_caller_has_all(make):
    """The provider was done, the caller was not: the row says that, and is not lost."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"request": {"drain": "500ms"},
                                       "limits": {"stream_buffer": "8MiB"}})
    with daemon.stream("events=140 size=100000", rcvbuf=4096) as stream:
        stream.take(1)
        harness.wait_for(lambda: daemon.counts()["requests"] == 0 and daemon.counts()["kept"] == 1)
        assert daemon.hearth("down")[0] == 0
    daemon.up()
    row = daemon.row(stream.head.header("X-Request-Id"))
    assert row["outcome"] != "OK" and row["bytes_out"] > 0 and row["target"] == "fake"


def test_requests_on_one_connection(daemon):
    newest = max([row["seq"] for row in daemon.rows(most=1)], default=0)
    bodies = [client.chat_body(f"events=1 text=number{n}") for n in range(5)]
    with daemon.wire() as wire:
        wire.send(b"".join(client.request_bytes("POST", CHAT, body) for body in bodies))
        answers = [wire.response() for _ in bodies]
    made = daemon.wait_rows(5, after=newest)
    assert [r["id"] for r in made] == [a.header("X-Request-Id") for a in answers]
    assert [r["prompt_sha256"] for r in made] == [sha(b) for b in bodies]
    assert [r["answer_sha256"] for r in made] == [sha(a.body) for a in answers]


def test_what_is_refused_leaves_no_row(daemon):
    before = daemon.rows()
    good = client.chat_body("events=1")
    assert daemon.ask("GET", "/nothing").status == 404
    assert daemon.ask("GET", CHAT).status == 405
    assert daemon.ask("POST", CHAT, good, [("Content-Type", "text/plain")]).status == 415
    assert daemon.ask("POST", CHAT, good, [("Origin", "http://evil.example")]).status == 403
    with daemon.wire() as wire:
        wire.send(client.request_bytes("POST", CHAT, good, host="evil.example"))
        assert wire.response().status == 403
    assert daemon.ask("GET", "/health").status == 200
    time.sleep(0.2)
    assert daemon.rows() == before


def test_nothing_of_what_was_said_is_kept(make):
    fake = make.fake()
    daemon = make.daemon(fake, config={"log": {"level": "debug"}})
    secret = "canary-in-a-coal-mine"
    for stream in (False, True):
        daemon.row(daemon.chat(f"events=2 text={secret}-answer", stream=stream,
                               headers=[("Authorization", f"Bearer {secret}-key")]))
    daemon.row(daemon.chat(f"status=400 message={secret}-refusal"))
    assert daemon.stop() == 0
    files = [p for p in daemon.home.rglob("*") if p.is_file()]
    assert [p for p in files if p.name == "audit.db"]
    for path in files:
        assert secret.encode() not in path.read_bytes(), path


# --- asking ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [
    "most=0", "most=1001", "most=x", "most=", "before=-1", "after=1.5", "since=yesterday",
    "until=2024-13-01", "outcome=GOOD", "who=%zz", "who=%00", "model=%ff", "nonsense=1", "most=1&most=2",
    "=", "&", "model=" + "x" * 300])
def test_bad_questions(daemon, query):
    answer = daemon.admin("GET", "/hearth/v1/requests?" + query)
    assert answer.status == 400, answer.body
    error = answer.json()["error"]
    name = query.partition("=")[0]
    assert error["code"] == "invalid_value" and (not name.isalpha() or name in error["message"])


def test_questions(daemon):
    name = "only asked here: \u00e4+%&="
    for _ in range(3):
        assert daemon.chat("", model=name).status == 404
    assert daemon.chat("events=1").status == 200
    mine = daemon.wait_rows(3, model=name)
    assert [r["model"] for r in mine] == [name] * 3
    assert daemon.rows(model=name, outcome="OK") == []
    assert daemon.rows(model=name, outcome="failed") == mine == daemon.rows(model=name, outcome="NO_MODEL")
    assert daemon.rows(model=name, most=2) == mine[1:]
    assert daemon.rows(model=name, before=mine[2]["seq"]) == mine[:2]
    assert daemon.rows(model=name, after=mine[0]["seq"]) == mine[1:]
    assert daemon.rows(model=name, since="1h") == mine == daemon.rows(model=name, until="9999-12-31")
    assert daemon.rows(model=name, until="1h") == []
    assert {r["target"] for r in daemon.rows(target="first", most=5)} == {"first"}
    assert daemon.rows(id=str(mine[0]["seq"])) == [mine[0]] == daemon.rows(id=mine[0]["id"])
    answer = daemon.admin("GET", "/hearth/v1/requests?most=1").json()
    assert set(answer) == {"requests", "took_us"} and 0 < answer["took_us"] < 5_000_000
    for path in ("nothing", "hearth-00000000-1", "999999999", "%2e%2e%2fx"):
        assert daemon.admin("GET", "/hearth/v1/requests/" + path).status in (404, 400)


def test_usage_adds_up(make):
    daemon = make.daemon(make.fake(script="usage=always"))
    answers = [daemon.chat("events=2") for _ in range(3)] + [daemon.chat("", model="none")]
    rows = daemon.wait_rows(4)
    def ask():
        return daemon.admin("GET", "/hearth/v1/usage").json()["usage"]
    harness.wait_for(lambda: sum(u["requests"] for u in ask()) == 4)
    usage = ask()
    assert sum(u["failed"] for u in usage) == 1
    for key in ("bytes_in", "bytes_out", "total_us"):
        assert sum(u[key] for u in usage) == sum(r[key] for r in rows)
    tokens = answers[0].json()["usage"]["completion_tokens"]
    assert sum(u["completion_tokens"] for u in usage) == 3 * tokens
    assert daemon.admin("GET", "/hearth/v1/usage?until=2020-01-01").json()["usage"] == []
    assert daemon.admin("GET", "/hearth/v1/usage?outcome=OK").status == 400
    assert daemon.admin("GET", "/hearth/v1/usage?most=10000").json()["usage"] == ask()
    assert daemon.admin("GET", "/hearth/v1/usage?most=10001").status == 400
    assert daemon.admin("GET", "/hearth/v1/refused?most=1001").status == 400


def test_who_is_not_admin_may_not_ask(daemon):
    for method, path in (("GET", "/hearth/v1/requests"), ("GET", "/hearth/v1/requests/1"),
                         ("GET", "/hearth/v1/usage"), ("GET", "/hearth/v1/refused"),
                         ("POST", "/hearth/v1/verify")):
        assert daemon.ask(method, path).status in (401, 403), path


def test_many_questions_at_once(daemon):
    wires = [client.Wire(daemon.home / "run/admin.sock") for _ in range(40)]
    for n, wire in enumerate(wires):
        verifies = n % 4 > 1
        wire.send(client.request_bytes("POST" if verifies else "GET",
                                       f"/hearth/v1/{'verify' if verifies else 'requests'}"))
    for wire in wires[::2]:
        wire.close()
    for wire in wires[1::2]:
        assert wire.response().status == 200
        wire.close()
    assert daemon.ask("GET", "/health").status == 200


def test_going_down_with_questions_open(make):
    daemon = make.daemon(make.fake())
    daemon.chat("events=1")
    wires = [client.Wire(daemon.home / "run/admin.sock") for _ in range(20)]
    for wire in wires:
        wire.send(client.request_bytes("POST", "/hearth/v1/verify"))
    assert daemon.stop() == 0
    for wire in wires:
        wire.close()


# --- the commands ---------------------------------------------------------------------------------


def test_commands(make):
    daemon = make.daemon(make.fake(script="usage=always"))
    answer = daemon.chat("events=2")
    daemon.chat("", model="nope")
    daemon.wait_rows(2)
    code, out, err = daemon.hearth("requests")
    assert code == 0 and not err
    lines = out.splitlines()
    assert lines[0].split() == ["time", "who", "model", "place", "outcome", "status", "first", "total",
                                "tokens"]
    assert len(lines) == 3 and "fake-model" in lines[1] and "nope" in lines[2]
    assert "\x1b" not in out
    assert daemon.hearth("requests", "tail")[1] == out
    assert len(daemon.hearth("requests", "tail", "-n", "1")[1].splitlines()) == 2
    rows = json.loads(daemon.hearth("requests", "--json")[1])["requests"]
    assert [r["model"] for r in rows] == ["nope", "fake-model"]
    shown = daemon.hearth("requests", "show", answer.header("X-Request-Id"))[1]
    for words in ("fake-model", "tries", "time by state", sha(answer.body)):
        assert words in shown
    assert not {"principal", "target", "attempt", "backend"} & set(shown.lower().split())
    found = daemon.hearth("requests", "search", "--outcome", "failed", "--since", "1h")[1]
    assert len(found.splitlines()) == 2 and "nope" in found
    assert daemon.hearth("requests", "search", "--place", "fake")[1].count("fake-model") == 1
    assert daemon.hearth("requests", "search", "--model", "nobody")[:2] == (0, "")


def test_more_rows_than_one_answer_has(make):
    daemon = make.daemon(make.fake())
    names = []

    def fail(n):
        with daemon.wire() as wire:
            for _ in range(n):
                wire.send(client.request_bytes("POST", CHAT, client.chat_body("", model="none")))
                names.append(wire.response().header("X-Request-Id"))
        daemon.wait_rows(len(names))

    fail(2100)
    answer = daemon.admin("GET", "/hearth/v1/requests?most=1000").json()
    assert [r["id"] for r in answer["requests"]] == names[:1099:-1]
    for n in (999, 1000, 1001, 2050, 2100, 9999):
        for verb in ("tail", "search"):
            said = json.loads(daemon.hearth("requests", verb, "-n", str(n), "--json")[1])
            assert [r["id"] for r in said["requests"]] == names[::-1][:n] and said["took_us"] > 0
    lines = daemon.hearth("requests", "-n", "1500")[1].splitlines()
    assert len(lines) == 1501 and lines[0].startswith("time")
    assert all(" none " in line for line in lines[1:])
    # what came between two looks of one who follows may be more than one answer, too
    proc = daemon.popen("requests", "tail", "-n", "1", "-f", "--json", stdout=-1, text=True)
    try:
        assert json.loads(proc.stdout.readline())["id"] == names[-1]
        proc.send_signal(signal.SIGSTOP)
        fail(1100)
        proc.send_signal(signal.SIGCONT)
        assert [json.loads(proc.stdout.readline())["id"] for _ in range(1100)] == names[-1100:]
    finally:
        proc.kill()
        proc.communicate(timeout=5)


def test_words_that_commands_do_not_know(make):
    daemon = make.daemon(make.fake())
    assert daemon.rows() == []
    for words in ([], ["tail"]):
        code, out, err = daemon.hearth("requests", *words)
        assert (code, out) == (0, "") and "No request was recorded yet" in err
    assert json.loads(daemon.hearth("requests", "--json")[1])["requests"] == []
    for words, code, says in (
            (["search", "--outcome", "good"], 2, "failed"), 
            (["search", "--since", "yesterday"], 2, "--since takes 2h"),
            (["search", "--until", "x"], 2, "not x"), (["tail", "-n", "10001"], 2, "--lines"),
            (["search", "-n", "0"], 2, "--lines"), (["show"], 2, "which"),
            (["show", "hearth-0-1"], 4, "no record"), (["tell"], 2, "tail"), (["tail", "x"], 2, "x")):
        got, out, err = daemon.hearth("requests", *words)
        assert got == code and says in err, (words, got, out, err)
    daemon.stop()
    for words in ([], ["tail"], ["show", "1"], ["search"], ["verify"]):
        assert daemon.hearth("requests", *words)[0] == 3


def test_tail_follows(make):
    daemon = make.daemon(make.fake())
    daemon.chat("events=1 nonce=before")
    daemon.wait_rows(1)
    proc = daemon.popen("requests", "tail", "-f", "--json", stdout=-1, stderr=-1, text=True)
    try:
        numbers = [json.loads(proc.stdout.readline())["seq"]]
        for _ in range(3):
            daemon.chat("events=1")
        numbers += [json.loads(proc.stdout.readline())["seq"] for _ in range(3)]
        assert numbers == [1, 2, 3, 4]
    finally:
        proc.terminate()
        proc.communicate(timeout=5)
