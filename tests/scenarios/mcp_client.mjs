// A real MCP client: one of the official packages for Node. Started by test_mcp.py: ERA, the files of Client and of
// its transport, COMMAND WORDS...; prints one JSON object.
const [era, index, stdio, command, ...args] = process.argv.slice(2);
const { Client } = await import(index);
const { StdioClientTransport } = await import(stdio);

const modern = era === "modern";
const client = new Client({ name: "hearth-tests", version: "1" },
  modern ? { versionNegotiation: { mode: "auto" } } : {});
const call = (prompt, options = {}, more = {}) => client.callTool(
  { name: "local_llm_complete", arguments: { prompt, ...more } }, ...(modern ? [options] : [undefined, options]));

await client.connect(new StdioClientTransport({ command, args, env: process.env }));
const tools = (await client.listTools()).tools;
const told = [];
const result = await call("fake: nonce=n events=3 first_ms=1500", { onprogress: (p) => told.push(p) });
const stop = new AbortController();
const stopped = call("fake: events=100 gap_ms=200", { signal: stop.signal }).then(() => "answered", () => "stopped");
setTimeout(() => stop.abort("enough"), 500);
const bad = await call("x", {}, { model: "nothing-of-this-name" });
const unknown = await client.callTool({ name: "bash", arguments: {} }).catch((e) => ({ code: e.code }));
console.log(JSON.stringify({
  server: client.getServerVersion(), version: client.getNegotiatedProtocolVersion?.() ?? null,
  tools: tools.map((t) => t.name), text: result.content[0].text, structured: result.structuredContent, told,
  stopped: await stopped, bad: [bad.isError, bad.content[0].text], unknown: unknown.code ?? null,
}));
await client.close();
