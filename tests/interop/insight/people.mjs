// Who uses the app, and the tokens that they use it with. Nobody may find any of this in what the proxy tells.

import { createHmac } from 'node:crypto';

/** `access.py` has it, too. */
const KEY = 'a key of this test alone, known to both sides';
/** Fixed times, so that the same session has the same bytes tomorrow. */
const LONG_AGO_S = 1_600_000_000;
const FAR_AWAY_S = 4_000_000_000;

const person = (name, plan) => ({
    name,
    claims: { sub: `login|${name}-5f1c9a7e`, ...(plan && { plan }) },
    subject: `v1/subject-of-${name}-b02d`,
    conversation: `v1/conversation-of-${name}-77e3`
});

export const people = {
    ada: person('ada', 'pro'),
    bob: person('bob', 'free'),
    // A plan that the configuration does not list.
    eve: person('eve', 'enterprise'),
    // No plan at all.
    joe: person('joe')
};

/** The credentials of one who has no token. */
export const PASSWORD = Buffer.from('ada:a password of hers').toString('base64');

const tokens = new Set();

/** A token of that person, for `use` alone unless the scope says more. */
export function token({ claims }, { scope = 'use', expired = false } = {}) {
    const parts = [
        { alg: 'HS256', typ: 'JWT' },
        { ...claims, scope, exp: expired ? LONG_AGO_S : FAR_AWAY_S }
    ];
    const signed = parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const made = `${signed}.${createHmac('sha256', KEY).update(signed).digest('base64url')}`;
    tokens.add(made);
    return made;
}

/** What was said of them in secret so far: each token as a whole, and the parts that tell or prove something. */
export function secrets() {
    const parts = [...tokens].flatMap(made => [made, ...made.split('.').slice(1)]);
    const said = Object.values(people).flatMap(({ claims, subject, conversation }) => [claims.sub, subject, conversation]);
    return [PASSWORD, ...parts, ...said];
}
