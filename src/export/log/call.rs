//! The lines of one call: how it ended and, where that was asked for, what it carried.

use std::borrow::Cow;

use super::format::Tenths;
use super::keys::{Keys, Opening};
use super::record::{Lines, Wanted};
use super::time::Clocks;
use crate::config::LogLevel;
use crate::export::line::Line;
use crate::mcp::{Id, Method, Text, Version};
use crate::observe::{Call, Direction, Ending, ErrorType, Outcome, Status};

/// Characters of a correlation id that are told.
const CORRELATION_CHARACTERS: usize = 128;

/// Keys that the line of a call may have.
const LINE_KEYS: usize = 24;

/// Error is what a server or the proxy did wrong; that the proxy said no is a warning; the rest is normal.
pub(super) fn level(call: &Call, ending: &Ending) -> LogLevel {
    match ending.outcome.status() {
        Status::Error if is_clients_fault(call, ending) => LogLevel::Info,
        Status::Error => LogLevel::Error,
        Status::Rejected if ending.outcome == Outcome::Refused => LogLevel::Warn,
        Status::Rejected | Status::Success | Status::Cancelled | Status::Pending => LogLevel::Info,
    }
}

/// The codes by which a server says that the request was wrong, or a request that was the client's to answer.
fn is_clients_fault(call: &Call, ending: &Ending) -> bool {
    let asked_wrongly =
        matches!(ending.error, Some(ErrorType::Code(-32_700 | -32_600 | -32_601 | -32_602 | -32_002)));
    asked_wrongly || call.direction == Direction::ServerToClient
}

/// Appends the lines of a call that are wanted.
pub(super) fn lines(
    lines: &Lines,
    (call, ending): (&Call, &Ending),
    wanted: Wanted,
    clocks: Clocks,
    out: &mut Vec<Line>,
) {
    let Some(facts) = Facts::of(Teller { lines, at_once: false }, call, ending, clocks) else { return };
    if wanted.call {
        let mut line = unopened();
        facts.call(&mut line);
        out.push(line);
    }
    if wanted.payload {
        out.push(facts.payload());
    }
}

/// Tells the line that every call has, where that takes no look at what peers wrote for secrets; `None` where it would:
/// then what was told so far is no line.
pub(super) fn at_once(
    lines: &Lines,
    (call, ending): (&Call, &Ending),
    clocks: Clocks,
    out: &mut impl Keys,
) -> Option<()> {
    Facts::of(Teller { lines, at_once: true }, call, ending, clocks)?.call(out)
}

/// Tells what peers wrote, without secrets.
#[derive(Clone, Copy)]
struct Teller<'a> {
    lines: &'a Lines,
    /// Only what needs no look.
    at_once: bool,
}

impl<'a> Teller<'a> {
    fn kept(self, text: &'a Text) -> Option<Cow<'a, str>> {
        let redactor = &self.lines.redactor;
        match self.at_once {
            true if text.is_cut() => None,
            true => redactor.at_once(text.as_str()),
            false => Some(redactor.kept(text)),
        }
    }

    fn text(self, text: &str) -> Option<Cow<'_, str>> {
        let redactor = &self.lines.redactor;
        if self.at_once { redactor.at_once(text) } else { Some(redactor.text(text)) }
    }
}

/// A call and what all its lines say. What a [`Teller`] does not tell is `None`.
struct Facts<'a> {
    teller: Teller<'a>,
    call: &'a Call,
    ending: &'a Ending,
    clocks: Clocks,
    method: Cow<'a, str>,
    tool: Option<Cow<'a, str>>,
    correlation: Correlation,
}

/// What the client's own logs call a request, or a name for one that has none.
enum Correlation {
    Theirs(String),
    Ours([u8; 16]),
}

impl<'a> Facts<'a> {
    fn of(teller: Teller<'a>, call: &'a Call, ending: &'a Ending, clocks: Clocks) -> Option<Self> {
        let method = match (&call.method_name, call.method) {
            (Some(name), Method::Other) => teller.kept(name)?,
            (_, method) => Cow::Borrowed(method.as_str()),
        };
        let tool = match call.tool_name() {
            Some(name) => Some(teller.kept(name)?),
            None => None,
        };
        let correlation = match &call.head.correlation_id {
            Some(id) => correlation(&teller.text(id.as_str())?),
            None => None,
        };
        let correlation = correlation.unwrap_or_else(|| Correlation::Ours(fastrand::u128(..).to_be_bytes()));
        Some(Self { teller, call, ending, clocks, method, tool, correlation })
    }

    fn call(&self, out: &mut impl Keys) -> Option<()> {
        let (call, ending, teller) = (self.call, self.ending, self.teller);
        let event = match (call.direction, call.method) {
            (Direction::ServerToClient, _) => "mcp_server_request",
            (Direction::ClientToServer, Method::ToolsCall) => "tool_invocation",
            (Direction::ClientToServer, _) => "mcp_request",
        };
        self.open(level(call, ending), event, &self.sentence(), out);
        out.word("status", ending.outcome.status().as_str());
        out.word("outcome", ending.outcome.as_str());
        if let Some(error) = ending.error {
            out.text("error_type", &error.label());
        }
        if let Some(message) = &ending.message {
            out.text("error_message", &call.without_ids(teller.kept(message)?.into_owned()));
        }
        out.time("duration_ms", ending.took);
        maybe(ending.upstream, |took| out.time("upstream_ms", took));
        maybe(ending.overhead, |took| out.time("overhead_ms", took));
        out.number("request_bytes", call.request_bytes);
        maybe(ending.response_bytes, |bytes| out.number("response_bytes", bytes));
        maybe(ending.http_status, |status| out.number("http_status", status.as_u16().into()));
        self.trace(out);
        self.ids(out)?;
        if let Some(name) = &call.client.name {
            out.text("client_name", &teller.kept(name)?);
        }
        if let Some(version) = &call.client.client_version {
            out.text("client_version", &teller.kept(version)?);
        }
        maybe(call.client.version, |version| out.word("protocol_version", Version::as_str(version)));
        out.word("transport", call.transport.as_str());
        self.correlate(out);
        Some(())
    }

    fn payload(&self) -> Line {
        let event = if self.call.method == Method::ToolsCall { "tool_payload" } else { "mcp_payload" };
        let mut line = unopened();
        self.open(LogLevel::Debug, event, &format!("what {} carried", self.target()), &mut line);
        self.trace(&mut line);
        self.ids(&mut line);
        self.correlate(&mut line);
        let (redactor, most) = (&self.teller.lines.redactor, self.teller.lines.payload_bytes);
        line.add("arguments", self.ending.arguments.as_ref().map(|captured| redactor.json(captured, most)));
        line.add("result", self.ending.result.as_ref().map(|captured| redactor.json(captured, most)));
        line
    }

    /// What was asked of whom.
    fn open(&self, level: LogLevel, event: &'static str, message: &str, out: &mut impl Keys) {
        let at = self.clocks.wall(self.ending.at);
        out.open(&Opening { at, level, event, message });
        maybe(self.teller.lines.server(self.call.server), |name| out.text("server", name));
        out.text("method", &self.method);
        maybe(self.tool.as_ref(), |tool| out.text("tool_name", tool));
    }

    fn trace(&self, out: &mut impl Keys) {
        maybe(self.call.trace(), |trace| out.trace(trace.id, trace.server_span));
    }

    fn ids(&self, out: &mut impl Keys) -> Option<()> {
        maybe(self.call.session.as_ref(), |session| out.text("session_id", &session.id));
        match &self.call.id {
            Id::Null => {}
            // The number of a card is one, too.
            Id::Number(number) => out.text("request_id", &self.teller.text(&number.to_string())?),
            Id::Text(text) | Id::Decimal(text) => out.text("request_id", &self.teller.kept(text)?),
        }
        Some(())
    }

    fn correlate(&self, out: &mut impl Keys) {
        match &self.correlation {
            Correlation::Theirs(id) => out.text("correlation_id", id),
            Correlation::Ours(id) => out.id("correlation_id", id),
        }
    }

    fn target(&self) -> &str {
        self.tool.as_deref().unwrap_or(&self.method)
    }

    fn sentence(&self) -> String {
        let (target, ending) = (self.target(), self.ending);
        match ending.outcome {
            Outcome::Ok => format!("{target} answered in {} ms", Tenths::of(ending.took)),
            Outcome::Cancelled => format!("{target} was cancelled"),
            Outcome::ClientDisconnect => format!("{target} was given up: its client went away"),
            Outcome::AuthChallenge => format!("{target} needs authorization"),
            Outcome::Refused => format!("{target} was refused"),
            Outcome::InputRequired => format!("{target} asks for input"),
            Outcome::Task => format!("{target} became a task"),
            Outcome::ToolError
            | Outcome::JsonrpcError
            | Outcome::HttpError
            | Outcome::InvalidResponse
            | Outcome::UpstreamUnreachable
            | Outcome::UpstreamReset
            | Outcome::Timeout
            | Outcome::NoResponse => {
                let why = ending.error.map_or_else(|| ending.outcome.as_str().to_owned(), ErrorType::label);
                format!("{target} failed: {why}")
            }
        }
    }
}

/// What was told of an id, as far as lines tell it.
fn correlation(told: &str) -> Option<Correlation> {
    let told: String = told.chars().take(CORRELATION_CHARACTERS).collect();
    (!told.is_empty()).then_some(Correlation::Theirs(told))
}

/// A line that nothing was told yet.
fn unopened() -> Line {
    let mut line = Line::new(LogLevel::Info, "", "");
    line.fields.reserve(LINE_KEYS);
    line
}

/// Tells what is known.
fn maybe<T>(value: Option<T>, tell: impl FnOnce(T)) {
    if let Some(value) = value {
        tell(value);
    }
}
