// The proxy, in each of the ways a server is examined through it.

import { writeFileSync } from "node:fs";
import { freePort, start } from "./programs.mjs";

/** What the suite puts into Host, and after `http://` into Origin, to see whether a server refuses it. */
const FOREIGN_HOST = "evil.example.com";

const REFUSED = { scenario: "dns-rebinding-protection", id: "localhost-host-rebinding-rejected" };

/**
 * With Host rewritten a server on loopback can no longer tell a foreign Host, so the proxy refuses it instead; with Host
 * preserved the server can, and here the proxy lets it through so that the server's own answer is seen. A server that
 * refuses nothing is examined through a proxy that refuses nothing; that the default proxy does protect it is one more path.
 *
 * With injection on, the body is not the client's own any more; the server must not tell.
 *
 * `open`: the proxy admits the foreign Host. `inject`: it puts the trace context into `_meta`. `fits(server)`: examine this
 * server so. `expected(direct)`: what must come out.
 */
export const PATHS = [
  { name: "host rewritten", fits: (server) => server.guarded, expected: (direct) => direct },
  { name: "host rewritten", open: true, fits: (server) => !server.guarded, expected: (direct) => direct },
  { name: "host preserved", open: true, preserve: true, fits: () => true, expected: (direct) => direct },
  { name: "trace context in _meta", open: true, preserve: true, inject: true, fits: () => true, expected: (direct) => direct },
  { name: "host rewritten, guarded by the proxy", fits: (server) => !server.guarded, expected: withForeignHostRefused },
];

/** Starts the proxy in front of `url`; `told` is the URL at which the server is then found. */
export async function openProxy({ name, url, path, files }) {
  const { pathname } = new URL(url);
  const how = path.open || path.preserve ? await configured(name, url, path, files) : ["--upstream", url, ...LISTEN];
  return start([process.env.SIGHTGLASS, "serve", ...how, "--log-format", "json"], {
    log: `${files}.log`,
    read: (text) => listenAddress(text, pathname),
  });
}

const LISTEN = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

// The port stands in the configuration because a page of this very proxy is among the origins to admit.
async function configured(name, url, { open, preserve, inject }, files) {
  const port = await freePort();
  const lines = ["[proxy]", `listen = "127.0.0.1:${port}"`];
  if (open) {
    lines.push(`allowed_hosts = ["127.0.0.1", "${FOREIGN_HOST}"]`);
    lines.push(`allowed_origins = ["http://127.0.0.1:${port}", "http://${FOREIGN_HOST}"]`);
  }
  if (inject) lines.push("[tracing]", "inject_meta = true");
  lines.push("[admin]", `listen = "127.0.0.1:0"`, "[[server]]", `name = "${name}"`, `url = "${url}"`);
  if (preserve) lines.push("preserve_host = true");
  writeFileSync(`${files}.toml`, `${lines.join("\n")}\n`);
  return ["--config", `${files}.toml`];
}

function listenAddress(text, pathname) {
  const event = text.startsWith("{") ? JSON.parse(text) : {};
  return event.event === "started" ? `http://${event.listen[0]}${pathname}` : undefined;
}

function withForeignHostRefused({ name, checks }) {
  const refused = checks.map((check) => (isRefusal(check) ? { ...check, status: "SUCCESS" } : check));
  return { name: `${name}, foreign Host refused`, checks: refused };
}

function isRefusal({ scenario, id }) {
  return scenario === REFUSED.scenario && id === REFUSED.id;
}
