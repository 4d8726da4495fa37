//! Events → destinations, one file each. Nothing here may slow the path: metrics are atomics, the rest is bounded.

mod exemplars;
mod line;
mod log;
mod losses;
mod openmetrics;
mod otlp;
mod prometheus;
mod queue;
mod recent;
mod servers;

use std::sync::Arc;

pub use self::exemplars::Exemplars;
pub use self::line::{Line, Value};
pub use self::log::{Console, LineSink, Log, json, pretty};
pub use self::losses::{Exporter, Losses, QueueName};
pub use self::openmetrics::to_openmetrics;
pub use self::otlp::{Otlp, OtlpError, Started};
pub use self::prometheus::{Every, Heat, Point, Prometheus, quantile};
pub use self::recent::{Kept, Recent};

use crate::config::Config;
use crate::observe::{Event, Export};

/// Several destinations, told one after the other.
#[derive(Default)]
pub struct All(pub Vec<Arc<dyn Export>>);

impl Export for All {
    fn event(&self, event: &Event<'_>) {
        for export in &self.0 {
            export.event(event);
        }
    }

    fn reload(&self, config: &Config) {
        for export in &self.0 {
            export.reload(config);
        }
    }
}
