//! The thread that makes lines of records, and hands them to the places where they are written.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{current, park, park_timeout};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::inbox::Left;
use super::record::{Lines, Record};
use super::time::Clocks;
use super::{LineSink, Shared, format};
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::observe::{DropReason, DroppedWhat};

/// How long a writer that was woken lets records come together.
const COLLECT: Duration = Duration::from_millis(40);

/// Records that become lines at once, and pieces of text.
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
    lines: Arc<Lines>,
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
    pub(super) fn new(
        shared: Arc<Shared>,
        lines: Arc<Lines>,
        format: Format,
        also: Option<LineSink>,
    ) -> Self {
        Self { shared, lines, format, also, losses: Told::default() }
    }

    /// Until the log stops.
    pub(super) fn run(mut self) {
        let _ = self.shared.writer.set(current());
        loop {
            // Asked before taking, so that nothing that was left before the end is missed.
            let stopping = self.shared.stopping.load(Ordering::Acquire);
            let left = self.shared.inbox.take(BATCH_RECORDS);
            let (any, more) = (!left.is_empty(), left.len() == BATCH_RECORDS);
            self.write(left);
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
        if self.shared.inbox.lines() == 0 && !self.shared.stopping.load(Ordering::Acquire) {
            match self.until_losses() {
                Some(wait) => park_timeout(wait),
                None => park(),
            }
        }
        self.shared.asleep.store(false, Ordering::Release);
    }

    fn write(&mut self, left: Vec<Left>) {
        let clocks = Clocks::now();
        let (mut pieces, mut lines, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        for left in left {
            match left {
                Left::Record(Record::Mark(mark), _) => marks.push(mark),
                Left::Record(record, _) => self.lines.of(record, clocks, &mut lines),
                Left::Text(text) => {
                    pieces.push(Piece::Lines(std::mem::take(&mut lines)));
                    pieces.push(Piece::Text(text));
                }
            }
        }
        lines.extend(self.dropped());
        pieces.push(Piece::Lines(lines));
        pieces.retain(|piece| !matches!(piece, Piece::Lines(lines) if lines.is_empty()));
        if let Some(also) = &self.also {
            let lines = pieces.iter().filter_map(Piece::lines).flatten();
            lines.filter(|line| line.event != Line::LIBRARY).for_each(|line| also(line));
        }
        drop(marks);
        if pieces.is_empty() {
            return;
        }
        for (place, batch) in self.shared.places.iter().zip(self.format.batches(pieces)) {
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

/// Lines that stand one after the other.
enum Piece {
    /// As they will be written.
    Text(Batch),
    Lines(Vec<Line>),
}

impl Piece {
    fn lines(&self) -> Option<&Vec<Line>> {
        match self {
            Self::Text(_) => None,
            Self::Lines(lines) => Some(lines),
        }
    }
}

impl Format {
    /// The lines as the console gets them and, where there is one, as the file does. What is text already is JSON.
    fn batches(&self, mut pieces: Vec<Piece>) -> Vec<Arc<Batch>> {
        let json = |line: &Line, out: &mut Vec<u8>| format::json(line, &self.service, out);
        if let Some(color) = self.pretty {
            let console = formatted(&pieces, |line, out| format::pretty(line, color, out));
            let file = self.file.then(|| formatted(&pieces, json));
            return std::iter::once(console).chain(file).map(Arc::new).collect();
        }
        let batch = match &mut *pieces {
            [Piece::Text(text)] => std::mem::take(text),
            pieces => formatted(pieces, json),
        };
        let batch = Arc::new(batch);
        let file = self.file.then(|| Arc::clone(&batch));
        std::iter::once(batch).chain(file).collect()
    }
}

fn formatted(pieces: &[Piece], write: impl Fn(&Line, &mut Vec<u8>)) -> Batch {
    let mut batch = Batch::default();
    for piece in pieces {
        match piece {
            Piece::Text(text) => batch.append(text),
            Piece::Lines(lines) => lines.iter().for_each(|line| batch.add(|out| write(line, out))),
        }
    }
    batch
}

fn pairs() -> impl Iterator<Item = (DroppedWhat, DropReason)> {
    DroppedWhat::ALL.iter().flat_map(|what| DropReason::ALL.iter().map(|reason| (*what, *reason)))
}
