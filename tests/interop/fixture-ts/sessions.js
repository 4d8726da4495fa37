// Sessions of the older eras: one transport and one server each, their streams resumable from memory.

import { randomUUID } from "node:crypto";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";

/** How soon a client whose stream was closed on purpose should come back, in milliseconds. */
const RETRY_MS = 500;

export class Sessions {
  #transports = new Map();
  #buildServer;

  constructor(buildServer) {
    this.#buildServer = buildServer;
  }

  async handle(request, response) {
    const id = request.headers["mcp-session-id"];
    const known = id === undefined ? undefined : this.#transports.get(id);
    if (id !== undefined && known === undefined) return refuse(response, 404, -32001, "Session not found");
    if (known === undefined && request.method !== "POST") return refuse(response, 400, -32000, "Session id required");
    const transport = known ?? (await this.#open());
    await transport.handleRequest(request, response, request.body);
  }

  async close() {
    await Promise.allSettled([...this.#transports.values()].map((transport) => transport.close()));
  }

  async #open() {
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore: new MemoryEventStore(),
      retryInterval: RETRY_MS,
      onsessioninitialized: (id) => this.#transports.set(id, transport),
      onsessionclosed: (id) => this.#transports.delete(id),
    });
    const server = this.#buildServer({ legacy: true, closeStream: (requestId) => transport.closeSSEStream(requestId) });
    await server.connect(transport);
    return transport;
  }
}

/** Every event of every stream of one session, in the order in which they were sent. */
class MemoryEventStore {
  #events = [];

  async storeEvent(streamId, message) {
    const eventId = `${streamId}_${this.#events.length}`;
    this.#events.push({ eventId, streamId, message });
    return eventId;
  }

  async getStreamIdForEventId(eventId) {
    return this.#events.find((event) => event.eventId === eventId)?.streamId;
  }

  async replayEventsAfter(lastEventId, { send }) {
    const last = this.#events.findIndex((event) => event.eventId === lastEventId);
    if (last === -1) throw new Error(`unknown event ${lastEventId}`);
    const { streamId } = this.#events[last];
    for (const event of this.#events.slice(last + 1)) {
      // A priming event carries no message and is of use only once.
      if (event.streamId === streamId && event.message?.jsonrpc) await send(event.eventId, event.message);
    }
    return streamId;
  }
}

function refuse(response, status, code, message) {
  response.status(status).json({ jsonrpc: "2.0", error: { code, message }, id: null });
}
