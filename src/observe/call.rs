//! One JSON-RPC request, from its head to its one ending.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::event::{Captured, Direction, Milestone, Passed, Transport};
use super::identity::Caller;
use super::insight::Interest;
use super::label::Label;
use super::lock;
use super::reader::Reserved;
use super::redact::MARK;
use super::scope::Scope;
use super::session::Session;
use super::steps::Step;
use crate::mcp::trace::{Context, Trace};
use crate::mcp::{AuthScheme, Era, Id, Method, Text, Version};

/// A JSON-RPC request that is, or was, in flight.
#[derive(Debug)]
pub struct Call {
    /// Unique within the process.
    pub number: u64,
    /// Position in `Config::servers`.
    pub server: usize,
    /// Who asked.
    pub direction: Direction,
    /// What was asked.
    pub method: Method,
    /// The tool's label as known when the call began; only for `tools/call`.
    pub tool: Option<Label>,
    /// What carries it.
    pub transport: Transport,
    /// Which family of the protocol it belongs to.
    pub era: Era,
    /// Bytes of `params.arguments`, decoded.
    pub arguments_bytes: Option<u64>,
    /// The request's length as it was written.
    pub request_bytes: u64,
    /// When the request's head was read.
    pub started: Instant,
    /// Its id.
    pub id: Id,
    /// The method as it was written.
    pub method_name: Option<Text>,
    /// `params.name`: the tool or the prompt, as the client calls it.
    pub name: Option<Text>,
    /// `params.uri`: the resource.
    pub uri: Option<Text>,
    /// The task that it is about.
    pub task: Option<Text>,
    /// Who asked, as far as they said.
    pub client: Introduction,
    /// Who made it, where the configuration says how to tell.
    pub caller: Option<Arc<Caller>>,
    /// The session that it belongs to.
    pub session: Option<Arc<Session>>,
    /// What the head of its HTTP request said; shared by all calls of the request.
    pub head: Arc<Head>,
    /// An earlier round of the same multi-round-trip call: its SERVER span.
    pub earlier: Option<Context>,
    /// What was kept of its request, until it ends.
    pub(super) kept: Mutex<Option<Box<Kept>>>,
    /// What somebody wants of it.
    pub(super) interest: Interest,
    /// Where it stands among the steps of its session; only of a call of a tool.
    pub(super) step: Step,
    /// It is a step of its own, rather than a later round of one.
    pub(super) is_step: bool,
    /// A hash of the cursor that it asks a list with.
    pub(super) cursor: Option<u64>,
    pub(super) progress_token: Option<Id>,
    pub(super) trace: OnceLock<Trace>,
    pub(super) milestones: Mutex<Milestones>,
    /// When it was handed to the server's connection, and the HTTP status that came back, and when.
    pub(super) forwarded: OnceLock<Instant>,
    pub(super) http_status: OnceLock<(StatusCode, Option<Instant>)>,
    /// Where an answer may also be looked for.
    pub(super) scope: Option<Arc<Scope>>,
    /// Where an answer may be looked for by the ids of its stream's events.
    pub(super) resumable: OnceLock<Arc<Scope>>,
    /// Holds a place under `limits.max_open_calls`.
    pub(super) counted: bool,
    pub(super) phase: Phase,
}

/// What is known of a client.
#[derive(Debug, Clone)]
pub struct Introduction {
    /// The label `client_name`.
    pub label: Label,
    /// What it calls itself.
    pub name: Option<Text>,
    /// Which version of itself it is.
    pub client_version: Option<Text>,
    /// The version of the protocol that it speaks, or asks for.
    pub version: Option<Version>,
}

/// What the head of an HTTP request said, as far as spans and lines tell it.
#[derive(Debug, Clone)]
pub struct Head {
    /// The other end of the client's connection.
    pub peer: SocketAddr,
    /// Of HTTP.
    pub version: http::Version,
    /// `User-Agent`; only where spans or lines will tell it, as is the next.
    pub user_agent: Option<Text>,
    /// `X-Request-Id`, else `X-Correlation-Id`.
    pub correlation_id: Option<Text>,
    /// How the request authenticates.
    pub(super) scheme: AuthScheme,
    /// A hash of its credentials; 0 = it has none.
    pub(super) audience: u64,
}

/// A payload with its share of the memory for observation.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) captured: Captured,
    #[expect(dead_code, reason = "gives it back when dropped")]
    pub(super) share: Reserved,
}

/// What was kept of a request.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// All of `params`.
    pub(super) params: Option<Held>,
    /// `params.arguments`.
    pub(super) arguments: Option<Held>,
}

/// What passed on a call's stream: the first so many.
#[derive(Debug, Default)]
pub(super) struct Milestones {
    kept: Vec<Milestone>,
    more: u32,
}

/// How many milestones of a call are kept.
const MILESTONES_MAX: usize = 64;

/// Bytes of an id that can be a secret; a shorter one is a number or a word that may stand anywhere.
const SECRET_ID_MIN: usize = 6;

impl Call {
    /// Every place where its answer may be looked for.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &Arc<Scope>> {
        self.scope.iter().chain(self.resumable.get())
    }

    /// The tool's name, as the client calls it; only of `tools/call`.
    pub fn tool_name(&self) -> Option<&Text> {
        self.name.as_ref().filter(|_| self.method == Method::ToolsCall)
    }

    /// The label `user_tier`; `None` where nobody asks for tiers.
    pub fn tier(&self) -> Option<Label> {
        self.caller.as_ref().map(|caller| caller.tier)
    }

    /// Its place in a trace; `None` where tracing is off.
    pub fn trace(&self) -> Option<&Trace> {
        self.trace.get()
    }

    /// What passed on its stream, and how much more did than was kept.
    pub fn milestones(&self) -> (Vec<Milestone>, u32) {
        let milestones = lock::lock(&self.milestones);
        (milestones.kept.clone(), milestones.more)
    }

    /// What was said of it, without the ids of its session and its task, which act as secrets: servers like to name what
    /// they do not find.
    pub fn without_ids(&self, said: String) -> String {
        let session = self.session.as_ref().map(|session| (&*session.written, &*session.id));
        let task = self.task.as_ref().map(|task| (task.as_str(), MARK));
        let ids = session.into_iter().chain(task).filter(|(written, _)| written.len() >= SECRET_ID_MIN);
        ids.fold(
            said,
            |said, (written, told)| {
                if said.contains(written) { said.replace(written, told) } else { said }
            },
        )
    }

    /// When it was handed to the server's connection.
    pub fn forwarded(&self) -> Option<Instant> {
        self.forwarded.get().copied()
    }

    /// When the head of its server's HTTP answer came.
    pub fn answered(&self) -> Option<Instant> {
        self.http_status.get().and_then(|(_, at)| *at)
    }

    pub(super) fn passed(&self, what: Passed, at: Instant) {
        let mut milestones = lock::lock(&self.milestones);
        if milestones.kept.len() < MILESTONES_MAX {
            milestones.kept.push(Milestone { at, what });
        } else {
            milestones.more = milestones.more.saturating_add(1);
        }
    }

    /// About how many bytes it keeps, its session included.
    pub fn weight(&self) -> usize {
        let (client, head) = (&self.client, &self.head);
        let texts =
            [&self.method_name, &self.name, &self.uri, &self.task, &client.name, &client.client_version];
        let texts = texts.into_iter().chain([&head.user_agent, &head.correlation_id]).flatten();
        let texts: usize = texts.map(|text| text.as_str().len()).sum();
        let id = match &self.id {
            Id::Text(text) | Id::Decimal(text) => text.as_str().len(),
            Id::Null | Id::Number(_) => 0,
        };
        let tracestate =
            self.trace().and_then(|trace| trace.tracestate.as_ref()).map_or(0, |state| state.len());
        let milestones = lock::lock(&self.milestones).kept.capacity() * size_of::<Milestone>();
        let session = self.session.as_ref().map_or(0, |session| session.weight());
        size_of::<Self>() + size_of::<Head>() + texts + id + tracestate + milestones + session
    }

    /// Whether it stands in no request histogram: it is a stream (`telemetry.md` §1, rule 4).
    pub fn is_stream(&self) -> bool {
        self.method == Method::SubscriptionsListen
    }
}

/// Open → left → ended, each at most once, whoever comes first.
#[derive(Debug, Default)]
pub(super) struct Phase {
    state: AtomicU8,
    left_after: OnceLock<Duration>,
}

const OPEN: u8 = 0;
const LEFT: u8 = 1;
const ENDED: u8 = 2;

impl Phase {
    pub(super) fn is_ended(&self) -> bool {
        self.state.load(Ordering::Acquire) == ENDED
    }

    /// The client went away: true for the first to say so of an open call.
    pub(super) fn leave(&self, after: Duration) -> bool {
        let _ = self.left_after.set(after);
        self.state.compare_exchange(OPEN, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The outcome is known: for the first to say so, whether the call was still active.
    pub(super) fn end(&self) -> Option<bool> {
        match self.state.swap(ENDED, Ordering::AcqRel) {
            OPEN => Some(true),
            LEFT => Some(false),
            _ => None,
        }
    }

    /// How long the call lasted until its client left, if it did.
    pub(super) fn left_after(&self) -> Option<Duration> {
        self.left_after.get().copied()
    }
}

/// The calls of one exchange: nearly always one, in a batch as many as its sender likes.
#[derive(Debug, Default)]
pub(super) struct Calls {
    all: Vec<Arc<Call>>,
    /// So many at the beginning are known to have ended.
    passed: usize,
    /// By id, once there are so many that looking through them would cost.
    index: Option<HashMap<Id, usize, foldhash::fast::RandomState>>,
    /// How many the last clearing left.
    kept: usize,
}

const INDEXED_FROM: usize = 8;

/// So few ended calls may stay.
const CLEARED_FROM: usize = 64;

impl Calls {
    pub(super) fn push(&mut self, call: Arc<Call>) {
        // Twice as many as there were then, so that the work stays linear in what is asked.
        if self.all.len() >= CLEARED_FROM.max(2 * self.kept) {
            self.forget_ended();
        }
        self.all.push(call);
        if self.all.len() == INDEXED_FROM {
            self.rebuild_index();
        } else if let (Some(index), Some(last)) = (&mut self.index, self.all.last()) {
            index.insert(last.id.clone(), self.all.len() - 1);
        }
    }

    /// A body without an end may ask, and take back what it asked, for ever.
    fn forget_ended(&mut self) {
        self.all.retain(|call| !call.phase.is_ended());
        self.passed = 0;
        self.kept = self.all.len();
        self.rebuild_index();
    }

    fn rebuild_index(&mut self) {
        let by_id = || self.all.iter().enumerate().map(|(at, call)| (call.id.clone(), at)).collect();
        self.index = (self.all.len() >= INDEXED_FROM).then(by_id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Call>> {
        self.all.iter()
    }

    /// Those not ended yet.
    pub(super) fn open(&self) -> impl Iterator<Item = &Arc<Call>> {
        self.all.iter().skip(self.passed).filter(|call| !call.phase.is_ended())
    }

    /// Looks no more at those that ended before the first open one, so that asking for the open ones again and again
    /// stays linear.
    pub(super) fn pass_ended(&mut self) {
        self.passed += self.all.iter().skip(self.passed).take_while(|call| call.phase.is_ended()).count();
    }

    /// The open call of this id.
    pub(super) fn find(&self, id: &Id) -> Option<Arc<Call>> {
        let found = match &self.index {
            None => self.open().find(|call| call.id == *id),
            Some(index) => {
                index.get(id).and_then(|at| self.all.get(*at)).filter(|call| !call.phase.is_ended())
            }
        };
        found.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: i64) -> Arc<Call> {
        Arc::new(Call {
            number: 0,
            server: 0,
            direction: Direction::ClientToServer,
            method: Method::Ping,
            tool: None,
            transport: Transport::StreamableHttp,
            era: Era::Legacy,
            arguments_bytes: None,
            kept: Mutex::default(),
            interest: Interest::default(),
            step: Step::default(),
            is_step: true,
            cursor: None,
            caller: None,
            request_bytes: 0,
            started: Instant::now(),
            id: Id::Number(id),
            method_name: None,
            name: None,
            uri: None,
            task: None,
            client: Introduction { label: Label::none(), name: None, client_version: None, version: None },
            session: None,
            head: Arc::new(Head {
                peer: SocketAddr::from(([127, 0, 0, 1], 1)),
                version: http::Version::HTTP_11,
                user_agent: None,
                correlation_id: None,
                scheme: AuthScheme::None,
                audience: 0,
            }),
            earlier: None,
            progress_token: None,
            trace: OnceLock::new(),
            milestones: Mutex::default(),
            forwarded: OnceLock::new(),
            http_status: OnceLock::new(),
            scope: None,
            resumable: OnceLock::new(),
            counted: false,
            phase: Phase::default(),
        })
    }

    #[test]
    fn calls_that_ended_are_forgotten_and_open_ones_are_found() {
        let mut calls = Calls::default();
        for id in 0..10_000 {
            calls.push(call(id));
            if id % 1000 != 0 {
                calls.find(&Id::Number(id)).unwrap().phase.end();
            }
            calls.pass_ended();
        }
        assert!(calls.all.len() <= 2 * CLEARED_FROM, "{} are kept", calls.all.len());
        assert_eq!(calls.open().count(), 10);
        for id in 0..10 {
            assert!(calls.find(&Id::Number(id * 1000)).is_some());
            assert!(calls.find(&Id::Number(id * 1000 + 1)).is_none());
        }
    }

    #[test]
    fn calls_that_stay_open_are_all_kept() {
        let mut calls = Calls::default();
        (0..1000).for_each(|id| calls.push(call(id)));
        assert!((0..1000).all(|id| calls.find(&Id::Number(id)).is_some()));
    }
}
