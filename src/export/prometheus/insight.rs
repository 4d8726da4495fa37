//! "Sessions and use" beyond counting: what follows what, lists of tools, tokens, credentials, money, and what servers
//! say of themselves.

use super::series::Pair;
use super::server::Server;
use super::{Prometheus, as_f64, series};
use crate::mcp::{AuthScheme, Method};
use crate::observe::{AuthReason, Call, Ending, Event, NanoDollars, Tokens};

/// What a `resources/read` of a widget asks for.
const WIDGET: &str = "ui://";

impl Prometheus {
    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_insight(&self, event: &Event<'_>) {
        match *event {
            Event::ToolFollowed { server, source, target } => {
                let of = self.server(Some(server));
                let labels = [("source_tool", source.as_str()), ("target_tool", target.as_str())];
                let key = (source.number(), target.number());
                self.count(&of.compositions, key, "mcp_tool_composition_total", of, &labels);
            }
            Event::Recovered { server, tool, strategy, success } => {
                let of = self.server(Some(server));
                let told = if success { "true" } else { "false" };
                let labels = [
                    ("tool_name", tool.as_str()),
                    ("recovery_strategy", strategy.as_str()),
                    ("success", told),
                ];
                let key = (tool.number(), strategy, success);
                self.count(&of.recoveries, key, "mcp_error_recovery_total", of, &labels);
            }
            Event::ServerTiming { server, tool, metric, took } => {
                let of = self.server(Some(server));
                let labels = [("tool_name", tool.as_str()), ("metric", metric.as_str())];
                let (name, key) = ("mcp_server_timing_seconds", (tool.number(), metric.number()));
                self.record(&of.timings, key, name, of, &labels, took.as_secs_f64());
            }
            Event::CacheOperation { server, operation, result } => {
                let of = self.server(Some(server));
                let labels = [("operation", operation.as_str()), ("result", result.as_str())];
                let key = (operation.number(), result);
                self.count(&of.caches, key, "mcp_cache_operations_total", of, &labels);
            }
            Event::CredentialsRefused { server, scheme, reason } => {
                let of = self.server(Some(server));
                self.attempts(of, scheme, Some(reason)).iter().for_each(|counter| counter.increment(1));
            }
            Event::TokensCounted { server, tool, tokens, cost } => {
                self.tokens_counted(self.server(Some(server)), tool, tokens, cost);
            }
            Event::Custom { server, rule, value, labels } => self.custom(server, rule, value, labels),
            _ => self.on_list(event),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    fn on_list(&self, event: &Event<'_>) {
        match *event {
            Event::ToolsListed { server, tools, bytes, tokens } => {
                let of = self.server(Some(server));
                for (name, number) in [
                    ("mcp_tools_listed", tools),
                    ("mcp_tools_list_bytes", bytes),
                    ("mcp_tools_list_tokens", tokens),
                ] {
                    self.set(name, &of.labelled(&[]), as_f64(number));
                }
            }
            Event::ToolChanged { server, changed, line: _ } => {
                let of = self.server(Some(server));
                let labels = [("change", changed.change.as_str())];
                let name = "mcp_tool_definition_changes_total";
                self.count(&of.changes, changed.change, name, of, &labels);
            }
            _ => {}
        }
    }

    /// The time to read a widget.
    pub(super) fn widget_read(&self, of: &Server, call: &Call, ending: &Ending) {
        let is_widget = call.method == Method::ResourcesRead
            && call.uri.as_ref().is_some_and(|uri| uri.as_str().starts_with(WIDGET));
        if is_widget {
            let status = ending.outcome.status();
            let (name, labels) = ("mcp_widget_read_seconds", [("status", status.as_str())]);
            self.record(&of.widget_reads, status, name, of, &labels, ending.took.as_secs_f64());
        }
    }

    /// The counters that one more judgement of credentials increments.
    pub(super) fn attempts(
        &self,
        of: &Server,
        scheme: AuthScheme,
        refused: Option<AuthReason>,
    ) -> Vec<metrics::Counter> {
        let method = ("method", scheme.as_str());
        let status = ("status", if refused.is_some() { "failure" } else { "success" });
        let counter = |name, labels: &[Pair<'_>]| series::counter(&self.recorder, name, &of.labelled(labels));
        let attempts = counter("mcp_authentication_attempts_total", &[method, status]);
        let failures = refused.map(|reason| {
            counter("mcp_authentication_failures_total", &[method, ("reason", reason.as_str())])
        });
        std::iter::once(attempts).chain(failures).collect()
    }

    fn tokens_counted(
        &self,
        of: &Server,
        tool: crate::observe::Label,
        tokens: Tokens,
        cost: Option<NanoDollars>,
    ) {
        for (kind, many) in [("input", tokens.input), ("output", tokens.output)] {
            if let Some(many) = many {
                let labels = [("tool_name", tool.as_str()), ("token_type", kind)];
                let key = (tool.number(), kind);
                self.record(&of.counted, key, "mcp_token_usage", of, &labels, as_f64(many));
            }
        }
        if let Some(cost) = cost {
            self.cost(of, tool.as_str()).add_nano(cost);
        }
    }

    /// What calls of a tool cost.
    pub(super) fn cost(&self, of: &Server, tool: &str) -> super::sums::Sum {
        self.costs.handle([("server", of.name.as_str()), ("tool_name", tool)])
    }
}
