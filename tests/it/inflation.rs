//! Promise: whatever a client or a server makes up, no label has more values than its cap (invariant 6).

use serde_json::json;
use sightglass::config::{Config, Fact, LabelSource, Rule, RuleKind, RuleLabel, Source, Tier, When};
use sightglass::observe::End;

use crate::support::observed::{Observed, one_server};

const MANY: usize = 5_000;

fn config() -> Config {
    let mut config = one_server();
    config.limits.max_label_values = 20;
    config.limits.max_client_names = 10;
    config.limits.max_tool_pairs = 10;
    config.limits.max_sessions = 100;
    config.identity.session = vec![Source::Meta("openai/session".to_owned())];
    config.identity.tier =
        Some(Tier { source: Source::Header("x-plan".to_owned()), allowed: vec!["free".to_owned()] });
    let label = |name: &str, source| RuleLabel { name: name.to_owned(), source };
    config.rules = vec![Rule {
        name: "mcp_things_total".to_owned(),
        kind: RuleKind::Counter,
        help: "Things.".to_owned(),
        when: When::default(),
        value: None,
        scale: 1.0,
        labels: vec![
            label(
                "kind",
                LabelSource::Pointer {
                    pointer: "/params/arguments/kind".to_owned(),
                    allowed: vec!["a".to_owned()],
                },
            ),
            label("tool", LabelSource::Fact(Fact::ToolName)),
        ],
        buckets: Vec::new(),
    }];
    config
}

#[test]
fn every_label_stays_within_its_cap_however_many_values_are_made_up() {
    let observed = Observed::with(&config());
    for number in 0..MANY {
        let call = json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{
        "name":format!("tool-{}", number % 97),
        "arguments":{"kind":format!("kind-{number}")},
        "_meta":{
            "openai/session":format!("session-{}", number / 3),
            "io.modelcontextprotocol/protocolVersion":"2026-07-28",
            "io.modelcontextprotocol/clientInfo":{"name":format!("client-{number}")},
        }}});
        let plan = format!("plan-{number}");
        let scheme = format!("Scheme{number} token");
        let timing = format!("metric-{number};dur=1;desc=hit");
        let challenge = format!("Bearer error=\"made-up-{number}\"");
        let asked = observed.post(&[("x-plan", &plan), ("authorization", &scheme)], &call.to_string());
        let failed = number % 5 == 0;
        let result = json!({"jsonrpc":"2.0","id":7,"result":{"isError":failed}}).to_string();
        let headers = [("content-type", "application/json"), ("server-timing", timing.as_str())];
        asked.answer(200, &headers).text(&result).end(End::Complete);
        observed.post(&[], "{}").answer(401, &[("www-authenticate", &challenge)]).end(End::Complete);
    }
    let page = observed.scrape();
    let at_most = |metric: &str, label: &str, most: usize| {
        let values = page.values(metric, label);
        assert!(!values.is_empty(), "{metric} has no {label}");
        assert!(values.len() <= most, "{metric}: {} values of {label}: {values:?}", values.len());
    };
    // Each cap, and `_other`, and where there may be none `none`.
    for metric in [
        "mcp_tool_invocations_total",
        "mcp_token_usage_count",
        "mcp_error_recovery_total",
        "mcp_things_total",
    ] {
        at_most(metric, if metric == "mcp_things_total" { "tool" } else { "tool_name" }, 21);
    }
    at_most("mcp_tool_composition_total", "source_tool", 21);
    at_most("mcp_tool_composition_total", "target_tool", 21);
    let pairs = page.sums("mcp_tool_composition_total", &["source_tool", "target_tool"]);
    assert!(pairs.len() <= 11, "{} pairs", pairs.len());
    at_most("mcp_sessions_total", "client_name", 11);
    at_most("mcp_server_timing_seconds_count", "metric", 21);
    at_most("mcp_server_timing_seconds_count", "tool_name", 22);
    at_most("mcp_cache_operations_total", "operation", 21);
    at_most("mcp_tool_invocations_total", "user_tier", 2);
    at_most("mcp_session_tool_calls_count", "user_tier", 2);
    at_most("mcp_things_total", "kind", 2);
    at_most("mcp_authentication_attempts_total", "method", 5);
    at_most("mcp_authentication_failures_total", "reason", 9);
    for label in ["tool_name", "client_name", "target_tool", "metric"] {
        let overflow = page.metric("mcp_proxy_label_overflow_total").label("label", label).sum();
        assert!(overflow > 0.0, "what is beyond the cap of {label} is not counted");
    }
    assert!(observed.observer.usage().sessions <= 100);
}
