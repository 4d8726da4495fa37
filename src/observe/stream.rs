//! Event streams: how many, how long, what passed on them; and the two older ways to answer elsewhere, the legacy
//! SSE endpoint and the resumed stream.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::event::{Event, Outcome, Passed, StreamEnd, StreamItem, StreamKind, Transport};
use super::exchange::{Shared, State};
use super::inner::Key;
use super::scope::Scope;
use super::{Cut, End};
use crate::mcp::{self, EventKind, Kind, Message, Method, Shown, Text};

/// An event stream that is open.
pub(super) struct Stream {
    kind: StreamKind,
    opened: Instant,
    /// Messages so far.
    pub(super) events: u64,
    /// From the request's head to the first event.
    pub(super) first_event: Option<Duration>,
    seen_message: bool,
    /// An event had an id, so that a client of an older era may resume from it.
    pub(super) has_event_ids: bool,
    /// The endpoint that this legacy SSE stream named.
    pub(super) endpoint: Option<(Key, Arc<Scope>)>,
    /// The scope whose answers may come here because the client resumes.
    resumed: Option<Arc<Scope>>,
}

impl Shared {
    pub(super) fn open_stream(&self, state: &mut State, now: Instant) {
        let Some(server) = self.server else { return };
        let listens = state.calls.iter().any(|call| call.method == Method::SubscriptionsListen);
        let kind = match (&self.facts.method, listens) {
            (&http::Method::GET, _) => StreamKind::Get,
            (_, true) => StreamKind::Listen,
            (_, false) => StreamKind::Post,
        };
        if kind == StreamKind::Get {
            self.connection.carries(&self.inner, Transport::StreamableHttp);
        }
        let resumed = self.resumed_scope();
        if let Some(scope) = &resumed {
            scope.resumed(true);
        }
        self.inner.streams.fetch_add(1, Ordering::Relaxed);
        self.inner.tell(&Event::StreamOpened { server, kind });
        state.stream = Some(Stream {
            kind,
            opened: now,
            events: 0,
            first_event: None,
            seen_message: false,
            has_event_ids: false,
            endpoint: None,
            resumed,
        });
    }

    /// Something passed on the stream; its messages are dealt with elsewhere.
    pub(super) fn stream_item(&self, state: &mut State, item: &Shown<'_>, now: Instant) {
        let Some(server) = self.server else { return };
        if !matches!(item, Shown::Comment) {
            self.endpoint_event(state, server, item, now);
            self.first_event(state, server, now);
        }
        let kind = match item {
            Shown::Message(message) => {
                state.stream.iter_mut().for_each(|stream| stream.events += 1);
                stream_item_of(message)
            }
            Shown::Comment => Some(StreamItem::Comment),
            Shown::Event(event) => {
                if let Some(id) = &event.id {
                    self.event_id(state, server, id, now);
                }
                let is_priming = event.kind == EventKind::Priming;
                if is_priming && self.inner.keeps_passed(now) {
                    state.calls.open().for_each(|call| call.passed(Passed::Priming, now));
                }
                is_priming.then_some(StreamItem::Priming)
            }
            Shown::Unreadable(_) => None,
        };
        if let Some(kind) = kind {
            self.inner.tell(&Event::StreamEvent { server, kind });
        }
    }

    pub(super) fn close_stream(&self, state: &mut State, end: End, now: Instant) {
        let (Some(stream), Some(server)) = (&state.stream, self.server) else { return };
        let reason = match (state.cut, end) {
            (Some(Cut::Shutdown), _) => StreamEnd::Shutdown,
            (Some(Cut::Timeout), _) | (None, End::Failed) => StreamEnd::Error,
            (None, End::Cancelled) => StreamEnd::Client,
            (None, End::Complete) if is_answered(state) => StreamEnd::Complete,
            (None, End::Complete) => StreamEnd::Upstream,
        };
        if let Some((key, scope)) = &stream.endpoint {
            let outcome = match (state.cut, end) {
                (Some(Cut::Timeout), _) => Outcome::Timeout,
                (_, End::Complete) => Outcome::NoResponse,
                (_, End::Failed) => Outcome::UpstreamReset,
                (_, End::Cancelled) => Outcome::ClientDisconnect,
            };
            self.close_endpoint(server, key, scope, outcome, now);
        }
        if let Some(scope) = &stream.resumed {
            scope.resumed(false);
        }
        self.inner.streams.fetch_sub(1, Ordering::Relaxed);
        let lasted = now.duration_since(stream.opened);
        self.inner.tell(&Event::StreamEnded { server, kind: stream.kind, lasted, reason });
    }

    /// An `endpoint` before any message makes a `GET` stream a legacy one.
    fn endpoint_event(&self, state: &mut State, server: usize, item: &Shown<'_>, now: Instant) {
        let Some(stream) = state.stream.as_mut().filter(|stream| !stream.seen_message) else { return };
        stream.seen_message = matches!(item, Shown::Message(_));
        if let (Shown::Event(event), StreamKind::Get) = (item, stream.kind)
            && let Some(endpoint) = &event.endpoint
        {
            stream.kind = StreamKind::Sse;
            self.inner.tell(&Event::StreamKindKnown { server, from: StreamKind::Get, to: StreamKind::Sse });
            stream.endpoint = self.name_endpoint(server, endpoint, now);
            self.connection.becomes_sse(&self.inner);
        }
    }

    fn first_event(&self, state: &mut State, server: usize, now: Instant) {
        let Some(stream) = state.stream.as_mut().filter(|stream| stream.first_event.is_none()) else {
            return;
        };
        let is_legacy = stream.kind == StreamKind::Sse;
        let transport = if is_legacy { Transport::Sse } else { Transport::StreamableHttp };
        let after = now.duration_since(self.facts.started);
        stream.first_event = Some(after);
        if self.inner.keeps_passed(now) {
            state.calls.open().for_each(|call| call.passed(Passed::FirstEvent, now));
        }
        self.inner.tell(&Event::StreamFirstEvent { server, transport, after });
    }

    /// The stream named the URL that its client posts to; that URL is the key of everything on it.
    fn name_endpoint(&self, server: usize, endpoint: &Text, now: Instant) -> Option<(Key, Arc<Scope>)> {
        if endpoint.is_cut() {
            return None;
        }
        let path = mcp::resolve(&self.facts.upstream_path, endpoint.as_str())?;
        let key = self.inner.key(server, &path);
        let scope = Arc::new(Scope::endpoint(path));
        self.inner.open_endpoint(key, Arc::clone(&scope), now);
        Some((key, scope))
    }

    /// The stream is over: what was asked on it gets no answer, and its session ends.
    fn close_endpoint(&self, server: usize, key: &Key, scope: &Arc<Scope>, outcome: Outcome, now: Instant) {
        scope.shut();
        self.inner.close_endpoint(key, scope, now);
        for call in scope.take_all() {
            if outcome == Outcome::ClientDisconnect {
                self.inner.leave(&call, now);
            }
            self.inner.end_own(&call, outcome, now);
        }
        if scope.session().is_none() {
            self.inner.start_nobodys_session(scope, server, now);
        }
        self.inner.end_endpoint_session(scope, now);
    }

    /// An id to resume from. With a session its scope is enough; without one the id itself is the key.
    fn event_id(&self, state: &mut State, server: usize, id: &Text, now: Instant) {
        let Some(stream) = &mut state.stream else { return };
        stream.has_event_ids = true;
        if self.facts.session.is_some() || state.adopted.is_some() || state.modern || id.is_cut() {
            return;
        }
        let scope = match stream.kind {
            StreamKind::Post => state.own_scope.get_or_insert_with(|| {
                let scope = Arc::new(Scope::default());
                for call in state.calls.open() {
                    // Set once: an exchange has one such scope.
                    let _ = call.resumable.set(Arc::clone(&scope));
                    scope.open(call);
                    // It may have ended elsewhere meanwhile; the two must not hold each other for ever.
                    if call.phase.is_ended() {
                        scope.close(call);
                    }
                }
                scope
            }),
            // A resumed stream may break too and be resumed again.
            StreamKind::Get => match &stream.resumed {
                Some(scope) => scope,
                None => return,
            },
            StreamKind::Listen | StreamKind::Sse => return,
        };
        let key = self.inner.key(server, id.as_str());
        self.inner.resumable.insert(key, Arc::clone(scope), now);
    }

    fn resumed_scope(&self) -> Option<Arc<Scope>> {
        if !self.facts.is_resume {
            return None;
        }
        let session = self.facts.session.as_ref().map(|session| &session.scope);
        self.facts.resumes.as_ref().or(session).cloned()
    }
}

fn is_answered(state: &State) -> bool {
    !state.calls.is_empty() && state.calls.iter().all(|call| call.phase.is_ended())
}

fn stream_item_of(message: &Message) -> Option<StreamItem> {
    match message.kind() {
        Kind::Success | Kind::Failure => Some(StreamItem::Response),
        Kind::Request => Some(StreamItem::Request),
        Kind::Notification => Some(StreamItem::Notification),
        Kind::Odd => None,
    }
}
