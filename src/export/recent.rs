//! The last calls, for who looks at them while they happen or soon after: the console, `GET /api/calls`, `/api/events`.
//!
//! # Why
//! Mostly the line of a call has just been written, in the memory of the thread that carried it: keeping it is a copy into
//! room that was set aside at the start. Where it has not, because nobody wants lines or somebody has to look for secrets
//! first, the call itself is kept, and its line is made when somebody asks: making it on the way would cost a tenth of
//! what a call does. Nobody who reads is waited for: who is slow finds that lines are gone, and how many.
//! Where `logs.calls` is off, nothing is kept until somebody looks, so that it costs nobody a thing who never does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::log::CallLines;
use super::losses::Losses;
use crate::config::Config;
use crate::observe::{Call, Captured, DropReason, DroppedWhat, Ending, Event, Export, Milestone, Passed};

/// Bytes that a call may take on average.
const USUAL_BYTES: usize = 2 * 1024;

/// What is put behind a line.
const TIMELINE_BYTES: usize = 160;

/// So many calls with captured payloads have room at least: of larger ones the payloads are left out.
const PAYLOADS_MIN: usize = 16;

/// A few large calls have room in the smallest one.
const LEAST_BYTES: usize = 256 * 1024;

/// How long calls are kept after somebody looked, where nobody writes lines of them.
const WAKEFUL_SECONDS: u64 = 15 * 60;

/// So many calls are copied at once while nobody can add one: for about a microsecond.
const COPIED_AT_ONCE: u64 = 16;

/// Keeps the last `limits.recent_calls` calls that ended.
pub struct Recent {
    ring: Mutex<Ring>,
    lines: CallLines,
    calls_max: usize,
    bytes_max: usize,
    losses: Arc<Losses>,
    /// Nobody writes lines of calls (`logs.calls`): then those are kept that end while somebody looks.
    dozes: bool,
    begun: Instant,
    /// When somebody looked last, in seconds from then; 0 = nobody ever did.
    looked: AtomicU64,
}

/// A call that was kept.
#[derive(Debug)]
pub struct Kept {
    /// One higher for each call that ended.
    pub number: u64,
    /// When it ended.
    pub at: SystemTime,
    /// One JSON object: the keys of its log line, `number` and `timeline`, and where they were captured `arguments` and
    /// `result`.
    pub json: Vec<u8>,
}

/// The oldest first.
#[derive(Default)]
struct Ring {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    /// The lines of all entries that have one, one after the other.
    text: VecDeque<u8>,
    /// How much text there was before what is there.
    gone: u64,
    /// Bytes beside the text.
    others: usize,
}

struct Entry {
    said: Said,
    beside: Beside,
    /// Bytes beside the text.
    weight: usize,
}

/// What is kept of a call beside its line.
#[derive(Clone)]
struct Beside {
    times: Times,
    payload: Option<Arc<Payload>>,
}

/// What was captured of a call for the log; secrets are looked for when somebody asks.
struct Payload {
    arguments: Option<Captured>,
    result: Option<Captured>,
}

enum Said {
    /// Where it begins in all text that ever was, and its length.
    Line(u64, usize),
    /// Its line is still to be made.
    Call(Arc<(Arc<Call>, Ending)>),
}

/// When what happened, from the request's head.
#[derive(Clone)]
struct Times {
    sent: Option<Duration>,
    answered: Option<Duration>,
    first_event: Option<Duration>,
    took: Duration,
    at: Instant,
    passed: Vec<(Duration, Passed)>,
    more: u32,
}

impl Recent {
    /// None yet.
    pub fn new(config: &Config, losses: Arc<Losses>) -> Self {
        let calls_max = config.limits.recent_calls;
        let bytes_max = if calls_max == 0 { 0 } else { (calls_max * USUAL_BYTES).max(LEAST_BYTES) };
        // Set aside, so that no call waits while a full one is moved; what is not used costs nothing.
        let ring = Ring {
            entries: VecDeque::with_capacity(calls_max),
            text: VecDeque::with_capacity(bytes_max),
            ..Ring::default()
        };
        Self {
            ring: Mutex::new(ring),
            lines: CallLines::new(config),
            calls_max,
            bytes_max,
            losses,
            dozes: !config.logs.calls,
            begun: Instant::now(),
            looked: AtomicU64::new(0),
        }
    }

    /// Whether any is kept at all.
    pub fn is_on(&self) -> bool {
        self.calls_max > 0
    }

    /// The number that the next call gets.
    pub fn next(&self) -> u64 {
        self.look();
        self.lock().end()
    }

    /// The last calls before this number that `wants` wants, at most so many, the newest first. Takes as long as that
    /// takes: not to be called where traffic passes.
    pub fn before(&self, number: u64, most: usize, mut wants: impl FnMut(&Kept) -> bool) -> Vec<Kept> {
        self.look();
        let (mut found, mut end) = (Vec::new(), number);
        while found.len() < most {
            let copied = self.copy(|ring| {
                let end = end.min(ring.end());
                (end.saturating_sub(COPIED_AT_ONCE), end)
            });
            let Some((first, ..)) = copied.first() else { break };
            end = *first;
            let kept = copied.into_iter().rev().map(|copy| self.kept(copy)).filter(|kept| wants(kept));
            found.extend(kept.take(most - found.len()));
        }
        found
    }

    /// The calls from this number on, the oldest first and at most so many; and how many of those that there were are
    /// gone, which are counted as dropped.
    pub fn from(&self, number: u64, most: usize) -> (Vec<Kept>, u64) {
        self.look();
        let (mut found, mut lost, mut next) = (Vec::new(), 0, number);
        while found.len() < most {
            let copied = self.copy(|ring| {
                let start = next.max(ring.first);
                lost += start - next;
                next = start;
                (start, start.saturating_add(COPIED_AT_ONCE.min((most - found.len()) as u64)))
            });
            if copied.is_empty() {
                break;
            }
            next += copied.len() as u64;
            found.extend(copied.into_iter().map(|copy| self.kept(copy)));
        }
        self.lost(lost);
        (found, lost)
    }

    /// Whoever reads them gave so many up.
    pub fn lost(&self, many: u64) {
        self.losses.lose(DroppedWhat::Recent, DropReason::QueueFull, many);
    }

    /// What is between the numbers that `which` says.
    fn copy(&self, which: impl FnOnce(&Ring) -> (u64, u64)) -> Vec<(u64, Copied, Beside)> {
        let ring = self.lock();
        let (start, end) = which(&ring);
        let (start, end) = (start.max(ring.first), end.min(ring.end()));
        let copied = (start..end).filter_map(|number| {
            let entry = ring.entries.get(place(number - ring.first))?;
            Some((number, ring.said(entry), entry.beside.clone()))
        });
        copied.collect()
    }

    fn kept(&self, (number, copied, Beside { times, payload }): (u64, Copied, Beside)) -> Kept {
        let mut json = match copied {
            Copied::Line(line) => line,
            Copied::Call(call) => self.lines.late(&call.0, &call.1),
        };
        // The brace that closes it, and the line break.
        json.truncate(json.len().saturating_sub(2));
        let mut more = json!({ "number": number, "timeline": times.told() });
        for (key, captured) in payload.iter().flat_map(|payload| payload.parts()) {
            more[key] = json!(self.lines.payload(captured));
        }
        json.push(b',');
        json.extend_from_slice(more.to_string().as_bytes().get(1..).unwrap_or_default());
        let now = SystemTime::now();
        let at = now.checked_sub(times.at.elapsed()).unwrap_or(now);
        Kept { number, at, json }
    }

    /// Somebody looks.
    fn look(&self) {
        if self.dozes {
            self.looked.store(self.begun.elapsed().as_secs().max(1), Ordering::Relaxed);
        }
    }

    /// Whether nobody has looked for long.
    fn is_dozing(&self, now: Instant) -> bool {
        let since = || now.saturating_duration_since(self.begun).as_secs();
        match self.looked.load(Ordering::Relaxed) {
            0 => self.dozes,
            looked => self.dozes && since() > looked + WAKEFUL_SECONDS,
        }
    }

    fn ended(&self, call: &Arc<Call>, ending: &Ending) {
        if self.is_dozing(ending.at) {
            return;
        }
        let payload = Payload::of(ending, self.bytes_max / PAYLOADS_MIN);
        let (beside, mut whole) = (Beside { times: Times::of(call, ending), payload }, None);
        let is_line = CallLines::written(call, ending, |line| {
            whole = self.lock().add(Wanted::Line(line), beside.clone(), self);
        });
        if !is_line {
            let mut kept = ending.clone();
            (kept.arguments, kept.result) = (None, None);
            let weight = call.weight() + kept.weight();
            let said = Wanted::Call(Arc::new((Arc::clone(call), kept)), weight);
            whole = self.lock().add(said, beside, self);
        }
        if whole.is_none() {
            self.losses.lose(DroppedWhat::Recent, DropReason::TooLarge, 1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Export for Recent {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, ending } = event {
            self.ended(call, ending);
        }
    }

    fn reload(&self, config: &Config) {
        self.lines.reload(config);
    }
}

/// What is to be kept.
enum Wanted<'a> {
    Line(&'a [u8]),
    Call(Arc<(Arc<Call>, Ending)>, usize),
}

/// What was kept.
enum Copied {
    Line(Vec<u8>),
    Call(Arc<(Arc<Call>, Ending)>),
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Adds one, in the place of as many of the oldest as it takes; `None` = it is larger than all of this.
    fn add(&mut self, wanted: Wanted<'_>, beside: Beside, of: &Recent) -> Option<()> {
        let (line, weight) = match &wanted {
            Wanted::Line(line) => (line.len(), beside.weight()),
            Wanted::Call(_, weight) => (0, beside.weight() + weight),
        };
        if line + weight > of.bytes_max {
            return None;
        }
        while self.entries.len() >= of.calls_max
            || self.text.len() + self.others + line + weight > of.bytes_max
        {
            self.forget_oldest()?;
        }
        let said = match wanted {
            Wanted::Line(line) => {
                let start = self.gone + self.text.len() as u64;
                self.text.extend(line);
                Said::Line(start, line.len())
            }
            Wanted::Call(call, _) => Said::Call(call),
        };
        self.others += weight;
        self.entries.push_back(Entry { said, beside, weight });
        Some(())
    }

    fn forget_oldest(&mut self) -> Option<()> {
        let oldest = self.entries.pop_front()?;
        self.first += 1;
        self.others -= oldest.weight;
        if let Said::Line(_, length) = oldest.said {
            self.text.drain(..length);
            self.gone += length as u64;
        }
        Some(())
    }

    fn said(&self, entry: &Entry) -> Copied {
        match &entry.said {
            Said::Line(start, length) => {
                let (start, (front, back)) = (place(start - self.gone), self.text.as_slices());
                let end = start + length;
                let mut line = Vec::with_capacity(length + TIMELINE_BYTES);
                line.extend_from_slice(
                    front.get(start.min(front.len())..end.min(front.len())).unwrap_or_default(),
                );
                let (start, end) = (start.saturating_sub(front.len()), end.saturating_sub(front.len()));
                line.extend_from_slice(back.get(start..end).unwrap_or_default());
                Copied::Line(line)
            }
            Said::Call(call) => Copied::Call(Arc::clone(call)),
        }
    }
}

impl Beside {
    fn weight(&self) -> usize {
        let payload = self.payload.as_ref().map_or(0, |payload| payload.weight());
        self.times.passed.capacity() * size_of::<(Duration, Passed)>() + payload
    }
}

impl Payload {
    /// `None` where nothing was captured, or it is larger than so many bytes. Copied: what was captured may be a part of
    /// something larger.
    fn of(ending: &Ending, bytes_max: usize) -> Option<Arc<Self>> {
        let (arguments, result) = (ending.arguments.as_ref(), ending.result.as_ref());
        let bytes = |captured: Option<&Captured>| captured.map_or(0, |captured| captured.bytes.len());
        let is_any = arguments.is_some() || result.is_some();
        (is_any && bytes(arguments) + bytes(result) <= bytes_max)
            .then(|| Arc::new(Self { arguments: arguments.map(copy), result: result.map(copy) }))
    }

    fn parts(&self) -> impl Iterator<Item = (&'static str, &Captured)> {
        let parts = [("arguments", &self.arguments), ("result", &self.result)];
        parts.into_iter().filter_map(|(key, captured)| Some((key, captured.as_ref()?)))
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.parts().map(|(_, captured)| captured.bytes.len()).sum::<usize>()
    }
}

fn copy(captured: &Captured) -> Captured {
    Captured { bytes: Bytes::copy_from_slice(&captured.bytes), ..*captured }
}

impl Times {
    fn of(call: &Call, ending: &Ending) -> Self {
        let since = |at: Instant| at.saturating_duration_since(call.started);
        // Of a call without a stream nothing passed before its answer.
        let (passed, more) = if ending.events.is_some() { call.milestones() } else { Default::default() };
        let passed = passed.into_iter().map(|Milestone { at, what }| (since(at), what)).collect();
        Self {
            sent: call.forwarded().map(since),
            answered: call.answered().map(since),
            first_event: ending.first_event,
            took: ending.took,
            at: ending.at,
            passed,
            more,
        }
    }

    /// Milliseconds from the request's head; what is not known is not there.
    fn told(&self) -> Value {
        let mut told = json!({ "received_ms": 0.0 });
        let times = [
            ("sent_ms", self.sent),
            ("first_byte_ms", self.answered),
            ("first_event_ms", self.first_event),
            ("ended_ms", Some(self.took)),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                told[name] = json!(milliseconds(time));
            }
        }
        if !self.passed.is_empty() {
            let passed = self.passed.iter();
            let passed = passed.map(|(at, what)| json!({ "ms": milliseconds(*at), "what": word(*what) }));
            told["passed"] = passed.collect();
            told["passed_more"] = json!(self.more);
        }
        told
    }
}

fn word(passed: Passed) -> &'static str {
    match passed {
        Passed::FirstEvent => "first_event",
        Passed::Priming => "priming",
        Passed::Resumed => "resumed",
        Passed::Notification(method) | Passed::Request(method) => method.as_str(),
    }
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Positions are far below this on machines of 64 bits.
fn place(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_wherever_they_stand_in_the_room() {
        let mut config = Config::default();
        config.limits.recent_calls = 200;
        let recent = Recent::new(&config, Arc::default());
        let times = Times {
            sent: None,
            answered: None,
            first_event: None,
            took: Duration::ZERO,
            at: Instant::now(),
            passed: Vec::new(),
            more: 0,
        };
        let beside = Beside { times, payload: None };
        let line = |number: usize| format!("{{\"n\":\"{number} {}\"}}\n", "x".repeat(number * 37 % 5000));
        let mut seen = 0;
        for number in 0..5000 {
            let added = recent.lock().add(Wanted::Line(line(number).as_bytes()), beside.clone(), &recent);
            assert!(added.is_some());
            let (kept, lost) = recent.from(seen, 3);
            let Some(newest) = kept.last() else { continue };
            seen = newest.number + 1;
            assert_eq!(lost, 0);
            assert!(newest.json.starts_with(line(number).trim_end_matches("}\n").as_bytes()));
        }
        let kept = recent.before(u64::MAX, usize::MAX, |_| true);
        assert!((100..=200).contains(&kept.len()), "{}", kept.len());
        for (back, kept) in kept.iter().enumerate() {
            assert!(kept.json.starts_with(line(4999 - back).trim_end_matches("}\n").as_bytes()), "{back}");
            assert_eq!(kept.number, 4999 - back as u64);
        }
        let (_, lost) = recent.from(0, 1);
        assert_eq!(lost, 5000 - kept.len() as u64);
        let whole = vec![b'x'; recent.bytes_max + 1];
        assert!(recent.lock().add(Wanted::Line(&whole), beside, &recent).is_none());
    }
}
