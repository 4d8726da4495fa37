// The servers that are examined.
//
// `start(log)` resolves to the program with its URL in `told`. `guarded`: it refuses foreign values of Host and Origin by
// itself. `green`: it has all that the suite asks for, and must pass every check, or the comparison would show less than it
// claims.

import { join } from "node:path";
import { freePort, start } from "./programs.mjs";

const { NODE, WORK, RMCP_FIXTURE } = process.env;

const LISTENING = /^listening (http:\/\/\S+)$/;

export const SERVERS = [
  {
    name: "rmcp",
    guarded: true,
    green: true,
    start: (log) => startFixture([RMCP_FIXTURE, "--port", "0"], log),
  },
  {
    name: "typescript",
    guarded: true,
    green: true,
    start: (log) => startFixture([NODE, join(WORK, "fixture-ts/main.js"), "--port", "0"], log),
  },
  {
    // Has few of the tools that the suite asks for and fails much of it; just as it is, it must come through.
    name: "everything",
    guarded: false,
    green: false,
    start: startEverything,
  },
];

function startFixture(command, log) {
  return start(command, { log, read: (text) => LISTENING.exec(text)?.[1] });
}

async function startEverything(log) {
  const port = await freePort();
  const program = join(WORK, "node_modules/@modelcontextprotocol/server-everything/dist/index.js");
  return start([NODE, program, "streamableHttp"], {
    env: { PORT: String(port) },
    log,
    read: (text) => (text.includes(`listening on port ${port}`) ? `http://127.0.0.1:${port}/mcp` : undefined),
  });
}
