//! What stands before one server, in this order: its circuit, its rate, its bulkhead.
//!
//! # Why
//!
//! Where the circuit is open nothing else is asked: what it refuses costs no client a part of its rate, and nobody waits
//! in the queue for a refusal. It is asked again after the queue, as it may have opened meanwhile.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, StatusCode};

use super::bulkhead::{Bulkhead, Full, Place};
use super::circuit::{Attempt, Circuit, Open};
use super::rate::{Rate, TooFast};
use crate::config::{Limits, Server};
use crate::observe::Observer;

/// The guards of one server.
pub struct ServerGuard {
    circuit: Option<Arc<Circuit>>,
    rate: Option<Rate>,
    bulkhead: Option<Arc<Bulkhead>>,
}

/// What of a request decides.
pub struct Asker<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its fields, as the client sent them.
    pub fields: &'a HeaderMap,
    /// Who sent it.
    pub address: IpAddr,
    /// It asks for an event stream that the server fills as it likes.
    pub listens: bool,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The server failed too often; for so long.
    CircuitOpen(Duration),
    /// Too many are under way.
    BulkheadFull,
    /// Its client is too fast; it may come again after so long.
    TooFast(Duration),
}

/// A request that was let through: who hears what becomes of it, and its place.
pub struct Passage {
    attempt: Option<Attempt>,
    place: Option<Place>,
    listens: bool,
    /// When it had its place, where it waited for one.
    waited: Option<Instant>,
    /// Its client has sent all of it.
    is_sent: Arc<AtomicBool>,
}

impl ServerGuard {
    /// The guards of the server at position `index` of the configuration; `None` where it has none.
    pub fn new(index: usize, server: &Server, limits: &Limits, observer: &Observer) -> Option<Self> {
        let bulkhead = |settings| Arc::new(Bulkhead::new(settings, index, observer.clone()));
        let circuit = |settings| Arc::new(Circuit::new(settings, index, observer.clone()));
        let guard = Self {
            circuit: server.circuit_breaker.map(circuit),
            rate: server.rate.map(|settings| Rate::new(settings, limits.max_sessions)),
            bulkhead: server.bulkhead.map(bulkhead),
        };
        let has_any = guard.circuit.is_some() || guard.rate.is_some() || guard.bulkhead.is_some();
        has_any.then_some(guard)
    }

    /// Lets a request through as soon as it may pass. Dropping this future leaves the queue.
    pub async fn admit(&self, asker: &Asker<'_>) -> Result<Passage, Denied> {
        if let Some(circuit) = &self.circuit {
            circuit.check()?;
        }
        if let Some(rate) = &self.rate {
            rate.check(asker.fields, asker.address)?;
        }
        let (place, waited) = self.place(asker).await?;
        Ok(Passage {
            attempt: self.circuit.as_ref().map(Circuit::attempt).transpose()?,
            place,
            waited,
            listens: *asker.method == Method::GET || subscribes(asker.fields),
            is_sent: Arc::default(),
        })
    }

    /// A reload puts another one, or none, in its place; what was let through goes on.
    pub fn retire(&self) {
        if let Some(circuit) = &self.circuit {
            circuit.retire();
        }
    }

    /// A place, and when it was free where it was not at once.
    async fn place(&self, asker: &Asker<'_>) -> Result<(Option<Place>, Option<Instant>), Full> {
        // A stream that lasts as long as its client would hold its place as long, and idle clients would lock out all
        // others: the limit of those is `limits.max_streams`. Some servers send the head of it with its first event.
        let Some(bulkhead) = self.bulkhead.as_ref().filter(|_| !asker.listens) else {
            return Ok((None, None));
        };
        match bulkhead.enter() {
            Some(place) => Ok((Some(place), None)),
            None => Ok((Some(bulkhead.queue().await?), Some(Instant::now()))),
        }
    }
}

/// Whether it asks for what a GET asked for up to 2025-11-25 (`protocol.md` §2.3).
fn subscribes(fields: &HeaderMap) -> bool {
    fields.get("mcp-method").is_some_and(|method| method == "subscriptions/listen")
}

impl Passage {
    /// To be set when the client has sent all of its request.
    pub fn is_sent(&self) -> &Arc<AtomicBool> {
        &self.is_sent
    }

    /// Until when it waited for its place.
    pub fn waited(&self) -> Option<Instant> {
        self.waited
    }

    /// The server did not answer. `or_client`: that may be for want of the rest of the request; then it says nothing of
    /// the server until its client has sent all.
    pub fn failed(self, or_client: bool) {
        let is_servers = !or_client || self.is_sent.load(Ordering::Relaxed);
        if let Some(attempt) = self.attempt.filter(|_| is_servers) {
            attempt.failed();
        }
    }

    /// The head of the server's answer came. The place is to be kept as long as the answer lasts; `None` where that is as
    /// long as its client likes.
    pub fn answered(self, status: StatusCode, is_stream: bool) -> Option<Place> {
        if let Some(attempt) = self.attempt {
            if matches!(status.as_u16(), 502..=504) { attempt.failed() } else { attempt.succeeded() }
        }
        self.place.filter(|_| !(is_stream && self.listens))
    }
}

impl From<Open> for Denied {
    fn from(open: Open) -> Self {
        Self::CircuitOpen(open.left)
    }
}

impl From<TooFast> for Denied {
    fn from(too_fast: TooFast) -> Self {
        Self::TooFast(too_fast.left)
    }
}

impl From<Full> for Denied {
    fn from(_: Full) -> Self {
        Self::BulkheadFull
    }
}
