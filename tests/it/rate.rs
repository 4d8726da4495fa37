//! So many requests a second from each client, and some at once after a pause.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, HeaderName, Request, Version};
use sightglass::config::{self, RateKey};
use sightglass::guard::rate::Rate;

use crate::support::guarded::{Guarded, call, is_refused, pass_time};
use crate::support::{Sent, Upstream, VERSIONS, empty, proxy};

const SECOND: Duration = Duration::from_secs(1);

fn limit(per_second: f64, burst: u32, key: RateKey) -> config::Rate {
    config::Rate { per_second, burst, key }
}

/// A call with these fields.
fn with(fields: &[(&'static str, &'static str)]) -> Request<Sent> {
    let mut request = call();
    for (name, value) in fields {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn past_its_rate_a_client_is_told_when_to_come_again() {
    for version in VERSIONS {
        let upstream = Upstream::json("{}").await;
        let guarded = Guarded::before(upstream.address, |server| {
            server.rate = Some(limit(0.01, 2, RateKey::Client));
        });
        for _ in 0..2 {
            assert_eq!(guarded.send(version, call()).await.status(), 200);
        }
        for _ in 0..3 {
            is_refused(guarded.send(version, call()).await, "limit", 100).await;
        }
        guarded.refused("limit", 3);
        let page = guarded.observed.scrape();
        page.metric("mcp_requests_total").label("outcome", "refused").is(3);
        pass_time(50 * SECOND).await;
        is_refused(guarded.send(version, call()).await, "limit", 50).await;
        pass_time(50 * SECOND).await;
        assert_eq!(guarded.send(version, call()).await.status(), 200, "refusals cost nothing");
        is_refused(guarded.send(version, call()).await, "limit", 100).await;
        pass_time(10_000 * SECOND).await;
        for _ in 0..2 {
            assert_eq!(guarded.send(version, call()).await.status(), 200);
        }
        is_refused(guarded.send(version, call()).await, "limit", 100).await;
        let options = Request::options("/").body(empty()).unwrap();
        assert_eq!(guarded.send(version, options).await.status(), 200);
    }
}

#[tokio::test]
async fn clients_are_told_apart_by_their_credentials_else_by_their_address() {
    let upstream = Upstream::json("{}").await;
    let guarded = Guarded::before(upstream.address, |server| {
        server.rate = Some(limit(0.001, 1, RateKey::Client));
    });
    for fields in [
        &[][..],
        &[("authorization", "Bearer a")],
        &[("authorization", "Bearer b")],
        &[("x-api-key", "a")],
        &[("authorization", "Bearer c"), ("x-api-key", "a")],
    ] {
        for version in VERSIONS {
            let response = guarded.send(version, with(fields)).await;
            if version == Version::HTTP_11 {
                assert_eq!(response.status(), 200, "{fields:?}");
            } else {
                is_refused(response, "limit", 1000).await;
            }
        }
    }
}

#[tokio::test]
async fn all_clients_of_an_address_or_of_a_server_may_share() {
    for key in [RateKey::Address, RateKey::Server] {
        let upstream = Upstream::json("{}").await;
        let guarded = Guarded::before(upstream.address, |server| server.rate = Some(limit(0.001, 1, key)));
        assert_eq!(
            guarded.send(Version::HTTP_11, with(&[("authorization", "Bearer a")])).await.status(),
            200
        );
        let other = guarded.send(Version::HTTP_11, with(&[("authorization", "Bearer b")])).await;
        is_refused(other, "limit", 1000).await;
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_address_it_is_and_nobody_else() {
    for trusted in [true, false] {
        let upstream = Upstream::json("{}").await;
        let mut config = proxy::config(upstream.address);
        config.servers[0].rate = Some(limit(0.001, 1, RateKey::Address));
        if trusted {
            config.proxy.trusted_networks =
                vec![config::Network { address: [127, 0, 0, 0].into(), prefix: 8 }];
        }
        let guarded = Guarded::start(config);
        let mut passed = Vec::new();
        for told in ["10.0.0.1", "10.0.0.2", "10.0.0.1", "10.9.9.9, 10.0.0.2, 127.0.0.9", "10.0.0.3:4711"] {
            let response = guarded.send(Version::HTTP_11, with(&[("x-forwarded-for", told)])).await;
            passed.push(response.status() == 200);
        }
        let expected =
            if trusted { [true, true, false, false, true] } else { [true, false, false, false, false] };
        assert_eq!(passed, expected);
    }
}

fn passes(rate: &Rate, address: &str) -> bool {
    rate.check(&HeaderMap::new(), address.parse().unwrap()).is_ok()
}

#[tokio::test(start_paused = true)]
async fn requests_that_keep_to_the_rate_always_pass() {
    let rate = Rate::new(limit(4.0, 1, RateKey::Client), 10);
    for _ in 0..100 {
        assert!(passes(&rate, "10.0.0.1"));
        assert!(!passes(&rate, "10.0.0.1"));
        tokio::time::advance(SECOND / 4).await;
    }
    // However they come, no more than the burst and the rate.
    let rate = Rate::new(limit(100.0, 20, RateKey::Server), 10);
    let (mut random, mut passed) = (fastrand::Rng::with_seed(3), 0);
    for _ in 0..10_000 {
        passed += u32::from(passes(&rate, "10.0.0.1"));
        tokio::time::advance(Duration::from_millis(random.u64(0..3))).await;
    }
    let seconds = 10_000.0 / 1000.0;
    assert!((900..=1_040).contains(&passed), "{passed} in about {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn of_ipv6_the_network_counts() {
    let rate = Rate::new(limit(1.0, 1, RateKey::Address), 10);
    for (address, expected) in [
        ("2001:db8:0:1::1", true),
        ("2001:db8:0:1:ffff::2", false),
        ("2001:db8:0:2::1", true),
        ("10.0.0.1", true),
        ("::ffff:10.0.0.1", false),
    ] {
        assert_eq!(passes(&rate, address), expected, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_clients_are_told_apart_and_the_longest_silent_are_forgotten() {
    let rate = Rate::new(limit(1.0, 1, RateKey::Client), 100);
    let client = |number: u8| IpAddr::from([10, 0, 0, number]).to_string();
    for number in 0..100 {
        assert!(passes(&rate, &client(number)));
    }
    assert!(!passes(&rate, &client(0)), "now the second is the longest silent");
    assert!(passes(&rate, &client(100)));
    assert!(!passes(&rate, &client(0)));
    assert!(!passes(&rate, &client(2)));
    assert!(passes(&rate, &client(1)), "it was forgotten");
}

#[tokio::test(start_paused = true)]
async fn fields_that_hold_credentials_are_believed_in_their_order() {
    let rate = Rate::new(limit(1.0, 1, RateKey::Client), 100);
    let check = |fields: &[(&'static str, &str)], address: [u8; 4]| {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        rate.check(&fields.collect(), IpAddr::from(address)).is_ok()
    };
    assert!(check(&[("authorization", "a")], [10, 0, 0, 1]));
    assert!(!check(&[("authorization", "a"), ("api-key", "b")], [10, 0, 0, 2]));
    assert!(check(&[("api-key", "b")], [10, 0, 0, 2]));
    assert!(check(&[], [10, 0, 0, 2]));
    assert!(!check(&[("cookie", "b")], [10, 0, 0, 2]));
}
