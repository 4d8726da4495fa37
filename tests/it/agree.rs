//! Metrics, spans and lines tell one story: 10,000 calls of every outcome, each told by all three, compared by trace id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use serde_json::Value;
use sightglass::cli::serve;
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Config, Otlp};
use sightglass::export::Console;

use crate::support::collector::Collector;
use crate::support::logged::{LONG, Tape};
use crate::support::mixed::{self, Carriers, KINDS, Nowhere, count, drive, settled};
use crate::support::scrape::Scrape;
use crate::support::stub;

const CALLS: usize = 10_000;
const CONCURRENCY: usize = 64;
/// See `is_sampled`.
const RATIO: f64 = 0.1;
/// A little less than the tool `slow` takes.
const SLOW: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn spans_lines_and_counters_agree_on_every_call() {
    let (collector, tape) = (Collector::start().await, Tape::default());
    let gone = Nowhere::new();
    let config = config(mixed::config(stub::start().await, &gone), &collector);
    let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
    let telemetry = Telemetry::start(&config, Some(console)).expect("a log");
    let running = serve::start_told(config, &telemetry).await.expect("a proxy");
    drive(running.data[0], CALLS, CONCURRENCY, carriers).await;
    let scrape = settled(running.admin, CALLS).await;
    running.stop().await;
    telemetry.stop(LONG);
    let lines = lines(&tape.text());
    compare_lines(&lines, &scrape);
    compare_spans(&lines, &collector.got().spans());
}

fn config(mut config: Config, collector: &Collector) -> Config {
    config.tracing.sample_ratio = RATIO;
    config.tracing.slow_threshold = Some(SLOW);
    config.tracing.otlp =
        Some(Otlp { traces: Some(format!("http://{}/v1/traces", collector.address)), ..Otlp::default() });
    config
}

/// A quarter each: nothing, a sampled header, an unsampled header, an unsampled `_meta` beside a sampled header.
fn carriers(number: usize) -> Carriers {
    let context = |sampled: u8| format!("00-{:032x}-{:016x}-{sampled:02x}", number + 1, number + 1);
    match number % 4 {
        0 => Carriers::default(),
        1 => Carriers { header: Some(context(1)), meta: None },
        2 => Carriers { header: Some(context(0)), meta: None },
        _ => Carriers { header: Some(context(1).replacen("00-0", "00-f", 1)), meta: Some(context(0)) },
    }
}

/// What a line says, as far as it is compared.
struct Line {
    number: usize,
    outcome: String,
    status: String,
    milliseconds: f64,
    trace: String,
    span: String,
}

fn lines(text: &str) -> Vec<Line> {
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let calls = all.filter(|line| line["event"] == "tool_invocation");
    let text =
        |line: &Value, key: &str| line[key].as_str().unwrap_or_else(|| panic!("{key}: {line}")).to_owned();
    calls
        .map(|line| Line {
            number: text(&line, "request_id").parse().expect("a number"),
            outcome: text(&line, "outcome"),
            status: text(&line, "status"),
            milliseconds: line["duration_ms"].as_f64().expect("a duration"),
            trace: text(&line, "trace_id"),
            span: text(&line, "span_id"),
        })
        .collect()
}

fn compare_lines(lines: &[Line], scrape: &Scrape) {
    assert_eq!(lines.iter().map(|line| line.number).collect::<BTreeSet<_>>().len(), CALLS);
    assert_eq!(lines.len(), CALLS);
    let mut outcomes: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for line in lines {
        assert_eq!(line.outcome, KINDS[line.number % KINDS.len()].3, "call {}", line.number);
        let (calls, seconds) = outcomes.entry(&line.outcome).or_default();
        *calls += 1;
        *seconds += line.milliseconds / 1000.0;
    }
    for (outcome, (calls, seconds)) in outcomes {
        scrape.metric("mcp_tool_invocations_total").label("outcome", outcome).is(count(calls));
        let sum = scrape.metric("mcp_tool_duration_seconds_sum").label("outcome", outcome).sum();
        // Lines are rounded to a microsecond.
        assert!((sum - seconds).abs() < 1e-6 * f64::from(count(calls)), "{outcome}: {sum} s, {seconds} s");
    }
}

fn compare_spans(lines: &[Line], spans: &[Span]) {
    let servers: BTreeMap<String, &Span> = spans
        .iter()
        .filter(|span| span.kind() == SpanKind::Server)
        .map(|span| (hex(&span.trace_id) + &hex(&span.span_id), span))
        .collect();
    // A line is rounded to a microsecond: of one at the edge only the span tells on which side it is.
    let is_slow = |line: &Line| match line.milliseconds - 100.0 {
        beyond if beyond.abs() <= 0.001 => servers.contains_key(&(line.trace.clone() + &line.span)),
        beyond => beyond > 0.0,
    };
    let wanted = |line: &&Line| is_sampled(line) || line.status == "error" || is_slow(line);
    let expected: BTreeSet<String> =
        lines.iter().filter(wanted).map(|line| line.trace.clone() + &line.span).collect();
    assert_eq!(servers.keys().cloned().collect::<BTreeSet<_>>(), expected);
    // None is told twice, and some are not told at all.
    assert_eq!(spans.iter().filter(|span| span.kind() == SpanKind::Server).count(), expected.len());
    assert!(expected.len() < lines.len());
    for line in lines.iter().filter(wanted) {
        let span = servers[&(line.trace.clone() + &line.span)];
        let lasted = Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano);
        let milliseconds = lasted.as_secs_f64() * 1000.0;
        assert!((milliseconds - line.milliseconds).abs() <= 0.001, "{milliseconds}, {}", line.milliseconds);
        let outcome = span.attributes.iter().find(|attribute| attribute.key == "mcp.proxy.outcome");
        let outcome = outcome.and_then(|attribute| attribute.value.clone()).expect("an outcome");
        assert_eq!(
            format!("{outcome:?}").matches(&format!("\"{}\"", line.outcome)).count(),
            1,
            "{outcome:?}"
        );
    }
}

/// By the parent's flag, else by the share of trace ids.
fn is_sampled(line: &Line) -> bool {
    match line.number % 4 {
        0 => {
            let trace = u128::from_str_radix(&line.trace, 16).expect("hexadecimal digits");
            // A tenth of the lower 63 bits.
            (trace & u128::from(u64::MAX)) >> 1 < (1 << 63) / 10
        }
        1 => true,
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
