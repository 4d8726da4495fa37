//! Every metric by name: what it is and in which buckets it is counted (`telemetry.md` §3). The page can hold no
//! other name but the standard `process_*`.

use metrics::{KeyName, Recorder};

use crate::config;

/// A metric's type, and for histograms which buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram(Buckets),
}

/// Which upper bounds a histogram has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buckets {
    Latency,
    /// Three finer bounds and then the latency set.
    Short,
    Overhead,
    Size,
    Session,
    Calls,
    Tokens,
    /// What `OTel` asks for.
    Semconv,
}

/// Name, type, help.
pub(super) type Entry = (&'static str, Kind, &'static str);

use Buckets::{Calls, Latency, Overhead, Semconv, Session, Short, Size, Tokens};
use Kind::{Counter, Gauge, Histogram};

#[rustfmt::skip]
pub(super) const CATALOGUE: &[Entry] = &[
    ("mcp_requests_total", Counter, "JSON-RPC requests from clients, by how they truly ended."),
    ("mcp_request_duration_seconds", Histogram(Latency), "Request head to the complete answer."),
    ("mcp_requests_active", Gauge, "JSON-RPC requests in flight now."),
    ("mcp_errors_total", Counter, "Requests with status error, by type."),
    ("mcp_tool_invocations_total", Counter, "Calls of tools, by how they truly ended."),
    ("mcp_tool_duration_seconds", Histogram(Latency), "What a tool's caller waited."),
    ("mcp_tool_errors_total", Counter, "Calls of tools with status error, by type."),
    ("mcp_tool_oldest_inflight_seconds", Gauge, "Age of the oldest unanswered call."),
    ("mcp_payload_size_bytes", Histogram(Size), "Decoded bytes of a call's arguments and of its result."),
    ("mcp_notifications_total", Counter, "JSON-RPC notifications."),
    ("mcp_server_requests_total", Counter, "JSON-RPC requests from servers that clients answer."),
    ("mcp_server_request_duration_seconds", Histogram(Latency), "A server's request to its client's answer."),
    ("mcp_tasks_total", Counter, "Tasks, by the first terminal state seen."),
    ("mcp_task_duration_seconds", Histogram(Latency), "Creation of a task to its first terminal state seen."),
    ("mcp_tasks_active", Gauge, "Tasks not yet seen to end."),
    ("mcp_messages_unreadable_total", Counter, "Messages that could not be parsed and were forwarded all the same."),
    ("mcp_header_mismatch_total", Counter, "Headers that contradict the body they mirror."),
    ("mcp_active_connections", Gauge, "Client connections open now."),
    ("mcp_connection_duration_seconds", Histogram(Session), "Client connections, from accept to close."),
    ("mcp_active_streams", Gauge, "Event streams open now."),
    ("mcp_stream_duration_seconds", Histogram(Session), "Event streams, from head to end."),
    ("mcp_stream_first_event_seconds", Histogram(Short), "Request head to the first event of a stream."),
    ("mcp_stream_events_total", Counter, "What passed on event streams."),
    ("mcp_stream_resumes_total", Counter, "Streams resumed by Last-Event-ID."),
    ("mcp_http_requests_total", Counter, "HTTP requests from clients."),
    ("mcp_http_request_duration_seconds", Histogram(Latency), "Request head to the end of the response body; event streams excluded."),
    ("mcp_http_request_size_bytes", Histogram(Size), "Encoded bytes of request bodies."),
    ("mcp_http_response_size_bytes", Histogram(Size), "Encoded bytes of response bodies."),
    ("mcp_upstream_connect_seconds", Histogram(Short), "Name, TCP and TLS of connections to servers."),
    ("mcp_upstream_first_byte_seconds", Histogram(Short), "Request handed over to the response head."),
    ("mcp_upstream_cert_expiry_timestamp_seconds", Gauge, "When the certificate ends that a server showed last."),
    ("mcp_listener_cert_expiry_timestamp_seconds", Gauge, "When the certificate ends that a listener shows."),
    ("mcp_active_sessions", Gauge, "Sessions open now."),
    ("mcp_sessions_total", Counter, "Sessions, counted at the successful initialize."),
    ("mcp_session_duration_seconds", Histogram(Session), "Sessions, from initialize to end."),
    ("mcp_session_tool_calls", Histogram(Calls), "Calls of tools in a session."),
    ("mcp_clients_total", Counter, "Requests, by who still speaks what."),
    ("mcp_tool_composition_total", Counter, "Calls of a tool, by the tool whose call began before it in their session."),
    ("mcp_error_recovery_total", Counter, "Failed calls of a tool, by what their session did next and whether that worked."),
    (TOKENS, Counter, TOKENS_HELP),
    (TOKEN_USAGE, Histogram(Tokens), "Tokens of a call's arguments (input) and of its result (output)."),
    ("mcp_tools_listed", Gauge, "Tools in the server's last list."),
    ("mcp_tools_list_bytes", Gauge, "Bytes of the server's last list of tools, all pages."),
    ("mcp_tools_list_tokens", Gauge, "Tokens of the server's last list of tools: what it costs every conversation."),
    ("mcp_tool_definition_changes_total", Counter, "Tools that came, went, or are defined otherwise than before."),
    ("mcp_widget_renders_total", Counter, "Results of tools that make the host show a widget."),
    ("mcp_widget_read_seconds", Histogram(Latency), "Reading of ui:// resources, request head to the complete answer."),
    ("mcp_server_timing_seconds", Histogram(Latency), "What servers say of their own time, in Server-Timing."),
    ("mcp_cache_operations_total", Counter, "What servers say of their caches, in Server-Timing or as a custom rule reads it."),
    (COST, Counter, COST_HELP),
    ("mcp_authentication_attempts_total", Counter, "Requests whose credentials were judged, by the server or here."),
    ("mcp_authentication_failures_total", Counter, "Requests whose credentials were refused, by what the challenge says."),
    ("mcp_oauth_validation_seconds", Histogram(Short), "Judging a token, the wait for keys included."),
    ("mcp_oauth_key_fetches_total", Counter, "How often the keys of an issuer were asked for."),
    ("mcp_server_operation_duration_seconds", Histogram(Semconv), "Requests and their time, as OpenTelemetry names them."),
    ("mcp_server_session_duration_seconds", Histogram(Semconv), "Sessions and their time, as OpenTelemetry names them."),
    ("mcp_health_checks_total", Counter, "Probes of a server, by how they went."),
    ("mcp_response_time_seconds", Histogram(Latency), "What a server needs to answer a probe; initialize stands for server/discover, too."),
    ("mcp_server_availability", Gauge, "Whether a server answers: its last probe, or without probes the last leg to it."),
    ("mcp_server_degraded", Gauge, "Whether a server answers and is not well all the same: calls fail, or it is much slower than usual."),
    ("mcp_consecutive_failures", Gauge, "Probes of a server, or without probes legs to it, that failed since the last that did not."),
    ("mcp_health_score", Gauge, "Share of the servers that are healthy."),
    ("mcp_probe_phase_seconds", Gauge, "What each phase of the last probe took that came to it."),
    ("mcp_probe_baseline_seconds", Gauge, "What a probe of a server usually takes."),
    ("mcp_circuit_breaker_open", Gauge, "Whether calls to a server are refused because it failed too often."),
    ("mcp_bulkhead_running", Gauge, "Exchanges that have a place in a server's bulkhead."),
    ("mcp_bulkhead_max", Gauge, "Places in a server's bulkhead."),
    ("mcp_queue_depth", Gauge, "What waits in a queue."),
    ("mcp_proxy_build_info", Gauge, "What this program was built from; always 1."),
    ("mcp_proxy_overhead_seconds", Histogram(Overhead), "The proxy's own share of an exchange."),
    ("mcp_proxy_dropped_total", Counter, "Telemetry given up."),
    ("mcp_proxy_telemetry_export_failures_total", Counter, "Exports that failed; what they held may be tried again."),
    ("mcp_proxy_label_overflow_total", Counter, "Label values folded into _other for want of room."),
    ("mcp_proxy_config_last_reload_successful", Gauge, "Whether the configuration was last read without a mistake."),
    ("mcp_proxy_config_last_reload_success_timestamp_seconds", Gauge, "When the configuration in force was read."),
    ("mcp_proxy_limit", Gauge, "What nothing may grow beyond."),
    ("mcp_proxy_limit_used", Gauge, "How much of a limit is used."),
    ("mcp_proxy_not_rewritten_total", Counter, "Bodies that should name this proxy and passed as they were."),
    ("mcp_proxy_refused_total", Counter, "Requests and connections that the proxy itself refused."),
];

/// Counted by the histogram beside it, whose sums they are.
pub(super) const TOKENS: &str = "mcp_tokens_total";
pub(super) const TOKENS_HELP: &str = "Tokens that calls of tools put into a model's context.";
pub(super) const TOKEN_USAGE: &str = "mcp_token_usage";

pub(super) const COST: &str = "mcp_cost_usd_total";
pub(super) const COST_HELP: &str = "What calls of tools cost, by the configured prices, in US dollars.";

const TOKEN_BOUNDS: [f64; 10] =
    [10.0, 50.0, 100.0, 500.0, 1000.0, 5000.0, 10_000.0, 50_000.0, 100_000.0, 500_000.0];
const SHORT: [f64; 3] = [0.0005, 0.001, 0.0025];
const OVERHEAD: [f64; 11] =
    [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.1];
/// Of the metrics that the conventions for MCP name, seconds.
pub(super) const SEMCONV: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];
const CALLS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0];

/// Gives the page its help texts.
pub(super) fn describe(recorder: &impl Recorder) {
    for (name, kind, help) in CATALOGUE {
        let (name, help) = (KeyName::from_const_str(name), (*help).into());
        match kind {
            Counter => recorder.describe_counter(name, None, help),
            Gauge => recorder.describe_gauge(name, None, help),
            // They write their own.
            Histogram(_) => {}
        }
    }
}

/// The upper bounds of a histogram, ascending.
pub(super) fn bounds(buckets: Buckets, settings: &config::Metrics) -> Vec<f64> {
    match buckets {
        Latency => settings.latency_buckets.clone(),
        Short => SHORT.iter().chain(&settings.latency_buckets).copied().collect(),
        Overhead => OVERHEAD.to_vec(),
        Size => settings.size_buckets.clone(),
        Session => settings.session_buckets.clone(),
        Calls => CALLS.to_vec(),
        Tokens => TOKEN_BOUNDS.to_vec(),
        Semconv => SEMCONV.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_custom_metric_can_have_the_name_of_one_of_these() {
        for (name, ..) in CATALOGUE {
            assert!(config::is_builtin_metric(name), "config::BUILTIN_METRICS lacks {name}");
        }
    }
}
