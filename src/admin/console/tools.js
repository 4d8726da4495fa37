// What tools do: all of them, and one.

import { Table, bars, bytes, clock, dollars, el, facts, field, hold, number, rate, share, svg, time, tone, written } from "./dom.js";
import { every, get, query } from "./api.js";
import { heatmap } from "./heat.js";

/** How outcomes are drawn that are no errors. */
const KINDS = { ok: "good", cancelled: "warn", client_disconnect: "warn", auth_challenge: "warn", refused: "warn", input_required: "", task: "" };

const link = (tool) => `#/tools/${encodeURIComponent(tool.server)}/${encodeURIComponent(tool.tool_name)}`;

export async function tools(view) {
  if (view.path.length >= 2) await one(view);
  else await all(view);
}

async function all({ root, signal, failed }) {
  const search = el("input", { type: "search", autocomplete: "off", oninput: () => show() });
  let told = [];
  const quantile = (title, key) => ({ title, number: true, of: (tool) => tool[key], shown: (tool) => time(tool[key]) });
  const table = new Table("Tools, since the proxy began", [
    { title: "Tool", of: (tool) => tool.tool_name, shown: (tool) => el("a", { href: link(tool) }, tool.tool_name) },
    { title: "Server", of: (tool) => tool.server },
    { title: "Calls", number: true, of: (tool) => tool.calls, shown: (tool) => number(tool.calls) },
    { title: "Calls/s", number: true, of: (tool) => tool.rate_per_second, shown: (tool) => rate(tool.rate_per_second) },
    { title: "Errors", number: true, of: (tool) => tool.error_share, shown: (tool) => share(tool.error_share) },
    { title: "How they end", number: true, of: (tool) => tool.error_share, shown: endings },
    { title: "How long they take", number: true, of: (tool) => tool.p50, shown: durations },
    quantile("Median", "p50"), quantile("90 %", "p90"), quantile("95 %", "p95"), quantile("99 %", "p99"), quantile("99.9 %", "p99_9"),
    { title: "Sent", number: true, of: (tool) => tool.bytes.client_to_server, shown: (tool) => bytes(tool.bytes.client_to_server) },
    { title: "Received", number: true, of: (tool) => tool.bytes.server_to_client, shown: (tool) => bytes(tool.bytes.server_to_client) },
    { title: "Tokens", number: true, of: (tool) => (tool.tokens.input ?? 0) + (tool.tokens.output ?? 0), shown: (tool) => number((tool.tokens.input ?? 0) + (tool.tokens.output ?? 0)) },
    { title: "Cost", number: true, of: (tool) => tool.cost_usd, shown: (tool) => dollars(tool.cost_usd) },
    { title: "Oldest open", number: true, of: (tool) => tool.oldest_inflight_seconds, shown: (tool) => (tool.oldest_inflight_seconds ? time(tool.oldest_inflight_seconds) : "–") },
  ], { key: (tool) => `${tool.server} ${tool.tool_name}`, sort: 2, none: "no tool was called yet" });
  hold(root, el("div", { class: "bar" }, el("h1", {}, "Tools"), field("Name or server", search)), el("section", { class: "card" }, table.element));
  const show = () => {
    const wanted = search.value.toLowerCase();
    table.show(told.filter((tool) => `${tool.tool_name} ${tool.server}`.toLowerCase().includes(wanted)));
  };
  const look = async () => {
    ({ tools: told } = await get("/api/tools", signal));
    show();
  };
  await look();
  every(2000, look, signal, failed);
}

const counts = (counts) => Object.entries(counts).sort(([, a], [, b]) => b - a);

/** The share of each outcome, side by side. */
function endings({ outcomes }) {
  const all = counts(outcomes);
  const told = all.map(([outcome, count]) => `${outcome} ${number(count)}`).join(", ");
  return el("span", { class: "stack", role: "img", "aria-label": told || "none ended yet", title: told }, all.map(([outcome, count]) => {
    const part = el("i", { class: KINDS[outcome] ?? "bad" });
    part.style.flexGrow = count;
    return part;
  }));
}

/** The buckets, as they stand in a row: the buckets that any call fell in and those between. */
function durations({ buckets: { bounds, counts } }) {
  const first = counts.findIndex((count) => count > 0);
  const used = first < 0 ? [] : counts.slice(first, counts.findLastIndex((count) => count > 0) + 1);
  const most = Math.max(...used);
  const name = (at) => (at < bounds.length ? `up to ${time(bounds[at])}` : `over ${time(bounds.at(-1))}`);
  const told = used.length ? `most took ${name(first + used.indexOf(most))}, the slowest ${name(first + used.length - 1)}` : "none ended yet";
  const rows = used.map((count, x) => {
    const height = count > 0 ? Math.max(1, (16 * count) / most) : 0;
    return svg("rect", { x: x * 7, y: (16 - height).toFixed(1), width: 6, height: height.toFixed(1) });
  });
  return el("span", {}, svg("svg", { class: "spread", width: Math.max(1, used.length * 7), height: 16, role: "img", "aria-label": told }, svg("title", {}, told), rows));
}

async function one({ root, path: [server, name], signal, failed }) {
  const [figures, outcomes, latency, errors, before, after, heat, what] = [0, 1, 2, 3, 4, 5, 6, 7].map(() => el("div"));
  let [warm, known] = [null, null];
  const recent = new Table("Its last calls", [
    { title: "Ended", of: (call) => call.timestamp, shown: (call) => el("a", { href: `#/calls/${call.number}` }, clock(call.timestamp, 1)) },
    { title: "Outcome", of: (call) => call.outcome, shown: (call) => el("span", { class: tone(call.status) }, call.outcome) },
    { title: "Took", number: true, of: (call) => call.duration_ms, shown: (call) => time(call.duration_ms / 1000) },
    { title: "Client", of: (call) => call.client_name },
    { title: "What it said", wrap: true, of: (call) => call.error_message },
  ], { key: (call) => call.number, sortable: false });
  const card = (title, content) => el("section", { class: "card" }, el("h2", {}, title), content);
  hold(root, el("div", { class: "bar" }, el("h1", {}, el("span", { class: "foreign" }, name), el("span", { class: "soft" }, ` of ${server}`)), el("a", { href: "#/tools" }, "All tools")),
    el("div", { class: "grid" }, card("Figures", figures), card("How it ends", outcomes), card("How long it takes", latency), card("Errors by type", errors),
      card("What comes before it", before), card("What comes after it", after)),
    card("How long it took, the last fifteen minutes", heat), card("What it is", what),
    el("section", { class: "card" }, recent.element));
  const some = (rows) => (rows.length ? bars(rows) : el("p", { class: "empty" }, "none"));
  const look = async () => {
    const { tools: [tool], definition } = await get(`/api/tools${query({ server, tool: name })}`, signal);
    const { calls } = await get(`/api/calls${query({ server, tool: name, limit: 20 })}`, signal);
    if (signal.aborted) return;
    recent.show(calls);
    // What is unfolded, or has the focus, stays so.
    const told = JSON.stringify(definition);
    if (told !== known) hold(what, defined(definition));
    known = told;
    if (!tool) return hold(figures, el("p", { class: "empty" }, "this tool was not called yet"));
    const drawn = tool.heat?.at.at(-1) ?? 0;
    if (drawn !== warm) {
      const isUnfolded = heat.querySelector("details")?.open;
      hold(heat, tool.heat ? heatmap(tool.heat) : el("p", { class: "empty" }, "too many other tools were called: nothing is kept of this one"));
      heat.querySelector("details")?.toggleAttribute("open", Boolean(isUnfolded));
    }
    warm = drawn;
    hold(figures, facts([
      ["Calls", number(tool.calls)], ["Calls a second", rate(tool.rate_per_second)], ["Share of errors", share(tool.error_share)],
      ["Median", time(tool.p50)], ["95 %, 99 %, 99.9 %", `${time(tool.p95)}, ${time(tool.p99)}, ${time(tool.p99_9)}`],
      ["Mean", time(tool.calls ? tool.duration_seconds_sum / tool.calls : null)],
      ["Arguments, results", `${bytes(tool.bytes.client_to_server)}, ${bytes(tool.bytes.server_to_client)}`],
      ["Tokens in, out", `${number(tool.tokens.input)}, ${number(tool.tokens.output)}`],
      ["Cost", dollars(tool.cost_usd)], ["Oldest open call", tool.oldest_inflight_seconds ? time(tool.oldest_inflight_seconds) : "none"],
    ]));
    hold(outcomes, some(counts(tool.outcomes).map(([outcome, count]) => [outcome, count, KINDS[outcome] ?? "bad"])));
    const bounds = tool.buckets.bounds;
    const rows = tool.buckets.counts.map((count, at) => [at < bounds.length ? `≤ ${time(bounds[at])}` : `> ${time(bounds.at(-1))}`, count]);
    const used = rows.findLastIndex(([, count]) => count > 0);
    hold(latency, some(rows.slice(Math.max(0, rows.findIndex(([, count]) => count > 0) - 1), used + 2)));
    hold(errors, some(counts(tool.errors_by_type).map(([type, count]) => [type, count, "bad"])));
    hold(before, some(counts(tool.follows)));
    hold(after, some(counts(tool.followed_by)));
  };
  await look();
  every(2000, look, signal, failed);
}

const PARTS = { description: "Description", input_schema: "Input schema", output_schema: "Output schema", annotations: "Annotations" };
const CHANGES = { added: "it came", removed: "it went", description: "another description", input_schema: "another input schema", output_schema: "another output schema", annotations: "other annotations" };

/** What its server says it is, and when that changed. */
function defined(definition) {
  if (!definition) return el("p", { class: "empty" }, "its server has not listed it since the proxy began");
  const moment = (at) => new Date(1000 * at).toLocaleString("en-GB");
  const { parts, changes } = definition;
  return [
    facts([["Listed last", moment(definition.listed)], ["State", definition.removed ? "removed: it stands in no list any more" : "listed"],
      ["Changes", changes.length ? changes.toReversed().map(({ at, change }) => el("div", {}, `${moment(at)}: ${CHANGES[change] ?? change}`)) : "none since the proxy began"]]),
    Object.entries(PARTS).filter(([key]) => key in parts).map(([key, title]) => el("details", { open: key !== "output_schema" && key !== "annotations" }, el("summary", {}, title),
      el("pre", { class: "wrapped", tabindex: 0, "aria-label": title }, parts[key] === null ? "too large to keep" : written(parts[key])))),
  ];
}
