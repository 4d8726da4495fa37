//! One signal, one deadline, every task hears it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The process's will to end; cheap to clone, every clone is the same one.
#[derive(Debug, Clone)]
pub struct Shutdown {
    grace: Duration,
    deadline: Arc<watch::Sender<Option<Instant>>>,
}

impl Shutdown {
    /// Nothing has been asked yet; once it is, running calls have `grace`.
    pub fn new(grace: Duration) -> Self {
        Self { grace, deadline: Arc::new(watch::Sender::new(None)) }
    }

    /// Asks everyone to end. Asking again changes nothing.
    pub fn start(&self) {
        self.deadline.send_if_modified(|deadline| {
            let first = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + self.grace);
            first
        });
    }

    /// Whether [`Shutdown::start`] was called.
    pub fn is_started(&self) -> bool {
        self.deadline.borrow().is_some()
    }

    /// Waits until the process is asked to end: take nothing new.
    pub async fn started(&self) {
        self.instant().await;
    }

    /// Waits until the grace is over too: end what still runs.
    pub async fn deadline(&self) {
        sleep_until(self.instant().await).await;
    }

    async fn instant(&self) -> Instant {
        let mut receiver = self.deadline.subscribe();
        let seen = receiver.wait_for(Option::is_some).await.map(|deadline| *deadline);
        match seen {
            Ok(Some(deadline)) => deadline,
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
