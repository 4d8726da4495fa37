//! The proxy's own share of an exchange's time (`mcp_proxy_overhead_seconds`): request bytes at hand → written to the
//! server, plus answer bytes at hand → handed to the client's connection. Waiting for either peer is taken out.
//!
//! Taken from the stamps of both connections, so that hyper's share is in it. On HTTP/2 a connection's stamps may be
//! another stream's: then it is off by what lay between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::Stamps;
use crate::observe::{LastRead, OwnTime, Stopwatch};

/// An exchange whose answer is under way.
#[derive(Debug)]
pub(super) struct Overhead {
    stopwatch: Stopwatch,
    request: Duration,
    server: Arc<Stamps>,
}

impl Overhead {
    /// The request's part is known as soon as the answer's head came; `waited` is when it need wait for others no more.
    /// `None` when nobody looks.
    pub(super) fn of(
        stopwatch: Option<Stopwatch>,
        client: &Stamps,
        waited: Option<Instant>,
        server: Arc<Stamps>,
    ) -> Option<Self> {
        let stopwatch = stopwatch?;
        // Connecting is waiting for the server, too, and so is a queue before it.
        let at_hand = client.last_read()?.max(server.origin());
        let at_hand = waited.map_or(at_hand, |waited| at_hand.max(waited));
        let request = server.last_write()?.saturating_duration_since(at_hand);
        Some(Self { stopwatch, request, server })
    }

    /// What is known of it before the answer was written.
    pub(super) fn own_time(&self) -> OwnTime {
        OwnTime { request: self.request, server: Arc::clone(&self.server) as _ }
    }

    /// The answer's last bytes were handed to the client's connection at `written`.
    pub(super) fn end(self, written: Instant) {
        let answer =
            self.server.last_read().map_or(Duration::ZERO, |read| written.saturating_duration_since(read));
        self.stopwatch.stop(self.request + answer);
    }
}

impl LastRead for Stamps {
    fn last_read(&self) -> Option<Instant> {
        self.last_read()
    }
}
