//! Sessions: how they begin, in each era its own way, and how they end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Call, Introduction};
use super::event::{Direction, Event, Outcome, Recovery, SessionEnd, Status};
use super::inner::{Inner, Key};
use super::scope::Scope;
use super::session::Session;
use super::steps::{Failed, Recent};
use crate::mcp::{Method, Version};

impl Inner {
    pub(super) fn start_session(
        &self,
        key: Key,
        name: &[u8],
        call: &Call,
        version: Option<Version>,
        now: Instant,
    ) {
        let session = Arc::new(self.session(key.0, name, call, version, now));
        self.tell(&Event::SessionStarted { session: &session });
        self.keep_session(key, session, now);
    }

    /// The session of a legacy SSE endpoint: one, however often its client introduces itself.
    pub(super) fn start_endpoint_session(
        &self,
        endpoint: &Scope,
        call: &Call,
        version: Option<Version>,
        now: Instant,
    ) {
        let session = Arc::new(self.session(call.server, endpoint.name().as_bytes(), call, version, now));
        if endpoint.begin(Arc::clone(&session)) {
            self.tell(&Event::SessionStarted { session: &session });
        }
        // Its stream may have closed meanwhile: whoever comes second sees the other.
        if endpoint.is_shut() {
            self.end_endpoint_session(endpoint, now);
        }
    }

    /// A legacy SSE stream that closed before its `initialize`: its session counts all the same, as nobody's.
    pub(super) fn start_nobodys_session(&self, endpoint: &Scope, server: usize, now: Instant) {
        let name = endpoint.name().as_bytes();
        let nobody = Session::unknown(server, now, self.client(None), (self.hashes.session(name), name));
        let session = Arc::new(Session { announced: true, ..nobody });
        if endpoint.begin(Arc::clone(&session)) {
            self.tell(&Event::SessionStarted { session: &session });
        }
    }

    /// The session that `call`, an `initialize`, began.
    fn session(
        &self,
        server: usize,
        name: &[u8],
        call: &Call,
        version: Option<Version>,
        now: Instant,
    ) -> Session {
        Session {
            client_name: call.client.name.clone(),
            client_version: call.client.client_version.clone(),
            version,
            handshake: call.trace().map(|trace| Arc::new(trace.handshake())),
            announced: true,
            ..Session::unknown(server, now, call.client.label, (self.hashes.session(name), name))
        }
    }

    /// Logs the payloads of the session that lines call `id`, for so long; false when there is none.
    pub(super) fn debug_session(&self, id: &str, long: Duration, now: Instant) -> bool {
        let named = |session: &Arc<Session>| session.id == id;
        let ended = |scope: &Arc<Scope>| scope.session().is_some_and(named);
        let tables = [&self.sessions, &self.keyed, &self.adopted];
        let session = tables.into_iter().find_map(|table| table.find(named));
        let session = session.or_else(|| self.endpoints.find(ended)?.session().cloned());
        let Some(session) = session else { return false };
        session.debug(long, now);
        if !long.is_zero() {
            self.debugged.store(true, Ordering::Release);
        }
        true
    }

    pub(super) fn end_endpoint_session(&self, endpoint: &Scope, now: Instant) {
        if let Some(session) = endpoint.session() {
            self.end_session(session, SessionEnd::StreamClosed, now);
        }
    }

    pub(super) fn keep_session(&self, key: Key, session: Arc<Session>, now: Instant) {
        if let Some(evicted) = self.sessions.insert(key, session, now) {
            self.end_session(&evicted, SessionEnd::Evicted, now);
        }
    }

    pub(super) fn end_session(&self, session: &Arc<Session>, reason: SessionEnd, now: Instant) {
        if !session.end() {
            return;
        }
        self.abandoned(session.server, session.steps.close());
        if session.announced {
            let lasted = now.duration_since(session.started);
            self.tell(&Event::SessionEnded { session, lasted, reason, calls: session.tool_calls() });
            self.ended.add(session, reason, now);
        }
    }

    /// The session of a 2026-07-28 call, by what names its conversation; begun where it is not known.
    pub(super) fn keyed_session(
        &self,
        server: usize,
        (place, name): (usize, &[u8]),
        who: &Introduction,
        now: Instant,
    ) -> Arc<Session> {
        let (_, hash) = self.key(server, name);
        let key = (server, hash.rotate_left(u32::try_from(place).unwrap_or(0)));
        let begin = || {
            let unknown = Session::unknown(server, now, who.label, (self.hashes.session(name), name));
            Arc::new(Session {
                client_name: who.name.clone(),
                client_version: who.client_version.clone(),
                version: who.version,
                announced: true,
                ..unknown
            })
        };
        let (session, evicted, is_new) = self.keyed.get_or_insert(key, now, begin);
        if is_new {
            self.tell(&Event::SessionStarted { session: &session });
        }
        if let Some(evicted) = evicted {
            self.end_session(&evicted, SessionEnd::Evicted, now);
        }
        session
    }

    /// A call ended in its session: what followed what, and what became of what failed.
    pub(super) fn stepped(&self, session: &Session, call: &Call, ending: &super::Ending) {
        let (tool, outcome) = (ending.tool, ending.outcome);
        let recent = Recent {
            direction: call.direction,
            method: call.method,
            tool: (call.method == Method::ToolsCall).then_some(tool),
            outcome,
            began: call.started.saturating_duration_since(session.started),
            took: ending.took,
        };
        let Some(name) = call.tool_name().filter(|_| call.direction == Direction::ClientToServer) else {
            session.steps.remember(recent, &self.budget);
            return;
        };
        let (server, status) = (call.server, outcome.status());
        if call.is_step
            && let Some(source) = call.step.follows
        {
            self.followed(server, source, tool);
        }
        if let Some(failed) = &call.step.answers {
            if outcome == Outcome::InputRequired {
                self.abandoned(server, session.steps.put_back(failed.clone()));
            } else {
                let same = failed.name == name.hash();
                let strategy = if same { Recovery::RetrySame } else { Recovery::OtherTool };
                // A task was taken on: what failed did not fail again.
                let success = matches!(status, Status::Success | Status::Pending);
                self.tell(&Event::Recovered { server, tool: failed.tool, strategy, success });
            }
        }
        let failed = (status == Status::Error).then(|| Failed { name: name.hash(), tool });
        self.abandoned(server, session.steps.end((call.number, tool), failed, recent, &self.budget));
    }

    /// A call ended of which nobody knows how: what it was the answer to has none yet.
    pub(super) fn unanswered(&self, call: &Call) {
        if let (Some(session), Some(failed)) = (&call.session, &call.step.answers) {
            self.abandoned(call.server, session.steps.put_back(failed.clone()));
        }
    }

    /// At most so many sessions that are open.
    pub(super) fn known_sessions(&self, most: usize) -> Vec<Arc<Session>> {
        let mut sessions = Vec::new();
        for table in [&self.sessions, &self.keyed, &self.adopted] {
            table
                .some(most.saturating_sub(sessions.len()), &mut |session| sessions.push(Arc::clone(session)));
        }
        self.endpoints.some(most.saturating_sub(sessions.len()), &mut |scope| {
            sessions.extend(scope.session().cloned());
        });
        sessions
    }

    fn followed(&self, server: usize, source: super::Label, target: super::Label) {
        let Some(state) = self.servers.get(server) else { return };
        if state.pairs.admit(source, target) {
            self.tell(&Event::ToolFollowed { server, source, target });
        } else {
            let other = super::Label::other();
            self.tell(&Event::LabelOverflow { label: super::LabelName::TargetTool });
            self.tell(&Event::ToolFollowed { server, source: other, target: other });
        }
    }

    fn abandoned(&self, server: usize, failed: impl IntoIterator<Item = Failed>) {
        for failed in failed {
            let (tool, strategy) = (failed.tool, Recovery::Abandoned);
            self.tell(&Event::Recovered { server, tool, strategy, success: false });
        }
    }
}
