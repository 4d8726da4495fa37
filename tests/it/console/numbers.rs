//! `GET /api/tools` and `GET /api/history`: the numbers of `/metrics`.

use std::time::Duration;

use serde_json::{Value, json};
use sightglass::config;
use sightglass::export::Every;
use tokio::time::Instant;

use super::{BAD, CALL, GOOD, Watched};
use crate::support::observed::one_server;

#[tokio::test]
async fn tools_have_the_numbers_of_the_metrics_page() {
    let watched = Watched::new();
    for answer in [GOOD, GOOD, BAD] {
        watched.call("read", answer);
    }
    watched.call("write", GOOD);
    let open = watched.observed.post(&[], CALL);
    let scrape = watched.observed.scrape();
    let told = watched.get("/api/tools").await;
    let tools = told["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 3, "{told}");
    for tool in tools {
        let name = tool["tool_name"].as_str().unwrap();
        let of = |family: &str| scrape.metric(family).label("tool_name", name).sum();
        is(tool["calls"].as_f64().unwrap(), of("mcp_tool_invocations_total"), name);
        is(tool["duration_seconds_sum"].as_f64().unwrap(), of("mcp_tool_duration_seconds_sum"), name);
        is(sum(&tool["bytes"]), of("mcp_payload_size_bytes_sum"), name);
        is(sum(&tool["tokens"]), of("mcp_tokens_total"), name);
        is(sum(&tool["buckets"]["counts"]), of("mcp_tool_duration_seconds_count"), name);
        for (outcome, count) in tool["outcomes"].as_object().unwrap() {
            let counted = scrape
                .metric("mcp_tool_invocations_total")
                .label("tool_name", name)
                .label("outcome", outcome);
            is(count.as_f64().unwrap(), counted.sum(), outcome);
        }
    }
    let one = watched.get("/api/tools?server=files&tool=read").await;
    let one = &one["tools"][0];
    assert_eq!((&one["calls"], &one["errors_by_type"]["tool_error"]), (&3.into(), &1.into()));
    assert!((one["error_share"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9);
    assert!(one["p50"].as_f64().unwrap() <= one["p99_9"].as_f64().unwrap());
    assert!(watched.get("/api/tools?tool=nobody").await["tools"].as_array().unwrap().is_empty());
    open.abandon();
}

/// Two numbers are the same, but for how they are written.
fn is(told: f64, counted: f64, what: &str) {
    assert!((told - counted).abs() < 1e-9, "{what}: {told} is not {counted}");
}

fn sum(counts: &Value) -> f64 {
    let named = counts.as_object().into_iter().flat_map(|counts| counts.values());
    let listed = counts.as_array().into_iter().flatten();
    named.chain(listed).filter_map(Value::as_f64).sum()
}

#[tokio::test]
async fn the_history_adds_up_to_the_metrics_page() {
    let watched = Watched::new();
    let prometheus = &watched.observed.prometheus;
    let start = Instant::now();
    prometheus.look(start);
    for second in 1..=20_u32 {
        (0..second).for_each(|_| watched.call("read", if second == 7 { BAD } else { GOOD }));
        prometheus.look(start + Duration::from_secs(second.into()));
    }
    let scrape = watched.observed.scrape();
    let all: f64 = scrape.metric("mcp_requests_total").sum();
    for every in [Every::Second, Every::TenSeconds] {
        let history = prometheus.history(every, usize::MAX);
        let names: Vec<&str> = history.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["", "files"]);
        for (name, points) in &history {
            let calls: u64 = points.iter().map(|point| point.calls).sum();
            let errors: u64 = points.iter().map(|point| point.errors).sum();
            // The coarse points end with the looks of which ten are complete.
            let expected = if every == Every::Second { 210 } else { 210 - 20 };
            assert_eq!((calls, errors), (expected, 7), "{name} {every:?}");
            assert!(points.iter().all(|point| (point.calls == 0) == point.quantiles[0].is_none()));
        }
    }
    is(all, 210.0, "all calls");
    let told = watched.get("/api/history?last=2").await;
    assert_eq!((&told["every_seconds"], &told["servers"][1]["name"]), (&1.into(), &"files".into()));
    let rates = prometheus.tool_rates(start + Duration::from_secs(20));
    assert_eq!(rates.len(), 1);
}

#[tokio::test]
async fn the_heat_of_a_tool_is_what_its_histogram_gained() {
    let watched = Watched::new();
    let prometheus = &watched.observed.prometheus;
    watched.call("read", GOOD);
    let start = Instant::now();
    // What there was before the first look is in no column; then each tenth look makes one.
    prometheus.look(start);
    for second in 1..=29_u64 {
        watched.call("read", if second % 2 == 0 { GOOD } else { BAD });
        prometheus.look(start + Duration::from_secs(second));
    }
    let told = watched.get("/api/tools?server=files&tool=read").await;
    let (heat, buckets) = (&told["tools"][0]["heat"], &told["tools"][0]["buckets"]);
    assert_eq!(heat["bounds"], buckets["bounds"]);
    let columns: Vec<f64> = heat["counts"].as_array().unwrap().iter().map(sum).collect();
    assert_eq!(columns, [9.0, 10.0, 10.0], "{heat}");
    assert_eq!(heat["at"].as_array().unwrap().len(), 3);
    is(sum(&buckets["counts"]), 30.0, "in buckets");
    let all = watched.get("/api/tools").await;
    assert!(all["tools"][0].get("heat").is_none() && all.get("definition").is_none(), "{all}");
}

#[tokio::test]
async fn the_price_that_is_told_is_the_one_that_was_charged() {
    let text = "[[server]]\nname = \"files\"\npath = \"/mcp\"\nurl = \"http://127.0.0.1:1/mcp\"\n\
                [[server]]\nname = \"other\"\npath = \"/other\"\nurl = \"http://127.0.0.1:2/mcp\"\n\
                [[price]]\nper_call = 9\n[[price]]\nserver = \"files\"\nper_call = 1\n\
                [[price]]\ntool = \"read\"\nper_call = 0.25\n[[price]]\nserver = \"other\"\ntool = \"read\"\nper_call = 7\n";
    let watched = Watched::with(&config::parse(text, "config.toml", &|_| None).unwrap());
    for tool in ["read", "read", "write"] {
        watched.call(tool, GOOD);
    }
    let scrape = watched.observed.scrape();
    let told = watched.get("/api/tools").await;
    for (tool, price) in [("read", 0.25), ("write", 1.0)] {
        let told = told["tools"].as_array().unwrap().iter().find(|one| one["tool_name"] == tool).unwrap();
        is(told["price"]["per_call"].as_f64().unwrap(), price, tool);
        let cost = told["cost_usd"].as_f64().unwrap();
        is(cost, price * told["calls"].as_f64().unwrap(), tool);
        is(cost, scrape.metric("mcp_cost_usd_total").label("tool_name", tool).sum(), tool);
    }
    watched.call("nobody", BAD);
    let other = watched.get("/api/tools?tool=_other").await["tools"][0].clone();
    assert_eq!((&other["price"], &other["cost_usd"]), (&Value::Null, &1.0.into()));
    let free = Watched::new();
    free.call("read", GOOD);
    let told = free.get("/api/tools").await;
    assert_eq!((&told["tools"][0]["price"], &told["tools"][0]["cost_usd"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_a_list_of_tools_costs_is_told_by_server_with_how_tokens_are_counted() {
    let watched = Watched::new();
    assert_eq!(watched.get("/api/tools").await["lists"], json!([]));
    watched.lists(&json!([{"name":"read","description":"Reads."},{"name":"write"}]));
    let scrape = watched.observed.scrape();
    let told = watched.get("/api/tools").await;
    let list = &told["lists"][0];
    assert_eq!((&list["server"], &list["tools"]), (&"files".into(), &2.into()));
    is(list["bytes"].as_f64().unwrap(), scrape.metric("mcp_tools_list_bytes").sum(), "bytes");
    is(list["tokens"].as_f64().unwrap(), scrape.metric("mcp_tools_list_tokens").sum(), "tokens");
    assert_eq!(told["tokens_counter"], "estimate");
    assert_eq!(watched.get("/api/tools?server=other").await["lists"], json!([]));
    let mut exact = one_server();
    exact.tokens.counter = config::TokenCounter::O200k;
    assert_eq!(Watched::with(&exact).get("/api/tools").await["tokens_counter"], "o200k");
}
