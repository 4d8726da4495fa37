//! What the other destinations lose, read off when the page is asked for.

use super::{Prometheus, as_f64, series};
use crate::config::Config;
use crate::export::{Exporter, QueueName};
use crate::observe::{DropReason, DroppedWhat};

/// Losses that stand on the page from the start: an increase from nothing is none to whoever asks for increases.
const POSSIBLE: [(DroppedWhat, DropReason); 7] = [
    (DroppedWhat::Event, DropReason::QueueFull),
    (DroppedWhat::Span, DropReason::QueueFull),
    (DroppedWhat::Span, DropReason::ExporterFailed),
    (DroppedWhat::Log, DropReason::QueueFull),
    (DroppedWhat::Log, DropReason::ExporterFailed),
    (DroppedWhat::Log, DropReason::DiskFull),
    (DroppedWhat::Recent, DropReason::QueueFull),
];

/// Who hands telemetry on under `config`.
pub(super) fn configured(config: &Config) -> Vec<Exporter> {
    let otlp = config.tracing.otlp.as_ref();
    let traces = otlp.is_some_and(|otlp| otlp.traces.is_some()) && config.tracing.enabled;
    let all = [
        (Exporter::OtlpTraces, traces),
        (Exporter::OtlpMetrics, otlp.is_some_and(|otlp| otlp.metrics.is_some())),
        (Exporter::OtlpLogs, otlp.is_some_and(|otlp| otlp.logs.is_some())),
        (Exporter::LogFile, config.logs.file.is_some()),
    ];
    all.into_iter().filter(|(_, is_on)| *is_on).map(|(exporter, _)| exporter).collect()
}

impl Prometheus {
    pub(super) fn tell_losses(&self) {
        for what in DroppedWhat::ALL {
            for reason in DropReason::ALL {
                let many = self.losses.dropped(*what, *reason);
                if many > 0 || POSSIBLE.contains(&(*what, *reason)) {
                    let labels = [("what", what.as_str()), ("reason", reason.as_str())];
                    series::counter(&self.recorder, "mcp_proxy_dropped_total", &labels).absolute(many);
                }
            }
        }
        for exporter in Exporter::ALL {
            let many = self.losses.failures(exporter);
            if many > 0 || self.exporters.contains(&exporter) {
                let (name, labels) =
                    ("mcp_proxy_telemetry_export_failures_total", [("exporter", exporter.as_str())]);
                series::counter(&self.recorder, name, &labels).absolute(many);
            }
        }
        for queue in QueueName::ALL {
            let waiting = self.losses.depth(queue);
            self.set("mcp_queue_depth", &[("queue_name", queue.as_str())], as_f64(waiting as u64));
        }
    }
}
