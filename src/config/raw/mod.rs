//! The file as it is written: every key optional that has a default, every value of a type that parses itself.
//! Nothing here knows a default or another key.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

mod auth;
mod duration;
mod guard;
mod header;
mod host;
mod insight;
mod label;
mod link;
mod list;
mod listen;
mod metric;
mod mount;
mod network;
mod number;
mod pointer;
mod probe;
mod size;
mod slo;
mod source;
mod url;
mod word;
mod written;

pub(super) use auth::Auth;
pub(super) use duration::Wait;
pub(super) use guard::{Bulkhead, CircuitBreaker, Rate};
pub(super) use header::{HeaderName, HeaderValue, Headers};
pub(super) use host::{AllowedHost, AllowedOrigin, HostName};
pub(super) use insight::{Drift, Identity, Metric, Price, Source, Tier, Tokens, When};
pub(super) use label::{Label, LabelValue, Labels};
pub(super) use link::Links;
pub(super) use list::OneOrMany;
pub(super) use metric::{MetricName, Name};
pub(super) use mount::MountPath;
pub(super) use number::{Count, Finite, Ratio};
pub(super) use probe::Probe;
pub(super) use size::Size;
pub(super) use slo::Slo;
pub(super) use source::{SessionSource, baggage, claim, header, meta};
pub(super) use url::Endpoint;
pub(super) use word::{Compression, ServerName};
pub(super) use written::{Value, Written};

use super::{HttpVersion, InjectMeta, LogFormat, LogLevel, Network, OtlpProtocol, Secret, Url};

/// A value that may be left out, with its place.
pub(super) type Optional<T> = Option<Spanned<Value<T>>>;

/// A switch, a list or a file name that may be left out, with its place.
pub(super) type Plain<T> = Option<Spanned<T>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) proxy: Proxy,
    pub(super) admin: Admin,
    pub(super) server: Vec<Spanned<Server>>,
    pub(super) rewrite: Rewrite,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) tracing: Tracing,
    pub(super) logs: Logs,
    pub(super) identity: Identity,
    pub(super) tokens: Tokens,
    pub(super) drift: Drift,
    pub(super) metric: Vec<Spanned<Metric>>,
    pub(super) price: Vec<Spanned<Price>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Proxy {
    pub(super) listen: Plain<OneOrMany<SocketAddr>>,
    pub(super) public_url: Optional<Url>,
    pub(super) tls: Plain<Tls>,
    pub(super) allowed_hosts: Option<Vec<Value<AllowedHost>>>,
    pub(super) allowed_origins: Option<Vec<Value<AllowedOrigin>>>,
    pub(super) trusted_networks: Option<Vec<Value<Network>>>,
    pub(super) workers: Optional<Count>,
    pub(super) shutdown_grace: Optional<Wait>,
}

/// `proxy.tls` and `admin.tls`: all that is missing is judged with the rest of the rules, for a better message.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tls {
    pub(super) cert: Plain<String>,
    pub(super) key: Plain<String>,
    pub(super) client_ca: Plain<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) listen: Optional<SocketAddr>,
    pub(super) token: Optional<Secret>,
    pub(super) tls: Plain<Tls>,
    pub(super) links: Option<Links>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) name: Spanned<Value<ServerName>>,
    pub(super) url: Spanned<Value<Url>>,
    pub(super) path: Optional<MountPath>,
    pub(super) host: Optional<HostName>,
    pub(super) preserve_host: Option<bool>,
    pub(super) http: Optional<HttpVersion>,
    pub(super) headers: Option<Headers>,
    pub(super) rewrite_oauth: Option<bool>,
    pub(super) tls: Plain<ServerTls>,
    pub(super) tools: Option<Vec<Spanned<String>>>,
    pub(super) connect_timeout: Optional<Wait>,
    pub(super) head_timeout: Optional<Wait>,
    pub(super) call_timeout: Optional<Wait>,
    pub(super) pool_idle: Optional<Wait>,
    pub(super) bulkhead: Plain<Bulkhead>,
    pub(super) circuit_breaker: Option<CircuitBreaker>,
    pub(super) rate: Plain<Rate>,
    pub(super) probe: Option<Probe>,
    pub(super) auth: Plain<Auth>,
    pub(super) slo: Plain<Slo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServerTls {
    pub(super) ca: Plain<String>,
    pub(super) cert: Plain<String>,
    pub(super) key: Plain<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rewrite {
    pub(super) endpoint: Option<bool>,
    pub(super) location: Option<bool>,
    pub(super) forwarded: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) max_connections: Optional<Count>,
    pub(super) max_connections_per_address: Optional<Count>,
    pub(super) max_streams: Optional<Count>,
    pub(super) first_byte_timeout: Optional<Wait>,
    pub(super) header_timeout: Optional<Wait>,
    pub(super) keep_alive: Optional<Wait>,
    pub(super) header_bytes: Optional<Size>,
    pub(super) max_headers: Optional<Count>,
    pub(super) request_body: Optional<Size>,
    pub(super) hold_back: Optional<Size>,
    pub(super) max_sessions: Optional<Count>,
    pub(super) session_idle: Optional<Wait>,
    pub(super) max_open_calls: Optional<Count>,
    pub(super) max_tasks: Optional<Count>,
    pub(super) orphan_wait: Optional<Wait>,
    pub(super) max_label_values: Optional<Count>,
    pub(super) max_client_names: Optional<Count>,
    pub(super) max_tool_pairs: Optional<Count>,
    pub(super) payload_bytes: Optional<Size>,
    pub(super) observe_bytes: Optional<Size>,
    pub(super) decoded_bytes: Optional<Size>,
    pub(super) recent_calls: Optional<Count>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Metrics {
    pub(super) enabled: Option<bool>,
    pub(super) semconv: Option<bool>,
    pub(super) latency_buckets: Plain<Vec<Spanned<f64>>>,
    pub(super) size_buckets: Plain<Vec<Spanned<f64>>>,
    pub(super) session_buckets: Plain<Vec<Spanned<f64>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tracing {
    pub(super) enabled: Option<bool>,
    pub(super) sample_ratio: Optional<Ratio>,
    pub(super) slow_threshold: Optional<Wait>,
    pub(super) inject_meta: Optional<InjectMeta>,
    pub(super) read_b3: Option<bool>,
    pub(super) queue: Optional<Count>,
    pub(super) otlp: Plain<Otlp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { endpoint = \"http://localhost:4318\" }")]
pub(super) struct Otlp {
    pub(super) endpoint: Optional<Endpoint>,
    pub(super) protocol: Optional<OtlpProtocol>,
    pub(super) headers: Option<Headers>,
    pub(super) compression: Optional<Compression>,
    pub(super) traces: Option<bool>,
    pub(super) metrics: Option<bool>,
    pub(super) logs: Option<bool>,
    pub(super) timeout: Optional<Wait>,
    pub(super) tls: Plain<ServerTls>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Logs {
    pub(super) format: Optional<LogFormat>,
    pub(super) level: Optional<LogLevel>,
    pub(super) calls: Option<bool>,
    pub(super) queue: Optional<Count>,
    pub(super) file: Plain<LogFile>,
    pub(super) capture: Capture,
    pub(super) redact_keys: Option<Vec<Spanned<String>>>,
    pub(super) raw_session_ids: Option<bool>,
    pub(super) salt: Optional<Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { path = \"sightglass.log\" }")]
pub(super) struct LogFile {
    pub(super) path: Plain<String>,
    pub(super) max_size: Optional<Size>,
    pub(super) max_files: Optional<Count>,
    pub(super) compress: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { arguments = true }")]
pub(super) struct Capture {
    pub(super) arguments: Option<bool>,
    pub(super) results: Option<bool>,
    pub(super) max_bytes: Optional<Size>,
}
