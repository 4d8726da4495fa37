//! One of something for each thread.
//!
//! # Why
//! To look something up behind a lock is to write to the lock, and on a machine with many cores a write waits for whoever
//! wrote there last: what all threads look up all the time, each keeps for itself.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Threads beyond so many share what they have.
const THREADS: usize = 16;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Which of them the thread has; none before it first asks.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// A `T` for each thread that asks, made when it first does.
pub(crate) struct Own<T>(OnceLock<Box<[OnceLock<Box<T>>; THREADS]>>);

impl<T> Default for Own<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Default> Own<T> {
    /// The calling thread's. Others may have it, too: it needs a lock all the same.
    pub(crate) fn get(&self) -> &T {
        let places = self.0.get_or_init(|| Box::new([const { OnceLock::new() }; THREADS]));
        places[place()].get_or_init(Box::default)
    }
}

fn place() -> usize {
    PLACE.with(|place| {
        place.get().unwrap_or_else(|| {
            let new = NEXT.fetch_add(1, Ordering::Relaxed) % THREADS;
            place.set(Some(new));
            new
        })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    #[test]
    fn each_thread_has_its_own_up_to_a_number() {
        let own: Own<Mutex<Vec<thread::ThreadId>>> = Own::default();
        let note = || own.get().lock().unwrap().push(thread::current().id());
        thread::scope(|scope| {
            for _ in 0..2 * THREADS {
                scope.spawn(|| {
                    note();
                    note();
                });
            }
        });
        let places = own.0.get().unwrap().iter().filter_map(OnceLock::get);
        let all: Vec<_> = places.map(|ids| ids.lock().unwrap().clone()).collect();
        assert_eq!((all.len(), all.iter().map(Vec::len).sum::<usize>()), (THREADS, 4 * THREADS));
        let twice =
            |ids: &Vec<thread::ThreadId>| ids.iter().all(|id| ids.iter().filter(|of| *of == id).count() == 2);
        assert!(all.iter().all(twice), "a thread has two");
    }
}
