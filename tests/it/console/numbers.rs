//! `GET /api/tools` and `GET /api/history`: the numbers of `/metrics`.

use std::time::Duration;

use sightglass::export::Every;
use tokio::time::Instant;

use super::{BAD, CALL, GOOD, Watched};

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
    is(sum(&one["buckets"]["counts"]), 3.0, "in buckets");
    assert!(one["p50"].as_f64().unwrap() <= one["p99_9"].as_f64().unwrap());
    assert!(watched.get("/api/tools?tool=nobody").await["tools"].as_array().unwrap().is_empty());
    open.abandon();
}

/// Two numbers are the same, but for how they are written.
fn is(told: f64, counted: f64, what: &str) {
    assert!((told - counted).abs() < 1e-9, "{what}: {told} is not {counted}");
}

fn sum(counts: &serde_json::Value) -> f64 {
    let named = counts.as_object().into_iter().flat_map(|counts| counts.values());
    let listed = counts.as_array().into_iter().flatten();
    named.chain(listed).filter_map(serde_json::Value::as_f64).sum()
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
