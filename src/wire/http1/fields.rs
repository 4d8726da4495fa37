//! A head's fields: as they come, and as they go on.

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Version, header};
use httparse::Header;

use super::head::Malformed;

/// The names of a head's fields as they were spelled, in order; in the extensions of a head that has any in upper case.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Spelling(Vec<(HeaderName, Bytes)>);

/// A head's fields, and what they say of the message.
pub(super) struct Fields {
    pub(super) map: HeaderMap,
    /// As they are spelled, where any of them is not in lower case.
    spelling: Option<Vec<(HeaderName, Bytes)>>,
    /// `Content-Length`; several that agree are one.
    pub(super) length: Option<u64>,
    /// There is a transfer coding; whether the last one is `chunked`.
    pub(super) chunked: Option<bool>,
    /// What `Connection` says of the time after this message.
    persistence: Option<Persistence>,
    pub(super) expects: bool,
    pub(super) trailers: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Persistence {
    KeepAlive,
    /// It wins over the other.
    Close,
}

impl Fields {
    pub(super) fn of(head: &Bytes, parsed: &[Header<'_>]) -> Result<Self, Malformed> {
        // Without an early end, so that it is compiled into few steps.
        let is_upper = |upper: bool, byte: u8| upper | byte.is_ascii_uppercase();
        let is_spelled = |field: &Header<'_>| field.name.bytes().fold(false, is_upper);
        let mut fields = Self {
            // What is added on the way finds room.
            map: HeaderMap::try_with_capacity(parsed.len() + 8).map_err(|_too_many| Malformed::TooLarge)?,
            spelling: parsed.iter().any(is_spelled).then(|| Vec::with_capacity(parsed.len())),
            length: None,
            chunked: None,
            persistence: None,
            expects: false,
            trailers: false,
        };
        for field in parsed {
            let name = name(field)?;
            if !fields.read(&name, field.value)? {
                continue;
            }
            if let Some(spelling) = &mut fields.spelling {
                spelling.push((name.clone(), head.slice_ref(field.name.as_bytes())));
            }
            let value = value(head, field)?;
            fields.map.try_append(name, value).map_err(|_too_many| Malformed::TooLarge)?;
        }
        Ok(fields)
    }

    /// What one field says; whether it is kept.
    fn read(&mut self, name: &HeaderName, value: &[u8]) -> Result<bool, Malformed> {
        if *name == header::CONTENT_LENGTH {
            let length = length(value)?;
            let is_first = self.length.is_none();
            if *self.length.get_or_insert(length) != length {
                return Err(Malformed::Length);
            }
            let is_list = value.contains(&b',');
            if is_first && is_list {
                // Nobody behind this proxy shall have to read it as one number.
                self.map.append(header::CONTENT_LENGTH, length.into());
            }
            return Ok(is_first && !is_list);
        }
        if *name == header::TRANSFER_ENCODING {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
            self.chunked = Some(last.eq_ignore_ascii_case(b"chunked"));
        } else if *name == header::CONNECTION {
            for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                if token.eq_ignore_ascii_case(b"close") {
                    self.persistence = Some(Persistence::Close);
                } else if token.eq_ignore_ascii_case(b"keep-alive") {
                    self.persistence.get_or_insert(Persistence::KeepAlive);
                }
            }
        } else if *name == header::EXPECT {
            self.expects = value.eq_ignore_ascii_case(b"100-continue");
        } else if *name == header::TE {
            let mut codings = value.split(|byte| *byte == b',');
            self.trailers |= codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"));
        }
        Ok(true)
    }

    /// Whether another message may follow (RFC 9112 §9.3).
    pub(super) fn keep_alive(&self, version: Version) -> bool {
        match self.persistence {
            None => version != Version::HTTP_10,
            Some(persistence) => persistence == Persistence::KeepAlive,
        }
    }

    /// Leaves the spelling with the head.
    pub(super) fn spell(&mut self, extensions: &mut Extensions) {
        if let Some(spelling) = self.spelling.take() {
            extensions.insert(Spelling(spelling));
        }
    }
}

pub(super) fn name(field: &Header<'_>) -> Result<HeaderName, Malformed> {
    HeaderName::from_bytes(field.name.as_bytes()).map_err(|_unusable| Malformed::Field)
}

pub(super) fn value(head: &Bytes, field: &Header<'_>) -> Result<HeaderValue, Malformed> {
    // An empty value may lie anywhere.
    if field.value.is_empty() {
        return Ok(HeaderValue::from_static(""));
    }
    HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_unusable| Malformed::Field)
}

/// Digits, and nothing else (RFC 9110 §8.6); a list of the same number is that number.
fn length(value: &[u8]) -> Result<u64, Malformed> {
    let mut members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let first = number(members.next().unwrap_or_default()).ok_or(Malformed::Length)?;
    if members.all(|member| number(member) == Some(first)) { Ok(first) } else { Err(Malformed::Length) }
}

fn number(digits: &[u8]) -> Option<u64> {
    let add = |number: u64, digit: &u8| {
        let digit = char::from(*digit).to_digit(10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// The length that a head declares on its way out; [`Doubtful`] where it is not one number, said once: a message that
/// came over HTTP/2 may say it twice.
pub(super) fn declared_length(fields: &HeaderMap) -> Result<Option<u64>, Doubtful> {
    let mut lines = fields.get_all(header::CONTENT_LENGTH).into_iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let length = number(line.as_bytes()).ok_or(Doubtful)?;
    if lines.next().is_none() { Ok(Some(length)) } else { Err(Doubtful) }
}

/// A length that not everybody reads alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubtful;

/// Adds one field.
pub(super) fn write_one(to: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    to.extend_from_slice(name);
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

/// The fields in their order, spelled as they came.
pub(super) fn write(to: &mut Vec<u8>, fields: &HeaderMap, spelling: Option<&Spelling>) {
    let Some(Spelling(spelled)) = spelling else {
        for (name, value) in fields {
            write_one(to, name.as_str().as_bytes(), value.as_bytes());
        }
        return;
    };
    // Both are in the same order, but for what was added, dropped, or stood in several places.
    let mut spelled = spelled.iter().map(Some).collect::<Vec<_>>();
    let mut next = 0;
    for (name, value) in fields {
        let is_it = |place: Option<&(HeaderName, Bytes)>| place.is_some_and(|(spelled, _)| spelled == name);
        let found = match spelled.get(next) {
            Some(place) if is_it(*place) => Some(next),
            Some(_) | None => spelled.iter().position(|place| is_it(*place)),
        };
        let written = found.and_then(|at| {
            next = at + 1;
            spelled.get_mut(at)?.take()
        });
        write_one(to, written.map_or(name.as_str().as_bytes(), |(_, spelled)| spelled), value.as_bytes());
    }
}

pub(super) fn size(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
