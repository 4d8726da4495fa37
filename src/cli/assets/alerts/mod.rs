//! Alerts: one file a group, and what all of them have.

use super::rules::{Group, Kind, Rule};
use super::{Settings, Thresholds, recording};

mod authentication;
mod availability;
mod capacity;
mod cost;
mod degraded;
mod errors;
mod latency;
mod telemetry;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Critical,
    Warning,
    Info,
}

/// Who has to hear of it, and when: at once, in business hours, some time, in a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    P0,
    P1,
    P2,
    P3,
}

/// An alert: when it fires and what it says.
pub(super) struct Alert {
    pub(super) name: &'static str,
    pub(super) expression: String,
    /// How long it must be true; `"0m"` = it fires at once.
    pub(super) wait: &'static str,
    pub(super) severity: Severity,
    pub(super) priority: Priority,
    pub(super) component: &'static str,
    /// The labels that it has from its expression.
    pub(super) by: &'static [&'static str],
    /// With the value, for people.
    pub(super) summary: &'static str,
    /// What that means, in a sentence.
    pub(super) description: &'static str,
    /// The uid of the dashboard that shows it, without `sightglass-`.
    pub(super) board: &'static str,
    /// Labels beside the usual ones.
    pub(super) labels: &'static [(&'static str, &'static str)],
}

/// All of them.
pub(super) fn groups(settings: &Settings) -> Vec<Group> {
    let of = |name, alerts: fn(&Thresholds) -> Vec<Alert>| {
        let alerts = alerts(&settings.thresholds).into_iter();
        Group { name, every: None, rules: alerts.map(|alert| alert.rule(settings)).collect() }
    };
    vec![
        of("mcp-availability", availability::alerts),
        of("mcp-errors", errors::alerts),
        of("mcp-latency", latency::alerts),
        of("mcp-authentication", authentication::alerts),
        of("mcp-capacity", capacity::alerts),
        of("mcp-telemetry", telemetry::alerts),
        of("mcp-change", telemetry::changes),
        of("mcp-widgets", telemetry::widgets),
        of("mcp-cost", cost::alerts),
        of("mcp-aggregate", degraded::alerts),
    ]
}

impl Alert {
    /// As Prometheus and Loki read it.
    pub(super) fn rule(self, settings: &Settings) -> Rule {
        let severity = match self.severity {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        };
        let priority = format!("{:?}", self.priority);
        let mut labels = vec![
            ("severity", severity.to_owned()),
            ("priority", priority),
            ("component", self.component.to_owned()),
        ];
        labels.extend(self.labels.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let annotations = vec![
            ("summary", self.summary.to_owned()),
            ("description", self.description.to_owned()),
            ("runbook_url", format!("{}/{}.md", settings.runbooks, self.name)),
            ("dashboard", self.dashboard(&settings.grafana)),
        ];
        let (kind, wait) = (Kind::Alert, Some(self.wait));
        Rule { kind, name: self.name, expression: self.expression, wait, labels, annotations }
    }

    /// The dashboard, with what the alert is about chosen there.
    fn dashboard(&self, grafana: &str) -> String {
        let chosen = self.by.iter().filter_map(|label| match *label {
            "server" => Some("var-server={{ $labels.server }}"),
            "tool_name" => Some("var-tool={{ $labels.tool_name }}"),
            "instance" => Some("var-instance={{ $labels.instance }}"),
            _ => None,
        });
        let chosen: Vec<&str> = chosen.collect();
        let query = if chosen.is_empty() { String::new() } else { format!("?{}", chosen.join("&")) };
        format!("{grafana}/d/sightglass-{}{query}", self.board)
    }
}

/// Both windows of each pair burn the budget (`objective`, what may not fail) so many times too fast: the long one says
/// that it matters, the short one that it still goes on.
fn burn(ratio: &str, objective: &str, pairs: [(f64, &str, &str); 2]) -> String {
    let over =
        |factor: f64, window: &str| format!("{ratio}{window} > on (server) {factor} * (1 - {objective})");
    let pairs = pairs.map(|(factor, short, long)| {
        format!("(\n  {}\n  and on (server)\n  {}\n)", over(factor, long), over(factor, short))
    });
    pairs.join("\nor\n")
}

const FAST: [(f64, &str, &str); 2] = [(14.4, "5m", "1h"), (6.0, "30m", "6h")];
const SLOW: [(f64, &str, &str); 2] = [(3.0, "2h", "1d"), (1.0, "6h", "3d")];
