"""GET /metrics: the format that Prometheus reads, figures that match what happened, and series whose
number nobody outside can make grow."""

import re

import pytest

import client
import harness

PAGE = harness.TOP / "docs/reference/metrics.md"
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = re.compile(r"\d+(\.\d+)?")


def labels_of(text):
    found, at = {}, 0
    while at < len(text):
        hit = LABEL.match(text, at)
        assert hit and hit[1] not in found, text
        found[hit[1]] = hit[2]
        at = hit.end()
        assert at == len(text) or text[at] == ",", text
        at += at < len(text)
    return found


def family_of(name, types):
    """The metric that a sample belongs to: a histogram's samples have endings."""
    for ending in ("", "_bucket", "_sum", "_count"):
        family = name.removesuffix(ending) if ending else name
        if name.endswith(ending) and (not ending or types.get(family) == "histogram"):
            if family in types:
                return family
    raise AssertionError(f"a sample of no metric: {name}")


def parse(text):
    """{name: type} and {(name, labels as a sorted tuple): value}; fails on what promtool would."""
    types, helped, samples, current = {}, set(), {}, None
    assert text.endswith("\n")
    for line in text.splitlines():
        kind, _, rest = line.partition(" ") if line.startswith("#") else ("", "", line)
        if kind:
            what, name, words = rest.split(" ", 2)
            if what == "HELP":
                assert name not in helped and words.strip() == words and words
                helped.add(name)
            else:
                assert what == "TYPE" and name in helped and name not in types
                assert words in ("counter", "gauge", "histogram")
                types[name] = words
                current = name
            continue
        hit = SAMPLE.fullmatch(line)
        assert hit and NUMBER.fullmatch(hit[3]), line
        family = family_of(hit[1], types)
        assert family == current, f"{line} stands below {current}"
        key = (hit[1], tuple(sorted(labels_of(hit[2] or "").items())))
        assert key not in samples, f"twice: {line}"
        samples[key] = float(hit[3])
    assert helped == set(types)
    for name, kind in types.items():
        assert re.fullmatch(r"hearth_[a-z_]+[a-z]", name)
        assert name.endswith("_total") == (kind == "counter"), name
    return types, samples


def check_histogram(name, samples):
    bounds = [(float("inf") if dict(labels)["le"] == "+Inf" else float(dict(labels)["le"]), value)
              for (sample, labels), value in samples.items() if sample == name + "_bucket"]
    assert len(bounds) > 5 and bounds == sorted(bounds), "in order, and cumulative"
    assert bounds[-1] == (float("inf"), samples[name + "_count", ()])
    assert (name + "_sum", ()) in samples
    return samples[name + "_count", ()]


def scrape(daemon):
    answer = daemon.ask("GET", "/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return parse(answer.body.decode())


def value(samples, name, **labels):
    return samples.get((name, tuple(sorted(labels.items()))), 0)


@pytest.fixture
def daemon(make):
    fake = make.fake(script="usage=always")
    return make.daemon(fake, config={"limits": {"body": "1MiB"}})


def test_it_is_what_prometheus_reads(daemon):
    daemon.chat("events=2")
    types, samples = scrape(daemon)
    counts = {check_histogram(name, samples) for name, kind in types.items() if kind == "histogram"}
    assert counts == {1}
    assert len(types) > 20 and len(samples) > 50


def test_every_name_and_label_is_documented(daemon):
    daemon.chat("events=1")
    daemon.chat("status=500")
    types, samples = scrape(daemon)
    rows = [[cell.strip(" `") for cell in ln.strip("|").split("|")]
            for ln in PAGE.read_text(encoding="utf-8").splitlines() if ln.startswith("| `")]
    documented = {row[0]: row[1:] for row in rows}
    assert {name: kind for name, kind in types.items()} == {n: r[0] for n, r in documented.items()}
    assert all(row[2].endswith(".") for row in documented.values())
    for name, labels in samples:
        family = family_of(name, types)
        names = {label for label, _ in labels} - ({"le"} if types[family] == "histogram" else set())
        assert names == set(documented[family][1].split()), name


def test_the_figures_are_what_happened(make):
    first, spare = make.fake("first", script="usage=always"), make.fake("spare", script="usage=always")
    daemon = make.daemon(first, spare)
    bodies = [client.chat_body("events=3"), client.chat_body("events=3", stream=True),
              client.chat_body("first.status=500"), client.chat_body("", model="nobody-has-it")]
    answers = [daemon.ask("POST", "/v1/chat/completions", body) for body in bodies]
    assert [a.status for a in answers] == [200, 200, 200, 404]
    with daemon.stream("events=5 gap_ms=100") as stream:
        stream.take(1)
    daemon.idle()
    _, samples = scrape(daemon)
    assert value(samples, "hearth_requests_total", call="chat", outcome="OK") == 3
    assert value(samples, "hearth_requests_total", call="chat", outcome="NO_MODEL") == 1
    assert value(samples, "hearth_requests_total", call="chat", outcome="CLIENT_GONE") == 1
    assert value(samples, "hearth_errors_total", kind="NO_MODEL") == 1
    assert value(samples, "hearth_tries_total", outcome="OK") == 3
    assert value(samples, "hearth_tries_total", outcome="HTTP_5XX") == 1
    assert value(samples, "hearth_request_seconds_count") == 5
    assert value(samples, "hearth_overhead_seconds_count") == 5
    assert value(samples, "hearth_first_content_seconds_count") == 4
    assert value(samples, "hearth_live_requests") == 0
    told = [a.json().get("usage") for a in answers if a.header("Content-Type") == "application/json"]
    assert told[0] and value(samples, "hearth_tokens_total", kind="prompt") == \
        3 * told[0]["prompt_tokens"]
    came = sum(len(b) for b in bodies) + len(client.chat_body("events=5 gap_ms=100", stream=True))
    assert value(samples, "hearth_request_bytes_total", direction="in") == came
    went = value(samples, "hearth_request_bytes_total", direction="out")
    assert went >= sum(len(a.body) for a in answers)
    assert value(samples, "hearth_state_seconds_total", state="STREAMING") > 0
    for name in ("first", "spare"):
        assert value(samples, "hearth_provider_running", provider=name) == 0
    assert value(samples, "hearth_provider_connections", provider="spare", state="pooled") <= 1
    assert value(samples, "hearth_connections") >= 1
    assert value(samples, "hearth_memory_bytes", kind="rss") > \
        value(samples, "hearth_memory_bytes", kind="anonymous") > 0


def test_what_takes_long_elsewhere_is_no_overhead(make):
    """Neither the provider's time, nor the wait for a slot, nor a slow body counts as ours."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"providers": {"fake": {"parallel": 1}}})
    with daemon.stream("events=4 gap_ms=150") as stream:
        stream.take(1)
        assert daemon.chat("first_ms=200 events=1").status == 200  # waits for the stream, too
        stream.rest()
    raw = client.request_bytes("POST", "/v1/chat/completions", client.chat_body("events=1"),
                               [("Connection", "close")])
    with daemon.wire() as wire:
        wire.send_sliced(raw, [len(raw) - 5], pause=0.3)
        assert wire.response().status == 200
    daemon.idle()
    _, samples = scrape(daemon)
    assert value(samples, "hearth_request_seconds_sum") > 1
    assert value(samples, "hearth_overhead_seconds_sum") < 0.25
    assert value(samples, "hearth_state_seconds_total", state="READING") > 0.25
    assert value(samples, "hearth_state_seconds_total", state="WAITING") > 0.25


def test_a_million_names_make_no_series(daemon):
    daemon.chat("", model="first of them")
    before = set(scrape(daemon)[1])
    body = client.chat_body("", model="NAME")
    with daemon.wire() as wire:
        for at in range(0, 10000, 100):
            wire.send(b"".join(
                client.request_bytes("POST", "/v1/chat/completions",
                                     body.replace(b"NAME", f"name \\u0022 {n}".encode()))
                for n in range(at, at + 100)))
            for _ in range(100):
                assert wire.response().status == 404
            if at % 1000 == 900:  # a connection has its number of requests
                wire.close()
                wire.__init__(daemon.port)
    assert set(scrape(daemon)[1]) == before
    assert value(scrape(daemon)[1], "hearth_requests_total", call="chat", outcome="NO_MODEL") == 10001


def test_the_names_of_providers_are_escaped(make):
    fake = make.fake()
    daemon = make.daemon(fake)
    _, samples = scrape(daemon)
    assert value(samples, "hearth_provider_waiting", provider="fake") == 0
    assert ("hearth_provider_waiting", (("provider", "fake"),)) in samples
