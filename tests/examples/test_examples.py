"""What people copy works: the files in examples/, and the commands in README.md."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest

import client
import engines
import harness

EXAMPLES = harness.TOP / "examples"
README = (harness.TOP / "README.md").read_text(encoding="utf-8")
MODEL = "qwen2.5-coder-7b"  # as README.md has it


def block(language, has):
    """The one code block of this language in README.md that has this word in it."""
    found = [b for b in re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S) if has in b]
    assert len(found) == 1, found
    return found[0]


@pytest.fixture(scope="module")
def daemon(shared):
    fake = shared.fake()
    return shared.daemon(config={"providers": {"fake": fake.provider(models=[MODEL, "other"])}})


def run(daemon, *words, port=None, **more):
    env = {**os.environ, "HEARTH_URL": f"http://127.0.0.1:{port or daemon.port}", **more}
    done = subprocess.run([str(w) for w in words], env=env, capture_output=True, text=True,
                          timeout=30, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def python(name):
    return sys.executable, EXAMPLES / name


# --- the files -------------------------------------------------------------------------------------


def test_every_example_is_listed_and_runs():
    listed = re.findall(r"^\| \[([\w.]+)\]", (EXAMPLES / "README.md").read_text(), re.M)
    assert sorted(listed) == sorted(p.name for p in EXAMPLES.iterdir() if p.name != "README.md")
    for name in listed:
        assert os.access(EXAMPLES / name, os.X_OK) == name.endswith((".sh", ".py")), name


def test_the_configuration_is_valid(make):
    home = make.home()
    home.write((EXAMPLES / "hearth.yaml").read_text())
    code, out, err = home.hearth("config", "check")
    assert (code, err) == (0, "") and "valid" in out and "warning" not in out, out + err
    code, out, _ = home.hearth("config", "show")
    assert code == 0 and "switched off" not in out and out.count(".base_url: ") == 3, out


def test_chat_py(daemon):
    code, out, err = run(daemon, *python("chat.py"), "fake: events=3", MODEL)
    assert (code, out) == (0, "w0 w1 w2 \n"), err
    assert re.fullmatch(rf"{re.escape(MODEL)}, 3 tokens, request hearth-[0-9a-f]+-\d+\n", err), err
    assert run(daemon, *python("chat.py"), "fake: events=1")[1] == "w0 \n", "without a model"


def test_chat_py_tells_errors(daemon):
    code, _, err = run(daemon, *python("chat.py"), "hello", "nothing-like-it")
    assert code == 1 and err.startswith('404: no model is named "nothing-like-it"'), err
    code, _, err = run(daemon, *python("chat.py"), "hello", port=harness.free_port())
    assert code == 1 and "hearth up --detach" in err, err
    assert run(daemon, *python("chat.py"))[0] == 1


def test_stream_py(daemon):
    code, out, err = run(daemon, *python("stream.py"), "fake: events=4 reasoning=2", MODEL)
    assert (code, out) == (0, "w0 w1 w2 w3 \n"), err


def test_stream_py_tells_errors(daemon):
    code, out, err = run(daemon, *python("stream.py"), "fake: events=9 reset=3")
    assert code == 1 and out.startswith("w0 w1 ") and "it broke off: " in err, (out, err)
    code, _, err = run(daemon, *python("stream.py"), "fake: status=401")
    assert code == 1 and err.startswith("502: "), err


def test_chat_sh(daemon):
    code, out, err = run(daemon, EXAMPLES / "chat.sh", "fake: events=2", "other")
    events = client.split_events(out.encode())
    assert code == 0 and client.contents(events) == ["w0 ", "w1 "] and client.is_done(events[-1]), err


def test_chat_sh_quotes(daemon, make):
    fake = make.fake()
    mine = make.daemon(fake)
    text = 'fake: events=1\nA "quoted" \\ text,\tand é\n\nthe end'
    assert run(mine, EXAMPLES / "chat.sh", text)[0] == 0
    assert client.json.loads(fake.last()[0]["body"])["messages"][0]["content"] == text


def test_chat_sh_tells_errors(daemon):
    code, out, _ = run(daemon, EXAMPLES / "chat.sh", "fake: status=500")
    assert code and "upstream_error" in out
    assert run(daemon, EXAMPLES / "chat.sh")[0] == 2


# --- README.md -------------------------------------------------------------------------------------


def test_readme_first_steps(make):
    """Its configuration, its commands and its curl line, one after the other."""
    fake = make.fake()
    home = make.home()
    config = block("yaml", "providers:")
    assert "127.0.0.1:8080" in config
    home.write(config.replace("127.0.0.1:8080", f"127.0.0.1:{fake.port}"))
    commands = re.findall(r"^hearth ([\w -]+?) +#", block("sh", "hearth config check"), re.M)
    assert commands == ["config check", "up --detach", "status"]
    try:
        for command in commands:
            more = ["--listen", "127.0.0.1:0"] if command.startswith("up") else []
            code, out, err = home.hearth(*command.split(), *more)
            assert code == 0 and not err, (command, out, err)
        address = re.search(r"http://127\.0\.0\.1:\d+", out)[0]
        curl = block("sh", "curl -sN").replace("http://127.0.0.1:8420", address)
        code, out, err = run(None, "sh", "-c", curl, port=1)
        events = client.split_events(out.encode())
        assert code == 0 and client.contents(events) and client.is_done(events[-1]), (out, err)
    finally:
        assert home.hearth("down")[0] == 0
        harness.wait_for(lambda: not harness.processes_with(home.home))


def test_readme_model_of_yours(make):
    """Its commands with a file in the place of theirs, and its curl line."""
    home = make.home()
    engines.fake_pack(home.home, make.ground)
    file = engines.fake_model(home.home, ground=make.ground)
    commands = re.findall(r"^hearth ([^#\n]+)", block("sh", "hearth models add"), re.M)
    assert [c.split()[:2] for c in commands] == [["models", "add"], ["models", "set"], ["status"]]
    try:
        code, out, _ = home.hearth("up", "--detach", "--listen", "127.0.0.1:0")
        address = re.search(r"http://127\.0\.0\.1:\d+", out)[0]
        for command in commands:
            words = [str(file) if w.endswith(".gguf") else w for w in command.split()]
            code, out, err = home.hearth(*words)
            assert code == 0 and not err, (command, out, err)
        assert MODEL in out
        curl = block("sh", "curl -sN").replace("http://127.0.0.1:8420", address)
        code, out, err = run(None, "sh", "-c", curl, port=1)
        events = client.split_events(out.encode())
        assert code == 0 and client.contents(events) and client.is_done(events[-1]), (out, err)
    finally:
        assert home.hearth("down")[0] == 0
        harness.wait_for(lambda: not harness.processes_with(home.home))


@pytest.mark.skipif(not importlib.util.find_spec("openai"), reason="OpenAI's library is not here")
def test_readme_openai_library(daemon):
    code = block("python", "from openai").replace("127.0.0.1:8420", f"127.0.0.1:{daemon.port}")
    done, out, err = run(daemon, sys.executable, "-c", code)
    assert (done, out) == (0, "w0 w1 w2 "), err
