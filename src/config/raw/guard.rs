//! What stands before one server, as it is written: `server.bulkhead`, `server.circuit_breaker`, `server.rate`. All that
//! is missing is judged with the rest of the rules, for a better message.

use serde::Deserialize;

use super::Optional;
use super::duration::Wait;
use super::number::{Count, Finite};
use crate::config::RateKey;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { max = 100, queue = 50, wait = \"1s\" }")]
pub(in crate::config) struct Bulkhead {
    pub(in crate::config) max: Optional<Count>,
    pub(in crate::config) queue: Optional<Count>,
    pub(in crate::config) wait: Optional<Wait>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { failures = 5, window = \"30s\", open_for = \"30s\" }"
)]
pub(in crate::config) struct CircuitBreaker {
    pub(in crate::config) failures: Optional<Count>,
    pub(in crate::config) window: Optional<Wait>,
    pub(in crate::config) open_for: Optional<Wait>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { per_second = 100, burst = 200, key = \"client\" }"
)]
pub(in crate::config) struct Rate {
    pub(in crate::config) per_second: Optional<Finite>,
    pub(in crate::config) burst: Optional<Count>,
    pub(in crate::config) key: Optional<RateKey>,
}
