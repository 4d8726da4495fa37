// What the server offers, put together from one file a feature.

import { createRequestStateCodec, McpServer } from "@modelcontextprotocol/server";
import { randomBytes } from "node:crypto";
import { registerInputTools } from "./input.js";
import { registerPrompts } from "./prompts.js";
import { registerResources } from "./resources.js";
import { registerTasks, TASKS_EXTENSION } from "./tasks.js";
import { registerTools } from "./tools.js";

const state = createRequestStateCodec({ key: randomBytes(32) });

/**
 * A server with everything on it.
 *
 * `legacy`: it will serve a session of an older era. `closeStream(requestId)`: ends that request's event stream early, so
 * that the client has to resume it. `notifier()`: publishes list changes to the subscriptions of 2026-07-28.
 */
export function buildServer({ legacy = false, closeStream, notifier } = {}) {
  const server = new McpServer(
    { name: "sightglass-interop-typescript", version: "1.0.0" },
    {
      capabilities: { logging: {}, ...(!legacy && { extensions: { [TASKS_EXTENSION]: {} } }) },
      cacheHints: cacheHints(["tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read"]),
      requestState: { verify: state.verify },
    },
  );
  if (!legacy) registerTasks(server);
  registerTools(server, { closeStream, notifier });
  registerInputTools(server, state);
  registerPrompts(server);
  registerResources(server, { legacy });
  return server;
}

function cacheHints(methods) {
  return Object.fromEntries(methods.map((method) => [method, { ttlMs: 1000, cacheScope: "public" }]));
}
