//! Replies that the proxy makes itself.
//!
//! # Why
//!
//! A JSON-RPC client that waits for an id must get that id back, byte for byte: `9007199254740993` is not
//! `9007199254740992`. The codes are JSON-RPC's own, -32603 (internal error) for a 5xx and -32600 (invalid request)
//! for a 4xx: the range from -32000 on is full of meanings that SDKs act upon (-32001 session not found, -32002
//! resource not found, -32020…-32022 the modern era, -32042 an elicitation), and whose fault it was stands in
//! `data.sightglass` and `X-Sightglass-Error`.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use crate::mcp;

const ERROR_KIND: HeaderName = HeaderName::from_static("x-sightglass-error");

/// What the request said, as far as it was read.
#[derive(Debug, Clone, Copy)]
pub enum Said<'a> {
    /// By its media type it can be no JSON-RPC.
    NoJson,
    /// It may be JSON-RPC by its media type; nothing of it was read.
    Unread,
    /// What was held of it.
    Held(&'a [u8]),
}

/// A reply of our own. `kind` is one of the kinds of `X-Sightglass-Error` (`interface.md`), `message` a sentence for
/// people, `said` what is known of the request body, `retry_after` seconds.
///
/// A JSON-RPC request is answered by a JSON-RPC error with its id, or `null` where that could not be read; anything
/// else by `{"error":kind,"message":message}`.
pub fn reply(
    status: StatusCode,
    kind: &'static str,
    message: &str,
    said: Said<'_>,
    retry_after: Option<u32>,
) -> Response<Bytes> {
    let body = Bytes::from(body(status, kind, message, said));
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert(ERROR_KIND, HeaderValue::from_static(kind));
    if let Some(seconds) = retry_after {
        fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn body(status: StatusCode, kind: &str, message: &str, said: Said<'_>) -> String {
    let (kind, message) = (mcp::quoted(kind), mcp::quoted(message));
    let Some(id) = answerable(said) else {
        return format!(r#"{{"error":{kind},"message":{message}}}"#);
    };
    let code = if status.is_server_error() { -32603 } else { -32600 };
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message},"data":{{"sightglass":{kind}}}}}}}"#
    )
}

/// The id to answer with, where the request was JSON-RPC.
fn answerable(said: Said<'_>) -> Option<&str> {
    let held = match said {
        Said::NoJson => return None,
        Said::Unread => return Some("null"),
        Said::Held(held) => held,
    };
    if let Some(id) = mcp::request_id(held).and_then(|id| std::str::from_utf8(id).ok()) {
        return Some(id);
    }
    // A batch, a notification, or a body that was not held to its end.
    let begins = held.trim_ascii_start().first().is_some_and(|first| b"{[".contains(first));
    (begins && held.windows(JSONRPC_KEY.len()).any(|window| window == JSONRPC_KEY)).then_some("null")
}

const JSONRPC_KEY: &[u8] = b"\"jsonrpc\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: StatusCode, said: Said<'_>) -> String {
        let response = reply(status, "no_route", "Nothing \"here\"", said, None);
        String::from_utf8(response.into_body().to_vec()).unwrap()
    }

    fn id(held: &[u8]) -> String {
        let text = text(StatusCode::BAD_GATEWAY, Said::Held(held));
        let rest = text.strip_prefix(r#"{"jsonrpc":"2.0","id":"#).unwrap();
        rest.strip_suffix(
            r#","error":{"code":-32603,"message":"Nothing \"here\"","data":{"sightglass":"no_route"}}}"#,
        )
        .unwrap()
        .to_owned()
    }

    #[test]
    fn a_json_rpc_request_gets_its_id_back_byte_for_byte() {
        for expected in ["1", "1.0", "-7", "9007199254740993123", "1e3", r#""\u0061""#, r#""1""#, "null"] {
            let held = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{expected} }}"#);
            assert_eq!(id(held.as_bytes()), expected);
        }
    }

    #[test]
    fn an_unreadable_id_is_null() {
        for held in [
            br#"{"jsonrpc":"2.0","method":"x"}"#.as_slice(),
            br#"{"jsonrpc":"2.0","id":{"a":1}}"#,
            br#"{"jsonrpc":"2.0","id":[1]}"#,
            br#"{"method":"x","params":{},"jsonrpc":"2.0","i"#,
            br#" [{"jsonrpc":"2.0","id":1}]"#,
        ] {
            assert_eq!(id(held), "null");
        }
    }

    #[test]
    fn other_requests_get_a_short_object() {
        let short = r#"{"error":"no_route","message":"Nothing \"here\""}"#;
        let bodies = [b"".as_slice(), br#"{"client_name":"x"}"#, b"a=b", b"\xff{"];
        for said in bodies.map(Said::Held).into_iter().chain([Said::NoJson]) {
            assert_eq!(text(StatusCode::NOT_FOUND, said), short);
        }
    }

    #[test]
    fn what_was_not_read_is_answered_without_an_id() {
        assert!(text(StatusCode::FORBIDDEN, Said::Unread).contains(r#""id":null,"error":{"code":-32600"#));
    }

    #[test]
    fn the_fields_say_what_it_is() {
        let said = Said::Held(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
        let response = reply(StatusCode::SERVICE_UNAVAILABLE, "limit", "Full", said, Some(2));
        assert_eq!(response.status(), 503);
        let fields = response.headers();
        assert_eq!(fields.get("x-sightglass-error").unwrap(), "limit");
        assert_eq!(fields.get("content-type").unwrap(), "application/json");
        assert_eq!(fields.get("retry-after").unwrap(), "2");
        assert_eq!(fields.get("content-length").unwrap(), &response.body().len().to_string());
        assert!(text(StatusCode::NOT_FOUND, said).contains("-32600"));
    }

    #[test]
    fn a_deep_body_is_no_danger() {
        let held = format!(
            r#"{{"jsonrpc":"2.0","method":"x","id":3,"params":{}{}}}"#,
            "[".repeat(30_000),
            "]".repeat(30_000)
        );
        assert_eq!(id(held.as_bytes()), "3");
    }
}
