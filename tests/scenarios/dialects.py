"""The dialects in which a model is asked: how a request looks in each, and what an answer says,
streamed or not, told in one form for all of them. Reading is strict: an event out of order, a
block that is not ended or a line too many fails.

    d = dialects.MESSAGES
    said = d.ask(port, "events=2 reasoning=1", stream=True)
    assert said.text == "w0 w1 " and said.thoughts == "thought0 " and said.finish == "end_turn"
"""

import dataclasses
import json

import client

TOOL = {"name": "weather", "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


@dataclasses.dataclass
class Said:
    """What an answer says. calls: (id, name, arguments); tokens: (of the prompt, of the answer)."""
    text: str = ""
    thoughts: str = ""
    calls: list = dataclasses.field(default_factory=list)
    finish: str = None
    tokens: tuple = None
    cached: int = 0
    refusal: str = None
    model: str = None
    error: object = None  # what an error in the middle of a stream said
    ended: bool = True  # with the dialect's own word for it
    pieces: list = dataclasses.field(default_factory=list)  # the text as it came

    @property
    def asked_for(self):
        """The calls without their ids, which differ from dialect to dialect."""
        return [(name, args) for _, name, args in self.calls]


class Refused(AssertionError):
    def __init__(self, answer):
        super().__init__(f"{answer.status}: {answer.body[:2000]!r}")
        self.answer = answer


class Dialect:
    path = None
    headers = ()

    def body(self, words="", stream=None, tools=(), messages=None, model="fake-model", **more):
        """A request as a client would write it; messages: instead of the one with the words."""
        said = messages or [{"role": "user", "content": "fake: " + words}]
        out = {"model": model, **self.prompt(said), **more}
        if tools:
            out["tools"] = [self.tool(t) for t in tools]
        if stream is not None:
            out["stream"] = stream
        return out

    def prompt(self, messages):
        return {"messages": messages}

    def send(self, where, body, headers=()):
        return client.ask(where, "POST", self.path, body, [*self.headers, *headers])

    def ask(self, where, words="", headers=(), **more):
        """What the answer to one request says; an answer of another status raises Refused."""
        answer = self.send(where, self.body(words, **more), headers)
        if answer.status != 200:
            raise Refused(answer)
        return self.read(answer)

    def read(self, answer):
        streamed = not answer.header("Content-Type").startswith("application/json")
        return self.streamed(answer.body) if streamed else self.whole(answer.json())


# --- OpenAI --------------------------------------------------------------------------------------


class Chat(Dialect):
    path = "/v1/chat/completions"

    def tool(self, tool):
        return {"type": "function", "function": tool}

    def loop(self, said, results):
        """The messages that a client adds: what the model said, and the results of its calls."""
        calls = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
                 for i, n, a in said.calls]
        return [{"role": "assistant", "content": said.text or None, "tool_calls": calls},
                *({"role": "tool", "tool_call_id": i, "content": r}
                  for (i, _, _), r in zip(said.calls, results))]

    def usage(self, said, usage):
        if usage:
            said.tokens = usage["prompt_tokens"], usage["completion_tokens"]
            said.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            assert usage["total_tokens"] == sum(said.tokens)

    def whole(self, obj):
        assert obj["object"] == "chat.completion" and len(obj["choices"]) == 1
        choice, = obj["choices"]
        message = choice["message"]
        assert message["role"] == "assistant"
        said = Said(text=message["content"] or "", thoughts=message.get("reasoning_content") or "",
                    finish=choice["finish_reason"], model=obj.get("model"), refusal=message.get("refusal"))
        for call in message.get("tool_calls") or []:
            assert call["type"] == "function"
            said.calls.append((call["id"], call["function"]["name"], json.loads(call["function"]["arguments"])))
        self.usage(said, obj.get("usage"))
        return said

    def streamed(self, raw):
        said, calls, ids = Said(ended=False), {}, set()
        for event in client.split_events(raw):
            data = client.event_data(event)
            assert not said.ended, f"after the end: {event!r}"
            if data == b"[DONE]":
                said.ended = True
            elif data is not None:
                obj = json.loads(data)
                if "error" in obj:
                    said.error = obj["error"]
                    continue
                assert obj["object"] == "chat.completion.chunk"
                ids.add((obj["id"], obj["created"]))
                said.model = obj.get("model", said.model)
                self.usage(said, obj.get("usage"))
                for choice in obj["choices"]:
                    self.delta(said, calls, choice)
        assert len(ids) <= 1, f"one answer has one id: {ids}"
        said.calls = [(c["id"], c["name"], json.loads(c["arguments"])) for _, c in sorted(calls.items())]
        said.text = "".join(said.pieces)
        return said

    def delta(self, said, calls, choice):
        assert choice["index"] == 0 and said.finish is None, f"after the finish reason: {choice}"
        delta = choice["delta"]
        if delta.get("content"):
            said.pieces.append(delta["content"])
        said.thoughts += delta.get("reasoning_content") or ""
        if delta.get("refusal"):
            said.refusal = (said.refusal or "") + delta["refusal"]
        for part in delta.get("tool_calls") or []:
            if part["index"] not in calls:
                calls[part["index"]] = {"id": part["id"], "name": part["function"]["name"], "arguments": ""}
                assert part["type"] == "function"
            else:
                assert "name" not in part["function"] and "id" not in part, f"said twice: {part}"
            calls[part["index"]]["arguments"] += part["function"].get("arguments") or ""
        said.finish = choice["finish_reason"] or said.finish


class Completion(Chat):
    path = "/v1/completions"

    def prompt(self, messages):
        return {"prompt": messages[-1]["content"]}

    def whole(self, obj):
        assert obj["object"] == "text_completion"
        choice, = obj["choices"]
        said = Said(text=choice["text"], finish=choice["finish_reason"], model=obj["model"])
        self.usage(said, obj.get("usage"))
        return said

    def streamed(self, raw):
        said = Said(ended=False)
        for event in client.split_events(raw):
            data = client.event_data(event)
            assert not said.ended
            if data == b"[DONE]":
                said.ended = True
            elif data is not None:
                obj = json.loads(data)
                if "error" in obj:
                    said.error = obj["error"]
                    continue
                assert obj["object"] == "text_completion"
                self.usage(said, obj.get("usage"))
                for choice in obj["choices"]:
                    assert said.finish is None
                    said.pieces += [choice["text"]] if choice["text"] else []
                    said.finish = choice["finish_reason"]
        said.text = "".join(said.pieces)
        return said


# --- Anthropic -----------------------------------------------------------------------------------

DELTAS = {"text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking"),
          "signature_delta": ("thinking", "signature"), "input_json_delta": ("tool_use", "partial_json")}


class Messages(Dialect):
    path = "/v1/messages"
    headers = (("anthropic-version", "2023-06-01"),)

    def body(self, *args, **more):
        return {"max_tokens": 1000, **super().body(*args, **more)}

    def tool(self, tool):
        return {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}

    def loop(self, said, results):
        text = [{"type": "text", "text": said.text}] if said.text else []
        return [{"role": "assistant", "content": text + [
                    {"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in said.calls]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": i, "content": r}
                    for (i, _, _), r in zip(said.calls, results)]}]

    def usage(self, said, usage):
        said.cached = usage.get("cache_read_input_tokens") or 0
        said.tokens = usage["input_tokens"] + said.cached, usage["output_tokens"]

    def block(self, said, block):
        if block["type"] == "text":
            said.text += block["text"]
        elif block["type"] == "thinking":
            assert "signature" in block  # empty where nobody could make one
            said.thoughts += block["thinking"]
        else:
            assert block["type"] == "tool_use" and isinstance(block["input"], dict), block
            said.calls.append((block["id"], block["name"], block["input"]))

    def whole(self, obj):
        assert obj["type"] == "message" and obj["role"] == "assistant"
        said = Said(finish=obj["stop_reason"], model=obj.get("model"))
        for block in obj["content"]:
            self.block(said, block)
        self.usage(said, obj["usage"])
        return said

    def streamed(self, raw):
        said, blocks, seen = Said(ended=False), [], []
        for event in client.split_events(raw):
            data = client.event_data(event)
            if data is None:
                continue
            obj = json.loads(data)
            assert f"event: {obj['type']}".encode() in event.splitlines(), f"another name: {event!r}"
            assert not said.ended and not said.error, f"after the end: {event!r}"
            assert seen or obj["type"] in ("message_start", "error"), f"first: {event!r}"
            seen.append(obj["type"])
            self.event(said, blocks, obj)
        if said.ended:
            assert not [b for b in blocks if b["open"]], "a block has no end"
            assert seen.count("message_start") == 1 and seen[-2:] == ["message_delta", "message_stop"]
        for block in blocks:
            if block["type"] == "tool_use":
                assert block["input"] == {}
                block["input"] = json.loads(block["partial_json"] or "{}") if not block["open"] else {}
            if not block["open"]:
                self.block(said, block)
        said.text = "".join(said.pieces)
        return said

    def event(self, said, blocks, obj):
        kind = obj["type"]
        if kind == "message_start":
            message = obj["message"]
            assert message["content"] == [] and message["stop_reason"] is None
            said.model = message.get("model")
            self.usage(said, message["usage"])
        elif kind == "content_block_start":
            assert obj["index"] == len(blocks) and not (blocks and blocks[-1]["open"]), obj
            blocks.append({"partial_json": "", **obj["content_block"], "open": True})
        elif kind == "content_block_delta":
            block, delta = blocks[obj["index"]], obj["delta"]
            assert obj["index"] == len(blocks) - 1 and block["open"], f"no open block: {obj}"
            of, key = DELTAS[delta["type"]]
            assert block["type"] == of, f"{delta} in {block}"
            block[key] += delta[key]
            if key == "text":
                said.pieces.append(delta["text"])
        elif kind == "content_block_stop":
            assert obj["index"] == len(blocks) - 1 and blocks[-1]["open"], obj
            blocks[-1]["open"] = False
        elif kind == "message_delta":
            said.finish = obj["delta"]["stop_reason"]
            if "input_tokens" in obj.get("usage", ()):  # who knows it only now says all of it now
                self.usage(said, obj["usage"])
            elif "usage" in obj:
                said.tokens = said.tokens[0], obj["usage"]["output_tokens"]
        elif kind == "message_stop":
            said.ended = True
        elif kind == "error":
            said.error = obj["error"]
        else:
            assert kind == "ping", f"no such event: {obj}"


# --- Ollama --------------------------------------------------------------------------------------


class OllamaChat(Dialect):
    path = "/api/chat"

    def tool(self, tool):
        return {"type": "function", "function": tool}

    def loop(self, said, results):
        return [{"role": "assistant", "content": said.text, "tool_calls": [
                    {"function": {"name": n, "arguments": a}} for _, n, a in said.calls]},
                *({"role": "tool", "tool_name": n, "content": r}
                  for (_, n, _), r in zip(said.calls, results))]

    def message(self, obj):
        assert obj["message"]["role"] == "assistant"
        return obj["message"], obj["message"]["content"]

    def line(self, said, obj):
        if "error" in obj:
            said.error = obj["error"]
            return
        assert not said.ended, f"after the end: {obj}"
        message, text = self.message(obj)
        said.model = obj.get("model")
        said.thoughts += message.get("thinking") or ""
        said.pieces += [text] if text else []
        for call in message.get("tool_calls") or []:
            assert isinstance(call["function"]["arguments"], dict)
            said.calls.append((call.get("id"), call["function"]["name"], call["function"]["arguments"]))
        said.ended = obj["done"]
        if obj["done"]:
            said.finish = obj.get("done_reason")
            if "eval_count" in obj:
                said.tokens = obj["prompt_eval_count"], obj["eval_count"]
                assert obj["total_duration"] >= obj["eval_duration"] >= 0

    def whole(self, obj):
        return self.streamed(json.dumps(obj).encode())

    def streamed(self, raw):
        said = Said(ended=False)
        for line in raw.replace(b"\r", b"\n").split(b"\n"):
            if line:
                self.line(said, json.loads(line))
        said.text = "".join(said.pieces)
        return said


class OllamaGenerate(OllamaChat):
    path = "/api/generate"

    def prompt(self, messages):
        return {"prompt": messages[-1]["content"]}

    def message(self, obj):
        return obj, obj["response"]


CHAT, COMPLETION, MESSAGES = Chat(), Completion(), Messages()
OLLAMA_CHAT, OLLAMA_GENERATE = OllamaChat(), OllamaGenerate()
TALKING = {"chat": CHAT, "messages": MESSAGES, "ollama": OLLAMA_CHAT}  # those that know tools
ALL = {**TALKING, "completion": COMPLETION, "generate": OLLAMA_GENERATE}
# What the fake's word for the reason of the end is in each dialect.
FINISHES = {
    "chat": {"stop": "stop", "length": "length", "tool_calls": "tool_calls"},
    "messages": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
    "ollama": {"stop": "stop", "length": "length", "tool_calls": "stop"},
    "completion": {"stop": "stop", "length": "length"},
    "generate": {"stop": "stop", "length": "length"},
}
