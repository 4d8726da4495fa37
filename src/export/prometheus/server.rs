//! The series of one server.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use metrics::{Counter, Gauge};
use tokio::time::Instant;

use super::histogram::Histogram;
use super::series::{Pair, Series};
use crate::config;
use crate::mcp::{Era, Method, Unreadable, Version};
use crate::observe::{
    Direction, ErrorType, MirroredHeader, Outcome, Refusal, Route, SessionEnd, StreamEnd, StreamItem,
    StreamKind, TaskStatus, Transport,
};

/// The series of one server, and the names that its labels need. Tools and clients are keyed by their label's number.
#[derive(Default)]
pub(super) struct Server {
    pub(super) name: String,
    route: String,
    pub(super) requests: Series<(Method, Outcome, Transport), Counter>,
    pub(super) durations: Series<(Method, Outcome), Histogram>,
    pub(super) operations: Series<Operation, Histogram>,
    pub(super) active: Series<Method, Gauge>,
    pub(super) errors: Series<(Method, ErrorType), Counter>,
    pub(super) tools: Series<(u32, Outcome), Counter>,
    pub(super) tool_durations: Series<(u32, Outcome), Histogram>,
    pub(super) tool_errors: Series<(u32, ErrorType), Counter>,
    pub(super) payload: Series<(u32, Direction, bool), Histogram>,
    pub(super) inflight: Mutex<Inflight>,
    pub(super) notifications: Series<(Method, Direction), Counter>,
    pub(super) asked: Series<(Method, Outcome), Counter>,
    pub(super) asked_durations: Series<(Method, Outcome), Histogram>,
    pub(super) tasks: Series<(u32, TaskStatus), Counter>,
    pub(super) task_durations: Series<(u32, TaskStatus), Histogram>,
    pub(super) tasks_active: Series<u32, Gauge>,
    pub(super) unreadable: Series<(Direction, Unreadable), Counter>,
    pub(super) mismatches: Series<MirroredHeader, Counter>,
    pub(super) streams: Series<StreamKind, Gauge>,
    pub(super) stream_durations: Series<(StreamKind, StreamEnd), Histogram>,
    pub(super) first_events: Series<Transport, Histogram>,
    pub(super) stream_events: Series<StreamItem, Counter>,
    pub(super) resumes: Series<(), Counter>,
    pub(super) http: Series<(Verb, Route, u16), Counter>,
    pub(super) http_durations: Series<(Verb, Route, u16), Histogram>,
    pub(super) request_sizes: Series<(Verb, Route), Histogram>,
    pub(super) response_sizes: Series<(Verb, Route), Histogram>,
    pub(super) connects: Series<(), Histogram>,
    pub(super) first_bytes: Series<(), Histogram>,
    pub(super) sessions: Series<(), Gauge>,
    pub(super) sessions_total: Series<(u32, Option<Version>), Counter>,
    pub(super) session_durations: Series<SessionEnd, Histogram>,
    pub(super) semconv_sessions: Series<Option<Version>, Histogram>,
    pub(super) session_calls: Series<(), Histogram>,
    pub(super) clients: Series<(u32, Option<Version>, Era), Counter>,
    pub(super) overhead: Series<(), Histogram>,
    pub(super) refused: Series<Refusal, Counter>,
}

/// What tells one series of operations from another: the tool, if it is a call of one, how it failed, which version.
pub(super) type Operation = (Method, Option<u32>, Option<ErrorType>, Option<Version>);

/// The unanswered calls of each tool: its name, and when each began, with its number.
pub(super) type Inflight = HashMap<u32, (String, BTreeSet<(Instant, u64)>), foldhash::fast::RandomState>;

impl Server {
    pub(super) fn of(server: &config::Server) -> Self {
        let route = server.path.clone().unwrap_or_else(|| "/".to_owned());
        Self { name: server.name.clone(), route, ..Self::default() }
    }

    /// What belongs to no server.
    pub(super) fn nobody() -> Self {
        Self { name: "none".to_owned(), route: "none".to_owned(), ..Self::default() }
    }

    /// Of each tool that was ever called, when its oldest unanswered call began. Calls wait for the copy alone.
    pub(super) fn oldest_inflight(&self) -> Vec<(String, Option<Instant>)> {
        let inflight = self.inflight.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = |calls: &BTreeSet<(Instant, u64)>| calls.first().map(|(started, _)| *started);
        inflight.values().map(|(tool, calls)| (tool.clone(), oldest(calls))).collect()
    }

    /// The labels of one of its series: its name first.
    pub(super) fn labelled<'a>(&'a self, labels: &[Pair<'a>]) -> Vec<Pair<'a>> {
        std::iter::once(("server", self.name.as_str())).chain(labels.iter().copied()).collect()
    }

    /// The label value of a route: never the raw path.
    pub(super) fn route(&self, route: Route) -> &str {
        match route {
            Route::Mount => &self.route,
            Route::Origin => "_origin",
            Route::WellKnown => "well_known",
            Route::None => "none",
        }
    }
}

/// A standard HTTP method; anything else is `_other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Verb(pub(super) &'static str);

impl Verb {
    pub(super) fn of(method: &http::Method) -> Self {
        const STANDARD: [&str; 9] =
            ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
        Self(STANDARD.into_iter().find(|standard| *standard == method.as_str()).unwrap_or("_other"))
    }
}
