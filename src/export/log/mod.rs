//! Log lines on standard output and in a file (`telemetry.md` §5).
//!
//! # Why
//! Whoever carries a call leaves its line in a bounded inbox: as it will be written where that takes no look for
//! secrets, else as a record. A thread of its own makes lines of the records, and one thread for each place writes them:
//! a pipe that nobody reads or a slow disk makes lines wait, then drops them and counts that, but never slows a request,
//! nor the other place. Waking a thread costs more than a line does, so the writer that was woken collects for a moment
//! first; where nothing happens, nothing ticks.

mod batch;
mod call;
mod file;
mod format;
mod inbox;
mod keys;
mod record;
mod sink;
mod time;
mod writer;

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{Builder, Thread};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;

pub use self::format::{json, pretty};

use self::file::RotatingFile;
use self::inbox::{Inbox, Waits};
use self::keys::{Json, key};
use self::record::{Lines, Record, Wanted};
use self::sink::{Place, Waiting};
use self::time::{Clocks, Second};
use self::writer::Writer;
use super::line::Line;
use super::losses::{Losses, QueueName};
use crate::config::{Config, LogLevel};
use crate::observe::{Call, Captured, DropReason, DroppedWhat, Ending, Event, Export};

/// Where the lines for people or collectors go.
pub struct Console {
    /// Standard output; may block, and fail, as it likes.
    pub out: Box<dyn Write + Send>,
    /// For people rather than JSON.
    pub pretty: bool,
    /// With colours.
    pub color: bool,
}

/// Who else wants every line; called from the writer's thread, in order.
pub type LineSink = Arc<dyn Fn(&Line) + Send + Sync>;

/// The log. Dropping it lets its threads write what waits and end; [`Log::stop`] waits for them.
pub struct Log {
    shared: Arc<Shared>,
    calls: bool,
    /// Whose names lines tell.
    lines: Arc<Lines>,
    /// Who makes lines where calls end; `None` where every line goes through the writer's hands.
    at_once: Option<AtOnce>,
    /// Nothing is ever sent: it closes when the last thread has ended.
    ended: Mutex<Receiver<()>>,
}

/// Makes lines as all places get them.
struct AtOnce {
    lines: Arc<Lines>,
    /// The key `service` and its value, as they stand in JSON.
    service: Vec<u8>,
}

/// What a thread that carries calls keeps from one line to the next.
struct Desk {
    text: Vec<u8>,
    /// Whose line that is: a call's number, and when it ended.
    whose: Option<(u64, tokio::time::Instant)>,
    second: Second,
    clocks: Clocks,
}

thread_local! {
    static DESK: RefCell<Desk> =
        RefCell::new(Desk { text: Vec::new(), whose: None, second: Second::default(), clocks: Clocks::now() });
}

/// What the path and the threads share.
struct Shared {
    /// The least severe line that is written.
    level: LogLevel,
    inbox: Inbox,
    /// The writer sleeps until somebody wakes it.
    asleep: AtomicBool,
    stopping: AtomicBool,
    writer: OnceLock<Thread>,
    /// What waits for each place.
    places: Vec<Arc<Waiting>>,
    losses: Arc<Losses>,
}

impl Log {
    /// Starts the threads that write to `console`, to `logs.file`, and to `also`.
    ///
    /// # Errors
    /// The file cannot be opened, or the system has no thread left.
    pub fn start(
        config: &Config,
        losses: Arc<Losses>,
        console: Console,
        also: Option<LineSink>,
    ) -> io::Result<Self> {
        let logs = &config.logs;
        let format = writer::Format {
            service: service(config),
            pretty: console.pretty.then_some(console.color),
            file: logs.file.is_some(),
        };
        let mut places = vec![("log-console", Place::Console(console.out))];
        if let Some(settings) = &logs.file {
            let file = RotatingFile::open(settings.clone(), Arc::clone(&losses))?;
            places.push(("log-file", Place::File { file, failed: None }));
        }
        let shared = Arc::new(Shared {
            level: logs.level,
            inbox: Inbox::new(logs.queue),
            asleep: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            writer: OnceLock::new(),
            places: places.iter().map(|_| Arc::new(Waiting::new(logs.queue))).collect(),
            losses,
        });
        let (running, ended) = sync_channel(0);
        for ((name, place), waiting) in places.into_iter().zip(&shared.places) {
            let (shared, waiting) = (Arc::clone(&shared), Arc::clone(waiting));
            spawn(name, &running, move || sink::run(&shared, &waiting, place))?;
        }
        let lines = Arc::new(Lines::new(config));
        let only_json = format.pretty.is_none() && also.is_none();
        let at_once = only_json.then(|| AtOnce::new(&lines, &format.service));
        let writer = Writer::new(Arc::clone(&shared), Arc::clone(&lines), format, also);
        spawn("log", &running, move || writer.run())?;
        Ok(Self { shared, calls: logs.calls, lines, at_once, ended: Mutex::new(ended) })
    }

    /// Writes one of the program's own lines, if its level is wanted.
    pub fn line(&self, line: Line) {
        self.shared.say(line);
    }

    /// Waits until lines were made of all that was left so far, and whoever else wants them has got them.
    pub async fn handed_on(&self) {
        let (mark, handed_on) = oneshot::channel();
        if self.shared.inbox.leave(|| Record::Mark(mark)).is_some() {
            self.shared.wake();
        }
        // The mark is dropped when its turn has come, or at once where there is no room for it.
        let _ = handed_on.await;
    }

    /// Writes what waits and ends the threads, but takes no longer than `within`: what still waits then is given up
    /// and counted. Nothing may be told afterwards.
    pub fn stop(&self, within: Duration) {
        let deadline = Instant::now() + within;
        self.shared.stop();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        if ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            self.shared.lost(self.shared.waiting(), DropReason::ExporterFailed);
        }
    }

    fn call(&self, call: &Arc<Call>, ending: &Ending) {
        let debugged = call.session.as_ref().is_some_and(|session| session.is_debugged(ending.at));
        let carried = ending.arguments.is_some() || ending.result.is_some();
        let wanted = Wanted {
            call: self.calls && (debugged || self.shared.wants(call::level(call, ending))),
            payload: carried && (debugged || self.shared.wants(LogLevel::Debug)),
        };
        let is_written = wanted.call
            && !wanted.payload
            && self.at_once.as_ref().is_some_and(|at_once| {
                at_once.write(call, ending, |line| self.shared.waits(self.shared.inbox.write(line)))
            });
        if !is_written && (wanted.call || wanted.payload) {
            self.shared.leave(|| Record::Call {
                call: Arc::clone(call),
                ending: Box::new(ending.clone()),
                wanted,
            });
        }
    }
}

impl AtOnce {
    fn new(lines: &Arc<Lines>, service: &str) -> Self {
        let mut member = key!("service").member.as_bytes().to_vec();
        format::string(service, &mut member);
        Self { lines: Arc::clone(lines), service: member }
    }

    /// Tells the line of a call as it will be written; false where somebody has to look for secrets first.
    fn write(&self, call: &Call, ending: &Ending, tell: impl FnOnce(&[u8])) -> bool {
        let write = |desk: &RefCell<Desk>| {
            let Desk { text, whose, second, clocks } = &mut *desk.borrow_mut();
            text.clear();
            *clocks = clocks.near(ending.at);
            let mut json = Json { service: &self.service, second, out: text };
            let is_line = call::at_once(&self.lines, (call, ending), *clocks, &mut json).is_some();
            *whose = is_line.then_some((call.number, ending.at));
            if is_line {
                text.extend_from_slice(b"}\n");
                tell(text);
            }
            is_line
        };
        // A thread that ends has no desk any more.
        DESK.try_with(write).unwrap_or(false)
    }
}

/// The lines of calls as JSON, for who keeps them rather than writes them.
pub(super) struct CallLines {
    lines: Lines,
    service: String,
}

impl CallLines {
    pub(super) fn new(config: &Config) -> Self {
        Self { lines: Lines::new(config), service: service(config) }
    }

    pub(super) fn reload(&self, config: &Config) {
        self.lines.reload(config);
    }

    /// Tells the line of a call that just ended, if this thread has just written it; false where it has not.
    pub(super) fn written(call: &Call, ending: &Ending, tell: impl FnOnce(&[u8])) -> bool {
        let told = DESK.try_with(|desk| {
            let desk = desk.borrow();
            let is_there = desk.whose == Some((call.number, ending.at));
            if is_there {
                tell(&desk.text);
            }
            is_there
        });
        // A thread that ends has no desk any more.
        told.unwrap_or(false)
    }

    /// What was captured of a payload, as lines tell it.
    pub(super) fn payload(&self, captured: &Captured) -> String {
        self.lines.redactor.json(captured, self.lines.payload_bytes)
    }

    /// The line of a call that ended before, secrets looked for.
    pub(super) fn late(&self, call: &Call, ending: &Ending) -> Vec<u8> {
        let (mut lines, mut text) = (Vec::new(), Vec::new());
        let wanted = Wanted { call: true, payload: false };
        call::lines(&self.lines, (call, ending), wanted, Clocks::now(), &mut lines);
        for line in &mut lines {
            if call.head.correlation_id.is_none() {
                // One that was made up is another one wherever it is told.
                line.fields.retain(|(key, _)| *key != "correlation_id");
            }
            json(line, &self.service, &mut text);
        }
        text
    }
}

impl Export for Log {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only these become lines")]
    fn event(&self, event: &Event<'_>) {
        let wants = |level| self.shared.wants(level);
        match *event {
            Event::CallEnded { call, ending } => self.call(call, ending),
            Event::SessionStarted { session } if wants(LogLevel::Info) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::SessionStarted { session: Arc::clone(session), at });
            }
            Event::SessionEnded { session, lasted, reason, calls } if wants(LogLevel::Info) => {
                let at = SystemTime::now();
                let session = || Arc::clone(session);
                self.shared.leave(|| Record::SessionEnded { session: session(), at, lasted, reason, calls });
            }
            Event::ToolChanged { server, changed, line: true } if wants(LogLevel::Info) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::ToolChanged { server, changed: Box::new(changed.clone()), at });
            }
            Event::StateLost { problem } if wants(LogLevel::Warn) => {
                let mut line = Line::new(LogLevel::Warn, "drift_state", "drift.state cannot be kept");
                line.add("error", Some(problem.to_owned()));
                self.shared.say(line);
            }
            Event::HealthChanged { server, change } if wants(record::level_of_health(change.health)) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::Health { server, change: Box::new(change.clone()), at });
            }
            Event::CircuitOpened { server, open_for } if wants(LogLevel::Warn) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::Circuit { server, open_for: Some(open_for), at });
            }
            Event::CircuitClosed { server } if wants(LogLevel::Info) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::Circuit { server, open_for: None, at });
            }
            Event::Refused { server, reason } if wants(record::level_of_refusal(reason)) => {
                let at = SystemTime::now();
                self.shared.leave(|| Record::Refused { server, reason, at });
            }
            _ => {}
        }
    }

    fn reload(&self, config: &Config) {
        self.lines.reload(config);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Shared {
    fn wants(&self, level: LogLevel) -> bool {
        level <= self.level
    }

    /// Leaves what `make` makes for the writer, or counts that there was no room.
    fn leave(&self, make: impl FnOnce() -> Record) {
        self.waits(self.inbox.leave(make));
    }

    /// Wakes the writer where that is due, or counts that there was no room.
    fn waits(&self, left: Option<Waits>) {
        match left {
            None => self.lost(1, DropReason::QueueFull),
            Some(waits) => {
                // Whoever leaves something after the writer looked sees that it sleeps: the inbox's lock orders the two.
                if waits.is_enough
                    || (self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel))
                {
                    self.wake();
                }
            }
        }
    }

    /// Leaves a line for the writer, if its level is wanted.
    fn say(&self, line: Line) {
        if self.wants(line.level) {
            self.leave(|| Record::Line(Box::new(line)));
        }
    }

    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    fn lost(&self, lines: usize, reason: DropReason) {
        self.losses.lose(DroppedWhat::Log, reason, lines as u64);
    }

    /// How many lines wait, at the place where the most do.
    fn waiting(&self) -> usize {
        let most = self.places.iter().map(|place| place.lines()).max();
        self.inbox.lines() + most.unwrap_or(0)
    }

    fn tell_depth(&self) {
        self.losses.set_depth(QueueName::Logs, self.waiting());
    }
}

/// Runs `work` on a thread that `running` knows of.
fn spawn(name: &str, running: &SyncSender<()>, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let running = running.clone();
    let work = move || {
        work();
        drop(running);
    };
    Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// `service.name`.
fn service(config: &Config) -> String {
    let named = config.tracing.resource.iter().find(|(key, _)| key == "service.name");
    named.map_or_else(|| "sightglass".to_owned(), |(_, name)| name.clone())
}
