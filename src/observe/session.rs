//! Sessions of the older eras: what `initialize` said, and what happened since.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::time::Instant;

use super::label::Label;
use super::scope::Scope;
use crate::mcp::Version;

/// A session, from the successful `initialize` to its end.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) server: usize,
    pub(super) started: Instant,
    pub(super) client: Label,
    pub(super) version: Option<Version>,
    /// The ids of its calls; of a legacy SSE session the endpoint's own.
    pub(super) scope: Arc<Scope>,
    /// Seen from its beginning, so that it counts; one that began before the proxy did is only used to join.
    pub(super) announced: bool,
    tool_calls: AtomicU64,
    ended: AtomicBool,
}

impl Session {
    pub(super) fn new(
        server: usize,
        started: Instant,
        client: Label,
        version: Option<Version>,
        scope: Arc<Scope>,
        announced: bool,
    ) -> Self {
        Self {
            server,
            started,
            client,
            version,
            scope,
            announced,
            tool_calls: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        }
    }

    /// A `tools/call` was made in it.
    pub(super) fn count_tool_call(&self) {
        self.tool_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// How many `tools/call` were made in it.
    pub(super) fn tool_calls(&self) -> u64 {
        self.tool_calls.load(Ordering::Relaxed)
    }

    /// True for the first to end it.
    pub(super) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }
}
