//! The newest exported trace of each bucket of the duration histograms (`telemetry.md` §3).

use crate::observe::{Call, Ending};

/// Traces to point at, by series and bucket.
#[derive(Debug, Default)]
pub struct Exemplars {}

impl Exemplars {
    /// The spans of a call were exported: its histograms may point at them.
    pub fn exported(&self, _call: &Call, _ending: &Ending) {}
}
