//! Counters and gauges of what is no whole number: money, and custom metrics (`telemetry.md` §6).
//!
//! # Why
//! The recorder's counters hold whole numbers. Money is counted in billionths, so that many small prices add up exactly;
//! what the configuration asks for is as payloads have it, a float.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::series::labels_text;

/// A handle of one series; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Sum(Arc<AtomicU64>);

impl Sum {
    /// So many billionths more; of a family of billionths alone.
    pub(super) fn add_nano(&self, nano: u64) {
        self.0.fetch_add(nano, Ordering::Relaxed);
    }

    /// So much more; of a family of floats alone, as is the next.
    pub(super) fn add(&self, value: f64) {
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // It never refuses.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }
}

/// What the numbers of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Billionths.
    Nano,
    Float,
}

/// The series of one metric.
pub(super) struct Sums {
    name: String,
    kind: &'static str,
    help: String,
    unit: Unit,
    /// By their labels as the page writes them, in its order.
    series: Mutex<BTreeMap<String, Sum>>,
}

impl Sums {
    /// None yet; `kind` is the type as the page writes it.
    pub(super) fn new(name: &str, kind: &'static str, help: &str, unit: Unit) -> Self {
        Self { name: name.to_owned(), kind, help: help.to_owned(), unit, series: Mutex::default() }
    }

    /// The handle of a series; the same for the same labels.
    pub(super) fn handle<'a>(&self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sum {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.entry(labels_text(labels)).or_default().clone()
    }

    /// As the page writes it; `None` while there is no series.
    pub(super) fn page(&self) -> Option<(String, String)> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if series.is_empty() {
            return None;
        }
        let name = &self.name;
        let mut out = format!("# HELP {name} {}\n# TYPE {name} {}\n", self.help, self.kind);
        for (labels, sum) in series {
            let number = sum.0.load(Ordering::Relaxed);
            // Writing to a String cannot fail.
            let _ = match self.unit {
                Unit::Nano => writeln!(out, "{name}{{{labels}}} {}", decimal(number)),
                Unit::Float => writeln!(out, "{name}{{{labels}}} {}", f64::from_bits(number)),
            };
        }
        Some((name.clone(), out))
    }
}

const NANO: u64 = 1_000_000_000;

/// Billionths as a decimal number, without zeros at its end.
fn decimal(nano: u64) -> String {
    let text = format!("{}.{:09}", nano / NANO, nano % NANO);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn billionths_are_written_as_people_write_money() {
        for (nano, text) in
            [(0, "0"), (5_000_000, "0.005"), (1, "0.000000001"), (12 * NANO, "12"), (NANO + NANO / 2, "1.5")]
        {
            assert_eq!(decimal(nano), text);
        }
    }

    #[test]
    fn a_family_has_a_line_for_each_series_in_order() {
        let sums = Sums::new("a_total", "counter", "A.", Unit::Float);
        assert_eq!(sums.page(), None);
        sums.handle([("b", "2")]).add(1.5);
        sums.handle([("b", "1\"")]).add(1.0);
        sums.handle([("b", "2")]).add(1.0);
        insta::assert_snapshot!(sums.page().unwrap().1, @r#"
        # HELP a_total A.
        # TYPE a_total counter
        a_total{b="1\""} 1
        a_total{b="2"} 2.5
        "#);
    }
}
