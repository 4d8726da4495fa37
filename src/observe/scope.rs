//! Where an id means something: a session, a legacy SSE endpoint, or (for want of both) one client's address.
//! Only answers that do not come in the request's own response are looked up here (`protocol.md` §5).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::call::Call;
use super::event::Direction;
use super::lock;
use super::session::Session;
use crate::mcp::Id;

/// The open calls of one space of ids. Ids of the client and of the server are separate spaces.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    calls: Mutex<HashMap<(Direction, Id), Slot, foldhash::fast::RandomState>>,
    /// Several clients may share it, so an id may stand for two calls at once.
    shared: bool,
    /// Open calls whose results are to be kept.
    wanted: AtomicUsize,
    /// Streams open now that resume another, on which answers may come.
    resumed_streams: AtomicUsize,
    closed: AtomicBool,
    /// Of a legacy SSE endpoint, the URL that its stream named.
    name: String,
    /// The session of a legacy SSE endpoint.
    session: OnceLock<Arc<Session>>,
}

#[derive(Debug)]
enum Slot {
    One(Arc<Call>),
    /// Two calls with one id: neither can be told from the other.
    Ambiguous,
}

impl Slot {
    fn wants_result(&self) -> bool {
        matches!(self, Self::One(call) if call.interest.result || call.interest.structured)
    }
}

impl Scope {
    /// A scope that several clients may share.
    pub(super) fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    /// The scope of a legacy SSE endpoint.
    pub(super) fn endpoint(name: String) -> Self {
        Self { name, ..Self::default() }
    }

    /// What names a legacy SSE endpoint: its URL, which acts as a session id.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Remembers an open call by its id.
    pub(super) fn open(&self, call: &Arc<Call>) {
        let mut calls = lock::lock(&self.calls);
        match calls.entry((call.direction, call.id.clone())) {
            Entry::Vacant(entry) => self.enters(entry.insert(Slot::One(Arc::clone(call)))),
            Entry::Occupied(mut entry) => {
                let taken = matches!(entry.get(), Slot::One(other) if !other.phase.is_ended());
                let slot = if self.shared && taken { Slot::Ambiguous } else { Slot::One(Arc::clone(call)) };
                self.enters(&slot);
                self.leaves(&entry.insert(slot));
            }
        }
    }

    /// The open call of this id.
    pub(super) fn find(&self, direction: Direction, id: &Id) -> Option<Arc<Call>> {
        match lock::lock(&self.calls).get(&(direction, id.clone()))? {
            Slot::One(call) => Some(Arc::clone(call)),
            Slot::Ambiguous => None,
        }
    }

    /// Whether an answer may still be looked for here.
    pub(super) fn has_calls(&self) -> bool {
        !lock::lock(&self.calls).is_empty()
    }

    /// Whether the result of an open call is to be kept.
    pub(super) fn wants_results(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }

    /// Forgets a call that ended.
    pub(super) fn close(&self, call: &Call) {
        let mut calls = lock::lock(&self.calls);
        let key = (call.direction, call.id.clone());
        if calls.get(&key).is_some_and(|slot| match slot {
            Slot::One(other) => other.number == call.number,
            Slot::Ambiguous => true,
        }) {
            calls.remove(&key).iter().for_each(|slot| self.leaves(slot));
        }
    }

    fn enters(&self, slot: &Slot) {
        if slot.wants_result() {
            self.wanted.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn leaves(&self, slot: &Slot) {
        if slot.wants_result() {
            self.wanted.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Every open call, in no order; the scope is empty afterwards.
    pub(super) fn take_all(&self) -> Vec<Arc<Call>> {
        let calls = std::mem::take(&mut *lock::lock(&self.calls));
        for slot in calls.values() {
            self.leaves(slot);
        }
        let one = |slot| match slot {
            Slot::One(call) => Some(call),
            Slot::Ambiguous => None,
        };
        calls.into_values().filter_map(one).collect()
    }

    /// No answer can come here any more; true for the first to say so.
    pub(super) fn shut(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn resumed(&self, opened: bool) {
        if opened {
            self.resumed_streams.fetch_add(1, Ordering::AcqRel);
        } else {
            self.resumed_streams.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether an answer may still come on a stream that resumes another.
    pub(super) fn has_resumed_stream(&self) -> bool {
        self.resumed_streams.load(Ordering::Acquire) > 0
    }

    /// The session that began on this endpoint.
    pub(super) fn session(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }

    /// A session began on this endpoint; the first counts.
    pub(super) fn begin(&self, session: Arc<Session>) -> bool {
        self.session.set(session).is_ok()
    }
}
