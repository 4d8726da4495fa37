//! What fails, and why.

use super::links::{SERVER_LOGS, TOOL_LOGS, TOOL_TRACES};
use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "errors",
        title: "Errors & debugging",
        about: "What fails, by type, status and tool; what was refused; the lines and traces of it.",
        rows: vec![failures(), refusals(), lines()],
    }
}

fn failures() -> Row {
    (
        "What fails",
        vec![
            Panel::lines(
                "By type",
                "reqps",
                &[("sum by (error_type) (rate(mcp_errors_total{%s}[$__rate_interval]))", "{{error_type}}")],
            )
            .stacked(),
            Panel::lines(
                "By HTTP status",
                "reqps",
                &[(
                    "sum by (status_code) (rate(mcp_http_requests_total{%s, status_code=~\"[3-5]..|_other\"}[$__rate_interval]))",
                    "{{status_code}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "JSON-RPC errors, by code",
                "reqps",
                &[(
                    "sum by (error_type) (rate(mcp_errors_total{%s, error_type=~\"-[0-9]+|jsonrpc_other\"}[$__rate_interval]))",
                    "{{error_type}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "By tool",
                "reqps",
                &[(
                    "sum by (server, tool_name, error_type) (rate(mcp_tool_errors_total{%t}[$__rate_interval]))",
                    "{{server}} {{tool_name}} {{error_type}}",
                )],
            )
            .linked(&[TOOL_LOGS, TOOL_TRACES]),
            Panel::lines(
                "How long what fails takes",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (outcome, le) \
                     (rate(mcp_request_duration_seconds_bucket{%s, status=\"error\"}[$__rate_interval])))",
                    "{{outcome}}",
                )],
            )
            .about("The 95th percentile; its exemplars lead to traces."),
            Panel::lines(
                "What could not be read",
                "reqps",
                &[
                    (
                        "sum by (direction, reason) (rate(mcp_messages_unreadable_total{%s}[$__rate_interval]))",
                        "{{direction}} {{reason}}",
                    ),
                    ("sum by (header) (rate(mcp_header_mismatch_total{%s}[$__rate_interval]))", "mismatch, {{header}}"),
                ],
            )
            .about("It passed all the same."),
        ],
    )
}

fn refusals() -> Row {
    (
        "Authentication, circuits and refusals",
        vec![
            Panel::lines(
                "Authentication attempts",
                "reqps",
                &[(
                    "sum by (method, status) (rate(mcp_authentication_attempts_total{%s}[$__rate_interval]))",
                    "{{method}} {{status}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "Authentication failures",
                "reqps",
                &[(
                    "sum by (server, reason) (rate(mcp_authentication_failures_total{%s}[$__rate_interval]))",
                    "{{server}} {{reason}}",
                )],
            )
            .linked(&[SERVER_LOGS]),
            Panel::lines(
                "Judging a token",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (cache_status, le) \
                     (rate(mcp_oauth_validation_seconds_bucket{%p}[$__rate_interval])))",
                    "{{cache_status}}",
                )],
            ),
            Panel::lines(
                "Open circuits",
                "short",
                &[(
                    "max by (dependency) (mcp_circuit_breaker_open{%p, dependency=~\"$server\"})",
                    "{{dependency}}",
                )],
            ),
            Panel::lines(
                "What the proxy refused",
                "reqps",
                &[(
                    "sum by (server, reason) (rate(mcp_proxy_refused_total{%p}[$__rate_interval]))",
                    "{{server}} {{reason}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "Waiting",
                "short",
                &[("sum by (queue_name) (mcp_queue_depth{%p})", "{{queue_name}}")],
            ),
        ],
    )
}

fn lines() -> Row {
    (
        "Lines",
        vec![
            Panel::log("Errors", "{level=\"error\", server=~\"$server\"}")
                .about("`trace_id` of a line leads to its trace."),
            Panel::log("Slow calls", "{event=\"tool_invocation\", server=~\"$server\"} | duration_ms > 1000")
                .about("Slower than a second."),
            Panel::lines(
                "Exemplars",
                "s",
                &[(
                    "histogram_quantile(0.99, sum by (server, le) \
                     (rate(mcp_request_duration_seconds_bucket{%s}[$__rate_interval])))",
                    "{{server}}",
                )],
            )
            .about("Each point is a call whose trace was exported; it leads there.")
            .linked(&[SERVER_LOGS])
            .sized(24, 8),
        ],
    )
}
