//! `[metrics]`: buckets.

use toml::Spanned;

use crate::config::Metrics;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Plain};

/// Each bucket is a series for every label set of its histogram.
const MOST_BUCKETS: usize = 64;

pub(super) fn resolve(raw: raw::Metrics) -> Result<Metrics, Mistake> {
    let default = Metrics::default();
    Ok(Metrics {
        enabled: raw.enabled.unwrap_or(default.enabled),
        semconv: raw.semconv.unwrap_or(default.semconv),
        latency_buckets: buckets(raw.latency_buckets, default.latency_buckets)?,
        size_buckets: buckets(raw.size_buckets, default.size_buckets)?,
        session_buckets: buckets(raw.session_buckets, default.session_buckets)?,
    })
}

fn buckets(raw: Plain<Vec<Spanned<f64>>>, default: Vec<f64>) -> Result<Vec<f64>, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let span = raw.span();
    let bounds = raw.into_inner();
    if bounds.is_empty() || bounds.len() > MOST_BUCKETS {
        let message = format!("expected 1 to {MOST_BUCKETS} upper bounds");
        return Err(Fault::new(message, "every bound is a series for each label set").at(span));
    }
    let mut previous = 0.0;
    for bound in &bounds {
        let value = *bound.get_ref();
        if !value.is_finite() || value <= previous {
            let message = format!("expected a number greater than {previous}, the bound before it");
            let hint = "upper bounds ascend from above 0; the last one, +Inf, comes by itself";
            return Err(Fault::new(message, hint).at(bound.span()));
        }
        previous = value;
    }
    Ok(bounds.into_iter().map(Spanned::into_inner).collect())
}
