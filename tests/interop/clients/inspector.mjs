// What the inspector's command line can do, one process per request; its transcript is JSON on stdout.
//
//   node inspector.mjs ENDPOINT URL
//
// Left out, because the command line has no word for it: completion, ping, subscriptions, roots, cancellation,
// resumption, DELETE (it leaves sessions to expire), answers to questions of the server, arguments of 100 kB (they
// would be one word of the command line), and everything that it hears beside an answer. A process takes half a second
// of a processor, so it asks less than it could.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readPlan } from './plan.mjs';

/** How the command line ends when the tool, or the server for it, says no. */
const TOOL_FAILED = 5;

const [endpointName, url] = process.argv.slice(2);
const { plan, endpoint } = readPlan(endpointName);
const launcher = import.meta.resolve('@modelcontextprotocol/inspector/package.json').replace(
    /package\.json$/,
    'clients/launcher/build/index.js'
);
const connection = [
    fileURLToPath(launcher),
    ...['--cli', '--server-url', url, '--format', 'json', '--stored-auth-only'],
    ...['--transport', endpoint.path === '/sse' ? 'sse' : 'http'],
    ...['--protocol-era', endpoint.era ?? 'legacy']
];

async function run(method, words = []) {
    const argv = [...connection, '--method', method, ...words];
    try {
        const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 30_000 });
        return { exit: 0, stdout };
    } catch (error) {
        return { exit: error.code, stdout: error.stdout };
    }
}

async function step(name, method, words, exits = [0]) {
    const value = await run(method, words);
    const broken = exits.includes(value.exit) ? undefined : `exit ${value.exit}: ${value.stdout}`;
    return { step: name, value, broken };
}

function call(name, what, exits) {
    const [tool, args] = Array.isArray(what) ? what : plan[what];
    const pairs = Object.entries(args).map(([key, value]) => `${key}=${value}`);
    const words = ['--tool-name', tool, ...(pairs.length > 0 ? ['--tool-arg', ...pairs] : [])];
    return step(name, 'tools/call', words, exits);
}

const [prompt, promptArgs] = plan.prompt;
const promptPairs = Object.entries(promptArgs).map(([key, value]) => `${key}=${value}`);
const steps = [
    await step('tools/list', 'tools/list'),
    await call('tools/call ok', 'ok'),
    await call('tools/call tool error', 'tool_error', [TOOL_FAILED]),
    await call('tools/call unknown tool', ['no-such-tool', {}], [TOOL_FAILED]),
    await step('resources/list', 'resources/list'),
    await step('resources/read', 'resources/read', ['--uri', plan.resource]),
    await step('prompts/get', 'prompts/get', ['--prompt-name', prompt, '--prompt-args', ...promptPairs])
];
console.log(JSON.stringify(steps));
