//! How many exchanges of one server are under way at once: a server that hangs takes its own places, and no more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::config;
use crate::observe::{BulkheadChange, Observer};

/// The places of one server, and the queue before them.
pub struct Bulkhead {
    /// Whoever waits for one is served in order, and nobody who comes later overtakes.
    places: Semaphore,
    waiting: AtomicUsize,
    queue: usize,
    wait: Duration,
    server: usize,
    observer: Observer,
}

/// There is no place, and there was none in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// One exchange's place; given back on drop.
pub struct Place(Arc<Bulkhead>);

impl Bulkhead {
    /// The places of the server at position `server` of the configuration.
    pub fn new(settings: config::Bulkhead, server: usize, observer: Observer) -> Self {
        let config::Bulkhead { max, queue, wait } = settings;
        let places = Semaphore::new(max.min(Semaphore::MAX_PERMITS));
        Self { places, waiting: AtomicUsize::new(0), queue, wait, server, observer }
    }

    /// A place, where one is free and nobody waits for it.
    pub fn enter(self: &Arc<Self>) -> Option<Place> {
        self.places.try_acquire().ok().map(|permit| self.place(permit))
    }

    /// A place after those who came before. Dropping this future leaves the queue.
    pub async fn queue(self: &Arc<Self>) -> Result<Place, Full> {
        let _waiting = self.queue_up()?;
        match timeout(self.wait, self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(self.place(permit)),
            // Nobody closes it; time is up.
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    fn place(self: &Arc<Self>, permit: SemaphorePermit<'_>) -> Place {
        // Kept as one pointer, as every answer carries it: [`Place`] gives it back.
        permit.forget();
        self.tell(BulkheadChange::Entered);
        Place(Arc::clone(self))
    }

    fn queue_up(&self) -> Result<Waiting<'_>, Full> {
        let one_more = |waiting| (waiting < self.queue).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).map_err(|_all| Full)?;
        self.tell(BulkheadChange::Queued);
        Ok(Waiting(self))
    }

    fn tell(&self, change: BulkheadChange) {
        self.observer.bulkhead_changed(self.server, change);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Told first: there are never more of them on the page than there may be.
        self.0.tell(BulkheadChange::Left);
        self.0.places.add_permits(1);
    }
}

/// A place in the queue; given back on drop.
struct Waiting<'a>(&'a Bulkhead);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.tell(BulkheadChange::Unqueued);
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
