// The page that was written down, and what differs from it.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { comparable, seriesIn } from './page.mjs';

/** How long after the last answer the proxy may still be counting: a stream ends a moment after its client went. */
const SETTLED_AFTER_MS = 10_000;
const PAUSE_MS = 250;
const LINES_MAX = 40;

/** Compares what `proxy` tells with FOLDER/NAME.txt, or writes that. What was told is left in `logs`. */
export async function comparePage(proxy, name, folder, logs) {
    const file = join(folder, `${name}.txt`);
    if (process.env.INSIGHT_WRITE === '1') {
        const page = await quiet(proxy);
        writeFileSync(file, page);
        return `${seriesIn(page)} series written down`;
    }
    const wanted = readFileSync(file, 'utf8');
    const told = await until(proxy, page => page === wanted);
    writeFileSync(join(logs, 'metrics.txt'), told.text);
    writeFileSync(join(logs, `${name}.txt`), told.page);
    if (told.page === wanted) return `${seriesIn(wanted)} series as expected`;
    const lines = await difference(file, join(logs, `${name}.txt`));
    const more = lines.length > LINES_MAX ? [`and ${lines.length - LINES_MAX} lines more`] : [];
    return [`the page is not ${name}.txt; all of it is in ${logs}`, ...lines.slice(0, LINES_MAX), ...more];
}

/** The page once `enough` says so, or too late. */
async function until(proxy, enough) {
    const deadline = performance.now() + SETTLED_AFTER_MS;
    for (;;) {
        const text = await proxy.page();
        const page = comparable(text);
        if (enough(page) || performance.now() > deadline) return { text, page };
        await pause(PAUSE_MS);
    }
}

/** The page when it has stood still for a while. */
async function quiet(proxy) {
    let [last, since] = ['', performance.now()];
    const { page } = await until(proxy, page => {
        if (page !== last) [last, since] = [page, performance.now()];
        return performance.now() - since > 8 * PAUSE_MS;
    });
    return page;
}

/** A unified diff, without the names of the files. */
function difference(wanted, told) {
    return new Promise((resolve, reject) => {
        execFile('diff', ['--unified=0', wanted, told], { maxBuffer: 16 << 20 }, (error, stdout) => {
            if (error && error.code !== 1) reject(error);
            else resolve(stdout.split('\n').slice(2).filter(line => line && !line.startsWith('@@')));
        });
    });
}
