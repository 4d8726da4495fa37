//! Calls that take long.

use super::Priority::{P0, P1, P2, P3};
use super::Severity::{Critical, Info, Warning};
use super::{Alert, FAST, SLOW, Thresholds, burn};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    let p95 = quantile("McpToolLatencyP95High", "p95", thresholds.tool_p95_seconds);
    let p99 = quantile("McpToolLatencyP99High", "p99", thresholds.tool_p99_seconds);
    vec![
        Alert { summary: P95, ..p95 },
        Alert { wait: "10m", priority: P2, ..p99 },
        burn_fast(),
        burn_slow(),
        stuck(thresholds),
        overhead(thresholds),
    ]
}

const P95: &str = "One call in 20 of {{ $labels.tool_name }} ({{ $labels.server }}) takes {{ $value | humanizeDuration }} or more";
const P99: &str = "One call in 100 of {{ $labels.tool_name }} ({{ $labels.server }}) takes {{ $value | humanizeDuration }} or more";

fn quantile(name: &'static str, function: &str, most: f64) -> Alert {
    Alert {
        name,
        expression: format!("mcp:tool_duration_seconds:{function}_rate5m > {most}"),
        wait: "5m",
        severity: Warning,
        priority: P1,
        component: "latency",
        by: &["server", "tool_name"],
        summary: P99,
        description: "The tool is slower than it should be.",
        board: "tools",
        labels: &[],
    }
}

fn burn_fast() -> Alert {
    Alert {
        name: "McpLatencyBurnFast",
        expression: burn("mcp:slo_slow:ratio_rate", "mcp:slo_latency:objective", FAST),
        wait: "2m",
        severity: Critical,
        priority: P0,
        component: "slo",
        by: &["server"],
        summary: "{{ $value | humanizePercentage }} of the calls to {{ $labels.server }} are slower than its objective",
        description: "At this rate the budget of 30 days is gone within days, or hours.",
        board: "overview",
        labels: &[],
    }
}

fn burn_slow() -> Alert {
    Alert {
        name: "McpLatencyBurnSlow",
        expression: burn("mcp:slo_slow:ratio_rate", "mcp:slo_latency:objective", SLOW),
        wait: "15m",
        severity: Info,
        priority: P3,
        description: "At this rate the budget of 30 days does not last.",
        ..burn_fast()
    }
}

fn stuck(thresholds: &Thresholds) -> Alert {
    let most = thresholds.stuck_seconds;
    Alert {
        name: "McpCallStuck",
        expression: format!("max by (server, tool_name) (mcp_tool_oldest_inflight_seconds) > {most}"),
        wait: "1m",
        severity: Warning,
        priority: P1,
        component: "latency",
        by: &["server", "tool_name"],
        summary: "A call of {{ $labels.tool_name }} ({{ $labels.server }}) waits for {{ $value | humanizeDuration }}",
        description: "It may hang; the client still waits for its answer.",
        board: "tools",
        labels: &[],
    }
}

fn overhead(thresholds: &Thresholds) -> Alert {
    Alert {
        name: "McpProxyOverheadHigh",
        expression: format!(
            "histogram_quantile(0.99, sum by (instance, le) (rate(mcp_proxy_overhead_seconds_bucket[5m]))) > {}",
            thresholds.overhead_seconds
        ),
        wait: "10m",
        severity: Warning,
        priority: P2,
        component: "proxy",
        by: &["instance"],
        summary: "sightglass {{ $labels.instance }} itself adds {{ $value | humanizeDuration }} to one request in 100",
        description: "The proxy lacks processor time, or carries very large bodies.",
        board: "performance",
        labels: &[],
    }
}
