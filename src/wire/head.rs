//! What heads say.

use http::{HeaderMap, Method, Version, header, request};

use super::error::Error;
use super::request_body::RequestBodyError;
use crate::config::Limits;
use crate::rewrite::hop;
use crate::rewrite::media::{Media, media};

/// The name the client dialled: `:authority` or an absolute target's, else `Host`.
pub(super) fn host(head: &request::Parts) -> Option<&str> {
    dialled(head).or_else(|| head.headers.get(header::HOST)?.to_str().ok())
}

/// Every name the client gave for what it dialled; one that cannot be read is empty.
pub(super) fn hosts(head: &request::Parts) -> impl Iterator<Item = &str> {
    let fields = head.headers.get_all(header::HOST).into_iter();
    dialled(head).into_iter().chain(fields.map(|host| host.to_str().unwrap_or_default()))
}

/// `:authority` or an absolute target's, without a user.
fn dialled(head: &request::Parts) -> Option<&str> {
    let authority = head.uri.authority()?.as_str();
    let after_user = authority.rfind('@').map_or(0, |at| at + 1);
    authority.get(after_user..)
}

/// Whether a request can be carried at all.
pub(super) fn validate(head: &request::Parts, limits: &Limits) -> Result<(), Error> {
    if head.method == Method::CONNECT {
        return Err(Error::BadRequest("CONNECT is not served here"));
    }
    if head.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Error::BadRequest("more than one Host"));
    }
    if head.version == Version::HTTP_11 && host(head).is_none() {
        // RFC 9112 §3.2.
        return Err(Error::BadRequest("no Host"));
    }
    if hop::is_in_another_coding(&head.headers) {
        return Err(Error::BadRequest("a transfer coding beside chunked"));
    }
    if head.version == Version::HTTP_2 && !agree(head) {
        // RFC 9113 §8.3.1. On HTTP/1 an absolute target wins, as RFC 9112 §3.2.2 has it.
        return Err(Error::BadRequest("Host and :authority differ"));
    }
    if size(head) > limits.header_bytes {
        return Err(Error::HeadTooLarge { limit: limits.header_bytes });
    }
    let length =
        head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match (limits.request_body, length) {
        (Some(limit), Some(length)) if limit < length => Err(RequestBodyError::TooLarge { limit }.into()),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Whether all names given for what was dialled are the same.
fn agree(head: &request::Parts) -> bool {
    let first = host(head).unwrap_or_default();
    hosts(head).all(|host| host.eq_ignore_ascii_case(first))
}

/// About as many bytes as the head had on the wire: `name: value\r\n` for each field.
fn size(head: &request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(1, |path| path.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + fields.sum::<usize>()
}

/// Whether a reply of our own, or the trace context, would need what stands in the body of this request.
pub(super) fn may_be_json_rpc(head: &request::Parts) -> bool {
    head.method == Method::POST && media(&head.headers) == Media::Json
}

/// Whether the body is an event stream.
pub(super) fn is_event_stream(fields: &HeaderMap) -> bool {
    media(fields) == Media::EventStream
}
