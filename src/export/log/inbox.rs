//! What the path leaves for the writer: lines as they will be written, and records of which lines are still to be made.
//! Leaving something never waits for the writer.
//!
//! # Why
//! A line that is formatted where its call ended is an append to a piece of text; a record of it would carry the call,
//! its memory and the work of freeing that to another thread, at ten times the price.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::batch::Batch;
use super::record::Record;
use crate::export::queue::{WAITING_BYTES_MAX, Weighs};

/// So much text is worth waking the writer for at once.
const ENOUGH_BYTES: usize = 256 * 1024;

/// So much text makes one piece.
const PIECE_BYTES: usize = 1024 * 1024;

/// Room for so many records stays when all were taken; what a burst made grow beyond is given back.
const ROOM_KEPT: usize = 4096;

/// At most so many lines, in the order they came.
#[derive(Debug)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    lines_max: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    left: VecDeque<Left>,
    lines: usize,
    bytes: usize,
    /// How much text the last piece had: about as much as the next will.
    usual: usize,
}

/// What was left.
#[derive(Debug)]
pub(super) enum Left {
    /// Lines as they will be written.
    Text(Batch),
    /// What lines are to be made of, and its weight.
    Record(Record, usize),
}

/// What became of something that was left: it waits with others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Waits {
    /// So much waits now, and did not before, that the writer should collect no longer.
    pub(super) is_enough: bool,
}

impl Inbox {
    /// An empty one.
    pub(super) fn new(lines_max: usize) -> Self {
        Self { waiting: Mutex::default(), lines_max }
    }

    /// Leaves what `make` makes; `None` when there was no room, and nothing was made.
    pub(super) fn leave(&self, make: impl FnOnce() -> Record) -> Option<Waits> {
        let mut waiting = self.lock();
        self.has_room(&waiting).then(|| {
            let record = make();
            let weight = record.weight();
            waiting.left.push_back(Left::Record(record, weight));
            self.added(&mut waiting, weight)
        })
    }

    /// Leaves a line as it will be written; `None` when there was no room.
    pub(super) fn write(&self, line: &[u8]) -> Option<Waits> {
        let mut waiting = self.lock();
        self.has_room(&waiting).then(|| {
            if !matches!(waiting.left.back(), Some(Left::Text(text)) if text.text().len() < PIECE_BYTES) {
                let usual = waiting.usual;
                waiting.left.push_back(Left::Text(Batch::with_room(usual)));
            }
            if let Some(Left::Text(text)) = waiting.left.back_mut() {
                text.add(|out| out.extend_from_slice(line));
            }
            self.added(&mut waiting, line.len())
        })
    }

    /// Takes out the first `most` records and pieces of text, or all there are.
    pub(super) fn take(&self, most: usize) -> Vec<Left> {
        let mut waiting = self.lock();
        let most = most.min(waiting.left.len());
        let taken: Vec<Left> = waiting.left.drain(..most).collect();
        for left in &taken {
            let (lines, bytes) = match left {
                Left::Text(text) => (text.lines(), text.text().len()),
                Left::Record(_, weight) => (1, *weight),
            };
            waiting.lines -= lines;
            waiting.bytes -= bytes;
            if let Left::Text(_) = left {
                waiting.usual = bytes;
            }
        }
        if waiting.left.is_empty() && waiting.left.capacity() > ROOM_KEPT {
            waiting.left.shrink_to(ROOM_KEPT);
        }
        taken
    }

    /// How many lines wait; a record counts as one.
    pub(super) fn lines(&self) -> usize {
        self.lock().lines
    }

    fn has_room(&self, waiting: &Waiting) -> bool {
        waiting.lines < self.lines_max && waiting.bytes < WAITING_BYTES_MAX
    }

    fn added(&self, waiting: &mut Waiting, bytes: usize) -> Waits {
        let before = waiting.bytes;
        waiting.lines += 1;
        waiting.bytes += bytes;
        let crossed = before < ENOUGH_BYTES && waiting.bytes >= ENOUGH_BYTES;
        Waits { is_enough: crossed || waiting.lines == (self.lines_max / 2).max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn record() -> Record {
        Record::Mark(oneshot::channel().0)
    }

    #[test]
    fn lines_stand_in_their_order_in_as_few_pieces_as_records_between_them_allow() {
        let inbox = Inbox::new(100);
        let waits =
            [inbox.write(b"one\n"), inbox.write(b"two\n"), inbox.leave(record), inbox.write(b"three\n")];
        assert!(waits.iter().all(Option::is_some));
        assert_eq!(inbox.lines(), 4);
        let taken = inbox.take(9);
        let [Left::Text(first), Left::Record(..), Left::Text(last)] = &*taken else { panic!("{taken:?}") };
        assert_eq!((first.text(), first.lines(), last.text()), (&b"one\ntwo\n"[..], 2, &b"three\n"[..]));
        assert_eq!((inbox.lines(), inbox.lock().bytes), (0, 0));
    }

    #[test]
    fn what_does_not_fit_is_not_made() {
        let inbox = Inbox::new(2);
        assert_eq!(inbox.write(b"one\n"), Some(Waits { is_enough: true }));
        assert_eq!(inbox.write(b"two\n"), Some(Waits { is_enough: false }));
        assert_eq!(inbox.leave(|| unreachable!("there is no room")), None);
        assert_eq!(inbox.write(b"three\n"), None);
        inbox.take(1);
        assert!(inbox.leave(record).is_some());
    }

    #[test]
    fn much_text_is_enough_once_and_large_records_fill_it() {
        let inbox = Inbox::new(usize::MAX);
        let line = vec![b'x'; ENOUGH_BYTES / 2];
        let enough: Vec<bool> =
            (0..4).filter_map(|_| inbox.write(&line)).map(|waits| waits.is_enough).collect();
        assert_eq!(enough, [false, true, false, false]);
        let line = vec![b'x'; WAITING_BYTES_MAX];
        assert!(inbox.write(&line).is_some());
        assert_eq!(inbox.write(b"more\n"), None);
    }

    #[test]
    fn what_a_burst_took_is_given_back() {
        let inbox = Inbox::new(100_000);
        assert!((0..100_000).all(|_| inbox.leave(record).is_some()));
        inbox.take(99_999);
        assert!(inbox.lock().left.capacity() >= 100_000);
        inbox.take(1);
        assert!(inbox.lock().left.capacity() <= 2 * ROOM_KEPT);
    }
}
