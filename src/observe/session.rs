//! A session, from its `initialize` (or its first sight) to its end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::identity::Caller;
use super::label::Label;
use super::scope::Scope;
use super::steps::{Recent, Step, Steps};
use crate::mcp::trace::Handshake;
use crate::mcp::{Text, Version};

/// A session as its messages tell it.
#[derive(Debug)]
pub struct Session {
    /// Position in `Config::servers`.
    pub server: usize,
    /// When it began, or was first seen.
    pub started: Instant,
    /// The label `client_name`.
    pub client: Label,
    /// What the client calls itself.
    pub client_name: Option<Text>,
    /// Which version of itself it is.
    pub client_version: Option<Text>,
    /// The version of the protocol that was settled on.
    pub version: Option<Version>,
    /// What lines and spans call it: a keyed hash, or its id where `logs.raw_session_ids` says so.
    pub id: String,
    /// Its id as client and server write it: a bearer secret, only to be found again in what they say.
    pub(super) written: Box<str>,
    /// Where its `initialize` stood in a trace.
    pub handshake: Option<Arc<Handshake>>,
    /// The ids of its calls; of a legacy SSE session the endpoint's own.
    pub(super) scope: Arc<Scope>,
    /// Seen from its beginning, so that it counts; one that began before the proxy did is only used to join.
    pub(super) announced: bool,
    pub(super) tool_calls: AtomicU64,
    /// The first tier that a caller in it had.
    pub(super) tier: OnceLock<Label>,
    pub(super) steps: Steps,
    pub(super) ended: AtomicBool,
    /// Milliseconds after `started` until which it is debugged; 0 = it is not.
    pub(super) debug_until: AtomicU64,
}

impl Session {
    /// One of which nothing is known but its id: as it is told, and as it is written.
    pub(super) fn unknown(
        server: usize,
        started: Instant,
        client: Label,
        (id, written): (String, &[u8]),
    ) -> Self {
        Self {
            server,
            started,
            client,
            client_name: None,
            client_version: None,
            version: None,
            id,
            written: String::from_utf8_lossy(written).into(),
            handshake: None,
            scope: Arc::default(),
            announced: false,
            tool_calls: AtomicU64::new(0),
            tier: OnceLock::new(),
            steps: Steps::default(),
            ended: AtomicBool::new(false),
            debug_until: AtomicU64::new(0),
        }
    }

    /// About how many bytes it keeps.
    pub(crate) fn weight(&self) -> usize {
        let texts = [&self.client_name, &self.client_version].into_iter().flatten();
        let texts: usize = texts.map(|text| text.as_str().len()).sum();
        let carried = self.handshake.as_ref().and_then(|handshake| handshake.carried.as_ref());
        let tracestate = carried.and_then(|carried| carried.tracestate.as_ref()).map_or(0, String::len);
        size_of::<Self>() + self.id.len() + texts + tracestate
    }

    /// A call of a tool begins in it, made by `caller`: the first caller who has a tier counts.
    pub(super) fn begin_step(
        &self,
        number: u64,
        (tool, name): (Label, &Text),
        caller: Option<&Caller>,
    ) -> Step {
        if let Some(caller) = caller.filter(|caller| caller.tier.is_said()) {
            // Later ones change nothing.
            let _ = self.tier.set(caller.tier);
        }
        self.tool_calls.fetch_add(1, Ordering::Relaxed);
        self.steps.begin(number, tool, || name.hash())
    }

    /// How many `tools/call` were made in it.
    pub fn tool_calls(&self) -> u64 {
        self.tool_calls.load(Ordering::Relaxed)
    }

    /// The label `user_tier` of its callers: the first that was told; `None` where nobody asks for tiers.
    pub fn tier(&self) -> Option<Label> {
        self.tier.get().copied()
    }

    /// Its last calls, the oldest first.
    pub fn recent(&self) -> Vec<Recent> {
        self.steps.recent()
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// True for the first to end it.
    pub(super) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    /// Debugs it for `long` from now on; zero ends that.
    pub(super) fn debug(&self, long: Duration, now: Instant) {
        let until = if long.is_zero() { 0 } else { self.milliseconds(now + long).max(1) };
        self.debug_until.store(until, Ordering::Release);
    }

    /// Whether its payloads are to be logged just now.
    pub fn is_debugged(&self, now: Instant) -> bool {
        let until = self.debug_until.load(Ordering::Acquire);
        until != 0 && self.milliseconds(now) < until
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}
