"""What people have in their notes and scripts for other programs, as it stands there but for the port:
it works against hearth, so that nothing has to be rewritten."""

import json
import subprocess

import pytest

import client
import harness

MODELS = ["llama3.2", "llama3", "codellama"]


@pytest.fixture(scope="module")
def daemon(shared):
    fake = shared.fake(script="events=2 usage=always")
    return shared.daemon(config={"providers": {"fake": fake.provider(models=MODELS)}})


def sh(daemon, script):
    done = subprocess.run(["sh", "-c", script.replace("PORT", str(daemon.port))], capture_output=True, text=True,
                          timeout=30, preexec_fn=harness.die_with_us, **daemon.ground.rules)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ollamas_client_generates(programs, daemon):
    said, = programs.python(daemon, f"""
        from ollama import Client
        client = Client(host='http://localhost:{daemon.port}')
        response = client.generate(
            model='llama3.2',
            prompt='Fix this bug in the authentication module'
        )
        print(json.dumps(response['response']))
    """, "ollama")
    assert said == "w0 w1 "


def test_openais_old_client_asks(daemon):
    """`openai.ChatCompletion.create` with `api_base` and `api_key = "not-needed"`, as it goes over the wire."""
    answer = client.ask(daemon.port, "POST", "/v1/chat/completions", {
        "model": "llama3", "messages": [{"role": "user", "content": "Explain this codebase"}]},
        [("Authorization", "Bearer not-needed"), ("User-Agent", "OpenAI/v1 PythonBindings/0.28.1")])
    assert answer.json()["choices"][0]["message"]["content"] == "w0 w1 "


def test_is_ollama_running(daemon):
    assert sh(daemon, "curl -s http://localhost:PORT") == "Ollama is running"
    listed = json.loads(sh(daemon, "curl -s http://localhost:PORT/api/tags"))
    assert sorted(m["name"] for m in listed["models"]) == sorted(MODELS)


def test_a_script_that_looks_whether_a_server_works(daemon):
    said = sh(daemon, r"""
if curl -s http://127.0.0.1:PORT/health | grep -q "ok"; then
    echo "Server is running"
else
    echo "Server not responding"
fi

response=$(curl -s -X POST http://127.0.0.1:PORT/v1/chat/completions \
  -H "Content-Type: application/json" \
  -d '{"messages":[{"role":"user","content":"Say hello"}],"max_tokens":10}')

if echo "$response" | grep -q "choices"; then
    echo "Inference working"
else
    echo "Inference failed"
fi
""")
    assert said == "Server is running\nInference working\n"
