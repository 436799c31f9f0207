"""Engines that want out, and engines that will not end: with bubblewrap, as root and as a user, and
without it. What is asserted here is told to people in docs/sandbox.md."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import threading
import time

import pytest

import cages
import client
import engines
import harness

pytestmark = pytest.mark.skipif(not cages.can_be_built(), reason="no such programs on this system")

USERS = ["user", pytest.param("root", marks=pytest.mark.skipif(os.geteuid() != 0, reason="not root"))]
KINDS = ["sandbox", "none"]
HIDDEN = {"PATH": "/nonexistent"}  # of bubblewrap

# What the sandbox does not bound for an engine that uses devices: see docs/sandbox.md.
GAPS = {"shared_memory", "shared_zeros", "memory_files", "shared_segments"}
HARMLESS = {"many_sockets"}

# Without bubblewrap, as a user. What the filter of calls, the limits and the bridge hold back:
HELD = {
    "trace_daemon", "read_daemon", "descriptor_of_daemon", "compare_with_daemon", "become_root",
    "capabilities", "raise_limits", "raise_core", "spare_me", "real_time", "mount_memory",
    "mount_bind", "remount", "unmount", "new_mounts", "tree_of_mounts", "pivot", "change_root",
    "unshare_users", "unshare_network", "unshare_mounts", "join_daemon", "clone_users",
    "clone3_users", "program_in_kernel", "counters", "keyring", "new_key", "rings", "faults",
    "no_randomness", "type_into_terminal", "load_module", "new_kernel", "restart_machine", "swap",
    "kernel_log", "set_clock", "set_hostname", "watch_files", "other_calls", "x32_calls", "netlink",
    "packets", "raw", "virtual_machines", "kernel_crypto", "by_handle", "make_device",
    "setuid_program", "inherited_descriptors", "secrets_in_environment", "terminal", "signal_parent",
    "balloon", "one_big_file", "shared_memory", "many_stacks", "memory_files", "shared_segments",
    "program_from_memory",
}
# What is refused because it is not this user's:
NOT_HIS = {"shadow", "root_of_first_process", "kernel_settings", "magic_keys", "kernel_memory",
           "control_groups", "write_root", "write_devices", "fill_devices"}
# What it can do as every program of this user can:
OPEN = {
    "home_folder", "ssh_key", "accounts", "data_folder", "other_processes", "system_tree",
    "write_model", "change_model", "beside_model", "write_pack", "write_own_program", "shell",
    "tcp_to_host", "udp_to_host", "admin_socket", "abstract_socket", "signal_daemon",
    "limits_of_daemon", "priority_of_daemon", "fork_bomb", "shared_zeros", "fill_tmp",
    "many_files", "descriptors_of_daemon", "root_of_daemon", "environment_of_daemon",
}
# What depends on the machine: its network, its device files, its libraries' place, what it lets one
# do with one's own processes, how large its /dev/shm is.
DEPENDS = {"tcp_elsewhere", "udp_elsewhere", "disks", "host_library", "memory_of_daemon", "fill_shm"}


@pytest.fixture(scope="module")
def benches(ground):
    made = {}

    def get(name):
        if name not in made:
            made[name] = cages.Bench(cages.Who(ground, name == "root"))
        return made[name]

    yield get
    for bench in made.values():
        bench.close()
    cages.remove_groups()


@pytest.fixture
def start(benches):
    """Starts a program; whatever is left of it afterwards is ended."""
    made = []

    def launch(*program, who="user", **more):
        bench = benches(who)
        if more.get("kind", "sandbox") == "none":
            program = (bench.pack / program[0].lstrip("/"), *program[1:])
        made.append(cages.Launched(bench, *program, **more))
        return made[-1]

    launch.bench = benches
    yield launch
    for launched in made:
        launched.close()


@pytest.fixture
def prey(benches):
    made = []

    def get(name):
        made.append(cages.Prey(benches(name).who))
        return made[-1]

    yield get
    for p in made:
        p.close()


@pytest.fixture(autouse=True)
def sandbox_works(request, benches):
    """Skips by name what needs bubblewrap, where it does not work for this user."""
    asked = getattr(request.node, "callspec", None)
    params = asked.params if asked else {}
    if params.get("kind") == "none" or request.node.get_closest_marker("without_bubblewrap"):
        return
    who = params.get("who", "user")
    launched = cages.Launched(benches(who), "x", kind="probe")
    said = launched.proc.communicate(timeout=20)[0].decode().split("\n")
    launched.close()
    if said[0] != "bubblewrap":
        pytest.skip(f"no bubblewrap for {who}: {said[1]}; {said[2]}")


def named(results, *outcomes):
    return {name for name, r in results.items() if r["outcome"] in outcomes}


# --- getting out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("who", USERS)
def test_nothing_gets_out(benches, prey, who):
    target = prey(who)
    before = files_below(target.home)
    results = cages.attempts(benches(who), target)
    assert len(results) >= 100
    uncounted = who == "root" and not cages.counts_processes_of_root()
    assert named(results, "SUCCEEDED") == ({"fork_bomb"} if uncounted else set())
    assert named(results, "allowed") == HARMLESS
    assert files_below(target.home) == before
    assert 0 < results["balloon"]["n"] < 256 << 20
    assert results["fill_tmp"]["n"] == 256 << 20
    assert results["fill_shm"]["n"] == 64 << 20
    assert results["one_big_file"]["n"] == 8 << 20
    assert results["fork_bomb"]["n"] < 64
    assert target.process.poll() is None
    assert (target.home / "models/m.gguf").read_text() == "weights"


def files_below(folder):
    return sorted(str(p) for p in folder.rglob("*"))


def test_what_an_engine_with_devices_can_do_besides(benches, prey):
    """Drivers share memory with them."""
    results = cages.attempts(benches("user"), prey("user"), devices=1)
    assert named(results, "SUCCEEDED") == GAPS
    assert named(results, "allowed") == HARMLESS | {"program_from_memory"}


@pytest.mark.without_bubblewrap
def test_what_is_held_without_bubblewrap(benches, prey):
    results = cages.attempts(benches("user"), prey("user"), env=HIDDEN)
    assert set(results) == HELD | NOT_HIS | OPEN | DEPENDS | HARMLESS
    assert named(results, "refused", "bounded") - DEPENDS == HELD | NOT_HIS
    assert named(results, "SUCCEEDED") - DEPENDS == OPEN
    assert named(results, "allowed") == HARMLESS


@pytest.mark.without_bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="not root")
def test_what_is_held_of_root_without_bubblewrap(benches, prey):
    results = cages.attempts(benches("root"), prey("root"), env=HIDDEN)
    held = HELD | ({"fork_bomb"} if cages.counts_processes_of_root() else set())
    assert held - named(results, "refused", "bounded") == set()


@pytest.mark.without_bubblewrap
def test_the_probe_says_what_is_missing(benches):
    launched = cages.Launched(benches("user"), "x", kind="probe", env=HIDDEN)
    said = launched.proc.communicate(timeout=20)[0].decode()
    launched.close()
    assert said == "none\nbubblewrap is not installed\nsudo apt-get install bubblewrap\n"


# --- ending ---------------------------------------------------------------------------------------


def bad_child(start, who, kind, *words, **more):
    launched = start("/usr/bin/bad_child", *words, who=who, kind=kind, **more).started()
    assert launched.line() == "ready 3"
    return launched


@pytest.mark.parametrize("who", USERS)
@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_ends_with_who_started_it(start, who, kind):
    launched = bad_child(start, who, kind)
    assert len(launched.all_of_it()) >= 5  # the program, three that it left, and who holds it
    launched.kill()
    launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_ends_with_the_program(start, kind):
    launched = bad_child(start, "user", kind, "5")
    assert launched.code() == 5
    harness.wait_for(lambda: not running_with(launched.bench), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_killing_the_program_ends_all_of_it(start, kind):
    launched = bad_child(start, "user", kind)
    launched.all_of_it()
    os.kill(launched.program, signal.SIGKILL)
    assert launched.code() == 128 + signal.SIGKILL
    launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_asking_the_command_to_end_ends_all_of_it(start, kind):
    launched = bad_child(start, "user", kind)
    launched.all_of_it()
    os.kill(launched.command, signal.SIGTERM)
    assert launched.code() == 128 + signal.SIGTERM
    launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_a_held_program_has_not_run(start, kind):
    launched = start("/usr/bin/bad_child", kind=kind, hold=1).started()
    time.sleep(0.2)
    program = os.path.basename(os.readlink(f"/proc/{launched.program}/exe"))
    assert program in ("bwrap", "hearth-bridge")
    launched.all_of_it()
    launched.kill()
    launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_who_starts_it_may_die_at_any_moment(start, kind):
    """Also while nobody has asked the kernel yet to end it with its parent."""
    for late_us in [*range(1, 12000, 500), *range(12000, 40000, 4000)]:
        mark = f"MARK={start.bench('user').folder}"
        launched = start("/usr/bin/bad_child", kind=kind, late=late_us, env_of=mark)
        assert launched.code() == -signal.SIGKILL
        launched.close()
        harness.wait_for(lambda: not running_with(launched.bench), 1)


def running_with(bench):
    """Processes with this bench on their command line or in their environment."""
    found, words = [], str(bench.folder).encode()
    for pid in cages.parents():
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                if words in pathlib.Path(f"/proc/{pid}/{name}").read_bytes():
                    found.append(pid)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_thread_that_ends_is_not_its_process(start, kind):
    """What the kernel offers counts the thread that made a child as its parent."""
    launched = bad_child(start, "user", kind, thread=1)
    time.sleep(0.3)
    assert launched.program in cages.parents()
    launched.all_of_it()
    launched.kill()
    launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_is_not_there(start, kind):
    launched = start("/usr/bin/nonesuch", kind=kind).started()
    assert launched.code() not in (0, None)
    assert b"nonesuch" in launched.proc.stderr.read()


# --- hearth-bridge: engines that speak only TCP ---------------------------------------------------


class Engine:
    """echo_tcp behind the bridge."""

    def __init__(self, start, kind, delay_ms=0, wait=True, **more):
        boxed = kind == "sandbox"
        inside = pathlib.Path("/tmp") if boxed else start.bench("user").who.folder("r")
        port = harness.free_port()
        self.launched = start("/usr/bin/echo_tcp", port, delay_ms, inside / "gone", kind=kind,
                              tcp=f"{inside / 's.sock'}:{port}", **more).started()
        outside = self.launched.seen if boxed else inside.joinpath
        self.path, self.gone = outside("s.sock"), outside("gone")
        if wait:
            assert self.launched.line() == "listening"

    def connect(self, words=b""):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(str(self.path))
        if words:
            s.sendall(words)
        return s

    def is_there(self):
        with contextlib.suppress(OSError), self.connect():
            return True
        return False


def read_all(s, pause=0.0):
    got = 0
    while True:
        bytes_read = s.recv(65536)
        if not bytes_read:
            return got
        got += len(bytes_read)
        time.sleep(pause)


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_pass_the_bridge_both_ways(start, kind):
    engine = Engine(start, kind)
    assert engine.path.stat().st_mode & 0o777 == 0o600
    with engine.connect(b"e") as s:
        sent, got = os.urandom(3_000_000), bytearray()

        def send():
            s.sendall(sent)
            s.shutdown(socket.SHUT_WR)  # the other direction stays open

        sender = threading.Thread(target=send)
        sender.start()
        while chunk := s.recv(65536):
            got += chunk
        sender.join()
        assert bytes(got) == sent + b"bye"


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_reader_gets_all_of_it(start, kind):
    engine = Engine(start, kind)
    with engine.connect(b"d04000000") as s:
        time.sleep(0.3)  # all rooms on the way are full
        assert read_all(s, 0.001) >= 4_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_learns_that_a_client_left(start, kind):
    engine = Engine(start, kind)
    with engine.connect(b"c") as s:
        assert s.recv(1) == b"k"
    harness.wait_for(engine.gone.exists, 1)


def test_a_reset_reaches_the_client(start):
    engine = Engine(start, "sandbox")
    with engine.connect(b"r") as s, contextlib.suppress(ConnectionResetError):
        assert s.recv(1) == b""


def test_more_connections_than_there_are_places(start):
    """The 257th waits in the queue until one of the others ends."""
    engine = Engine(start, "sandbox")
    first = [engine.connect(b"e") for _ in range(256)]
    for s in first:  # each is served
        s.sendall(b"1")
        assert s.recv(1) == b"1"
    late = engine.connect(b"e2")
    late.settimeout(0.3)
    with pytest.raises(TimeoutError):
        late.recv(1)
    first.pop().close()
    late.settimeout(10)
    assert late.recv(1) == b"2"
    for s in [*first, late]:
        s.close()


def test_who_comes_too_early_is_told_so(start):
    engine = Engine(start, "sandbox", delay_ms=1000, wait=False)
    harness.wait_for(engine.is_there)
    with engine.connect() as s:
        assert s.recv(1) == b""
    assert engine.launched.line() == "listening"
    with engine.connect(b"e!") as s:
        assert s.recv(1) == b"!"


@pytest.mark.parametrize("kind", KINDS)
def test_standard_input_and_output_are_the_engines(start, kind):
    engine = Engine(start, kind)
    engine.launched.proc.stdin.write(b"hello\n")
    engine.launched.proc.stdin.flush()
    assert engine.launched.line() == "hello"
    engine.launched.proc.stdin.close()  # echo_tcp ends then
    assert engine.launched.code() == 0
    assert not engine.path.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("word, code", [(b"x", 7), (b"s", 128 + signal.SIGSEGV)])
def test_the_bridge_ends_with_its_engine(start, kind, word, code):
    engine = Engine(start, kind)
    engine.launched.all_of_it()
    with engine.connect(word):
        assert engine.launched.code() == code
    engine.launched.ended()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bridge_ends_with_who_started_it(start, kind):
    engine = Engine(start, kind)
    with engine.connect(b"e1") as s:
        assert s.recv(1) == b"1"
        engine.launched.all_of_it()
        engine.launched.kill()
        engine.launched.ended()


# --- a real engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("who", USERS)
def test_llama_server_runs_in_it(start, benches, ground, real_pack, who):
    bench = benches(who)
    folder = bench.who.folder("l")
    (folder / "data").mkdir()
    pack = real_pack(folder) if who == "user" else engines.real_pack_folder(ground)
    copy = bench.who.own(pathlib.Path(shutil.copyfile(engines.model(ground), folder / "m.gguf")))
    root = pack / "root" if (pack / "root").is_dir() else pack
    launched = start("/usr/bin/llama-server", "-m", "/model/m.gguf", "--host", "/tmp/s.sock", "-c", 65536,
                     who=who, root=root, empty="/model", read=f"{copy}:/model/m.gguf", data=2 << 30,
                     file=1 << 20, processes=512, oom=500, errors=folder / "err").started()
    path = launched.seen("s.sock")

    def ready():
        with contextlib.suppress(OSError, client.Cut):
            return client.ask(path, "GET", "/health").status == 200

    harness.wait_for(ready, 30)
    answer = client.ask(path, "POST", "/completion", {"prompt": "a", "n_predict": 4})
    assert answer.status == 200 and answer.json()["tokens_predicted"] == 4
    launched.all_of_it()
    launched.kill()
    launched.ended()
