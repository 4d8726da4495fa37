//! What is nearly full.

use super::Priority::P2;
use super::Severity::Warning;
use super::{Alert, Thresholds};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    let limit = |name, expression: String, summary, description| Alert {
        name,
        expression,
        wait: "5m",
        severity: Warning,
        priority: P2,
        component: "capacity",
        by: &["instance"],
        summary,
        description,
        board: "performance",
        labels: &[],
    };
    let used = |limit: &str, most: f64| format!("mcp:limit_used:ratio{{limit=\"{limit}\"}} > {most}");
    let Thresholds { limit_ratio, memory_ratio, descriptor_ratio, .. } = *thresholds;
    let bulkhead = limit(
        "McpBulkheadFull",
        format!("mcp:bulkhead_running:ratio > {limit_ratio}"),
        "{{ $value | humanizePercentage }} of the places of {{ $labels.server }} are taken ({{ $labels.instance }})",
        "When all are, calls wait and are then refused.",
    );
    vec![
        limit(
            "McpConnectionsNearLimit",
            used("connections", limit_ratio),
            "{{ $value | humanizePercentage }} of limits.max_connections are open at {{ $labels.instance }}",
            "When all are, new connections wait.",
        ),
        limit(
            "McpSessionsNearLimit",
            used("sessions", limit_ratio),
            "{{ $value | humanizePercentage }} of limits.max_sessions are remembered at {{ $labels.instance }}",
            "When all are, the oldest are forgotten: traffic goes on, what is told of sessions is incomplete.",
        ),
        Alert { by: &["server", "instance"], ..bulkhead },
        limit(
            "McpMemoryHigh",
            used("memory_bytes", memory_ratio),
            "{{ $value | humanizePercentage }} of the memory is used at {{ $labels.instance }}",
            "At its limit the process is killed.",
        ),
        limit(
            "McpFileDescriptorsHigh",
            used("file_descriptors", descriptor_ratio),
            "{{ $value | humanizePercentage }} of the file descriptors are open at {{ $labels.instance }}",
            "When all are, new connections wait.",
        ),
    ]
}
