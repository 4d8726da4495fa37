// The calls of a session in the form of HTTP Archive 1.2, which many tools open. It holds what is kept and nothing else: no
// headers, no cookies, and payloads only where lines have them, redacted as they are there.

const JSON_TYPE = "application/json";

/** What stands in a place of its own, or is said by it. */
const PLACED = new Set(["timestamp", "message", "duration_ms", "arguments", "result", "http_status", "number"]);

/** `version`: of the program; `servers`: the names of servers and their addresses. */
export function archive(calls, { version, servers }) {
  const entries = calls.map((call) => entry(call, servers.get(call.server)));
  return { log: { version: "1.2", creator: { name: "sightglass", version }, entries, comment: "Made of kept calls: no headers, payloads only where they were captured, redacted." } };
}

function entry(call, address) {
  const { sent_ms: sent, first_byte_ms: answered, ended_ms: ended } = call.timeline;
  const bodyless = { cookies: [], headers: [], headersSize: -1 };
  const send = sent ?? 0;
  const wait = Math.max(0, (answered ?? ended) - send);
  return {
    startedDateTime: new Date(Date.parse(call.timestamp) - call.duration_ms).toISOString(),
    time: ended,
    request: {
      method: "POST", url: address ?? "", httpVersion: "unknown", queryString: [], bodySize: call.request_bytes ?? -1, ...bodyless,
      ...(call.arguments === undefined ? {} : { postData: { mimeType: JSON_TYPE, text: call.arguments, comment: "the arguments alone" } }),
    },
    response: {
      status: call.http_status ?? 0, statusText: "", httpVersion: "unknown", redirectURL: "", bodySize: call.response_bytes ?? -1, ...bodyless,
      content: { size: call.response_bytes ?? 0, mimeType: JSON_TYPE, ...(call.result === undefined ? {} : { text: call.result, comment: "the result alone" }) },
    },
    cache: {},
    timings: { send, wait, receive: Math.max(0, ended - send - wait) },
    _mcp: Object.fromEntries(Object.entries(call).filter(([key]) => !PLACED.has(key))),
  };
}
