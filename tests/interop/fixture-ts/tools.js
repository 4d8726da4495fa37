// Tools that answer by themselves; those that ask the client something first are in input.js.

import { fromJsonSchema } from "@modelcontextprotocol/server";
import { setTimeout as sleep } from "node:timers/promises";
import { answer, audio, embedded, image, text } from "./content.js";

/** The pause between two notifications, in milliseconds. */
const STEP_MS = 50;

export function registerTools(server, { closeStream, notifier }) {
  const tool = (name, description, callback) => server.registerTool(name, { description }, callback);
  registerContentTools(tool);
  registerStreamingTools(tool, closeStream);
  registerChangeTools(server, tool, notifier);
  registerSchemaTools(server);
}

function registerContentTools(tool) {
  tool("test_simple_text", "Answers a text", async () => answer(text("This is a simple text response for testing.")));
  tool("test_image_content", "Answers a picture", async () => answer(image()));
  tool("test_audio_content", "Answers a sound", async () => answer(audio()));
  tool("test_embedded_resource", "Answers a resource", async () =>
    answer(embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")),
  );
  tool("test_multiple_content_types", "Answers a text, a picture and a resource", async () =>
    answer(
      text("Multiple content types test:"),
      image(),
      embedded("test://mixed-content-resource", "application/json", JSON.stringify({ test: "data", value: 123 })),
    ),
  );
  tool("test_error_handling", "Always fails", async () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
}

function registerStreamingTools(tool, closeStream) {
  tool("test_tool_with_logging", "Logs three times while it runs", async (context) => {
    await context.mcpReq.log("info", "Tool execution started");
    await sleep(STEP_MS);
    await context.mcpReq.log("info", "Tool processing data");
    await sleep(STEP_MS);
    await context.mcpReq.log("info", "Tool execution completed");
    return answer(text("Tool with logging executed successfully"));
  });
  tool("test_logging_tool", "Logs once, if the request asked for logs", async (context) => {
    await context.mcpReq.log("info", "Only for requests that name a log level");
    return answer(text("Logged"));
  });
  tool("test_tool_with_progress", "Reports progress three times while it runs", async (context) => {
    const progressToken = context.mcpReq._meta?.progressToken;
    for (const progress of [0, 50, 100]) {
      if (progress > 0) await sleep(STEP_MS);
      if (progressToken !== undefined) {
        const params = { progressToken, progress, total: 100 };
        await context.mcpReq.notify({ method: "notifications/progress", params });
      }
    }
    return answer(text("Tool with progress executed successfully"));
  });
  tool("test_reconnection", "Ends its stream before it answers", async (context) => {
    closeStream?.(context.mcpReq.id);
    await sleep(2 * STEP_MS);
    return answer(text("Reconnection test completed successfully"));
  });
}

function registerChangeTools(server, tool, notifier) {
  tool("test_trigger_tool_change", "Tells subscribers that the list of tools changed", async () => {
    notifier ? notifier().toolsChanged() : server.sendToolListChanged();
    return answer(text("Tool list change announced"));
  });
  tool("test_trigger_prompt_change", "Tells subscribers that the list of prompts changed", async () => {
    notifier ? notifier().promptsChanged() : server.sendPromptListChanged();
    return answer(text("Prompt list change announced"));
  });
}

function registerSchemaTools(server) {
  server.registerTool(
    "json_schema_2020_12_tool",
    { description: "Takes arguments by a schema with the keywords of 2020-12", inputSchema: fromJsonSchema(CONTACT_SCHEMA) },
    async () => answer(text("Accepted")),
  );
  server.registerTool(
    "test_header_parameter",
    { description: "Takes an argument that is also a header", inputSchema: fromJsonSchema(REGION_SCHEMA) },
    async ({ region }) => answer(text(`Region: ${region}`)),
  );
}

const REGION_SCHEMA = {
  type: "object",
  properties: { region: { type: "string", "x-mcp-header": "Region" } },
  required: ["region"],
};

const CONTACT_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};
