// The official conformance suite: one run of it, and what two runs differ in.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./programs.mjs";

/** How long one run of a whole requirement set may take, in milliseconds; it takes about three seconds. */
const RUN_MS = 180_000;

/**
 * Runs the set that `revision` requires against the server at `url`, one scenario after the other, and returns its checks
 * scenario by scenario, in the order in which they were made: `{ scenario, id, status }`. All that the suite wrote stays in `directory`.
 */
export async function runSuite({ node, suite, url, revision, directory }) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const command = [node, suite, "server", "--url", url, "--requirements", revision, "-o", directory];
  await run(command, { log: join(directory, "output.txt"), limitMs: RUN_MS });
  return readChecks(directory);
}

/** The line that says how a check ended. */
export function line({ scenario, id, status }) {
  return `${scenario} | ${id} | ${status}`;
}

/** What two runs, `{ name, checks }` each, differ in, as lines to print: none if the same checks ended the same in the same order. */
export function differences(left, right) {
  const [first, second] = [left.checks.map(line), right.checks.map(line)];
  const lines = [
    ...surplus(first, second).map((text) => `only ${left.name}: ${text}`),
    ...surplus(second, first).map((text) => `only ${right.name}: ${text}`),
  ];
  if (lines.length > 0) return lines;
  return first.flatMap((text, index) => (text === second[index] ? [] : [`in another order: ${text}`]));
}

/** Those of `mine` that `others` lacks; what is there twice must be there twice in both. */
function surplus(mine, others) {
  const left = [...others];
  return mine.filter((text) => {
    const at = left.indexOf(text);
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

function readChecks(directory) {
  const folders = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  if (folders.length === 0) throw new Error(`the suite ran no scenario; see ${join(directory, "output.txt")}`);
  return folders.map((folder) => folder.name).sort().flatMap((name) => readScenario(directory, name));
}

// A folder is called `server-<scenario>-<time>`. A scenario that broke off leaves an empty one.
function readScenario(directory, name) {
  const scenario = name.replace(/^server-/, "").replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
  const file = join(directory, name, "checks.json");
  if (!existsSync(file)) return [{ scenario, id: "scenario", status: "BROKEN OFF" }];
  return JSON.parse(readFileSync(file, "utf8")).map(({ id, status }) => ({ scenario, id, status }));
}
