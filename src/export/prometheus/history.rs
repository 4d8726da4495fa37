//! The last quarter of an hour, for who looks without a Prometheus at hand: what the series of each server gained from
//! one look to the next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::heat::Columns;
use super::histogram::quantile;
use super::{Prometheus, as_f64};

/// Looks that are kept one by one: five minutes.
const FINE: usize = 300;

/// So many looks make one of the coarse points.
const TOGETHER: u32 = 10;

/// Coarse points that are kept: fifteen minutes.
const COARSE: usize = 90;

/// Servers with a history of their own; those beyond are in that of all alone.
const SERVERS_MAX: usize = 64;

/// How many counts of tools are kept, one every [`TOGETHER`] looks: rates are of the last minute.
const COUNTS: usize = 7;

/// Rates of a shorter time say nothing.
const RATES_FROM: f64 = 1.0;

const REQUESTS: &str = "mcp_request_duration_seconds";
pub(super) const TOOLS: &str = "mcp_tool_duration_seconds";

/// How far apart points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// A second; five minutes of them.
    Second,
    /// Ten; fifteen minutes of them.
    TenSeconds,
}

/// What was between two looks. `subscriptions/listen` is in none of it, as it is in no histogram of requests.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// When it ended.
    pub at: SystemTime,
    /// How long it was.
    pub long: Duration,
    /// Requests that ended.
    pub calls: u64,
    /// Those whose `status` is `error`.
    pub errors: u64,
    /// Those whose `status` is `success`.
    pub successes: u64,
    /// How long they took, seconds: half of them less, 95 %, 99 %; `None` = there were none.
    pub quantiles: [Option<f64>; 3],
    /// Sessions open at its end.
    pub sessions: u64,
    /// Event streams open at its end.
    pub streams: u64,
}

/// What is remembered.
#[derive(Default)]
pub(super) struct History(pub(super) Mutex<Tracks>);

#[derive(Default)]
pub(super) struct Tracks {
    /// By server; all together under the empty name, which no server has.
    servers: BTreeMap<String, Track>,
    /// Calls of tools by the labels of their series, the oldest first.
    tools: VecDeque<(Instant, HashMap<Arc<str>, u64>)>,
    pub(super) columns: Columns,
    looks: u32,
}

/// One server.
#[derive(Default)]
struct Track {
    fine: VecDeque<Point>,
    coarse: VecDeque<Point>,
    /// At the last look, and at the one that began the coarse point under way.
    last: Option<(Instant, Totals)>,
    coarse_from: Option<(Instant, Totals)>,
}

/// Since the start.
#[derive(Debug, Clone, Default)]
struct Totals {
    buckets: Vec<u64>,
    errors: u64,
    successes: u64,
    sessions: u64,
    streams: u64,
}

impl Prometheus {
    /// Looks at what there is now; to be called about every second. What there was before the first look is in no point.
    pub fn look(&self, now: Instant) {
        if !self.enabled {
            return;
        }
        let (totals, bounds) = (self.totals(), self.histograms.bounds(REQUESTS));
        let mut tracks = self.history.0.lock().unwrap_or_else(PoisonError::into_inner);
        tracks.servers.retain(|server, _| totals.contains_key(server));
        tracks.looks += 1;
        let is_coarse = tracks.looks.is_multiple_of(TOGETHER);
        for (server, totals) in totals {
            if !tracks.servers.contains_key(&server) && tracks.servers.len() > SERVERS_MAX {
                continue;
            }
            tracks.servers.entry(server).or_default().look((now, totals), &bounds, is_coarse);
        }
        if is_coarse || tracks.tools.is_empty() {
            let series = self.histograms.counts(TOOLS);
            tracks.columns.look(SystemTime::now(), &series);
            let count = |(labels, buckets): (Arc<str>, Vec<u64>)| (labels, buckets.iter().sum());
            let counts = series.into_iter().map(count).collect();
            tracks.tools.push_back((now, counts));
            if tracks.tools.len() > COUNTS {
                tracks.tools.pop_front();
            }
        }
    }

    /// The points of each server, the oldest first, at most the last so many; all servers together have the empty name.
    pub fn history(&self, every: Every, last: usize) -> Vec<(String, Vec<Point>)> {
        let tracks = self.history.0.lock().unwrap_or_else(PoisonError::into_inner);
        let points = |track: &Track| {
            let points = if every == Every::Second { &track.fine } else { &track.coarse };
            points.iter().skip(points.len().saturating_sub(last)).copied().collect()
        };
        tracks.servers.iter().map(|(server, track)| (server.clone(), points(track))).collect()
    }

    /// Calls a second of each tool in about the last minute, by server and tool.
    pub fn tool_rates(&self, now: Instant) -> HashMap<(String, String), f64> {
        let tracks = self.history.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, before)) = tracks.tools.front() else { return HashMap::new() };
        let seconds = now.saturating_duration_since(*since).as_secs_f64();
        let mut rates = HashMap::new();
        for (labels, buckets) in self.histograms.counts(TOOLS) {
            let more = buckets.iter().sum::<u64>() - before.get(&labels).copied().unwrap_or_default();
            if let (Some(server), Some(tool)) = (label(&labels, "server"), label(&labels, "tool_name"))
                && seconds >= RATES_FROM
            {
                *rates.entry((server.to_owned(), tool.to_owned())).or_default() += as_f64(more) / seconds;
            }
        }
        rates
    }

    fn totals(&self) -> BTreeMap<String, Totals> {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: BTreeMap<String, Totals> = BTreeMap::from([(String::new(), Totals::default())]);
        for server in self.servers.iter().filter(|server| !gone.contains(&server.name)) {
            let open = |gauge: &std::sync::atomic::AtomicI64| {
                u64::try_from(gauge.load(Ordering::Relaxed)).unwrap_or_default()
            };
            let (sessions, streams) = (open(&server.open_sessions), open(&server.open_streams));
            for name in [server.name.as_str(), ""] {
                let totals = all.entry(name.to_owned()).or_default();
                totals.sessions += sessions;
                totals.streams += streams;
            }
        }
        for (labels, buckets) in self.histograms.counts(REQUESTS) {
            let Some(server) = label(&labels, "server").filter(|server| !gone.contains(*server)) else {
                continue;
            };
            for name in [server, ""] {
                if let Some(totals) = all.get_mut(name) {
                    totals.add(&buckets, label(&labels, "status").unwrap_or_default());
                }
            }
        }
        all
    }
}

impl Totals {
    fn add(&mut self, buckets: &[u64], status: &str) {
        self.buckets.resize(buckets.len().max(self.buckets.len()), 0);
        for (total, more) in self.buckets.iter_mut().zip(buckets) {
            *total += more;
        }
        match status {
            "error" => self.errors += buckets.iter().sum::<u64>(),
            "success" => self.successes += buckets.iter().sum::<u64>(),
            _ => {}
        }
    }
}

impl Track {
    fn look(&mut self, now: (Instant, Totals), bounds: &[f64], is_coarse: bool) {
        if let Some(last) = &self.last {
            keep(&mut self.fine, point(last, &now, bounds), FINE);
        }
        if let Some(from) = self.coarse_from.as_ref().filter(|_| is_coarse) {
            keep(&mut self.coarse, point(from, &now, bounds), COARSE);
        }
        if is_coarse || self.coarse_from.is_none() {
            self.coarse_from = Some(now.clone());
        }
        self.last = Some(now);
    }
}

fn keep(points: &mut VecDeque<Point>, point: Point, most: usize) {
    points.push_back(point);
    if points.len() > most {
        points.pop_front();
    }
}

fn point(before: &(Instant, Totals), now: &(Instant, Totals), bounds: &[f64]) -> Point {
    let ((began, before), (ended, now)) = (before, now);
    let before_of = |place: usize| before.buckets.get(place).copied().unwrap_or_default();
    let more: Vec<u64> =
        now.buckets.iter().enumerate().map(|(place, count)| count.saturating_sub(before_of(place))).collect();
    Point {
        at: SystemTime::now(),
        long: ended.saturating_duration_since(*began),
        calls: more.iter().sum(),
        errors: now.errors.saturating_sub(before.errors),
        successes: now.successes.saturating_sub(before.successes),
        quantiles: [0.5, 0.95, 0.99].map(|share| quantile(share, bounds, &more)),
        sessions: now.sessions,
        streams: now.streams,
    }
}

/// A label of a series as the page writes it. Names of servers and tools, and our own words, need no escapes.
pub(super) fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = labels;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if found.trim_start_matches(',') == name {
            return Some(value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_found_whatever_stands_in_the_others() {
        let labels = "server=\"a\",tool_name=\"x,status=y\",status=\"error\",le=\"";
        assert_eq!(label(labels, "server"), Some("a"));
        assert_eq!(label(labels, "tool_name"), Some("x,status=y"));
        assert_eq!(label(labels, "status"), Some("error"));
        assert_eq!(label(labels, "outcome"), None);
    }

    #[test]
    fn points_are_what_is_new_and_the_old_ones_go() {
        let start = Instant::now();
        let totals = |calls: u64| Totals { buckets: vec![calls, 0], successes: calls, ..Totals::default() };
        let mut track = Track::default();
        for second in 0..1000 {
            let now = start + Duration::from_secs(second);
            track.look((now, totals(second * 3)), &[1.0], second % 10 == 9);
        }
        assert_eq!((track.fine.len(), track.coarse.len()), (FINE, COARSE));
        assert!(track.fine.iter().all(|point| point.calls == 3 && point.successes == 3));
        assert!(track.coarse.iter().all(|point| point.calls == 30 && point.long == Duration::from_secs(10)));
        assert_eq!(track.fine.back().and_then(|point| point.quantiles[0]), Some(0.5));
    }
}
