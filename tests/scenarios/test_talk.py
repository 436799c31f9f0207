"""`hearth ask`, `hearth chat`, `hearth run`, as people use them: at a terminal and in pipes."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

import engines
import harness
import terminal
from harness import wait_for
from terminal import Terminal

EVIL = "%1b]0;owned%07%1b[2J%c2%9b31m%0dgone%e2%80%ae"
SCREENS = harness.TOP / "docs/screens"


@pytest.fixture(scope="module")
def place(shared):
    """A daemon with two models of one provider, and the provider."""
    fake = shared.fake()
    provider = fake.provider(models=["qwen2.5", "llama3.2"])
    daemon = shared.home({"providers": {"fake": provider},
                          "roles": {"chat": ["qwen2.5"], "code": ["llama3.2"]}}).up()
    daemon.fake = fake
    return daemon


def text(words):
    """As a value of the fake's script."""
    return "".join(c if c.isalnum() else "".join(f"%{b:02x}" for b in c.encode()) for c in words)


def piped(daemon, *args, given=None):
    """With something on stdin: (code, stdout, stderr)."""
    ground = daemon.ground
    proc = subprocess.run([str(ground.program("hearth")), *args], input=given, capture_output=True, timeout=20,
                          cwd=daemon.home, env=ground.environment(daemon.home), **ground.rules)
    out, err = proc.stdout.decode(), proc.stderr.decode()
    assert not harness.BAD_WORDS.search(err), err
    return proc.returncode, out, err


def sent(daemon):
    """The body of the last request at the provider."""
    return json.loads(daemon.fake.last()[0]["body"])


def asked(daemon):
    return sent(daemon)["messages"]


def write(daemon, name, content):
    path = daemon.home / name
    path.write_bytes(content)
    daemon.ground.own(path)
    return path


# --- ask ------------------------------------------------------------------------------------------


def test_the_answer_streams_to_a_terminal(place):
    with Terminal(place, "ask", "fake:", "text=word%20", "events=3", "gap_ms=150") as t:
        t.until("word")
        assert "word word word" not in t.screen() and t.proc.poll() is None
        assert t.ends() == 0
    assert t.screen() == "word word word\n"
    assert sent(place)["stream"] is True and "max_tokens" not in sent(place)


def test_the_row_names_who_asked(place):
    row = place.row(json.loads(place.hearth("ask", "--json", "hi")[1])["id"])
    assert (row["who"], row["outcome"], row["model"], row["served"]) == ("owner", "OK", "role/chat", "qwen2.5")
    assert row["streamed"]


def test_a_pipe_gets_the_whole_answer(place):
    assert place.hearth("ask", "fake:", "text=a%0a%0ab", "events=1") == (0, "a\n\nb\n", "")
    assert place.hearth("ask", "fake:", "text=a%0a", "events=2") == (0, "a\na\n", "")


def test_json_holds_all_of_it(place):
    code, out, err = place.hearth("ask", "--json", "-m", "llama3.2", "-s", "be brief", "fake:", "text=x%1b",
                                  "events=2", "reasoning=1")
    told = json.loads(out)
    assert (code, err, told["answer"], told["model"], told["finish"]) == (0, "", "x\x1bx\x1b", "llama3.2", "stop")
    assert told["completion_tokens"] > 0 and told["prompt_tokens"] > 0 and told["thoughts"]
    assert 0 < told["first_ms"] <= told["total_ms"] < 20000
    assert asked(place)[0] == {"role": "system", "content": "be brief"} and "\x1b" not in out
    assert place.row(told["id"])["served"] == "llama3.2"
    code, out, err = place.hearth("ask", *["word"] * 65)
    assert code == 2 and "takes 64 words; quotes make one of several" in err


def test_what_is_piped_in_goes_with_it(place):
    assert piped(place, "ask", "sum", "up", given=b"one\ntwo\n")[0] == 0
    assert asked(place) == [{"role": "user", "content": "sum up\n\n<input>\none\ntwo\n</input>"}]
    assert piped(place, "ask", given="nur größer".encode())[0] == 0
    assert asked(place) == [{"role": "user", "content": "nur größer"}]
    code, out, err = piped(place, "ask", given=b"")
    assert code == 2 and "what is the question?" in err


def test_a_pipe_that_says_nothing_is_told_of(place):
    ground = place.ground
    proc = subprocess.Popen([str(ground.program("hearth")), "ask", "fake: events=1 text=well"], cwd=place.home,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=ground.environment(place.home), preexec_fn=harness.die_with_us, **ground.rules)
    told = proc.stderr.readline()
    assert told == b"Reading the input, up to its end; with </dev/null there is none.\n" and proc.poll() is None
    out, err = proc.communicate(b"more", timeout=10)
    assert (proc.returncode, out, err) == (0, b"well\n", b"")


def test_too_much_input_is_told_and_bytes_are_refused(place):
    much = "€".encode() * 400000
    code, _, err = piped(place, "ask", "count", given=much)
    assert code == 0 and "Only the first MiB of the input is taken." in err
    content = asked(place)[0]["content"]
    assert content.count("€") == (1 << 20) // 3 and "\ufffd" not in content
    code, out, err = piped(place, "ask", "what", "is", "it", given=b"\x7fELF\0\0")
    assert (code, out) == (1, "") and "the input is not text in UTF-8" in err


def test_files_by_their_path(place):
    write(place, "notes.txt", b"buy milk\n")
    write(place, "my plan.md", "größer".encode())
    assert place.hearth("ask", "what is in @notes.txt?", "@my plan.md", "and @@home")[0] == 0
    assert asked(place)[0]["content"] == (
        "what is in notes.txt? my plan.md and @home\n\n<file name=\"notes.txt\">\nbuy milk\n</file>"
        "\n\n<file name=\"my plan.md\">\ngrößer\n</file>")


@pytest.mark.parametrize("name, content, code, words", [
    ("none.txt", None, 4, "cannot open none.txt"),
    ("large.txt", b"x" * ((1 << 20) + 1), 1, "larger than 1048576 bytes"),
    ("bytes.bin", b"a\0b", 1, "bytes.bin is not text in UTF-8"),
    ("config", None, 1, "is no regular file")], ids=["none", "large", "bytes", "folder"])
def test_files_that_are_refused(place, name, content, code, words):
    if content is not None:
        write(place, name, content)
    before = place.fake.stats()["requests"]
    got, out, err = place.hearth("ask", "read", f"@{name}")
    assert (got, out) == (code, "") and words in err, (got, err)
    assert place.fake.stats()["requests"] == before


def test_a_hostile_answer_does_nothing_to_a_terminal(place):
    with Terminal(place, "ask", f"fake: events=1 text=A{EVIL}%0d%0a%09end") as t:
        assert t.ends() == 0
    assert t.screen() == "A\\x1b]0;owned\\x07\\x1b[2J\\xc2\\x9b31m\\x0dgone\\xe2\\x80\\xae\n" + " " * 8 + "end\n"
    assert "\x1b]" not in t.text() and "\x1b[2J" not in t.text()
    code, out, _ = piped(place, "ask", f"fake: events=1 text=A{EVIL}", given=b"")
    assert code == 0 and out == "A\x1b]0;owned\x07\x1b[2J\x9b31m\rgone\u202e\n"


def test_thoughts_are_for_a_terminal_only(place):
    words = "fake: reasoning=1 events=1 text=yes"
    with Terminal(place, "ask", words, env={"NO_COLOR": "1"}) as t:
        assert t.ends() == 0
    assert re.fullmatch(r"It thinks:\n\S.*\n\nyes\n", t.screen(), re.S), t.screen()
    assert place.hearth("ask", words)[1] == "yes\n"


def test_ctrl_c_ends_the_request(place):
    before = len(place.rows(outcome="CLIENT_GONE"))
    with Terminal(place, "ask", "fake: events=100 gap_ms=200 text=on%20") as t:
        t.until("on on")
        t.interrupt()
        assert t.ends(3) == terminal.INTERRUPTED
    assert place.wait_rows(before + 1, outcome="CLIENT_GONE") and "\non" not in t.screen()


@pytest.mark.parametrize("words, code, says", [
    (["-m", "qwen", "hi"], 4, "the nearest are qwen2.5"),
    (["-r", "raw", "hi"], 1, "hearth roles set raw MODEL"),
    (["-m", "a", "-r", "b", "hi"], 2, "two names for one thing"),
    (["fake: status=400 message=too%20long"], 2, "too long"),
    (["fake: status=500 message=broken"], 1, "broken"),
    (["fake: events=5 reset=3"], 1, "broke off")])
def test_what_fails_is_told(place, words, code, says):
    got, out, err = place.hearth("ask", *words)
    assert got == code and says in err, (got, out, err)


def test_an_answer_that_was_cut_off_says_so(place):
    code, out, err = place.hearth("ask", "fake: events=1 text=half finish=length")
    assert (code, out) == (0, "half\n") and "limit of tokens" in err


def test_which_model_is_asked(make):
    fake = make.fake()
    home = make.home()

    def up(models, **more):
        if home.proc:
            assert home.stop() == 0
        home.write(harness.merge(harness.USUAL, {"providers": {"fake": fake.provider(models=models)}, **more}))
        home.up()

    home.fake = fake
    code, out, err = home.hearth("ask", "hi")
    assert code == 3 and "hearth up" in err
    up(["only"])
    assert home.hearth("ask", "hi")[0] == 0 and sent(home)["model"] == "only"
    up(["one", "two"])
    code, out, err = home.hearth("ask", "hi")
    assert code == 2 and "which model? there are 2" in err and "There are one, two." in err
    assert home.hearth("ask", "-m", "two", "hi")[0] == 0
    home.wait_rows(2)
    assert home.hearth("ask", "hi")[0] == 0 and sent(home)["model"] == "two"
    up(["one", "two"], roles={"chat": ["one"]})
    assert home.hearth("ask", "hi")[0] == 0 and sent(home)["model"] == "one"
    home.stop()
    home.write(harness.USUAL)
    home.up()
    code, out, err = home.hearth("ask", "hi")
    assert code == 4 and "there is no model yet" in err and "hearth run FILE.gguf" in err


# --- chat -----------------------------------------------------------------------------------------


def test_a_conversation_at_a_terminal(place):
    with Terminal(place, "chat") as t:
        t.enter("fake: events=1 text=first")
        t.enter("/system be brief")
        t.enter("and\\\nfake: events=1 text=second")
        t.until("... fake", "\nsecond\n")
        assert [(m["role"], m["content"]) for m in asked(place)] == [
            ("system", "be brief"), ("user", "fake: events=1 text=first"), ("assistant", "first"),
            ("user", "and\nfake: events=1 text=second")]
        t.enter('"""\na  b\n\nfake: events=1 text=third\n"""')
        t.until("\nthird\n")
        assert asked(place)[-1]["content"] == "a  b\n\nfake: events=1 text=third"
        t.enter("/undo")
        t.until("Forgotten, with its answer: a  b ...")
        t.enter("/retry")
        t.prompt()
        assert [m["content"] for m in asked(place)[1:]] == [
            "fake: events=1 text=first", "first", "and\nfake: events=1 text=second"]
        t.type("\x04")
        assert t.ends() == 0
    kept = place.home / "data/chat.history"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "fake: events=1 text=first" in kept.read_text().splitlines()


def test_ctrl_c_stops_the_answer_and_not_the_chat(place):
    before = len(place.rows(outcome="CLIENT_GONE"))
    with Terminal(place, "chat") as t:
        t.enter("fake: events=100 gap_ms=100 text=on%20")
        t.until("on on")
        t.interrupt()
        t.until("(stopped; what there is stays in the conversation)")
        assert place.wait_rows(before + 1, outcome="CLIENT_GONE")
        t.prompt()
        t.type("half a line")
        t.until("half a line")
        t.interrupt()
        t.until("(Ctrl-D or /bye ends the chat)")
        t.enter("fake: events=1 text=well")
        t.until("\nwell\n")
        roles = [(m["role"], m["content"]) for m in asked(place)]
        assert roles[1][0] == "assistant" and roles[1][1].startswith("on on") and len(roles) == 3
        n = place.fake.stats()["requests"]
        t.enter("fake: delay_ms=20000")
        wait_for(lambda: place.fake.stats()["requests"] > n)
        t.interrupt()
        t.until("(stopped)")
        t.enter("/undo")
        t.until("Forgotten: fake: delay_ms=20000")
        t.enter("/bye")
        assert t.ends() == 0


@pytest.mark.parametrize("full", [False, True], ids=["long", "full"])
def test_ctrl_c_is_heard_while_the_daemon_takes_nothing(place, full):
    """A question that is longer than the socket's buffer; a queue in which there is no more room."""
    words = "x" * (1 if full else 1 << 20)
    write(place, "asks.json", json.dumps({"messages": [{"role": "user", "content": words}]}).encode())
    waiting = []
    with Terminal(place, "chat") as t:
        t.enter("/load asks.json")
        t.until("1 message read")
        os.kill(place.proc.pid, signal.SIGSTOP)
        try:
            while full:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                try:
                    waiting[-1].connect(str(place.home / "run/admin.sock"))
                except BlockingIOError:
                    break
            t.enter("/retry")
            asks = time.monotonic() + 0.5  # by then it is past the line, and at its question
            wait_for(lambda: t.fill() and time.monotonic() > asks)
            before = time.monotonic()
            t.interrupt()
            t.until("(stopped)")
            assert time.monotonic() - before < 0.5  # it looks every 50 ms
        finally:
            os.kill(place.proc.pid, signal.SIGCONT)
            for s in waiting:
                s.close()
        t.enter("/bye")
        assert t.ends() == 0


def test_a_new_answer_that_is_stopped_does_not_take_the_old_ones_place(place):
    place.fake.script("events=1 text=whole")
    with Terminal(place, "chat") as t:
        t.enter("hi")
        t.until("\nwhole\n")
        place.fake.script("events=100 gap_ms=100 text=on%20")
        t.enter("/retry")
        t.until("on on")
        t.interrupt()
        t.until("(stopped; the answer before stays in the conversation)")
        place.fake.script("events=5 reset=3 text=on%20")
        t.enter("/retry")
        t.until("broke off", "(the answer before stays in the conversation)")
        place.fake.script("events=1 text=better")
        t.enter("and?")
        t.until("\nbetter\n")
        assert [m["content"] for m in asked(place)] == ["hi", "whole", "and?"]
        t.enter("/bye")
        assert t.ends() == 0
    place.fake.script("")


def test_an_answer_that_fails_is_no_part_of_it(place):
    with Terminal(place, "chat") as t:
        t.enter("fake: status=500 message=broken")
        t.until("broken")
        t.enter("fake: events=1 text=fine")
        t.until("\nfine\n")
        assert len(asked(place)) == 1
        t.enter("/retyr")
        t.until("did you mean /retry?")
        t.enter("/etc/passwd fake: events=1 text=path")
        t.until("\npath\n")
        t.enter("/model llama3.2")
        t.until("Now llama3.2 answers")
        t.enter("fake: events=1 text=other")
        t.until("\nother\n")
        assert sent(place)["model"] == "llama3.2" and len(asked(place)) == 5
        t.enter("/model llama3")
        t.until("the nearest are llama3.2")
        t.enter("/model")
        t.until("Asked is llama3.2. There are:", "  qwen2.5")
        t.enter("/bye")
        assert t.ends() == 0


def test_conversations_are_saved_and_loaded(place):
    path, other = place.home / "talk.json", write(place, "other.json", b"{}")
    with Terminal(place, "chat", "--system", "be kind") as t:
        t.enter("fake: events=1 text=gr%c3%bc%c3%9fe")
        t.until("\ngrüße\n")
        t.enter("/save talk.json")
        t.until("3 messages written to talk.json")
        saved = json.loads(path.read_text())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [m["role"] for m in saved["messages"]] == ["system", "user", "assistant"]
        assert saved["messages"][2]["content"] == "grüße"
        t.enter("/save")
        t.enter("/save other.json")
        t.until("Write over it? [y/N]")
        t.type("n\n")
        t.until("Nothing was written.")
        assert other.read_text() == "{}"
        t.enter("/save --force other.json")
        t.until("written to other.json")
        assert json.loads(other.read_text()) == saved
        t.enter("/load none.json")
        t.until("cannot open none.json")
        t.enter("/bye")
        assert t.ends() == 0
    # the form is OpenAI's: it may be sent as it is
    assert place.ask("POST", "/v1/chat/completions", {**saved, "model": "qwen2.5"}).status == 200
    with Terminal(place, "chat") as t:
        t.enter("/load talk.json")
        t.until("3 messages read from talk.json")
        t.enter("fake: events=1 text=more")
        t.until("\nmore\n")
        assert asked(place)[:3] == saved["messages"] and len(asked(place)) == 4
        t.prompt()
        t.type("\x04")
        assert t.ends() == 0


def test_a_paste_of_lines_is_one_message(place):
    with Terminal(place, "chat") as t:
        t.prompt()
        t.type("\x1b[200~say\rtwo lines\r\rfake: events=1 text=pasted\r\x1b[201~")
        t.until("two lines")
        t.type("\n")
        t.until("\npasted")
        assert asked(place)[0]["content"] == "say\ntwo lines\n\nfake: events=1 text=pasted"
        t.enter("/bye")
        assert t.ends() == 0


def test_of_a_paste_that_is_too_long_the_beginning_is_taken(place):
    before = place.fake.stats()["requests"]
    with Terminal(place, "chat") as t:
        t.prompt()
        rest = b"\x1b[200~" + b"fake: events=1 text=pasted\r" + b"never a message\r" * 20000 + b"\x1b[201~"
        while rest:
            rest = rest[os.write(t.ours, rest[:2048]):]
        t.until("only its first 262144 characters are taken")
        t.type("\x15fake: events=1 text=typed\n")
        t.until("\ntyped\n", seconds=20)
        t.enter("/bye")
        assert t.ends() == 0
    assert place.fake.stats()["requests"] == before + 1


def test_a_question_without_an_answer_is_kept(place):
    write(place, "asks.json", b'[{"role": "user", "content": "hi"}]')
    lines = b"/load asks.json\n/save --force.json\n"
    code, out, err = piped(place, "chat", "-m", "qwen2.5", given=lines)
    assert (code, err, out) == (0, "", "1 message read from asks.json\n1 message written to --force.json\n")
    assert [(m["role"], m["content"]) for m in json.loads((place.home / "--force.json").read_text())["messages"]] == [
        ("user", "hi")]
    assert piped(place, "chat", given=lines)[0] == 1  # "--force.json" is a name, and there already
    write(place, "says.json", b'[{"role": "assistant", "content": "welcome"}]')
    code, out, err = piped(place, "chat", given=b"/load says.json\n/save said.json\n/retry\n")
    assert (code, "nothing was asked yet" in err) == (2, True)
    code, out, err = piped(place, "chat", given=b"/load says.json\nfake: events=1 text=well\n/retry\n")
    assert (code, out) == (0, "1 message read from says.json\nwell\nwell\n") and asked(place)[0]["content"] == "welcome"


def test_editing_and_what_was_typed_before(place):
    with Terminal(place, "chat", env={"LC_ALL": "C"}) as t:
        t.enter("größe\x01X \x05 fake: events=1 text=ok%3f")
        t.until("\nok?\n")
        assert asked(place)[0]["content"] == "X größe fake: events=1 text=ok%3f"
        t.prompt()
        t.type("\x04")
        assert t.ends() == 0
    with Terminal(place, "chat") as t:
        t.prompt()
        t.type("\x1b[A")
        t.until(">>> X größe")
        t.type("\n")
        t.until("\nok?\n")
        t.enter("/bye")
        assert t.ends() == 0


def test_a_chat_without_a_terminal(place):
    lines = b'fake: events=1 text=one\n/system short\n"""\nfake: events=1 text=two\n"""'
    code, out, err = piped(place, "chat", "-m", "qwen2.5", given=lines)
    assert (code, err) == (0, "") and out.splitlines() == ["one", "It holds from now on.", "two"]
    assert [m["role"] for m in asked(place)] == ["system", "user", "assistant", "user"]
    write(place, "there.json", b"[]")
    code, out, err = piped(place, "chat", given=b"/save there.json\nfake: events=1 text=never\n")
    assert (code, out) == (1, "") and "/save --force FILE" in err
    assert piped(place, "chat", "-m", "nothing", given=b"hi\n")[0] == 4
    assert piped(place, "chat", given=b"") == (0, "", "")


# --- run ------------------------------------------------------------------------------------------


@pytest.fixture
def alone(make, ground):
    """A home with an engine and a model's file, and no daemon."""
    home = make.home({"engines": {"load_stall": "5s"}})
    engines.fake_pack(home.home, ground)
    yield home
    home.hearth("down", "--now")


def test_a_file_is_run(alone):
    path = engines.fake_model(alone.home, "load_ms=1900 steps=20 tokens=3", name="Tiny-1B.gguf", ground=alone.ground)
    with Terminal(alone, "run", "Tiny-1B.gguf", "a secret", "--system", "hush") as t:
        t.until("The model Tiny-1B is ", "hearth is up at http://127.0.0.1:")
        t.until("loading Tiny-1B", " %  1 s")
        assert t.ends() == 0
    assert t.screen().endswith("\nw0 w1 w2\n") and "loading" not in t.screen(), t.screen()
    with open(f"/proc/{json.loads(alone.hearth('status', '--json')[1])['pid']}/cmdline", "rb") as command:
        assert not re.search(b"secret|hush", command.read())
    assert "file: " + str(path) in next((alone.home / "config/conf.d").glob("*.yaml")).read_text().replace('"', "")
    code, out, err = alone.hearth("run", f"{path.parent}/./Tiny-1B.gguf", "again")
    assert (code, out, err) == (0, "w0 w1 w2 \n", "")
    assert alone.hearth("run", "Tiny-1B", "again")[1] == "w0 w1 w2 \n"
    assert json.loads(alone.hearth("run", "--json", "Tiny-1B", "again")[1])["answer"] == "w0 w1 w2 "
    assert json.loads(alone.hearth("models", "--json")[1])["models"][0]["name"] == "Tiny-1B"
    with Terminal(alone, "run", "Tiny-1B") as t:
        t.enter("hi")
        t.until("w0 w1 w2\n>>>")
        t.enter("/bye")
        assert t.ends() == 0
    code, out, err = piped(alone, "run", "Tiny-1B", given=b"what is this?")
    assert (code, out) == (0, "w0 w1 w2 \n")
    assert alone.hearth("down")[0] == 0


def test_what_cannot_be_run(alone):
    code, out, err = alone.hearth("run")
    assert code == 2 and "which model?" in err
    code, out, err = alone.hearth("run", "./none.gguf", "hi")
    assert code == 4 and "none.gguf cannot be opened" in err
    write(alone, "text.gguf", b"hello")
    code, out, err = alone.hearth("run", "text.gguf", "hi")
    assert code == 1 and "is no GGUF file" in err
    assert alone.hearth("status")[0] == 3  # nothing was started for that
    engines.fake_model(alone.home, name="some.gguf", ground=alone.ground)
    assert alone.hearth("run", "some.gguf", "hi")[0] == 0
    for words in (["run", "som", "hi"], ["run", "som"]):
        code, out, err = alone.hearth(*words)
        assert (code, out) == (4, "") and "the nearest are some" in err, err


# --- screens --------------------------------------------------------------------------------------


def check_screen(name, screen):
    """Kept as text in docs/screens. HEARTH_WRITE_SCREENS=1 writes them anew."""
    path = SCREENS / name
    if os.environ.get("HEARTH_WRITE_SCREENS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(screen)
    assert path.read_text() == screen


SKY = ("Sunlight is scattered by the molecules of the air, the short waves much more than the long "
       "ones. From all over the sky it is therefore the blue of it that reaches you.")


def test_the_screens_in_the_documents(place):
    write(place, "notes.txt", b"milk, bread\n")
    place.fake.script(f"events=1 text={text(SKY)}")
    try:
        with Terminal(place, "ask", "why is the sky blue?") as t:
            assert t.ends() == 0
        first = t.screen()
        with Terminal(place, "ask", "-m", "qwen", "why is the sky blue?") as t:
            assert t.ends() == 4
        check_screen("ask.txt", f"$ hearth ask \"why is the sky blue?\"\n{first}"
                                f"$ hearth ask -m qwen \"why is the sky blue?\"\n{t.screen()}")
        with Terminal(place, "chat", "-m", "qwen2.5") as t:
            for words in ("why is the sky blue?", "/save sky.json", "/hlep", "/help", "/undo", "/bye"):
                t.enter(words)
            assert t.ends() == 0
        check_screen("chat.txt", f"$ hearth chat -m qwen2.5\n{t.screen()}")
    finally:
        place.fake.script("")
