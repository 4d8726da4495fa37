// How long calls took over the last minutes: time from left to right, duration from below, the colour says how many.

import { clock, el, number, svg, time } from "./dom.js";

/** Height of a row, pixels. */
const ROW = 16;

/** So many columns make a line of the table: a minute. */
const TOGETHER = 6;

const sum = (counts) => counts.reduce((all, count) => all + count, 0);

/** The picture, and the same as a table. */
export function heatmap({ at, bounds, counts }) {
  const rows = Array.from({ length: bounds.length + 1 }, (_, row) => sum(counts.map((column) => column[row] ?? 0)));
  const all = sum(rows);
  if (!all) return el("p", { class: "empty" }, at.length ? "no call ended in the last fifteen minutes" : "the first ten seconds are not over yet");
  const first = Math.max(0, rows.findIndex((count) => count > 0) - 1);
  const last = Math.min(bounds.length, rows.findLastIndex((count) => count > 0) + 1);
  const name = (row) => (row < bounds.length ? `≤ ${time(bounds[row])}` : `> ${time(bounds.at(-1))}`);
  const most = Math.max(...counts.flat());
  const shown = Array.from({ length: last - first + 1 }, (_, place) => last - place);
  const cells = counts.flatMap((column, x) => shown.flatMap((row, y) => {
    const count = column[row] ?? 0;
    // Few beside many are seen, too.
    return count > 0 ? [svg("rect", { x, y, width: 1, height: 1, "fill-opacity": (0.15 + 0.85 * Math.sqrt(count / most)).toFixed(2) },
      svg("title", {}, `to ${clock(at[x])}, ${name(row)}: ${number(count)} calls`))] : [];
  }));
  const busiest = counts.reduce((best, column, x) => (sum(column) > sum(counts[best]) ? x : best), 0);
  const usual = rows.indexOf(Math.max(...rows));
  const told = `${number(all)} calls from ${clock(at[0])} to ${clock(at.at(-1))}: most of them, ${number(rows[usual])}, took ${name(usual)}, the slowest ${name(rows.findLastIndex((count) => count > 0))}; `
    + `the busiest ten seconds ended at ${clock(at[busiest])} with ${number(sum(counts[busiest]))}. The same stands below as a table.`;
  const picture = svg("svg", { class: "heat", viewBox: `0 0 ${at.length} ${shown.length}`, preserveAspectRatio: "none", role: "img", "aria-label": told }, cells);
  picture.style.height = `${shown.length * ROW}px`;
  return [
    el("div", { class: "heat-map" }, el("div", { class: "heat-names", "aria-hidden": "true" }, shown.map((row) => el("span", {}, name(row)))), picture),
    el("div", { class: "axis" }, el("span", {}, `${clock(at[0])} – ${clock(at.at(-1))}`), el("span", {}, `the strongest colour: ${number(most)} calls`)),
    table(at, counts, name),
  ];
}

function table(at, counts, name) {
  const lines = [];
  for (let end = at.length; end > 0; end -= TOGETHER) {
    const columns = counts.slice(Math.max(0, end - TOGETHER), end);
    const rows = columns.reduce((rows, column) => column.map((count, row) => count + (rows[row] ?? 0)).concat(rows.slice(column.length)), []);
    const calls = sum(rows);
    if (!calls) continue;
    let below = 0;
    const half = rows.findIndex((count) => (below += count) * 2 >= calls);
    lines.push(el("tr", {}, el("th", { scope: "row" }, clock(at[end - 1])), el("td", { class: "number" }, number(calls)), el("td", {}, name(half)), el("td", {}, name(rows.findLastIndex((count) => count > 0)))));
  }
  return el("details", {}, el("summary", {}, "As a table"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Calls by minute" },
    el("table", {}, el("thead", {}, el("tr", {}, ["The minute to", "Calls", "Half of them took", "The slowest took"].map((title, place) => el("th", { scope: "col", class: place === 1 ? "number" : false }, title)))), el("tbody", {}, lines))));
}
