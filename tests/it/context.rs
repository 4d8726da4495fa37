//! Promise: what calls take of a model's context and of somebody's money is counted to the byte, widgets are seen, and what
//! servers and challenges say of themselves is told (`telemetry.md` §3 and §6).

use std::time::Duration;

use serde_json::{Value, json};
use sightglass::config::{Config, Price, TokenCounter};

use crate::support::observed::{Observed, one_server};
use crate::support::within;

fn call(tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":tool,"arguments":arguments}})
        .to_string()
}

fn result(result: &Value) -> String {
    json!({"jsonrpc":"2.0","id":7,"result":result}).to_string()
}

fn tokens(observed: &Observed, kind: &str) -> f64 {
    observed.scrape().metric("mcp_tokens_total").label("token_type", kind).sum()
}

#[track_caller]
fn assert_near(is: f64, expected: f64) {
    assert!((is - expected).abs() < 1e-9, "{is}, not {expected}");
}

#[test]
fn tokens_are_estimated_of_what_reaches_a_model() {
    let observed = Observed::new();
    let answered = json!({
        "content": [
            {"type":"text","text":"here"},
            {"type":"image","mimeType":"image/png","data":"A".repeat(4000)},
            {"type":"resource","resource":{"uri":"file:///a","blob":"B".repeat(4000)}},
        ],
        "_meta": {"secret":"C".repeat(4000)},
    });
    observed.post(&[], &call("look", &json!({"q":"12345678"}))).json(200, &result(&answered));
    let model = json!({
        "content": [
            {"type":"text","text":"here"},
            {"type":"image","mimeType":"image/png"},
            {"type":"resource","resource":{"uri":"file:///a"}},
        ],
    });
    let written = model.to_string().len();
    assert_near(tokens(&observed, "input"), 4.0);
    assert_near(tokens(&observed, "output"), f64::from(u32::try_from(written.div_ceil(4)).unwrap()));
    let page = observed.scrape();
    page.metric("mcp_token_usage_count").label("tool_name", "look").label("token_type", "output").is(1);
}

#[test]
fn a_call_without_arguments_or_result_has_no_tokens_of_them() {
    let observed = Observed::new();
    let bare = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"look"}}"#;
    observed.post(&[], bare).json(200, r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"no"}}"#);
    observed.scrape().metric("mcp_token_usage_count").is(0);
}

/// Texts of the vendor's own examples, and how many tokens it says they have.
const COUNTED: [(&str, u32); 3] =
    [("antidisestablishmentarianism", 6), ("2 + 2 = 4", 7), ("お誕生日おめでとう", 8)];

#[tokio::test]
async fn tokens_are_counted_exactly_on_request() {
    let mut config = one_server();
    config.tokens.counter = TokenCounter::O200k;
    let observed = Observed::with(&config);
    for (text, _) in COUNTED {
        let arguments = Value::from(text);
        let bare = call("look", &arguments);
        observed.post(&[], &bare).json(200, &result(&json!({"content":[]})));
    }
    let counted = async {
        while observed.scrape().metric("mcp_token_usage_count").label("token_type", "input").sum() < 3.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(counted).await;
    // The quotes of a JSON text take part in it.
    let expected = exact(COUNTED.iter().map(|(text, _)| Value::from(*text).to_string()));
    assert_near(tokens(&observed, "input"), expected);
    observed.scrape().metric("mcp_queue_depth").label("queue_name", "tokens").is(0);
}

/// What the library counts of texts, which are first compared with what is known of it.
fn exact(texts: impl Iterator<Item = String>) -> f64 {
    let tokenizer = bpe_openai::o200k_base();
    for (text, known) in COUNTED {
        assert_eq!(tokenizer.count(text), usize::try_from(known).unwrap(), "{text}");
    }
    texts.map(|text| f64::from(u32::try_from(tokenizer.count(text.as_str())).unwrap())).sum()
}

#[test]
fn what_is_too_large_to_be_counted_exactly_is_dropped_and_counted_as_such() {
    let mut config = one_server();
    config.tokens.counter = TokenCounter::O200k;
    config.limits.payload_bytes = 100;
    let observed = Observed::with(&config);
    observed.post(&[], &call("look", &json!({}))).json(200, &result(&json!({"content":["x".repeat(200)]})));
    let page = observed.scrape();
    page.metric("mcp_proxy_dropped_total").label("what", "tokens").label("reason", "too_large").is(1);
}

fn price(tool: Option<&str>, per_call: f64, per_kilobyte: f64, per_1k_tokens: f64) -> Price {
    Price { server: None, tool: tool.map(str::to_owned), per_call, per_kilobyte, per_1k_tokens }
}

#[test]
fn money_adds_up_to_the_last_digit() {
    let config = Config {
        prices: vec![
            price(None, 0.005, 0.0, 0.0),
            price(Some("big"), 0.0, 0.25, 0.0),
            price(Some("long"), 0.0, 0.0, 0.01),
        ],
        ..one_server()
    };
    let observed = Observed::with(&config);
    for _ in 0..1000 {
        observed.post(&[], &call("small", &json!({}))).json(200, &result(&json!({})));
    }
    let padded = json!({"content":["y".repeat(1984)]});
    assert_eq!(padded.to_string().len(), 2000);
    observed.post(&[], &call("big", &json!({}))).json(200, &result(&padded));
    observed.post(&[], &call("long", &json!({}))).json(200, &result(&padded));
    let failed = json!({"isError":true});
    observed.post(&[], &call("small", &json!({}))).json(200, &result(&failed));
    // Nothing was done for these.
    observed.post(&[], &call("small", &json!({}))).json(404, "");
    observed
        .post(&[], &call("small", &json!({})))
        .json(200, &result(&json!({"resultType":"input_required"})));
    let page = observed.page();
    for (tool, dollars) in [("small", "5.005"), ("big", "0.5005"), ("long", "0.00501")] {
        let line = format!("mcp_cost_usd_total{{server=\"files\",tool_name=\"{tool}\"}} {dollars}\n");
        assert!(page.contains(&line), "{line}{page}");
    }
}

#[test]
fn what_is_not_configured_costs_nothing() {
    let observed = Observed::new();
    observed.post(&[], &call("small", &json!({}))).json(200, &result(&json!({})));
    assert!(!observed.page().contains("mcp_cost_usd_total"));
}

#[test]
fn a_result_that_makes_the_host_show_a_widget_is_a_render_by_its_convention() {
    let observed = Observed::new();
    let listed = json!({"tools":[
        {"name":"app","_meta":{"ui":{"resourceUri":"ui://a"}}},
        {"name":"gpt","_meta":{"openai/outputTemplate":"ui://b"}},
        {"name":"plain"},
    ]});
    observed.post(&[], r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#).json(200, &result(&listed));
    for tool in ["app", "gpt", "gpt", "plain"] {
        observed.post(&[], &call(tool, &json!({}))).json(200, &result(&json!({})));
    }
    let told = json!({"_meta":{"openai/outputTemplate":"ui://c"}});
    observed.post(&[], &call("plain", &json!({}))).json(200, &result(&told));
    observed.post(&[], &call("gpt", &json!({}))).json(200, &result(&json!({"isError":true})));
    let read = r#"{"jsonrpc":"2.0","id":7,"method":"resources/read","params":{"uri":"ui://a"}}"#;
    observed.post(&[], read).json(200, &result(&json!({})));
    observed.post(&[], &read.replace("ui://a", "file:///a")).json(200, &result(&json!({})));
    let page = observed.scrape();
    let renders = |tool: &str, kind: &str, times: u32| {
        page.metric("mcp_widget_renders_total").label("tool_name", tool).label("widget_type", kind).is(times);
    };
    renders("app", "mcp_app", 1);
    renders("gpt", "openai", 2);
    renders("plain", "openai", 1);
    page.metric("mcp_widget_renders_total").is(4);
    page.metric("mcp_widget_read_seconds_count").label("status", "success").is(1);
    page.metric("mcp_payload_size_bytes_count")
        .label("direction", "server_to_client")
        .label("includes_widget", "true")
        .is(5);
}

#[test]
fn what_a_list_of_tools_costs_is_the_last_lists() {
    let observed = Observed::new();
    let list = |tools: &Value| {
        observed.post(&[], r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#).json(200, &result(tools));
        observed.page()
    };
    list(&json!({"tools":[{"name":"a"},{"name":"b"}]}));
    let page = list(&json!({"tools":[{"name":"a"}]}));
    for line in [
        "mcp_tools_listed{server=\"files\"} 1",
        "mcp_tools_list_bytes{server=\"files\"} 24",
        "mcp_tools_list_tokens{server=\"files\"} 6",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}\n{page}");
    }
}

#[test]
fn what_a_server_says_of_its_own_time_is_told_by_tool() {
    let observed = Observed::new();
    let headers = [
        ("content-type", "application/json"),
        ("server-timing", "db;dur=12.5, cache;desc=hit"),
        ("server-timing", "Cache;desc=\"MISS\";dur=1, bad name;dur=1, total;dur=-1"),
    ];
    for body in [call("query", &json!({})), r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#.to_owned()] {
        let answer = observed.post(&[], &body).answer(200, &headers);
        answer.text(&result(&json!({}))).end(sightglass::observe::End::Complete);
    }
    let page = observed.scrape();
    for tool in ["query", "none"] {
        let timings = |metric: &str| {
            page.metric("mcp_server_timing_seconds_sum")
                .label("tool_name", tool)
                .label("metric", metric)
                .sum()
        };
        assert_near(timings("db"), 0.0125);
        assert_near(timings("Cache"), 0.001);
    }
    page.metric("mcp_server_timing_seconds_count").is(4);
    let operations = page.metric("mcp_cache_operations_total");
    operations.clone().label("operation", "cache").label("result", "hit").is(2);
    operations.label("operation", "Cache").label("result", "miss").is(2);
}

#[test]
fn credentials_are_told_by_scheme_and_what_the_server_made_of_them() {
    let observed = Observed::new();
    let bearer = [("authorization", "Bearer secret-of-somebody")];
    let ping = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
    observed.post(&bearer, ping).json(200, &result(&json!({})));
    observed.post(&[("authorization", "dpop x")], ping).json(200, &result(&json!({})));
    observed.post(&[("x-api-key", "k")], ping).json(200, &result(&json!({})));
    let expired = [("www-authenticate", "Bearer realm=\"a, error=b\", error=\"invalid_token\"")];
    observed.post(&bearer, ping).answer(401, &expired).end(sightglass::observe::End::Complete);
    observed.post(&[], ping).answer(401, &[]).end(sightglass::observe::End::Complete);
    let scope = [("www-authenticate", "Bearer error=insufficient_scope")];
    observed.post(&bearer, ping).answer(403, &scope).end(sightglass::observe::End::Complete);
    let inside = json!({"isError":true,"_meta":{"mcp/www_authenticate":["Bearer error=\"invalid_token\""]}});
    observed.post(&bearer, &call("pay", &json!({}))).json(200, &result(&inside));
    observed.post(&bearer, ping).answer(403, &[]).end(sightglass::observe::End::Complete);
    observed.ask("OPTIONS", "/mcp", &[]).answer(204, &[]).end(sightglass::observe::End::Complete);
    let page = observed.page();
    assert!(!page.contains("secret-of-somebody"));
    let told: Vec<&str> = page.lines().filter(|line| line.starts_with("mcp_authentication_")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    mcp_authentication_attempts_total{server="files",method="api_key",status="success"} 1
    mcp_authentication_attempts_total{server="files",method="bearer",status="failure"} 3
    mcp_authentication_attempts_total{server="files",method="bearer",status="success"} 2
    mcp_authentication_attempts_total{server="files",method="dpop",status="success"} 1
    mcp_authentication_attempts_total{server="files",method="none",status="failure"} 1
    mcp_authentication_failures_total{server="files",method="bearer",reason="insufficient_scope"} 1
    mcp_authentication_failures_total{server="files",method="bearer",reason="invalid_token"} 2
    mcp_authentication_failures_total{server="files",method="none",reason="401"} 1
    "#);
}
