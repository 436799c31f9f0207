#!/usr/bin/python3
"""page_screens.py [FOLDER]: pictures of the page, into docs/screens unless told otherwise.

A real daemon, a fake provider that says what is written here, and Chromium, light and dark, wide and
narrow. With --all also the states that the documentation does not show, for whoever works on the page."""

import pathlib
import struct
import sys
import urllib.parse
import zlib

import browser as chromium
import harness

MODELS = ["qwen2.5-coder-7b", "llama-3.1-8b", "gemma-3-12b", "mistral-small-24b", "phi-4-mini", "qwen3-30b-a3b",
          "deepseek-r1-distill-14b", "smollm3-3b", "granite-3.3-8b"]
QUESTION = "How do I read a file line by line in C, without a limit on the length of a line?"
ANSWER = """With `getline()`: it makes its buffer larger when a line needs it.

```c
char *line = NULL;
size_t room = 0;
ssize_t n;

while ((n = getline(&line, &room, in)) != -1)
    fwrite(line, 1, (size_t)n, stdout);
free(line);
```

- **The newline stays** at the end of each line but perhaps the last.
- Look at `ferror(in)` afterwards: -1 means the end *or* an error.
"""
LONG = """| flag | what it does |
|---|---|
| `-O2` | usual |
| `-flto` | across files, as in `gcc -flto=auto -O2 -fno-semantic-interposition -o program a.c b.c` |

1. First this
   - and a *nested* one with https://example.org/a/very/long/address/that/goes/on/and/on/for/quite/a/while
2. Then that

> A quotation, in two
> lines.

### A heading

```sh
tar --create --zstd --file=/var/backups/models-2026.tar.zst --exclude='*.part' --directory=/srv models --verbose
```"""


def smaller(png):
    """The same picture with a palette of at most 256 colours, where it has no more."""
    at, chunks = 8, {}
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at:at + 8])
        chunks[kind] = chunks.get(kind, b"") + png[at + 8:at + 8 + size]
        at += size + 12
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    step = {2: 3, 6: 4}[colour]
    rows, raw, before = [], zlib.decompress(chunks[b"IDAT"]), bytearray(width * step)
    for y in range(height):
        start = y * (width * step + 1)
        before = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + width * step]), before, step)
        rows.append([bytes(before[i:i + 3]) for i in range(0, width * step, step)])
    palette = {c: i for i, c in enumerate(sorted({c for row in rows for c in row}))}
    if len(palette) > 256:
        palette, rows = nearest(rows)
    lines = b"".join(b"\0" + bytes(palette[c] for c in row) for row in rows)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (png[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)) +
            chunk(b"PLTE", b"".join(palette)) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def nearest(rows):
    """The 256 most frequent colours, and the rows with the nearest of them."""
    count = {}
    for row in rows:
        for c in row:
            count[c] = count.get(c, 0) + 1
    kept = sorted(count, key=count.get, reverse=True)[:256]
    to = {c: min(kept, key=lambda k: sum((a - b) ** 2 for a, b in zip(c, k))) for c in count}
    return {c: i for i, c in enumerate(kept)}, [[to[c] for c in row] for row in rows]


def unfilter(kind, line, before, step):
    for i in range(len(line)) if kind else ():
        left, up = line[i - step] if i >= step else 0, before[i]
        corner = before[i - step] if i >= step else 0
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda v: abs(guess - v))
        line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return line


class Studio:
    def __init__(self, folder):
        self.folder, self.ground, self.made = folder, harness.Ground(), []
        self.fake = self.keep(harness.Fake(self.ground))
        self.daemon = self.keep(harness.Daemon(self.ground, {
            "providers": {"home": self.fake.provider(models=MODELS)}, "upstream": {"first_byte": "20s"}}))
        self.daemon.up()
        self.browser = self.keep(chromium.Browser(self.ground))
        self.url = f"http://127.0.0.1:{self.daemon.port}/"

    def keep(self, thing):
        self.made.append(thing)
        return thing

    def page(self, width=1000, height=720, dark=False, url=None):
        page = self.browser.page(url or self.url, width=width, height=height, dark=dark)
        page.until("document.querySelector('#model').innerText !== '…' || !!document.querySelector('form.card')")
        return page

    def says(self, words, **more):
        more = {"events": 1, "first_ms": 700, "text": words, **more}
        self.fake.script(" ".join(f"{k}={urllib.parse.quote(str(v), safe='')}" for k, v in more.items()))

    def ask(self, page, words, wait=True):
        page.do("text.focus()")
        page.type(words)
        page.press("Enter")
        if wait:
            page.until("document.querySelector('article:last-of-type .foot')?.getClientRects().length", 20)

    def take(self, page, name):
        data = smaller(page.picture())
        (self.folder / f"{name}.png").write_bytes(data)
        print(f"{name}.png  {len(data) / 1000:.0f} KB")

    def conversation(self, name, **look):
        page = self.page(**look)
        self.says(ANSWER)
        self.ask(page, QUESTION)
        self.take(page, name)
        return page

    def close(self):
        for thing in reversed(self.made):
            thing.close()
        self.ground.close()


def others(studio):
    """States that the documentation does not show."""
    for side, look in (("light", {}), ("dark", {"dark": True}), ("narrow", {"width": 360, "height": 640})):
        page = studio.page(**look)
        studio.take(page, f"empty-{side}")
        page.click("#model")
        studio.take(page, f"models-{side}")
        page.press("Escape")
        studio.says(LONG, reasoning=3)
        studio.ask(page, "Show me everything you can do.")
        studio.take(page, f"long-{side}")
        page.do("document.querySelector('main').scrollTop = 0")
        studio.take(page, f"long-top-{side}")
        studio.says("", status=503, message="the model is out of memory, see `hearth engines log qwen2.5-coder-7b`")
        studio.ask(page, "And when it fails?")
        studio.take(page, f"error-{side}")
        studio.says("Word ", events=200, gap_ms=50)
        studio.ask(page, "Count.", wait=False)
        page.until("document.querySelector('article:last-of-type.live .md')?.innerText.length > 30")
        studio.take(page, f"streaming-{side}")
        page.press("Escape")
        studio.says("x", first_ms=5000)
        studio.ask(page, "Slowly.", wait=False)
        page.until("/2 s/.test(document.querySelector('article:last-of-type .wait').innerText)")
        studio.take(page, f"waiting-{side}")
        page.press("Escape")
        page.click("#chats")
        studio.take(page, f"chats-{side}")
        page.close()


def main():
    where = [a for a in sys.argv[1:] if not a.startswith("-")]
    folder = pathlib.Path(where[0]) if where else harness.TOP / "docs/screens"
    folder.mkdir(parents=True, exist_ok=True)
    studio = Studio(folder)
    try:
        studio.conversation("page-light")
        studio.conversation("page-dark", dark=True)
        studio.conversation("page-narrow-light", width=360, height=640)
        studio.conversation("page-narrow-dark", width=360, height=640, dark=True)
        if "--all" in sys.argv:
            others(studio)
    finally:
        studio.close()


if __name__ == "__main__":
    main()
