//! Frames → events. What passed is shown to an [`Exchange`]; what it meant comes out as an [`Event`], handed to
//! an [`Export`]. An observer never fails, never waits, and returns nothing that the path could depend on.

mod call;
mod catalogue;
mod connection;
mod decode;
mod ended;
mod event;
mod exchange;
mod facts;
mod hash;
mod identity;
mod inner;
mod insight;
mod label;
mod later;
mod lock;
mod messages;
mod outcome;
mod pairs;
mod price;
mod reader;
mod redact;
mod rules;
mod said;
mod scope;
mod session;
mod sessions;
mod steps;
mod stream;
mod table;
mod task;
mod timing;
mod tokens;
mod transport;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, request, response};
use tokio::time::Instant;

pub use self::call::{Call, Head, Introduction};
pub use self::catalogue::{Change, Changed, Defined};
pub use self::ended::Ended;
pub use self::event::{
    AuthReason, BulkheadChange, Captured, Credentials, Direction, DropReason, DroppedWhat, Ending, ErrorType,
    Event, HealthChange, HealthState, KeysFrom, LabelName, LeftBecause, Listener, Milestone, MirroredHeader,
    Outcome, Passed, ProbePhase, ProbeStatus, Probed, Recovery, Rewritten, SessionEnd, Status, StreamEnd,
    StreamItem, StreamKind, TaskStatus, Transport, is_known_status,
};
pub use self::identity::Caller;
pub use self::label::Label;
pub use self::price::{NanoDollars, price};
pub use self::redact::Redactor;
pub use self::rules::{Condition, Example, Verdict, judge};
pub use self::session::Session;
pub use self::steps::Recent;
pub use self::task::Task;
pub use self::tokens::Tokens;

use self::connection::ConnectionState;
use self::exchange::Shared;
use self::inner::Inner;
pub use self::transport::Traffic;
pub use crate::mcp::Version;

use crate::config::Config;
use crate::mcp::Text;
use crate::mcp::trace::{Handshake, Trace};

/// Who is told. Called on the path: must not block.
pub trait Export: Send + Sync + 'static {
    /// Takes note of one event.
    fn event(&self, event: &Event<'_>);

    /// From now on the servers are those of `config`, those that were known before at their positions
    /// ([`Config::after`]); calls of one that was removed may still end. For those who know servers by name.
    fn reload(&self, _config: &Config) {}
}

/// The process's attention; cheap to clone.
#[derive(Clone)]
pub struct Observer {
    inner: Option<Current>,
}

/// What the running configuration makes of traffic.
type Current = Arc<ArcSwap<Inner>>;

/// Where an exchange is headed, as the route decided.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Position in `Config::servers`; `None` = no mount matched.
    pub server: Option<usize>,
    /// Which kind of route matched.
    pub route: Route,
    /// Path and query as sent to the server.
    pub upstream_path: &'a str,
}

/// The label `route`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// The mount itself: its `path`, or `/` for a host or a bare `--upstream`.
    Mount,
    /// `path/_origin/…`.
    Origin,
    /// An OAuth well-known path.
    WellKnown,
    /// No mount matched.
    None,
}

impl Refusal {
    /// The label value `reason`, and the kind in `X-Sightglass-Error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoute => "no_route",
            Self::HostRefused => "host_refused",
            Self::OriginRefused => "origin_refused",
            Self::BadRequest => "bad_request",
            Self::Limit => "limit",
            Self::Unauthorized => "unauthorized",
            Self::CircuitOpen => "circuit_open",
            Self::BulkheadFull => "bulkhead_full",
            Self::ShuttingDown => "shutting_down",
            Self::SlowHead => "slow_head",
            Self::BadHead => "bad_head",
        }
    }
}

impl Disconnect {
    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Idle => "idle",
            Self::Limit => "limit",
            Self::Shutdown => "shutdown",
            Self::Error => "error",
        }
    }
}

/// Why the proxy itself said no: the kinds of `X-Sightglass-Error` and those that never got an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the kind of the same name in the interface")]
pub enum Refusal {
    NoRoute,
    HostRefused,
    OriginRefused,
    BadRequest,
    Limit,
    Unauthorized,
    CircuitOpen,
    BulkheadFull,
    ShuttingDown,
    SlowHead,
    BadHead,
}

/// How the leg to the server failed before it gave a response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// Resolving, connecting or TLS.
    Unreachable,
    /// The connection broke.
    Reset,
    /// A configured deadline passed.
    Timeout,
    /// What came was not HTTP.
    Invalid,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// All of it passed.
    Complete,
    /// Its sender broke off.
    Failed,
    /// Its receiver went away.
    Cancelled,
}

/// Why the proxy itself ended an answer that its server had not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// A configured deadline passed.
    Timeout,
    /// The process ends.
    Shutdown,
}

/// Why a client connection closed: the label `disconnect_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the label's own values")]
pub enum Disconnect {
    Client,
    Server,
    Idle,
    Limit,
    Shutdown,
    Error,
}

/// How full the observer's tables are.
#[derive(Debug, Clone, Copy, Default)]
#[expect(missing_docs, reason = "each is the limit of the same name")]
pub struct Usage {
    pub sessions: usize,
    pub open_calls: usize,
    pub tasks: usize,
    pub label_values: usize,
    pub observe_bytes: usize,
    pub connections: usize,
    pub streams: usize,
    pub tokens_queue: usize,
}

impl Observer {
    /// An observer of this configuration's servers that tells `export`.
    pub fn new(config: &Config, export: Arc<dyn Export>) -> Self {
        Self { inner: Some(Arc::new(ArcSwap::from_pointee(Inner::new(config, export)))) }
    }

    /// An observer that sees nothing (invariant 1).
    pub fn off() -> Self {
        Self { inner: None }
    }

    /// From now on `config` decides what is made of traffic; its servers stand where the running ones do
    /// ([`Config::after`]). What is remembered stays, and exchanges go on as they began.
    pub fn reload(&self, config: &Config) {
        if let Some(inner) = &self.inner {
            // Nobody is told of a server that he does not know.
            inner.load().tell_reloaded(config);
            inner.store(Arc::new(inner.load().after(config)));
        }
    }

    /// A client connection was accepted.
    pub fn connection(&self) -> Connection {
        let open =
            |inner: &Current| Open { state: ConnectionState::open(&inner.load()), inner: Arc::clone(inner) };
        Connection { open: self.inner.as_ref().map(open) }
    }

    /// A connection to `server` was made, after `took` for name, TCP and TLS.
    pub fn connected(&self, server: usize, took: Duration) {
        self.tell(&Event::UpstreamConnected { server, took });
    }

    /// `server` showed its certificate, which ends then: unix seconds.
    pub fn certificate_shown(&self, server: usize, expires: i64) {
        self.tell(&Event::UpstreamCertificate { server, expires });
    }

    /// A listener shows a certificate from now on, which ends then: unix seconds.
    pub fn certificate_used(&self, listener: Listener, expires: i64) {
        self.tell(&Event::ListenerCertificate { listener, expires });
    }

    /// The proxy said no before there was an exchange (too many connections, a slow or malformed head).
    pub fn refused(&self, refusal: Refusal) {
        self.tell(&Event::Refused { server: None, reason: refusal });
    }

    /// Nobody is let through to `server` for so long: it failed too often, or once more when it was tried.
    pub fn circuit_opened(&self, server: usize, open_for: Duration) {
        self.tell(&Event::CircuitOpened { server, open_for });
    }

    /// Requests are let through to `server` again.
    pub fn circuit_closed(&self, server: usize) {
        self.tell(&Event::CircuitClosed { server });
    }

    /// An exchange came to the bulkhead of `server`, or left it.
    pub fn bulkhead_changed(&self, server: usize, change: BulkheadChange) {
        self.tell(&Event::BulkheadChanged { server, change });
    }

    /// `server` was probed.
    pub fn probed(&self, server: usize, probed: &Probed) {
        if let Some(inner) = &self.inner {
            let inner = inner.load();
            for tool in &probed.tools {
                inner.learn_tool(server, &Text::new(tool));
            }
            inner.tell(&Event::Probed { server, probed });
        }
    }

    /// `server` is better or worse than before.
    pub fn health_changed(&self, server: usize, change: &HealthChange) {
        self.tell(&Event::HealthChanged { server, change });
    }

    /// What traffic has told of `server` so far.
    pub fn traffic(&self, server: usize) -> Traffic {
        let Some(inner) = &self.inner else { return Traffic::default() };
        inner.load().servers.get(server).map_or_else(Traffic::default, |server| server.transport.traffic())
    }

    /// A token that should be of this issuer, named by its host, was judged.
    pub fn token_judged(&self, issuer: &Arc<str>, keys: KeysFrom, took: Duration) {
        self.tell(&Event::TokenJudged { issuer, keys, took });
    }

    /// The keys of this issuer were asked for.
    pub fn keys_fetched(&self, issuer: &Arc<str>, success: bool) {
        self.tell(&Event::KeysFetched { issuer, success });
    }

    /// A body of `server` that should name this proxy passed as it was.
    pub fn left_as_it_was(&self, server: usize, what: Rewritten, because: LeftBecause) {
        self.tell(&Event::LeftAsItWas { server, what, because });
    }

    /// Does what is due: idle sessions, answers that never came, forgotten tasks. To be called about every second,
    /// or four times as often as the shortest wait configured.
    pub fn tick(&self) {
        if let Some(inner) = &self.inner {
            inner.load().tick(Instant::now());
        }
    }

    /// Does what was put off, so that whoever asks now is told of all that passed before. Takes as long as that takes: not
    /// to be called where traffic passes.
    pub fn catch_up(&self) {
        if let Some(inner) = &self.inner {
            inner.load().insight.catch_up();
        }
    }

    /// The sessions that are remembered, at most `most` of them, in no order.
    pub fn sessions(&self, most: usize) -> Vec<Arc<Session>> {
        self.inner.as_ref().map_or_else(Vec::new, |inner| inner.load().known_sessions(most))
    }

    /// The sessions that ended last, at most `most` of them, the newest first.
    pub fn ended_sessions(&self, most: usize) -> Vec<Arc<Ended>> {
        self.inner.as_ref().map_or_else(Vec::new, |inner| inner.load().ended.last(most))
    }

    /// What is known of a tool of the server of this name, without secrets; `None` where it has listed no such tool. Not
    /// to be called where traffic passes.
    pub fn defined(&self, server: &str, tool: &str) -> Option<Defined> {
        self.inner.as_ref()?.load().defined(server, tool)
    }

    /// Somebody looks at calls: what passes on their streams is kept for a while.
    pub fn watched(&self) {
        if let Some(inner) = &self.inner {
            inner.load().watched(Instant::now());
        }
    }

    /// The name of the server at this position of the configuration.
    pub fn server_name(&self, server: usize) -> Option<String> {
        self.inner.as_ref()?.load().servers.get(server).map(|server| server.name.clone())
    }

    /// What a peer wrote, as lines tell it.
    pub fn without_secrets(&self, text: &Text) -> String {
        self.inner.as_ref().map_or_else(String::new, |inner| inner.load().redactor.kept(text).into_owned())
    }

    /// The process ends: calls whose answers might still have come end as they would have without. To be said once no
    /// exchange is left.
    pub fn finish(&self) {
        if let Some(inner) = &self.inner {
            inner.load().finish(Instant::now());
        }
    }

    /// Logs the payloads of the session that lines call `id`, for so long from now on; zero ends that. False where
    /// there is no such session.
    pub fn debug_session(&self, id: &str, long: Duration) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.load().debug_session(id, long, Instant::now()))
    }

    /// How full the tables are.
    pub fn usage(&self) -> Usage {
        let Some(inner) = &self.inner else { return Usage::default() };
        let inner = inner.load();
        Usage {
            sessions: inner.sessions.len() + inner.keyed.len(),
            open_calls: inner.open_calls(),
            tasks: inner.tasks.len(),
            label_values: inner.label_values(),
            connections: inner.connections.load(Ordering::Relaxed),
            streams: inner.streams.load(Ordering::Relaxed),
            observe_bytes: inner.limits.observe_bytes.saturating_sub(inner.budget.left()),
            tokens_queue: inner.insight.waiting(),
        }
    }

    fn tell(&self, event: &Event<'_>) {
        if let Some(inner) = &self.inner {
            inner.load().tell(event);
        }
    }
}

/// A client connection. Dropping it without [`Connection::closed`] reads as an error.
pub struct Connection {
    open: Option<Open>,
}

struct Open {
    state: Arc<ConnectionState>,
    inner: Current,
}

impl Connection {
    /// A request head was read. Dropping the exchange before an answer reads as the client having gone.
    pub fn exchange(&self, target: Target<'_>, request: &request::Parts, peer: SocketAddr) -> Exchange {
        let shared =
            |open: &Open| Arc::new(Shared::new(open.inner.load_full(), &open.state, target, request, peer));
        Exchange { shared: self.open.as_ref().map(shared) }
    }

    /// The connection closed.
    pub fn closed(mut self, reason: Disconnect) {
        if let Some(open) = self.open.take() {
            open.state.close(&open.inner.load(), reason);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.state.close(&open.inner.load(), Disconnect::Error);
        }
    }
}

/// One HTTP request and its answer.
pub struct Exchange {
    shared: Option<Arc<Shared>>,
}

impl Exchange {
    /// The attention for the request body; once. `None` when nobody looks.
    pub fn request(&self) -> Option<Watch> {
        self.shared.clone().map(|shared| Watch { shared: Some(shared), side: Side::Request })
    }

    /// Where the session that the request belongs to stood in a trace when it began: the one thing that the path asks
    /// the observer, which remembers sessions. It may have forgotten; then the request begins a trace of its own.
    pub fn handshake(&self) -> Option<Arc<Handshake>> {
        self.shared.as_ref()?.handshake()
    }

    /// The request's place in a trace was decided; its calls are told so in spans and lines. To be said before the
    /// request is forwarded, failed or refused.
    pub fn traced(&self, trace: Trace) {
        if let Some(shared) = &self.shared {
            shared.traced(trace);
        }
    }

    /// The request is about to be handed to the server's connection.
    pub fn forwarded(&self) {
        if let Some(shared) = &self.shared {
            shared.forwarded();
        }
    }

    /// The server's response head came; the attention for its body. `None` when nobody looks.
    pub fn answered(mut self, head: &response::Parts, own_time: Option<OwnTime>) -> Option<Watch> {
        let shared = self.shared.take()?;
        shared.answered(head, own_time);
        Some(Watch { shared: Some(shared), side: Side::Response })
    }

    /// The server switched protocols; the guard lives as long as the tunnel.
    pub fn upgraded(mut self, head: &response::Parts) -> Tunnel {
        let shared = self.shared.take();
        if let Some(shared) = &shared {
            shared.upgraded(head);
        }
        Tunnel { shared }
    }

    /// The leg to the server failed, and `why`; the proxy answers `status` itself.
    pub fn failed(mut self, failure: Failure, status: StatusCode, why: &str) {
        if let Some(shared) = self.shared.take() {
            shared.failed(failure, status, why);
        }
    }

    /// The proxy judged the request's credentials, and is about to refuse it with this challenge.
    pub fn unauthorized(&self, status: StatusCode, challenge: &HeaderValue) {
        if let Some(shared) = &self.shared {
            shared.unauthorized(status, challenge);
        }
    }

    /// The proxy said no with `status`, and `why`.
    pub fn refused(mut self, refusal: Refusal, status: StatusCode, why: &str) {
        if let Some(shared) = self.shared.take() {
            shared.refused(refusal, status, why);
        }
    }

    /// Says, when the time comes, why the answer's body was ended by the proxy itself.
    pub fn cutter(&self) -> Cutter {
        Cutter { shared: self.shared.clone() }
    }

    /// Takes note of the proxy's own time; `None` when nobody looks.
    pub fn stopwatch(&self) -> Option<Stopwatch> {
        let shared = self.shared.as_ref()?;
        Some(Stopwatch { inner: Arc::clone(&shared.inner), server: shared.server? })
    }
}

/// Knows why an answer's body was ended by the proxy itself.
pub struct Cutter {
    shared: Option<Arc<Shared>>,
}

impl Cutter {
    /// To be called before the body is dropped.
    pub fn cut(self, why: Cut) {
        if let Some(shared) = self.shared {
            shared.cut(why);
        }
    }
}

/// The proxy's own share of an exchange's time, while it lasts: what is told of a call that ends before its answer is
/// written.
#[derive(Clone)]
pub struct OwnTime {
    /// Request bytes at hand → written to the server.
    pub request: Duration,
    /// The connection that the answer comes on.
    pub server: Arc<dyn LastRead>,
}

/// Knows when bytes were last read from a connection.
pub trait LastRead: Send + Sync {
    /// `None` before the first.
    fn last_read(&self) -> Option<std::time::Instant>;
}

impl OwnTime {
    /// Up to `now`: the request's part, and what passed since the answer's bytes were at hand.
    pub(crate) fn until(&self, now: Instant) -> Duration {
        let since = |read| now.into_std().saturating_duration_since(read);
        self.request + self.server.last_read().map_or(Duration::ZERO, since)
    }
}

/// Takes note of the proxy's own share of an exchange's time.
pub struct Stopwatch {
    inner: Arc<Inner>,
    server: usize,
}

impl Stopwatch {
    /// The exchange is over: the time that its bytes, at hand on one side, took to be handed on at the other.
    pub fn stop(self, took: Duration) {
        self.inner.tell(&Event::Overhead { server: self.server, took });
    }
}

impl std::fmt::Debug for Stopwatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stopwatch").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.abandoned();
        }
    }
}

/// Attention for one body: each frame as it passes, then its end, exactly once. Dropped without an end, it reads
/// as cancelled.
pub struct Watch {
    shared: Option<Arc<Shared>>,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Request,
    Response,
}

impl Watch {
    /// A data frame passed.
    pub fn frame(&mut self, data: &Bytes) {
        match (&self.shared, self.side) {
            (Some(shared), Side::Request) => shared.request_frame(data),
            (Some(shared), Side::Response) => shared.response_frame(data),
            (None, _) => {}
        }
    }

    /// The body ended.
    pub fn end(mut self, end: End) {
        self.ended(end);
    }

    fn ended(&mut self, end: End) {
        match (self.shared.take(), self.side) {
            (Some(shared), Side::Request) => shared.request_end(end),
            (Some(shared), Side::Response) => shared.response_end(end),
            (None, _) => {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.ended(End::Cancelled);
    }
}

/// Lives as long as an upgraded connection.
pub struct Tunnel {
    shared: Option<Arc<Shared>>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.tunnel_closed();
        }
    }
}

/// An observation was given up for want of memory (`limits.observe_bytes`).
fn no_room() -> Event<'static> {
    Event::Dropped { what: DroppedWhat::Event, reason: DropReason::QueueFull }
}
