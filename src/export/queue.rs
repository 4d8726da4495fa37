//! A bounded queue between the path and a destination: putting something in never waits for what takes it out.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// At most `max` things, in the order they came.
#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<VecDeque<T>>,
    max: usize,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(super) fn new(max: usize) -> Self {
        Self { waiting: Mutex::default(), max }
    }

    /// Puts what `make` makes in and says how many wait now; `None` when there was no room, and nothing was made.
    pub(super) fn push(&self, make: impl FnOnce() -> T) -> Option<usize> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.max {
            return None;
        }
        waiting.push_back(make());
        Some(waiting.len())
    }

    /// Takes out the first `most`, or all there are.
    pub(super) fn take(&self, most: usize) -> Vec<T> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let most = most.min(waiting.len());
        waiting.drain(..most).collect()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_made() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(|| 1), queue.push(|| 2)), (Some(1), Some(2)));
        assert_eq!(queue.push(|| unreachable!("there is no room")), None);
        assert_eq!(queue.take(1), [1]);
        assert_eq!(queue.push(|| 3), Some(2));
        assert_eq!((queue.take(9), queue.len()), (vec![2, 3], 0));
    }
}
