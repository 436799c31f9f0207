"""tools/row.sh: a step as a line, which people read and tools/up.sh adds up."""

import subprocess

from conftest import TOP


def bash(words, **more):
    done = subprocess.run(["bash", "-euc", f". tools/row.sh; {words}"], cwd=TOP, text=True,
                          capture_output=True, timeout=20, **more)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def test_a_row():
    assert bash("row build release 143") == f"build      {'release':44} {'14.3':>7} s\n"
    assert bash("row engine llama.cpp 92 24218000") == \
        f"engine     {'llama.cpp':44} {'9.2':>7} s {'24.2 MB':>11}\n"
    assert bash("row ready http://127.0.0.1:8420") == "ready      http://127.0.0.1:8420\n"


def test_long_words_go_on_below():
    lines = bash("row setup 'gcc libc6-dev meson ninja-build pkg-config libuv1-dev' 5").splitlines()
    assert [line[:11].strip() for line in lines] == ["setup", ""] and lines[0].endswith("0.5 s")
    assert " ".join(line[11:55].strip() for line in lines).endswith("pkg-config libuv1-dev")
    assert all(len(line) < 80 for line in lines)


def test_rows_are_noted(tmp_path):
    bash(f"ROWS='{tmp_path}/rows'; row a x 12 3400; row b y")
    assert (tmp_path / "rows").read_text() == "a\t12\t3400\nb\t0\t0\n"


def test_what_apt_fetched(tmp_path):
    (tmp_path / "log").write_text("Fetched 9,015 kB in 2s (4 kB/s)\nNeed to get 31.2 MB of archives.\n"
                                  "Fetched 31.2 MB in 3s (9 MB/s)\nFetched 512 B in 0s (0 B/s)\n")
    assert bash(f"fetched '{tmp_path}/log'") == "40215512\n"
    (tmp_path / "log").write_text("")
    assert bash(f"fetched '{tmp_path}/log'") == "0\n"
