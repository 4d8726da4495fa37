//! One log line, before anybody decided how it looks (`telemetry.md` §5).

use std::time::SystemTime;

use crate::config::LogLevel;
use crate::mcp::trace::{SpanId, TraceId};

/// A line: the keys that every line has, and those of its event in their order.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// When it happened.
    pub(super) at: SystemTime,
    pub(super) level: LogLevel,
    /// The key `event`.
    pub(super) event: &'static str,
    /// The key `message`: one sentence for people.
    pub(super) message: String,
    /// The keys `trace_id` and `span_id`.
    pub(super) trace: Option<(TraceId, SpanId)>,
    /// The other keys, redacted.
    pub(super) fields: Vec<(&'static str, Value)>,
}

/// A value of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Integer(u64),
    Float(f64),
}
