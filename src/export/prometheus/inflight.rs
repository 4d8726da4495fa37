//! The unanswered calls of each tool, to tell since when the oldest waits.
//!
//! # Why
//! Calls begin nearly in the order of their clocks, so that a queue is a sorted list that needs no sorting. One that is
//! answered out of turn is only marked, and goes when all before it went, or when most are marked: an addition and a
//! removal cost the same however many wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::observe::Label;

/// Room for so many calls of a tool stays when all are answered.
const ROOM_KEPT: usize = 256;

/// By the number of the tool's label.
#[derive(Default)]
pub(super) struct Inflight {
    tools: Mutex<HashMap<u32, Waiting, foldhash::fast::RandomState>>,
}

/// The calls of one tool.
#[derive(Default)]
struct Waiting {
    tool: &'static str,
    /// By their beginnings, then their numbers; neither the first nor the last is answered.
    calls: VecDeque<Open>,
    /// How many of them are answered.
    answered: usize,
}

struct Open {
    began: (Instant, u64),
    is_answered: bool,
}

impl Inflight {
    /// A call of `tool` began: when, and its number.
    pub(super) fn add(&self, tool: Label, began: (Instant, u64)) {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Waiting { tool: tool.as_str(), ..Waiting::default() };
        tools.entry(tool.number()).or_insert_with(new).add(began);
    }

    /// It is answered, or nobody waits for it any more.
    pub(super) fn remove(&self, tool: Label, began: (Instant, u64)) {
        let mut tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiting) = tools.get_mut(&tool.number()) {
            waiting.remove(began);
        }
    }

    /// Of each tool that was ever called, when its oldest unanswered call began. Calls wait for the copy alone.
    pub(super) fn oldest(&self) -> Vec<(&'static str, Option<Instant>)> {
        let tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        tools.values().map(|waiting| (waiting.tool, waiting.oldest())).collect()
    }
}

impl Waiting {
    fn add(&mut self, began: (Instant, u64)) {
        let open = Open { began, is_answered: false };
        if self.calls.back().is_none_or(|last| last.began < began) {
            self.calls.push_back(open);
        } else {
            let at = self.calls.partition_point(|other| other.began < began);
            self.calls.insert(at, open);
        }
    }

    fn remove(&mut self, began: (Instant, u64)) {
        let Ok(at) = self.calls.binary_search_by(|other| other.began.cmp(&began)) else { return };
        if let Some(call) = self.calls.get_mut(at).filter(|call| !call.is_answered) {
            call.is_answered = true;
            self.answered += 1;
        }
        while self.calls.front().is_some_and(|call| call.is_answered) {
            self.calls.pop_front();
            self.answered -= 1;
        }
        while self.calls.back().is_some_and(|call| call.is_answered) {
            self.calls.pop_back();
            self.answered -= 1;
        }
        if self.answered > self.calls.len() / 2 {
            self.calls.retain(|call| !call.is_answered);
            self.answered = 0;
        }
        if self.calls.is_empty() && self.calls.capacity() > ROOM_KEPT {
            self.calls.shrink_to(ROOM_KEPT);
        }
    }

    fn oldest(&self) -> Option<Instant> {
        self.calls.front().map(|call| call.began.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_is_known_whatever_the_order_they_begin_and_end_in() {
        let start = Instant::now();
        let (mut waiting, mut same) = (Waiting::default(), BTreeSet::new());
        let mut random = fastrand::Rng::with_seed(7);
        for number in 0..20_000 {
            let began = (start + Duration::from_nanos(number / 3 * 10 + random.u64(..20)), number);
            waiting.add(began);
            same.insert(began);
            // More and more wait, then fewer.
            while same.len() > usize::try_from(number.min(20_000 - number) / 20).unwrap() {
                let Some(ended) = same.iter().nth(random.usize(..same.len().min(50))).copied() else { break };
                waiting.remove(ended);
                waiting.remove(ended);
                same.remove(&ended);
            }
            assert_eq!(waiting.oldest(), same.first().map(|(began, _)| *began));
            assert_eq!(waiting.calls.len() - waiting.answered, same.len());
            assert!(waiting.calls.len() <= 2 * same.len().max(1));
        }
        assert!(waiting.calls.capacity() <= 4 * ROOM_KEPT);
    }
}
