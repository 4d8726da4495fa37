//! What a JSON string says, with the places where each part of that is written: to change a part and nothing else.

use std::ops::Range;

/// The inside of a JSON string, as it is meant.
#[derive(Debug, PartialEq, Eq)]
pub struct Spelled {
    /// What it says, byte for byte; an escape for what is not ASCII reads as [`FOREIGN`].
    pub bytes: Vec<u8>,
    /// Where each byte is written, and the end.
    places: Vec<usize>,
}

/// Stands for whatever is written as `\u…` and is not ASCII: no byte of UTF-8.
const FOREIGN: u8 = 0xff;

impl Spelled {
    /// Reads what stands between the quotes; `None` where an escape is none of JSON.
    pub fn of(inside: &[u8]) -> Option<Self> {
        let (mut bytes, mut places) =
            (Vec::with_capacity(inside.len()), Vec::with_capacity(inside.len() + 1));
        let mut rest = inside;
        while let [first, after @ ..] = rest {
            places.push(inside.len() - rest.len());
            let (byte, after) = if *first == b'\\' { escaped(after)? } else { (*first, after) };
            bytes.push(byte);
            rest = after;
        }
        places.push(inside.len());
        Some(Self { bytes, places })
    }

    /// Where these bytes are written.
    pub fn written(&self, bytes: Range<usize>) -> Option<Range<usize>> {
        Some(*self.places.get(bytes.start)?..*self.places.get(bytes.end)?)
    }
}

/// What is escaped, and what follows.
fn escaped(after: &[u8]) -> Option<(u8, &[u8])> {
    let (kind, rest) = after.split_first()?;
    let byte = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let (digits, rest) = rest.split_at_checked(4)?;
            let digit = |digit: &u8| char::from(*digit).to_digit(16);
            let unit = digits.iter().try_fold(0, |unit, next| Some(unit << 4 | digit(next)?))?;
            let ascii = u8::try_from(unit).ok().filter(u8::is_ascii);
            return Some((ascii.unwrap_or(FOREIGN), rest));
        }
        _ => return None,
    };
    Some((byte, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_where_it_is_written() {
        let inside = br#"a\"b\/\u0063\u00e9\ud83d\ude00d"#;
        let spelled = Spelled::of(inside).unwrap();
        assert_eq!(spelled.bytes, b"a\"b/c\xff\xff\xffd");
        assert_eq!(spelled.written(1..2), Some(1..3));
        assert_eq!(spelled.written(4..5), Some(6..12));
        assert_eq!(spelled.written(8..9), Some(30..31));
        assert_eq!(spelled.written(0..9), Some(0..31));
        assert_eq!(spelled.written(0..10), None);
    }

    #[test]
    fn an_escape_that_json_does_not_have_is_none() {
        for inside in [r"\x", r"\", r"\u12", r"\u12g4"] {
            assert_eq!(Spelled::of(inside.as_bytes()), None, "{inside}");
        }
    }
}
