"""`hearth models`, `hearth roles`, `hearth listen`: what they write, what they refuse, and what a running
daemon makes of it."""

import concurrent.futures
import json
import os
import stat

import pytest

import client
import harness


@pytest.fixture
def home(make):
    return make.home()


def gguf(home, name="small.gguf", content=b"GGUF\3\0\0\0"):
    path = home.home / name
    path.write_bytes(content)
    home.ground.own(path)
    return path


def done(home, *words):
    code, out, err = home.hearth(*words)
    assert code == 0, err
    return out


def told(home, *words):
    return json.loads(done(home, *words, "--json"))


def refused(home, code, *words):
    got, out, err = home.hearth(*words)
    assert got == code, (got, out, err)
    assert not out, out
    return err


def same(path):
    """What is the same of a file that nobody wrote: its time of reading is not."""
    s = path.stat()
    return s.st_ino, s.st_mtime_ns, s.st_ctime_ns, s.st_size


def conf_d(home):
    """The files in conf.d, without their first lines."""
    folder = home.home / "config/conf.d"
    files = {p.name: p.read_text() for p in folder.glob("*.yaml")} if folder.exists() else {}
    for name, text in files.items():
        head, _, files[name] = text.partition("\n")
        assert head.startswith("# by `hearth "), head
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert (folder / name).stat().st_uid == home.ground.uid
    return files


# --- models ----------------------------------------------------------------------------------------


def test_a_model_from_its_file_to_nothing(home):
    path = gguf(home)
    before = same(path)
    assert "There are no models" in done(home, "models")
    done(home, "models", "add", "small.gguf")  # relative to where the command runs
    assert conf_d(home) == {"model-small.yaml": f"models:\n  small:\n    file: {path}\n"}
    done(home, "models", "set", "small", "ctx=4096", "aliases=s, tiny:1b", "sampling.top_p=0.5",
         "system=Be $HOME \"brief\"")
    assert conf_d(home)["model-small.yaml"].splitlines()[2:] == [
        f"    file: {path}", "    ctx: 4096", "    aliases: [s, tiny:1b]", "    sampling.top_p: 0.5",
        '    system: "Be $$HOME \\"brief\\""']
    listed = told(home, "models")["models"]
    assert listed == [{"name": "small", "file": str(path), "there": True, "bytes": 8,
                       "aliases": ["s", "tiny:1b"], "line": 4, "doubles": [],
                       "set_in": str(home.home / "config/conf.d/model-small.yaml")}]
    shown = done(home, "models", "show", "s")  # by its alias
    assert "models.small.ctx: 4096  # " in shown and "models.small.parallel: 1  # default" in shown
    assert 'system: Be $HOME "brief"' in shown
    fields = {f["field"]: f["value"] for f in told(home, "models", "show", "small")["fields"]}
    assert fields["ctx"] == 4096 and fields["aliases"] == ["s", "tiny:1b"]
    done(home, "models", "unset", "small", "ctx", "system")
    assert "ctx" not in conf_d(home)["model-small.yaml"]
    done(home, "models", "rm", "small")
    assert conf_d(home) == {} and told(home, "models")["models"] == []
    assert same(path) == before


def test_a_file_that_is_missing_is_told(home):
    path = gguf(home)
    done(home, "models", "add", str(path), "--name", "a")
    path.unlink()
    assert "missing" in done(home, "models", "list")
    model = told(home, "models")["models"][0]
    assert (model["there"], model["bytes"]) == (False, 0)
    assert home.hearth("config", "check")[0] == 0  # it may come back


NAMES = {
    "plain.gguf": "plain",
    "With Blank (1).GGUF": "With-Blank--1-",
    "_x.gguf": "x",
    "big-00001-of-00003.gguf": "big",
    "no-suffix": "no-suffix",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_called_like_its_file(home, name):
    gguf(home, name)
    done(home, "models", "add", name)
    assert [m["name"] for m in told(home, "models")["models"]] == [NAMES[name]]


def test_names_that_are_no_file_names(home):
    path = gguf(home)
    done(home, "models", "add", str(path), "--name", "org/Name:Q4@1+x")
    assert list(conf_d(home)) == ["model-org%2FName%3AQ4%401%2Bx.yaml"]
    done(home, "models", "set", "org*", "threads=3")
    assert "model-org%2A.yaml" in conf_d(home)
    assert "threads: 3  # " in done(home, "models", "show", "org/Name:Q4@1+x")


WRONG = {
    ("models", "add", "nowhere.gguf"): (4, "cannot be opened"),
    ("models", "add", "text.gguf"): (1, "is no GGUF file"),
    ("models", "add", "."): (1, "is no GGUF file"),
    ("models", "add", "small.gguf", "--name", "-x"): (78, "is no name for a model"),
    ("models", "add", "small.gguf", "--name", "role/x"): (78, "is no name for a model"),
    ("models", "add", "small.gguf", "--name", "q*"): (78, "belongs to one model"),
    ("models", "set", "a", "ctx=lots"): (78, "allowed: a whole number"),
    ("models", "set", "a", "contex=1"): (78, "is no field of a model"),
    ("models", "set", "a", "sampling.temperature=99"): (78, "a number from 0 to 10"),
    ("models", "set", "a", "ctx"): (2, "KEY=VALUE"),
    ("models", "set", "a"): (2, "what is to be set"),
    ("models", "set", "a", "env=A=1"): (2, "written by hand only"),
    ("models", "set", "a", "extra=--rpc"): (2, "written by hand only"),
    ("models", "unset", "a", "extra"): (2, "written by hand only"),
    ("models", "unset", "a", "threads"): (4, "is not set"),
    ("models", "rm", "b"): (4, "no model is named b"),
    ("models", "show", "b"): (4, "no model is named b"),
    ("roles", "set", "code"): (2, "which models"),
    ("roles", "set", "a", "a"): (78, "give one of them another name"),
    ("roles", "set", "x/y", "a"): (78, "is no name for a role"),
    ("roles", "clear", "chat"): (4, "bound to nothing"),
    ("listen", "role:nobody", "8081"): (78, "there is no role nobody"),
    ("listen", "role:code", "127.0.0.1:8420"): (78, "is taken by listen already"),
    ("listen", "nonsense"): (78, "allowed: at most 32 addresses"),
    ("listen", "role:code"): (2, "at which address"),
    ("listen", "rm", "127.0.0.1:1"): (4, "none of its addresses"),
    ("listen", "rm", "127.0.0.1:8420"): (2, "listen nowhere"),
    ("listen", "rm", "role:code"): (4, "nothing listens for the role code"),
}


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_what_is_wrong_changes_nothing(make, words):
    home = make.home({"listen": ["127.0.0.1:8420"]})
    if words[0] == "listen":
        home.write("# only defaults\n")
    gguf(home)
    gguf(home, "text.gguf", b"some text")
    done(home, "models", "add", "small.gguf", "--name", "a")
    before = conf_d(home)
    code, said = WRONG[words]
    assert said in refused(home, code, *words)
    assert conf_d(home) == before
    assert home.hearth("config", "check")[0] == 0


def test_what_stands_in_hearth_yaml_is_changed_there(make):
    home = make.home({"models": {"a": {"file": "/m/a.gguf", "ctx": 5}}, "roles": {"code": ["a"]},
                      "ports": {"code": "127.0.0.1:8081"}, "listen": ["127.0.0.1:8420"]})
    written = home.config_file.read_text()
    for words, line in {("models", "set", "a", "ctx=7"): "    ctx: 5",
                        ("models", "unset", "a", "ctx"): "    ctx: 5",
                        ("models", "rm", "a"): "  a:",
                        ("roles", "set", "code", "a"): '  code: ["a"]',
                        ("roles", "clear", "code"): '  code: ["a"]',
                        ("listen", "role:code", "8082"): '  code: "127.0.0.1:8081"',
                        ("listen", "rm", "role:code"): '  code: "127.0.0.1:8081"',
                        ("listen", "127.0.0.1:9"): 'listen: ["127.0.0.1:8420"]'}.items():
        err = refused(home, 1, *words)
        assert f"hearth.yaml:{written.splitlines().index(line) + 1}\n" in err, err
        assert "change it by hand" in err
    assert conf_d(home) == {} and home.config_file.read_text() == written
    done(home, "models", "set", "a", "threads=2")  # another field of the same model is no conflict
    assert "threads: 2" in conf_d(home)["model-a.yaml"]


def test_a_file_that_somebody_shaped_is_left_alone(home):
    gguf(home)
    done(home, "models", "add", "small.gguf", "--name", "a")
    file = home.home / "config/conf.d/model-a.yaml"
    file.write_text(file.read_text() + "    extra: [--no-warmup]\n")
    done(home, "models", "set", "a", "ctx=1024")  # by hand, but of the same shape
    assert 'extra: ["--no-warmup"]' in file.read_text()
    assert "somebody wrote by hand" in refused(home, 1, "models", "rm", "a")
    file.write_text("# mine\nmodels.a: {file: /m}\n")
    assert "change it by hand" in refused(home, 78, "models", "set", "a", "ctx=5")
    assert file.read_text() == "# mine\nmodels.a: {file: /m}\n"


def test_a_dry_run_writes_nothing(home):
    gguf(home)
    out = done(home, "models", "add", "small.gguf", "--dry-run")
    assert "Would write" in out and "models:\n  small:\n    file: " in out
    assert not (home.home / "config/conf.d").exists()
    done(home, "models", "add", "small.gguf")
    for words, said in ((["models", "set", "small", "ctx=5"], "ctx: 5"), (["models", "rm", "small"], "Would take away"),
                        (["roles", "set", "code", "small"], "code: [small]"),
                        (["listen", "role:code", "8081"], "code: [127.0.0.1:8081]")):
        before = conf_d(home)
        assert said in done(home, *words, "--dry-run")
        answer = told(home, *words, "--dry-run")
        assert answer["dry_run"] and answer["changed"] and answer["reload"] is None
        assert conf_d(home) == before
    assert "would not be valid" in refused(home, 78, "models", "set", "small", "ctx=x", "--dry-run")


def test_the_same_again_is_no_change(home):
    gguf(home)
    done(home, "models", "add", "small.gguf")
    file = home.home / "config/conf.d/model-small.yaml"
    done(home, "models", "set", "small", "ctx=5")
    before = same(file)
    assert "nothing was changed" in done(home, "models", "set", "small", "ctx=5")
    assert not told(home, "models", "set", "small", "ctx=5")["changed"]
    assert same(file) == before


def test_commands_at_the_same_time_lose_nothing(home):
    gguf(home)
    done(home, "models", "add", "small.gguf", "--name", "a")

    def insist(key):
        while True:
            code, _, err = home.hearth("models", "set", "a", f"{key}=3")
            if code != 75:
                return code, err
            assert "another command changes the configuration" in err

    keys = ["ctx", "threads", "batch", "parallel", "cpu_experts", "gpu_layers"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert [code for code, _ in pool.map(insist, keys)] == [0] * 6
    text = conf_d(home)["model-a.yaml"]
    assert all(f"    {key}: 3\n" in text for key in keys), text


# --- roles and listeners -----------------------------------------------------------------------------


def test_roles_are_bound_in_a_running_daemon(make):
    fake = make.fake()
    daemon = make.daemon(fake)
    assert daemon.chat("events=1", model="code").error == "no_model"
    out = done(daemon, "roles", "set", "code", "fake-model")
    assert "The role code is bound to fake-model." in out and "changed roles.code" in out
    assert conf_d(daemon) == {"role-code.yaml": "roles:\n  code: [fake-model]\n"}
    assert daemon.chat("events=1", model="code").json()["model"] == "fake-model"
    roles = {r["name"]: r for r in told(daemon, "roles")["roles"]}
    assert list(roles) == ["code", "chat", "raw", "embed"]
    assert roles["code"]["models"] == ["fake-model"] and roles["chat"]["models"] == []
    assert roles["code"]["set_in"].endswith("conf.d/role-code.yaml:3")
    answer = told(daemon, "roles", "set", "mine", "model/fake-model")
    assert answer["changed"] and answer["reload"]["changed"] == ["roles.mine"]
    assert daemon.chat("events=1", model="mine").status == 200
    done(daemon, "roles", "clear", "code")
    assert daemon.chat("events=1", model="code").error == "no_model"
    assert list(conf_d(daemon)) == ["role-mine.yaml"]


def test_a_role_may_wait_for_its_model(home):
    code, out, err = home.hearth("roles", "set", "code", "to-come")
    assert code == 0 and "to-come is no model's name" in err
    code, out, err = home.hearth("roles", "set", "chat", "to-come")
    assert "roles.chat" in err and "roles.code" not in err  # that one is no news


def test_settings_of_models_are_read_again(make):
    daemon = make.daemon(make.fake())
    gguf(daemon)
    out = done(daemon, "models", "add", "small.gguf")
    assert "added model small" in out
    assert "changed model small" in done(daemon, "models", "set", "small", "ctx=1024")
    assert "removed model small" in done(daemon, "models", "rm", "small")
    done(daemon, "models", "set", "fake-model", "aliases=other")
    assert daemon.chat("events=1", model="other").status == 200


def test_a_roles_port_holds_from_the_next_start(make):
    fake, port = make.fake(), harness.free_port()
    daemon = make.daemon(fake)
    done(daemon, "roles", "set", "code", "fake-model")
    out = done(daemon, "listen", "role:code", str(port))
    assert "waits ports.code" in out and not harness.is_listening(port)
    assert conf_d(daemon)["port-code.yaml"] == f"ports:\n  code: [127.0.0.1:{port}]\n"
    assert "change it by hand" in refused(daemon, 1, "listen", "127.0.0.1:1")  # the harness wrote `listen`
    assert {"address": f"127.0.0.1:{port}", "role": "code"}.items() <= told(daemon, "listen")["listen"][-1].items()
    assert daemon.stop() == 0
    daemon.up()
    assert client.chat(port, "events=1", model="x").json()["model"] == "fake-model"
    out = done(daemon, "listen", "rm", "role:code", f"127.0.0.1:{port}")
    assert "waits ports.code" in out and "port-code.yaml" not in conf_d(daemon)


def test_further_addresses(home):
    home.write("# only defaults\n")
    done(home, "listen", "127.0.0.1:8421", "[::1]:8422")
    assert conf_d(home) == {"listen.yaml": 'listen: [127.0.0.1:8420, 127.0.0.1:8421, "[::1]:8422"]\n'}
    done(home, "listen", "rm", "127.0.0.1:8421")
    assert [r["address"] for r in told(home, "listen")["listen"]] == ["127.0.0.1:8420", "[::1]:8422"]


def test_a_daemon_that_cannot_follow_says_so(make):
    """What is valid here is not with what its own command line says."""
    daemon = make.home().up("--set", "models.b.file=/m/b.gguf")
    gguf(daemon)
    done(daemon, "models", "add", "small.gguf")
    code, out, err = daemon.hearth("models", "set", "small", "aliases=b")
    assert code == 78 and "the name b is a model too" in err and "the old one stays in force" in err
    assert "aliases: [b]" in conf_d(daemon)["model-small.yaml"]  # it was written, and it is told


def test_a_configuration_that_cannot_be_read_is_not_changed(home):
    gguf(home)
    os.chmod(home.config_file, 0)
    try:
        assert "nothing was changed" in refused(home, 78, "models", "add", "small.gguf")
    finally:
        os.chmod(home.config_file, 0o600)
    assert conf_d(home) == {}


def test_a_broken_configuration_may_be_mended(home):
    gguf(home)
    done(home, "models", "add", "small.gguf", "--name", "a")
    file = home.home / "config/conf.d/model-a.yaml"
    file.write_text(file.read_text() + "    ctx: lots\n")
    assert home.hearth("models", "list")[0] == 78
    done(home, "models", "set", "a", "ctx=5")
    assert home.hearth("config", "check")[0] == 0
