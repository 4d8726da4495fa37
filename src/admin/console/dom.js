// Elements. Whatever came from traffic becomes text, never markup.

// What cannot be seen, or would move or turn what stands beside it.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of somebody else, with every unseen character written out. */
export function plain(text) {
  return String(text).replace(UNSEEN, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

/** Characters of a text that are shown of it. */
const WRITTEN = 64 * 1024;

/** A text of several lines, or JSON, which is spread over several, for a `pre`. */
export function written(text) {
  const whole = spread(text);
  const lines = (whole.length > WRITTEN ? `${whole.slice(0, WRITTEN)}…` : whole).split("\n");
  return lines.flatMap((line) => [line, document.createTextNode("\n")]);
}

function spread(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** An element: attributes (`on…` are listeners, false ones are left out), then children. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  put(element, ...children);
  return element;
}

function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(plain(child)));
  }
}

/** What an element holds from now on. */
export function hold(element, ...children) {
  element.replaceChildren();
  put(element, ...children);
  return element;
}

/** Text, set only where it is another one. */
export function say(element, text) {
  const told = plain(text);
  if (element.textContent !== told) element.textContent = told;
}

/** Left and width of something that is placed within a line, as shares of it. */
export function placed(element, left, width) {
  element.style.left = `${(100 * left).toFixed(3)}%`;
  if (width !== undefined) element.style.width = `${(100 * width).toFixed(3)}%`;
  return element;
}

export const number = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en"));

export function rate(value) {
  if (value === null || value === undefined) return "–";
  return value >= 100 ? number(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function share(value) {
  if (value === null || value === undefined) return "–";
  const percent = 100 * value;
  return `${percent === 0 || percent >= 10 ? percent.toFixed(percent === 100 || percent === 0 ? 0 : 1) : percent.toFixed(2)} %`;
}

/** Seconds. */
export function time(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 0.01) return `${(1000 * seconds).toFixed(2)} ms`;
  if (seconds < 1) return `${(1000 * seconds).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export const dollars = (value) => (value === null || value === undefined ? "–" : `$${value.toFixed(value > 0 && value < 0.01 ? 6 : value < 1 ? 4 : 2)}`);

/** A moment of today, from unix seconds or a timestamp. */
export function clock(at, digits = 0) {
  const date = new Date(typeof at === "number" ? 1000 * at : at);
  const text = date.toLocaleTimeString("en-GB");
  return digits ? `${text}.${String(date.getMilliseconds()).padStart(3, "0")}` : text;
}

const TONES = { success: "good", ok: "good", healthy: "good", error: "bad", down: "bad", degraded: "warn", rejected: "warn", cancelled: "warn", pending: "soft", unknown: "soft" };

/** The class for a status or a health. */
export const tone = (word) => TONES[word] ?? "soft";

export const badge = (word) => el("span", { class: `badge ${tone(word)} ${word === "down" ? "down" : ""}` }, word);

/** Lets a browser save a text as a file. */
export function download(name, type, text) {
  const link = el("a", { download: name, href: URL.createObjectURL(new Blob([text], { type })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A button that stays pressed. */
export function toggle(text, pressed, change) {
  const button = el("button", { type: "button", "aria-pressed": String(pressed), onclick: () => {
    const now = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(now));
    change(now);
  } }, text);
  return button;
}

/** A field with its label. */
export function field(label, input) {
  input.id ||= `field-${label.toLowerCase().replace(/\W+/g, "-")}`;
  return el("div", { class: "field" }, el("label", { for: input.id }, label), input);
}

/** Counts as bars: `[name, count, class?]`. */
export function bars(rows, format = number) {
  const most = Math.max(1e-12, ...rows.map(([, count]) => count));
  return el("dl", { class: "bars" }, rows.map(([name, count, kind]) => {
    const fill = el("div", { class: `fill ${kind ?? ""}` });
    fill.style.width = count > 0 ? `max(2px, ${(100 * count) / most}%)` : "0";
    return [el("dt", { class: "foreign", title: plain(name) }, name), el("dd", { class: "track" }, fill), el("dd", {}, format(count))];
  }));
}

export const facts = (rows) => el("dl", { class: "facts" }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

/**
 * A table that keeps its rows, so that what has the focus keeps it. Columns: `title`, `of` (the value to sort by),
 * `shown` (text or a node; without it the value), `number`, `wrap`.
 */
export class Table {
  constructor(caption, columns, { sort = 0, descending = true, key, sortable = true, none = "nothing yet" } = {}) {
    Object.assign(this, { columns, sort, descending, key, sortable, rows: new Map(), data: [], none });
    this.heads = columns.map((column, at) => {
      const title = sortable ? el("button", { type: "button", onclick: () => this.by(at) }, column.title) : column.title;
      return el("th", { scope: "col", class: column.number ? "number" : false }, title);
    });
    this.body = el("tbody");
    this.empty = el("p", { class: "empty" }, none);
    const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, this.heads)), this.body);
    this.element = el("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: 0 }, table, this.empty);
    this.mark();
  }

  by(at) {
    this.descending = this.sort === at ? !this.descending : Boolean(this.columns[at].number);
    this.sort = at;
    this.mark();
    this.show(this.data);
  }

  mark() {
    this.heads.forEach((head, at) => {
      if (this.sortable && at === this.sort) head.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }

  show(data) {
    this.data = data;
    const order = this.sortable ? [...data].sort((a, b) => this.compare(a, b)) : data;
    const kept = new Map();
    let before = null;
    for (const item of order) {
      const key = this.key(item);
      const row = this.rows.get(key) ?? { element: el("tr"), cells: this.columns.map((column) => el("td", {
        class: [column.number ? "number" : column.wrap ? "wrap" : "text"].join(" ") })) };
      if (!row.element.firstChild) row.element.append(...row.cells);
      this.columns.forEach((column, at) => {
        const shown = column.shown ? column.shown(item) : (column.of(item) ?? "–");
        if (shown instanceof Node) {
          // One that looks the same stays: it may have the focus.
          if (!row.cells[at].firstElementChild?.isEqualNode(shown)) row.cells[at].replaceChildren(shown);
        } else say(row.cells[at], shown);
      });
      kept.set(key, row);
      const next = before ? before.nextSibling : this.body.firstChild;
      if (next !== row.element) this.body.insertBefore(row.element, next);
      before = row.element;
    }
    for (const [key, row] of this.rows) if (!kept.has(key)) row.element.remove();
    this.rows = kept;
    this.empty.hidden = order.length > 0;
  }

  compare(a, b) {
    const of = this.columns[this.sort].of;
    const [x, y] = [of(a), of(b)];
    const missing = (value) => value === null || value === undefined;
    if (missing(x) || missing(y)) return missing(x) - missing(y);
    const order = typeof x === "number" ? x - y : String(x).localeCompare(String(y));
    return this.descending ? -order : order;
  }
}
