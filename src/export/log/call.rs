//! The lines of one call: how it ended and, where that was asked for, what it carried.

use std::borrow::Cow;

use super::keys::{End, Keys, Opening, Sentence, key};
use super::record::{Lines, Wanted};
use super::time::Clocks;
use crate::config::LogLevel;
use crate::export::line::Line;
use crate::mcp::{Id, Method, Text, Version};
use crate::observe::{Call, Direction, Ending, ErrorType, Outcome, Status};

/// Characters of a correlation id that are told.
const CORRELATION_CHARACTERS: usize = 128;

/// Keys that the line of a call may have.
const LINE_KEYS: usize = 26;

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
    correlation: Correlation<'a>,
}

/// What the client's own logs call a request, or a name for one that has none.
enum Correlation<'a> {
    Theirs(Cow<'a, str>),
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
            Some(id) => correlation(teller.text(id.as_str())?),
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
        self.open(level(call, ending), event, self.sentence(), out);
        out.word(key!("status"), ending.outcome.status().as_str());
        out.word(key!("outcome"), ending.outcome.as_str());
        if let Some(error) = ending.error {
            out.text(key!("error_type"), &error.label());
        }
        if let Some(message) = &ending.message {
            out.text(key!("error_message"), &call.without_ids(teller.kept(message)?.into_owned()));
        }
        out.time(key!("duration_ms"), ending.took);
        maybe(ending.upstream, |took| out.time(key!("upstream_ms"), took));
        maybe(ending.overhead, |took| out.time(key!("overhead_ms"), took));
        out.number(key!("request_bytes"), call.request_bytes);
        maybe(ending.response_bytes, |bytes| out.number(key!("response_bytes"), bytes));
        maybe(ending.http_status, |status| out.number(key!("http_status"), status.as_u16().into()));
        self.trace(out);
        self.ids(out)?;
        if let Some(caller) = &call.caller {
            maybe(caller.user.as_ref(), |user| out.text(key!("user_id"), user));
            out.text(key!("user_tier"), caller.tier.as_str());
        }
        if let Some(name) = &call.client.name {
            out.text(key!("client_name"), &teller.kept(name)?);
        }
        if let Some(version) = &call.client.client_version {
            out.text(key!("client_version"), &teller.kept(version)?);
        }
        maybe(call.client.version, |version| out.word(key!("protocol_version"), Version::as_str(version)));
        out.word(key!("transport"), call.transport.as_str());
        self.correlate(out);
        Some(())
    }

    fn payload(&self) -> Line {
        let event = if self.call.method == Method::ToolsCall { "tool_payload" } else { "mcp_payload" };
        let mut line = unopened();
        let message = Sentence { before: "what ", target: self.target(), after: " carried", end: End::Here };
        self.open(LogLevel::Debug, event, message, &mut line);
        self.trace(&mut line);
        self.ids(&mut line);
        self.correlate(&mut line);
        let (redactor, most) = (&self.teller.lines.redactor, self.teller.lines.payload_bytes);
        line.add("arguments", self.ending.arguments.as_ref().map(|captured| redactor.json(captured, most)));
        line.add("result", self.ending.result.as_ref().map(|captured| redactor.json(captured, most)));
        line
    }

    /// What was asked of whom.
    fn open(&self, level: LogLevel, event: &'static str, message: Sentence<'_>, out: &mut impl Keys) {
        let at = self.clocks.wall(self.ending.at);
        out.open(&Opening { at, level, event, message });
        maybe(self.teller.lines.server(self.call.server), |server| out.text(key!("server"), &server.name));
        out.text(key!("method"), &self.method);
        maybe(self.tool.as_ref(), |tool| out.text(key!("tool_name"), tool));
    }

    fn trace(&self, out: &mut impl Keys) {
        maybe(self.call.trace(), |trace| out.trace(trace.id, trace.server_span));
    }

    fn ids(&self, out: &mut impl Keys) -> Option<()> {
        maybe(self.call.session.as_ref(), |session| out.text(key!("session_id"), &session.id));
        match &self.call.id {
            Id::Null => {}
            // The number of a card is one, too.
            Id::Number(number) => {
                out.text(key!("request_id"), &self.teller.text(itoa::Buffer::new().format(*number))?);
            }
            Id::Text(text) | Id::Decimal(text) => out.text(key!("request_id"), &self.teller.kept(text)?),
        }
        Some(())
    }

    fn correlate(&self, out: &mut impl Keys) {
        match &self.correlation {
            Correlation::Theirs(id) => out.text(key!("correlation_id"), id),
            Correlation::Ours(id) => out.id(key!("correlation_id"), id),
        }
    }

    fn target(&self) -> &str {
        self.tool.as_deref().unwrap_or(&self.method)
    }

    fn sentence(&self) -> Sentence<'_> {
        let ending = self.ending;
        let (after, end) = match ending.outcome {
            Outcome::Ok => (" answered in ", End::Took(ending.took)),
            Outcome::Cancelled => (" was cancelled", End::Here),
            Outcome::ClientDisconnect => (" was given up: its client went away", End::Here),
            Outcome::AuthChallenge => (" needs authorization", End::Here),
            Outcome::Refused => (" was refused", End::Here),
            Outcome::InputRequired => (" asks for input", End::Here),
            Outcome::Task => (" became a task", End::Here),
            Outcome::ToolError
            | Outcome::JsonrpcError
            | Outcome::HttpError
            | Outcome::InvalidResponse
            | Outcome::UpstreamUnreachable
            | Outcome::UpstreamReset
            | Outcome::Timeout
            | Outcome::NoResponse => {
                let why = ending.error.map_or_else(|| ending.outcome.as_str().to_owned(), ErrorType::label);
                (" failed: ", End::Why(why))
            }
        };
        Sentence { before: "", target: self.target(), after, end }
    }
}

/// What was told of an id, as far as lines tell it.
fn correlation(told: Cow<'_, str>) -> Option<Correlation<'_>> {
    let told = if told.len() > CORRELATION_CHARACTERS {
        Cow::Owned(told.chars().take(CORRELATION_CHARACTERS).collect())
    } else {
        told
    };
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
