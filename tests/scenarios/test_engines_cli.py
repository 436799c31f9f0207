"""Engines as packs: installed from Debian's packages, added, built, used, gone back from, removed.

What needs a real engine installs it once for the module, from the machine's own mirror; where that
cannot be reached these tests are skipped by name. Everything else needs no network."""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import tarfile
import textwrap
import time
import urllib.parse

import pytest

import harness
from harness import wait_for

FEATURES = {"child_protocol", "unix_socket", "exit_command", "stdin_ends", "slot_save",
            "ping_interval", "cancel"}


def mirror():
    """Host and port of the machine's own source of packages, or None."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None
    if "ID=debian" not in pathlib.Path("/etc/os-release").read_text().splitlines():
        return None
    files = [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]
    for path in files:
        if path.suffix in (".list", ".sources") and path.exists():
            found = re.search(r"\bhttps?://\S+/debian\S*", re.sub(r"(?m)^\s*#.*", "", path.read_text()))
            if found:
                url = urllib.parse.urlsplit(found[0])
                return url.hostname, url.port or (443 if url.scheme == "https" else 80)
    return None


def reachable(place):
    try:
        socket.create_connection(place, 3).close()
        return True
    except OSError:
        return False


def engines(home):
    """All of `engines list`, by id."""
    code, out, err = home.hearth("engines", "list", "--json")
    assert code == 0, err
    return {e["id"]: e for e in json.loads(out)["engines"]}


def hidden(home):
    """What changes that are under way, or were broken off, have in data/engines."""
    return [p.name for p in (home.home / "data/engines").glob(".*")]


def put_program(folder, name, words):
    """An executable that the daemon's user may enter and run."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(textwrap.dedent(words))
    path.chmod(0o755)
    return path


def own(ground, top):
    for path in [top, *top.rglob("*")]:
        if not path.is_symlink():
            ground.own(path)


def pack_tar(path, entries):
    """entries: (name, bytes or a TarInfo's changes as a dict)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            data = what if isinstance(what, bytes) else b""
            info.mode, info.size = 0o755, len(data)
            for key, value in (what if isinstance(what, dict) else {}).items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    path.chmod(0o644)
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- without a network ----------------------------------------------------------------------------


# A llama-server that tells its version, serves /health on its socket, and can nothing else.
FAKE = """\
    #!/usr/bin/python3 -IS
    import socket, sys
    if "--version" in sys.argv:
        print("version: 5234 (abc123)", file=sys.stderr)
        sys.exit(0)
    s = socket.socket(socket.AF_UNIX)
    s.bind(sys.argv[sys.argv.index("--host") + 1])
    s.listen(8)
    while True:
        c, _ = s.accept()
        head = c.recv(65536)
        status = "200 OK" if head.startswith(b"GET /health ") else "404 Not Found"
        c.sendall(f"HTTP/1.1 {status}\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n".encode())
        c.close()
    """


def test_there_are_none_at_first(make):
    home = make.home()
    assert home.hearth("engines", "list", env={"PATH": "/nowhere"}) == (
        0, "There are no engines. Get one with `hearth engines install llama.cpp`,\n"
           "or add your own with `hearth engines add FOLDER`.\n", "")
    assert not (home.home / "data/engines").exists()  # looking makes nothing


def test_one_on_path_is_told(make, ground):
    home = make.home()
    folder = ground.folder("bin")
    put_program(folder, "llama-server", FAKE)
    own(ground, folder)
    code, out, _ = home.hearth("engines", "list", env={"PATH": f"{folder}:/usr/bin"})
    assert code == 0 and "llama.cpp-path" in out and "PATH" in out
    code, _, err = home.hearth("engines", "rm", "llama.cpp-path", env={"PATH": f"{folder}:/usr/bin"})
    assert code == 1 and "not ours" in err


@pytest.mark.parametrize("words, code, says", [
    (["install"], 2, "which engine"),
    (["install", "vllm"], 2, "no engine vllm"),
    (["install", "llama.cpp", "--flavour", "pink"], 2, "pink"),
    (["use"], 2, "--previous"),
    (["use", "nothing"], 4, "nothing"),
    (["use", "--previous"], 4, "before"),
    (["rm"], 2, "which one"),
    (["rm", "../.."], 4, "no engine"),
    (["doctor", "nothing"], 4, "nothing"),
    (["add"], 2, "folder or archive"),
    (["add", "/no/such"], 4, "/no/such"),
    (["add", "/etc/passwd"], 2, "--sha256"),
    (["add", "/no/such", "--sha256", "0" * 64], 4, "/no/such"),
    (["add", "/etc"], 1, "alone"),
    (["add", "/etc", "--sha256", "0" * 64], 2, "a folder"),
    (["build", "llama.cpp"], 2, "source"),
    (["build", "llama.cpp", "/etc", "--cuda", "--hip"], 2, "at a time"),
    (["build", "llama.cpp", "/etc"], 4, "CMakeLists"),
    (["build", "other", "/etc"], 2, "no way"),
])
def test_what_cannot_be(make, words, code, says):
    got, out, err = make.home().hearth("engines", *words)
    assert (got, out) == (code, "") and says in err, err


def test_a_folder_is_added_tried_used_and_forgotten(make, ground):
    home = make.home()
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")
    one, two = ground.folder("one"), ground.folder("two")
    put_program(one / "build/bin", "llama-server", FAKE)
    put_program(two, "llama-server", "#!/bin/sh\necho broken >&2\nexit 3\n")
    own(ground, one), own(ground, two)

    began = time.monotonic()
    code, out, err = home.hearth("engines", "add", str(one))
    assert code == 0, err
    assert "llama.cpp-b5234-folder is in use" in out and time.monotonic() - began < 15
    made = engines(home)["llama.cpp-b5234-folder"]
    assert made["used"] and made["probed"] and made["trouble"] == ""
    assert made["version"] == "b5234" and made["program"] == str(one / "build/bin/llama-server")
    assert {f for f, can in made["features"].items() if can} == {"unix_socket"}

    code, out, _ = home.hearth("engines", "list")
    assert "without child_protocol, exit_command" in out
    code, out, _ = home.hearth("engines", "doctor", "llama.cpp")
    assert code == 0 and "no   stops when its client leaves: a slot" in out

    assert "there already" in home.hearth("engines", "add", str(one))[1]

    code, out, err = home.hearth("engines", "add", str(two))  # one that does not run is not used
    assert code == 1 and "it cannot be used" in err and "broken" in err
    assert engines(home)["llama.cpp-b5234-folder"]["used"]
    assert home.hearth("engines", "use", "llama.cpp-folder")[0] == 1
    assert home.hearth("engines", "rm", "llama.cpp-folder")[0] == 0

    code, _, err = home.hearth("engines", "rm", "llama.cpp-b5234-folder")
    assert code == 1 and "in use" in err and "--force" in err
    assert home.hearth("engines", "rm", "--force", "llama.cpp-b5234-folder")[0] == 0
    assert engines(home) == {} or all(e["source"] == "PATH" for e in engines(home).values())
    assert (one / "build/bin/llama-server").exists()  # the user's own stays
    assert hidden(home) == []


def test_one_that_speaks_only_tcp(make, ground):
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")
    if not (harness.build_folder() / "hearth-bridge").exists():
        pytest.skip("no hearth-bridge in this build")
    home, folder = make.home(), ground.folder("tcp")
    put_program(folder, "llama-server", FAKE.replace("AF_UNIX", "AF_INET").replace(
        's.bind(sys.argv[sys.argv.index("--host") + 1])',
        's.bind((sys.argv[sys.argv.index("--host") + 1], int(sys.argv[sys.argv.index("--port") + 1])))'))
    own(ground, folder)
    code, out, err = home.hearth("engines", "add", str(folder))
    assert code == 0, err
    made = engines(home)["llama.cpp-b5234-folder"]
    assert made["used"] and not any(made["features"].values())
    assert "hearth-bridge leads" in home.hearth("engines", "doctor", made["id"])[1]


HOSTILE = {
    "above": [("../evil", b"x")],
    "absolute": [("/tmp/evil", b"x")],
    "above-inside": [("bin/../../evil", b"x")],
    "link-out": [("bin/llama-server", {"type": tarfile.SYMTYPE, "linkname": "/bin/sh"})],
    "link-up": [("a", {"type": tarfile.SYMTYPE, "linkname": "../../.."}), ("a/evil", b"x")],
    "link-chain": [("a/up", {"type": tarfile.SYMTYPE, "linkname": ".."}),
                   ("a/x", {"type": tarfile.SYMTYPE, "linkname": "up/../.."})],
    "behind-link": [("a", {"type": tarfile.SYMTYPE, "linkname": "b"}), ("a/x", b"x")],
    "arrow-in-name": [("a -> b", {"type": tarfile.SYMTYPE, "linkname": "/etc"})],
    "line-in-name": [("a\n-rw-r--r-- 0/0 1 2024-01-01 00:00 b",
                      {"type": tarfile.SYMTYPE, "linkname": "/etc"})],
    "hard-link": [("a", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})],
    "device": [("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})],
    "pipe": [("pipe", {"type": tarfile.FIFOTYPE})],
    "setuid": [("bin/llama-server", {"mode": 0o4755})],
    "no-engine": [("readme", b"nothing here")],
    "nothing": [],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(make, ground, name):
    home, folder = make.home(), ground.folder("a")
    archive = folder / "x.tar.gz"
    digest = pack_tar(archive, HOSTILE[name])
    ground.own(archive)
    code, out, err = home.hearth("engines", "add", str(archive), "--sha256", digest)
    assert code in (1, 4) and out.count("is in use") == 0, (code, out, err)
    assert not pathlib.Path("/tmp/evil").exists() and not list(home.home.rglob("evil"))
    assert hidden(home) == []
    assert all(e["source"] == "PATH" for e in engines(home).values())


def test_an_archive_with_another_hash(make, ground):
    home, folder = make.home(), ground.folder("a")
    digest = pack_tar(folder / "x.tar.gz", [("bin/llama-server", b"#!/bin/sh\n")])
    wrong = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    code, _, err = home.hearth("engines", "add", str(folder / "x.tar.gz"), "--sha256", wrong)
    assert code == 1 and digest in err  # what it is, so that a person can compare
    (folder / "x.tar.gz").write_bytes(b"no archive")
    digest = hashlib.sha256(b"no archive").hexdigest()
    assert home.hearth("engines", "add", str(folder / "x.tar.gz"), "--sha256", digest)[0] == 1
    assert hidden(home) == []


def test_an_archive_is_unpacked_and_used(make, ground):
    home, folder = make.home(), ground.folder("a")
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")
    digest = pack_tar(folder / "llama-b5234.tar.gz",
                      [("llama-b5234/LICENSE", b"x"),
                       ("llama-b5234/llama-server", textwrap.dedent(FAKE).encode()),
                       ("llama-b5234/libx.so", {"type": tarfile.SYMTYPE, "linkname": "libx.so.1"})])
    archive = str(folder / "llama-b5234.tar.gz")
    code, out, err = home.hearth("engines", "add", archive, "--sha256", digest.upper())
    assert code == 0, err
    made = engines(home)["llama.cpp-b5234-archive"]
    assert made["used"] and made["source"] == "archive llama-b5234.tar.gz" and made["bytes"] > 0
    assert home.hearth("engines", "doctor")[0] == 0
    assert "there already" in home.hearth("engines", "add", archive, "--sha256", digest)[1]


def test_a_build(make, ground):
    home, source = make.home(), ground.folder("src")
    if not all(shutil.which(p) for p in ("cmake", "c++", "make", "bwrap")):
        pytest.skip("no cmake, compiler or bubblewrap")
    (source / "CMakeLists.txt").write_text(textwrap.dedent("""\
        cmake_minimum_required(VERSION 3.10)
        project(x CXX)
        set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
        add_executable(llama-server main.cpp)
        if(GGML_VULKAN)
            target_compile_definitions(llama-server PRIVATE NAME=7777)
        endif()
        """))
    (source / "main.cpp").write_text(textwrap.dedent("""\
        #include <cstdio>
        int main(int argc, char **argv) { std::puts("version: 4321 (x)"); return argc > 2; }
        """))
    own(ground, source)
    before = sorted(source.rglob("*"))
    code, out, err = home.hearth("engines", "build", "llama.cpp", str(source), timeout=120)
    assert code == 1 and "it does not start" in err, err  # it is built, and is no real engine
    made = engines(home)["llama.cpp-b4321-build"]
    assert made["flavour"] == "cpu" and made["source"] == f"build of {source}" and not made["used"]
    assert sorted(source.rglob("*")) == before  # the source is only read

    (source / "main.cpp").write_text("this is no C++\n")
    code, _, err = home.hearth("engines", "build", "llama.cpp", str(source), timeout=120)
    assert code == 1 and "building failed" in err and "build.log" in err, err
    assert "error" in (home.home / "data/engines/build.log").read_text()
    assert list(engines(home)) == ["llama.cpp-b4321-build"] and hidden(home) == []

    code, _, err = home.hearth("engines", "build", "llama.cpp", str(source), "--cuda",
                               env={"PATH": "/usr/bin:/bin"})
    if not pathlib.Path("/usr/bin/nvcc").exists():
        assert code == 4 and "nvcc" in err and "apt install" in err


# --- with Debian's real package -------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(shared):
    """A home with llama.cpp in it, and what the install said."""
    place = mirror()
    if not place:
        pytest.skip("no Debian with a mirror over http")
    if not shutil.which("bwrap"):
        pytest.skip("no bubblewrap")
    if not reachable(place):
        pytest.skip(f"the mirror {place[0]} cannot be reached")
    home = shared.home()
    code, out, err = home.hearth("engines", "install", "llama.cpp", timeout=300)
    assert code == 0, err
    home.install_said = out
    home.pack_id = next(i for i, e in engines(home).items() if e["source"].startswith("debian"))
    return home


def root_of(home):
    return home.home / "data/engines" / home.pack_id / "root"


def test_an_install_tells_its_steps(installed):
    said = installed.install_said
    assert re.search(r"fetched the list of Debian \w+, [\d.]+ MB, [\d.]+ s\n", said), said
    assert re.search(r"fetched \d+ packages, [\d.]+ MB, [\d.]+ s\n", said), said
    assert re.search(r"-debian is in use, [\d.]+ MiB on disk, .* in all\.\n", said), said
    assert "\r" not in said and "\033" not in said  # no bar where nobody sees it
    made = engines(installed)[installed.pack_id]
    assert made["used"] and made["trouble"] == "" and made["flavour"] == "cpu"
    assert re.fullmatch(r"llama\.cpp-[\w.]+-b\d+-debian", installed.pack_id)
    assert made["bytes"] < 90e6 and hidden(installed) == []
    assert re.search(r"/ggml/backends0/libggml-cpu-\w+\.so$", made["backend"])


def test_nothing_of_it_is_outside_or_needless(installed):
    root = root_of(installed)
    assert not (root / "usr/share/doc").exists() and not (root / "usr/bin/wget").exists()
    for point in ("proc", "dev", "tmp", "run/hearth", "model"):
        assert (root / point).is_dir()
    assert os.readlink(root / "lib64") == "usr/lib64"


def test_what_it_can(installed):
    began = time.monotonic()
    code, out, _ = installed.hearth("engines", "doctor", "--json", installed.pack_id)
    took = time.monotonic() - began
    assert code == 0
    features = json.loads(out)["engines"][0]["features"]
    assert {f for f, can in features.items() if can} == FEATURES
    assert took < 6, f"it took {took:.1f} s"


def test_the_same_again_does_nothing(installed):
    before = sorted(p.name for p in (installed.home / "data/engines").iterdir())
    code, out, _ = installed.hearth("engines", "install", "llama.cpp", timeout=120)
    assert code == 0 and "there already" in out
    assert sorted(p.name for p in (installed.home / "data/engines").iterdir()) == before


def test_a_pack_as_an_archive_on_another_machine(installed, make, ground):
    """What apt unpacked here, carried there: it brings its own system."""
    there, folder = make.home(), ground.folder("a")
    with tarfile.open(folder / "pack.tar", "w") as tar:
        tar.add(root_of(installed), arcname=".")
    (folder / "pack.tar").chmod(0o644)
    digest = hashlib.sha256((folder / "pack.tar").read_bytes()).hexdigest()
    code, out, err = there.hearth("engines", "add", str(folder / "pack.tar"), "--sha256", digest,
                                  timeout=60)
    assert code == 0, err
    (made,) = [e for e in engines(there).values() if e["used"]]
    assert made["root"].endswith("/root") and made["program"] == "/usr/bin/llama-server"
    assert all(made["features"].values())


def test_two_builds_and_back(installed, ground):
    folder = ground.folder("own")
    put_program(folder, "llama-server", FAKE)
    own(ground, folder)
    assert installed.hearth("engines", "add", str(folder))[0] == 0
    mine = "llama.cpp-b5234-folder"
    both = engines(installed)
    assert both[mine]["used"] and both[installed.pack_id]["previous"]
    code, out, _ = installed.hearth("engines", "use", "--previous")
    assert code == 0 and installed.pack_id in out
    assert engines(installed)[installed.pack_id]["used"] and engines(installed)[mine]["previous"]
    code, out, _ = installed.hearth("engines", "use", mine, "--json")
    assert json.loads(out) == {"used": mine}
    assert installed.hearth("engines", "rm", mine)[0] == 1
    code, out, _ = installed.hearth("engines", "rm", mine, "--force", "--json")
    assert code == 0 and json.loads(out)["removed"] == mine
    assert engines(installed)[installed.pack_id]["used"]  # back to the one before


def start_install(home):
    """An install that is under way: it has begun to fetch."""
    proc = home.popen("engines", "install", "llama.cpp", "--json",
                      stdout=open(os.devnull, "w"), stderr=open(os.devnull, "w"))
    wait_for(lambda: list((home.home / "data/engines").glob(".new-*/apt/lists/partial/*")) or
             proc.poll() is not None, 60)
    assert proc.poll() is None
    return proc


def test_killed_in_the_middle(installed, make, ground):
    home, folder = make.home(), ground.folder("own")
    put_program(folder, "llama-server", FAKE)
    own(ground, folder)
    proc = start_install(home)
    proc.send_signal(signal.SIGKILL)
    proc.wait(10)
    # apt, which it had started, ends by itself; nothing of it is used
    wait_for(lambda: not harness.processes_with(home.home), 120)
    assert hidden(home) and all(e["source"] == "PATH" for e in engines(home).values())
    code, out, err = home.hearth("engines", "add", str(folder))
    assert code == 0 and "broken off" in out, (out, err)
    assert hidden(home) == [] and engines(home)["llama.cpp-b5234-folder"]["used"]


def test_one_change_at_a_time(installed, make):
    home = make.home()
    proc = start_install(home)
    try:
        code, _, err = home.hearth("engines", "use", "llama.cpp")
        assert code == 75 and "another command" in err
        assert home.hearth("engines", "list")[0] == 0  # looking is never in the way
    finally:
        proc.kill()
        proc.wait(10)
        wait_for(lambda: not harness.processes_with(home.home), 120)
