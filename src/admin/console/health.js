// How the servers are, and how their probes went.

import { badge, bars, clock, el, facts, hold, number, share, time } from "./dom.js";
import { every, get } from "./api.js";

export async function health({ root, signal, failed }) {
  const cards = el("div", { class: "grid" });
  hold(root, el("h1", {}, "Health"), cards);
  const look = async () => {
    const { servers } = await get("/api/servers", signal);
    if (signal.aborted) return;
    hold(cards, servers.length ? servers.map(one) : el("p", { class: "empty" }, "no server is configured"));
  };
  await look();
  every(5000, look, signal, failed);
}

function one(server) {
  const probe = server.last_probe;
  const days = server.certificate_expires && (server.certificate_expires - Date.now() / 1000) / 86400;
  return el("section", { class: "card" },
    el("div", { class: "bar" }, el("h2", {}, server.name), badge(server.health)),
    server.reason && el("p", { class: "foreign" }, server.reason),
    facts([
      ["Where", server.url], ["So since", `${new Date(1000 * server.since).toLocaleString("en-GB")}`],
      ["Severity", server.severity], ["Failures in a row", number(server.consecutive_failures)],
      ["Last minute", `${number(server.last_minute.calls)} calls, ${number(server.last_minute.faults)} of them failed`],
      ["Available", server.probed ? `${share(server.availability["1h"])} of an hour, ${share(server.availability["24h"])} of a day` : "not probed: server.probe is off, its traffic tells"],
      ["Usual time of a probe", server.baseline_seconds && time(server.baseline_seconds)],
      ["Now", server.slowdown && `${server.slowdown.toFixed(1)} times the usual`],
      ["Certificate ends", days && `in ${Math.floor(days)} days`],
    ]),
    probe && [el("h3", {}, `Last probe, ${clock(probe.at)}`),
      probe.fault && el("p", { class: "bad foreign" }, `${probe.fault.kind ?? ""} ${probe.fault.message ?? ""}`),
      phases(probe)],
    server.history.length > 0 && [el("h3", {}, "Probes before"), el("div", { class: "strip", role: "img", "aria-label": `${server.history.length} probes, ${server.history.filter(({ status }) => status !== "success").length} of them failed` },
      server.history.map((report) => el("i", { class: report.status === "success" ? "" : "bad", title: `${clock(report.at)} ${report.status} ${report.fault ?? ""} ${time(report.duration_seconds)}` })))]);
}

function phases(probe) {
  const told = probe.phases ?? {};
  const rows = Array.isArray(told) ? told.map(({ phase, seconds, duration_seconds: long }) => [phase, seconds ?? long]) : Object.entries(told);
  return rows.length ? bars(rows, time) : null;
}
