//! Tasks of both designs: from the call that created one to the first terminal state seen (`protocol.md` §8).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::call::Call;
use super::event::{Event, Outcome, TaskStatus};
use super::inner::{Inner, Key};
use super::label::Label;
use super::session::Session;
use crate::mcp::trace::Context;
use crate::mcp::{Message, Method, Text};

/// A task that was created and not yet seen to end.
#[derive(Debug)]
pub struct Task {
    /// Position in `Config::servers`.
    pub server: usize,
    /// The label of the tool whose call became it.
    pub tool: Label,
    /// The tool's name; `None` where another method made it.
    pub name: Option<Text>,
    /// What lines and spans call it: a keyed hash of its id, which acts as a secret.
    pub id: String,
    /// When the call that became it began.
    pub started: Instant,
    /// The SERVER span of that call.
    pub origin: Option<Context>,
    /// The session of that call.
    pub session: Option<Arc<Session>>,
    ended: AtomicBool,
}

impl Inner {
    /// What an answer says of tasks.
    pub(super) fn task_answer(&self, call: &Call, outcome: Outcome, answer: &Message, now: Instant) {
        let result = answer.result.as_ref();
        if outcome == Outcome::Task {
            if let Some(id) = result.and_then(|result| result.task_id.as_ref()) {
                self.start_task(call, id, now);
            }
            return;
        }
        let Some(id) = &call.task else { return };
        let said = result.and_then(|result| result.status.as_ref()).and_then(terminal);
        // 2025-11-25: tasks/result answers with the original result or error, once the task is over.
        let status = if call.method != Method::TasksResult {
            said
        } else if outcome == Outcome::JsonrpcError {
            Some(TaskStatus::Failed)
        } else {
            result.map(|result| if result.is_error { TaskStatus::Failed } else { TaskStatus::Completed })
        };
        match status {
            Some(status) => {
                let seen_by = call.trace().map(crate::mcp::trace::Trace::server);
                self.end_task(task_key(call.server, id), status, seen_by, now);
            }
            // Somebody asks about it: it is not forgotten.
            None => drop(self.tasks.get(&task_key(call.server, id), now)),
        }
    }

    /// What a notification says of tasks.
    pub(super) fn task_notification(&self, server: usize, message: &Message, now: Instant) {
        if !matches!(message.known_method(), Method::NotificationsTasks | Method::NotificationsTasksStatus) {
            return;
        }
        let status = message.params.status.as_ref().and_then(terminal);
        if let (Some(id), Some(status)) = (&message.params.task_id, status) {
            self.end_task(task_key(server, id), status, None, now);
        }
    }

    pub(super) fn forget_task(&self, task: &Arc<Task>, now: Instant) {
        self.tell_task_end(task, TaskStatus::Unknown, None, now);
    }

    fn start_task(&self, call: &Call, id: &Text, now: Instant) {
        let tool = call.tool_name().map_or_else(Label::none, |name| self.learn_tool(call.server, name));
        let task = Arc::new(Task {
            server: call.server,
            tool,
            name: call.tool_name().cloned(),
            id: self.hashes.hash(id.as_str().as_bytes()),
            started: call.started,
            origin: call.trace().map(crate::mcp::trace::Trace::server),
            session: call.session.clone(),
            ended: AtomicBool::new(false),
        });
        self.tell(&Event::TaskStarted { task: &task });
        if let Some(evicted) = self.tasks.insert(task_key(call.server, id), task, now) {
            self.forget_task(&evicted, now);
        }
    }

    fn end_task(&self, key: Key, status: TaskStatus, seen_by: Option<Context>, now: Instant) {
        if let Some(task) = self.tasks.remove(&key) {
            self.tell_task_end(&task, status, seen_by, now);
        }
    }

    fn tell_task_end(&self, task: &Arc<Task>, status: TaskStatus, seen_by: Option<Context>, now: Instant) {
        if !task.ended.swap(true, Ordering::AcqRel) {
            let lasted = now.duration_since(task.started);
            self.tell(&Event::TaskEnded { task, status, lasted, seen_by });
        }
    }
}

fn task_key(server: usize, id: &Text) -> Key {
    (server, id.hash())
}

fn terminal(status: &Text) -> Option<TaskStatus> {
    match status.as_str() {
        "completed" => Some(TaskStatus::Completed),
        "failed" => Some(TaskStatus::Failed),
        "cancelled" => Some(TaskStatus::Cancelled),
        _ => None,
    }
}
