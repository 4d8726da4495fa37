//! The observer driven by hand, and an exporter that tells a collector of what it saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use sightglass::config::{Config, Otlp, OtlpProtocol, ServerTls};
use sightglass::export::{self, Exemplars, Line, Losses, Started};
use sightglass::mcp::trace::{Carriers, Ids, Sampler, Trace, decide};
use sightglass::observe::End;
use tokio::time::Instant;

use super::observed::{Asked, Observed, one_server};

/// What is sent to a collector at `address`.
pub(crate) fn otlp(protocol: OtlpProtocol, address: SocketAddr) -> Otlp {
    let url = |path: &str| match protocol {
        OtlpProtocol::HttpProtobuf => format!("http://{address}{path}"),
        OtlpProtocol::Grpc => format!("http://{address}"),
    };
    Otlp {
        protocol,
        traces: Some(url("/v1/traces")),
        metrics: None,
        logs: None,
        headers: Vec::new(),
        gzip: false,
        timeout: Duration::from_secs(10),
        tls: ServerTls::default(),
    }
}

/// One server, whose calls are exported.
pub(crate) fn exported(otlp: Otlp) -> Config {
    let mut config = one_server();
    config.tracing.otlp = Some(otlp);
    config
}

/// An observer, and the exporter it tells.
pub(crate) struct Told {
    pub(crate) observed: Observed,
    pub(crate) losses: Arc<Losses>,
    started: Started,
    sampler: Sampler,
    ids: AtomicU64,
}

impl Told {
    pub(crate) fn start(config: &Config) -> Self {
        let losses = Arc::new(Losses::default());
        let exemplars = Arc::new(Exemplars::default());
        let started = export::Otlp::start(config, &losses, &exemplars).expect("a URL").expect("an exporter");
        let sampler = Sampler { ratio: config.tracing.sample_ratio, parent_based: true };
        let observed = Observed::telling(config, started.export());
        Self { observed, losses, started, sampler, ids: AtomicU64::new(1) }
    }

    /// Who is told of log lines.
    pub(crate) fn lines(&self) -> Option<impl Fn(&Line) + use<>> {
        self.started.lines()
    }

    /// Sends what waits.
    pub(crate) async fn stop(self) -> Arc<Losses> {
        self.stop_within(Duration::from_secs(20)).await
    }

    pub(crate) async fn stop_within(self, long: Duration) -> Arc<Losses> {
        self.started.stop(Instant::now() + long).await;
        self.losses
    }

    /// A request that was handed to the server, in a trace of its own.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> Asked {
        self.post_in("/mcp", headers, body, Carriers::default())
    }

    /// The same where the request came with something of a trace.
    pub(crate) fn post_in(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        carriers: Carriers<'_>,
    ) -> Asked {
        let asked = self.asked(path, headers, body);
        asked.exchange.traced(self.trace(carriers));
        asked.exchange.forwarded();
        asked
    }

    /// A request that the proxy has read and not passed on.
    pub(crate) fn asked(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        let asked = self.observed.ask("POST", path, headers);
        let mut watch = asked.exchange.request().expect("somebody looks");
        watch.frame(&Bytes::copy_from_slice(body.as_bytes()));
        watch.end(End::Complete);
        asked
    }

    /// A new place in a trace; ids count up.
    pub(crate) fn trace(&self, carriers: Carriers<'_>) -> Trace {
        let next = || self.ids.fetch_add(1, Ordering::Relaxed);
        decide(carriers, self.sampler, Ids::random(next))
    }
}

/// What an attribute of a span holds, as text.
pub(crate) fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    Some(text(found.value.as_ref()?.value.as_ref()?))
}

/// Attributes as lines, in the order of their names.
pub(crate) fn lines(attributes: &[KeyValue]) -> String {
    let line = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref()).expect("a value");
        format!("{}={}", attribute.key, text(value))
    };
    let mut lines: Vec<String> = attributes.iter().map(line).collect();
    lines.sort();
    lines.join("\n")
}

/// A value as text.
#[expect(clippy::wildcard_enum_match_arm, reason = "no others are exported")]
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}
