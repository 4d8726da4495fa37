//! The sessions that ended last, for who looks at them soon after.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::event::SessionEnd;
use super::label::Label;
use super::lock;
use super::session::Session;
use crate::mcp::{Text, Version};

/// Sessions that are remembered after their end: up to a kibibyte each.
const ENDED_MAX: usize = 200;

/// A session that is over.
#[derive(Debug)]
pub struct Ended {
    /// What lines and spans call it.
    pub id: String,
    /// Position in `Config::servers`.
    pub server: usize,
    /// What the client calls itself.
    pub client_name: Option<Text>,
    /// Which version of itself it is.
    pub client_version: Option<Text>,
    /// The version of the protocol that was settled on.
    pub version: Option<Version>,
    /// The label `user_tier` of its callers.
    pub tier: Option<Label>,
    /// How many `tools/call` were made in it.
    pub tool_calls: u64,
    /// How long it lasted.
    pub lasted: Duration,
    /// When it ended, and why.
    pub at: Instant,
    /// See `at`.
    pub reason: SessionEnd,
}

/// The last of them, the oldest first.
#[derive(Debug, Default)]
pub(super) struct EndedSessions(Mutex<VecDeque<Arc<Ended>>>);

impl EndedSessions {
    pub(super) fn add(&self, session: &Session, reason: SessionEnd, now: Instant) {
        let ended = Arc::new(Ended {
            id: session.id.clone(),
            server: session.server,
            client_name: session.client_name.clone(),
            client_version: session.client_version.clone(),
            version: session.version,
            tier: session.tier(),
            tool_calls: session.tool_calls(),
            lasted: now.saturating_duration_since(session.started),
            at: now,
            reason,
        });
        let mut all = lock::lock(&self.0);
        if all.len() == ENDED_MAX {
            all.pop_front();
        }
        all.push_back(ended);
    }

    /// At most so many, the newest first.
    pub(super) fn last(&self, most: usize) -> Vec<Arc<Ended>> {
        lock::lock(&self.0).iter().rev().take(most).cloned().collect()
    }
}
