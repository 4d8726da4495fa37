// What ChatGPT does with an app, on the TypeScript SDK: conversations of three people at once in the 2026-07-28 revision,
// and two sessions of the older ones. Its transcript is JSON on stdout.
//
//   node chatgpt.mjs URL

import { Conversation } from './conversation.mjs';
import { PASSWORD, people, secrets, token } from './people.mjs';
import { Recorder } from './recorder.mjs';

const url = new URL(process.argv[2]);
const recorder = new Recorder();
const converse = (person, era) => new Conversation(person, era, url, recorder);

/** One request by hand: the SDK has no word for credentials of other kinds. */
async function knock(name, headers) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {
        protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'chatgpt-like', version: '1.0.0' }
    } });
    const accept = 'application/json, text/event-stream';
    await recorder.step(name, async () => {
        const init = { method: 'POST', headers: { 'content-type': 'application/json', accept, ...headers }, body };
        const response = await recorder.fetch(url, init);
        return { status: response.status, body: await response.text() };
    });
}

async function knocking() {
    await knock('no credentials', {});
    await knock('a password', { authorization: `Basic ${PASSWORD}` });
    await knock('a bound token', { authorization: `DPoP ${token(people.ada)}` });
    await knock('a token for something else', { authorization: `Bearer ${token(people.ada, { scope: 'read' })}` });
}

/** Three conversations that take turns, so that only their keys tell them apart. */
async function conversing() {
    const [ada, bob, eve] = ['ada', 'bob', 'eve'].map(name => converse(people[name], 'modern'));
    ada.token = token(people.ada, { expired: true });
    for (const one of [ada, bob, eve]) await one.step('connect', () => one.connect());
    await ada.list();
    await ada.read('ui://receipt.html');
    await ada.read('ui://board.html');
    await ada.readMissing('ui://gone.html');

    await ada.call('query', { table: 'orders' });
    await bob.call('sign_up', { source: 'chatgpt' });
    await eve.call('sign_up', { source: 'a friend of mine' });
    // Fails, and works at the second try.
    await ada.call('query', { table: 'order' }, { fails: true });
    await ada.call('query', { table: 'orders' });
    // Fails, and is followed by another tool, which works.
    await bob.call('create_assignment', { priority: 'urgent' }, { fails: true });
    await bob.call('lookup', { key: 'priorities' });
    await bob.call('create_assignment', { priority: 'high' });
    // Fails, and is followed by another tool, which fails as well, and again; then by one that works.
    await eve.call('query', { table: 'user' }, { fails: true });
    await eve.call('report', { month: 5 }, { fails: true });
    await eve.call('report', { month: 5 }, { fails: true });
    await eve.call('lookup', { key: 'reports' });
    await ada.call('lookup', { key: 'priorities' });
    await ada.call('lookup', { key: 'months' });
    await ada.call('create_assignment', { priority: 'low' });
    await ada.call('create_assignment', { priority: 'critical' });

    // The question is a round of its own of the same call.
    await ada.call('checkout', { amount: 30 });
    bob.action = 'decline';
    await bob.call('checkout', { amount: 99.5 }, { fails: true });
    await bob.call('lookup', { key: 'reports' });
    bob.action = 'accept';
    await bob.call('checkout', { amount: 9.5 });
    await eve.call('checkout', { amount: 250 });

    await ada.call('chart', { kind: 'pie' });
    ada.token = token(people.ada, { expired: true });
    await ada.call('sign_up', { source: 'newsletter' });
    // Told to log in again inside the result, it comes back with a token for more.
    await ada.call('report', { month: 11 }, { fails: true });
    ada.token = token(people.ada, { scope: 'use reports' });
    await ada.call('report', { month: 11 });
    await bob.call('query', { table: 'users' });
    await bob.call('query', { table: 'audit_2026' });

    await ada.call('deploy', {});
    await ada.list();
    await ada.call('export', { kind: 'csv' });
    await eve.call('chart', { kind: 'bar' }, { fails: true });
    await eve.call('no_such_tool', {}, { fails: true });
    for (const one of [ada, bob, eve]) await one.step('close', () => one.client.close());
}

/** Sessions of the older era, which end: one while a failure is not made good. */
async function olderSessions() {
    const ada = converse(people.ada, 'legacy');
    await ada.step('connect', () => ada.connect());
    await ada.list();
    await ada.read('ui://chart.html');
    await ada.call('checkout', { amount: 12 });
    await ada.call('query', { table: 'users' });
    await ada.call('query', { table: 'user' }, { fails: true });
    await ada.step('DELETE', () => ada.transport.terminateSession());
    await ada.step('close', () => ada.client.close());

    const joe = converse(people.joe, 'legacy');
    await joe.step('connect', () => joe.connect());
    await joe.call('sign_up', { source: 'chatgpt' });
    await joe.step('DELETE', () => joe.transport.terminateSession());
    await joe.step('close', () => joe.client.close());
}

await knocking();
await conversing();
await olderSessions();
recorder.print(secrets());
process.exit(0);
