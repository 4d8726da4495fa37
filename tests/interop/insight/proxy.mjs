// The proxy of a story: where it is found, what it says of itself, and all that it wrote.

import { once } from 'node:events';
import { firstLine, start } from '../clients/processes.mjs';

/** Starts it with that configuration; `env` is what the file leaves open. */
export async function openProxy(config, env, log) {
    const child = start(process.env.SIGHTGLASS, ['serve', '--config', config], { log, env });
    const closed = once(child, 'close');
    let written = '';
    child.stdout.setEncoding('utf8').on('data', text => (written += text));
    const { listen, admin } = await firstLine(child, 'sightglass');
    return {
        url: mount => `http://${listen[0]}${mount}`,
        page: async () => (await fetch(`http://${admin}/metrics`)).text(),
        /** Its log, once it was asked to end. */
        lines: async () => {
            await closed;
            return written.split('\n').filter(line => line);
        }
    };
}
