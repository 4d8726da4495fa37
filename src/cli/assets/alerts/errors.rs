//! Calls that fail.

use super::Priority::{P0, P1, P3};
use super::Severity::{Critical, Info, Warning};
use super::{Alert, FAST, SLOW, Thresholds, burn};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    vec![tools(thresholds), servers(thresholds), burn_fast(), burn_slow()]
}

fn tools(thresholds: &Thresholds) -> Alert {
    let Thresholds { tool_error_ratio, tool_calls, .. } = thresholds;
    Alert {
        name: "McpToolErrorRatioHigh",
        expression: format!(
            "mcp:tool_errors:ratio_rate5m > {tool_error_ratio}\nand\nsum by (server, tool_name) \
             (increase(mcp_tool_invocations_total{{status=~\"success|error\"}}[5m])) >= {tool_calls}"
        ),
        wait: "3m",
        severity: Warning,
        priority: P1,
        component: "errors",
        by: &["server", "tool_name"],
        summary: "{{ $value | humanizePercentage }} of the calls of {{ $labels.tool_name }} ({{ $labels.server }}) fail",
        description: "One tool fails more often than it should.",
        board: "errors",
        labels: &[],
    }
}

fn servers(thresholds: &Thresholds) -> Alert {
    Alert {
        name: "McpErrorRatioCritical",
        expression: format!("mcp:request_errors:ratio_rate5m > {}", thresholds.server_error_ratio),
        wait: "5m",
        severity: Critical,
        priority: P0,
        component: "errors",
        by: &["server"],
        summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.server }} fail",
        description: "The server as a whole fails its clients.",
        board: "errors",
        labels: &[],
    }
}

fn burn_fast() -> Alert {
    Alert {
        name: "McpAvailabilityBurnFast",
        expression: burn("mcp:slo_errors:ratio_rate", "mcp:slo_availability:objective", FAST),
        wait: "2m",
        severity: Critical,
        priority: P0,
        component: "slo",
        by: &["server"],
        summary: "{{ $labels.server }} uses up its error budget fast: {{ $value | humanizePercentage }} of its requests fail",
        description: "At this rate the budget of 30 days is gone within days, or hours.",
        board: "overview",
        labels: &[],
    }
}

fn burn_slow() -> Alert {
    Alert {
        name: "McpAvailabilityBurnSlow",
        expression: burn("mcp:slo_errors:ratio_rate", "mcp:slo_availability:objective", SLOW),
        wait: "15m",
        severity: Info,
        priority: P3,
        component: "slo",
        by: &["server"],
        summary: "{{ $labels.server }} uses up its error budget: {{ $value | humanizePercentage }} of its requests fail",
        description: "At this rate the budget of 30 days does not last.",
        board: "overview",
        labels: &[],
    }
}
