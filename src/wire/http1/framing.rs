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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    use super::*;

    /// What is made of these pieces: the body, its trailers, and what stands behind; `None` where it does not end.
    type Read = Result<Option<(Vec<u8>, Option<HeaderMap>, Vec<u8>)>, Malformed>;

    fn read<'a>(length: Length, pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut decoder = Decoder::new(length);
        let (mut input, mut body, mut trailers) = (BytesMut::new(), Vec::new(), None);
        for piece in pieces {
            input.extend_from_slice(piece);
            while !decoder.is_done() {
                match decoder.decode(&mut input) {
                    Ok(Decoded::Data(data)) => body.extend_from_slice(&data),
                    Ok(Decoded::Trailers(map)) => trailers = Some(map),
                    Ok(Decoded::More(_)) => break,
                    Ok(Decoded::End) => {}
                    Err(malformed) => {
                        input.extend_from_slice(b"0\r\n\r\n");
                        assert_eq!(decoder.decode(&mut input).unwrap_err(), malformed, "read on");
                        assert!(decoder.end().is_err());
                        return Err(malformed);
                    }
                }
            }
        }
        if !decoder.is_done() && decoder.end().is_err() {
            return Ok(None);
        }
        Ok(Some((body, trailers, input.to_vec())))
    }

    /// `bytes` cut at these places.
    fn cut<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        for size in sizes {
            let (piece, rest) = bytes.split_at(bytes.len().min(*size));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }

    /// What `write` makes of it.
    fn written(write: impl FnOnce(&mut Buffered<DuplexStream>)) -> Vec<u8> {
        let (ours, mut theirs) = duplex(1 << 20);
        let mut context = Context::from_waker(Waker::noop());
        let mut io = Buffered::new(ours);
        write(&mut io);
        assert!(io.poll_flush(&mut context).is_ready());
        drop(io);
        let mut bytes = Vec::new();
        assert!(matches!(pin!(theirs.read_to_end(&mut bytes)).poll(&mut context), Poll::Ready(Ok(_))));
        bytes
    }

    /// Something like chunks.
    fn chunks() -> impl Strategy<Value = Vec<u8>> {
        let whole =
            ["5\r\nhello\r\n", "0\r\n", "x: 1\r\n", "\r\n", "1;a\r\nb\r\n", "00\r\n\r\n", "2 \r\nok\r\n"];
        let torn = ["5", "a", ";", "\r", "\n", "\r\n", "0", "ffffffffffffffff\r\n", "\n\n", ":"];
        let part =
            prop_oneof![4 => prop::sample::select(whole.to_vec()), 1 => prop::sample::select(torn.to_vec())];
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat().into_bytes())
    }

    proptest! {
        #[test]
        fn chunks_are_the_same_however_they_are_cut(
            bytes in chunks(),
            sizes in prop::collection::vec(0_usize..7, 0..40),
        ) {
            let whole = read(Length::Chunked, [&*bytes]);
            let in_pieces = read(Length::Chunked, cut(&bytes, &sizes));
            prop_assert_eq!(whole.is_err(), in_pieces.is_err());
            if whole.is_ok() {
                prop_assert_eq!(whole, in_pieces);
            }
        }

        #[test]
        fn any_bytes_leave_it_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            length in prop_oneof![
                any::<u64>().prop_map(Length::Known),
                Just(Length::Chunked),
                Just(Length::UntilEnd),
            ],
        ) {
            let _whatever = read(length, [&*bytes]);
        }

        #[test]
        fn what_is_written_in_chunks_is_read_as_it_was(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6000), 0..6),
            has_trailers in any::<bool>(),
            sizes in prop::collection::vec(0_usize..3000, 0..10),
        ) {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "1".parse().unwrap());
            let bytes = written(|io| {
                let mut encoder = Encoder::Chunked;
                for piece in &pieces {
                    encoder.data(piece.clone().into(), io).unwrap();
                }
                encoder.end(has_trailers.then_some(&trailers), io).unwrap();
                io.push_slice(b"behind");
            });
            let expected = (pieces.concat(), has_trailers.then_some(trailers), b"behind".to_vec());
            prop_assert_eq!(read(Length::Chunked, cut(&bytes, &sizes)), Ok(Some(expected)));
        }
    }

    #[test]
    fn a_known_length_ends_where_it_says() {
        let read = |length, bytes: &[u8]| read(Length::Known(length), [bytes]);
        assert_eq!(read(2, b"okGET"), Ok(Some((b"ok".to_vec(), None, b"GET".to_vec()))));
        assert_eq!(read(0, b"GET"), Ok(Some((Vec::new(), None, b"GET".to_vec()))));
        assert_eq!(read(u64::MAX, b"ok"), Ok(None));
    }

    #[test]
    fn the_largest_chunk_is_no_overflow() {
        let mut decoder = Decoder::new(Length::Chunked);
        let mut input = BytesMut::from(&b"ffffffffffffffff\r\nok"[..]);
        assert!(matches!(decoder.decode(&mut input), Ok(Decoded::Data(data)) if data == "ok"));
        assert!(matches!(decoder.decode(&mut input), Ok(Decoded::More(_))));
        assert_eq!(read(Length::Chunked, [&b"10000000000000000\r\n"[..]]), Err(Malformed::Chunk));
    }

    #[test]
    fn a_body_is_as_long_as_its_head_declared_or_breaks() {
        let bytes = written(|io| {
            let mut encoder = Encoder::Known(3);
            assert_eq!(encoder.end(None, io), Err(WrongLength));
            assert_eq!(encoder.data(Bytes::from_static(b"four"), io), Err(WrongLength));
            assert_eq!(encoder.data(Bytes::from_static(b"abc"), io), Ok(()));
            assert_eq!(encoder.end(None, io), Ok(()));
            assert_eq!(encoder.data(Bytes::from_static(b"d"), io), Err(WrongLength));
        });
        assert_eq!(bytes, b"abc");
    }
}
