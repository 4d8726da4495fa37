//! Spans to a collector: what a batch of records is as an `ExportTraceServiceRequest`, and what is made of the answer.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::feed::Feeds;
use super::names;
use super::protobuf::{Value, Writer, bytes_of, number_of, varint_bytes};
use super::span::{Clock, Record, Spans};
use super::transport::{Failure, REQUEST_BYTES_MAX, Transport};
use crate::config::Config;
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
    pub(super) fn new(config: &Config, transport: Transport, exemplars: Arc<Exemplars>) -> Self {
        let envelope = Envelope::new(&config.tracing.resource);
        Self { transport, envelope, spans: Spans::new(config), exemplars, written: Mutex::default() }
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
        let of_resource =
            self.resource.written().len() + 1 + varint_bytes(of_scope as u64) + of_scope;
        let mut head = Writer::with_room(of_resource - spans_bytes + 32);
        head.delimited(field::RESOURCE_SPANS, of_resource);
        head.fields(self.resource.written());
        head.delimited(field::SCOPE_SPANS, of_scope);
        head.fields(self.scope.written());
        head
    }
}
