//! Promise: business metrics by configuration alone (`telemetry.md` §6). The configuration is the README's.

use serde_json::{Value, json};
use sightglass::config::{self, Config};

use crate::support::observed::Observed;

const README: &str = include_str!("../../README.md");

/// The README's example, with the server that it is about.
fn readme() -> Config {
    let example = README
        .split("```toml\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .find(|block| block.contains("[[metric]]"))
        .expect("the README shows custom metrics");
    let server = "[[server]]\nname = \"shop\"\nurl = \"http://127.0.0.1:1/mcp\"\n";
    config::parse(&format!("{server}{example}"), "README.md", &|_| None).expect("the README's example loads")
}

fn call(observed: &Observed, plan: &str, tool: &str, arguments: &Value, result: &Value) {
    let ask =
        json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":tool,"arguments":arguments}});
    let answer = json!({"jsonrpc":"2.0","id":7,"result":result});
    let token = jwt(&json!({"sub":"somebody","plan":plan}));
    let bearer = format!("Bearer {token}");
    observed.post(&[("authorization", &bearer)], &ask.to_string()).json(200, &answer.to_string());
}

/// A token that nobody signed.
fn jwt(claims: &Value) -> String {
    format!("{}.{}.", base64(br#"{"alg":"none"}"#), base64(claims.to_string().as_bytes()))
}

/// RFC 4648, section 5, without padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

/// The page's samples of these metrics, without the finer buckets.
fn told(observed: &Observed, names: &[&str]) -> String {
    let page = observed.page();
    let is_wanted = |line: &&str| names.iter().any(|name| line.starts_with(name));
    let is_coarse = |line: &&str| !line.contains("_bucket{") || line.contains("le=\"+Inf\"");
    page.lines().filter(is_wanted).filter(is_coarse).collect::<Vec<_>>().join("\n")
}

#[test]
fn sign_ups_revenue_assignments_query_times_and_cache_hits_are_counted_by_configuration_alone() {
    let observed = Observed::with(&readme());
    for source in ["ad", "ad", "friend", "who knows"] {
        call(&observed, "free", "sign_up", &json!({"source":source}), &json!({"content":[]}));
    }
    call(&observed, "free", "sign_up", &json!({"source":"ad"}), &json!({"isError":true}));
    for (plan, amount) in [("free", 5.0), ("pro", 80.0), ("pro", 20.5), ("gold", 1.0)] {
        let result = json!({"structuredContent":{"order":{"amount":amount}}});
        call(&observed, plan, "checkout", &json!({}), &result);
    }
    for priority in ["low", "high", "high"] {
        call(&observed, "pro", "create_assignment", &json!({"priority":priority}), &json!({}));
    }
    call(&observed, "pro", "create_assignment", &json!({}), &json!({}));
    for (table, milliseconds) in [("orders", 12.0), ("orders", 8.0), ("users", 250.0)] {
        let result = json!({"structuredContent":{"timing":{"db_ms":milliseconds}}});
        call(&observed, "pro", "query", &json!({"table":table}), &result);
    }
    for hit in [true, true, false] {
        let text = json!({"value":1,"cached":if hit { "hit" } else { "miss" }}).to_string();
        call(&observed, "pro", "lookup", &json!({}), &json!({"content":[{"type":"text","text":text}]}));
    }
    let names = [
        "mcp_signups_total",
        "mcp_revenue_usd",
        "mcp_assignments_created_total",
        "mcp_db_query_seconds",
        "mcp_cache_operations_total",
    ];
    insta::assert_snapshot!(told(&observed, &names));
}

#[test]
fn a_rule_whose_value_is_not_there_counts_nothing_and_is_counted_as_such() {
    let observed = Observed::with(&readme());
    call(&observed, "pro", "checkout", &json!({}), &json!({"structuredContent":{"order":{}}}));
    call(&observed, "pro", "checkout", &json!({}), &json!({"structuredContent":{"order":{"amount":"much"}}}));
    let page = observed.scrape();
    page.metric("mcp_revenue_usd_count").is(0);
    page.metric("mcp_proxy_dropped_total").label("what", "metric").label("reason", "no_value").is(2);
}

#[test]
fn a_payload_beyond_the_limit_tells_what_stands_in_its_beginning() {
    let mut config = readme();
    config.limits.payload_bytes = 100;
    let observed = Observed::with(&config);
    let early = json!({"structuredContent":{"order":{"amount":7}},"z":"x".repeat(1000)});
    // Of a result only the part is kept that rules ask for.
    let behind = json!({"content":["x".repeat(1000)],"structuredContent":{"order":{"amount":9}}});
    let late = json!({"structuredContent":{"a":"x".repeat(1000),"order":{"amount":11}}});
    for result in [early, behind, late] {
        call(&observed, "pro", "checkout", &json!({}), &result);
    }
    let page = observed.scrape();
    page.metric("mcp_revenue_usd_sum").label("tier", "pro").is(7 + 9);
    page.metric("mcp_proxy_dropped_total").label("what", "metric").is(1);
}

#[test]
fn without_memory_rules_are_tried_at_once_and_stay_exact() {
    let mut config = readme();
    // For the scanners of one exchange, and little more.
    config.limits.observe_bytes = 16 * 1024;
    let observed = Observed::with(&config);
    for _ in 0..100 {
        call(&observed, "pro", "sign_up", &json!({"source":"ad"}), &json!({"content":[]}));
    }
    observed.scrape().metric("mcp_signups_total").label("source", "ad").is(100);
}

#[test]
fn calls_that_no_rule_is_about_keep_nothing() {
    let observed = Observed::with(&readme());
    let before = observed.observer.usage().observe_bytes;
    let ask = json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"other","arguments":{"a":"x".repeat(10_000)}}});
    let open = observed.post(&[], &ask.to_string());
    assert!(observed.observer.usage().observe_bytes < before + 10_000);
    open.json(200, r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
}

#[test]
fn an_answer_that_comes_on_another_stream_is_read_as_well() {
    let observed = Observed::with(&readme());
    let stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /messages?s=1\n\n");
    let ask =
        json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"checkout","arguments":{}}});
    observed
        .post_to("/messages?s=1", &[], &ask.to_string())
        .answer(202, &[])
        .end(sightglass::observe::End::Complete);
    let answer = json!({"jsonrpc":"2.0","id":7,"result":{"structuredContent":{"order":{"amount":3}}}});
    stream.event(&answer.to_string()).end(sightglass::observe::End::Complete);
    observed.scrape().metric("mcp_revenue_usd_sum").is(3);
}
