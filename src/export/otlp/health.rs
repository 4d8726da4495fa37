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

    /// The process stops, and so much could not be sent: nobody will read the counter any more.
    pub(super) fn gave_up(&self, lost: u64) {
        tracing::warn!(
            event = "export_incomplete",
            exporter = self.exporter.as_str(),
            lost,
            "the collector did not take all before the process stopped"
        );
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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failure_is_said_once_and_counted_every_time() {
        let written = Written::default();
        let out = written.clone();
        let lines =
            tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || out.clone());
        let losses = Arc::new(Losses::default());
        let health = Health::new(Exporter::OtlpTraces, Arc::clone(&losses));
        tracing::subscriber::with_default(lines.with_target(false).finish(), || {
            for _ in 0..3 {
                health.failed("no");
            }
            health.succeeded();
            health.succeeded();
        });
        assert_eq!(losses.failures(Exporter::OtlpTraces), 3);
        let said = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(said, @r#"
         WARN the collector does not take what it is sent event="export_failing" exporter="otlp_traces" error="no"
         INFO the collector takes what it is sent again event="export_recovered" exporter="otlp_traces"
        "#);
    }
}
