//! Calls and tasks → spans (`telemetry.md` §4).
//!
//! # Why
//! The ids of a call's spans went upstream before anybody knew how it would end, and the SDK's span builder takes no
//! ids: so its public `SpanData` is made here, at the end, with the ids that were sent.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use tokio::time::Instant;

use super::names;
use crate::config::{Config, Url};
use crate::export::queue::Weighs;
use crate::mcp::trace::{self, Context, Trace};
use crate::mcp::{Era, Id, Method, Text};
use crate::observe::{
    Call, Direction, Ending, Milestone, Outcome, Passed, Redactor, Status as Class, Task, TaskStatus,
};

/// Bytes of a name that make a span's name.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of any other text; a header may be as long as `limits.header_bytes`.
const TEXT_BYTES_MAX: usize = 512;
/// Bytes of spans or lines, about, that are sent at once: collectors take 4 MiB over gRPC unless told otherwise.
pub(super) const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What the path leaves to be exported.
#[derive(Debug)]
pub(super) enum Record {
    Call { call: Arc<Call>, ending: Ending },
    Task(TaskRecord),
}

impl Weighs for Record {
    fn weight(&self) -> usize {
        let more = match self {
            Self::Call { call, ending } => call.weight() + ending.weight(),
            Self::Task(record) => record.task.id.as_str().len(),
        };
        size_of::<Self>() + more
    }
}

/// A task that ended.
#[derive(Debug)]
pub(super) struct TaskRecord {
    pub(super) task: Arc<Task>,
    pub(super) origin: Context,
    pub(super) span: trace::SpanId,
    pub(super) status: TaskStatus,
    pub(super) lasted: Duration,
    pub(super) seen_by: Option<Context>,
}

/// Makes spans.
pub(super) struct Spans {
    servers: Vec<(String, Url)>,
    redactor: Redactor,
    scope: InstrumentationScope,
}

impl Spans {
    pub(super) fn new(config: &Config) -> Self {
        let server = |server: &crate::config::Server| (server.name.clone(), server.url.clone());
        Self {
            servers: config.servers.iter().map(server).collect(),
            redactor: Redactor::new(&config.logs.redact_keys),
            scope: scope(),
        }
    }

    /// The spans of all records.
    pub(super) fn of(&self, records: &[Record]) -> Vec<SpanData> {
        let clock = Clock::now();
        let mut spans = Vec::with_capacity(2 * records.len());
        for record in records {
            match record {
                Record::Call { call, ending } => {
                    if let Some(trace) = call.trace() {
                        let pair = Pair { spans: self, call, ending, trace, clock };
                        spans.push(pair.server());
                        spans.extend(pair.client());
                    }
                }
                Record::Task(record) => spans.push(self.task(record, clock)),
            }
        }
        spans
    }

    /// From a task's creation to its end, in the trace of the call that made it.
    fn task(&self, record: &TaskRecord, clock: Clock) -> SpanData {
        let TaskRecord { task, origin, status, .. } = record;
        let tool = task.name.as_ref().map(|name| self.redacted(name));
        let mut attributes = Attributes::default();
        attributes.add(names::PROXY_SERVER, self.name(task.server));
        attributes.add(names::PROXY_TASK_ID, task.id.clone());
        attributes.add(names::PROXY_TASK_STATUS, status.as_str());
        attributes.maybe(names::GEN_AI_TOOL_NAME, tool.clone());
        attributes.maybe(
            names::MCP_SESSION_ID,
            task.session.as_ref().map(|session| cut(&session.id, TEXT_BYTES_MAX)),
        );
        let failed = *status == TaskStatus::Failed;
        attributes.maybe(names::ERROR_TYPE, failed.then_some("task_failed"));
        SpanData {
            span_context: exported(origin.trace, record.span, origin.flags, TraceState::NONE),
            parent_span_id: span_id(origin.span),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: named("task", tool.as_deref()).into(),
            start_time: clock.at(task.started),
            end_time: clock.at(task.started + record.lasted),
            attributes: attributes.0,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: links(record.seen_by.iter().map(|seen_by| link(seen_by, false, Some("seen_by")))),
            status: if failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }

    fn name(&self, server: usize) -> String {
        self.servers.get(server).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    fn redacted(&self, text: &Text) -> String {
        cut(&self.redactor.kept(text), TEXT_BYTES_MAX)
    }

    /// A URI of which only the beginning may have been kept: half a segment may be half a secret.
    fn uri(&self, uri: &Text) -> String {
        let written = uri.as_str();
        let half = uri.is_cut() && !written.contains(['?', '#']);
        let whole = if half { written.rsplit_once('/').unwrap_or_default().0 } else { written };
        cut(&self.redactor.uri(whole), TEXT_BYTES_MAX)
    }

    /// The first members of a `tracestate` that are valid, in their order; it came from outside. What looks like a secret
    /// goes on to the server as it came, and to nobody else.
    fn tracestate(&self, text: &str) -> TraceState {
        let mut room = TEXT_BYTES_MAX;
        let members = text.split(',').map(str::trim);
        let harmless = members.filter(|member| matches!(self.redactor.text(member), Cow::Borrowed(_)));
        let valid = harmless
            .filter_map(|member| member.split_once('='))
            .filter(|member| TraceState::from_key_value([*member]).is_ok());
        let first = valid.take_while(|(key, value)| {
            let left = room.checked_sub(key.len() + value.len() + 2);
            room = left.unwrap_or_default();
            left.is_some()
        });
        TraceState::from_key_value(first).unwrap_or_default()
    }

    /// Redacted as a whole, then cut: half a secret would no longer look like one.
    fn readable(&self, text: &str) -> String {
        cut(&self.redactor.text(text), TEXT_BYTES_MAX)
    }
}

/// Spans in parts that a collector takes: nearly always one, unless somebody makes each as long as can be.
pub(super) fn parts(spans: Vec<SpanData>) -> Vec<Vec<SpanData>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for span in spans {
        bytes += weight(&span);
        if bytes > REQUEST_BYTES_MAX {
            bytes = weight(&span);
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(span);
        }
    }
    parts
}

/// About how many bytes it is when it is sent.
fn weight(span: &SpanData) -> usize {
    const FIXED: usize = 256 + TEXT_BYTES_MAX;
    const EACH: usize = 128;
    let attribute = |attribute: &KeyValue| {
        let value = if let Value::String(text) = &attribute.value { text.as_str().len() } else { 0 };
        attribute.key.as_str().len() + value + 16
    };
    let attributes: usize = span.attributes.iter().map(attribute).sum();
    let description = if let Status::Error { description } = &span.status { description.len() } else { 0 };
    FIXED + span.name.len() + attributes + description + EACH * (span.events.len() + span.links.len())
}

/// Whose instrumentation it is.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(names::SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(names::SCHEMA_URL)
        .build()
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
struct Clock {
    instant: Instant,
    system: SystemTime,
}

impl Clock {
    fn now() -> Self {
        Self { instant: Instant::now(), system: SystemTime::now() }
    }

    fn at(self, instant: Instant) -> SystemTime {
        let ago = self.instant.saturating_duration_since(instant);
        let ahead = instant.saturating_duration_since(self.instant);
        self.system.checked_sub(ago).map_or(SystemTime::UNIX_EPOCH, |time| time + ahead)
    }
}

/// The two spans of one call.
struct Pair<'a> {
    spans: &'a Spans,
    call: &'a Call,
    ending: &'a Ending,
    trace: &'a Trace,
    clock: Clock,
}

impl Pair<'_> {
    /// What whoever asked saw.
    fn server(&self) -> SpanData {
        let (call, trace) = (self.call, self.trace);
        let own_links = trace.links.iter().map(|context| link(context, true, None));
        let earlier = call.earlier.iter().map(|context| link(context, false, Some("earlier_round")));
        let mut attributes = self.common();
        self.add_peers(&mut attributes, true);
        self.add_head(&mut attributes);
        self.add_sizes(&mut attributes);
        attributes.maybe(names::PROXY_TASK_ID, self.ending.task.clone());
        SpanData {
            span_context: self.context(trace.server_span),
            parent_span_id: trace.parent.map_or(SpanId::INVALID, span_id),
            parent_span_is_remote: trace.parent.is_some(),
            span_kind: SpanKind::Server,
            name: self.name(),
            start_time: self.clock.at(call.started),
            end_time: self.clock.at(call.started + self.ending.took),
            attributes: attributes.0,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: links(own_links.chain(earlier)),
            status: if is_askers_fault(self.ending.code) { Status::Unset } else { self.status() },
            instrumentation_scope: self.spans.scope.clone(),
        }
    }

    /// The leg to whoever was asked; `None` where the question never got there.
    fn client(&self) -> Option<SpanData> {
        let forwarded = self.call.forwarded()?;
        let whole = self.call.started + self.ending.took;
        let end = self.ending.upstream.map_or(whole, |upstream| forwarded + upstream).max(forwarded);
        let mut attributes = self.common();
        self.add_peers(&mut attributes, false);
        self.add_stream(&mut attributes);
        Some(SpanData {
            span_context: self.context(self.trace.client_span),
            parent_span_id: span_id(self.trace.server_span),
            parent_span_is_remote: false,
            span_kind: SpanKind::Client,
            name: self.name(),
            start_time: self.clock.at(forwarded),
            end_time: self.clock.at(end),
            attributes: attributes.0,
            dropped_attributes_count: 0,
            events: self.events(),
            links: SpanLinks::default(),
            status: self.status(),
            instrumentation_scope: self.spans.scope.clone(),
        })
    }

    fn context(&self, span: trace::SpanId) -> SpanContext {
        let state = self.spans.tracestate(self.trace.tracestate.as_deref().unwrap_or_default());
        exported(self.trace.id, span, self.trace.flags, state)
    }

    fn method(&self) -> String {
        match (self.call.method, &self.call.method_name) {
            (Method::Other, Some(name)) => cut(&self.spans.redacted(name), NAME_BYTES_MAX),
            (method, _) => method.as_str().to_owned(),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        let target = self.call.name.as_ref().filter(|_| self.has_target());
        named(&self.method(), target.map(|name| self.spans.redacted(name)).as_deref()).into()
    }

    fn has_target(&self) -> bool {
        matches!(self.call.method, Method::ToolsCall | Method::PromptsGet)
    }

    fn status(&self) -> Status {
        if self.ending.outcome.status() != Class::Error {
            return Status::Unset;
        }
        let message = self.ending.message.as_ref();
        let message = message.map(|message| self.call.without_ids(self.spans.redacted(message)));
        Status::error(message.unwrap_or_default())
    }

    /// What both spans say.
    fn common(&self) -> Attributes {
        let (call, ending, spans) = (self.call, self.ending, self.spans);
        let mut attributes = Attributes(Vec::with_capacity(32));
        attributes.add(names::MCP_METHOD_NAME, self.method());
        attributes.maybe(names::MCP_PROTOCOL_VERSION, call.client.version.map(crate::mcp::Version::as_str));
        attributes.maybe(
            names::MCP_SESSION_ID,
            call.session.as_ref().map(|session| cut(&session.id, TEXT_BYTES_MAX)),
        );
        attributes.maybe(names::MCP_RESOURCE_URI, call.uri.as_ref().map(|uri| spans.uri(uri)));
        let name = call.name.as_ref().map(|name| spans.redacted(name));
        if call.method == Method::ToolsCall {
            attributes.add(names::GEN_AI_OPERATION_NAME, names::EXECUTE_TOOL);
            attributes.maybe(names::GEN_AI_TOOL_NAME, name);
        } else if call.method == Method::PromptsGet {
            attributes.maybe(names::GEN_AI_PROMPT_NAME, name);
        }
        attributes.add(names::JSONRPC_REQUEST_ID, self.request_id());
        attributes.maybe(
            names::RPC_RESPONSE_STATUS_CODE,
            ending.code.map(|code| spans.readable(&code.to_string())),
        );
        attributes.maybe(names::ERROR_TYPE, ending.error.map(crate::observe::ErrorType::label));
        attributes.add(names::NETWORK_TRANSPORT, names::TCP);
        attributes.add(names::NETWORK_PROTOCOL_NAME, names::HTTP);
        attributes.add(names::PROXY_SERVER, spans.name(call.server));
        attributes.add(names::PROXY_OUTCOME, ending.outcome.as_str());
        attributes.add(names::PROXY_TRANSPORT, call.transport.as_str());
        attributes.add(names::PROXY_ERA, era(call.era));
        if call.direction == Direction::ServerToClient {
            attributes.add(names::PROXY_DIRECTION, call.direction.as_str());
        } else {
            attributes.add(names::HTTP_REQUEST_METHOD, names::POST);
            let status = ending.http_status.map(|status| i64::from(status.as_u16()));
            attributes.maybe(names::HTTP_RESPONSE_STATUS_CODE, status);
        }
        attributes
    }

    fn request_id(&self) -> String {
        match &self.call.id {
            Id::Null => "null".to_owned(),
            // The number of a card is one, too.
            Id::Number(number) => self.spans.readable(&number.to_string()),
            Id::Text(text) | Id::Decimal(text) => self.spans.redacted(text),
        }
    }

    /// Who was asked; on the SERVER span also who asked. A server's question goes the other way.
    fn add_peers(&self, attributes: &mut Attributes, with_asker: bool) {
        let peer = self.call.head.peer;
        let Some((_, url)) = self.spans.servers.get(self.call.server) else { return };
        let upstream = (url.host.clone(), i64::from(url.port_or_default()));
        let client = (address(peer), i64::from(peer.port()));
        let (to, from) = match self.call.direction {
            Direction::ClientToServer => (upstream, client),
            Direction::ServerToClient => (client, upstream),
        };
        attributes.add(names::SERVER_ADDRESS, to.0);
        attributes.add(names::SERVER_PORT, to.1);
        if with_asker {
            attributes.add(names::CLIENT_ADDRESS, from.0);
            attributes.add(names::CLIENT_PORT, from.1);
        }
    }

    /// What the head of the client's request and its introduction said.
    fn add_head(&self, attributes: &mut Attributes) {
        let (call, spans) = (self.call, self.spans);
        let header = |value: &Option<Text>| value.as_ref().map(|value| spans.redacted(value));
        attributes.add(names::NETWORK_PROTOCOL_VERSION, http_version(call.head.version));
        // Where the server asks, the head is that of whoever is asked.
        let user_agent =
            header(&call.head.user_agent).filter(|_| call.direction == Direction::ClientToServer);
        attributes.maybe(names::USER_AGENT_ORIGINAL, user_agent);
        attributes.maybe(names::PROXY_CORRELATION_ID, header(&call.head.correlation_id));
        let client = &call.client;
        attributes.maybe(names::PROXY_CLIENT_NAME, client.name.as_ref().map(|name| spans.redacted(name)));
        let version = client.client_version.as_ref().map(|version| spans.redacted(version));
        attributes.maybe(names::PROXY_CLIENT_VERSION, version);
    }

    fn add_sizes(&self, attributes: &mut Attributes) {
        attributes.maybe(names::PROXY_OVERHEAD, self.ending.overhead.map(|took| took.as_secs_f64()));
        attributes.add(names::PROXY_REQUEST_SIZE, integer(self.call.request_bytes));
        attributes.maybe(names::PROXY_RESPONSE_SIZE, self.ending.response_bytes.map(integer));
    }

    fn add_stream(&self, attributes: &mut Attributes) {
        attributes.maybe(names::PROXY_STREAM_MESSAGES, self.ending.events.map(integer));
        attributes.maybe(names::PROXY_FIRST_EVENT, self.ending.first_event.map(|after| after.as_secs_f64()));
    }

    /// What passed on the stream before the answer.
    fn events(&self) -> SpanEvents {
        let (milestones, more) = self.call.milestones();
        let mut events = SpanEvents::default();
        events.events = milestones.iter().map(|milestone| event(*milestone, self.clock)).collect();
        events.dropped_count = more;
        events
    }
}

/// Codes by which a server says that the question was wrong: no failure of its own.
fn is_askers_fault(code: Option<i64>) -> bool {
    matches!(code, Some(-32700 | -32600 | -32601 | -32602 | -32002))
}

fn event(milestone: Milestone, clock: Clock) -> Event {
    let (name, method) = match milestone.what {
        Passed::FirstEvent => ("first_event", None),
        Passed::Priming => ("priming_event", None),
        Passed::Resumed => ("stream_resumed", None),
        Passed::Notification(method) | Passed::Request(method) => (method.as_str(), Some(method)),
    };
    let method = method.map(|method| KeyValue::new(names::MCP_METHOD_NAME, method.as_str()));
    Event::new(name, clock.at(milestone.at), method.into_iter().collect(), 0)
}

/// The context of an exported span: sampled, whatever was decided at the head.
fn exported(id: trace::TraceId, span: trace::SpanId, flags: trace::Flags, state: TraceState) -> SpanContext {
    let flags = TraceFlags::new(flags.with_sampled(true).byte());
    SpanContext::new(TraceId::from_bytes(id.0), span_id(span), flags, false, state)
}

fn link(to: &Context, is_remote: bool, why: Option<&'static str>) -> Link {
    let (id, flags) = (TraceId::from_bytes(to.trace.0), TraceFlags::new(to.flags.byte()));
    let context = SpanContext::new(id, span_id(to.span), flags, is_remote, TraceState::NONE);
    let why = why.map(|why| KeyValue::new(names::PROXY_LINK, why));
    Link::new(context, why.into_iter().collect(), 0)
}

fn links(all: impl Iterator<Item = Link>) -> SpanLinks {
    let mut links = SpanLinks::default();
    links.links = all.collect();
    links
}

fn span_id(id: trace::SpanId) -> SpanId {
    SpanId::from_bytes(id.0)
}

fn named(method: &str, target: Option<&str>) -> String {
    match target {
        Some(target) => format!("{method} {}", cut(target, NAME_BYTES_MAX)),
        None => method.to_owned(),
    }
}

fn cut(text: &str, bytes_max: usize) -> String {
    let fits = |&(at, character): &(usize, char)| at + character.len_utf8() <= bytes_max;
    text.char_indices().take_while(fits).map(|(_, character)| character).collect()
}

fn era(era: Era) -> &'static str {
    match era {
        Era::HttpSse => "http_sse",
        Era::Legacy => "legacy",
        Era::Modern => "modern",
    }
}

/// `network.protocol.version`.
pub(super) fn http_version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_10 => "1.0",
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// A client that came over IPv4 to a socket of both kinds has an IPv4 address.
fn address(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Attributes in the order they are added.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push(KeyValue::new(name, value.into()));
    }

    fn maybe(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

/// Whether a call's spans are exported: decided at its end.
pub(super) fn is_exported(call: &Call, ending: &Ending, slow: Option<Duration>) -> bool {
    let Some(trace) = call.trace() else { return false };
    // A subscription lasts as long as its client likes.
    let is_slow = !call.is_stream() && slow.is_some_and(|slow| ending.took > slow);
    trace.flags.is_sampled() || is_failure(ending.outcome) || is_slow
}

fn is_failure(outcome: Outcome) -> bool {
    outcome.status() == Class::Error
}
