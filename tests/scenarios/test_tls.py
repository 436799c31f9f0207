"""Listeners that other machines reach: TLS, the rule of the first byte, certificates, Host and Origin.

This is the one file whose daemons bind wider than loopback, since that is what is tested: for the
time of a test, on ports that the system chose."""

import concurrent.futures
import hashlib
import json
import socket
import ssl
import subprocess
import time

import pytest

import client
import harness
from test_no_memory import EVERY, Orders, attempt

CHAT = "/v1/chat/completions"
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def own_address(family, elsewhere):
    """This machine's address towards another one; nothing is sent to it."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as s:
            s.connect((elsewhere, 9))
            return s.getsockname()[0]
    except OSError:
        return None


LAN = own_address(socket.AF_INET, "192.0.2.1")
LAN6 = own_address(socket.AF_INET6, "2001:db8::1")
needs_lan = pytest.mark.skipif(not LAN, reason="this machine has no address but loopback")


def trust(daemon, version=None):
    """A client that trusts the daemon's own certificate and nothing else."""
    context = ssl.create_default_context(cafile=str(daemon.home / "data/tls/cert.pem"))
    if version:
        context.minimum_version = context.maximum_version = version
    return context


def blind():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def secure(daemon, address="127.0.0.1", context=None, **more):
    return client.Wire((address, daemon.port), tls=context or trust(daemon), **more)


def is_well(daemon):
    with secure(daemon) as w:
        w.send(HEALTH)
        assert w.response().status == 200


@pytest.fixture(scope="module")
def wide(shared):
    fake = shared.fake()
    daemon = shared.daemon(fake, config={"listen": ["0.0.0.0:0"], "limits": {"headers": "2s"}})
    daemon.fake = fake
    return daemon


# --- versions, names, fingerprint ------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_spoken(wide, version):
    with secure(wide, context=trust(wide, version)) as w:
        assert w.sock.version() == version.name.replace("v1_", "v1.")
        assert w.sock.compression() is None
        for _ in range(3):
            w.send(HEALTH)
            assert w.response().status == 200


@pytest.mark.parametrize("version", ["-ssl3", "-tls1", "-tls1_1"])
def test_versions_that_are_not(wide, version):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{wide.port}", version, "-cipher", "ALL:@SECLEVEL=0"],
        input=b"", capture_output=True, timeout=20)
    assert done.returncode != 0 and b"BEGIN CERTIFICATE" not in done.stdout
    is_well(wide)


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256",
                                    "ECDHE-RSA-AES128-GCM-SHA256", "NULL-SHA256", "AECDH-AES128-SHA"])
def test_weak_ciphers(wide, cipher):
    context = blind()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.set_ciphers(cipher + ":@SECLEVEL=0")
    except ssl.SSLError:
        pytest.skip("this client does not know it")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        secure(wide, context=context)


def test_alpn(wide):
    context = trust(wide)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with secure(wide, context=context) as w:
        assert w.sock.selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        secure(wide, context=context)


@needs_lan
def test_names_of_our_own_certificate(wide):
    for address in ("127.0.0.1", LAN):
        with secure(wide, address) as w:
            w.send(HEALTH)
            assert w.response().status == 200
    with socket.create_connection(("127.0.0.1", wide.port)) as s, pytest.raises(ssl.SSLCertVerificationError):
        trust(wide).wrap_socket(s, server_hostname="example.com")


def test_the_fingerprint_that_is_told(wide):
    with secure(wide) as w:
        real = hashlib.sha256(w.sock.getpeercert(True)).hexdigest().upper()
    real = ":".join(real[i:i + 2] for i in range(0, 64, 2))
    told = json.loads(wide.hearth("status", "--json")[1])
    assert told["tls"]["sha256"] == real and told["tls"]["self_signed"] is True
    assert told["tls"]["certificate"] == str(wide.home / "data/tls/cert.pem")
    assert real in wide.hearth("status")[1] and real in wide.said()
    assert f"http://127.0.0.1:{wide.port}" in told["listen"]
    if LAN:
        assert f"https://{LAN}:{wide.port}" in told["listen"]
    assert (wide.home / "data/tls/key.pem").stat().st_mode & 0o777 == 0o600


def test_up_tells_it(make):
    home = make.home({"listen": ["0.0.0.0:0"]})
    try:
        code, out, err = home.hearth("up", "--detach", "--json")
        said = json.loads(out)
        assert code == 0 and said["tls"]["self_signed"] is True, err
        code, out, err = home.hearth("up", "--detach")
        assert code == 0 and said["tls"]["sha256"] in out and "cert.pem" in out
    finally:
        assert home.hearth("down")[0] == 0


def test_without_a_listener_that_needs_it_there_is_none(make):
    daemon = make.daemon(config={})
    assert json.loads(daemon.hearth("status", "--json")[1])["tls"] is None
    assert not (daemon.home / "data/tls").exists()
    with daemon.wire() as w:
        w.send(b"\x16\x03\x01\x02\x00\x01")
        assert w.response().status == 400


# --- the first byte --------------------------------------------------------------------------------------


def test_plain_http_on_this_machine(wide):
    assert wide.ask("GET", "/health").status == 200
    assert wide.chat("events=2").status == 200


@needs_lan
@pytest.mark.parametrize("what", [HEALTH, b"POST / HTTP/1.1\r\n", b"\r\n", b"\0", b"\x80\x2e\x01\x03\x01junk",
                                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_plain_bytes_from_elsewhere(wide, what):
    with client.Wire((LAN, wide.port)) as w:
        w.send(what)
        r = w.response()
        assert (r.status, r.error) == (400, "tls_needed")
        assert f"https://{LAN}:{wide.port}" in r.json()["error"]["message"]
        assert w.closes(4)


# --- what is no handshake --------------------------------------------------------------------------------


JUNK = [b"\x16", b"\x16\x03", b"\x16\x03\x01\x00\x00", b"\x16\x03\x01\xff\xff" + b"x" * 70000,
        b"\x16\x03\x03\x00\x04\x01\x00\x00\x00", b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff",
        b"\x16" * 1000, b"\x16\x02\x00\x00\x01x", b"\x16\x03\x01\x00\x01\x01" * 5000,
        b"\x16\x03\x01\x00\x00" * 5000, b"\x16\x03\x01\x00\x02\x02\x28", b"\x16GET / HTTP/1.1\r\n\r\n"]


def hello(name=b"localhost", version=None):
    """The first record that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = blind()
    if version:
        context.maximum_version = version
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name.decode())
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_junk(wide):
    whole = hello()
    cut = [whole[:n] for n in (1, 4, 5, 6, 50, len(whole) - 1)]
    flipped = [bytes(b ^ (0xff if i == at else 0) for i, b in enumerate(whole)) for at in range(1, len(whole), 7)]
    for what in [*JUNK, *cut, *flipped]:
        with client.Wire(wide.port) as w:
            try:
                w.send(what)
                w.sock.shutdown(socket.SHUT_WR)
                while w.fill(5):
                    pass
            except OSError:  # it has closed already
                pass
            assert len(w.reader.buf) < 8192
    is_well(wide)
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


def test_names_that_are_asked_for(wide):
    """Any name is fine, since there is one certificate; what is none is refused or ignored."""
    plain = hello(b"a" * 63)
    at = plain.index(b"a" * 63)

    def try_name(name):
        with client.Wire(wide.port) as w:
            try:
                w.send(plain[:at] + name + plain[at + 63:])
                w.sock.shutdown(socket.SHUT_WR)
                while w.fill(5):
                    pass
            except OSError:  # it has closed already
                pass
    names = [bytes([i % 256]) * 63 for i in range(300)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(try_name, names))
    is_well(wide)
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


def test_a_second_handshake(wide):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{wide.port}", "-tls1_2"],
                          input=b"R\nGET /health HTTP/1.0\r\n\r\n", capture_output=True, timeout=20)
    assert b"200 OK" not in done.stdout
    is_well(wide)


def test_half_a_handshake(wide):
    """Silence and drops of it: both end at limits.headers, 2 s here."""
    whole = hello()
    with client.Wire(wide.port) as silent, client.Wire(wide.port) as slow, client.Wire(wide.port) as shy:
        began = time.monotonic()
        silent.send(whole)  # and never answers the server's part
        shy.send(whole[:100])
        for i in range(40):
            try:
                slow.send(whole[i:i + 1])
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.1)
        assert i > 10
        for w in (silent, slow, shy):
            w.reader.buf.clear()
            while w.fill(3):
                pass
        assert 1.5 < time.monotonic() - began < 8
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


def test_an_end_in_the_middle(wide):
    for how in ("handshake", "request", "answer"):
        with client.Wire(wide.port) if how == "handshake" else secure(wide) as w:
            if how == "handshake":
                w.send(hello())
            elif how == "request":
                w.send(HEALTH[:20])
            else:
                w.send(client.request_bytes("POST", CHAT, client.chat_body("events=50 gap_ms=20", stream=True)))
                w.head()
            w.close(reset=True)
    assert wide.idle()["attempts"] == 0
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


# --- what goes through it --------------------------------------------------------------------------------


class Bytewise:
    """A client whose bytes go out one at a time, in records of one byte."""

    def __init__(self, daemon):
        self.sock = socket.create_connection(("127.0.0.1", daemon.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust(daemon).wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")

    def flush(self):
        for byte in self.outgoing.read():
            self.sock.sendall(bytes([byte]))

    def until(self, what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.sock.recv(65536))

    def close(self):
        self.sock.close()


def test_single_bytes(wide):
    c = Bytewise(wide)
    try:
        c.until(c.tls.do_handshake)
        for byte in HEALTH:
            c.tls.write(bytes([byte]))
        c.flush()
        assert c.until(lambda: c.tls.read(65536)).startswith(b"HTTP/1.1 200 OK")
    finally:
        c.close()


def test_a_large_body_and_a_large_answer(wide):
    with secure(wide, timeout=30) as w:
        w.send(client.request_bytes("POST", CHAT, client.chat_body("events=20 size=100000", pad=3 << 20)))
        r = w.response()
        assert r.status == 200 and len(r.body) > 2000000
        assert len(wide.fake.last()[0]["body"]) > 3 << 20
        w.send(HEALTH + HEALTH)
        assert [w.response().status for _ in range(2)] == [200, 200]


def test_a_stream_is_whole_and_prompt(wide):
    with client.Stream(secure(wide), "events=5 gap_ms=200") as s:
        began = time.monotonic()
        s.take(1)
        first = time.monotonic() - began
        events = s.rest()
        assert first < 0.9 < time.monotonic() - began
        assert client.is_done(events[-1]) and len(client.contents(events)) == 4
        s.wire.send(HEALTH)
        assert s.wire.response().status == 200


def test_the_end_is_said(wide):
    """close_notify: without it a client cannot tell an end from a cut."""
    with secure(wide) as w:
        w.send(client.request_bytes("GET", "/health", None, [("Connection", "close")]))
        assert w.response().status == 200
        assert not w.fill()  # raises ssl.SSLEOFError on a ragged end
    with secure(wide) as w:
        w.send(HEALTH.replace(b"1.1", b"1.0", 1))
        assert w.response().status == 200
        assert not w.fill()


def test_the_end_of_rest_is_said(make):
    daemon = make.daemon(config={"listen": ["0.0.0.0:0"], "limits": {"keep_alive": "300ms"}})
    with secure(daemon) as w:
        w.send(HEALTH)
        assert w.response().status == 200
        assert not w.fill()
    with secure(daemon) as w:
        w.send(HEALTH)
        assert w.response().status == 200
        daemon.hearth("down")
        assert not w.fill()


def test_a_client_that_says_its_end(wide):
    with secure(wide) as w:
        w.send(HEALTH)
        assert w.response().status == 200
        w.sock.unwrap()
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


def test_a_cut_stream_has_no_end(make):
    """The provider dies in the middle of an answer that only the connection's end would end."""
    fake = make.fake()
    daemon = make.daemon(fake, config={"listen": ["0.0.0.0:0"], "limits": {"write_stall": "300ms"}})
    with secure(daemon, rcvbuf=1 << 15) as w:
        raw = client.request_bytes("POST", CHAT, client.chat_body("events=100 size=200000", stream=True))
        w.send(raw.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert w.head().status == 200
        harness.wait_for(lambda: daemon.counts()["requests"] == 0, 8)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            while w.sock.recv(1 << 16):
                pass


def test_slow_readers_are_paused(make):
    fake = make.fake()
    daemon = make.daemon(fake, config={"listen": ["0.0.0.0:0"], "limits": {"stream_buffer": "64KiB"}})
    is_well(daemon)
    before = daemon.memory_kib()
    with client.Stream(secure(daemon, rcvbuf=1 << 15, timeout=30), "events=200 size=100000") as s:
        s.take(1)
        time.sleep(1)
        if not daemon.ground.sanitized:
            assert daemon.memory_kib() - before < 12 << 10
        assert daemon.counts()["requests"] == 1  # 20 MB do not fit into what the kernel keeps
        events = s.rest()
        assert client.is_done(events[-1]) and len(client.contents(events)) == 199


def test_many_handshakes_at_once(wide):
    context = trust(wide)

    def ask(_):
        with secure(wide, context=context, timeout=60) as w:
            w.send(HEALTH)
            return w.response().status
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        assert set(pool.map(ask, range(200))) == {200}
    harness.wait_for(lambda: wide.counts()["connections"] == 1, 10)


def test_a_session_is_resumed(wide):
    context = trust(wide, ssl.TLSVersion.TLSv1_2)
    with secure(wide, context=context) as w:
        w.send(HEALTH)
        assert w.response().status == 200
        session = w.sock.session
    with socket.create_connection(("127.0.0.1", wide.port)) as s, \
            context.wrap_socket(s, server_hostname="127.0.0.1", session=session) as t:
        assert t.session_reused


def test_no_memory(make, ground):
    """Each allocation of ours fails once in turn, as in test_no_memory.py."""
    orders = Orders(ground)
    config = harness.merge(harness.providers(make.fake()), {"listen": ["0.0.0.0:0"]})
    daemon = make.home(config).up(env={"HEARTH_FAIL_ALLOC": str(orders.path)})
    context = trust(daemon)

    def stream(_):
        with client.Stream(secure(daemon, context=context, timeout=3), "events=5 size=20000") as s:
            s.rest()
    stream(daemon)
    before = orders["count"]
    stream(daemon)
    for i in range(1, orders["count"] - before + EVERY, EVERY):
        orders["fail_at"] = orders["count"] + i
        attempt(stream, daemon)
        orders["fail_at"] = 0
        assert daemon.proc.poll() is None, daemon.said()[-5000:]
        is_well(daemon)
    assert orders["failed"] > 5
    assert daemon.idle()["body_bytes"] == 0


# --- certificates ----------------------------------------------------------------------------------------


def make_certificate(daemon, name="nas.home", stem="tls"):
    folder = daemon.config_file.parent
    certificate, key = folder / f"{stem}.crt", folder / f"{stem}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                    "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    for path in (certificate, key):
        path.chmod(0o600)
        daemon.ground.own(path)
    return certificate, key


def name_seen(daemon):
    with secure(daemon, context=blind()) as w:
        der = w.sock.getpeercert(True)
    text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der,
                          capture_output=True, check=True).stdout.decode()
    return text.rpartition("=")[2].strip()


def test_a_certificate_that_is_renewed(make):
    fake = make.fake()
    daemon = make.home(harness.providers(fake))
    certificate, key = make_certificate(daemon, "first.home")
    config = {**daemon.config, "listen": ["0.0.0.0:0"], "hosts": ["first.home"],
              "tls": {"certificate": str(certificate), "key": str(key)}}
    daemon.write(config)
    daemon.up()
    told = json.loads(daemon.hearth("status", "--json")[1])["tls"]
    assert told["self_signed"] is False and told["certificate"] == str(certificate)
    assert name_seen(daemon) == "first.home"
    with client.Stream(secure(daemon, context=blind()), "events=10 gap_ms=150") as s:
        s.take(1)
        make_certificate(daemon, "second.home")
        assert daemon.hearth("reload")[0] == 0
        assert name_seen(daemon) == "second.home"
        key.chmod(0o644)
        assert daemon.hearth("reload")[0] == 77
        key.chmod(0o600)
        certificate.write_text("junk")
        code, out, err = daemon.hearth("reload")
        assert code == 78 and str(certificate) in err
        assert name_seen(daemon) == "second.home"
        events = s.rest()
        assert client.is_done(events[-1]) and len(client.contents(events)) == 9
    certificate.unlink()
    key.unlink()
    daemon.write({**config, "tls": {}})
    assert daemon.hearth("reload")[0] == 0
    assert name_seen(daemon) == "hearth on this machine"


@pytest.mark.parametrize("how, code", [("readable", 77), ("other key", 78), ("no file", 78), ("junk", 78),
                                       ("not ours", 77)])
def test_a_certificate_that_cannot_be_used(make, how, code):
    daemon = make.home()
    certificate, key = make_certificate(daemon)
    if how == "readable":
        key.chmod(0o640)
    elif how == "other key":
        key = make_certificate(daemon, stem="other")[1]
    elif how == "no file":
        certificate.unlink()
    elif how == "junk":
        certificate.write_text("junk")
    elif how == "not ours":
        key.chmod(0)
    daemon.write({"listen": ["0.0.0.0:0"], "tls": {"certificate": str(certificate), "key": str(key)}})
    got, out, err = daemon.hearth("up")
    assert got == code and (str(key) in err or str(certificate) in err), err
    daemon.write({"tls": {"certificate": str(certificate), "key": str(key)}})
    daemon.up()  # on loopback alone it is not needed


def test_our_own_stays_and_grows(make):
    daemon = make.home({"listen": ["0.0.0.0:0"]}).up()
    with secure(daemon) as w:
        first = w.sock.getpeercert(True)
    daemon.stop()
    daemon.up()
    with secure(daemon) as w:
        assert w.sock.getpeercert(True) == first
    daemon.write({"listen": ["0.0.0.0:0"], "hosts": ["nas.home"]})
    assert daemon.hearth("reload")[0] == 0
    with socket.create_connection(("127.0.0.1", daemon.port)) as s, \
            trust(daemon).wrap_socket(s, server_hostname="nas.home") as t:
        assert t.getpeercert(True) != first
        t.sendall(HEALTH.replace(b"localhost", b"nas.home"))
        assert t.recv(100).startswith(b"HTTP/1.1 200")


# --- plain: ----------------------------------------------------------------------------------------------


def interface_of(address):
    lines = subprocess.run(["ip", "-o", "addr"], capture_output=True, text=True, check=True).stdout
    return next(ln.split()[1] for ln in lines.splitlines() if f" {address}/" in ln)


@needs_lan
@pytest.mark.parametrize("how", ["address", "interface", "another"])
def test_networks_of_ones_own(make, how):
    name = {"address": LAN, "interface": interface_of(LAN), "another": "docker99"}[how]
    home = make.home({"listen": ["127.0.0.1:0", f"{LAN}:{harness.free_port()}"], "plain": [name]}).up()
    listening = json.loads(home.hearth("status", "--json")[1])["listen"]
    url = next(u for u in listening if LAN in u)
    with client.Wire((LAN, int(url.rpartition(":")[2]))) as w:
        w.send(HEALTH)
        r = w.response()
    assert (url.startswith("https"), r.status) == ((True, 400) if how == "another" else (False, 200))


@needs_lan
def test_the_whole_machine_beside_its_parts(make):
    port = harness.free_port()
    home = make.home({"listen": [f"0.0.0.0:{port}", f"localhost:{port}", f"{LAN}:{port}"]}).up()
    assert home.port == port
    with secure(home, LAN) as w:
        w.send(HEALTH)
        assert w.response().status == 200


# --- who asks --------------------------------------------------------------------------------------------


@needs_lan
def test_from_elsewhere_a_key_is_needed(make):
    """Encrypted or not: the kernel's word for a user counts on loopback only."""
    port = harness.free_port()
    plain = {"listen": ["127.0.0.1:0", f"{LAN}:{port}"], "plain": [LAN]}
    for listen in ({"listen": ["0.0.0.0:0"]}, plain):
        daemon = make.daemon(make.fake(), config=listen)
        assert daemon.chat("events=1").status == 200
        key = json.loads(daemon.hearth("keys", "create", "phone", "--json")[1])["key"]
        for headers, status in (([], 401), ([("Authorization", "Bearer hk_abcdefgh_" + "x" * 43)], 401),
                                ([("Authorization", f"Bearer {key}")], 200)):
            body = client.chat_body("events=1")
            with (client.Wire((LAN, port)) if "plain" in listen else secure(daemon, LAN)) as w:
                w.send(client.request_bytes("POST", CHAT, body, headers, LAN))
                assert w.response().status == status


# --- Host and Origin, on every bind ----------------------------------------------------------------------


PATHS = ["/health", "/v1/models", "/nothing", "/hearth/v1/status", CHAT]
STRANGE = ["evil.example", "127.0.0.1.nip.io", "localhost.evil", "0.0.0.0", "10.0.0.1", "[::2]", "192.0.2.99",
           "localhost.", "2130706433", "127.1", "[::ffff:127.0.0.1]", "x" * 200]


def ways(daemon):
    """How one gets to it: a connection each, and whether it speaks TLS."""
    yield lambda: client.Wire(daemon.port), "127.0.0.1"
    yield lambda: secure(daemon), "127.0.0.1"
    if LAN:
        yield lambda: secure(daemon, LAN), LAN


def judge_refusal(r, code):
    assert (r.status, r.error) == (403, code), r
    assert len(r.body) <= 100
    assert not [n for n, _ in r.headers if n.lower().startswith("access-control")]


@pytest.mark.parametrize("path", PATHS)
def test_hosts_that_are_refused(wide, path):
    for connect, _ in ways(wide):
        for host in STRANGE:
            with connect() as w:
                w.send(client.request_bytes("GET", path, None, [("Connection", "close")], host))
                r = w.response()
                judge_refusal(r, "host_not_allowed")
                if len(host) < 30:
                    assert f'hosts: ["{host.strip("[]")}"]' in r.json()["error"]["message"]


def test_hosts_that_are_ours(make):
    daemon = make.daemon(config={"listen": ["0.0.0.0:0"], "hosts": ["nas.home", "10.9.8.7"]})
    for connect, address in ways(daemon):
        good = ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", address, "nas.home", "NAS.home:80", "10.9.8.7"]
        for host in [*good, f"{address}:{daemon.port}"]:
            with connect() as w:
                w.send(client.request_bytes("GET", "/health", None, [], host))
                assert w.response().status == 200, host
    if LAN:  # the address is ours, but not the one at which this connection came in
        with client.Wire(daemon.port) as w:
            w.send(client.request_bytes("GET", "/health", None, [], LAN))
            judge_refusal(w.response(), "host_not_allowed")
    daemon.write({"listen": ["0.0.0.0:0"]})
    assert daemon.hearth("reload")[0] == 0
    with client.Wire(daemon.port) as w:
        w.send(client.request_bytes("GET", "/health", None, [], "nas.home"))
        judge_refusal(w.response(), "host_not_allowed")


@pytest.mark.parametrize("path", PATHS)
def test_origins_that_are_refused(wide, path):
    for connect, address in ways(wide):
        own = f"{address}:{wide.port}"
        for headers in ([("Origin", "http://evil.example")], [("Origin", "null")], [("Origin", "")],
                        [("Origin", "https://\u202eevil")], [("Origin", f"http://{address}")],
                        [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")],
                        [("Origin", "http://" + "e" * 200)]):
            with connect() as w:
                w.send(client.request_bytes("GET", path, None, headers, own))
                judge_refusal(w.response(), "origin_not_allowed")


def test_the_line_that_would_admit(wide):
    r = wide.ask("GET", "/health", headers=[("Origin", "http://localhost:3000")])
    assert 'origins: ["http://localhost:3000"]' in r.json()["error"]["message"]


def test_our_own_page(wide):
    """Its origin has the scheme that the connection speaks."""
    for connect, address in ways(wide):
        host = f"{address}:{wide.port}"
        with connect() as w:
            mine, other = ("https", "http") if isinstance(w.sock, ssl.SSLSocket) else ("http", "https")
            w.send(client.request_bytes("GET", "/health", None, [("Origin", f"{mine}://{host}")], host))
            r = w.response()
            assert r.status == 200 and r.header("Access-Control-Allow-Origin") == f"{mine}://{host}"
            w.send(client.request_bytes("GET", "/health", None, [("Origin", f"{other}://{host}")], host))
            judge_refusal(w.response(), "origin_not_allowed")
