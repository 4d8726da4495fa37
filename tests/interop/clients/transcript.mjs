// Transcripts of sessions: what differs from run to run is taken out, the rest compared.

const REPLACED = [
    [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>'],
    [/\b[0-9a-f]{32}\b/g, '<id>'],
    [/\b(127\.0\.0\.1|localhost):\d+/g, '<address>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})/g, '<time>']
];

/** The steps of a session with ids, addresses and times taken out. */
export function readTranscript(text) {
    const stable = REPLACED.reduce((sofar, [pattern, name]) => sofar.replaceAll(pattern, name), text);
    return JSON.parse(stable);
}

/** Why a session did not go as it should by itself; undefined when it did. */
export function brokenStep(steps) {
    const broken = steps.find(step => step.broken !== undefined);
    return broken && `${broken.step}: ${broken.broken}`;
}

/** Each step that is not the same in both, with what either side has. */
export function differences(direct, proxied) {
    const names = [...new Set([...direct, ...proxied].map(({ step }) => step))];
    return names.flatMap(name => {
        const [left, right] = [direct, proxied].map(steps => steps.find(({ step }) => step === name));
        if (JSON.stringify(left) === JSON.stringify(right)) return [];
        return [{ step: name, ...firstDifference(lines(left), lines(right)) }];
    });
}

function lines(step) {
    if (step === undefined) return ['(no such step)'];
    if (step.broken !== undefined) return [step.broken];
    return (Array.isArray(step.value) ? step.value : [step.value]).map(value => JSON.stringify(value));
}

function firstDifference(direct, proxied) {
    const onlyDirect = direct.filter(line => !proxied.includes(line));
    const onlyProxied = proxied.filter(line => !direct.includes(line));
    return { direct: onlyDirect.slice(0, 3), proxied: onlyProxied.slice(0, 3) };
}
