"""A real Chromium without a window, spoken to over its debugging pipe: two descriptors and JSON with
NULs between, so that no library and no port is needed. It runs as the plain user of the tests, in a
folder that goes with them."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

import harness

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--no-first-run", "--disable-gpu",
         "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--password-store=basic", "--hide-scrollbars",
         "--force-color-profile=srgb", "--lang=en-US", "--no-proxy-server")
KEYS = {"Enter": (13, "\r"), "Escape": (27, ""), "ArrowDown": (40, ""), "ArrowUp": (38, ""), "Tab": (9, ""),
        "/": (191, "/")}


def find():
    """The program; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    def __init__(self, ground):
        self.home = ground.folder("b")
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64) for fd in (theirs_in, theirs_out)]
        os.close(theirs_in)
        os.close(theirs_out)

        def before():
            harness.die_with_us()
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        env = {k: v for k, v in os.environ.items() if not k.startswith(("HEARTH_", "XDG_", "DBUS_"))}
        env.update(HOME=str(self.home), TMPDIR=str(self.home), LC_ALL="C.UTF-8")
        self.said = open(self.home / "said", "wb")
        self.proc = subprocess.Popen(
            [find(), *FLAGS, f"--user-data-dir={self.home}/profile", "about:blank"], cwd=self.home, env=env,
            stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said, close_fds=False, preexec_fn=before,
            start_new_session=True, **ground.rules)
        for fd in high:
            os.close(fd)
        self.input, self.output, self.held, self.number = ours_in, ours_out, b"", 0
        self.pages = {}

    def send(self, method, session=None, **params):
        """What the command gives; what comes meanwhile goes to its page."""
        self.number += 1
        number, message = self.number, {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.output, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 20
        while True:
            got = self.receive(end - time.monotonic())
            assert got is not None, f"no answer to {method}: {(self.home / 'said').read_text()[-2000:]}"
            if got.get("id") == number:
                assert "error" not in got, f"{method}: {got['error']}"
                return got["result"]

    def receive(self, seconds):
        """The next message; None when none came in time."""
        end = time.monotonic() + seconds
        while b"\0" not in self.held:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                return None
            more = os.read(self.input, 1 << 20)
            assert more, "the browser is gone: " + (self.home / "said").read_text()[-2000:]
            self.held += more
        first, _, self.held = self.held.partition(b"\0")
        message = json.loads(first)
        if "method" in message and message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].hear(message["method"], message["params"])
        return message

    def page(self, url, **more):
        """A tab that shares nothing with others."""
        return Page(self, url, **more)

    def close(self):
        with contextlib.suppress(AssertionError, OSError):
            self.send("Browser.close")
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, 9)
            self.proc.wait(10)
        for fd in (self.input, self.output):
            os.close(fd)
        self.said.close()


class Page:
    """One tab. asked: the addresses that it requested; wrong: what its console and the browser had to
    complain about."""

    def __init__(self, browser, url, width=1000, height=720, dark=False):
        self.browser, self.asked, self.wrong, self.loads = browser, [], [], 0
        self.context = browser.send("Target.createBrowserContext")["browserContextId"]
        self.target = browser.send("Target.createTarget", url="about:blank",
                                   browserContextId=self.context)["targetId"]
        self.session = browser.send("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.pages[self.session] = self
        browser.send("Browser.grantPermissions", browserContextId=self.context,
                     permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(domain + ".enable")
        self.send("Page.addScriptToEvaluateOnNewDocument", source="""
            addEventListener('securitypolicyviolation', e => console.error('policy', e.violatedDirective));""")
        self.look(width, height, dark)
        self.go(url)

    def send(self, method, **params):
        return self.browser.send(method, self.session, **params)

    def hear(self, method, params):
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.wrong.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.wrong.append(" ".join(str(a.get("value")) for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.wrong.append(params["entry"]["text"])
        elif method == "Page.loadEventFired":
            self.loads += 1

    def look(self, width, height, dark=False, scale=1):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=False)
        self.send("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def loaded(self, before):
        end = time.monotonic() + 10
        while self.loads == before:
            assert self.browser.receive(end - time.monotonic()) is not None, "the page did not load"

    def go(self, url):
        before = self.loads
        got = self.send("Page.navigate", url=url)
        assert not got.get("errorText"), got
        self.loaded(before)

    def reload(self):
        before = self.loads
        self.send("Page.reload")
        self.loaded(before)

    def do(self, script):
        """The value of an expression in the page."""
        got = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True,
                        allowUnsafeEvalBlockedByCSP=False)
        assert "exceptionDetails" not in got, got["exceptionDetails"].get("exception", {}).get("description")
        return got["result"].get("value")

    def until(self, script, seconds=8):
        """Waits for the expression to be true, and returns it."""
        end = time.monotonic() + seconds
        while not (got := self.do(script)):
            assert time.monotonic() < end, f"not within {seconds} s: {script}\n{self.words('body')[-2000:]}"
            time.sleep(0.02)
        return got

    def words(self, selector):
        """What a person reads there; None when there is nothing of that kind."""
        return self.do(f"document.querySelector({json.dumps(selector)})?.innerText")

    def there(self, selector):
        """How many of them can be seen."""
        return self.do(f"[...document.querySelectorAll({json.dumps(selector)})]"
                       ".filter(n => n.getClientRects().length).length")

    def click(self, selector):
        at = self.until(f"""(() => {{
            const n = document.querySelector({json.dumps(selector)}), r = n?.getBoundingClientRect();
            return r?.width && [r.x + r.width / 2, r.y + r.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)

    def type(self, words):
        """Into what has the focus."""
        self.send("Input.insertText", text=words)

    def press(self, key, shift=False):
        code, text = KEYS[key]
        common = {"key": key, "code": "Slash" if key == "/" else key, "windowsVirtualKeyCode": code,
                  "modifiers": 8 if shift else 0}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self):
        """A PNG of what is seen."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def close(self):
        self.browser.send("Target.disposeBrowserContext", browserContextId=self.context)
        self.browser.pages.pop(self.session)
