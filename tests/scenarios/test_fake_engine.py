"""The fake engine: does it look like llama-server, and does it misbehave as its words say? Driven
directly; no daemon is needed. What is said of llama-server here was seen of it."""

import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

import client
import engines
import harness
from client import contents, event_data, event_json, is_done
from harness import wait_for


@pytest.fixture
def engine(ground):
    """Starts engines, and ends them."""
    made = []

    def start(words="", *args, **more):
        made.append(engines.Engine(ground, words, *args, **more))
        return made[-1]
    yield start
    for e in made:
        e.close()


@pytest.fixture(scope="module")
def usual(ground):
    """One that behaves, with two slots, for tests that leave no trace."""
    e = engines.Engine(ground, "", "-np", "2", "-c", "4096", "-no-kvu").ready()
    yield e
    e.close()


def run(*args):
    done = subprocess.run([engines.fake_program(), *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=5, check=False)
    return done.returncode, done.stdout, done.stderr


# --- the command line -----------------------------------------------------------------------------


def test_version_and_help():
    assert run("--version")[:2] == (0, "version: 0.0.1 (build 1, commit fake)\nbuilt with fakes\n")
    code, out, _ = run("--help")
    assert code == 0 and "--slot-save-path" in out and "--log-jsonl" in out


@pytest.mark.parametrize("args,words", [(["--nope"], "error: invalid argument: --nope\n"),
                                        (["-c", "abc"], 'error while handling argument "-c": stoi'),
                                        (["-m"], 'error while handling argument "-m": expected value')])
def test_wrong_flags(args, words):
    code, out, err = run(*args)
    assert code == 1 and not out and err.startswith(words)


def test_flags_that_are_taken(engine):
    flags = ("--no-ui --cache-ram 64 -ctxcp 2 --fit off -lv 4 --sse-ping-interval 1 --load-mode none -kvu -ngl 99 "
             "-ctk q8_0 -ctv q8_0 -fa on -b 512 -ub 256 -t 2 --mmproj x --lora y --chat-template-file z -md d "
             "--jinja --no-warmup --embedding --reranking -c 8192 -np 3").split()
    e = engine("", *flags).ready()
    start, = e.events("start")
    assert start["argv"][-len(flags):] == flags and start["key_set"]
    assert set(start["environment"]) == {"PATH", "LLAMA_SERVER_ROUTER_PORT", "LLAMA_API_KEY"}
    assert engines.KEY not in (e.folder / "events.jsonl").read_text()
    assert [s["n_ctx"] for s in e.slots()] == [8192] * 3


def test_key_file(engine, ground):
    path = ground.folder("k") / "key"
    path.write_text("from-a-file\n")
    ground.own(path)
    e = engine("", "--api-key-file", path, key="").ready()
    assert e.ask("GET", "/props").status == 401
    assert e.ask("GET", "/props", headers=[("X-Api-Key", "from-a-file")]).status == 200


# --- the start ------------------------------------------------------------------------------------


def test_loading_then_ready(engine):
    e = engine("load_ms=300 steps=3")
    wait_for(e.health)
    for path in ("/health", "/props", "/v1/models"):
        r = e.ask("GET", path)
        assert r.status == 503 and r.json()["error"] == {"message": "Loading model", "type": "unavailable_error",
                                                         "code": 503}
    e.ready()
    *loading, ready = e.states()
    assert [s["payload"]["value"] for s in loading] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert {s["state"] for s in loading} == {"loading"} and loading[0]["payload"]["stages"] == ["text_model"]
    assert ready["state"] == "ready" and ready["payload"]["id"] == "fake-model"
    assert {"type", "time", "level", "msg"} == set(e.log_lines()[0])
    assert any("listening on unix://" in ln["msg"] for ln in e.log_lines())


def test_no_protocol_without_its_variable(engine):
    assert engine("", child=False).ready().said() == ""
    assert engine("no_protocol").ready().said() == ""
    plain = engine("", jsonl=False).ready()
    assert plain.logged().startswith("srv  llama_server: initializing ...\n")


def test_a_socket_that_is_there(engine, ground):
    folder = ground.folder("stale")
    (folder / "e.sock").touch()
    e = engine("", folder=folder)
    assert e.wait() == 1 and "couldn't bind HTTP server socket" in e.logged()


def test_model_files(engine, ground):
    folder = ground.folder("m")
    (folder / "bad").write_bytes(b"GGML not a model")
    (folder / "words").write_text("fake: tokens=2\n")
    assert engine("", model=folder / "none").wait() == 1
    bad = engine("", model=folder / "bad")
    assert bad.wait() == 1 and "invalid magic" in bad.logged() and "model loading error" in bad.logged()
    assert len(engine("", model=folder / "words").ready().chat().json()["choices"][0]["message"]["content"]) == 6


@pytest.mark.parametrize("why", sorted(engines.FAILURES))
def test_failures(engine, why):
    e = engine(engines.FAILURES[why])
    code = {"abort": -signal.SIGABRT, "segv": -signal.SIGSEGV, "ill": -signal.SIGILL}.get(why, 1)
    assert e.wait() == code
    said = [w for w in engines.FAILURES[why].split() if w.startswith("exit_log=")]
    if said:
        assert said[0].removeprefix("exit_log=").replace("%20", " ") in e.logged()


def test_exit_codes(engine):
    assert engine("exit=7").wait() == 7
    assert engine("exit=0").wait() == 0
    ready = engine("die=ready die_how=kill")
    assert ready.wait() == -signal.SIGKILL and ready.states()[-1]["state"] == "ready"


def test_never_ready_and_lies(engine):
    never, lies = engine("never_ready"), engine("lie_ready")
    wait_for(lambda: never.health() == 503)
    wait_for(lambda: lies.states() and lies.states()[-1]["state"] == "ready")
    for path in ("/health", "/slots"):
        with pytest.raises(TimeoutError):
            lies.ask("GET", path, timeout=0.2)
    assert never.health() == 503 and never.proc.poll() is None


def test_a_silent_load(engine):
    e = engine("silent_load load_ms=300")
    wait_for(lambda: e.health() == 503)
    assert e.said() == "" and e.logged() == ""
    e.ready()
    assert [s["state"] for s in e.states()] == ["ready"]


def test_a_wrong_word(engine):
    e = engine("nonsense=1")
    assert e.wait() == 1 and "no such word: nonsense=1" in e.logged()


# --- answers --------------------------------------------------------------------------------------


def test_who_may_ask(usual):
    for path in ("/props", "/v1/models", "/nope"):
        r = usual.ask("GET", path, headers=[])
        assert r.status == 401 and r.json()["error"]["type"] == "authentication_error"
    assert usual.ask("GET", "/props", headers=[("Authorization", "Bearer wrong")]).status == 401
    assert usual.ask("GET", "/health", headers=[]).status == 200
    assert usual.ask("GET", "/nope").json()["error"] == {"message": "File Not Found", "type": "not_found_error",
                                                         "code": 404}


def test_what_it_tells(usual):
    assert usual.ask("GET", "/props").json()["total_slots"] == 2
    assert usual.ask("GET", "/props").json()["default_generation_settings"]["n_ctx"] == 2048
    assert usual.ask("GET", "/v1/models").json()["data"][0]["id"] == "fake-model"
    assert "llamacpp:requests_processing 0" in usual.ask("GET", "/metrics").body.decode()
    assert usual.ask("POST", "/tokenize", {"content": "x" * 38}).json()["tokens"] == list(range(10))
    assert usual.ask("POST", "/v1/embeddings", {"input": "x"}).status == 501
    assert usual.ask("POST", "/v1/rerank", {"query": "x"}).status == 501


def test_embeddings_and_ranks(engine):
    e = engine("", "--embedding", "--reranking").ready()
    assert len(e.ask("POST", "/v1/embeddings", {"input": "x"}).json()["data"][0]["embedding"]) == 4
    assert e.ask("POST", "/v1/rerank", {"query": "x"}).json()["results"][0]["relevance_score"] == 0.5


def test_stream(usual):
    with usual.stream("nonce=a", max_tokens=3) as s:
        events = s.rest()
    assert s.head.header("Content-Type") == "text/event-stream"
    assert contents(events) == ["a.0 ", "a.1 ", "a.2 "] and is_done(events[-1])
    first, last = event_json(events[0]), event_json(events[-2])
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": None}
    assert last["choices"][0]["finish_reason"] == "length" and last["timings"]["predicted_n"] == 3
    assert last["model"] == "fake-model" and "usage" not in last


def test_stream_with_usage(usual):
    with usual.stream("tokens=2 prompt_tokens=9 size=20", stream_options={"include_usage": True}) as s:
        *_, finish, usage, done = s.rest()
    assert event_json(finish)["choices"][0]["finish_reason"] == "stop" and event_data(done) == b"[DONE]"
    assert event_json(usage)["choices"] == [] and event_json(usage)["usage"]["total_tokens"] == 11


def test_whole_answer(usual):
    r = usual.chat("tokens=2").json()
    assert r["choices"][0]["message"] == {"role": "assistant", "content": "w0 w1 "}
    assert r["object"] == "chat.completion" and r["usage"]["completion_tokens"] == 2


def test_refusals(usual):
    assert usual.ask("POST", "/v1/chat/completions", b"{bad").status == 400
    assert "'messages'" in usual.ask("POST", "/v1/chat/completions", b"{}").json()["error"]["message"]
    wrong = usual.ask("POST", "/completion", {"prompt": "x", "sse_ping_interval": "x"})
    assert wrong.status == 400 and "sse_ping_interval" in wrong.json()["error"]["message"]
    long = usual.chat("prompt_tokens=3000").json()["error"]
    assert long["type"] == "exceed_context_size_error" and long["n_ctx"] == 2048
    assert usual.chat("nonsense=1").json()["error"]["type"] == "fake_script"
    assert usual.chat("status=500").status == 500


def test_the_context_ends_an_answer(usual):
    r = usual.chat("prompt_tokens=2040 tokens=50 token_ms=0").json()
    assert r["usage"]["completion_tokens"] == 8 and r["choices"][0]["finish_reason"] == "length"


def test_slots_are_honoured_and_full(engine):
    e = engine("", "-np", "2").ready()
    with e.stream("tokens=200 token_ms=20", id_slot=1) as one:
        one.take(1)
        assert e.busy() == [1]
        with e.stream("tokens=200 token_ms=20") as two:
            two.take(1)
            assert sorted(e.busy()) == [0, 1]
            assert e.ask("GET", "/slots?fail_on_no_slot=1").status == 503
            with e.stream("nonce=late tokens=1") as late:
                wait_for(lambda: "llamacpp:requests_deferred 1" in e.ask("GET", "/metrics").body.decode())
                two.close()
                assert contents(late.rest()) == ["late.0 "]
    assert [ev["slot"] for ev in e.events("slot")] == [1, 0, 0]
    assert e.events("slot")[0]["asked_slot"] == 1


def test_slot_files(engine):
    e = engine("", "-np", "1").ready()
    e.chat("prompt_tokens=20 tokens=5")
    saved = e.ask("POST", "/slots/0?action=save", {"filename": "x.bin"}).json()
    assert saved["n_saved"] == 25 and (e.folder / "x.bin").stat().st_size == saved["n_written"]
    assert e.ask("POST", "/slots/0?action=erase", {}).json() == {"id_slot": 0, "n_erased": 25}
    assert e.ask("POST", "/slots/0?action=restore", {"filename": "x.bin"}).json()["n_restored"] == 25
    assert e.ask("POST", "/slots/0?action=save", {"filename": "../x"}).status == 400
    assert e.ask("POST", "/slots/9?action=save", {"filename": "x"}).status == 400


def test_pings_fill_a_pause(engine):
    e = engine("").ready()
    with e.stream("tokens=1 token_ms=1100", sse_ping_interval=1) as s:
        assert b":\n\n" in s.rest()


def test_keep_alive_ends(usual):
    with client.Wire(usual.socket) as w:
        for i in range(100):
            w.send(client.request_bytes("GET", "/health"))
            r = w.response()
            assert r.header("Connection") == ("close" if i == 99 else None)
        assert w.closes(1)
    with client.Wire(usual.socket) as w:
        w.send(client.request_bytes("GET", "/health"))
        w.response()
        began = time.monotonic()
        assert w.closes(7) and 4.5 < time.monotonic() - began < 6


def test_events_tell_requests(usual):
    usual.chat("tokens=1 nonce=told", temperature=0.5, id_slot=0)
    request = [r for r in usual.events("request") if r["method"] == "POST"][-1]
    assert request["path"] == "/v1/chat/completions" and request["key_right"]
    assert request["keys"] == ["model", "messages", "temperature", "id_slot"]
    assert request["headers"]["Authorization"] == "***" and len(request["body_hash"]) == 16
    assert "body" not in request
    assert [(e["nonce"], e["slot"]) for e in usual.events("done") if e.get("nonce") == "told"] == [("told", 0)]


def test_events_tell_bodies_when_asked(engine):
    e = engine("bodies").ready()
    e.ask("POST", "/v1/chat/completions", raw := b'{"messages" : [{"content":"fake: tokens=1 \xe2\x82\xac"}]}')
    assert e.events("request")[-1]["body"].encode() == raw


# --- clients that leave ---------------------------------------------------------------------------


def test_a_stream_is_cancelled(engine):
    e = engine("").ready()
    with e.stream("tokens=900 token_ms=10") as s:
        s.take(2)
        assert e.busy() == [0]
    wait_for(lambda: not e.busy(), 1)
    cancel, = e.events("cancel")
    assert cancel["tokens"] < 100


def test_a_whole_answer_is_missed_late(engine):
    """Whoever polls keeps the slot of a client that left: so hearth always streams."""
    e = engine("").ready()
    with client.Wire(e.socket) as w:
        w.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body("tokens=900 token_ms=10"), e.headers))
        wait_for(e.busy)
    end = time.monotonic() + 1.3
    while time.monotonic() < end:
        assert e.busy() == [0]
        time.sleep(0.1)
    time.sleep(1.1)
    assert not e.busy() and e.events("cancel")


def test_orphan_slots(engine):
    e = engine("orphan_slots=600").ready()
    with e.stream("tokens=2000 token_ms=10") as s:
        s.take(1)
    left = time.monotonic()
    wait_for(lambda: e.events("left"))
    assert e.busy() == [0]
    wait_for(lambda: not e.busy())
    assert time.monotonic() - left > 0.5


# --- ends -----------------------------------------------------------------------------------------


def test_the_exit_command(engine):
    e = engine("").ready()
    began = time.monotonic()
    e.tell()
    assert e.wait() == 0 and time.monotonic() - began < 1
    assert e.socket.exists()  # nobody unlinks it
    assert e.events("end")[0]["why"] == "told to"


def test_the_exit_command_with_a_stream(engine):
    e = engine("", "--sse-ping-interval", "1").ready()
    with e.stream("tokens=1900 token_ms=10") as s:
        s.take(1)
        began = time.monotonic()
        e.tell()
        assert e.wait() == 0 and 0.8 < time.monotonic() - began < 2
        s.rest()
        assert s.cut
    gone = engine("").ready()
    with gone.stream("tokens=1900 token_ms=10") as s:
        s.take(1)
        gone.tell()
        s.close()
    assert gone.wait(1) == 0


def test_input_that_ends(engine):
    e = engine("").ready()
    e.proc.stdin.close()
    assert e.wait() == 1 and "EOF on stdin detected" in e.logged()


def test_terminate(engine):
    loading, child, alone = engine("load_ms=5000"), engine("").ready(), engine("", child=False).ready()
    wait_for(loading.health)
    for e in (loading, child, alone):
        e.proc.terminate()
    assert loading.wait() == -signal.SIGTERM and alone.wait() == 0
    wait_for(lambda: child.events("term"))
    assert child.health() == 200
    child.tell()
    assert child.wait() == 0


def test_stops_that_hang_or_are_slow(engine):
    hangs, slow = engine("hang_stop").ready(), engine("slow_stop_ms=400").ready()
    began = time.monotonic()
    for e in (hangs, slow):
        e.tell()
        e.proc.terminate()
    assert slow.wait() == 0 and time.monotonic() - began > 0.35
    hangs.proc.stdin.close()
    wait_for(lambda: hangs.events("input ended"))
    assert hangs.health() == 200


def test_builds_that_lack_something(engine):
    older, deaf = engine("", build="no_exit").ready(), engine("", build="no_eof").ready()
    older.tell()
    deaf.proc.stdin.close()
    wait_for(lambda: deaf.events("input ended"))
    assert older.health() == 200 and deaf.health() == 200
    older.proc.terminate()
    assert older.wait() == 0


def test_a_build_that_speaks_tcp_only(engine):
    refuses = engine("", build="tcp_only")
    assert refuses.wait() == 1 and "couldn't bind" in refuses.logged()
    port = harness.free_port()
    e = engine("", "--host", "127.0.0.1", "--port", str(port), build="tcp_only")
    wait_for(lambda: harness.is_listening(port))
    wait_for(lambda: e.states()[-1]["state"] == "ready")
    assert client.chat(port, "tokens=1", headers=e.headers).status == 200 and e.events("done")


@pytest.mark.parametrize("how,code", [("exit", 1), ("abort", -signal.SIGABRT), ("segv", -signal.SIGSEGV),
                                      ("kill", -signal.SIGKILL)])
def test_death_in_the_middle(engine, how, code):
    e = engine(f"die_after=5 die_how={how}").ready()
    with e.stream("tokens=50") as s:
        events = s.rest()
    assert len(contents(events)) == 5 and s.cut and not is_done(events[-1])
    assert e.wait() == code


def test_it_stops_itself(engine):
    e = engine("").ready()
    with e.stream("stop_self=2 tokens=5") as s:
        s.take(2)
        wait_for(lambda: pathlib.Path(f"/proc/{e.proc.pid}/stat").read_text().split()[2] == "T")
        assert e.proc.poll() is None
        os.kill(e.proc.pid, signal.SIGCONT)
        assert len(contents(s.rest())) == 3


# --- what it leaves, takes and pours --------------------------------------------------------------


def test_forks(engine):
    e = engine("fork=2").ready()
    wait_for(lambda: len(e.events("forked")) == 2)
    for event in e.events("forked"):
        stat = pathlib.Path(f"/proc/{event['grandchild']}/stat").read_text().rpartition(")")[2].split()
        assert int(stat[1]) != e.proc.pid and int(stat[3]) != os.getsid(e.proc.pid)


def test_balloon(engine):
    e = engine("balloon=64", data=96 << 20).ready()
    status = pathlib.Path(f"/proc/{e.proc.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) > 64 * 1024
    with pytest.raises(client.Cut):
        e.chat("balloon=100")
    assert e.wait() == 1 and "failed to allocate buffer" in e.logged()


def test_floods(engine):
    e = engine("log_flood=2000 stdout_flood=2000 long_line=100000").ready()
    assert sum("flood: line" in ln for ln in e.logged().splitlines()) == 2000
    assert e.said().count("cmd_child_to_nobody") == 2000 and max(map(len, e.said().splitlines())) > 100000


def test_health_that_fails(engine):
    sick, hangs = engine("health=500"), engine("health_hang")
    wait_for(lambda: sick.health() == 500)
    assert sick.chat("tokens=1").status == 200
    wait_for(lambda: hangs.states() and hangs.states()[-1]["state"] == "ready")
    with pytest.raises(TimeoutError):
        hangs.ask("GET", "/health", timeout=0.2)
    assert hangs.chat("tokens=1").status == 200


def test_garbage_and_impostors(engine):
    garbage, other, open_door = engine("garbage"), engine("impostor=other"), engine("any_key")
    wait_for(lambda: garbage.states() and garbage.states()[-1]["state"] == "ready")
    with client.Wire(garbage.socket) as w:
        w.send(client.request_bytes("GET", "/health"))
        while w.fill():
            pass
        assert w.reader.buf and not w.reader.buf.startswith(b"HTTP")
    other.ready()
    assert other.ask("GET", "/v1/models", headers=[]).json()["data"][0]["id"] == "other"
    assert other.chat("tokens=1").json()["model"] == "other"
    open_door.ready()
    assert open_door.ask("GET", "/props", headers=[("Authorization", "Bearer wrong")]).status == 200


def test_a_request_that_hangs(engine):
    e = engine("").ready()
    with pytest.raises(TimeoutError):
        e.ask("POST", "/v1/chat/completions", client.chat_body("hang"), timeout=0.2)
    assert e.chat("tokens=1").status == 200


# --- packs ----------------------------------------------------------------------------------------


def test_words_of_a_build(engine):
    e = engine("tokens=2", build="tokens=5 nonce=b").ready()
    assert e.chat().json()["choices"][0]["message"]["content"] == "b.0 b.1 "


def test_a_pack_is_all_there_is(ground):
    """The pack's root holds everything the program needs."""
    home = ground.folder("h")
    folder = engines.fake_pack(home, ground)
    files = [p for p in (folder / "root").rglob("*") if p.is_file()]
    assert [f.name for f in files] == ["llama-server"]
    for point in engines.MOUNT_POINTS:
        assert (folder / "root" / point).is_dir()
    if os.geteuid() == 0:
        out = subprocess.run(["chroot", folder / "root", "/usr/bin/llama-server", "--version"], check=True,
                             capture_output=True, text=True, timeout=5).stdout
        assert out.startswith("version: 0.0.1")


@pytest.mark.skipif(not shutil.which("bwrap"), reason="there is no bubblewrap")
@pytest.mark.parametrize("how", ["exit", "abort", "segv", "ill", "kill"])
def test_it_dies_as_process_1(ground, how):
    """In a sandbox a signal to oneself has no effect; the deaths are real all the same."""
    home = ground.folder("h")
    root = engines.fake_pack(home, ground) / "root"
    engines.fake_model(home, f"die=load die_how={how}", ground=ground)
    command = ["bwrap", "--unshare-all", "--as-pid-1", "--die-with-parent", "--ro-bind", root, "/", "--bind", home,
               "/run/hearth", "/usr/bin/llama-server", "--host", "/run/hearth/e.sock", "-m", "/run/hearth/fake.gguf"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=5, check=False, **ground.rules)
    assert done.returncode != 0 and b"bwrap" not in done.stderr
    assert engines.read_events(home, "start")[0]["pid"] == 1
