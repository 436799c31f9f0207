#!/usr/bin/env python3
"""check_layers.py [ROOT]: who may include whom.

src/layers.txt holds a line `room: rooms it may use` for each folder under src/. A room includes
another only if that line says so, only by its front door `room/room.h`, and always by the path from
src/. base/ is open to all and has many doors. The list must form no circle, name every room that
has code and none that has not, and src/meson.build must declare the same uses, because that is what
the linker holds each room to."""

import re
import sys

from house import Findings, c_files, read, root_of

INCLUDE = re.compile(r'[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]')
ENTRY = re.compile(r"\[\s*'(\w+)'\s*,\s*\[([^\]]*)\]")


def read_rules(src, found):
    """{room: (rooms it may use, line)} from layers.txt."""
    rules = {}
    for number, line in enumerate(read(src / "layers.txt").splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        room, colon, uses = line.partition(":")
        room = room.strip()
        if not colon or not re.fullmatch(r"\w+", room):
            found.add(src / "layers.txt", number, "list", "written as: `room: rooms it may use`")
        elif room in rules:
            found.add(src / "layers.txt", number, "list", f"{room} stands here twice")
        else:
            rules[room] = (set(uses.split()), number)
    return rules


def check_list(src, rules, found):
    """The list itself: rooms that exist, uses that are rooms, no circle."""
    where = src / "layers.txt"
    for room, (uses, number) in rules.items():
        if not (src / room).is_dir():
            found.add(where, number, "ghost", f"{room} is listed, but there is no src/{room}/")
        for use in sorted(uses - set(rules)):
            found.add(where, number, "unlisted", f"{room} may use {use}, which has no line here")
        if room == "base" and uses:
            found.add(where, number, "list", "base may use no room")

    def visit(room, path):
        if room in path:
            circle = path[path.index(room):]
            first = circle.index(min(circle))
            circle = circle[first:] + circle[:first]
            found.add(where, rules[circle[0]][1], "circle", " -> ".join(circle + circle[:1]))
        elif room in rules:
            for use in sorted(rules[room][0]):
                visit(use, path + [room])

    for room in sorted(rules):
        visit(room, [])


def check_meson(src, rules, found):
    """src/meson.build's table of rooms says the same as the list."""
    where = src / "meson.build"
    if not where.exists():
        return
    text, declared = read(where), {}
    for entry in ENTRY.finditer(text):
        number = text.count("\n", 0, entry.start()) + 1
        declared[entry[1]] = (set(re.findall(r"'(\w+)'", entry[2])), number)
    for room, (uses, number) in declared.items():
        if room not in rules:
            found.add(where, number, "meson", f"{room} has no line in layers.txt")
        elif uses - {"base"} != rules[room][0] - {"base"}:
            differ = " ".join(sorted((uses ^ rules[room][0]) - {"base"}))
            found.add(where, number, "meson", f"{room}: differs from layers.txt in: {differ}")
    for room in sorted(set(rules) - set(declared)):
        found.add(where, 1, "meson", f"{room} of layers.txt is not in the table of rooms")


def check_include(room, quote, name, rules, src):
    """Why this include is wrong, as (rule, words), or None."""
    to, slash, rest = name.partition("/")
    if quote == "<":
        # A system header, unless it is one of ours that comes in by the back.
        if slash and to in rules and (src / to).is_dir() and (src / name).exists():
            return "back door", f'<{name}> is ours: include it as "{name}"'
        return None
    if not slash:
        return "unrooted", f'"{name}" is not a path from src/'
    if to == room:
        return None
    if to not in rules:
        return "unlisted", f'"{name}": there is no room {to} in layers.txt'
    if to == "base":
        return None
    if to not in rules[room][0]:
        return "forbidden", f"{room} may not use {to}"
    if rest != f"{to}.h":
        return "back door", f'"{name}": use the front door, {to}/{to}.h'
    return None


def check_files(root, src, rules, found):
    for path in c_files(root, "src"):
        parts = path.relative_to(src).parts
        if len(parts) < 2:
            found.add(path, 1, "unlisted", "stands in no room")
            continue
        room = parts[0]
        if room not in rules:
            found.add(path, 1, "unlisted", f"room {room} has no line in layers.txt")
            continue
        for number, line in enumerate(read(path).splitlines(), 1):
            include = INCLUDE.match(line)
            wrong = include and check_include(room, include[1], include[2], rules, src)
            if wrong:
                found.add(path, number, *wrong)


def main():
    root = root_of(sys.argv)
    src, found = root / "src", Findings(root)
    if not (src / "layers.txt").exists():
        if c_files(root, "src"):
            found.add(src / "layers.txt", 1, "list", "is missing")
    else:
        rules = read_rules(src, found)
        check_list(src, rules, found)
        check_meson(src, rules, found)
        check_files(root, src, rules, found)
    found.finish("layers")


if __name__ == "__main__":
    main()
