//! One HTTP request and its answer: what the taps show, put together.
//!
//! # Why
//! Join on the exchange first: an answer in the request's own response needs no table. Only legacy SSE, resumed
//! streams, server-to-client requests, tasks and cancellations look elsewhere (`protocol.md` §5).

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method as HttpMethod, StatusCode, request, response};
use tokio::time::Instant;

use super::call::{Call, Calls};
use super::connection::ConnectionState;
use super::event::{AuthReason, Credentials, Direction, Event, Outcome, SessionEnd, Transport};
use super::facts::{Facts, text_of};
use super::identity::Identities;
use super::inner::{Inner, Key, Seen};
use super::outcome::{self, HttpFacts};
use super::reader::{NotRead, Reader, media};
use super::said::{Answered, Asked, Written};
use super::scope::Scope;
use super::session::Session;
use super::stream::Stream;
use super::{Cut, End, Failure, OwnTime, Refusal, Route, Target, lock, timing};
use crate::mcp::trace::{Handshake, Trace};
use crate::mcp::{self, Era, Media, Method, Shown, Text, Timing, Unreadable, Wanted};

/// What both taps of an exchange share.
pub(super) struct Shared {
    pub(super) inner: Arc<Inner>,
    pub(super) connection: Arc<ConnectionState>,
    pub(super) server: Option<usize>,
    pub(super) facts: Facts,
    pub(super) state: Mutex<State>,
}

/// What the server made of the request's credentials.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Judged {
    /// It has not said.
    #[default]
    Not,
    /// Nothing that speaks against them.
    Accepted,
    Refused(AuthReason),
}

/// What has happened so far.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what was seen or not, none of which implies another")]
pub(super) struct State {
    request: Option<Reader>,
    response: Option<Reader>,
    request_bytes: u64,
    response_bytes: u64,
    /// Calls asked in this exchange, ended ones included.
    pub(super) calls: Calls,
    /// What the server asked the client on this exchange.
    pub(super) asked: Calls,
    /// One of its calls wants its result kept.
    pub(super) wants_results: bool,
    /// The same of the structured content in it.
    pub(super) wants_structured: bool,
    /// What the server says of its own time.
    pub(super) timings: Vec<Timing>,
    pub(super) judged: Judged,
    /// Any JSON-RPC message was posted.
    pub(super) posted: bool,
    pub(super) modern: bool,
    /// Calls of a stream without a session can be resumed by its event ids.
    pub(super) own_scope: Option<Arc<Scope>>,
    /// Its first call's place in a trace.
    trace: Option<Trace>,
    forwarded: Option<Instant>,
    /// The proxy's own time so far.
    own_time: Option<OwnTime>,
    pub(super) http: Option<HttpFacts>,
    /// `Mcp-Session-Id` of the answer, where a session may begin with it. A copy: an idle stream would keep the buffer
    /// of its whole head alive.
    pub(super) answered_session: Option<(Key, Box<str>)>,
    /// The session that the request named and that began before we saw it.
    pub(super) adopted: Option<Arc<Session>>,
    /// There was no room to look into the answer, or into all of it.
    unseen: bool,
    pub(super) stream: Option<Stream>,
    /// Why the proxy itself ended the answer.
    pub(super) cut: Option<Cut>,
    /// Why the leg to the server failed, or the proxy said no.
    failure: Option<Text>,
    /// How the answer ended.
    over: Option<Over>,
}

/// How the answer ended, for calls that it left open.
#[derive(Debug, Clone, Copy)]
enum Over {
    Body(End),
    Own(Outcome),
}

impl Shared {
    pub(super) fn new(
        inner: Arc<Inner>,
        connection: &Arc<ConnectionState>,
        target: Target<'_>,
        head: &request::Parts,
        peer: SocketAddr,
    ) -> Self {
        let started = Instant::now();
        let said =
            Asked::by(&head.headers, inner.identities.as_ref().map_or([None, None], Identities::fields));
        let request = request_reader(&inner, target, head, said.body);
        let facts = Facts::of(&inner, target, (head, &said), peer, started);
        let shared = Self {
            inner,
            connection: Arc::clone(connection),
            server: target.server,
            facts,
            state: Mutex::new(State { request, ..State::default() }),
        };
        if let (true, Some(server)) = (shared.facts.is_resume, shared.server) {
            shared.inner.tell(&Event::StreamResumed { server });
        }
        shared
    }

    pub(super) fn request_frame(&self, data: &Bytes) {
        let mut state = lock::lock(&self.state);
        state.request_bytes += data.len() as u64;
        let Some(mut reader) = state.request.take() else { return };
        let wanted =
            self.server.and_then(|server| self.inner.servers.get(server)).map(|server| server.wanted);
        self.capture(&state, &mut reader, wanted.unwrap_or_default());
        let has_room = reader.feed(data, &mut |shown| {
            if let Shown::Message(message) = shown {
                self.client_message(&mut state, message);
            }
        });
        if !has_room {
            self.inner.tell(&super::no_room());
        }
        state.request = Some(reader);
    }

    /// Has payloads kept as far as anybody wants them just now, `others` beside the log: a session may be debugged while
    /// its stream is open.
    fn capture(&self, state: &State, reader: &mut Reader, others: Wanted) {
        let inner = &self.inner;
        let may_be_debugged = inner.debugged.load(Ordering::Acquire);
        if !may_be_debugged && inner.capture.is_nothing() {
            reader.capture(others);
            return;
        }
        let session =
            || self.session(state).or_else(|| state.stream.as_ref()?.endpoint.as_ref()?.1.session());
        let debugged =
            may_be_debugged && session().is_some_and(|session| session.is_debugged(Instant::now()));
        let wanted = if debugged { inner.debugging() } else { inner.capture };
        reader.capture(wanted.or(others));
    }

    /// What others than the log want of answers just now.
    fn wanted_answers(&self, state: &State) -> Wanted {
        let elsewhere = self.facts.method == HttpMethod::GET
            && self.answering_scope(state).is_some_and(|scope| scope.wants_results());
        let (results, structured) = (state.wants_results || elsewhere, state.wants_structured || elsewhere);
        self.inner.insight.wanted_of_answers(results, structured)
    }

    /// Where the calls stand that are answered on a stream that a `GET` opened.
    fn answering_scope<'a>(&'a self, state: &'a State) -> Option<&'a Arc<Scope>> {
        let endpoint = state.stream.as_ref().and_then(|stream| stream.endpoint.as_ref());
        let resumed = self.facts.resumes.as_ref();
        endpoint
            .map(|(_, scope)| scope)
            .or(resumed)
            .or_else(|| self.session(state).map(|session| &session.scope))
    }

    pub(super) fn request_end(&self, end: End) {
        let mut state = lock::lock(&self.state);
        let reader = state.request.take();
        if let (Some(mut reader), End::Complete, Some(server)) = (reader, end, self.server)
            && state.request_bytes > 0
            && let Some(reason) = reader.finish()
        {
            self.inner.tell(&Event::MessageUnreadable {
                server,
                direction: Direction::ClientToServer,
                reason,
            });
        }
    }

    /// The handshake of the session that the request belongs to, as far as its head tells.
    pub(super) fn handshake(&self) -> Option<Arc<Handshake>> {
        let endpoint = || self.facts.endpoint.as_ref()?.session();
        self.facts.session.as_ref().or_else(endpoint)?.handshake.clone()
    }

    pub(super) fn traced(&self, trace: Trace) {
        let mut state = lock::lock(&self.state);
        let mut first = true;
        for call in state.calls.iter() {
            let own = if first { trace.clone() } else { trace.sibling(Inner::ids()) };
            let _ = call.trace.set(own);
            first = false;
        }
        state.trace = Some(trace);
    }

    pub(super) fn forwarded(&self) {
        let now = Instant::now();
        let mut state = lock::lock(&self.state);
        for call in state.calls.iter() {
            let _ = call.forwarded.set(now);
        }
        state.forwarded = Some(now);
    }

    pub(super) fn answered(&self, head: &response::Parts, own_time: Option<OwnTime>) {
        let now = Instant::now();
        let mut state = lock::lock(&self.state);
        let http = HttpFacts::of(head);
        state.http(http, Some(now));
        state.own_time = own_time;
        let Some(server) = self.server else { return };
        self.inner.reached(server);
        state.judged = if http.challenged { Judged::Refused(refusal_of(head)) } else { Judged::Accepted };
        let said = Answered::by(&head.headers);
        if said.has_timings {
            state.timings = timing::entries(&head.headers);
        }
        if let Some(forwarded) = state.forwarded {
            self.inner.tell(&Event::UpstreamFirstByte { server, took: now.duration_since(forwarded) });
        }
        if self.facts.session.is_none() || state.calls.iter().any(|call| call.method == Method::Initialize) {
            let name = said.session.and_then(text_of);
            state.answered_session = name.map(|name| (self.inner.key(server, name), Box::from(name)));
        }
        self.session_by_status(&mut state, http.status, now);
        self.read_response(&mut state, head.status, said.body, now);
    }

    pub(super) fn response_frame(&self, data: &Bytes) {
        let mut state = lock::lock(&self.state);
        state.response_bytes += data.len() as u64;
        let Some(mut reader) = state.response.take() else { return };
        let wanted = self.wanted_answers(&state);
        self.capture(&state, &mut reader, wanted);
        // One reading of the clock for all that ends in this frame, and none where nothing does.
        let mut now = None;
        let has_room = reader.feed(data, &mut |shown| {
            let now = *now.get_or_insert_with(Instant::now);
            self.response_item(&mut state, shown, now);
        });
        if !has_room {
            self.inner.tell(&super::no_room());
        }
        state.response = Some(reader);
    }

    pub(super) fn response_end(&self, end: End) {
        let now = Instant::now();
        let mut state = lock::lock(&self.state);
        if let Some(reader) = state.response.take() {
            self.finish_response(&mut state, reader, end);
        }
        state.over = Some(match state.cut {
            Some(Cut::Timeout) => Over::Own(Outcome::Timeout),
            Some(Cut::Shutdown) | None => Over::Body(end),
        });
        // First, so that it tells an answered stream from one that is settled because it ended.
        self.close_stream(&mut state, end, now);
        self.settle(&mut state, now);
        // A client may still answer what it was asked here, on a request of its own.
        for call in state.asked.open() {
            self.inner.wait(call, Outcome::NoResponse, now);
        }
        self.tell_timings(&state);
        self.tell_http(&state, now);
    }

    pub(super) fn cut(&self, why: Cut) {
        lock::lock(&self.state).cut = Some(why);
    }

    /// The client went away before there was an answer.
    pub(super) fn abandoned(&self) {
        let now = Instant::now();
        let mut state = lock::lock(&self.state);
        state.over = Some(Over::Body(End::Cancelled));
        self.settle(&mut state, now);
        self.tell_http(&state, now);
    }

    pub(super) fn failed(&self, failure: Failure, status: StatusCode, why: &str) {
        let outcome = match failure {
            Failure::Unreachable => Outcome::UpstreamUnreachable,
            Failure::Reset => Outcome::UpstreamReset,
            Failure::Timeout => Outcome::Timeout,
            Failure::Invalid => Outcome::InvalidResponse,
        };
        self.server.into_iter().for_each(|server| self.inner.not_reached(server));
        self.own_answer(outcome, status, why);
    }

    pub(super) fn unauthorized(&self, status: StatusCode, challenge: &HeaderValue) {
        let error = mcp::challenge_error(challenge.as_bytes());
        let reason = error.map_or(AuthReason::Status(status.as_u16()), AuthReason::Error);
        lock::lock(&self.state).judged = Judged::Refused(reason);
    }

    pub(super) fn refused(&self, refusal: Refusal, status: StatusCode, why: &str) {
        self.inner.tell(&Event::Refused { server: self.server, reason: refusal });
        self.own_answer(Outcome::Refused, status, why);
    }

    pub(super) fn upgraded(&self, head: &response::Parts) {
        self.connection.carries(&self.inner, Transport::WebSocket);
        let mut state = lock::lock(&self.state);
        state.http(HttpFacts::of(head), None);
        state.over = Some(Over::Body(End::Complete));
        self.settle(&mut state, Instant::now());
    }

    pub(super) fn tunnel_closed(&self) {
        let state = lock::lock(&self.state);
        self.tell_http(&state, Instant::now());
    }

    fn own_answer(&self, outcome: Outcome, status: StatusCode, why: &str) {
        let now = Instant::now();
        let mut state = lock::lock(&self.state);
        state.http(HttpFacts { status, challenged: false }, None);
        state.failure = Some(Text::new(why));
        state.over = Some(Over::Own(outcome));
        self.settle(&mut state, now);
        self.tell_http(&state, now);
    }

    /// The answer is over: decides every call that it left open.
    fn settle(&self, state: &mut State, now: Instant) {
        let Some(over) = state.over else { return };
        state.calls.pass_ended();
        for call in state.calls.open() {
            self.settle_call(state, call, over, now);
        }
    }

    fn finish_response(&self, state: &mut State, mut reader: Reader, end: End) {
        if reader.gave_up() {
            self.not_looked_into(state);
        } else if end == End::Complete
            && let Some(reason) = reader.finish()
        {
            self.response_unreadable(state, reason);
        }
    }

    /// What the answer holds is not known, for want of our own memory.
    fn not_looked_into(&self, state: &mut State) {
        state.unseen = true;
        self.inner.tell(&super::no_room());
    }

    /// The same for a call that was asked after the answer was over.
    pub(super) fn settle_late(&self, state: &State, call: &Arc<Call>) {
        if let Some(over) = state.over {
            self.settle_call(state, call, over, Instant::now());
        }
    }

    fn settle_call(&self, state: &State, call: &Arc<Call>, over: Over, now: Instant) {
        let inner = &self.inner;
        match over {
            Over::Own(outcome) => inner.end_with(call, outcome, &state.seen(now), now),
            Over::Body(End::Cancelled) => self.settle_cancelled(state, call, now),
            Over::Body(end) => {
                if Self::answer_comes_elsewhere(state, call, end) {
                    if call.transport != Transport::Sse {
                        inner.wait(call, Outcome::NoResponse, now);
                    }
                } else if end == End::Failed {
                    inner.end_with(call, Outcome::UpstreamReset, &state.seen(now), now);
                } else if state.unseen && state.http.is_some_and(|http| http.status.is_success()) {
                    inner.give_up(call, now);
                } else if state.stream.is_some() {
                    inner.end_with(call, Outcome::NoResponse, &state.seen(now), now);
                } else if let Some(http) = state.http {
                    inner.end(call, outcome::of_status(http), None, &state.seen(now), now);
                }
            }
        }
    }

    /// The client went away. In the modern era that is a cancellation; before, the answer may still come.
    fn settle_cancelled(&self, state: &State, call: &Arc<Call>, now: Instant) {
        let inner = &self.inner;
        if call.era == Era::Modern {
            inner.end_with(call, Outcome::Cancelled, &state.seen(now), now);
        } else if call.transport == Transport::Sse
            && call.scope.as_ref().is_some_and(|scope| !scope.is_shut())
        {
            // Its answer comes on the stream, whatever became of the POST.
        } else if call.transport != Transport::Sse && (call.session.is_some() || state.own_scope.is_some()) {
            inner.leave(call, now);
            inner.wait(call, Outcome::ClientDisconnect, now);
        } else {
            inner.leave(call, now);
            inner.end_with(call, Outcome::ClientDisconnect, &state.seen(now), now);
        }
    }

    /// Whether the end of this response leaves a call open: a 2xx on a legacy SSE endpoint, or a stream of an older
    /// era that ended after it gave an event id to resume from.
    fn answer_comes_elsewhere(state: &State, call: &Call, end: End) -> bool {
        if call.transport == Transport::Sse {
            let accepted = state.http.is_some_and(|http| http.status.is_success());
            return accepted
                && end == End::Complete
                && call.scope.as_ref().is_some_and(|scope| !scope.is_shut());
        }
        call.era != Era::Modern && state.stream.as_ref().is_some_and(|stream| stream.has_event_ids)
    }

    /// `DELETE` ended the session, or the server no longer knows it; a success adopts one that began before us.
    fn session_by_status(&self, state: &mut State, status: StatusCode, now: Instant) {
        let (Some(key), Some(server)) = (&self.facts.session_key, self.server) else { return };
        let reason = if self.facts.method == HttpMethod::DELETE && status.is_success() {
            SessionEnd::Deleted
        } else if status == StatusCode::NOT_FOUND && !state.modern {
            SessionEnd::Expired
        } else {
            let is_unknown = self.facts.session.is_none() && status.is_success();
            if let (Some(name), true, false) = (&self.facts.session_name, is_unknown, state.modern) {
                let id = self.inner.hashes.session(name.as_bytes());
                let unknown = Session::unknown(server, now, self.inner.client(None), (id, name.as_bytes()));
                let session = Arc::new(Session { version: self.facts.version, ..unknown });
                state.adopted = Some(Arc::clone(&session));
                self.inner.adopted.insert(*key, session, now);
            }
            return;
        };
        if let Some(adopted) = self.inner.adopted.remove(key) {
            self.inner.end_session(&adopted, reason, now);
        }
        if let Some(session) = self.inner.sessions.remove(key) {
            self.inner.end_session(&session, reason, now);
        }
    }

    fn read_response(&self, state: &mut State, status: StatusCode, body: Written<'_>, now: Instant) {
        let may_stream = matches!(self.facts.method, HttpMethod::GET | HttpMethod::POST);
        let media = media(body);
        let is_stream = may_stream && media == Media::EventStream;
        // What a GET gets as JSON is metadata, not MCP.
        if !is_stream && self.facts.method != HttpMethod::POST {
            return;
        }
        match Reader::new(media, body, self.inner.limits.decoded_bytes, &self.inner.budget) {
            Ok(reader) => state.response = Some(reader),
            Err(NotRead::OtherMedia) => {}
            Err(NotRead::Encoding) => self.response_unreadable(state, Unreadable::UnknownEncoding),
            Err(NotRead::NoRoom) => self.not_looked_into(state),
        }
        if is_stream && status.is_success() {
            self.open_stream(state, now);
        }
    }

    fn response_unreadable(&self, state: &State, reason: Unreadable) {
        let success = state.http.is_some_and(|http| http.status.is_success());
        if let (true, true, Some(server)) = (success, state.posted || state.stream.is_some(), self.server) {
            self.inner.tell(&Event::MessageUnreadable {
                server,
                direction: Direction::ServerToClient,
                reason,
            });
        }
    }

    fn response_item(&self, state: &mut State, shown: Shown<'_>, now: Instant) {
        if state.stream.is_some() {
            self.stream_item(state, &shown, now);
        }
        match shown {
            Shown::Message(message) => self.server_message(state, message, now),
            Shown::Unreadable(reason) => self.response_unreadable(state, reason),
            Shown::Event(_) | Shown::Comment => {}
        }
    }

    fn tell_http(&self, state: &State, now: Instant) {
        let status = state.http.map_or(CLIENT_CLOSED, |http| http.status);
        let tunnelled = status == StatusCode::SWITCHING_PROTOCOLS;
        let streamed = state.http.is_some() && state.stream.is_some();
        self.inner.tell(&Event::HttpEnded {
            server: self.server,
            method: &self.facts.method,
            route: self.facts.route,
            status,
            took: (!streamed && !tunnelled).then(|| now.duration_since(self.facts.started)),
            request_bytes: state.request_bytes,
            response_bytes: state.response_bytes,
            credentials: self.credentials(state),
        });
    }

    /// Whether and how the server judged who asks: not of what every browser may ask, nor of what says how to authenticate.
    fn credentials(&self, state: &State) -> Option<Credentials> {
        let is_judged = !matches!(self.facts.route, Route::WellKnown | Route::None)
            && self.facts.method != HttpMethod::OPTIONS;
        let refused = match state.judged {
            Judged::Accepted => None,
            Judged::Refused(reason) => Some(reason),
            Judged::Not => return None,
        };
        is_judged.then_some(Credentials { scheme: self.facts.head.scheme, refused })
    }
}

impl State {
    /// A call whose question came after its exchange's place in a trace was decided.
    pub(super) fn trace_late(&self, call: &Call) {
        if let Some(trace) = &self.trace {
            let first = self.calls.is_empty();
            let _ = call.trace.set(if first { trace.clone() } else { trace.sibling(Inner::ids()) });
        }
        if let Some(forwarded) = self.forwarded {
            let _ = call.forwarded.set(forwarded);
        }
    }

    /// `at`: when its server said so.
    fn http(&mut self, http: HttpFacts, at: Option<Instant>) {
        for call in self.calls.iter() {
            let _ = call.http_status.set((http.status, at));
        }
        self.http = Some(http);
    }

    /// What a call that ends now is told of this exchange.
    pub(super) fn seen(&self, now: Instant) -> Seen {
        let stream = self.stream.as_ref();
        Seen {
            overhead: self.own_time.as_ref().map(|own_time| own_time.until(now)),
            events: stream.map(|stream| stream.events),
            first_event: stream.and_then(|stream| stream.first_event),
            failure: self.failure.clone(),
        }
    }
}

/// Why a challenge refuses a request.
fn refusal_of(head: &response::Parts) -> AuthReason {
    let mut challenges = head.headers.get_all(WWW_AUTHENTICATE).iter();
    let said = challenges.find_map(|value| mcp::challenge_error(value.as_bytes()));
    said.map_or(AuthReason::Status(head.status.as_u16()), AuthReason::Error)
}

/// nginx's status for a client that closed before there was an answer.
const CLIENT_CLOSED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// A POST that says it is JSON is read; nothing else can be MCP.
fn request_reader(
    inner: &Inner,
    target: Target<'_>,
    head: &request::Parts,
    body: Written<'_>,
) -> Option<Reader> {
    let server = target.server.filter(|_| head.method == HttpMethod::POST)?;
    let media = media(body);
    if media != Media::Json || target.route == Route::WellKnown {
        return None;
    }
    match Reader::new(media, body, inner.limits.decoded_bytes, &inner.budget) {
        Ok(mut reader) => {
            if let Some(members) = inner.identities.as_ref().and_then(Identities::told) {
                reader.tell(members);
            }
            Some(reader)
        }
        Err(NotRead::Encoding) => {
            let direction = Direction::ClientToServer;
            inner.tell(&Event::MessageUnreadable { server, direction, reason: Unreadable::UnknownEncoding });
            None
        }
        Err(NotRead::OtherMedia) => None,
        Err(NotRead::NoRoom) => {
            inner.tell(&super::no_room());
            None
        }
    }
}
