//! Redirects to the server's origin are mapped back to here (`rewrite.location`).

use http::header::{CONTENT_LOCATION, HeaderMap, HeaderValue, LOCATION};

use super::mount::Mount;
use super::reference;

/// Response fields with `Location` and `Content-Location` as a client at `public_origin` (`scheme://authority`, from
/// [`super::forwarded::public_origin`]; empty when unknown) must read them. `request_path` is the path and query the
/// server was asked for, which relative references build upon.
///
/// What names the server's origin, also with `http` for `https`, names this proxy afterwards; what names the public
/// origin with the server's own paths likewise. Path-absolute references move under the mount; relative ones change
/// only where they would lead elsewhere. All other values, and the order of fields, keep their bytes.
pub fn rewrite(fields: HeaderMap, mount: &Mount, request_path: &str, public_origin: &str) -> HeaderMap {
    let mut fields = fields;
    for (name, value) in &mut fields {
        if *name != LOCATION && *name != CONTENT_LOCATION {
            continue;
        }
        if let Some(public) = public_value(value, mount, request_path, public_origin) {
            *value = public;
        }
    }
    fields
}

fn public_value(
    value: &HeaderValue,
    mount: &Mount,
    request_path: &str,
    public_origin: &str,
) -> Option<HeaderValue> {
    let reference = std::str::from_utf8(value.as_bytes()).ok()?;
    let mapped = reference::map(reference, mount, request_path, public_origin)?;
    let origin = if mapped.absolute { public_origin } else { "" };
    if origin.is_empty() && mapped.path_and_query.starts_with("//") {
        return None;
    }
    HeaderValue::try_from(format!("{origin}{}{}", mapped.path_and_query, mapped.fragment)).ok()
}
