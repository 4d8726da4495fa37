//! Tokens: what payloads take of a model's context.
//!
//! # Why an estimate by default
//! What hosts make of arguments and results before a model reads them is their own affair, and so is its vocabulary: four
//! bytes a token is as near as anybody outside gets for free. An exact count takes a hundred times as long as all other
//! observation of a call, so it is made on a thread that gets only the time that nobody else wants.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::call::Held;
use super::label::Label;
use super::lock;
use super::price::Price;
use crate::mcp;

/// What a payload of so many bytes is estimated at.
pub(super) fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

const BYTES_PER_TOKEN: u64 = 4;

/// Tokens of arguments, as they are written.
pub(super) fn of_arguments(json: &[u8]) -> u64 {
    count(&String::from_utf8_lossy(json))
}

/// Tokens of what a model gets of a result.
pub(super) fn of_result(json: &[u8]) -> u64 {
    count(&mcp::model_text(json))
}

#[cfg(feature = "o200k")]
fn count(text: &str) -> u64 {
    bpe_openai::o200k_base().count(text) as u64
}

/// The configuration refuses to ask for it in such a build.
#[cfg(not(feature = "o200k"))]
fn count(text: &str) -> u64 {
    estimate(text.len() as u64)
}

/// Counts exactly, on a thread of the lowest priority.
///
/// # Why nothing is locked
/// Whoever waits for a lock that such a thread holds waits for everybody whom that thread lets pass. So it is sent work
/// and sends counts, over queues of which neither side ever waits for the other, and what it was sent goes back with them,
/// to be given back by somebody else.
pub(super) struct Tokenizer {
    jobs: SyncSender<Payloads>,
    counted: Mutex<Receiver<Counted>>,
    waiting: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
}

/// What a call carried.
pub(super) struct Payloads {
    pub(super) server: usize,
    pub(super) tool: Label,
    pub(super) arguments: Option<Held>,
    pub(super) result: Option<Held>,
    /// What its tokens cost.
    pub(super) price: Option<Price>,
}

/// So many tokens there were.
pub(super) struct Counted {
    pub(super) of: Payloads,
    pub(super) tokens: Tokens,
}

/// Tokens of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of its arguments; `None` where it had none.
    pub input: Option<u64>,
    /// Of its result; `None` where it had none.
    pub output: Option<u64>,
}

impl Tokens {
    /// Both together.
    pub(super) fn sum(self) -> u64 {
        self.input.unwrap_or(0) + self.output.unwrap_or(0)
    }
}

/// Calls that may wait to be counted; their payloads are within `limits.observe_bytes`.
const QUEUE: usize = 4096;

/// How often it is looked whether there is anything to do.
const PAUSE: Duration = Duration::from_millis(20);

impl Tokenizer {
    /// Starts the thread; `None` where the system has none left.
    pub(super) fn start() -> Option<Self> {
        let (jobs, todo) = sync_channel(QUEUE);
        let (done, counted) = sync_channel(QUEUE);
        let (waiting, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&stopping);
        let run = move || {
            give_way();
            while !is_over.load(Ordering::Acquire) {
                match todo.try_recv() {
                    Ok(payloads) => hand_over(Counted::of(payloads), &done, &is_over),
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        };
        thread::Builder::new().name("tokens".to_owned()).spawn(run).ok()?;
        Some(Self { jobs, counted: Mutex::new(counted), waiting, stopping })
    }

    /// Leaves a call to be counted; false where too many wait.
    pub(super) fn push(&self, payloads: Payloads) -> bool {
        let is_left = self.jobs.try_send(payloads).is_ok();
        if is_left {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
        is_left
    }

    /// The next that was counted.
    pub(super) fn next(&self) -> Option<Counted> {
        let counted = lock::lock(&self.counted).try_recv().ok()?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(counted)
    }

    /// How many calls wait, or are counted just now.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl Drop for Tokenizer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
    }
}

impl Counted {
    fn of(payloads: Payloads) -> Self {
        let input = payloads.arguments.as_ref().map(|held| of_arguments(&held.captured.bytes));
        let output = payloads.result.as_ref().map(|held| of_result(&held.captured.bytes));
        Self { of: payloads, tokens: Tokens { input, output } }
    }
}

/// Hands over what was counted, once there is room.
fn hand_over(mut counted: Counted, done: &SyncSender<Counted>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Acquire) {
        match done.try_send(counted) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => return,
            Err(TrySendError::Full(back)) => counted = back,
        }
        thread::sleep(PAUSE);
    }
}

/// Has the calling thread wait for all others that want the processor.
fn give_way() {
    // Where that is not allowed, it is as others are.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), LOWEST);
}

const LOWEST: i32 = 19;
