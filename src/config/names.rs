//! Names that other modules own and a configuration may say.
//!
//! # Why
//! A configuration depends on nobody, so it has lists of its own; tests hold them equal to what `mcp`, `observe` and
//! `export` know.

/// The methods that `metric.when.method` may name: those of MCP, and `_other`.
pub const METHODS: &[&str] = &[
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "resources/directory/read",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
    "tasks/get",
    "tasks/cancel",
    "tasks/result",
    "tasks/list",
    "tasks/update",
    "skills/list",
    "skills/get",
    "sampling/createMessage",
    "roots/list",
    "elicitation/create",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/message",
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
    "notifications/tasks",
    "notifications/elicitation/complete",
    "notifications/subscriptions/acknowledged",
    "_other",
];

/// The outcomes that `metric.when.outcome` may name (`telemetry.md` §2).
pub const OUTCOMES: &[&str] = &[
    "ok",
    "tool_error",
    "jsonrpc_error",
    "http_error",
    "invalid_response",
    "upstream_unreachable",
    "upstream_reset",
    "timeout",
    "no_response",
    "cancelled",
    "client_disconnect",
    "auth_challenge",
    "refused",
    "input_required",
    "task",
];

/// The metrics that the proxy itself tells, in this version or in one to come (`telemetry.md` §3); `process_*` apart.
pub const BUILTIN_METRICS: &[&str] = &[
    "mcp_requests_total",
    "mcp_request_duration_seconds",
    "mcp_requests_active",
    "mcp_errors_total",
    "mcp_tool_invocations_total",
    "mcp_tool_duration_seconds",
    "mcp_tool_errors_total",
    "mcp_tool_oldest_inflight_seconds",
    "mcp_payload_size_bytes",
    "mcp_notifications_total",
    "mcp_server_requests_total",
    "mcp_server_request_duration_seconds",
    "mcp_tasks_total",
    "mcp_task_duration_seconds",
    "mcp_tasks_active",
    "mcp_messages_unreadable_total",
    "mcp_header_mismatch_total",
    "mcp_active_connections",
    "mcp_connection_duration_seconds",
    "mcp_active_streams",
    "mcp_stream_duration_seconds",
    "mcp_stream_first_event_seconds",
    "mcp_stream_events_total",
    "mcp_stream_resumes_total",
    "mcp_http_requests_total",
    "mcp_http_request_duration_seconds",
    "mcp_http_request_size_bytes",
    "mcp_http_response_size_bytes",
    "mcp_upstream_connect_seconds",
    "mcp_upstream_first_byte_seconds",
    "mcp_active_sessions",
    "mcp_sessions_total",
    "mcp_session_duration_seconds",
    "mcp_session_tool_calls",
    "mcp_tool_composition_total",
    "mcp_error_recovery_total",
    "mcp_clients_total",
    "mcp_tokens_total",
    "mcp_token_usage",
    "mcp_tools_listed",
    "mcp_tools_list_bytes",
    "mcp_tools_list_tokens",
    "mcp_tool_definition_changes_total",
    "mcp_widget_renders_total",
    "mcp_server_timing_seconds",
    "mcp_widget_read_seconds",
    CACHE_OPERATIONS,
    "mcp_cost_usd_total",
    "mcp_server_operation_duration_seconds",
    "mcp_server_session_duration_seconds",
    "mcp_authentication_attempts_total",
    "mcp_authentication_failures_total",
    "mcp_oauth_validation_seconds",
    "mcp_health_checks_total",
    "mcp_response_time_seconds",
    "mcp_server_availability",
    "mcp_consecutive_failures",
    "mcp_health_score",
    "mcp_probe_phase_seconds",
    "mcp_probe_baseline_seconds",
    "mcp_server_degraded",
    "mcp_upstream_cert_expiry_timestamp_seconds",
    "mcp_listener_cert_expiry_timestamp_seconds",
    "mcp_circuit_breaker_open",
    "mcp_bulkhead_running",
    "mcp_bulkhead_max",
    "mcp_proxy_not_rewritten_total",
    "mcp_oauth_key_fetches_total",
    "mcp_queue_depth",
    "mcp_proxy_build_info",
    "mcp_proxy_overhead_seconds",
    "mcp_proxy_dropped_total",
    "mcp_proxy_telemetry_export_failures_total",
    "mcp_proxy_label_overflow_total",
    "mcp_proxy_config_last_reload_successful",
    "mcp_proxy_config_last_reload_success_timestamp_seconds",
    "mcp_proxy_limit",
    "mcp_proxy_limit_used",
    "mcp_proxy_refused_total",
];

/// The one metric of the proxy's own that rules may feed, with the labels of [`CACHE_LABELS`].
pub(super) const CACHE_OPERATIONS: &str = "mcp_cache_operations_total";

/// What [`CACHE_OPERATIONS`] is counted by, beside `server`; in order.
pub(super) const CACHE_LABELS: [&str; 2] = ["operation", "result"];

/// Whether the proxy itself tells a metric of this name, in this version or in one to come: no rule may have it.
pub fn is_builtin_metric(name: &str) -> bool {
    name.starts_with("process_") || BUILTIN_METRICS.contains(&name)
}

/// What a page calls a metric as a whole: in `OpenMetrics` a counter's `_total` belongs to its samples alone.
pub(super) fn family(name: &str) -> &str {
    name.strip_suffix("_total").unwrap_or(name)
}
