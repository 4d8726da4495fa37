//! One log line, before anybody decided how it looks (`telemetry.md` §5).

use std::borrow::Cow;
use std::time::SystemTime;

use crate::config::LogLevel;
use crate::mcp::trace::{SpanId, TraceId};

/// A line: the keys that every line has, and those of its event in their order.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it happened.
    pub at: SystemTime,
    /// How severe it is.
    pub level: LogLevel,
    /// The key `event`.
    pub event: Cow<'static, str>,
    /// The key `message`: one sentence for people.
    pub message: String,
    /// The keys `trace_id` and `span_id`.
    pub trace: Option<(TraceId, SpanId)>,
    /// The other keys, redacted.
    pub fields: Vec<(&'static str, Value)>,
}

/// A value of a line.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Value {
    Text(Cow<'static, str>),
    Integer(u64),
    Float(f64),
    Flag(bool),
    List(Vec<String>),
}

impl Line {
    /// The key `event` of what libraries say of themselves. Such a line is written, but not exported: the exporter's
    /// own libraries would export what they say of exporting, for ever.
    pub const LIBRARY: &'static str = "library";

    /// A line of now that belongs to no trace.
    pub fn new(level: LogLevel, event: &'static str, message: impl Into<String>) -> Self {
        Self {
            at: SystemTime::now(),
            level,
            event: Cow::Borrowed(event),
            message: message.into(),
            trace: None,
            fields: Vec::new(),
        }
    }

    /// The value of a key, if it is text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            Value::Integer(_) | Value::Float(_) | Value::Flag(_) | Value::List(_) => None,
        }
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.fields.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Adds a key whose value is known.
    pub(super) fn add(&mut self, key: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.fields.push((key, value.into()));
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}
