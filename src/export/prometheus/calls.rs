//! "Calls": the four golden signals, tools, notifications, tasks.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::durations::{operation_labels, request_labels, tool_labels};
use super::server::Server;
use super::{Prometheus, as_f64};
use crate::observe::{Call, Direction, Ending, ErrorType, Event};

impl Prometheus {
    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_call(&self, event: &Event<'_>) {
        match *event {
            Event::CallStarted { call } if call.direction == Direction::ClientToServer => self.started(call),
            Event::CallLeft { call } if call.direction == Direction::ClientToServer => self.left(call),
            Event::CallEnded { call, ending } if call.direction == Direction::ClientToServer => {
                self.ended(call, ending);
            }
            Event::CallEnded { call, ending } => self.server_request_ended(call, ending),
            _ => {}
        }
    }

    fn started(&self, call: &Call) {
        let of = self.server(Some(call.server));
        self.active(of, call, 1.0);
        if let Some(tool) = &call.tool {
            let mut inflight = of.inflight.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || (tool.as_str().to_owned(), BTreeSet::new());
            inflight.entry(tool.number()).or_insert_with(new).1.insert((call.started, call.number));
        }
    }

    fn left(&self, call: &Call) {
        let of = self.server(Some(call.server));
        self.active(of, call, -1.0);
        if let Some(tool) = &call.tool {
            let mut inflight = of.inflight.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, calls)) = inflight.get_mut(&tool.number()) {
                calls.remove(&(call.started, call.number));
            }
        }
    }

    fn ended(&self, call: &Call, ending: &Ending) {
        let of = self.server(Some(call.server));
        let (method, outcome) = (call.method, ending.outcome);
        let method_label = ("method", method.as_str());
        let (status, precise) = (("status", outcome.status().as_str()), ("outcome", outcome.as_str()));
        let transport = ("transport", call.transport.as_str());
        if ending.was_active {
            self.left(call);
        }
        let labels = [method_label, status, precise, transport];
        self.count(&of.requests, (method, outcome, call.transport), "mcp_requests_total", of, &labels);
        if !call.is_stream() {
            let labels = request_labels(call, ending);
            let seconds = ending.took.as_secs_f64();
            let name = "mcp_request_duration_seconds";
            self.record(&of.durations, (method, outcome), name, of, &labels, seconds);
            if self.semconv {
                self.operation_ended(of, call, ending);
            }
        }
        if let Some(error) = ending.error {
            let labels = [method_label, ("error_type", &error.label())];
            self.count(&of.errors, (method, error), "mcp_errors_total", of, &labels);
        }
        if call.tool.is_some() {
            self.tool_ended(of, call, ending);
        }
    }

    /// What `OTel` calls the same fact.
    fn operation_ended(&self, of: &Server, call: &Call, ending: &Ending) {
        let tool = call.tool.as_ref().map(|_| ending.tool.number());
        let key = (call.method, tool, ending.error, call.client.version);
        let make = || {
            let error_type = ending.error.map(ErrorType::label);
            let labels = operation_labels(call, ending, error_type.as_deref());
            self.histograms.handle("mcp_server_operation_duration_seconds", &of.labelled(&labels))
        };
        of.operations.with(key, make, |histogram| histogram.record(ending.took.as_secs_f64()));
    }

    fn tool_ended(&self, of: &Server, call: &Call, ending: &Ending) {
        let (tool, outcome) = (&ending.tool, ending.outcome);
        let tool_label = ("tool_name", tool.as_str());
        let (status, precise) = (("status", outcome.status().as_str()), ("outcome", outcome.as_str()));
        let key = (tool.number(), outcome);
        let labels = [tool_label, status, precise, ("user_tier", "none")];
        self.count(&of.tools, key, "mcp_tool_invocations_total", of, &labels);
        let labels = tool_labels(ending);
        let seconds = ending.took.as_secs_f64();
        self.record(&of.tool_durations, key, "mcp_tool_duration_seconds", of, &labels, seconds);
        if let Some(error) = ending.error {
            let labels = [tool_label, ("error_type", &error.label())];
            self.count(&of.tool_errors, (tool.number(), error), "mcp_tool_errors_total", of, &labels);
        }
        let arguments = (Direction::ClientToServer, call.arguments_bytes);
        for (direction, bytes) in [arguments, (Direction::ServerToClient, ending.result_bytes)] {
            let Some(bytes) = bytes else { continue };
            let widget = if ending.widget { "true" } else { "false" };
            let labels = [tool_label, ("direction", direction.as_str()), ("includes_widget", widget)];
            let key = (tool.number(), direction, ending.widget);
            self.record(&of.payload, key, "mcp_payload_size_bytes", of, &labels, as_f64(bytes));
        }
    }

    fn server_request_ended(&self, call: &Call, ending: &Ending) {
        let of = self.server(Some(call.server));
        let outcome = ending.outcome;
        let labels = request_labels(call, ending);
        let key = (call.method, outcome);
        self.count(&of.asked, key, "mcp_server_requests_total", of, &labels);
        let name = "mcp_server_request_duration_seconds";
        self.record(&of.asked_durations, key, name, of, &labels, ending.took.as_secs_f64());
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_message(&self, event: &Event<'_>) {
        match *event {
            Event::Notification { server, method, direction } => {
                let of = self.server(Some(server));
                let labels = [("method", method.as_str()), ("direction", direction.as_str())];
                self.count(&of.notifications, (method, direction), "mcp_notifications_total", of, &labels);
            }
            Event::TaskStarted { task } => {
                let (of, tool) = (self.server(Some(task.server)), &task.tool);
                let labels = [("tool_name", tool.as_str())];
                self.change(&of.tasks_active, tool.number(), "mcp_tasks_active", of, &labels, 1.0);
            }
            Event::TaskEnded { task, status, lasted, seen_by: _ } => {
                let (of, tool) = (self.server(Some(task.server)), &task.tool);
                let labels = [("tool_name", tool.as_str()), ("status", status.as_str())];
                let key = (tool.number(), status);
                self.change(&of.tasks_active, tool.number(), "mcp_tasks_active", of, &labels[..1], -1.0);
                self.count(&of.tasks, key, "mcp_tasks_total", of, &labels);
                let name = "mcp_task_duration_seconds";
                self.record(&of.task_durations, key, name, of, &labels, lasted.as_secs_f64());
            }
            Event::MessageUnreadable { server, direction, reason } => {
                let of = self.server(Some(server));
                let labels = [("direction", direction.as_str()), ("reason", reason.as_str())];
                self.count(&of.unreadable, (direction, reason), "mcp_messages_unreadable_total", of, &labels);
            }
            Event::HeaderMismatch { server, header } => {
                let of = self.server(Some(server));
                self.count(
                    &of.mismatches,
                    header,
                    "mcp_header_mismatch_total",
                    of,
                    &[("header", header.as_str())],
                );
            }
            _ => {}
        }
    }

    fn active(&self, of: &Server, call: &Call, by: f64) {
        let labels = [("method", call.method.as_str())];
        self.change(&of.active, call.method, "mcp_requests_active", of, &labels, by);
    }
}
