//! What is lost of telemetry, what changes, what is no longer shown.

use super::Priority::{P1, P2, P3};
use super::Severity::{Critical, Info, Warning};
use super::{Alert, Thresholds};

pub(super) fn alerts(_: &Thresholds) -> Vec<Alert> {
    let warning = |name, expression: &str, by, summary, description| Alert {
        name,
        expression: expression.to_owned(),
        wait: "5m",
        severity: Warning,
        priority: P2,
        component: "telemetry",
        by,
        summary,
        description,
        board: "performance",
        labels: &[],
    };
    vec![
        warning(
            "McpTelemetryDropped",
            "sum by (instance, what, reason) (rate(mcp_proxy_dropped_total[5m])) > 0",
            &["instance", "what", "reason"],
            "{{ $labels.instance }} drops {{ $value | humanize }} {{ $labels.what }}s a second ({{ $labels.reason }})",
            "Traces or lines are incomplete; metrics are not.",
        ),
        warning(
            "McpExportFailing",
            "sum by (instance, exporter) (rate(mcp_proxy_telemetry_export_failures_total[5m])) > 0",
            &["instance", "exporter"],
            "{{ $labels.exporter }} of {{ $labels.instance }} fails {{ $value | humanize }} times a second",
            "The collector or the disk does not take what it is sent.",
        ),
        warning(
            "McpLabelOverflow",
            "sum by (label) (rate(mcp_proxy_label_overflow_total[5m])) > 0",
            &["label"],
            "{{ $value | humanize }} values of the label {{ $labels.label }} a second are counted as _other",
            "A server lists more tools, or there are more clients, than limits allow as labels.",
        ),
        warning(
            "McpConfigReloadFailed",
            "min by (instance) (mcp_proxy_config_last_reload_successful) == 0",
            &["instance"],
            "{{ $labels.instance }} could not read its configuration again (successful: {{ $value }})",
            "The previous configuration goes on; a restart would fail.",
        ),
    ]
}

/// A counter that has just appeared has not increased, as far as Prometheus can tell.
pub(super) fn changes(_: &Thresholds) -> Vec<Alert> {
    let changes = "mcp_tool_definition_changes_total";
    vec![Alert {
        name: "McpToolDefinitionChanged",
        expression: format!(
            "sum by (server, change) (increase({changes}[15m])) > 0\nor\n\
             sum by (server, change) ({changes} unless {changes} offset 15m) > 0"
        ),
        wait: "0m",
        severity: Info,
        priority: P3,
        component: "change",
        by: &["server", "change"],
        summary: "Tools of {{ $labels.server }} changed: {{ $labels.change }}, {{ $value | humanize }} times",
        description: "What models are told of these tools is no longer what was reviewed; the log has before and after.",
        board: "tools",
        labels: &[],
    }]
}

pub(super) fn widgets(_: &Thresholds) -> Vec<Alert> {
    let by = "sum by (server, tool_name)";
    vec![Alert {
        name: "McpWidgetsStopped",
        expression: format!(
            "{by} (rate(mcp_tool_invocations_total{{status=\"success\"}}[5m])) > 0\nand\n\
             {by} (max_over_time(mcp_widget_renders_total[1d])) > 0\nunless\n\
             {by} (rate(mcp_widget_renders_total[5m])) > 0"
        ),
        wait: "5m",
        severity: Critical,
        priority: P1,
        component: "widgets",
        by: &["server", "tool_name"],
        summary: "{{ $labels.tool_name }} ({{ $labels.server }}) is called {{ $value | humanize }} times a second and shows no widget",
        description: "Its results no longer make the host show what they did within the last day.",
        board: "tools",
        labels: &[],
    }]
}
