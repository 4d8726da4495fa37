//! What a session does, step by step: which tool follows which, what is done about a call that failed, and its last
//! calls (`telemetry.md` §3, "Sessions and use").

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::event::{Direction, Outcome};
use super::label::Label;
use super::lock;
use super::reader::{Budget, Reserved};
use crate::mcp::Method;

/// So many calls of a session are remembered.
const RECENT_MAX: usize = 16;

/// So many failed calls of a session wait at once for what is done about them; what is beyond was abandoned.
const FAILED_MAX: usize = 8;

/// The steps of one session.
#[derive(Debug, Default)]
pub(super) struct Steps(Mutex<Walk>);

#[derive(Debug, Default)]
struct Walk {
    /// The call of a tool that began last: its number, and the tool.
    last: Option<(u64, Label)>,
    /// Calls that failed, of which nobody has tried again yet.
    failed: VecDeque<Failed>,
    recent: VecDeque<Recent>,
    /// For the recent calls.
    share: Option<Reserved>,
    /// The session is over: what fails now is abandoned.
    closed: bool,
}

/// A call that failed.
#[derive(Debug, Clone)]
pub(super) struct Failed {
    /// A hash of the tool's name.
    pub(super) name: u64,
    pub(super) tool: Label,
}

/// Where a call of a tool stands among the steps of its session.
#[derive(Debug, Default)]
pub(super) struct Step {
    /// The tool whose call began before this one.
    pub(super) follows: Option<Label>,
    /// The failure that this call is the answer to.
    pub(super) answers: Option<Failed>,
}

/// A call of a session, in short.
#[derive(Debug, Clone)]
pub struct Recent {
    /// Who asked.
    pub direction: Direction,
    /// What was asked.
    pub method: Method,
    /// The tool; `None` where none was called.
    pub tool: Option<Label>,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began, from the beginning of the session.
    pub began: Duration,
    /// How long it took.
    pub took: Duration,
}

impl Steps {
    /// A call of the tool begins. `name` gives a hash of its name.
    pub(super) fn begin(&self, number: u64, tool: Label, name: impl FnOnce() -> u64) -> Step {
        let mut walk = lock::lock(&self.0);
        let follows = walk.last.replace((number, tool)).map(|(_, tool)| tool);
        if walk.failed.is_empty() {
            return Step { follows, answers: None };
        }
        let name = name();
        let same = walk.failed.iter().position(|failed| failed.name == name);
        let answers = walk.failed.remove(same.unwrap_or(0));
        Step { follows, answers }
    }

    /// A call of the tool ended, perhaps as a failure, and is remembered: a failure of which it is known now that nobody
    /// tried again.
    pub(super) fn end(
        &self,
        (number, tool): (u64, Label),
        failed: Option<Failed>,
        recent: Recent,
        budget: &Arc<Budget>,
    ) -> Option<Failed> {
        let mut walk = lock::lock(&self.0);
        walk.remember(recent, budget);
        if let Some((last, begun)) = &mut walk.last
            && *last == number
            && begun.number() != tool.number()
        {
            // By now its name may have been learned.
            *begun = tool;
        }
        walk.fail(failed?)
    }

    /// A failure whose answer is still open, as is that of a call that asks for input, waits again.
    pub(super) fn put_back(&self, failed: Failed) -> Option<Failed> {
        lock::lock(&self.0).fail(failed)
    }

    /// The session is over: what was never tried again.
    pub(super) fn close(&self) -> VecDeque<Failed> {
        let mut walk = lock::lock(&self.0);
        walk.closed = true;
        std::mem::take(&mut walk.failed)
    }

    /// Remembers a call, as far as there is memory for it.
    pub(super) fn remember(&self, call: Recent, budget: &Arc<Budget>) {
        lock::lock(&self.0).remember(call, budget);
    }

    /// The last calls, the oldest first.
    pub(super) fn recent(&self) -> Vec<Recent> {
        lock::lock(&self.0).recent.iter().cloned().collect()
    }
}

impl Walk {
    fn remember(&mut self, call: Recent, budget: &Arc<Budget>) {
        if self.share.is_none() {
            self.share = budget.take(RECENT_MAX * size_of::<Recent>());
            if self.share.is_none() {
                return;
            }
            self.recent.reserve_exact(RECENT_MAX);
        }
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(call);
    }

    fn fail(&mut self, failed: Failed) -> Option<Failed> {
        if self.closed {
            return Some(failed);
        }
        let oldest = if self.failed.len() == FAILED_MAX { self.failed.pop_front() } else { None };
        self.failed.push_back(failed);
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent(method: Method) -> Recent {
        Recent {
            direction: Direction::ClientToServer,
            method,
            tool: None,
            outcome: Outcome::Ok,
            began: Duration::ZERO,
            took: Duration::ZERO,
        }
    }

    /// Ends a call that failed, of a tool whose name has this hash.
    fn fail(steps: &Steps, number: u64, name: u64) -> Option<Failed> {
        let tool = Label::other();
        let budget = Budget::new(RECENT_MAX * size_of::<Recent>());
        steps.end((number, tool), Some(Failed { name, tool }), recent(Method::ToolsCall), &budget)
    }

    #[test]
    fn a_failure_is_answered_once_by_the_same_tool_before_any_other() {
        let steps = Steps::default();
        assert!(steps.begin(1, Label::other(), || 10).answers.is_none());
        steps.begin(2, Label::other(), || 20);
        assert!(fail(&steps, 1, 10).is_none());
        assert!(fail(&steps, 2, 20).is_none());
        assert_eq!(steps.begin(3, Label::other(), || 20).answers.unwrap().name, 20);
        assert_eq!(steps.begin(4, Label::other(), || 30).answers.unwrap().name, 10);
        assert!(steps.begin(5, Label::other(), || 10).answers.is_none());
        assert!(steps.close().is_empty());
    }

    #[test]
    fn every_failure_gets_its_verdict_however_many_there_are() {
        let steps = Steps::default();
        let told = (0..20).filter_map(|name| fail(&steps, name, name)).count();
        assert_eq!(told, 12);
        assert_eq!(steps.close().len(), 8);
        assert!(fail(&steps, 21, 21).is_some());
    }

    #[test]
    fn the_last_calls_are_remembered_where_there_is_memory() {
        let steps = Steps::default();
        let budget = Budget::new(RECENT_MAX * size_of::<Recent>());
        (0..20).for_each(|_| steps.remember(recent(Method::Ping), &budget));
        steps.remember(recent(Method::ToolsList), &budget);
        assert_eq!(steps.recent().len(), RECENT_MAX);
        assert_eq!(steps.recent().last().map(|call| call.method), Some(Method::ToolsList));
        let poor = Steps::default();
        poor.remember(recent(Method::Ping), &budget);
        assert!(poor.recent().is_empty());
        drop(steps);
        poor.remember(recent(Method::Ping), &budget);
        assert_eq!(poor.recent().len(), 1);
    }
}
