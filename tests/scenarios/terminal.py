"""A terminal for commands that talk to a person: a pty, what was typed into it, and the screen that
came of it."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import harness

CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z@])|\x1b[=>78]|\x1b\([A-Z0-9]")


class Screen:
    """Rows of characters, as a terminal makes them of bytes. Knows what line editing needs."""

    def __init__(self, columns):
        self.columns, self.rows, self.row, self.column = columns, [[]], 0, 0

    def put(self, c):
        if self.column >= self.columns:
            self.row, self.column = self.row + 1, 0
        while len(self.rows) <= self.row:
            self.rows.append([])
        line = self.rows[self.row]
        line += " " * (self.column - len(line))
        line[self.column:self.column + 1] = c
        self.column += 1

    def order(self, numbers, letter):
        n = int(numbers) if numbers.isdigit() else 1
        while len(self.rows) <= self.row:
            self.rows.append([])
        line = self.rows[self.row]
        if letter == "K":
            assert numbers in ("", "0"), numbers
            del line[self.column:]
        elif letter == "J":
            assert numbers in ("", "0"), numbers
            del line[self.column:], self.rows[self.row + 1:]
        elif letter == "P":
            del line[self.column:self.column + n]
        elif letter == "@":
            line[self.column:self.column] = " " * n
        elif letter in "AB":
            self.row = max(0, self.row + (n if letter == "B" else -n))
        elif letter in "CD":
            self.column = max(0, self.column + (n if letter == "C" else -n))
        elif letter == "G":
            self.column = n - 1
        else:
            assert letter in "mhl", f"an order that this screen does not know: {numbers}{letter}"

    def feed(self, text):
        at = 0
        while at < len(text):
            order = CONTROL.match(text, at)
            c, at = text[at], order.end() if order else at + 1
            if order:
                self.order(order[1] or "", order[2] or "m")
            elif c == "\n":
                self.row += 1
            elif c == "\r":
                self.column = 0
            elif c == "\b":
                self.column = max(0, self.column - 1)
            elif c == "\t":
                self.column = (self.column // 8 + 1) * 8
            elif c != "\a":
                assert c >= " ", f"a control that this screen does not know: {c!r}"
                self.put(c)

    def text(self):
        return "\n".join("".join(line).rstrip() for line in self.rows).rstrip() + "\n"


class Terminal:
    """`hearth ...` at a terminal of so many columns."""

    def __init__(self, daemon, *args, columns=80, env=None, cwd=None):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.columns, self.raw, self.seen = columns, b"", 0

        def before():
            harness.die_with_us()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        ground = daemon.ground
        self.proc = subprocess.Popen(
            [str(ground.program("hearth", daemon.binary)), *map(str, args)], stdin=theirs, stdout=theirs,
            stderr=theirs, cwd=cwd or daemon.home, start_new_session=True, preexec_fn=before, **ground.rules,
            env={**ground.environment(daemon.home), "TERM": "xterm", **(env or {})})
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait(5)
        os.close(self.ours)

    def type(self, text):
        os.write(self.ours, text.encode())

    def fill(self, seconds=0.05):
        """Reads what there is; False at the end."""
        if not select.select([self.ours], [], [], seconds)[0]:
            return True
        got = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the last program has left
            got = os.read(self.ours, 65536)
        self.raw += got
        return bool(got)

    def text(self):
        """All that came, from after mark() on."""
        return self.raw.decode("utf-8", "replace")

    def screen(self):
        screen = Screen(self.columns)
        screen.feed(self.text())
        return screen.text()

    def until(self, *words, seconds=10):
        """Waits until all these words stand on the screen."""
        end = time.monotonic() + seconds
        while not all(w in self.screen() for w in words):
            assert time.monotonic() < end, f"{words} did not come:\n{self.screen()}\n{self.raw!r}"
            if not self.fill() and not all(w in self.screen() for w in words):
                raise AssertionError(f"it ended without {words}:\n{self.screen()}")
        return self.screen()

    def prompt(self, seconds=10):
        """Waits until the next prompt stands alone on its line. What is typed before would be shown
        twice: by the terminal, and by who edits the line."""
        end = time.monotonic() + seconds
        while not (self.screen().count(">>>") > self.seen and self.screen().endswith("\n>>>\n")):
            assert time.monotonic() < end and self.fill(), f"no prompt:\n{self.screen()}\n{self.raw!r}"
        self.seen = self.screen().count(">>>")
        return self.screen()

    def enter(self, line):
        self.prompt()
        self.type(line + "\n")

    def ends(self, seconds=10):
        """Reads to the end; the exit code."""
        end = time.monotonic() + seconds
        while self.fill():
            assert time.monotonic() < end, f"it does not end:\n{self.screen()}"
        code = self.proc.wait(max(0.1, end - time.monotonic()))
        assert not harness.BAD_WORDS.search(self.text()), self.text()
        return code

    def interrupt(self):
        self.type("\x03")


INTERRUPTED = -signal.SIGINT
