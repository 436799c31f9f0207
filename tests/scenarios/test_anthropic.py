"""Anthropic's dialect, on both sides: its clients with a provider that speaks OpenAI's, one that speaks
theirs, and the real llama-server; and OpenAI's clients with a provider of Anthropic's kind."""

import itertools
import json
import random

import pytest

import client
import dialects
import shop as shops
import strict
from dialects import CHAT, MESSAGES, TOOL
from harness import providers

CASES = {"text": "events=2", "thoughts": "reasoning=2 events=1 cached=2", "calls": "events=1 tools=2",
         "calls alone": "events=0 tools=1", "refusal": "events=0 refusal=1", "length": "finish=length",
         "all": "reasoning=1 events=2 tools=2 escaped=%5Cu00fc%5Cn%5C%22"}
each_case = pytest.mark.parametrize("words", list(CASES.values()), ids=list(CASES))
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
LONG = 90


@pytest.fixture(scope="module")
def fakes(shared):
    return {"openai": shared.fake("openai"), "anthropic": shared.fake("anthropic")}


@pytest.fixture(scope="module")
def daemon(shared, fakes):
    return shared.daemon(config={"providers": {
        "openai": fakes["openai"].provider(models=["o"]),
        "anthropic": fakes["anthropic"].provider(models=["a"], kind="anthropic", api_key="sk-of-ours")}})


def as_openai(said):
    """What an answer in Anthropic's words is in OpenAI's."""
    words = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
             "refusal": "content_filter"}
    said.finish = words[said.finish]
    return said


def same(one, other, refusals=True):
    assert (one.text, one.thoughts, one.asked_for) == (other.text, other.thoughts, other.asked_for)
    assert one.tokens == other.tokens and one.cached == other.cached and one.ended and other.ended


# --- all pairs -----------------------------------------------------------------------------------


@each_case
@each_way
def test_from_an_openai_target(daemon, fakes, words, stream):
    direct = CHAT.ask(fakes["openai"].port, words, stream=True, stream_options={"include_usage": True})
    said = MESSAGES.ask(daemon.port, words, stream=stream, model="o")
    assert said.model == "o"
    if direct.refusal:
        direct.text += direct.refusal
    same(as_openai(said), direct)
    assert said.finish == direct.finish or direct.refusal
    assert [i for i, _, _ in said.calls] == [i for i, _, _ in direct.calls]


@each_case
@each_way
def test_from_an_anthropic_target_to_openai(daemon, fakes, words, stream):
    direct = MESSAGES.ask(fakes["anthropic"].port, words, stream=True)
    more = {"stream_options": {"include_usage": True}} if stream else {}
    said = CHAT.ask(daemon.port, words, stream=stream, model="a", **more)
    assert said.model == "a"
    same(said, as_openai(direct))
    assert said.finish == direct.finish
    assert [i for i, _, _ in said.calls] == [i for i, _, _ in direct.calls]


@each_case
@each_way
def test_its_own(daemon, fakes, words, stream):
    direct = MESSAGES.ask(fakes["anthropic"].port, words, stream=stream)
    said = MESSAGES.ask(daemon.port, words, stream=stream, model="a")
    assert said.model == "a"
    said.model = direct.model
    assert said.calls and direct.calls or said == direct  # (ids of calls tell the number of a request)
    same(said, direct)
