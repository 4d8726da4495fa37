//! `[metrics]`, and what upper bounds of a histogram must be.

use toml::Spanned;

use crate::config::Metrics;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Plain};

/// Which upper bounds a histogram may have.
pub(super) struct Bounds {
    /// How many: each bucket is a series for every label set.
    pub(super) most: usize,
    /// What the first one must be greater than.
    pub(super) above: f64,
}

/// Of durations and sizes, which are not negative.
const MEASURED: Bounds = Bounds { most: 64, above: 0.0 };

pub(super) fn resolve(raw: raw::Metrics) -> Result<Metrics, Mistake> {
    let default = Metrics::default();
    Ok(Metrics {
        enabled: raw.enabled.unwrap_or(default.enabled),
        semconv: raw.semconv.unwrap_or(default.semconv),
        latency_buckets: upper_bounds(raw.latency_buckets, default.latency_buckets, &MEASURED)?,
        size_buckets: upper_bounds(raw.size_buckets, default.size_buckets, &MEASURED)?,
        session_buckets: upper_bounds(raw.session_buckets, default.session_buckets, &MEASURED)?,
    })
}

/// The upper bounds that are written, else `default`.
pub(super) fn upper_bounds(
    raw: Plain<Vec<Spanned<f64>>>,
    default: Vec<f64>,
    bounds: &Bounds,
) -> Result<Vec<f64>, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let Bounds { most, above } = *bounds;
    let span = raw.span();
    let written = raw.into_inner();
    if written.is_empty() || written.len() > most {
        let message = format!("expected 1 to {most} upper bounds");
        return Err(Fault::new(message, "every bound is a series for each label set").at(span));
    }
    let mut previous = above;
    for bound in &written {
        let value = *bound.get_ref();
        if !value.is_finite() || value <= previous {
            return Err(no_bound(previous, above).at(bound.span()));
        }
        previous = value;
    }
    Ok(written.into_iter().map(Spanned::into_inner).collect())
}

fn no_bound(previous: f64, above: f64) -> Fault {
    let expected = if previous.is_finite() {
        format!("expected a number greater than {previous}, the bound before it")
    } else {
        "expected a number".to_owned()
    };
    let from = if above.is_finite() { format!(" from above {above}") } else { String::new() };
    Fault::new(expected, format!("upper bounds ascend{from}; the last one, +Inf, comes by itself"))
}
