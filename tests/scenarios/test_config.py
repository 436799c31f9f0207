"""Configuration: where it comes from, how its mistakes are told, and reloading it."""

import json
import os
import re
import signal

import pytest

import harness


@pytest.fixture
def fake(make):
    return make.fake()


def config_of(fake, **more):
    return harness.merge(harness.providers(fake), more)


# --- mistakes ---------------------------------------------------------------------------------------

# A file, and the line and word that its problem must name.
MISTAKES = {
    "not YAML": ("listen: [\n", None, ""),
    "bad indentation": ("log:\n  level: info\n bad: 1\n", 3, ""),
    "a tab": ("log:\n\tlevel: info\n", 2, ""),
    "unknown key": ("log:\n  level: info\nlisten_on: x\n", 3, "listen_on"),
    "unknown inner key": ("log:\n  levle: info\n", 2, "levle"),
    "unknown choice": ("log:\n  level: loud\n", 2, "log.level"),
    "no number": ("limits:\n  connections: many\n", 2, "limits.connections"),
    "number too small": ("limits:\n  connections: 0\n", 2, "limits.connections"),
    "number too large": ("limits:\n  connections: 99999999999\n", 2, "limits.connections"),
    "time without a unit": ("upstream:\n  idle: 5 parsecs\n", 2, "upstream.idle"),
    "map instead of a value": ("upstream:\n  idle:\n    a: 1\n", None, "upstream.idle"),
    "value instead of a map": ("upstream: 5s\n", 1, "upstream"),
    "twice the same key": ("log:\n  level: info\nlog:\n  level: warn\n", 3, "log"),
    "bad address": ("listen: [\"localhost:99999\"]\n", 1, "listen"),
    "bad provider kind": ("providers:\n  a: {kind: telepathy, base_url: \"http://127.0.0.1:1\"}\n", 2, "kind"),
    "provider without a place": ("providers:\n  a: {kind: openai_compatible, models: [m]}\n", 2, "a"),
    "bad base_url": ("providers:\n  a: {kind: openai_compatible, base_url: \"http://127.0.0.1:99999\"}\n", 2, "base_url"),
    "unknown provider key": ("providers:\n  a: {kind: openai_compatible, base_url: \"http://127.0.0.1:1\", x: 1}\n",
                             2, "x"),
    "an anchor": ("log: &a\n  level: info\nx: *a\n", None, ""),
    "a NUL": ("log:\n  level: \"in\\0fo\"\n", 2, ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_with_their_place(make, name):
    text, line, word = MISTAKES[name]
    home = make.home()
    home.write(text)
    code, out, err = home.hearth("config", "check")
    assert code == 78, (code, out, err)
    place = re.search(r"hearth\.yaml:(\d+):", err)
    assert place, err
    assert line is None or int(place[1]) == line, err
    assert word in err
    assert home.hearth("up")[0] == 78


def test_all_mistakes_are_told_at_once(make):
    home = make.home()
    home.write("log:\n  level: loud\nlimits:\n  connections: 0\nnonsense: 1\n")
    err = home.hearth("config", "check")[2]
    assert {int(n) for n in re.findall(r"hearth\.yaml:(\d+):", err)} == {2, 4, 5}


def test_check_as_json(make):
    home = make.home()
    home.write("log:\n  level: loud\n")
    code, out, _ = home.hearth("config", "check", "--json")
    assert code == 78 and json.loads(out)
    home.write({})
    code, out, _ = home.hearth("config", "check", "--json")
    assert code == 0 and json.loads(out) is not None


def test_a_good_file(make, fake):
    home = make.home(config_of(fake))
    code, out, err = home.hearth("config", "check")
    assert code == 0 and not err, err


def test_no_file_at_all(make):
    home = make.home()
    home.config_file.unlink()
    assert home.hearth("config", "check")[0] == 0
    home.up("--listen", "127.0.0.1:0")
    assert home.ask("GET", "/v1/models").json()["data"] == []
    r = home.chat("", model="anything")
    assert (r.status, r.error) == (404, "model_not_found")


def test_binary_and_huge_files(make):
    home = make.home()
    for data in (bytes(range(256)) * 10, b"a: b\n" * 500_000, b"[" * 100_000, b"\xff\xfe"):
        home.config_file.write_bytes(data)
        assert home.hearth("config", "check")[0] == 78


# --- values and their origins -------------------------------------------------------------------------


def test_show(make, fake):
    home = make.home(config_of(fake))
    code, out, _ = home.hearth("config", "show")
    assert code == 0 and "upstream.first_byte: 2s" in out
    assert f"{fake.port}" in out
    code, out, _ = home.hearth("config", "show", "--origin")
    assert re.search(r"upstream\.first_byte.*hearth\.yaml:\d+", out), out
    assert re.search(r"upstream\.pool_idle.*default", out), out
    shown = json.loads(home.hearth("config", "show", "--json")[1])
    assert shown


def test_command_line_wins(make, fake):
    home = make.home(config_of(fake))
    out = home.hearth("config", "show", "--origin", "--set", "upstream.idle=7s")[1]
    assert re.search(r"upstream\.idle: 7s.*command line", out), out
    assert home.hearth("config", "check", "--set", "upstream.idle=never")[0] == 78


def test_conf_d(make, fake):
    home = make.home(config_of(fake))
    extra = home.config_file.parent / "conf.d"
    extra.mkdir()
    (extra / "10-log.yaml").write_text("log:\n  level: debug\n")
    assert "log.level: debug" in home.hearth("config", "show")[1]
    (extra / "20-twice.yaml").write_text("upstream:\n  idle: 9s\n")
    code, _, err = home.hearth("config", "check")
    assert code == 78 and "hearth.yaml" in err and "20-twice.yaml" in err


def test_secrets_are_masked(make, fake):
    home = make.home({"providers": {"fake": fake.provider(api_key="sk-very-secret-value")}})
    for args in (["show"], ["show", "--origin"], ["show", "--json"], ["check"]):
        code, out, err = home.hearth("config", *args)
        assert code == 0 and "very-secret" not in out + err


def test_an_unset_variable_switches_the_provider_off(make, fake):
    spare = make.fake("spare")
    home = make.home({"providers": {
        "keyed": fake.provider(1, api_key="${NOBODY_SET_THIS}"), "spare": spare.provider(2)}})
    code, out, err = home.hearth("config", "check")
    assert code == 0 and "warning" in err and "NOBODY_SET_THIS" in err
    home.up()
    assert home.chat("events=1").status == 200
    assert fake.stats()["requests"] == 0 and spare.stats()["requests"] == 1
    assert "NOBODY_SET_THIS" in home.said()


def test_variables(make, fake):
    home = make.home({"providers": {"fake": fake.provider(base_url="${WHERE}", api_key="${KEY}")}})
    (home.config_file.parent / ".env").write_text("KEY='from-dotenv'\nWHERE=http://127.0.0.1:1/v1\n")
    home.up(env={"WHERE": fake.base_url})
    assert home.chat("events=1").status == 200
    assert b"Bearer from-dotenv" in fake.last()[0]["head"]


# --- addresses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [
    {"listen": ["nas.local:8420"]}, {"plain": ["0.0.0.0"]}, {"plain": ["::"]}, {"plain": ["a b"]},
    {"hosts": ["nas.local:8420"]}, {"hosts": ["https://nas.local"]}, {"tls": {"key": "/k.pem"}},
    {"tls": {"certificate": "/c.pem"}}, {"tls": {"certificate": "c.pem", "key": "k.pem"}}])
def test_settings_of_listeners_that_cannot_be(make, setting):
    home = make.home(setting)
    code, out, err = home.hearth("up")
    assert code == 78 and f"error: {next(iter(setting))}" in err and "allowed" in err, err


def test_an_address_of_another_machine(make):
    code, out, err = make.home().hearth("up", "--listen", "10.255.255.1:0")
    assert code == 1 and "10.255.255.1" in err


def test_both_loopbacks(make):
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    port = harness.free_port()
    home = make.home()
    home.up("--listen", f"127.0.0.1:{port}", "--listen", f"[::1]:{port}")
    assert home.port == port


def test_port_in_use(make, fake):
    home = make.home()
    code, out, err = home.hearth("up", "--listen", f"127.0.0.1:{fake.port}")
    assert code not in (0, 2) and str(fake.port) in err


# --- reload -----------------------------------------------------------------------------------------------


def reloads(daemon, how):
    """Reloads by command or by signal; what was said."""
    if how == "command":
        return daemon.hearth("reload")
    seen = len(daemon.said())
    daemon.signal(signal.SIGHUP)
    said = harness.wait_for(lambda: daemon.said()[seen:], 5)
    return None, said, said


@pytest.mark.parametrize("how", ["command", "signal"])
def test_reload_adds_and_removes_providers(make, fake, how):
    daemon = make.daemon(fake)
    other = make.fake("other")
    daemon.write({"providers": {"other": other.provider(models=["other-model"])}})
    reloads(daemon, how)
    harness.wait_for(lambda: [m["id"] for m in daemon.ask("GET", "/v1/models").json()["data"]]
                     == ["other-model"], 5)
    assert daemon.chat("events=1").error == "model_not_found"
    assert daemon.chat("events=1", model="other-model").status == 200


@pytest.mark.parametrize("how", ["command", "signal"])
def test_reload_of_an_invalid_file_changes_nothing(make, fake, how):
    daemon = make.daemon(fake)
    daemon.write("log:\n  level: loud\n")
    code, out, err = reloads(daemon, how)
    if how == "command":
        assert code == 78
        assert re.search(r"hearth\.yaml:2", out + err), out + err
    else:
        harness.wait_for(lambda: re.search(r"hearth\.yaml:2", daemon.said()), 5)
    assert daemon.chat("events=1").status == 200


def test_reload_does_not_touch_running_streams(make, fake):
    daemon = make.daemon(fake)
    with daemon.stream("events=20 gap_ms=40 nonce=run") as s:
        s.take(2)
        other = make.fake("other")
        daemon.write({"providers": {"other": other.provider()}})
        assert daemon.hearth("reload")[0] == 0
        daemon.chat("events=1")
        assert other.stats()["requests"] == 1
        assert len(s.take(17)) >= 17
    daemon.idle()


def test_reload_names_what_needs_a_restart(make, fake):
    daemon = make.daemon(fake)
    daemon.write({**daemon.config, "listen": [f"127.0.0.1:{harness.free_port()}"]})
    code, out, err = daemon.hearth("reload")
    assert code == 0 and "listen" in out + err and "restart" in out + err
    assert daemon.chat("events=1").status == 200


def test_reload_of_times_and_limits(make, fake):
    daemon = make.daemon(fake)
    assert daemon.chat("events=1 delay_ms=400").status == 200
    daemon.write(harness.merge(daemon.config, {"upstream": {"first_byte": "100ms"}}))
    assert daemon.hearth("reload")[0] == 0
    assert daemon.chat("events=1 delay_ms=400").status == 504


def test_many_reloads_leave_nothing(make, fake):
    daemon = make.daemon(fake)
    for i in range(3):
        daemon.hearth("reload")
    daemon.recording()
    fds = daemon.fds()
    for i in range(20):
        daemon.write(harness.merge(daemon.config, {"upstream": {"idle": f"{i + 1}s"}}))
        assert daemon.hearth("reload")[0] == 0
    harness.wait_for(lambda: daemon.fds() <= fds)  # each also has the machine looked at, by a job
    assert daemon.chat("events=1").status == 200


def test_a_restart_is_not_forgotten(make):
    """What waits for a restart is named by every reload until then."""
    fake, spare = make.fake(), make.fake("spare")
    daemon = make.daemon(fake, spare)
    text = daemon.config_file.read_text()
    daemon.config_file.write_text(text + '\nlisten: ["127.0.0.1:1"]\n'
                                  if "listen" not in text else
                                  re.sub(r"listen: .*", 'listen: ["127.0.0.1:1"]', text))
    for _ in range(2):
        code, out, err = daemon.hearth("reload", "--json")
        assert code == 0, err
        assert json.loads(out)["restart_needed"] == ["listen"]
    daemon.config_file.write_text(text)
    assert json.loads(daemon.hearth("reload", "--json")[1])["restart_needed"] == []
