//! Rules between what servers promise and what is measured.

use std::ops::Range;

use crate::config::Config;
use crate::config::error::{Fault, Mistake};

/// Whether a histogram counts the calls that stay within each server's `slo.latency`. `span` is where a server's stands.
pub(super) fn check(config: &Config, span: impl Fn(usize) -> Option<Range<usize>>) -> Result<(), Mistake> {
    let buckets = &config.metrics.latency_buckets;
    for (index, server) in config.servers.iter().enumerate() {
        let Some(slo) = &server.slo else { continue };
        let latency = slo.latency.as_secs_f64();
        let is_bound = |bound: &f64| (bound - latency).abs() < 1e-9;
        if buckets.iter().any(is_bound) {
            continue;
        }
        let message = format!("no histogram has a bound at {latency} s, where `slo.latency` is");
        let near = |left: &&f64, right: &&f64| (**left - latency).abs().total_cmp(&(**right - latency).abs());
        let nearest = buckets.iter().min_by(near).copied().unwrap_or_default();
        let hint = format!("write \"{nearest}s\", or add {latency} to metrics.latency_buckets");
        return Err(Mistake { span: span(index), fault: Fault::new(message, hint) });
    }
    Ok(())
}
