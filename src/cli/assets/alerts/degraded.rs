//! Several alerts of one server at once.

use super::Priority::P1;
use super::Severity::Warning;
use super::{Alert, Thresholds};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    let least = thresholds.degraded_alerts;
    vec![Alert {
        name: "McpServiceDegraded",
        expression: format!(
            "count by (server) (\n  count by (server, alertname) (\n    ALERTS{{alertname=~\"Mcp.+\", \
             alertname!=\"McpServiceDegraded\", alertstate=\"firing\", server!=\"\"}}\n  )\n) >= {least}"
        ),
        wait: "5m",
        severity: Warning,
        priority: P1,
        component: "service",
        by: &["server"],
        summary: "{{ $value | humanize }} alerts fire for {{ $labels.server }}",
        description: "They have most likely one cause; look at them together.",
        board: "overview",
        labels: &[],
    }]
}
