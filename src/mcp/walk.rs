//! Where the trace context stands in a plain body, found in one pass over its bytes.
//!
//! # Why
//! `serde_json` finds the same for a third more, since it was made to give values and not places. So the
//! walk answers for what is plain, and for nothing else: a key on the way that is written with escapes or stands twice, an
//! object on the way that is none, anything that JSON does not have, more containers inside one another than bits in a
//! word. There it gives up, and `serde_json` says what the body is.

use memchr::memchr3;

use super::number::Number;
use super::place::{Level, Name, Reading};
use super::word::{self, WORD};

/// Reads the object that the body is, its brace before `open`; `None` where it is not plain, or no JSON.
pub(super) fn walk(reading: Reading<'_>, open: usize) -> Option<Reading<'_>> {
    let mut walk = Walk { bytes: reading.body.as_bytes(), at: open, reading };
    walk.object(Level::Message)?;
    walk.pass_blanks();
    (walk.at == walk.bytes.len()).then_some(walk.reading)
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    reading: Reading<'a>,
}

impl Walk<'_> {
    /// An object on the way, from behind its brace.
    fn object(&mut self, level: Level) -> Option<()> {
        self.reading.open(level, self.at);
        let mut is_empty = true;
        self.pass_blanks();
        if self.pass(b'}') {
            self.reading.close(level, is_empty);
            return Some(());
        }
        loop {
            let name = self.name()?;
            if self.reading.see(level, name) {
                return None;
            }
            is_empty = false;
            self.member(level, name)?;
            self.pass_blanks();
            if self.pass(b'}') {
                self.reading.close(level, is_empty);
                return Some(());
            }
            self.pass(b',').then_some(())?;
            self.pass_blanks();
        }
    }

    /// The value of a member on the way.
    fn member(&mut self, level: Level, name: Name) -> Option<()> {
        let begun = self.at;
        match (level, name) {
            (Level::Message, Name::Params) => {
                self.pass(b'{').then_some(())?;
                self.object(Level::Params)
            }
            (Level::Params, Name::Meta) => {
                self.pass(b'{').then_some(())?;
                self.object(Level::Meta)
            }
            (Level::Message, Name::Method) | (Level::Meta, Name::Traceparent | Name::Tracestate) => {
                self.value()?;
                self.reading.keep(name, self.reading.body.get(begun..self.at)?);
                Some(())
            }
            _ => self.value(),
        }
    }

    /// A key on the way, and all up to its value.
    fn name(&mut self) -> Option<Name> {
        self.pass(b'"').then_some(())?;
        let begun = self.at;
        if self.pass_string()? {
            return None;
        }
        let name = Name::of(self.bytes.get(begun..self.at - 1)?);
        self.pass_colon()?;
        Some(name)
    }

    /// Any value.
    fn value(&mut self) -> Option<()> {
        // The containers that are open, innermost in the lowest bit: whether each is an object.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        loop {
            let byte = *self.bytes.get(self.at)?;
            let is_object = byte == b'{';
            if is_object || byte == b'[' {
                self.at += 1;
                self.pass_blanks();
                if !self.pass(byte + 2) {
                    depth += 1;
                    objects = objects << 1 | u64::from(is_object);
                    (depth <= u64::BITS).then_some(())?;
                    if is_object {
                        self.key()?;
                    }
                    continue;
                }
            } else {
                self.scalar(byte)?;
            }
            // Whatever ends with it, up to the next value.
            loop {
                if depth == 0 {
                    return Some(());
                }
                self.pass_blanks();
                let is_object = objects & 1 == 1;
                if self.pass(b',') {
                    self.pass_blanks();
                    if is_object {
                        self.key()?;
                    }
                    break;
                }
                self.pass(if is_object { b'}' } else { b']' }).then_some(())?;
                (depth, objects) = (depth - 1, objects >> 1);
            }
        }
    }

    /// A key that means nothing, and all up to its value.
    fn key(&mut self) -> Option<()> {
        self.pass(b'"').then_some(())?;
        self.pass_string()?;
        self.pass_colon()
    }

    /// A value that is no container.
    fn scalar(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'"' => {
                self.at += 1;
                self.pass_string().map(|_| ())
            }
            b't' => self.pass_literal(b"true"),
            b'f' => self.pass_literal(b"false"),
            b'n' => self.pass_literal(b"null"),
            _ => self.number(byte),
        }
    }

    fn number(&mut self, byte: u8) -> Option<()> {
        let mut number = Number::begin(byte)?;
        self.at += 1;
        while let Some(next) = self.bytes.get(self.at).and_then(|&byte| number.next(byte)) {
            number = next;
            self.at += 1;
        }
        number.is_whole().then_some(())
    }

    /// What is left of a string, its quote included; whether there are escapes in it.
    fn pass_string(&mut self) -> Option<bool> {
        let mut has_escapes = false;
        loop {
            self.at += plain_length(self.bytes.get(self.at..)?)?;
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(has_escapes);
                }
                b'\\' => self.pass_escape()?,
                _ => return None,
            }
            has_escapes = true;
        }
    }

    fn pass_escape(&mut self) -> Option<()> {
        let used = match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' => {
                let digits = self.bytes.get(self.at + 2..self.at + 6)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(6)?
            }
            _ => return None,
        };
        self.at += used;
        Some(())
    }

    fn pass_literal(&mut self, literal: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(literal).then(|| self.at += literal.len())
    }

    fn pass_colon(&mut self) -> Option<()> {
        self.pass_blanks();
        self.pass(b':').then_some(())?;
        self.pass_blanks();
        Some(())
    }

    fn pass_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// Whether this byte stands here; it is passed then.
    fn pass(&mut self, byte: u8) -> bool {
        let is_here = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is_here);
        is_here
    }
}

/// How many bytes stand before the first quote, backslash or control character; `None` where there is none of these.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    /// A longer string is worth a call for the vectors.
    const SHORT: usize = 8 * WORD;
    let mut from = 0;
    while from < SHORT {
        let Some(word) = bytes.get(from..).and_then(<[u8]>::first_chunk) else {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            return bytes.get(from..)?.iter().position(is_special).map(|at| from + at);
        };
        let word = u64::from_le_bytes(*word);
        let special = word::equal(word, b'"') | word::equal(word, b'\\') | word::below_space(word);
        if special != 0 {
            return Some(from + word::first(special));
        }
        from += WORD;
    }
    let rest = bytes.get(from..)?;
    let special = memchr3(b'"', b'\\', b'\n', rest)?;
    let passed = rest.get(..special)?;
    // Without leaving the loop early, the compiler makes vectors of it.
    let controls = passed.iter().fold(0, |has, byte| has | u8::from(*byte < 0x20));
    if controls != 0 { None } else { Some(from + special) }
}

#[cfg(test)]
mod tests {
    use super::plain_length;

    #[test]
    fn a_string_is_plain_up_to_what_is_special_wherever_that_stands() {
        for length in 0..200 {
            for special in [b'"', b'\\', b'\n', 0, 0x1f] {
                let mut text = vec![b'x'; length];
                text.push(special);
                text.extend([b'"'; 9]);
                let found = plain_length(&text);
                let is_given_up = found.is_none() && matches!(special, 0 | 0x1f) && length >= 64;
                assert!(found == Some(length) || is_given_up, "{special} after {length}: {found:?}");
            }
            for plain in [b'x', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xff] {
                assert_eq!(plain_length(&vec![plain; length]), None);
            }
        }
    }
}
