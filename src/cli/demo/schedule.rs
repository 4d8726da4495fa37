//! Who the simulated users are and what each does next: decided by fixed seeds, so that two runs differ in timing alone.

use std::time::Duration;

use rmcp::model::ProtocolVersion;

use super::tally::Era;

/// A program that somebody runs an MCP client in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Persona {
    /// `clientInfo.name`.
    pub(super) name: &'static str,
    /// `clientInfo.version`.
    pub(super) version: &'static str,
    /// How it speaks.
    pub(super) era: Era,
    /// What it does first, always: between them the users of an era show every feature, however short the run.
    opening: &'static [Step],
    protocol: Protocol,
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    June2025,
    November2025,
    July2026,
}

impl Persona {
    /// The protocol version it asks for.
    pub(super) fn protocol_version(&self) -> ProtocolVersion {
        match self.protocol {
            Protocol::June2025 => ProtocolVersion::V_2025_06_18,
            Protocol::November2025 => ProtocolVersion::V_2025_11_25,
            Protocol::July2026 => ProtocolVersion::V_2026_07_28,
        }
    }
}

/// One thing that a user does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A quick call.
    Echo,
    /// A quick call with a structured answer.
    Add,
    /// A call of 300 to 900 ms.
    SlowReport,
    /// A call to a tool that mostly reports a failure.
    Flaky,
    /// A call to a tool that does not exist.
    UnknownTool,
    /// A call that tells its progress.
    ImportRows,
    /// A call that asks the user back.
    BookTable,
    /// A long call that the user gives up on.
    CancelReport,
    /// `resources/read`.
    ReadMenu,
    /// `prompts/get`.
    AskPrompt,
}

const OPENINGS: [&[Step]; 3] = [
    &[Step::Echo, Step::BookTable, Step::Flaky],
    &[Step::CancelReport, Step::ReadMenu],
    &[Step::ImportRows, Step::UnknownTool, Step::SlowReport, Step::AskPrompt, Step::Add],
];

/// The users, all at work at the same time.
pub(super) const PERSONAS: [Persona; 6] = [
    persona("claude-code", "2.4.1", OPENINGS[0], Protocol::November2025),
    persona("Visual Studio Code", "1.128.0", OPENINGS[1], Protocol::November2025),
    persona("cursor-vscode", "3.2.0", OPENINGS[2], Protocol::June2025),
    persona("ChatGPT", "1.0.0", OPENINGS[0], Protocol::July2026),
    persona("codex-mcp-client", "0.61.0", OPENINGS[1], Protocol::July2026),
    persona("gemini-cli-mcp-client", "1.9.2", OPENINGS[2], Protocol::July2026),
];

/// How often each step comes up in forty; a shuffled deck is dealt to its end before the next one.
const DECK: [(Step, usize); 10] = [
    (Step::Echo, 14),
    (Step::Add, 12),
    (Step::SlowReport, 2),
    (Step::Flaky, 3),
    (Step::UnknownTool, 1),
    (Step::ImportRows, 3),
    (Step::BookTable, 2),
    (Step::CancelReport, 1),
    (Step::ReadMenu, 1),
    (Step::AskPrompt, 1),
];

const fn persona(
    name: &'static str,
    version: &'static str,
    opening: &'static [Step],
    protocol: Protocol,
) -> Persona {
    let era = if matches!(protocol, Protocol::July2026) { Era::Modern } else { Era::Legacy };
    Persona { name, version, era, opening, protocol }
}

/// One user's plan.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    opening: std::slice::Iter<'static, Step>,
    deck: Vec<Step>,
}

impl Schedule {
    /// The plan of the user at this place in [`PERSONAS`]: always the same.
    pub(super) fn new(persona: &Persona, user: usize) -> Self {
        let seed = 0x5167_4874_6c61_7373 ^ (user as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { random: Random(seed), opening: persona.opening.iter(), deck: Vec::new() }
    }

    /// Whether the opening is still being played; a run does not end before.
    pub(super) fn is_opening(&self) -> bool {
        self.opening.len() > 0
    }

    /// What to do next.
    pub(super) fn next_step(&mut self) -> Step {
        if let Some(step) = self.opening.next() {
            return *step;
        }
        if self.deck.is_empty() {
            self.deck = self.shuffled();
        }
        self.deck.pop().unwrap_or(Step::Echo)
    }

    /// How long the user thinks before the next step.
    pub(super) fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.between(30, 190))
    }

    /// How long the user stays away between two sessions.
    pub(super) fn absence(&mut self) -> Duration {
        Duration::from_millis(self.random.between(150, 500))
    }

    /// How many steps a session has.
    pub(super) fn session_steps(&mut self) -> u64 {
        self.random.between(12, 36)
    }

    /// A whole number for an argument, `low..=high`.
    pub(super) fn number(&mut self, low: u64, high: u64) -> u64 {
        self.random.between(low, high)
    }

    fn shuffled(&mut self) -> Vec<Step> {
        let mut deck: Vec<Step> =
            DECK.iter().flat_map(|(step, count)| std::iter::repeat_n(*step, *count)).collect();
        for last in (1..deck.len()).rev() {
            let other = self.random.between(0, last as u64);
            deck.swap(last, usize::try_from(other).unwrap_or(last));
        }
        deck
    }
}

/// xorshift64*: enough for a plan, nothing to depend on.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        low + (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % (high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn two_plans_of_one_user_are_the_same_and_of_two_users_differ() {
        let plan = |user: usize| {
            let mut schedule = Schedule::new(&PERSONAS[user], user);
            (0..200).map(|_| (schedule.next_step(), schedule.pause())).collect::<Vec<_>>()
        };
        assert_eq!(plan(0), plan(0));
        assert_ne!(plan(0), plan(3));
    }

    #[test]
    fn the_openings_of_an_era_show_every_step() {
        for era in [Era::Legacy, Era::Modern] {
            let shown: HashSet<Step> = PERSONAS
                .iter()
                .filter(|persona| persona.era == era)
                .flat_map(|persona| persona.opening.iter().copied())
                .collect();
            assert_eq!(shown.len(), DECK.len(), "{era:?}");
        }
    }

    #[test]
    fn after_the_opening_a_deck_is_dealt_whole() {
        let mut schedule = Schedule::new(&PERSONAS[1], 1);
        while schedule.is_opening() {
            schedule.next_step();
        }
        let mut dealt = HashMap::new();
        for _ in 0..40 {
            *dealt.entry(schedule.next_step()).or_insert(0) += 1;
        }
        assert_eq!(dealt, HashMap::from(DECK));
    }

    #[test]
    fn numbers_stay_within_their_bounds_and_reach_them() {
        let mut random = Random(7);
        let seen: HashSet<u64> = (0..500).map(|_| random.between(3, 6)).collect();
        assert_eq!(seen, HashSet::from([3, 4, 5, 6]));
    }
}
