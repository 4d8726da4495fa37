// Which view is shown, who may see it, and whether the proxy answers.

import { el, hold, say } from "./dom.js";
import { get, login } from "./api.js";
import { overview } from "./overview.js";
import { tools } from "./tools.js";
import { cost } from "./cost.js";
import { calls } from "./calls.js";
import { sessions } from "./sessions.js";
import { health } from "./health.js";
import { proxy } from "./proxy.js";

const VIEWS = { overview, tools, cost, calls, sessions, health, proxy };
const TITLES = { overview: "Overview", tools: "Tools", cost: "Cost & context", calls: "Calls", sessions: "Sessions", health: "Health", proxy: "Proxy" };

const main = document.getElementById("main");
const state = document.getElementById("state");
const nav = document.getElementById("nav");
const links = Object.entries(TITLES).map(([name, title]) => el("a", { href: `#/${name}`, "data-view": name }, title));
nav.append(...links);

login.show = (why) => new Promise((resolve) => {
  const [dialog, form] = [document.getElementById("login"), document.getElementById("login-form")];
  const input = document.getElementById("login-token");
  say(document.getElementById("login-error"), why);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.onsubmit = () => {
    resolve(input.value.trim());
    input.value = "";
  };
  dialog.showModal();
});

/** Says whether what is shown is what is. */
function failed(problem) {
  state.dataset.state = problem ? "bad" : "good";
  say(state, problem ? `not up to date: ${problem.message}` : "live");
}

let shown = new AbortController();
let about = null;

async function show() {
  const [, name = "overview", ...rest] = location.hash.replace(/^#/, "").split("/");
  const view = VIEWS[name] ? name : "overview";
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  document.title = `${TITLES[view]} · sightglass`;
  for (const link of links) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  hold(main, el("p", { class: "empty" }, "asking the proxy"));
  try {
    about ??= await get("/api/console", signal);
    if (signal.aborted) return;
    hold(main);
    await VIEWS[view]({ root: main, path: rest.map(decodeURIComponent), signal, failed, about });
  } catch (problem) {
    if (signal.aborted) return;
    failed(problem);
    hold(main, el("p", { role: "alert" }, problem.message), el("p", {}, el("button", { type: "button", onclick: show }, "Try again")));
  }
}

addEventListener("hashchange", () => {
  show();
  main.focus();
});
show();
