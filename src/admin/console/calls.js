// Calls as they end, and each with its way and its links.

import { Table, clock, el, facts, field, hold, number, placed, plain, say, time, toggle, tone, written } from "./dom.js";
import { events, get, query } from "./api.js";

/** Calls that stand in the table. */
const SHOWN = 200;

const OUTCOMES = ["ok", "tool_error", "jsonrpc_error", "http_error", "invalid_response", "upstream_unreachable", "upstream_reset", "timeout",
  "no_response", "cancelled", "client_disconnect", "auth_challenge", "refused", "input_required", "task"];

export const target = (call) => call.tool_name ?? call.method;

export async function calls({ root, path: [chosen], signal, failed, about }) {
  let shown = [];
  let waiting = [];
  let paused = false;
  let lost = 0;
  let picked = chosen ? Number(chosen) : null;
  let reading = new AbortController();
  const text = (kind, more = {}) => el("input", { type: kind, autocomplete: "off", oninput: later, ...more });
  const inputs = {
    server: text("text", { class: "short" }), tool: text("text"), outcome: el("select", { onchange: () => again() }, ["", "any error", ...OUTCOMES].map((outcome) => el("option", { value: outcome }, outcome || "any"))),
    session: text("text", { class: "short" }), client: text("text", { class: "short" }), slower: text("text", { class: "short", placeholder: "250ms" }), text: text("search"),
  };
  const note = el("span", { class: "soft", role: "status" });
  const details = el("aside", { "aria-label": "One call" });
  const split = el("div", { class: "split" });
  const pause = toggle("Pause", false, (now) => {
    paused = now;
    if (!paused) {
      add(waiting);
      waiting = [];
    }
    tell();
  });
  const table = new Table("Calls that ended, the newest first", [
    { title: "Ended", of: (call) => call.timestamp, shown: (call) => el("a", { href: `#/calls/${call.number}`, "aria-current": call.number === picked ? "true" : false, title: "show this call" }, clock(call.timestamp, 1)) },
    { title: "Server", of: (call) => call.server },
    { title: "What", of: target },
    { title: "Outcome", of: (call) => call.outcome, shown: (call) => el("span", { class: tone(call.status) }, call.outcome) },
    { title: "Took", number: true, of: (call) => call.duration_ms, shown: (call) => time(call.duration_ms / 1000) },
    { title: "Client", of: (call) => call.client_name },
    { title: "Session", of: (call) => call.session_id, shown: (call) => (call.session_id ? el("a", { href: `#/sessions/${encodeURIComponent(call.session_id)}` }, call.session_id.slice(0, 12)) : "–") },
    { title: "What was said", wrap: true, of: (call) => call.error_message ?? "" },
  ], { key: (call) => call.number, sortable: false, none: "no call that this would show has ended yet" });
  split.append(el("section", { class: "card" }, table.element), details);
  const form = el("form", { class: "left", role: "search", "aria-label": "Which calls", onsubmit: (event) => { event.preventDefault(); again(); } },
    field("Server", inputs.server), field("Tool", inputs.tool), field("Outcome", inputs.outcome), field("Session", inputs.session), field("Client", inputs.client),
    field("Slower than", inputs.slower), field("Text", inputs.text));
  hold(root, el("div", { class: "bar" }, el("h1", {}, "Calls"), el("div", { class: "left" }, note, pause)), el("div", { class: "card" }, form), split);

  const parameters = () => {
    const said = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value.trim()]));
    if (said.outcome === "any error") Object.assign(said, { outcome: "", status: "error" });
    return said;
  };
  const tell = () => say(note, [paused && `${number(waiting.length)} more since`, lost && `${number(lost)} missed: too many to read`].filter(Boolean).join("; "));

  function add(more) {
    shown = [...more.toReversed(), ...shown].slice(0, SHOWN);
    table.show(shown);
  }

  let timer = null;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(again, 300);
  }

  async function again() {
    reading.abort();
    reading = new AbortController();
    const own = reading.signal;
    signal.addEventListener("abort", () => reading.abort());
    try {
      const told = await get(`/api/calls${query({ ...parameters(), limit: SHOWN })}`, own);
      [shown, waiting, lost] = [told.calls, [], 0];
      table.show(shown);
      tell();
      failed(null);
      let batch = [];
      events(`/api/events${query({ ...parameters(), after: told.next ? told.next - 1 : "" })}`, (event, data) => {
        if (event === "call") {
          if (shown.some(({ number }) => number === data.number)) return;
          if (paused) waiting = [...waiting, data].slice(-SHOWN);
          else if (batch.push(data) === 1) requestAnimationFrame(() => { add(batch); batch = []; });
        } else if (event === "lost") lost += data.lost;
        else if (event === "problem") failed(data);
        else failed(null);
        tell();
      }, own);
    } catch (problem) {
      if (!own.aborted) {
        say(note, problem.message);
        if (problem.status !== 400) failed(problem);
      }
    }
  }

  // What is chosen is shown beside the calls: which are wanted, and whether they move, stays as it is.
  split.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#/calls"]');
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.replaceState(null, "", link.getAttribute("href"));
    const [, , number] = link.getAttribute("href").split("/");
    picked = number === undefined ? null : Number(number);
    table.show(shown);
    pick().catch(failed);
  });

  async function pick() {
    split.classList.toggle("two", picked !== null);
    if (picked === null) return hold(details);
    const call = shown.find(({ number }) => number === picked) ?? (await get(`/api/calls${query({ before: picked + 1, limit: 1 })}`, signal)).calls.find(({ number }) => number === picked);
    hold(details, el("div", { class: "card" }, call ? one(call, about) : el("p", { class: "empty" }, "this call is not kept any more")));
  }

  await again();
  await pick();
}

/** All there is to say of a call. */
export function one(call, about) {
  const links = Object.entries(about.links).map(([name, template]) => {
    let whole = true;
    const address = template.replace(/\{(\w+)\}/g, (_, key) => {
      whole &&= call[key] !== undefined;
      return encodeURIComponent(call[key] ?? "");
    });
    return whole && el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, name);
  }).filter(Boolean);
  const said = new Set(["timeline", "message", "arguments", "result"]);
  const rest = Object.entries(call).filter(([key]) => !said.has(key));
  return [
    el("div", { class: "bar" }, el("h2", { class: "foreign" }, target(call)), el("a", { href: "#/calls" }, "Close")),
    el("p", { class: "foreign" }, call.message),
    links.length > 0 && el("p", {}, links.flatMap((link) => [link, " "])),
    way(call),
    ["arguments", "result"].filter((key) => call[key] !== undefined).map((key) => el("details", { open: true }, el("summary", {}, `Its ${key}, redacted`), el("pre", { class: "wrapped", tabindex: 0, "aria-label": key }, written(call[key])))),
    facts(rest.map(([key, value]) => [key, key === "session_id" ? el("a", { href: `#/sessions/${encodeURIComponent(value)}` }, value) : String(value)])),
  ];
}

/** The way of a call from the request's head to its end. */
function way({ timeline: times, event }) {
  const asks = event === "mcp_server_request";
  const end = Math.max(times.ended_ms, 1e-6);
  const lane = el("div", { class: "way", "aria-hidden": "true" });
  if (times.sent_ms !== undefined) lane.append(placed(el("div", { class: "span" }), times.sent_ms / end, Math.max(0, (end - times.sent_ms) / end)));
  const steps = [["received", times.received_ms], [asks ? "passed to the client" : "sent to the server", times.sent_ms], ["first byte of the answer", times.first_byte_ms], ["first event", times.first_event_ms],
    ...(times.passed ?? []).filter(({ what }) => what !== "first_event").map(({ ms, what }) => [what, ms]), ["answer complete", times.ended_ms]].filter(([, ms]) => ms !== undefined);
  const rows = steps.sort(([, a], [, b]) => a - b);
  for (const [, ms] of rows) lane.append(placed(el("div", { class: "mark" }), Math.min(1, ms / end)));
  return el("section", {}, el("h3", {}, "Its way"), lane,
    facts(rows.map(([name, ms]) => [name, `${ms.toFixed(2)} ms`])), times.passed_more > 0 && el("p", { class: "soft" }, `and ${number(times.passed_more)} more on its stream`));
}
