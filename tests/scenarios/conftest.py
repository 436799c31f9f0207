"""Fixtures: the ground of the session, and makers of daemons and fake upstreams that are closed, and
judged, when the test or the module is over."""

import os
import resource

import pytest

import harness
from engines import real_pack  # noqa: F401  a fixture of every scenario
from programs import programs  # noqa: F401  likewise


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long; runs with HEARTH_SOAK=1 or -m soak")
    config.addinivalue_line("markers", "without_bubblewrap: does not need it")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_collection_modifyitems(config, items):
    if os.environ.get("HEARTH_SOAK") == "1" or "soak" in (config.getoption("-m") or ""):
        return
    long_ones = [i for i in items if i.get_closest_marker("soak")]
    items[:] = [i for i in items if not i.get_closest_marker("soak")]
    if long_ones:
        config.hook.pytest_deselected(items=long_ones)


@pytest.fixture(scope="session")
def ground():
    g = harness.Ground()
    yield g
    left = g.left_outside()
    g.close()
    assert not left, f"files were left outside the test's folder: {left}"


class Makers:
    """Makes daemons and fakes, and closes them in the right order."""

    def __init__(self, ground):
        self.ground, self.made = ground, []

    def fake(self, name="fake", script="", **more):
        self.made.append(harness.Fake(self.ground, name, script, **more))
        return self.made[-1]

    def blackhole(self):
        self.made.append(harness.Blackhole())
        return self.made[-1]

    def home(self, config=None, **more):
        """A daemon's home; nothing runs in it yet."""
        self.made.append(harness.Daemon(self.ground, config, **more))
        return self.made[-1]

    def daemon(self, *fakes, config=None, **more):
        """A running daemon that knows these fakes, tried in this order."""
        return self.home(harness.merge(harness.providers(*fakes), config or {}), **more).up()

    def close(self):
        failures = []
        for thing in reversed(self.made):
            try:
                thing.close()
            except AssertionError as e:
                failures.append(str(e))
        assert not failures, "\n".join(failures)


@pytest.fixture
def make(ground):
    m = Makers(ground)
    yield m
    m.close()


@pytest.fixture(scope="module")
def shared(ground):
    """Makers whose things live as long as the module: for tests that leave no trace."""
    m = Makers(ground)
    yield m
    m.close()
