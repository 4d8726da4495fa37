//! What an answer means: message or HTTP status → outcome (`telemetry.md` §2, `protocol.md` §3.1).

use http::StatusCode;

use super::event::{ErrorType, Outcome, is_known_status};
use crate::mcp::{Message, known_code};

/// What a JSON-RPC answer says, at the HTTP status that carried it.
pub(super) fn of_message(message: &Message, http: HttpFacts) -> (Outcome, Option<ErrorType>) {
    if http.challenged {
        return (Outcome::AuthChallenge, None);
    }
    if let Some(fault) = &message.error {
        return (Outcome::JsonrpcError, Some(code_type(fault.code)));
    }
    let Some(result) = &message.result else {
        return (Outcome::InvalidResponse, Some(ErrorType::Outcome(Outcome::InvalidResponse)));
    };
    if result.is_error {
        return (Outcome::ToolError, Some(ErrorType::ToolError));
    }
    match result.result_type.as_ref().map(crate::mcp::Text::as_str) {
        Some("input_required") => (Outcome::InputRequired, None),
        Some("task") => (Outcome::Task, None),
        _ => (Outcome::Ok, None),
    }
}

/// What an HTTP answer without a JSON-RPC message says.
pub(super) fn of_status(http: HttpFacts) -> (Outcome, Option<ErrorType>) {
    let status = http.status.as_u16();
    if http.challenged {
        (Outcome::AuthChallenge, None)
    } else if status >= 300 {
        let known = is_known_status(http.status);
        (Outcome::HttpError, Some(if known { ErrorType::Http(status) } else { ErrorType::OtherHttp }))
    } else if status == 202 {
        (Outcome::NoResponse, Some(ErrorType::Outcome(Outcome::NoResponse)))
    } else {
        (Outcome::InvalidResponse, Some(ErrorType::Outcome(Outcome::InvalidResponse)))
    }
}

/// The error type of an outcome that names itself.
pub(super) fn own(outcome: Outcome) -> (Outcome, Option<ErrorType>) {
    let is_error = outcome.status() == super::event::Status::Error;
    (outcome, is_error.then_some(ErrorType::Outcome(outcome)))
}

/// What the response head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpFacts {
    pub(super) status: StatusCode,
    /// 401, or 403 with `WWW-Authenticate`.
    pub(super) challenged: bool,
}

impl HttpFacts {
    pub(super) fn of(head: &http::response::Parts) -> Self {
        let challenged = head.status == StatusCode::UNAUTHORIZED
            || (head.status == StatusCode::FORBIDDEN
                && head.headers.contains_key(http::header::WWW_AUTHENTICATE));
        Self { status: head.status, challenged }
    }
}

fn code_type(code: Option<i64>) -> ErrorType {
    code.filter(|code| known_code(*code))
        .and_then(|code| i32::try_from(code).ok())
        .map_or(ErrorType::OtherCode, ErrorType::Code)
}
