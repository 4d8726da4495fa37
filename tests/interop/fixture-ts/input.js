// Tools and a prompt that need an answer from the client first.
//
// Each is written as the 2026-07-28 round trip: it returns what it wants to know and is called again with the answers. In
// the older eras the package turns the same return value into requests of the server's own.

import { acceptedContent, inputRequired, inputResponse } from "@modelcontextprotocol/server";
import { z } from "zod";
import { answer, text } from "./content.js";
import { fromUser } from "./prompts.js";

const { elicit, createMessage, listRoots } = inputRequired;

export function registerInputTools(server, state) {
  registerRequestTools(server);
  registerElicitationSchemas(server);
  registerSingleRoundTools(server);
  registerStateTools(server, state);
  registerCapabilityTools(server);
  server.registerPrompt("test_input_required_result_prompt", { description: "Asks for its context" }, async (context) => {
    const given = accepted(context, "user_context");
    if (!given) return ask({ user_context: form("What context should the prompt use?", { context: { type: "string" } }) });
    return fromUser(text(`Context: ${given.context}`));
  });
}

function registerRequestTools(server) {
  server.registerTool(
    "test_sampling",
    { description: "Asks the client's model", inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, context) => {
      const reply = sampled(context, "reply");
      return reply === undefined ? ask({ reply: sample(prompt, 100) }) : answer(text(`LLM response: ${reply}`));
    },
  );
  server.registerTool(
    "test_elicitation",
    { description: "Asks the user", inputSchema: z.object({ message: z.string() }) },
    async ({ message }, context) =>
      askUser(context, "User response", message, {
        username: { type: "string", description: "User's response" },
        email: { type: "string", description: "User's email address" },
      }),
  );
  server.registerTool("test_streaming_elicitation", { description: "Asks the user to confirm" }, async (context) =>
    askUser(context, "User response", "Continue?", { confirm: { type: "boolean" } }),
  );
}

function registerElicitationSchemas(server) {
  server.registerTool("test_elicitation_sep1034_defaults", { description: "Asks with defaults" }, async (context) =>
    askUser(context, "Elicitation completed", "Please review the defaults", DEFAULTS, []),
  );
  server.registerTool("test_elicitation_sep1330_enums", { description: "Asks with choices" }, async (context) =>
    askUser(context, "Elicitation completed", "Please choose", CHOICES, []),
  );
}

function registerSingleRoundTools(server) {
  server.registerTool("test_input_required_result_elicitation", { description: "Asks for a name" }, async (context) => {
    const user = accepted(context, "user_name");
    return user ? answer(text(`Hello, ${user.name}!`)) : ask({ user_name: nameForm() });
  });
  server.registerTool("test_input_required_result_sampling", { description: "Asks for a capital" }, async (context) => {
    const reply = sampled(context, "capital_question");
    return reply === undefined
      ? ask({ capital_question: sample("What is the capital of France?", 100) })
      : answer(text(reply));
  });
  server.registerTool("test_input_required_result_list_roots", { description: "Asks for roots" }, async (context) => {
    const given = inputResponse(context.mcpReq.inputResponses, "client_roots");
    if (given.kind !== "roots") return ask({ client_roots: listRoots() });
    return answer(text(`Roots: ${given.roots.map((root) => root.uri).join(", ")}`));
  });
}

function registerStateTools(server, state) {
  const confirm = async (context) => {
    const given = accepted(context, "confirm");
    if (given && context.mcpReq.requestState()) return answer(text("state-ok"));
    const requestState = await state.mint({ awaiting: "confirm" });
    return ask({ confirm: form("Please confirm", { ok: { type: "boolean" } }) }, requestState);
  };
  server.registerTool("test_input_required_result_request_state", { description: "Asks, with a state" }, confirm);
  server.registerTool("test_input_required_result_tampered_state", { description: "Asks, with a sealed state" }, confirm);
  server.registerTool("test_input_required_result_multiple_inputs", { description: "Asks three things" }, async (context) => {
    const user = accepted(context, "user_name");
    const greeting = sampled(context, "greeting");
    const roots = inputResponse(context.mcpReq.inputResponses, "client_roots");
    if (user && greeting !== undefined && roots.kind === "roots") {
      return answer(text(`${greeting} ${user.name}, ${roots.roots.length} roots`));
    }
    const requests = { user_name: nameForm(), greeting: sample("Generate a greeting", 50), client_roots: listRoots() };
    return ask(requests, await state.mint({ awaiting: "all" }));
  });
  server.registerTool("test_input_required_result_multi_round", { description: "Asks twice" }, async (context) => {
    const known = context.mcpReq.requestState();
    const first = accepted(context, "step1");
    const second = accepted(context, "step2");
    if (known?.name !== undefined && second) return answer(text(`${known.name} likes ${second.color}`));
    if (known && first) {
      const request = form("Step 2: What is your favorite color?", { color: { type: "string" } });
      return ask({ step2: request }, await state.mint({ name: first.name }));
    }
    const request = form("Step 1: What is your name?", { name: { type: "string" } });
    return ask({ step1: request }, await state.mint({}));
  });
}

function registerCapabilityTools(server) {
  server.registerTool("test_input_required_result_capabilities", { description: "Asks what the client can" }, async (context) => {
    const declared = context.mcpReq.envelope?.["io.modelcontextprotocol/clientCapabilities"] ?? {};
    const requests = {
      ...(declared.elicitation && { user_name: nameForm() }),
      ...(declared.sampling && { greeting: sample("Generate a greeting", 50) }),
      ...(declared.roots && { client_roots: listRoots() }),
    };
    const open = Object.keys(requests).filter((key) => context.mcpReq.inputResponses?.[key] === undefined);
    return open.length > 0 ? ask(requests) : answer(text("Nothing left to ask"));
  });
  // The package refuses to ask a client for what it did not declare.
  server.registerTool("test_missing_capability", { description: "Needs sampling" }, async (context) => {
    const reply = sampled(context, "reply");
    return reply === undefined ? ask({ reply: sample("Anything", 10) }) : answer(text(reply));
  });
}

function ask(inputRequests, requestState) {
  return inputRequired({ inputRequests, ...(requestState && { requestState }) });
}

function form(message, properties, required = Object.keys(properties)) {
  return elicit({ message, requestedSchema: { type: "object", properties, required } });
}

function nameForm() {
  return form("What is your name?", { name: { type: "string" } });
}

function sample(prompt, maxTokens) {
  return createMessage({ messages: [{ role: "user", content: text(prompt) }], maxTokens });
}

function accepted(context, key) {
  return acceptedContent(context.mcpReq.inputResponses, key);
}

function sampled(context, key) {
  const given = inputResponse(context.mcpReq.inputResponses, key);
  return given.kind === "sampling" ? given.result.content.text : undefined;
}

/** Asks the user once and tells what came back, whatever the user decided. */
function askUser(context, label, message, properties, required) {
  const given = inputResponse(context.mcpReq.inputResponses, "form");
  if (given.kind !== "elicit") return ask({ form: form(message, properties, required) });
  return answer(text(`${label}: action=${given.action}, content=${JSON.stringify(given.content ?? {})}`));
}

const DEFAULTS = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};

const titled = (names) => names.map((title, index) => ({ const: `value${index + 1}`, title }));

const CHOICES = {
  untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
  titledSingle: { type: "string", oneOf: titled(["First Option", "Second Option", "Third Option"]) },
  legacyEnum: {
    type: "string",
    enum: ["opt1", "opt2", "opt3"],
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
  titledMulti: { type: "array", items: { anyOf: titled(["First Choice", "Second Choice", "Third Choice"]) } },
};
