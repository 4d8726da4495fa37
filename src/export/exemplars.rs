//! The newest exported trace of each bucket of the duration histograms (`telemetry.md` §3).
//!
//! # Why
//! An exemplar is an invitation to open a trace, so it is kept only once the trace was really sent. The renderer of the
//! page knows no exemplars: they are put in where a line of the finished page names the same series and bucket.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use super::prometheus::{DurationSeries, Fate, durations};
use super::servers::Servers;
use crate::config::Config;
use crate::mcp::trace::TraceId;
use crate::observe::{Call, Ending};

/// Traces to point at, by series and bucket: as many as the page has series, and those are bounded by their labels.
#[derive(Debug, Default)]
pub struct Exemplars {
    servers: Servers,
    latency_buckets: Vec<f64>,
    semconv: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    newest: Newest,
    /// The histograms that calls of a server stand in, by how they ended: told once, and not for each.
    series: HashMap<(usize, Fate), Arc<[DurationSeries]>>,
}

/// So many fates of calls are remembered; when there are more, all are forgotten.
const FATES_MAX: usize = 4096;

/// By the series as the page writes it, without braces; of each bucket that has one.
type Newest = HashMap<String, Vec<Exemplar>>;

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
            servers: Servers::of(config),
            latency_buckets: config.metrics.latency_buckets.clone(),
            semconv: config.metrics.semconv,
            kept: Mutex::default(),
        }
    }

    /// From now on the servers are those of `config`.
    pub(super) fn reload(&self, config: &Config) {
        self.servers.reload(config);
    }

    /// The spans of a call were exported: its histograms may point at them. Costs microseconds, so it is not for the
    /// path.
    pub fn exported(&self, call: &Call, ending: &Ending) {
        let (Some(trace), Some(server)) = (call.trace(), self.servers.get(call.server)) else { return };
        let at = SystemTime::now().checked_sub(Instant::now().duration_since(ending.at));
        let (trace, at) = (trace.id, at.unwrap_or(SystemTime::UNIX_EPOCH));
        let seconds = ending.took.as_secs_f64();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { newest, series } = &mut *kept;
        if series.len() >= FATES_MAX {
            series.clear();
        }
        let make = || durations(call, ending, &server.name, self.semconv).into();
        for duration in series.entry((call.server, Fate::of(call, ending))).or_insert_with(make).iter() {
            let upper = upper_bound(duration.buckets.unwrap_or(&self.latency_buckets), seconds);
            keep(newest, &duration.series, Exemplar { upper, trace, seconds, at });
        }
    }

    /// What is kept now. Who exports waits for the copy alone, and no request for either.
    pub(super) fn now(&self) -> Now {
        Now(self.kept.lock().unwrap_or_else(PoisonError::into_inner).newest.clone())
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

fn keep(newest: &mut Newest, series: &str, exemplar: Exemplar) {
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

/// The smallest bound that is not below `seconds`.
fn upper_bound(buckets: &[f64], seconds: f64) -> f64 {
    buckets.iter().copied().find(|bound| seconds <= *bound).unwrap_or(f64::INFINITY)
}

fn is_same(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq()
}
