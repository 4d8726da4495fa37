//! Metrics are exact: 20,000 calls at concurrency 64, of every outcome, every era, JSON and event streams, over real
//! connections; each counter equals what the driver did, every histogram count equals its counter.

use std::collections::BTreeMap;

use sightglass::cli::serve;

use crate::support::mixed::{Carriers, Era, KINDS, Nowhere, config, count, drive, is_error, settled};
use crate::support::scrape::Scrape;
use crate::support::stub;

const CALLS: usize = 20_000;
const CONCURRENCY: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_calls_are_counted_one_by_one() {
    let (upstream, gone) = (stub::start().await, Nowhere::new());
    let running = serve::start(config(upstream, &gone)).await.expect("a proxy");
    drive(running.data[0], CALLS, CONCURRENCY, |_| Carriers::default()).await;
    compare(&settled(running.admin, CALLS).await);
    running.stop().await;
}

fn compare(scrape: &Scrape) {
    let mut by_outcome: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for number in 0..CALLS {
        let (_, server, _, outcome) = KINDS[number % KINDS.len()];
        *by_outcome.entry((server, outcome)).or_default() += 1;
    }
    for ((server, outcome), count) in &by_outcome {
        for name in [
            "mcp_requests_total",
            "mcp_request_duration_seconds_count",
            "mcp_tool_invocations_total",
            "mcp_tool_duration_seconds_count",
        ] {
            scrape.metric(name).label("server", server).label("outcome", outcome).is(*count);
        }
    }
    let total = count(CALLS);
    for name in [
        "mcp_requests_total",
        "mcp_request_duration_seconds_count",
        "mcp_tool_invocations_total",
        "mcp_tool_duration_seconds_count",
        "mcp_clients_total",
    ] {
        scrape.metric(name).is(total);
    }
    let errors =
        by_outcome.iter().filter(|((_, outcome), _)| is_error(outcome)).map(|(_, count)| count).sum();
    scrape.metric("mcp_errors_total").is(errors);
    scrape.metric("mcp_tool_errors_total").is(errors);
    scrape.metric("mcp_requests_active").is(0);
    let sse =
        u32::try_from((0..CALLS).filter(|number| KINDS[number % KINDS.len()].0 == Era::HttpSse).count());
    scrape.metric("mcp_requests_total").label("transport", "sse").is(sse.expect("a count"));
    scrape.metric("mcp_http_requests_total").is(total + count(CONCURRENCY) - open(scrape));
    scrape.metric("mcp_proxy_dropped_total").is(0);
    // Every answer that came whole over its own connection was timed.
    let timed = scrape.metric("mcp_proxy_overhead_seconds_count").sum();
    let whole = scrape.metric("mcp_requests_total").label("outcome", "ok").sum();
    assert!(timed >= whole, "{timed} exchanges were timed, {whole} calls were answered");
}

/// Event streams that are still open are no ended HTTP request yet.
fn open(scrape: &Scrape) -> u32 {
    let open = scrape.metric("mcp_active_streams").sum();
    (0..=u32::MAX).find(|count| (f64::from(*count) - open).abs() < 0.5).expect("a count")
}
