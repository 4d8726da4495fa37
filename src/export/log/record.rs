//! What the path leaves for the writer, and the lines that become of it, redacted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::call;
use super::format::milliseconds;
use super::time::Clocks;
use crate::config::{Config, LogLevel};
use crate::export::line::{Line, Value};
use crate::export::queue::Weighs;
use crate::mcp::Text;
use crate::observe::{Call, Ending, Redactor, Refusal, Session, SessionEnd};

/// Something to be told, as cheap to leave as can be.
#[derive(Debug)]
pub(super) enum Record {
    Call {
        call: Arc<Call>,
        ending: Box<Ending>,
        wanted: Wanted,
    },
    SessionStarted {
        session: Arc<Session>,
        at: SystemTime,
    },
    SessionEnded {
        session: Arc<Session>,
        at: SystemTime,
        lasted: Duration,
        reason: SessionEnd,
        calls: u64,
    },
    Refused {
        server: Option<usize>,
        reason: Refusal,
        at: SystemTime,
    },
    Line(Box<Line>),
    /// Dropped when what was left before has been handed on.
    Mark(oneshot::Sender<()>),
}

impl Weighs for Record {
    fn weight(&self) -> usize {
        let more = match self {
            Self::Call { call, ending, .. } => call.weight() + ending.weight(),
            Self::SessionStarted { session, .. } | Self::SessionEnded { session, .. } => session.weight(),
            Self::Line(line) => line.weight(),
            Self::Refused { .. } | Self::Mark(_) => 0,
        };
        size_of::<Self>() + more
    }
}

/// Which lines of a call are to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The line that every call has.
    pub(super) call: bool,
    /// The line with its arguments and its result.
    pub(super) payload: bool,
}

/// Makes lines.
#[derive(Debug)]
pub(super) struct Lines {
    servers: Vec<String>,
    pub(super) redactor: Redactor,
    /// Bytes of a payload that are told.
    pub(super) payload_bytes: usize,
}

impl Lines {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            servers: config.servers.iter().map(|server| server.name.clone()).collect(),
            redactor: Redactor::new(&config.logs.redact_keys),
            payload_bytes: config.logs.capture.max_bytes,
        }
    }

    /// Appends the lines of `record`.
    pub(super) fn of(&self, record: Record, clocks: Clocks, out: &mut Vec<Line>) {
        match record {
            Record::Call { call, ending, wanted } => call::lines(self, (&call, &ending), wanted, clocks, out),
            Record::SessionStarted { session, at } => out.push(self.session_started(&session, at)),
            Record::SessionEnded { session, at, lasted, reason, calls } => {
                out.push(self.session_ended(&session, at, lasted, reason, calls));
            }
            Record::Refused { server, reason, at } => out.push(self.refused(server, reason, at)),
            Record::Line(line) => out.push(self.own(*line)),
            Record::Mark(_) => {}
        }
    }

    pub(super) fn server(&self, position: usize) -> Option<&str> {
        self.servers.get(position).map(String::as_str)
    }

    /// What a peer wrote, without secrets.
    pub(super) fn told(&self, text: &Text) -> String {
        self.redactor.kept(text).into_owned()
    }

    /// The program's own line: what libraries say, and why something failed, may name anything.
    fn own(&self, mut line: Line) -> Line {
        let redacted = |text: &str| self.redactor.text(text).into_owned();
        line.message = redacted(&line.message);
        for (_, value) in &mut line.fields {
            match value {
                Value::Text(text) => *text = redacted(text).into(),
                Value::List(texts) => texts.iter_mut().for_each(|text| *text = redacted(text)),
                Value::Integer(_) | Value::Float(_) | Value::Flag(_) => {}
            }
        }
        line
    }

    fn session_started(&self, session: &Session, at: SystemTime) -> Line {
        self.session(session, at, "session_started", "a session began")
    }

    fn session_ended(
        &self,
        session: &Session,
        at: SystemTime,
        lasted: Duration,
        reason: SessionEnd,
        calls: u64,
    ) -> Line {
        let message = format!("a session ended: {}", reason.as_str());
        let mut line = self.session(session, at, "session_ended", &message);
        line.add("duration_ms", Some(milliseconds(lasted)));
        line.add("end_reason", Some(reason.as_str()));
        line.add("tool_calls", Some(calls));
        line
    }

    fn session(&self, session: &Session, at: SystemTime, event: &'static str, message: &str) -> Line {
        let mut line = Line { at, ..Line::new(LogLevel::Info, event, message) };
        line.trace = session.handshake.as_ref().map(|handshake| (handshake.span.trace, handshake.span.span));
        line.add("server", self.server(session.server).map(str::to_owned));
        line.add("session_id", Some(session.id.clone()));
        line.add("client_name", session.client_name.as_ref().map(|name| self.told(name)));
        line.add("client_version", session.client_version.as_ref().map(|version| self.told(version)));
        line.add("protocol_version", session.version.map(crate::mcp::Version::as_str));
        line
    }

    fn refused(&self, server: Option<usize>, reason: Refusal, at: SystemTime) -> Line {
        let message = format!("a request was refused: {}", reason.as_str());
        let mut line = Line { at, ..Line::new(level_of_refusal(reason), "refused", message) };
        line.add("server", server.and_then(|server| self.server(server)).map(str::to_owned));
        line.add("reason", Some(reason.as_str()));
        line
    }
}

/// Warn where the proxy itself is the reason.
pub(super) fn level_of_refusal(reason: Refusal) -> LogLevel {
    match reason {
        Refusal::Limit | Refusal::CircuitOpen | Refusal::BulkheadFull | Refusal::ShuttingDown => {
            LogLevel::Warn
        }
        Refusal::NoRoute
        | Refusal::HostRefused
        | Refusal::OriginRefused
        | Refusal::BadRequest
        | Refusal::Unauthorized
        | Refusal::SlowHead
        | Refusal::BadHead => LogLevel::Info,
    }
}
