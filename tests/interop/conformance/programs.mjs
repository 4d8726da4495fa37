// Starting programs, learning where they listen, and stopping exactly those.

import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

/** How long a program may take to say where it listens, and to end (the proxy drains for 30 s at most), in milliseconds. */
const START_MS = 20_000;
const STOP_MS = 40_000;

const running = new Set();

process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.once(signal, () => process.exit(1));

/**
 * Starts a program and waits for the line in which it says where it listens.
 *
 * `read(line)` looks at a line of its output and returns what it tells, or undefined. The output goes to `log`. Returns
 * `{ told, stop }`; `stop()` asks the program to end and waits until it has.
 */
export async function start(command, { env = {}, log, read }) {
  const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const ended = new Promise((resolve) => {
    child.once("error", resolve);
    child.once("exit", (code, signal) => resolve(new Error(`ended with ${signal ?? code}`)));
  }).finally(() => running.delete(child));
  const told = firstAnswer(child, log, read);
  const outcome = await within(START_MS, Promise.race([told, ended]), `${command[0]} did not say where it listens`);
  if (outcome instanceof Error) throw new Error(`${command.join(" ")}: ${outcome.message}; see ${log}`);
  return { told: outcome, stop: () => stop(child, ended) };
}

/** Runs a program to its end, its output in `log`; a program that takes longer than `limitMs` is killed. */
export async function run(command, { log, limitMs }) {
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  }).finally(() => running.delete(child));
  try {
    await within(limitMs, ended, `${command.join(" ")} took longer than ${limitMs} ms; see ${log}`);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    file.end();
  }
}

/** A port of loopback that nobody listened on a moment ago, for programs that cannot choose one themselves. */
export async function freePort() {
  const probe = createServer();
  await new Promise((resolve, reject) => probe.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function firstAnswer(child, log, read) {
  const file = createWriteStream(log);
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      // Read on after the answer: a full pipe would stop the program.
      createInterface({ input: stream }).on("line", (line) => {
        file.write(`${line}\n`);
        const answer = read(line);
        if (answer !== undefined) resolve(answer);
      });
    }
  });
}

async function stop(child, ended) {
  child.kill("SIGTERM");
  await within(STOP_MS, ended, `${child.spawnfile} did not end`).catch((error) => {
    child.kill("SIGKILL");
    throw error;
  });
}

async function within(limitMs, promise, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
