//! One signal, one deadline, every task hears it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// The process's will to end; cheap to clone, every clone is the same one.
#[derive(Debug, Clone)]
pub struct Shutdown {
    grace: Duration,
    begun: Arc<watch::Sender<Option<Instant>>>,
}

impl Shutdown {
    /// Nothing has been asked yet; once it is, running calls have `grace`.
    pub fn new(grace: Duration) -> Self {
        Self { grace, begun: Arc::new(watch::Sender::new(None)) }
    }

    /// Asks everyone to end. Asking again changes nothing.
    pub fn start(&self) {
        self.begun.send_if_modified(|begun| {
            let first = begun.is_none();
            begun.get_or_insert_with(Instant::now);
            first
        });
    }

    /// Whether [`Shutdown::start`] was called.
    pub fn is_started(&self) -> bool {
        self.begun.borrow().is_some()
    }

    /// Waits until the process is asked to end: take nothing new.
    pub async fn started(&self) {
        self.instant().await;
    }

    /// Waits until the grace is over too: end what still runs.
    pub async fn deadline(&self) {
        let begun = self.instant().await;
        sleep(self.grace.saturating_sub(begun.elapsed())).await;
    }

    /// When it was asked.
    async fn instant(&self) -> Instant {
        let mut receiver = self.begun.subscribe();
        let seen = receiver.wait_for(Option::is_some).await.map(|begun| *begun);
        match seen {
            Ok(Some(begun)) => begun,
            // The sender lives in `self`: it cannot have gone, and what it sent is never `None`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_deadline_comes_one_grace_after_the_first_request_to_end() {
        let shutdown = Shutdown::new(Duration::from_secs(30));
        assert!(!shutdown.is_started());
        let before = Instant::now();
        shutdown.start();
        shutdown.started().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        tokio::time::advance(Duration::from_secs(10)).await;
        shutdown.clone().start();
        shutdown.deadline().await;
        assert_eq!(before.elapsed(), Duration::from_secs(30));
    }
}
