"""Models that lie in the stores of Ollama, LM Studio and Hugging Face: listed in no time, with their doubles;
they answer where they are, and nothing is written there."""

import json
import os
import re
import time

import pytest

import engines
import harness
import shop as shops
from stores import Stores

GB = 10 ** 9


@pytest.fixture
def home(make):
    home = make.home()
    yield home
    home.hearth("down", "--now")


@pytest.fixture
def stores(home):
    return Stores(home.ground, home.home)


def model(home, name="tiny"):
    return engines.model(home.ground, name)


def told(home, *words):
    code, out, err = home.hearth(*words, "--json")
    assert code == 0, err
    return json.loads(out)


def fill(home, stores):
    """One of each kind. The first two are the same bytes, and so is the third, which no store says."""
    tiny, tiny2, small, embed = (model(home, name) for name in ("tiny", "tiny2", "small", "embed"))
    stores.ollama("qwen:14b", tiny)
    stores.ollama("other", tiny2)
    stores.huggingface("org/Name-GGUF", "Name-Q4_K_M.gguf", tiny)
    stores.huggingface("org/Name-GGUF", "Name-Q8_0.gguf", small)
    stores.lmstudio("publisher/Looks-GGUF/Looks-Q4_0.gguf", tiny)
    stores.lmstudio("publisher/nomic-embed/nomic-embed-Q8_0.gguf", embed)
    stores.own()


def test_each_answers_where_it_is(home, stores, real_pack):
    fill(home, stores)
    home.write(shops.PATIENT)
    real_pack(home.home)
    before = stores.picture()
    home.up()
    names = [m["id"] for m in home.ask("GET", "/v1/models").json()["data"]]
    for name in ("qwen:14b", "other", "org/Name-GGUF:Q8_0", "looks", "nomic-embed"):
        assert name in names, names
    for asked, named in (("qwen:14b", "qwen:14b"), ("other:latest", "other"), ("org/Name-GGUF", "qwen:14b"),
                         ("Name-Q8_0", "org/Name-GGUF:Q8_0"), ("publisher/Looks-GGUF", "looks")):
        answer = home.chat("Hello.", model=asked, max_tokens=4, timeout=60)
        assert answer.status == 200, answer.body
        row = home.row(answer)
        assert row["target"] and row["outcome"] == "OK"
        assert answer.json()["model"] in (asked, named)
    assert stores.picture() == before


def test_the_list(home, stores):
    fill(home, stores)
    listed = told(home, "models")
    by_name = {m["name"]: m for m in listed["models"]}
    assert set(by_name) == {"qwen:14b", "other", "org/Name-GGUF:Q8_0", "looks", "nomic-embed"}
    qwen = by_name["qwen:14b"]
    assert qwen["set_in"] == "found: Ollama" and qwen["bytes"] == model(home).stat().st_size
    assert {"org/Name-GGUF:Q4_K_M", "org/Name-GGUF", "Name-Q4_K_M"} <= set(qwen["aliases"])
    assert [(d["store"], d["by"]) for d in qwen["doubles"]] == [
        ("lmstudio", "they look the same"), ("huggingface", "what the store states")]
    assert {s["store"]: s["models"] for s in listed["stores"]} == {"ollama": 2, "lmstudio": 2, "huggingface": 2}
    assert listed["twice_bytes"] == 2 * model(home).stat().st_size
    out = home.hearth("models")[1]
    assert re.search(r"^found +Ollama +2 models", out, re.M) and "are the same bytes twice" in out
    shown = {f["field"]: f for f in told(home, "models", "show", "nomic-embed")["fields"]}
    assert shown["embedding"]["value"] is True and shown["embedding"]["from"] == "found: LM Studio"


def test_large_ones_are_listed_at_once_and_nothing_is_read(home, stores):
    for i in range(120):
        stores.ollama(f"large{i}:70b", digest=f"{i:064x}", holes=40 * GB + i)
        stores.lmstudio(f"p/Large{i}-GGUF/large{i}-Q4_K_M.gguf", holes=40 * GB + i)
    stores.own()
    began = time.monotonic()
    listed = told(home, "models")
    took = time.monotonic() - began
    print(f"240 models of 9.6 TB in two stores listed in {took * 1000:.0f} ms")
    assert len(listed["models"]) == 240
    assert took < 2
    # those of the same size were looked at, at both ends: they are all holes but for a few bytes
    assert listed["twice_bytes"] == sum(40 * GB + i for i in range(120))


def test_what_a_person_says_holds(home, stores):
    fill(home, stores)
    mine = home.home / "mine.gguf"
    mine.write_bytes(model(home, "small").read_bytes())
    home.ground.own(mine)
    home.write({"models": {"other": {"file": str(mine)}, "qwen*": {"ctx": 2048}, "looks": {"ctx": 512}},
                "roles": {"nomic-embed": ["other"]}})
    listed = {m["name"]: m for m in told(home, "models")["models"]}
    assert listed["other"]["file"] == str(mine)
    assert "nomic-embed" not in listed  # a role is called so; the model has another name
    assert listed["nomic-embed-Q8_0"]["set_in"] == "found: LM Studio"
    show = told(home, "models", "show", "qwen:14b")["fields"]
    assert next(f for f in show if f["field"] == "ctx")["value"] == 2048
    assert home.hearth("config", "check")[0] == 0
    code, out, err = home.hearth("models", "set", "qwen:14b", "ctx=1024")
    assert code == 0, err
    show = told(home, "models", "show", "qwen:14b")["fields"]
    assert next(f for f in show if f["field"] == "ctx")["value"] == 1024


def test_odd_names_make_nothing_invalid(home, stores):
    """Whatever lies in a store of somebody else's, the configuration stays valid and the rest is found."""
    tiny = model(home)
    for name in ("a\nb.gguf", "tab\tdir/x.gguf", "quote\".gguf", "$(id).gguf"):
        stores.put(home.home / "ai_local/llm" / name, tiny)
    stores.lmstudio("pub/hearth-guide-GGUF/hearth-guide.gguf", tiny)
    stores.lmstudio("pub/Seen-GGUF/seen.gguf", tiny)
    stores.lmstudio("pub/Seen-GGUF/mmproj\1.gguf", tiny)
    stores.ollama("hearth-guide", tiny)
    stores.ollama("hearth-guide:v2", tiny)
    stores.own()
    assert home.hearth("config", "check")[0] == 0
    names = {m["name"]: m for m in told(home, "models")["models"]}
    assert {"seen", "hearth-guide:v2"} <= set(names)
    guide = names.get("hearth-guide")
    assert not guide or guide["set_in"] == "found: hearth"
    home.up()


def test_only_language_models_of_the_library(home, stores):
    tiny = model(home)
    for name in ("diffusion/unet/flux1-Q4_0.gguf", "llm/general/chats.gguf", "llm/embedding/e5-large.gguf",
                 "llm/rerank/ranks.gguf"):
        stores.put(home.home / "ai_local" / name, tiny)
    stores.own()
    assert {m["name"] for m in told(home, "models")["models"]} <= {"chats", "e5-large", "ranks", "hearth-guide"}
    assert "hearth run chats" in home.hearth()[1]


def test_a_full_folder_hides_no_other_store(home, stores):
    folder = home.home / "ai_local/data"
    folder.mkdir(parents=True)
    for i in range(50100):
        os.mknod(folder / f"f{i}")
    stores.lmstudio("pub/Seen-GGUF/seen.gguf", model(home))
    stores.own()
    listed = told(home, "models")
    assert "seen" in {m["name"] for m in listed["models"]} and listed["more"]
    assert "more than hearth looks at" in home.hearth("models")[1]


def test_one_blob_counts_once(home, stores):
    tiny = model(home)
    for tag in ("latest", "3b", "3b-instruct"):
        stores.ollama(f"llama3.2:{tag}", tiny)
    stores.own()
    assert sum(s["bytes"] for s in told(home, "models")["stores"] if s["store"] == "ollama") == tiny.stat().st_size


def test_switched_off(home, stores):
    fill(home, stores)
    home.write({"stores": ["lmstudio"]})
    assert {m["name"] for m in told(home, "models")["models"]} == {"looks", "nomic-embed"}
    home.write({"stores": ["steam"]})
    code, out, err = home.hearth("config", "check")
    assert code == 78 and "stores" in out + err and "ollama" in out + err


def test_what_came_later_is_found_by_a_reload(home, stores):
    home.up()
    assert home.ask("GET", "/v1/models").json()["data"] == []
    stores.ollama("late", model(home))
    stores.own()
    assert home.hearth("reload")[0] == 0
    assert [m["id"] for m in home.ask("GET", "/v1/models").json()["data"]] == ["late"]
    (home.home / ".ollama/models/manifests/registry.ollama.ai/library/late/latest").unlink()
    assert home.hearth("reload")[0] == 0
    assert home.ask("GET", "/v1/models").json()["data"] == []


@pytest.mark.parametrize("words", [["load", "late:1b"], ["ask", "--model", "late:1b", "Say", "hello."],
                                   ["run", "late:1b", "Say", "hello."]], ids=lambda w: w[0])
def test_what_came_later_is_there_at_once(home, stores, real_pack, words):
    real_pack(home.home)
    home.write({**shops.PATIENT, "models": {"late*": {"ctx": 256}}})  # it says words until there is no room
    home.up()
    stores.ollama("late:1b", model(home))
    stores.own()
    code, out, err = home.hearth(*words, timeout=60)
    assert code == 0 and out.strip(), err
