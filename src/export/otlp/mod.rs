//! Spans, metrics and log lines to an OpenTelemetry collector (`telemetry.md` §4), in the background. A collector that
//! is slow, down, or answers errors costs no request anything: what waits is bounded, and what is given up is counted.

mod feed;
mod grpc;
mod health;
mod logs;
mod metrics;
mod names;
mod protobuf;
mod span;
mod traces;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use self::feed::{Feed, Feeds, Stop, Worker};
use self::logs::Logs;
use self::metrics::Meters;
use self::span::{Record, TaskRecord};
use self::traces::Traces;
use self::transport::Transport;
use super::servers::Servers;
use super::{Exemplars, Line, Losses};
use crate::config::{self, Config};
use crate::mcp::trace;
use crate::net::ConnectorError;
use crate::observe::{Call, Ending, Event, Export, TaskStatus};

/// What is told on the path: decides what is exported and hands it to the background.
pub struct Otlp {
    spans: Option<Arc<Feed<Traces>>>,
    slow: Option<Duration>,
    meters: Option<Arc<Meters>>,
    servers: Servers,
}

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum OtlpError {
    #[error("`{0}` is not a URL of a collector")]
    Url(String),
    #[error("`{0}` is not a header field that can be sent to a collector")]
    Header(String),
    #[error("the collector cannot be connected to: {0}")]
    Connector(#[from] ConnectorError),
    #[error("the collector cannot be connected to: {0}")]
    Channel(#[source] tonic::transport::Error),
    #[error("the exporter cannot be set up: {0}")]
    Exporter(#[from] ExporterBuildError),
}

impl Otlp {
    /// Starts what the configuration asks for on the current tokio runtime; `None` where it asks for nothing. Nothing is
    /// connected yet: a collector that is down is no error. `exemplars` are told which calls have arrived.
    pub fn start(
        config: &Config,
        losses: &Arc<Losses>,
        exemplars: &Arc<Exemplars>,
    ) -> Result<Option<Started>, OtlpError> {
        let Some(otlp) = config.tracing.otlp.as_ref().filter(|_| config.tracing.enabled) else {
            return Ok(None);
        };
        let resource = resource(config);
        let servers = Servers::of(config);
        let (stop, stopping) = watch::channel(None);
        let mut workers = Vec::new();
        let mut spans = None;
        if let Some(url) = &otlp.traces {
            let feed = Feed::new(config.tracing.queue, Arc::clone(losses));
            let traces =
                Traces::new(config, servers.clone(), Transport::new(otlp, url)?, Arc::clone(exemplars));
            workers.push(work(Arc::clone(&feed), traces, stopping.clone()));
            spans = Some(feed);
        }
        let mut lines = None;
        if let Some(url) = &otlp.logs {
            let feed = Feed::new(config.logs.queue, Arc::clone(losses));
            workers.push(work(
                Arc::clone(&feed),
                Logs::new(Transport::new(otlp, url)?, &resource)?,
                stopping,
            ));
            lines = Some(feed);
        }
        let meters = meters(servers.clone(), otlp, resource, losses)?;
        let otlp = Arc::new(Self { spans, slow: config.tracing.slow_threshold, meters, servers });
        Ok(Some(Started { otlp, lines, workers, stop }))
    }

    fn call_ended(&self, call: &Arc<Call>, ending: &Ending) {
        if let Some(meters) = &self.meters {
            meters.call_ended(call, ending);
        }
        if let Some(spans) = self.spans.as_ref().filter(|_| span::is_exported(call, ending, self.slow)) {
            spans.push(|| Record::of_call(call, ending));
        }
    }
}

impl Export for Otlp {
    #[expect(clippy::wildcard_enum_match_arm, reason = "spans tell of what ended, and of nothing else")]
    fn event(&self, event: &Event<'_>) {
        match *event {
            Event::CallEnded { call, ending } => self.call_ended(call, ending),
            Event::TaskEnded { task, status, lasted, seen_by } => {
                let (Some(spans), Some(origin)) = (&self.spans, task.origin) else { return };
                if origin.flags.is_sampled() || status == TaskStatus::Failed {
                    let span = trace::SpanId(fastrand::u64(1..).to_be_bytes());
                    let task = Arc::clone(task);
                    spans.push(|| Record::Task(TaskRecord { task, origin, span, status, lasted, seen_by }));
                }
            }
            Event::SessionEnded { session, lasted, .. } => {
                if let Some(meters) = &self.meters {
                    meters.session_ended(session, lasted);
                }
            }
            _ => {}
        }
    }

    fn reload(&self, config: &Config) {
        self.servers.reload(config);
    }
}

/// Exports that run in the background. Dropped without [`Started::stop`], they give up what waits.
pub struct Started {
    otlp: Arc<Otlp>,
    lines: Option<Arc<Feed<Logs>>>,
    workers: Vec<JoinHandle<()>>,
    stop: watch::Sender<Option<Instant>>,
}

impl Started {
    /// Who is to be told of events.
    pub fn export(&self) -> Arc<dyn Export> {
        Arc::clone(&self.otlp) as _
    }

    /// Who is to be told of log lines; `None` where they are not exported. Never waits: where there is no room, the loss
    /// is counted.
    pub fn lines(&self) -> Option<impl Fn(&Line) + Send + Sync + use<>> {
        let lines = self.lines.clone()?;
        Some(move |line: &Line| lines.push(|| line.clone()))
    }

    /// Sends what waits and ends, at the deadline at the latest. What could not be sent by then is counted as lost.
    pub async fn stop(self, deadline: Instant) {
        self.stop.send_replace(Some(deadline));
        let mut tasks = self.workers;
        if let Some(meters) = self.otlp.meters.clone() {
            tasks.push(tokio::task::spawn_blocking(move || meters.stop()));
        }
        for task in tasks {
            // Whoever is not ready is left behind, and a panic has been reported.
            let _ = timeout_at(deadline, task).await;
        }
    }
}

/// Runs a worker on a thread of its own: building, encoding and compressing a batch takes milliseconds, in which a
/// runtime's thread would serve nobody.
fn work<F: Feeds>(feed: Arc<Feed<F>>, destination: F, stop: Stop) -> JoinHandle<()> {
    let runtime = Handle::current();
    let worker = Worker::new(feed, destination, stop);
    tokio::task::spawn_blocking(move || runtime.block_on(worker.run()))
}

fn meters(
    servers: Servers,
    otlp: &config::Otlp,
    resource: Resource,
    losses: &Arc<Losses>,
) -> Result<Option<Arc<Meters>>, OtlpError> {
    let Some(url) = &otlp.metrics else { return Ok(None) };
    let transport = Transport::new(otlp, url)?;
    Ok(Some(Arc::new(Meters::start(servers, transport, resource, Arc::clone(losses))?)))
}

/// What is said of this process; the environment has been read by the configuration.
fn resource(config: &Config) -> Resource {
    let attributes = config.tracing.resource.iter();
    let attributes = attributes.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty().with_schema_url(attributes, names::SCHEMA_URL).build()
}

/// Whose instrumentation it is.
fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(names::SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(names::SCHEMA_URL)
        .build()
}
