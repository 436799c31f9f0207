"""The page at `/`, as somebody with a browser meets it: Chromium itself types, clicks and reads. What a
model says is written into the question, for the fake provider and the fake engine."""

import json
import urllib.parse

import pytest

import browser as chromium
import client
import harness
import shop

MOST_BYTES = 30_000
HOSTILE = """<img src=x onerror="window.hit=1"><script>window.hit=1</script>
[click](javascript:window.hit=1) [data](data:text/html,<script>window.hit=1</script>) <b onclick="hit=1">b</b>
![picture](http://192.0.2.1/x.png) [out](https://192.0.2.1/a?b=1&c=2)

```html
</code></pre><svg onload="window.hit=1">
```
| <i>a</i> | b |
|---|---|
| <iframe src="javascript:window.hit=1"></iframe> | `<u>` |
- **<img src=x onerror="window.hit=1">**
"""


def script(**words):
    """Words for the fakes; a blank in a value would end it."""
    return "fake: " + " ".join(f"{k}={urllib.parse.quote(str(v), safe='')}" for k, v in words.items())


@pytest.fixture(scope="module")
def browser(ground):
    if not chromium.find():
        pytest.skip("no chromium is there; tools/setup.sh check brings it")
    b = chromium.Browser(ground)
    yield b
    b.close()


class World:
    """What the daemons of this module have: a provider with three models, an engine that loads for a
    while, and one that never does."""

    def __init__(self, shared):
        self.fake = shared.fake()
        self.daemon = shared.home(harness.merge(harness.providers(self.fake), {
            "providers": {"fake": self.fake.provider(models=["fake-model", "second-model", "<b>odd</b>"])}}))
        self.daemon.up()
        self.url = f"http://127.0.0.1:{self.daemon.port}/"


@pytest.fixture(scope="module")
def world(shared):
    return World(shared)


@pytest.fixture(scope="module")
def engines(shared):
    return shop.Shop(shared, {"slow": "load_ms=1200 steps=6 tokens=3", "broken": shop.engines.FAILURES["magic"]})


@pytest.fixture
def page(world, browser):
    p = browser.page(world.url)
    p.until("document.querySelector('#model').innerText.includes('fake-model')")
    yield p
    assert all(a.startswith((world.url, "data:")) for a in p.asked), p.asked
    assert not [w for w in p.wrong if "Failed to load resource" not in w], p.wrong
    p.close()


def ask(page, words):
    page.do("document.querySelector('#text').focus()")
    page.type(words)
    page.press("Enter")


def answered(page, seconds=8):
    """The last answer, once it is there."""
    page.until("document.querySelector('#send').title === 'Send' && "
               "document.querySelector('article:last-of-type .foot')?.getClientRects().length", seconds)
    return page.words("article:last-of-type .md")


# --- what is served ---------------------------------------------------------------------------------


def test_what_is_served(world):
    browser = [("Accept", "text/html,*/*;q=0.8")]
    r = world.daemon.ask("GET", "/", headers=browser)
    assert r.status == 200 and r.header("Content-Type") == "text/html; charset=utf-8"
    assert 5000 < len(r.body) <= MOST_BYTES
    assert r.header("X-Content-Type-Options") == "nosniff" and r.header("Referrer-Policy") == "no-referrer"
    assert r.header("Cache-Control") == "no-store"
    policy = dict(p.strip().partition(" ")[::2] for p in r.header("Content-Security-Policy").split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["connect-src"] == "'self'" and policy["require-trusted-types-for"] == "'script'"
    assert all(policy[k].startswith("'sha256-") and " " not in policy[k] for k in ("script-src", "style-src"))
    assert world.daemon.ask("HEAD", "/", headers=browser).header("Content-Length") == str(len(r.body))
    assert world.daemon.ask("POST", "/", b"{}").status == 405
    for foreign in ([("Sec-Fetch-Site", "cross-site")], [("Origin", "http://evil.example")]):
        assert world.daemon.ask("GET", "/", headers=foreign).status == 403


def test_what_the_policy_refuses(page):
    for words in ("document.body.innerHTML = '<b>x</b>'", "document.createElement('script').text = 'hit = 1'",
                  "eval('1')", "document.write('<b>x</b>')"):
        assert page.do(f"(() => {{ try {{ {words}; return false; }} catch (e) {{ return e.name; }} }})()"), words
    assert page.do("fetch('http://192.0.2.1/').then(() => 0, () => 1)")
    assert page.wrong and all("olicy" in w or "rusted" in w for w in page.wrong), page.wrong
    page.wrong.clear()


# --- a conversation ---------------------------------------------------------------------------------


def test_a_question_and_its_answer(page, world):
    page.do("document.activeElement.blur()")
    page.press("/")
    assert page.do("document.activeElement.id") == "text" and page.do("text.value") == ""
    page.type("first line")
    page.press("Enter", shift=True)
    page.type("second " + script(events=12, gap_ms=40, nonce="N"))
    page.press("Enter")
    lengths = {page.until("document.querySelector('.live .md')?.innerText.length")}
    while page.there(".live"):
        lengths.add(page.do("document.querySelector('.md').innerText.length"))
    assert len(lengths) > 3, "it came in one piece"
    assert answered(page) == " ".join(f"N.{i}" for i in range(12))
    assert page.words("article.you").startswith("first line\nsecond")
    assert "fake-model" in page.words("article:last-of-type .foot") and page.do("text.value") == ""
    sent = json.loads(world.fake.last()[0]["body"])
    assert sent["model"] == "fake-model" and len(sent["messages"]) == 1
    page.click("article:last-of-type .foot button[title=Copy]")
    page.until("document.querySelector('#live').innerText === 'Copied'")
    assert page.do("navigator.clipboard.readText()") == page.words("article:last-of-type .md")
    ask(page, script(events=1, text="again"))
    page.until("document.querySelectorAll('article').length === 4")
    assert answered(page) == "again"
    assert [m["role"] for m in json.loads(world.fake.last()[0]["body"])["messages"]] == ["user", "assistant", "user"]


def test_stop_keeps_what_came(page, world):
    for hand in (lambda: page.press("Escape"), lambda: page.click("#send")):
        ask(page, script(events=2000, gap_ms=10, nonce="S"))
        page.until("document.querySelector('article:last-of-type.live .md')?.innerText.includes('S.5')")
        hand()
        said = answered(page)
        assert said.startswith("S.0 S.1") and "stopped" in page.words("article:last-of-type .foot")
        world.daemon.idle()
        assert answered(page) == said
    before = page.do("document.querySelectorAll('article').length")
    page.click("article:last-of-type .foot button:last-child")
    page.until("document.querySelector('article:last-of-type.live .md')?.innerText.includes('S.1')")
    assert page.do("document.querySelectorAll('article').length") == before  # retried in its place
    page.press("Escape")
    answered(page)


def test_another_model(page, world):
    page.click("#model")
    page.press("ArrowDown")
    assert page.do("document.activeElement.innerText").strip() == "second-model"
    page.press("Enter")
    page.until("document.querySelector('#model').innerText === 'second-model' && !document.querySelector('.pop')")
    ask(page, script(events=1))
    answered(page)
    assert json.loads(world.fake.last()[0]["body"])["model"] == "second-model"
    page.reload()
    page.until("document.querySelector('#model').innerText === 'second-model'")
    page.click("#model")
    assert page.there(".pop li") == 3
    page.press("Escape")
    assert not page.there(".pop") and page.do("document.activeElement.id") == "model"


def test_conversations_stay_in_the_tab(page, world, browser):
    ask(page, "one " + script(events=1, text="first"))
    answered(page)
    page.click("#new")
    assert not page.there("article") and page.there(".empty")
    ask(page, "two " + script(events=1, text="second"))
    answered(page)
    page.reload()
    assert page.until("document.querySelector('.md')?.innerText") == "second"
    page.click("#chats")
    assert page.there(".pop li") == 2
    page.click(".pop li:last-child button")
    assert page.until("document.querySelector('.md').innerText") == "first"
    assert page.do("Object.keys(localStorage)") == []
    other = browser.page(world.url)
    assert other.there(".empty") and not other.there("article")
    other.close()


# --- what goes wrong --------------------------------------------------------------------------------


def test_an_error_has_the_daemons_words(page, world):
    ask(page, script(status=400, message="no <b>such</b> thing"))
    answered(page)
    assert "no <b>such</b> thing" in page.words(".error") and not page.there(".error b")
    page.click("article:last-of-type .foot button:last-child")
    answered(page)
    page.click("#new")
    ask(page, script(events=3, close=3, nonce="H"))
    assert answered(page).startswith("H.0 H.1")
    assert "broke off" in page.words("article:last-of-type .error")
    assert page.there(".error") >= 1 and page.there("article:last-of-type .foot button") == 2


def test_hostile_words(page):
    ask(page, "<img src=x onerror='window.hit=1'> " + script(events=1, text=HOSTILE))
    answered(page)
    ask(page, script(events=1, reasoning=2, text="<think><img src=x onerror=hit=1></think>" + HOSTILE))
    answered(page)
    page.click("#model")
    assert page.there(".pop li") == 3 and "<b>odd</b>" in page.words(".pop")
    page.click(".pop li:last-child button")
    ask(page, script(events=1, text="a"))
    answered(page)
    assert page.do("window.hit") is None
    for tag in ("img", "script", "iframe", "b", "i", "u", "svg[onload]", "[onclick]", "[onerror]"):
        assert not page.do(f"document.querySelectorAll('main {tag}').length"), tag
    links = page.do("[...document.querySelectorAll('main a')].map(a => [a.href, a.rel, a.target])")
    assert {href for href, _, _ in links} == {"http://192.0.2.1/x.png", "https://192.0.2.1/a?b=1&c=2"}
    assert all("noopener" in rel and target == "_blank" for _, rel, target in links)
    assert page.do("document.querySelector('.code pre').innerText").strip() == '</code></pre><svg onload="window.hit=1">'


def test_text_that_costs_time(page):
    """Worst cases for the patterns: each is drawn in a moment, or not as markdown."""
    evil = ["*a " * 6000, "[" * 19000, "`" + "a`` " * 4900, "> " * 9000 + "x", "-" * 50000 + "x", "_" * 19000 + "a",
            "\n".join("  " * i + "- x" for i in range(150)), "**" * 9500, "| a " * 4000 + "\n|-|"]
    for words in evil:
        page.click("#new")
        ask(page, script(events=1, text=words))
        answered(page)


def test_who_has_no_key(make, browser):
    fake = make.fake()
    daemon = make.home({**harness.providers(fake), "trusted_uids": []})
    daemon.up(env={"HEARTH_TRUSTED_UIDS": ""})
    page = browser.page(f"http://127.0.0.1:{daemon.port}/")
    page.until("!!document.querySelector('.card')")
    assert "hearth keys create" in page.words(".card")
    code, out, err = daemon.hearth("keys", "create", "browser", "--json")
    secret = json.loads(out)["key"]
    for key in ("hk_abcdefgh_" + "x" * 43, secret):
        page.click(".card input")
        page.type(key)
        page.press("Enter")
        page.until("document.querySelector('.card input')?.value !== " + json.dumps(key))
    page.until("document.querySelector('#model').innerText === 'fake-model' && !document.querySelector('.card form')")
    ask(page, script(events=1, text="known"))
    assert answered(page) == "known"
    page.reload()
    page.until("document.querySelector('#model').innerText === 'fake-model'")
    assert secret not in page.do("JSON.stringify(localStorage)")
    assert daemon.hearth("keys", "rm", "browser")[0] == 0
    ask(page, script(events=1))
    page.until("!!document.querySelector('.card input')")
    assert daemon.stop() == 0
    page.click("article:last-of-type .foot button:last-child")
    page.until("document.querySelector('article:last-of-type .error')?.innerText.includes('does not answer')")
    page.close()


def test_a_session_that_is_over(page, world):
    """Its cookie would be judged, and refused, instead of the user."""
    page.send("Network.setCookie", url=world.url, name=f"hearth-{world.daemon.port}", value="x" * 43)
    assert page.do("fetch('/v1/models').then(r => r.status)") == 401
    page.reload()
    page.until("document.querySelector('#model').innerText === 'fake-model'")
    ask(page, script(events=1, text="still here"))
    assert answered(page) == "still here"


def test_no_model_at_all(make, browser):
    daemon = make.home({})
    daemon.up()
    page = browser.page(f"http://127.0.0.1:{daemon.port}/")
    page.until("document.querySelector('.empty h1')?.innerText === 'No model yet'")
    assert "hearth run" in page.words(".empty .cmd")
    daemon.write({**daemon.config, **harness.providers(make.fake())})
    assert daemon.hearth("reload")[0] == 0
    page.until("document.querySelector('#model').innerText === 'fake-model'")  # by itself
    page.close()


# --- while a model loads ----------------------------------------------------------------------------


def test_the_load_is_seen(engines, browser):
    page = browser.page(f"http://127.0.0.1:{engines.daemon.port}/")
    page.click("#model")
    page.click(".pop button[title=slow]")
    ask(page, "hello")
    page.until("/Loading slow… \\d+ %/.test(document.querySelector('.wait').innerText)")
    first = page.do("document.querySelector('progress').value")
    assert page.there("progress") and 0 <= first < 1
    page.until(f"document.querySelector('progress').value > {first}")
    assert answered(page) and not page.there("progress")
    page.click("#model")
    page.click(".pop button[title=broken]")
    ask(page, "hello")
    page.until("!!document.querySelector('article:last-of-type .error .cmd')")
    assert page.words("article:last-of-type .error .cmd").startswith("hearth ")
    page.close()


def test_only_who_asks_is_told(engines):
    """Two wait for the same load; one said that it wants to hear of it."""
    engines.daemon.hearth("engines", "restart", "slow")
    told = [("X-Hearth-Progress", "1")]
    with engines.stream("slow", "tokens=2", headers=told) as one, engines.stream("slow", "tokens=2") as other:
        events, quiet = one.rest(), other.rest()
    assert any(map(client.is_done, events)) and any(map(client.is_done, quiet))
    assert not any(e.startswith(b": hearth") for e in quiet)
    comments = [json.loads(e.removeprefix(b": hearth ")) for e in events if e.startswith(b": hearth ")]
    assert comments and all(c["waits_for"] == "slow" and c["ahead"] in (0, 1) for c in comments)
    loaded = [c["loaded"] for c in comments if "loaded" in c]
    assert len(loaded) > 1 and loaded == sorted(loaded) and 0 <= loaded[0] < loaded[-1] <= 1
    r = engines.chat("slow", "tokens=2", headers=told)  # no stream, no comments
    assert r.status == 200 and r.json()["choices"]
    r = engines.chat("broken", "", stream=True, headers=told)  # told nothing yet: a status of its own
    assert (r.status, r.error) == (503, "engine_failed")


# --- looks ------------------------------------------------------------------------------------------


def test_narrow(page):
    page.look(360, 640)
    long = "x" * 200 + "\n\n```\n" + "y" * 300 + "\n```\n\n| " + "a | " * 30 + "\n|" + "-|" * 30 + "\n\n1. " + "z" * 90
    ask(page, "w" * 120 + " " + script(events=1, text=long))
    answered(page)
    assert page.do("document.documentElement.scrollWidth") <= 360
    assert page.do("document.querySelector('main').scrollWidth") <= 360
    for button in ("#model", "#chats", "#new", "#theme", "#send"):
        box = page.do(f"JSON.stringify(document.querySelector('{button}').getBoundingClientRect())")
        assert 0 <= json.loads(box)["left"] and json.loads(box)["right"] <= 360, button


def test_light_and_dark(page):
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.do(colour)
    page.look(1000, 720, dark=True)
    dark = page.do(colour)
    assert light != dark
    page.click("#theme")
    assert page.do(colour) == light
    page.reload()
    assert page.do(colour) == light
    page.click("#theme")
    assert page.do(colour) == dark
