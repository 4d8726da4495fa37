//! The lines of one call: how it ended and, where that was asked for, what it carried.

use std::borrow::Cow;

use super::format::milliseconds;
use super::record::{Lines, Wanted};
use super::time::Clocks;
use crate::config::LogLevel;
use crate::export::line::{Line, Value};
use crate::mcp::{Id, Method, Text, Version};
use crate::observe::{Call, Direction, Ending, ErrorType, Outcome, Status};

/// Characters of a correlation id that are told.
const CORRELATION_CHARACTERS: usize = 128;

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
    let facts = Facts::of(lines, call, ending, clocks);
    if wanted.call {
        out.push(facts.call());
    }
    if wanted.payload {
        out.push(facts.payload());
    }
}

/// A call and what all its lines say.
struct Facts<'a> {
    lines: &'a Lines,
    call: &'a Call,
    ending: &'a Ending,
    clocks: Clocks,
    method: Cow<'static, str>,
    tool: Option<String>,
    correlation_id: String,
}

impl<'a> Facts<'a> {
    fn of(lines: &'a Lines, call: &'a Call, ending: &'a Ending, clocks: Clocks) -> Self {
        let method = match (&call.method_name, call.method) {
            (Some(name), Method::Other) => Cow::Owned(lines.told(name)),
            (_, method) => Cow::Borrowed(method.as_str()),
        };
        let tool = call.tool_name().map(|name| lines.told(name));
        let correlation_id = call.head.correlation_id.as_ref().and_then(|id| correlation(lines, id));
        let correlation_id = correlation_id.unwrap_or_else(made);
        Self { lines, call, ending, clocks, method, tool, correlation_id }
    }

    fn call(&self) -> Line {
        let (call, ending) = (self.call, self.ending);
        let event = match (call.direction, call.method) {
            (Direction::ServerToClient, _) => "mcp_server_request",
            (Direction::ClientToServer, Method::ToolsCall) => "tool_invocation",
            (Direction::ClientToServer, _) => "mcp_request",
        };
        let mut line = self.line(level(call, ending), event, self.sentence());
        line.add("status", Some(ending.outcome.status().as_str()));
        line.add("outcome", Some(ending.outcome.as_str()));
        line.add("error_type", ending.error.map(ErrorType::label));
        let said = ending.message.as_ref().map(|message| call.without_ids(self.lines.told(message)));
        line.add("error_message", said);
        line.add("duration_ms", Some(milliseconds(ending.took)));
        line.add("upstream_ms", ending.upstream.map(milliseconds));
        line.add("overhead_ms", ending.overhead.map(milliseconds));
        line.add("request_bytes", Some(call.request_bytes));
        line.add("response_bytes", ending.response_bytes);
        line.add("http_status", ending.http_status.map(|status| u64::from(status.as_u16())));
        self.add_ids(&mut line);
        line.add("client_name", call.client.name.as_ref().map(|name| self.lines.told(name)));
        line.add("client_version", call.client.client_version.as_ref().map(|text| self.lines.told(text)));
        line.add("protocol_version", call.client.version.map(Version::as_str));
        line.add("transport", Some(call.transport.as_str()));
        line.add("correlation_id", Some(self.correlation_id.clone()));
        line
    }

    fn payload(&self) -> Line {
        let event = if self.call.method == Method::ToolsCall { "tool_payload" } else { "mcp_payload" };
        let message = format!("what {} carried", self.target());
        let mut line = self.line(LogLevel::Debug, event, message);
        self.add_ids(&mut line);
        line.add("correlation_id", Some(self.correlation_id.clone()));
        let (redactor, most) = (&self.lines.redactor, self.lines.payload_bytes);
        line.add("arguments", self.ending.arguments.as_ref().map(|captured| redactor.json(captured, most)));
        line.add("result", self.ending.result.as_ref().map(|captured| redactor.json(captured, most)));
        line
    }

    /// A line about what was asked of whom.
    fn line(&self, level: LogLevel, event: &'static str, message: String) -> Line {
        let mut line = Line { at: self.clocks.wall(self.ending.at), ..Line::new(level, event, message) };
        line.trace = self.call.trace().map(|trace| (trace.id, trace.server_span));
        line.add("server", self.lines.server(self.call.server).map(str::to_owned));
        line.add("method", Some(Value::Text(self.method.clone())));
        line.add("tool_name", self.tool.clone());
        line
    }

    fn add_ids(&self, line: &mut Line) {
        line.add("session_id", self.call.session.as_ref().map(|session| session.id.clone()));
        let id = match &self.call.id {
            Id::Null => None,
            // The number of a card is one, too.
            Id::Number(number) => Some(self.lines.redactor.text(&number.to_string()).into_owned()),
            Id::Text(text) | Id::Decimal(text) => Some(self.lines.told(text)),
        };
        line.add("request_id", id);
    }

    fn target(&self) -> &str {
        self.tool.as_deref().unwrap_or(&self.method)
    }

    fn sentence(&self) -> String {
        let (target, ending) = (self.target(), self.ending);
        match ending.outcome {
            Outcome::Ok => format!("{target} answered in {:.1} ms", milliseconds(ending.took)),
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

/// What the client's own logs call the request.
fn correlation(lines: &Lines, id: &Text) -> Option<String> {
    let told: String = lines.redactor.text(id.as_str()).chars().take(CORRELATION_CHARACTERS).collect();
    (!told.is_empty()).then_some(told)
}

/// A name for a request that has none: 32 hexadecimal digits.
fn made() -> String {
    format!("{:032x}", fastrand::u128(..))
}
