//! Spans to a collector: what a batch of records is as an `ExportTraceServiceRequest`, and what is made of the answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::feed::Feeds;
use super::names;
use super::protobuf::{Value, Writer, bytes_of, number_of, varint_bytes};
use super::span::{Clock, Record, Spans};
use super::transport::{Failure, REQUEST_BYTES_MAX, Transport};
use crate::config::Config;
use crate::export::servers::Servers;
use crate::export::{Exemplars, Exporter, QueueName};
use crate::observe::DroppedWhat;

/// The fields of the messages around spans (`trace/v1/trace.proto`, `common/v1/common.proto`, `resource.proto`).
mod field {
    pub(super) const RESOURCE_SPANS: u32 = 1;

    pub(super) const RESOURCE: u32 = 1;
    pub(super) const SCOPE_SPANS: u32 = 2;
    /// Of both.
    pub(super) const SCHEMA_URL: u32 = 3;

    pub(super) const RESOURCE_ATTRIBUTE: u32 = 1;

    pub(super) const SCOPE: u32 = 1;
    pub(super) const SCOPE_NAME: u32 = 1;
    pub(super) const SCOPE_VERSION: u32 = 2;
}

/// Sends spans.
pub(super) struct Traces {
    transport: Transport,
    envelope: Envelope,
    spans: Spans,
    exemplars: Arc<Exemplars>,
    /// Spans as they are written: the room that the last batch took serves the next.
    written: Mutex<Writer>,
}

impl Traces {
    pub(super) fn new(
        config: &Config,
        servers: Servers,
        transport: Transport,
        exemplars: Arc<Exemplars>,
    ) -> Self {
        let envelope = Envelope::new(&config.tracing.resource);
        Self { transport, envelope, spans: Spans::new(config, servers), exemplars, written: Mutex::default() }
    }

    /// The body of a request with as many of `records` as a collector takes at once, and how many those are: nearly
    /// always all, unless somebody makes each as long as can be.
    fn request(&self, records: &[Record]) -> (Bytes, usize) {
        let mut spans = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let clock = Clock::now();
        let mut many = 0;
        for record in records {
            let before = spans.written().len();
            self.spans.write(record, clock, &mut spans);
            if spans.written().len() > REQUEST_BYTES_MAX && many > 0 {
                spans.cut(before, usize::MAX);
                break;
            }
            many += 1;
        }
        let head = self.envelope.around(spans.written().len());
        let body = self.transport.body([head.written(), spans.written()]);
        spans.cut(0, REQUEST_BYTES_MAX);
        (body, many)
    }
}

impl Feeds for Traces {
    type Item = Record;
    const EXPORTER: Exporter = Exporter::OtlpTraces;
    const WHAT: DroppedWhat = DroppedWhat::Span;
    const DEPTH: Option<QueueName> = Some(QueueName::Spans);
    /// A call has two.
    const EACH: u32 = 2;

    async fn send(&self, batch: &[Record]) -> Result<(), Failure> {
        let mut rejection = None;
        let mut rest = batch;
        while !rest.is_empty() {
            let (body, many) = self.request(rest);
            rejection = more(rejection, rejected(&self.transport.export_spans(body).await?));
            rest = rest.get(many..).unwrap_or_default();
        }
        rejection.map_or(Ok(()), Err)
    }

    fn sent(&self, batch: &[Record]) {
        for record in batch {
            if let Record::Call { call, ending } = record {
                self.exemplars.exported(call, ending);
            }
        }
    }
}

/// What an `ExportTraceServiceResponse` says was not taken. A collector that took all may still have a remark to make,
/// which is nobody's loss.
fn rejected(response: &[u8]) -> Option<Failure> {
    let partial_success = bytes_of(response, 1)?;
    let rejected = number_of(partial_success, 1);
    let reason = String::from_utf8_lossy(bytes_of(partial_success, 2).unwrap_or_default());
    let reason = format!("it rejected {rejected} spans: {reason}");
    // A negative number is none.
    let is_some = i64::try_from(rejected).is_ok_and(|many| many > 0);
    is_some.then(|| Failure { rejected: Some(rejected), ..Failure::final_one(&reason) })
}

/// What the parts of a batch were rejected for, together.
fn more(earlier: Option<Failure>, later: Option<Failure>) -> Option<Failure> {
    match (earlier, later) {
        (Some(earlier), Some(later)) => {
            let rejected = earlier.rejected.unwrap_or_default() + later.rejected.unwrap_or_default();
            Some(Failure { rejected: Some(rejected), ..later })
        }
        (earlier, later) => later.or(earlier),
    }
}

/// What stands before the spans of every request; everything else of it is spans.
struct Envelope {
    /// Of `ResourceSpans`, all but the spans of its one scope.
    resource: Writer,
    /// Of `ScopeSpans`, all but the spans.
    scope: Writer,
}

impl Envelope {
    /// `attributes` say of what process the spans are; of a name that stands there twice the last value counts.
    fn new(attributes: &[(String, String)]) -> Self {
        let mut resource = Writer::default();
        resource.nested(field::RESOURCE, 1, |out| {
            for (position, (name, value)) in attributes.iter().enumerate() {
                if attributes.iter().skip(position + 1).all(|(later, _)| later != name) {
                    out.attribute(field::RESOURCE_ATTRIBUTE, name, Value::Text(value));
                }
            }
        });
        resource.text(field::SCHEMA_URL, &[names::SCHEMA_URL]);
        let mut scope = Writer::default();
        scope.nested(field::SCOPE, 1, |out| {
            out.text(field::SCOPE_NAME, &[names::SCOPE]);
            out.text(field::SCOPE_VERSION, &[env!("CARGO_PKG_VERSION")]);
        });
        scope.text(field::SCHEMA_URL, &[names::SCHEMA_URL]);
        Self { resource, scope }
    }

    /// What stands before so many bytes of spans.
    fn around(&self, spans_bytes: usize) -> Writer {
        let of_scope = self.scope.written().len() + spans_bytes;
        let of_resource = self.resource.written().len() + 1 + varint_bytes(of_scope as u64) + of_scope;
        let mut head = Writer::with_room(of_resource - spans_bytes + 32);
        head.delimited(field::RESOURCE_SPANS, of_resource);
        head.fields(self.resource.written());
        head.delimited(field::SCOPE_SPANS, of_scope);
        head.fields(self.scope.written());
        head
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    };
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;

    fn attributes(of: &[(&str, &str)]) -> Vec<KeyValue> {
        let attribute = |&(key, value): &(&str, &str)| {
            let value = Some(AnyValue { value: Some(Any::StringValue(value.to_owned())) });
            KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
        };
        of.iter().map(attribute).collect()
    }

    fn expected(resource: &[(&str, &str)], spans: Vec<Span>) -> ExportTraceServiceRequest {
        let scope = InstrumentationScope {
            name: names::SCOPE.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let schema_url = names::SCHEMA_URL.to_owned();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: schema_url.clone() }];
        let resource = Resource { attributes: attributes(resource), ..Resource::default() };
        let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, schema_url }];
        ExportTraceServiceRequest { resource_spans }
    }

    #[test]
    fn the_envelope_is_that_of_the_definitions_whatever_it_holds() {
        let long = "é".repeat(10_000);
        let resources: [&[(&str, &str)]; 4] =
            [&[], &[("service.name", "")], &[("service.name", "s"), ("a", "\"\0")], &[("long", &long)]];
        for resource in resources {
            let owned: Vec<_> = resource.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            let envelope = Envelope::new(&owned);
            for bytes in [0, 1, 100, 127, 128, 20_000, 3_000_000] {
                let span = Span { name: "x".repeat(bytes), ..Span::default() };
                let spans = if bytes == 0 { Vec::new() } else { vec![span] };
                let mut written = Writer::default();
                for span in &spans {
                    written.nested(2, 2, |out| out.text(5, &[&span.name]));
                }
                let head = envelope.around(written.written().len());
                let whole = [head.written(), written.written()].concat();
                let read = ExportTraceServiceRequest::decode(whole.as_slice()).unwrap();
                assert_eq!(read, expected(resource, spans));
            }
        }
    }

    #[test]
    fn the_last_value_of_an_attribute_of_the_process_counts() {
        let twice = [("a", "1"), ("b", "2"), ("a", "3")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let head = Envelope::new(&twice).around(0);
        let read = ExportTraceServiceRequest::decode(head.written()).unwrap();
        assert_eq!(read, expected(&[("b", "2"), ("a", "3")], Vec::new()));
    }

    #[test]
    fn what_a_collector_rejects_is_read_and_nothing_is_made_of_a_remark() {
        let said = |rejected_spans: i64, message: &str| {
            let error_message = message.to_owned();
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
            rejected(&ExportTraceServiceResponse { partial_success }.encode_to_vec())
        };
        let failure = said(3, "too old").unwrap();
        assert_eq!((failure.rejected, failure.may_be_repeated), (Some(3), false));
        assert_eq!(failure.reason, "it rejected 3 spans: too old");
        assert!(said(0, "mind the clock").is_none());
        assert!(said(-1, "").is_none());
        assert!(rejected(b"").is_none());
        assert!(rejected(b"<html>no protobuf</html>").is_none());
        let both = more(said(3, "a"), more(None, said(4, "b"))).unwrap();
        assert_eq!(both.rejected, Some(7));
    }
}
