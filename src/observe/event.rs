//! The vocabulary: what can be told of the traffic. One fact is one [`Event`]; metrics, spans, log lines and the
//! console are all derived from it (`telemetry.md` §1), so they can never disagree.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::call::Call;
use super::catalogue::Changed;
use super::label::Label;
use super::price::NanoDollars;
use super::session::Session;
use super::task::Task;
use super::tokens::Tokens;
use super::{Disconnect, Refusal, Route};
pub use crate::mcp::Captured;
use crate::mcp::trace::Context;
use crate::mcp::{AuthError, AuthScheme, CacheResult, Era, Method, Text, Unreadable, Version, Widget};

/// Something happened that telemetry may tell. `server` is the position in `Config::servers`.
#[derive(Debug)]
#[expect(missing_docs, reason = "fields carry the names of the labels in telemetry.md §3")]
pub enum Event<'a> {
    /// A client connection was accepted; it counts as `http` until its first MCP message.
    ConnectionOpened,
    /// A connection's first MCP message told which transport it carries.
    ConnectionTransport { from: Transport, to: Transport },
    /// A client connection closed.
    ConnectionClosed { transport: Transport, lasted: Duration, reason: Disconnect },
    /// A JSON-RPC request began (either direction).
    CallStarted { call: &'a Arc<Call> },
    /// A call's client went away; its outcome is decided later.
    CallLeft { call: &'a Arc<Call> },
    /// A call's outcome is known.
    CallEnded { call: &'a Arc<Call>, ending: &'a Ending },
    /// A notification passed.
    Notification { server: usize, method: Method, direction: Direction },
    /// A request by who still speaks what.
    ClientSeen { server: usize, client: Label, version: Option<Version>, era: Era },
    /// A task was created.
    TaskStarted { task: &'a Arc<Task> },
    /// A task's terminal state was seen, or it was forgotten. `seen_by` is the SERVER span of the call that told.
    TaskEnded { task: &'a Arc<Task>, status: TaskStatus, lasted: Duration, seen_by: Option<Context> },
    /// A message could not be parsed; it was forwarded all the same.
    MessageUnreadable { server: usize, direction: Direction, reason: Unreadable },
    /// A mirrored header contradicts the body (SEP-2243, `protocol.md` §2.3).
    HeaderMismatch { server: usize, header: MirroredHeader },
    /// An event stream opened.
    StreamOpened { server: usize, kind: StreamKind },
    /// A `GET` stream turned out to be a 2024-11-05 one.
    StreamKindKnown { server: usize, from: StreamKind, to: StreamKind },
    /// An event stream ended.
    StreamEnded { server: usize, kind: StreamKind, lasted: Duration, reason: StreamEnd },
    /// A stream's first event, from the request head.
    StreamFirstEvent { server: usize, transport: Transport, after: Duration },
    /// Something passed on a stream.
    StreamEvent { server: usize, kind: StreamItem },
    /// A client resumed a stream by `Last-Event-ID`.
    StreamResumed { server: usize },
    /// An HTTP exchange ended. `took` is absent for event streams, `credentials` where nobody judged any.
    HttpEnded {
        server: Option<usize>,
        method: &'a http::Method,
        route: Route,
        status: StatusCode,
        took: Option<Duration>,
        request_bytes: u64,
        response_bytes: u64,
        credentials: Option<Credentials>,
    },
    /// A server refused the credentials of a call in an answer that came elsewhere than in its own exchange.
    CredentialsRefused { server: usize, scheme: AuthScheme, reason: AuthReason },
    /// What a server says of its own time (`Server-Timing`), for a call of the tool.
    ServerTiming { server: usize, tool: Label, metric: Label, took: Duration },
    /// What a server says of a cache of its own.
    CacheOperation { server: usize, operation: Label, result: CacheResult },
    /// A connection to a server was made.
    UpstreamConnected { server: usize, took: Duration },
    /// A server showed its certificate, which ends then: unix seconds.
    UpstreamCertificate { server: usize, expires: i64 },
    /// A listener shows a certificate from now on, which ends then: unix seconds.
    ListenerCertificate { listener: Listener, expires: i64 },
    /// A server's response head came, from the request handed over.
    UpstreamFirstByte { server: usize, took: Duration },
    /// A session began.
    SessionStarted { session: &'a Arc<Session> },
    /// A session ended.
    SessionEnded { session: &'a Arc<Session>, lasted: Duration, reason: SessionEnd, calls: u64 },
    /// In a session a call of one tool followed one of another, or of the same.
    ToolFollowed { server: usize, source: Label, target: Label },
    /// What was done about a call that failed is known.
    Recovered { server: usize, tool: Label, strategy: Recovery, success: bool },
    /// A server's list of tools was seen, to its last page.
    ToolsListed { server: usize, tools: u64, bytes: u64, tokens: u64 },
    /// A tool is not what it was; whether that is worth a line, of which a list may have so many.
    ToolChanged { server: usize, changed: &'a Changed, line: bool },
    /// The file that remembers tools could not be read or written.
    StateLost { problem: &'a str },
    /// Tokens of a call were counted exactly, after it ended; and what they cost.
    TokensCounted { server: usize, tool: Label, tokens: Tokens, cost: Option<NanoDollars> },
    /// A rule of the configuration counts a call: its position, and its labels' values in their order.
    Custom { server: usize, rule: usize, value: f64, labels: &'a [Label] },
    /// Calls to a server are refused from now on, for so long at first: too many had failed.
    CircuitOpened { server: usize, open_for: Duration },
    /// They are let through again.
    CircuitClosed { server: usize },
    /// An exchange came to a server's bulkhead or left it.
    BulkheadChanged { server: usize, change: BulkheadChange },
    /// How the leg to a server that nobody probes went: transport failures since the last success.
    TransportJudged { server: usize, failures: u64 },
    /// A server was probed.
    Probed { server: usize, probed: &'a Probed },
    /// A server is better or worse than before.
    HealthChanged { server: usize, change: &'a HealthChange },
    /// The proxy judged a token, whoever came with it.
    TokenJudged { issuer: &'a Arc<str>, keys: KeysFrom, took: Duration },
    /// The keys of an issuer, named by its host, were asked for.
    KeysFetched { issuer: &'a Arc<str>, success: bool },
    /// A body that should name this proxy passed as it was.
    LeftAsItWas { server: usize, what: Rewritten, because: LeftBecause },
    /// The proxy itself said no.
    Refused { server: Option<usize>, reason: Refusal },
    /// The proxy's own share of an exchange's time.
    Overhead { server: usize, took: Duration },
    /// A label value was folded into `_other` for want of room.
    LabelOverflow { label: LabelName },
    /// An observation was given up for want of room.
    Dropped { what: DroppedWhat, reason: DropReason },
}

/// How a probe of a server went.
#[derive(Debug, Clone)]
pub struct Probed {
    /// In one word.
    pub status: ProbeStatus,
    /// How long each phase took.
    pub phases: Vec<(ProbePhase, Duration)>,
    /// Probes that failed since the last that did not.
    pub failures: u64,
    /// Names of the tools that the server listed, where it was asked.
    pub tools: Vec<String>,
    /// How long all of a successful probe usually takes.
    pub baseline: Option<Duration>,
    /// Whether the server is probed again and again, so that this is how it is.
    pub is_scheduled: bool,
}

/// A server is better or worse than before.
#[derive(Debug, Clone)]
pub struct HealthChange {
    /// How it is.
    pub health: HealthState,
    /// How it was.
    pub before: HealthState,
    /// Why, in a sentence without secrets.
    pub reason: String,
    /// Probes, or legs to it, that failed since the last that did not.
    pub failures: u64,
}

/// Where somebody can connect: the label `listener`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listener {
    /// `proxy.listen`.
    Proxy,
    /// `admin.listen`.
    Admin,
}

impl Listener {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Admin => "admin",
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The precise truth.
    pub outcome: Outcome,
    /// What went wrong; only with `Status::Error`.
    pub error: Option<ErrorType>,
    /// Start to the complete answer, or to the disconnect.
    pub took: Duration,
    /// Whether the call still stood in the active gauge.
    pub was_active: bool,
    /// The tool's label as known now.
    pub tool: Label,
    /// Bytes of `result`, decoded.
    pub result_bytes: Option<u64>,
    /// The result makes the host show a widget, by whose convention.
    pub widget: Option<Widget>,
    /// What it takes of a model's context, where that is known by now.
    pub tokens: Option<Tokens>,
    /// What it costs, as far as that is known by now.
    pub cost: Option<NanoDollars>,
    /// When its outcome was known; `took` before it the call began, unless its client had left.
    pub at: Instant,
    /// The JSON-RPC code as it was sent.
    pub code: Option<i64>,
    /// What the error said, not redacted: the JSON-RPC message, the text of a failed tool result, or why the leg to
    /// the server failed.
    pub message: Option<Text>,
    /// The HTTP status that the request got.
    pub http_status: Option<StatusCode>,
    /// From the request handed to the server's connection to the end, or to the disconnect.
    pub upstream: Option<Duration>,
    /// The proxy's own share, as far as it was known at the end: the answer's last write is not in it.
    pub overhead: Option<Duration>,
    /// The answer's length as it was written.
    pub response_bytes: Option<u64>,
    /// Messages on the stream that carried the answer, the answer included; `None` where there was no stream.
    pub events: Option<u64>,
    /// From the request's head to the first event of that stream.
    pub first_event: Option<Duration>,
    /// What lines and spans call the task that the call became: a keyed hash of its id.
    pub task: Option<String>,
    /// `params.arguments`, where they were asked for.
    pub arguments: Option<Captured>,
    /// The result, where it was asked for: JSON as it was written, perhaps cut.
    pub result: Option<Captured>,
}

impl Ending {
    /// About how many bytes it keeps.
    pub fn weight(&self) -> usize {
        let texts = self.message.as_ref().map_or(0, |text| text.as_str().len())
            + self.task.as_ref().map_or(0, String::len);
        let payloads = [&self.arguments, &self.result].into_iter().flatten();
        let payloads: usize = payloads.map(|captured| captured.bytes.len()).sum();
        size_of::<Self>() + texts + payloads
    }
}

/// What a request said of who it is from, and what the server made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// How it authenticates.
    pub scheme: AuthScheme,
    /// Why it was refused; `None` = it was not.
    pub refused: Option<AuthReason>,
}

/// Why credentials were refused: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthReason {
    /// As the challenge says.
    Error(AuthError),
    /// The HTTP status, where it says nothing.
    Status(u16),
    /// A challenge inside a result, which has no status, says nothing.
    Unsaid,
}

impl AuthReason {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error(error) => error.as_str(),
            Self::Status(401) => "401",
            Self::Status(403) => "403",
            Self::Status(_) | Self::Unsaid => "_other",
        }
    }
}

/// What it took to judge a token: the label `cache_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeysFrom {
    /// It had been judged before.
    Hit,
    /// It was judged with the keys at hand.
    Miss,
    /// It waited for keys to be fetched.
    Refresh,
}

impl KeysFrom {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Refresh => "refresh",
        }
    }
}

/// What of a body should name this proxy: the label `body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rewritten {
    /// The endpoint of an HTTP+SSE stream.
    Endpoint,
    /// The metadata of the protected resource.
    ResourceMetadata,
    /// A challenge in the result of a tool.
    Result,
}

impl Rewritten {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::ResourceMetadata => "resource_metadata",
            Self::Result => "result",
        }
    }
}

/// Why a body passed as it was: the label `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftBecause {
    /// It came in a content coding.
    Encoded,
    /// It is longer than what is held, and its length had been said.
    TooLong,
}

impl LeftBecause {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encoded => "encoded",
            Self::TooLong => "too_long",
        }
    }
}

/// What an exchange did at a bulkhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BulkheadChange {
    /// It got its place.
    Entered,
    /// It gave its place back.
    Left,
    /// It began to wait for a place.
    Queued,
    /// It waits no more.
    Unqueued,
}

/// Something that passed on a call's stream before its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestone {
    /// When.
    pub at: Instant,
    /// What.
    pub what: Passed,
}

/// What passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The first event of the stream.
    FirstEvent,
    /// An event that only gives an id to resume from.
    Priming,
    /// The client asked for the stream on which the answer came in the place of the call's own.
    Resumed,
    /// The server said something on the way: progress, a log line.
    Notification(Method),
    /// The server asked the client something.
    Request(Method),
}

/// How a call ended (`telemetry.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the table in telemetry.md §2 says when")]
pub enum Outcome {
    Ok,
    ToolError,
    JsonrpcError,
    HttpError,
    InvalidResponse,
    UpstreamUnreachable,
    UpstreamReset,
    Timeout,
    NoResponse,
    Cancelled,
    ClientDisconnect,
    AuthChallenge,
    Refused,
    InputRequired,
    Task,
}

/// The coarse class of an [`Outcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the label's own values")]
pub enum Status {
    Success,
    Error,
    Cancelled,
    Rejected,
    Pending,
}

impl Outcome {
    /// Every outcome, in the order of the table.
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::ToolError,
        Self::JsonrpcError,
        Self::HttpError,
        Self::InvalidResponse,
        Self::UpstreamUnreachable,
        Self::UpstreamReset,
        Self::Timeout,
        Self::NoResponse,
        Self::Cancelled,
        Self::ClientDisconnect,
        Self::AuthChallenge,
        Self::Refused,
        Self::InputRequired,
        Self::Task,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::JsonrpcError => "jsonrpc_error",
            Self::HttpError => "http_error",
            Self::InvalidResponse => "invalid_response",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamReset => "upstream_reset",
            Self::Timeout => "timeout",
            Self::NoResponse => "no_response",
            Self::Cancelled => "cancelled",
            Self::ClientDisconnect => "client_disconnect",
            Self::AuthChallenge => "auth_challenge",
            Self::Refused => "refused",
            Self::InputRequired => "input_required",
            Self::Task => "task",
        }
    }

    /// The coarse class.
    pub fn status(self) -> Status {
        match self {
            Self::Ok => Status::Success,
            Self::ToolError
            | Self::JsonrpcError
            | Self::HttpError
            | Self::InvalidResponse
            | Self::UpstreamUnreachable
            | Self::UpstreamReset
            | Self::Timeout
            | Self::NoResponse => Status::Error,
            Self::Cancelled | Self::ClientDisconnect => Status::Cancelled,
            Self::AuthChallenge | Self::Refused => Status::Rejected,
            Self::InputRequired | Self::Task => Status::Pending,
        }
    }
}

impl Status {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Pending => "pending",
        }
    }
}

/// `OTel`'s `error.type`, from a closed set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// `result.isError` was true.
    ToolError,
    /// A JSON-RPC code that the field knows.
    Code(i32),
    /// Any other JSON-RPC code.
    OtherCode,
    /// An HTTP status without a JSON-RPC message.
    Http(u16),
    /// An HTTP status that nobody knows.
    OtherHttp,
    /// The outcome's own name.
    Outcome(Outcome),
}

impl ErrorType {
    /// The label value.
    pub fn label(self) -> String {
        match self {
            Self::ToolError => "tool_error".to_owned(),
            Self::Code(code) => code.to_string(),
            Self::OtherCode => "jsonrpc_other".to_owned(),
            Self::Http(status) => status.to_string(),
            Self::OtherHttp => "http_other".to_owned(),
            Self::Outcome(outcome) => outcome.as_str().to_owned(),
        }
    }
}

/// Whether an HTTP status is a label value of its own: registered, or one that proxies before the server are known
/// for (499, 520–530). A server could send any of 900, each a series with its histogram.
pub fn is_known_status(status: StatusCode) -> bool {
    status.canonical_reason().is_some() || matches!(status.as_u16(), 499 | 520..=530)
}

/// Declares a label whose values are closed: the enum and its text.
macro_rules! closed_label {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the label's own values, telemetry.md §3")]
        pub enum $name { $($variant),+ }

        impl $name {
            /// The label value.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

closed_label! {
    /// What carries the messages.
    Transport { Http = "http", StreamableHttp = "streamable_http", Sse = "sse", WebSocket = "websocket" }
}
closed_label! {
    /// Who sent a message.
    Direction { ClientToServer = "client_to_server", ServerToClient = "server_to_client" }
}
closed_label! {
    /// What an event stream is for.
    StreamKind { Post = "post", Get = "get", Listen = "listen", Sse = "sse" }
}
closed_label! {
    /// Why an event stream ended.
    StreamEnd {
        Complete = "complete", Client = "client", Upstream = "upstream", Idle = "idle",
        Shutdown = "shutdown", Error = "error",
    }
}
closed_label! {
    /// What passed on a stream.
    StreamItem {
        Response = "response", Notification = "notification", Request = "request",
        Comment = "comment", Priming = "priming",
    }
}
closed_label! {
    /// Why a session ended.
    SessionEnd {
        Deleted = "deleted", Expired = "expired", StreamClosed = "stream_closed", Idle = "idle",
        Evicted = "evicted",
    }
}
closed_label! {
    /// A task's last state.
    TaskStatus { Completed = "completed", Failed = "failed", Cancelled = "cancelled", Unknown = "unknown" }
}
closed_label! {
    /// A header that mirrors the body.
    MirroredHeader { Method = "mcp-method", Name = "mcp-name", ProtocolVersion = "mcp-protocol-version" }
}
closed_label! {
    /// What was done about a call that failed.
    Recovery { RetrySame = "retry_same", OtherTool = "other_tool", Abandoned = "abandoned" }
}
closed_label! {
    /// A label whose values are learned.
    LabelName {
        ToolName = "tool_name", ClientName = "client_name", TargetTool = "target_tool", Metric = "metric",
    }
}
closed_label! {
    /// What was given up.
    DroppedWhat {
        Span = "span", Log = "log", Recent = "recent", Event = "event", Metric = "metric", Tokens = "tokens",
    }
}
closed_label! {
    /// Why it was given up.
    DropReason {
        QueueFull = "queue_full", ExporterFailed = "exporter_failed", DiskFull = "disk_full",
        TooLarge = "too_large", NoValue = "no_value",
    }
}
closed_label! {
    /// How a probe went: the label `status` of health checks.
    ProbeStatus { Success = "success", Error = "error", Timeout = "timeout", Invalid = "invalid" }
}
closed_label! {
    /// What a probe does, one after the other.
    ProbePhase {
        Dns = "dns", Connect = "connect", Tls = "tls", Initialize = "initialize", Ping = "ping",
        ToolsList = "tools_list", ToolCall = "tool_call",
    }
}
closed_label! {
    /// How a server is, by its probes and by the traffic.
    HealthState { Unknown = "unknown", Healthy = "healthy", Degraded = "degraded", Down = "down" }
}
