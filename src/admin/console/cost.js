// What tools cost: tokens, bytes and money of their calls, and what each list of tools puts into every conversation.

import { Table, bars, bytes, dollars, el, hold, number, say, share } from "./dom.js";
import { every, get } from "./api.js";

/** Bars of each kind. */
const DEAREST = 10;

const COUNTERS = {
  estimate: "Tokens are estimated, one for every four bytes: tokens.counter is “estimate”. Calls, bytes and the numbers of tools are exact.",
  o200k: "Tokens are counted with the vocabulary o200k, a moment after their calls: exact for models that have it. Calls, bytes and the numbers of tools are exact.",
};

const of = (counts, key) => counts[key] ?? 0;
const tokens = (tool) => of(tool.tokens, "input") + of(tool.tokens, "output");
const total = (rows, value) => rows.reduce((all, row) => all + (value(row) ?? 0), 0);
const part = (value, all) => (all > 0 && value !== null && value !== undefined ? value / all : null);
const name = (tool) => `${tool.tool_name} of ${tool.server}`;

/** What a price asks for. */
function rate(price) {
  if (!price) return null;
  const parts = [["per_call", "a call"], ["per_kilobyte", "a kilobyte"], ["per_1k_tokens", "for 1,000 tokens"]];
  // As it is configured, to the last digit.
  return parts.filter(([key]) => price[key] > 0).map(([key, what]) => `$${price[key]} ${what}`).join(" + ") || "free";
}

export async function cost({ root, signal, failed }) {
  let [allTokens, allCost] = [0, 0];
  const tiles = new Map(["Calls", "Tokens in", "Tokens out", "Tokens a call", "Arguments", "Results", "Cost", "Lists of tools"].map((name) => [name, el("dd", {}, "–")]));
  const column = (title, of, shown = number) => ({ title, number: true, of, shown: (row) => shown(of(row)) });
  const table = new Table("Calls of tools, since the proxy began", [
    { title: "Tool", of: (tool) => tool.tool_name, shown: (tool) => el("a", { href: `#/tools/${encodeURIComponent(tool.server)}/${encodeURIComponent(tool.tool_name)}` }, tool.tool_name) },
    { title: "Server", of: (tool) => tool.server },
    column("Calls", (tool) => tool.calls),
    column("Tokens in", (tool) => of(tool.tokens, "input")), column("Tokens out", (tool) => of(tool.tokens, "output")),
    column("Tokens a call", (tool) => part(tokens(tool), tool.calls)), column("Share of tokens", (tool) => part(tokens(tool), allTokens), share),
    column("Arguments", (tool) => of(tool.bytes, "client_to_server"), bytes), column("Results", (tool) => of(tool.bytes, "server_to_client"), bytes),
    column("Cost", (tool) => tool.cost_usd, dollars), column("Share of cost", (tool) => part(tool.cost_usd, allCost), share),
    { title: "Price", of: (tool) => rate(tool.price) },
  ], { key: name, sort: 6, none: "no tool was called yet" });
  const lists = new Table("Lists of tools: what one puts into the context of every conversation", [
    { title: "Server", of: (list) => list.server },
    column("Tools", (list) => list.tools), column("Tokens", (list) => list.tokens), column("Tokens a tool", (list) => part(list.tokens, list.tools)), column("Bytes", (list) => list.bytes, bytes),
  ], { key: (list) => list.server, sort: 2, none: "no list of tools has passed yet" });
  const [counter, money, byTokens, byCost, byList] = [el("p"), el("p"), el("div"), el("div"), el("div")];
  const card = (title, content) => el("section", { class: "card" }, el("h2", {}, title), content);
  hold(root, el("h1", {}, "Cost & context"),
    el("div", { class: "soft" }, counter, money),
    el("dl", { class: "tiles" }, [...tiles].map(([name, value]) => el("div", { class: "tile" }, el("dt", {}, name), value))),
    el("div", { class: "grid" }, card("Most tokens", byTokens), card("Dearest", byCost), card("Largest lists", byList)),
    el("section", { class: "card" }, table.element), el("section", { class: "card" }, lists.element));

  const look = async () => {
    const told = await get("/api/tools", signal);
    if (signal.aborted) return;
    const { tools } = told;
    [allTokens, allCost] = [total(tools, tokens), total(tools, (tool) => tool.cost_usd)];
    const isPriced = tools.some((tool) => tool.cost_usd !== null || tool.price);
    say(counter, COUNTERS[told.tokens_counter] ?? told.tokens_counter);
    say(money, isPriced ? "Cost is what the prices of the configuration make of calls that a server has done; it is as exact as what it is made of."
      : "No price is configured: [[price]] says what a call, a kilobyte or 1,000 tokens cost.");
    const calls = total(tools, (tool) => tool.calls);
    for (const [name, text] of Object.entries({
      Calls: number(calls), "Tokens in": number(total(tools, (tool) => tool.tokens.input)), "Tokens out": number(total(tools, (tool) => tool.tokens.output)), "Tokens a call": number(part(allTokens, calls)),
      Arguments: bytes(total(tools, (tool) => tool.bytes.client_to_server)), Results: bytes(total(tools, (tool) => tool.bytes.server_to_client)),
      Cost: isPriced ? dollars(allCost) : "–", "Lists of tools": told.lists.length ? `${number(total(told.lists, (list) => list.tokens))} tokens` : "–",
    })) say(tiles.get(name), text);
    const most = (place, rows, name, value, format, none) => {
      const some = rows.filter((row) => value(row) > 0).sort((a, b) => value(b) - value(a)).slice(0, DEAREST);
      hold(place, some.length ? bars(some.map((row) => [name(row), value(row)]), format) : el("p", { class: "empty" }, none));
    };
    most(byTokens, tools, name, tokens, number, "none yet");
    most(byCost, tools, name, (tool) => tool.cost_usd, dollars, isPriced ? "nothing was charged yet" : "no price is configured");
    most(byList, told.lists, (list) => list.server, (list) => list.tokens, (count) => `${number(count)} tokens`, "no list has passed yet");
    table.show(tools);
    lists.show(told.lists);
  };
  await look();
  every(2000, look, signal, failed);
}
