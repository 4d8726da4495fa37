//! What all exchanges share: who is told, what is known by name, and the bounded tables that join an answer to a
//! question asked elsewhere.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Call, Held, Kept};
use super::catalogue::{ANYBODY, Change, Defined};
use super::ended::EndedSessions;
use super::event::{
    Captured, Direction, DropReason, DroppedWhat, Ending, ErrorType, Event, LabelName, Outcome, SessionEnd,
};
use super::hash::Hasher;
use super::identity::Identities;
use super::insight::{Insight, Remains};
use super::label::{Label, Labels, Learned};
use super::pairs::Pairs;
use super::reader::Budget;
use super::scope::Scope;
use super::session::Session;
use super::table::Table;
use super::task::Task;
use super::transport::Transport;
use super::{Export, Redactor, lock};
use crate::config::{self, Config, Limits, LogLevel};
use crate::mcp::trace::{Context, Ids, Sampler};
use crate::mcp::{Message, Text, Wanted, Widget};

/// Of `limits.max_sessions`, how many more may have begun before we saw them: one in so many.
const ADOPTED_SHARE: usize = 10;

/// How long a task that nobody asks about is remembered.
const TASK_IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what passes on streams is kept after somebody looked at calls.
const WATCHED: Duration = Duration::from_secs(15 * 60);

/// Entries of this table leave with what they belong to, not by age.
const NEVER_IDLE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// A key within one server: its position and a fingerprint.
pub(super) type Key = (usize, u64);

/// What one configuration makes of traffic. A reload makes another, which shares the memory: exchanges go on with the one
/// that they began with.
pub(super) struct Inner {
    memory: Arc<Memory>,
    export: Arc<dyn Export>,
    pub(super) limits: Limits,
    pub(super) servers: Vec<Arc<ServerState>>,
    /// Names of clients that the configuration lists, which take no place from others.
    listed_clients: Option<Labels>,
    pub(super) identities: Option<Identities>,
    pub(super) insight: Insight,
    /// How traces that begin with a server's request are sampled; `None` = tracing is off.
    pub(super) sampler: Option<Sampler>,
    /// Whether spans are exported.
    pub(super) spans: bool,
    /// Whether anybody tells what the heads of requests said.
    pub(super) heads: bool,
    /// What is kept of payloads for every call.
    pub(super) capture: Wanted,
    /// Servers whose health their probes tell.
    probed: Vec<bool>,
}

/// What is remembered as long as the process lives.
pub(super) struct Memory {
    pub(super) redactor: Arc<Redactor>,
    clients: Labels,
    hasher: foldhash::quality::RandomState,
    pub(super) hashes: Hasher,
    /// The interim answers of multi-round-trip calls, by their `requestState`.
    pub(super) rounds: Table<Key, Context>,
    pub(super) sessions: Table<Key, Arc<Session>>,
    /// Those of 2026-07-28, by what names the conversation.
    pub(super) keyed: Table<Key, Arc<Session>>,
    /// Sessions that began before we saw them, apart: a client that makes ids up pushes none of the others out.
    pub(super) adopted: Table<Key, Arc<Session>>,
    /// Legacy SSE endpoints by the URL that their stream named.
    pub(super) endpoints: Table<Key, Arc<Scope>>,
    endpoints_open: AtomicUsize,
    /// Streams without a session, by the ids of their events.
    pub(super) resumable: Table<Key, Arc<Scope>>,
    /// Clients without a session, by address.
    addresses: Table<(usize, IpAddr), Arc<Scope>>,
    pub(super) tasks: Table<Key, Arc<Task>>,
    /// Whether any session was ever debugged.
    pub(super) debugged: AtomicBool,
    open_calls: AtomicUsize,
    call_number: AtomicU64,
    orphans: Mutex<VecDeque<Orphan>>,
    pub(super) ended: EndedSessions,
    begun: Instant,
    /// Until when what passes on streams is kept for who looks at calls, in seconds from then; 0 = nobody ever did.
    watched_until: AtomicU64,
    pub(super) budget: Arc<Budget>,
    pub(super) connections: AtomicUsize,
    pub(super) streams: AtomicUsize,
}

/// Whoever looks at the traffic looks into the memory all the time.
impl Deref for Inner {
    type Target = Memory;

    fn deref(&self) -> &Memory {
        &self.memory
    }
}

pub(super) struct ServerState {
    pub(super) name: String,
    tools: Labels,
    /// Tools whose descriptor makes the host show a widget: of each convention.
    widgets: [Labels; 2],
    /// It has any such tool.
    has_widgets: AtomicBool,
    /// Names of its `Server-Timing` entries.
    pub(super) timings: Labels,
    pub(super) pairs: Pairs,
    /// What is kept of requests to it.
    pub(super) wanted: Wanted,
    pub(super) transport: Transport,
}

/// A call whose answer may still come elsewhere, until a deadline.
struct Orphan {
    deadline: Instant,
    call: Arc<Call>,
    outcome: Outcome,
}

impl Memory {
    fn new(config: &Config) -> Self {
        let limits = &config.limits;
        let redactor = Arc::new(Redactor::new(&config.logs.redact_keys));
        Self {
            clients: Labels::new(limits.max_client_names, Arc::clone(&redactor)),
            redactor,
            hasher: foldhash::quality::RandomState::default(),
            hashes: Hasher::new(&config.logs),
            rounds: Table::new(limits.max_open_calls, limits.session_idle),
            sessions: Table::new(limits.max_sessions, limits.session_idle),
            keyed: Table::new(limits.max_sessions, limits.session_idle),
            adopted: Table::new((limits.max_sessions / ADOPTED_SHARE).max(1), limits.session_idle),
            endpoints: Table::new(limits.max_sessions, NEVER_IDLE),
            endpoints_open: AtomicUsize::new(0),
            resumable: Table::new(limits.max_open_calls, limits.orphan_wait),
            addresses: Table::new(limits.max_sessions, limits.session_idle),
            tasks: Table::new(limits.max_tasks, TASK_IDLE),
            debugged: AtomicBool::new(false),
            open_calls: AtomicUsize::new(0),
            call_number: AtomicU64::new(0),
            orphans: Mutex::default(),
            ended: EndedSessions::default(),
            begun: Instant::now(),
            watched_until: AtomicU64::new(0),
            budget: Budget::new(limits.observe_bytes),
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
        }
    }
}

impl Inner {
    pub(super) fn new(config: &Config, export: Arc<dyn Export>) -> Self {
        let memory = Arc::new(Memory::new(config));
        let insight = Insight::new(config, &export, &memory.budget);
        Self::with(config, memory, export, insight, &[])
    }

    /// The same for a configuration that takes the place of this one's ([`Config::after`]).
    pub(super) fn after(&self, config: &Config) -> Self {
        let insight = self.insight.after(config);
        Self::with(config, Arc::clone(&self.memory), Arc::clone(&self.export), insight, &self.servers)
    }

    fn with(
        config: &Config,
        memory: Arc<Memory>,
        export: Arc<dyn Export>,
        insight: Insight,
        known: &[Arc<ServerState>],
    ) -> Self {
        let (limits, redactor) = (config.limits.clone(), &memory.redactor);
        let state = |(at, server): (usize, &config::Server)| match known.get(at) {
            Some(state) => {
                state.learn(&server.tools);
                Arc::clone(state)
            }
            None => Arc::new(ServerState::new(server, &limits, redactor, insight.wanted_of_requests(at))),
        };
        let servers = config.servers.iter().enumerate().map(state).collect();
        let spans =
            config.tracing.enabled && config.tracing.otlp.as_ref().is_some_and(|otlp| otlp.traces.is_some());
        Self {
            servers,
            listed_clients: listed(&config.identity.clients, redactor),
            identities: Identities::new(&config.identity, &limits, redactor),
            sampler: config.tracing.enabled.then_some(Sampler {
                ratio: config.tracing.sample_ratio,
                parent_based: config.tracing.parent_based,
            }),
            spans,
            heads: spans || config.logs.calls,
            capture: capture(config),
            probed: config.servers.iter().map(|server| server.probe.is_some()).collect(),
            insight,
            export,
            limits,
            memory,
        }
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        self.export.event(event);
    }

    pub(super) fn tell_reloaded(&self, config: &Config) {
        self.export.reload(config);
    }

    /// Whether what passes on a stream is worth keeping: spans will tell it, or somebody looks at calls.
    pub(super) fn keeps_passed(&self, now: Instant) -> bool {
        let since = || now.saturating_duration_since(self.begun).as_secs();
        self.spans
            || matches!(self.watched_until.load(Ordering::Relaxed), until if until > 0 && since() < until)
    }

    /// Somebody looks at calls.
    pub(super) fn watched(&self, now: Instant) {
        let until = now.saturating_duration_since(self.begun) + WATCHED;
        self.watched_until.store(until.as_secs(), Ordering::Relaxed);
    }

    /// A key that a hostile peer cannot aim at another's.
    pub(super) fn key<T: Hash + ?Sized>(&self, server: usize, text: &T) -> Key {
        (server, self.hasher.hash_one(text))
    }

    /// A hash of credentials; never [`ANYBODY`].
    pub(super) fn audience(&self, credentials: &[u8]) -> u64 {
        self.hasher.hash_one(credentials).max(ANYBODY + 1)
    }

    // Health.

    /// A server answered.
    pub(super) fn reached(&self, server: usize) {
        if let Some(failures) = self.servers.get(server).and_then(|server| server.transport.reached()) {
            self.tell_of_transport(server, failures);
        }
    }

    /// A server could not be reached, or broke off.
    pub(super) fn not_reached(&self, server: usize) {
        if let Some(state) = self.servers.get(server) {
            self.tell_of_transport(server, state.transport.failed());
        }
    }

    fn tell_of_transport(&self, server: usize, failures: u64) {
        if !self.probed.get(server).is_some_and(|is_probed| *is_probed) {
            self.tell(&Event::TransportJudged { server, failures });
        }
    }

    // Names.

    /// The label of a tool as known now.
    pub(super) fn tool(&self, server: usize, name: &Text) -> Label {
        match self.servers.get(server) {
            Some(state) if !name.is_cut() => state.tools.resolve(name),
            _ => Label::other(),
        }
    }

    /// A tool's name was vouched for by its server.
    pub(super) fn learn_tool(&self, server: usize, name: &Text) -> Label {
        match self.servers.get(server) {
            Some(state) if !name.is_cut() => self.learned(state.tools.learn(name), LabelName::ToolName),
            _ => Label::other(),
        }
    }

    pub(super) fn learn_widget(&self, server: usize, name: &Text, widget: Widget) {
        if let Some(state) = self.servers.get(server).filter(|_| !name.is_cut()) {
            state.widgets_of(widget).learn(name);
            state.has_widgets.store(true, Ordering::Release);
        }
    }

    fn widget(&self, server: usize, name: &Text) -> Option<Widget> {
        let state = self.servers.get(server).filter(|state| state.has_widgets.load(Ordering::Acquire))?;
        [Widget::McpApp, Widget::OpenAi].into_iter().find(|widget| state.widgets_of(*widget).knows(name))
    }

    /// What is known of a tool, without secrets.
    pub(super) fn defined(&self, server: &str, tool: &str) -> Option<Defined> {
        let server = self.servers.iter().position(|state| state.name == server)?;
        let mut defined = self.insight.defined(server, tool)?;
        for (part, text) in &mut defined.parts {
            let is_text = *part == Change::Description;
            let told = |text: &mut String| {
                if is_text { self.redactor.text(text).into_owned() } else { self.redactor.schema(text) }
            };
            *text = text.as_mut().map(told);
        }
        Some(defined)
    }

    /// The label of a client's name, within the cap that claimed names have.
    pub(super) fn client(&self, name: Option<&Text>) -> Label {
        match name {
            None => Label::none(),
            Some(name) if name.is_cut() => Label::other(),
            Some(name) => self
                .listed_client(name)
                .unwrap_or_else(|| self.learned(self.clients.learn(name), LabelName::ClientName)),
        }
    }

    /// The label of a client that the configuration lists.
    fn listed_client(&self, name: &Text) -> Option<Label> {
        let listed = self.listed_clients.as_ref()?;
        listed.knows(name).then(|| listed.resolve(name))
    }

    pub(super) fn learned(&self, learned: Learned, label: LabelName) -> Label {
        match learned {
            Learned::Known(known) => known,
            Learned::Overflow(other) => {
                self.tell(&Event::LabelOverflow { label });
                other
            }
        }
    }

    // Scopes.

    pub(super) fn endpoint(&self, server: usize, upstream_path: &str, now: Instant) -> Option<Arc<Scope>> {
        if self.endpoints_open.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.endpoints.get(&self.key(server, upstream_path), now)
    }

    pub(super) fn open_endpoint(&self, key: Key, scope: Arc<Scope>, now: Instant) {
        self.endpoints_open.fetch_add(1, Ordering::AcqRel);
        self.endpoints.insert(key, scope, now);
    }

    pub(super) fn close_endpoint(&self, key: &Key, scope: &Arc<Scope>, now: Instant) {
        self.endpoints_open.fetch_sub(1, Ordering::AcqRel);
        // A server may name one URL on two streams; the later one keeps it.
        if self.endpoints.get(key, now).is_some_and(|newest| Arc::ptr_eq(&newest, scope)) {
            self.endpoints.remove(key);
        }
    }

    /// The space of ids of a client that has no session.
    pub(super) fn address(&self, server: usize, address: IpAddr, now: Instant) -> Arc<Scope> {
        let key = (server, address);
        self.addresses.get(&key, now).unwrap_or_else(|| {
            let scope = Arc::new(Scope::shared());
            self.addresses.insert(key, Arc::clone(&scope), now);
            scope
        })
    }

    // Calls.

    pub(super) fn next_call(&self) -> u64 {
        self.call_number.fetch_add(1, Ordering::Relaxed)
    }

    /// A place under `limits.max_open_calls`.
    pub(super) fn take_place(&self) -> bool {
        let max = self.limits.max_open_calls;
        let taken = self
            .open_calls
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |open| (open < max).then_some(open + 1));
        if taken.is_err() {
            self.tell(&Event::Dropped { what: DroppedWhat::Event, reason: DropReason::QueueFull });
        }
        taken.is_ok()
    }

    pub(super) fn open_calls(&self) -> usize {
        self.open_calls.load(Ordering::Acquire)
    }

    /// A payload to keep while its call lives, as far as there is memory for it.
    pub(super) fn hold(&self, payload: Option<Captured>) -> Option<Held> {
        let captured = payload?;
        let Some(share) = self.budget.take(captured.bytes.len()) else {
            self.tell(&super::no_room());
            return None;
        };
        Some(Held { captured, share })
    }

    pub(super) fn begin(&self, call: &Arc<Call>) {
        // In this order: who finds it may end it at once, and an end before the beginning would leave it in flight.
        self.tell(&Event::CallStarted { call });
        if let Some(scope) = &call.scope {
            scope.open(call);
        }
    }

    /// A call's client went away; its answer may still come for a while.
    pub(super) fn leave(&self, call: &Arc<Call>, now: Instant) {
        if call.phase.leave(now.duration_since(call.started)) {
            self.tell(&Event::CallLeft { call });
        }
    }

    /// Waits `limits.orphan_wait` for an answer, then ends the call so.
    pub(super) fn wait(&self, call: &Arc<Call>, outcome: Outcome, now: Instant) {
        let orphan = Orphan { deadline: now + self.limits.orphan_wait, call: Arc::clone(call), outcome };
        let mut orphans = lock::lock(&self.orphans);
        let oldest = if orphans.len() >= self.limits.max_open_calls { orphans.pop_front() } else { None };
        orphans.push_back(orphan);
        drop(orphans);
        if let Some(orphan) = oldest {
            self.end_own(&orphan.call, orphan.outcome, now);
        }
    }

    /// Ends a call with an outcome that names itself.
    pub(super) fn end_own(&self, call: &Arc<Call>, outcome: Outcome, now: Instant) {
        self.end_with(call, outcome, &Seen::default(), now);
    }

    /// The same, with what its exchange saw.
    pub(super) fn end_with(&self, call: &Arc<Call>, outcome: Outcome, seen: &Seen, now: Instant) {
        let (outcome, error) = super::outcome::own(outcome);
        self.end(call, (outcome, error), None, seen, now);
    }

    /// Ends a call; `answer` is the message that decided it. False when it had ended before.
    pub(super) fn end(
        &self,
        call: &Arc<Call>,
        (outcome, error): (Outcome, Option<ErrorType>),
        answer: Option<&Message>,
        seen: &Seen,
        now: Instant,
    ) -> bool {
        let Some(was_active) = self.close(call) else { return false };
        let result = answer.and_then(|message| message.result.as_ref());
        let widget = result.and_then(|result| result.meta.widget);
        let widget = widget.or_else(|| self.widget(call.server, call.tool_name()?));
        let tool = match (&call.tool, call.tool_name()) {
            // A name once learned keeps its label.
            (Some(label), _) if label.is_learned() => *label,
            (_, Some(name)) if vouched(outcome) && call.direction == Direction::ClientToServer => {
                self.learn_tool(call.server, name)
            }
            (_, Some(name)) => self.tool(call.server, name),
            (_, None) => Label::none(),
        };
        // By the disconnect it lasted until then, by an answer that came after all until the answer.
        let left_after = call.phase.left_after().filter(|_| outcome == Outcome::ClientDisconnect);
        let lasted = left_after.unwrap_or_else(|| now.duration_since(call.started));
        let task = result.filter(|_| outcome == Outcome::Task).and_then(|result| result.task_id.as_ref());
        let result_bytes = result.map(|result| result.bytes);
        let tokens = self.insight.estimate(call, answer);
        let kept = lock::lock(&call.kept).take().map(|kept| *kept).unwrap_or_default();
        let captured = result.and_then(|result| result.captured.as_ref());
        let logged = self.logged(call, now);
        let ending = Ending {
            outcome,
            error,
            took: lasted,
            was_active,
            tool,
            result_bytes,
            widget,
            tokens,
            cost: self.insight.cost(call, outcome, result_bytes, tokens),
            at: now,
            code: answer.and_then(|message| message.error.as_ref()).and_then(|fault| fault.code),
            message: said(outcome, answer, seen),
            http_status: call.http_status.get().map(|(status, _)| *status),
            upstream: call.forwarded().map(|at| (call.started + lasted).saturating_duration_since(at)),
            overhead: seen.overhead,
            response_bytes: answer.map(|message| message.bytes),
            events: seen.events,
            first_event: seen.first_event,
            task: task.map(|id| self.hashes.hash(id.as_str().as_bytes())),
            arguments: kept.arguments.as_ref().and_then(|held| logged.arguments(&held.captured)),
            result: captured.and_then(|captured| logged.result(captured)),
        };
        if let (Outcome::InputRequired, Some(state), Some(trace)) =
            (outcome, result.and_then(|result| result.request_state.as_ref()), call.trace())
        {
            self.rounds.insert((call.server, state.hash()), trace.server(), now);
        }
        if let Some(state) =
            self.servers.get(call.server).filter(|_| call.direction == Direction::ClientToServer)
        {
            state.transport.ended(outcome, error);
        }
        self.tell(&Event::CallEnded { call, ending: &ending });
        if let Some(session) = &call.session {
            self.stepped(session, call, &ending);
        }
        if call.interest.is_any() {
            let Kept { params, arguments } = kept;
            let (tool, has_result) = (ending.tool, result.is_some());
            let structured = result.and_then(|result| result.structured.as_ref());
            let result = captured;
            let remains = Remains { call, outcome, tool, params, arguments, result, structured, has_result };
            self.insight.ended(remains);
        }
        true
    }

    /// What lines tell of a call's payloads.
    fn logged(&self, call: &Call, now: Instant) -> Logged {
        let is_debugged = || call.session.as_ref().is_some_and(|session| session.is_debugged(now));
        let debugged = self.debugged.load(Ordering::Acquire) && is_debugged();
        Logged(if debugged { self.debugging() } else { self.capture })
    }

    /// Whether any session was ever debugged.
    pub(super) fn may_debug(&self) -> bool {
        self.debugged.load(Ordering::Acquire)
    }

    /// What is kept of the payloads of a session that is debugged.
    pub(super) fn debugging(&self) -> Wanted {
        Wanted { arguments: true, results: true, ..self.capture }
    }

    /// A call whose answer could not be looked into leaves without an outcome; the caller has counted it as dropped.
    pub(super) fn give_up(&self, call: &Arc<Call>, now: Instant) {
        self.leave(call, now);
        self.unanswered(call);
        self.close(call);
    }

    /// Whether it was still active; `None` when it had ended before.
    fn close(&self, call: &Call) -> Option<bool> {
        let was_active = call.phase.end()?;
        for scope in call.scopes() {
            scope.close(call);
        }
        if call.counted {
            self.open_calls.fetch_sub(1, Ordering::AcqRel);
        }
        Some(was_active)
    }

    /// New ids for a request.
    pub(super) fn ids() -> Ids {
        Ids::random(|| fastrand::u64(..))
    }

    /// What is due: idle sessions, calls nobody answers any more, forgotten tasks.
    pub(super) fn tick(&self, now: Instant) {
        // An exchange holds its session: one with an open stream is not idle.
        for table in [&self.sessions, &self.keyed, &self.adopted] {
            for session in table.expire_unless(now, |session| Arc::strong_count(session) > 1) {
                self.end_session(&session, SessionEnd::Idle, now);
            }
        }
        self.identities.iter().for_each(|identities| identities.tick(now));
        self.insight.tell_counted();
        for task in self.tasks.expire(now) {
            self.forget_task(&task, now);
        }
        self.addresses.expire_unless(now, |scope| Arc::strong_count(scope) > 1);
        self.rounds.expire(now);
        self.resumable.expire_unless(now, |scope| scope.has_calls());
        for orphan in self.due_orphans(now) {
            if orphan.call.scopes().any(|scope| scope.has_resumed_stream()) {
                self.wait(&orphan.call, orphan.outcome, now);
            } else {
                self.end_own(&orphan.call, orphan.outcome, now);
            }
        }
    }

    /// The process ends: what still waits for an answer will get none.
    pub(super) fn finish(&self, now: Instant) {
        let orphans = std::mem::take(&mut *lock::lock(&self.orphans));
        for orphan in orphans {
            self.end_own(&orphan.call, orphan.outcome, now);
        }
        self.insight.finish();
    }

    fn due_orphans(&self, now: Instant) -> Vec<Orphan> {
        let mut orphans = lock::lock(&self.orphans);
        let due = orphans.iter().take_while(|orphan| orphan.deadline <= now).count();
        orphans.drain(..due).filter(|orphan| !orphan.call.phase.is_ended()).collect()
    }

    /// Label values in use, of the fullest set.
    pub(super) fn label_values(&self) -> usize {
        self.servers.iter().map(|server| server.tools.len()).max().unwrap_or(0)
    }
}

/// The labels of clients that the configuration lists; `None` where it lists none.
fn listed(names: &[String], redactor: &Arc<Redactor>) -> Option<Labels> {
    let labels = Labels::new(names.len(), Arc::clone(redactor));
    for name in names {
        labels.learn_text(name);
    }
    (!names.is_empty()).then_some(labels)
}

impl ServerState {
    fn new(server: &config::Server, limits: &Limits, redactor: &Arc<Redactor>, wanted: Wanted) -> Self {
        let labels = || Labels::new(limits.max_label_values, Arc::clone(redactor));
        let state = Self {
            name: server.name.clone(),
            tools: labels(),
            widgets: [labels(), labels()],
            has_widgets: AtomicBool::new(false),
            timings: labels(),
            pairs: Pairs::new(limits.max_tool_pairs),
            wanted,
            transport: Transport::default(),
        };
        state.learn(&server.tools);
        state
    }

    /// Tools that the configuration knows.
    fn learn(&self, tools: &[String]) {
        for tool in tools {
            self.tools.learn_text(tool);
        }
    }

    fn widgets_of(&self, widget: Widget) -> &Labels {
        let [apps, openai] = &self.widgets;
        match widget {
            Widget::McpApp => apps,
            Widget::OpenAi => openai,
        }
    }
}

/// What the exchange that a call ended on saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) overhead: Option<Duration>,
    pub(super) events: Option<u64>,
    pub(super) first_event: Option<Duration>,
    /// Why the leg to the server failed.
    pub(super) failure: Option<Text>,
}

/// What lines tell of a call's payloads: of what was kept, perhaps for others, the part that is theirs.
struct Logged(Wanted);

impl Logged {
    fn arguments(&self, captured: &Captured) -> Option<Captured> {
        self.0.arguments.then(|| captured.beginning(self.0.bytes_max))
    }

    fn result(&self, captured: &Captured) -> Option<Captured> {
        self.0.results.then(|| captured.beginning(self.0.bytes_max))
    }
}

/// What is kept of payloads for every call: only what a line will tell.
fn capture(config: &Config) -> Wanted {
    let logs = &config.logs;
    let wanted = logs.calls && logs.level >= LogLevel::Debug;
    Wanted {
        structured: false,
        params: false,
        arguments: wanted && logs.capture.arguments,
        results: wanted && logs.capture.results,
        bytes_max: logs.capture.max_bytes.saturating_mul(CAPTURED_SHARE).saturating_add(CAPTURED_MORE),
    }
}

/// Redaction makes payloads shorter, and what it finds must not be half cut off: so many times what a line tells is
/// kept, and so many bytes more.
const CAPTURED_SHARE: usize = 4;
const CAPTURED_MORE: usize = 4096;

/// What an error said of itself.
fn said(outcome: Outcome, answer: Option<&Message>, seen: &Seen) -> Option<Text> {
    if outcome == Outcome::ToolError {
        return answer?.result.as_ref()?.first_text.clone();
    }
    let fault = answer.and_then(|message| message.error.as_ref());
    fault.map(|fault| fault.message.clone()).or_else(|| seen.failure.clone())
}

/// The server did something for the name, so it is one of its own.
fn vouched(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Ok | Outcome::Task | Outcome::InputRequired)
}
