//! What sightglass promises itself, with everything on, against what was measured.

use std::fmt::Write as _;

use super::idle::{self, Idle};
use super::samples::{Cell, Mode, Sample, Samples};
use super::targets::{ALL, DIRECT, ENVOY, HAPROXY, NGINX, OFF};

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

struct Budget {
    what: &'static str,
    limit: Limit,
    unit: &'static str,
    /// `None` = this run does not tell.
    value: Option<f64>,
}

/// The table, in Markdown.
pub(crate) fn table(samples: &Samples, idle: &[Idle], binary_bytes: u64) -> String {
    let mut page = String::from("| budget (everything on) | asked | measured | |\n|---|---|---|---|\n");
    let all = throughput(samples).into_iter().chain(latency(samples)).chain(own_cost(samples));
    for Budget { what, limit, unit, value } in all.chain(at_rest(idle, binary_bytes)) {
        let (sign, bound) = match limit {
            Limit::AtLeast(bound) => ("≥", bound),
            Limit::AtMost(bound) => ("≤", bound),
        };
        let (measured, verdict) = match (value, limit) {
            (None, _) => ("not measured".to_owned(), ""),
            (Some(value), Limit::AtLeast(bound)) => (format!("{value:.2} {unit}"), verdict(value >= bound)),
            (Some(value), Limit::AtMost(bound)) => (format!("{value:.2} {unit}"), verdict(value <= bound)),
        };
        let _ = writeln!(page, "| {what} | {sign} {bound} {unit} | {measured} | {verdict} |");
    }
    page
}

fn verdict(holds: bool) -> &'static str {
    if holds { "pass" } else { "**missed**" }
}

fn at(scenario: &'static str, concurrency: usize) -> Cell {
    Cell { scenario, concurrency, mode: Mode::Saturation }
}

fn times(samples: &Samples, cell: Cell, other: &str, figure: fn(&Sample) -> f64) -> Option<f64> {
    samples.compared(cell, (ALL, other), figure, |this, that| this / that).map(|spread| spread.median)
}

fn above(samples: &Samples, cell: Cell, these: (&str, &str), figure: fn(&Sample) -> f64) -> Option<f64> {
    samples.compared(cell, these, figure, |this, that| this - that).map(|spread| spread.median)
}

fn throughput(samples: &Samples) -> Vec<Budget> {
    let times =
        |scenario, concurrency, other| times(samples, at(scenario, concurrency), other, Sample::per_second);
    let row = |what, bound, value| Budget { what, limit: Limit::AtLeast(bound), unit: "×", value };
    vec![
        row("1. calls a second, json-300 at 32, against nginx", 1.0, times("json-300", 32, NGINX)),
        row("1. calls a second, json-300 at 32, against Envoy", 2.0, times("json-300", 32, ENVOY)),
        row("1. calls a second, sse-10 at 32, against HAProxy", 1.0, times("sse-10", 32, HAPROXY)),
        row("1. calls a second, json-300k at 8, against HAProxy", 1.0, times("json-300k", 8, HAPROXY)),
        row("1. calls a second, json-1m at 8, against HAProxy", 1.0, times("json-1m", 8, HAPROXY)),
        Budget {
            what: "1. CPU seconds a call, json-300 at 32, against nginx",
            limit: Limit::AtMost(1.2),
            unit: "×",
            value: self::times(samples, at("json-300", 32), NGINX, Sample::cpu_per_100k),
        },
    ]
}

fn latency(samples: &Samples) -> Vec<Budget> {
    let alone = at("json-300", 1);
    let added = |target, figure| above(samples, alone, (target, DIRECT), figure);
    // Where noise is so large that nginx seems to add nothing, there is nothing to compare with.
    let of_nginx = |figure| added(NGINX, figure).filter(|added| *added > 0.0);
    let against_nginx = |figure| added(ALL, figure).zip(of_nginx(figure)).map(|(ours, its)| ours / its);
    let row = |what, bound, unit, value| Budget { what, limit: Limit::AtMost(bound), unit, value };
    let first = |sample: &Sample| sample.first_event_p50_us.unwrap_or(f64::NAN);
    vec![
        row("2. added p50 at 1, against what nginx adds", 1.3, "×", against_nginx(|sample| sample.p50_us)),
        row("2. added p50 at 1", 40.0, "µs", added(ALL, |sample| sample.p50_us)),
        row("2. added p99 at 1, against what nginx adds", 1.3, "×", against_nginx(|sample| sample.p99_us)),
        row(
            "4. added time to the first event, sse-10 at 1, p50",
            50.0,
            "µs",
            above(samples, at("sse-10", 1), (ALL, DIRECT), first),
        ),
    ]
}

fn own_cost(samples: &Samples) -> Vec<Budget> {
    let lost = times(samples, at("json-300", 32), OFF, Sample::per_second).map(|times| (1.0 - times) * 100.0);
    let slower = above(samples, at("json-300", 1), (ALL, OFF), |sample| sample.p50_us);
    let row = |what, unit, value| Budget { what, limit: Limit::AtMost(5.0), unit, value };
    vec![
        row("3. throughput that all telemetry costs, json-300 at 32", "%", lost),
        row("3. p50 that all telemetry costs, json-300 at 1", "µs", slower),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "the size of a binary is far below 2^53")]
fn at_rest(all: &[Idle], binary_bytes: u64) -> Vec<Budget> {
    let median = |figure: fn(&Idle) -> f64| idle::spread(all, ALL, figure).map(|spread| spread.median);
    let row = |what, bound, unit, value| Budget { what, limit: Limit::AtMost(bound), unit, value };
    vec![
        row("5. resident at rest", 15.0, "MiB", median(Idle::rest_mib)),
        row("5. resident for each idle event stream", 16.0, "KiB", median(Idle::kib_per_stream)),
        row("7. binary, stripped", 15.0, "MB", Some(binary_bytes as f64 / 1e6)),
        row("7. start to first answer", 20.0, "ms", median(|idle| idle.ready_ms)),
    ]
}
