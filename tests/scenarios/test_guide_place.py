"""The guide's place among the models: it answers who names no model only where there is no other, stands beside
the one that is in memory, and is nobody's role, alias or second choice."""

import json
import shutil
import time

import pytest

import harness
import shop as shops

GUIDE = "hearth-guide"


@pytest.fixture
def shop(make):
    return lambda models, **more: shops.Shop(make, models, **more)


def test_only_where_there_is_no_other(shop):
    s = shop({GUIDE: "tokens=2", "a": "tokens=2"})
    assert s.chat("").json()["model"] == "a"
    assert s.chat(GUIDE).json()["model"] == GUIDE
    alone = shop({GUIDE: "tokens=2", "embeds": ("tokens=2", {"embedding": True})})
    assert alone.chat("").json()["model"] == GUIDE


def test_it_makes_nobody_leave(shop):
    s = shop({GUIDE: "tokens=2", "a": "tokens=2", "b": "tokens=2"})
    assert s.chat("a").status == 200 and s.chat(GUIDE).status == 200
    assert s.state("a") == "READY" and s.state(GUIDE) == "READY"
    assert s.chat("b").status == 200
    assert s.state("a") == "ABSENT" and s.state("b") == "READY" and s.state(GUIDE) == "READY"
    s.daemon.stop()
    assert not s.children()


@pytest.mark.parametrize("config, said", [
    ({"roles": {"chat": [GUIDE]}}, "no role holds it"),
    ({"models": {GUIDE: {"aliases": ["gpt-4o"]}}}, "has no other name"),
])
def test_it_has_no_other_name(make, config, said):
    home = make.home()
    mine = home.home / "guide.gguf"
    mine.write_bytes(b"GGUF\3\0\0\0")
    models = {GUIDE: {"file": str(mine), **config.pop("models", {}).get(GUIDE, {})}}
    home.write({"models": models, **config})
    code, out, err = home.hearth("config", "check")
    assert code == 78 and said in out + err


def test_the_first_token_and_nothing_left(make, real_pack):
    """From `hearth up` to the guide's first words, as somebody without any model meets it."""
    release = harness.TOP / "build/release/hearth"
    home = make.home()
    home.binary = release if release.exists() else None
    guide = home.home / f"{GUIDE}.gguf"
    shutil.copyfile(harness.TOP / f"models/guide/{GUIDE}.gguf", guide)
    home.ground.own(guide)
    home.write({"models": {GUIDE: {"file": str(guide), "ctx": 512}}})
    real_pack(home.home)
    times = []
    for _ in range(3):
        began = time.monotonic()
        code, out, err = home.hearth("up", "--detach", "--json")
        assert code == 0, err
        home.port = int(json.loads(out)["address"].rpartition(":")[2])
        with home.stream(model="", messages=[{"role": "user", "content": "What is hearth?"}]) as stream:
            stream.take(2)
            times.append(time.monotonic() - began)
            assert stream.rest()
        assert home.hearth("down")[0] == 0
        harness.wait_for(lambda: not harness.processes_with(home.home), 3)
        assert not harness.sockets_in(home.home)
    print(f"from `hearth up` to the guide's first token: {min(times):.2f} s, at most {max(times):.2f} s")
    assert min(times) <= (1 if home.binary else 5)
