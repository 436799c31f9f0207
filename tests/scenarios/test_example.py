"""`hearth up --example`: a generated model for who has none; and an engine that comes while the
daemon runs."""

import json
import re

import pytest

import client
import harness


@pytest.fixture
def home(make):
    home = make.home()
    yield home
    home.hearth("down", "--now")


def up(home, *args):
    code, out, err = home.hearth("up", "--detach", *args)
    assert code == 0, (code, out, err)
    return int(re.search(r"http://127\.0\.0\.1:(\d+)", out)[1]), out


def ask(port, model, **more):
    body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], **more}
    return client.ask(port, "POST", "/v1/chat/completions", body, timeout=60)


def status(home):
    return json.loads(home.hearth("status", "--json")[1])


def files_of(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_it_answers_and_is_in_no_file(home, real_pack):
    real_pack(home.home)
    before = files_of(home.home / "config")
    port, said = up(home, "--example")
    assert "`example` says random letters" in said
    answer = ask(port, "example").json()["choices"][0]
    words = answer["message"]["content"]
    assert answer["finish_reason"] == "stop" and re.fullmatch(r"[a-z ]* z", words), words
    assert ask(port, "").json()["model"] == "example"
    assert home.hearth("reload")[0] == 0 and ask(port, "example").status == 200
    assert files_of(home.home / "config") == before
    assert "There are no models" in home.hearth("models")[1]
    assert "bring a model of yours" in home.hearth("status")[1]
    again = json.loads(home.hearth("up", "--detach", "--example", "--json")[1])
    assert again["example"] and not again["started"]
    assert home.hearth("down")[0] == 0
    up(home)
    assert status(home)["engines"] == []


def test_not_for_who_has_a_model(make, home):
    fake = make.fake()
    home.write(harness.providers(fake))
    _, said = up(home, "--example")
    assert "random letters" not in said and status(home)["engines"] == []
    assert not (home.home / "data/example.gguf").exists()


def test_an_engine_that_comes_is_used_at_once(home, ground, real_pack):
    port, _ = up(home, "--example")
    refused = ask(port, "example")
    assert refused.status == 503 and refused.json()["error"]["code"] == "engine_missing"
    engine = status(home)["engines"][0]
    assert engine["state"] == "ABSENT" and "is installed" in engine["why"]
    assert "nothing can answer" in home.hearth("status")[1]
    pack = real_pack(home.home)
    code, out, err = home.hearth("engines", "use", pack.name)
    assert code == 0 and "does not know" not in err, (out, err)
    assert ask(port, "example").status == 200
    assert status(home)["engines"][0]["why"] == ""
