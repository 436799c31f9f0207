"""Programs that people use, as they are, against a daemon: Continue's `cn`, and vim with llama.vim."""

import pytest


@pytest.fixture(scope="module")
def fake(shared):
    return shared.fake()


@pytest.fixture(scope="module")
def daemon(shared, fake):
    return shared.daemon(fake)


def test_cn(programs, daemon, fake):
    assert programs.cn(daemon, "fake: events=2 text=hello%20").strip() == "hello hello"
    asked = fake.asked().body
    assert asked["stream"] is True and {"Read", "Bash"} <= {t["function"]["name"] for t in asked["tools"]}


def test_cn_calls_its_tool(programs, daemon, fake, ground):
    """It reads a file, as it is told to by the model, and gives the model what is in it."""
    note = ground.folder("note") / "note.txt"
    note.write_text("the secret word is heron\n")
    ground.own(note)
    words = f"fake: loop=Read args=%7B%22filepath%22:%22{note}%22%7D"
    said = programs.cn(daemon, words)
    assert "the tool said:" in said and "heron" in said
    result, = [m for m in fake.asked().body["messages"] if m["role"] == "tool"]
    assert "heron" in str(result["content"])


def test_vim_instruction(programs, daemon, fake):
    """The line under the cursor is replaced by what the model made of it."""
    lines = programs.vim(daemon, ["int a;", "int b;"], """
        call llama#inst(1, 1)
        let n = 0
        while n < 200 && getline(1) ==# 'int a;'
            sleep 20m
            let n += 1
            call llama#inst_accept()
        endwhile
    """, answers="fake: events=2 text=long%20\n")
    assert lines == ["long long ", "int b;"]
    asked = fake.asked().body
    assert asked["model"] == "fake-model" and "int a;" in asked["messages"][0]["content"]


def test_vim_fills_in(programs, fake):
    """What stands at the cursor is suggested by the fake itself, and taken. It tries the helper: with a
    daemon in between it is the same but for the address."""
    lines = programs.vim(fake, ["int f() {", "  return 1", "}"], """
        let g:turn = get(g:, 'turn', 0) + 1
        if g:turn == 1
            call llama#fim(-1, -1, v:false, [], v:false)
        elseif llama#is_fim_hint_shown()
            call llama#fim_accept('full')
            let g:done = 1
        endif
    """, insert=(2, 10))
    assert lines == ["int f() {", "  return 1w0 w1 w2 ", "}"]
    assert fake.asked().path == "/infill" and fake.asked().body["input_prefix"] == "int f() {\n"
