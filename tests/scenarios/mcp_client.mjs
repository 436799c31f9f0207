// A real MCP client: the official package for Node. Started by test_mcp.py: SDK COMMAND WORDS..., where SDK is
// its folder; prints one JSON object.
const [sdk, command, ...args] = process.argv.slice(2);
const { Client } = await import(`${sdk}/dist/esm/client/index.js`);
const { StdioClientTransport } = await import(`${sdk}/dist/esm/client/stdio.js`);

const client = new Client({ name: "hearth-tests", version: "1" });
await client.connect(new StdioClientTransport({ command, args, env: process.env }));
const tools = (await client.listTools()).tools;
const told = [];
const result = await client.callTool(
  { name: "local_llm_complete", arguments: { prompt: "fake: nonce=n events=3 first_ms=1500" } },
  undefined, { onprogress: (p) => told.push(p) });
const stop = new AbortController();
const stopped = client.callTool(
  { name: "local_llm_complete", arguments: { prompt: "fake: events=100 gap_ms=200" } },
  undefined, { signal: stop.signal }).then(() => "answered", () => "stopped");
setTimeout(() => stop.abort("enough"), 500);
const bad = await client.callTool({ name: "local_llm_complete", arguments: { prompt: "x", model: "nothing-of-this-name" } });
const unknown = await client.callTool({ name: "bash", arguments: {} }).catch((e) => ({ code: e.code }));
console.log(JSON.stringify({
  server: client.getServerVersion(), tools: tools.map((t) => t.name), text: result.content[0].text,
  structured: result.structuredContent, told, stopped: await stopped, bad: [bad.isError, bad.content[0].text],
  unknown: unknown.code ?? null,
}));
await client.close();
