// Every view with live data, in a browser that may ask nobody but the proxy; and `top` in a terminal.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { chromium } from "playwright-core";

import { check, demo, expect, served, stop, until } from "./programs.mjs";
import { guarded, terminal } from "./terminal.mjs";

const VIEWS = ["overview", "tools", "cost", "calls", "sessions", "health", "proxy"];
const TOKEN = "a-token-of-the-console-step";
const HOSTILE = '<img src=x onerror="window.hacked=1">\u202egnp.exe';
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const profile = await mkdtemp(join(tmpdir(), "sightglass-browser-"));
const pictures = process.env.PICTURES;

const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  viewport: { width: 1440, height: 900 },
});

/** A page that remembers what went wrong in it, and whom it asked. */
async function opened(origin) {
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(`error: ${error.message}`));
  page.on("console", (message) => {
    // That a token is asked for is no fault.
    if (["error", "warning"].includes(message.type()) && !message.text().includes("401")) page.wrong.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:") && !url.startsWith("data:")) page.wrong.push(`asked ${url}`);
  });
  await page.goto(`${origin}/`);
  return page;
}

async function view(page, name) {
  await page.evaluate((hash) => { location.hash = hash; }, `#/${name}`);
  await page.waitForFunction(() => document.getElementById("state").dataset.state === "good" && document.querySelector("main h1"), null, { timeout: 20_000 });
}

/** No wider than the smallest window, and nothing that the checker finds. */
async function narrowAndClean(page, what) {
  await page.setViewportSize({ width: 320, height: 900 });
  const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  expect(scroll <= inner, `${what} is ${scroll} px wide in ${inner}`);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  expect(violations.length === 0, `${what}: ${violations.map(({ id, nodes }) => `${id} ${nodes[0].html.slice(0, 120)}`).join("; ")}`);
  if (pictures) await page.screenshot({ path: join(pictures, `${what.replace("a ", "one-")}.png`), fullPage: true });
}

/** The archive that a session's page saves. */
async function archived(page) {
  const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Save as HAR" }).click()]);
  expect(/^session-\w+\.har$/.test(saved.suggestedFilename()), `it is called ${saved.suggestedFilename()}`);
  return JSON.parse(await readFile(await saved.path(), "utf8"));
}

/** It has all that HAR 1.2 requires, and times that add up. */
function isArchive({ log }) {
  expect(log.version === "1.2" && log.creator.name === "sightglass" && log.creator.version, "it does not say what it is");
  expect(log.entries.length > 0, "it holds no call");
  for (const { startedDateTime, time, request, response, cache, timings, _mcp } of log.entries) {
    expect(!Number.isNaN(Date.parse(startedDateTime)) && cache, "an entry does not say when it began");
    expect(request.method === "POST" && URL.canParse(request.url) && Array.isArray(request.headers) && Array.isArray(request.cookies) && Array.isArray(request.queryString), `a request is ${JSON.stringify(request)}`);
    expect(Number.isInteger(response.status) && Number.isInteger(response.content.size) && response.content.mimeType && response.redirectURL === "", `a response is ${JSON.stringify(response)}`);
    expect(Math.abs(timings.send + timings.wait + timings.receive - time) < 0.01, `times of ${time} ms are ${JSON.stringify(timings)}`);
    expect(_mcp.method && _mcp.outcome && _mcp.session_id && !("arguments" in _mcp) && !request.postData, "what is not kept is told, or what is kept is not");
  }
}

const fine = (page) => expect(page.wrong.length === 0, page.wrong.join("; "));
const rows = (page) => page.locator("main tbody tr").count();

async function withDemo() {
  const origin = await demo();
  const page = await opened(origin);
  await check("console: each view shows live data", async () => {
    for (const [name, filled] of Object.entries({
      overview: async () => (await page.locator(".tile dd").first().textContent()) !== "–" && (await page.locator(".chart path").count()) > 4,
      tools: async () => (await rows(page)) > 2,
      cost: async () => (await rows(page)) > 3 && (await page.locator(".bars .fill").count()) > 6 && /^\$\d/.test(await page.locator(".tile", { hasText: "Cost" }).locator("dd").textContent()),
      calls: async () => (await rows(page)) > 5, sessions: async () => (await rows(page)) > 0,
      health: async () => (await page.locator(".card .badge").count()) > 0, proxy: async () => (await page.locator("pre").textContent()).includes("recent_calls"),
    })) {
      await view(page, name);
      await until(`${name} is filled`, filled);
    }
    fine(page);
  });
  await check("console: no view is wider than its window, from 320 to 1920 px, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const width of [320, 768, 1280, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        for (const name of VIEWS) {
          await view(page, name);
          await page.waitForTimeout(pictures ? 1500 : 100);
          const [inner, scroll] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
          expect(scroll <= inner, `${name} is ${scroll} px wide in ${inner}`);
          if (pictures) await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`) });
        }
      }
    }
    fine(page);
  });
  await page.setViewportSize({ width: 1440, height: 900 });
  await check("console: axe finds nothing, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const name of VIEWS) {
        await view(page, name);
        await page.waitForTimeout(300);
        // The page lets no script of others in; the checker comes through the browser's own tools.
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document));
        expect(violations.length === 0, `${name}, ${colorScheme}: ${violations.map(({ id, nodes }) => `${id} ${nodes[0].html.slice(0, 120)}`).join("; ")}`);
      }
    }
  });
  await check("console: calls are filtered and paused, tables are sorted, by keyboard too", async () => {
    await view(page, "calls");
    await page.locator("#field-outcome").selectOption("any error");
    await until("only errors stand there", async () => (await rows(page)) > 0 && (await page.locator("main tbody tr td:nth-child(4) .good").count()) === 0);
    await page.locator("#field-outcome").selectOption("");
    await until("others stand there again", async () => (await page.locator("main tbody tr td:nth-child(4) .good").count()) > 0);
    await page.getByRole("button", { name: "Pause" }).click();
    const first = () => page.locator("main tbody tr td").first().innerHTML();
    const before = await first();
    await until("calls wait", async () => /\d+ more since/.test(await page.locator("main .bar [role=status]").first().textContent()));
    expect(before === (await first()), "the table moved while it was paused");
    await page.getByRole("button", { name: "Pause" }).click();
    await until("the table goes on", async () => before !== (await first()));
    await page.locator("main tbody tr a").first().click();
    await until("a call is shown", async () => (await page.locator("aside .way .mark").count()) >= 3);
    await view(page, "tools");
    const calls = () => page.locator("main tbody tr td:nth-child(3)").allTextContents();
    const numbers = async () => (await calls()).map((text) => Number(text.replace(/,/g, "")));
    const sorted = (values, sign) => values.every((value, at) => at === 0 || sign * (values[at - 1] - value) <= 0);
    await until("the most called first", async () => (await numbers()).length > 2 && sorted(await numbers(), -1));
    await page.locator("main thead button", { hasText: /^Calls$/ }).focus();
    await page.keyboard.press("Enter");
    await until("the least called first", async () => sorted(await numbers(), 1));
    fine(page);
  });
  await check("console: a tool, and a session with its sequence and debugging", async () => {
    await view(page, "tools");
    await until("tools", async () => (await rows(page)) > 0);
    await page.locator("main tbody tr a", { hasText: /^echo$/ }).click();
    await until("its outcomes", async () => (await page.locator(".bars .fill").count()) > 2);
    await until("its heat", async () => (await page.locator("svg.heat rect").count()) > 0);
    const told = await page.locator("svg.heat").getAttribute("aria-label");
    expect(/^\d[\d,]* calls from .* most of them/.test(told), `its heat says ${told}`);
    await page.locator("summary", { hasText: "As a table" }).focus();
    await page.keyboard.press("Enter");
    expect((await page.locator("details[open] table tbody tr").count()) > 0, "its heat has no table");
    await until("its schema", async () => (await page.locator("pre[aria-label='Input schema']").textContent()).includes('"type": "object"'));
    await narrowAndClean(page, "a tool");
    await view(page, "sessions");
    await until("sessions", async () => (await rows(page)) > 0);
    await page.locator("main tbody tr a").first().click();
    await until("its sequence", async () => /-->\||--/.test((await page.locator("pre").textContent()) ?? ""));
    await narrowAndClean(page, "a session");
    isArchive(await archived(page));
    await page.getByRole("button", { name: "Debug on" }).click();
    await until("it is debugged or gone", async () => /logged for|no such session/.test(await page.locator("main [role=status]").first().textContent()));
    // A session that has gone meanwhile answers 404, which the browser tells.
    page.wrong = page.wrong.filter((what) => !what.includes("404"));
    fine(page);
  });
  await page.close();
  await terminal(origin);
}

async function withToken() {
  const { admin, call, list, close } = await served(`token = "${TOKEN}"\nlinks = { trace = "https://g.example.com/{trace_id}" }\n[tracing]\nenabled = true\n[[price]]\ntool = "echo"\nper_call = 0.5`);
  for (const [tool, times] of [["echo", 5], ["broken", 2], [HOSTILE, 3]]) for (let time = 0; time < times; time += 1) await call(tool);
  const page = await opened(admin);
  await check("console: it asks for the token once, and says when it is wrong", async () => {
    await page.locator("#login-token").fill("not-the-token-of-this-listener");
    await page.keyboard.press("Enter");
    await until("it says so", async () => (await page.locator("#login-error").textContent()).includes("not the token"));
    await page.locator("#login-token").fill(TOKEN);
    await page.keyboard.press("Enter");
    await view(page, "tools");
    expect((await page.evaluate(() => Object.keys(localStorage).length)) === 0, "something is kept beyond the tab");
  });
  await check("console: its numbers are those of /metrics", async () => {
    await view(page, "tools");
    await until("three tools", async () => (await rows(page)) === 3);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    for (const [tool, calls] of [["echo", 5], ["broken", 2]]) {
      const told = [...metrics.matchAll(new RegExp(`^mcp_tool_invocations_total\\{.*tool_name="${tool}".*\\} (\\d+)$`, "gm"))];
      expect(told.reduce((sum, [, count]) => sum + Number(count), 0) === calls, `/metrics says otherwise of ${tool}`);
      const row = page.locator("main tbody tr", { hasText: tool }).first();
      expect((await row.locator("td").nth(2).textContent()) === String(calls), `the console says otherwise of ${tool}`);
      const [ended, took] = await row.locator("[role=img]").evaluateAll((all) => all.map((image) => image.getAttribute("aria-label")));
      expect(ended === (tool === "echo" ? "ok 5" : "tool_error 2"), `how ${tool} ended is told as ${ended}`);
      expect(/^most took up to .*, the slowest up to /.test(took), `how long ${tool} took is told as ${took}`);
    }
  });
  await check("console: what calls cost is what /metrics says", async () => {
    await view(page, "cost");
    await until("three tools", async () => (await page.locator("main table").first().locator("tbody tr").count()) === 3);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    const row = page.locator("main table").first().locator("tbody tr", { hasText: "echo" }).first();
    const shown = async (at) => (await row.locator("td").nth(at).textContent()).replaceAll(",", "");
    for (const [type, at] of [["input", 3], ["output", 4]]) {
      const told = new RegExp(`^mcp_tokens_total\\{.*tool_name="echo",token_type="${type}"\\} (\\d+)$`, "m").exec(metrics);
      expect(told && (await shown(at)) === told[1], `tokens, ${type}: ${await shown(at)} is not ${told?.[1]}`);
    }
    const cost = /^mcp_cost_usd_total\{.*tool_name="echo"\} (\S+)$/m.exec(metrics);
    expect(cost && (await shown(9)) === `$${Number(cost[1]).toFixed(2)}`, `cost: ${await shown(9)} is not ${cost?.[1]}`);
    expect((await shown(11)) === "$0.5 a call" && (await page.locator("main").textContent()).includes("tokens.counter is"), "it does not say what that is made of");
    fine(page);
  });
  await check("console: hostile names do nothing", async () => {
    for (const name of ["tools", "cost", "calls", "sessions"]) {
      await view(page, name);
      await until(`${name} has rows`, async () => (await rows(page)) > 0);
      expect((await page.locator("main img").count()) === 0 && (await page.locator("main u").count()) === 0, `${name} holds markup of the traffic`);
      if (name !== "sessions") expect((await page.locator("main").textContent()).includes("<img src=x"), `${name} does not name the tool`);
      expect(!(await page.locator("main").textContent()).includes("\u202e"), `${name} turns the text`);
    }
    expect((await page.evaluate(() => window.hacked)) === undefined, "a script of the traffic ran");
    fine(page);
  });
  await check("console: what a tool is, and when that changed, is text", async () => {
    await list();
    await list();
    await view(page, "tools/fixture/echo");
    await until("it is told", async () => (await page.locator("pre[aria-label=Description]").textContent()).trim() === '<img src=x onerror="window.hacked=1"> version 2');
    const told = await page.locator("main").textContent();
    expect(/: another description/.test(told) && told.includes('"<b>": {}'), `it says ${told.slice(0, 2000)}`);
    expect((await page.locator("main img").count()) === 0 && (await page.evaluate(() => window.hacked)) === undefined, "it is markup");
    await narrowAndClean(page, "a hostile tool");
    fine(page);
  });
  await check("console: links are made of a call's ids", async () => {
    await view(page, "calls");
    await page.locator("main tbody tr a").first().click();
    const link = page.locator("aside a", { hasText: "trace" });
    await link.waitFor();
    expect(/^https:\/\/g\.example\.com\/[0-9a-f]{32}$/.test(await link.getAttribute("href")), await link.getAttribute("href"));
  });
  await check("console: payloads are shown and archived where a session is debugged, redacted", async () => {
    await view(page, "sessions");
    await page.locator("main tbody tr a").first().click();
    await page.getByRole("button", { name: "Debug on" }).click();
    await until("it is debugged", async () => /logged for/.test(await page.locator("main [role=status]").first().textContent()));
    await call("echo", { city: "<b>Bern</b>", password: "hunter2" });
    const payloads = async () => (await archived(page)).log.entries.filter(({ request }) => request.postData);
    await until("it is archived", async () => (await payloads()).length === 1);
    const [{ request, response }] = await payloads();
    expect(request.postData.text === '{"city":"<b>Bern</b>","password":"[redacted]"}' && JSON.parse(response.content.text).content[0].text === "fine", `it is ${JSON.stringify({ request, response })}`);
    await view(page, "calls");
    await page.locator("main tbody tr a").first().click();
    await until("it is shown", async () => (await page.locator("aside pre[aria-label=arguments]").textContent()).includes("<b>Bern</b>"));
    expect((await page.locator("main b:text-is('Bern')").count()) === 0, "it is markup");
    fine(page);
  });
  await check("console: the configuration is read again", async () => {
    await view(page, "proxy");
    await page.getByRole("button", { name: "Reload now" }).click();
    await until("it says so", async () => (await page.locator("main [role=status]").textContent()).includes("read again"));
    expect(!(await page.locator("pre").textContent()).includes(TOKEN), "the token is shown");
    fine(page);
  });
  await guarded(admin, TOKEN, "\\u{202e}gnp.exe");
  close();
}

try {
  await withDemo();
  await withToken();
} finally {
  await context.close();
  await rm(profile, { recursive: true, force: true });
  stop();
}
process.exit();
