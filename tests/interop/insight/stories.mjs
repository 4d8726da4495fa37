// What is held: which servers there are, which client talks to each, directly or where the proxy mounts it, and how many
// users and sessions the log must then know, by their hashes.

import { join } from 'node:path';
import { firstLine, start, startEverything } from '../clients/processes.mjs';

const everything = join(import.meta.dirname, '../node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const node = process.execPath;
const python = process.env.PYTHON;

export const stories = [
    {
        name: 'chatgpt',
        servers: { APP_PORT: logs => startApp(join(logs, 'app.log')) },
        clients: [{ command: [node, 'chatgpt.mjs'], server: 'APP_PORT', path: '/mcp', mount: '/app' }],
        // Four people; three conversations and two sessions.
        hashed: { user_id: 4, session_id: 5 }
    },
    {
        name: 'agent',
        servers: {
            EVERYTHING_PORT: logs => startEverything(everything, 'streamableHttp', join(logs, 'everything.log')),
            EVERYTHING_SSE_PORT: logs => startEverything(everything, 'sse', join(logs, 'everything-sse.log'))
        },
        clients: [
            { command: [node, 'agent.mjs'], server: 'EVERYTHING_PORT', path: '/mcp', mount: '/everything' },
            { command: [python, '-B', 'agent.py'], server: 'EVERYTHING_SSE_PORT', path: '/sse', mount: '/everything-sse' }
        ],
        hashed: { user_id: 0, session_id: 2 }
    }
];

async function startApp(log) {
    const child = start(python, ['-B', join(import.meta.dirname, 'app.py')], { log });
    return (await firstLine(child, 'app.py')).listen;
}
