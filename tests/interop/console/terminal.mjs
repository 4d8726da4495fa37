// `top` in a terminal, driven by tmux.

import { execFileSync } from "node:child_process";

import { check, expect, until } from "./programs.mjs";

const SOCKET = `sightglass-${process.pid}`;
const tmux = (...args) => execFileSync("tmux", ["-L", SOCKET, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

export async function terminal(origin) {
  const frame = () => tmux("capture-pane", "-p", "-t", "top");
  const keys = (...keys) => tmux("send-keys", "-t", "top", ...keys);
  try {
    tmux("new-session", "-d", "-s", "top", "-x", "120", "-y", "36", `'${process.env.SIGHTGLASS}' top --admin '${origin}'`);
    await check("top: tools, servers and their numbers move", async () => {
      const first = await until("a frame", () => /calls\/s/i.test(frame()) && /demo/.test(frame()) && frame());
      await until("another frame", () => frame() !== first);
    });
    await check("top: it pauses, sorts and filters", async () => {
      keys("p");
      await until("it says that it is paused", () => /paused/i.test(frame()));
      const still = frame();
      await new Promise((resolve) => setTimeout(resolve, 2500));
      expect(still === frame(), "a paused frame moved");
      keys("p");
      keys("s");
      keys("/");
      keys("-l", "zzzz");
      keys("Enter");
      await until("nothing is called so", () => /zzzz/.test(frame()));
    });
    await check("top: it leaves the terminal as it was", async () => {
      keys("q");
      await until("it has ended", () => {
        try {
          return tmux("list-sessions") === "";
        } catch {
          return true;
        }
      });
    });
  } finally {
    try {
      tmux("kill-server");
    } catch {
      // It has ended with its last session.
    }
  }
}
