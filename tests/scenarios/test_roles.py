"""Roles and aliases: what a name leads to, in which order, by whose right, and the ports at which a
role answers whatever is named."""

import json

import pytest

import client
import harness
from test_rights import bearer, make_key


def config_of(fakes, **more):
    """Each fake offers the models that it is given, tried in this order."""
    providers = {f.name: f.provider(i + 1, models) for i, (f, models) in enumerate(fakes.items())}
    return harness.merge({"providers": providers}, more)


class Two:
    """Two providers, one model each, and a daemon that has roles over them."""

    def __init__(self, maker, **more):
        self.one, self.two = maker.fake("one"), maker.fake("two")
        self.port = harness.free_port()
        config = config_of({self.one: ["small", "both"], self.two: ["large", "both"]},
                           models={"large": {"aliases": ["big", "gpt-4o"]}},
                           roles={"code": ["large", "small"], "mine": ["small"], "lost": ["gone"]},
                           ports={"code": f"127.0.0.1:{self.port}"}, **more)
        self.daemon = maker.home(config).up()

    def asked(self):
        return self.one.stats()["requests"], self.two.stats()["requests"]


@pytest.fixture(scope="module")
def two(shared):
    return Two(shared)


def model_of(fake):
    return json.loads(fake.last()[0]["body"])["model"]


# --- what a name leads to --------------------------------------------------------------------------

# What is asked: where it arrives, as what, what the answer calls it, and the reason in the row.
NAMES = {
    "large": ("two", "large", "large", "has the model"),
    "large:latest": ("two", "large", "large:latest", "has the model"),
    "model/large": ("two", "large", "model/large", "has the model"),
    "big": ("two", "large", "big", "has the model, called big"),
    "gpt-4o:latest": ("two", "large", "gpt-4o:latest", "has the model, called gpt-4o:latest"),
    "both": ("one", "both", "both", "has the model"),
    "code": ("two", "large", "large", "role code, first choice"),
    "role/code": ("two", "large", "large", "role code, first choice"),
    "code:latest": ("two", "large", "large", "role code, first choice"),
    "mine": ("one", "small", "small", "role mine, first choice"),
    "": ("one", "small", "small", "has the model"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stream", [False, True])
def test_a_name_leads_to_its_place(two, name, stream):
    place, served, told, reason = NAMES[name]
    if stream:
        with two.daemon.stream("events=1", model=name) as s:
            events = s.rest()
            answer = s.head
        models = {client.event_json(e)["model"] for e in events if not client.is_done(e)}
        assert models == {told}
    else:
        answer = two.daemon.chat("events=1", model=name)
        assert answer.status == 200, answer.body
        assert answer.json()["model"] == told
    assert model_of(getattr(two, place)) == served
    row = two.daemon.row(answer)
    assert (row["model"], row["served"], row["target"]) == (name, served, place)
    assert [t["reason"] for t in row["tries"]] == [reason]


REFUSED = {
    "model/code": (404, "model_not_found", "no model is named"),
    "role/large": (404, "model_not_found", "no role is named"),
    "chat": (503, "no_model", "`hearth roles set chat MODEL`"),
    "role/embed": (503, "no_model", "`hearth roles set embed MODEL`"),
    "lost": (503, "no_target", "`hearth roles set lost MODEL`"),
    "bigg": (404, "model_not_found", "big"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_leads_nowhere_says_so(two, name):
    before = two.asked()
    status, code, words = REFUSED[name]
    answer = two.daemon.chat("events=1", model=name)
    assert (answer.status, answer.error) == (status, code)
    assert words in answer.json()["error"]["message"], answer.body
    assert answer.json()["error"]["param"] == "model"
    assert two.asked() == before


# --- failover within a role --------------------------------------------------------------------------


def test_the_next_of_a_role_answers_when_the_first_fails(two):
    answer = two.daemon.chat("events=2 two.status=500", model="code")
    assert answer.status == 200
    assert answer.json()["model"] == "small"
    row = two.daemon.row(answer)
    assert (row["served"], row["target"]) == ("small", "one")
    assert [(t["target"], t["reason"]) for t in row["tries"]] == [
        ("two", "role code, first choice"), ("one", "role code, second choice")]


def test_a_stream_names_the_model_that_speaks(two):
    with two.daemon.stream("events=3 two.reset=1", model="code") as s:
        events = s.rest()
    texts = [client.event_json(e) for e in events if not client.is_done(e)]
    spoken = [t for t in texts if t["choices"] and t["choices"][0]["delta"].get("content")]
    assert len(spoken) == 3 and {t["model"] for t in spoken} == {"small"}


def test_no_other_model_answers_for_one_that_was_named(two):
    before = two.one.stats()["requests"]
    answer = two.daemon.chat("events=2 two.status=500", model="large")
    assert answer.status == 502
    assert two.one.stats()["requests"] == before


# --- rights ----------------------------------------------------------------------------------------

# What a key may ask: what becomes of each name.
SCOPES = {
    "large": {"large": "two", "big": "two", "code": "two", "mine": 403, "small": 403, "chat": 403},
    "small": {"large": 403, "big": 403, "code": "one", "mine": "one"},
    "code": {"code": "two", "role/code": "two", "large": 403, "small": 403, "mine": 403},
    "big": {"big": "two", "large": 403, "code": 403},
    "large:latest": {"large": "two", "large:latest": "two"},
    "chat": {"chat": 503, "code": 403},
}


@pytest.mark.parametrize("scope", SCOPES)
def test_a_right_to_what_is_asked_or_to_what_answers(two, scope):
    key = make_key(two.daemon, "scope " + scope, "--model", scope)
    for name, becomes in SCOPES[scope].items():
        answer = two.daemon.chat("events=1", model=name, headers=bearer(key))
        got = answer.status if answer.status != 200 else two.daemon.row(answer)["target"]
        assert got == becomes, (scope, name, answer.body)


def test_only_those_candidates_that_may_be_asked_are_tried(two):
    key = make_key(two.daemon, "large only", "--model", "large")
    before = two.one.stats()["requests"]
    answer = two.daemon.chat("events=1 two.status=500", model="code", headers=bearer(key))
    assert answer.status == 502
    assert two.one.stats()["requests"] == before


# --- ports -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small", "large", "nonsense", "", "model/small", "mine", None])
def test_at_a_roles_port_the_role_answers(two, name):
    body = json.loads(client.chat_body("events=1"))
    body.pop("model") if name is None else body.update(model=name)
    answer = client.ask(two.port, "POST", "/v1/chat/completions", json.dumps(body).encode())
    assert answer.status == 200, answer.body
    assert answer.json()["model"] == "large"
    assert model_of(two.two) == "large"
    row = two.daemon.row(answer)
    assert (row["model"], row["served"]) == ("code", "large")


def test_a_roles_port_fails_over_too(two):
    answer = client.chat(two.port, "events=1 two.status=500")
    assert answer.status == 200 and answer.json()["model"] == "small"


def test_both_loopbacks_have_the_port(two):
    with client.Wire(("::1", two.port)) as wire:
        wire.send(client.request_bytes("POST", "/v1/chat/completions", client.chat_body("events=1"),
                                       host=f"[::1]:{two.port}"))
        assert wire.response().json()["model"] == "large"


def names_at(port, headers=()):
    answer = client.ask(port, "GET", "/v1/models", headers=headers)
    assert answer.status == 200
    return [m["id"] for m in answer.json()["data"]]


def test_a_roles_port_lists_its_models(two):
    assert sorted(names_at(two.port)) == ["large", "small"]
    assert sorted(names_at(two.daemon.port)) == ["both", "large", "small"]
    for scope, names in {"small": ["small"], "code": ["large", "small"], "both": []}.items():
        key = make_key(two.daemon, "lists " + scope, "--model", scope)
        assert sorted(names_at(two.port, bearer(key))) == names


def test_a_roles_port_is_no_way_round_the_rules(two):
    assert client.chat(two.port, headers=[("Authorization", "Bearer hk_wrong")]).status == 401
    assert client.ask(two.port, "POST", "/v1/chat/completions", client.chat_body(),
                      [("Origin", "http://evil.example")]).status == 403
    assert client.ask(two.port, "GET", "/hearth/v1/keys").status == 403
    key = make_key(two.daemon, "both only", "--model", "both")
    assert client.chat(two.port, model="both", headers=bearer(key)).status == 403


def test_status_tells_the_ports(two):
    told = json.loads(two.daemon.hearth("status", "--json")[1])
    assert {"role": "code", "address": f"http://127.0.0.1:{two.port}"} in told["ports"]
    assert not any(str(two.port) in url for url in told["listen"])
    assert f"code at http://127.0.0.1:{two.port}\n" in two.daemon.hearth("status")[1]


def test_a_port_of_a_role_that_is_bound_to_nothing(make):
    fake, port = make.fake(), harness.free_port()
    make.daemon(fake, config={"ports": {"raw": f"127.0.0.1:{port}"}})
    answer = client.chat(port, model="fake-model")
    assert (answer.status, answer.error) == (503, "no_model")
    assert names_at(port) == []
    assert fake.stats()["requests"] == 0


def test_a_port_that_is_taken_is_told_with_its_role(make):
    hole = make.blackhole()
    home = make.home({"ports": {"code": f"127.0.0.1:{hole.port}"}})
    home.expect_exit = 75
    code, _, err = home.hearth("up")
    assert code == 75
    assert f"port {hole.port} of the role code is taken" in err, err


# --- reload ----------------------------------------------------------------------------------------


def test_a_reload_binds_roles_and_leaves_ports(make):
    two = Two(make)
    config = two.daemon.config
    two.daemon.write(harness.merge(config, {
        "roles": {"code": ["small"], "chat": ["big"]}, "models": {"large": {"aliases": ["big", "new"]}},
        "ports": {"mine": f"127.0.0.1:{harness.free_port()}"}}))
    code, out, err = two.daemon.hearth("reload", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert sorted(told["changed"]) == ["roles.chat", "roles.code"]
    assert told["restart_needed"] == ["ports.mine"]
    assert told["models"] == {"added": [], "removed": [], "changed": ["large"]}
    assert two.daemon.chat("events=1", model="code").json()["model"] == "small"
    assert two.daemon.chat("events=1", model="chat").json()["model"] == "large"
    assert two.daemon.chat("events=1", model="new").status == 200
    assert client.chat(two.port, "events=1").json()["model"] == "small"
    two.daemon.write({**config, "roles": {}, "ports": config["ports"]})
    assert two.daemon.hearth("reload")[0] == 0
    assert client.chat(two.port, "events=1").error == "no_model"


# --- names that mean two things ------------------------------------------------------------------------


def test_a_role_named_like_a_model_is_refused_with_both_places(make):
    fake = make.fake()
    home = make.home(config_of({fake: ["large"]}, roles={"large": ["large"]}))
    code, _, err = home.hearth("config", "check")
    assert code == 78
    text = home.config_file.read_text().splitlines()
    role = next(i for i, ln in enumerate(text, 1) if ln == '  large: ["large"]')
    models = next(i for i, ln in enumerate(text, 1) if ln == '    models: ["large"]')
    assert f"hearth.yaml:{role}: error: roles.large: the name large is a provider's model too" in err
    assert f"hearth.yaml:{models}; give one of them another name" in err


def test_a_model_may_have_a_built_in_roles_name_until_that_is_set(make):
    fake = make.fake()
    daemon = make.home(config_of({fake: ["chat"]})).up()
    assert daemon.chat("events=1", model="chat").json()["model"] == "chat"
    assert daemon.chat("events=1", model="role/chat").error == "no_model"
