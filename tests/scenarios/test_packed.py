"""Request bodies that come compressed: gzip and zstd are unpacked piece by piece, nothing else is; what
becomes too large, is cut or is something else ends in an error; and answers are never taken compressed."""

import ctypes
import gzip
import json
import threading
import time
import zlib

import pytest

import client
import harness

CHAT = "/v1/chat/completions"
MIB = 1 << 20
WINDOW_LOG = 101  # ZSTD_c_windowLog


def zstd(data, window=0):
    """As one frame; window: the logarithm of what whoever unpacks it has to keep."""
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_createCCtx.restype = ctypes.c_void_p
    lib.ZSTD_compressBound.restype = lib.ZSTD_compress2.restype = ctypes.c_size_t
    made, made.argtypes = lib.ZSTD_compress2, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                               ctypes.c_size_t]
    context = ctypes.c_void_p(lib.ZSTD_createCCtx())
    if window:
        lib.ZSTD_CCtx_setParameter(context, WINDOW_LOG, window)
    room = ctypes.create_string_buffer(lib.ZSTD_compressBound(ctypes.c_size_t(len(data))))
    size = made(context, room, len(room), data, len(data))
    lib.ZSTD_freeCCtx(context)
    return room.raw[:size]


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "zstd": zstd, "ZSTD": zstd}


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


def post(daemon, body, coding, path=CHAT):
    return client.ask(daemon.port, "POST", path, body, [("Content-Encoding", coding)], timeout=60)


def large(mib):
    """Some text that is not the same all over."""
    text = "".join(f"line {i} " for i in range(100000))[:MIB]
    more = [{"role": "user", "content": text} for _ in range(mib)]
    return json.dumps({"model": "fake-model", "messages": [*more, {"role": "user", "content": "fake: events=1"}]}).encode()


@pytest.mark.parametrize("coding, mib", [("gzip", 20), ("zstd", 20), ("x-gzip", 0), ("ZSTD", 3)])
def test_it_is_as_if_it_had_come_plain(daemon, fake, coding, mib):
    body = large(mib)
    plain = client.ask(daemon.port, "POST", CHAT, body, timeout=60)
    asked = fake.last()[-1]["body"]
    packed = post(daemon, PACKERS[coding](body), coding)
    assert plain.status == packed.status == 200, packed.body
    assert fake.last()[-1]["body"] == asked
    assert packed.json()["choices"] == plain.json()["choices"]


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_in_slices_and_in_chunks(daemon, coding):
    packed = PACKERS[coding](client.chat_body("events=2 text=x"))
    fields = [("Content-Encoding", coding), ("Connection", "close"), ("Content-Type", "application/json")]
    with client.Wire(daemon.port) as wire:
        for byte in client.request_bytes("POST", CHAT, packed, fields):
            wire.send(bytes([byte]))
        assert wire.response().json()["choices"][0]["message"]["content"] == "xx"
    head = client.request_bytes("POST", CHAT, None, [*fields, ("Transfer-Encoding", "chunked")])
    with client.Wire(daemon.port) as wire:
        wire.send(head + b"".join(b"1\r\n" + bytes([b]) + b"\r\n" for b in packed) + b"0\r\n\r\n")
        assert wire.response().status == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_packed_one_after_another(daemon, coding):
    body, pack = client.chat_body("events=2 text=x"), PACKERS[coding]
    assert post(daemon, pack(body[:20]) + pack(body[20:]), coding).status == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_the_connection_goes_on(daemon, coding):
    packed = PACKERS[coding](client.chat_body("events=1"))
    with client.Wire(daemon.port) as wire:
        for _ in range(3):
            wire.send(client.request_bytes("POST", CHAT, packed, [("Content-Encoding", coding)]))
            assert wire.response().status == 200
            wire.send(client.request_bytes("POST", CHAT, client.chat_body("events=1")))
            assert wire.response().status == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_is_wrong(daemon, fake, coding):
    packed, before = PACKERS[coding](client.chat_body("events=1")), fake.stats()["requests"]
    flipped = packed[:-3] + bytes([packed[-3] ^ 1]) + packed[-2:]  # in gzip's length
    wrong = [packed[:-1], packed[:len(packed) // 2], packed[:5], b"", b"{}", client.chat_body("events=1"),
             packed + b"more"]
    for body in wrong + [flipped] * (coding == "gzip"):
        r = post(daemon, body, coding)
        assert (r.status, r.error) == (400, "bad_request"), (body, r.body)
    assert post(daemon, zlib.compress(b"{}"), "gzip").status == 400
    assert post(daemon, PACKERS[coding](b"{"), coding).error == "invalid_json"
    assert fake.stats()["requests"] == before


def test_a_window_that_is_too_large(daemon):
    assert post(daemon, zstd(large(20), window=23), "zstd").status == 200
    assert post(daemon, zstd(large(20), window=25), "zstd").status == 400


@pytest.mark.parametrize("coding", ["br", "deflate", "identity, gzip", "gzip, gzip", "gzipped"])
def test_other_encodings(daemon, fake, coding):
    before = fake.stats()["requests"]
    r = post(daemon, b"{}", coding)
    assert (r.status, r.error) == (415, "unsupported_encoding")
    assert r.header("accept-encoding") == "gzip, zstd" and "gzip or zstd" in r.json()["error"]["message"]
    assert fake.stats()["requests"] == before


def bomb(coding, mib=256):
    if coding == "zstd":
        return zstd(bytes(mib * MIB))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(mib)] + [packer.flush()])


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb(daemon, coding):
    """A quarter of a gibibyte of nothing: over at the limit, and meanwhile others are answered."""
    packed, slowest, over = bomb(coding), [0.0], threading.Event()

    def look():
        while not over.is_set():
            began = time.monotonic()
            assert client.ask(daemon.port, "GET", "/health").status == 200
            slowest[0] = max(slowest[0], time.monotonic() - began)

    before = daemon.memory_kib("VmRSS")
    others = harness.in_thread(look)
    began = time.monotonic()
    r = post(daemon, packed, coding)
    took = time.monotonic() - began
    over.set()
    others()
    assert (r.status, r.error) == (413, "body_too_large")
    assert took < 10 and slowest[0] < 1, (took, slowest)
    if not daemon.ground.sanitized:
        assert daemon.memory_kib("VmRSS") - before < 80 * 1024


def test_an_endpoint_with_a_smaller_limit(daemon):
    body = gzip.compress(json.dumps({"name": "x" * 100000}).encode())
    r = daemon.admin("POST", "/hearth/v1/keys", body, [("Content-Encoding", "gzip")])
    assert r.status == 413


@pytest.mark.parametrize("stream", [True, False])
def test_a_compressed_answer_is_none(make, stream):
    fake = make.fake()
    daemon = make.daemon(fake)
    r = daemon.chat("events=1 header=Content-Encoding:%20gzip", stream=stream)
    assert (r.status, r.error) == (502, "bad_upstream_response") and b"compressed" in r.body
    assert b"accept-encoding" not in fake.last()[-1]["head"].lower()
