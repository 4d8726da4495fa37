// Who talks to the servers, and what each said.

import { Table, clock, download, el, facts, field, hold, number, placed, plain, say, svg, time, toggle, tone } from "./dom.js";
import { every, get, query, send } from "./api.js";
import { target } from "./calls.js";
import { archive } from "./har.js";

/** Calls of a session that are looked at. */
const CALLS = 500;

export async function sessions(view) {
  if (view.path.length) await one(view);
  else await all(view);
}

async function all({ root, signal, failed }) {
  let kept = new Map();
  const count = el("span", { class: "soft", role: "status" });
  const columns = (more) => [
    { title: "Session", of: (session) => session.session_id, shown: (session) => el("a", { href: `#/sessions/${encodeURIComponent(session.session_id)}` }, session.session_id.slice(0, 16)) },
    { title: "Server", of: (session) => session.server },
    { title: "Client", of: (session) => [session.client_name, session.client_version].filter(Boolean).join(" ") },
    { title: "Protocol", of: (session) => session.protocol_version },
    ...more,
  ];
  const live = new Table("Open now", columns([
    { title: "Open for", number: true, of: (session) => session.age_seconds, shown: (session) => time(session.age_seconds) },
    { title: "Calls of tools", number: true, of: (session) => session.tool_calls, shown: (session) => number(session.tool_calls) },
    { title: "Its last calls", of: (session) => session.recent.length, shown: (session) => el("span", { class: "strip", role: "img", "aria-label": told(session.recent) }, session.recent.map((call) => el("i", { class: call.status === "error" ? "bad" : "", title: `${plain(call.tool_name ?? call.method)} ${call.outcome}` }))) },
  ]), { key: (session) => session.session_id, sort: 4, none: "no session is open" });
  const recent = new Table("Ended lately, or forgotten with calls that are still kept", columns([
    { title: "Why it ended", of: (session) => session.end_reason ?? "not known" },
    { title: "Ended", number: true, of: (session) => session.ended_seconds, shown: (session) => (session.ended_seconds === undefined ? "–" : `${time(session.ended_seconds)} ago`) },
    { title: "Was open for", number: true, of: (session) => session.duration_seconds, shown: (session) => time(session.duration_seconds) },
    { title: "Calls of tools", number: true, of: (session) => session.tool_calls, shown: (session) => number(session.tool_calls) },
    { title: "Calls kept", number: true, of: (session) => session.calls, shown: (session) => number(session.calls) },
    { title: "Last call", of: (session) => session.last, shown: (session) => (session.last ? clock(session.last) : "–") },
  ]), { key: (session) => session.session_id, sort: 5, descending: false, none: "none" });
  hold(root, el("div", { class: "bar" }, el("h1", {}, "Sessions"), count), el("section", { class: "card" }, live.element), el("section", { class: "card" }, recent.element));
  let rounds = 0;
  const look = async () => {
    const { sessions: open, open: many, ended } = await get("/api/sessions?limit=200", signal);
    say(count, `${number(many)} open${many > open.length ? `, ${number(open.length)} shown` : ""}`);
    live.show(open);
    if (rounds++ % 5 === 0) {
      const { calls } = await get("/api/calls?limit=2000", signal);
      const known = new Map();
      for (const call of calls.filter(({ session_id: id }) => id)) {
        const { session_id, server, client_name, client_version, protocol_version } = call;
        const session = known.get(session_id) ?? { session_id, server, client_name, client_version, protocol_version, calls: 0, last: call.timestamp };
        session.calls += 1;
        known.set(session_id, session);
      }
      kept = known;
    }
    const over = new Map(kept);
    for (const session of ended) over.set(session.session_id, { calls: 0, ...over.get(session.session_id), ...session });
    open.forEach(({ session_id: id }) => over.delete(id));
    recent.show([...over.values()]);
  };
  await look();
  every(2000, look, signal, failed);
}

const told = (calls) => `the last ${calls.length} calls, ${calls.filter(({ status }) => status === "error").length} of them failed`;

async function one({ root, path: [id], signal, failed, about: program }) {
  const [about, gantt, drawing, note] = [el("div"), el("div", { class: "gantt" }), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sequence" }), el("span", { class: "soft", role: "status" })];
  const written = el("pre", { tabindex: 0, "aria-label": "The sequence as text" });
  const long = el("select", {}, ["1m", "10m", "1h"].map((text) => el("option", { value: text, selected: text === "10m" }, text)));
  const debug = async (how) => {
    try {
      await send("PUT", `/api/debug/sessions/${encodeURIComponent(id)}?for=${how}`);
      say(note, how === "0s" ? "payloads are logged no longer" : `arguments and results are logged for ${how}, redacted`);
    } catch (problem) {
      say(note, problem.message);
    }
  };
  let text = "";
  let order = [];
  const file = (ending) => `session-${id.slice(0, 12).replace(/\W/g, "_")}.${ending}`;
  const save = el("button", { type: "button", onclick: () => download(file("txt"), "text/plain", text) }, "Save as text");
  const saveArchive = el("button", { type: "button", title: "its kept calls as an HTTP archive (HAR 1.2)", onclick: async () => {
    try {
      const { servers } = await get("/api/servers", signal);
      const har = archive(order, { version: program.version, servers: new Map(servers.map(({ name, url }) => [name, url])) });
      download(file("har"), "application/json", JSON.stringify(har, null, 2));
    } catch (problem) {
      say(note, problem.message);
    }
  } }, "Save as HAR");
  hold(root, el("div", { class: "bar" }, el("h1", {}, "Session ", el("span", { class: "mono foreign" }, id.slice(0, 20))), el("a", { href: "#/sessions" }, "All sessions")),
    el("div", { class: "grid" }, el("section", { class: "card" }, el("h2", {}, "What is known"), about),
    el("section", { class: "card" }, el("h2", {}, "Debugging"), el("div", { class: "left bar" }, field("Log its payloads for", long),
      el("button", { type: "button", onclick: () => debug(long.value) }, "Debug on"), el("button", { type: "button", onclick: () => debug("0s") }, "Debug off"), note))),
    el("div", { class: "grid pair" }, el("section", { class: "card" }, el("h2", {}, "Timeline"), gantt),
    el("section", { class: "card" }, el("div", { class: "bar" }, el("h2", {}, "Sequence"), el("div", { class: "left" }, save, saveArchive)), drawing, el("details", {}, el("summary", {}, "As text"), written))));
  const look = async () => {
    const [{ calls }, { sessions: open, ended }] = await Promise.all([get(`/api/calls${query({ session: id, limit: CALLS })}`, signal), get("/api/sessions?limit=1000", signal)]);
    if (signal.aborted) return;
    const session = open.find(({ session_id }) => session_id === id);
    const over = ended.find(({ session_id }) => session_id === id);
    const first = session ?? over ?? calls.at(-1) ?? {};
    hold(about, facts([["Id", id], ["Server", first.server], ["Client", [first.client_name, first.client_version].filter(Boolean).join(" ")], ["Protocol", first.protocol_version], ["Tier", first.user_tier],
      ["State", session ? `open for ${time(session.age_seconds)}` : over ? `ended ${time(over.ended_seconds)} ago: ${over.end_reason}` : "not open any more"],
      ["Was open for", over && time(over.duration_seconds)], ["Calls of tools", (session ?? over) && number((session ?? over).tool_calls)], ["Calls kept", number(calls.length)]]));
    order = calls.toReversed().map((call) => {
      const end = Date.parse(call.timestamp);
      return { ...call, begin: end - call.duration_ms, end };
    }).sort((a, b) => a.begin - b.begin);
    lines(gantt, order);
    text = sequence(order, first);
    say(written, "");
    written.textContent = text;
    draw(drawing, order, first);
  };
  await look();
  every(3000, look, signal, failed);
}

function lines(gantt, order) {
  if (!order.length) return hold(gantt, el("p", { class: "empty" }, "no call of it is kept"));
  const last = order.slice(-60);
  const [start, end] = [Math.min(...last.map(({ begin }) => begin)), Math.max(...last.map((call) => call.end))];
  const long = Math.max(1, end - start);
  hold(gantt, last.map((call) => el("div", { class: "row" },
    el("a", { class: "name foreign", href: `#/calls/${call.number}` }, target(call)),
    el("div", { class: "lane" }, placed(el("div", { class: `span ${tone(call.status)}`, title: `${clock(call.timestamp, 1)} ${call.outcome}` }), (call.begin - start) / long, Math.max(0.002, (call.end - call.begin) / long))),
    el("span", { class: tone(call.status) }, time(call.duration_ms / 1000)))));
}

/** Who asked whom what, in plain text. */
function sequence(order, first) {
  const client = plain(first.client_name ?? "client");
  const server = plain(first.server ?? "server");
  const width = Math.max(34, ...order.map((call) => plain(target(call)).length + 14));
  const head = `${"".padEnd(14)}${client.padEnd(width)}${server}`;
  const rows = order.flatMap((call) => {
    const asks = call.event === "mcp_server_request";
    const name = ` ${plain(target(call))} `;
    const result = ` ${call.outcome} ${time(call.duration_ms / 1000)} `;
    const arrow = (label, right) => (right ? `|${`--${label}`.padEnd(width - 2, "-")}>|` : `|<${`--${label}`.padEnd(width - 2, "-")}|`);
    return [`${clock(call.begin / 1000, 1).padEnd(14)}${arrow(name, !asks)}`, `${clock(call.end / 1000, 1).padEnd(14)}${arrow(result, asks)}`];
  });
  return [head, ...rows, ""].join("\n");
}

/** The same as a picture. */
function draw(place, order, first) {
  const last = order.slice(-30);
  const [left, right, step] = [110, 560, 30];
  const height = 40 + last.length * 2 * (step / 1.4) + 10;
  const label = (x, y, text, anchor = "middle", kind = "") => svg("text", { x, y, "text-anchor": anchor, "font-size": 12, fill: "currentColor", class: kind }, text);
  const arrow = (from, to, y, kind) => {
    const tip = to > from ? -7 : 7;
    return svg("path", { d: `M${from} ${y}H${to}m${tip} -4L${to} ${y}l${tip} 4`, fill: "none", stroke: "currentColor", class: kind });
  };
  const rows = last.flatMap((call, at) => {
    const asks = call.event === "mcp_server_request";
    const [from, to] = asks ? [right, left] : [left, right];
    const y = 44 + at * 2 * (step / 1.4);
    const kind = call.status === "error" ? "bad" : "";
    return [arrow(from, to, y, ""), label((left + right) / 2, y - 4, target(call)), label(left - 8, y + 4, clock(call.begin / 1000, 1), "end", "soft"),
      arrow(to, from, y + 20, kind), label((left + right) / 2, y + 16, `${call.outcome}, ${time(call.duration_ms / 1000)}`, "middle", kind)];
  });
  hold(place, svg("svg", { width: 640, height, viewBox: `0 0 640 ${height}`, role: "img", "aria-label": `The last ${last.length} calls between client and server; the same stands below as text` },
    label(left, 14, first.client_name ?? "client"), label(right, 14, first.server ?? "server"),
    [left, right].map((x) => svg("line", { x1: x, x2: x, y1: 20, y2: height, stroke: "currentColor", "stroke-opacity": 0.3 })), rows));
}
