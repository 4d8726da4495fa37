//! The clients of one round: as fast as they are answered, or at a fixed rate.
//!
//! # Why
//!
//! Saturation is driven by two threads with an event loop each, so that the clients cost little of the cores that they
//! share with the target. A fixed rate is driven by a thread for each connection, which sleeps until its next call is due:
//! an event loop's timers are a millisecond coarse. Its latency counts from when a call was due, so that a target which
//! stands still is charged for the calls that could not begin meanwhile (no coordinated omission).

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use super::client::{Client, Exchange, Job, PATIENCE};

/// Threads of the clients at saturation.
const THREADS: usize = 2;

/// What is counted: at saturation calls that begin and end within, at a fixed rate calls that are due within.
#[derive(Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// What the clients saw, in nanoseconds.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) latencies: Vec<u32>,
    pub(crate) first_events: Vec<u32>,
    pub(crate) errors: Vec<anyhow::Error>,
}

impl Tally {
    /// One call, with the moment from which its latency counts.
    fn count(&mut self, from: Instant, ended: Instant, first_event: Option<Instant>) {
        let nanoseconds = |time: Duration| u32::try_from(time.as_nanos()).unwrap_or(u32::MAX);
        self.latencies.push(nanoseconds(ended - from));
        self.first_events.extend(first_event.map(|first| nanoseconds(first.saturating_duration_since(from))));
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.first_events.extend(other.first_events);
        self.errors.extend(other.errors);
    }
}

/// How a round goes: how long it warms up, how long it counts, and how many calls are due a second; `None` = saturation.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    pub(crate) per_second: Option<u32>,
}

/// Opens the connections, then calls; `during` is shown the window as it begins and must come back when it is over.
pub(crate) fn run(job: Job, clients: usize, pace: Pace, during: impl FnOnce(Window)) -> Result<Tally> {
    let threads = if pace.per_second.is_some() { clients } else { THREADS.min(clients) };
    let (ready, opened) = sync_channel(threads);
    let mut starts = Vec::new();
    let mut running = Vec::new();
    for thread in 0..threads {
        let (start, started) = sync_channel(1);
        let ready = ready.clone();
        let numbers: Vec<usize> = (thread..clients).step_by(threads).collect();
        starts.push(start);
        running.push(match pace.per_second {
            None => thread::spawn(move || saturate(&job, &numbers, &ready, &started)),
            Some(per_second) => {
                let turns = Turns { first: thread, of: clients, per_second };
                thread::spawn(move || keep_pace(&job, turns, &ready, &started))
            }
        });
    }
    drop(ready);
    for _ in 0..threads {
        opened.recv().context("a client's thread ended")??;
    }
    let from = Instant::now() + pace.warm_up;
    let window = Window { from, until: from + pace.measured };
    for start in starts {
        start.send(window).ok();
    }
    during(window);
    let mut all = Tally::default();
    for thread in running {
        all.add(thread.join().map_err(|_panic| anyhow!("a client's thread panicked"))?);
    }
    Ok(all)
}

fn saturate(
    job: &Job,
    numbers: &[usize],
    ready: &SyncSender<Result<()>>,
    started: &Receiver<Window>,
) -> Tally {
    let mut tally = Tally::default();
    let opened: Result<Vec<Client>> = numbers.iter().map(|number| Client::open(job, *number)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (clients, runtime) = match (opened, runtime) {
        (Ok(clients), Ok(runtime)) => (clients, runtime),
        (Err(error), _) => return refuse(ready, error),
        (_, Err(error)) => return refuse(ready, error.into()),
    };
    ready.send(Ok(())).ok();
    let Ok(window) = started.recv() else { return tally };
    runtime.block_on(async {
        let mut calling = JoinSet::new();
        for client in clients {
            calling.spawn(call_until_over(client, window));
        }
        let patience = window.until + PATIENCE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(patience.into(), calling.join_next()).await {
            match ended {
                Ok(one) => tally.add(one),
                Err(panic) => tally.errors.push(panic.into()),
            }
        }
        for _ in 0..calling.len() {
            tally.errors.push(anyhow!("no answer within {PATIENCE:?}"));
        }
    });
    tally
}

fn refuse(ready: &SyncSender<Result<()>>, error: anyhow::Error) -> Tally {
    ready.send(Err(error)).ok();
    Tally::default()
}

async fn call_until_over(client: Client, window: Window) -> Tally {
    let mut tally = Tally::default();
    let (stream, exchange, buffer) = client.into_parts();
    if let Err(error) = call_one_after_another(stream, exchange, buffer, window, &mut tally).await {
        tally.errors.push(error);
    }
    tally
}

async fn call_one_after_another(
    stream: std::net::TcpStream,
    mut exchange: Exchange,
    mut buffer: Vec<u8>,
    window: Window,
    tally: &mut Tally,
) -> Result<()> {
    stream.set_nonblocking(true)?;
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let has_events = exchange.has_events();
    let mut begun = Instant::now();
    while begun < window.until {
        stream.write_all(exchange.ask()).await?;
        let mut first_event = None;
        loop {
            let read = stream.read(&mut buffer).await?;
            let complete = exchange.hear(&buffer[..read])?;
            if has_events && first_event.is_none() && exchange.first_event_came() {
                first_event = Some(Instant::now());
            }
            if complete {
                break;
            }
        }
        let ended = Instant::now();
        if begun >= window.from && ended <= window.until {
            tally.count(begun, ended, first_event);
        }
        begun = ended;
    }
    Ok(())
}

/// Which calls of the schedule are one client's: every `of`-th from `first` on.
#[derive(Clone, Copy)]
struct Turns {
    first: usize,
    of: usize,
    per_second: u32,
}

impl Turns {
    fn due(self, turn: u32) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "numbers of calls are far below 2^53")]
        let call = self.first as f64 + f64::from(turn) * self.of as f64;
        Duration::from_secs_f64(call / f64::from(self.per_second))
    }
}

fn keep_pace(job: &Job, turns: Turns, ready: &SyncSender<Result<()>>, started: &Receiver<Window>) -> Tally {
    let mut tally = Tally::default();
    let mut client = match Client::open(job, turns.first) {
        Ok(client) => client,
        Err(error) => return refuse(ready, error),
    };
    ready.send(Ok(())).ok();
    let Ok(window) = started.recv() else { return tally };
    let start = Instant::now();
    for turn in 0.. {
        let due = start + turns.due(turn);
        if due >= window.until {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        match client.call() {
            // Also where it ended after the window: leaving out what was slow would be the omission again.
            Ok(times) if due >= window.from => tally.count(due, times.ended, times.first_event),
            Ok(_) => {}
            Err(error) => {
                tally.errors.push(error);
                break;
            }
        }
    }
    tally
}
