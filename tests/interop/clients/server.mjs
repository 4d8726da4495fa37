// A server on the TypeScript v2 packages, with one tool for every way an answer can travel.
//
// `/mcp` is `createMcpHandler` as shipped: the 2026-07-28 revision, and the older ones without sessions, at one URL.
// `/sessions` is the older revisions with sessions, a standalone stream and resumable events; `/quiet` has no such
// events, so that nothing follows the head of a stream until there is something to say.
// It listens on a free port of loopback and says which on its first line.

import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { createMcpHandler, inputRequired, inputResponse, McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { completable } from '@modelcontextprotocol/server';
import { localhostHostValidation, NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { z } from 'zod';

const NOTE = 'note://one';
/** After a stream was closed early: so that its client is back before the answer is there. */
const TIME_TO_RESUME_MS = 200;
const text = value => ({ content: [{ type: 'text', text: value }] });

/** Calls that ended because their client gave up, by the name the client chose; `waiters` want to hear of one. */
const cancelled = new Set();
const waiters = new Map();

function reportCancelled(name) {
    cancelled.add(name);
    waiters.get(name)?.();
}

async function wasCancelled(name, timeoutMs) {
    if (cancelled.has(name)) return true;
    return new Promise(resolve => {
        const timer = setTimeout(() => resolve(false), timeoutMs);
        waiters.set(name, () => {
            clearTimeout(timer);
            resolve(true);
        });
    });
}

function build(era, notifyListeners) {
    const server = new McpServer(
        { name: 'interop-typescript', version: '1.0.0' },
        { capabilities: { logging: {}, resources: { subscribe: true, listChanged: true }, tools: { listChanged: true } } }
    );
    registerAnswers(server);
    registerQuestions(server);
    registerChanges(server, era, notifyListeners);
    registerReading(server);
    return server;
}

function registerAnswers(server) {
    server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text: value }) => text(value));
    server.registerTool('fail', { inputSchema: z.object({}) }, () => {
        throw new Error('this tool always fails');
    });
    server.registerTool('progress', { inputSchema: z.object({ steps: z.number().int() }) }, async ({ steps }, ctx) => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        for (let step = 1; step <= steps; step += 1) {
            await ctx.mcpReq.notify({
                method: 'notifications/progress',
                params: { progressToken, progress: step, total: steps, message: `step ${step}` }
            });
        }
        return text(`${steps} steps`);
    });
    server.registerTool('chatter', { inputSchema: z.object({}) }, async (_args, ctx) => {
        await ctx.mcpReq.log('info', 'first line', 'chatter');
        await ctx.mcpReq.log('warning', { second: 'line' }, 'chatter');
        return text('said two things');
    });
    server.registerTool(
        'structured',
        { inputSchema: z.object({ city: z.string() }), outputSchema: z.object({ city: z.string(), degrees: z.number() }) },
        ({ city }) => {
            const structuredContent = { city, degrees: 21.5 };
            return { ...text(JSON.stringify(structuredContent)), structuredContent };
        }
    );
    server.registerTool(
        'region',
        { inputSchema: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }) },
        ({ region }) => text(`in ${region}`)
    );
    server.registerTool('wait', { inputSchema: z.object({ name: z.string() }) }, async ({ name }, ctx) => {
        await ctx.mcpReq.notify({
            method: 'notifications/progress',
            params: { progressToken: ctx.mcpReq._meta?.progressToken, progress: 1 }
        });
        await new Promise(resolve => ctx.mcpReq.signal.addEventListener('abort', resolve, { once: true }));
        reportCancelled(name);
        return text('too late');
    });
    server.registerTool('was_cancelled', { inputSchema: z.object({ name: z.string() }) }, async ({ name }) =>
        text(String(await wasCancelled(name, 10_000)))
    );
    server.registerTool('cut', { inputSchema: z.object({}) }, async (_args, ctx) => {
        ctx.http?.closeSSE?.();
        await new Promise(resolve => setTimeout(resolve, TIME_TO_RESUME_MS));
        return text('delivered on the resumed stream');
    });
}

/** Tools that need something of the client. The package turns them into requests of the server in the older revisions. */
function registerQuestions(server) {
    const tool = (name, ask, read) =>
        server.registerTool(name, { inputSchema: z.object({}) }, (_args, ctx) => {
            const answer = inputResponse(ctx.mcpReq.inputResponses, 'answer');
            if (answer.kind === 'missing') {
                return inputRequired({ inputRequests: { answer: ask() }, requestState: `state of ${name}` });
            }
            return text(JSON.stringify(read(answer)));
        });
    const requestedSchema = { type: 'object', properties: { colour: { type: 'string' } }, required: ['colour'] };
    tool(
        'elicit',
        () => inputRequired.elicit({ message: 'Which colour?', requestedSchema }),
        ({ action, content }) => ({ action, content })
    );
    tool(
        'sample',
        () =>
            inputRequired.createMessage({
                messages: [{ role: 'user', content: { type: 'text', text: 'Say hello.' } }],
                maxTokens: 10
            }),
        ({ result }) => result.content
    );
    tool(
        'roots',
        () => inputRequired.listRoots(),
        ({ roots }) => roots
    );
}

function registerChanges(server, era, notifyListeners) {
    if (era === 'legacy') {
        server.server.setRequestHandler('resources/subscribe', () => ({}));
        server.server.setRequestHandler('resources/unsubscribe', () => ({}));
    }
    server.registerTool('touch', { inputSchema: z.object({}) }, async () => {
        if (era === 'modern') {
            notifyListeners.toolsChanged();
            notifyListeners.resourceUpdated(NOTE);
        } else {
            server.sendToolListChanged();
            await server.server.sendResourceUpdated({ uri: NOTE });
        }
        return text('touched');
    });
}

function registerReading(server) {
    server.registerResource('one', NOTE, { mimeType: 'text/plain' }, uri => ({
        contents: [{ uri: uri.href, mimeType: 'text/plain', text: 'the first note – ☂' }]
    }));
    server.registerResource('blob', 'blob://one', { mimeType: 'application/octet-stream' }, uri => ({
        contents: [{ uri: uri.href, mimeType: 'application/octet-stream', blob: Buffer.from([0, 1, 2, 255]).toString('base64') }]
    }));
    const template = new ResourceTemplate('city://{name}', {
        list: undefined,
        complete: { name: value => ['Bergen', 'Berlin', 'Bern'].filter(city => city.startsWith(value)) }
    });
    server.registerResource('city', template, { mimeType: 'text/plain' }, (uri, { name }) => ({
        contents: [{ uri: uri.href, text: `about ${name}` }]
    }));
    const argsSchema = z.object({
        language: completable(z.string(), value => ['python', 'perl', 'rust'].filter(name => name.startsWith(value)))
    });
    server.registerPrompt('review', { description: 'Reviews code', argsSchema }, ({ language }) => ({
        messages: [{ role: 'user', content: { type: 'text', text: `Review this ${language}.` } }]
    }));
}

/** Keeps every event of a session, in order, so that a stream can be taken up again. */
class Events {
    #stored = [];

    async storeEvent(streamId, message) {
        this.#stored.push({ streamId, message });
        return `${streamId}/${this.#stored.length}`;
    }

    async getStreamIdForEventId(eventId) {
        return eventId.slice(0, eventId.lastIndexOf('/'));
    }

    async replayEventsAfter(eventId, { send }) {
        const streamId = await this.getStreamIdForEventId(eventId);
        const seen = Number(eventId.slice(eventId.lastIndexOf('/') + 1));
        for (const [index, event] of this.#stored.entries()) {
            // The empty message is the one that opens a stream.
            if (index < seen || event.streamId !== streamId || Object.keys(event.message).length === 0) continue;
            await send(`${streamId}/${index + 1}`, event.message);
        }
        return streamId;
    }
}

const sessions = new Map();

async function serveSession(request, response) {
    const known = sessions.get(request.headers['mcp-session-id']);
    if (known) return known.handleRequest(request, response);
    if (request.headers['mcp-session-id']) {
        const body = { jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null };
        return void response.writeHead(404, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }
    const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        ...(request.url.startsWith('/sessions') ? { eventStore: new Events(), retryInterval: 50 } : { keepAliveMs: 0 }),
        onsessioninitialized: id => void sessions.set(id, transport),
        onsessionclosed: id => void sessions.delete(id)
    });
    await build('legacy').connect(transport);
    return transport.handleRequest(request, response);
}

const handler = createMcpHandler(({ era }) => build(era, handler.notify));
const serveBothEras = toNodeHandler(handler);
const hostIsLocal = localhostHostValidation();

const listener = createServer((request, response) => {
    if (!hostIsLocal(request, response)) return;
    const serve = request.url.startsWith('/mcp') ? serveBothEras : serveSession;
    Promise.resolve(serve(request, response)).catch(error => {
        console.error(error);
        response.destroy();
    });
});
listener.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ listen: listener.address().port })));
