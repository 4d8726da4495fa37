// One session of every feature with the TypeScript SDK, version 1 or 2; its transcript is JSON on stdout.
//
//   node session.mjs v1|v2 ENDPOINT URL [auto]
//
// ENDPOINT is a name of `plan.json`, URL where it is found this time. What a server or this client lacks is left out:
// - version 1 knows no 2026-07-28: no server/discover, multi-round-trip calls, subscriptions/listen, mirrored headers;
// - the 2026-07-28 revision has no ping, logging/setLevel, resources/subscribe, standalone stream, resumption or DELETE;
// - HTTP+SSE has neither sessions to DELETE nor resumption;
// - server-everything writes log lines of random levels only, so `chatter` is not asked of it (its log line about a
//   subscription is), never closes a stream early, so nothing is resumed, and does not say whether it was cancelled;
// - the stateless fallback of the TypeScript server has no stream for requests and notifications of its own.

import { createHash, randomUUID } from 'node:crypto';
import { once, EventEmitter } from 'node:events';
import { readPlan } from './plan.mjs';

const [sdk, endpointName, url, negotiation] = process.argv.slice(2);
const { plan, endpoint } = readPlan(endpointName);
const STEP_TIMEOUT_MS = 30_000;
const modern = endpoint.era === 'modern';
const sse = endpoint.path === '/sse';
const can = feature => plan[feature] !== undefined && !(endpoint.without ?? []).includes(feature);

const steps = [];
const heard = [];
const asked = [];
const exchanges = new Set();
const bell = new EventEmitter();
let streamIsOpen = false;
let ending = false;

async function step(name, act) {
    const timeout = AbortSignal.timeout(STEP_TIMEOUT_MS);
    const late = once(timeout, 'abort').then(() => Promise.reject(new Error('no answer in time')));
    try {
        steps.push({ step: name, value: plain(await Promise.race([act(), late])) });
    } catch (error) {
        steps.push({ step: name, broken: `${error.code ?? ''} ${error.message}` });
    }
}

/** What the step is about: anything else ends it as broken. */
function expect(value, what) {
    if (!value) throw new Error(`expected ${what}`);
}

async function refusal(act) {
    try {
        await act();
    } catch (error) {
        return { code: error.code, message: error.message, data: error.data };
    }
    throw new Error('expected a refusal');
}

async function until(condition) {
    const deadline = AbortSignal.timeout(STEP_TIMEOUT_MS);
    while (!condition()) await once(bell, 'ring', { signal: deadline });
}

/** Waits until the server has written a line of its log about something so often, if it writes one. */
async function logged(what, times) {
    const text = plan.logs?.[what];
    if (text === undefined) return;
    await until(() => heard.filter(notification => JSON.stringify(notification).includes(text)).length === times);
}

const hears = method => until(() => heard.some(notification => notification.method === method));

/** Long texts become their length and hash. */
function plain(value) {
    return JSON.parse(
        JSON.stringify(value ?? null, (_key, member) =>
            typeof member === 'string' && member.length > 2000
                ? `${member.length} characters, ${createHash('sha256').update(member).digest('hex')}`
                : member
        )
    );
}

/** `fetch`, writing down how each exchange looked on the wire. Headers of one hop are left out, and the length,
 * which Node's server adds when an answer is complete before its head is out. */
async function recordingFetch(target, init) {
    const response = await fetch(target, init);
    const method = init?.method ?? 'GET';
    const resumed = new Headers(init?.headers).has('last-event-id') ? ' resumed' : '';
    const message = typeof init?.body === 'string' ? ` ${JSON.parse(init.body).method ?? 'response'}` : '';
    const hop = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding', 'via'];
    const names = [...response.headers.keys()].filter(name => !hop.includes(name)).sort();
    const type = response.headers.get('content-type');
    // A client that takes up a stream while it is still open, or after the end, is told so or not as the moment has it.
    if (method === 'GET' && [400, 404, 409].includes(response.status)) return response;
    exchanges.add(`${method}${message}${resumed}: ${response.status} ${type} [${names}]`);
    if (method === 'GET' && response.ok) streamIsOpen = true;
    bell.emit('ring');
    return response;
}

function answers() {
    return {
        'sampling/createMessage': () => ({
            role: 'assistant',
            model: 'none',
            content: { type: 'text', text: 'Hello.' }
        }),
        'elicitation/create': () => ({ action: 'accept', content: { colour: 'green', name: 'Ada', check: true } }),
        'roots/list': () => ({ roots: [{ uri: 'file:///work', name: 'work' }] })
    };
}

/** What both versions of the SDK offer, called the same way. */
async function adapter() {
    const info = { name: `interop-${sdk}`, version: '1.0.0' };
    const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
    if (sdk === 'v2') {
        const { Client, StreamableHTTPClientTransport, SSEClientTransport } = await import('@modelcontextprotocol/client');
        const mode = negotiation === 'auto' ? 'auto' : modern ? { pin: '2026-07-28' } : 'legacy';
        const client = new Client(info, { capabilities, versionNegotiation: { mode } });
        for (const [method, answer] of Object.entries(answers())) client.setRequestHandler(method, note(method, answer));
        return { client, StreamableHTTPClientTransport, SSEClientTransport, call: (params, options) => client.callTool(params, options) };
    }
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const { SSEClientTransport } = await import('@modelcontextprotocol/sdk/client/sse.js');
    const types = await import('@modelcontextprotocol/sdk/types.js');
    const client = new Client(info, { capabilities });
    const schemas = [types.CreateMessageRequestSchema, types.ElicitRequestSchema, types.ListRootsRequestSchema];
    for (const [index, [method, answer]] of Object.entries(answers()).entries()) {
        client.setRequestHandler(schemas[index], note(method, answer));
    }
    const call = (params, options) => client.callTool(params, undefined, options);
    return { client, StreamableHTTPClientTransport, SSEClientTransport, call };
}

function note(method, answer) {
    return request => {
        asked.push({ method, params: request.params });
        return answer();
    };
}

function call(name, options, meta) {
    const [tool, args] = plan[name];
    return own.call({ name: tool, arguments: args, ...(meta && { _meta: meta }) }, options);
}

async function connect() {
    await client.connect(transport);
    // Listening below the client, because it may drop progress that is read together with the answer.
    const deliver = transport.onmessage;
    transport.onmessage = (message, extra) => {
        deliver(message, extra);
        if (ending || message.id !== undefined || message.method === undefined) return;
        // server-everything tells of its tools at the end of the handshake, whether the stream is there yet or not.
        if (plan.unheard?.includes(message.method)) return;
        heard.push(message);
        bell.emit('ring');
    };
    return {
        server: client.getServerVersion(),
        capabilities: client.getServerCapabilities(),
        instructions: client.getInstructions(),
        version: sdk === 'v2' ? client.getNegotiatedProtocolVersion?.() : transport.protocolVersion
    };
}

async function tools() {
    await step('tools/list', () => client.listTools());
    await step('tools/call ok', () => call('ok'));
    await step('tools/call with 100 kB', async () => {
        const result = await call('long');
        expect(result.content[0].text.includes(Object.values(plan.long[1])[0]), 'the long text to come back');
        return result;
    });
    await step('tools/call tool error', async () => {
        const result = await call('tool_error');
        expect(result.isError, 'isError');
        return result;
    });
    // A refusal or a tool error, as the server likes; the same of both runs.
    await step('tools/call unknown tool', async () => {
        try {
            return await own.call({ name: 'no-such-tool', arguments: {} });
        } catch (error) {
            return { code: error.code, message: error.message };
        }
    });
    await step('tools/call with progress', async () => {
        const result = await call('progress', { onprogress: () => {} });
        const progress = heard.filter(({ method }) => method === 'notifications/progress');
        expect(progress.length === 3, `3 notifications of progress, not ${progress.length}`);
        return result;
    });
    await step('tools/call structured content', async () => {
        const result = await call('structured');
        expect(result.structuredContent, 'structured content');
        return result;
    });
    if (can('image')) await step('tools/call image', () => call('image'));
    if (can('header') && modern) await step('tools/call with a mirrored argument', () => call('header'));
    if (can('chatter')) await step('tools/call with logging', chatter);
    if (can('cut') && !modern) await step('tools/call on a resumed stream', () => call('cut'));
    for (const question of ['sample', 'elicit', 'roots']) {
        if (!can(question)) continue;
        await step(`tools/call asking the client: ${question}`, async () => {
            const before = asked.length;
            const result = await call(question);
            expect(plan.announces_roots || asked.length === before + 1, 'one question');
            return result;
        });
    }
}

async function chatter() {
    if (!modern && can('set_level')) await client.setLoggingLevel('debug');
    const before = heard.length;
    const result = await call('chatter', {}, modern ? { 'io.modelcontextprotocol/logLevel': 'info' } : undefined);
    await until(() => heard.slice(before).filter(({ method }) => method === 'notifications/message').length === 2);
    return result;
}

async function reading() {
    await step('resources/list', () => client.listResources());
    await step('resources/templates/list', () => client.listResourceTemplates());
    await step('resources/read', () => client.readResource({ uri: plan.resource }));
    if (can('blob')) await step('resources/read binary', () => client.readResource({ uri: plan.blob }));
    if (can('templated')) await step('resources/read from a template', () => client.readResource({ uri: plan.templated }));
    await step('resources/read missing', () => refusal(() => client.readResource({ uri: 'note://missing' })));
    await step('prompts/list', () => client.listPrompts());
    const [name, args] = plan.prompt;
    await step('prompts/get', () => client.getPrompt({ name, arguments: args }));
    await step('prompts/get unknown', () => refusal(() => client.getPrompt({ name: 'no-such-prompt' })));
    for (const [ref, argument] of plan.completions) {
        await step(`completion/complete ${ref.type}`, () => client.complete({ ref, argument }));
    }
}

async function changes() {
    if (modern) {
        await step('subscriptions/listen', async () => {
            const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: [plan.resource] });
            await call('touch');
            for (const method of plan.changed) await hears(method);
            await subscription.close();
            await until(saidCancelled);
            return { honoured: subscription.honoredFilter, end: await subscription.closed };
        });
        return;
    }
    if (stateless) return;
    await step('resources/subscribe', async () => {
        await until(() => streamIsOpen);
        const result = await client.subscribeResource({ uri: plan.resource });
        await logged('subscribed', 1);
        return result;
    });
    await step('notifications of the server', async () => {
        await call('touch');
        for (const method of plan.changed) await hears(method);
        if (plan.announces_roots) await call('touch');
    });
    await step('resources/unsubscribe', async () => {
        const result = await client.unsubscribeResource({ uri: plan.resource });
        await logged('unsubscribed', 1);
        return result;
    });
    await step('notifications/roots/list_changed', async () => {
        await client.sendRootsListChanged();
        await logged('roots', 2);
    });
}

const saidCancelled = () => [...exchanges].some(exchange => exchange.startsWith('POST notifications/cancelled'));

async function cancelling() {
    const controller = new AbortController();
    const before = heard.length;
    const refused = refusal(() => call('cancel', { signal: controller.signal, onprogress: () => {} }));
    await until(() => heard.slice(before).some(({ method }) => method === 'notifications/progress'));
    // The server may go on telling of its progress for a while.
    ending = true;
    controller.abort('enough');
    const error = await refused;
    if (!modern) await until(saidCancelled);
    if (plan.was_cancelled) {
        const result = await call('was_cancelled');
        expect(result.content[0].text === 'true', 'the server to have been told');
    }
    return error;
}

async function deleting() {
    const { sessionId } = transport;
    expect(sessionId, 'a session id');
    await transport.terminateSession();
    const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': sessionId
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    const response = await recordingFetch(url, { method: 'POST', headers, body });
    return { status: response.status, body: await response.text() };
}

const stateless = (endpoint.without ?? []).includes('stream');
const own = await adapter();
const { client } = own;
const Transport = sse ? own.SSEClientTransport : own.StreamableHTTPClientTransport;
const transport = new Transport(new URL(url), { fetch: recordingFetch });

plan.cancel[1] = JSON.parse(JSON.stringify(plan.cancel[1]).replace('$RUN', randomUUID()));
if (plan.was_cancelled) plan.was_cancelled[1] = { name: plan.cancel[1].name };

await step('connect', connect);
if (steps[0].broken === undefined) {
    // server-everything asks for the roots a moment after the handshake, on the standalone stream.
    if (plan.announces_roots) await step('requests of the server', () => logged('roots', 1));
    await tools();
    await reading();
    if (!modern) await step('ping', () => client.ping());
    if (!modern && can('set_level')) await step('logging/setLevel', () => client.setLoggingLevel('debug'));
    await changes();
    if (can('cancel')) await step('cancellation', cancelling);
    if (!modern && !(endpoint.without ?? []).includes('session')) await step('DELETE', deleting);
    await step('close', () => client.close());
}
steps.push({ step: 'heard', value: sorted(heard) });
steps.push({ step: 'asked', value: sorted(asked) });
steps.push({ step: 'on the wire', value: [...exchanges].sort() });
console.log(JSON.stringify(steps));
process.exit(0);

/** Notifications and questions of different streams have no order among them. */
function sorted(messages) {
    return messages.map(message => JSON.stringify(plain(message))).sort();
}
