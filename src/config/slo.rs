//! What a server promises: `server.slo`. Nothing in the path looks at it; `sightglass assets` writes rules and alerts for it.

use std::time::Duration;

use serde::Serialize;

use super::shown;

/// `server.slo`: service level objectives.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slo {
    /// The share of requests that do not fail; more than 0, less than 1.
    pub availability: f64,
    /// How long a tool may take; a bound of `metrics.latency_buckets`.
    #[serde(serialize_with = "shown::duration")]
    pub latency: Duration,
    /// The share of calls that take no longer; more than 0, less than 1.
    pub latency_target: f64,
}

impl Default for Slo {
    fn default() -> Self {
        Self { availability: 0.999, latency: Duration::from_millis(2500), latency_target: 0.99 }
    }
}
