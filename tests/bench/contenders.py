"""What is measured: the mock alone, and hearth, nginx and HAProxy in front of it. Each is held to one
core; what it costs is read from the kernel's accounts of its processes."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import harness

WAIT = 10


def cores():
    """(for generator and upstream, for what is measured); the same one where there is only one."""
    have = sorted(os.sched_getaffinity(0))
    return have[0], have[-1]


def on_core(core):
    def before():
        harness.die_with_us()
        os.sched_setaffinity(0, {core})
    return before


def where_is(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def is_up(port, path="/health"):
    """Does a request get an answer with status 200 there?"""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        return s.recv(64).startswith(b"HTTP/1.1 200")
    return False


def family(pid):
    """The process and its children."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


class Contender:
    """One program. `start` sets proc and port; the rest is the same for all."""

    def __init__(self, ground, upstream):
        self.ground, self.upstream, self.core = ground, upstream, cores()[1]
        self.folder = ground.folder(self.name)
        self.proc, self.port, self.stream_port = None, None, None

    def spawn(self, *args, **more):
        out = open(self.folder / "out", "ab")
        self.ground.own(self.folder / "out")
        with out:
            return subprocess.Popen(
                [str(a) for a in args], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, env=self.ground.environment(self.folder), start_new_session=True,
                preexec_fn=on_core(self.core), **self.ground.rules, **more)

    def start(self):
        self.port, self.stream_port = harness.free_port(), harness.free_port()
        self.configure()
        self.run()
        return self

    def run(self):
        """Starts it and waits for its first answer; how many seconds that took."""
        began = time.monotonic()
        self.proc = self.spawn(*self.command())
        while not is_up(self.port, self.probe):
            if self.proc.poll() is not None or time.monotonic() > began + WAIT:
                raise SystemExit(f"{self.name} does not answer: {(self.folder / 'out').read_text()[-2000:]}")
            time.sleep(0.0005)
        return time.monotonic() - began

    def url(self, stream):
        return f"http://127.0.0.1:{self.stream_port if stream else self.port}"

    def cpu_seconds(self):
        """Of all its threads; those that ended are not in the fine account, and none end here."""
        total = 0
        for pid in family(self.proc.pid):
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self):
        """(resident, anonymous) KiB of all its processes."""
        sums = [0, 0]
        for pid in family(self.proc.pid):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            for i, field in enumerate(("VmRSS", "RssAnon")):
                sums[i] += int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1])
        return tuple(sums)

    def close(self, number=signal.SIGTERM):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(number)
            try:
                self.proc.wait(WAIT)
            except subprocess.TimeoutExpired:
                self.proc.kill()
                self.proc.wait(WAIT)

    def write(self, name, words):
        (self.folder / name).write_text(words)
        self.ground.own(self.folder / name)


class Mock(Contender):
    """The upstream of all of them, and what "direct" means."""
    name, probe = "direct", "/v1/models"

    def __init__(self, ground):
        super().__init__(ground, None)
        self.core = cores()[0]

    def configure(self):
        self.stream_port = self.port

    def command(self):
        return [self.ground.program("hearth"), "bench", "upstream", "--port", self.port]


class Hearth(Contender):
    """As it comes, with one provider."""
    name, probe = "hearth", "/health"

    def configure(self):
        self.stream_port = self.port
        config = {"listen": [f"127.0.0.1:{self.port}"], "providers": {"mock": {
            "kind": "openai_compatible", "base_url": self.upstream.url(False) + "/v1",
            "models": ["bench"]}}}
        (self.folder / "config").mkdir(mode=0o700)
        self.ground.own(self.folder / "config")
        self.write("config/hearth.yaml", harness.yaml_text(config) + "\n")

    def command(self):
        return [self.ground.program("hearth"), "up"]


class Nginx(Contender):
    """One worker; bodies and answers stay in memory; streams pass through unbuffered."""
    name, probe = "nginx", "/v1/models"

    def configure(self):
        self.write("nginx.conf", f"""
daemon off;
worker_processes 1;
pid {self.folder}/pid;
error_log {self.folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    client_max_body_size 0;
    client_body_buffer_size 1m;
    client_body_temp_path {self.folder}/body;
    proxy_temp_path {self.folder}/proxy;
    fastcgi_temp_path {self.folder}/fastcgi;
    uwsgi_temp_path {self.folder}/uwsgi;
    scgi_temp_path {self.folder}/scgi;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream mock {{
        server 127.0.0.1:{self.upstream.port};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} backlog=1024;
        location / {{ proxy_pass http://mock; }}
    }}
    server {{
        listen 127.0.0.1:{self.stream_port} backlog=1024;
        location / {{ proxy_pass http://mock; proxy_buffering off; }}
    }}
}}
""")

    def command(self):
        return [where_is("nginx"), "-c", self.folder / "nginx.conf", "-p", self.folder,
                "-e", self.folder / "error.log"]


class Haproxy(Contender):
    """One thread; connections to the upstream are shared."""
    name, probe = "haproxy", "/v1/models"

    def configure(self):
        self.stream_port = self.port
        self.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    option http-keep-alive
    http-reuse always
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend front
    bind 127.0.0.1:{self.port}
    default_backend back
backend back
    server mock 127.0.0.1:{self.upstream.port}
""")

    def command(self):
        return [where_is("haproxy"), "-db", "-f", self.folder / "haproxy.cfg"]


PROXIES = (Hearth, Nginx, Haproxy)
