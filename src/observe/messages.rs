//! What the messages of an exchange mean: questions begin calls, answers end them, wherever they were asked.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::time::Instant;

use super::call::{Call, Introduction, Kept, Phase};
use super::event::{AuthReason, Direction, Event, MirroredHeader, Outcome, Passed, Transport};
use super::exchange::{Judged, Shared, State};
use super::facts::Mirrored;
use super::identity::Caller;
use super::inner::{Inner, Seen};
use super::insight::Interest;
use super::outcome::{self, HttpFacts};
use super::scope::Scope;
use super::session::Session;
use super::steps::Step;
use crate::mcp::trace::{self, Carried, Carriers, Trace};
use crate::mcp::{self, Era, Id, Kind, Message, Method, NamedBy, Unreadable, Version};

impl Shared {
    /// Something the client sent.
    pub(super) fn client_message(&self, state: &mut State, message: &mut Message) {
        let Some(server) = self.server else { return };
        state.posted = true;
        let transport = self.transport();
        self.connection.carries(&self.inner, transport);
        match message.kind() {
            Kind::Request => self.client_request(state, server, message),
            Kind::Notification => self.client_notification(state, server, message, Instant::now()),
            Kind::Success | Kind::Failure => self.client_answer(state, message, Instant::now()),
            Kind::Odd => {
                let direction = Direction::ClientToServer;
                let reason = Unreadable::NotJsonRpc;
                self.inner.tell(&Event::MessageUnreadable { server, direction, reason });
            }
        }
    }

    /// Something the server sent.
    pub(super) fn server_message(&self, state: &mut State, message: &Message, now: Instant) {
        let Some(server) = self.server else { return };
        match message.kind() {
            Kind::Success | Kind::Failure => self.server_answer(state, message, now),
            Kind::Request => self.server_request(state, server, message, now),
            Kind::Notification => self.server_notification(state, server, message, now),
            Kind::Odd => {
                let direction = Direction::ServerToClient;
                let reason = Unreadable::NotJsonRpc;
                self.inner.tell(&Event::MessageUnreadable { server, direction, reason });
            }
        }
    }

    fn client_request(&self, state: &mut State, server: usize, message: &mut Message) {
        let era = self.era(message);
        state.modern |= era == Era::Modern;
        if era == Era::Modern {
            self.compare_headers(server, message);
        }
        let method = message.known_method();
        let session = if era == Era::Modern { None } else { self.session(state).cloned() };
        let who = self.introduction(era, method, message, session.as_ref());
        let now = self.facts.started;
        let session = session.or_else(|| self.keyed_session(server, era, &who, message));
        let caller = self.caller(message, now);
        self.inner.tell(&Event::ClientSeen { server, client: who.label, version: who.version, era });
        let counted = self.inner.take_place();
        // Past the cap, one call an exchange is still exact; the rest of a batch is not followed, nor what would be
        // answered elsewhere.
        if !counted && (!state.calls.is_empty() || self.facts.endpoint.is_some()) {
            return;
        }
        let number = self.inner.next_call();
        let params = &mut message.params;
        let name = params.name.as_ref().filter(|_| method == Method::ToolsCall);
        let tool = name.map(|name| self.inner.tool(server, name));
        let step = session
            .as_ref()
            .zip(name)
            .zip(tool)
            .map(|((session, name), tool)| session.begin_step(number, (tool, name), caller.as_deref()));
        let interest = self.inner.insight.interest(server, method, name);
        state.wants_results |= interest.result;
        state.wants_structured |= interest.structured;
        let kept = self.keep(interest, params);
        let earlier = params.request_state.as_ref();
        let call = Arc::new(Call {
            number,
            server,
            direction: Direction::ClientToServer,
            method,
            tool,
            transport: self.transport(),
            era,
            arguments_bytes: params.arguments_bytes,
            kept: Mutex::new(kept),
            interest,
            is_step: earlier.is_none() && !params.has_input_responses,
            step: step.unwrap_or_default(),
            cursor: params.cursor.as_ref().filter(|_| method == Method::ToolsList).map(mcp::Text::hash),
            caller,
            request_bytes: message.bytes,
            started: self.facts.started,
            scope: if counted { self.call_scope(state, era) } else { None },
            id: message.id.take().unwrap_or(Id::Null),
            method_name: message.method.take(),
            earlier: earlier.and_then(|said| self.inner.rounds.get(&(server, said.hash()), Instant::now())),
            name: params.name.take(),
            uri: params.uri.take(),
            task: params.task_id.take(),
            progress_token: params.progress_token.take(),
            client: who,
            session,
            head: Arc::clone(&self.facts.head),
            trace: OnceLock::new(),
            milestones: Mutex::default(),
            forwarded: OnceLock::new(),
            http_status: OnceLock::new(),
            resumable: OnceLock::new(),
            counted,
            phase: Phase::default(),
        });
        state.trace_late(&call);
        self.inner.begin(&call);
        // The answer may have been over before the question was.
        self.settle_late(state, &call);
        state.calls.push(call);
    }

    fn client_notification(&self, state: &State, server: usize, message: &Message, now: Instant) {
        let method = message.known_method();
        self.inner.tell(&Event::Notification { server, method, direction: Direction::ClientToServer });
        // The modern era cancels by closing the stream (`protocol.md` §2.3).
        if method == Method::NotificationsCancelled && self.era(message) != Era::Modern {
            self.cancelled(self.scope(state, now), Direction::ClientToServer, message, now);
        }
        self.inner.task_notification(server, message, now);
    }

    /// The client answers what the server asked.
    fn client_answer(&self, state: &State, message: &Message, now: Instant) {
        let Some(id) = &message.id else { return };
        let scope = self.scope(state, now);
        if let Some(call) = scope.and_then(|scope| scope.find(Direction::ServerToClient, id)) {
            let http = HttpFacts { status: http::StatusCode::OK, challenged: false };
            let decided = outcome::of_message(message, http);
            self.inner.end(&call, decided, Some(message), &Seen::default(), now);
        }
    }

    /// The server answers what a client asked, here or elsewhere.
    fn server_answer(&self, state: &mut State, message: &Message, now: Instant) {
        let http = state.http.unwrap_or(HttpFacts { status: http::StatusCode::OK, challenged: false });
        for call in self.answered_calls(state, message, now) {
            let (mut outcome, mut error) = outcome::of_message(message, http);
            if outcome == Outcome::Ok && created_task(&call, message) {
                (outcome, error) = (Outcome::Task, None);
            } else if outcome == Outcome::Task && call.task.is_some() {
                // It tells of a task, it does not make one.
                (outcome, error) = (Outcome::Ok, None);
            }
            self.learn(&call, outcome, message);
            self.challenged(state, &call, message);
            if !self.inner.end(&call, (outcome, error), Some(message), &state.seen(now), now) {
                continue;
            }
            self.inner.task_answer(&call, outcome, message, now);
            if outcome == Outcome::Ok {
                self.begin_session(state, &call, message, now);
            }
        }
    }

    /// The calls that an answer decides: by id in this exchange, else where its scope says. An error without an id
    /// belongs to the whole exchange (`protocol.md` §3.1).
    fn answered_calls(&self, state: &mut State, message: &Message, now: Instant) -> Vec<Arc<Call>> {
        match &message.id {
            None | Some(Id::Null) if message.error.is_some() => {
                state.calls.pass_ended();
                state.calls.open().cloned().collect()
            }
            None => Vec::new(),
            Some(id) => {
                let here = state.calls.find(id);
                here.or_else(|| self.answered_elsewhere(state, id, now)).into_iter().collect()
            }
        }
    }

    fn answered_elsewhere(&self, state: &State, id: &Id, now: Instant) -> Option<Arc<Call>> {
        let direction = Direction::ClientToServer;
        // Answers to other exchanges come on streams that were opened by GET alone.
        if self.facts.method != http::Method::GET {
            return None;
        }
        let stream = state.stream.as_ref().and_then(|stream| stream.endpoint.as_ref());
        if let Some((_, scope)) = stream {
            return scope.find(direction, id);
        }
        let resumed = self.facts.resumes.as_ref().and_then(|scope| scope.find(direction, id));
        let call = resumed.or_else(|| self.scope(state, now)?.find(direction, id))?;
        if self.facts.is_resume && self.inner.keeps_passed(now) {
            call.passed(Passed::Resumed, self.facts.started);
        }
        Some(call)
    }

    fn learn(&self, call: &Call, outcome: Outcome, message: &Message) {
        if let (Outcome::Ok, Method::ToolsList, Some(result)) = (outcome, call.method, &message.result) {
            for tool in &result.tools {
                self.inner.learn_tool(call.server, tool);
            }
            for (tool, widget) in &result.widget_tools {
                self.inner.learn_widget(call.server, tool, *widget);
            }
            self.inner.insight.listed(call, message);
        }
    }

    /// A challenge inside a result (`protocol.md` §4): of this exchange, or where the answer comes elsewhere told at once.
    fn challenged(&self, state: &mut State, call: &Call, message: &Message) {
        let Some(challenge) = message.result.as_ref().and_then(|result| result.challenge.as_ref()) else {
            return;
        };
        let error = mcp::challenge_error(challenge.as_str().as_bytes());
        let reason = error.map_or(AuthReason::Unsaid, AuthReason::Error);
        if state.calls.iter().any(|own| own.number == call.number) {
            state.judged = Judged::Refused(reason);
        } else {
            let (server, scheme) = (call.server, call.head.scheme);
            self.inner.tell(&Event::CredentialsRefused { server, scheme, reason });
        }
    }

    /// What is kept of a request that somebody wants so much of.
    fn keep(&self, interest: Interest, params: &mut mcp::Params) -> Option<Box<Kept>> {
        if params.captured.is_none() && params.arguments.is_none() {
            return None;
        }
        let is_wanted = interest.arguments || !self.inner.capture.is_nothing() || self.inner.may_debug();
        Some(Box::new(Kept {
            params: self.inner.hold(params.captured.take().filter(|_| interest.params)),
            arguments: self.inner.hold(params.arguments.take().filter(|_| is_wanted)),
        }))
    }

    /// The session of a 2026-07-28 call, where the configuration says what names it.
    fn keyed_session(
        &self,
        server: usize,
        era: Era,
        who: &Introduction,
        message: &Message,
    ) -> Option<Arc<Session>> {
        let identities = self.inner.identities.as_ref().filter(|_| era == Era::Modern)?;
        let (place, name) = identities.session(self.facts.heard.as_ref()?, message)?;
        Some(self.inner.keyed_session(server, (place, &name), who, self.facts.started))
    }

    fn caller(&self, message: &Message, now: Instant) -> Option<Arc<Caller>> {
        let identities = self.inner.identities.as_ref()?;
        let heard = self.facts.heard.as_ref()?;
        Some(identities.caller(heard, message, &self.inner.hashes, now))
    }

    fn begin_session(&self, state: &State, call: &Call, message: &Message, now: Instant) {
        if call.method != Method::Initialize {
            return;
        }
        let negotiated = message.result.as_ref().and_then(|result| result.protocol_version.as_ref());
        let version = negotiated.map(|text| Version::parse(text.as_str()));
        let inner = &self.inner;
        // On a stream that resumes the handshake's, the client names the session itself.
        let named = self.facts.session_key.zip(self.facts.session_name.as_deref());
        let named = named.filter(|_| self.facts.is_resume);
        let answered = state.answered_session.as_ref().map(|(key, name)| (*key, &**name));
        match (&call.transport, &call.scope, answered.or(named)) {
            (Transport::Sse, Some(scope), _) => inner.start_endpoint_session(scope, call, version, now),
            (_, _, Some((key, name))) => inner.start_session(key, name.as_bytes(), call, version, now),
            // An initialize that gets no session id starts no session.
            _ => {}
        }
    }

    fn server_request(&self, state: &mut State, server: usize, message: &Message, now: Instant) {
        let Some(id) = message.id.clone() else { return };
        if !self.inner.take_place() {
            return;
        }
        let scope = self.stream_scope(state, now);
        let method = message.known_method();
        // Whether somebody looks changes no trace.
        let above = self.passes(state, None, Passed::Request(method), now).filter(|_| self.inner.spans);
        let session = self.session(state).cloned();
        let trace = self.asked_trace(message, above.as_deref(), session.as_deref());
        let arguments = self.inner.hold(message.params.arguments.clone());
        let call = Arc::new(Call {
            number: self.inner.next_call(),
            server,
            direction: Direction::ServerToClient,
            method,
            tool: None,
            transport: self.transport(),
            era: Era::Legacy,
            arguments_bytes: None,
            kept: Mutex::new(arguments.map(|held| Box::new(Kept { params: None, arguments: Some(held) }))),
            interest: Interest::default(),
            step: Step::default(),
            is_step: false,
            cursor: None,
            caller: None,
            request_bytes: message.bytes,
            started: now,
            id,
            method_name: message.method.clone(),
            name: None,
            uri: None,
            task: None,
            client: self.introduction(Era::Legacy, method, message, session.as_ref()),
            session,
            head: Arc::clone(&self.facts.head),
            earlier: None,
            progress_token: None,
            trace: trace.map_or_else(OnceLock::new, OnceLock::from),
            milestones: Mutex::default(),
            forwarded: OnceLock::from(now),
            http_status: OnceLock::new(),
            scope,
            resumable: OnceLock::new(),
            counted: true,
            phase: Phase::default(),
        });
        self.inner.begin(&call);
        state.asked.push(call);
    }

    fn server_notification(&self, state: &State, server: usize, message: &Message, now: Instant) {
        let method = message.known_method();
        self.inner.tell(&Event::Notification { server, method, direction: Direction::ServerToClient });
        if method == Method::NotificationsCancelled {
            self.cancelled(self.stream_scope(state, now), Direction::ServerToClient, message, now);
            self.subscription_cancelled(state, message, now);
        }
        self.inner.task_notification(server, message, now);
        self.passes(state, message.params.progress_token.as_ref(), Passed::Notification(method), now);
    }

    /// The call that something on the stream belongs to: by its progress token, else the only one that is open here.
    /// SDKs take the request's id as its token, which finds it where many calls share one stream.
    fn passes(&self, state: &State, token: Option<&Id>, what: Passed, now: Instant) -> Option<Arc<Call>> {
        if !self.inner.keeps_passed(now) {
            return None;
        }
        let mut open = state.calls.open();
        let call = match (token, open.next(), open.next()) {
            (_, Some(call), None) => Some(Arc::clone(call)),
            (Some(token), ..) => {
                let scope = || self.stream_scope(state, now)?.find(Direction::ClientToServer, token);
                let call = state.calls.find(token).or_else(scope);
                call.filter(|call| call.progress_token.as_ref() == Some(token))
            }
            (None, ..) => None,
        };
        if let Some(call) = &call {
            call.passed(what, now);
        }
        call
    }

    /// The place in a trace of what the server asks: under what it says itself, else under the call on whose stream it
    /// asks, else under its session's handshake.
    fn asked_trace(
        &self,
        message: &Message,
        above: Option<&Call>,
        session: Option<&Session>,
    ) -> Option<Trace> {
        let sampler = self.inner.sampler?;
        let meta = carried(message);
        let above = above.and_then(Call::trace).map(|trace| Carried {
            context: trace.upstream(),
            tracestate: trace.tracestate.as_deref().map(str::to_owned),
        });
        let handshake = session.and_then(|session| session.handshake.as_deref());
        let carriers = Carriers { meta: meta.as_ref(), header: above.as_ref(), session: handshake };
        Some(trace::decide(carriers, sampler, Inner::ids()))
    }

    /// Whoever asked takes the question back.
    fn cancelled(&self, scope: Option<Arc<Scope>>, asker: Direction, message: &Message, now: Instant) {
        let Some(id) = &message.params.request_id else { return };
        if let Some(call) = scope.and_then(|scope| scope.find(asker, id)) {
            self.inner.end_own(&call, Outcome::Cancelled, now);
        }
    }

    /// 2026-07-28: so a server ends a subscription, on its own stream.
    fn subscription_cancelled(&self, state: &State, message: &Message, now: Instant) {
        let named = message.params.request_id.as_ref().and_then(|id| state.calls.find(id));
        if let Some(call) = named.filter(|call| call.is_stream()) {
            self.inner.end_with(&call, Outcome::Cancelled, &state.seen(now), now);
        }
    }

    fn compare_headers(&self, server: usize, message: &Message) {
        let target = match message.known_method().named_by() {
            NamedBy::Name => message.params.name.as_ref(),
            NamedBy::Uri => message.params.uri.as_ref(),
            NamedBy::TaskId => message.params.task_id.as_ref(),
            NamedBy::None => None,
        };
        let mirrored = &self.facts.mirrored;
        let version = message.params.meta.protocol_version.as_ref();
        let differs = [
            (
                Mirrored::contradicts(mirrored.method.as_ref(), message.method.as_ref()),
                MirroredHeader::Method,
            ),
            (Mirrored::contradicts(mirrored.name.as_ref(), target), MirroredHeader::Name),
            (Mirrored::contradicts(mirrored.version.as_ref(), version), MirroredHeader::ProtocolVersion),
        ];
        for (_, header) in differs.into_iter().filter(|(differs, _)| *differs) {
            self.inner.tell(&Event::HeaderMismatch { server, header });
        }
    }

    fn introduction(
        &self,
        era: Era,
        method: Method,
        message: &Message,
        session: Option<&Arc<Session>>,
    ) -> Introduction {
        let params = &message.params;
        let claimed = |version: Option<&mcp::Text>| Introduction {
            label: self.inner.client(params.client_name.as_ref()),
            name: params.client_name.clone(),
            client_version: params.client_version.clone(),
            version: version.map(|text| Version::parse(text.as_str())),
        };
        match (era, session) {
            (Era::Modern, _) => claimed(params.meta.protocol_version.as_ref()),
            _ if method == Method::Initialize => claimed(params.protocol_version.as_ref()),
            (_, Some(session)) => Introduction {
                label: session.client,
                name: session.client_name.clone(),
                client_version: session.client_version.clone(),
                version: session.version.or(self.facts.version),
            },
            (_, None) => Introduction {
                label: self.inner.client(None),
                name: None,
                client_version: None,
                version: self.facts.version,
            },
        }
    }

    fn era(&self, message: &Message) -> Era {
        if self.facts.endpoint.is_some() { Era::HttpSse } else { mcp::era_of(message, self.facts.version) }
    }

    fn transport(&self) -> Transport {
        if self.facts.endpoint.is_some() { Transport::Sse } else { Transport::StreamableHttp }
    }

    pub(super) fn session<'a>(&'a self, state: &'a State) -> Option<&'a Arc<Session>> {
        let named = self.facts.session.as_ref().or(state.adopted.as_ref());
        named.or_else(|| self.facts.endpoint.as_ref()?.session())
    }

    /// Where ids of this exchange mean something besides itself.
    fn scope(&self, state: &State, now: Instant) -> Option<Arc<Scope>> {
        if let Some(endpoint) = &self.facts.endpoint {
            return Some(Arc::clone(endpoint));
        }
        if let Some(session) = self.session(state) {
            return Some(Arc::clone(&session.scope));
        }
        Some(self.inner.address(self.server?, self.facts.address, now))
    }

    /// The same for what the server says: on a legacy SSE stream, the endpoint that it named.
    fn stream_scope(&self, state: &State, now: Instant) -> Option<Arc<Scope>> {
        let endpoint = state.stream.as_ref().and_then(|stream| stream.endpoint.as_ref());
        endpoint.map(|(_, scope)| Arc::clone(scope)).or_else(|| self.scope(state, now))
    }

    fn call_scope(&self, state: &State, era: Era) -> Option<Arc<Scope>> {
        match (era, &state.own_scope) {
            (Era::Modern, _) => None,
            (_, Some(scope)) => Some(Arc::clone(scope)),
            (_, None) => self.scope(state, self.facts.started),
        }
    }
}

/// What a message of the server says of its place in a trace.
fn carried(message: &Message) -> Option<Carried> {
    let meta = &message.params.meta;
    let context = trace::Context::parse(meta.traceparent.as_ref()?.as_str())?;
    let tracestate = meta.tracestate.as_ref().filter(|state| !state.is_cut());
    Some(Carried { context, tracestate: tracestate.map(|state| state.as_str().to_owned()) })
}

/// 2025-11-25: the answer to a task-augmented call is the task itself, without a `resultType`.
fn created_task(call: &Call, message: &Message) -> bool {
    call.method == Method::ToolsCall
        && message.result.as_ref().is_some_and(|result| result.task_id.is_some() && result.status.is_some())
}
