"""What is installed, and what only administration may ask for."""

import http.client
import json
import socket

import pytest

import harness


@pytest.fixture(scope="module")
def daemon(shared):
    return shared.daemon(shared.fake())


class Admin(http.client.HTTPConnection):
    """The daemon's admin socket."""

    def __init__(self, daemon):
        super().__init__("localhost", timeout=10)
        self.path = str(daemon.home / "run/admin.sock")

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(self.path)

    def ask(self, method, path):
        self.request(method, path)
        r = self.getresponse()
        return r.status, json.loads(r.read())


def product():
    program = harness.TOP / "build/release/hearth"
    if not program.exists():
        pytest.skip("build/release is not built")
    return program.read_bytes()


def test_the_product_has_no_test_endpoints():
    with_them = harness.program("hearth").read_bytes()
    assert b"/test/requests" in with_them, "the daemon under test should have them"
    assert b"/test/" not in product()


def test_the_product_cannot_fail_allocations_on_demand():
    assert b"HEARTH_FAIL_ALLOC" not in product()


def test_state_changes_are_numbered(daemon):
    admin = Admin(daemon)
    status, items = admin.ask("GET", "/hearth/v1/bus?from=1")
    assert status == 200 and items
    assert [i["number"] for i in items] == list(range(1, len(items) + 1))
    assert items[0]["topic"] == "daemon" and "up at" in items[0]["words"]
    assert admin.ask("POST", "/hearth/v1/reload")[0] == 200
    status, later = admin.ask("GET", f"/hearth/v1/bus?from={len(items) + 1}")
    assert [i["number"] for i in later] == [len(items) + 1]
    assert later[0]["topic"] == "config"
    assert admin.ask("GET", "/hearth/v1/bus?from=999999") == (200, [])
    admin.close()


@pytest.mark.parametrize("method, path", [("GET", "/hearth/v1/status"), ("GET", "/hearth/v1/bus"),
                                          ("POST", "/hearth/v1/reload"),
                                          ("POST", "/hearth/v1/shutdown")])
def test_administration_is_not_for_the_port(daemon, method, path):
    r = daemon.ask(method, path)
    assert (r.status, r.error) == (403, "forbidden")
    assert daemon.ask("GET", "/health").status == 200


def test_the_admin_socket_is_private(daemon):
    socket_file = daemon.home / "run/admin.sock"
    assert socket_file.stat().st_mode & 0o077 == 0
    assert socket_file.parent.stat().st_mode & 0o077 == 0
