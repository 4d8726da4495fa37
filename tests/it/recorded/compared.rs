//! The counters of a page that a recording decides.

use std::collections::BTreeMap;

use crate::support::scrape::Scrape;

/// The metrics that are compared, and the labels by which.
pub(super) const COMPARED: &[(&str, &[&str])] = &[
    ("mcp_requests_total", &["method", "outcome", "transport"]),
    ("mcp_request_duration_seconds_count", &["method", "outcome"]),
    ("mcp_request_duration_seconds_sum", &["method", "outcome"]),
    ("mcp_requests_active", &["method"]),
    ("mcp_errors_total", &["method", "error_type"]),
    ("mcp_tool_invocations_total", &["tool_name", "outcome"]),
    ("mcp_tool_duration_seconds_sum", &["tool_name", "outcome"]),
    ("mcp_tool_errors_total", &["tool_name", "error_type"]),
    ("mcp_payload_size_bytes_sum", &["tool_name", "direction"]),
    ("mcp_notifications_total", &["method", "direction"]),
    ("mcp_server_requests_total", &["method", "outcome"]),
    ("mcp_server_request_duration_seconds_sum", &["method", "outcome"]),
    ("mcp_tasks_total", &["status"]),
    ("mcp_tasks_active", &[]),
    ("mcp_messages_unreadable_total", &["direction", "reason"]),
    ("mcp_header_mismatch_total", &["header"]),
    ("mcp_clients_total", &["client_name", "protocol_version", "era"]),
    ("mcp_sessions_total", &["client_name", "protocol_version"]),
    ("mcp_session_duration_seconds_count", &["end_reason"]),
    ("mcp_session_duration_seconds_sum", &["end_reason"]),
    ("mcp_session_tool_calls_sum", &[]),
    ("mcp_active_sessions", &[]),
    ("mcp_stream_duration_seconds_count", &["kind", "end_reason"]),
    ("mcp_stream_duration_seconds_sum", &["kind", "end_reason"]),
    ("mcp_stream_events_total", &["kind"]),
    ("mcp_stream_resumes_total", &[]),
    ("mcp_active_streams", &["kind"]),
    ("mcp_http_requests_total", &["method", "status_code"]),
    ("mcp_http_request_size_bytes_sum", &["method"]),
    ("mcp_http_response_size_bytes_sum", &["method"]),
    ("mcp_connection_duration_seconds_count", &["transport", "disconnect_reason"]),
    ("mcp_connection_duration_seconds_sum", &["transport", "disconnect_reason"]),
    ("mcp_active_connections", &["transport"]),
    ("mcp_proxy_dropped_total", &["what", "reason"]),
    ("mcp_proxy_label_overflow_total", &["label"]),
];

/// Sums by metric and label values; what is not here is zero.
pub(super) type Counts = BTreeMap<(&'static str, Vec<String>), f64>;

/// What a page says of them.
pub(super) fn shown(scrape: &Scrape) -> Counts {
    let mut shown = Counts::new();
    for (metric, labels) in COMPARED {
        shown.extend(scrape.sums(metric, labels).into_iter().map(|(values, sum)| ((*metric, values), sum)));
    }
    shown
}

/// Each place where a page and a recording differ, in words.
pub(super) fn differences(name: &str, shown: &Counts, expected: &Counts) -> Vec<String> {
    let mut keys: Vec<_> = shown.keys().chain(expected.keys()).collect();
    keys.sort();
    keys.dedup();
    let differs = |key: &&_| {
        let (shown, expected) = (shown.get(*key).unwrap_or(&0.0), expected.get(*key).unwrap_or(&0.0));
        ((shown - expected).abs() > 1e-6).then(|| format!("{}: {:?} is {shown}, not {expected}", name, *key))
    };
    keys.iter().filter_map(differs).collect()
}
