//! Where a body ends (RFC 9112 §6, §7).

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};

use super::buffered::Buffered;
use super::fields;
use super::head::{self, Malformed};

/// What a chunk's size line, and what all extensions of one body, may take: they mean nothing to anybody here.
const EXTENSIONS: usize = 16 * 1024;
/// What the trailers of one body may take.
const TRAILERS: usize = 16 * 1024;

/// How a body that comes is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes; 0 = there is none.
    Known(u64),
    /// In chunks (§7.1).
    Chunked,
    /// All until the connection ends (§6.3, only answers).
    UntilEnd,
}

/// Takes a body off the bytes that come.
#[derive(Debug)]
pub(super) enum Decoder {
    Known(u64),
    Chunked(Chunks),
    UntilEnd,
    Done,
    /// What came is no body: nothing behind it is understood any more.
    Broken(Malformed),
}

/// What [`Decoder::decode`] found.
#[derive(Debug)]
pub(super) enum Decoded {
    Data(Bytes),
    Trailers(HeaderMap),
    /// More has to come; how much of it is known, 0 = none.
    More(usize),
    End,
}

/// Inside a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: Chunk,
    /// Bytes of extensions so far.
    extensions: usize,
    /// How far the bytes that wait were searched for the end of the trailers.
    searched: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// Before a size line.
    #[default]
    Size,
    /// So much of a chunk is still to come.
    Data(u64),
    /// Before the line end of a chunk.
    DataEnd,
    /// After the last chunk.
    Trailers,
}

impl Decoder {
    pub(super) fn new(length: Length) -> Self {
        match length {
            Length::Known(0) => Self::Done,
            Length::Known(length) => Self::Known(length),
            Length::Chunked => Self::Chunked(Chunks::default()),
            Length::UntilEnd => Self::UntilEnd,
        }
    }

    /// Whether the body is over.
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Bytes still to come, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Known(left) => Some(*left),
            Self::Done => Some(0),
            Self::Chunked(_) | Self::UntilEnd | Self::Broken(_) => None,
        }
    }

    /// Takes the next piece of the body off what came.
    pub(super) fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, Malformed> {
        match self {
            Self::Done => Ok(Decoded::End),
            Self::Broken(malformed) => Err(*malformed),
            Self::UntilEnd if input.is_empty() => Ok(Decoded::More(0)),
            Self::UntilEnd => Ok(Decoded::Data(input.split().freeze())),
            Self::Known(left) => {
                if input.is_empty() {
                    return Ok(Decoded::More(usize::try_from(*left).unwrap_or(usize::MAX)));
                }
                let data = take(input, left);
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(Decoded::Data(data))
            }
            Self::Chunked(chunks) => {
                let decoded = chunks.decode(input);
                match &decoded {
                    Ok(Decoded::End | Decoded::Trailers(_)) => *self = Self::Done,
                    Ok(Decoded::Data(_) | Decoded::More(_)) => {}
                    Err(malformed) => *self = Self::Broken(*malformed),
                }
                decoded
            }
        }
    }

    /// The other side has ended: whether the body may end there.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        match self {
            Self::UntilEnd | Self::Done => {
                *self = Self::Done;
                Ok(())
            }
            Self::Known(_) | Self::Chunked(_) | Self::Broken(_) => Err(Malformed::CutShort),
        }
    }
}

/// Takes at most `left` bytes.
fn take(input: &mut BytesMut, left: &mut u64) -> Bytes {
    let length = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= length as u64;
    input.split_to(length).freeze()
}

impl Chunks {
    fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, Malformed> {
        loop {
            match &mut self.at {
                Chunk::Size => {
                    let Some(size) = self.size(input)? else { return Ok(Decoded::More(0)) };
                    self.at = if size == 0 { Chunk::Trailers } else { Chunk::Data(size) };
                }
                Chunk::Data(left) => {
                    if input.is_empty() {
                        return Ok(Decoded::More(usize::try_from(*left).unwrap_or(usize::MAX)));
                    }
                    let data = take(input, left);
                    if *left == 0 {
                        self.at = Chunk::DataEnd;
                        // The last piece of a body is known as such at once where its end has come along.
                        skip_line_end(input)?.then(|| self.at = Chunk::Size);
                    }
                    return Ok(Decoded::Data(data));
                }
                Chunk::DataEnd => {
                    if !skip_line_end(input)? {
                        return Ok(Decoded::More(0));
                    }
                    self.at = Chunk::Size;
                }
                Chunk::Trailers => return self.trailers(input),
            }
        }
    }

    /// `chunk-size [ chunk-ext ] CRLF`.
    fn size(&mut self, input: &mut BytesMut) -> Result<Option<u64>, Malformed> {
        let Some(end) = memchr::memchr(b'\n', input) else {
            return if input.len() > EXTENSIONS { Err(Malformed::Chunk) } else { Ok(None) };
        };
        let line = input.split_to(end + 1);
        let line = line.strip_suffix(b"\r\n").ok_or(Malformed::Chunk)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, rest) = line.split_at(digits);
        let is_extension = |rest: &[u8]| rest.is_empty() || rest.starts_with(b";");
        if digits == 0 || digits > 16 || !is_extension(rest.trim_ascii_start()) || rest.contains(&b'\r') {
            return Err(Malformed::Chunk);
        }
        self.extensions += rest.len();
        if self.extensions > EXTENSIONS {
            return Err(Malformed::Chunk);
        }
        let value = |byte: &u8| u64::from(char::from(*byte).to_digit(16).unwrap_or_default());
        Ok(Some(size.iter().fold(0, |size, digit| size << 4 | value(digit))))
    }

    fn trailers(&mut self, input: &mut BytesMut) -> Result<Decoded, Malformed> {
        if input.starts_with(b"\r\n") {
            let _line_end = input.split_to(2);
            return Ok(Decoded::End);
        }
        let from = self.searched.saturating_sub(3);
        let rest = input.get(from..).unwrap_or_default();
        let Some(end) = memchr::memmem::find(rest, b"\r\n\r\n") else {
            self.searched = input.len();
            return if input.len() > TRAILERS { Err(Malformed::TooLarge) } else { Ok(Decoded::More(0)) };
        };
        let section = input.split_to(from + end + 4).freeze();
        Ok(Decoded::Trailers(head::trailers(&section)?))
    }
}

/// Whether a line end stood there; it is taken off.
fn skip_line_end(input: &mut BytesMut) -> Result<bool, Malformed> {
    match (input.first(), input.get(1)) {
        (Some(b'\r'), Some(b'\n')) => {
            let _line_end = input.split_to(2);
            Ok(true)
        }
        (None, _) | (Some(b'\r'), None) => Ok(false),
        (Some(_), _) => Err(Malformed::Chunk),
    }
}

/// Puts a body on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoder {
    /// So many bytes are still to come.
    Known(u64),
    Chunked,
    /// The end of the connection is the end.
    UntilEnd,
}

impl Encoder {
    /// Adds a piece to what is to be written.
    pub(super) fn data<S>(&mut self, data: Bytes, to: &mut Buffered<S>) -> Result<(), WrongLength>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if data.is_empty() {
            return Ok(());
        }
        match self {
            Self::Known(left) => *left = left.checked_sub(data.len() as u64).ok_or(WrongLength)?,
            Self::Chunked => {
                size_line(data.len(), to);
                to.push(data);
                to.push_slice(b"\r\n");
                return Ok(());
            }
            Self::UntilEnd => {}
        }
        to.push(data);
        Ok(())
    }

    /// Adds the end.
    pub(super) fn end<S>(self, trailers: Option<&HeaderMap>, to: &mut Buffered<S>) -> Result<(), WrongLength>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match self {
            Self::Known(0) | Self::UntilEnd => Ok(()),
            Self::Known(_) => Err(WrongLength),
            Self::Chunked => {
                let mut end = b"0\r\n".to_vec();
                if let Some(trailers) = trailers {
                    fields::write(&mut end, trailers, None);
                }
                end.extend_from_slice(b"\r\n");
                to.push_slice(&end);
                Ok(())
            }
        }
    }
}

/// A body is not as long as its head declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WrongLength;

/// `size CRLF`, in upper-case hexadecimal digits.
fn size_line<S: AsyncRead + AsyncWrite + Unpin>(size: usize, to: &mut Buffered<S>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut line = *b"________________\r\n";
    let mut at = 16;
    let mut left = size;
    loop {
        at -= 1;
        let digit = DIGITS.get(left % 16).copied().unwrap_or_default();
        if let Some(place) = line.get_mut(at) {
            *place = digit;
        }
        left /= 16;
        if left == 0 {
            break;
        }
    }
    to.push_slice(line.get(at..).unwrap_or_default());
}
