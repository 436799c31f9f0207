"""Raw HTTP requests, good and bad, and what a strict server answers to each.

    from http_cases import CASES, RESPONSES

Each Case holds the bytes that a client sends on one fresh connection to a daemon whose address it
calls `localhost`. `before` answers with 200 come first; the answer after them has a status in
`statuses`; `closes` says whether the server must close the connection then (None: it may).
Nothing in a request that is refused may ever reach an upstream. Every case must give the same
answers whether its bytes arrive in one piece, in two or one by one.

RESPONSES holds what a broken or hostile upstream may send; `good` says whether a client of it may
take it as a whole message (a connection that ends after the bytes is part of the case)."""

import dataclasses

CRLF = b"\r\n"
HOST = b"Host: localhost"
HEALTH = b"GET /health HTTP/1.1"
CHAT = b"POST /v1/chat/completions HTTP/1.1"
JSON = b"Content-Type: application/json"
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
KIB = 1024


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    statuses: frozenset = frozenset({400})
    closes: object = True
    before: int = 0
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Response:
    name: str
    raw: bytes
    good: bool = False


CASES = []
RESPONSES = []


def head(*lines):
    return CRLF.join(lines) + CRLF + CRLF


def add(group, name, raw, *statuses, closes=True, before=0):
    known = {c.name for c in CASES}
    assert name not in known, name
    CASES.append(Case(name, raw, frozenset(statuses or (400,)), closes, before, group))


def good(group, name, raw, closes=False, before=0):
    add(group, name, raw, 200, closes=closes, before=before)


def response(name, raw, is_good=False):
    assert name not in {r.name for r in RESPONSES}, name
    RESPONSES.append(Response(name, raw, is_good))


def chat(*lines, body=b""):
    return head(CHAT, HOST, JSON, *lines) + body


def health(*lines, body=b""):
    return head(HEALTH, HOST, *lines) + body


def chunked(body):
    """A body on GET /health is read and thrown away, so a good one answers 200."""
    return health(b"Transfer-Encoding: chunked", body=body)


def plain():
    good("plain", "health", health())
    good("plain", "health-1.0", head(b"GET /health HTTP/1.0", HOST), closes=True)
    good("plain", "health-1.0-keep-alive",
         head(b"GET /health HTTP/1.0", HOST, b"Connection: keep-alive"), closes=None)
    good("plain", "connection-close", health(b"Connection: close"), closes=True)
    good("plain", "connection-close-in-a-list", health(b"Connection: x, CLOSE"), closes=True)
    good("plain", "blanks-round-value", health(b"X-A: \t v \t "))
    good("plain", "empty-value", health(b"X-A:"))
    good("plain", "no-blank-after-colon", head(HEALTH, b"Host:localhost"))
    good("plain", "8-bit-in-value", health(b"X-A: caf\xc3\xa9 \xff"))
    good("plain", "tab-in-value", health(b"X-A: a\tb"))
    good("plain", "crlf-before-request", CRLF + health())
    good("plain", "two-crlf-before-request", CRLF * 2 + health())
    add("plain", "three-crlf-before-request", CRLF * 3 + health())
    add("plain", "crlf-flood-before-request", CRLF * 50000 + health())
    add("plain", "lf-before-request", b"\n" + health())
    add("plain", "cr-before-request", b"\r" + health())
    add("plain", "blank-before-request", b" " + health())
    good("plain", "100-headers", health(*[b"X-%d: v" % i for i in range(99)]))
    good("plain", "trailing-query", head(b"GET /health?a=b%20c HTTP/1.1", HOST))


def framing():
    g = "length"
    length = b"Content-Length: %d" % len(BODY)
    add(g, "length-and-chunked", chat(length, b"Transfer-Encoding: chunked", body=BODY))
    add(g, "chunked-and-length", chat(b"Transfer-Encoding: chunked", length, body=BODY))
    add(g, "length-0-and-chunked",
        chat(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"))
    add(g, "two-lengths-same", chat(length, length, body=BODY))
    add(g, "two-lengths-differ", chat(length, b"Content-Length: 1", body=BODY))
    add(g, "two-lengths-case", chat(length, b"cONTENT-lENGTH: 1", body=BODY))
    for name, value in (
            ("list", b"5,5"), ("list-blank", b"5, 5"), ("plus", b"+5"), ("minus", b"-1"),
            ("minus-0", b"-0"), ("hex", b"0x5"), ("underscore", b"5_0"), ("empty", b""),
            ("blank", b" "), ("exponent", b"1e1"), ("fraction", b"5.0"), ("two-words", b"5 5"),
            ("2-to-64", b"18446744073709551616"), ("2-to-64-and-5", b"18446744073709551621"),
            ("40-digits", b"9" * 40), ("quoted", b'"5"'), ("letters", b"abc"), ("hex-letters", b"a"),
            ("vt", b"\x0b5"), ("nbsp", b"\xa05"), ("wide-digit", b"\xef\xbc\x95"), ("nul", b"5\x00"),
            ("semicolon", b"5;"), ("paren", b"(5)"), ("trailing-comma", b"5,")):
        add(g, "length-" + name, chat(b"Content-Length: " + value, body=b"01234"))
    good(g, "length-leading-zeros-are-decimal",
         health(b"Content-Length: 010", body=b"0123456789"))
    good(g, "length-0", health(b"Content-Length: 0"))
    good(g, "length-5-on-get", health(b"Content-Length: 5", body=b"01234"))
    good(g, "length-blanks", health(b"Content-Length: \t 5  ", body=b"01234"))
    add(g, "length-name-with-blank", chat(b"Content-Length : 5", body=b"01234"))
    add(g, "length-folded", chat(b"Content-Length:\r\n 5", body=b"01234"))

    g = "coding"
    for name, value in (
            ("twice", b"chunked,chunked"), ("twice-blank", b"chunked, chunked"),
            ("not-last", b"chunked, gzip"), ("comma-first", b",chunked"),
            ("comma-last", b"chunked,"), ("parameter", b"chunked;q=1"), ("vt", b"\x0bchunked"),
            ("quoted", b'"chunked"'), ("empty", b""), ("two-words", b"chunked x"),
            ("nul", b"chunked\x00"), ("nbsp", b"\xa0chunked"), ("colon", b": chunked"),
            ("8-bit", b"chun\xcbed")):
        add(g, "coding-" + name, chat(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"))
    for name, value in (
            ("gzip", b"gzip"), ("gzip-chunked", b"gzip, chunked"), ("xchunked", b"xchunked"),
            ("chunkedx", b"chunkedx"), ("identity", b"identity"), ("identity-chunked", b"identity, chunked"),
            ("cow", b"cow"), ("chunke", b"chunke"), ("x-chunked", b"x-chunked")):
        add(g, "coding-" + name, chat(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"), 501)
    add(g, "coding-two-fields",
        chat(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"))
    add(g, "coding-two-fields-differ",
        chat(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
        400, 501)
    add(g, "coding-gzip-and-length", chat(b"Transfer-Encoding: gzip", length, body=BODY), 400, 501)
    good(g, "coding-case", health(b"tRANSFER-eNCODING: CHUNKed", body=b"0\r\n\r\n"))
    good(g, "coding-blanks", health(b"Transfer-Encoding: \t chunked  ", body=b"0\r\n\r\n"))
    add(g, "coding-folded", chat(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n"))
    add(g, "coding-blank-before-colon", chat(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"))
    add(g, "coding-1.0", head(b"POST /v1/chat/completions HTTP/1.0", HOST, JSON,
                              b"Transfer-Encoding: chunked") + b"0\r\n\r\n")
    good(g, "coding-underscore-is-nothing", health(b"Transfer_Encoding: chunked"))
    good(g, "length-underscore-is-nothing", health(b"Content_Length: 5"))


def chunks():
    g = "chunk"
    good(g, "chunk-none", chunked(b"0\r\n\r\n"))
    good(g, "chunk-one", chunked(b"5\r\n01234\r\n0\r\n\r\n"))
    good(g, "chunk-two", chunked(b"5\r\n01234\r\na\r\n0123456789\r\n0\r\n\r\n"))
    good(g, "chunk-upper-case", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"))
    good(g, "chunk-zeros", chunked(b"0005\r\n01234\r\n000\r\n\r\n"))
    good(g, "chunk-extension", chunked(b"5;a=b\r\n01234\r\n0;c\r\n\r\n"))
    good(g, "chunk-extension-quoted", chunked(b'5;a="b;c"\r\n01234\r\n0\r\n\r\n'))
    good(g, "chunk-trailer", chunked(b"5\r\n01234\r\n0\r\nX-A: v\r\nX-B: w\r\n\r\n"))
    good(g, "chunk-data-looks-like-a-chunk", chunked(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n"))
    for name, size in (
            ("0x", b"0x5"), ("plus", b"+5"), ("minus", b"-5"), ("empty", b""), ("blank-first", b" 5"),
            ("blank-last", b"5 "), ("tab-last", b"5\t"), ("17-digits", b"10000000000000005"),
            ("17-zeros", b"0" * 16 + b"5" + b"g"), ("2-to-64", b"ffffffffffffffffff"),
            ("not-hex", b"g"), ("hex-then-not", b"5g"), ("underscore", b"0_5"), ("comma", b"5,"),
            ("comma-extension", b"5,a"), ("vt", b"5\x0b"), ("nul", b"5\x00"), ("h", b"5h"),
            ("blank-semicolon", b"5 ;a"), ("nul-extension", b"5;a\x00"), ("cr-extension", b"5;a\rb"),
            ("lf-extension", b"5;a\nb"), ("quoted-cr", b'5;a="\r"'), ("quoted-lf", b'5;a="\n"'),
            ("wide-digit", b"\xef\xbc\x95")):
        add(g, "chunk-size-" + name, chunked(size + b"\r\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-size-lf", chunked(b"5\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-size-cr-x", chunked(b"5\rX\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-size-cr", chunked(b"5\r01234\r\n0\r\n\r\n"))
    add(g, "chunk-size-cr-cr-lf", chunked(b"5\r\r\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-extension-lf", chunked(b"5;a\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-extension-value-lf", chunked(b"5;a=b\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-data-no-crlf", chunked(b"5\r\n012340\r\n\r\n"))
    add(g, "chunk-data-lf", chunked(b"5\r\n01234\n0\r\n\r\n"))
    add(g, "chunk-data-cr", chunked(b"5\r\n01234\r0\r\n\r\n"))
    add(g, "chunk-data-crlf-crlf", chunked(b"5\r\n01234\r\n\r\n0\r\n\r\n"))
    add(g, "chunk-data-too-long", chunked(b"4\r\n01234\r\n0\r\n\r\n"))
    add(g, "chunk-last-lf", chunked(b"0\n\r\n"))
    add(g, "chunk-end-lf", chunked(b"0\r\n\n"))
    add(g, "chunk-end-cr-x", chunked(b"0\r\n\rX"))
    for name in (b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: localhost",
                 b"content-LENGTH: 0"):
        add(g, "trailer-" + name.decode().replace(": ", "-"),
            chunked(b"0\r\n" + name + b"\r\n\r\n"))
    add(g, "trailer-folded", chunked(b"0\r\nX-A: v\r\n w\r\n\r\n"))
    add(g, "trailer-blank-first", chunked(b"0\r\n X-A: v\r\n\r\n"))
    add(g, "trailer-lf", chunked(b"0\r\nX-A: v\n\r\n"))
    add(g, "trailer-nul", chunked(b"0\r\nX-A: \x00\r\n\r\n"))
    add(g, "trailer-no-colon", chunked(b"0\r\nX-A\r\n\r\n"))
    add(g, "trailer-blank-before-colon", chunked(b"0\r\nX-A : v\r\n\r\n"))
    add(g, "trailer-flood", chunked(b"0\r\n" + b"X-A: v\r\n" * 101 + b"\r\n"), 400, 431)
    add(g, "trailer-huge", chunked(b"0\r\nX-A: " + b"v" * 40 * KIB + b"\r\n\r\n"), 400, 431)
    add(g, "trailer-chunk-in-head-of-next", chunked(b"0\r\n\r\nX-A: v\r\n\r\n"), before=1)
    add(g, "extension-5-kib", chunked(b"1;" + b"a" * 5 * KIB + b"\r\nx\r\n0\r\n\r\n"))
    add(g, "extension-value-5-kib", chunked(b"1;a=" + b"b" * 5 * KIB + b"\r\nx\r\n0\r\n\r\n"))
    add(g, "extension-quoted-5-kib", chunked(b'1;a="' + b"b" * 5 * KIB + b'"\r\nx\r\n0\r\n\r\n'))
    add(g, "extension-many", chunked(b"1;aaaaaaa=bbbbbbb\r\nx\r\n" * 1000 + b"0\r\n\r\n"))
    add(g, "extension-semicolons", chunked(b"1" + b";a" * 4 * KIB + b"\r\nx\r\n0\r\n\r\n"))
    add(g, "extension-endless", chunked(b"1;" + b"a" * 64 * KIB))
    good(g, "extension-3-kib", chunked(b"1;" + b"a" * 3 * KIB + b"\r\nx\r\n0\r\n\r\n"))


def fields():
    g = "field"
    add(g, "fold-blank", health(b"X-A: v\r\n w"))
    add(g, "fold-tab", health(b"X-A: v\r\n\tw"))
    add(g, "fold-empty", health(b"X-A: v\r\n \r\nX-B: w"))
    add(g, "fold-first", head(HEALTH, b" X-A: v", HOST))
    add(g, "fold-tab-first", head(HEALTH, b"\tX-A: v", HOST))
    add(g, "fold-host", head(HEALTH, b"Host:\r\n localhost"))
    add(g, "blank-before-colon", health(b"X-A : v"))
    add(g, "tab-before-colon", health(b"X-A\t: v"))
    add(g, "blank-in-name", health(b"X A: v"))
    add(g, "empty-name", health(b": v"))
    add(g, "no-colon", health(b"X-A"))
    add(g, "no-colon-blank", health(b"X-A v"))
    add(g, "8-bit-in-name", health(b"X-\xc3\xa9: v"))
    add(g, "bare-lf", HEALTH + b"\n" + HOST + b"\n\n")
    add(g, "bare-lf-one-line", HEALTH + b"\r\n" + HOST + b"\nX-A: v\r\n\r\n")
    add(g, "bare-lf-at-end", HEALTH + b"\r\n" + HOST + b"\r\n\n")
    add(g, "bare-cr", HEALTH + b"\r\n" + HOST + b"\rX-A: v\r\n\r\n")
    add(g, "bare-cr-at-end", HEALTH + b"\r\n" + HOST + b"\r\n\rX")
    add(g, "cr-cr-lf", HEALTH + b"\r\n" + HOST + b"\r\r\n\r\n")
    add(g, "cr-in-value", health(b"X-A: a\rb"))
    for byte in [*range(0x20), 0x7f]:
        if byte not in (9, 10, 13):
            add(g, f"control-{byte:02x}-in-value", health(b"X-A: a%cb" % byte))
        add(g, f"control-{byte:02x}-in-name", health(b"X%cA: b" % byte))
        add(g, f"control-{byte:02x}-in-target", head(b"GET /hea%clth HTTP/1.1" % byte, HOST))
    for byte in b'"(),/;<=>?@[\\]{}':
        add(g, f"separator-{byte:02x}-in-name", health(b"X%cA: b" % byte))
    for byte in (0x80, 0xa0, 0xff):
        add(g, f"byte-{byte:02x}-in-name", health(b"X%cA: b" % byte))
        add(g, f"byte-{byte:02x}-in-target", head(b"GET /hea%clth HTTP/1.1" % byte, HOST))
    good(g, "name-token-characters", health(b"X!#$%&'*+-.^`|~09: v"))

    g = "limit"
    add(g, "101-headers", health(*[b"X-%d: v" % i for i in range(100)]), 431)
    add(g, "1000-headers", health(*[b"X-%d: v" % i for i in range(1000)]), 431)
    add(g, "block-33-kib", health(*[b"X-%d: " % i + b"v" * 660 for i in range(50)]), 431)
    add(g, "one-header-32-kib", health(b"X-A: " + b"v" * 32 * KIB), 431)
    add(g, "one-name-32-kib", health(b"X" * 32 * KIB + b": v"), 431)
    add(g, "endless-header", HEALTH + b"\r\nX-A: " + b"v" * 100 * KIB, 431)
    add(g, "endless-target", b"GET /" + b"a" * 100 * KIB, 414)
    add(g, "target-8-kib-and-1", head(b"GET /" + b"a" * 8 * KIB + b" HTTP/1.1", HOST), 414)
    add(g, "target-8-kib", head(b"GET /" + b"a" * (8 * KIB - 1) + b" HTTP/1.1", HOST), 404,
        closes=None)
    add(g, "endless-method", b"A" * 100 * KIB, 400, 414, 501)
    good(g, "one-header-30-kib", health(b"X-A: " + b"v" * 30 * KIB))


def request_line():
    g = "version"
    for version in (b"HTTP/0.9", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/3.0", b"HTTP/1.9", b"HTTP/9.9",
                    b"HTTP/0.0", b"HTTP/2"):
        add(g, "version-" + version.decode()[5:], head(b"GET /health " + version, HOST), 400, 505)
    for version in (b"HTTP/01.1", b"HTTP/1.01", b"HTTP/1.10", b"HTTP/11.1", b"HTTP/1", b"HTTP/1.",
                    b"HTTP/.1", b"HTTP/1,1", b"HTTP/1.1x", b"HTTP/1.1;", b"HTTP /1.1", b"HTTP/ 1.1",
                    b"http/1.1", b"Http/1.1", b"HTTPS/1.1", b"HTP/1.1", b"ICE/1.0", b"RTSP/1.0",
                    b"HTTP/+1.1", b"HTTP/1.-1", b"HTTP/", b"/1.1", b"XTTP/1.1"):
        add(g, "version-odd-" + version.decode(), head(b"GET /health " + version, HOST), 400, 505)
    add(g, "simple-request", b"GET /health\r\n", 400, 505)
    add(g, "simple-request-with-head", head(b"GET /health", HOST), 400, 505)
    add(g, "no-version-blank", head(b"GET /health ", HOST), 400, 505)
    add(g, "http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 501, 505)
    add(g, "tls-hello", bytes.fromhex("16030100c8010000c40303") + b"\x00" * 64)

    g = "request-line"
    add(g, "tab-after-method", head(b"GET\t/health HTTP/1.1", HOST))
    add(g, "tab-before-version", head(b"GET /health\tHTTP/1.1", HOST))
    add(g, "tab-in-target", head(b"GET /hea\tlth HTTP/1.1", HOST))
    add(g, "lf-request-line", b"GET /health HTTP/1.1\n" + HOST + b"\r\n\r\n")
    add(g, "two-blanks-after-method", head(b"GET  /health HTTP/1.1", HOST))
    add(g, "two-blanks-before-version", head(b"GET /health  HTTP/1.1", HOST))
    add(g, "blank-at-end", head(b"GET /health HTTP/1.1 ", HOST))
    add(g, "blank-in-target", head(b"GET /hea lth HTTP/1.1", HOST))
    add(g, "no-target", head(b"GET HTTP/1.1", HOST))
    add(g, "empty-target", head(b"GET  HTTP/1.1", HOST))
    add(g, "relative-target", head(b"GET health HTTP/1.1", HOST))
    add(g, "fragment", head(b"GET /health#x HTTP/1.1", HOST))
    add(g, "star-get", head(b"GET * HTTP/1.1", HOST))
    add(g, "authority-get", head(b"GET localhost:80 HTTP/1.1", HOST))
    add(g, "no-method", head(b" /health HTTP/1.1", HOST))
    add(g, "method-odd-byte", head(b"G@T /health HTTP/1.1", HOST), 400, 501)
    add(g, "blank-line-only", b" \r\n\r\n")

    g = "absolute"
    good(g, "absolute-same", head(b"GET http://localhost/health HTTP/1.1", HOST))
    good(g, "absolute-case", head(b"GET HTTP://LOCALHOST/health HTTP/1.1", HOST))
    good(g, "absolute-port-80", head(b"GET http://localhost:80/health HTTP/1.1", HOST))
    for name, target in (
            ("other", b"http://127.0.0.1/health"), ("other-name", b"http://example.com/health"),
            ("other-port", b"http://localhost:81/health"), ("user", b"http://a@localhost/health"),
            ("user-password", b"http://a:b@localhost/health"), ("empty", b"http:///health"),
            ("no-slashes", b"http:/health"), ("ftp", b"ftp://localhost/health"),
            ("file", b"file:///etc/passwd"), ("suffix", b"http://localhost.evil/health"),
            ("prefix", b"http://evil.localhost/health"), ("comma", b"http://localhost,x/health")):
        add(g, "absolute-" + name, head(b"GET " + target + b" HTTP/1.1", HOST))
    add(g, "absolute-no-host", head(b"GET http://localhost/health HTTP/1.1"))

    g = "method"
    for method in (b"CONNECT", b"TRACE"):
        target = b"localhost:80" if method == b"CONNECT" else b"/health"
        add(g, "method-" + method.decode(), head(method + b" " + target + b" HTTP/1.1", HOST), 405)
    for method in (b"FOO", b"get", b"Get", b"GETT", b"GE", b"PROPFIND", b"M-SEARCH", b"SOURCE",
                   b"DESCRIBE", b"SETUP", b"PLAY", b"PAUSE", b"FLUSH", b"QUERY", b"PURGE", b"LINK",
                   b"PRI", b"COPY", b"SUBSCRIBE", b"!#$%&'*+-.^_`|~"):
        add(g, "method-" + method.decode(), head(method + b" /health HTTP/1.1", HOST), 501)
    add(g, "rtsp-describe", head(b"DESCRIBE rtsp://localhost/x RTSP/1.0", b"CSeq: 1"), 400, 501, 505)
    add(g, "ice-source", head(b"SOURCE /x ICE/1.0", HOST), 400, 501, 505)
    good(g, "h2c-is-not-taken", health(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
                                       b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"))
    good(g, "websocket-is-not-taken", health(b"Connection: Upgrade", b"Upgrade: websocket",
                                             b"Sec-WebSocket-Version: 13",
                                             b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="))


def host():
    g = "host"
    add(g, "host-missing", head(HEALTH, b"X-A: v"))
    add(g, "host-missing-alone", head(HEALTH))
    add(g, "host-missing-1.0", head(b"GET /health HTTP/1.0"))
    add(g, "host-twice", head(HEALTH, HOST, HOST))
    add(g, "host-twice-differ", head(HEALTH, HOST, b"hOST: example.com"))
    for name, value in (
            ("empty", b""), ("blank", b" "), ("comma", b"localhost,localhost"),
            ("comma-blank", b"localhost, x"), ("user", b"a@localhost"),
            ("user-password", b"a:b@localhost"), ("port-99999", b"localhost:99999"),
            ("port-65536", b"localhost:65536"), ("port-0", b"localhost:0"),
            ("port-empty", b"localhost:"), ("port-letters", b"localhost:80a"),
            ("port-plus", b"localhost:+80"), ("port-minus", b"localhost:-80"),
            ("port-blank", b"localhost: 80"), ("two-ports", b"localhost:80:80"),
            ("port-long", b"localhost:" + b"0" * 100 + b"80"), ("port-only", b":80"),
            ("blank-inside", b"local host"), ("slash", b"localhost/x"), ("scheme", b"http://localhost"),
            ("query", b"localhost?x"), ("fragment", b"localhost#x"), ("backslash", b"localhost\\x"),
            ("percent", b"local%68ost"), ("8-bit", b"l\xc3\xb6calhost"), ("bare-v6", b"::1"),
            ("open-v6", b"[::1"), ("close-v6", b"::1]"), ("empty-v6", b"[]"), ("zone-v6", b"[::1%eth0]"),
            ("tail-v6", b"[::1]x"), ("letters-v6", b"[::g]"), ("quote", b'"localhost"'),
            ("semicolon", b"localhost;x"), ("star", b"*"), ("nul", b"localhost\x00"),
            ("long", b"a" * 300), ("tab-inside", b"local\thost"), ("dots", b"localhost..x")):
        add(g, "host-" + name, head(HEALTH, b"Host: " + value))
    for name, value in (
            ("evil", b"localhost.evil"), ("nip-io", b"127.0.0.1.nip.io"), ("example", b"example.com"),
            ("example-port", b"example.com:80"), ("prefix", b"evil.localhost"),
            ("decimal", b"2130706433")):
        add(g, "host-not-ours-" + name, head(HEALTH, b"Host: " + value), 403, closes=None)
    for value in (b"localhost", b"LOCALHOST", b"127.0.0.1"):
        good(g, "host-ours-" + value.decode(), head(HEALTH, b"Host: " + value))


def expect():
    g = "expect"
    for name, value in (("unknown", b"unicorn"), ("200", b"200-ok"), ("two", b"100-continue, x"),
                        ("parameter", b"100-continue;x=y"), ("empty", b"")):
        add(g, "expect-" + name, chat(b"Expect: " + value, b"Content-Length: 5", body=b"01234"), 417)
    good(g, "expect-no-body", health(b"Expect: 100-continue"))
    good(g, "expect-case", health(b"Expect: 100-CONTINUE"))


def bodies():
    g = "body"
    for method in (b"GET", b"HEAD", b"DELETE"):
        line = method + b" /health HTTP/1.0"
        add(g, f"body-{method.decode()}-1.0", head(line, HOST, b"Content-Length: 5") + b"01234")
    good(g, "body-get-1.0-empty", head(b"GET /health HTTP/1.0", HOST, b"Content-Length: 0"), closes=True)
    good(g, "body-get", health(b"Content-Length: 5", body=b"01234"))
    good(g, "body-get-chunked", chunked(b"5\r\n01234\r\n0\r\n\r\n"))
    good(g, "body-get-then-get", health(b"Content-Length: 5", body=b"01234") + health(), before=1)
    good(g, "body-chunked-then-get", chunked(b"1\r\nx\r\n0\r\n\r\n") + health(), before=1)
    good(g, "body-looks-like-a-request",
         health(b"Content-Length: %d" % len(health()), body=health()) + health(), before=1)


def pipelining():
    g = "pipeline"
    good(g, "pipeline-2", health() * 2, before=1)
    good(g, "pipeline-100", health() * 100, before=99)
    good(g, "pipeline-crlf-between", health() + CRLF + health(), before=1)
    bad = head(HEALTH, HOST, HOST)
    add(g, "pipeline-good-bad", health() + bad, before=1)
    add(g, "pipeline-bad-good", bad + health())
    add(g, "pipeline-good-bad-good", health() + bad + health(), before=1)
    add(g, "pipeline-good-garbage", health() + b"\x00\xff garbage", before=1)
    add(g, "pipeline-after-smuggled-length",
        chat(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + health()))
    good(g, "pipeline-close-then-ignored", health(b"Connection: close") + health(), closes=True)


def spoofed():
    g = "spoofed"
    for name in (b"X-Forwarded-For", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Forwarded",
                 b"X-Real-IP", b"X_Forwarded_For", b"Authori_zation", b"X-HTTP-Method-Override"):
        good(g, "spoofed-" + name.decode(), health(name + b": 10.0.0.1"))


def paths():
    g = "path"
    for name, target in (
            ("dot-dot", b"/v1/../health"), ("dot", b"/./health"), ("dot-dot-end", b"/health/.."),
            ("dot-dot-encoded", b"/v1/%2e%2e/health"), ("dot-dot-half", b"/v1/.%2E/health"),
            ("slash-encoded", b"/v1%2fmodels"), ("dots-slash-encoded", b"/%2e%2e%2fhealth"),
            ("backslash", b"/v1\\models"), ("backslash-encoded", b"/..%5chealth"),
            ("nul", b"/health%00"), ("nul-txt", b"/health%00.txt"), ("two-slashes", b"//health"),
            ("two-slashes-inside", b"/v1//models"), ("two-slashes-end", b"/health//"),
            ("semicolon", b"/health;x=y"), ("semicolon-dot-dot", b"/v1/..;/health"),
            ("overlong-slash", b"/v1/..%c0%afhealth"), ("overlong-dot", b"/%c0%ae%c0%ae/health"),
            ("overlong-3", b"/%e0%80%af"), ("surrogate", b"/%ed%a0%80"), ("above-unicode", b"/%f4%90%80%80"),
            ("lone-continuation", b"/%80"), ("cut-utf8", b"/%c3"), ("ff", b"/%ff"),
            ("twice-encoded", b"/%252e%252e/health"), ("twice-slash", b"/v1%252fmodels"),
            ("percent-cut", b"/health%"), ("percent-cut-2", b"/health%4"), ("percent-odd", b"/health%zz"),
            ("control", b"/health%0a"), ("delete", b"/health%7f"), ("upper-case", b"/HEALTH"),
            ("slash-end", b"/health/")):
        add(g, "path-" + name, head(b"GET " + target + b" HTTP/1.1", HOST), 400, 404, closes=None)
    good(g, "path-encoded-letter", head(b"GET /%68ealth HTTP/1.1", HOST))


def responses():
    ok = b"HTTP/1.1 200 OK\r\n"
    response("length", ok + b"Content-Length: 2\r\n\r\nhi", True)
    response("chunked", ok + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", True)
    response("until-eof", ok + b"\r\nhi", True)
    response("1.0", b"HTTP/1.0 200 OK\r\n\r\nhi", True)
    response("no-words", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", True)
    response("no-words-no-blank", b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", True)
    response("204", b"HTTP/1.1 204 No Content\r\n\r\n", True)
    response("304-length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", True)
    response("100-then-200", b"HTTP/1.1 100 Continue\r\n\r\n" + ok + b"Content-Length: 0\r\n\r\n", True)
    response("103-x16", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 16 + ok + b"Content-Length: 0\r\n\r\n", True)
    response("529", b"HTTP/1.1 529 Overloaded\r\nContent-Length: 0\r\n\r\n", True)
    response("103-x17", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17 + ok + b"Content-Length: 0\r\n\r\n")
    response("1xx-x10000", b"HTTP/1.1 100 Continue\r\n\r\n" * 10000)
    response("101", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    response("garbage", b"hello world\r\n\r\n")
    response("binary", bytes(range(256)))
    response("nul", b"\x00" * 1000)
    response("http-0.9", b"<html>hello</html>")
    response("html-crlf", b"<html>\r\n\r\n")
    response("ssh", b"SSH-2.0-OpenSSH_9.2\r\n")
    response("tls-alert", b"\x15\x03\x01\x00\x02\x02\x28")
    response("length-and-chunked", ok + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    response("two-lengths", ok + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi")
    response("two-lengths-differ", ok + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi")
    response("length-list", ok + b"Content-Length: 2, 2\r\n\r\nhi")
    response("length-minus", ok + b"Content-Length: -2\r\n\r\nhi")
    response("gzip-coding", ok + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    response("identity-coding", ok + b"Transfer-Encoding: identity\r\n\r\nhi")
    response("coding-1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    response("bare-lf", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")
    response("fold", ok + b"X-A: v\r\n w\r\nContent-Length: 2\r\n\r\nhi")
    response("nul-in-value", ok + b"X-A: \x00\r\nContent-Length: 2\r\n\r\nhi")
    response("blank-before-colon", ok + b"Content-Length : 2\r\n\r\nhi")
    response("2.0", b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    response("0.9", b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    response("icy", b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    response("lower-case", b"http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    response("status-99", b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\nhi")
    response("status-000", b"HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\nhi")
    response("status-999", b"HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nhi")
    response("status-2000", b"HTTP/1.1 2000 X\r\nContent-Length: 2\r\n\r\nhi")
    response("status-letters", b"HTTP/1.1 2x0 X\r\nContent-Length: 2\r\n\r\nhi")
    response("status-missing", b"HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi")
    response("two-blanks", b"HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nhi")
    response("crlf-first", CRLF + ok + b"Content-Length: 2\r\n\r\nhi")
    response("endless-field", ok + b"X-A: " + b"v" * 200 * KIB)
    response("endless-line", b"HTTP/1.1 200 " + b"v" * 200 * KIB)
    response("many-fields", ok + b"X-A: v\r\n" * 200 + b"\r\n")
    response("cut-length", ok + b"Content-Length: 5\r\n\r\nhi")
    response("cut-chunk", ok + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhi")
    response("cut-last-chunk", ok + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
    response("cut-end", ok + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n")
    response("cut-head", ok + b"Content-Len")
    response("cut-line", b"HTTP/1.1 20")
    response("empty", b"")
    response("after-the-end", ok + b"Content-Length: 2\r\n\r\nhi there")
    response("chunk-0x", ok + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n")
    response("chunk-lf", ok + b"Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n")


for fill in (plain, framing, chunks, fields, request_line, host, expect, bodies, pipelining, spoofed,
             paths, responses):
    fill()

if __name__ == "__main__":
    print(f"{len(CASES)} requests, {len(RESPONSES)} responses")
