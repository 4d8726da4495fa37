//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use http::HeaderMap;

use super::mount::Mount;

pub fn rewrite(fields: HeaderMap, _mount: &Mount, _public_origin: &str) -> HeaderMap {
    fields
}
