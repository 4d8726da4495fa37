//! The two histograms that the conventions name, pushed to a collector (`telemetry.md` §3, "Other names").

use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, MeterProvider};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality};

use super::health::Health;
use super::span::http_version;
use super::transport::Transport;
use super::{OtlpError, names};
use crate::export::servers::Servers;
use crate::export::{Exporter, Losses};
use crate::mcp::Method;
use crate::observe::{Call, Direction, Ending, ErrorType, Session};

/// Series of one histogram; every label has a cap of its own, so this is only reached by their product.
const SERIES_MAX: usize = 50_000;

/// Histograms, and the thread that sends them.
pub(super) struct Meters {
    /// Never dropped: that would wait for a collector, wherever the last owner happens to be.
    provider: ManuallyDrop<SdkMeterProvider>,
    operations: Histogram<f64>,
    sessions: Histogram<f64>,
    servers: Servers,
}

impl Meters {
    /// Sends every minute (`OTEL_METRIC_EXPORT_INTERVAL`), and at the end.
    pub(super) fn start(
        servers: Servers,
        transport: Transport,
        resource: Resource,
        losses: Arc<Losses>,
    ) -> Result<Self, OtlpError> {
        let health = Health::new(Exporter::OtlpMetrics, losses);
        let exporter = Counted { inner: transport.metrics()?, transport, health };
        let provider = SdkMeterProvider::builder()
            .with_reader(PeriodicReader::builder(exporter).build())
            .with_resource(resource)
            .with_view(|_: &Instrument| Stream::builder().with_cardinality_limit(SERIES_MAX).build().ok())
            .build();
        let meter = provider.meter_with_scope(super::scope());
        let histogram = |name: &'static str, description: &'static str| {
            let boundaries = names::DURATION_BUCKETS.to_vec();
            let builder = meter.f64_histogram(name).with_unit("s").with_description(description);
            builder.with_boundaries(boundaries).build()
        };
        Ok(Self {
            operations: histogram(names::OPERATION_DURATION, "Requests, from their head to their answer."),
            sessions: histogram(names::SESSION_DURATION, "Sessions, from their first request to their end."),
            servers,
            provider: ManuallyDrop::new(provider),
        })
    }

    /// A call ended.
    pub(super) fn call_ended(&self, call: &Call, ending: &Ending) {
        if call.direction != Direction::ClientToServer || call.is_stream() {
            return;
        }
        let mut attributes = self.common(call.server, call.client.version);
        attributes.push(KeyValue::new(names::MCP_METHOD_NAME, call.method.as_str()));
        attributes.push(KeyValue::new(names::NETWORK_PROTOCOL_VERSION, http_version(call.head.version)));
        if call.method == Method::ToolsCall {
            attributes.push(KeyValue::new(names::GEN_AI_OPERATION_NAME, names::EXECUTE_TOOL));
            attributes.push(KeyValue::new(names::GEN_AI_TOOL_NAME, ending.tool.as_str().to_owned()));
        }
        if let Some(error) = ending.error {
            attributes.push(KeyValue::new(names::ERROR_TYPE, error.label()));
        }
        // Other codes are as many as a server likes.
        if let Some(ErrorType::Code(code)) = ending.error {
            attributes.push(KeyValue::new(names::RPC_RESPONSE_STATUS_CODE, code.to_string()));
        }
        self.operations.record(ending.took.as_secs_f64(), &attributes);
    }

    /// A session ended.
    pub(super) fn session_ended(&self, session: &Session, lasted: Duration) {
        let attributes = self.common(session.server, session.version);
        self.sessions.record(lasted.as_secs_f64(), &attributes);
    }

    /// Sends what there is and ends the thread. Blocks while the collector answers.
    pub(super) fn stop(&self) {
        // A failure has been counted by the exporter.
        let _ = self.provider.shutdown();
    }

    fn common(&self, server: usize, version: Option<crate::mcp::Version>) -> Vec<KeyValue> {
        let name = self.servers.get(server).map(|server| server.name.clone()).unwrap_or_default();
        let mut attributes = Vec::with_capacity(10);
        attributes.push(KeyValue::new(names::PROXY_SERVER, name));
        attributes.push(KeyValue::new(names::NETWORK_TRANSPORT, names::TCP));
        attributes.push(KeyValue::new(names::NETWORK_PROTOCOL_NAME, names::HTTP));
        if let Some(version) = version {
            attributes.push(KeyValue::new(names::MCP_PROTOCOL_VERSION, version.as_str()));
        }
        attributes
    }
}

/// The exporter, whose failures count. What fails is not sent again: the next export holds it, too.
struct Counted {
    inner: MetricExporter,
    transport: Transport,
    health: Health,
}

impl PushMetricExporter for Counted {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.inner.export(metrics).await;
        match &result {
            Ok(()) => self.health.succeeded(),
            Err(error) => self.health.failed(&self.transport.failure(error).reason),
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
