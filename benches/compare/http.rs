//! Reads HTTP/1.1 messages as they come, however they were split: a head, then a body of a known length or in chunks.
//! Only what a benchmark needs, so that the client costs little of the cores that it shares with what it measures.

use std::fmt;

const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Why a message cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    HeadTooLarge,
    /// An answer that only the end of the connection would end.
    NoLength,
    Length,
    Chunk,
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::HeadTooLarge => "a head without end",
            Self::NoLength => "an answer that has neither a length nor chunks",
            Self::Length => "a Content-Length that is no number",
            Self::Chunk => "a chunk that is none",
        })
    }
}

impl std::error::Error for Malformed {}

#[derive(Default)]
enum State {
    #[default]
    Head,
    /// So many bytes of the body are still to come.
    Length(usize),
    ChunkSize {
        size: usize,
        /// Past the digits: an extension, or the end of the line.
        past: bool,
    },
    ChunkData(usize),
    /// The line break after a chunk.
    ChunkEnd,
    /// Behind the last chunk; how many bytes the line has so far.
    Trailers(usize),
    /// The next byte begins another message.
    Complete,
}

/// One message at a time of a connection.
#[derive(Default)]
pub(crate) struct Reader {
    head: Vec<u8>,
    body_bytes: usize,
    state: State,
}

impl Reader {
    /// Takes bytes and shows those of the body. `Some` = the message is complete, with so many of the bytes.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut body: impl FnMut(&[u8]),
    ) -> Result<Option<usize>, Malformed> {
        if matches!(self.state, State::Complete) {
            self.head.clear();
            self.body_bytes = 0;
            self.state = State::Head;
        }
        let mut taken = 0;
        while !matches!(self.state, State::Complete) {
            let rest = &bytes[taken..];
            if rest.is_empty() {
                return Ok(None);
            }
            taken += match self.state {
                State::Length(left) | State::ChunkData(left) => {
                    let part = &rest[..left.min(rest.len())];
                    body(part);
                    self.body_bytes += part.len();
                    self.have_body(part.len());
                    part.len()
                }
                State::Head => self.take_head(rest)?,
                State::ChunkSize { .. } | State::ChunkEnd | State::Trailers(_) | State::Complete => {
                    self.take_framing(rest[0])?;
                    1
                }
            };
        }
        Ok(Some(taken))
    }

    /// The status of an answer; 0 where there is none.
    pub(crate) fn status(&self) -> u16 {
        self.head
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .unwrap_or_default()
    }

    /// The first line and all fields, as they came.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The value of a field, by its name in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines
            .filter(|line| line.get(name.len()) == Some(&b':'))
            .find(|line| line[..name.len()].eq_ignore_ascii_case(name.as_bytes()))
            .map(|line| line[name.len() + 1..].trim_ascii())
    }

    /// How much of the body was seen, framing left out.
    pub(crate) fn body_bytes(&self) -> usize {
        self.body_bytes
    }

    fn take_head(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        let before = self.head.len();
        let whole = if before == 0 { memchr::memmem::find(rest, b"\r\n\r\n") } else { None };
        if let Some(end) = whole {
            self.head.extend_from_slice(&rest[..end + 4]);
        } else {
            // The rare case, a head that came in parts: byte by byte, since its end may be split as well.
            for byte in rest {
                self.head.push(*byte);
                if self.head.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
        }
        if self.head.ends_with(b"\r\n\r\n") {
            self.state = self.framing()?;
        } else if self.head.len() > MAX_HEAD_BYTES {
            return Err(Malformed::HeadTooLarge);
        }
        Ok(self.head.len() - before)
    }

    fn framing(&self) -> Result<State, Malformed> {
        if self.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
            return Ok(State::ChunkSize { size: 0, past: false });
        }
        let length = match self.field("content-length") {
            Some(length) => std::str::from_utf8(length).ok().and_then(|length| length.parse().ok()),
            None if self.head.starts_with(b"HTTP/") && !matches!(self.status(), 202 | 204 | 304) => {
                return Err(Malformed::NoLength);
            }
            None => Some(0),
        };
        match length.ok_or(Malformed::Length)? {
            0 => Ok(State::Complete),
            length => Ok(State::Length(length)),
        }
    }

    fn have_body(&mut self, part: usize) {
        self.state = match self.state {
            State::Length(left) if left == part => State::Complete,
            State::Length(left) => State::Length(left - part),
            State::ChunkData(left) if left == part => State::ChunkEnd,
            State::ChunkData(left) => State::ChunkData(left - part),
            State::Head
            | State::ChunkSize { .. }
            | State::ChunkEnd
            | State::Trailers(_)
            | State::Complete => return,
        };
    }

    fn take_framing(&mut self, byte: u8) -> Result<(), Malformed> {
        self.state = match (&self.state, byte) {
            (State::ChunkSize { size: 0, .. }, b'\n') => State::Trailers(0),
            (State::ChunkSize { size, .. }, b'\n') => State::ChunkData(*size),
            (State::ChunkSize { size, past: false }, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
                let size = size.checked_mul(16).zip(digit).map(|(size, digit)| size + digit);
                State::ChunkSize { size: size.ok_or(Malformed::Chunk)?, past: false }
            }
            (State::ChunkSize { size, past: false }, b'\r' | b';' | b' ') => {
                State::ChunkSize { size: *size, past: true }
            }
            (State::ChunkSize { size, past: true }, _) => State::ChunkSize { size: *size, past: true },
            (State::ChunkEnd, b'\r') => State::ChunkEnd,
            (State::ChunkEnd, b'\n') => State::ChunkSize { size: 0, past: false },
            (State::Trailers(0), b'\n') => State::Complete,
            (State::Trailers(_), b'\n') => State::Trailers(0),
            (State::Trailers(line), b'\r') => State::Trailers(*line),
            (State::Trailers(line), _) => State::Trailers(line + 1),
            _ => return Err(Malformed::Chunk),
        };
        Ok(())
    }
}

/// The last bytes of a body, where an answer's id stands.
#[derive(Default)]
pub(crate) struct Tail {
    bytes: [u8; Tail::LENGTH],
}

impl Tail {
    const LENGTH: usize = 16;

    pub(crate) fn push(&mut self, part: &[u8]) {
        let new = part.len().min(Self::LENGTH);
        self.bytes.copy_within(new.., 0);
        self.bytes[Self::LENGTH - new..].copy_from_slice(&part[part.len() - new..]);
    }

    /// Whether the body ends like this, white space left out.
    pub(crate) fn ends_with(&self, end: &[u8]) -> bool {
        self.bytes.trim_ascii_end().ends_with(end)
    }
}
