"""The format check, where the version that judges is installed."""

import shutil

from conftest import TOP


def test_format(tree):
    shutil.copy(TOP / ".clang-format", tree.root)
    tree.write("src/base/a.c", "/* a */\nint f(int a)\n{\n    return a;\n}\n")
    code, lines = tree.check("format")
    if code == 77:
        assert lines[0].startswith("skipped: clang-format")
        return
    assert code == 0, lines
    tree.write("src/base/a.c", "/* a */\nint f( int a ) {\n  return a;\n}\n")
    code, lines = tree.check("format")
    assert code == 1 and lines[0].startswith("src/base/a.c:2: format:"), lines
