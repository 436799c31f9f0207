"""Is an answer what the SDK's own types say, with nothing missing and nothing unknown? The types are
those of the pinned SDKs in build/clients, so the judging runs in their Python.

    strict.judge(programs, "openai.types.chat.ChatCompletion", answer.json())
    strict.judge_events(programs, "openai.types.chat.ChatCompletionChunk", stream.rest())"""

import json

import client

# Fields that no SDK knows, and the client that needs each. Anything else that is unknown fails.
ALLOWED = {
    "timings": "the page and llama.vim show the speed by it",
    "reasoning_content": "Continue, Open WebUI and the page show thoughts by it",
    "context_length": "OpenRouter's word in the list of models: Continue reads how long a prompt may be",
    "max_model_len": "vLLM's word for the same: Open WebUI",
}


def judge(programs, kind, *values, allowed=()):
    """allowed: more names, for what a provider says that is passed on."""
    wrong = programs.judge([kind, values, [*ALLOWED, *allowed]])
    assert not wrong, "\n".join([*wrong[:20], "", *(json.dumps(v) for v in values[:3])])


def judge_events(programs, kind, events, **more):
    """The events of a stream, without the comments and without OpenAI's [DONE]. Names of events are
    those of their objects' types, where they have names."""
    values = [v for v in map(client.event_json, events) if v is not None]
    assert values, events
    judge(programs, kind, *values, **more)


def judge_lines(programs, kind, raw, **more):
    judge(programs, kind, *(json.loads(ln) for ln in raw.splitlines() if ln), **more)
