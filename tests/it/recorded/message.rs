//! A JSON-RPC message, read whole.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// What a message is, with its method's label.
pub(super) enum Kind {
    Request(String),
    Notification(String),
    Answer,
}

pub(super) fn kind_of(message: &Value) -> Kind {
    // The one method of the recordings that no revision has.
    let label = |method: &str| if method == "unknown/method" { "_other" } else { method }.to_owned();
    match (message["method"].as_str(), message.get("id")) {
        (Some(method), Some(_)) => Kind::Request(label(method)),
        (Some(method), None) => Kind::Notification(label(method)),
        (None, _) => Kind::Answer,
    }
}

/// The outcome of an answer, and its `error_type`.
pub(super) fn outcome(answer: &Value) -> (&'static str, Option<String>) {
    const KNOWN: [i64; 12] =
        [-32700, -32600, -32601, -32602, -32603, -32000, -32001, -32002, -32020, -32021, -32022, -32042];
    if let Some(error) = answer.get("error") {
        let code = error["code"].as_i64().filter(|code| KNOWN.contains(code));
        return ("jsonrpc_error", Some(code.map_or("jsonrpc_other".to_owned(), |code| code.to_string())));
    }
    let result = &answer["result"];
    match (result["isError"].as_bool(), result["resultType"].as_str()) {
        (Some(true), _) => ("tool_error", Some("tool_error".to_owned())),
        (_, Some("input_required")) => ("input_required", None),
        (_, Some("task")) => ("task", None),
        _ => ("ok", None),
    }
}

pub(super) fn version_label(version: Option<&str>) -> String {
    const KNOWN: [&str; 5] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"];
    match version {
        None => "none".to_owned(),
        Some(version) if KNOWN.contains(&version) => version.to_owned(),
        Some(_) => "_other".to_owned(),
    }
}

pub(super) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The text of a member of an object.
pub(super) fn member(object: &str, name: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(object).unwrap().remove(name)
}
