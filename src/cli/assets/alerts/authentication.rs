//! Credentials.

use super::Priority::{P0, P1};
use super::Severity::{Critical, Warning};
use super::{Alert, Thresholds, recording};

pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    vec![failures(thresholds), spike(thresholds)]
}

fn attempts(thresholds: &Thresholds) -> String {
    format!("{} >= {}", recording::attempts("increase"), thresholds.auth_attempts)
}

fn failures(thresholds: &Thresholds) -> Alert {
    let ratio = thresholds.auth_failure_ratio;
    Alert {
        name: "McpAuthFailureRatioHigh",
        expression: format!("1 - mcp:auth_success:ratio_rate5m > {ratio}\nand\n{}", attempts(thresholds)),
        wait: "5m",
        severity: Warning,
        priority: P1,
        component: "authentication",
        by: &["server"],
        summary: "{{ $value | humanizePercentage }} of the credentials for {{ $labels.server }} are refused",
        description: "Tokens have ended, keys have changed, or somebody tries tokens.",
        board: "errors",
        labels: &[],
    }
}

/// The day before must be known: what has just begun is no spike.
fn spike(thresholds: &Thresholds) -> Alert {
    let Thresholds { auth_attempts_per_second, auth_attempts_factor, .. } = thresholds;
    Alert {
        name: "McpAuthAttemptSpike",
        expression: format!(
            "mcp:auth_attempts:rate5m > {auth_attempts_per_second}\nor\n(\n  mcp:auth_attempts:rate5m\n  > \
             {auth_attempts_factor} * avg_over_time(mcp:auth_attempts:rate5m[1d] offset 5m)\n  and on (server) \
             mcp:auth_attempts:rate5m offset 1d\n  and on (server) {}\n)",
            attempts(thresholds)
        ),
        wait: "2m",
        severity: Critical,
        priority: P0,
        component: "authentication",
        by: &["server"],
        summary: "{{ $value | humanize }} authentication attempts a second at {{ $labels.server }}",
        description: "Far more than usual: a client in a loop, or an attack.",
        board: "errors",
        labels: &[],
    }
}
