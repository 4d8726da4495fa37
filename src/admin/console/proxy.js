// The proxy itself: how full it is, what it gave up, what it runs by.

import { bars, bytes, el, facts, hold, number, say, share, tone } from "./dom.js";
import { every, get, send } from "./api.js";

/** The series of a page of metrics: `{ name, labels, value }`. */
export function series(page) {
  return page.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
    const [, name, , text = "", value] = /^([\w:]+)(\{(.*)\})? (\S+)/.exec(line) ?? [];
    const labels = Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, said]) => [label, said]));
    return { name, labels, value: Number(value) };
  });
}

export async function proxy({ root, signal, failed, about }) {
  const [figures, limits, losses, refusals, note] = [el("div"), el("div"), el("div"), el("div"), el("span", { role: "status" })];
  const configuration = el("pre", { tabindex: 0, "aria-label": "The configuration that runs" });
  const reload = el("button", { type: "button", class: "primary", onclick: async () => {
    reload.disabled = true;
    try {
      const told = await (await send("POST", "/api/reload")).json();
      say(note, told.changes?.length ? `read again: ${told.changes.join("; ")}` : "read again");
      await show();
    } catch (problem) {
      say(note, problem.message);
    }
    reload.disabled = false;
  } }, "Reload now");
  const card = (title, content) => el("section", { class: "card" }, el("h2", {}, title), content);
  hold(root, el("h1", {}, "Proxy"),
    el("div", { class: "grid" }, card("This process", figures), card("Limits, and how full they are", limits), card("Telemetry given up", losses), card("Refused by the proxy itself", refusals)),
    el("section", { class: "card" }, el("div", { class: "bar" }, el("h2", {}, "Configuration"), el("div", { class: "left" }, note, reload)), configuration));

  const show = async () => { configuration.textContent = JSON.stringify(await get("/api/config", signal), null, 2); };
  const look = async () => {
    const all = series(await (await send("GET", "/metrics", { signal })).text());
    if (signal.aborted) return;
    const of = (name) => all.filter((one) => one.name === name);
    const value = (name) => of(name)[0]?.value;
    const build = of("mcp_proxy_build_info")[0]?.labels ?? {};
    const began = value("process_start_time_seconds");
    hold(figures, facts([
      ["Version", `${build.version ?? about.version} (${build.revision ?? "?"})`], ["Began", began && new Date(1000 * began).toLocaleString("en-GB")],
      ["Memory", bytes(value("process_resident_memory_bytes"))], ["Processor time", `${(value("process_cpu_seconds_total") ?? 0).toFixed(1)} s`], ["Open files", number(value("process_open_fds"))],
      ["Connections", of("mcp_active_connections").map(({ labels, value }) => `${value} ${labels.transport}`).join(", ")],
      ["Last reload", value("mcp_proxy_config_last_reload_successful") === 0 ? "failed: what ran before still runs" : "fine"],
      ["Calls kept", about.recent_calls ? `the last ${number(about.recent_calls)}` : "none: limits.recent_calls is 0"],
    ]));
    const used = of("mcp_proxy_limit_used");
    hold(limits, used.length ? el("dl", { class: "bars" }, used.map(({ labels: { limit }, value: now }) => {
      const most = of("mcp_proxy_limit").find(({ labels }) => labels.limit === limit)?.value;
      const full = most ? now / most : 0;
      const fill = el("div", { class: `fill ${full > 0.9 ? "bad" : full > 0.7 ? "warn" : ""}` });
      fill.style.width = `${Math.min(100, 100 * full)}%`;
      const told = limit.includes("bytes") ? bytes : number;
      return [el("dt", {}, limit), el("dd", { class: "track" }, fill), el("dd", {}, most ? `${told(now)} of ${told(most)}` : told(now))];
    })) : null);
    const counted = (name, title) => of(name).map(({ labels, value }) => [title(labels), value, value > 0 ? "bad" : ""]);
    hold(losses, bars([...counted("mcp_proxy_dropped_total", ({ what, reason }) => `${what}, ${reason}`),
      ...counted("mcp_proxy_label_overflow_total", ({ label }) => `label ${label}`),
      ...counted("mcp_proxy_telemetry_export_failures_total", ({ exporter }) => `export ${exporter}`)]));
    const refused = counted("mcp_proxy_refused_total", ({ server, reason }) => `${server}, ${reason}`);
    hold(refusals, refused.length ? bars(refused) : el("p", { class: "empty" }, "nothing was refused"));
  };
  await show();
  await look();
  every(3000, look, signal, failed);
}
