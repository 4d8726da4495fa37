//! Who uses it, and how.

use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "sessions",
        title: "Sessions & clients",
        about: "Sessions: how many, how long, how they end; clients, and what they speak; what they do about failures.",
        rows: vec![sessions(), clients()],
    }
}

fn sessions() -> Row {
    (
        "Sessions",
        vec![
            Panel::lines("Active", "short", &[("sum by (server) (mcp_active_sessions{%s})", "{{server}}")]),
            Panel::lines(
                "Started",
                "short",
                &[("sum by (server) (increase(mcp_sessions_total{%s}[$__rate_interval]))", "{{server}}")],
            ),
            Panel::lines(
                "How they end",
                "short",
                &[(
                    "sum by (end_reason) (increase(mcp_session_duration_seconds_count{%s}[$__rate_interval]))",
                    "{{end_reason}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "How long they last",
                "s",
                &[
                    (
                        "histogram_quantile(0.5, sum by (le) (rate(mcp_session_duration_seconds_bucket{%s}[$__rate_interval])))",
                        "p50",
                    ),
                    (
                        "histogram_quantile(0.95, sum by (le) (rate(mcp_session_duration_seconds_bucket{%s}[$__rate_interval])))",
                        "p95",
                    ),
                ],
            ),
            Panel::lines(
                "Calls a session",
                "short",
                &[(
                    "sum by (server) (rate(mcp_session_tool_calls_sum{%s}[$__rate_interval])) / (sum by (server) \
                     (rate(mcp_session_tool_calls_count{%s}[$__rate_interval])) > 0)",
                    "{{server}}",
                )],
            )
            .about("The mean of the sessions that ended."),
            Panel::lines(
                "After a failed call",
                "reqps",
                &[(
                    "sum by (recovery_strategy, success) (rate(mcp_error_recovery_total{%t}[$__rate_interval]))",
                    "{{recovery_strategy}}, success {{success}}",
                )],
            )
            .about("What the session did next, and whether that worked.")
            .stacked(),
        ],
    )
}

fn clients() -> Row {
    (
        "Clients",
        vec![
            Panel::table(
                "Who speaks what",
                "short",
                &[("client_name", "Client"), ("protocol_version", "Version"), ("era", "Era")],
                &[(
                    "sum by (client_name, protocol_version, era) (increase(mcp_clients_total{%s}[$__range]))",
                    "Requests",
                )],
            )
            .sized(12, 9),
            Panel::lines(
                "Requests by version of the protocol",
                "reqps",
                &[(
                    "sum by (protocol_version) (rate(mcp_clients_total{%s}[$__rate_interval]))",
                    "{{protocol_version}}",
                )],
            )
            .stacked()
            .sized(12, 9),
            Panel::lines(
                "Requests by client",
                "reqps",
                &[(
                    "sum by (client_name) (rate(mcp_clients_total{%s}[$__rate_interval]))",
                    "{{client_name}}",
                )],
            ),
            Panel::lines(
                "Requests by transport",
                "reqps",
                &[("sum by (transport) (rate(mcp_requests_total{%s}[$__rate_interval]))", "{{transport}}")],
            ),
            Panel::lines(
                "What servers ask of clients",
                "reqps",
                &[(
                    "sum by (method, outcome) (rate(mcp_server_requests_total{%s}[$__rate_interval]))",
                    "{{method}} {{outcome}}",
                )],
            ),
        ],
    )
}
