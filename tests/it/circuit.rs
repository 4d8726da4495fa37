//! A server that fails is left alone for a while, then tried by one request.

use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use sightglass::config::{CircuitBreaker, HttpVersion, Server};

use crate::support::client::collect;
use crate::support::guarded::{Guarded, call, is_refused, pass_time};
use crate::support::logged::Logged;
use crate::support::observed::Observed;
use crate::support::{Raw, RawServer, Sent, Upstream, VERSIONS, empty, fed, full, proxy, within};

const WINDOW: Duration = Duration::from_secs(60);
const OPEN_FOR: Duration = Duration::from_secs(30);
const OPEN: &str = "mcp_circuit_breaker_open";

/// So many failures within a minute open it for half a minute.
fn opens_after(failures: usize) -> impl FnOnce(&mut Server) {
    move |server| {
        server.circuit_breaker = Some(CircuitBreaker { failures, window: WINDOW, open_for: OPEN_FOR });
    }
}

fn status(status: u16) -> Response<Sent> {
    Response::builder().status(status).body(empty()).unwrap()
}

/// A call that the server answers with `answer`.
async fn answered(
    guarded: &Guarded,
    upstream: &mut Upstream,
    version: Version,
    answer: Response<Sent>,
) -> Response<Incoming> {
    let asked = tokio::spawn(guarded.client(version).await.start(call()));
    upstream.call().await.answer(answer);
    within(asked).await.unwrap().unwrap()
}

#[tokio::test]
async fn after_so_many_failures_calls_are_refused_until_one_succeeds() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, opens_after(2));
        guarded.metric(OPEN, 0);
        for failed in [503, 504] {
            guarded.metric(OPEN, 0);
            let response = answered(&guarded, &mut upstream, version, status(failed)).await;
            assert_eq!(response.status(), failed, "the server's own answer passes");
            assert!(!response.headers().contains_key("x-sightglass-error"));
        }
        guarded.metric(OPEN, 1);
        guarded.observed.scrape().metric(OPEN).label("dependency", "test").is(1);
        is_refused(guarded.send(version, call()).await, "circuit_open", 30).await;
        pass_time(OPEN_FOR / 2).await;
        is_refused(guarded.send(version, call()).await, "circuit_open", 15).await;
        assert!(upstream.is_untouched(), "{version:?}");
        guarded.refused("circuit_open", 2);
        let page = guarded.observed.scrape();
        page.metric("mcp_requests_total").label("outcome", "refused").is(2);

        pass_time(OPEN_FOR / 2).await;
        let trial = tokio::spawn(guarded.client(version).await.start(call()));
        let trying = upstream.call().await;
        guarded.metric(OPEN, 1);
        is_refused(guarded.send(version, call()).await, "circuit_open", 30).await;
        assert!(upstream.is_untouched(), "one at a time, {version:?}");
        trying.answer(Response::new(full("back")));
        assert_eq!(collect(within(trial).await.unwrap().unwrap()).await, "back");
        guarded.metric(OPEN, 0);
        for _ in 0..3 {
            assert_eq!(answered(&guarded, &mut upstream, version, status(200)).await.status(), 200);
        }
    }
}

#[tokio::test]
async fn a_trial_that_fails_opens_it_again() {
    let version = Version::HTTP_11;
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, opens_after(1));
    for _ in 0..3 {
        assert_eq!(answered(&guarded, &mut upstream, version, status(502)).await.status(), 502);
        is_refused(guarded.send(version, call()).await, "circuit_open", 30).await;
        guarded.metric(OPEN, 1);
        pass_time(OPEN_FOR).await;
    }
    assert_eq!(answered(&guarded, &mut upstream, version, status(200)).await.status(), 200);
    guarded.metric(OPEN, 0);
}

#[tokio::test]
async fn a_trial_whose_client_leaves_lets_the_next_one_try() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, opens_after(1));
        answered(&guarded, &mut upstream, version, status(502)).await;
        pass_time(OPEN_FOR).await;
        let mut client = guarded.client(version).await;
        let _trial = tokio::spawn(client.start(call()));
        let mut trying = upstream.call().await;
        client.vanish();
        trying.aborted().await;
        guarded.until("mcp_requests_active", 0).await;
        guarded.metric(OPEN, 1);
        assert_eq!(answered(&guarded, &mut upstream, version, status(200)).await.status(), 200);
        guarded.metric(OPEN, 0);
    }
}

#[tokio::test]
async fn a_trial_that_takes_long_lets_another_one_try() {
    let version = Version::HTTP_11;
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, opens_after(1));
    answered(&guarded, &mut upstream, version, status(502)).await;
    pass_time(OPEN_FOR).await;
    let first = tokio::spawn(guarded.client(version).await.start(call()));
    let slow = upstream.call().await;
    pass_time(OPEN_FOR).await;
    let second = tokio::spawn(guarded.client(version).await.start(call()));
    let _hangs = upstream.call().await;
    is_refused(guarded.send(version, call()).await, "circuit_open", 30).await;
    slow.answer(status(200));
    assert_eq!(within(first).await.unwrap().unwrap().status(), 200);
    guarded.metric(OPEN, 0);
    second.abort();
}

#[tokio::test]
async fn every_way_not_to_answer_is_a_failure() {
    for version in VERSIONS {
        let nowhere = RawServer::start().await.address;
        let guarded = Guarded::before(nowhere, opens_after(1));
        assert_eq!(guarded.send(version, call()).await.status(), 502);
        guarded.metric(OPEN, 1);

        for said in ["", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"]
        {
            let server = RawServer::start().await;
            let guarded = Guarded::before(server.address, opens_after(1));
            let asked = tokio::spawn(guarded.client(version).await.start(call()));
            let mut server_side = server.accept().await;
            server_side.read_until("}}").await;
            server_side.write(said).await;
            drop(server_side);
            assert_eq!(within(asked).await.unwrap().unwrap().status(), 502, "{said}");
            guarded.metric(OPEN, 1);
        }

        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, |server| {
            opens_after(1)(server);
            server.head_timeout = Some(Duration::from_secs(600));
        });
        let asked = tokio::spawn(guarded.client(version).await.start(call()));
        let _hangs = upstream.call().await;
        pass_time(Duration::from_secs(600)).await;
        assert_eq!(within(asked).await.unwrap().unwrap().status(), 504);
        guarded.metric(OPEN, 1);
    }
}

#[tokio::test]
async fn what_a_server_answers_is_no_failure() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, opens_after(1));
        for answer in [200, 202, 307, 400, 401, 403, 404, 429, 500, 501, 505] {
            assert_eq!(answered(&guarded, &mut upstream, version, status(answer)).await.status(), answer);
        }
        for said in [
            r#"{"jsonrpc":"2.0","id":"seven","result":{"content":[],"isError":true}}"#,
            r#"{"jsonrpc":"2.0","id":"seven","error":{"code":-32603,"message":"no"}}"#,
            "junk",
        ] {
            let answer =
                Response::builder().header("content-type", "application/json").body(full(said)).unwrap();
            assert_eq!(collect(answered(&guarded, &mut upstream, version, answer).await).await, said);
        }
        // What breaks off later has answered, too.
        let (feed, body) = fed();
        let broken = answered(&guarded, &mut upstream, version, Response::new(body)).await;
        feed.break_off().await;
        drop(broken);
        guarded.metric(OPEN, 0);
        guarded.observed.scrape().metric("mcp_proxy_refused_total").is(0);
    }
}

#[tokio::test]
async fn failures_older_than_the_window_are_forgotten() {
    let version = Version::HTTP_11;
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, opens_after(2));
    for _ in 0..3 {
        assert_eq!(answered(&guarded, &mut upstream, version, status(503)).await.status(), 503);
        assert_eq!(answered(&guarded, &mut upstream, version, status(200)).await.status(), 200);
        guarded.metric(OPEN, 0);
        pass_time(WINDOW + Duration::from_secs(1)).await;
    }
    for _ in 0..2 {
        assert_eq!(answered(&guarded, &mut upstream, version, status(503)).await.status(), 503);
    }
    guarded.metric(OPEN, 1);
}

#[tokio::test]
async fn a_call_from_before_says_nothing_afterwards() {
    let version = Version::HTTP_11;
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, opens_after(1));
    let early = [guarded.client(version).await.start(call()), guarded.client(version).await.start(call())];
    let [one, two] = early.map(tokio::spawn);
    let (first, second) = (upstream.call().await, upstream.call().await);
    answered(&guarded, &mut upstream, version, status(502)).await;
    guarded.metric(OPEN, 1);
    first.answer(status(200));
    assert!(within(one).await.unwrap().is_ok());
    guarded.metric(OPEN, 1);
    pass_time(OPEN_FOR).await;
    answered(&guarded, &mut upstream, version, status(200)).await;
    guarded.metric(OPEN, 0);
    second.answer(status(502));
    assert!(within(two).await.unwrap().is_ok());
    guarded.metric(OPEN, 0);
}

#[tokio::test]
async fn a_client_that_does_not_send_its_request_is_no_failure_of_the_server() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, |server| {
            opens_after(1)(server);
            server.head_timeout = Some(Duration::from_secs(600));
        });
        let (feed, body) = fed();
        let asked = tokio::spawn(guarded.client(version).await.start(Request::post("/").body(body).unwrap()));
        feed.data("half").await;
        let _waits = upstream.call().await;
        pass_time(Duration::from_secs(600)).await;
        assert_eq!(within(asked).await.unwrap().unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
        guarded.metric(OPEN, 0);
        drop(feed);
        // The same once all of it was sent.
        let (feed, body) = fed();
        let asked = tokio::spawn(guarded.client(version).await.start(Request::post("/").body(body).unwrap()));
        feed.data("half").await;
        drop(feed);
        let mut hangs = upstream.call().await;
        assert_eq!(hangs.read().await, "half");
        pass_time(Duration::from_secs(600)).await;
        assert_eq!(within(asked).await.unwrap().unwrap().status(), StatusCode::GATEWAY_TIMEOUT);
        guarded.metric(OPEN, 1);
    }
}

#[tokio::test]
async fn a_client_cannot_open_it_by_what_it_sends() {
    const HEAD: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n";
    for http in [HttpVersion::One, HttpVersion::Two] {
        // No chunk; one too many; one that is the last.
        for rest in ["zz\r\n", "8\r\ntoo long\r\n", "8\r\ntoo long\r\n0\r\n\r\n"] {
            let mut upstream = Upstream::start().await;
            let mut config = proxy::config(upstream.address);
            config.limits.request_body = Some(8);
            config.servers[0].http = http;
            opens_after(1)(&mut config.servers[0]);
            let guarded = Guarded::start(config);
            let mut client = Raw::connect(guarded.proxy.address).await;
            client.write(HEAD).await;
            let _waits = upstream.call().await;
            client.write(rest).await;
            let answer = client.read_head().await;
            assert!(
                answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 502"),
                "{http:?} {answer}"
            );
            guarded.metric(OPEN, 0);
        }
    }
}

#[tokio::test]
async fn what_is_asked_before_a_call_passes() {
    let version = Version::HTTP_11;
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, opens_after(1));
    answered(&guarded, &mut upstream, version, status(502)).await;
    is_refused(guarded.send(version, call()).await, "circuit_open", 30).await;
    let asked =
        tokio::spawn(guarded.client(version).await.start(Request::options("/").body(empty()).unwrap()));
    upstream.call().await.answer(status(503));
    assert_eq!(within(asked).await.unwrap().unwrap().status(), 503);
}

#[tokio::test]
async fn a_line_says_when_it_opens_and_when_it_closes() {
    let logged = Logged::new();
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    opens_after(1)(&mut config.servers[0]);
    let observed = Observed {
        observer: logged.observed.observer.clone(),
        prometheus: std::sync::Arc::clone(&logged.observed.prometheus),
    };
    let guarded = Guarded::telling(config, observed);
    answered(&guarded, &mut upstream, Version::HTTP_11, status(502)).await;
    pass_time(OPEN_FOR).await;
    answered(&guarded, &mut upstream, Version::HTTP_11, status(200)).await;
    drop(guarded);
    let lines = logged.lines();
    let circuit: Vec<_> = lines.lines().filter(|line| line.contains(r#""event":"circuit""#)).collect();
    insta::assert_snapshot!(circuit.join("\n"), @r#"
    {"timestamp":"…","level":"warn","event":"circuit","message":"files fails: it is left alone for 30 s","service":"sightglass","server":"files","state":"open"}
    {"timestamp":"…","level":"info","event":"circuit","message":"files answers again: requests pass","service":"sightglass","server":"files","state":"closed"}
    "#);
}
