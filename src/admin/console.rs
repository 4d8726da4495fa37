//! `GET /`: the console, which is in the program: a page, its style and its modules. It holds nothing by itself; what it
//! shows it asks the API for, as anybody could.

use std::io::Write as _;
use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::pages::{JSON, accepts, page};
use crate::config::Config;

/// Nothing but what this listener serves; no text ever becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// A file of the console.
pub(super) struct Asset {
    path: &'static str,
    media: &'static str,
    text: &'static str,
    /// The same compressed, and what tells it from another version.
    made: OnceLock<(Bytes, HeaderValue)>,
}

macro_rules! assets {
    ($($path:literal $media:ident $file:literal),+ $(,)?) => {
        [$(Asset { path: $path, media: $media, text: include_str!(concat!("console/", $file)), made: OnceLock::new() }),+]
    };
}

static ASSETS: [Asset; 16] = assets![
    "/" HTML "index.html",
    "/console/style.css" CSS "style.css",
    "/console/icon.svg" IMAGE "icon.svg",
    "/console/main.js" SCRIPT "main.js",
    "/console/api.js" SCRIPT "api.js",
    "/console/dom.js" SCRIPT "dom.js",
    "/console/charts.js" SCRIPT "charts.js",
    "/console/overview.js" SCRIPT "overview.js",
    "/console/tools.js" SCRIPT "tools.js",
    "/console/heat.js" SCRIPT "heat.js",
    "/console/cost.js" SCRIPT "cost.js",
    "/console/calls.js" SCRIPT "calls.js",
    "/console/sessions.js" SCRIPT "sessions.js",
    "/console/har.js" SCRIPT "har.js",
    "/console/health.js" SCRIPT "health.js",
    "/console/proxy.js" SCRIPT "proxy.js",
];

/// The file at this path, if there is one.
pub(super) fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let (compressed, tag) = self.made.get_or_init(|| (compressed(self.text), tag(self.text)));
        let is_known = headers.get_all(IF_NONE_MATCH).iter().any(|known| known == tag);
        let gzip = accepts(headers, &ACCEPT_ENCODING, "gzip") && !compressed.is_empty();
        let (status, body) = match (is_known, gzip) {
            (true, _) => (StatusCode::NOT_MODIFIED, Bytes::new()),
            (false, true) => (StatusCode::OK, compressed.clone()),
            (false, false) => (StatusCode::OK, Bytes::from_static(self.text.as_bytes())),
        };
        let mut answer = page(status, self.media, body);
        let fields = answer.headers_mut();
        fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        // Kept, and asked for again each time: another version of the program has another console.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
        fields.insert(ETAG, tag.clone());
        if gzip && !is_known {
            fields.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Empty where it cannot be compressed.
fn compressed(text: &str) -> Bytes {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let written = writer.write_all(text.as_bytes()).and_then(|()| writer.finish());
    written.unwrap_or_default().into()
}

fn tag(text: &str) -> HeaderValue {
    let hash = digest(&SHA256, text.as_bytes());
    let some = hash.as_ref().first_chunk().copied().map(u64::from_be_bytes).unwrap_or_default();
    HeaderValue::try_from(format!("\"{some:016x}\""))
        .unwrap_or_else(|_digits_are_fine| HeaderValue::from_static("\"\""))
}

/// `GET /api/console`: what the console has to know of the program before anything else.
pub(super) struct Told(Bytes);

impl Told {
    pub(super) fn new(config: &Config) -> Self {
        let links: Map<String, Value> =
            config.admin.links.iter().map(|(name, link)| (name.clone(), json!(link))).collect();
        let told = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "links": links,
            "recent_calls": config.limits.recent_calls,
            "metrics": config.metrics.enabled,
        });
        Self(told.to_string().into())
    }

    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        page(StatusCode::OK, JSON, self.0.clone())
    }
}
