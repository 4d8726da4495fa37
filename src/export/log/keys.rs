//! What a line of a call is told to, key by key: a [`Line`], or JSON as it will be written.
//!
//! # Why
//! Every call has such a line. Told straight to JSON it costs no list of keys and no text of its own for each value;
//! told by one piece of code, both always say the same. What stands before a value is one constant, which the compiler
//! copies in place.

use std::time::{Duration, SystemTime};

use super::format::{self, milliseconds};
use super::time::Second;
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::mcp::trace::{SpanId, TraceId};

/// A key, made by [`key`].
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What JSON has before a value that is no text.
    pub(super) member: &'static str,
    /// What it has before a text.
    pub(super) quoted: &'static str,
}

/// The [`Key`] of this name.
macro_rules! key {
    ($name:literal) => {
        $crate::export::log::keys::Key {
            name: $name,
            member: concat!(",\"", $name, "\":"),
            quoted: concat!(",\"", $name, "\":\""),
        }
    };
}

pub(super) use key;

/// What every line begins with.
pub(super) struct Opening<'a> {
    pub(super) at: SystemTime,
    pub(super) level: LogLevel,
    pub(super) event: &'static str,
    pub(super) message: Sentence<'a>,
}

/// The key `message` in its parts, so that nothing need put them together before they are written.
pub(super) struct Sentence<'a> {
    pub(super) before: &'static str,
    pub(super) target: &'a str,
    pub(super) after: &'static str,
    pub(super) end: End,
}

/// How a sentence ends.
pub(super) enum End {
    /// As it is.
    Here,
    /// With so many milliseconds.
    Took(Duration),
    /// With a reason.
    Why(String),
}

/// A part of a sentence.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    /// A word of our own.
    Ours(&'a str),
    /// What may need escaping.
    Theirs(&'a str),
}

impl Sentence<'_> {
    /// Tells its parts in their order.
    #[inline]
    pub(super) fn tell(&self, mut part: impl FnMut(Part<'_>)) {
        part(Part::Ours(self.before));
        part(Part::Theirs(self.target));
        part(Part::Ours(self.after));
        match &self.end {
            End::Here => {}
            End::Took(time) => format::tenths(*time, |text| part(Part::Ours(text))),
            End::Why(why) => part(Part::Theirs(why)),
        }
    }
}

/// Takes the keys of a line in their order.
pub(super) trait Keys {
    /// First of all.
    fn open(&mut self, opening: &Opening<'_>);
    /// What may need escaping.
    fn text(&mut self, key: Key, text: &str);
    /// A word of our own.
    fn word(&mut self, key: Key, word: &'static str);
    fn number(&mut self, key: Key, number: u64);
    /// Milliseconds, to the microsecond.
    fn time(&mut self, key: Key, time: Duration);
    /// Bytes as hexadecimal digits, in fours.
    fn id(&mut self, key: Key, id: &[u8]);
    /// The keys `trace_id` and `span_id`.
    fn trace(&mut self, trace: TraceId, span: SpanId);
}

impl Keys for Line {
    fn open(&mut self, opening: &Opening<'_>) {
        self.at = opening.at;
        self.level = opening.level;
        self.event = opening.event.into();
        self.message.clear();
        opening.message.tell(|part| match part {
            Part::Ours(text) | Part::Theirs(text) => self.message.push_str(text),
        });
    }

    fn text(&mut self, key: Key, text: &str) {
        self.fields.push((key.name, text.to_owned().into()));
    }

    fn word(&mut self, key: Key, word: &'static str) {
        self.fields.push((key.name, word.into()));
    }

    fn number(&mut self, key: Key, number: u64) {
        self.fields.push((key.name, Value::Integer(number)));
    }

    fn time(&mut self, key: Key, time: Duration) {
        self.fields.push((key.name, Value::Float(milliseconds(time))));
    }

    fn id(&mut self, key: Key, id: &[u8]) {
        let mut text = Vec::with_capacity(2 * id.len());
        format::hexadecimal(id, &mut text);
        self.fields.push((key.name, String::from_utf8(text).unwrap_or_default().into()));
    }

    fn trace(&mut self, trace: TraceId, span: SpanId) {
        self.trace = Some((trace, span));
    }
}

/// A line as JSON, without its end.
pub(super) struct Json<'a> {
    /// The key `service` and its value, as they stand in JSON.
    pub(super) service: &'a [u8],
    pub(super) second: &'a mut Second,
    pub(super) out: &'a mut Vec<u8>,
}

impl Keys for Json<'_> {
    #[inline]
    fn open(&mut self, opening: &Opening<'_>) {
        self.out.extend_from_slice(b"{\"timestamp\":\"");
        self.second.timestamp(opening.at, self.out);
        self.out.extend_from_slice(b"\",\"level\":\"");
        self.out.extend_from_slice(format::level(opening.level).as_bytes());
        self.out.extend_from_slice(b"\",\"event\":\"");
        self.out.extend_from_slice(opening.event.as_bytes());
        self.out.extend_from_slice(b"\",\"message\":\"");
        opening.message.tell(|part| match part {
            Part::Ours(text) => self.out.extend_from_slice(text.as_bytes()),
            Part::Theirs(text) => format::escaped(text, self.out),
        });
        self.out.push(b'"');
        self.out.extend_from_slice(self.service);
    }

    #[inline]
    fn text(&mut self, key: Key, text: &str) {
        self.out.extend_from_slice(key.quoted.as_bytes());
        format::escaped(text, self.out);
        self.out.push(b'"');
    }

    #[inline]
    fn word(&mut self, key: Key, word: &'static str) {
        self.out.extend_from_slice(key.quoted.as_bytes());
        self.out.extend_from_slice(word.as_bytes());
        self.out.push(b'"');
    }

    #[inline]
    fn number(&mut self, key: Key, number: u64) {
        self.out.extend_from_slice(key.member.as_bytes());
        format::decimal(number, self.out);
    }

    #[inline]
    fn time(&mut self, key: Key, time: Duration) {
        self.out.extend_from_slice(key.member.as_bytes());
        format::thousandths(format::microseconds(time), self.out);
    }

    #[inline]
    fn id(&mut self, key: Key, id: &[u8]) {
        self.out.extend_from_slice(key.quoted.as_bytes());
        format::hexadecimal(id, self.out);
        self.out.push(b'"');
    }

    #[inline]
    fn trace(&mut self, trace: TraceId, span: SpanId) {
        self.id(key!("trace_id"), &trace.0);
        self.id(key!("span_id"), &span.0);
    }
}
