// An MCP server on today's TypeScript packages, with the tools, prompts and resources that the conformance suite asks for.
//
//   node main.js [--port N]
//
// The first line on stdout is `listening http://127.0.0.1:PORT/mcp`. Both eras are served on that one URL: a request of
// 2026-07-28 gets a server of its own, an older one belongs to a session with resumable streams.

import { createMcpHandler, isLegacyRequest } from "@modelcontextprotocol/server";
import { createMcpExpressApp } from "@modelcontextprotocol/express";
import { toNodeHandler, toWebRequest } from "@modelcontextprotocol/node";
import { buildServer } from "./features.js";
import { Sessions } from "./sessions.js";

const modern = createMcpHandler(() => buildServer({ notifier: () => modern.notify }), { legacy: "reject" });
const modernHandler = toNodeHandler(modern);
const sessions = new Sessions(buildServer);

// Checks Host and Origin, as a server on loopback must.
const app = createMcpExpressApp({ host: "127.0.0.1" });
app.all("/mcp", async (request, response) => {
  const legacy = await isLegacyRequest(await toWebRequest(request, request.body));
  await (legacy ? sessions.handle(request, response) : modernHandler(request, response, request.body));
});

const listener = app.listen(portArgument(process.argv.slice(2)), "127.0.0.1", () => {
  console.log(`listening http://127.0.0.1:${listener.address().port}/mcp`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, async () => {
    listener.close();
    await Promise.allSettled([modern.close(), sessions.close()]);
    process.exit(0);
  });
}

function portArgument(args) {
  if (args.length === 0) return 0;
  const port = Number(args[1]);
  if (args[0] !== "--port" || args.length !== 2 || !Number.isInteger(port)) {
    console.error("usage: node main.js [--port N]");
    process.exit(64);
  }
  return port;
}
