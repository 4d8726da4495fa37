// Which client speaks to which endpoint. Version 1 of the TypeScript SDK has no 2026-07-28; `auto` lets a client find
// the era out by itself, with server/discover first.

const legacy = [
    'everything http legacy',
    'everything sse',
    'python http legacy',
    'python sse',
    'typescript http legacy',
    'typescript http quiet',
    'typescript http stateless'
];
const modern = ['python http modern', 'typescript http modern'];

const session = (program, sdk) => (endpoint, url, auto) => [program, ...sdk, endpoint, url, ...(auto ? ['auto'] : [])];
const node = process.execPath;
const python = process.env.PYTHON;

export const clients = [
    { name: 'ts-v1', program: node, argv: session('session.mjs', ['v1']), endpoints: legacy },
    {
        name: 'ts-v2',
        program: node,
        argv: session('session.mjs', ['v2']),
        endpoints: [...legacy, ...modern],
        auto: ['everything http legacy', 'python http modern']
    },
    {
        name: 'python',
        program: python,
        argv: session('session.py', []),
        endpoints: [...legacy, ...modern],
        auto: ['everything http legacy', 'typescript http modern']
    },
    {
        name: 'inspector',
        program: node,
        argv: (endpoint, url) => ['inspector.mjs', endpoint, url],
        // One request in a process does not tell the older kinds of the TypeScript server apart.
        endpoints: [...legacy, ...modern].filter(name => !['typescript http legacy', 'typescript http quiet'].includes(name))
    }
];
