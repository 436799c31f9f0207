"""The first screen: `hearth` alone, on a machine with nothing and on one with other programs' models."""

import os

import pytest

import engines
import screens
from stores import Stores

GB = 10 ** 9


@pytest.fixture
def home(make):
    home = make.home()
    home.stores = Stores(home.ground, home.home)
    yield home
    home.hearth("down", "--now")


def seen(home, **env):
    code, out, err = home.hearth(env={"PATH": "/usr/bin:/bin", **env})
    assert code == 0 and not err, err
    return out


def fill(home):
    stores = home.stores
    for i, size in enumerate((2, 5, 9, 400)):
        stores.ollama(f"model{i}:{size}b", digest=f"{i:064x}", holes=size * GB)
    stores.lmstudio("publisher/Some-7B-GGUF/Some-7B-Q4_K_M.gguf", holes=4 * GB)
    stores.lmstudio("publisher/Same-GGUF/Same-Q4_K_M.gguf", holes=5 * GB)
    stores.huggingface("org/Tiny-GGUF", "Tiny-Q8_0.gguf", engines.model(home.ground, "tiny"))
    stores.own()


def link(home):
    folder = home.home / ".local/bin"
    folder.mkdir(parents=True)
    (folder / "hearth").symlink_to(home.ground.program("hearth"))
    home.stores.own()
    return folder


def test_nothing_there_and_nothing_runs(home):
    screens.compare("first-stopped", seen(home))


def test_nothing_there(home):
    link(home)
    home.up()
    screens.compare("first-nothing", seen(home))


def test_with_stores(home):
    link(home)
    fill(home)
    home.up()
    text = seen(home)
    screens.compare("first", text)
    run = next(line for line in text.splitlines() if line.startswith("  hearth run "))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    sizes = {2: "model0:2b", 5: "model1:5b", 9: "model2:9b"}
    best = max(n for n in sizes if n * 1.1 * GB + GB / 2 < memory * 0.75)
    assert run.split()[2] == sizes[best], run


def test_where_hearth_is(home):
    home.up()
    folder = link(home)
    assert 'export PATH="$HOME/.local/bin:$PATH"' in seen(home)
    assert "hearth is on your PATH (~/.local/bin)" in seen(home, PATH=f"/bin:{folder}")
    other = home.home / "other"
    other.mkdir()
    (other / "hearth").write_text("#!/bin/sh\n")
    (other / "hearth").chmod(0o755)
    assert f"another one: {other}/hearth" in seen(home, PATH=f"{other}:{folder}")


def test_what_is_wrong_is_said(home):
    home.write("listen: [127.0.0.1:0]\nnonsense: 7\n")
    assert "settings" in seen(home) and "hearth config check" in seen(home)
