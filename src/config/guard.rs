//! What stands before one server, resolved: how many at once, when it is left alone, how fast. `None` in
//! [`Server`](super::Server) = off.

use std::time::Duration;

use serde::Serialize;

use super::shown;

/// `server.bulkhead`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bulkhead {
    /// Exchanges under way at once; at least one.
    pub max: usize,
    /// Exchanges that may wait for one of them to end.
    pub queue: usize,
    /// How long each of those waits.
    #[serde(serialize_with = "shown::duration")]
    pub wait: Duration,
}

/// `server.circuit_breaker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CircuitBreaker {
    /// Failures that open it; at least one.
    pub failures: usize,
    /// Within which time.
    #[serde(serialize_with = "shown::duration")]
    pub window: Duration,
    /// How long nobody is let through.
    #[serde(serialize_with = "shown::duration")]
    pub open_for: Duration,
}

/// `server.rate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Requests a second; positive.
    pub per_second: f64,
    /// Requests at once after a pause; at least one.
    pub burst: u32,
    /// Whose requests are counted together.
    pub key: RateKey,
}

/// `server.rate.key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RateKey {
    /// Those with the same credentials; without any, those from the same address.
    #[default]
    Client,
    /// Those from the same address.
    Address,
    /// All.
    Server,
}

impl Bulkhead {
    /// So many at once, and nobody waits.
    pub fn new(max: usize) -> Self {
        Self { max, queue: 0, wait: Duration::from_secs(1) }
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self { failures: 5, window: Duration::from_secs(30), open_for: Duration::from_secs(30) }
    }
}
