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
            parts.iter().for_each(|part| self.0.extend_from_slice(part.as_bytes()));
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
