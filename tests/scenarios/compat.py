"""compat.py [--write]: what works with which client, told by the tests that try it.

Runs the tests that ROWS names and prints docs/compatibility.md, or writes it. A row is red when one of
its tests failed, or none of them ran. `make compat` calls this; the suite checks that the page names
the rows that are here, each with tests that are there, and none red."""

import collections
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
PAGE = TOP / "docs/compatibility.md"
ENGINE, SAID = "llama.cpp's llama-server", "a provider that says what a script wants"

Row = collections.namedtuple("Row", "endpoint client what behind file tests")
ROWS = [Row(*r) for r in [
    # OpenAI
    ("POST /v1/chat/completions", "openai for Python", "chat, stream with its helper, tool loop, schema, errors",
     SAID, "test_clients_openai", r"test_(chat|tool_loop|schema_is_passed_on|errors)\[python"),
    ("POST /v1/chat/completions", "openai for Node", "chat, stream with its helper, tool loop, schema, errors",
     SAID, "test_clients_openai", r"test_(chat|tool_loop|schema_is_passed_on|errors)\[node"),
    ("POST /v1/chat/completions", "openai for Python", "chat, stream, schema, types",
     ENGINE, "test_clients_openai", r"test_real_(chat|schema)\[python|test_real_types"),
    ("POST /v1/chat/completions", "openai for Node", "chat, stream, schema",
     ENGINE, "test_clients_openai", r"test_real_(chat|schema)\[node"),
    ("POST /v1/chat/completions", "the types of openai for Python", "every answer and event, strictly",
     SAID, "test_clients_openai", r"test_types\["),
    ("POST /v1/chat/completions", "Continue's cn", "a prompt, and a loop of its own tools",
     SAID, "test_clients_programs", r"test_cn"),
    ("POST /v1/chat/completions", "llama.vim in vim", "an instruction", SAID, "test_clients_programs", "test_vim_instruction"),
    ("POST /v1/chat/completions", "SillyTavern's requests", "chat mode, errors", ENGINE, "test_sillytavern",
     r"test_(chat_completion|what_it_shows)"),
    ("POST /v1/chat/completions", "openai for Python", "tool loop", ENGINE, "test_tool_loops", r"test_openai\[.*python"),
    ("POST /v1/chat/completions", "openai for Node", "tool loop", ENGINE, "test_tool_loops", r"test_openai\[.*node"),
    ("POST /v1/messages", "anthropic for Python", "tool loop", ENGINE, "test_tool_loops", r"test_anthropic\[.*python"),
    ("POST /v1/messages", "anthropic for Node", "tool loop", ENGINE, "test_tool_loops", r"test_anthropic\[.*node"),
    ("POST /api/chat", "ollama for Python and Node", "tool loop", ENGINE, "test_tool_loops", r"test_ollama\["),
    ("POST /v1/embeddings", "openai for Python and Node", "texts, lists, tokens; base64 as they ask", ENGINE,
     "test_clients_openai", r"test_.*vectors"),
    ("POST /v1/completions", "SillyTavern's requests", "generic mode", ENGINE, "test_sillytavern", "test_generic"),
    ("POST /v1/completions", "a strict reader", "text, stream, several", ENGINE, "test_kinds", r"test_(a_text|several_texts)"),
    ("POST /v1/embeddings", "a strict reader", "numbers and base64, batches, bad ones among good",
     ENGINE, "test_vectors", r"test_(one_at|each_gets|different|a_bad_one)"),
    ("POST /v1/rerank", "a strict reader", "ranks", ENGINE, "test_kinds", "test_ranks"),
    ("GET /v1/models", "openai for Python", "list, types", SAID, "test_clients_openai",
     r"test_list_of_models\[python|test_types_of_lists"),
    ("GET /v1/models", "openai for Node", "list", SAID, "test_clients_openai", r"test_list_of_models\[node"),
    # Anthropic
    ("POST /v1/messages", "anthropic for Python", "message, stream with its helper, tool loop, errors",
     SAID, "test_anthropic", "test_the_python_client"),
    ("POST /v1/messages", "anthropic for Node", "message, stream with its helper, tool loop, errors",
     SAID, "test_anthropic", "test_the_node_client"),
    ("POST /v1/messages", "the types of anthropic for Python", "every answer and event, strictly",
     SAID, "test_anthropic", "test_its_types"),
    ("POST /v1/messages", "a strict reader", "message, stream, schema, results of tools, stop", ENGINE,
     "test_anthropic", r"test_llama_(talks|keeps|reads|stops)"),
    ("POST /v1/messages/count_tokens", "a strict reader", "a count", ENGINE, "test_anthropic", "test_llama_counts"),
    # Ollama
    ("POST /api/chat, /api/generate, /api/embed; GET /api/tags, /api/ps", "ollama for Python", "all of them",
     SAID, "test_ollama", r"test_all_with_its_clients\[.*python"),
    ("POST /api/chat, /api/generate, /api/embed; GET /api/tags, /api/ps", "ollama for Node", "all of them",
     SAID, "test_ollama", r"test_all_with_its_clients\[.*node"),
    ("POST /api/chat", "ollama for Python and Node", "tool loop", SAID, "test_ollama", "test_loops_of_tools"),
    ("POST /api/chat, /api/generate", "the types of ollama for Python", "every answer and line, strictly",
     SAID, "test_ollama", r"test_what_their_types_say\["),
    ("POST /api/chat, /api/generate", "a strict reader", "chat, prompt, gap, format, load and unload", ENGINE, "test_ollama",
     r"test_(a_chat_with|prompts_with|what_belongs|a_format|into_memory)"),
    ("POST /api/embed, /api/embeddings", "a strict reader", "vectors", ENGINE, "test_ollama", "test_vectors_of_the_engine"),
    ("POST /api/generate", "SillyTavern's requests", "raw", SAID, "test_ollama", "test_sillytavern"),
    # llama.cpp
    ("POST /completion, /tokenize; GET /props", "SillyTavern's requests", "connect, generate, count", ENGINE,
     "test_sillytavern", r"test_it_(connects|generates|counts)"),
    ("POST /infill", "llama.vim in vim", "fills in", ENGINE, "test_natives", "test_vim_fills_in"),
    ("POST /v1/fim/completions", "Mistral's requests", "fills in", ENGINE, "test_natives", "test_filling_in"),
    ("POST /tokenize, /detokenize, /apply-template; GET /slots, /lora-adapters", "a strict reader", "each of them", ENGINE,
     "test_natives", r"test_(tokens_there|template|adapters|slots_tell)"),
    ("POST /models/load, /models/unload", "llama-server's router's requests", "load, unload", ENGINE, "test_natives",
     "test_load_and_unload"),
    # MCP
    ("hearth mcp", "mcp for Python", "both eras", SAID, "test_mcp", "test_the_python_client"),
    ("hearth mcp", "MCP's SDKs for Node", "both eras", SAID, "test_mcp", "test_the_node_client"),
    ("hearth mcp", "a strict reader", "local_llm_complete, local_llm_embed", ENGINE, "test_mcp",
     r"test_(a_real_engine|vectors_of_a_real)"),
    # all with all
    ("every caller", "OpenAI chat, texts, Anthropic, Ollama chat, generate", "in front of OpenAI, Anthropic and Ollama",
     SAID, "test_matrix", "test_"),
]]


def results():
    """{file: {test: passed, failed or skipped}}"""
    files = sorted({f"{row.file}.py" for row in ROWS})
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.xml"
        subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}",
                        *(str(HERE / f) for f in files)], stdout=sys.stderr)
        found = collections.defaultdict(dict)
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            state = "failed" if case.find("failure") is not None or case.find("error") is not None else \
                "skipped" if case.find("skipped") is not None else "passed"
            found[case.get("classname").rpartition(".")[2]][case.get("name")] = state
        return found


def result_of(row, found):
    states = [state for name, state in found[row.file].items() if re.match(row.tests, name)]
    count = collections.Counter(states)
    if count["failed"] or not count["passed"]:
        return f"**RED**: {count['failed']} failed, {count['skipped']} skipped"
    return f"ok, {count['passed']} test{'s' * (count['passed'] > 1)}"


def versions():
    """Of the clients, as they are pinned."""
    named = re.findall(r"^(openai|anthropic|ollama|mcp)==(\S+)", (TOP / "tests/clients/requirements.txt").read_text(), re.M)
    return ", ".join(f"{name} {version}" for name, version in named)


def page(told):
    """told: what the last column says of a row."""
    lines = ["# Compatibility", "",
             "What was tried with which client, and what came of it: written by `make compat`, which runs the tests "
             "behind each row.", f"The clients are their makers' own, pinned in `tests/clients` (Python: {versions()}).",
             "\"A strict reader\" is the suite's own client, which refuses what a dialect does not allow.", "",
             "| endpoint | client | what | answered by | result |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| `{row.endpoint}` | {row.client} | {row.what} | {row.behind} | {told(row)} |" for row in ROWS]
    return "\n".join(lines) + "\n"


def main():
    found = results()
    words = page(lambda row: result_of(row, found))
    if "--write" in sys.argv[1:]:
        PAGE.write_text(words)
    else:
        print(words)
    return "**RED**" in words


if __name__ == "__main__":
    sys.exit(main())
