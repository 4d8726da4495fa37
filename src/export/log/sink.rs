//! Where lines go: a thread of its own for each place, so that one that is blocked or full stops no other.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Shared;
use super::batch::Batch;
use super::file::RotatingFile;
use crate::config::LogLevel;
use crate::export::line::Line;
use crate::export::losses::Exporter;
use crate::observe::DropReason;

/// Formatted text that may wait for one place, bytes: a bound on memory beside that on lines, which may be long.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How long a file that failed is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long a console that takes nothing just now is left alone.
const RETRY_CONSOLE: Duration = Duration::from_millis(10);

/// What waits for one place, in the order it came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    state: Mutex<State>,
    changed: Condvar,
    lines_max: usize,
}

#[derive(Debug, Default)]
struct State {
    /// The first of them is being written.
    batches: VecDeque<Arc<Batch>>,
    lines: usize,
    bytes: usize,
    /// Nothing comes any more.
    closed: bool,
}

impl Waiting {
    pub(super) fn new(lines_max: usize) -> Self {
        Self { lines_max, ..Self::default() }
    }

    /// Lets `batch` wait; false where there is no room. A place where nothing waits has room for any.
    pub(super) fn offer(&self, batch: &Arc<Batch>) -> bool {
        let mut state = self.lock();
        let fits = state.lines + batch.lines() <= self.lines_max
            && state.bytes + batch.text().len() <= WAITING_BYTES_MAX;
        if !fits && !state.batches.is_empty() {
            return false;
        }
        state.lines += batch.lines();
        state.bytes += batch.text().len();
        state.batches.push_back(Arc::clone(batch));
        self.changed.notify_one();
        true
    }

    /// How many lines wait, those included that are being written.
    pub(super) fn lines(&self) -> usize {
        self.lock().lines
    }

    /// Nothing comes any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for the first batch, which stays until [`Waiting::written`]; `None` when nothing comes any more.
    fn first(&self) -> Option<Arc<Batch>> {
        let idle = |state: &mut State| state.batches.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        state.batches.front().cloned()
    }

    fn written(&self) {
        let mut state = self.lock();
        if let Some(batch) = state.batches.pop_front() {
            state.lines -= batch.lines();
            state.bytes -= batch.text().len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what waits until nothing comes any more.
pub(super) fn run(shared: &Shared, waiting: &Waiting, mut place: Place) {
    while let Some(batch) = waiting.first() {
        place.write(&batch, shared);
        waiting.written();
        shared.tell_depth();
    }
}

/// One of the places.
pub(super) enum Place {
    Console(Box<dyn Write + Send>),
    File { file: RotatingFile, failed: Option<Failed> },
}

/// A file that could not be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failed {
    /// When it was last tried.
    at: Instant,
    reason: DropReason,
}

impl Place {
    fn write(&mut self, batch: &Batch, shared: &Shared) {
        match self {
            Self::Console(out) => write_console(out, batch, shared),
            Self::File { file, failed } => write_file(file, failed, batch, shared),
        }
    }
}

fn write_console(out: &mut Box<dyn Write + Send>, batch: &Batch, shared: &Shared) {
    match write_whole(out, batch.text()) {
        Ok(()) => {}
        // Nobody reads any more, and nobody misses what follows.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => shared.lost(batch.lines(), reason(&error)),
    }
}

/// Like `write_all`, also where whoever shares the terminal or the pipe made it non-blocking.
fn write_whole(out: &mut Box<dyn Write + Send>, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match out.write(text) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY_CONSOLE),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

fn write_file(file: &mut RotatingFile, failed: &mut Option<Failed>, batch: &Batch, shared: &Shared) {
    if let Some(failed) = failed.as_ref().filter(|failed| failed.at.elapsed() < RETRY_AFTER) {
        return shared.lost(batch.lines(), failed.reason);
    }
    match file.write(batch) {
        Ok(()) => {
            if failed.take().is_some() {
                let path = file.path().display();
                shared.say(Line::new(LogLevel::Warn, "log_file", format!("{path} can be written again")));
            }
        }
        Err(failure) => {
            shared.losses.fail(Exporter::LogFile);
            let reason = reason(&failure.error);
            shared.lost(failure.lost, reason);
            if failed.replace(Failed { at: Instant::now(), reason }).is_none() {
                let message = format!("{} cannot be written: lines are missing there", file.path().display());
                let mut line = Line::new(LogLevel::Warn, "log_file", message);
                line.add("error_message", Some(failure.error.to_string()));
                shared.say(line);
            }
        }
    }
}

fn reason(error: &io::Error) -> DropReason {
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
    if full.contains(&error.kind()) { DropReason::DiskFull } else { DropReason::ExporterFailed }
}
