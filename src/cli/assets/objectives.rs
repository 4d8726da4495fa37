//! What servers promise (`server.slo`), as expressions of `PromQL`: each server's own, and the default for all others.

use std::fmt::Write as _;

use crate::config::{Config, Slo};

/// The objectives of all servers.
#[derive(Debug, Clone)]
pub(super) struct Objectives {
    /// With the name of the server.
    own: Vec<(String, Slo)>,
    default: Slo,
    /// The bound of the histogram that counts what is within the default latency, seconds.
    default_bound: f64,
}

impl Objectives {
    pub(super) fn new(config: &Config) -> Self {
        let default = Slo::default();
        let own =
            config.running().filter_map(|(_, server)| Some((server.name.clone(), server.slo?))).collect();
        let bounds = &config.metrics.latency_buckets;
        let latency = default.latency.as_secs_f64();
        let above = bounds.iter().find(|bound| **bound >= latency).or(bounds.last());
        Self { own, default, default_bound: above.copied().unwrap_or(latency) }
    }

    /// The share of requests that may not fail, by server.
    pub(super) fn availability(&self) -> String {
        self.by_server(|slo| slo.availability, self.default.availability)
    }

    /// The share of calls that may not be slow, by server.
    pub(super) fn latency_target(&self) -> String {
        self.by_server(|slo| slo.latency_target, self.default.latency_target)
    }

    /// What is slow, in seconds, by server.
    pub(super) fn latency(&self) -> String {
        self.by_server(|slo| slo.latency.as_secs_f64(), self.default_bound)
    }

    fn by_server(&self, value: impl Fn(&Slo) -> f64, default: f64) -> String {
        let mut expression = String::new();
        for (name, slo) in &self.own {
            let value = value(slo);
            let _ = write!(
                expression,
                "group by (server) (mcp_requests_total{{server=\"{name}\"}}) * {value}\nor "
            );
        }
        let _ = write!(expression, "group by (server) (mcp_requests_total) * {default}");
        expression
    }

    /// Calls a second that are within their server's latency, by server, over `window`.
    pub(super) fn within_latency(&self, window: &str) -> String {
        let mut expression = String::new();
        for (name, slo) in &self.own {
            let server = format!(",server=\"{name}\"");
            let _ = write!(expression, "{}\n  or ", within(slo.latency.as_secs_f64(), &server, window));
        }
        // Of the characters of a name, the point alone has a meaning in a regular expression.
        let named: Vec<String> = self.own.iter().map(|(name, _)| name.replace('.', "\\\\.")).collect();
        let others = format!(",server!~\"{}\"", named.join("|"));
        expression + &within(self.default_bound, if named.is_empty() { "" } else { &others }, window)
    }
}

fn within(bound: f64, server: &str, window: &str) -> String {
    let bound = bound_matcher(bound);
    format!(
        "sum by (server) (rate(mcp_tool_duration_seconds_bucket{{{bound},status=~\"success|error\"{server}}}[{window}]))"
    )
}

/// Prometheus 3 writes `10.0` for what the page has as `10`.
fn bound_matcher(bound: f64) -> String {
    if bound.fract() == 0.0 { format!("le=~\"{bound}(\\\\.0)?\"") } else { format!("le=\"{bound}\"") }
}
