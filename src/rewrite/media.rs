//! What a body holds, by its head.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

pub use crate::mcp::Media;

/// What the body under these fields holds.
pub fn media(fields: &HeaderMap) -> Media {
    Media::of(fields.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes))
}
