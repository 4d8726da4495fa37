//! Health that traffic tells, where nobody probes.

use http::{StatusCode, Version};
use sightglass::config::Config;
use sightglass::observe::Traffic;

use super::watched;
use crate::support::guarded::{Guarded, call};
use crate::support::observed::{Observed, one_server};
use crate::support::{Upstream, proxy};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}"#;
const GOOD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
const BAD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#;
const UNKNOWN: &str = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no such tool"}}"#;

#[tokio::test]
async fn availability_follows_the_last_leg_to_a_server_that_is_not_probed() {
    let nobody = ([127, 0, 0, 1], 1).into();
    let guarded = Guarded::before(nobody, |_server| {});
    let page = || guarded.observed.page();
    assert!(!page().contains("mcp_server_availability{"), "nothing is known");
    for failures in 1..=3 {
        let answer = guarded.send(Version::HTTP_11, call()).await;
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        guarded.metric("mcp_server_availability", 0);
        guarded.metric("mcp_consecutive_failures", failures);
    }
    assert_eq!(guarded.observed.observer.traffic(0).failures, Some(3));
    let upstream = Upstream::json(GOOD).await;
    let guarded = Guarded::before(upstream.address, |_server| {});
    guarded.send(Version::HTTP_11, call()).await;
    guarded.metric("mcp_server_availability", 1);
    guarded.metric("mcp_consecutive_failures", 0);
}

#[test]
fn calls_that_fail_are_counted_where_it_is_not_their_clients_fault() {
    let observed = Observed::with(&one_server());
    for answer in [GOOD, BAD, BAD, UNKNOWN] {
        observed.post(&[], CALL).json(200, answer);
    }
    assert_eq!(observed.observer.traffic(0), Traffic { failures: Some(0), calls: 3, faults: 2 });
    assert_eq!(observed.observer.traffic(9), Traffic::default());
}

#[tokio::test]
async fn probes_tell_where_there_are_some() {
    let mut config = watched(([127, 0, 0, 1], 1).into());
    config.servers[0].path = None;
    let config = Config { servers: config.servers, ..proxy::config(([127, 0, 0, 1], 1).into()) };
    let guarded = Guarded::start(config);
    guarded.send(Version::HTTP_11, call()).await;
    assert!(!guarded.observed.page().contains("mcp_server_availability{"));
    assert_eq!(guarded.observed.observer.traffic(0).failures, Some(1));
}
