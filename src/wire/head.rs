//! What heads say.

use http::{HeaderMap, HeaderValue, Method, Version, header, request};

use super::error::Error;
use super::request_body::RequestBodyError;
use crate::config::Limits;

/// The name the client dialled: `:authority` or an absolute target's, else `Host`.
pub(super) fn host(head: &request::Parts) -> Option<&str> {
    let named = head.uri.authority().map(http::uri::Authority::as_str);
    named.or_else(|| head.headers.get(header::HOST)?.to_str().ok())
}

/// Whether a request can be carried at all.
pub(super) fn validate(head: &request::Parts, limits: &Limits) -> Result<(), Error> {
    if head.method == Method::CONNECT {
        return Err(Error::BadRequest("CONNECT is not served here"));
    }
    if head.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Error::BadRequest("more than one Host"));
    }
    if size(head) > limits.header_bytes {
        return Err(Error::HeadTooLarge { limit: limits.header_bytes });
    }
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    match (limits.request_body, length) {
        (Some(limit), Some(length)) if limit < length => Err(RequestBodyError::TooLarge { limit }.into()),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// About as many bytes as the head had on the wire: `name: value\r\n` for each field.
fn size(head: &request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(1, |path| path.as_str().len());
    let fields = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    target + fields.sum::<usize>()
}

/// Whether the client asks for another protocol on this connection. `h2c` is not granted: RFC 9113 took it back, a
/// server may ignore it, and what followed could not be observed.
pub(super) fn asks_upgrade(head: &request::Parts) -> bool {
    let protocols = head.headers.get_all(header::UPGRADE);
    head.version == Version::HTTP_11
        && protocols.iter().next().is_some()
        && !protocols.iter().any(|value| has_token(value, "h2c"))
        && head.headers.get_all(header::CONNECTION).iter().any(|value| has_token(value, "upgrade"))
}

/// Whether `Accept` names event streams.
pub(super) fn accepts_events(fields: &HeaderMap) -> bool {
    fields.get_all(header::ACCEPT).iter().any(|value| has_token(value, "text/event-stream"))
}

/// Whether the body is an event stream.
pub(super) fn is_event_stream(fields: &HeaderMap) -> bool {
    fields.get(header::CONTENT_TYPE).is_some_and(|value| has_token(value, "text/event-stream"))
}

/// Whether a comma-separated list holds `token`, parameters and case apart.
fn has_token(value: &HeaderValue, token: &str) -> bool {
    let name = |item: &[u8]| {
        let end = item.iter().position(|byte| *byte == b';').unwrap_or(item.len());
        item.get(..end).unwrap_or_default().trim_ascii().eq_ignore_ascii_case(token.as_bytes())
    };
    value.as_bytes().split(|byte| *byte == b',').any(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_compared_without_parameters_or_case() {
        let fields = |name, value| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert!(is_event_stream(&fields(header::CONTENT_TYPE, "Text/Event-Stream; charset=utf-8")));
        assert!(!is_event_stream(&fields(header::CONTENT_TYPE, "text/event-streams")));
        assert!(accepts_events(&fields(header::ACCEPT, "application/json, text/event-stream;q=0.5")));
        assert!(!accepts_events(&fields(header::ACCEPT, "*/*")));
    }
}
