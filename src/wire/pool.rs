//! Connections to one server that wait for the next request.
//!
//! # Why
//!
//! A worker thread keeps its own: what it takes was polled on it before, so that a call never changes threads. The one
//! that was used last is taken first; those that nobody needs grow old and are closed before the server closes them,
//! which it might do while a request is on its way. One that the server closed all the same is given back when they are
//! looked at next: to be woken for each would cost every call, and a second of a descriptor costs nobody.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::http1::Asking;

thread_local! {
    static WORKER: Cell<usize> = const { Cell::new(0) };
}

/// The calling thread is worker `number` from now on.
pub(super) fn enter_worker(number: usize) {
    WORKER.set(number);
}

/// The number of the calling thread among the workers; 0 where it is none.
pub(super) fn worker() -> usize {
    WORKER.get()
}

/// How long a connection that its server closed may lie here.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// A worker's idle connections to one server.
pub(super) struct Pool {
    /// How long a connection may lie here.
    idle: Duration,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The oldest first.
    #[expect(clippy::vec_box, reason = "they are boxed already, and go on so")]
    connections: Vec<Box<Asking>>,
    /// Somebody closes them when they are old, or left.
    is_watched: bool,
}

impl Pool {
    pub(super) fn new(idle: Duration) -> Arc<Self> {
        Arc::new(Self { idle, kept: Mutex::default() })
    }

    /// A connection whose server has not left, as far as is known.
    pub(super) fn take(&self) -> Option<Box<Asking>> {
        loop {
            let mut connection = self.lock().connections.pop()?;
            if !connection.is_stale() && connection.idle_since.elapsed() < self.idle {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(self: &Arc<Self>, mut connection: Box<Asking>) {
        connection.idle_since = Instant::now();
        let mut kept = self.lock();
        kept.connections.push(connection);
        if !kept.is_watched {
            kept.is_watched = true;
            let first = Instant::now() + self.idle.min(LOOKED_AT_EVERY);
            tokio::spawn(watch(Arc::downgrade(self), first));
        }
    }

    /// Closes what is too old or was left by its server; when to look again.
    fn clean(&self, now: Instant) -> Option<Instant> {
        let mut kept = self.lock();
        let idle = self.idle;
        kept.connections
            .retain_mut(|connection| connection.idle_since + idle > now && !connection.is_stale());
        let next = kept.connections.first();
        let next = next.map(|oldest| (oldest.idle_since + idle).min(now + LOOKED_AT_EVERY));
        kept.is_watched = next.is_some();
        next
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn watch(pool: Weak<Pool>, first: Instant) {
    let mut next = first;
    loop {
        sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        let Some(later) = pool.clean(Instant::now()) else { return };
        next = later;
    }
}
