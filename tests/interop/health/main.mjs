// Probes the official servers: `sightglass probe` as users run it, and then 200 times through `GET /probe` of a proxy. Each
// must be well, in its own era and with as many tools as its own client lists; afterwards its sessions are ended and its
// memory is where it was.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { firstLine, start, startEverything, stopAll } from './processes.mjs';

const { SIGHTGLASS, PYTHON, WORK, RMCP_FIXTURE } = process.env;
const PROBES = 200;
/** Each session of these servers holds some hundred kilobytes: 200 of them would be seen, each time. */
const GROWTH_MAX = 6 << 20;
/** Pools, caches and compiled code grow at first, and garbage is collected when it is: a round without growth is enough. */
const ROUNDS_MAX = 8;
/** How long a server may take to notice that a connection is closed. */
const NOTICED_MS = 10_000;
const logs = join(WORK, 'health-logs');

mkdirSync(logs, { recursive: true });
let failed = 0;

function verdict(name, problem) {
    if (problem === undefined) return console.log(`pass: ${name}`);
    failed += 1;
    console.log(`FAIL: ${name}: ${String(problem).replaceAll('\n', ' ')}`);
}

async function attempt(name, check) {
    try {
        verdict(name, await check());
    } catch (error) {
        verdict(name, error.stack);
    }
}

/** Servers with their process ids, and where each of their endpoints is. */
async function startServers() {
    const processes = {};
    const own = async (name, program, script) => {
        const child = start(program, [script], { log: join(logs, `${name}.log`) });
        processes[name] = child.pid;
        return (await firstLine(child, script)).listen;
    };
    const entry = join(import.meta.dirname, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
    const everything = (name, transport) =>
        startEverything(entry, transport, join(logs, `${name}.log`), child => (processes[name] = child.pid));
    const rmcp = start(RMCP_FIXTURE, ['--port', '0'], { log: join(logs, 'rmcp.log') });
    processes.rmcp = rmcp.pid;
    const [line] = await once(createInterface({ input: rmcp.stdout }), 'line');
    const [http, sse, python, typescript] = [
        await everything('everything', 'streamableHttp'),
        await everything('everything-sse', 'sse'),
        await own('python', PYTHON, 'server.py'),
        await own('typescript', process.execPath, 'server.mjs')
    ];
    const at = (port, path) => `http://127.0.0.1:${port}${path}`;
    // name, process, URL, era; and whether the process has to be the only one of its endpoint, so that its sessions count.
    const endpoints = [
        { name: 'everything', of: 'everything', url: at(http, '/mcp'), era: 'legacy' },
        { name: 'everything-sse', of: 'everything-sse', url: at(sse, '/sse'), era: 'http_sse' },
        { name: 'python', of: 'python', url: at(python, '/mcp'), era: 'modern' },
        { name: 'python-sse', of: 'python', url: at(python, '/sse'), era: 'http_sse' },
        { name: 'typescript', of: 'typescript', url: at(typescript, '/mcp'), era: 'modern' },
        { name: 'typescript-sessions', of: 'typescript', url: at(typescript, '/sessions'), era: 'legacy' },
        { name: 'rmcp', of: 'rmcp', url: line.replace(/^listening /, ''), era: 'modern' }
    ];
    return { processes, endpoints };
}

/** How many tools the official client sees. */
async function listed({ url, era }) {
    const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy';
    const client = new Client({ name: 'health', version: '1.0.0' }, { versionNegotiation: { mode } });
    const Transport = era === 'http_sse' ? SSEClientTransport : StreamableHTTPClientTransport;
    const transport = new Transport(new URL(url));
    await client.connect(transport);
    try {
        const names = [];
        let cursor;
        do {
            const page = await client.listTools(cursor === undefined ? {} : { cursor });
            names.push(...page.tools.map(tool => tool.name));
            cursor = page.nextCursor;
        } while (cursor !== undefined);
        return names;
    } finally {
        await transport.terminateSession?.().catch(() => {});
        await client.close();
    }
}

async function probed(endpoint) {
    const { stdout } = await promisify(execFile)(SIGHTGLASS, ['probe', endpoint.url, '--format', 'json', '--timeout', '30s']);
    const report = JSON.parse(stdout);
    const names = await listed(endpoint);
    if (report.status !== 'success') return `it is told as ${report.status}: ${stdout}`;
    if (report.server.era !== endpoint.era) return `it is told as ${report.server.era} and is ${endpoint.era}`;
    if (report.tools.join() !== names.join()) return `it lists ${names} and is told as ${report.tools}`;
    const phases = ['connect', 'initialize', ...(endpoint.era === 'modern' ? [] : ['ping']), 'tools_list'];
    const told = ['connect', 'initialize', 'ping', 'tools_list'].filter(phase => report.phases[phase] > 0);
    return told.join() === phases.join() ? undefined : `its phases are told as ${told}`;
}

/** The proxy in front of all of them; gives its admin listener. */
async function startProxy(endpoints) {
    const blocks = endpoints.map(({ name, url }) => `[[server]]\nname = "${name}"\nurl = "${url}"\npath = "/${name}"\n`);
    const file = join(logs, 'config.toml');
    writeFileSync(file, blocks.join('\n'));
    const argv = ['serve', '--config', file, '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--log-format', 'json'];
    const child = start(SIGHTGLASS, argv, { log: join(logs, 'proxy.log') });
    return (await firstLine(child, 'sightglass')).admin;
}

function resident(pid) {
    const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(kib) * 1024;
}

function openFiles(pid) {
    return readdirSync(`/proc/${pid}/fd`).length;
}

async function ask(admin, name, times) {
    for (let round = 0; round < times; round += 1) {
        const answer = await fetch(`http://${admin}/probe?target=${name}`);
        const page = await answer.text();
        if (!page.includes('\nprobe_success 1\n')) throw new Error(`probe ${round}: ${page}`);
    }
}

/** server-everything says what becomes of its sessions: of one whose connection is closed, when it has noticed. */
async function sessionsLeft(log) {
    for (let waited = 0; ; waited += 50) {
        const told = sessionsTold(log);
        if (told.left === 0 || waited >= NOTICED_MS) return told;
        await setTimeout(50);
    }
}

function sessionsTold(log) {
    const text = readFileSync(join(logs, log), 'utf8');
    const count = pattern => text.match(pattern)?.length ?? 0;
    const begun = count(/Session initialized with ID|Client Connected/g);
    const ended = count(/Received session termination request|Client Disconnected/g);
    return { begun, left: begun - ended };
}

async function leavesNothing(admin, endpoint, pid) {
    const files = openFiles(pid);
    const sizes = [resident(pid)];
    do {
        await ask(admin, endpoint.name, PROBES);
        sizes.push(resident(pid));
    } while (sizes.at(-1) - sizes.at(-2) > GROWTH_MAX && sizes.length <= ROUNDS_MAX);
    const told = sizes.map(bytes => (bytes / (1 << 20)).toFixed(1)).join(', ');
    console.log(`${endpoint.name}: ${told} MiB, ${PROBES} probes between; ${files} files before, ${openFiles(pid)} after`);
    if (sizes.at(-1) - sizes.at(-2) > GROWTH_MAX) return `its memory grows with each ${PROBES} probes: ${told} MiB`;
    if (openFiles(pid) > files + 5) return `it had ${files} files open before and has ${openFiles(pid)}`;
    if (!endpoint.name.startsWith('everything')) return undefined;
    const { begun, left } = await sessionsLeft(`${endpoint.name}.log`);
    if (begun < PROBES) return `only ${begun} sessions are told of in its log`;
    return left === 0 ? undefined : `${left} of ${begun} sessions are left in it`;
}

try {
    const { processes, endpoints } = await startServers();
    for (const endpoint of endpoints) {
        await attempt(`health: ${endpoint.name} is well, in its era, with its tools`, () => probed(endpoint));
    }
    const admin = await startProxy(endpoints);
    for (const endpoint of endpoints) {
        const name = `health: ${PROBES} probes leave nothing in ${endpoint.name}`;
        await attempt(name, () => leavesNothing(admin, endpoint, processes[endpoint.of]));
    }
} finally {
    await stopAll();
}
process.exitCode = failed === 0 ? 0 : 1;
