//! `[tracing]`, and what the `OTEL_*` variables say in its place.

use std::path::Path;

use super::{at_least_one, or, otlp, wait};
use crate::config::Tracing;
use crate::config::error::Mistake;
use crate::config::otel::Otel;
use crate::config::raw;

pub(super) fn resolve(raw: raw::Tracing, base: &Path, otel: &mut Otel) -> Result<Tracing, Mistake> {
    let default = Tracing::default();
    // A ratio in the file replaces the whole sampler: the file's honours a parent's flag.
    let (sample_ratio, parent_based) = match raw.sample_ratio {
        Some(ratio) => (ratio.into_inner().0.0, default.parent_based),
        None => otel.sampler.unwrap_or((default.sample_ratio, default.parent_based)),
    };
    Ok(Tracing {
        enabled: raw.enabled.unwrap_or(default.enabled),
        sample_ratio,
        parent_based,
        slow_threshold: wait(raw.slow_threshold, default.slow_threshold),
        inject_meta: or(raw.inject_meta, default.inject_meta),
        read_b3: raw.read_b3.unwrap_or(default.read_b3),
        queue: at_least_one(raw.queue.as_ref(), "span", default.queue)?,
        otlp: otlp::resolve(raw.otlp, base, otel)?,
        resource: otel.resource(default.resource),
    })
}
