//! A bounded queue between the path and a destination: putting something in never waits for what takes it out.
//!
//! # Why
//! A count alone bounds no memory: whoever writes the longest names, ids and states that are kept makes each thing ten
//! times as large as usual. So what waits is weighed, too.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What may wait in one queue, bytes: beyond what the default number of usual calls comes to.
pub(super) const WAITING_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Room for so many things stays when a queue is empty again; what a burst made grow beyond is given back.
const ROOM_KEPT: usize = 4096;

/// Something that takes memory while it waits.
pub(super) trait Weighs {
    /// About how many bytes it keeps.
    fn weight(&self) -> usize;
}

/// At most `max` things, in the order they came.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    max: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    things: VecDeque<(T, usize)>,
    bytes: usize,
}

impl<T> Waiting<T> {
    fn has_room(&self, max: usize) -> bool {
        self.things.len() < max && self.bytes < WAITING_BYTES_MAX
    }
}

impl<T: Weighs> Queue<T> {
    /// An empty queue.
    pub(super) fn new(max: usize) -> Self {
        Self { waiting: Mutex::new(Waiting { things: VecDeque::new(), bytes: 0 }), max }
    }

    /// Puts what `make` makes in and says how many wait now; `None` when there was no room. Where there was none to begin
    /// with, nothing was made.
    pub(super) fn push(&self, make: impl FnOnce() -> T) -> Option<usize> {
        if !self.lock().has_room(self.max) {
            return None;
        }
        // Nobody else waits while it is made.
        let thing = make();
        let weight = thing.weight();
        let mut waiting = self.lock();
        if !waiting.has_room(self.max) {
            return None;
        }
        waiting.bytes += weight;
        waiting.things.push_back((thing, weight));
        Some(waiting.things.len())
    }

    /// Takes out the first `most`, or all there are.
    pub(super) fn take(&self, most: usize) -> Vec<T> {
        let mut waiting = self.lock();
        let most = most.min(waiting.things.len());
        let taken: Vec<(T, usize)> = waiting.things.drain(..most).collect();
        waiting.bytes -= taken.iter().map(|(_, weight)| weight).sum::<usize>();
        if waiting.things.is_empty() && waiting.things.capacity() > ROOM_KEPT {
            waiting.things.shrink_to(ROOM_KEPT);
        }
        drop(waiting);
        taken.into_iter().map(|(thing, _)| thing).collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().things.len()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Thing(u32, usize);

    impl Weighs for Thing {
        fn weight(&self) -> usize {
            self.1
        }
    }

    #[test]
    fn what_does_not_fit_is_not_made() {
        let queue = Queue::new(2);
        let thing = |number| Thing(number, 1);
        assert_eq!((queue.push(|| thing(1)), queue.push(|| thing(2))), (Some(1), Some(2)));
        assert_eq!(queue.push(|| unreachable!("there is no room")), None);
        assert_eq!(queue.take(1), [thing(1)]);
        assert_eq!(queue.push(|| thing(3)), Some(2));
        assert_eq!((queue.take(9), queue.len()), (vec![thing(2), thing(3)], 0));
    }

    #[test]
    fn a_few_that_are_large_fill_it() {
        let queue = Queue::new(1000);
        let large = || Thing(0, WAITING_BYTES_MAX / 2);
        assert_eq!((queue.push(large), queue.push(large), queue.push(large)), (Some(1), Some(2), None));
        queue.take(1);
        assert_eq!(queue.push(large), Some(2));
    }

    #[test]
    fn what_a_burst_took_is_given_back() {
        let queue = Queue::new(100_000);
        assert!((0..100_000).all(|number| queue.push(|| Thing(number, 1)).is_some()));
        queue.take(99_999);
        assert!(queue.lock().things.capacity() >= 100_000);
        queue.take(1);
        assert!(queue.lock().things.capacity() <= 2 * ROOM_KEPT);
    }
}
