//! The inside of a JSON string that is wanted: escapes resolved, the beginning kept.

use memchr::memchr2;

use super::text::{Gather, Text, broken_tail};

/// Reads one string after another, each in as many pieces as it comes.
#[derive(Debug, Default)]
pub(super) struct Quoted {
    gather: Gather,
    escape: Escape,
    /// The first half of a surrogate pair, whose second half may follow.
    high: Option<u16>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    /// After the backslash.
    Begun,
    /// After `\u` and so many digits.
    Hex(u8, u16),
}

/// How far a piece led.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// All of it was inside the string.
    More,
    /// The string ended, so many bytes into it, closing quote included.
    End(usize),
    /// An escape that JSON does not have.
    Invalid,
}

impl Quoted {
    /// Begins after an opening quote; `cap` bytes are to be kept.
    pub(super) fn start(&mut self, cap: usize) {
        self.gather.start(cap);
        self.escape = Escape::None;
        self.high = None;
    }

    /// The next piece.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            if !matches!(self.escape, Escape::None) {
                if !self.escaped(bytes[at]) {
                    return Progress::Invalid;
                }
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let plain = memchr2(b'"', b'\\', rest);
            self.plain(&rest[..plain.unwrap_or(rest.len())]);
            let Some(plain) = plain else { return Progress::More };
            at += plain + 1;
            if rest[plain] == b'"' {
                self.forget_high();
                return Progress::End(at);
            }
            self.escape = Escape::Begun;
        }
        Progress::More
    }

    /// Bytes that are no part of a JSON string, to be kept all the same: the digits of a number.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.gather.push(bytes);
    }

    /// The string, once ended.
    pub(super) fn text(&self) -> Text {
        self.gather.text()
    }

    /// The whole string, once ended, if it was not longer than the cap.
    pub(super) fn all(&self) -> Option<&[u8]> {
        self.gather.all()
    }

    fn plain(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.forget_high();
            self.gather.push(bytes);
        }
    }

    fn escaped(&mut self, byte: u8) -> bool {
        let (digits, value) = match self.escape {
            Escape::Hex(digits, value) => (digits, value),
            Escape::None | Escape::Begun => return self.escape_kind(byte),
        };
        let Some(digit) = char::from(byte).to_digit(16) else { return false };
        let value = (value << 4) | (digit & 0xF) as u16;
        self.escape = Escape::Hex(digits + 1, value);
        if digits == 3 {
            self.escape = Escape::None;
            self.unit(value);
        }
        true
    }

    fn escape_kind(&mut self, byte: u8) -> bool {
        let meant = match byte {
            b'u' => {
                self.escape = Escape::Hex(0, 0);
                return true;
            }
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            _ => return false,
        };
        self.escape = Escape::None;
        self.plain(&[meant]);
        true
    }

    /// One UTF-16 unit, as `\u` writes them.
    fn unit(&mut self, unit: u16) {
        if let (Some(high), 0xDC00..=0xDFFF) = (self.high, unit) {
            self.high = None;
            let pair = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
            self.char(char::from_u32(pair));
            return;
        }
        self.forget_high();
        if let 0xD800..=0xDBFF = unit {
            self.high = Some(unit);
        } else {
            self.char(char::from_u32(u32::from(unit)));
        }
    }

    fn forget_high(&mut self) {
        if self.high.take().is_some() {
            self.char(None);
        }
    }

    fn char(&mut self, char: Option<char>) {
        let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.gather.push(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The beginning of a string whose inside was written so; it goes on where it `is_cut`. An escape that JSON does not have
/// ends it.
pub(super) fn beginning(inside: &[u8], is_cut: bool) -> Text {
    let broken = if is_cut { broken_tail(inside) } else { 0 };
    let mut quoted = Quoted::default();
    quoted.start(Text::CAP);
    quoted.feed(&inside[..inside.len() - broken]);
    if is_cut { quoted.text().and_more() } else { quoted.text() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The string and what followed it, read in pieces of `piece` bytes.
    fn read(text: &str, piece: usize) -> Option<(Text, usize)> {
        let mut quoted = Quoted::default();
        quoted.start(Text::CAP);
        let mut used = 0;
        for bytes in text.as_bytes().chunks(piece) {
            match quoted.feed(bytes) {
                Progress::More => used += bytes.len(),
                Progress::End(end) => return Some((quoted.text(), used + end)),
                Progress::Invalid => return None,
            }
        }
        None
    }

    fn assert_reads(text: &str, expected: &str) {
        for piece in 1..=text.len() {
            let (read, used) = read(text, piece).unwrap();
            assert_eq!(read, expected, "in pieces of {piece}");
            assert_eq!(used, text.rfind('"').unwrap() + 1);
        }
    }

    #[test]
    fn escapes_are_resolved_wherever_they_are_split() {
        assert_reads(r#"plain""#, "plain");
        assert_reads(r#"""#, "");
        assert_reads(r#"a\"b\\c\/d\b\f\n\r\te""#, "a\"b\\c/d\u{8}\u{c}\n\r\te");
        assert_reads(r#"m\u0065thod""#, "method");
        assert_reads(r#"é\u00e9\u00E9漢""#, "ééé漢");
        assert_reads(r#"\ud83d\ude00!""#, "😀!");
    }

    #[test]
    fn half_a_surrogate_pair_reads_as_a_replacement() {
        assert_reads(r#"\ud83d""#, "\u{FFFD}");
        assert_reads(r#"\ude00x""#, "\u{FFFD}x");
        assert_reads(r#"\ud83dx""#, "\u{FFFD}x");
        assert_reads(r#"\ud83d\n""#, "\u{FFFD}\n");
        assert_reads(r#"\ud83d\u0041""#, "\u{FFFD}A");
        assert_reads(r#"\ud83d\ud83d\ude00""#, "\u{FFFD}😀");
    }

    #[test]
    fn an_escape_that_json_does_not_have_is_invalid() {
        for text in [r#"\x41""#, r#"\u00g0""#, "\\\u{0}\"", r#"\U0041""#] {
            for piece in 1..=text.len() {
                assert_eq!(read(text, piece), None, "{text}");
            }
        }
    }
}
