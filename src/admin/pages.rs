//! What the operator can ask for.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request};
use http_body_util::{Either, Full};
use serde_json::json;

use super::access::Access;
use super::live::{self, Live};
use super::reload::Reloads;
use super::running::Shown;
use super::{calls, console, debug, history, probe, reload, servers, sessions, tools};
use crate::config::Config;
use crate::export::{Prometheus, Recent, to_openmetrics};
use crate::observe::Observer;
use crate::probe::Watch;
use crate::shutdown::Shutdown;

pub(super) const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
pub(super) const JSON: &str = "application/json";

/// A request that announces a longer body is refused. No path reads one: what comes all the same ends the connection.
const LARGEST_BODY: u64 = 64 * 1024;

/// Every path, for who asked for another.
const KNOWN: [&str; 15] = [
    "/",
    "/metrics",
    "/health",
    "/health/ready",
    "/api/calls",
    "/api/config",
    "/api/console",
    "/api/events",
    "/api/history",
    "/api/servers",
    "/api/sessions",
    "/api/tools",
    "/api/debug/sessions/{hash}",
    "/api/reload",
    "/probe?target={name}",
];

/// Stands on every answer: it is no page, belongs in no frame, and is for nobody else's page. There is no CORS.
const GUARDING: [(HeaderName, &str); 6] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What is there as a whole, or comes as it happens.
pub(super) type Body = Either<Full<Bytes>, Live>;

/// Everything that the pages show.
pub(super) struct Pages {
    prometheus: Arc<Prometheus>,
    recent: Arc<Recent>,
    live: live::Places,
    told: console::Told,
    observer: Observer,
    watch: Watch,
    shutdown: Shutdown,
    access: Access,
    shown: Shown,
    reloads: Reloads,
}

impl Pages {
    /// `is_local`: only this machine can connect.
    pub(super) fn new(
        config: &Config,
        (prometheus, recent): (Arc<Prometheus>, Arc<Recent>),
        observer: Observer,
        watch: Watch,
        shutdown: Shutdown,
        is_local: bool,
    ) -> Self {
        let access = Access::new(config.admin.token.clone(), is_local);
        Self {
            prometheus,
            recent,
            live: live::Places::default(),
            told: console::Told::new(config),
            observer,
            watch,
            shutdown,
            access,
            shown: Shown::new(config),
            reloads: Reloads::default(),
        }
    }

    /// What says which configuration runs.
    pub(super) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Who reads it again.
    pub(super) fn reloads(&self) -> &Reloads {
        &self.reloads
    }

    /// The answer to one request. Numbers and health are for whoever may connect, to be looked at only; the rest is for
    /// who may see it.
    pub(super) async fn answer(&self, request: &request::Parts) -> Response<Body> {
        if request.uri.path() == live::PATH && request.method == Method::GET {
            let refused = self.access.refusal(request).or_else(|| too_large(&request.headers));
            if let Some(refusal) = refused {
                return refusal.map(Either::Left);
            }
            self.observer.watched();
            return live::answer(&self.recent, &self.live, &self.shutdown, request);
        }
        self.page(request).await.map(Either::Left)
    }

    /// The answer that is there as a whole.
    async fn page(&self, request: &request::Parts) -> Response<Full<Bytes>> {
        if let Some(refusal) = self.access.refusal(request).or_else(|| too_large(&request.headers)) {
            return refusal;
        }
        let path = request.uri.path();
        if let Some(session) = path.strip_prefix(debug::SESSIONS) {
            return debug::answer(&self.observer, session, request);
        }
        if path == reload::PATH {
            return self.reloads.answer(request).await;
        }
        self.look(request).await
    }

    /// What can only be looked at: by `GET` and `HEAD`.
    async fn look(&self, request: &request::Parts) -> Response<Full<Bytes>> {
        if request.method != Method::GET && request.method != Method::HEAD {
            let (error, hint) = ("only GET is known here", "ask with GET or HEAD");
            let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, error, hint);
            refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refusal;
        }
        let query = request.uri.query().unwrap_or_default();
        if let Some(asset) = console::asset(request.uri.path()) {
            return asset.answer(&request.headers);
        }
        match request.uri.path() {
            "/metrics" => self.metrics(&request.headers).await,
            "/api/sessions" => sessions::answer(&self.observer, query),
            "/api/calls" => {
                self.observer.watched();
                calls::answer(&self.recent, query).await
            }
            "/api/tools" => {
                tools::answer(&self.prometheus, &self.observer, self.shown.running(), query).await
            }
            "/api/history" => history::answer(&self.prometheus, query),
            "/api/console" => self.told.answer(),
            // Its head alone.
            live::PATH => page(StatusCode::OK, live::EVENT_STREAM, Bytes::new()),
            "/api/config" => self.shown.answer(),
            "/api/servers" => servers::answer(&self.watch),
            probe::PATH => probe::answer(&self.watch, query, &request.headers).await,
            "/health" => page(StatusCode::OK, JSON, r#"{"status":"alive"}"#),
            "/health/ready" => servers::ready(&self.watch, self.shutdown.is_started()),
            _ => {
                let body = json!({ "error": "not found", "known": KNOWN });
                page(StatusCode::NOT_FOUND, JSON, body.to_string())
            }
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
}

/// The answer to a body that nobody here could have a use for.
fn too_large(headers: &HeaderMap) -> Option<Response<Full<Bytes>>> {
    let announced = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>().ok()?;
    let hint = "no path here reads a body; leave it out";
    (announced > LARGEST_BODY)
        .then(|| refusal(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 64 KiB", hint))
}

/// An answer that says what is wrong and what to do.
pub(super) fn refusal(status: StatusCode, error: &str, hint: &str) -> Response<Full<Bytes>> {
    page(status, JSON, json!({ "error": error, "hint": hint }).to_string())
}

/// An answer, with what keeps browsers from doing anything else with it.
pub(super) fn page(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in GUARDING {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// Whether a list header names `wanted` with a quality above zero.
pub(super) fn accepts(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        named && !parts.any(|part| matches!(part.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")))
    })
}

/// So much smaller, quickly.
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
