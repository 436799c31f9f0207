"""A real MCP client: the official Python package, which the tests' own interpreter does not have. Started by
test_mcp.py with that of build/clients: MODE COMMAND WORDS..., and prints one JSON object."""

import asyncio
import json
import os
import sys

import jsonschema
from mcp import Client, MCPError, StdioServerParameters


async def main(mode, command, *words):
    said, told = {}, []

    async def on_progress(progress, total, message):
        told.append([progress, total, message])

    server = StdioServerParameters(command=command, args=list(words), env=dict(os.environ))
    async with Client(server, mode=mode) as client:
        said["version"] = client.session.protocol_version
        tools = (await client.list_tools()).tools
        for tool in tools:
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        said["tools"] = [t.name for t in tools]
        result = await client.call_tool(
            "local_llm_complete", {"prompt": "fake: nonce=n events=3 first_ms=1500", "max_tokens": 5},
            progress_callback=on_progress)
        said["text"], said["structured"] = result.content[0].text, result.structured_content
        said["told"], said["error"] = told, result.is_error
        jsonschema.validate(result.structured_content, tools[0].output_schema)
        bad = await client.call_tool("local_llm_complete", {"prompt": "x", "model": "nothing-of-this-name"})
        said["bad"] = [bad.is_error, bad.content[0].text]
        try:
            await client.call_tool("bash", {})
        except MCPError as e:
            said["unknown"] = e.error.code
        several = await asyncio.gather(*(
            client.call_tool("local_llm:complete", {"prompt": f"fake: nonce=k{i} events=2"}) for i in range(12)))
        said["several"] = [r.content[0].text for r in several]
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:]))
