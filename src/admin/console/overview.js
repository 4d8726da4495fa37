// How much, how well, how fast: all servers together, and each.

import { Table, badge, clock, el, hold, number, rate, say, share, time } from "./dom.js";
import { every, get } from "./api.js";
import { Chart, spark } from "./charts.js";

const RANGES = { "5 minutes": { every: 1, last: 300 }, "15 minutes": { every: 10, last: 90 } };

/** Calls a second, and the share of errors, of each point. */
function derived(points) {
  const a_second = (counts) => counts.map((count, at) => (points.seconds[at] > 0 ? count / points.seconds[at] : 0));
  const judged = (at) => points.errors[at] + points.successes[at];
  return {
    ...points,
    calls: a_second(points.calls),
    errors: a_second(points.errors),
    share: points.errors.map((errors, at) => (judged(at) ? errors / judged(at) : null)),
  };
}

/** What is new is put behind what was there. */
function grown(before, more, last) {
  if (!before) return more;
  const from = before.at.at(-1) ?? 0;
  const start = more.at.findIndex((at) => at > from + 0.2);
  if (start < 0) return before;
  return Object.fromEntries(Object.keys(more).map((key) => [key, before[key].concat(more[key].slice(start)).slice(-last)]));
}

/** Of the last ten seconds: the newest point alone would jump. */
function lately(points, every) {
  const [calls, errors, successes, seconds] = ["calls", "errors", "successes", "seconds"].map((key) =>
    points[key].slice(-Math.max(1, 10 / every)).reduce((sum, value) => sum + value, 0));
  const known = (key) => points[key].filter((value) => value !== null).at(-1) ?? null;
  return {
    calls: seconds ? calls / seconds : null,
    errors: errors + successes ? errors / (errors + successes) : null,
    p50: known("p50"), p95: known("p95"), p99: known("p99"),
    sessions: points.sessions.at(-1) ?? null, streams: points.streams.at(-1) ?? null,
  };
}

export async function overview({ root, signal, failed, about }) {
  let range = "5 minutes";
  let histories = new Map();
  let servers = [];
  const tiles = new Map(["Calls a second", "Errors", "Median", "95 %", "99 %", "Sessions", "Streams", "Servers well"].map((name) => [name, el("dd", {}, "–")]));
  const charts = [
    [new Chart("Calls a second", [{ key: "calls", name: "all", kind: "s1" }, { key: "errors", name: "errors", kind: "se" }], rate), "calls"],
    [new Chart("Duration", [{ key: "p50", name: "p50", kind: "s1" }, { key: "p95", name: "p95", kind: "s2" }, { key: "p99", name: "p99", kind: "s3" }], time, { area: false }), "time"],
    [new Chart("Share of errors", [{ key: "share", name: "errors", kind: "se" }], share), "share"],
    [new Chart("Open now", [{ key: "sessions", name: "sessions", kind: "s1" }, { key: "streams", name: "streams", kind: "s2" }], number), "open"],
  ].map(([chart]) => chart);
  const of = (server) => histories.get(server.name);
  const now = (server) => (of(server) ? lately(of(server), RANGES[range].every) : {});
  const table = new Table("Servers, over the last ten seconds", [
    { title: "Server", of: (server) => server.name },
    { title: "Health", of: (server) => server.health, shown: (server) => badge(server.health) },
    { title: "Available, 1 h", number: true, of: (server) => server.availability["1h"], shown: (server) => share(server.availability["1h"]) },
    { title: "Calls/s", number: true, of: (server) => now(server).calls, shown: (server) => rate(now(server).calls) },
    { title: "Errors", number: true, of: (server) => now(server).errors, shown: (server) => share(now(server).errors) },
    { title: "Median", number: true, of: (server) => now(server).p50, shown: (server) => time(now(server).p50) },
    { title: "95 %", number: true, of: (server) => now(server).p95, shown: (server) => time(now(server).p95) },
    { title: "99 %", number: true, of: (server) => now(server).p99, shown: (server) => time(now(server).p99) },
    { title: "Sessions", number: true, of: (server) => now(server).sessions, shown: (server) => number(now(server).sessions) },
    { title: "Streams", number: true, of: (server) => now(server).streams, shown: (server) => number(now(server).streams) },
    { title: "Calls, lately", of: (server) => now(server).calls, shown: (server) => spark(of(server) ? derived(of(server)).calls.slice(-90) : [], `calls a second to ${server.name}`) },
  ], { key: (server) => server.name, descending: false, none: "no server is configured" });

  const busiest = new Table("Busiest tools", [
    { title: "Tool", of: (tool) => tool.tool_name, shown: (tool) => el("a", { href: `#/tools/${encodeURIComponent(tool.server)}/${encodeURIComponent(tool.tool_name)}` }, tool.tool_name) },
    { title: "Calls/s", number: true, of: (tool) => tool.rate_per_second, shown: (tool) => rate(tool.rate_per_second) },
    { title: "Errors", number: true, of: (tool) => tool.error_share, shown: (tool) => share(tool.error_share) },
    { title: "95 %", number: true, of: (tool) => tool.p95, shown: (tool) => time(tool.p95) },
  ], { key: (tool) => `${tool.server} ${tool.tool_name}`, sortable: false, none: "no tool was called yet" });
  const failures = new Table("Latest errors", [
    { title: "Ended", of: (call) => call.timestamp, shown: (call) => el("a", { href: `#/calls/${call.number}` }, clock(call.timestamp)) },
    { title: "What", of: (call) => call.tool_name ?? call.method },
    { title: "Outcome", of: (call) => call.outcome, shown: (call) => el("span", { class: "bad" }, call.error_type ?? call.outcome) },
    { title: "What was said", wrap: true, of: (call) => call.error_message ?? "" },
  ], { key: (call) => call.number, sortable: false, none: "none" });

  const ranges = Object.keys(RANGES).map((name) => el("button", { type: "button", "aria-pressed": String(name === range), onclick: async () => {
    range = name;
    histories = new Map();
    ranges.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === range)));
    await look().catch(failed);
  } }, name));
  hold(root,
    el("div", { class: "bar" }, el("h1", {}, "Overview"), el("div", { class: "left", role: "group", "aria-label": "Range" }, ranges)),
    !about.metrics && el("p", { role: "alert", class: "card" }, "metrics.enabled is false: there are no numbers of traffic"),
    el("dl", { class: "tiles" }, [...tiles].map(([name, value]) => el("div", { class: "tile" }, el("dt", {}, name), value))),
    el("div", { class: "grid quad" }, charts.map((chart) => chart.element)),
    el("section", { class: "card" }, table.element),
    el("div", { class: "grid" }, el("section", { class: "card" }, busiest.element), el("section", { class: "card" }, failures.element)));

  async function look() {
    const { every, last } = RANGES[range];
    const asked = range;
    const few = histories.size ? 5 : last;
    const told = await get(`/api/history?every=${every}&last=${few}`, signal);
    if (signal.aborted || asked !== range) return;
    histories = new Map(told.servers.map(({ name, points }) => [name, grown(histories.get(name), points, last)]));
    const all = histories.get("");
    if (all) {
      const points = derived(all);
      charts.forEach((chart) => chart.show(all.at, points));
      const figures = lately(all, every);
      for (const [name, text] of Object.entries({
        "Calls a second": rate(figures.calls), Errors: share(figures.errors), Median: time(figures.p50), "95 %": time(figures.p95),
        "99 %": time(figures.p99), Sessions: number(figures.sessions), Streams: number(figures.streams),
      })) say(tiles.get(name), text);
      tiles.get("Errors").classList.toggle("bad", figures.errors > 0.05);
    }
    table.show(servers);
  }

  async function ask() {
    ({ servers } = await get("/api/servers", signal));
    const well = servers.filter(({ health }) => health === "healthy" || health === "unknown").length;
    say(tiles.get("Servers well"), `${well} of ${servers.length}`);
    tiles.get("Servers well").classList.toggle("bad", well < servers.length);
    table.show(servers);
    const [{ tools }, { calls }] = await Promise.all([get("/api/tools", signal), get("/api/calls?status=error&limit=8", signal)]);
    const order = tools.sort((a, b) => (b.rate_per_second ?? 0) - (a.rate_per_second ?? 0) || b.calls - a.calls);
    busiest.show(order.slice(0, 8));
    failures.show(calls);
  }

  await ask();
  every(5000, ask, signal, failed);
  await look();
  every(1000, look, signal, failed);
}
