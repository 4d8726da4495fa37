//! Events → Prometheus: exact, never sampled, never dropped (`telemetry.md` §3).

mod calls;
mod catalogue;
mod custom;
mod durations;
mod fates;
mod grown;
mod guard;
mod health;
mod heat;
mod histogram;
mod history;
mod inflight;
mod insight;
mod losses;
mod page;
mod series;
mod server;
mod sums;
mod traffic;

use std::collections::HashSet;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use metrics::{Counter, Gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use self::custom::Customs;
pub(in crate::export) use self::durations::{Duration as DurationSeries, durations};
pub(in crate::export) use self::fates::Fate;
use self::grown::Grown;
pub use self::heat::Heat;
pub use self::histogram::quantile;
use self::histogram::{Histogram, Histograms};
use self::history::History;
pub use self::history::{Every, Point};
use self::series::{Pair, Series};
use self::server::Server;
use self::sums::{Sums, Unit};
use super::{Exemplars, Exporter, Losses};
use crate::config::{Config, Limits, TokenCounter};
use crate::observe::{Event, Export, KeysFrom, LabelName, Transport, Usage};

/// Takes events, gives the page of `/metrics`.
pub struct Prometheus {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    histograms: Histograms,
    process: metrics_process::Collector,
    servers: Grown<Server>,
    /// Names of servers that a reload removed: their series leave the page.
    gone: RwLock<HashSet<String>>,
    /// What belongs to no server: the label `none`.
    nobody: Server,
    connections: Series<Transport, Gauge>,
    connection_durations: Series<(Transport, &'static str), Histogram>,
    /// What waits in all bulkheads together.
    /// By the host of the issuer.
    judged: Series<(Arc<str>, KeysFrom), Histogram>,
    queued: OnceLock<Gauge>,
    overflow: Series<LabelName, Counter>,
    customs: Customs,
    costs: Sums,
    /// Tokens are counted after their calls.
    counts_tokens: bool,
    limits: Limits,
    /// Whether the metrics that `OTel` names are counted, too.
    semconv: bool,
    /// Whether anything of servers and traffic is told at all.
    enabled: bool,
    losses: Arc<Losses>,
    exemplars: Arc<Exemplars>,
    exporters: Vec<Exporter>,
    history: History,
}

impl Export for Prometheus {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::CallStarted { .. } | Event::CallLeft { .. } | Event::CallEnded { .. } => {
                self.on_call(event);
            }
            Event::Notification { .. }
            | Event::TaskStarted { .. }
            | Event::TaskEnded { .. }
            | Event::MessageUnreadable { .. }
            | Event::HeaderMismatch { .. } => {
                self.on_message(event);
            }
            Event::ConnectionOpened | Event::ConnectionTransport { .. } | Event::ConnectionClosed { .. } => {
                self.on_connection(event);
            }
            Event::StreamOpened { .. }
            | Event::StreamKindKnown { .. }
            | Event::StreamEnded { .. }
            | Event::StreamFirstEvent { .. }
            | Event::StreamEvent { .. }
            | Event::StreamResumed { .. } => {
                self.on_stream(event);
            }
            Event::SessionStarted { .. } | Event::SessionEnded { .. } | Event::ClientSeen { .. } => {
                self.on_session(event);
            }
            Event::HttpEnded { .. } | Event::UpstreamConnected { .. } | Event::UpstreamFirstByte { .. } => {
                self.on_http(event);
            }
            Event::UpstreamCertificate { server, expires } => {
                let labels = self.server(Some(*server)).labelled(&[]);
                self.set("mcp_upstream_cert_expiry_timestamp_seconds", &labels, seconds(*expires));
            }
            Event::ListenerCertificate { listener, expires } => {
                let labels = [("listener", listener.as_str())];
                self.set("mcp_listener_cert_expiry_timestamp_seconds", &labels, seconds(*expires));
            }
            Event::ToolFollowed { .. }
            | Event::Recovered { .. }
            | Event::ToolsListed { .. }
            | Event::ToolChanged { .. }
            | Event::ServerTiming { .. }
            | Event::CacheOperation { .. }
            | Event::CredentialsRefused { .. }
            | Event::TokensCounted { .. }
            | Event::Custom { .. } => {
                self.on_insight(event);
            }
            // A line tells it.
            Event::StateLost { .. } => {}
            Event::CircuitOpened { .. }
            | Event::CircuitClosed { .. }
            | Event::BulkheadChanged { .. }
            | Event::TokenJudged { .. }
            | Event::KeysFetched { .. } => {
                self.on_guard(event);
            }
            Event::TransportJudged { .. } | Event::Probed { .. } | Event::HealthChanged { .. } => {
                self.on_health(event);
            }
            Event::Refused { .. }
            | Event::Overhead { .. }
            | Event::LeftAsItWas { .. }
            | Event::LabelOverflow { .. }
            | Event::Dropped { .. } => {
                self.on_proxy(event);
            }
        }
    }

    fn reload(&self, config: &Config) {
        self.learn_servers(config);
        self.exemplars.reload(config);
        if config.metrics.enabled {
            self.say_that_no_server_was_asked_yet(config);
        }
    }
}

impl Prometheus {
    /// An empty page for these servers.
    pub fn new(config: &Config) -> Result<Self, BuildError> {
        let recorder = PrometheusBuilder::new().build_recorder();
        catalogue::describe(&recorder);
        let process = metrics_process::Collector::default();
        metrics::with_local_recorder(&recorder, || process.describe());
        let prometheus = Self {
            handle: recorder.handle(),
            histograms: Histograms::new(&config.metrics),
            process,
            servers: Grown::default(),
            gone: RwLock::default(),
            nobody: Server::nobody(),
            connections: Series::default(),
            connection_durations: Series::default(),
            queued: OnceLock::new(),
            judged: Series::default(),
            overflow: Series::default(),
            customs: Customs::new(config),
            costs: Sums::new(catalogue::COST, "counter", catalogue::COST_HELP, Unit::Nano),
            counts_tokens: config.tokens.counter == TokenCounter::O200k,
            limits: config.limits.clone(),
            semconv: config.metrics.semconv,
            enabled: config.metrics.enabled,
            losses: Arc::default(),
            exemplars: Arc::new(Exemplars::of(config)),
            exporters: losses::configured(config),
            history: History::default(),
            recorder,
        };
        prometheus.say_what_is_known();
        prometheus.learn_servers(config);
        if config.metrics.enabled {
            prometheus.say_that_nothing_came_yet(config);
        }
        Ok(prometheus)
    }

    /// Where the other destinations count what they lose, for the page to tell.
    pub fn losses(&self) -> &Arc<Losses> {
        &self.losses
    }

    /// Where an exporter says which calls it has exported, for the page to point at.
    pub fn exemplars(&self) -> &Arc<Exemplars> {
        &self.exemplars
    }

    /// The page as it stands now, in the classic text format, families and series in order. Takes milliseconds; no
    /// request waits for it.
    pub fn page(&self, usage: Usage) -> String {
        self.refresh(usage);
        let mut own = self.histograms.page();
        own.extend(self.histograms.sums(catalogue::TOKEN_USAGE, catalogue::TOKENS, catalogue::TOKENS_HELP));
        own.extend(self.costs.page());
        own.extend(self.customs.page());
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        if gone.is_empty() {
            return page::sorted(&self.handle.render(), &own);
        }
        page::without(&page::sorted(&self.handle.render(), &own), &gone)
    }

    /// The configuration was changed, or could not be: what is told of the last time, and of the last success.
    pub fn reloaded(&self, success: bool) {
        self.set("mcp_proxy_config_last_reload_successful", &[], f64::from(u8::from(success)));
        if success {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            self.set("mcp_proxy_config_last_reload_success_timestamp_seconds", &[], now.as_secs_f64());
        }
    }

    /// Makes room for the servers that are new, and remembers who is gone.
    fn learn_servers(&self, config: &Config) {
        for (position, server) in config.servers.iter().enumerate() {
            self.servers.get_or_make(position, || Server::of(server));
        }
        let running: HashSet<&str> = config.running().map(|(_, server)| server.name.as_str()).collect();
        let gone = config.servers.iter().map(|server| &server.name);
        let gone = gone.filter(|name| !running.contains(name.as_str())).cloned().collect();
        *self.gone.write().unwrap_or_else(PoisonError::into_inner) = gone;
    }

    fn say_what_is_known(&self) {
        let build = [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", env!("SIGHTGLASS_REVISION")),
            ("rustc", env!("SIGHTGLASS_RUSTC")),
        ];
        self.set("mcp_proxy_build_info", &build, 1.0);
        self.reloaded(true);
    }

    fn say_that_no_server_was_asked_yet(&self, config: &Config) {
        for (position, _) in config.running() {
            self.session(self.server(Some(position)), 0.0);
        }
        self.say_what_stands_before(config);
        self.say_how_servers_are(config);
    }

    fn say_that_nothing_came_yet(&self, config: &Config) {
        for transport in Transport::ALL {
            self.connection(*transport, 0.0);
        }
        self.say_that_no_server_was_asked_yet(config);
    }

    /// Gauges that are read off rather than counted.
    fn refresh(&self, usage: Usage) {
        let now = tokio::time::Instant::now();
        for server in self.servers.iter() {
            for (tool, oldest) in server.inflight.oldest() {
                let age = oldest.map_or(Duration::ZERO, |started| now.duration_since(started));
                let labels = [("server", server.name.as_str()), ("tool_name", tool)];
                self.set("mcp_tool_oldest_inflight_seconds", &labels, age.as_secs_f64());
            }
        }
        metrics::with_local_recorder(&self.recorder, || self.process.collect());
        self.tell_losses();
        if self.enabled {
            self.tell_health_score();
        }
        if self.counts_tokens {
            self.set("mcp_queue_depth", &[("queue_name", "tokens")], as_f64(usage.tokens_queue as u64));
        }
        for limit in page::limits(&self.limits, usage) {
            let labels = [("limit", limit.name)];
            if let Some(most) = limit.most {
                self.set("mcp_proxy_limit", &labels, most);
            }
            self.set("mcp_proxy_limit_used", &labels, limit.used);
        }
    }

    fn server(&self, server: Option<usize>) -> &Server {
        server.and_then(|server| self.servers.get(server)).unwrap_or(&self.nobody)
    }

    fn set(&self, name: &'static str, labels: &[Pair<'_>], value: f64) {
        series::gauge(&self.recorder, name, labels).set(value);
    }

    /// One more of something of a server.
    fn count<K: series::Short>(
        &self,
        family: &Series<K, Counter>,
        key: K,
        name: &'static str,
        of: &Server,
        labels: &[Pair<'_>],
    ) {
        let make = || series::counter(&self.recorder, name, &of.labelled(labels));
        family.with(key, make, |counter| counter.increment(1));
    }

    /// A measured value of a server: seconds, bytes or a number.
    fn record<K: series::Short>(
        &self,
        family: &Series<K, Histogram>,
        key: K,
        name: &'static str,
        of: &Server,
        labels: &[Pair<'_>],
        value: f64,
    ) {
        let make = || self.histograms.handle(name, &of.labelled(labels));
        family.with(key, make, |histogram| histogram.record(value));
    }

    /// More or less of something of a server.
    fn change<K: series::Short>(
        &self,
        family: &Series<K, Gauge>,
        key: K,
        name: &'static str,
        of: &Server,
        labels: &[Pair<'_>],
        by: f64,
    ) {
        let make = || series::gauge(&self.recorder, name, &of.labelled(labels));
        family.with(key, make, |gauge| gauge.increment(by));
    }
}

/// Bytes and counts as Prometheus has them; exact up to 2⁵³.
#[expect(
    clippy::cast_precision_loss,
    reason = "exact up to 2^53, beyond which nobody counts bytes one by one"
)]
fn as_f64(number: u64) -> f64 {
    number as f64
}

/// Unix seconds as Prometheus has them.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, long after the year 9999")]
fn seconds(moment: i64) -> f64 {
    moment as f64
}
