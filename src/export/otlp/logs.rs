//! Log lines → log records (`telemetry.md` §5).

use std::borrow::Cow;

use opentelemetry::logs::{AnyValue, LogRecord, Logger, LoggerProvider, Severity};
use opentelemetry::{InstrumentationScope, SpanId, TraceId};
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider};

use super::feed::Feeds;
use super::transport::{Failure, REQUEST_BYTES_MAX, Transport};
use super::{OtlpError, names};
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::export::queue::Weighs;
use crate::export::{Exporter, QueueName};
use crate::observe::DroppedWhat;

/// Sends lines.
pub(super) struct Logs {
    exporter: LogExporter,
    transport: Transport,
    /// Makes records: the SDK lets nobody else.
    logger: SdkLogger,
    scope: InstrumentationScope,
}

impl Logs {
    pub(super) fn new(transport: Transport, resource: &Resource) -> Result<Self, OtlpError> {
        let mut exporter = transport.logs()?;
        exporter.set_resource(resource);
        let logger = SdkLoggerProvider::builder().build().logger(names::SCOPE);
        Ok(Self { exporter, transport, logger, scope: super::scope() })
    }

    fn record(&self, line: &Line) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record.set_timestamp(line.at);
        record.set_observed_timestamp(line.at);
        let (severity, text) = severity(line.level);
        record.set_severity_number(severity);
        record.set_severity_text(text);
        if let Cow::Borrowed(event) = line.event {
            record.set_event_name(event);
        }
        record.set_body(line.message.clone().into());
        record.add_attribute("event", line.event.clone());
        for (name, value) in &line.fields {
            record.add_attribute(*name, any(value));
        }
        if let Some((trace, span)) = line.trace {
            record.set_trace_context(TraceId::from_bytes(trace.0), SpanId::from_bytes(span.0), None);
        }
        record
    }
}

impl Feeds for Logs {
    type Item = Line;
    const EXPORTER: Exporter = Exporter::OtlpLogs;
    const WHAT: DroppedWhat = DroppedWhat::Log;
    // That gauge tells of the lines that wait to be written.
    const DEPTH: Option<QueueName> = None;
    const EACH: u32 = 1;

    async fn send(&self, batch: &[Line]) -> Result<(), Failure> {
        for part in parts(batch) {
            let records: Vec<SdkLogRecord> = part.iter().map(|line| self.record(line)).collect();
            let of_scope: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
            let result = self.exporter.export(LogBatch::new(&of_scope)).await;
            result.map_err(|error| self.transport.failure(&error))?;
        }
        Ok(())
    }

    fn sent(&self, _batch: &[Line]) {}
}

impl Weighs for Line {
    fn weight(&self) -> usize {
        Self::weight(self)
    }
}

/// Lines in parts that a collector takes: nearly always one, unless they carry payloads.
fn parts(mut lines: &[Line]) -> impl Iterator<Item = &[Line]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |line: &&Line| {
            bytes += line.weight();
            bytes <= REQUEST_BYTES_MAX
        };
        let many = lines.iter().take_while(fits).count().max(1);
        let (part, rest) = lines.split_at_checked(many)?;
        lines = rest;
        Some(part)
    })
}

fn severity(level: LogLevel) -> (Severity, &'static str) {
    match level {
        LogLevel::Error => (Severity::Error, "ERROR"),
        LogLevel::Warn => (Severity::Warn, "WARN"),
        LogLevel::Info => (Severity::Info, "INFO"),
        LogLevel::Debug => (Severity::Debug, "DEBUG"),
        LogLevel::Trace => (Severity::Trace, "TRACE"),
    }
}

fn any(value: &Value) -> AnyValue {
    match value {
        Value::Text(text) => text.clone().into(),
        Value::Integer(number) => i64::try_from(*number).unwrap_or(i64::MAX).into(),
        Value::Float(number) => (*number).into(),
        Value::Flag(flag) => (*flag).into(),
        Value::List(texts) => texts.iter().cloned().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::config::Otlp;
    use crate::mcp::trace;

    fn logs() -> Logs {
        let transport = Transport::new(&Otlp::default(), "http://127.0.0.1:1/v1/logs").unwrap();
        Logs::new(transport, &Resource::builder_empty().build()).unwrap()
    }

    #[test]
    fn lines_with_payloads_are_sent_in_parts_that_a_collector_takes() {
        let line = |bytes: usize| Line::new(LogLevel::Debug, "tool_payload", "x".repeat(bytes));
        let sizes = [3_000_000, 1_000_000, 900_000, 900_000, 1, 1];
        let lines: Vec<Line> = sizes.into_iter().map(line).collect();
        let parts: Vec<usize> = parts(&lines).map(<[Line]>::len).collect();
        assert_eq!(parts, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_line_is_a_record_of_its_level_with_its_keys_as_attributes() {
        let line = Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            level: LogLevel::Warn,
            event: Cow::Borrowed("mcp_request"),
            message: "ping failed".to_owned(),
            trace: Some((trace::TraceId([1; 16]), trace::SpanId([2; 8]))),
            fields: vec![
                ("method", "ping".to_owned().into()),
                ("request_bytes", Value::Integer(7)),
                ("duration_ms", Value::Float(1.5)),
                ("slow", Value::Flag(true)),
                ("tools", Value::List(vec!["a".to_owned()])),
            ],
        };
        let record = logs().record(&line);
        assert_eq!(record.severity_number(), Some(Severity::Warn));
        assert_eq!((record.event_name(), record.timestamp()), (Some("mcp_request"), Some(line.at)));
        assert_eq!(record.body(), Some(&AnyValue::from("ping failed")));
        assert_eq!(record.trace_context().unwrap().span_id, SpanId::from_bytes([2; 8]));
        let attributes: Vec<String> =
            record.attributes_iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        insta::assert_snapshot!(attributes.join("\n"), @r#"
        event=String(Static("mcp_request"))
        method=String(Owned("ping"))
        request_bytes=Int(7)
        duration_ms=Double(1.5)
        slow=Boolean(true)
        tools=ListAny([String(Owned("a"))])
        "#);
    }
}
