// Starts servers and proxies on free ports of loopback, and ends exactly those.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const START_TIMEOUT_MS = 30_000;
const running = new Set();

process.once('exit', () => running.forEach(child => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

/** Starts a program whose standard error goes to a file. It sees no environment but what it needs. */
export function start(program, argv, { log, env = {}, stdout = 'pipe' }) {
    const file = openSync(log, 'a');
    const { PATH, HOME, LANG } = process.env;
    const child = spawn(program, argv, {
        env: { PATH, HOME, LANG, ...env },
        stdio: ['ignore', stdout === 'log' ? file : 'pipe', file]
    });
    closeSync(file);
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
}

/** The first line that a program prints, as JSON. */
export async function firstLine(child, what) {
    const lines = createInterface({ input: child.stdout });
    const signal = AbortSignal.timeout(START_TIMEOUT_MS);
    const ended = once(child, 'exit', { signal }).then(([code]) => Promise.reject(new Error(`it ended with ${code}`)));
    try {
        const [line] = await Promise.race([once(lines, 'line', { signal }), ended]);
        child.stdout.resume();
        return JSON.parse(line);
    } catch (error) {
        throw new Error(`${what} did not start: ${error.message}`);
    }
}

async function freePort() {
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address();
    probe.close();
    await once(probe, 'close');
    return port;
}

async function accepts(port) {
    const socket = connect(port, '127.0.0.1');
    try {
        await once(socket, 'connect');
        return true;
    } catch {
        return false;
    } finally {
        socket.destroy();
    }
}

/** server-everything cannot say which port it got, so it is given one. `started` is told the process. */
export async function startEverything(entry, transport, log, started = () => {}) {
    const port = await freePort();
    const child = start(process.execPath, [entry, transport], { log, env: { PORT: String(port) }, stdout: 'log' });
    started(child);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await accepts(port))) {
        if (child.exitCode !== null || performance.now() > deadline) throw new Error('server-everything did not start');
        await pause(50);
    }
    return port;
}

/** Starts the proxy and gives the address where it listens. */
export async function startProxy(argv, log) {
    const listening = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-format', 'json'];
    const child = start(process.env.SIGHTGLASS, ['serve', ...argv, ...listening], { log });
    const { listen } = await firstLine(child, 'sightglass');
    return listen[0];
}

/** A configuration that mounts each `[path, url]` for the proxy to serve. */
export function writeMounts(file, mounts) {
    const blocks = mounts.map(
        ([path, url], index) => `[[server]]\nname = "mount-${index}"\nurl = "${url}"\npath = "${path}"\n`
    );
    writeFileSync(file, blocks.join('\n'));
    return file;
}

/** Ends everything that was started here, and waits for it. */
export async function stopAll() {
    await Promise.all(
        [...running].map(async child => {
            const ended = once(child, 'exit');
            child.kill('SIGTERM');
            const force = setTimeout(() => child.kill('SIGKILL'), 3000);
            await ended;
            clearTimeout(force);
        })
    );
}
