//! Protocol Buffers, as far as OTLP needs them (protobuf.dev, "Encoding").
//!
//! # Why
//! Generated types want every text and every list as an own value in memory, are asked for their length once for each
//! level that they stand in, and only then written: of a call's two spans that was 250,000 instructions. What is known
//! at once is written at once, and of what is not the length is set afterwards.

/// How a field is written: the low bits of its tag.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;
const FIXED32: u32 = 5;

/// `opentelemetry.proto.common.v1.KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// `opentelemetry.proto.common.v1.AnyValue`.
const STRING: u32 = 1;
const INT: u32 = 3;
const DOUBLE: u32 = 4;

/// What an attribute may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(i64),
    Float(f64),
}

/// Fields of a message, one after the other. What is zero or empty is left out, as the format has it.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// Nothing yet, with room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// What was written.
    pub(super) fn written(&self) -> &[u8] {
        &self.0
    }

    /// Takes back what was written after the first so many bytes; of the room no more than `room` stays.
    pub(super) fn cut(&mut self, bytes: usize, room: usize) {
        self.0.truncate(bytes);
        self.0.shrink_to(room);
    }

    /// Fields that were written elsewhere.
    pub(super) fn fields(&mut self, written: &[u8]) {
        self.0.extend_from_slice(written);
    }

    pub(super) fn integer(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.tag(field, VARINT);
            self.varint(value);
        }
    }

    pub(super) fn fixed32(&mut self, field: u32, value: u32) {
        if value != 0 {
            self.tag(field, FIXED32);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn fixed64(&mut self, field: u32, value: u64) {
        if value != 0 {
            self.tag(field, FIXED64);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn bytes(&mut self, field: u32, value: &[u8]) {
        if !value.is_empty() {
            self.delimited(field, value.len());
            self.0.extend_from_slice(value);
        }
    }

    /// One text, of these parts.
    pub(super) fn text(&mut self, field: u32, parts: &[&str]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > 0 {
            self.delimited(field, length);
            for part in parts {
                self.0.extend_from_slice(part.as_bytes());
            }
        }
    }

    /// A `KeyValue`. Its value is written even where it is empty.
    pub(super) fn attribute(&mut self, field: u32, key: &str, value: Value<'_>) {
        let inner = 1 + match value {
            Value::Text(text) => varint_bytes(text.len() as u64) + text.len(),
            Value::Integer(number) => varint_bytes(number.cast_unsigned()),
            Value::Float(_) => size_of::<f64>(),
        };
        let outer = 2 + varint_bytes(key.len() as u64) + key.len() + varint_bytes(inner as u64) + inner;
        self.0.reserve(MARKS_BYTES_MAX + outer);
        self.delimited(field, outer);
        self.delimited(KEY, key.len());
        self.0.extend_from_slice(key.as_bytes());
        self.delimited(VALUE, inner);
        match value {
            Value::Text(text) => {
                self.delimited(STRING, text.len());
                self.0.extend_from_slice(text.as_bytes());
            }
            Value::Integer(number) => {
                self.tag(INT, VARINT);
                self.varint(number.cast_unsigned());
            }
            Value::Float(number) => {
                self.tag(DOUBLE, FIXED64);
                self.0.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// A message within, whose length nearly always takes `guess` bytes: where it does not, what was written is moved.
    pub(super) fn nested(&mut self, field: u32, guess: usize, write: impl FnOnce(&mut Self)) {
        self.tag(field, DELIMITED);
        let at = self.0.len();
        self.0.resize(at + guess, 0);
        write(self);
        let end = self.0.len();
        let length = (end - at - guess) as u64;
        let needed = varint_bytes(length);
        if needed != guess {
            self.0.resize(end.max(end + needed - guess), 0);
            self.0.copy_within(at + guess..end, at + needed);
            self.0.truncate(end + needed - guess);
        }
        let mut left = length;
        for byte in self.0.iter_mut().skip(at).take(needed) {
            *byte = next_byte(&mut left);
        }
    }

    /// What stands before so many bytes of a field.
    pub(super) fn delimited(&mut self, field: u32, length: usize) {
        self.tag(field, DELIMITED);
        self.varint(length as u64);
    }

    fn tag(&mut self, field: u32, kind: u32) {
        self.varint(u64::from(field << 3 | kind));
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(next_byte(&mut value));
        }
        self.0.push(next_byte(&mut value));
    }
}

/// A tag and a length take so many bytes at most.
const MARKS_BYTES_MAX: usize = 15;

/// The lowest seven bits, which are taken away, and whether there are more.
fn next_byte(value: &mut u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    *value >>= 7;
    if *value == 0 { low } else { low | 0x80 }
}

/// How many bytes a number takes.
pub(super) fn varint_bytes(value: u64) -> usize {
    if value < 0x80 { 1 } else { (70 - (value | 1).leading_zeros() as usize) / 7 }
}

/// A field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a message with their numbers, up to where it is none.
pub(super) fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, Field<'_>)> {
    std::iter::from_fn(move || {
        let tag = take_varint(&mut message)?;
        let field = match u32::try_from(tag & 7).ok()? {
            VARINT => Field::Number(take_varint(&mut message)?),
            FIXED64 => Field::Bytes(take(&mut message, 8)?),
            DELIMITED => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                Field::Bytes(take(&mut message, length)?)
            }
            FIXED32 => Field::Bytes(take(&mut message, 4)?),
            _ => return None,
        };
        Some((tag >> 3, field))
    })
}

/// The last field of this number that is a text or a message: it is the one that counts.
pub(super) fn bytes_of(message: &[u8], number: u64) -> Option<&[u8]> {
    let of_number = fields(message).filter_map(|(field, value)| match value {
        Field::Bytes(bytes) if field == number => Some(bytes),
        Field::Bytes(_) | Field::Number(_) => None,
    });
    of_number.last()
}

/// The last field of this number that is a number; 0 where there is none.
pub(super) fn number_of(message: &[u8], number: u64) -> u64 {
    let of_number = fields(message).filter_map(|(field, value)| match value {
        Field::Number(value) if field == number => Some(value),
        Field::Bytes(_) | Field::Number(_) => None,
    });
    of_number.last().unwrap_or_default()
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn take_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
    use opentelemetry_proto::tonic::trace::v1::{Span, Status};
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,8}", Just(String::new()), any::<String>(), "[é\\x00]{60,140}", "x{16000,17000}"]
    }

    fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
        let value = prop_oneof![
            text().prop_map(Any::StringValue),
            any::<i64>().prop_map(Any::IntValue),
            (-1e300..1e300).prop_map(Any::DoubleValue),
        ];
        let attribute = (text(), value).prop_map(|(key, value)| KeyValue {
            key,
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        });
        prop::collection::vec(attribute, 0..40)
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = (any::<u64>(), text(), attributes()).prop_map(|(time_unix_nano, name, attributes)| {
            Event { time_unix_nano, name, attributes, dropped_attributes_count: 0 }
        });
        prop::collection::vec(event, 0..3)
    }

    fn links() -> impl Strategy<Value = Vec<Link>> {
        let link = (any::<[u8; 16]>(), any::<[u8; 8]>(), attributes(), any::<u32>());
        let link = link.prop_map(|(trace_id, span_id, attributes, flags)| Link {
            trace_id: trace_id.to_vec(),
            span_id: span_id.to_vec(),
            attributes,
            flags,
            ..Link::default()
        });
        prop::collection::vec(link, 0..3)
    }

    prop_compose! {
        fn span()(
            ids in (any::<[u8; 16]>(), any::<[u8; 8]>()),
            texts in (text(), text(), text()),
            kind in 0..6i32,
            numbers in (any::<u64>(), any::<u64>(), any::<u32>(), any::<u32>(), 0..3i32),
            attributes in attributes(),
            events in events(),
            links in links(),
        ) -> Span {
            let (start_time_unix_nano, end_time_unix_nano, dropped_events_count, flags, code) = numbers;
            let (trace_state, name, message) = texts;
            Span {
                trace_id: ids.0.to_vec(),
                span_id: ids.1.to_vec(),
                trace_state,
                parent_span_id: Vec::new(),
                flags,
                name,
                kind,
                start_time_unix_nano,
                end_time_unix_nano,
                attributes,
                dropped_attributes_count: 0,
                events,
                dropped_events_count,
                links,
                dropped_links_count: 0,
                status: Some(Status { message, code }),
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not made here")]
    fn write_attributes(field: u32, attributes: &[KeyValue], out: &mut Writer) {
        for attribute in attributes {
            let value = match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
                Any::StringValue(text) => Value::Text(text),
                Any::IntValue(number) => Value::Integer(*number),
                Any::DoubleValue(number) => Value::Float(*number),
                other => panic!("nobody writes {other:?}"),
            };
            out.attribute(field, &attribute.key, value);
        }
    }

    fn write(span: &Span, out: &mut Writer) {
        out.bytes(1, &span.trace_id);
        out.bytes(2, &span.span_id);
        out.text(3, &[&span.trace_state]);
        out.bytes(4, &span.parent_span_id);
        let (half, rest) = span.name.split_at(span.name.chars().next().map_or(0, char::len_utf8));
        out.text(5, &[half, rest]);
        out.integer(6, u64::try_from(span.kind).unwrap());
        out.fixed64(7, span.start_time_unix_nano);
        out.fixed64(8, span.end_time_unix_nano);
        write_attributes(9, &span.attributes, out);
        for event in &span.events {
            out.nested(11, 1, |out| {
                out.fixed64(1, event.time_unix_nano);
                out.text(2, &[&event.name]);
                write_attributes(3, &event.attributes, out);
            });
        }
        out.integer(12, span.dropped_events_count.into());
        for link in &span.links {
            out.nested(13, 3, |out| {
                out.bytes(1, &link.trace_id);
                out.bytes(2, &link.span_id);
                write_attributes(4, &link.attributes, out);
                out.fixed32(6, link.flags);
            });
        }
        let status = span.status.as_ref().unwrap();
        out.nested(15, 1, |out| {
            out.text(2, &[&status.message]);
            out.integer(3, u64::try_from(status.code).unwrap());
        });
        out.fixed32(16, span.flags);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_reads_as_it_was_meant(span in span()) {
            let mut out = Writer::default();
            write(&span, &mut out);
            prop_assert_eq!(&Span::decode(out.written()).unwrap(), &span);
        }

        #[test]
        fn a_number_takes_as_many_bytes_as_are_said(number: u64, bits in 0..64u32) {
            let number = number >> bits;
            let mut out = Writer::default();
            out.varint(number);
            prop_assert_eq!(out.written().len(), varint_bytes(number));
            prop_assert_eq!(take_varint(&mut out.written()), Some(number));
        }

        #[test]
        fn no_bytes_are_too_strange_to_be_read(bytes: Vec<u8>) {
            prop_assert!(fields(&bytes).count() <= bytes.len());
            let _ = (bytes_of(&bytes, 1), number_of(&bytes, 1));
        }
    }
}
