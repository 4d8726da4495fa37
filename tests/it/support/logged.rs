//! The observer driven by hand, and the log lines that it leads to.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use sightglass::config::{Config, Secret};
use sightglass::export::{Console, Log, Losses};
use sightglass::mcp::trace::{Context, Flags, SpanId, Trace, TraceId};

use super::observed::{Asked, Observed, one_server};

/// Longer than anything takes: only a hang reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A log that writes into memory, and an observer that tells it.
pub(crate) struct Logged {
    pub(crate) observed: Observed,
    pub(crate) log: Arc<Log>,
    pub(crate) losses: Arc<Losses>,
    pub(crate) tape: Tape,
}

/// What was written.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Logged {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With some settings changed.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let tape = Tape::default();
        let console = Console { out: Box::new(tape.clone()), pretty: false, color: false };
        Self { tape, ..Self::on(console, change) }
    }

    /// With lines for people.
    pub(crate) fn pretty(color: bool) -> Self {
        let tape = Tape::default();
        let console = Console { out: Box::new(tape.clone()), pretty: true, color };
        Self { tape, ..Self::on(console, |_| {}) }
    }

    /// With a console of one's own; the tape stays empty.
    pub(crate) fn on(console: Console, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = one_server();
        config.logs.salt = Some(Secret("salt".to_owned()));
        change(&mut config);
        let losses = Arc::new(Losses::default());
        let log = Arc::new(Log::start(&config, Arc::clone(&losses), console, None).expect("a log"));
        let observed = Observed::telling(&config, Arc::clone(&log) as _);
        Self { observed, log, losses, tape: Tape::default() }
    }

    /// A POST in a trace, sent whole.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> Asked {
        let asked = self.observed.ask("POST", "/mcp", headers);
        let (id, server_span) = (TraceId([0xab; 16]), SpanId([0xcd; 8]));
        let flags = Flags::new_root(true);
        let client = Context { trace: id, span: SpanId([0xef; 8]), flags };
        asked.exchange.traced(Trace {
            id,
            parent: None,
            server_span,
            client_span: client.span,
            flags,
            tracestate: None,
            links: Vec::new(),
            carried: false,
        });
        asked.send(body)
    }

    /// Stops the log and gives all that was written, without the times of day.
    pub(crate) fn lines(self) -> String {
        self.log.stop(LONG);
        masked(&self.tape.text(), "timestamp")
    }
}

impl Tape {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().expect("a tape").clone()).expect("text")
    }

    /// Waits until something of the kind was written.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let (tape, written) = &*self.0;
        let misses = |tape: &mut Vec<u8>| !String::from_utf8_lossy(tape).contains(text);
        let tape = tape.lock().expect("a tape");
        let (tape, waited) = written.wait_timeout_while(tape, LONG, misses).expect("a tape");
        assert!(!waited.timed_out(), "{text:?} never came:\n{}", String::from_utf8_lossy(&tape));
    }
}

impl Write for Tape {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        let (tape, written) = &*self.0;
        tape.lock().expect("a tape").extend_from_slice(text);
        written.notify_all();
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `lines` with `…` for the value, a string, of every member `key`.
pub(crate) fn masked(lines: &str, key: &str) -> String {
    let start = format!("\"{key}\":\"");
    let mut parts = lines.split(start.as_str());
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(&start);
        out.push('…');
        out.push_str(part.find('"').map_or("", |end| part.split_at(end).1));
    }
    out
}
