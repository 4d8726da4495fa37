//! Calls and tasks → spans (`telemetry.md` §4), as `opentelemetry.proto.trace.v1.Span`.
//!
//! # Why
//! The ids of a call's spans went upstream before anybody knew how it would end, and the SDK's span builder takes no
//! ids. So a span is written here, at the end, with the ids that were sent; and as the bytes that are sent, since
//! nobody else looks at it.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::TraceState;
use tokio::time::Instant;

use super::names;
use super::protobuf::{Value, Writer};
use crate::config::Config;
use crate::export::queue::Weighs;
use crate::export::servers::Servers;
use crate::mcp::trace::{self, Context, Trace};
use crate::mcp::{Era, Id, Method, Text};
use crate::observe::{
    Call, Direction, Ending, Milestone, Outcome, Passed, Redactor, Status as Class, Task, TaskStatus,
};

/// Bytes of a name that make a span's name.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of any other text; a header may be as long as `limits.header_bytes`.
const TEXT_BYTES_MAX: usize = 512;
/// Bytes, about, of what both spans of a usual call say.
const SHARED_BYTES: usize = 1024;

/// The fields of `ScopeSpans`, `Span`, `Span.Event`, `Span.Link` and `Status` (`trace/v1/trace.proto`).
mod field {
    pub(super) const SCOPE_SPAN: u32 = 2;

    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START: u32 = 7;
    pub(super) const END: u32 = 8;
    pub(super) const ATTRIBUTE: u32 = 9;
    pub(super) const EVENT: u32 = 11;
    pub(super) const DROPPED_EVENTS: u32 = 12;
    pub(super) const LINK: u32 = 13;
    pub(super) const STATUS: u32 = 15;
    pub(super) const FLAGS: u32 = 16;

    pub(super) const EVENT_TIME: u32 = 1;
    pub(super) const EVENT_NAME: u32 = 2;
    pub(super) const EVENT_ATTRIBUTE: u32 = 3;

    pub(super) const LINK_TRACE_ID: u32 = 1;
    pub(super) const LINK_SPAN_ID: u32 = 2;
    pub(super) const LINK_ATTRIBUTE: u32 = 4;
    pub(super) const LINK_FLAGS: u32 = 6;

    pub(super) const STATUS_MESSAGE: u32 = 2;
    pub(super) const STATUS_CODE: u32 = 3;
}

/// `SpanKind`.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// `StatusCode`.
const STATUS_ERROR: u64 = 2;
/// `SpanFlags`: whether what is above a span, or linked to, is elsewhere is known; and that it is.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// What the path leaves to be exported.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are calls, and a box is one more piece of memory for each"
)]
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

impl Record {
    /// Of a call that ended. No span tells the payload: it does not wait either.
    pub(super) fn of_call(call: &Arc<Call>, ending: &Ending) -> Self {
        let ending = Ending {
            message: ending.message.clone(),
            task: ending.task.clone(),
            tool: ending.tool,
            arguments: None,
            result: None,
            ..*ending
        };
        Self::Call { call: Arc::clone(call), ending }
    }
}

/// Writes spans.
pub(super) struct Spans {
    servers: Servers,
    redactor: Redactor,
}

impl Spans {
    pub(super) fn new(config: &Config, servers: Servers) -> Self {
        Self { servers, redactor: Redactor::new(&config.logs.redact_keys) }
    }

    /// Writes the spans of a record: fields of a `ScopeSpans`.
    pub(super) fn write(&self, record: &Record, clock: Clock, out: &mut Writer) {
        match record {
            Record::Call { call, ending } => {
                if let Some(trace) = call.trace() {
                    Pair { spans: self, call, ending, trace, clock }.write(out);
                }
            }
            Record::Task(record) => out.nested(field::SCOPE_SPAN, 2, |out| self.task(record, clock, out)),
        }
    }

    /// From a task's creation to its end, in the trace of the call that made it.
    fn task(&self, record: &TaskRecord, clock: Clock, out: &mut Writer) {
        let TaskRecord { task, origin, status, .. } = record;
        let tool = task.name.as_ref().map(|name| self.redacted(name));
        let tool = tool.as_deref().map(|tool| cut(tool, TEXT_BYTES_MAX));
        out.bytes(field::TRACE_ID, &origin.trace.0);
        out.bytes(field::SPAN_ID, &record.span.0);
        parent(Some(origin.span), out);
        named("task", tool, out);
        out.integer(field::KIND, Kind::Internal as u64);
        out.fixed64(field::START, clock.at(task.started));
        out.fixed64(field::END, clock.at(task.started + record.lasted));
        let mut attributes = Attributes(out);
        attributes.add(names::PROXY_SERVER, self.name(task.server).as_str());
        attributes.add(names::PROXY_TASK_ID, task.id.as_str());
        attributes.add(names::PROXY_TASK_STATUS, status.as_str());
        attributes.maybe(names::GEN_AI_TOOL_NAME, tool);
        let session = task.session.as_ref().map(|session| cut(&session.id, TEXT_BYTES_MAX));
        attributes.maybe(names::MCP_SESSION_ID, session);
        let failed = *status == TaskStatus::Failed;
        attributes.maybe(names::ERROR_TYPE, failed.then_some("task_failed"));
        if let Some(seen_by) = &record.seen_by {
            link(seen_by, false, Some("seen_by"), out);
        }
        with_status(failed.then_some(""), out);
        out.fixed32(field::FLAGS, exported(origin.flags, false));
    }

    fn name(&self, server: usize) -> String {
        self.servers.get(server).map(|server| server.name.clone()).unwrap_or_default()
    }

    /// Redacted as a whole, to be cut afterwards: half a secret would no longer look like one.
    fn redacted<'a>(&self, text: &'a Text) -> Cow<'a, str> {
        self.redactor.kept(text)
    }

    /// A URI of which only the beginning may have been kept: half a segment may be half a secret.
    fn uri(&self, uri: &Text) -> String {
        let written = uri.as_str();
        let half = uri.is_cut() && !written.contains(['?', '#']);
        let whole = if half { written.rsplit_once('/').unwrap_or_default().0 } else { written };
        self.redactor.uri(whole)
    }

    /// The first members of a `tracestate` that are valid, in their order; it came from outside. What looks like a secret
    /// goes on to the server as it came, and to nobody else.
    fn tracestate(&self, text: &str) -> String {
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
        TraceState::from_key_value(first).unwrap_or_default().header()
    }
}

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    instant: Instant,
    /// Since 1970.
    nanoseconds: u64,
}

impl Clock {
    pub(super) fn now() -> Self {
        let system = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { instant: Instant::now(), nanoseconds: nanoseconds(system) }
    }

    /// Nanoseconds since 1970.
    fn at(self, instant: Instant) -> u64 {
        let ago = nanoseconds(self.instant.saturating_duration_since(instant));
        let ahead = nanoseconds(instant.saturating_duration_since(self.instant));
        self.nanoseconds.saturating_sub(ago).saturating_add(ahead)
    }
}

fn nanoseconds(long: Duration) -> u64 {
    u64::try_from(long.as_nanos()).unwrap_or(u64::MAX)
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
    fn write(&self, out: &mut Writer) {
        let mut shared = Writer::with_room(SHARED_BYTES);
        self.share(&mut shared);
        let error = self.error();
        out.nested(field::SCOPE_SPAN, 2, |out| self.server(shared.written(), error.as_deref(), out));
        if let Some(forwarded) = self.call.forwarded() {
            out.nested(field::SCOPE_SPAN, 2, |out| {
                self.client(forwarded, shared.written(), error.as_deref(), out);
            });
        }
    }

    /// What whoever asked saw.
    fn server(&self, shared: &[u8], error: Option<&str>, out: &mut Writer) {
        let (call, trace) = (self.call, self.trace);
        out.fields(shared);
        out.bytes(field::SPAN_ID, &trace.server_span.0);
        parent(trace.parent, out);
        out.integer(field::KIND, Kind::Server as u64);
        out.fixed64(field::START, self.clock.at(call.started));
        out.fixed64(field::END, self.clock.at(call.started + self.ending.took));
        let mut attributes = Attributes(out);
        self.add_asker(&mut attributes);
        self.add_head(&mut attributes);
        self.add_sizes(&mut attributes);
        attributes.maybe(names::PROXY_TASK_ID, self.ending.task.as_deref());
        for context in &trace.links {
            link(context, true, None, out);
        }
        if let Some(context) = &call.earlier {
            link(context, false, Some("earlier_round"), out);
        }
        with_status(error.filter(|_| !is_askers_fault(self.ending.code)), out);
        out.fixed32(field::FLAGS, exported(trace.flags, trace.parent.is_some()));
    }

    /// The leg to whoever was asked, from when the question was handed over.
    fn client(&self, forwarded: Instant, shared: &[u8], error: Option<&str>, out: &mut Writer) {
        let whole = self.call.started + self.ending.took;
        let end = self.ending.upstream.map_or(whole, |upstream| forwarded + upstream).max(forwarded);
        out.fields(shared);
        out.bytes(field::SPAN_ID, &self.trace.client_span.0);
        parent(Some(self.trace.server_span), out);
        out.integer(field::KIND, Kind::Client as u64);
        out.fixed64(field::START, self.clock.at(forwarded));
        out.fixed64(field::END, self.clock.at(end));
        self.add_stream(&mut Attributes(out));
        self.add_events(out);
        with_status(error, out);
        out.fixed32(field::FLAGS, exported(self.trace.flags, false));
    }

    /// What both spans say.
    fn share(&self, out: &mut Writer) {
        out.bytes(field::TRACE_ID, &self.trace.id.0);
        if let Some(state) = &self.trace.tracestate {
            out.text(field::TRACE_STATE, &[&self.spans.tracestate(state)]);
        }
        let method = self.method();
        let name = self.call.name.as_ref().map(|name| self.spans.redacted(name));
        let name = name.as_deref().map(|name| cut(name, TEXT_BYTES_MAX));
        named(&method, name.filter(|_| self.has_target()), out);
        let mut attributes = Attributes(out);
        self.add_question(&method, name, &mut attributes);
        self.add_answer(&mut attributes);
        self.add_asked(&mut attributes);
    }

    fn method(&self) -> Cow<'_, str> {
        match (self.call.method, &self.call.method_name) {
            (Method::Other, Some(name)) => match self.spans.redacted(name) {
                Cow::Borrowed(name) => cut(name, NAME_BYTES_MAX).into(),
                Cow::Owned(name) => cut(&name, NAME_BYTES_MAX).to_owned().into(),
            },
            (method, _) => method.as_str().into(),
        }
    }

    fn has_target(&self) -> bool {
        matches!(self.call.method, Method::ToolsCall | Method::PromptsGet)
    }

    /// What is said of a call that failed.
    fn error(&self) -> Option<String> {
        if self.ending.outcome.status() != Class::Error {
            return None;
        }
        let message = self.ending.message.as_ref().map(|message| self.spans.redacted(message));
        let message = message.map(|message| cut(&message, TEXT_BYTES_MAX).to_owned());
        Some(message.map(|message| self.call.without_ids(message)).unwrap_or_default())
    }

    /// What was asked.
    fn add_question(&self, method: &str, name: Option<&str>, attributes: &mut Attributes<'_>) {
        let call = self.call;
        attributes.add(names::MCP_METHOD_NAME, method);
        attributes.maybe(names::MCP_PROTOCOL_VERSION, call.client.version.map(crate::mcp::Version::as_str));
        let session = call.session.as_ref().map(|session| cut(&session.id, TEXT_BYTES_MAX));
        attributes.maybe(names::MCP_SESSION_ID, session);
        if let Some(uri) = &call.uri {
            attributes.add(names::MCP_RESOURCE_URI, cut(&self.spans.uri(uri), TEXT_BYTES_MAX));
        }
        if call.method == Method::ToolsCall {
            attributes.add(names::GEN_AI_OPERATION_NAME, names::EXECUTE_TOOL);
            attributes.maybe(names::GEN_AI_TOOL_NAME, name);
        } else if call.method == Method::PromptsGet {
            attributes.maybe(names::GEN_AI_PROMPT_NAME, name);
        }
        match &call.id {
            Id::Null => attributes.add(names::JSONRPC_REQUEST_ID, "null"),
            // The number of a card is one, too.
            Id::Number(number) => self.add_number(names::JSONRPC_REQUEST_ID, *number, attributes),
            Id::Text(text) | Id::Decimal(text) => {
                attributes.add(names::JSONRPC_REQUEST_ID, cut(&self.spans.redacted(text), TEXT_BYTES_MAX));
            }
        }
    }

    /// How it ended, and on which way.
    fn add_answer(&self, attributes: &mut Attributes<'_>) {
        let (call, ending) = (self.call, self.ending);
        if let Some(code) = ending.code {
            self.add_number(names::RPC_RESPONSE_STATUS_CODE, code, attributes);
        }
        if let Some(error) = ending.error {
            attributes.add(names::ERROR_TYPE, error.label().as_str());
        }
        attributes.add(names::NETWORK_TRANSPORT, names::TCP);
        attributes.add(names::NETWORK_PROTOCOL_NAME, names::HTTP);
        attributes.add(names::PROXY_SERVER, self.spans.name(call.server).as_str());
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
    }

    /// A number that somebody outside chose: told as a text.
    fn add_number(&self, name: &'static str, number: i64, attributes: &mut Attributes<'_>) {
        attributes.add(name, cut(&self.spans.redactor.text(&number.to_string()), TEXT_BYTES_MAX));
    }

    /// Who was asked. A server's question goes the other way.
    fn add_asked(&self, attributes: &mut Attributes<'_>) {
        let there = [names::SERVER_ADDRESS, names::SERVER_PORT];
        match self.call.direction {
            Direction::ClientToServer => self.add_upstream(there, attributes),
            Direction::ServerToClient => self.add_peer(there, attributes),
        }
    }

    /// Who asked.
    fn add_asker(&self, attributes: &mut Attributes<'_>) {
        let there = [names::CLIENT_ADDRESS, names::CLIENT_PORT];
        match self.call.direction {
            Direction::ClientToServer => self.add_peer(there, attributes),
            Direction::ServerToClient => self.add_upstream(there, attributes),
        }
    }

    fn add_upstream(&self, [address, port]: [&'static str; 2], attributes: &mut Attributes<'_>) {
        if let Some(server) = self.spans.servers.get(self.call.server) {
            attributes.add(address, server.url.host.as_str());
            attributes.add(port, i64::from(server.url.port_or_default()));
        }
    }

    fn add_peer(&self, [address, port]: [&'static str; 2], attributes: &mut Attributes<'_>) {
        let peer = self.call.head.peer;
        attributes.add(address, address_of(peer).as_str());
        attributes.add(port, i64::from(peer.port()));
    }

    /// What the head of the client's request and its introduction said.
    fn add_head(&self, attributes: &mut Attributes<'_>) {
        let (head, client) = (&self.call.head, &self.call.client);
        attributes.add(names::NETWORK_PROTOCOL_VERSION, http_version(head.version));
        // Where the server asks, the head is that of whoever is asked.
        if self.call.direction == Direction::ClientToServer {
            self.add_text(names::USER_AGENT_ORIGINAL, head.user_agent.as_ref(), attributes);
        }
        self.add_text(names::PROXY_CORRELATION_ID, head.correlation_id.as_ref(), attributes);
        self.add_text(names::PROXY_CLIENT_NAME, client.name.as_ref(), attributes);
        self.add_text(names::PROXY_CLIENT_VERSION, client.client_version.as_ref(), attributes);
    }

    /// A text from outside.
    fn add_text(&self, name: &'static str, text: Option<&Text>, attributes: &mut Attributes<'_>) {
        if let Some(text) = text {
            attributes.add(name, cut(&self.spans.redacted(text), TEXT_BYTES_MAX));
        }
    }

    fn add_sizes(&self, attributes: &mut Attributes<'_>) {
        attributes.maybe(names::PROXY_OVERHEAD, self.ending.overhead.map(|took| took.as_secs_f64()));
        attributes.add(names::PROXY_REQUEST_SIZE, integer(self.call.request_bytes));
        attributes.maybe(names::PROXY_RESPONSE_SIZE, self.ending.response_bytes.map(integer));
    }

    fn add_stream(&self, attributes: &mut Attributes<'_>) {
        attributes.maybe(names::PROXY_STREAM_MESSAGES, self.ending.events.map(integer));
        attributes.maybe(names::PROXY_FIRST_EVENT, self.ending.first_event.map(|after| after.as_secs_f64()));
    }

    /// What passed on the stream before the answer.
    fn add_events(&self, out: &mut Writer) {
        let (milestones, more) = self.call.milestones();
        for milestone in milestones {
            out.nested(field::EVENT, 1, |out| event(milestone, self.clock, out));
        }
        out.integer(field::DROPPED_EVENTS, more.into());
    }
}

/// Codes by which a server says that the question was wrong: no failure of its own.
fn is_askers_fault(code: Option<i64>) -> bool {
    matches!(code, Some(-32700 | -32600 | -32601 | -32602 | -32002))
}

fn event(milestone: Milestone, clock: Clock, out: &mut Writer) {
    let (name, method) = match milestone.what {
        Passed::FirstEvent => ("first_event", None),
        Passed::Priming => ("priming_event", None),
        Passed::Resumed => ("stream_resumed", None),
        Passed::Notification(method) | Passed::Request(method) => (method.as_str(), Some(method)),
    };
    out.fixed64(field::EVENT_TIME, clock.at(milestone.at));
    out.text(field::EVENT_NAME, &[name]);
    if let Some(method) = method {
        out.attribute(field::EVENT_ATTRIBUTE, names::MCP_METHOD_NAME, Value::Text(method.as_str()));
    }
}

/// The flags of an exported span: sampled, whatever was decided at the head.
fn exported(flags: trace::Flags, is_remote: bool) -> u32 {
    flags_of(flags.with_sampled(true), is_remote)
}

fn flags_of(flags: trace::Flags, is_remote: bool) -> u32 {
    u32::from(flags.byte()) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}

fn parent(span: Option<trace::SpanId>, out: &mut Writer) {
    if let Some(span) = span.filter(|span| span.is_valid()) {
        out.bytes(field::PARENT_SPAN_ID, &span.0);
    }
}

fn link(to: &Context, is_remote: bool, why: Option<&'static str>, out: &mut Writer) {
    out.nested(field::LINK, 1, |out| {
        out.bytes(field::LINK_TRACE_ID, &to.trace.0);
        out.bytes(field::LINK_SPAN_ID, &to.span.0);
        if let Some(why) = why {
            out.attribute(field::LINK_ATTRIBUTE, names::PROXY_LINK, Value::Text(why));
        }
        out.fixed32(field::LINK_FLAGS, flags_of(to.flags, is_remote));
    });
}

/// What went wrong, where something did.
fn with_status(error: Option<&str>, out: &mut Writer) {
    out.nested(field::STATUS, 1, |out| {
        if let Some(message) = error {
            out.text(field::STATUS_MESSAGE, &[message]);
            out.integer(field::STATUS_CODE, STATUS_ERROR);
        }
    });
}

fn named(method: &str, target: Option<&str>, out: &mut Writer) {
    match target {
        Some(target) => out.text(field::NAME, &[method, " ", cut(target, NAME_BYTES_MAX)]),
        None => out.text(field::NAME, &[method]),
    }
}

/// So many bytes of it, or fewer, up to where a character ends.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
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
fn address_of(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The attributes of a span.
struct Attributes<'a>(&'a mut Writer);

impl Attributes<'_> {
    fn add<'a>(&mut self, name: &'static str, value: impl Into<Value<'a>>) {
        self.0.attribute(field::ATTRIBUTE, name, value.into());
    }

    fn maybe<'a>(&mut self, name: &'static str, value: Option<impl Into<Value<'a>>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Float(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The wall's clock may be set while a call is under way: where its span begins goes by it, how long it is does not.
    #[test]
    fn a_span_is_as_long_as_its_call_took_whatever_the_clock_shows() {
        let started = Instant::now();
        let took = Duration::from_millis(1500);
        for nanoseconds in [5_000_000_000, 1_795_201_327_000_000_000, u64::MAX - 1] {
            let clock = Clock { instant: started + took, nanoseconds };
            assert_eq!(clock.at(started + took) - clock.at(started), 1_500_000_000);
        }
        let in_1970 = Clock { instant: started + took, nanoseconds: 0 };
        assert_eq!(
            (in_1970.at(started), in_1970.at(started + took)),
            (0, 0),
            "never an end before its start"
        );
    }
}
