// Two stories through the proxy, and what it then tells of them: the page must be the one that was written down, the clients
// must see what they see without a proxy, and nothing secret may be told.
//
//   node main.mjs EXPECTED
//
// EXPECTED is the folder of the pages that were written down. With INSIGHT_WRITE=1 they are not compared but written anew.
// Needs SIGHTGLASS, PYTHON and WORK. Prints `pass: …` and `FAIL: …`.

import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stopAll } from '../clients/processes.mjs';
import { brokenStep, differences, readTranscript } from '../clients/transcript.mjs';
import { comparePage } from './expected.mjs';
import { openProxy } from './proxy.mjs';
import { leaks } from './secrets.mjs';
import { stories } from './stories.mjs';

const CLIENT_TIMEOUT_MS = 60_000;
const DIFFERENCES_MAX = 5;
const DIFFERENCE_CHARACTERS_MAX = 1500;

const here = import.meta.dirname;
const expected = process.argv[2];

/** One check: `act` returns what it found to be so, or complaints. */
async function check(name, act) {
    let found;
    try {
        found = await act();
    } catch (error) {
        found = [error.message, error.stack];
    }
    if (typeof found === 'string') return console.log(`pass: insight, ${name}: ${found}`);
    console.log([`FAIL: insight, ${name}: ${found[0]}`, ...found.slice(1).map(line => `  ${line}`)].join('\n'));
}

/** The story once, with servers that never heard of it before; `reach` opens the way from the clients to them. */
async function hold({ servers, clients }, logs, reach) {
    const ports = {};
    for (const [name, startServer] of Object.entries(servers)) ports[name] = await startServer(logs);
    const url = await reach(ports);
    const steps = [];
    const secrets = [];
    for (const client of clients) {
        const [program, ...argv] = [...client.command, url(client)];
        const { stdout } = await promisify(execFile)(program, argv, { cwd: here, timeout: CLIENT_TIMEOUT_MS });
        const said = JSON.parse(stdout);
        steps.push(...readTranscript(JSON.stringify(said.steps)));
        secrets.push(...said.secrets);
    }
    // By number, because a step may be taken twice.
    return { steps: steps.map(({ step, ...rest }, index) => ({ step: `${index + 1}, ${step}`, ...rest })), secrets };
}

function sameToClients(direct, proxied) {
    const broken = brokenStep(direct.steps) ?? brokenStep(proxied.steps);
    const different = differences(direct.steps, proxied.steps);
    if (!broken && different.length === 0) return `${direct.steps.length} steps identical`;
    const details = different.map(difference => JSON.stringify(difference).slice(0, DIFFERENCE_CHARACTERS_MAX));
    return [broken ?? `differs from the direct session in ${different[0].step}`, ...details.slice(0, DIFFERENCES_MAX)];
}

async function tell(story) {
    const { name } = story;
    const logs = join(process.env.WORK, 'insight', name);
    rmSync(logs, { recursive: true, force: true });
    mkdirSync(logs, { recursive: true });
    try {
        const direct = await hold(story, logs, ports => ({ server, path }) => `http://127.0.0.1:${ports[server]}${path}`);
        await stopAll();
        let proxy;
        const proxied = await hold(story, logs, async ports => {
            proxy = await openProxy(join(here, `${name}.toml`), ports, join(logs, 'proxy.err'));
            return ({ mount }) => proxy.url(mount);
        });
        await check(`${name}, clients`, () => sameToClients(direct, proxied));
        await check(`${name}, metrics`, () => comparePage(proxy, name, expected, logs));
        const page = await proxy.page();
        await stopAll();
        const lines = await proxy.lines();
        writeFileSync(join(logs, 'proxy.jsonl'), lines.join('\n'));
        await check(`${name}, secrets`, () => leaks({ secrets: proxied.secrets, page, lines, hashed: story.hashed }));
    } finally {
        await stopAll();
    }
}

for (const story of stories) {
    await tell(story).catch(error => check(story.name, () => Promise.reject(error)));
}
