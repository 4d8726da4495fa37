//! What each tool does.

use super::links::{TOOL_LOGS, TOOL_TRACES};
use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "tools",
        title: "Tools",
        about: "How often each tool is called, how its calls end, how long they take, what they carry and what follows.",
        rows: vec![calls(), latency(), payloads(), context()],
    }
}

fn calls() -> Row {
    (
        "Calls",
        vec![
            Panel::lines(
                "Calls",
                "reqps",
                &[(
                    "sum by (server, tool_name) (rate(mcp_tool_invocations_total{%t}[$__rate_interval]))",
                    "{{server}} {{tool_name}}",
                )],
            )
            .linked(&[TOOL_LOGS, TOOL_TRACES]),
            Panel::lines(
                "How calls end",
                "reqps",
                &[(
                    "sum by (outcome) (rate(mcp_tool_invocations_total{%t}[$__rate_interval]))",
                    "{{outcome}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "Oldest call without an answer",
                "s",
                &[(
                    "max by (server, tool_name) (mcp_tool_oldest_inflight_seconds{%t})",
                    "{{server}} {{tool_name}}",
                )],
            )
            .linked(&[TOOL_LOGS]),
            Panel::lines(
                "Calls in flight",
                "short",
                &[("sum by (server) (mcp_requests_active{%s, method=\"tools/call\"})", "{{server}}")],
            ),
            Panel::lines(
                "Calls by tier of the user",
                "reqps",
                &[(
                    "sum by (user_tier) (rate(mcp_tool_invocations_total{%t}[$__rate_interval]))",
                    "{{user_tier}}",
                )],
            )
            .stacked(),
            Panel::lines(
                "Tasks",
                "short",
                &[
                    ("sum by (server, tool_name) (mcp_tasks_active{%t})", "active, {{server}} {{tool_name}}"),
                    ("sum by (status) (increase(mcp_tasks_total{%t}[$__rate_interval]))", "{{status}}"),
                ],
            ),
        ],
    )
}

fn latency() -> Row {
    let quantile = |share: &str| {
        format!(
            "histogram_quantile({share}, sum by (le) \
             (rate(mcp_tool_duration_seconds_bucket{{%t, status=~\"success|error\"}}[$__rate_interval])))"
        )
    };
    (
        "Latency",
        vec![
            Panel::heatmap(
                "How long calls take",
                "s",
                "sum by (le) (increase(mcp_tool_duration_seconds_bucket{%t}[$__rate_interval]))",
            )
            .sized(12, 9),
            Panel::lines(
                "Percentiles",
                "s",
                &[
                    (&quantile("0.5"), "p50"),
                    (&quantile("0.9"), "p90"),
                    (&quantile("0.95"), "p95"),
                    (&quantile("0.99"), "p99"),
                    (&quantile("0.999"), "p99.9"),
                ],
            )
            .sized(12, 9),
            Panel::lines(
                "95th percentile by tool",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (server, tool_name, le) \
                     (rate(mcp_tool_duration_seconds_bucket{%t, status=~\"success|error\"}[$__rate_interval])))",
                    "{{server}} {{tool_name}}",
                )],
            )
            .linked(&[TOOL_LOGS, TOOL_TRACES])
            .sized(12, 8),
            Panel::lines(
                "What servers say of their own time",
                "s",
                &[(
                    "sum by (tool_name, metric) (rate(mcp_server_timing_seconds_sum{%t}[$__rate_interval])) / (sum by \
                     (tool_name, metric) (rate(mcp_server_timing_seconds_count{%t}[$__rate_interval])) > 0)",
                    "{{tool_name}} {{metric}}",
                )],
            )
            .about("The mean, from Server-Timing.")
            .sized(12, 8),
        ],
    )
}

fn payloads() -> Row {
    let size = |direction: &str| {
        format!(
            "histogram_quantile(0.95, sum by (server, tool_name, le) \
             (rate(mcp_payload_size_bytes_bucket{{%t, direction=\"{direction}\"}}[$__rate_interval])))"
        )
    };
    (
        "Payloads",
        vec![
            Panel::lines("Arguments, 95th percentile", "bytes", &[(&size("client_to_server"), "{{server}} {{tool_name}}")]),
            Panel::lines("Results, 95th percentile", "bytes", &[(&size("server_to_client"), "{{server}} {{tool_name}}")]),
            Panel::lines(
                "Tokens of a call",
                "short",
                &[(
                    "sum by (tool_name, token_type) (rate(mcp_token_usage_sum{%t}[$__rate_interval])) / (sum by (tool_name, \
                     token_type) (rate(mcp_token_usage_count{%t}[$__rate_interval])) > 0)",
                    "{{tool_name}} {{token_type}}",
                )],
            )
            .about("The mean: what a call's arguments (input) and its result (output) put into a model's context."),
        ],
    )
}

fn context() -> Row {
    (
        "What follows, and what changes",
        vec![
            Panel::table(
                "Which tool follows which",
                "short",
                &[("server", "Server"), ("source_tool", "After"), ("target_tool", "Comes")],
                &[(
                    "topk(20, sum by (server, source_tool, target_tool) \
                     (increase(mcp_tool_composition_total{%s, source_tool=~\"$tool\"}[$__range])))",
                    "Times",
                )],
            )
            .sized(12, 9),
            Panel::lines(
                "Changes of definitions",
                "short",
                &[(
                    "sum by (server, change) (increase(mcp_tool_definition_changes_total{%s}[$__rate_interval]))",
                    "{{server}} {{change}}",
                )],
            )
            .about("The log has each with before and after."),
            Panel::lines("Tools listed", "short", &[("max by (server) (mcp_tools_listed{%s})", "{{server}}")]).sized(4, 8),
            Panel::lines(
                "Widgets shown",
                "reqps",
                &[(
                    "sum by (tool_name, widget_type) (rate(mcp_widget_renders_total{%t}[$__rate_interval]))",
                    "{{tool_name}} {{widget_type}}",
                )],
            )
            .sized(12, 7),
            Panel::lines(
                "Reading of widgets, 95th percentile",
                "s",
                &[(
                    "histogram_quantile(0.95, sum by (server, le) (rate(mcp_widget_read_seconds_bucket{%s}[$__rate_interval])))",
                    "{{server}}",
                )],
            )
            .sized(12, 7),
        ],
    )
}
