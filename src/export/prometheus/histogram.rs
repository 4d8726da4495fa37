//! Histograms: fixed buckets, counted where the value is measured, written to the page as they stand.
//!
//! # Why
//! The recorder's own keep every value until somebody folds them into buckets, and writing 10,000 series takes it half
//! a second. Here a value is two additions, a page is a walk over numbers, and there is nothing to fold.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::as_f64;
use super::catalogue::{CATALOGUE, Kind, bounds};
use super::series::{Pair, labels_text};
use crate::config;

/// A handle of one series; cheap to clone.
#[derive(Clone)]
pub(super) struct Histogram(Arc<Cells>);

struct Cells {
    /// Upper bounds, ascending.
    bounds: Arc<[f64]>,
    /// How many values were in each bucket; the last is that of all others.
    counts: Box<[AtomicU64]>,
    /// The bits of a float.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &Arc<[f64]>) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Cells { bounds: Arc::clone(bounds), counts, sum: AtomicU64::new(0) }))
    }

    /// One more value.
    pub(super) fn record(&self, value: f64) {
        let cells = &*self.0;
        if let Some(count) = cells.counts.get(cells.bounds.partition_point(|bound| *bound < value)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // It never refuses.
        let _ = cells.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Histogram {
    fn sum(&self) -> f64 {
        f64::from_bits(self.0.sum.load(Ordering::Relaxed))
    }
}

/// All histograms of a page.
pub(super) struct Histograms {
    families: HashMap<&'static str, Family>,
}

/// The series of one histogram.
pub(super) struct Family {
    help: String,
    bounds: Arc<[f64]>,
    /// The bounds as the page writes them, the last one included, and what stands before the count.
    shown: Vec<String>,
    /// By their labels as the page writes them, up to the value of `le`; in the page's order.
    series: Mutex<BTreeMap<Arc<str>, Histogram>>,
}

/// What ends the labels of a bucket before its bound.
const BOUND: &str = ",le=\"";

impl Histograms {
    /// None yet.
    pub(super) fn new(settings: &config::Metrics) -> Self {
        let family = |(name, kind, help): &(&'static str, Kind, &'static str)| {
            let Kind::Histogram(buckets) = kind else { return None };
            Some((*name, Family::new((*help).to_owned(), bounds(*buckets, settings))))
        };
        Self { families: CATALOGUE.iter().filter_map(family).collect() }
    }

    /// The handle of a series; the same for the same labels.
    pub(super) fn handle(&self, name: &'static str, labels: &[Pair<'_>]) -> Histogram {
        let Some(family) = self.families.get(name) else {
            // The catalogue lacks it: it is counted, and stands on no page.
            return Histogram::new(&Arc::default());
        };
        family.handle(labels.iter().copied())
    }

    /// Each family that has series, as the page writes it. Whoever makes a series waits for a copy of its family's list
    /// alone.
    pub(super) fn page(&self) -> Vec<(String, String)> {
        let families = self.families.iter();
        families.filter_map(|(name, family)| Some(((*name).to_owned(), family.page(name)?))).collect()
    }

    /// The sums of a histogram's series, as a counter of this name and help has them.
    pub(super) fn sums(&self, of: &str, name: &str, help: &str) -> Option<(String, String)> {
        let series = self.families.get(of)?.series.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = format!("# HELP {name} {help}\n# TYPE {name} counter\n");
        for (labels, histogram) in &*series {
            let labels = labels.strip_suffix(BOUND).unwrap_or(labels);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name}{{{labels}}} {}", histogram.sum());
        }
        (!series.is_empty()).then(|| (name.to_owned(), out))
    }
}

impl Histograms {
    /// The upper bounds of a histogram.
    pub(super) fn bounds(&self, name: &str) -> Arc<[f64]> {
        self.families.get(name).map(|family| Arc::clone(&family.bounds)).unwrap_or_default()
    }

    /// How many values were in each bucket of each series, by its labels as the page writes them.
    pub(super) fn counts(&self, name: &str) -> Vec<(Arc<str>, Vec<u64>)> {
        let Some(family) = self.families.get(name) else { return Vec::new() };
        let series = family.series.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |histogram: &Histogram| {
            histogram.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect()
        };
        series.iter().map(|(labels, histogram)| (Arc::clone(labels), counts(histogram))).collect()
    }
}

/// The value below which a share of the values lies, as Prometheus estimates it: evenly spread within its bucket. `None`
/// where there are no values; the highest bound where it is beyond that.
pub fn quantile(share: f64, bounds: &[f64], counts: &[u64]) -> Option<f64> {
    let all: u64 = counts.iter().sum();
    let rank = share * as_f64(all);
    let mut below = 0;
    for (place, count) in counts.iter().enumerate() {
        if *count > 0 && as_f64(below + count) >= rank {
            let lower = place.checked_sub(1).and_then(|place| bounds.get(place)).copied().unwrap_or(0.0);
            let Some(upper) = bounds.get(place) else { return bounds.last().copied() };
            return Some(lower + (upper - lower) * (rank - as_f64(below)).max(0.0) / as_f64(*count));
        }
        below += count;
    }
    None
}

impl Family {
    /// None yet; `bounds` ascend.
    pub(super) fn new(help: String, bounds: Vec<f64>) -> Self {
        let shown = bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        let shown = shown.map(|bound| bound + "\"} ").collect();
        Self { help, bounds: bounds.into(), shown, series: Mutex::default() }
    }

    /// The handle of a series; the same for the same labels.
    pub(super) fn handle<'a>(&self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Histogram {
        let text = labels_text(labels) + BOUND;
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.entry(text.into()).or_insert_with(|| Histogram::new(&self.bounds)).clone()
    }

    /// As the page writes it; `None` while there is no series.
    pub(super) fn page(&self, name: &str) -> Option<String> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let series: Vec<(Arc<str>, Histogram)> =
            series.iter().map(|(labels, histogram)| (Arc::clone(labels), histogram.clone())).collect();
        let line = name.len() + 32 + series.first()?.0.len();
        let mut out = String::with_capacity(series.len() * (self.shown.len() + 2) * line);
        let _ = write!(out, "# HELP {name} {}\n# TYPE {name} histogram\n", self.help);
        let bucket = format!("{name}_bucket{{");
        for (labels, histogram) in &series {
            self.write(name, &bucket, labels, histogram, &mut out);
        }
        Some(out)
    }

    /// `bucket` is the beginning of a bucket's line. Nearly all of a page is such lines, so they do without the
    /// formatting machinery.
    fn write(&self, name: &str, bucket: &str, labels: &str, histogram: &Histogram, out: &mut String) {
        let mut digits = itoa::Buffer::new();
        let mut count = 0;
        for (cell, bound) in histogram.0.counts.iter().zip(&self.shown) {
            count += cell.load(Ordering::Relaxed);
            for part in [bucket, labels, bound, digits.format(count), "\n"] {
                out.push_str(part);
            }
        }
        let labels = labels.strip_suffix(BOUND).unwrap_or(labels);
        let sum = histogram.sum();
        let _ = write!(out, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {count}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_quantile_is_where_prometheus_says() {
        let bounds = [1.0, 2.0, 4.0];
        let of = |share, counts: &[u64]| quantile(share, &bounds, counts);
        assert_eq!(of(0.5, &[0, 0, 0, 0]), None);
        assert_eq!(of(0.5, &[10, 0, 0, 0]), Some(0.5));
        assert_eq!(of(0.5, &[0, 0, 10, 0]), Some(3.0));
        assert_eq!(of(0.99, &[50, 49, 1, 0]), Some(2.0));
        assert_eq!(of(0.9, &[0, 0, 0, 7]), Some(4.0));
        assert_eq!(of(1.0, &[1, 1, 1, 0]), Some(4.0));
    }

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_is_not_below_it() {
        let config = Config::from_upstreams(&["http://127.0.0.1:1/mcp".to_owned()]).unwrap();
        let histograms = Histograms::new(&config.metrics);
        let calls = |server| {
            histograms.handle("mcp_session_tool_calls", &[("server", server), ("user_tier", "none")])
        };
        for value in [0.0, 1.0, 2.0, 2.5, 1000.0] {
            calls("b").record(value);
        }
        calls("a\"").record(1.0);
        let pages = histograms.page();
        let [(name, page)] = &*pages else { panic!("one family has series") };
        assert_eq!(name, "mcp_session_tool_calls");
        let lines: Vec<&str> = page.lines().skip(2).collect();
        assert_eq!(lines.len(), 2 * 11);
        assert_eq!(lines[0], r#"mcp_session_tool_calls_bucket{server="a\"",user_tier="none",le="1"} 1"#);
        let counts: Vec<&str> =
            lines[11..20].iter().filter_map(|line| Some(line.rsplit_once(' ')?.1)).collect();
        assert_eq!(counts, ["2", "3", "4", "4", "4", "4", "4", "4", "5"]);
        assert_eq!(lines[20], r#"mcp_session_tool_calls_sum{server="b",user_tier="none"} 1005.5"#);
        assert_eq!(lines[21], r#"mcp_session_tool_calls_count{server="b",user_tier="none"} 5"#);
    }
}
