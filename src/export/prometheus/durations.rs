//! The histograms of durations that one ended call stands in, with their labels: told once, for the counting and for
//! the traces that buckets point at.

use std::fmt::Write as _;

use super::catalogue::SEMCONV;
use super::series::Pair;
use crate::observe::{Call, Direction, Ending, ErrorType};

/// A histogram's series that a call stands in.
#[derive(Debug)]
pub(in crate::export) struct Duration {
    /// As the page writes it: the name, `{`, the labels.
    pub(in crate::export) series: String,
    /// Upper bounds in seconds; `None` = the configured ones.
    pub(in crate::export) buckets: Option<&'static [f64]>,
}

/// Of `mcp_request_duration_seconds` and `mcp_server_request_duration_seconds`, beside `server`.
pub(super) fn request_labels(call: &Call, ending: &Ending) -> [Pair<'static>; 3] {
    let outcome = ending.outcome;
    [("method", call.method.as_str()), ("status", outcome.status().as_str()), ("outcome", outcome.as_str())]
}

/// Of `mcp_tool_duration_seconds`, beside `server`.
pub(super) fn tool_labels(ending: &Ending) -> [Pair<'_>; 3] {
    let outcome = ending.outcome;
    [
        ("tool_name", ending.tool.as_str()),
        ("status", outcome.status().as_str()),
        ("outcome", outcome.as_str()),
    ]
}

/// Of `mcp_server_operation_duration_seconds`, beside `server`: `OTel`'s attributes as Prometheus names them. What a
/// call does not have is left out, which to Prometheus is the same as empty. `error_type` is that of `ending`.
pub(super) fn operation_labels<'a>(
    call: &'a Call,
    ending: &'a Ending,
    error_type: Option<&'a str>,
) -> Vec<Pair<'a>> {
    let mut labels = vec![("mcp_method_name", call.method.as_str())];
    labels.extend(error_type.map(|error| ("error_type", error)));
    if call.tool.is_some() {
        labels.push(("gen_ai_operation_name", "execute_tool"));
        labels.push(("gen_ai_tool_name", ending.tool.as_str()));
    }
    labels.extend(call.client.version.map(|version| ("mcp_protocol_version", version.as_str())));
    labels.extend(NETWORK);
    let code = match ending.error {
        Some(ErrorType::Code(_)) => error_type,
        Some(ErrorType::OtherCode) => Some("_other"),
        Some(ErrorType::ToolError | ErrorType::Http(_) | ErrorType::OtherHttp | ErrorType::Outcome(_))
        | None => None,
    };
    labels.extend(code.map(|code| ("rpc_response_status_code", code)));
    labels
}

/// What carries every message that passes here.
pub(super) const NETWORK: [Pair<'static>; 2] =
    [("network_protocol_name", "http"), ("network_transport", "tcp")];

/// Every histogram of durations that an ended call of `server` stands in.
pub(in crate::export) fn durations(
    call: &Call,
    ending: &Ending,
    server: &str,
    semconv: bool,
) -> Vec<Duration> {
    let of = |name, labels: &[Pair<'_>]| Duration { series: series(name, server, labels), buckets: None };
    if call.direction == Direction::ServerToClient {
        return vec![of("mcp_server_request_duration_seconds", &request_labels(call, ending))];
    }
    if call.is_stream() {
        return Vec::new();
    }
    let mut all = vec![of("mcp_request_duration_seconds", &request_labels(call, ending))];
    if call.tool.is_some() {
        all.push(of("mcp_tool_duration_seconds", &tool_labels(ending)));
    }
    if semconv {
        let error_type = ending.error.map(ErrorType::label);
        let labels = operation_labels(call, ending, error_type.as_deref());
        let operation = of("mcp_server_operation_duration_seconds", &labels);
        all.push(Duration { buckets: Some(&SEMCONV), ..operation });
    }
    all
}

/// No value needs escaping: names are configured or learned, and those are readable.
fn series(name: &str, server: &str, labels: &[Pair<'_>]) -> String {
    let mut text = format!("{name}{{server=\"{server}\"");
    for (label, value) in labels {
        // Writing to a String cannot fail.
        let _ = write!(text, ",{label}=\"{value}\"");
    }
    text
}
