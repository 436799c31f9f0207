"""Clients for the scenarios: raw bytes over a socket, plain requests, and event streams.

Nothing here hides what came over the wire: a Response keeps its headers in order and its body's
framing, a Stream tells the chunks as well as the events. All waiting has an end."""

import dataclasses
import json
import re
import select
import socket
import struct
import time

WAIT = 10.0  # seconds: longer than anything here should take, sanitizers included


class Cut(Exception):
    """The connection ended inside a message."""


@dataclasses.dataclass
class Response:
    status: int
    reason: str
    headers: list  # (name, value) as sent
    body: bytes = b""
    chunks: list = dataclasses.field(default_factory=list)
    raw_head: bytes = b""

    def header(self, name):
        found = [v for n, v in self.headers if n.lower() == name.lower()]
        return found[0] if found else None

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The code of an error answer; None when there is none."""
        try:
            return self.json()["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None


def parse_head(raw):
    lines = raw.decode("latin-1").split("\r\n")
    version, status, *reason = lines[0].split(" ", 2)
    if not re.fullmatch(r"HTTP/1\.[01]", version) or not re.fullmatch(r"\d{3}", status):
        raise AssertionError(f"not a status line: {lines[0]!r}")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        assert colon and re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name), f"bad header {line!r}"
        headers.append((name, value.strip(" \t")))
    return Response(int(status), "".join(reason), headers, raw_head=raw)


class Reader:
    """Takes responses off the front of a growing buffer, strictly."""

    def __init__(self):
        self.buf, self.ended = bytearray(), False

    def take_head(self):
        """A Response without body, or None while the head is not complete."""
        end = self.buf.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = parse_head(bytes(self.buf[:end]))
        del self.buf[:end + 4]
        return head

    def take_chunk(self):
        """The next chunk's data, b"" for the last one, None while it is not complete."""
        end = self.buf.find(b"\r\n")
        if end < 0:
            return None
        size = int(bytes(self.buf[:end]).split(b";")[0], 16)
        if size == 0:
            stop = self.buf.find(b"\r\n\r\n", end)
            if stop < 0:
                return None
            del self.buf[:stop + 4]
            return b""
        if len(self.buf) < end + 2 + size + 2:
            return None
        data = bytes(self.buf[end + 2:end + 2 + size])
        assert self.buf[end + 2 + size:end + 4 + size] == b"\r\n", "a chunk does not end in CRLF"
        del self.buf[:end + 4 + size]
        return data


def body_kind(response, no_body):
    if no_body or response.status in (204, 304) or response.status < 200:
        return "none"
    if response.header("Transfer-Encoding"):
        assert response.header("Transfer-Encoding").lower() == "chunked"
        assert response.header("Content-Length") is None, "both a length and chunks"
        return "chunked"
    return "close" if response.header("Content-Length") is None else "length"


class Wire:
    """One connection to the daemon: to a port of 127.0.0.1, to (address, port), or to a socket's
    path. tls: the context with which TLS is spoken; the address is the name that must fit."""

    def __init__(self, where, timeout=WAIT, rcvbuf=None, tls=None):
        self.timeout = timeout
        if isinstance(where, int):
            where = ("127.0.0.1", where)
        tcp = isinstance(where, tuple)
        kind = socket.AF_UNIX if not tcp else socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        self.sock = socket.socket(kind, socket.SOCK_STREAM)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(timeout)
        self.sock.connect(where if tcp else str(where))
        if tcp:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:  # an end without the word for it is an error, ssl.SSLEOFError
            self.sock = tls.wrap_socket(self.sock, server_hostname=where[0], suppress_ragged_eofs=False)
        self.reader, self.eof, self.reset = Reader(), False, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, reset=False):
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_sliced(self, data, cuts, pause=0.001):
        """data in pieces that end at the offsets `cuts`. A server that has closed is no failure."""
        at = 0
        try:
            for cut in [*sorted(c for c in cuts if 0 < c < len(data)), len(data)]:
                self.sock.sendall(data[at:cut])
                at = cut
                if at < len(data):
                    time.sleep(pause)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def send_while_reading(self, data, until):
        """Sends as much of data as is taken; stops early when an answer has begun to arrive."""
        view, end = memoryview(data), time.monotonic() + until
        self.sock.setblocking(False)
        try:
            while len(view) and time.monotonic() < end:
                can_read, can_write, _ = select.select([self.sock], [self.sock], [], 0.2)
                if can_read:
                    return len(data) - len(view)
                if can_write:
                    view = view[self.sock.send(view[:1 << 18]):]
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self.sock.settimeout(self.timeout)
        return len(data) - len(view)

    def fill(self, timeout=None):
        """Reads once; False at the end of the stream."""
        if self.eof:
            return False
        self.sock.settimeout(self.timeout if timeout is None else timeout)
        try:
            got = self.sock.recv(1 << 18)
        except ConnectionResetError:
            got, self.reset = b"", True
        self.reader.buf += got
        self.eof = not got
        return bool(got)

    def need(self, take):
        """What take() gives once enough has come."""
        end = time.monotonic() + self.timeout
        while (got := take()) is None:
            if not self.fill(max(0.001, end - time.monotonic())):
                raise Cut(bytes(self.reader.buf[:200]))
        return got

    def head(self):
        return self.need(self.reader.take_head)

    def response(self, no_body=False):
        """The next whole response; passes over 1xx."""
        while (r := self.head()).status < 200:
            pass
        kind = body_kind(r, no_body)
        if kind == "chunked":
            while chunk := self.need(self.reader.take_chunk):
                r.chunks.append(chunk)
            r.body = b"".join(r.chunks)
        elif kind == "length":
            n = int(r.header("Content-Length"))
            buf = self.reader.buf
            self.need(lambda: True if len(buf) >= n else None)
            r.body = bytes(buf[:n])
            del buf[:n]
        elif kind == "close":
            while self.fill():
                pass
            r.body = bytes(self.reader.buf)
            self.reader.buf.clear()
        return r

    def closes(self, within=WAIT):
        """Does the server close within so many seconds, without another byte?"""
        try:
            while self.fill(within):
                pass
        except (socket.timeout, TimeoutError):
            return False
        return not self.reader.buf


def request_bytes(method, path, body=None, headers=(), host="localhost"):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if not any(n.lower() == "content-type" for n, _ in headers):
            lines.append("Content-Type: application/json")
    lines += [f"{n}: {v}" for n, v in headers]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + (body or b"")


def ask(where, method, path, body=None, headers=(), timeout=WAIT):
    """One request on a connection of its own."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    with Wire(where, timeout) as wire:
        wire.send(request_bytes(method, path, body, [*headers, ("Connection", "close")]))
        return wire.response(no_body=method == "HEAD")


def chat_body(words="", model="fake-model", stream=None, pad=0, **more):
    """A chat request as a client would write it; `words` tell the fake upstream what to do, `pad`
    makes it so many bytes larger."""
    body = {"model": model, "messages": [{"role": "user", "content": "fake: " + words}]}
    if pad:
        body["messages"].insert(0, {"role": "system", "content": "x" * pad})
    if stream is not None:
        body["stream"] = stream
    body.update(more)
    return json.dumps(body).encode()


def chat(where, words="", timeout=WAIT, headers=(), path="/v1/chat/completions", **more):
    """The whole answer to one chat request, streamed or not."""
    return ask(where, "POST", path, chat_body(words, **more), headers, timeout)


# --- event streams -------------------------------------------------------------------------------

EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")


def split_events(raw):
    """Each event's exact bytes, with the blank line that ends it."""
    events, at = [], 0
    for end in EVENT_END.finditer(raw):
        if end.end() > at:
            events.append(raw[at:end.end()])
            at = end.end()
    return events + ([raw[at:]] if at < len(raw) else [])


def event_data(event):
    """The joined data lines of an event, None when it has none."""
    lines = re.split(rb"\r\n|\n|\r", event)
    data = [ln[5:].removeprefix(b" ") for ln in lines if ln.startswith(b"data:")]
    return b"\n".join(data) if data else None


def event_json(event):
    data = event_data(event)
    return json.loads(data) if data and data != b"[DONE]" else None


def contents(events):
    """The text of the first choice, piece by piece."""
    said = []
    for event in events:
        obj = event_json(event) or {}
        for choice in obj.get("choices", []):
            text = choice.get("delta", {}).get("content")
            if choice.get("index") == 0 and text:
                said.append(text)
    return said


def is_done(event):
    return event_data(event) == b"[DONE]"


def stream_error(events):
    """The code of the error event that ended a stream; None when there is none."""
    for event in events:
        obj = event_json(event)
        if isinstance(obj, dict) and "error" in obj:
            return obj["error"]["code"]
    return None


class Stream:
    """A streamed chat being read event by event; where: as for Wire, or a Wire."""

    def __init__(self, where, words="", timeout=WAIT, rcvbuf=None, raw=None,
                 path="/v1/chat/completions", headers=(), **more):
        self.wire = where if isinstance(where, Wire) else Wire(where, timeout, rcvbuf)
        body = chat_body(words, stream=True, **more)
        self.wire.send(raw or request_bytes("POST", path, body, headers))
        self.head, self.pending, self.chunks = None, b"", []
        self.ended, self.cut = False, False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self, reset=False):
        self.wire.close(reset)

    def start(self):
        """Waits for the head."""
        if not self.head:
            self.head = self.wire.head()
        return self.head

    def piece(self):
        """More bytes of the body, b"" at its end."""
        kind = body_kind(self.start(), False)
        if self.ended:
            return b""
        try:
            if kind == "chunked":
                got = self.wire.need(self.wire.reader.take_chunk)
            else:
                assert kind == "close", "a stream with a length"
                if not self.wire.reader.buf:
                    self.wire.fill()
                got = bytes(self.wire.reader.buf)
                self.wire.reader.buf.clear()
        except Cut:
            self.cut, got = True, b""
        self.ended = not got
        if got:
            self.chunks.append(got)
        return got

    def event(self):
        """The next event's bytes; None at the end."""
        while not (end := EVENT_END.search(self.pending)):
            got = self.piece()
            if not got:
                rest, self.pending = self.pending, b""
                return rest or None
            self.pending += got
        event, self.pending = self.pending[:end.end()], self.pending[end.end():]
        return event

    def take(self, n):
        """The next n events that carry content."""
        events = []
        while len(contents(events)) < n:
            event = self.event()
            assert event is not None, f"the stream ended after {events!r}"
            events.append(event)
        return events

    def rest(self):
        """All events that are left."""
        return list(iter(self.event, None))
