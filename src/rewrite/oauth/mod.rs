//! Challenges and the metadata of the protected resource name this proxy (`server.rewrite_oauth`; `protocol.md` §6).
//!
//! # Why
//!
//! Clients check that the `resource` of the metadata is what they dialled, some of them exactly, and give up where it is
//! not. So what a server says of its own address is put right in three places: the parameter `resource_metadata` of its
//! challenges, the member `resource` of the metadata that it leads to, and the same challenges where they stand in the
//! result of a tool (`mcp/www_authenticate`). Everything else keeps its bytes. `authorization_servers` does too: an issuer
//! has to be the URL that its own metadata was found by (RFC 8414 §3.3), so clients go there directly.

mod challenge;
mod metadata;
mod own;
mod result;

use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, ETAG, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, response};

pub use metadata::rewrite as metadata;
pub use own::{challenge, description};
pub use result::{ChallengeBody, rewrite as result};

use super::endpoint::{self, is_plain};
use super::media::{Media, media};
use super::mount::{self, Mount};
use super::path::split_query;

/// A body of known length that may have to change is held up to so many bytes; what is longer passes as it is.
pub const HELD_BYTES_MAX: usize = 256 * 1024;

/// What an answer's body may hold that has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The metadata of the protected resource: to be held, and given to [`metadata`].
    Metadata,
    /// The metadata's head alone.
    MetadataHead,
    /// The result of a tool, of known length: to be held, and given to [`result`].
    Result,
    /// Results in a body of unknown length: to be wrapped in a [`ChallengeBody`].
    Results,
}

/// Whether `identity` has to be asked for: of metadata, and of what may hold the result of a tool.
pub fn may_apply(method: &Method, fields: &HeaderMap, request_path: &str) -> bool {
    is_metadata(request_path) || *method == Method::POST || endpoint::may_apply(method, fields)
}

/// What the answer to a request for `request_path` (on the server) may hold.
pub fn holds(method: &Method, request_path: &str, head: &response::Parts) -> Option<Holds> {
    if head.status == StatusCode::OK && is_metadata(request_path) {
        return match *method {
            Method::GET => Some(Holds::Metadata),
            Method::HEAD => Some(Holds::MetadataHead),
            _ => None,
        };
    }
    if !head.status.is_success() {
        return None;
    }
    let may_stream = matches!(*method, Method::GET | Method::POST);
    match media(&head.headers) {
        Media::Json if *method == Method::POST && head.headers.contains_key(CONTENT_LENGTH) => {
            Some(Holds::Result)
        }
        Media::Json if *method == Method::POST => Some(Holds::Results),
        Media::EventStream if may_stream => Some(Holds::Results),
        Media::Json | Media::EventStream | Media::Other => None,
    }
}

/// Whether the body came in a content coding: it passes as it is.
pub fn is_encoded(head: &response::Parts) -> bool {
    !is_plain(&head.headers)
}

/// Puts the challenges in `fields` right.
pub fn challenges(fields: &mut HeaderMap, mount: &Mount, public_origin: &str) {
    if !fields.contains_key(WWW_AUTHENTICATE) {
        return;
    }
    for (name, value) in fields {
        if *name != WWW_AUTHENTICATE {
            continue;
        }
        let replaced = challenge::rewrite(value.as_bytes(), mount, public_origin);
        if let Some(replaced) = replaced.and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()) {
            *value = replaced;
        }
    }
}

/// Makes of a changed body's head what is true of it: its length where one was said, and no digest. An `ETag` is weak
/// from here on: what the server sees of it still says whether the document is the same.
pub fn changed(fields: &mut HeaderMap, length: Option<usize>) {
    let said_length = fields.remove(CONTENT_LENGTH).is_some();
    if let Some(length) = length.filter(|_| said_length) {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    for name in ["content-md5", "digest", "content-digest", "repr-digest"] {
        fields.remove(name);
    }
    fields.remove(ACCEPT_RANGES);
    let weak = fields.get(ETAG).and_then(|tag| {
        let tag = tag.as_bytes();
        let is_strong = !tag.starts_with(b"W/");
        is_strong.then(|| HeaderValue::from_bytes(&[b"W/", tag].concat()).ok())?
    });
    if let Some(weak) = weak {
        fields.insert(ETAG, weak);
    }
}

fn is_metadata(path_and_query: &str) -> bool {
    mount::resource_metadata(split_query(path_and_query).0).is_some()
}
