//! Is everything all right?

use super::links::{SERVER_LOGS, SERVER_TOOLS};
use super::{Dashboard, Panel, Row};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        name: "overview",
        title: "Overview",
        about: "Are the servers there, how much do they do, how much of it fails, how long does it take?",
        rows: vec![now(), traffic(), objectives(), tools()],
    }
}

const REQUESTS: &str = "sum(rate(mcp_requests_total{%s}[$__rate_interval]))";
const ERROR_RATIO: &str = "(\n  sum(rate(mcp_requests_total{%s, status=\"error\"}[$__rate_interval]))\n  or vector(0)\n)\n/ \
     (sum(rate(mcp_requests_total{%s, status=~\"success|error\"}[$__rate_interval])) > 0)";
const P95: &str = "histogram_quantile(0.95, sum by (le) \
     (rate(mcp_request_duration_seconds_bucket{%s, status=~\"success|error\"}[$__rate_interval])))";

fn now() -> Row {
    let availability = Panel::table(
        "Availability",
        "none",
        &[("server", "Server")],
        &[
            ("min by (server) (mcp_server_availability{%s})", "Available"),
            ("max by (server) (mcp_consecutive_failures{%s})", "Failures in a row"),
        ],
    );
    let alerts = Panel::table(
        "Firing alerts",
        "none",
        &[("alertname", "Alert"), ("severity", "Severity"), ("server", "Server"), ("tool_name", "Tool")],
        &[(
            "count by (alertname, severity, server, tool_name) (ALERTS{alertname=~\"Mcp.+\", alertstate=\"firing\"})",
            "Series",
        )],
    );
    (
        "Now",
        vec![
            Panel::number("Healthy servers", "percentunit", "min(mcp_health_score{%p})")
                .levels_from_below(0.95, 1.0),
            Panel::number("Requests a second", "reqps", REQUESTS),
            Panel::number("Requests that fail", "percentunit", ERROR_RATIO).levels(0.01, 0.05),
            Panel::number("95th percentile", "s", P95).levels(1.0, 2.5),
            Panel::number("Open sessions", "short", "sum(mcp_active_sessions{%s})"),
            Panel::number("Open connections", "short", "sum(mcp_active_connections{%p})"),
            availability.about("From probes, or from calls where there are none.").sized(12, 7),
            alerts.sized(12, 7),
        ],
    )
}

fn traffic() -> Row {
    let quantile = |share: &str| {
        format!(
            "histogram_quantile({share}, sum by (le) \
             (rate(mcp_request_duration_seconds_bucket{{%s, status=~\"success|error\"}}[$__rate_interval])))"
        )
    };
    (
        "Traffic",
        vec![
            Panel::lines(
                "Requests",
                "reqps",
                &[("sum by (server) (rate(mcp_requests_total{%s}[$__rate_interval]))", "{{server}}")],
            )
            .linked(&[SERVER_LOGS, SERVER_TOOLS]),
            Panel::lines(
                "Requests that fail",
                "percentunit",
                &[(
                    "(\n  sum by (server) (rate(mcp_requests_total{%s, status=\"error\"}[$__rate_interval]))\n  or 0 * sum \
                     by (server) (rate(mcp_requests_total{%s, status=~\"success|error\"}[$__rate_interval]))\n)\n/ (sum by \
                     (server) (rate(mcp_requests_total{%s, status=~\"success|error\"}[$__rate_interval])) > 0)",
                    "{{server}}",
                )],
            )
            .about("Of those that were answered; what was refused or cancelled is neither.")
            .linked(&[SERVER_LOGS]),
            Panel::lines(
                "How long answers take",
                "s",
                &[(&quantile("0.5"), "p50"), (&quantile("0.95"), "p95"), (&quantile("0.99"), "p99")],
            ),
            Panel::lines(
                "Connections and sessions",
                "short",
                &[
                    ("sum by (transport) (mcp_active_connections{%p})", "connections, {{transport}}"),
                    ("sum by (server) (mcp_active_sessions{%s})", "sessions, {{server}}"),
                ],
            ),
            Panel::bars(
                "Used of limits",
                "percentunit",
                "max by (limit) (mcp_proxy_limit_used{%p} / (mcp_proxy_limit{%p} > 0))",
                "{{limit}}",
            )
            .up_to(1.0)
            .levels(0.7, 0.9),
            Panel::lines(
                "Places of bulkheads taken",
                "percentunit",
                &[("max by (server) (mcp_bulkhead_running{%s} / (mcp_bulkhead_max{%s} > 0))", "{{server}}")],
            ),
        ],
    )
}

fn objectives() -> Row {
    let left = |ratio: &str, objective: &str| {
        format!("1 - {ratio}{{server=~\"$server\"}} / on (server) (1 - {objective}{{server=~\"$server\"}})")
    };
    let availability = left("mcp:slo_errors:ratio_rate3d", "mcp:slo_availability:objective");
    let latency = left("mcp:slo_slow:ratio_rate3d", "mcp:slo_latency:objective");
    (
        "Objectives",
        vec![
            Panel::lines("Error budget left", "percentunit", &[(&availability, "{{server}}")])
                .about("Of what may fail, at the rate of the last three days: below 0, the objective is missed.")
                .sized(12, 7),
            Panel::lines("Latency budget left", "percentunit", &[(&latency, "{{server}}")])
                .about("Of what may be slow, at the rate of the last three days: below 0, the objective is missed.")
                .sized(12, 7),
        ],
    )
}

fn tools() -> Row {
    let columns = [("server", "Server"), ("tool_name", "Tool")];
    (
        "Tools",
        vec![
            Panel::table(
                "Most called",
                "short",
                &columns,
                &[("topk(10, sum by (server, tool_name) (increase(mcp_tool_invocations_total{%t}[$__range])))", "Calls")],
            )
            .sized(12, 9),
            Panel::table(
                "Slowest",
                "s",
                &columns,
                &[(
                    "topk(10, histogram_quantile(0.95, sum by (server, tool_name, le) \
                     (rate(mcp_tool_duration_seconds_bucket{%t, status=~\"success|error\"}[$__range]))) >= 0)",
                    "95th percentile",
                )],
            )
            .sized(12, 9),
        ],
    )
}
