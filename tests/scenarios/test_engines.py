"""Engines as children of the daemon: the fake engine in the real sandbox, and everything that a child
can do wrong. What the real llama-server does is in test_llama.py."""

import os
import pathlib
import signal
import time

import pytest

import client
import engines
import shop as shops
from harness import in_thread, wait_for

SOAK = os.environ.get("HEARTH_SOAK") == "1"


@pytest.fixture
def shop(make):
    def open_shop(models, **more):
        return shops.Shop(make, models, **more)
    return open_shop


def most_inside(events):
    """How many requests a child had at the same time, at most."""
    inside = most = 0
    for event in events:
        inside += {"task": 1, "done": -1, "cancel": -1}.get(event["event"], 0)
        most = max(most, inside)
    return most


# --- a life without trouble ----------------------------------------------------------------------


def test_it_starts_when_asked_and_answers(shop):
    s = shop({"a": "tokens=5"})
    assert s.state("a") == "ABSENT" and not s.children()
    answer = s.chat("a")
    assert answer.status == 200 and answer.json()["model"] == "a"
    engine = s.engine("a")
    assert engine["state"] == "READY" and engine["build"] == engines.FAKE_ID
    assert engine["pid"] in s.children()
    row = s.daemon.row(answer)
    assert row["outcome"] == "OK" and row["target"] == "a"
    assert s.daemon.chat(model="a").status == 200
    assert s.engine("a")["pid"] == engine["pid"]


def test_what_a_child_gets(shop):
    """Its flags, its environment, and nothing of ours."""
    s = shop({"a": ("tokens=1", {"ctx": 4096, "parallel": 3, "cache_type": "q8_0", "threads": 2})})
    assert s.chat("a").status == 200
    start = s.events("start")[0]
    words = " ".join(start["argv"])
    for wanted in ("--ctx-size 12288", "--parallel 3", "--no-kv-unified", "--cache-ram", "--ctx-checkpoints",
                   "--fit off", "--cache-type-k q8_0", "--cache-type-v q8_0", "--threads 2", "--offline", "--no-ui"):
        assert wanted in words, words
    assert sorted(start["environment"]) == ["HOME", "LC_ALL", "LLAMA_API_KEY", "LLAMA_SERVER_ROUTER_PORT", "PATH",
                                            "PWD", "TMPDIR"]  # PWD is bubblewrap's
    pid = s.engine("a")["pid"]
    for name in ("cmdline", "environ"):
        with open(f"/proc/{s.daemon.proc.pid}/{name}", "rb") as f:
            assert b"LLAMA_API_KEY" not in f.read()
    key = [v for v in pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if b"LLAMA_API_KEY" in v]
    assert len(key) == 1
    for command in s.children().values():
        assert key[0].partition(b"=")[2].decode() not in command


def test_each_start_has_its_own_key_and_socket(shop):
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    seen = set()
    for model in "abab":
        assert s.chat(model).status == 200
        engine = s.engine(model)
        folder, = s.folders()
        environ = pathlib.Path(f"/proc/{engine['pid']}/environ").read_bytes()
        seen.add((folder.name, next(v for v in environ.split(b"\0") if v.startswith(b"LLAMA_API_KEY="))))
        assert folder.stat().st_mode & 0o777 == 0o700
    assert len(seen) == 4 and len({folder for folder, _ in seen}) == 4 and len({key for _, key in seen}) == 4


def test_one_model_at_a_time(shop):
    s = shop({"a": "tokens=2", "b": "tokens=2"})
    assert s.chat("a").status == 200
    assert s.chat("b").status == 200
    assert s.state("a") == "ABSENT" and s.state("b") == "READY"
    assert len(s.folders()) == 1


def test_a_stream_is_not_broken_by_another_model(shop):
    s = shop({"a": "tokens=2", "b": "tokens=2"})
    with s.stream("a", "tokens=60 token_ms=20") as stream:
        stream.take(2)
        other = in_thread(lambda: s.chat("b"))
        events = stream.rest()
        assert client.is_done(events[-1]) and len(client.contents(events)) == 58
        assert other().status == 200
    assert s.state("a") == "ABSENT"


def test_two_models_asked_in_turns_both_answer(shop):
    s = shop({"a": ("tokens=2", {"parallel": 2}), "b": ("tokens=2", {"parallel": 2})})
    answers = [in_thread(lambda m=m: s.chat(m)) for m in "abababab"]
    assert [a(40).status for a in answers] == [200] * 8
    assert s.daemon.hearth("status")[0] == 0


def test_nobody_asks_for_long(shop):
    s = shop({"a": ("tokens=1", {"keep_alive": "300ms"}), "b": ("tokens=1", {"keep_alive": "300ms", "pin": True})})
    assert s.chat("a").status == 200
    s.until("a", "ABSENT", seconds=3)
    shops.nothing_left(s.home, 2)
    assert s.chat("b").status == 200
    time.sleep(0.8)
    assert s.state("b") == "READY"


def test_never_more_inside_than_it_has_slots(shop):
    s = shop({"a": ("tokens=4 token_ms=20", {"parallel": 2})})
    answers = [in_thread(lambda: s.chat("a")) for _ in range(9)]
    assert [a().status for a in answers] == [200] * 9
    assert most_inside(s.events()) == 2, s.events()


def test_a_client_that_leaves_frees_its_slot(shop):
    """Within a second, even while its slots are looked at ten times a second."""
    s = shop({"a": ("tokens=2000 token_ms=5", {"parallel": 1})})
    rounds = 200 if SOAK else 12
    assert s.chat("a", "tokens=1").status == 200
    for _ in range(rounds):
        with s.stream("a") as stream:
            stream.take(2)
        began = time.monotonic()
        assert s.chat("a", "tokens=1").status == 200
        assert time.monotonic() - began < 1.0
    assert s.engine("a")["held"] == 0


def test_a_slot_that_lingers_is_not_given_out(shop):
    """The engine notices late that a caller left: who comes next waits for it."""
    s = shop({"a": ("tokens=500 token_ms=5 orphan_slots=600", {"parallel": 1})})
    assert s.chat("a", "tokens=1 orphan_slots=0").status == 200
    with s.stream("a") as stream:
        stream.take(2)
    wait_for(lambda: s.engine("a")["held"] == 1)
    assert s.chat("a", "tokens=1").status == 200
    assert most_inside(s.events()) == 1, s.events()


def test_many_requests_one_after_the_other(shop):
    """Its connections end after 100 requests: no caller sees that."""
    s = shop({"a": "tokens=1 token_ms=0"})
    for _ in range(10000 if SOAK else 250):
        assert s.chat("a").status == 200


# --- a child that dies ---------------------------------------------------------------------------


def test_killed_while_idle(shop):
    s = shop({"a": "tokens=1"})
    assert s.chat("a").status == 200
    first = s.engine("a")["pid"]
    shops.kill(first)
    began = time.monotonic()
    bus = wait_for(lambda: [i for i in s.daemon.admin("GET", "/hearth/v1/bus").json() if "ABSENT" in i["words"]], 1)
    assert time.monotonic() - began < 0.5 and bus
    again = s.until("a", "READY", seconds=2)  # it was in use: who asks next finds it there
    assert again["pid"] != first
    assert s.chat("a").status == 200


def test_killed_while_it_answers(shop):
    s = shop({"a": ("tokens=200 token_ms=10", {"parallel": 1})})
    assert s.chat("a", "tokens=1").status == 200
    with s.stream("a") as stream:
        stream.take(3)
        waiting = in_thread(lambda: s.chat("a", "tokens=1"))
        wait_for(lambda: s.engine("a")["waiting"] == 1)
        shops.kill(s.engine("a")["pid"])
        events = stream.rest()
    assert client.stream_error(events) == "engine_crash"
    assert not any(client.is_done(e) for e in events)
    assert waiting().status == 200  # it had not begun: it runs on the new one
    failed = [r for r in s.daemon.wait_rows(3) if r["outcome"] != "OK"]
    assert len(failed) == 1 and failed[0]["outcome"] == "ENGINE_CRASH"


def test_it_dies_of_itself_after_some_words(shop):
    s = shop({"a": ("tokens=50", {})})
    with s.stream("a", "tokens=50 token_ms=2 die_after=7 die_how=segv") as stream:
        events = stream.rest()
    assert len(client.contents(events)) >= 5
    assert client.stream_error(events) == "engine_crash" and not any(client.is_done(e) for e in events)
    assert "segmentation" in str(events[-1])
    assert s.chat("a", "tokens=1").status == 200


def test_it_dies_again_and_again(shop):
    """Five deaths in a minute: given up, and told at once, with what mends it."""
    s = shop({"a": "exit=1 die=load exit_log=something%20else", "b": "tokens=1"})
    began = time.monotonic()
    answer = s.chat("a", timeout=30)
    took = time.monotonic() - began
    assert answer.status == 503 and answer.error == "engine_failed", answer.body
    assert "something else" in answer.json()["error"]["message"]
    assert 3 < took < 9, took  # 0.25 + 0.5 + 1 + 2 s between five starts
    assert s.state("a") == "FAILED"
    began = time.monotonic()
    assert s.chat("a").status == 503
    assert time.monotonic() - began < 0.1
    assert s.chat("b").status == 200  # others do not suffer
    code, out, err = s.daemon.hearth("status")
    assert code == 0 and "failed" in out and "something else" in out
    code, out, err = s.daemon.hearth("engines", "log", "a")
    assert code == 0 and "something else" in out


def test_given_up_until_a_person_asks(shop):
    s = shop({"a": engines.FAILURES["architecture"]})
    answer = s.chat("a")
    assert answer.status == 503 and "hearth engines install llama.cpp" in answer.json()["error"]["message"]
    engines.fake_model(s.files, "tokens=1", name="a.gguf", ground=s.ground)
    assert s.chat("a").status == 503
    code, out, err = s.daemon.hearth("engines", "restart", "a")
    assert code == 0, out + err
    s.until("a", "READY")
    assert s.chat("a").status == 200
    assert s.daemon.hearth("engines", "restart", "nosuch")[0] == 4


def test_given_up_until_time_went_by(shop):
    s = shop({"a": engines.FAILURES["magic"]}, config={"engines": {"rest": "700ms"}})
    assert s.chat("a").status == 503
    engines.fake_model(s.files, "tokens=1", name="a.gguf", ground=s.ground)
    assert wait_for(lambda: s.chat("a").status == 200, 5, 0.1)


CLASSES = {
    "memory": ("insufficient_memory", "ctx"), "kv": ("insufficient_memory", "ctx"),
    "device": ("insufficient_memory", "gpu_layers"), "architecture": ("engine_failed", "install llama.cpp"),
    "magic": ("engine_failed", "no GGUF"), "corrupted": ("engine_failed", "cut off"),
    "argument": ("engine_failed", "--fake"), "ill": ("engine_failed", "processor"),
}


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_why_it_does_not_load(shop, kind):
    code, words = CLASSES[kind]
    s = shop({"a": engines.FAILURES[kind]})
    answer = s.chat("a", timeout=20)
    assert answer.status == 503 and answer.error == code, answer.body
    assert words in answer.json()["error"]["message"], answer.body
    assert s.daemon.row(answer)["outcome"] in ("ENGINE_FAILED", "ENGINE_OOM")


def test_another_place_answers_when_it_cannot(make):
    fake = make.fake()
    s = shops.Shop(make, {"fake-model": engines.FAILURES["magic"]},
                   config={"providers": {"spare": fake.provider(1)}})
    answer = s.chat("fake-model", "events=2")
    assert answer.status == 200
    assert [t["target"] for t in s.daemon.row(answer)["tries"]] == ["fake-model", "spare"]


# --- a child that hangs --------------------------------------------------------------------------


def test_a_load_without_progress_ends(shop):
    s = shop({"a": "never_ready=1 silent_load=1"}, config={"engines": {"load_stall": "400ms"},
                                                          "queue": {"wait": "20s"}})
    answer = s.chat("a", timeout=40)
    assert answer.status == 503 and "no progress" in answer.json()["error"]["message"], answer.body
    shops.nothing_left(s.home, 2)


def test_a_long_load_with_progress_goes_on(shop):
    s = shop({"a": "load_ms=3000 steps=30 tokens=1"}, config={"engines": {"load_stall": "600ms"},
                                                             "queue": {"wait": "700ms"}})
    answer = in_thread(lambda: s.chat("a", timeout=20))
    seen = set()
    while s.state("a") in ("ABSENT", "STARTING"):
        seen.add(s.engine("a").get("progress"))
        time.sleep(0.05)
    assert len(seen) > 5
    assert answer().status == 200


def test_it_says_ready_and_never_answers(shop):
    s = shop({"a": "lie_ready=1"}, config={"upstream": {"first_byte": "500ms"}, "request": {"attempts": 2}})
    answer = s.chat("a", timeout=30)
    assert answer.status in (503, 504), answer.body
    assert s.engine("a")["state"] != "BUSY"


def test_no_protocol_means_that_it_is_asked(shop):
    s = shop({"a": "no_protocol=1 load_ms=300 tokens=2"})
    assert s.chat("a").status == 200


def test_stopped_while_it_answers(shop):
    """SIGSTOP: it no longer answers looks at its health, and is ended within ten seconds."""
    s = shop({"a": ("tokens=2000 token_ms=10", {})}, config={"upstream": {"idle": "60s"}})
    with s.stream("a", timeout=30) as stream:
        stream.take(3)
        shops.kill(s.engine("a")["pid"], signal.SIGSTOP)
        began = time.monotonic()
        events = stream.rest()
        assert time.monotonic() - began < 12
    assert client.stream_error(events) == "upstream_stalled"
    assert s.chat("a", "tokens=1", timeout=15).status == 200


def test_stopped_while_idle(shop):
    s = shop({"a": "tokens=1"})
    assert s.chat("a").status == 200
    first = s.engine("a")["pid"]
    shops.kill(first, signal.SIGSTOP)
    wait_for(lambda: s.engine("a").get("pid") not in (None, first), 12)
    assert s.chat("a", timeout=15).status == 200


def test_it_does_not_want_to_end(shop):
    s = shop({"a": "tokens=1 hang_stop=1", "b": "tokens=1"})
    assert s.chat("a").status == 200
    began = time.monotonic()
    assert s.chat("b", timeout=20).status == 200
    assert 1.5 < time.monotonic() - began < 4
    assert "did not end in time" in s.daemon.said()


# --- what it leaves behind -----------------------------------------------------------------------


@pytest.mark.parametrize("boxed", [True, False], ids=["sandbox", "no sandbox"])
def test_grandchildren_end_with_it(shop, boxed):
    s = shop({"a": "tokens=1 fork=3", "b": "tokens=1"}, **({} if boxed else shops.UNBOXED))
    assert s.chat("a").status == 200
    assert s.engine("a")["sandbox"] == ("bubblewrap" if boxed else "none")
    wait_for(lambda: len(s.children()) > 3)
    assert s.chat("b").status == 200
    wait_for(lambda: len(s.children()) <= 3, 3)  # the other one: its bridge, bubblewrap, itself
    s.daemon.stop()
    shops.nothing_left(s.home, 1)


@pytest.mark.parametrize("boxed", [True, False], ids=["sandbox", "no sandbox"])
def test_the_daemon_is_killed(shop, boxed):
    """kill -9 at any moment: no engine after one second, and the next start is quick."""
    unboxed = {} if boxed else shops.UNBOXED
    s = shop({"a": "tokens=1 load_ms=50", "b": "tokens=1"}, **unboxed)
    rounds = (1000 if boxed else 100) if SOAK else (20 if boxed else 4)
    for n in range(rounds):
        ask = in_thread(lambda: quietly(lambda: s.chat("a", "tokens=100 token_ms=5", stream=True, timeout=10)))
        time.sleep((n * 37 % 200) / 1000)
        s.daemon.kill()
        shops.nothing_left(s.home, 1)
        ask()
        s.daemon.expect_exit = 0
        s.daemon.up(env=unboxed.get("env"))
    assert s.chat("a").status == 200
    assert len(s.folders()) == 1


def quietly(work):
    try:
        return work() or True
    except (OSError, client.Cut):
        return True


def test_stops_with_a_stream_under_way(shop):
    """Each within three seconds, and no socket is left."""
    s = shop({"a": ("tokens=5000 token_ms=5", {}), "b": "tokens=1"}, config={"request": {"drain": "0s"}})
    for _ in range(200 if SOAK else 12):
        with s.stream("a") as stream:
            stream.take(1)
            began = time.monotonic()
            s.daemon.stop()
            assert time.monotonic() - began < 3
        shops.nothing_left(s.home, 0.5)
        assert not list((s.home / "run/engines").glob("*/engine.sock"))
        s.daemon.up()


def test_it_goes_down_politely(shop):
    """Streams under way finish; then the engine ends, then the daemon."""
    s = shop({"a": ("tokens=40 token_ms=20", {"parallel": 4})})
    with s.stream("a") as one, s.stream("a") as two:
        one.take(1)
        two.take(1)
        s.daemon.signal(signal.SIGTERM)
        for stream in (one, two):
            assert client.is_done(stream.rest()[-1])
    assert s.daemon.stop() == 0
    shops.nothing_left(s.home, 0.5)


# --- settings, packs, reloads --------------------------------------------------------------------


def test_a_reload_touches_only_what_changed(shop):
    s = shop({"a": ("tokens=1", {"ctx": 2048}), "b": "tokens=1"})
    assert s.chat("a").status == 200
    first = s.engine("a")["pid"]
    s.reload()
    s.config["models"]["b"]["ctx"] = 512
    s.daemon.write(s.config)
    s.reload()
    time.sleep(0.3)
    assert s.engine("a")["pid"] == first
    s.config["models"]["a"]["ctx"] = 1024
    s.daemon.write(s.config)
    with s.stream("a", "tokens=30 token_ms=10") as stream:
        stream.take(1)
        s.reload()
        assert client.is_done(stream.rest()[-1])  # who is inside may finish
    wait_for(lambda: s.engine("a").get("pid") not in (None, first))
    s.until("a", "READY")
    assert "--ctx-size 1024" in " ".join(s.events("start")[0]["argv"])


def test_a_model_goes_while_it_answers(shop):
    s = shop({"a": "tokens=1", "b": "tokens=1"})
    with s.stream("a", "tokens=40 token_ms=10") as stream:
        stream.take(1)
        del s.config["models"]["a"]
        s.daemon.write(s.config)
        s.reload()
        assert client.is_done(stream.rest()[-1])
    wait_for(lambda: not s.children())
    assert s.chat("a").status == 404
    assert s.chat("b").status == 200


def test_no_pack(shop):
    s = shop({"a": "tokens=1"}, pack=False, env={"PATH": "/usr/bin:/bin"})
    answer = s.chat("a")
    assert answer.status == 503 and answer.error == "engine_missing"
    assert "hearth engines install llama.cpp" in answer.json()["error"]["message"]
    engines.fake_pack(s.home, s.ground)
    s.reload()
    assert wait_for(lambda: s.chat("a").status == 200)


def test_no_file(shop):
    s = shop({"a": "tokens=1"})
    os.unlink(s.config["models"]["a"]["file"])
    answer = s.chat("a")
    assert answer.status == 503 and s.config["models"]["a"]["file"] in answer.json()["error"]["message"]


def test_no_sandbox_is_told(shop):
    s = shop({"a": "tokens=1"}, **shops.UNBOXED)
    assert s.chat("a").status == 200
    code, out, err = s.daemon.hearth("status")
    assert code == 0 and "sandbox: none" in out
    assert "without a sandbox" in s.daemon.said()


def test_metrics_of_an_engine(shop):
    """Its own are asked seldom, and told with the model's name."""
    s = shop({"a": "tokens=3", "b": "tokens=1"}, config={"engines": {"health": "200ms"}})
    assert s.chat("a").status == 200
    page = wait_for(lambda: 'hearth_engine_tokens_total{model="a"}' in (t := metrics(s)) and t, 15, 0.1)
    assert 'hearth_engine_up{model="a"} 1' in page and 'hearth_engine_up{model="b"} 0' in page
    assert 'hearth_engine_starts_total{model="a"} 1' in page and 'hearth_engine_deaths_total{model="a"} 0' in page
    shops.kill(s.engine("a")["pid"])
    wait_for(lambda: 'hearth_engine_deaths_total{model="a"} 1' in metrics(s))
    s.until("a", "READY")
    time.sleep(11)
    asked = [e["at_ms"] for e in s.events("request") if e["path"] == "/metrics"]
    assert len(asked) in (1, 2) and all(b - a >= 5000 for a, b in zip(asked, asked[1:]))


def metrics(s):
    return s.daemon.ask("GET", "/metrics").body.decode()


# --- a child that talks nonsense -----------------------------------------------------------------


@pytest.mark.parametrize("words", ["log_flood=2000", "stdout_flood=2000", "long_line=3000000", "garbage=1"])
def test_noise(shop, words):
    s = shop({"a": f"tokens=2 {words}", "b": "tokens=2"}, config={"request": {"attempts": 2}})
    s.chat("a", timeout=20)
    assert s.chat("b", timeout=20).status == 200
    if not s.ground.sanitized:
        assert s.daemon.memory_kib() < 60000


def test_an_engine_of_another_key_is_not_ours(shop):
    """Whoever answers must hold the key of this start: an engine that asks for another one refuses us."""
    s = shop({"a": "tokens=1"})
    assert s.chat("a").status == 200
    refused = client.ask(s.place_of(s.engine("a")["pid"]) / "engine.sock", "GET", "/slots")
    assert refused.status == 401
