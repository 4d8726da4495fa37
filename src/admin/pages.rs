//! What the operator can ask for.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request};
use http_body_util::Full;

use super::{debug, sessions};
use crate::export::{Prometheus, to_openmetrics};
use crate::observe::Observer;
use crate::shutdown::Shutdown;

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// Everything that the pages show.
pub(super) struct Pages {
    prometheus: Arc<Prometheus>,
    observer: Observer,
    shutdown: Shutdown,
    /// Only this machine can ask.
    is_local: bool,
}

impl Pages {
    pub(super) fn new(
        prometheus: Arc<Prometheus>,
        observer: Observer,
        shutdown: Shutdown,
        is_local: bool,
    ) -> Self {
        Self { prometheus, observer, shutdown, is_local }
    }

    /// The answer to one request. Numbers and health are for whoever may connect, to be looked at only; the rest is for
    /// who is at the machine.
    pub(super) async fn answer(&self, request: &request::Parts) -> Response<Full<Bytes>> {
        let path = request.uri.path();
        if !self.is_local && !is_for_everybody(path) {
            return debug::only_here();
        }
        if path.starts_with("/api/")
            && let Some(refusal) = debug::other_machine(request)
        {
            return refusal;
        }
        if let Some(session) = path.strip_prefix(debug::SESSIONS) {
            return debug::answer(&self.observer, session, request);
        }
        self.look(request).await
    }

    /// What can only be looked at: by `GET` and `HEAD`.
    async fn look(&self, request: &request::Parts) -> Response<Full<Bytes>> {
        if request.method != Method::GET && request.method != Method::HEAD {
            let mut refusal =
                page(StatusCode::METHOD_NOT_ALLOWED, JSON, r#"{"error":"only GET is known here"}"#);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        match request.uri.path() {
            "/metrics" => self.metrics(&request.headers).await,
            "/api/sessions" => sessions::answer(&self.observer, request.uri.query().unwrap_or_default()),
            "/health" => page(StatusCode::OK, JSON, r#"{"status":"alive"}"#),
            "/health/ready" => self.ready(),
            _ => page(
                StatusCode::NOT_FOUND,
                JSON,
                r#"{"error":"not found","known":["/metrics","/health","/health/ready","/api/sessions","/api/debug/sessions/{hash}"]}"#,
            ),
        }
    }

    async fn metrics(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let (prometheus, observer) = (Arc::clone(&self.prometheus), self.observer.clone());
        let openmetrics = accepts(headers, &ACCEPT, "application/openmetrics-text");
        let gzip = accepts(headers, &ACCEPT_ENCODING, "gzip");
        // Rendering takes milliseconds of one core: not on a thread that carries traffic.
        let rendered = tokio::task::spawn_blocking(move || {
            observer.catch_up();
            let page = prometheus.page(observer.usage());
            let page = if openmetrics { to_openmetrics(&page, prometheus.exemplars()) } else { page };
            if gzip { gzipped(page.as_bytes()).map(Bytes::from) } else { Ok(Bytes::from(page)) }
        });
        let Ok(Ok(body)) = rendered.await else {
            return page(
                StatusCode::INTERNAL_SERVER_ERROR,
                JSON,
                r#"{"error":"the page could not be rendered"}"#,
            );
        };
        let mut answer = page(StatusCode::OK, if openmetrics { OPENMETRICS } else { TEXT }, body);
        answer.headers_mut().insert(VARY, HeaderValue::from_static("accept, accept-encoding"));
        if gzip {
            answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }

    /// Ready while it listens for new work.
    fn ready(&self) -> Response<Full<Bytes>> {
        if self.shutdown.is_started() {
            return page(
                StatusCode::SERVICE_UNAVAILABLE,
                JSON,
                r#"{"status":"unready","reason":"shutting down"}"#,
            );
        }
        page(StatusCode::OK, JSON, r#"{"status":"ready"}"#)
    }
}

fn is_for_everybody(path: &str) -> bool {
    matches!(path, "/metrics" | "/health" | "/health/ready")
}

pub(super) fn page(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// Whether a list header names `wanted` with a quality above zero.
fn accepts(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        named && !parts.any(|part| matches!(part.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")))
    })
}

fn gzipped(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(page)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quality_of_zero_is_a_refusal() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("br, GZIP;q=0.5"));
        assert!(accepts(&headers, &ACCEPT_ENCODING, "gzip"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0, identity"));
        assert!(!accepts(&headers, &ACCEPT_ENCODING, "gzip"));
    }
}
