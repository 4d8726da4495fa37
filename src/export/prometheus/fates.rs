//! The series that an ended call stands in, found together.
//!
//! # Why
//! A call is counted in a dozen families. Their handles for calls of one kind that end in one way stand side by side, so
//! that one look-up finds all of them.

use std::sync::OnceLock;

use metrics::Counter;

use super::durations::{operation_labels, request_labels, tool_labels};
use super::histogram::Histogram;
use super::series::{self, Pair};
use super::server::{Server, Verb};
use super::{Prometheus, as_f64};
use crate::mcp::{Method, Version};
use crate::observe::{Call, Direction, Ending, ErrorType, Outcome, Route, Transport};

/// All that tells the series of one ended call of a server from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::export) struct Fate {
    direction: Direction,
    method: Method,
    outcome: Outcome,
    transport: Transport,
    error: Option<ErrorType>,
    /// The number of the tool's label, if it is a call of one.
    tool: Option<u32>,
    version: Option<Version>,
}

impl Fate {
    pub(in crate::export) fn of(call: &Call, ending: &Ending) -> Self {
        Self {
            direction: call.direction,
            method: call.method,
            outcome: ending.outcome,
            transport: call.transport,
            error: ending.error,
            tool: call.tool.as_ref().map(|_| ending.tool.number()),
            version: call.client.version,
        }
    }
}

/// The series of the calls of one fate.
pub(super) struct Ended {
    requests: Counter,
    duration: Option<Histogram>,
    operation: Option<Histogram>,
    error: Option<Counter>,
    tool: Option<OfTool>,
}

/// Those that only calls of tools have.
struct OfTool {
    invocations: Counter,
    duration: Histogram,
    error: Option<Counter>,
    /// Of arguments and of results: without a widget, with one.
    payload: [[OnceLock<Histogram>; 2]; 2],
}

/// The series of HTTP exchanges that are alike.
pub(super) struct Exchanged {
    pub(super) requests: Counter,
    pub(super) duration: OnceLock<Histogram>,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
}

impl Prometheus {
    /// Counts a client's call that ended.
    pub(super) fn call_ended(&self, of: &Server, call: &Call, ending: &Ending) {
        let make = || self.fate(of, call, ending);
        of.ended.with(Fate::of(call, ending), make, |ended| {
            let seconds = ending.took.as_secs_f64();
            ended.requests.increment(1);
            for duration in [&ended.duration, &ended.operation].into_iter().flatten() {
                duration.record(seconds);
            }
            if let Some(error) = &ended.error {
                error.increment(1);
            }
            if let Some(tool) = &ended.tool {
                tool.invocations.increment(1);
                tool.duration.record(seconds);
                if let Some(error) = &tool.error {
                    error.increment(1);
                }
                self.payload(of, tool, call, ending);
            }
        });
    }

    fn payload(&self, of: &Server, tool: &OfTool, call: &Call, ending: &Ending) {
        let arguments = (Direction::ClientToServer, call.arguments_bytes);
        let result = (Direction::ServerToClient, ending.result_bytes);
        for ((direction, bytes), [bare, with_widget]) in [arguments, result].into_iter().zip(&tool.payload) {
            let Some(bytes) = bytes else { continue };
            let histogram = if ending.widget { with_widget } else { bare };
            let make = || {
                let widget = if ending.widget { "true" } else { "false" };
                let labels = [
                    ("tool_name", ending.tool.as_str()),
                    ("direction", direction.as_str()),
                    ("includes_widget", widget),
                ];
                self.histogram("mcp_payload_size_bytes", of, &labels)
            };
            histogram.get_or_init(make).record(as_f64(bytes));
        }
    }

    fn fate(&self, of: &Server, call: &Call, ending: &Ending) -> Ended {
        let outcome = ending.outcome;
        let error = ending.error.map(ErrorType::label);
        let method = ("method", call.method.as_str());
        let (status, precise) = (("status", outcome.status().as_str()), ("outcome", outcome.as_str()));
        let labels = [method, status, precise, ("transport", call.transport.as_str())];
        let operation = || {
            let labels = operation_labels(call, ending, error.as_deref());
            self.histogram("mcp_server_operation_duration_seconds", of, &labels)
        };
        let duration = || self.histogram("mcp_request_duration_seconds", of, &request_labels(call, ending));
        let failed = |error| self.counter("mcp_errors_total", of, &[method, ("error_type", error)]);
        Ended {
            requests: self.counter("mcp_requests_total", of, &labels),
            duration: (!call.is_stream()).then(duration),
            operation: (self.semconv && !call.is_stream()).then(operation),
            error: error.as_deref().map(failed),
            tool: call.tool.as_ref().map(|_| self.fate_of_tool(of, ending, error.as_deref())),
        }
    }

    fn fate_of_tool(&self, of: &Server, ending: &Ending, error: Option<&str>) -> OfTool {
        let outcome = ending.outcome;
        let tool = ("tool_name", ending.tool.as_str());
        let (status, precise) = (("status", outcome.status().as_str()), ("outcome", outcome.as_str()));
        let labels = [tool, status, precise, ("user_tier", "none")];
        let failed = |error| self.counter("mcp_tool_errors_total", of, &[tool, ("error_type", error)]);
        OfTool {
            invocations: self.counter("mcp_tool_invocations_total", of, &labels),
            duration: self.histogram("mcp_tool_duration_seconds", of, &tool_labels(ending)),
            error: error.map(failed),
            payload: Default::default(),
        }
    }

    /// The series of HTTP exchanges of this kind; `status` is the label's value.
    pub(super) fn exchanged(&self, of: &Server, verb: Verb, route: Route, status: &str) -> Exchanged {
        let labels = exchange_labels(of, verb, route, status);
        let [method, route, _] = labels;
        Exchanged {
            requests: self.counter("mcp_http_requests_total", of, &labels),
            duration: OnceLock::new(),
            request_size: self.histogram("mcp_http_request_size_bytes", of, &[method, route]),
            response_size: self.histogram("mcp_http_response_size_bytes", of, &[method, route]),
        }
    }

    /// The handle of a server's counter.
    fn counter(&self, name: &'static str, of: &Server, labels: &[Pair<'_>]) -> Counter {
        series::counter(&self.recorder, name, &of.labelled(labels))
    }

    /// The handle of a server's histogram.
    pub(super) fn histogram(&self, name: &'static str, of: &Server, labels: &[Pair<'_>]) -> Histogram {
        self.histograms.handle(name, &of.labelled(labels))
    }
}

/// Of `mcp_http_requests_total` and `mcp_http_request_duration_seconds`, beside `server`.
pub(super) fn exchange_labels<'a>(
    of: &'a Server,
    verb: Verb,
    route: Route,
    status: &'a str,
) -> [Pair<'a>; 3] {
    [("method", verb.as_str()), ("route", of.route(route)), ("status_code", status)]
}
