//! The thread that makes lines of records, and hands them to the places where they are written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{current, park, park_timeout};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::record::{Lines, Record};
use super::time::Clocks;
use super::{LineSink, Shared, format};
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::observe::{DropReason, DroppedWhat};

/// How long a writer that was woken lets records come together.
const COLLECT: Duration = Duration::from_millis(5);

/// Records that become lines at once.
const BATCH_RECORDS: usize = 1024;

/// How often it is told that telemetry was dropped.
const LOSSES_EVERY: Duration = Duration::from_secs(60);

/// How lines look at each place; the console is the first.
#[derive(Debug)]
pub(super) struct Format {
    /// The key `service`.
    pub(super) service: String,
    /// Whether the console gets lines for people, and if so, with colours.
    pub(super) pretty: Option<bool>,
    /// Whether there is a file, which gets JSON.
    pub(super) file: bool,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    lines: Lines,
    format: Format,
    also: Option<LineSink>,
    losses: Told,
}

/// What was told of losses.
#[derive(Default)]
struct Told {
    dropped: u64,
    at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, lines: Lines, format: Format, also: Option<LineSink>) -> Self {
        Self { shared, lines, format, also, losses: Told::default() }
    }

    /// Until the log stops.
    pub(super) fn run(mut self) {
        let _ = self.shared.writer.set(current());
        loop {
            // Asked before taking, so that nothing that was left before the end is missed.
            let stopping = self.shared.stopping.load(Ordering::Acquire);
            let records = self.shared.records.take(BATCH_RECORDS);
            let (any, more) = (!records.is_empty(), records.len() == BATCH_RECORDS);
            self.write(records);
            if more {
                continue;
            }
            if stopping {
                break;
            }
            if !any {
                self.sleep();
            }
            park_timeout(COLLECT);
        }
        self.shared.places.iter().for_each(|place| place.close());
    }

    /// Sleeps until a record is left, or there are losses to be told.
    fn sleep(&mut self) {
        self.shared.asleep.store(true, Ordering::Release);
        if self.shared.records.len() == 0 && !self.shared.stopping.load(Ordering::Acquire) {
            match self.until_losses() {
                Some(wait) => park_timeout(wait),
                None => park(),
            }
        }
        self.shared.asleep.store(false, Ordering::Release);
    }

    fn write(&mut self, records: Vec<Record>) {
        let clocks = Clocks::now();
        let mut lines = Vec::with_capacity(records.len() + 1);
        for record in records {
            self.lines.of(record, clocks, &mut lines);
        }
        lines.extend(self.dropped());
        if lines.is_empty() {
            return;
        }
        if let Some(also) = &self.also {
            lines.iter().filter(|line| line.event != Line::LIBRARY).for_each(|line| also(line));
        }
        for (place, batch) in self.shared.places.iter().zip(self.format.batches(&lines)) {
            if !place.offer(&batch) {
                self.shared.lost(batch.lines(), DropReason::QueueFull);
            }
        }
        self.shared.tell_depth();
    }

    /// The line that says what was dropped, if that is due.
    fn dropped(&mut self) -> Option<Line> {
        let _due = self.until_losses().filter(Duration::is_zero)?;
        self.losses = Told { dropped: self.total(), at: Some(Instant::now()) };
        let mut line =
            Line::new(LogLevel::Warn, "telemetry_dropped", "telemetry was dropped; counts since the start");
        line.add("dropped", Some(Value::List(self.counts())));
        Some(line)
    }

    /// How long until losses may be told; `None` = there are none to be told.
    fn until_losses(&self) -> Option<Duration> {
        let news = self.shared.wants(LogLevel::Warn) && self.total() > self.losses.dropped;
        news.then(|| self.losses.at.map_or(Duration::ZERO, |at| LOSSES_EVERY.saturating_sub(at.elapsed())))
    }

    fn total(&self) -> u64 {
        pairs().map(|(what, reason)| self.shared.losses.dropped(what, reason)).sum()
    }

    /// `12 log queue_full`, for each that is not zero.
    fn counts(&self) -> Vec<String> {
        let count = |(what, reason): (DroppedWhat, DropReason)| {
            let many = self.shared.losses.dropped(what, reason);
            (many > 0).then(|| format!("{many} {} {}", what.as_str(), reason.as_str()))
        };
        pairs().filter_map(count).collect()
    }
}

impl Format {
    /// The lines as the console gets them and, where there is one, as the file does.
    fn batches(&self, lines: &[Line]) -> Vec<Arc<Batch>> {
        let json = || formatted(lines, |line, out| format::json(line, &self.service, out));
        let console = match self.pretty {
            Some(color) => formatted(lines, |line, out| format::pretty(line, color, out)),
            None => json(),
        };
        let file = self.file.then(|| if self.pretty.is_some() { json() } else { Arc::clone(&console) });
        [Some(console), file].into_iter().flatten().collect()
    }
}

fn formatted(lines: &[Line], write: impl Fn(&Line, &mut Vec<u8>)) -> Arc<Batch> {
    let mut batch = Batch::default();
    for line in lines {
        batch.add(|out| write(line, out));
    }
    Arc::new(batch)
}

fn pairs() -> impl Iterator<Item = (DroppedWhat, DropReason)> {
    DroppedWhat::ALL.iter().flat_map(|what| DropReason::ALL.iter().map(|reason| (*what, *reason)))
}
