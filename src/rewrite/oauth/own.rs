//! What the proxy itself says of how to authenticate, where it judges the tokens of a server (`server.auth`).
//!
//! # Why
//!
//! The client may be a page in a browser, which reads nothing of another origin unless that allows it, and whose own field
//! (`MCP-Protocol-Version`) makes it ask first. None of this is a secret, so any page may read it.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The answer to a request for `document`, the metadata of a protected resource (RFC 9728 §3.2).
pub fn description(method: &Method, document: &str) -> Response<Bytes> {
    let is_asked_for = matches!(*method, Method::GET | Method::HEAD);
    let mut answer =
        Response::new(if *method == Method::GET { Bytes::from(document.to_owned()) } else { Bytes::new() });
    let fields = answer.headers_mut();
    fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    if is_asked_for {
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        fields.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
        // It changes with a reload, and by what was dialled.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    } else if *method == Method::OPTIONS {
        fields.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        fields.insert(ACCESS_CONTROL_ALLOW_HEADERS, ANY);
        *answer.status_mut() = StatusCode::NO_CONTENT;
    } else {
        fields.insert(ALLOW, METHODS);
        *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    }
    answer
}

/// Adds to a refusal what tells how to authenticate, a page in a browser too.
pub fn challenge(fields: &mut HeaderMap, challenge: HeaderValue) {
    fields.insert(WWW_AUTHENTICATE, challenge);
    fields.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    fields.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("www-authenticate"));
}
