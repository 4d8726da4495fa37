//! What the destinations lose, and how full their queues are: the numbers of `mcp_proxy_dropped_total`,
//! `mcp_proxy_telemetry_export_failures_total` and `mcp_queue_depth` (`telemetry.md` §1, rule 2; §3).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::observe::{DropReason, DroppedWhat};

/// Who hands telemetry on: the label `exporter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the label's own values, telemetry.md §3")]
pub enum Exporter {
    OtlpTraces,
    OtlpMetrics,
    OtlpLogs,
    LogFile,
}

/// What waits: the label `queue_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the label's own values, telemetry.md §3")]
pub enum QueueName {
    Spans,
    Logs,
}

/// Counts since the start; written by the destinations, read by the page.
#[derive(Debug, Default)]
pub struct Losses {
    dropped: [[AtomicU64; DropReason::ALL.len()]; DroppedWhat::ALL.len()],
    failures: [AtomicU64; Exporter::ALL.len()],
    depths: [AtomicUsize; QueueName::ALL.len()],
}

impl Exporter {
    /// Every value, in the order of the variants.
    pub const ALL: [Self; 4] = [Self::OtlpTraces, Self::OtlpMetrics, Self::OtlpLogs, Self::LogFile];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OtlpTraces => "otlp_traces",
            Self::OtlpMetrics => "otlp_metrics",
            Self::OtlpLogs => "otlp_logs",
            Self::LogFile => "log_file",
        }
    }
}

impl QueueName {
    /// Every value, in the order of the variants.
    pub const ALL: [Self; 2] = [Self::Spans, Self::Logs];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
        }
    }
}

impl Losses {
    /// So many of something were given up.
    pub fn lose(&self, what: DroppedWhat, reason: DropReason, many: u64) {
        self.dropped[what as usize][reason as usize].fetch_add(many, Ordering::Relaxed);
    }

    /// How many of something were given up so far.
    pub fn dropped(&self, what: DroppedWhat, reason: DropReason) -> u64 {
        self.dropped[what as usize][reason as usize].load(Ordering::Relaxed)
    }

    /// One export (a batch, a write) failed; what it held may be tried again.
    pub fn fail(&self, exporter: Exporter) {
        self.failures[exporter as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many exports failed so far.
    pub fn failures(&self, exporter: Exporter) -> u64 {
        self.failures[exporter as usize].load(Ordering::Relaxed)
    }

    /// So many wait now.
    pub fn set_depth(&self, queue: QueueName, waiting: usize) {
        self.depths[queue as usize].store(waiting, Ordering::Relaxed);
    }

    /// How many wait.
    pub fn depth(&self, queue: QueueName) -> usize {
        self.depths[queue as usize].load(Ordering::Relaxed)
    }
}
