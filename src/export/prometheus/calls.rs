//! "Calls": the four golden signals, tools, notifications, tasks.

use super::durations::request_labels;
use super::server::Server;
use super::{Prometheus, series};
use crate::observe::{Call, Direction, Ending, Event};

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
            of.inflight.add(*tool, (call.started, call.number));
        }
    }

    fn left(&self, call: &Call) {
        let of = self.server(Some(call.server));
        self.active(of, call, -1.0);
        if let Some(tool) = &call.tool {
            of.inflight.remove(*tool, (call.started, call.number));
        }
    }

    fn ended(&self, call: &Call, ending: &Ending) {
        if ending.was_active {
            self.left(call);
        }
        self.call_ended(self.server(Some(call.server)), call, ending);
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
        let make = || series::gauge(&self.recorder, "mcp_requests_active", &of.labelled(&labels));
        of.active.of(call.method, make).increment(by);
    }
}
