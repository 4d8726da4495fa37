//! The rule for Loki: errors in lines, as a backstop where metrics do not arrive.

use super::Settings;
use super::alerts::{Alert, Priority, Severity};
use super::rules::Group;

pub(super) fn groups(settings: &Settings) -> Vec<Group> {
    let most = settings.thresholds.log_errors;
    let spike = Alert {
        name: "McpLogErrorSpike",
        expression: format!("sum by (server) (count_over_time({{level=\"error\"}}[5m])) > {most}"),
        wait: "5m",
        severity: Severity::Warning,
        priority: Priority::P2,
        component: "logs",
        by: &["server"],
        summary: "{{ $value }} error lines of {{ $labels.server }} within 5 minutes",
        description: "A backstop for where metrics do not arrive; with metrics, other alerts say more.",
        board: "errors",
        labels: &[],
    };
    vec![Group { name: "mcp-logs", every: None, rules: vec![spike.rule(settings)] }]
}
