//! `config.toml` → [`Config`]: what an operator wrote, resolved and checked. A mistake gets its line, what was
//! expected, and a hint. Nothing outside this module sees a raw value.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

mod auth;
mod dial;
mod error;
mod guard;
mod insight;
mod names;
mod otel;
mod probe;
mod raw;
mod read;
mod reload;
mod resolve;
mod rules;
mod shown;
mod slo;
mod substitute;
mod suggest;
mod upstreams;

pub use auth::{Auth, Jwks};
pub use error::Error;
pub use guard::{Bulkhead, CircuitBreaker, Rate, RateKey};
pub use insight::{
    Drift, Fact, Identity, LabelSource, Price, Rule, RuleKind, RuleLabel, Source, Tier, TokenCounter, Tokens,
    When,
};
pub use names::{BUILTIN_METRICS, METHODS, OUTCOMES, is_builtin_metric};
pub use probe::Probe;
pub use reload::Reloaded;
pub use shown::{MASK, duration_text, size_text};
pub use slo::Slo;
pub use substitute::{FromEnvironment, Step};
pub use upstreams::Overrides;

use raw::Written;

/// Reads the file at `path`. `env` looks variables up: for `${VAR}`, and those of OpenTelemetry (`OTEL_*`). Names of files in it are relative to its folder.
pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Error> {
    read::file(path, env, Overrides::default())
}

/// Like [`load`], with `overrides` in place of what the file says.
pub fn load_over(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
    overrides: Overrides,
) -> Result<Config, Error> {
    read::file(path, env, overrides)
}

/// Reads `text`; `file` is how messages call it, and where relative names of files start.
pub fn parse(text: &str, file: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Error> {
    read::text(text, file, env, Overrides::default())
}

/// The servers that `--upstream [NAME=]URL` options name; see [`Config::from_upstreams`].
pub fn upstreams(options: &[String]) -> Result<Vec<Server>, Error> {
    upstreams::servers(options)
}

/// A duration as the file writes it (`"250ms"`, `"30s"`, `"5m"`, `"1h"`); `None` is "off".
pub fn duration(text: &str) -> Result<Option<Duration>, Error> {
    raw::Wait::from_text(text).map(|wait| wait.0).map_err(|fault| Error::whole("", fault))
}

/// Everything an operator can decide, resolved: defaults filled in, references checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Config {
    /// `[proxy]`: the data listener.
    pub proxy: Proxy,
    /// `[admin]`: the operator's listener.
    pub admin: Admin,
    /// `[[server]]`: the MCP servers behind the proxy, in the order of the file.
    #[serde(rename = "server", serialize_with = "shown::servers")]
    pub servers: Vec<Server>,
    /// `[rewrite]`: the bytes we change.
    pub rewrite: Rewrite,
    /// `[limits]`: what nothing may grow beyond.
    pub limits: Limits,
    /// `[metrics]`.
    pub metrics: Metrics,
    /// `[tracing]`.
    pub tracing: Tracing,
    /// `[logs]`: a line per call, and the program's own lines.
    pub logs: Logs,
    /// `[identity]`: who calls, as far as requests say.
    pub identity: Identity,
    /// `[tokens]`: how the tokens of payloads are counted.
    pub tokens: Tokens,
    /// `[drift]`: what is remembered of the tools that servers list.
    pub drift: Drift,
    /// `[[metric]]`: what to count of payloads, in the order of the file.
    #[serde(rename = "metric")]
    pub rules: Vec<Rule>,
    /// `[[price]]`: what calls cost, in the order of the file.
    #[serde(rename = "price")]
    pub prices: Vec<Price>,
    /// What is no mistake and should be known all the same: `OTEL_*` variables that cannot be read, a setting that does
    /// nothing. A sentence each, without secrets.
    #[serde(skip)]
    pub warnings: Vec<String>,
    /// What of it, but for its servers, came from the environment by `${VAR}` and is shown to nobody.
    #[serde(skip)]
    pub from_environment: FromEnvironment,
}

/// `[proxy]`: the data listener.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proxy {
    /// Addresses to listen on; never empty.
    pub listen: Vec<SocketAddr>,
    /// What clients dial, when it is not what we listen on.
    pub public_url: Option<Url>,
    /// TLS on the listener; `None` = plain text.
    pub tls: Option<ListenerTls>,
    /// Host names answered for (`name` matches any port, `name:port` that one); `None` = loopback names when
    /// listening on loopback, else any. In lower case.
    pub allowed_hosts: Option<Vec<String>>,
    /// Values of `Origin` accepted; `None` = pages of loopback when listening on loopback, else any.
    /// In lower case.
    pub allowed_origins: Option<Vec<String>>,
    /// Networks whose `X-Forwarded-*` and `Forwarded` are believed and extended.
    pub trusted_networks: Vec<Network>,
    /// Worker threads; 0 = one per core.
    pub workers: usize,
    /// How long running calls may go on after SIGTERM.
    #[serde(serialize_with = "shown::duration")]
    pub shutdown_grace: Duration,
}

/// `proxy.tls` and `admin.tls`: paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListenerTls {
    /// Certificate chain.
    #[serde(serialize_with = "shown::path")]
    pub cert: PathBuf,
    /// Private key.
    #[serde(serialize_with = "shown::path")]
    pub key: PathBuf,
    /// Who may sign client certificates; `None` = none is asked for.
    #[serde(serialize_with = "shown::maybe_path")]
    pub client_ca: Option<PathBuf>,
}

/// `[admin]`: the operator's listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Admin {
    /// Where metrics and health are served.
    pub listen: SocketAddr,
    /// What whoever asks for more than these has to show; `None` = only this machine may, and only on loopback.
    pub token: Option<Secret>,
    /// TLS on the listener; `None` = plain text.
    pub tls: Option<ListenerTls>,
    /// Where the console sends people from a call: a name, and an address with places such as `{trace_id}`.
    #[serde(serialize_with = "shown::table")]
    pub links: Vec<(String, String)>,
}

/// How an MCP server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// HTTP/2 where ALPN offers it, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 always.
    One,
    /// HTTP/2 always, with prior knowledge on `http://`.
    Two,
}

/// One `[[server]]`: an MCP server and where clients find it here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Server {
    /// The label `server`.
    pub name: String,
    /// Where it is.
    pub url: Url,
    /// Mount by path prefix, without a trailing slash.
    pub path: Option<String>,
    /// Mount by Host name (lower case, no port), instead of or beside `path`. With neither, every path is this server's.
    pub host: Option<String>,
    /// Send the client's Host upstream rather than the authority of `url`.
    pub preserve_host: bool,
    /// How it is spoken to.
    pub http: HttpVersion,
    /// Header fields set or replaced on the way up.
    #[serde(serialize_with = "shown::table")]
    pub headers: Vec<(String, Secret)>,
    /// Challenges and the metadata of the protected resource name this proxy.
    pub rewrite_oauth: bool,
    /// TLS towards it, where `url` is `https://`.
    #[serde(serialize_with = "shown::tls")]
    pub tls: ServerTls,
    /// Tool names known from the start.
    pub tools: Vec<String>,
    /// Limit for resolving, connecting and the TLS handshake together.
    #[serde(serialize_with = "shown::limit")]
    pub connect_timeout: Option<Duration>,
    /// Limit from the request sent to the response head; `None` = tools may run for hours.
    #[serde(serialize_with = "shown::limit")]
    pub head_timeout: Option<Duration>,
    /// Limit for the whole call.
    #[serde(serialize_with = "shown::limit")]
    pub call_timeout: Option<Duration>,
    /// How long an unused upstream connection is kept.
    #[serde(serialize_with = "shown::duration")]
    pub pool_idle: Duration,
    /// How many exchanges are under way at once; `None` = any number.
    pub bulkhead: Option<Bulkhead>,
    /// When it is left alone; `None` = never.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// How fast requests may come; `None` = as fast as they like.
    pub rate: Option<Rate>,
    /// How it is asked how it is; `None` = it is not.
    pub probe: Option<Probe>,
    /// Whose tokens are let through; `None` = the server judges.
    pub auth: Option<Auth>,
    /// What it promises; `None` = the default objectives.
    pub slo: Option<Slo>,
    /// A reload took it out: it is here for its position.
    #[serde(skip)]
    pub removed: bool,
    /// What of its block came from the environment by `${VAR}`: where that stands in it.
    #[serde(skip)]
    pub from_environment: Vec<Vec<Step>>,
}

/// `server.tls`: paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ServerTls {
    /// Authorities trusted instead of the system's.
    #[serde(serialize_with = "shown::maybe_path")]
    pub ca: Option<PathBuf>,
    /// Client certificate chain; with `key`.
    #[serde(serialize_with = "shown::maybe_path")]
    pub cert: Option<PathBuf>,
    /// Client private key; with `cert`.
    #[serde(serialize_with = "shown::maybe_path")]
    pub key: Option<PathBuf>,
}

/// A value that is never printed: `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("***")
    }
}

/// An absolute `http://` or `https://` URL, checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// `https`, rather than `http`.
    pub tls: bool,
    /// Host name or address, an IPv6 one in brackets.
    pub host: String,
    /// The port as written; `None` = the scheme's own.
    pub port: Option<u16>,
    /// The path as written, at least `/`; never a query or a fragment.
    pub path: String,
}

impl Url {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// `host` or `host:port`, as written.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// `scheme://authority`, without a trailing slash.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    /// The port connected to.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 443 } else { 80 })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}{}", self.origin(), self.path)
    }
}

/// An address block: `10.0.0.0/8`, `::1/128`, or a bare address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// First address.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

/// `[rewrite]`: the bytes we change; all off = hash in equals hash out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// Legacy SSE `endpoint` events name this proxy.
    pub endpoint: bool,
    /// Redirects to the server's origin are mapped back.
    pub location: bool,
    /// `X-Forwarded-*`, `Forwarded` and `Via` are added.
    pub forwarded: bool,
}

/// `[limits]`. `None` = no limit; what is not an `Option` refuses to be unlimited. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the key of the same name, explained in config.toml")]
pub struct Limits {
    #[serde(serialize_with = "shown::count")]
    pub max_connections: Option<usize>,
    #[serde(serialize_with = "shown::count")]
    pub max_connections_per_address: Option<usize>,
    #[serde(serialize_with = "shown::count")]
    pub max_streams: Option<usize>,
    #[serde(serialize_with = "shown::limit")]
    pub first_byte_timeout: Option<Duration>,
    #[serde(serialize_with = "shown::limit")]
    pub header_timeout: Option<Duration>,
    #[serde(serialize_with = "shown::limit")]
    pub keep_alive: Option<Duration>,
    #[serde(serialize_with = "shown::size")]
    pub header_bytes: usize,
    pub max_headers: usize,
    #[serde(serialize_with = "shown::size_limit")]
    pub request_body: Option<u64>,
    /// 0 = never hold.
    #[serde(serialize_with = "shown::size")]
    pub hold_back: usize,
    pub max_sessions: usize,
    #[serde(serialize_with = "shown::duration")]
    pub session_idle: Duration,
    pub max_open_calls: usize,
    pub max_tasks: usize,
    #[serde(serialize_with = "shown::duration")]
    pub orphan_wait: Duration,
    pub max_label_values: usize,
    pub max_client_names: usize,
    pub max_tool_pairs: usize,
    #[serde(serialize_with = "shown::size")]
    pub payload_bytes: usize,
    #[serde(serialize_with = "shown::size")]
    pub observe_bytes: usize,
    #[serde(serialize_with = "shown::size")]
    pub decoded_bytes: u64,
    /// 0 = none.
    pub recent_calls: usize,
}

/// `[metrics]`. Buckets in seconds and bytes, ascending.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// `false`: `/metrics` tells nothing of the traffic.
    pub enabled: bool,
    /// Adds the metrics that the conventions of OpenTelemetry name.
    pub semconv: bool,
    /// Upper bounds of latency histograms, seconds.
    pub latency_buckets: Vec<f64>,
    /// Upper bounds of size histograms, bytes.
    pub size_buckets: Vec<f64>,
    /// Upper bounds of session, connection and stream durations, seconds.
    pub session_buckets: Vec<f64>,
}

/// `[tracing]` (`telemetry.md` §4), with what the `OTEL_*` variables say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tracing {
    /// `false`: trace headers and `_meta` pass untouched, and no span is made.
    pub enabled: bool,
    /// The share of traces that begin here and are sampled, 0 to 1.
    pub sample_ratio: f64,
    /// Whether a parent's flag decides; `false` only where `OTEL_TRACES_SAMPLER` says so: then the ratio alone does.
    pub parent_based: bool,
    /// A call that took longer is exported even if it was not sampled; `None` = no call is.
    #[serde(serialize_with = "shown::limit")]
    pub slow_threshold: Option<Duration>,
    /// Whether `params._meta` gets the trace context, too.
    pub inject_meta: InjectMeta,
    /// Whether a client's `b3` or `X-B3-*` header is read where there is no `traceparent`.
    pub read_b3: bool,
    /// Spans that may wait to be exported.
    pub queue: usize,
    /// Where spans go; `None` = nowhere.
    pub otlp: Option<Otlp>,
    /// What the exporter says of this process: `service.name` first, then `OTEL_RESOURCE_ATTRIBUTES`.
    #[serde(serialize_with = "shown::table")]
    pub resource: Vec<(String, String)>,
}

/// `tracing.inject_meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InjectMeta {
    /// When an exporter is configured.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `tracing.otlp`, or what the `OTEL_EXPORTER_OTLP_*` variables stand for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Otlp {
    /// What is spoken.
    pub protocol: OtlpProtocol,
    /// Where spans are sent, in full: over HTTP with the signal's path (`/v1/traces`). `None` = not at all.
    pub traces: Option<String>,
    /// The same for metrics; `None` = not at all.
    pub metrics: Option<String>,
    /// The same for log lines.
    pub logs: Option<String>,
    /// Sent with every export.
    #[serde(serialize_with = "shown::table")]
    pub headers: Vec<(String, Secret)>,
    /// Whether exports are compressed.
    #[serde(rename = "compression", serialize_with = "shown::compression")]
    pub gzip: bool,
    /// How long one export may take.
    #[serde(serialize_with = "shown::duration")]
    pub timeout: Duration,
    /// TLS towards the collector, where its URL is `https://`.
    #[serde(serialize_with = "shown::tls")]
    pub tls: ServerTls,
}

impl Default for Otlp {
    /// To nowhere, until somebody says where.
    fn default() -> Self {
        Self {
            protocol: OtlpProtocol::default(),
            traces: None,
            metrics: None,
            logs: None,
            headers: Vec::new(),
            gzip: true,
            timeout: Duration::from_secs(10),
            tls: ServerTls::default(),
        }
    }
}

/// `tracing.otlp.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub enum OtlpProtocol {
    /// `http/protobuf`.
    #[serde(rename = "http/protobuf")]
    #[default]
    HttpProtobuf,
    /// `grpc`.
    #[serde(rename = "grpc")]
    Grpc,
}

impl Tracing {
    /// Whether `params._meta` gets the trace context.
    pub fn injects_meta(&self) -> bool {
        self.enabled
            && match self.inject_meta {
                InjectMeta::Auto => self.otlp.as_ref().is_some_and(|otlp| otlp.traces.is_some()),
                InjectMeta::Always => true,
                InjectMeta::Never => false,
            }
    }
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            enabled: true,
            sample_ratio: 1.0,
            parent_based: true,
            slow_threshold: Some(Duration::from_secs(5)),
            inject_meta: InjectMeta::Auto,
            read_b3: false,
            queue: 65_536,
            otlp: None,
            resource: vec![("service.name".to_owned(), "sightglass".to_owned())],
        }
    }
}

/// `[logs]`: a line per call, and the program's own lines (`telemetry.md` §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Logs {
    /// How lines look on standard output; a file always gets JSON.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
    /// Whether there is a line per call; `false`: only lifecycle lines.
    pub calls: bool,
    /// Lines that may wait to be written.
    pub queue: usize,
    /// A file beside standard output.
    pub file: Option<LogFile>,
    /// What of the payloads is logged, redacted, at level `debug`.
    pub capture: Capture,
    /// Names of members whose values are redacted, beside the built-in ones. In lower case.
    pub redact_keys: Vec<String>,
    /// Session ids as they are rather than hashed, in lines and spans.
    pub raw_session_ids: bool,
    /// The key of all hashes, which replicas share; `None` = a random one.
    pub salt: Option<Secret>,
}

/// `logs.file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogFile {
    /// Where.
    #[serde(serialize_with = "shown::path")]
    pub path: PathBuf,
    /// Bytes after which it is rotated.
    #[serde(serialize_with = "shown::size")]
    pub max_size: u64,
    /// How many files are kept, the current one included.
    pub max_files: usize,
    /// Whether rotated files are compressed with gzip.
    pub compress: bool,
}

/// `logs.capture`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Capture {
    /// `params.arguments`.
    pub arguments: bool,
    /// `result`.
    pub results: bool,
    /// Bytes of each that are logged, after redaction.
    #[serde(serialize_with = "shown::size")]
    pub max_bytes: usize,
}

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            level: LogLevel::Info,
            calls: true,
            queue: 65_536,
            file: None,
            capture: Capture::default(),
            redact_keys: Vec::new(),
            raw_session_ids: false,
            salt: None,
        }
    }
}

impl Default for Capture {
    fn default() -> Self {
        Self { arguments: false, results: false, max_bytes: 4096 }
    }
}

/// How the program's own lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// The least severe line that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
#[expect(missing_docs, reason = "the levels' own names")]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            public_url: None,
            tls: None,
            allowed_hosts: None,
            allowed_origins: None,
            trusted_networks: Vec::new(),
            workers: 0,
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)), token: None, tls: None, links: Vec::new() }
    }
}

impl Server {
    /// A server of this name at this URL, everything else by default.
    pub fn new(name: impl Into<String>, url: Url) -> Self {
        Self {
            name: name.into(),
            url,
            path: None,
            host: None,
            preserve_host: false,
            http: HttpVersion::Auto,
            headers: Vec::new(),
            rewrite_oauth: false,
            tls: ServerTls::default(),
            tools: Vec::new(),
            connect_timeout: Some(Duration::from_secs(5)),
            head_timeout: None,
            call_timeout: None,
            pool_idle: Duration::from_secs(4),
            bulkhead: None,
            circuit_breaker: None,
            rate: None,
            probe: None,
            auth: None,
            slo: None,
            removed: false,
            from_environment: Vec::new(),
        }
    }
}

impl Default for Rewrite {
    fn default() -> Self {
        Self { endpoint: true, location: true, forwarded: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: Some(10_000),
            max_connections_per_address: None,
            max_streams: Some(10_000),
            first_byte_timeout: Some(Duration::from_secs(30)),
            header_timeout: Some(Duration::from_secs(30)),
            keep_alive: Some(Duration::from_secs(75)),
            header_bytes: 64 * 1024,
            max_headers: 128,
            request_body: None,
            hold_back: 64 * 1024,
            max_sessions: 100_000,
            session_idle: Duration::from_secs(30 * 60),
            max_open_calls: 100_000,
            max_tasks: 100_000,
            orphan_wait: Duration::from_secs(60),
            max_label_values: 500,
            max_client_names: 100,
            max_tool_pairs: 2000,
            payload_bytes: 1024 * 1024,
            observe_bytes: 256 * 1024 * 1024,
            decoded_bytes: 256 * 1024 * 1024,
            recent_calls: 10_000,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            semconv: false,
            latency_buckets: vec![
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
            ],
            size_buckets: vec![
                100.0,
                1024.0,
                10_240.0,
                51_200.0,
                102_400.0,
                512_000.0,
                1_048_576.0,
                4_194_304.0,
                16_777_216.0,
            ],
            session_buckets: vec![10.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0],
        }
    }
}
