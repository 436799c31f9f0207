"""The layers check on trees that break one rule each."""

import pytest

LIST = "# a comment\nbase:\nloop:\nhttp: loop\nconn: loop http   # why\n"
MESON = """rooms = [
  ['base', [], [dep], ['a.c'], []],
  ['loop', [], [dep], ['a.c'], []],
  ['http', ['loop'],
    [dep], ['a.c'], []],
  ['conn', ['loop', 'http'], [], [], []],
]
"""


@pytest.fixture
def rooms(tree):
    tree.write("src/layers.txt", LIST).write("src/meson.build", MESON)
    for room in ("base", "loop", "http", "conn"):
        tree.write(f"src/{room}/{room}.h", "#pragma once\n")
    return tree


def test_good(rooms):
    rooms.write("src/conn/conn.c", '#include "conn/conn.h"\n#include "base/text.h"\n'
                '#include "http/http.h"\n#include "conn/inner.h"\n#include <uv.h>\n'
                '#include <sys/socket.h>\n')
    rooms.good("layers")


@pytest.mark.parametrize("include, says", [
    ('"conn/conn.h"', "forbidden"),
    ('"loop/timer.h"', "back door"),
    ('<loop/loop.h>', "back door"),
    ('"http.h"', "unrooted"),
    ('"route/route.h"', "unlisted"),
    ('"../loop/loop.h"', "unlisted"),
])
def test_include(rooms, include, says):
    rooms.write("src/http/http.c", f"/* x */\n#include {include}\n")
    rooms.bad("layers", f"src/http/http.c:2: {says}:")


def test_base_uses_nothing(rooms):
    rooms.write("src/base/a.c", '#  include "loop/loop.h"\n')
    rooms.bad("layers", "src/base/a.c:1: forbidden:")


def test_room_without_a_line(rooms):
    rooms.write("src/route/route.c", "/* x */\n").write("src/stray.c", "/* x */\n")
    rooms.bad("layers", "src/route/route.c:1: unlisted: room route", "src/stray.c:1: unlisted:")


def test_line_without_a_room(rooms):
    rooms.write("src/layers.txt", LIST + "auth: base\n")
    rooms.write("src/meson.build", MESON + "['auth', [], [], [], []]\n")
    rooms.bad("layers", "src/layers.txt:6: ghost: auth")


def test_use_of_no_room(rooms):
    rooms.write("src/layers.txt", LIST.replace("http: loop", "http: loop auth"))
    rooms.write("src/meson.build", MESON.replace("['http', ['loop']", "['http', ['loop', 'auth']"))
    rooms.bad("layers", "src/layers.txt:4: unlisted: http may use auth")


def test_circle(rooms):
    rooms.write("src/layers.txt", LIST.replace("loop:", "loop: conn"))
    rooms.write("src/meson.build", MESON.replace("['loop', []", "['loop', ['conn']"))
    rooms.bad("layers", "src/layers.txt:5: circle: conn -> http -> loop -> conn",
              "src/layers.txt:5: circle: conn -> loop -> conn")


def test_list_is_written_right(rooms):
    rooms.write("src/layers.txt", LIST + "conn: loop\nno colon here\n")
    rooms.bad("layers", "src/layers.txt:6: list: conn stands here twice", "src/layers.txt:7: list:")


def test_base_may_use_nothing(rooms):
    rooms.write("src/layers.txt", LIST.replace("base:", "base: loop"))
    rooms.write("src/meson.build", MESON.replace("['base', []", "['base', ['loop']"))
    rooms.bad("layers", "src/layers.txt:2: list: base may use no room")


def test_meson_says_the_same(rooms):
    rooms.write("src/meson.build", MESON.replace("['loop', 'http']", "['loop']"))
    rooms.bad("layers", "src/meson.build:6: meson: conn: differs from layers.txt in: http")
    rooms.write("src/meson.build", MESON.replace("'conn'", "'auth'"))
    rooms.bad("layers", "src/meson.build:1: meson: conn of layers.txt is not",
              "src/meson.build:6: meson: auth has no line")


def test_list_is_there(tree):
    tree.write("src/base/a.c", "/* x */\n")
    tree.bad("layers", "src/layers.txt:1: list: is missing")
