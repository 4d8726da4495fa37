//! The threads that carry traffic.
//!
//! # Why
//!
//! Each is a runtime of its own, with its own poll of the system and its own idle connections to servers: a call begins
//! and ends on one thread, and nobody wakes another. On two cores that took a fifth off a call's time beside one
//! runtime that shares its tasks. New connections go to the thread with the fewest, rather than by `SO_REUSEPORT`, which
//! deals them out blindly: MCP's are few and long, so that one thread could get most of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::pool;

/// Threads that carry traffic, until they are stopped or dropped.
#[derive(Debug)]
pub struct Workers {
    all: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Open client connections.
    connections: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Workers {
    /// Starts so many; 0 = one for each core that this process may use.
    pub fn start(count: usize) -> io::Result<Self> {
        Ok(Self { all: (0..number(count)).map(Worker::start).collect::<io::Result<_>>()? })
    }

    /// Ends them: what they still carried is cut.
    pub fn stop(self) {
        let threads = self.all.into_iter().map(|worker| {
            drop(worker.stop);
            worker.thread
        });
        // All are told before the first is waited for.
        for thread in threads.collect::<Vec<_>>() {
            // A panic in there has been reported.
            let _ = thread.join();
        }
    }

    /// Runs a connection on the thread that has the fewest. It is begun there: a future that is handed over takes its
    /// room twice for as long as it lives.
    pub(super) fn spawn<F>(&self, connection: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send,
    {
        let busy = |worker: &&Worker| worker.connections.load(Ordering::Relaxed);
        let Some(worker) = self.all.iter().min_by_key(busy) else { return };
        let open = Open::new(&worker.connections);
        worker.runtime.spawn(async move {
            connection().await;
            drop(open);
        });
    }
}

/// How many threads carry traffic where `configured` are asked for.
pub(super) fn number(configured: usize) -> usize {
    if configured > 0 { configured } else { thread::available_parallelism().map_or(1, usize::from) }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            pool::enter_worker(number);
            // Nothing is ever sent: the other end is dropped.
            let _stopped = runtime.block_on(stopped);
            // Nothing waits for a name that is still being looked up.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, connections: Arc::default(), stop, thread })
    }
}

/// An open connection, counted.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
