// Whether what acts as a secret, or names a person, stands anywhere in what the proxy tells.

const HASH = /^[0-9a-f]{32}$/;

/**
 * Looks for each of `secrets` in the page and in the lines. `hashed` says for keys of lines how many values they must have in
 * all, each of them a hash: a proxy that reads nothing has no secrets to tell.
 */
export function leaks({ secrets, page, lines, hashed }) {
    const found = [...inPage(secrets, page), ...inLines(secrets, lines), ...notHashed(lines.map(line => JSON.parse(line)), hashed)];
    return found.length > 0 ? found : `${secrets.length} secrets, none told in the page and ${lines.length} lines`;
}

function inPage(secrets, page) {
    return secrets.filter(secret => page.includes(secret)).map(secret => `the page tells ${secret}`);
}

function inLines(secrets, lines) {
    return lines.flatMap(line => {
        const secret = secrets.find(one => line.includes(one));
        return secret === undefined ? [] : [`a line tells ${secret}: ${line.slice(0, 500)}`];
    });
}

function notHashed(events, hashed) {
    return Object.entries(hashed).flatMap(([key, count]) => {
        const values = new Set(events.map(event => event[key]).filter(value => value !== undefined));
        const raw = [...values].filter(value => !HASH.test(value)).map(value => `${key} is no hash: ${value}`);
        return values.size === count ? raw : [`the lines tell ${values.size} values of ${key}, not ${count}`, ...raw];
    });
}
