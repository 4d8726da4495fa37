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
            if self.chunked.is_some() || !value.eq_ignore_ascii_case(b"chunked") {
                // Its other codings may hide where it ends.
                self.persistence = Some(Persistence::Close);
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(&str, &str)]) -> Result<Fields, Malformed> {
        let lines = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>();
        let text = lines.concat() + "\r\n";
        let head = Bytes::from(text);
        let mut parsed = [httparse::EMPTY_HEADER; 64];
        let httparse::Status::Complete((_, parsed)) = httparse::parse_headers(&head, &mut parsed).unwrap()
        else {
            panic!("no fields");
        };
        Fields::of(&head, parsed)
    }

    /// How they go on once `change` was at them.
    fn rewritten(lines: &[(&str, &str)], change: impl FnOnce(&mut HeaderMap)) -> String {
        let mut fields = read(lines).unwrap();
        change(&mut fields.map);
        let mut extensions = Extensions::new();
        fields.spell(&mut extensions);
        let mut written = Vec::new();
        write(&mut written, &fields.map, extensions.get());
        String::from_utf8(written).unwrap()
    }

    const LINES: [(&str, &str); 5] = [("Host", "a"), ("x-A", "1"), ("X-B", "2"), ("X-c", "3"), ("x-d", "4")];

    #[test]
    fn fields_go_on_as_they_were_spelled() {
        assert_eq!(rewritten(&LINES, |_| {}), "Host: a\r\nx-A: 1\r\nX-B: 2\r\nX-c: 3\r\nx-d: 4\r\n");
    }

    #[test]
    fn what_is_added_or_dropped_changes_no_others_spelling() {
        let changed = rewritten(&LINES, |map| {
            let mut to = HeaderMap::new();
            to.append("x-new", HeaderValue::from_static("0"));
            for (name, value) in map.iter().filter(|(name, _)| *name != "x-a") {
                to.append(name.clone(), value.clone());
            }
            to.append("x-last", HeaderValue::from_static("9"));
            *map = to;
        });
        assert_eq!(changed, "x-new: 0\r\nHost: a\r\nX-B: 2\r\nX-c: 3\r\nx-d: 4\r\nx-last: 9\r\n");
    }

    #[test]
    fn lines_of_one_name_keep_their_order_and_each_its_spelling() {
        let lines = [("X-a", "1"), ("x-B", "2"), ("x-A", "3"), ("X-A", "4")];
        assert_eq!(rewritten(&lines, |_| {}), "X-a: 1\r\nx-A: 3\r\nX-A: 4\r\nx-B: 2\r\n");
        let more = rewritten(&lines, |map| {
            map.append("x-a", HeaderValue::from_static("5"));
        });
        assert_eq!(more, "X-a: 1\r\nx-A: 3\r\nX-A: 4\r\nx-a: 5\r\nx-B: 2\r\n");
    }

    #[test]
    fn another_order_finds_every_spelling() {
        let names = (0..60).map(|number| format!("X-{number}")).collect::<Vec<_>>();
        let lines = names.iter().map(|name| (&**name, "1")).collect::<Vec<_>>();
        let backwards = rewritten(&lines, |map| {
            let all = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>();
            *map = all.into_iter().rev().collect();
        });
        let expected = names.iter().rev().map(|name| format!("{name}: 1\r\n")).collect::<Vec<_>>().concat();
        assert_eq!(backwards, expected);
    }

    #[test]
    fn lower_case_needs_no_spelling() {
        assert!(read(&[("host", "a"), ("x-a", "B")]).unwrap().spelling.is_none());
    }

    #[test]
    fn a_length_is_digits_and_one() {
        for (value, length) in
            [("0", 0), ("5", 5), ("05", 5), ("5 , 5", 5), ("18446744073709551615", u64::MAX)]
        {
            let fields = read(&[("content-length", value), ("Content-Length", value)]).unwrap();
            assert_eq!(fields.length, Some(length), "{value}");
            assert_eq!(declared_length(&fields.map), Ok(Some(length)), "{value}");
        }
        for value in ["", "+5", "-5", "5,", ",5", "5,6", "5 5", "0x5", "5a", "18446744073709551616"] {
            assert_eq!(read(&[("content-length", value)]).err(), Some(Malformed::Length), "{value}");
        }
        assert_eq!(read(&[("content-length", "5"), ("content-length", "6")]).err(), Some(Malformed::Length));
    }

    #[test]
    fn a_length_that_goes_out_is_one_number() {
        let declared = |values: &[&'static str]| {
            let mut map = HeaderMap::new();
            for value in values {
                map.append(header::CONTENT_LENGTH, HeaderValue::from_static(value));
            }
            declared_length(&map)
        };
        assert_eq!(declared(&[]), Ok(None));
        assert_eq!(declared(&["7"]), Ok(Some(7)));
        for values in [&["7", "7"][..], &["7, 7"], &["+7"], &[""], &[" 7"]] {
            assert_eq!(declared(values), Err(Doubtful), "{values:?}");
        }
    }

    #[test]
    fn close_wins() {
        let keeps = |value: &str, version| read(&[("connection", value)]).unwrap().keep_alive(version);
        assert!(keeps("x", Version::HTTP_11) && !keeps("x", Version::HTTP_10));
        assert!(keeps("Keep-Alive", Version::HTTP_10));
        for value in ["close", "keep-alive, close", "CLOSE ,keep-alive"] {
            assert!(!keeps(value, Version::HTTP_11) && !keeps(value, Version::HTTP_10), "{value}");
        }
    }
}
