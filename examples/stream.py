#!/usr/bin/env python3
"""stream.py TEXT [MODEL]: one question, the answer word by word. Needs nothing but Python.

It shows what a client has to see to: an error can come in the middle of a stream, and an answer
without [DONE] is not complete."""

import json
import os
import sys
import urllib.error
import urllib.request


def events(answer):
    """The data of each event. hearth sends whole events; others may spread one over lines."""
    lines = []
    for line in answer:
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            lines.append(line[5:].removeprefix(b" "))
        elif not line and lines:
            yield b"\n".join(lines)
            lines = []


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: stream.py TEXT [MODEL]")
    text, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    request = urllib.request.Request(
        os.environ.get("HEARTH_URL", "http://127.0.0.1:8420") + "/v1/chat/completions",
        json.dumps({"model": model, "stream": True,
                    "messages": [{"role": "user", "content": text}]}).encode(),
        {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            for data in events(answer):
                if data == b"[DONE]":
                    print()
                    return
                chunk = json.loads(data)
                if "error" in chunk:
                    sys.exit(f"\nit broke off: {chunk['error']['message']}")
                for choice in chunk.get("choices", []):
                    print(choice["delta"].get("content") or "", end="", flush=True)
            sys.exit("\nit broke off without a word")
    except urllib.error.HTTPError as e:
        sys.exit(f"{e.code}: {json.load(e)['error']['message']}")
    except urllib.error.URLError as e:
        sys.exit(f"hearth does not answer: {e.reason}; start it with `hearth up --detach`")


if __name__ == "__main__":
    main()
