//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

pub fn reply(
    status: StatusCode,
    kind: &'static str,
    message: &str,
    held: Option<&[u8]>,
    retry_after: Option<u32>,
) -> Response<Bytes> {
    let id = held
        .and_then(|held| serde_json::from_slice::<serde_json::Value>(held).ok())
        .and_then(|value| value.get("id").cloned())
        .unwrap_or_default();
    let error = serde_json::json!({ "code": -32000, "message": message });
    let body = serde_json::json!({ "jsonrpc": "2.0", "error": error, "id": id });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert("x-sightglass-error", HeaderValue::from_static(kind));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
