//! Recording rules: what dashboards and alerts ask for again and again, and the names that other guides use.

use super::objectives::Objectives;
use super::rules::{Group, Rule};

/// All of them.
pub(super) fn groups(objectives: &Objectives) -> Vec<Group> {
    vec![
        group("mcp-servers", None, servers()),
        group("mcp-tools", None, tools()),
        group("mcp-use", None, usage()),
        group("mcp-limits", None, limits()),
        group("mcp-spending", Some("1m"), cost()),
        group("mcp-slo", Some("1m"), slo(objectives)),
        group("mcp-aliases", None, aliases()),
    ]
}

fn group(name: &'static str, every: Option<&'static str>, rules: Vec<Rule>) -> Group {
    Group { name, every, rules }
}

/// What was answered; who was refused, left or has to say more first is no success and no failure.
const ANSWERED: &str = "status=~\"success|error\"";

/// `part` ÷ `whole`: 0 where there is no `part`, nothing where there is no `whole`.
pub(super) fn ratio(part: &str, whole: &str) -> String {
    format!("(\n  {part}\n  or 0 * {whole}\n)\n/ ({whole} > 0)")
}

fn servers() -> Vec<Rule> {
    let rate = |matchers: &str| format!("sum by (server) (rate(mcp_requests_total{matchers}[5m]))");
    let answered = rate(&format!("{{{ANSWERED}}}"));
    let mut rules = vec![
        Rule::record("mcp:requests:rate5m", rate("")),
        Rule::record("mcp:requests_per_minute:rate5m", format!("60 * {}", rate(""))),
        Rule::record("mcp:request_errors:ratio_rate5m", ratio(&rate("{status=\"error\"}"), &answered)),
        Rule::record("mcp:request_success:ratio_rate5m", ratio(&rate("{status=\"success\"}"), &answered)),
    ];
    let names = [
        ("mcp:request_duration_seconds:p50_rate5m", 0.5),
        ("mcp:request_duration_seconds:p90_rate5m", 0.9),
        ("mcp:request_duration_seconds:p95_rate5m", 0.95),
        ("mcp:request_duration_seconds:p99_rate5m", 0.99),
    ];
    let histogram = "mcp_request_duration_seconds";
    rules.extend(names.map(|(name, share)| Rule::record(name, quantile(share, histogram, "server"))));
    rules.push(Rule::record("mcp:request_duration_seconds:mean_rate5m", mean(histogram, "server")));
    rules
}

fn tools() -> Vec<Rule> {
    let rate = |matchers: &str| {
        format!("sum by (server, tool_name) (rate(mcp_tool_invocations_total{matchers}[5m]))")
    };
    let answered = rate(&format!("{{{ANSWERED}}}"));
    let mut rules = vec![
        Rule::record("mcp:tool_calls:rate5m", rate("")),
        Rule::record("mcp:tool_errors:ratio_rate5m", ratio(&rate("{status=\"error\"}"), &answered)),
        Rule::record("mcp:tool_success:ratio_rate5m", ratio(&rate("{status=\"success\"}"), &answered)),
    ];
    let names = [
        ("mcp:tool_duration_seconds:p50_rate5m", 0.5),
        ("mcp:tool_duration_seconds:p90_rate5m", 0.9),
        ("mcp:tool_duration_seconds:p95_rate5m", 0.95),
        ("mcp:tool_duration_seconds:p99_rate5m", 0.99),
    ];
    let (histogram, by) = ("mcp_tool_duration_seconds", "server, tool_name");
    rules.extend(names.map(|(name, share)| Rule::record(name, quantile(share, histogram, by))));
    rules.push(Rule::record("mcp:tool_duration_seconds:mean_rate5m", mean(histogram, by)));
    rules
}

/// A quantile of nothing is NaN, which no comparison lets through.
fn quantile(share: f64, histogram: &str, by: &str) -> String {
    format!(
        "histogram_quantile({share}, sum by ({by}, le) (rate({histogram}_bucket{{{ANSWERED}}}[5m]))) >= 0"
    )
}

fn mean(histogram: &str, by: &str) -> String {
    let sum = |part: &str| format!("sum by ({by}) (rate({histogram}_{part}{{{ANSWERED}}}[5m]))");
    format!("{}\n/ ({} > 0)", sum("sum"), sum("count"))
}

/// Attempts to show credentials, by server: `function` of them over 5 minutes. Who shows none and needs none attempts nothing.
pub(super) fn attempts(function: &str) -> String {
    let of = |matcher: &str| format!("{function}(mcp_authentication_attempts_total{{{matcher}}}[5m])");
    format!("sum by (server) ({} or {})", of("method!=\"none\""), of("status=\"failure\""))
}

fn usage() -> Vec<Rule> {
    let succeeded =
        "sum by (server) (rate(mcp_authentication_attempts_total{method!=\"none\",status=\"success\"}[5m]))";
    vec![
        Rule::record(
            "mcp:client_requests:rate5m",
            "sum by (server, client_name) (rate(mcp_clients_total[5m]))",
        ),
        Rule::record("mcp:auth_attempts:rate5m", attempts("rate")),
        Rule::record("mcp:auth_success:ratio_rate5m", ratio(succeeded, &attempts("rate"))),
    ]
}

/// Of each process by itself: limits are its own.
fn limits() -> Vec<Rule> {
    vec![
        Rule::record("mcp:limit_used:ratio", "mcp_proxy_limit_used / (mcp_proxy_limit > 0)"),
        Rule::record("mcp:bulkhead_running:ratio", "mcp_bulkhead_running / (mcp_bulkhead_max > 0)"),
    ]
}

fn cost() -> Vec<Rule> {
    let increase = |window: &str| format!("sum by (server) (increase(mcp_cost_usd_total[{window}]))");
    let each = |metric: &str| format!("sum by (server, tool_name) (rate({metric}[1h]))");
    let calls = each("mcp_tool_invocations_total");
    vec![
        Rule::record("mcp:cost_usd:increase1h", increase("1h")),
        Rule::record("mcp:cost_usd:increase1d", increase("1d")),
        Rule::record(
            "mcp:cost_usd_per_1000_calls:ratio_rate1h",
            format!("1000 * {}\n/ ({calls} > 0)", each("mcp_cost_usd_total")),
        ),
    ]
}

fn slo(objectives: &Objectives) -> Vec<Rule> {
    let mut rules = vec![
        Rule::record("mcp:slo_availability:objective", objectives.availability()),
        Rule::record("mcp:slo_latency:objective", objectives.latency_target()),
        Rule::record("mcp:slo_latency_seconds:objective", objectives.latency()),
    ];
    for (errors, slow, window) in [
        ("mcp:slo_errors:ratio_rate5m", "mcp:slo_slow:ratio_rate5m", "5m"),
        ("mcp:slo_errors:ratio_rate30m", "mcp:slo_slow:ratio_rate30m", "30m"),
        ("mcp:slo_errors:ratio_rate1h", "mcp:slo_slow:ratio_rate1h", "1h"),
        ("mcp:slo_errors:ratio_rate2h", "mcp:slo_slow:ratio_rate2h", "2h"),
        ("mcp:slo_errors:ratio_rate6h", "mcp:slo_slow:ratio_rate6h", "6h"),
        ("mcp:slo_errors:ratio_rate1d", "mcp:slo_slow:ratio_rate1d", "1d"),
        ("mcp:slo_errors:ratio_rate3d", "mcp:slo_slow:ratio_rate3d", "3d"),
    ] {
        let failed = format!("sum by (server) (rate(mcp_requests_total{{status=\"error\"}}[{window}]))");
        let answered = format!("sum by (server) (rate(mcp_requests_total{{{ANSWERED}}}[{window}]))");
        let calls =
            format!("sum by (server) (rate(mcp_tool_duration_seconds_count{{{ANSWERED}}}[{window}]))");
        let within = objectives.within_latency(window);
        rules.push(Rule::record(errors, ratio(&failed, &answered)));
        rules.push(Rule::record(slow, format!("1 - (\n  {within}\n)\n/ ({calls} > 0)")));
    }
    rules
}

/// The same facts by the names that other guides use.
fn aliases() -> Vec<Rule> {
    let database = |part: &str| format!("mcp_server_timing_seconds_{part}{{metric=\"db\"}}");
    let looked_up =
        |matchers: &str| format!("sum by (server) (rate(mcp_cache_operations_total{{{matchers}}}[5m]))");
    vec![
        Rule::record("mcp_tool_calls_total", "mcp_tool_invocations_total"),
        Rule::record("mcp_tool_execution_seconds_bucket", "mcp_tool_duration_seconds_bucket"),
        Rule::record("mcp_tool_execution_seconds_sum", "mcp_tool_duration_seconds_sum"),
        Rule::record("mcp_tool_execution_seconds_count", "mcp_tool_duration_seconds_count"),
        Rule::record("mcp_auth_failures_total", "mcp_authentication_failures_total"),
        Rule::record("mcp_database_query_duration_seconds_bucket", database("bucket")),
        Rule::record("mcp_database_query_duration_seconds_sum", database("sum")),
        Rule::record("mcp_database_query_duration_seconds_count", database("count")),
        Rule::record(
            "mcp_cache_hit_ratio",
            ratio(&looked_up("result=\"hit\""), &looked_up("result=~\"hit|miss\"")),
        ),
    ]
}
