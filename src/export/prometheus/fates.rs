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
use super::sums::Sum;
use super::{Prometheus, as_f64};
use crate::mcp::{Method, Version, Widget};
use crate::observe::{Call, Credentials, Direction, Ending, ErrorType, Label, Outcome, Route, Transport};

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
    /// The number of the caller's tier, if it is told.
    tier: u32,
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
            tier: call.tier().map_or(0, Label::number),
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
    /// Of arguments and of results.
    tokens: [OnceLock<Histogram>; 2],
    cost: OnceLock<Sum>,
    /// Widgets shown, by each convention.
    renders: [OnceLock<Counter>; 2],
}

/// The series of HTTP exchanges that are alike.
pub(super) struct Exchanged {
    pub(super) requests: Counter,
    /// Where credentials were judged.
    pub(super) attempts: Vec<Counter>,
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
                self.use_of(of, tool, ending);
            }
        });
        self.widget_read(of, call, ending);
    }

    /// What a call took of a model's context and of somebody's money, and whether it shows a widget.
    fn use_of(&self, of: &Server, tool: &OfTool, ending: &Ending) {
        let name = ending.tool.as_str();
        if let Some(tokens) = ending.tokens {
            let [input, output] = &tool.tokens;
            for (many, histogram, kind) in [(tokens.input, input, "input"), (tokens.output, output, "output")]
            {
                let Some(many) = many else { continue };
                let labels = || [("tool_name", name), ("token_type", kind)];
                let make = || self.histogram("mcp_token_usage", of, &labels());
                histogram.get_or_init(make).record(as_f64(many));
            }
        }
        if let Some(cost) = ending.cost {
            tool.cost.get_or_init(|| self.cost(of, name)).add_nano(cost);
        }
        if let (Some(widget), Outcome::Ok) = (ending.widget, ending.outcome) {
            let [app, openai] = &tool.renders;
            let (counter, kind) = match widget {
                Widget::McpApp => (app, "mcp_app"),
                Widget::OpenAi => (openai, "openai"),
            };
            let labels = || [("tool_name", name), ("widget_type", kind)];
            let make = || self.counter("mcp_widget_renders_total", of, &labels());
            counter.get_or_init(make).increment(1);
        }
    }

    fn payload(&self, of: &Server, tool: &OfTool, call: &Call, ending: &Ending) {
        let arguments = (Direction::ClientToServer, call.arguments_bytes);
        let result = (Direction::ServerToClient, ending.result_bytes);
        for ((direction, bytes), [bare, with_widget]) in [arguments, result].into_iter().zip(&tool.payload) {
            let Some(bytes) = bytes else { continue };
            let histogram = if ending.widget.is_some() { with_widget } else { bare };
            let make = || {
                let widget = if ending.widget.is_some() { "true" } else { "false" };
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
            tool: call.tool.as_ref().map(|_| self.fate_of_tool(of, call, ending, error.as_deref())),
        }
    }

    fn fate_of_tool(&self, of: &Server, call: &Call, ending: &Ending, error: Option<&str>) -> OfTool {
        let outcome = ending.outcome;
        let tool = ("tool_name", ending.tool.as_str());
        let (status, precise) = (("status", outcome.status().as_str()), ("outcome", outcome.as_str()));
        let tier = ("user_tier", call.tier().map_or("none", Label::as_str));
        let labels = [tool, status, precise, tier];
        let failed = |error| self.counter("mcp_tool_errors_total", of, &[tool, ("error_type", error)]);
        OfTool {
            invocations: self.counter("mcp_tool_invocations_total", of, &labels),
            duration: self.histogram("mcp_tool_duration_seconds", of, &tool_labels(ending)),
            error: error.map(failed),
            payload: Default::default(),
            tokens: Default::default(),
            cost: OnceLock::new(),
            renders: Default::default(),
        }
    }

    /// The series of HTTP exchanges of this kind; `status` is the label's value.
    pub(super) fn exchanged(
        &self,
        of: &Server,
        verb: Verb,
        route: Route,
        status: &str,
        credentials: Option<Credentials>,
    ) -> Exchanged {
        let labels = exchange_labels(of, verb, route, status);
        let [method, route, _] = labels;
        Exchanged {
            requests: self.counter("mcp_http_requests_total", of, &labels),
            attempts: credentials
                .map(|credentials| self.attempts(of, credentials.scheme, credentials.refused))
                .unwrap_or_default(),
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
