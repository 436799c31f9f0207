#!/usr/bin/env python3
"""make_http.py: writes the seeds of the HTTP, event-stream and JSON fuzzers into fuzz/corpus/.

The requests and responses are those of http_cases.py: the first of each group, since the rest differ
little, and no long ones, since a fuzzer learns nothing from them. Files are named by their content,
so running it again changes nothing."""

import hashlib
import pathlib

from http_cases import CASES, RESPONSES

CORPUS = pathlib.Path(__file__).resolve().parents[2] / "fuzz/corpus"
LONGEST = 700
EACH_GROUP = 9

EVENTS = (
    b"data: a\n\n", b"data: a\r\n\r\n", b"data: a\r\rdata: b\r\r", b"data: a\n\rdata: b\n\r\n",
    b"data: a\ndata: b\n\n", b"data\ndata\n\n", b"event: ping\ndata: {}\n\n", b": keep-alive\n\n",
    b"id: 1\nretry: 10\n\n", b"\xef\xbb\xbfdata: a\n\n", b"\n\n\r\r\r\n\r\n", b"data: [DONE]\n",
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: [DONE]\n\n',
    b'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: {"type":"ping"}\n\n',
)
JSON = (
    b"{}", b"[]", b"null", b'"a"', b"1.5e3", b'{"a":1,"b":[true,false,null],"c":{"d":"e"}}',
    b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true}',
    b'{"a":1,"a":2}', b'{"a":{"b":1,"b":2}}', b'{"\\u0061":1}', b'{"a":1,"\\u0061":2}',
    b'["\\ud83d\\ude00","\\u0000","\\"\\\\\\/\\b\\f\\n\\r\\t"]', b'"\\ud800"', b'"\xff"', b"\xef\xbb\xbf{}",
    b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b'{"a":' * 64 + b"1" + b"}" * 64,
    b"[1e999,-0,9223372036854775808,18446744073709551616,0.1]", b"[NaN]", b"[1,]", b"{'a':1}",
    b' { "a" : [ 1 , 2 ] , "b" : "\xe2\x82\xac" } ', b'{"a":"b:{}[],\\"","c":2}', b"01", b"[1]x", b"",
)


def write(name, seeds):
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {hashlib.sha256(seed).hexdigest()[:16]: seed for seed in seeds if len(seed) <= LONGEST}
    for old in folder.iterdir():
        if old.name not in wanted:
            old.unlink()
    for file, seed in wanted.items():
        (folder / file).write_bytes(seed)
    print(f"{name}: {len(wanted)} seeds")


def requests():
    seen = {}
    for case in CASES:
        seen.setdefault(case.group, []).append(case.raw)
    return [raw for group in seen.values() for raw in group[:EACH_GROUP]]


def main():
    write("http_request", requests())
    write("http_response", [r.raw for r in RESPONSES])
    write("sse", EVENTS)
    write("json_gate", JSON)


if __name__ == "__main__":
    main()
