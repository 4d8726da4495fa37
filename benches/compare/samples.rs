//! What was measured, a line a round, and how it is written down and looked up.

use super::statistics::{Spread, paired};
use std::fmt::Write as _;

/// How the clients pace themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Each client asks again as soon as it was answered.
    Saturation,
    /// All clients together ask so many times a second, whether they were answered or not.
    Rate(u32),
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Self::Saturation => "saturation",
            Self::Rate(_) => "rate",
        }
    }
}

/// One target in one round of one cell of the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) scenario: &'static str,
    pub(crate) concurrency: usize,
    pub(crate) mode: Mode,
    pub(crate) round: usize,
    pub(crate) target: &'static str,
    pub(crate) calls: usize,
    pub(crate) errors: usize,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// Of event streams only.
    pub(crate) first_event_p50_us: Option<f64>,
    pub(crate) first_event_p99_us: Option<f64>,
    /// User and system time of the target's processes; `None` for the direct row, which has none.
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident_kib: Option<u64>,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]
    pub(crate) fn per_second(&self) -> f64 {
        self.calls as f64 / self.seconds
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of calls are far below 2^53")]
    pub(crate) fn cpu_per_100k(&self) -> f64 {
        self.cpu_seconds.map_or(f64::NAN, |seconds| seconds * 100_000.0 / self.calls as f64)
    }
}

/// One cell of the matrix, for all targets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) scenario: &'static str,
    pub(crate) concurrency: usize,
    pub(crate) mode: Mode,
}

/// Everything that was measured under load.
#[derive(Default)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// One figure of one target in one cell, in the order of the rounds.
    pub(crate) fn series(&self, cell: Cell, target: &str, figure: impl Fn(&Sample) -> f64) -> Vec<f64> {
        let of_cell = self.0.iter().filter(|sample| {
            sample.scenario == cell.scenario
                && sample.concurrency == cell.concurrency
                && sample.mode == cell.mode
        });
        of_cell.filter(|sample| sample.target == target).map(figure).collect()
    }

    pub(crate) fn spread(&self, cell: Cell, target: &str, figure: impl Fn(&Sample) -> f64) -> Option<Spread> {
        Spread::of(&self.series(cell, target, figure))
    }

    /// One target against another, round by round.
    pub(crate) fn compared(
        &self,
        cell: Cell,
        (this, that): (&str, &str),
        figure: impl Fn(&Sample) -> f64,
        difference: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        paired(&self.series(cell, this, &figure), &self.series(cell, that, &figure), difference)
    }

    pub(crate) fn csv(&self) -> String {
        let mut page = String::from(
            "scenario,concurrency,mode,offered_per_second,round,target,calls,errors,seconds,per_second,p50_us,p90_us,\
             p99_us,max_us,first_event_p50_us,first_event_p99_us,cpu_seconds,resident_kib\n",
        );
        for sample in &self.0 {
            let offered = match sample.mode {
                Mode::Saturation => String::new(),
                Mode::Rate(per_second) => per_second.to_string(),
            };
            let _ = writeln!(
                page,
                "{},{},{},{offered},{},{},{},{},{:.4},{:.1},{:.1},{:.1},{:.1},{:.1},{},{},{},{}",
                sample.scenario,
                sample.concurrency,
                sample.mode.name(),
                sample.round,
                sample.target,
                sample.calls,
                sample.errors,
                sample.seconds,
                sample.per_second(),
                sample.p50_us,
                sample.p90_us,
                sample.p99_us,
                sample.max_us,
                shown(sample.first_event_p50_us),
                shown(sample.first_event_p99_us),
                shown(sample.cpu_seconds),
                sample.resident_kib.map(|kib| kib.to_string()).unwrap_or_default(),
            );
        }
        page
    }
}

fn shown(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.2}")).unwrap_or_default()
}
