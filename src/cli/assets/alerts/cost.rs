//! What calls cost.

use super::Priority::P2;
use super::Severity::Warning;
use super::{Alert, Thresholds};

/// The mean needs a day behind it: what has just begun is no spike.
pub(super) fn alerts(thresholds: &Thresholds) -> Vec<Alert> {
    let Thresholds { cost_factor, daily_cost_usd, .. } = thresholds;
    vec![
        Alert {
            name: "McpCostSpike",
            expression: format!(
                "mcp:cost_usd:increase1h > {cost_factor} * avg_over_time(mcp:cost_usd:increase1h[7d])\nand on (server) \
                 mcp:cost_usd:increase1h offset 1d"
            ),
            wait: "30m",
            severity: Warning,
            priority: P2,
            component: "cost",
            by: &["server"],
            summary: "Calls of {{ $labels.server }} cost {{ $value | humanize }} US dollars within the hour",
            description: "That is far more than the mean hour of the week.",
            board: "cost",
            labels: &[],
        },
        Alert {
            name: "McpDailyCostHigh",
            expression: format!("sum(mcp:cost_usd:increase1d) > {daily_cost_usd}"),
            wait: "0m",
            severity: Warning,
            priority: P2,
            component: "cost",
            by: &[],
            summary: "All calls together cost {{ $value | humanize }} US dollars within the day",
            description: "That is more than the budget of a day.",
            board: "cost",
            labels: &[],
        },
    ]
}
