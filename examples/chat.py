#!/usr/bin/env python3
"""chat.py TEXT [MODEL]: one question, one whole answer. Needs nothing but Python.

HEARTH_URL says where hearth is; without a model it takes the first that it has."""

import json
import os
import sys
import urllib.error
import urllib.request


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: chat.py TEXT [MODEL]")
    text, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    request = urllib.request.Request(
        os.environ.get("HEARTH_URL", "http://127.0.0.1:8420") + "/v1/chat/completions",
        json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode(),
        {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            got = json.load(answer)
            number = answer.headers["X-Request-Id"]
    except urllib.error.HTTPError as e:
        sys.exit(f"{e.code}: {json.load(e)['error']['message']}")
    except urllib.error.URLError as e:
        sys.exit(f"hearth does not answer: {e.reason}; start it with `hearth up --detach`")
    print(got["choices"][0]["message"]["content"])
    tokens = (got.get("usage") or {}).get("completion_tokens")
    print(f"{got['model']}, {tokens} tokens, request {number}", file=sys.stderr)


if __name__ == "__main__":
    main()
