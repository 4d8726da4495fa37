// Reads `plan.json`: what a session asks of which server, and where.

import { readFileSync } from 'node:fs';

const all = JSON.parse(readFileSync(new URL('plan.json', import.meta.url), 'utf8'));
const LONG = '0123456789 – ☂ 🐘 "\\/ \u0001\t'.repeat(4000);

export const endpoints = all.endpoints;

/** The plan of the server behind an endpoint, with the long text filled in. */
export function readPlan(endpointName) {
    const endpoint = all.endpoints[endpointName];
    const name = endpoint.server.replace('-sse', '');
    const plan = structuredClone({ ...all.servers[all.servers[name].same_as], ...all.servers[name] });
    for (const member of Object.keys(plan.long[1])) plan.long[1][member] = LONG;
    return { plan, endpoint };
}
