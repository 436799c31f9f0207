"""Who asks: the same questions as another user of this machine. A child of ours takes on the uid,
asks, and hands back what it got."""

import os
import pickle
import pwd
import socket
import struct

import pytest

import client
import harness


def stranger():
    """A uid that is no account's, not the daemon's and not root's."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    first = harness.plain_user() + 1500
    return next(uid for uid in range(first, 65000) if uid not in taken)


def needs_root():
    if os.geteuid() != 0:
        pytest.skip("to ask as another user the suite must run as root")


def as_uid(uid, what, *args):
    """What what(*args) gives when this user calls it."""
    if uid == os.geteuid():
        return what(*args)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(ours)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with os.fdopen(theirs, "wb") as out:
                try:
                    pickle.dump((True, what(*args)), out)
                except Exception as e:  # told to the parent
                    pickle.dump((False, f"{type(e).__name__}: {e}"), out)
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours, "rb") as got:
        good, value = pickle.load(got)
    os.waitpid(child, 0)
    assert good, value
    return value


class Wire6(client.Wire):
    """The same over ::1."""

    def __init__(self, port, timeout=client.WAIT):
        self.timeout = timeout
        self.sock = socket.create_connection(("::1", port), timeout)
        self.reader, self.eof, self.reset = client.Reader(), False, False


def ask(where, method, path, body=None, headers=(), host=None):
    """where: a port, a socket's path, or (address, port)."""
    if isinstance(where, tuple) and ":" in where[0]:
        wire, host = Wire6(where[1]), host or f"[::1]:{where[1]}"
    elif isinstance(where, tuple):
        wire = client.Wire.__new__(client.Wire)
        wire.timeout = client.WAIT
        wire.sock = socket.create_connection(where, client.WAIT)
        wire.reader, wire.eof, wire.reset = client.Reader(), False, False
        host = host or f"{where[0]}:{where[1]}"
    else:
        wire = client.Wire(where)
        host = host or (f"localhost:{where}" if isinstance(where, int) else "localhost")
    with wire:
        wire.send(client.request_bytes(method, path, body, [*headers, ("Connection", "close")],
                                       host))
        return wire.response(no_body=method == "HEAD")


def reset(sock):
    """Closes it with a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
