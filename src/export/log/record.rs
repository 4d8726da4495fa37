//! What the path leaves for the writer, and the lines that become of it, redacted.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::call;
use super::format::milliseconds;
use super::time::Clocks;
use crate::config::{Config, LogLevel};
use crate::export::line::{Line, Value};
use crate::export::queue::Weighs;
use crate::export::servers::{Server, Servers};
use crate::mcp::{self, Text};
use crate::observe::{
    Call, Change, Changed, Ending, HealthChange, HealthState, Redactor, Refusal, Session, SessionEnd,
};

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
    /// `None` = it is closed.
    Circuit {
        server: usize,
        open_for: Option<Duration>,
        at: SystemTime,
    },
    Health {
        server: usize,
        change: Box<HealthChange>,
        at: SystemTime,
    },
    ToolChanged {
        server: usize,
        changed: Box<Changed>,
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
            Self::ToolChanged { changed, .. } => {
                let texts = [&changed.before, &changed.after].into_iter().flatten();
                changed.tool.len() + texts.map(String::len).sum::<usize>()
            }
            Self::Health { change, .. } => size_of::<HealthChange>() + change.reason.len(),
            Self::Refused { .. } | Self::Circuit { .. } | Self::Mark(_) => 0,
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
    servers: Servers,
    pub(super) redactor: Redactor,
    /// Bytes of a payload that are told.
    pub(super) payload_bytes: usize,
}

impl Lines {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            servers: Servers::of(config),
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
            Record::Circuit { server, open_for, at } => out.push(self.circuit(server, open_for, at)),
            Record::Health { server, change, at } => out.push(self.health(server, &change, at)),
            Record::ToolChanged { server, changed, at } => out.push(self.tool_changed(server, &changed, at)),
            Record::Line(line) => out.push(self.own(*line)),
            Record::Mark(_) => {}
        }
    }

    pub(super) fn reload(&self, config: &Config) {
        self.servers.reload(config);
    }

    pub(super) fn server(&self, position: usize) -> Option<Arc<Server>> {
        self.servers.get(position)
    }

    fn name(&self, position: usize) -> Option<String> {
        self.server(position).map(|server| server.name.clone())
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
        line.add("server", self.name(session.server));
        line.add("session_id", Some(session.id.clone()));
        line.add("client_name", session.client_name.as_ref().map(|name| self.told(name)));
        line.add("client_version", session.client_version.as_ref().map(|version| self.told(version)));
        line.add("protocol_version", session.version.map(mcp::Version::as_str));
        line
    }

    fn tool_changed(&self, server: usize, changed: &Changed, at: SystemTime) -> Line {
        let tool = self.redactor.text(&changed.tool).into_owned();
        let message = self.redactor.text(&change_message(&tool, changed)).into_owned();
        let mut line = Line { at, ..Line::new(LogLevel::Info, "tool_changed", message) };
        line.add("server", self.name(server));
        line.add("tool_name", Some(tool));
        line.add("change", Some(changed.change.as_str()));
        let told = |text: &Option<String>| text.as_ref().map(|text| self.definition(text));
        line.add("before", told(&changed.before));
        line.add("after", told(&changed.after));
        line
    }

    /// The beginning of a part of a definition, without secrets.
    fn definition(&self, text: &str) -> String {
        let told = self.redactor.text(text);
        if told.chars().nth(DEFINITION_CHARACTERS).is_none() {
            return told.into_owned();
        }
        told.chars().take(DEFINITION_CHARACTERS).chain(['…']).collect()
    }

    fn circuit(&self, server: usize, open_for: Option<Duration>, at: SystemTime) -> Line {
        let name = self.name(server).unwrap_or_default();
        let (level, state, message) = match open_for {
            Some(open_for) => {
                let message = format!("{name} fails: it is left alone for {} s", open_for.as_secs_f64());
                (LogLevel::Warn, "open", message)
            }
            None => (LogLevel::Info, "closed", format!("{name} answers again: requests pass")),
        };
        let mut line = Line { at, ..Line::new(level, "circuit", message) };
        line.add("server", Some(name));
        line.add("state", Some(state));
        line
    }

    fn health(&self, server: usize, change: &HealthChange, at: SystemTime) -> Line {
        let name = self.name(server).unwrap_or_default();
        let HealthChange { health, before, reason, failures } = change;
        let message = match health {
            HealthState::Unknown => format!("nothing is known of {name} any more"),
            HealthState::Healthy => format!("{name} is well"),
            HealthState::Degraded => format!("{name} is not well: {reason}"),
            HealthState::Down => format!("{name} is down: {reason}"),
        };
        let mut line = Line { at, ..Line::new(level_of_health(*health), "health_changed", message) };
        line.add("server", Some(name));
        line.add("health", Some(health.as_str()));
        line.add("health_before", Some(before.as_str()));
        line.add("reason", (!reason.is_empty()).then(|| reason.clone()));
        line.add("consecutive_failures", (*failures > 0).then(|| failures.to_string()));
        line
    }

    fn refused(&self, server: Option<usize>, reason: Refusal, at: SystemTime) -> Line {
        let message = format!("a request was refused: {}", reason.as_str());
        let mut line = Line { at, ..Line::new(level_of_refusal(reason), "refused", message) };
        line.add("server", server.and_then(|server| self.name(server)));
        line.add("reason", Some(reason.as_str()));
        line
    }
}

/// A server that is not well is a warning.
pub(super) fn level_of_health(health: HealthState) -> LogLevel {
    match health {
        HealthState::Unknown | HealthState::Healthy => LogLevel::Info,
        HealthState::Degraded | HealthState::Down => LogLevel::Warn,
    }
}

/// What changed, for people.
fn change_message(tool: &str, changed: &Changed) -> String {
    match changed.change {
        Change::Added => format!("the server lists a new tool, {tool}"),
        Change::Removed => format!("the server no longer lists the tool {tool}"),
        Change::Description => format!("the tool {tool} is described otherwise"),
        Change::Annotations => format!("the tool {tool} has other annotations"),
        Change::InputSchema => schema_message(tool, "takes other arguments", changed),
        Change::OutputSchema => schema_message(tool, "promises other results", changed),
    }
}

/// The same with the names of the members that a schema gained, lost or defines otherwise.
fn schema_message(tool: &str, what: &str, changed: &Changed) -> String {
    let (added, removed, other) = mcp::parameters(changed.before.as_deref(), changed.after.as_deref());
    let mut message = format!("the tool {tool} {what}");
    let mut separator = ": ";
    for (verb, names) in [("added", added), ("removed", removed), ("changed", other)] {
        if !names.is_empty() {
            let many = names.len().min(NAMES_MAX);
            let names = names.get(..many).unwrap_or_default().join(", ");
            // Writing to a String cannot fail.
            let _ = write!(message, "{separator}{verb} {names}");
            separator = "; ";
        }
    }
    message
}

/// So much of a part of a definition is told.
const DEFINITION_CHARACTERS: usize = 2048;

/// So many members of a schema are named.
const NAMES_MAX: usize = 20;

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
