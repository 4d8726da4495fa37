//! What the simulated users themselves counted: the truth that the proxy's page is held against.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Durations kept for each tool, the newest; a demo may run for days.
const DURATIONS_MAX: usize = 4096;
/// Failures told in words; the rest is only counted.
const FAILURES_MAX: usize = 5;

/// Which generation of the protocol a user speaks (`protocol.md` §1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Era {
    /// `initialize`, sessions, server requests.
    Legacy,
    /// 2026-07-28: no sessions, `input_required` results.
    Modern,
}

/// How a call ended, in the words of the telemetry contract (`telemetry.md` §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// A result.
    Ok,
    /// A result that says `isError`.
    ToolError,
    /// A JSON-RPC error.
    JsonrpcError,
    /// The user gave up.
    Cancelled,
    /// An interim result that asks the user back.
    InputRequired,
}

impl Outcome {
    /// The value of the label `outcome`.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::JsonrpcError => "jsonrpc_error",
            Self::Cancelled => "cancelled",
            Self::InputRequired => "input_required",
        }
    }

    /// Whether error counters count it.
    pub(super) fn is_error(self) -> bool {
        matches!(self, Self::ToolError | Self::JsonrpcError)
    }
}

/// Something that every self-check must have seen, in both eras unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Feature {
    QuickCall,
    SlowCall,
    FailingTool,
    UnknownTool,
    Progress,
    Elicitation,
    CancelledCall,
    Resource,
    Prompt,
    /// Legacy alone: the other era has no sessions.
    SessionDeleted,
}

impl Feature {
    const ALL: [(Self, &'static str); 10] = [
        (Self::QuickCall, "a quick call"),
        (Self::SlowCall, "a slow call"),
        (Self::FailingTool, "a tool that reports failure"),
        (Self::UnknownTool, "a call to an unknown tool"),
        (Self::Progress, "a progress notification"),
        (Self::Elicitation, "an elicitation"),
        (Self::CancelledCall, "a cancelled call"),
        (Self::Resource, "a resource"),
        (Self::Prompt, "a prompt"),
        (Self::SessionDeleted, "a session ended by DELETE"),
    ];
}

/// Shared by all users; every method is short and none waits.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

/// A copy of what was counted up to a moment.
#[derive(Debug, Default, Clone)]
pub(super) struct Counts {
    /// Calls by tool (as the proxy labels it) and outcome.
    pub(super) calls: BTreeMap<(&'static str, Outcome), u64>,
    /// How often something happened that nobody expected.
    pub(super) failures_total: u64,
    failures: Vec<String>,
    durations: BTreeMap<&'static str, VecDeque<Duration>>,
    features: BTreeSet<(Era, Feature)>,
}

impl Tally {
    /// A `tools/call` ended after `elapsed`; a cancelled one is counted, not timed.
    pub(super) fn call(&self, tool: &'static str, outcome: Outcome, elapsed: Duration) {
        let mut counts = self.lock();
        *counts.calls.entry((tool, outcome)).or_default() += 1;
        if outcome == Outcome::Cancelled {
            return;
        }
        let durations = counts.durations.entry(tool).or_default();
        if durations.len() == DURATIONS_MAX {
            durations.pop_front();
        }
        durations.push_back(elapsed);
    }

    /// A feature was seen to work.
    pub(super) fn feature(&self, era: Era, feature: Feature) {
        self.lock().features.insert((era, feature));
    }

    /// Something went wrong that was not meant to.
    pub(super) fn failure(&self, what: String) {
        let mut counts = self.lock();
        counts.failures_total += 1;
        if counts.failures.len() < FAILURES_MAX {
            counts.failures.push(what);
        }
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// All calls.
    pub(super) fn total(&self) -> u64 {
        self.calls.values().sum()
    }

    /// All calls that ended in an error.
    pub(super) fn errors(&self) -> u64 {
        self.calls.iter().filter(|((_, outcome), _)| outcome.is_error()).map(|(_, count)| count).sum()
    }

    /// The duration that `percent` of a tool's calls did not exceed, exactly (nearest rank); `None` without any.
    pub(super) fn quantile(&self, tool: &str, percent: u8) -> Option<Duration> {
        let mut durations: Vec<Duration> = self.durations.get(tool)?.iter().copied().collect();
        durations.sort_unstable();
        let rank = (durations.len() * usize::from(percent)).div_ceil(100).max(1);
        durations.get(rank - 1).copied()
    }

    /// What nobody expected: the first few in words, the rest as a number.
    pub(super) fn failures_told(&self) -> Vec<String> {
        let mut told = self.failures.clone();
        let untold = self.failures_total.saturating_sub(told.len() as u64);
        if untold > 0 {
            told.push(format!("{untold} more unexpected failures"));
        }
        told
    }

    /// What a self-check should have seen and did not, in words.
    pub(super) fn missing_features(&self) -> Vec<String> {
        let eras = [(Era::Legacy, "with sessions"), (Era::Modern, "2026-07-28")];
        eras.iter()
            .flat_map(|era| Feature::ALL.iter().map(move |feature| (era, feature)))
            .filter(|((era, _), (feature, _))| !(*era == Era::Modern && *feature == Feature::SessionDeleted))
            .filter(|((era, _), (feature, _))| !self.features.contains(&(*era, *feature)))
            .map(|((_, era), (_, feature))| format!("{feature} ({era})"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_nearest_rank() {
        let tally = Tally::default();
        for milliseconds in (1..=20).rev() {
            tally.call("echo", Outcome::Ok, Duration::from_millis(milliseconds));
        }
        let counts = tally.counts();
        assert_eq!(counts.quantile("echo", 50), Some(Duration::from_millis(10)));
        assert_eq!(counts.quantile("echo", 95), Some(Duration::from_millis(19)));
        assert_eq!(counts.quantile("add", 50), None);
    }

    #[test]
    fn a_cancelled_call_counts_and_has_no_duration() {
        let tally = Tally::default();
        tally.call("slow_report", Outcome::Cancelled, Duration::from_secs(1));
        tally.call("flaky", Outcome::ToolError, Duration::from_secs(1));
        let counts = tally.counts();
        assert_eq!((counts.total(), counts.errors()), (2, 1));
        assert_eq!(counts.quantile("slow_report", 50), None);
    }

    #[test]
    fn durations_and_failures_are_bounded() {
        let tally = Tally::default();
        for index in 0..DURATIONS_MAX as u64 + 10 {
            tally.call("echo", Outcome::Ok, Duration::from_micros(index));
            tally.failure(format!("failure {index}"));
        }
        let counts = tally.counts();
        assert_eq!(counts.durations["echo"].len(), DURATIONS_MAX);
        assert_eq!(counts.quantile("echo", 0), Some(Duration::from_micros(10)));
        assert_eq!(counts.failures_total, DURATIONS_MAX as u64 + 10);
        assert_eq!(counts.failures_told().len(), FAILURES_MAX + 1);
        assert_eq!(counts.failures_told().last().unwrap(), "4101 more unexpected failures");
    }

    #[test]
    fn sessions_are_asked_of_the_older_era_alone() {
        let tally = Tally::default();
        for (feature, _) in Feature::ALL {
            tally.feature(Era::Modern, feature);
        }
        assert_eq!(tally.counts().missing_features().len(), 10);
        for (feature, _) in Feature::ALL.iter().filter(|(feature, _)| *feature != Feature::SessionDeleted) {
            tally.feature(Era::Legacy, *feature);
        }
        assert_eq!(tally.counts().missing_features(), ["a session ended by DELETE (with sessions)"]);
    }
}
