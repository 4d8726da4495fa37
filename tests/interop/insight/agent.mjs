// An agent at work on the TypeScript SDK, in the 2025-11-25 revision: a chain of tools, a failure, a question, DELETE. Its
// transcript is JSON on stdout.
//
//   node agent.mjs URL

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Recorder } from './recorder.mjs';

const recorder = new Recorder();
const client = new Client({ name: 'agent-ts', version: '1.0.0' }, { capabilities: { elicitation: {} } });
client.setRequestHandler('elicitation/create', () => ({ action: 'decline' }));
let streamIsOpen;
const opened = new Promise(resolve => (streamIsOpen = resolve));
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]), {
    fetch: async (target, init) => {
        const response = await recorder.fetch(target, init);
        if (init?.method === 'GET') streamIsOpen();
        return response;
    }
});

const call = (name, args) => recorder.step(`${name} ${JSON.stringify(args)}`, () => client.callTool({ name, arguments: args }));

await recorder.step('connect', async () => {
    await client.connect(transport);
    await opened;
    return client.getServerVersion();
});
await recorder.step('tools/list', () => client.listTools());
await call('echo', { message: 'one' });
await call('get-sum', { a: 1, b: 2 });
await call('echo', { message: 'three' });
await call('get-structured-content', { location: 'Chicago' });
await call('get-sum', { a: 'one' });
await call('echo', { message: 'give up on sums' });
await call('get-tiny-image', {});
await call('trigger-elicitation-request', {});
await recorder.step('DELETE', () => transport.terminateSession());
await recorder.step('close', () => client.close());
recorder.print();
process.exit(0);
