//! Frames → events. What passed is shown to an [`Exchange`]; what it meant comes out as an [`Event`], handed to
//! an [`Export`]. An observer never fails, never waits, and returns nothing that the path could depend on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, request, response};

use crate::config::Config;

/// Something happened that telemetry may tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {}

/// Who is told. Called on the path: must not block.
pub trait Export: Send + Sync + 'static {
    /// Takes note of one event.
    fn event(&self, event: &Event);
}

/// The process's attention; cheap to clone.
#[derive(Clone)]
pub struct Observer {}

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

impl Observer {
    /// An observer of this configuration's servers that tells `export`.
    pub fn new(_config: &Config, _export: Arc<dyn Export>) -> Self {
        Self {}
    }

    /// An observer that sees nothing (invariant 1).
    pub fn off() -> Self {
        Self {}
    }

    /// A client connection was accepted.
    pub fn connection(&self) -> Connection {
        Connection {}
    }

    /// A connection to `server` was made, after `took` for name, TCP and TLS.
    pub fn connected(&self, _server: usize, _took: Duration) {}

    /// The proxy said no before there was an exchange (too many connections, a slow or malformed head).
    pub fn refused(&self, _refusal: Refusal) {}
}

/// A client connection. Dropping it without [`Connection::closed`] reads as an error.
pub struct Connection {}

impl Connection {
    /// A request head was read. Dropping the exchange before an answer reads as the client having gone.
    pub fn exchange(
        &self,
        _target: Target<'_>,
        _request: &request::Parts,
        _peer: std::net::IpAddr,
    ) -> Exchange {
        Exchange {}
    }

    /// The connection closed.
    pub fn closed(self, _reason: Disconnect) {}
}

/// One HTTP request and its answer.
pub struct Exchange {}

impl Exchange {
    /// The attention for the request body; once. `None` when nobody looks.
    pub fn request(&self) -> Option<Watch> {
        None
    }

    /// The request is about to be handed to the server's connection.
    pub fn forwarded(&self) {}

    /// The server's response head came; the attention for its body. `None` when nobody looks.
    pub fn answered(self, _head: &response::Parts) -> Option<Watch> {
        None
    }

    /// The server switched protocols; the guard lives as long as the tunnel.
    pub fn upgraded(self, _head: &response::Parts) -> Tunnel {
        Tunnel {}
    }

    /// The leg to the server failed; the proxy answers `status` itself.
    pub fn failed(self, _failure: Failure, _status: StatusCode) {}

    /// The proxy said no with `status`.
    pub fn refused(self, _refusal: Refusal, _status: StatusCode) {}
}

/// Attention for one body: each frame as it passes, then its end, exactly once. Dropped without an end, it reads
/// as cancelled.
pub struct Watch {}

impl Watch {
    /// A data frame passed.
    pub fn frame(&mut self, _data: &Bytes) {}

    /// The body ended.
    pub fn end(self, _end: End) {}
}

/// Lives as long as an upgraded connection.
pub struct Tunnel {}
