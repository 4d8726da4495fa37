//! The matrix: every scenario at every concurrency, round by round, each round through all targets.

use std::thread;
use std::time::{Duration, Instant};

use super::load::{self, Pace, Tally, Window};
use super::options::Plan;
use super::process::Process;
use super::samples::{Cell, Mode, Sample, Samples};
use super::scenario::{SCENARIOS, Scenario};
use super::statistics::quantile;
use super::targets::{DIRECT, Definition, NGINX, Target};

const WARM_UP: Duration = Duration::from_millis(200);
/// At a fixed rate, what goes before needs longer to calm down.
const WARM_UP_AT_A_RATE: Duration = Duration::from_millis(400);
/// The cell whose saturation by nginx sets the fixed rate.
const RATED: Cell = Cell { scenario: "json-300", concurrency: 32, mode: Mode::Saturation };

/// Something that must not happen: the run has failed.
pub(crate) struct Trouble {
    pub(crate) target: &'static str,
    pub(crate) cell: Cell,
    pub(crate) text: String,
}

#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) samples: Samples,
    /// In the order in which they were measured.
    pub(crate) cells: Vec<Cell>,
    pub(crate) troubles: Vec<Trouble>,
}

/// The targets that run, each with its definition.
pub(crate) type Running<'a> = [(&'a Definition, Target)];

pub(crate) fn matrix(plan: &Plan, targets: &Running<'_>) -> Measured {
    let mut measured = Measured::default();
    for (scenario, at) in &plan.scenarios {
        for concurrency in at {
            let cell = Cell { scenario: scenario.name, concurrency: *concurrency, mode: Mode::Saturation };
            measured.rounds(plan, scenario, cell, targets);
        }
    }
    if let Some(per_second) = half_of_nginx(&measured.samples)
        && let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == RATED.scenario)
    {
        measured.rounds(plan, scenario, Cell { mode: Mode::Rate(per_second), ..RATED }, targets);
    }
    measured
}

/// Half of what nginx carries; where it is left out, a fifth of what the server does, which is about the same.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands a second")]
fn half_of_nginx(samples: &Samples) -> Option<u32> {
    let of = |target| samples.spread(RATED, target, Sample::per_second).map(|spread| spread.median);
    of(NGINX).map(|nginx| nginx / 2.0).or_else(|| Some(of(DIRECT)? / 5.0)).map(|rate| rate as u32)
}

impl Measured {
    fn rounds(&mut self, plan: &Plan, scenario: &'static Scenario, cell: Cell, targets: &Running<'_>) {
        eprintln!("{} at {} ({:?})", cell.scenario, cell.concurrency, cell.mode);
        self.cells.push(cell);
        let measuring: Vec<&Target> =
            targets.iter().filter(|row| row.0.measures(scenario)).map(|row| &row.1).collect();
        for round in 0..plan.rounds {
            // Each round begins with another target, so that none always follows the same one.
            let order = measuring.iter().cycle().skip(round).take(measuring.len());
            for target in order {
                let sample = self.sample(plan, scenario, cell, round, target);
                self.samples.0.push(sample);
            }
        }
    }

    fn sample(
        &mut self,
        plan: &Plan,
        scenario: &'static Scenario,
        cell: Cell,
        round: usize,
        target: &Target,
    ) -> Sample {
        let (per_second, warm_up) = match cell.mode {
            Mode::Saturation => (None, WARM_UP),
            Mode::Rate(per_second) => (Some(per_second), WARM_UP_AT_A_RATE),
        };
        let pace = Pace { warm_up, measured: plan.measured, per_second };
        let (mut cpu_seconds, mut resident_kib) = (None, None);
        let tally = load::run(target.job(scenario), cell.concurrency, pace, |window| {
            (cpu_seconds, resident_kib) = watch(target, window);
        });
        target.cut_output();
        let mut tally = tally.unwrap_or_else(|error| Tally { errors: vec![error], ..Tally::default() });
        let errors = tally.errors.len();
        for error in tally.errors.drain(..) {
            let text = format!("{error:#}");
            eprintln!("  ERROR {}: {text}", target.name);
            self.troubles.push(Trouble { target: target.name, cell, text });
        }
        let figures = Sample {
            scenario: cell.scenario,
            concurrency: cell.concurrency,
            mode: cell.mode,
            round,
            target: target.name,
            calls: tally.latencies.len(),
            errors,
            seconds: plan.measured.as_secs_f64(),
            p50_us: micros(&mut tally.latencies, 0.5),
            p90_us: micros(&mut tally.latencies, 0.9),
            p99_us: micros(&mut tally.latencies, 0.99),
            max_us: micros(&mut tally.latencies, 1.0),
            first_event_p50_us: None,
            first_event_p99_us: None,
            cpu_seconds,
            resident_kib,
        };
        if tally.first_events.is_empty() {
            return figures;
        }
        let first_event_p50_us = Some(micros(&mut tally.first_events, 0.5));
        let first_event_p99_us = Some(micros(&mut tally.first_events, 0.99));
        Sample { first_event_p50_us, first_event_p99_us, ..figures }
    }
}

/// Stays until the window is over; the processor time that the target used in it, and its memory at the end.
fn watch(target: &Target, window: Window) -> (Option<f64>, Option<u64>) {
    let sleep_until = |moment: Instant| thread::sleep(moment.saturating_duration_since(Instant::now()));
    sleep_until(window.from);
    let before = target.process().map(Process::cpu_seconds);
    sleep_until(window.until);
    let after = target.process().map(Process::cpu_seconds);
    let resident = target.process().map(Process::resident_kib);
    (before.zip(after).map(|(before, after)| after - before), resident)
}

/// No number where nothing was counted: then the report shows a dash.
fn micros(nanoseconds: &mut [u32], share: f64) -> f64 {
    quantile(nanoseconds, share).map_or(f64::NAN, |nanoseconds| f64::from(nanoseconds) / 1000.0)
}
