//! The newest exported trace of each bucket of the duration histograms (`telemetry.md` §3).
//!
//! # Why
//! An exemplar is an invitation to open a trace, so it is kept only once the trace was really sent. The renderer of the
//! page knows no exemplars: they are put in where a line of the finished page names the same series and bucket. Writing
//! the names of series costs more than the rest, and calls are of few kinds: so the names are remembered by kind.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use super::prometheus::durations;
use crate::config::Config;
use crate::mcp::trace::TraceId;
use crate::mcp::{Method, Version};
use crate::observe::{Call, Direction, Ending, ErrorType, Outcome};

/// The names of so many kinds of calls are remembered; when there are more, all are forgotten.
const KINDS_MAX: usize = 1024;

/// Traces to point at, by series and bucket: as many as the page has series, and those are bounded by their labels.
#[derive(Debug, Default)]
pub struct Exemplars {
    servers: Vec<String>,
    latency_buckets: Vec<f64>,
    semconv: bool,
    series: Mutex<HashMap<Kind, Arc<[Series]>, foldhash::fast::RandomState>>,
    newest: Mutex<Newest>,
}

/// By the series as the page writes it, without braces; of each bucket that has one.
type Newest = HashMap<String, Vec<Exemplar>, foldhash::fast::RandomState>;

/// A series' name, and its upper bounds where they are not the configured ones.
type Series = (String, Option<&'static [f64]>);

/// All that a call's series depend on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Kind {
    server: usize,
    direction: Direction,
    method: Method,
    is_tool: bool,
    /// The number of the tool's label.
    tool: u32,
    version: Option<Version>,
    outcome: Outcome,
    error: Option<ErrorType>,
}

#[derive(Debug, Clone, Copy)]
struct Exemplar {
    /// The upper bound of its bucket.
    upper: f64,
    trace: TraceId,
    seconds: f64,
    /// When the call ended.
    at: SystemTime,
}

impl Exemplars {
    /// None yet, for the servers and buckets of `config`.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            servers: config.servers.iter().map(|server| server.name.clone()).collect(),
            latency_buckets: config.metrics.latency_buckets.clone(),
            semconv: config.metrics.semconv,
            series: Mutex::default(),
            newest: Mutex::default(),
        }
    }

    /// The spans of a call were exported: its histograms may point at them. Takes locks, so it is not for the path.
    pub fn exported(&self, call: &Call, ending: &Ending) {
        let (Some(trace), Some(server)) = (call.trace(), self.servers.get(call.server)) else { return };
        let at = SystemTime::now().checked_sub(Instant::now().duration_since(ending.at));
        let (trace, at) = (trace.id, at.unwrap_or(SystemTime::UNIX_EPOCH));
        let seconds = ending.took.as_secs_f64();
        for (series, buckets) in &*self.series(call, ending, server) {
            let upper = upper_bound(buckets.unwrap_or(&self.latency_buckets), seconds);
            self.keep(series, Exemplar { upper, trace, seconds, at });
        }
    }

    fn series(&self, call: &Call, ending: &Ending, server: &str) -> Arc<[Series]> {
        let kind = Kind {
            server: call.server,
            direction: call.direction,
            method: call.method,
            is_tool: call.tool.is_some(),
            tool: ending.tool.number(),
            version: call.client.version,
            outcome: ending.outcome,
            error: ending.error,
        };
        let mut known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = known.get(&kind) {
            return Arc::clone(series);
        }
        if known.len() >= KINDS_MAX {
            known.clear();
        }
        let all = durations(call, ending, server, self.semconv);
        let all: Arc<[Series]> = all.into_iter().map(|one| (one.series, one.buckets)).collect();
        known.insert(kind, Arc::clone(&all));
        all
    }

    fn keep(&self, series: &str, exemplar: Exemplar) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = newest.get_mut(series) else {
            newest.insert(series.to_owned(), vec![exemplar]);
            return;
        };
        match kept.iter_mut().find(|kept| is_same(kept.upper, exemplar.upper)) {
            Some(kept) if kept.at <= exemplar.at => *kept = exemplar,
            Some(_) => {}
            None => kept.push(exemplar),
        }
    }

    /// What is kept now. Who exports waits for the copy alone, and no request for either.
    pub(super) fn now(&self) -> Now {
        Now(self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// The exemplars at one moment.
pub(super) struct Now(Newest);

impl Now {
    /// What follows the value on this line of a page, if anything does: ` # {trace_id="…"} value timestamp`
    /// (`OpenMetrics` 1.0, "Exemplars").
    pub(super) fn of_line(&self, line: &str) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let (name, labels) = line.split_once("_bucket{")?;
        let (labels, bound) = labels.rsplit_once(",le=\"")?;
        let (upper, _) = bound.split_once('"')?;
        let upper: f64 = upper.parse().ok()?;
        let kept = self.0.get(&format!("{name}{{{labels}"))?;
        let exemplar = kept.iter().find(|kept| is_same(kept.upper, upper))?;
        let at = exemplar.at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs_f64();
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(text, " # {{trace_id=\"{}\"}} {} {at:.3}", exemplar.trace, exemplar.seconds);
        Some(text)
    }
}

/// The smallest bound that is not below `seconds`.
fn upper_bound(buckets: &[f64], seconds: f64) -> f64 {
    buckets.iter().copied().find(|bound| seconds <= *bound).unwrap_or(f64::INFINITY)
}

fn is_same(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq()
}
