//! The series of one server.

use std::sync::OnceLock;
use std::sync::atomic::AtomicI64;

use metrics::{Counter, Gauge};

use super::fates::{Ended, Exchanged, Fate};
use super::health::Wellness;
use super::histogram::Histogram;
use super::inflight::Inflight;
use super::series::{ByMethod, Pair, Series};
use crate::config;
use crate::mcp::{CacheResult, Era, Method, Unreadable, Version};
use crate::observe::{
    Change, Credentials, Direction, LeftBecause, MirroredHeader, Outcome, Recovery, Refusal, Rewritten,
    Route, SessionEnd, Status, StreamEnd, StreamItem, StreamKind, TaskStatus, Transport,
};

/// The series of one server, and the names that its labels need. Tools and clients are keyed by their label's number.
#[derive(Default)]
pub(super) struct Server {
    pub(super) name: String,
    route: String,
    pub(super) ended: Series<Fate, Ended>,
    pub(super) active: ByMethod<Gauge>,
    pub(super) inflight: Inflight,
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
    pub(super) exchanges: Series<(Verb, Route, u16, Option<Credentials>), Exchanged>,
    pub(super) connects: Series<(), Histogram>,
    pub(super) first_bytes: OnceLock<Histogram>,
    pub(super) sessions: Series<(), Gauge>,
    /// Sessions and event streams open now: what the gauges say, to be read.
    pub(super) open_sessions: AtomicI64,
    pub(super) open_streams: AtomicI64,
    pub(super) sessions_total: Series<(u32, Option<Version>), Counter>,
    pub(super) session_durations: Series<SessionEnd, Histogram>,
    pub(super) semconv_sessions: Series<Option<Version>, Histogram>,
    /// By tier.
    pub(super) session_calls: Series<u32, Histogram>,
    pub(super) compositions: Series<(u32, u32), Counter>,
    pub(super) recoveries: Series<(u32, Recovery, bool), Counter>,
    pub(super) timings: Series<(u32, u32), Histogram>,
    pub(super) caches: Series<(u32, CacheResult), Counter>,
    pub(super) counted: Series<(u32, &'static str), Histogram>,
    pub(super) changes: Series<Change, Counter>,
    pub(super) widget_reads: Series<Status, Histogram>,
    pub(super) clients: Series<(u32, Option<Version>, Era), Counter>,
    pub(super) overhead: OnceLock<Histogram>,
    pub(super) refused: Series<Refusal, Counter>,
    pub(super) left: Series<(Rewritten, LeftBecause), Counter>,
    pub(super) circuit: OnceLock<Gauge>,
    pub(super) bulkhead: OnceLock<Gauge>,
    pub(super) wellness: Wellness,
}

impl Server {
    pub(super) fn of(server: &config::Server) -> Self {
        let route = server.path.clone().unwrap_or_else(|| "/".to_owned());
        Self { name: server.name.clone(), route, ..Self::default() }
    }

    /// What belongs to no server.
    pub(super) fn nobody() -> Self {
        Self { name: "none".to_owned(), route: "none".to_owned(), ..Self::default() }
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

/// A standard HTTP method, by its position; anything else is the one behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Verb(usize);

const STANDARD: [&str; 9] = ["POST", "GET", "DELETE", "HEAD", "PUT", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

impl Verb {
    pub(super) fn of(method: &http::Method) -> Self {
        let standard = STANDARD.iter().position(|standard| *standard == method.as_str());
        Self(standard.unwrap_or(STANDARD.len()))
    }

    /// The label value.
    pub(super) fn as_str(self) -> &'static str {
        STANDARD.get(self.0).copied().unwrap_or("_other")
    }
}
