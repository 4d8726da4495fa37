//! When a server is left alone: after too many failures nobody is let through for a while, then one request tries.
//!
//! # Why
//!
//! A server that is down costs each call its whole wait, and its callers theirs; refused at once, they can do something
//! else, and the server can get up. Failures are counted within a time, not in a row and not as a share: so few of them
//! happen to a server that is well that no traffic between them excuses them. What was let through before a change says
//! nothing afterwards, lest a call that hung for long close, or open, what others found out since.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config;
use crate::observe::Observer;

/// The circuit of one server.
pub struct Circuit {
    settings: config::CircuitBreaker,
    state: Mutex<State>,
    server: usize,
    observer: Observer,
}

struct State {
    phase: Phase,
    /// How often it has opened.
    openings: u64,
    /// How many requests have tried so far.
    trials: u64,
    /// Another one stands here by now: what still comes of this one's requests is nobody's business.
    is_retired: bool,
}

enum Phase {
    /// Everyone passes; when the last failures were, fewer than open it.
    Closed(VecDeque<Instant>),
    /// Nobody passes before then; whoever comes first afterwards tries.
    Open { until: Instant },
    /// One request tries, and the next one may from then on: a call can take hours.
    Trying { until: Instant },
}

/// Nobody is let through for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// From now on.
    pub left: Duration,
}

/// A request that was let through. To be told what became of it; dropped before that, it has said nothing.
pub struct Attempt {
    circuit: Arc<Circuit>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// One of many, while the circuit had opened so often.
    Usual { openings: u64 },
    /// The one that tries.
    Trial { number: u64 },
    /// It has said what there is to say.
    Over,
}

impl Circuit {
    /// A closed circuit for the server at position `server` of the configuration.
    pub fn new(settings: config::CircuitBreaker, server: usize, observer: Observer) -> Self {
        let state =
            State { phase: Phase::Closed(VecDeque::new()), openings: 0, trials: 0, is_retired: false };
        Self { settings, state: Mutex::new(state), server, observer }
    }

    /// Whether a request would be let through now.
    pub fn check(&self) -> Result<(), Open> {
        self.lock().check(Instant::now()).map(|_is_trial| ())
    }

    /// Lets a request through, or not.
    pub fn attempt(self: &Arc<Self>) -> Result<Attempt, Open> {
        let now = Instant::now();
        let mut state = self.lock();
        let kind = if state.check(now)? {
            state.trials += 1;
            state.phase = Phase::Trying { until: now + self.settings.open_for };
            Kind::Trial { number: state.trials }
        } else {
            Kind::Usual { openings: state.openings }
        };
        Ok(Attempt { circuit: Arc::clone(self), kind })
    }

    /// A reload puts another one, which is closed, or none in its place.
    pub fn retire(&self) {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Closed(_)) && !state.is_retired {
            self.observer.circuit_closed(self.server);
        }
        state.is_retired = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_failure(&self, openings: u64) {
        let now = Instant::now();
        let mut state = self.lock();
        let is_of_before = state.openings != openings;
        let Phase::Closed(failures) = &mut state.phase else { return };
        if is_of_before {
            return;
        }
        while failures.front().is_some_and(|first| now.duration_since(*first) > self.settings.window) {
            failures.pop_front();
        }
        failures.push_back(now);
        if failures.len() >= self.settings.failures {
            self.open(&mut state, now);
        }
    }

    fn trial_failed(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Trying { .. }) {
            self.open(&mut state, Instant::now());
        }
    }

    fn trial_succeeded(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Trying { .. }) {
            state.phase = Phase::Closed(VecDeque::new());
            if !state.is_retired {
                self.observer.circuit_closed(self.server);
            }
        }
    }

    /// The next one may try at once, unless it does already.
    fn trial_given_up(&self, number: u64) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Trying { .. }) && state.trials == number {
            state.phase = Phase::Open { until: Instant::now() };
        }
    }

    /// Told while the state is held, so that what is told comes in the order in which it happened.
    fn open(&self, state: &mut State, now: Instant) {
        let open_for = self.settings.open_for;
        state.phase = Phase::Open { until: now + open_for };
        state.openings += 1;
        if !state.is_retired {
            self.observer.circuit_opened(self.server, open_for);
        }
    }
}

impl State {
    /// Whether a request that is let through now tries for the others.
    fn check(&self, now: Instant) -> Result<bool, Open> {
        match self.phase {
            Phase::Closed(_) => Ok(false),
            Phase::Open { until } | Phase::Trying { until } if now < until => {
                Err(Open { left: until.duration_since(now) })
            }
            Phase::Open { .. } | Phase::Trying { .. } => Ok(true),
        }
    }
}

impl Attempt {
    /// The server has answered.
    pub fn succeeded(mut self) {
        if let Kind::Trial { .. } = std::mem::replace(&mut self.kind, Kind::Over) {
            self.circuit.trial_succeeded();
        }
    }

    /// The server has not answered, or said that it cannot.
    pub fn failed(mut self) {
        match std::mem::replace(&mut self.kind, Kind::Over) {
            Kind::Usual { openings } => self.circuit.note_failure(openings),
            Kind::Trial { .. } => self.circuit.trial_failed(),
            Kind::Over => {}
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Kind::Trial { number } = self.kind {
            self.circuit.trial_given_up(number);
        }
    }
}
