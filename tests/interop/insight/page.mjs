// The part of a `/metrics` page that is the same in every run of a session, in a form to compare.
//
// Of the families below each is a block: `# NAME TYPE`, for histograms with their upper bounds, then a line for each of its
// series. Labels and lines are sorted, numbers told with twelve digits. A histogram's line has its count, sum and buckets;
// where the numbers are times that a clock measured, only its count.

/** Families that are kept whole. */
const WHOLE = [
    'mcp_active_sessions',
    'mcp_assignments_created_total',
    'mcp_authentication_attempts_total',
    'mcp_authentication_failures_total',
    'mcp_cache_operations_total',
    'mcp_clients_total',
    'mcp_cost_usd_total',
    // Times, but told by the server.
    'mcp_database_query_seconds',
    'mcp_error_recovery_total',
    'mcp_payload_size_bytes',
    'mcp_requests_total',
    'mcp_revenue_usd',
    'mcp_server_requests_total',
    'mcp_server_timing_seconds',
    'mcp_session_tool_calls',
    'mcp_sessions_total',
    'mcp_signups_total',
    'mcp_token_usage',
    'mcp_tokens_total',
    'mcp_tool_composition_total',
    'mcp_tool_definition_changes_total',
    'mcp_tool_errors_total',
    'mcp_tool_invocations_total',
    'mcp_tools_list_bytes',
    'mcp_tools_list_tokens',
    'mcp_tools_listed',
    'mcp_widget_renders_total'
];
/** Families of which only the counts are kept. */
const COUNTED = ['mcp_widget_read_seconds'];

const SAMPLE = /^(\w+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** `text` of the page in that form. */
export function comparable(text) {
    const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]));
    const samples = text.split('\n').filter(line => line && !line.startsWith('#')).map(parse);
    const kept = [...WHOLE, ...COUNTED].filter(name => types.has(name)).sort();
    return kept.map(name => block(name, types.get(name), samples)).join('\n');
}

/** How many series there are in it. */
export function seriesIn(page) {
    return page.split('\n').filter(line => line && !line.startsWith('#')).length;
}

function parse(line) {
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) throw new Error(`cannot read: ${line}`);
    return { name, labels: [...labels.matchAll(LABEL)].map(([, key, text]) => [key, text]), value: Number(value) };
}

function block(name, type, samples) {
    const [title, lines] = type === 'histogram' ? histogram(name, samples) : [`${name} ${type}`, plain(name, samples)];
    return [`# ${title}`, ...lines.sort(), ''].join('\n');
}

function plain(name, samples) {
    return samples.filter(sample => sample.name === name).map(sample => `${labelled(sample.labels)} ${told(sample.value)}`);
}

function histogram(name, samples) {
    const series = new Map();
    for (const { name: part, labels, value } of samples) {
        if (!part.startsWith(`${name}_`)) continue;
        const bound = labels.find(([key]) => key === 'le')?.[1];
        const key = labelled(labels.filter(([label]) => label !== 'le'));
        if (!series.has(key)) series.set(key, { buckets: [] });
        const one = series.get(key);
        if (part === `${name}_bucket`) one.buckets.push([bound === '+Inf' ? bound : told(Number(bound)), value]);
        else one[part.slice(name.length + 1)] = told(value);
    }
    if (COUNTED.includes(name)) {
        return [`${name} histogram, counts alone`, [...series].map(([key, { count }]) => `${key} ${count}`)];
    }
    const bounds = new Set([...series.values()].map(({ buckets }) => buckets.map(([bound]) => bound).join(' ')));
    const lines = [...series].map(([key, { count, sum, buckets }]) => {
        return `${key} count ${count} sum ${sum} buckets ${buckets.map(([, value]) => told(value)).join(' ')}`;
    });
    return [`${name} histogram ${[...bounds].join(' or ')}`, lines];
}

function labelled(labels) {
    return `{${labels.map(([key, text]) => `${key}="${text}"`).sort().join(',')}}`;
}

/** Sums of fractions come out a little different in another order. */
function told(value) {
    return String(Number(value.toPrecision(12)));
}
