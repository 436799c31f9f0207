"""What the house checks share: which files there are, how a finding is told, and the list of
exceptions. Each check is a program `check_NAME.py [ROOT]` that prints `file:line: rule: words` for
each finding and ends with 1 if there was one."""

import fnmatch
import pathlib
import subprocess
import sys

C_SUFFIXES = (".c", ".h", ".def")
# The rules that an exception may be written for, by the check that judges them.
EXCEPTION_RULES = {
    "ceilings": ("function", "file", "header", "struct", "parameters", "mutable"),
    "style": ("banned", "library", "branch", "json"),
}


def root_of(argv):
    """The folder to check: the first argument, else this repository."""
    named = [a for a in argv[1:] if not a.startswith("-")]
    return pathlib.Path(named[0] if named else pathlib.Path(__file__).parent.parent).resolve()


class Findings:
    """Collects findings and prints them in the order of the files."""

    def __init__(self, root):
        self.root, self.found = root, set()

    def add(self, path, line, rule, words):
        try:
            path = pathlib.Path(path).relative_to(self.root)
        except ValueError:
            pass
        self.found.add((str(path), line, rule, words))

    def finish(self, what):
        for path, line, rule, words in sorted(self.found):
            print(f"{path}:{line}: {rule}: {words}")
        if not self.found:
            print(f"{what}: nothing found wrong")
        sys.exit(1 if self.found else 0)


def c_files(root, *folders):
    """Every C file under the named folders, in a steady order."""
    found = []
    for folder in folders:
        if (root / folder).is_dir():
            found += [p for p in (root / folder).rglob("*") if p.suffix in C_SUFFIXES]
    return sorted(p for p in found if p.is_file())


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def is_test(root, path):
    """Tests and fuzzers keep the ceilings, but may do what the product may not."""
    rel = path.relative_to(root)
    return path.name.endswith("_test.c") or rel.parts[0] in ("tests", "fuzz")


def in_src(root, path):
    """The path from src/ as text, or "" for a file elsewhere."""
    rel = path.relative_to(root)
    return "/".join(rel.parts[1:]) if rel.parts[0] == "src" else ""


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, p) for p in patterns)


def git(root, *words):
    return subprocess.run(["git", "-C", str(root), *words], check=True,
                          capture_output=True).stdout.decode("utf-8", "replace")


def kept_files(root):
    """Every file that a commit may hold: tracked, or new and not ignored. Where the folder is no
    work tree of git's (an unpacked archive): all of them."""
    try:
        if pathlib.Path(git(root, "rev-parse", "--show-toplevel").strip()).resolve() != root:
            raise OSError("a folder inside another work tree")
        out = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        names = [n for n in out.split("\0") if n]
    except (OSError, subprocess.CalledProcessError):
        names = [str(p.relative_to(root)) for p in root.rglob("*")]
    paths = (root / n for n in sorted(set(names)))
    return [p for p in paths if p.is_file() and not p.is_symlink()]


class Exceptions:
    """tools/exceptions.txt: `rule  file[:name]  limit  # reason`, one a line. A finding that an
    exception covers is let through; an exception that nothing needs is a finding itself."""

    def __init__(self, root, findings, check):
        self.path = root / "tools/exceptions.txt"
        self.findings, self.limits, self.needed = findings, {}, set()
        if not self.path.exists():
            return
        for number, line in enumerate(read(self.path).splitlines(), 1):
            entry, _, reason = line.partition("#")
            if not entry.strip():
                continue
            words = entry.split()
            if len(words) != 3 or not words[2].isdigit() or not reason.strip():
                self.say(number, "written as: rule file[:name] limit # reason")
            elif not any(words[0] in rules for rules in EXCEPTION_RULES.values()):
                self.say(number, f"there is no exception to a rule called {words[0]}")
            elif words[0] in EXCEPTION_RULES[check]:
                self.limits[words[0], words[1]] = (int(words[2]), number)

    def say(self, number, words):
        self.findings.add(self.path, number, "exception", words)

    def allow(self, rule, place, value, ceiling):
        """May `value` stand at `place`? Ceilings that are not numbers pass value 1, ceiling 0."""
        if value <= ceiling:
            return True
        limit, _ = self.limits.get((rule, place), (ceiling, 0))
        self.needed.add((rule, place))
        return value <= limit

    def finish(self):
        for key, (_, number) in self.limits.items():
            if key not in self.needed:
                self.say(number, f"no longer needed: {key[0]} {key[1]}; take the line out")
