//! Events → destinations, one file each. Nothing here may slow the path: metrics are atomics, the rest is bounded.

mod openmetrics;
mod prometheus;

pub use self::openmetrics::to_openmetrics;
pub use self::prometheus::Prometheus;
