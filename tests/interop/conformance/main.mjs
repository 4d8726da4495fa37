// Is a server the same server through the proxy? The official conformance suite says.
//
//   node main.mjs
//
// Each server is examined directly and through the proxy, for both revisions and in both Host modes, and every check must
// end the same. Needs $SIGHTGLASS, $NODE and $WORK; $RMCP_FIXTURE is examined too. Prints `pass: …` and `FAIL: …`.

import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { PATHS, openProxy } from "./proxy.mjs";
import { SERVERS } from "./servers.mjs";
import { differences, line, runSuite } from "./suite.mjs";

const REVISIONS = ["2025-11-25", "2026-07-28"];
const WORK = join(required("WORK"), "conformance");
const SUITE = join(required("WORK"), "node_modules/@modelcontextprotocol/conformance/dist/index.js");

let failed = 0;

for (const server of SERVERS) await examine(server).catch((error) => fail(`conformance ${server.name}`, error.message));
process.exitCode = failed > 0 ? 1 : 0;

async function examine(server) {
  mkdirSync(join(WORK, server.name), { recursive: true });
  const program = await server.start(join(WORK, server.name, "server.log"));
  try {
    for (const revision of REVISIONS) await examineRevision(server, program.told, revision);
  } finally {
    await program.stop();
  }
}

async function examineRevision(server, url, revision) {
  const title = `conformance ${server.name} ${revision}`;
  const direct = await ask(server, url, revision, "directly");
  console.log(`${title} directly: ${summary(direct.checks)}`);
  if (server.green) judge(`${title} directly`, `${direct.checks.length} checks green`, notGreen(direct.checks));
  // Only a run that can be repeated can be compared with another.
  const again = await ask(server, url, revision, "directly again");
  judge(`${title} directly again`, `${direct.checks.length} checks identical`, differences(direct, again));
  for (const path of PATHS.filter((candidate) => candidate.fits(server))) {
    const proxied = await throughProxy(server, url, revision, path).catch((error) => error);
    if (proxied instanceof Error) fail(`${title} ${path.name}`, proxied.message);
    else judge(`${title} ${path.name}`, `${direct.checks.length} checks identical`, differences(path.expected(direct), proxied));
  }
}

async function throughProxy(server, url, revision, path) {
  const slug = `${revision} ${path.name}`.replaceAll(/[^\w.-]+/g, "-");
  const proxy = await openProxy({ name: server.name, url, path, files: join(WORK, server.name, `proxy-${slug}`) });
  try {
    return await ask(server, proxy.told, revision, path.name);
  } finally {
    await proxy.stop();
  }
}

async function ask(server, url, revision, name) {
  const directory = join(WORK, server.name, `${revision} ${name}`.replaceAll(/[^\w.-]+/g, "-"));
  const checks = await runSuite({ node: required("NODE"), suite: SUITE, url, revision, directory });
  return { name, checks };
}

function notGreen(checks) {
  return checks.filter(({ status }) => !["SUCCESS", "INFO", "SKIPPED"].includes(status)).map(line);
}

function summary(checks) {
  const counts = Map.groupBy(checks, ({ status }) => status.toLowerCase());
  return [...counts].map(([status, group]) => `${group.length} ${status}`).join(", ");
}

function judge(title, verdict, complaints) {
  if (complaints.length === 0) console.log(`pass: ${title}: ${verdict}`);
  else fail(title, `not ${verdict}`, complaints);
}

function fail(title, reason, details = []) {
  failed += 1;
  console.log(`FAIL: ${title}: ${reason}`);
  for (const detail of details) console.log(`  ${detail}`);
}

function required(name) {
  if (!process.env[name]) throw new Error(`$${name} is not set; tests/interop/run sets it`);
  return process.env[name];
}
