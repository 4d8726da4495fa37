// The tasks extension of 2026-07-28 (SEP-2663): calls that go on after their first answer.
//
// The packages have no server side for it, so tasks are kept here, and `tasks/*` are methods of our own.

import { inputRequired, inputResponse, MissingRequiredClientCapabilityError, ProtocolError } from "@modelcontextprotocol/server";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { answer, text } from "./content.js";

export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

const TTL_MS = 300_000;
const POLL_INTERVAL_MS = 200;
const INVALID_PARAMS = -32602;
const INTERNAL_ERROR = -32603;

/** Tools that cannot do their work within one answer. */
const NEED_A_TASK = new Set(["failing_job", "test_tool_with_task"]);

/** Tasks outlive the server instance of the request that made them. */
const tasks = new Map();

export function registerTasks(server) {
  refuseWithoutTasks(server);
  registerMethods(server.server);
  server.registerTool("greet", { description: "Greets at once", inputSchema: z.object({ name: z.string() }) }, async ({ name }) =>
    answer(text(`Hello, ${name}!`)),
  );
  const seconds = z.object({ seconds: z.number(), label: z.string().optional() });
  server.registerTool("slow_compute", { description: "Takes some seconds", inputSchema: seconds }, async (given, context) =>
    asTask(context, async ({ signal }) => {
      await sleep(given.seconds * 1000, undefined, { signal });
      return answer(text(`Computed for ${given.seconds} s`));
    }),
  );
  registerFailures(server);
  registerQuestions(server);
}

function registerFailures(server) {
  server.registerTool("failing_job", { description: "Fails after a second" }, async (context) =>
    asTask(context, async ({ signal }) => {
      await sleep(1000, undefined, { signal });
      return { ...answer(text("This job always fails")), isError: true };
    }),
  );
  server.registerTool("protocol_error_job", { description: "Breaks" }, async (context) =>
    asTask(context, async () => {
      throw new Error("This job always breaks");
    }),
  );
}

function registerQuestions(server) {
  const filename = z.object({ filename: z.string() });
  server.registerTool("confirm_delete", { description: "Asks first", inputSchema: filename }, async (given, context) =>
    asTask(context, async (task) => {
      const { confirm } = await task.ask({ confirm: question(`Delete ${given.filename}?`, { confirm: { type: "boolean" } }) });
      return answer(text(`Deleted: ${confirm.action === "accept" && confirm.content?.confirm === true}`));
    }),
  );
  server.registerTool("multi_input", { description: "Asks two things at once" }, async (context) =>
    asTask(context, async (task) => {
      const given = await task.ask({ first: question("First?", NAME), second: question("Second?", NAME) });
      return answer(text(`${given.first.content?.name} and ${given.second.content?.name}`));
    }),
  );
  server.registerTool("test_tool_with_task", { description: "Asks first, then becomes a task" }, async (context) => {
    const given = inputResponse(context.mcpReq.inputResponses, "user_name");
    if (given.kind !== "elicit") return inputRequired({ inputRequests: { user_name: question("What is your name?", NAME) } });
    return asTask(context, async () => answer(text(`Hello, ${given.content?.name}!`)));
  });
}

const NAME = { name: { type: "string" } };

function question(message, properties) {
  return inputRequired.elicit({ message, requestedSchema: { type: "object", properties, required: Object.keys(properties) } });
}

/** Does the work as a task if the client knows tasks, else before the answer. */
async function asTask(context, work) {
  if (!knowsTasks(context)) return work({ signal: context.mcpReq.signal, ask: cannotAsk });
  const task = new Task(work);
  tasks.set(task.id, task);
  // The package insists on `content` in every answer to tools/call.
  return { resultType: "task", content: [], ...task.outline() };
}

async function cannotAsk() {
  throw new Error("This tool asks its questions as a task only");
}

class Task {
  id = randomUUID();
  #status = "working";
  #created = new Date().toISOString();
  #updated = this.#created;
  #outcome = {};
  #questions = {};
  #answers = {};
  #answered = () => {};
  #cancellation = new AbortController();

  constructor(work) {
    const context = { signal: this.#cancellation.signal, ask: (questions) => this.#ask(questions) };
    work(context).then(
      (result) => this.#end("completed", { result }),
      (error) => this.#end("failed", { error: { code: INTERNAL_ERROR, message: error.message } }),
    );
  }

  /** What every description of the task holds. */
  outline() {
    const times = { createdAt: this.#created, lastUpdatedAt: this.#updated };
    return { taskId: this.id, status: this.#status, ...times, ttlMs: TTL_MS, pollIntervalMs: POLL_INTERVAL_MS };
  }

  describe() {
    const waiting = this.#status === "input_required" ? { inputRequests: this.#questions } : {};
    return { ...this.outline(), ...waiting, ...this.#outcome };
  }

  update(responses) {
    for (const [key, response] of Object.entries(responses)) {
      if (!(key in this.#questions)) continue;
      delete this.#questions[key];
      this.#answers[key] = response;
    }
    if (this.#status === "input_required" && Object.keys(this.#questions).length === 0) {
      this.#turn("working");
      this.#answered(this.#answers);
    }
  }

  cancel() {
    this.#end("cancelled", {});
    this.#cancellation.abort();
  }

  #ask(questions) {
    this.#questions = { ...questions };
    this.#answers = {};
    this.#turn("input_required");
    return new Promise((resolve) => (this.#answered = resolve));
  }

  // A task ends once; what its work still says afterwards is ignored.
  #end(status, outcome) {
    if (!["working", "input_required"].includes(this.#status)) return;
    this.#outcome = outcome;
    this.#turn(status);
  }

  #turn(status) {
    this.#status = status;
    this.#updated = new Date().toISOString();
  }
}

function registerMethods(server) {
  const params = z.looseObject({ taskId: z.string() });
  const method = (name, act) =>
    server.setRequestHandler(name, { params }, async ({ taskId }, context) => {
      demandTasks(context);
      const task = tasks.get(taskId);
      if (!task) throw new ProtocolError(INVALID_PARAMS, "Unknown task", { taskId });
      return act(task, context) ?? {};
    });
  method("tasks/get", (task) => task.describe());
  // The package has taken `inputResponses` out of the parameters.
  method("tasks/update", (task, context) => task.update(context.mcpReq.inputResponses ?? {}));
  method("tasks/cancel", (task) => task.cancel());
}

// A tool's own error becomes a result with `isError`; this one has to be an error of the protocol, so it is raised before
// the package calls the tool.
function refuseWithoutTasks({ server }) {
  const register = server.setRequestHandler.bind(server);
  server.setRequestHandler = (method, ...rest) => {
    const handler = rest.pop();
    if (method !== "tools/call") return register(method, ...rest, handler);
    return register(method, async (request, context) => {
      if (NEED_A_TASK.has(request.params.name)) demandTasks(context);
      return handler(request, context);
    });
  };
}

function demandTasks(context) {
  if (knowsTasks(context)) return;
  throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } });
}

function knowsTasks(context) {
  const declared = context.mcpReq.envelope?.["io.modelcontextprotocol/clientCapabilities"];
  return declared?.extensions?.[TASKS_EXTENSION] !== undefined;
}
