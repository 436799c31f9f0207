"""`hearth connect` and `hearth disconnect`: what is written where, what is asked, and that all of it can be
taken back. Each test has a home of its own beside the daemon's."""

import json
import os
import pathlib
import signal
import stat
import subprocess

import pytest

import callers
import client
import engines
import harness
import shop
import test_who_may_ask

CONTINUE = ".continue/config.yaml"
OPENCODE = ".config/opencode/opencode.json"
AIDER = ".aider.conf.yml"
CLAUDE_CODE = ".claude/settings.json"
FILES = {"continue": CONTINUE, "opencode": OPENCODE, "aider": AIDER, "claude-code": CLAUDE_CODE}
SHOWN = ["open-webui", "sillytavern"]
NOT_BUILT = {"codex": "/v1/responses", "n8n": "/v1/responses"}
MINE = {
    "continue": "# mine\nname: x\nmodels:\n  # the big one\n  - name: a\n    provider: ollama\n    model: b",
    "opencode": '{\n\t// mine\n\t"theme": "x", /* and */\n}',
    "aider": "# mine\r\nvim: true\r\n",
    "claude-code": '{\n  "env": {\n    "MINE": "1"\n  },\n  "cleanupPeriodDays": 9\n}\n',
}


def address(daemon, app):
    """Where it is told to ask: Claude Code adds /v1 by itself."""
    return f"http://127.0.0.1:{daemon.port}" + ("/v1" if app != "claude-code" else "")


class Person:
    """Somebody with a home and apps, who calls hearth."""

    def __init__(self, daemon):
        self.daemon, self.ground = daemon, daemon.ground
        self.home = self.ground.folder("p")
        self.data = daemon.home / "data/connect"
        self.env = {"HOME": str(self.home), "PATH": "/nowhere"}

    def put(self, name, text, mode=0o644):
        path = self.home / name
        for folder in reversed([p for p in path.parents if self.home in p.parents]):
            if not folder.exists():
                folder.mkdir()
                self.ground.own(folder)
        path.write_bytes(text.encode())
        path.chmod(mode)
        return self.ground.own(path)

    def files(self):
        """All below the home and what connect keeps: {name: (mode, bytes)}."""
        found = {}
        for top in (self.home, self.data):
            for path in sorted(top.rglob("*")):
                if path.name != "connect.lock":
                    content = path.read_bytes() if path.is_file() else b""
                    found[str(path)] = (stat.S_IMODE(path.lstat().st_mode), content)
        return {n: f for n, f in found.items() if pathlib.Path(n).parent != self.data or f[1]}

    def hearth(self, *words, env=None):
        return self.daemon.hearth(*words, env={**self.env, **(env or {})})

    def does(self, *words, env=None):
        code, out, err = self.hearth(*words, env=env)
        assert code == 0, (out, err)
        return out

    def told(self, *words, env=None):
        return json.loads(self.does(*words, "--json", env=env))

    def refused(self, code, *words, env=None):
        got, out, err = self.hearth(*words, env=env)
        assert got == code, (got, out, err)
        assert not out, out
        return err

    def app(self, name):
        return next(a for a in self.told("connect")["apps"] if a["app"] == name)

    def keys(self):
        return [k["name"] for k in self.daemon.admin("GET", "/hearth/v1/keys").json()]


class World:
    def __init__(self, shared):
        self.fake = shared.fake()
        self.daemon = shared.daemon(self.fake, config={"roles": {"chat": ["fake-model"]}})

    def last(self):
        return json.loads(self.fake.last()[0]["body"])


@pytest.fixture(scope="module")
def world(shared):
    return World(shared)


@pytest.fixture
def person(world):
    p = Person(world.daemon)
    world.fake.clear()
    yield p
    world.fake.script("")
    for record in p.data.glob("*/record.json"):
        p.does("disconnect", record.parent.name, "--force")
    assert not p.keys()


def test_the_apps_are_listed(person):
    person.put(".continue/notes", "x")
    (person.home / "bin").mkdir()
    person.put("bin/aider", "#!/bin/sh\n", 0o755)
    person.env["PATH"] = f"relative:{person.home}/bin"
    lines = person.does("connect").splitlines()
    assert lines[0].split() == ["app", "here", "state"]
    rows = {ln.split()[0]: ln for ln in lines[1:10]}
    assert list(rows) == ["codex", "continue", "opencode", "open-webui", "sillytavern", "n8n", "aider", "claude-desktop",
                          "claude-code"]
    seen = {name for name, row in rows.items() if "not seen" not in row}
    assert seen == {"continue", "aider"}
    assert all("not yet: " in rows[n] and surface in rows[n] for n, surface in NOT_BUILT.items())
    assert "settings are written" in rows["opencode"] and "is shown" in rows["open-webui"]
    assert person.app("aider")["seen_at"] == f"{person.home}/bin/aider"
    assert not person.app("aider")["connected"]


@pytest.mark.parametrize("app", FILES)
@pytest.mark.parametrize("mine", [False, True], ids=["new", "mine"])
def test_there_and_back(world, person, app, mine):
    path = person.home / FILES[app]
    if mine:
        person.put(FILES[app], MINE[app], 0o640)
    before = person.files()
    out = person.does("connect", app)
    assert f"file     {path}" in out and "fake-model spoke after" in out
    text = path.read_text()
    assert address(world.daemon, app) + '"' * (app == "claude-code") in text and "chat" in text
    assert stat.S_IMODE(path.stat().st_mode) == (0o640 if mine else 0o600)
    assert person.app(app) == {**person.app(app), "connected": True, "file": str(path), "model": "chat"}
    asked = world.last()
    assert asked["stream"] is True and asked["stream_options"] == {"include_usage": True}
    assert ("tools" in asked) == (app != "aider")
    row = world.daemon.rows(most=1)[0]
    assert row["outcome"] == "OK" and row["model"] in ("chat", "fake-model"), row
    person.does("connect", app)
    assert path.read_text() == text  # once more is as it was
    out = person.does("disconnect", app)
    assert ("is as it was" in out) == mine
    assert person.files() == before
    assert "is not connected" in person.refused(4, "disconnect", app)


def test_what_was_changed_since_stays(person):
    path = person.put(CONTINUE, "models:\n  - name: a\n")
    person.does("connect", "continue")
    path.write_text("# new\n" + path.read_text() + "rules: []\n")
    assert "would take hearth's part out" in person.does("disconnect", "continue", "--dry-run")
    assert person.told("disconnect", "continue", "--dry-run")["outcome"] == "cut"
    assert "the rest was left" in person.does("disconnect", "continue")
    assert path.read_text() == "# new\nmodels:\n  - name: a\nrules: []\n"


def test_a_part_that_somebody_changed_is_told(person):
    path = person.put(CONTINUE, "models:\n  - name: a\n")
    person.does("connect", "continue")
    mine = path.read_text().replace("apiKey", "apikey")
    path.write_text(mine)
    for words in (["disconnect", "continue"], ["disconnect", "continue", "--dry-run"]):
        err = person.refused(78, *words)
        assert "was changed where hearth's part stands" in err and "apiBase" in err and "--force" in err
    assert person.refused(78, "connect", "continue")
    assert path.read_text() == mine
    person.does("disconnect", "continue", "--force")
    assert path.read_text() == mine and not person.app("continue")["connected"]


def test_a_link_into_a_folder_of_dotfiles(person):
    real = person.put("dotfiles/aider.yml", MINE["aider"])
    os.symlink("dotfiles/aider.yml", person.home / AIDER)
    assert f"file     {real}" in person.does("connect", "aider")
    assert (person.home / AIDER).is_symlink() and "openai-api-base" in real.read_text()
    person.does("disconnect", "aider")
    assert (person.home / AIDER).is_symlink() and real.read_bytes() == MINE["aider"].encode()


def test_never_into_somebody_elses_file(person):
    callers.needs_root()
    theirs = person.put("theirs.yml", "x: 1\n", 0o666)
    os.chown(theirs, callers.stranger(), -1)
    os.symlink(theirs, person.home / AIDER)
    assert "not ours" in person.refused(77, "connect", "aider")
    assert theirs.read_text() == "x: 1\n" and not person.app("aider")["connected"]


def test_claude_code_asks_in_its_own_words(make):
    fake = make.fake()
    daemon = make.daemon(config={"providers": {"claude": fake.provider(kind="anthropic")}})
    person = Person(daemon)
    person.put(CLAUDE_CODE, MINE["claude-code"])
    assert "fake-model spoke after" in person.does("connect", "claude-code")
    asked = fake.asked()
    assert asked.path == "/v1/messages" and asked.body["tools"][0]["input_schema"]["type"] == "object"
    env = json.loads((person.home / CLAUDE_CODE).read_text())["env"]
    assert env.pop("MINE") == "1" and env.pop("ANTHROPIC_BASE_URL") == f"http://127.0.0.1:{daemon.port}"
    assert env.pop("ANTHROPIC_AUTH_TOKEN") == "none" and set(env.values()) == {"fake-model"} and len(env) == 4
    person.does("disconnect", "claude-code")
    assert (person.home / CLAUDE_CODE).read_text() == MINE["claude-code"]
    fake.script("status=529 message=no%20room")
    assert "no room" in person.refused(1, "connect", "claude-code")


# --- an app that starts hearth itself --------------------------------------------------------------

CLAUDE = ".config/Claude/claude_desktop_config.json"


@pytest.mark.parametrize("mine", [None, "", '{"globalShortcut": "x",\r\n  "mcpServers": {"a": {"command": "b"}}}'])
def test_an_app_that_starts_hearth(world, person, mine):
    path = person.home / CLAUDE
    if mine is not None:
        person.put(CLAUDE, mine, 0o640)
    before = person.files()
    out = person.does("connect", "claude-desktop")
    assert f"file     {path}" in out
    assert "fake-model answered after" in out and " mcp\n" in out and "start it again" in out
    made = json.loads(path.read_text())
    entry = made["mcpServers"].pop("hearth")
    assert made == (json.loads(mine) if mine else {"mcpServers": {}})
    assert entry["args"] == ["mcp"] and entry["env"] == {"HEARTH_HOME": str(world.daemon.home)}
    assert os.access(entry["command"], os.X_OK) and entry["command"].startswith("/")
    asked = world.last()
    assert asked["messages"] == [{"role": "user", "content": "Say hello."}] and asked["max_tokens"] == 16
    row = world.daemon.rows(most=1)[0]
    assert (row["outcome"], row["who"], row["model"]) == ("OK", "owner", "chat"), row
    person.does("connect", "claude-desktop")
    person.does("disconnect", "claude-desktop")
    assert person.files() == before


def test_what_is_written_starts_a_server(world, person):
    """As the app would: with what the entry says, and nearly nothing else."""
    person.does("connect", "claude-desktop", "--model", "fake-model")
    entry = json.loads((person.home / CLAUDE).read_text())["mcpServers"]["hearth"]
    assert entry["args"] == ["mcp", "--model", "fake-model"]
    lines = [{"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
             {"id": 2, "method": "tools/list"}]
    proc = subprocess.run([entry["command"], *entry["args"]], env={"HOME": str(person.home), **entry["env"]},
                          input="".join(json.dumps({"jsonrpc": "2.0", **ln}) + "\n" for ln in lines), text=True,
                          capture_output=True, timeout=20, **world.daemon.ground.rules)
    assert proc.returncode == 0 and not proc.stderr, proc.stderr
    assert [json.loads(ln)["id"] for ln in proc.stdout.splitlines()] == [1, 2]


def test_an_app_that_starts_hearth_and_is_elsewhere(person):
    for words in (["--docker"], ["--remote"]):
        assert "where it runs" in person.refused(2, "connect", "claude-desktop", *words)
    assert not person.files()


def test_an_app_that_would_start_hearth_in_vain(make, world, person):
    before = person.files()
    world.fake.script("status=500 message=broken")
    err = person.refused(1, "connect", "claude-desktop")
    assert "asked as Claude Desktop asks" in err and "broken" in err and "--force" in err
    assert "fake-modal" in person.refused(1, "connect", "claude-desktop", "--model", "fake-modal")
    path = person.put(CLAUDE, '{"mcpServers": {"hearth": {}}}')
    err = person.refused(78, "connect", "claude-desktop")
    assert "there is a server hearth already" in err and "by hand" in err and '"mcp"' in err
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    assert person.files() == before
    p = Person(make.home(harness.providers(world.fake)))
    assert "not running" in p.refused(3, "connect", "claude-desktop")
    assert '"mcpServers"' in p.does("connect", "claude-desktop", "--print") and not p.files()
    assert "not asked" in p.does("connect", "claude-desktop", "--force")
    p.does("disconnect", "claude-desktop")
    assert not p.files()


# --- what is shown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("app", [*FILES, *SHOWN])
def test_print_changes_nothing(world, person, app):
    if app in MINE:
        person.put(FILES[app], MINE[app])
    before, requests = person.files(), world.fake.stats()["requests"]
    url = f"http://127.0.0.1:{world.daemon.port}/v1"
    for words in (["--print"], ["--dry-run", "--docker"]):
        out = person.does("connect", app, *words)
        assert address(world.daemon, app) in out and ("hk_..." in out) == ("--docker" in words)
    answer = person.told("connect", app, "--print")
    assert answer["dry_run"] and answer["base_url"] == url and answer["model"] == "chat" and answer["answer"] is None
    if app in FILES:
        assert answer["file"] == str(person.home / FILES[app])
        assert set(MINE[app].splitlines()) <= set(answer["text"].splitlines())
    assert person.files() == before and world.fake.stats()["requests"] == requests


def test_print_without_a_daemon(make):
    home = make.home({"listen": ["127.0.0.1:8421"], "models": {"a": {"file": "/m/a.gguf"}}})
    p = Person(home)
    answer = p.told("connect", "aider", "--print")
    assert answer["base_url"] == "http://127.0.0.1:8421/v1" and answer["model"] == "a"
    assert "not running" in p.refused(3, "connect", "aider")
    assert not p.files()
    assert "not asked" in p.does("connect", "aider", "--force")
    assert "openai/a" in (p.home / AIDER).read_text()
    p.does("disconnect", "aider")
    assert not (p.home / AIDER).exists()


@pytest.mark.parametrize("app", NOT_BUILT)
def test_what_is_not_built_says_so(person, app):
    before = person.files()
    err = person.refused(1, "connect", app)
    assert "cannot be connected yet" in err and NOT_BUILT[app] in err
    assert "is not connected" in person.refused(4, "disconnect", app)
    assert person.files() == before


def test_sillytavern_is_shown(world, person):
    out = person.does("connect", "sillytavern")
    assert "Custom (OpenAI-compatible)" in out and "(leave it empty)" in out and "Nothing was written" in out
    assert "tools" not in world.last()
    assert person.app("sillytavern")["connected"]
    assert "until you take it out" in person.does("disconnect", "sillytavern")


# --- keys ------------------------------------------------------------------------------------------


def models(world, key):
    return client.ask(world.daemon.port, "GET", "/v1/models", headers=[("Authorization", f"Bearer {key}")]).status


def test_a_container_gets_a_key(world, person):
    answer = person.told("connect", "open-webui", "--docker")
    path = pathlib.Path(answer["file"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.parent == person.data
    words = dict(ln.split("=", 1) for ln in path.read_text().splitlines() if "=" in ln)
    key = words["OPENAI_API_KEY"]
    assert words["OPENAI_API_BASE_URL"] == answer["base_url"]
    assert f"--network=host --env-file '{path}'" in answer["steps"]
    assert person.keys() == ["open-webui"] and models(world, key) == 200
    assert world.daemon.rows(most=1)[0]["who"] == "key:open-webui"
    again = person.told("connect", "open-webui", "--docker")  # a new key; the old one is no more
    assert person.keys() == ["open-webui-2"] and models(world, key) == 401
    assert again["key_id"] != answer["key_id"]
    key = path.read_text().rpartition("=")[2].strip()
    assert models(world, key) == 200
    person.does("disconnect", "open-webui")
    assert models(world, key) == 401 and not person.keys() and not path.exists()


def test_a_container_of_an_app_that_would_be_written(person):
    before = person.files()
    out = person.does("connect", "continue", "--docker")
    assert "Put this into ~/.continue/config.yaml" in out and "hk_" in out and "--network=host" in out
    assert not (person.home / ".continue").exists() and person.keys() == ["continue"]
    assert "is connected" not in out
    person.does("disconnect", "continue")
    assert person.files() == before


def test_here_and_in_a_container_are_two_things(person):
    person.does("connect", "aider")
    assert "hearth disconnect aider" in person.refused(1, "connect", "aider", "--docker")
    assert not person.keys() and person.app("aider")["file"]


def test_a_name_that_is_taken(world, person):
    assert person.hearth("keys", "create", "sillytavern")[0] == 0
    person.does("connect", "sillytavern", "--docker")
    assert sorted(person.keys()) == ["sillytavern", "sillytavern-2"]
    person.does("disconnect", "sillytavern")
    assert person.keys() == ["sillytavern"]
    person.does("keys", "rm", "sillytavern")


def test_another_machine_needs_an_address(person):
    err = person.refused(1, "connect", "continue", "--remote")
    assert "on this machine only" in err and "hearth listen" in err
    assert not person.keys()
    assert "name one" in person.refused(2, "connect", "continue", "--remote", "--docker")


def test_another_machine_gets_a_key_and_the_certificate(make):
    lan = test_who_may_ask.lan_address()
    if not lan:
        pytest.skip("this machine has no address beyond loopback")
    daemon = make.daemon(make.fake(), config={"listen": ["127.0.0.1:0", f"{lan}:0"]})
    p = Person(daemon)
    before = p.files()
    answer = p.told("connect", "opencode", "--remote")
    assert answer["base_url"].startswith(f"https://{lan}:") and answer["file"] is None
    steps = answer["steps"]
    assert answer["base_url"] in steps and "hk_" in steps and f"{daemon.home}/data/tls/cert.pem" in steps
    assert p.keys() == ["opencode"] and not (p.home / ".config").exists()
    p.does("disconnect", "opencode")
    assert p.files() == before and not p.keys()


def test_who_is_not_trusted_gets_a_key_here_too(make):
    fake = make.fake()
    daemon = make.home({**harness.providers(fake), "trusted_uids": []})
    daemon.up(env={"HEARTH_TRUSTED_UIDS": ""})
    p = Person(daemon)
    p.does("connect", "aider", env={"HEARTH_TRUSTED_UIDS": ""})
    key = (p.home / AIDER).read_text().partition('openai-api-key: "')[2].partition('"')[0]
    answer = client.ask(daemon.port, "GET", "/v1/models", headers=[("Authorization", f"Bearer {key}")])
    assert key.startswith("hk_") and answer.status == 200
    p.does("disconnect", "aider")
    assert not (p.home / AIDER).exists() and json.loads(p.does("keys", "list", "--json")) == []


# --- what fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words, says", [("status=500 message=broken", "broken"), ("events=0", "without a word"),
                                         ("reset=2", "broke off")])
def test_a_request_that_fails_changes_nothing(world, person, words, says):
    before = person.files()
    world.fake.script(words)
    for more in ([], ["--docker"]):
        err = person.refused(1, "connect", "continue", *more)
        assert "asked as Continue asks" in err and says in err and "--force" in err
        assert person.files() == before and not person.keys()
    code, out, err = person.hearth("connect", "continue", "--force")
    assert code == 0 and says in err and (person.home / CONTINUE).exists()
    person.does("disconnect", "continue")
    assert person.files() == before


def test_a_model_that_is_not_there(person):
    err = person.refused(4, "connect", "aider", "--model", "fake-modal")
    assert "fake-modal" in err and not person.files()
    assert person.told("connect", "aider", "--model", "fake-model")["text"] is None  # what is in it is not told
    assert "openai/fake-model" in (person.home / AIDER).read_text()


@pytest.mark.parametrize("app, text, says", [
    ("continue", "models: [\n", "not valid YAML"),
    ("continue", "models:\n  - name: chat (hearth)\n", ":2: there is a model of this name"),
    ("opencode", '{"provider": {"hearth": {}}}', "there is a provider hearth already"),
    ("aider", "model: gpt\n", ":1: model is set already")])
def test_a_file_that_is_left_alone(world, person, app, text, says):
    path = person.put(FILES[app], text)
    err = person.refused(78, "connect", app)
    assert says in err and "by hand" in err and f"http://127.0.0.1:{world.daemon.port}/v1" in err
    assert path.read_text() == text and world.fake.stats()["requests"] == 0
    assert person.refused(78, "connect", app, "--print")


def test_an_app_that_nobody_knows(person):
    assert "opencode" in person.refused(4, "connect", "opncode")
    assert "opencode" in person.refused(4, "disconnect", "opncode")
    assert "which app" in person.refused(2, "disconnect")


def test_a_key_needs_the_daemon_to_be_revoked(make):
    daemon = make.daemon(make.fake())
    p = Person(daemon)
    p.does("connect", "open-webui", "--docker")
    before = p.files()
    assert daemon.stop() == 0
    assert "not running" in p.refused(3, "disconnect", "open-webui")
    assert p.files() == before
    daemon.up()
    p.does("disconnect", "open-webui")
    assert not p.keys() and not p.files()


@pytest.mark.parametrize("then", ["connect", "disconnect"])
def test_a_key_outlives_no_command_that_was_killed(world, person, then):
    world.fake.script("first_ms=1500")
    proc = world.daemon.popen("connect", "sillytavern", "--docker", env=person.env, stdout=subprocess.DEVNULL)
    harness.wait_for(lambda: world.fake.stats()["requests"] == 1)
    proc.kill()
    proc.wait(5)
    world.fake.script("")
    assert person.keys() == ["sillytavern"]
    person.does(then, "sillytavern")
    assert not person.keys()


@pytest.mark.parametrize("then", ["connect", "disconnect"])
def test_who_is_ended_before_the_file_is_written(make, then):
    """Connected, and connected anew with another model and key: the second one's record is there, the file
    still the first one's. A limit on files' sizes ends it there: only the app's file is that large."""
    daemon = make.home({**harness.providers(make.fake()), "trusted_uids": []})
    daemon.up(env={"HEARTH_TRUSTED_UIDS": ""})
    p = Person(daemon)
    p.env["HEARTH_TRUSTED_UIDS"] = ""
    mine = f"# {'x' * 2000}\nvim: true\n"
    path = p.put(AIDER, mine, 0o644)
    p.does("connect", "aider", "--model", "fake-model")
    first = path.read_text()
    ground = daemon.ground
    ended = subprocess.run(["/usr/bin/prlimit", f"--fsize={len(mine) + 50}", str(ground.program("hearth")), "connect",
                            "aider", "--force", "--model", "other"], capture_output=True, timeout=30,
                           env={**ground.environment(daemon.home), **p.env}, **ground.rules)
    assert ended.returncode == -signal.SIGXFSZ, ended
    record = json.loads((p.data / "aider/record.json").read_text())
    assert record["model"] == "other" and path.read_text() == first
    if then == "connect":
        p.does("connect", "aider", "--model", "fake-model")
        assert "openai/fake-model" in path.read_text() and len(json.loads(p.does("keys", "list", "--json"))) == 1
    assert "is as it was" in p.does("disconnect", "aider")
    assert path.read_text() == mine and stat.S_IMODE(path.stat().st_mode) == 0o644
    assert json.loads(p.does("keys", "list", "--json")) == []


def test_one_at_a_time(world, person):
    world.fake.script("first_ms=400")
    first = world.daemon.popen("connect", "aider", env=person.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    harness.wait_for(lambda: world.fake.stats()["requests"] == 1)
    assert "at work" in person.refused(75, "connect", "aider")
    out, err = first.communicate(timeout=10)
    assert first.returncode == 0, err


# --- with an engine --------------------------------------------------------------------------------


def test_the_first_model_is_loaded_for_it(make):
    s = shop.Shop(make, {"a": "tokens=4 load_ms=300"}, **shop.UNBOXED)
    p = Person(s.daemon)
    answer = p.told("connect", "opencode")
    assert answer["model"] == "a" and answer["answer"]["model"] == "a" and answer["answer"]["first_us"] >= 300_000
    made = json.loads((p.home / OPENCODE).read_text())
    assert made["model"] == "hearth/a"
    limit = {"context": s.engine("a")["context"], "output": s.engine("a")["context"] // 4}
    assert made["provider"]["hearth"]["models"] == {"a": {"name": "a", "limit": limit}} and limit["context"]
    p.does("disconnect", "opencode")
    assert not (p.home / ".config").exists()


# --- the apps themselves ---------------------------------------------------------------------------


APPS = {
    "continue": ["cn", "-p", "Say hello."],
    "opencode": ["opencode", "run", "Say hello."],
    "aider": ["aider", "--message", "Say hello.", "--no-git", "--yes-always", "--no-check-update",
              "--no-show-model-warnings"],
    "claude-code": ["claude", "-p", "Say hello."]}


def real_app(p, app, seconds):
    """Runs the real one, connected; what it printed."""
    folder = pathlib.Path(os.environ.get("HEARTH_TEST_APPS", "/nowhere")) / "bin"
    program, *words = APPS[app]
    if not (folder / program).exists():
        pytest.skip(f"{program} is not in HEARTH_TEST_APPS")
    p.env["PATH"] = f"{folder}:{os.environ['PATH']}"
    p.does("connect", app)
    env = {**p.ground.environment(p.daemon.home), **p.env, "CI": "1",
           "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_TMPDIR": str(p.home)}
    done = subprocess.run([str(folder / program), *words], cwd=p.home, env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=seconds, **p.ground.rules)
    p.does("disconnect", app)
    return done


@pytest.mark.soak
@pytest.mark.parametrize("app", APPS)
def test_the_real_app_gets_an_answer(make, app):
    """HEARTH_TEST_APPS names a folder with their programs in bin/, readable for everybody."""
    s = shop.Shop(make, {"a": ("tokens=4 nonce=heard", {"ctx": 65536})}, **shop.UNBOXED)
    done = real_app(Person(s.daemon), app, 120)
    assert "heard.0" in done.stdout, (done.returncode, done.stdout[-3000:], done.stderr[-3000:])
    assert s.daemon.rows(most=1)[0]["outcome"] == "OK"


@pytest.mark.soak
@pytest.mark.parametrize("app", APPS)
def test_the_real_app_is_answered_by_the_real_engine(make, real_pack, app):
    """What it sends first may be tens of thousands of this model's tokens."""
    slow = {"upstream": {"first_byte": "300s", "idle": "60s"}, "request": {"total": "600s"}}
    s = shop.RealShop(make, {"a": ("tiny-long", {"ctx": 65536, "parallel": 2})}, real_pack, config=slow)
    done = real_app(Person(s.daemon), app, 600)
    rows = [r for r in s.daemon.rows(most=20) if r["prompt_tokens"]]
    print([(r["outcome"], r["prompt_tokens"], r["completion_tokens"]) for r in rows])
    said = (done.returncode, done.stdout[-3000:], done.stderr[-3000:], rows)
    assert any(r["outcome"] == "OK" and r["prompt_tokens"] > 1000 for r in rows), said
    assert done.returncode == 0 and any(w in done.stdout.split() for w in engines.make_test_models.WORDS), said
