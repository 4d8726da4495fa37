// Small line charts, drawn as SVG.

import { el, hold, svg, say, clock } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 120;

/** A chart of several series over time: `{ key, name, kind }`. */
export class Chart {
  constructor(title, series, format, { area = true } = {}) {
    Object.assign(this, { title, series, format, area, at: [], columns: {} });
    this.picture = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.legend = el("div", { class: "legend" });
    this.values = series.map((one) => {
      const value = el("b", {}, "–");
      this.legend.append(el("span", { class: one.kind }, `${one.name} `, value));
      return value;
    });
    this.most = el("span", {});
    this.moment = el("span", {});
    this.element = el("section", { class: "card" },
      el("div", { class: "chart-head" }, el("h2", {}, title), this.legend), this.picture,
      el("div", { class: "axis" }, this.most, this.moment));
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => { this.pointed = null; this.draw(); });
  }

  show(at, columns) {
    Object.assign(this, { at, columns });
    this.draw();
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    this.pointed = Math.round(((event.clientX - box.left) / box.width) * (this.at.length - 1));
    this.draw();
  }

  draw() {
    const many = this.at.length;
    const all = this.series.flatMap(({ key }) => this.columns[key] ?? []).filter((value) => value !== null);
    const top = nice(Math.max(0, ...all));
    const x = (place) => (many > 1 ? (place / (many - 1)) * WIDTH : WIDTH);
    const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 6);
    const lines = [0.5, 1].map((part) => svg("line", { class: "grid-line", x1: 0, x2: WIDTH, y1: y(top * part), y2: y(top * part) }));
    const paths = this.series.flatMap(({ key, kind }, place) => {
      const line = path(this.columns[key] ?? [], x, y);
      const area = this.area && place === 0 && line.whole;
      return [area && svg("path", { class: `area ${kind}`, d: `${line.whole}V${HEIGHT}H${x(line.first)}Z` }), svg("path", { class: kind, d: line.all })].filter(Boolean);
    });
    const shown = this.pointed ?? many - 1;
    const cursor = this.pointed !== null && this.pointed !== undefined
      ? [svg("line", { class: "cursor", x1: x(shown), x2: x(shown), y1: 0, y2: HEIGHT })] : [];
    hold(this.picture, lines, paths, cursor);
    const told = this.series.map(({ key, name }, place) => {
      const text = this.format(this.columns[key]?.[shown]);
      say(this.values[place], text);
      return `${name} ${text}`;
    });
    this.picture.setAttribute("aria-label", `${this.title}: ${told.join(", ")}; at most ${this.format(Math.max(0, ...all))}`);
    say(this.most, `to ${this.format(top)}`);
    say(this.moment, many ? (this.pointed === null || this.pointed === undefined ? `${clock(this.at[0])} – ${clock(this.at[many - 1])}` : clock(this.at[shown])) : "");
  }
}

/** A line without anything around it. */
export function spark(values, label) {
  const [width, height] = [110, 24];
  const top = Math.max(1e-9, ...values.filter((value) => value !== null));
  const x = (place) => (values.length > 1 ? (place / (values.length - 1)) * width : width);
  const line = path(values, x, (value) => height - 1 - (value / top) * (height - 3));
  return svg("svg", { class: "chart small", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label }, svg("path", { class: "s1", d: line.all }));
}

/** A line that has gaps where there are no values, and the last piece of it. */
function path(values, x, y) {
  let [all, whole, first] = ["", "", 0];
  let drawing = false;
  values.forEach((value, place) => {
    if (value === null || value === undefined) {
      drawing = false;
      return;
    }
    const point = `${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
    if (drawing) [all, whole] = [`${all}L${point}`, `${whole}L${point}`];
    else [all, whole, first] = [`${all}M${point}h.1`, `M${point}`, place];
    drawing = true;
  });
  return { all, whole: drawing ? whole : "", first };
}

/** The next round number. */
function nice(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= most);
}
