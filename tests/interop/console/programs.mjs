// The programs that the checks run, and how they say what came of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const running = [];

/** A verdict for one check. */
export async function check(name, act) {
  try {
    await act();
    console.log(`pass: ${name}`);
  } catch (problem) {
    console.log(`FAIL: ${name}: ${String(problem.message ?? problem).replace(/\s+/g, " ").slice(0, 600)}`);
    process.exitCode = 1;
  }
}

export function expect(is, what) {
  if (!is) throw new Error(what);
}

/** Waits until it is so. */
export async function until(what, is, limit = 20_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await is();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Starts the program, and gives what `found` finds in what it says. */
async function started(args, found) {
  const child = spawn(process.env.SIGHTGLASS, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.push(child);
  let said = "";
  child.stdout.on("data", (data) => (said = (said + data).slice(-20_000)));
  const value = await until(`${args[0]} says where it is`, () => found(said));
  return value;
}

export async function demo() {
  const admin = await started(["demo", "--port", "0"], (said) => /http:\/\/([\d.:]+)\/metrics/.exec(said)?.[1]);
  return `http://${admin}`;
}

/** An MCP server that answers every call, and a proxy in front of it. */
export async function served(settings) {
  let lists = 0;
  const listed = () => ({ tools: [{ name: "echo", description: `<img src=x onerror="window.hacked=1"> version ${(lists += 1)}`, inputSchema: { type: "object", properties: { "<b>": {} } } }] });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { id, method, params } = body ? JSON.parse(body) : {};
    const failed = params?.name === "broken";
    const result = method === "initialize"
      ? { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "fixture", version: "1" } }
      : method === "tools/list" ? listed() : { content: [{ type: "text", text: failed ? "it is <b>broken</b>" : "fine" }], isError: failed };
    const more = method === "initialize" ? { "mcp-session-id": `session-${Math.random()}` } : {};
    response.writeHead(id === undefined ? 202 : 200, { "content-type": "application/json", ...more });
    response.end(id === undefined ? "" : JSON.stringify({ jsonrpc: "2.0", id, result }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const [port, admin] = await free(2);
  const folder = await mkdtemp(join(tmpdir(), "sightglass-console-"));
  const file = join(folder, "config.toml");
  await writeFile(file, `[proxy]\nlisten = "127.0.0.1:${port}"\n[admin]\nlisten = "127.0.0.1:${admin}"\n${settings}
[[server]]\nname = "fixture"\nurl = "http://127.0.0.1:${server.address().port}/mcp"\ntools = ["echo", "broken"]\n[logs]\nformat = "json"\n`);
  await started(["serve", "--config", file], (said) => said.includes('"event":"started"'));
  const session = {};
  let id = 0;
  const ask = async (method, params) => {
    const answer = await fetch(`http://127.0.0.1:${port}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18", ...session },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
    });
    await answer.text();
    return answer;
  };
  const begun = await ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "<u>checker</u>", version: "1" } });
  session["mcp-session-id"] = begun.headers.get("mcp-session-id");
  return { admin: `http://127.0.0.1:${admin}`, call: (name, given = {}) => ask("tools/call", { name, arguments: given }), list: () => ask("tools/list", {}), close: () => server.close() };
}

async function free(many) {
  const servers = await Promise.all(Array.from({ length: many }, async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return server;
  }));
  const ports = servers.map((server) => server.address().port);
  servers.forEach((server) => server.close());
  return ports;
}

export function stop() {
  for (const child of running) child.kill("SIGTERM");
}
process.on("exit", stop);
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(1));
