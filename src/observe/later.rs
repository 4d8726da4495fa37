//! Work that no request waits for: a queue, and a thread of its own that begins with the first piece of work.
//!
//! # Why it sleeps by the clock
//! To wake a thread costs the waker more than to leave something for it. Awake, it looks again after a while; only one
//! that found nothing sleeps until it is woken.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use super::lock;

/// How long work may wait that nobody asks for.
const PAUSE: Duration = Duration::from_millis(20);

/// A queue of work.
pub(super) struct Later<J> {
    shared: Arc<Shared<J>>,
    /// The thread; `None` inside where the system had none.
    thread: OnceLock<Option<Thread>>,
    name: &'static str,
}

struct Shared<J> {
    queue: Mutex<VecDeque<J>>,
    /// Held while one piece of work is done, so that they are done in order whoever does them.
    work: Mutex<Box<dyn FnMut(J) + Send>>,
    asleep: AtomicBool,
    stopping: AtomicBool,
}

impl<J: Send + 'static> Later<J> {
    /// An empty queue. `work` is done on a thread of this name, or by whoever helps.
    pub(super) fn new(name: &'static str, work: impl FnMut(J) + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Mutex::new(Box::new(work)),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        });
        Self { shared, thread: OnceLock::new(), name }
    }

    /// Leaves work to be done.
    pub(super) fn push(&self, job: J) {
        lock::lock(&self.shared.queue).push_back(job);
        let thread = self.thread.get_or_init(|| self.start());
        match thread {
            Some(thread) if self.shared.asleep.swap(false, Ordering::AcqRel) => thread.unpark(),
            Some(_) => {}
            None => self.help(),
        }
    }

    /// Does what is left to be done, and waits for what is being done.
    pub(super) fn help(&self) {
        self.shared.drain();
        drop(lock::lock(&self.shared.work));
    }

    fn start(&self) -> Option<Thread> {
        let shared = Arc::clone(&self.shared);
        let started = thread::Builder::new().name(self.name.to_owned()).spawn(move || shared.run());
        started.ok().map(|handle| handle.thread().clone())
    }
}

impl<J> Drop for Later<J> {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        if let Some(Some(thread)) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl<J> Shared<J> {
    fn run(&self) {
        while !self.stopping.load(Ordering::Acquire) {
            if self.drain() {
                thread::park_timeout(PAUSE);
                continue;
            }
            self.asleep.store(true, Ordering::Release);
            // Whoever left something before has seen nobody asleep.
            if lock::lock(&self.queue).is_empty() && !self.stopping.load(Ordering::Acquire) {
                thread::park();
            }
            self.asleep.store(false, Ordering::Release);
        }
    }

    /// Whether there was anything to do.
    fn drain(&self) -> bool {
        let mut was_any = false;
        loop {
            let mut work = lock::lock(&self.work);
            let Some(job) = lock::lock(&self.queue).pop_front() else { return was_any };
            work(job);
            was_any = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, sync_channel};

    use super::*;

    #[test]
    fn work_is_done_in_order_by_the_thread_or_by_who_helps() {
        let (done, results) = sync_channel(100);
        let later = Later::new("test-later", move |job: u32| done.send(job).unwrap());
        for round in 0..10 {
            (0..10).for_each(|job| later.push(round * 10 + job));
            if round % 2 == 0 {
                later.help();
            } else {
                for job in 0..10 {
                    let result = results.recv_timeout(Duration::from_secs(30));
                    assert_eq!(result, Ok(round * 10 - 10 + job));
                }
                later.help();
                (0..10).for_each(|job| assert_eq!(results.try_recv(), Ok(round * 10 + job)));
            }
        }
        drop(later);
        assert_eq!(results.recv_timeout(Duration::from_secs(30)), Err(RecvTimeoutError::Disconnected));
    }
}
