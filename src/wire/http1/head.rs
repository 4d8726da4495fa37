//! A head's bytes ⇄ the types of `http` (RFC 9112 §2 to §5).

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version, request, response};
use httparse::{EMPTY_HEADER, Header, ParserConfig, Status};

use super::fields::{self, Fields};
use super::framing::Length;
use crate::config;

/// Fields of one head that are read without asking for memory.
const USUAL_FIELDS: usize = 96;
/// Below this a head is judged when it is there: with words of its own.
const LEAST_BYTES: usize = 8 * 1024;
/// As long as hyper's [`Uri`] may be.
const TARGET: usize = 65_534;
/// Fields of one trailer section.
const TRAILER_FIELDS: usize = 64;

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::wire) enum Malformed {
    #[error("the head is not HTTP: {0}")]
    Head(httparse::Error),
    #[error("a field of the head cannot be read")]
    Field,
    #[error("the request target cannot be read")]
    Target,
    #[error("the request target is too long")]
    TargetTooLong,
    #[error("the head is too large")]
    TooLarge,
    #[error("the length of the body is in doubt")]
    Length,
    #[error("a chunk of the body cannot be read")]
    Chunk,
    #[error("the message was cut short")]
    CutShort,
    #[error("there are too many interim answers")]
    Interim,
    #[error("the protocol is switched before the request was there")]
    EarlySwitch,
}

impl Malformed {
    /// What a client that sent it is told, where anything can be told.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooLarge | Self::Head(httparse::Error::TooManyHeaders) => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Self::Head(_)
            | Self::Field
            | Self::Target
            | Self::Length
            | Self::Chunk
            | Self::CutShort
            | Self::Interim
            | Self::EarlySwitch => StatusCode::BAD_REQUEST,
        }
    }
}

/// The reason phrase of an answer that chose its own; in the extensions of its head.
#[derive(Debug, Clone)]
pub(in crate::wire) struct Reason(Bytes);

/// What a head says of its message and its connection, beside its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    pub(super) length: Length,
    /// The connection may carry another message afterwards.
    pub(super) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects: bool,
    /// Trailers are understood.
    pub(super) trailers: bool,
}

/// How far the bytes that wait were tried.
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Up to here no end of a head was found.
    searched: usize,
    /// So many bytes were parsed in vain.
    parsed: usize,
}

/// What a head may take.
#[derive(Debug, Clone, Copy)]
pub(in crate::wire) struct Limits {
    /// Bytes.
    pub(super) bytes: usize,
    /// Fields.
    fields: usize,
}

impl Limits {
    pub(in crate::wire) fn new(limits: &config::Limits) -> Self {
        Self { bytes: limits.header_bytes.max(LEAST_BYTES), fields: limits.max_headers }
    }
}

/// The head of a request at the start of `input`, from which it is taken; `None` = more has to come.
pub(super) fn request(
    input: &mut BytesMut,
    tried: &mut Tried,
    limits: Limits,
) -> Result<Option<(request::Parts, About)>, Malformed> {
    let Some(head) = complete(input, tried, limits, |data| {
        let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(data, &mut fields) {
            // More fields than these may be allowed.
            Err(httparse::Error::TooManyHeaders) => Ok(()),
            parsed => parsed.map(drop),
        }
    })?
    else {
        return Ok(None);
    };
    with_fields(limits.fields, |fields| {
        let mut parsed = httparse::Request::new(&mut []);
        match parsed.parse_with_uninit_headers(&head, fields).map_err(Malformed::Head)? {
            Status::Complete(length) if length == head.len() => from_request(&head, &parsed).map(Some),
            Status::Complete(_) | Status::Partial => Err(Malformed::Field),
        }
    })
}

/// The same of an answer to a request of this `method`.
pub(super) fn response(
    input: &mut BytesMut,
    tried: &mut Tried,
    limits: Limits,
    method: &Method,
) -> Result<Option<(response::Parts, About)>, Malformed> {
    let mut config = ParserConfig::default();
    config.allow_spaces_after_header_name_in_responses(false);
    let Some(head) = complete(input, tried, limits, |data| {
        let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        match config.parse_response_with_uninit_headers(&mut response, data, &mut fields) {
            Err(httparse::Error::TooManyHeaders) => Ok(()),
            parsed => parsed.map(drop),
        }
    })?
    else {
        return Ok(None);
    };
    with_fields(limits.fields, |fields| {
        let mut parsed = httparse::Response::new(&mut []);
        let status = config.parse_response_with_uninit_headers(&mut parsed, &head, fields);
        match status.map_err(Malformed::Head)? {
            Status::Complete(length) if length == head.len() => {
                from_response(&head, &parsed, method).map(Some)
            }
            Status::Complete(_) | Status::Partial => Err(Malformed::Field),
        }
    })
}

/// Trailers (§7.1.2), up to and with the empty line.
pub(super) fn trailers(section: &Bytes) -> Result<HeaderMap, Malformed> {
    let mut fields = [EMPTY_HEADER; TRAILER_FIELDS];
    let parsed = match httparse::parse_headers(section, &mut fields).map_err(Malformed::Head)? {
        Status::Complete((length, parsed)) if length == section.len() => parsed,
        // An empty line without CR ends it for some, and not for others.
        Status::Complete(_) | Status::Partial => return Err(Malformed::Field),
    };
    let mut map = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        map.append(fields::name(field)?, fields::value(section, field)?);
    }
    Ok(map)
}

/// Takes a whole head off `input`. What is no head is found out before its end has come, by `parse`, but not over and
/// over: a head that comes in single bytes is read when it has doubled.
fn complete(
    input: &mut BytesMut,
    tried: &mut Tried,
    limits: Limits,
    parse: impl FnOnce(&[u8]) -> Result<(), httparse::Error>,
) -> Result<Option<Bytes>, Malformed> {
    // §2.2: empty lines before a request are ignored.
    while tried.searched == 0
        && let Some(blank) = blank_line(input)
    {
        input.advance(blank);
    }
    if let Some(end) = end(input, tried.searched) {
        if end > limits.bytes {
            return Err(Malformed::TooLarge);
        }
        *tried = Tried::default();
        return Ok(Some(input.split_to(end).freeze()));
    }
    tried.searched = input.len().saturating_sub(2);
    if !input.is_empty() && input.len() >= 2 * tried.parsed {
        tried.parsed = input.len();
        parse(input).map_err(Malformed::Head)?;
    }
    if input.len() > limits.bytes { Err(Malformed::TooLarge) } else { Ok(None) }
}

fn blank_line(input: &[u8]) -> Option<usize> {
    match input {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Behind the empty line that ends a head. A line may end in a bare LF (§2.2).
fn end(input: &[u8], from: usize) -> Option<usize> {
    let rest = input.get(from..)?;
    memchr::memchr_iter(b'\n', rest).map(|at| from + at + 1).find_map(|next| {
        match (input.get(next), input.get(next + 1)) {
            (Some(b'\n'), _) => Some(next + 1),
            (Some(b'\r'), Some(b'\n')) => Some(next + 2),
            _ => None,
        }
    })
}

/// Room for so many fields.
fn with_fields<'a, T>(count: usize, use_them: impl FnOnce(&mut [MaybeUninit<Header<'a>>]) -> T) -> T {
    if count <= USUAL_FIELDS {
        let mut fields = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
        use_them(fields.get_mut(..count).unwrap_or_default())
    } else {
        use_them(&mut vec![const { MaybeUninit::uninit() }; count])
    }
}

fn from_request(
    head: &Bytes,
    parsed: &httparse::Request<'_, '_>,
) -> Result<(request::Parts, About), Malformed> {
    let target = parsed.path.ok_or(Malformed::Target)?;
    if target.len() > TARGET {
        return Err(Malformed::TargetTooLong);
    }
    let uri =
        Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_unusable| Malformed::Target)?;
    let method = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes());
    let version = version(parsed.version);
    let mut fields = Fields::of(head, parsed.headers)?;
    // §6.1: a request in a coding whose end is not marked has none.
    let length = match (fields.chunked, fields.length) {
        (Some(true), _) if version != Version::HTTP_10 => Length::Chunked,
        (Some(_), _) => return Err(Malformed::Length),
        (None, length) => Length::Known(length.unwrap_or(0)),
    };
    let about = About {
        length,
        // §6.1: whoever sent both may have meant the other one.
        keep_alive: fields.keep_alive(version) && !(fields.chunked.is_some() && fields.length.is_some()),
        expects: fields.expects && version == Version::HTTP_11,
        trailers: fields.trailers,
    };
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method.map_err(|_unusable| Malformed::Field)?;
    parts.uri = uri;
    parts.version = version;
    fields.spell(&mut parts.extensions);
    parts.headers = fields.map;
    Ok((parts, about))
}

fn from_response(
    head: &Bytes,
    parsed: &httparse::Response<'_, '_>,
    method: &Method,
) -> Result<(response::Parts, About), Malformed> {
    let status =
        StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|_unusable| Malformed::Field)?;
    let version = version(parsed.version);
    let mut fields = Fields::of(head, parsed.headers)?;
    let is_bodyless = *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = match (fields.chunked, fields.length) {
        _ if is_bodyless => Length::Known(0),
        (Some(true), _) => Length::Chunked,
        (Some(false), _) | (None, None) => Length::UntilEnd,
        (None, Some(length)) => Length::Known(length),
    };
    // Whoever sent both may have meant the other one (§6.1); what knows no chunks, and what can have no body, either.
    let is_doubtful = match (fields.chunked, fields.length) {
        (Some(_), length) => {
            length.is_some() || version == Version::HTTP_10 || status == StatusCode::NO_CONTENT
        }
        (None, length) => status == StatusCode::NO_CONTENT && length.unwrap_or(0) > 0,
    };
    let about = About {
        length,
        keep_alive: fields.keep_alive(version) && length != Length::UntilEnd && !is_doubtful,
        expects: false,
        trailers: fields.trailers,
    };
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.version = version;
    let reason = parsed.reason.unwrap_or_default();
    if reason != status.canonical_reason().unwrap_or_default() {
        parts.extensions.insert(Reason(head.slice_ref(reason.as_bytes())));
    }
    fields.spell(&mut parts.extensions);
    parts.headers = fields.map;
    Ok((parts, about))
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 }
}

/// `method SP target SP HTTP/1.1 CRLF` and the fields.
pub(super) fn write_request(to: &mut Vec<u8>, head: &request::Parts) {
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    to.reserve(fields::size(&head.headers) + target.len() + 128);
    to.extend_from_slice(head.method.as_str().as_bytes());
    to.push(b' ');
    to.extend_from_slice(target.as_bytes());
    to.extend_from_slice(b" HTTP/1.1\r\n");
    fields::write(to, &head.headers, head.extensions.get());
}

/// `version SP status SP reason CRLF` and the fields.
pub(super) fn write_response(to: &mut Vec<u8>, head: &response::Parts) {
    to.reserve(fields::size(&head.headers) + 128);
    to.extend_from_slice(if head.version == Version::HTTP_10 { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
    to.extend_from_slice(head.status.as_str().as_bytes());
    to.push(b' ');
    match head.extensions.get::<Reason>() {
        Some(Reason(reason)) => to.extend_from_slice(reason),
        None => to.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    to.extend_from_slice(b"\r\n");
    fields::write(to, &head.headers, head.extensions.get());
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 8 * 1024, fields: 100 };

    /// What is made of pieces of a head, and of what stands behind it.
    fn read<T: Debug>(
        bytes: &[u8],
        sizes: &[usize],
        read: impl Fn(&mut BytesMut, &mut Tried) -> Result<Option<T>, Malformed>,
    ) -> Result<Option<(String, Vec<u8>)>, Malformed> {
        let (mut input, mut tried, mut rest) = (BytesMut::new(), Tried::default(), bytes);
        for size in sizes.iter().copied().chain([bytes.len()]) {
            let (piece, later) = rest.split_at(rest.len().min(size));
            input.extend_from_slice(piece);
            rest = later;
            if input.is_empty() {
                continue;
            }
            if let Some(head) = read(&mut input, &mut tried)? {
                input.extend_from_slice(rest);
                return Ok(Some((format!("{head:?}"), input.to_vec())));
            }
        }
        Ok(None)
    }

    fn of_client(input: &mut BytesMut, tried: &mut Tried) -> Result<Option<impl Debug + use<>>, Malformed> {
        request(input, tried, LIMITS)
    }

    fn of_server(input: &mut BytesMut, tried: &mut Tried) -> Result<Option<impl Debug + use<>>, Malformed> {
        response(input, tried, LIMITS, &Method::GET)
    }

    /// Something like a head, which ends.
    fn head() -> impl Strategy<Value = Vec<u8>> {
        let start =
            ["GET / HTTP/1.1\r\n", "\r\nPOST /a?b HTTP/1.0\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.0 204\n", ""];
        let whole = [
            "host: a\r\n",
            "Content-Length: 5\r\n",
            "transfer-encoding: chunked\r\n",
            "x:\r\n",
            "x: 1\n",
            "connection: close\r\n",
            "x: \t\u{e9} 1 \r\n",
            "content-length: 5, 5\r\n",
        ];
        let torn = ["\r", "\n", " ", ":", "\0", "x", "\r\n 1", "content-length: +5\r\n", "\r\n\r\n", "\n\n"];
        let part =
            prop_oneof![6 => prop::sample::select(whole.to_vec()), 1 => prop::sample::select(torn.to_vec())];
        let parts = prop::collection::vec(part, 0..10);
        (prop::sample::select(start.to_vec()), parts)
            .prop_map(|(start, parts)| format!("{start}{}\r\n\r\nbehind", parts.concat()).into_bytes())
    }

    proptest! {
        #[test]
        fn a_head_is_the_same_however_it_is_cut(
            bytes in head(),
            sizes in prop::collection::vec(0_usize..9, 0..60),
        ) {
            let (whole, cut) = (read(&bytes, &[], of_client), read(&bytes, &sizes, of_client));
            prop_assert_eq!(whole.is_err(), cut.is_err());
            if whole.is_ok() {
                prop_assert_eq!(whole, cut);
            }
            let (whole, cut) = (read(&bytes, &[], of_server), read(&bytes, &sizes, of_server));
            prop_assert_eq!(whole.is_err(), cut.is_err());
            if whole.is_ok() {
                prop_assert_eq!(whole, cut);
            }
        }

        #[test]
        fn any_bytes_leave_it_without_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            sizes in prop::collection::vec(0_usize..50, 0..9),
        ) {
            let _whatever = read(&bytes, &sizes, of_client);
            let _whatever = read(&bytes, &sizes, of_server);
            let _whatever = trailers(&Bytes::from(bytes));
        }

        #[test]
        fn what_is_written_is_read_as_it_was(bytes in head()) {
            let mut input = BytesMut::from(&*bytes);
            if let Ok(Some((first, about))) = request(&mut input, &mut Tried::default(), LIMITS) {
                let mut written = Vec::new();
                write_request(&mut written, &first);
                written.extend_from_slice(b"\r\n");
                let mut input = BytesMut::from(&*written);
                let again = request(&mut input, &mut Tried::default(), LIMITS);
                let Ok(Some((second, again))) = again else { panic!("not read again: {written:?}") };
                prop_assert_eq!(&first.method, &second.method);
                prop_assert_eq!(&first.headers, &second.headers);
                if first.version == second.version {
                    prop_assert_eq!(about.length, again.length);
                }
                prop_assert!(input.is_empty());
            }
        }
    }

    #[test]
    fn single_bytes_are_not_read_over_and_over() {
        let bytes = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(4000)).into_bytes();
        let (mut input, mut tried, mut parsed) = (BytesMut::new(), Tried::default(), 0);
        for (at, byte) in bytes.iter().enumerate() {
            input.extend_from_slice(&[*byte]);
            let head = complete(&mut input, &mut tried, LIMITS, |data| {
                parsed += data.len();
                Ok(())
            });
            assert_eq!(head.unwrap().is_some(), at + 1 == bytes.len());
        }
        assert!(parsed < 2 * bytes.len(), "{parsed} bytes were parsed");
    }

    #[test]
    fn more_fields_than_a_map_may_hold_are_too_many() {
        let limits = Limits { bytes: 1 << 20, fields: 100_000 };
        let head = format!("GET / HTTP/1.1\r\n{}\r\n", "a:\r\n".repeat(40_000));
        let read = request(&mut BytesMut::from(&*head), &mut Tried::default(), limits);
        assert_eq!(read.err(), Some(Malformed::TooLarge));
    }

    #[test]
    fn trailers_end_where_all_agree() {
        assert_eq!(trailers(&Bytes::from_static(b"x: 1\r\n\r\n")).unwrap()["x"], "1");
        for section in ["x: 1\n\ny: 2\r\n\r\n", "\nx: 1\r\n\r\n", "x: 1\r\n"] {
            assert_eq!(trailers(&Bytes::from(section)).err(), Some(Malformed::Field), "{section:?}");
        }
    }
}
