// `top` in a terminal, driven by tmux.

import { execFileSync } from "node:child_process";

import { check, expect, until } from "./programs.mjs";

const SOCKET = `sightglass-${process.pid}`;
const tmux = (...args) => execFileSync("tmux", ["-L", SOCKET, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

/** What each view has to show of the demo. */
const VIEWS = [["1", /TOOL .*CALLS/, /^echo /m], ["2", /ENDED UTC.*OUTCOME/, /^\d\d:\d\d:\d\d\.\d{3} demo /m], ["3", /SESSION .*CLIENT/, /^\w{12,}… demo /m], ["4", /SERVER.*HEALTH/, /^demo +healthy/m]];

export async function terminal(origin) {
  const frame = (...more) => tmux("capture-pane", "-p", "-t", "top", ...more);
  const keys = (...keys) => tmux("send-keys", "-t", "top", ...keys);
  const lines = () => frame().trimEnd().split("\n");
  const resize = (columns, rows) => tmux("resize-window", "-t", "top", "-x", String(columns), "-y", String(rows));
  const top = `'${process.env.SIGHTGLASS}' top --admin '${origin}'`;
  const begin = (environment = "") => keys("-l", `clear; ${environment} ${top} && echo ended; stty -a\n`);
  const begun = () => until("a frame", () => /calls\/s \d/.test(frame()) && /\necho /.test(frame()) && frame());
  // The other screen is left, the cursor is there, and what is typed is seen.
  const restored = () => until("the terminal is as it was", () =>
    frame().includes("ended") && / icanon/.test(frame()) && / echo /.test(frame()) && tmux("display", "-p", "-t", "top", "#{alternate_on} #{cursor_flag}").trim() === "0 1");
  try {
    tmux("new-session", "-d", "-s", "top", "-x", "120", "-y", "36", "sh");
    begin();
    await check("top: tools, servers and their numbers move", async () => {
      const first = await begun();
      expect(/1 of 1 servers well/.test(first), "it does not say how the servers are");
      await until("another frame", () => frame() !== first);
      await until("the chart grows", () => /calls\/s to [\d.]+ .*[▁-█]{3}/.test(frame()));
    });
    await check("top: each view shows live data, by its number and by Tab", async () => {
      for (const [key, heads, rows] of VIEWS) {
        keys(key);
        await until(`view ${key}`, () => heads.test(frame()) && rows.test(frame()));
      }
      keys("Tab");
      await until("the first view again", () => VIEWS[0][1].test(frame()));
      keys("BTab");
      await until("the last view", () => VIEWS[3][1].test(frame()));
      keys("1");
      await until("the tools", () => VIEWS[0][2].test(frame()));
    });
    await check("top: it pauses and goes on", async () => {
      keys("p");
      await until("it says that it is paused", () => /PAUSED/.test(frame()));
      // What was asked for when another view was chosen is still shown.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const still = frame();
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(still === frame(), "a paused frame moved");
      keys("4");
      await until("another view is shown all the same", () => VIEWS[3][2].test(frame()));
      keys("1", "p");
      await until("it goes on", () => !/PAUSED/.test(frame()) && frame().split("\n").slice(3).join() !== still.split("\n").slice(3).join());
    });
    await check("top: it sorts, reverses and filters", async () => {
      const calls = () => lines().map((line) => /^\w+ +demo +(\d+) /.exec(line)?.[1]).filter(Boolean).map(Number);
      const sorted = (sign) => calls().length > 3 && calls().every((value, at, all) => at === 0 || sign * (all[at - 1] - value) <= 0);
      keys("S");
      await until("by calls", () => /CALLS▼/.test(frame()) && sorted(-1));
      keys("r");
      await until("the other way", () => /CALLS▲/.test(frame()) && sorted(1));
      keys("r", "Left", "Left");
      await until("by name", () => /TOOL▲/.test(frame()));
      expect(/^_other /m.test(frame()) && lines().findIndex((line) => line.startsWith("add ")) < lines().findIndex((line) => line.startsWith("echo ")), "not by name");
      keys("/");
      keys("-l", "ECHO");
      await until("it is written", () => /filter: ECHO_/.test(frame()));
      keys("Enter");
      await until("one tool is left", () => calls().length === 1 && /^echo /m.test(frame()) && /1–1 of 1/.test(frame()));
      keys("2", "/");
      keys("-l", "flaky");
      keys("Enter");
      await until("its calls alone", () => /^[\d:.]+ demo +flaky /m.test(frame()) && !/^[\d:.]+ demo +(?! |flaky)/m.test(frame()));
      keys("Escape");
      await until("all calls", () => /^[\d:.]+ demo +(?! |flaky)/m.test(frame()));
      keys("1", "Escape");
      await until("all tools", () => calls().length > 3);
    });
    await check("top: it scrolls", async () => {
      keys("2", "p");
      await until("calls", () => /PAUSED/.test(frame()) && /1–\d+ of (\d{3,}|[6-9]\d)/.test(frame()));
      for (const [key, first] of [["Down", 2], ["Up", 1], ["NPage", "[23]\\d"], ["PPage", 1]]) {
        keys(key);
        await until(`it is scrolled by ${key}`, () => new RegExp(`\\b${first}–\\d+ of`).test(frame()));
      }
      keys("End");
      await until("the last row", () => /\b\d+–(\d+) of \1\b/.test(frame()));
      keys("Home", "p", "1");
      await until("the tools", () => VIEWS[0][2].test(frame()));
    });
    await check("top: a smaller terminal shows less, and one of any size is drawn", async () => {
      for (const [columns, rows] of [[40, 8], [20, 4], [200, 60], [1, 1], [80, 24]]) {
        resize(columns, rows);
        if (columns < 40) {
          await new Promise((resolve) => setTimeout(resolve, 1200));
          continue;
        }
        await until(`it is drawn in ${columns} × ${rows}`, () => /^add /m.test(frame()) && lines().length === rows && lines().every((line) => [...line].length <= columns) && /^\? help/.test(lines().at(-1)));
        expect(/SERVER/.test(frame()) === columns > 40, `the columns of ${columns}`);
      }
      resize(120, 36);
      keys("?");
      await until("the keys", () => /Ctrl-C +leave/.test(frame()));
      keys("Escape");
      await until("the tools", () => !/leave/.test(frame()) && VIEWS[0][2].test(frame()));
    });
    for (const [how, leave] of Object.entries({
      q: () => keys("q"), Escape: () => keys("Escape"), "Ctrl-C": () => keys("C-c"),
      SIGTERM: () => execFileSync("pkill", ["-TERM", "-P", tmux("display", "-p", "-t", "top", "#{pane_pid}").trim()]),
    })) {
      await check(`top: it leaves the terminal as it was on ${how}`, async () => {
        await begun();
        leave();
        await restored();
        begin(how === "SIGTERM" ? "NO_COLOR=1" : "");
      });
    }
    await check("top: NO_COLOR is heeded", async () => {
      await begun();
      expect(!/\x1b\[[\d;]*(3[0-7]|9[0-7]|38;5;\d+)m/.test(frame("-e")), "there are colours");
    });
  } finally {
    try {
      tmux("kill-server");
    } catch {
      // It has ended with its last session.
    }
  }
}

/** The same where a token is asked for, and names would act if they were not `told` so. */
export async function guarded(origin, token, told) {
  const frame = () => tmux("capture-pane", "-p", "-t", "top");
  const top = (value) => `SIGHTGLASS_ADMIN_TOKEN='${value}' '${process.env.SIGHTGLASS}' top --admin '${origin}'`;
  try {
    tmux("new-session", "-d", "-s", "top", "-x", "220", "-y", "36", "sh");
    await check("top: it says when the token is wrong", async () => {
      tmux("send-keys", "-t", "top", "-l", `${top("not-the-token-of-this-listener")}\n`);
      await until("it says so", () => /not the admin token/.test(frame()) && !frame().includes(told));
      tmux("send-keys", "-t", "top", "q");
      await until("it has ended", () => tmux("display", "-p", "-t", "top", "#{alternate_on}").trim() === "0");
    });
    await check("top: hostile names do nothing", async () => {
      tmux("send-keys", "-t", "top", "-l", `clear; ${top(token)}\n`);
      await until("a frame", () => /1 of 1 servers well/.test(frame()));
      for (const [key, row] of [["1", told], ["2", told], ["3", "checker"], ["4", "fixture"]]) {
        tmux("send-keys", "-t", "top", key);
        await until(`${row} is written out`, () => frame().includes(row));
        expect(!/[^\n -~–▁-█▼▲…]/u.test(frame()), "something else than text is there");
      }
    });
  } finally {
    tmux("kill-server");
  }
}
