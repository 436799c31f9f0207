"""The guide as it is committed, in the real llama-server; and the same answers without a model.
Skipped by name where there is no pack to be had."""

import shutil
import sys

import pytest

import shop as shops
from harness import TOP

sys.path.insert(0, str(TOP / "models/guide"))

import text  # noqa: E402

GUIDE = TOP / "models/guide/hearth-guide.gguf"
ANSWERS = text.answers()


class GuideShop(shops.RealShop):
    """A daemon whose only model is the guide."""

    def entry(self, name, said):
        copy = self.files / GUIDE.name
        shutil.copyfile(GUIDE, copy)
        self.ground.own(copy)
        return {"file": str(copy), "ctx": 512}


@pytest.fixture(scope="module")
def guide(shared, real_pack):
    return GuideShop(shared, {"guide": ""}, real_pack)


def ask(guide, *words, **more):
    messages = [{"role": "user" if i % 2 == 0 else "assistant", "content": w} for i, w in enumerate(words)]
    answer = guide.chat("guide", messages=messages, max_tokens=100, timeout=60, **more)
    assert answer.status == 200, answer.body
    choice = answer.json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    return choice["message"]["content"]


@pytest.mark.parametrize("question, name", [
    ("How do I start hearth in the background?", "start"),
    ("which models do I have", "list"),
    ("WHERE IS THE LOG?", "logs"),
    ("What is the capital of France?", text.REFUSAL),
])
def test_questions(guide, question, name):
    said = ask(guide, question)
    assert text.is_right(ANSWERS[name], said), said
    assert ask(guide, question) == said


def test_only_the_last_question_counts(guide):
    said = ask(guide, "What is the capital of France?", "I know only hearth.", "how do i stop hearth?")
    assert text.is_right(ANSWERS["stop"], said), said


def test_help_without_a_model(make):
    home = make.home()
    code, out, err = home.hearth("help", "my", "graphics", "card", "is", "not", "used")
    assert code == 0 and not err
    title, blank, answer = out.split("\n", 2)
    assert (title, blank) == (ANSWERS["gpu"].title, "")
    assert " ".join(answer.split("\n\n")[0].split()) == ANSWERS["gpu"].text
    assert "see also:\n  hearth help gpu-layers" in out
    assert home.hearth("help", "service-rm")[1].startswith(ANSWERS["service-rm"].title)
    assert "usage: hearth doctor" in home.hearth("help", "doctor")[1]  # a command's own help comes first
    code, out, err = home.hearth("help", "photosynthesis")
    assert code == 2 and not out and "no command photosynthesis" in err
