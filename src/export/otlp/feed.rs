//! From the path to a collector: a bounded queue, and a worker that takes batches out of it and sees to it that they
//! arrive.
//!
//! # Why
//! The SDK's batch processors do not say what they drop, and give up on a batch where a collector is merely being
//! restarted. Here a batch is tried again while the queue takes what comes, and whatever is given up is counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::health::Health;
use super::transport::Failure;
use crate::export::queue::{Queue, Weighs};
use crate::export::{Exporter, Losses, QueueName};
use crate::observe::{DropReason, DroppedWhat};

/// How long the first of a batch waits for others.
const INTERVAL: Duration = Duration::from_secs(1);
/// How many make a batch at once.
const BATCH: usize = 512;
/// How often a batch is tried before it is given up.
const ATTEMPTS: u32 = 5;
/// How long after the first failure it is tried again; twice as long after each other one, until it succeeds.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// What is fed, and what it counts as.
pub(super) trait Feeds: Send + Sync + 'static {
    /// One piece of it.
    type Item: Weighs + Send + Sync + 'static;
    const EXPORTER: Exporter;
    const WHAT: DroppedWhat;
    const DEPTH: Option<QueueName>;
    /// So many spans or lines each piece stands for.
    const EACH: u32;

    /// Sends a batch, once.
    fn send(&self, batch: &[Self::Item]) -> impl Future<Output = Result<(), Failure>> + Send;

    /// A batch has arrived.
    fn sent(&self, batch: &[Self::Item]);
}

/// Where the path puts what is to be exported.
pub(super) struct Feed<F: Feeds> {
    queue: Queue<F::Item>,
    /// How many make a batch at once: fewer where the queue is short, so that it never fills while nobody is in trouble.
    batch: usize,
    wake: Notify,
    losses: Arc<Losses>,
}

impl<F: Feeds> Feed<F> {
    /// A feed of which at most `max` spans or lines wait.
    pub(super) fn new(max: usize, losses: Arc<Losses>) -> Arc<Self> {
        let pieces = (max / F::EACH as usize).max(1);
        let batch = BATCH.min(pieces / 2).max(1);
        Arc::new(Self { queue: Queue::new(pieces), batch, wake: Notify::new(), losses })
    }

    /// Puts in what `make` makes; where there is no room, nothing is made and the loss is counted. Never waits.
    pub(super) fn push(&self, make: impl FnOnce() -> F::Item) {
        let Some(waiting) = self.queue.push(make) else {
            self.losses.lose(F::WHAT, DropReason::QueueFull, F::EACH.into());
            return;
        };
        self.show_depth(waiting);
        // Waking costs a system call: once for the first, once a batch.
        if waiting == 1 || waiting.is_multiple_of(self.batch) {
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Vec<F::Item> {
        let batch = self.queue.take(self.batch);
        self.show_depth(self.queue.len());
        batch
    }

    fn show_depth(&self, waiting: usize) {
        if let Some(name) = F::DEPTH {
            self.losses.set_depth(name, waiting * F::EACH as usize);
        }
    }
}

/// When everything must be over; nothing before the process stops.
pub(super) type Stop = watch::Receiver<Option<Instant>>;

/// Takes batches out of a feed and sends them.
pub(super) struct Worker<F: Feeds> {
    feed: Arc<Feed<F>>,
    destination: F,
    stop: Stop,
    backoff: Duration,
    health: Health,
}

impl<F: Feeds> Worker<F> {
    pub(super) fn new(feed: Arc<Feed<F>>, destination: F, stop: Stop) -> Self {
        let health = Health::new(F::EXPORTER, Arc::clone(&feed.losses));
        Self { feed, destination, stop, backoff: BACKOFF, health }
    }

    /// Until the process stops; then sends what waits, within the deadline, and counts what it could not send.
    pub(super) async fn run(mut self) {
        let mut before = self.lost();
        while !self.is_stopping() {
            before = self.lost();
            self.gather().await;
            self.deliver_waiting().await;
        }
        let mut batch = self.feed.take();
        while !batch.is_empty() {
            if self.is_over() {
                self.give_up(&batch);
            } else {
                self.deliver(batch).await;
            }
            batch = self.feed.take();
        }
        let lost = self.lost() - before;
        if lost > 0 {
            self.health.gave_up(lost);
        }
    }

    /// Waits for a whole batch, or for as long as the first of one may wait.
    async fn gather(&mut self) {
        let feed = Arc::clone(&self.feed);
        while feed.queue.len() == 0 {
            if self.or_stop(feed.wake.notified()).await.is_none() {
                return;
            }
        }
        let until = Instant::now() + INTERVAL;
        while feed.queue.len() < feed.batch {
            if !matches!(self.or_stop(timeout_at(until, feed.wake.notified())).await, Some(Ok(()))) {
                return;
            }
        }
    }

    /// All whole batches, or the one that is not whole.
    async fn deliver_waiting(&mut self) {
        loop {
            let batch = self.feed.take();
            if !batch.is_empty() {
                self.deliver(batch).await;
            }
            if self.feed.queue.len() < self.feed.batch || self.is_stopping() {
                return;
            }
        }
    }

    async fn deliver(&mut self, batch: Vec<F::Item>) {
        for attempt in 1..=ATTEMPTS {
            let is_last = attempt == ATTEMPTS || self.is_stopping();
            match self.attempt(&batch).await {
                Ok(()) => {
                    self.health.succeeded();
                    self.backoff = BACKOFF;
                    self.destination.sent(&batch);
                    return;
                }
                Err(failure) => {
                    self.health.failed(&failure.reason);
                    if let Some(rejected) = failure.rejected {
                        return self.lose(rejected.min(Self::spans_or_lines(&batch)));
                    }
                    if is_last || !failure.may_be_repeated {
                        break;
                    }
                    self.wait_to_repeat(failure.not_before).await;
                }
            }
        }
        self.give_up(&batch);
    }

    fn give_up(&self, batch: &[F::Item]) {
        self.lose(Self::spans_or_lines(batch));
    }

    fn lose(&self, many: u64) {
        self.feed.losses.lose(F::WHAT, DropReason::ExporterFailed, many);
    }

    fn spans_or_lines(batch: &[F::Item]) -> u64 {
        batch.len() as u64 * u64::from(F::EACH)
    }

    /// One try; once the process stops it ends at the deadline.
    async fn attempt(&self, batch: &[F::Item]) -> Result<(), Failure> {
        let mut stop = self.stop.clone();
        let mut sending = std::pin::pin!(self.destination.send(batch));
        let stopping = stop.wait_for(Option::is_some);
        let deadline = tokio::select! {
            biased;
            result = &mut sending => return result,
            stopping = stopping => match stopping {
                Ok(deadline) => deadline.unwrap_or_else(Instant::now),
                // Whoever could stop it is gone.
                Err(_) => Instant::now(),
            },
        };
        timeout_at(deadline, sending).await.unwrap_or_else(|_| Err(Failure::final_one("the process stops")))
    }

    async fn wait_to_repeat(&mut self, not_before: Option<Duration>) {
        let jitter = self.backoff.mul_f64(fastrand::f64() / 4.0);
        let wait = (self.backoff + jitter).max(not_before.unwrap_or_default()).min(BACKOFF_MAX);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
        self.or_stop(sleep_until(Instant::now() + wait)).await;
    }

    /// What `future` gives; `None` where the process stops before it does.
    async fn or_stop<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            output = future => Some(output),
            _ = self.stop.wait_for(Option::is_some) => None,
        }
    }

    fn is_stopping(&self) -> bool {
        self.stop.borrow().is_some() || self.stop.has_changed().is_err()
    }

    fn lost(&self) -> u64 {
        self.feed.losses.dropped(F::WHAT, DropReason::ExporterFailed)
    }

    /// Building a batch costs time that the process no longer has.
    fn is_over(&self) -> bool {
        self.stop.borrow().is_none_or(|deadline| deadline <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Fails so many times, and remembers when it was sent how much.
    #[derive(Clone, Default)]
    struct Script {
        failures: u32,
        not_before: Option<Duration>,
        is_final: bool,
        rejected: Option<u64>,
        tries: Arc<Mutex<Vec<(Instant, usize)>>>,
    }

    impl Feeds for Script {
        type Item = u32;
        const EXPORTER: Exporter = Exporter::OtlpTraces;
        const WHAT: DroppedWhat = DroppedWhat::Span;
        const DEPTH: Option<QueueName> = Some(QueueName::Spans);
        const EACH: u32 = 2;

        async fn send(&self, batch: &[u32]) -> Result<(), Failure> {
            let mut tries = self.tries.lock().unwrap();
            tries.push((Instant::now(), batch.len()));
            if tries.len() > self.failures as usize {
                return Ok(());
            }
            let failure = Failure::final_one("no");
            let (may_be_repeated, rejected) = (!self.is_final, self.rejected);
            Err(Failure { may_be_repeated, not_before: self.not_before, rejected, ..failure })
        }

        fn sent(&self, _batch: &[u32]) {
            assert!(self.rejected.is_none(), "nobody knows which of them arrived");
        }
    }

    impl Weighs for u32 {
        fn weight(&self) -> usize {
            4
        }
    }

    struct Fed {
        feed: Arc<Feed<Script>>,
        losses: Arc<Losses>,
        script: Script,
        stop: watch::Sender<Option<Instant>>,
        began: Instant,
    }

    impl Fed {
        fn new(script: Script) -> Self {
            let losses = Arc::new(Losses::default());
            let feed = Feed::new(4096, Arc::clone(&losses));
            let (stop, stopping) = watch::channel(None);
            tokio::spawn(Worker::new(Arc::clone(&feed), script.clone(), stopping).run());
            Self { feed, losses, script, stop, began: Instant::now() }
        }

        fn push(&self, many: u32) {
            (0..many).for_each(|piece| self.feed.push(|| piece));
        }

        /// After how many seconds it was sent how much.
        fn tries(&self) -> Vec<(f64, usize)> {
            let tries = self.script.tries.lock().unwrap();
            tries.iter().map(|(at, many)| ((*at - self.began).as_secs_f64(), *many)).collect()
        }

        fn lost(&self, reason: DropReason) -> u64 {
            self.losses.dropped(DroppedWhat::Span, reason)
        }
    }

    async fn seconds(many: u64) {
        tokio::time::sleep(Duration::from_secs(many)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_wait_a_second_for_others_and_a_batch_does_not_wait() {
        let fed = Fed::new(Script::default());
        fed.push(1);
        seconds(5).await;
        fed.push(512 + 3);
        seconds(5).await;
        let tries = fed.tries();
        let [(first, 1), (second, 512), (third, 3)] = tries.as_slice() else { panic!("{tries:?}") };
        assert!((1.0..1.1).contains(first) && (5.0..5.1).contains(second), "{tries:?}");
        assert!((6.0..6.1).contains(third), "{tries:?}");
        assert_eq!(fed.losses.depth(QueueName::Spans), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_tried_again_ever_more_slowly_and_given_up_in_the_end() {
        let fed = Fed::new(Script { failures: 5, ..Script::default() });
        fed.push(3);
        seconds(120).await;
        let tries: Vec<f64> = fed.tries().iter().map(|(at, _)| *at).collect();
        let waits: Vec<f64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (wait, least) in waits.iter().zip([1.0, 2.0, 4.0, 8.0]) {
            assert!((least..least * 1.26).contains(wait), "{waits:?}");
        }
        assert_eq!((tries.len(), fed.losses.failures(Exporter::OtlpTraces)), (5, 5));
        assert_eq!(fed.lost(DropReason::ExporterFailed), 6);
        fed.push(1);
        seconds(5).await;
        assert_eq!(fed.tries().len(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_never_be_taken_is_not_tried_again() {
        let fed = Fed::new(Script { failures: 1, is_final: true, ..Script::default() });
        fed.push(3);
        seconds(60).await;
        assert_eq!((fed.tries().len(), fed.lost(DropReason::ExporterFailed)), (1, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn of_what_was_taken_in_part_the_rest_is_lost_and_no_more_than_was_sent() {
        for (rejected, lost) in [(1, 1), (6, 6), (u64::MAX, 6)] {
            let fed = Fed::new(Script { failures: 1, rejected: Some(rejected), ..Script::default() });
            fed.push(3);
            seconds(60).await;
            assert_eq!((fed.tries().len(), fed.lost(DropReason::ExporterFailed)), (1, lost));
            assert_eq!(fed.losses.failures(Exporter::OtlpTraces), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_says_when_to_come_back() {
        let fed =
            Fed::new(Script { failures: 1, not_before: Some(Duration::from_secs(9)), ..Script::default() });
        fed.push(1);
        seconds(60).await;
        let tries = fed.tries();
        assert!((9.0..9.1).contains(&(tries[1].0 - tries[0].0)), "{tries:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_counted() {
        let fed = Fed::new(Script { failures: 100, ..Script::default() });
        fed.push(3000);
        assert_eq!(fed.lost(DropReason::QueueFull), 2 * (3000 - 2048));
        assert_eq!(fed.losses.depth(QueueName::Spans), 4096);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_tries_once_more_and_gives_up_what_is_not_taken() {
        let fed = Fed::new(Script { failures: 100, ..Script::default() });
        fed.push(600);
        seconds(2).await;
        fed.stop.send_replace(Some(Instant::now() + Duration::from_secs(5)));
        seconds(1).await;
        assert_eq!(fed.lost(DropReason::ExporterFailed), 1200);
        assert_eq!(fed.losses.depth(QueueName::Spans), 0);
    }
}
