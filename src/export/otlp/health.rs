//! Whether a collector takes what it is sent: counted every time, said when it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::export::{Exporter, Losses};

/// How one signal's exports go.
pub(super) struct Health {
    exporter: Exporter,
    losses: Arc<Losses>,
    is_failing: AtomicBool,
}

impl Health {
    pub(super) fn new(exporter: Exporter, losses: Arc<Losses>) -> Self {
        Self { exporter, losses, is_failing: AtomicBool::new(false) }
    }

    /// An export failed.
    pub(super) fn failed(&self, reason: &str) {
        self.losses.fail(self.exporter);
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                event = "export_failing",
                exporter = self.exporter.as_str(),
                error = reason,
                "the collector does not take what it is sent"
            );
        }
    }

    /// An export succeeded.
    pub(super) fn succeeded(&self) {
        if self.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!(
                event = "export_recovered",
                exporter = self.exporter.as_str(),
                "the collector takes what it is sent again"
            );
        }
    }
}
