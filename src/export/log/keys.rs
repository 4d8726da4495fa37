//! What a line of a call is told to, key by key: a [`Line`], or JSON as it will be written.
//!
//! # Why
//! Every call has such a line. Told straight to JSON it costs no list of keys and no text of its own for each value;
//! told by one piece of code, both always say the same.

use std::time::{Duration, SystemTime};

use super::format::{self, milliseconds};
use super::time::Second;
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::mcp::trace::{SpanId, TraceId};

/// What every line begins with.
pub(super) struct Opening<'a> {
    pub(super) at: SystemTime,
    pub(super) level: LogLevel,
    pub(super) event: &'static str,
    pub(super) message: &'a str,
}

/// Takes the keys of a line in their order.
pub(super) trait Keys {
    /// First of all.
    fn open(&mut self, opening: &Opening<'_>);
    /// What may need escaping.
    fn text(&mut self, key: &'static str, text: &str);
    /// A word of our own.
    fn word(&mut self, key: &'static str, word: &'static str);
    fn number(&mut self, key: &'static str, number: u64);
    /// Milliseconds, to the microsecond.
    fn time(&mut self, key: &'static str, time: Duration);
    /// Bytes as hexadecimal digits.
    fn id(&mut self, key: &'static str, id: &[u8]);
    /// The keys `trace_id` and `span_id`.
    fn trace(&mut self, trace: TraceId, span: SpanId);
}

impl Keys for Line {
    fn open(&mut self, opening: &Opening<'_>) {
        self.at = opening.at;
        self.level = opening.level;
        self.event = opening.event.into();
        opening.message.clone_into(&mut self.message);
    }

    fn text(&mut self, key: &'static str, text: &str) {
        self.fields.push((key, text.to_owned().into()));
    }

    fn word(&mut self, key: &'static str, word: &'static str) {
        self.fields.push((key, word.into()));
    }

    fn number(&mut self, key: &'static str, number: u64) {
        self.fields.push((key, Value::Integer(number)));
    }

    fn time(&mut self, key: &'static str, time: Duration) {
        self.fields.push((key, Value::Float(milliseconds(time))));
    }

    fn id(&mut self, key: &'static str, id: &[u8]) {
        let mut text = Vec::with_capacity(2 * id.len());
        format::hexadecimal(id, &mut text);
        self.fields.push((key, String::from_utf8(text).unwrap_or_default().into()));
    }

    fn trace(&mut self, trace: TraceId, span: SpanId) {
        self.trace = Some((trace, span));
    }
}

/// A line as JSON, without its end.
pub(super) struct Json<'a> {
    pub(super) service: &'a str,
    pub(super) second: &'a mut Second,
    pub(super) out: &'a mut Vec<u8>,
}

impl Keys for Json<'_> {
    fn open(&mut self, opening: &Opening<'_>) {
        self.out.extend_from_slice(b"{\"timestamp\":\"");
        self.second.timestamp(opening.at, self.out);
        self.out.push(b'"');
        self.word("level", format::level(opening.level));
        self.word("event", opening.event);
        self.text("message", opening.message);
        self.text("service", self.service);
    }

    fn text(&mut self, key: &'static str, text: &str) {
        format::member(key, self.out);
        format::string(text, self.out);
    }

    fn word(&mut self, key: &'static str, word: &'static str) {
        format::member(key, self.out);
        self.out.push(b'"');
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    fn number(&mut self, key: &'static str, number: u64) {
        format::member(key, self.out);
        format::decimal(number, self.out);
    }

    fn time(&mut self, key: &'static str, time: Duration) {
        format::member(key, self.out);
        format::thousandths(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), self.out);
    }

    fn id(&mut self, key: &'static str, id: &[u8]) {
        format::member(key, self.out);
        self.out.push(b'"');
        format::hexadecimal(id, self.out);
        self.out.push(b'"');
    }

    fn trace(&mut self, trace: TraceId, span: SpanId) {
        self.id("trace_id", &trace.0);
        self.id("span_id", &span.0);
    }
}
