// The official TypeScript client finds out how to authenticate, gets a token and calls a tool, all through the proxy:
// before a server that knows only its own address (`rewrite_oauth`), and before one that knows of no tokens (`auth`).
// The authorization server is a small one of this script, without a person to ask.

import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { z } from 'zod';
import { startProxy, stopAll } from './processes.mjs';

const CALLBACK = 'http://127.0.0.1:1/callback';
const AUDIENCE = 'interop';
const METADATA = '/.well-known/oauth-protected-resource';

/** Serves on a free port of loopback; gives its origin. */
async function listen(answer) {
    const server = createServer((request, response) => {
        Promise.resolve(answer(request, response)).catch(error => response.writeHead(500).end(`${error.stack}`));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    server.unref();
    return `http://127.0.0.1:${server.address().port}`;
}

function json(response, status, body, fields = {}) {
    response.writeHead(status, { 'content-type': 'application/json', ...fields }).end(JSON.stringify(body));
}

async function read(request) {
    const parts = [];
    for await (const part of request) parts.push(part);
    return Buffer.concat(parts).toString();
}

/** An authorization server (RFC 8414, 7591, 6749 with PKCE, 8707); `issued` says for which resource each token is. */
async function startAuthorizationServer() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signing = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const codes = new Map();
    const issued = new Map();
    let issuer;
    const token = resource => {
        const part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: issuer, aud: [resource, AUDIENCE], sub: 'somebody', iat: now, exp: now + 600, scope: 'mcp' };
        const signed = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })}.${part(claims)}`;
        const signature = sign('sha256', Buffer.from(signed), { key: signing, dsaEncoding: 'ieee-p1363' });
        return `${signed}.${signature.toString('base64url')}`;
    };
    const answer = async (request, response) => {
        const url = new URL(request.url, issuer);
        switch (url.pathname) {
            case '/.well-known/oauth-authorization-server':
                return json(response, 200, {
                    issuer,
                    authorization_endpoint: `${issuer}/authorize`,
                    token_endpoint: `${issuer}/token`,
                    registration_endpoint: `${issuer}/register`,
                    jwks_uri: `${issuer}/jwks`,
                    response_types_supported: ['code'],
                    grant_types_supported: ['authorization_code'],
                    token_endpoint_auth_methods_supported: ['none'],
                    code_challenge_methods_supported: ['S256'],
                    authorization_response_iss_parameter_supported: true,
                    scopes_supported: ['mcp']
                });
            case '/jwks':
                return json(response, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }] });
            case '/register':
                return json(response, 201, { ...JSON.parse(await read(request)), client_id: randomUUID() });
            case '/authorize': {
                const code = randomUUID();
                codes.set(code, Object.fromEntries(url.searchParams));
                const back = new URL(url.searchParams.get('redirect_uri'));
                const told = { code, iss: issuer, state: url.searchParams.get('state') };
                for (const [name, value] of Object.entries(told)) if (value) back.searchParams.set(name, value);
                return response.writeHead(302, { location: back.href }).end();
            }
            case '/token': {
                const form = new URLSearchParams(await read(request));
                const asked = codes.get(form.get('code'));
                codes.delete(form.get('code'));
                const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
                if (asked?.code_challenge !== challenge || form.get('resource') !== asked.resource) {
                    return json(response, 400, { error: 'invalid_grant' });
                }
                const access_token = token(asked.resource);
                issued.set(access_token, asked.resource);
                return json(response, 200, { access_token, token_type: 'Bearer', expires_in: 600, scope: 'mcp' });
            }
            default:
                return response.writeHead(404).end();
        }
    };
    issuer = await listen(answer);
    return { issuer, issued };
}

function tools() {
    const server = new McpServer({ name: 'interop-oauth', version: '1.0.0' });
    server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => ({
        content: [{ type: 'text', text }]
    }));
    return server;
}

/** A server that knows itself by its own address alone; `accepts` judges its tokens, `undefined` = it knows of none. */
async function startServer(issuer, accepts) {
    const handler = toNodeHandler(createMcpHandler(tools));
    let origin;
    origin = await listen((request, response) => {
        if (accepts && request.url.startsWith(METADATA)) {
            return json(response, 200, { resource: `${origin}/mcp`, authorization_servers: [issuer], scopes_supported: ['mcp'] });
        }
        if (accepts && !accepts(request.headers.authorization?.replace(/^Bearer /, ''))) {
            const challenge = `Bearer error="invalid_token", resource_metadata="${origin}${METADATA}/mcp", scope="mcp"`;
            return json(response, 401, { error: 'invalid_token' }, { 'www-authenticate': challenge });
        }
        return handler(request, response);
    });
    return origin;
}

/** What a person does in a browser: follows the link, and brings back the code. */
class Person {
    redirectUrl = CALLBACK;
    clientMetadata = {
        client_name: 'interop',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none'
    };
    clientInformation = () => this.client;
    saveClientInformation = client => void (this.client = client);
    tokens = () => this.kept;
    saveTokens = tokens => void (this.kept = tokens);
    saveCodeVerifier = verifier => void (this.verifier = verifier);
    codeVerifier = () => this.verifier;
    saveDiscoveryState = state => void (this.discovered = state);
    discoveryState = () => this.discovered;
    async redirectToAuthorization(url) {
        const answer = await fetch(url, { redirect: 'manual' });
        this.brought = new URL(answer.headers.get('location')).searchParams;
    }
}

async function authenticatedCall(url) {
    const person = new Person();
    const connect = async () => {
        const client = new Client({ name: 'interop', version: '1.0.0' });
        const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider: person });
        try {
            await client.connect(transport);
        } catch (error) {
            if (!(error instanceof UnauthorizedError) || !person.brought) throw error;
            await transport.finishAuth(person.brought);
            return undefined;
        }
        return client;
    };
    if (await connect()) throw new Error('it passed without a token');
    const client = await connect();
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'through' } });
    await client.close();
    if (content[0].text !== 'through') throw new Error('another answer');
    return person.kept.access_token;
}

async function check(name, act) {
    try {
        await act();
        console.log(`pass: ${name}`);
    } catch (error) {
        console.log(`FAIL: ${name}: ${error.message.replaceAll('\n', ' ')}`);
    }
}

function expect(value, what) {
    if (!value) throw new Error(`expected ${what}`);
}

const { issuer, issued } = await startAuthorizationServer();
const judging = await startServer(issuer, token => issued.has(token));
const trusting = await startServer(issuer);
writeFileSync(
    'oauth.toml',
    `
[[server]]
name = "judging"
url = "${judging}/mcp"
path = "/judging"
rewrite_oauth = true

[[server]]
name = "plain"
url = "${judging}/mcp"
path = "/plain"

[[server]]
name = "trusting"
url = "${trusting}/mcp"
path = "/trusting"
auth = { issuer = "${issuer}", audience = "${AUDIENCE}", scopes = ["mcp"] }
`
);
const proxy = `http://${await startProxy(['--config', 'oauth.toml'], 'oauth.log')}`;

await check('oauth: a client gets its token directly', async () => {
    expect(issued.get(await authenticatedCall(`${judging}/mcp`)) === `${judging}/mcp`, 'a token for the server');
});
await check('oauth: a client gives up where the metadata names the server behind the proxy', async () => {
    const gaveUp = await authenticatedCall(`${proxy}/plain`).then(() => false, error => /resource/i.test(error.message));
    expect(gaveUp, 'the check of the resource to fail');
});
await check('oauth: with rewrite_oauth a client gets its token through the proxy, for what it dialled', async () => {
    const token = await authenticatedCall(`${proxy}/judging`);
    expect(issued.get(token) === `${proxy}/judging`, `a token for the proxy, not ${issued.get(token)}`);
});
await check('oauth: with auth the proxy lets a client in that comes with a token, before a server that knows of none', async () => {
    const token = await authenticatedCall(`${proxy}/trusting`);
    expect(issued.get(token) === `${proxy}/trusting`, `a token for the proxy, not ${issued.get(token)}`);
});
await check('oauth: with auth a token that was tampered with is refused, and a page may read why', async () => {
    const token = await authenticatedCall(`${proxy}/trusting`);
    const answer = await fetch(`${proxy}/trusting`, { method: 'POST', headers: { authorization: `Bearer ${token}x` } });
    expect(answer.status === 401 && answer.headers.get('access-control-allow-origin') === '*', 'a 401');
    expect(answer.headers.get('www-authenticate').includes('error="invalid_token"'), 'an invalid token');
});
await stopAll();
process.exit(0);
