// Runs every session of `matrix.mjs` directly, through a proxy of one server that changes no path, and through one that
// mounts all servers under prefixes; prints one line for each. Run it where the packages are installed.
//
//   node drive.mjs [WORDS]      only the sessions that have WORDS in their name, such as "python server, sse"

import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { clients } from './matrix.mjs';
import { endpoints } from './plan.mjs';
import { firstLine, start, startEverything, startProxy, stopAll, writeMounts } from './processes.mjs';
import { brokenStep, differences, readTranscript } from './transcript.mjs';

const AT_ONCE = 3;
const SESSION_TIMEOUT_MS = 120_000;
const DIFFERENCES_MAX = 5;
const DIFFERENCE_CHARACTERS_MAX = 1500;
const only = process.argv[2] ?? '';
const logs = join(process.env.WORK, 'clients-logs');
const home = join(process.env.WORK, 'clients-home');
const began = performance.now();

mkdirSync(logs, { recursive: true });
mkdirSync(home, { recursive: true });

async function startServers() {
    const everything = join(import.meta.dirname, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
    const own = async (program, script) => {
        const child = start(program, [script], { log: join(logs, `${script}.log`) });
        return (await firstLine(child, script)).listen;
    };
    const [http, sse, python, typescript] = await Promise.all([
        startEverything(everything, 'streamableHttp', join(logs, 'everything.log')),
        startEverything(everything, 'sse', join(logs, 'everything-sse.log')),
        own(process.env.PYTHON, 'server.py'),
        own(process.execPath, 'server.mjs')
    ]);
    return { everything: http, 'everything-sse': sse, python, typescript };
}

/** For each way to reach an endpoint, the URL a client dials. */
async function startProxies(ports) {
    const bare = Object.fromEntries(
        await Promise.all(
            Object.entries(ports).map(async ([server, port]) => [
                server,
                await startProxy(['--upstream', `http://127.0.0.1:${port}`], join(logs, `bare-${server}.log`))
            ])
        )
    );
    const paths = new Set(Object.values(endpoints).map(({ server, path }) => `${server}${path}`));
    const mounts = [...paths].map(path => {
        const [server, ...rest] = path.split('/');
        return [`/mounted/${path}`, `http://127.0.0.1:${ports[server]}/${rest.join('/')}`];
    });
    const config = writeMounts(join(logs, 'mounted.toml'), mounts);
    const mounted = await startProxy(['--config', config], join(logs, 'mounted.log'));
    return {
        direct: ({ server, path }) => `http://127.0.0.1:${ports[server]}${path}`,
        bare: ({ server, path }) => `http://${bare[server]}${path}`,
        mounted: ({ server, path }) => `http://${mounted}/mounted/${server}${path}`
    };
}

async function hold(client, endpoint, url, auto) {
    const env = { ...process.env, HOME: home };
    const options = { timeout: SESSION_TIMEOUT_MS, maxBuffer: 64 << 20, cwd: import.meta.dirname, env };
    const { stdout } = await promisify(execFile)(client.program, client.argv(endpoint, url, auto), options);
    return readTranscript(stdout);
}

/** One client and endpoint: the direct session, then each proxied one against it. */
async function compare({ client, endpoint, auto, subject }, routes) {
    let direct;
    const results = [];
    for (const [route, url] of Object.entries(routes)) {
        const name = `${subject}, ${route}`;
        try {
            const steps = await hold(client, endpoint, url(endpoints[endpoint]), auto);
            direct ??= steps;
            results.push(verdict(name, direct, steps));
        } catch (error) {
            results.push([`FAIL: ${name}: ${String(error.stderr || error.message).trim().split('\n').at(-1)}`]);
            if (route === 'direct') break;
        }
    }
    return results;
}

function verdict(name, direct, steps) {
    if (steps === direct) {
        const broken = brokenStep(steps);
        return [broken ? `FAIL: ${name}: ${broken}` : `pass: ${name}: ${steps.length} steps`];
    }
    const different = differences(direct, steps);
    if (different.length === 0) return [`pass: ${name}: ${steps.length} steps identical`];
    const details = different.map(difference => `  ${JSON.stringify(difference)}`.slice(0, DIFFERENCE_CHARACTERS_MAX));
    const reason = brokenStep(steps) ?? `differs from the direct session in ${different[0].step}`;
    return [`FAIL: ${name}: ${reason} (${different.length} steps differ)`, ...details.slice(0, DIFFERENCES_MAX)];
}

/** A change in the newest era is told to every listener of the server, so its sessions come one after the other. */
const queues = new Map();

function inTurn(job, act) {
    const { server, era } = endpoints[job.endpoint];
    if (era !== 'modern') return act();
    const turn = (queues.get(server) ?? Promise.resolve()).then(act);
    queues.set(server, turn);
    return turn;
}

function jobs() {
    const all = clients.flatMap(client => [
        ...client.endpoints.map(endpoint => ({ client, endpoint, auto: false })),
        ...(client.auto ?? []).map(endpoint => ({ client, endpoint, auto: true }))
    ]);
    const named = all.map(job => {
        const subject = `${job.client.name} client${job.auto ? ' (auto)' : ''}, ${job.endpoint.replace(' ', ' server, ')}`;
        return { ...job, subject };
    });
    return named.filter(({ subject }) => subject.includes(only));
}

async function work(waiting, routes) {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
        const current = job;
        const results = await inTurn(current, () => compare(current, routes));
        results.flat().forEach(line => console.log(line));
    }
}

try {
    const routes = await startProxies(await startServers());
    // The longest first, so that none is left over at the end.
    const waiting = jobs().reverse();
    await Promise.all(Array.from({ length: AT_ONCE }, () => work(waiting, routes)));
} finally {
    await stopAll();
    console.log(`The sessions of all clients took ${Math.round((performance.now() - began) / 1000)} s.`);
}
