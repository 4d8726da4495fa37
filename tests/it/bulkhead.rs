//! So many exchanges of a server at once, so many more that wait: a server that hangs takes its own places, and no more.

use std::time::Duration;

use http::{Request, Response, Version};
use sightglass::config::{Bulkhead, Server};

use crate::support::client::{collect, next};
use crate::support::guarded::{Guarded, call, is_refused, numbered, pass_time};
use crate::support::upstream::Call;
use crate::support::{Raw, RawServer, Upstream, VERSIONS, empty, fed, full, proxy, within};

const LONG: Duration = Duration::from_secs(3600);

/// So many at once; so many wait, for `wait`.
fn places(max: usize, queue: usize, wait: Duration) -> impl FnOnce(&mut Server) {
    move |server| server.bulkhead = Some(Bulkhead { max, queue, wait })
}

fn number(call: &Call) -> &str {
    call.head.headers["x-number"].to_str().unwrap()
}

#[tokio::test]
async fn past_its_places_a_call_is_refused_with_its_id() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 0, LONG));
        guarded.metric("mcp_bulkhead_max", 1);
        guarded.metric("mcp_bulkhead_running", 0);
        let first = tokio::spawn(guarded.client(version).await.start(call()));
        let running = upstream.call().await;
        guarded.metric("mcp_bulkhead_running", 1);

        is_refused(guarded.send(version, call()).await, "bulkhead_full", 1).await;
        assert!(upstream.is_untouched(), "{version:?}");
        guarded.refused("bulkhead_full", 1);
        let page = guarded.observed.scrape();
        page.metric("mcp_requests_total").label("outcome", "refused").label("status", "rejected").is(1);

        running.answer(Response::new(full("first")));
        assert_eq!(collect(within(first).await.unwrap().unwrap()).await, "first");
        guarded.until("mcp_bulkhead_running", 0).await;
        let next = tokio::spawn(guarded.client(version).await.start(call()));
        upstream.call().await.answer(Response::new(empty()));
        assert_eq!(within(next).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn what_is_no_json_rpc_is_refused_in_short() {
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, places(1, 0, LONG));
    let _first = tokio::spawn(guarded.client(Version::HTTP_11).await.start(call()));
    let _running = upstream.call().await;
    for method in ["GET", "DELETE", "HEAD"] {
        let request = Request::builder().method(method).uri("/").body(empty()).unwrap();
        let response = guarded.send(Version::HTTP_11, request).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (503, &"1".parse().unwrap())
        );
        let body = collect(response).await;
        let expected =
            r#"{"error":"bulkhead_full","message":"too many requests to this server are under way"}"#;
        assert_eq!(body, if method == "HEAD" { "" } else { expected });
    }
    let unread = Request::post("/").header("content-type", "application/json").body(full("[1,")).unwrap();
    assert_eq!(guarded.send(Version::HTTP_11, unread).await.status(), 503);
}

#[tokio::test]
async fn a_place_is_held_until_the_body_has_ended() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 1, LONG));
        let mut client = guarded.client(version).await;
        let first = tokio::spawn(client.start(call()));
        let (feed, body) = fed();
        upstream.call().await.answer(Response::new(body));
        let mut first = within(first).await.unwrap().unwrap();
        let second = tokio::spawn(guarded.client(version).await.start(call()));
        guarded.until("mcp_queue_depth", 1).await;
        feed.data("more").await;
        assert_eq!(next(first.body_mut()).await.unwrap().unwrap(), "more");
        guarded.metric("mcp_queue_depth", 1);
        assert!(upstream.is_untouched(), "{version:?}");
        drop(feed);
        upstream.call().await.answer(Response::new(empty()));
        assert_eq!(within(second).await.unwrap().unwrap().status(), 200);
        guarded.until("mcp_bulkhead_running", 0).await;
        guarded.metric("mcp_queue_depth", 0);
    }
}

#[tokio::test]
async fn an_event_stream_that_answers_a_call_holds_its_place() {
    let mut upstream = Upstream::start().await;
    let guarded = Guarded::before(upstream.address, places(1, 0, LONG));
    let first = tokio::spawn(guarded.client(Version::HTTP_11).await.start(call()));
    let feed = upstream.call().await.events();
    let first = within(first).await.unwrap().unwrap();
    is_refused(guarded.send(Version::HTTP_11, call()).await, "bulkhead_full", 1).await;
    drop(first);
    feed.aborted().await;
    guarded.until("mcp_bulkhead_running", 0).await;
}

#[tokio::test]
async fn those_who_wait_are_served_in_their_order() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 3, LONG));
        let mut clients = Vec::new();
        for waiting in 0..4 {
            clients.push(tokio::spawn(guarded.client(version).await.start(numbered(waiting))));
            guarded.until("mcp_bulkhead_running", 1).await;
            guarded.until("mcp_queue_depth", waiting).await;
        }
        is_refused(guarded.send(version, call()).await, "bulkhead_full", 1).await;
        for waiting in 0..4 {
            let call = upstream.call().await;
            assert_eq!(number(&call), waiting.to_string(), "{version:?}");
            assert!(upstream.is_untouched());
            call.answer(Response::new(empty()));
        }
        for client in clients {
            assert_eq!(within(client).await.unwrap().unwrap().status(), 200);
        }
        guarded.until("mcp_bulkhead_running", 0).await;
        guarded.metric("mcp_queue_depth", 0);
    }
}

#[tokio::test]
async fn who_waited_in_vain_is_refused() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 1, LONG));
        let _first = tokio::spawn(guarded.client(version).await.start(call()));
        let _running = upstream.call().await;
        let second = tokio::spawn(guarded.client(version).await.start(call()));
        guarded.until("mcp_queue_depth", 1).await;
        pass_time(LONG).await;
        is_refused(within(second).await.unwrap().unwrap(), "bulkhead_full", 1).await;
        guarded.metric("mcp_queue_depth", 0);
        guarded.metric("mcp_bulkhead_running", 1);
        assert!(upstream.is_untouched(), "{version:?}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_queue_at_once() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 1, LONG));
        let _first = tokio::spawn(guarded.client(version).await.start(numbered(1)));
        let running = upstream.call().await;
        let mut second = guarded.client(version).await;
        let _second = tokio::spawn(second.start(numbered(2)));
        guarded.until("mcp_queue_depth", 1).await;
        second.vanish();
        guarded.until("mcp_queue_depth", 0).await;
        let _third = tokio::spawn(guarded.client(version).await.start(numbered(3)));
        guarded.until("mcp_queue_depth", 1).await;
        running.answer(Response::new(empty()));
        assert_eq!(number(&upstream.call().await), "3", "{version:?}");
    }
}

#[tokio::test]
async fn streams_that_listen_hold_no_place() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let guarded = Guarded::before(upstream.address, places(1, 0, LONG));
        let mut open = Vec::new();
        for request in [
            Request::get("/").header("accept", "text/event-stream").body(empty()).unwrap(),
            Request::get("/").body(empty()).unwrap(),
            Request::post("/").header("mcp-method", "subscriptions/listen").body(full("{}")).unwrap(),
        ] {
            let mut client = guarded.client(version).await;
            let answer = tokio::spawn(client.start(request));
            let feed = upstream.call().await.events();
            open.push((feed, within(answer).await.unwrap().unwrap(), client));
            guarded.metric("mcp_bulkhead_running", 0);
        }
        // One that has not even begun to answer.
        let request = Request::get("/").header("accept", "application/json, text/event-stream");
        let _silent = tokio::spawn(guarded.client(version).await.start(request.body(empty()).unwrap()));
        let _unanswered = upstream.call().await;
        let answer = tokio::spawn(guarded.client(version).await.start(call()));
        upstream.call().await.answer(Response::new(empty()));
        assert_eq!(within(answer).await.unwrap().unwrap().status(), 200, "{version:?}");
    }
}

#[tokio::test]
async fn a_tunnel_holds_no_place() {
    let server = RawServer::start().await;
    let guarded = Guarded::before(server.address, places(1, 0, LONG));
    let mut client = Raw::connect(guarded.proxy.address).await;
    client.write("GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    guarded.metric("mcp_bulkhead_running", 1);
    server_side
        .write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    client.read_head().await;
    guarded.metric("mcp_bulkhead_running", 0);
    client.write("ping").await;
    server_side.read_until("ping").await;
}

#[tokio::test]
async fn what_is_asked_before_a_call_passes_and_other_servers_have_their_own_places() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.servers[0].path = Some("/a".to_owned());
    config
        .servers
        .push(Server { path: Some("/b".to_owned()), ..Server::new("b", proxy::url(upstream.address)) });
    for server in &mut config.servers {
        server.bulkhead = Some(Bulkhead::new(1));
    }
    let guarded = Guarded::start(config);
    let to = |path: &str| {
        let mut request = call();
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    let _first = tokio::spawn(guarded.client(Version::HTTP_11).await.start(to("/a")));
    let _running = upstream.call().await;
    is_refused(guarded.send(Version::HTTP_11, to("/a")).await, "bulkhead_full", 1).await;
    for request in [
        to("/b"),
        Request::options("/a").body(empty()).unwrap(),
        Request::get("/.well-known/oauth-protected-resource/a").body(empty()).unwrap(),
    ] {
        let answer = tokio::spawn(guarded.client(Version::HTTP_11).await.start(request));
        upstream.call().await.answer(Response::new(empty()));
        assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_failed_call_gives_its_place_back() {
    for version in VERSIONS {
        let server = RawServer::start().await;
        let guarded = Guarded::before(server.address, places(1, 0, LONG));
        for _ in 0..3 {
            let answer = tokio::spawn(guarded.client(version).await.start(call()));
            let mut server_side = server.accept().await;
            server_side.read_until("}}").await;
            drop(server_side);
            assert_eq!(within(answer).await.unwrap().unwrap().status(), 502);
            guarded.metric("mcp_bulkhead_running", 0);
        }
    }
}

#[tokio::test]
async fn the_end_of_the_process_ends_the_waiting() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.proxy.shutdown_grace = Duration::from_secs(60);
    config.servers[0].bulkhead = Some(Bulkhead { max: 1, queue: 1, wait: LONG });
    let guarded = Guarded::start(config);
    let _first = tokio::spawn(guarded.client(Version::HTTP_11).await.start(call()));
    let _running = upstream.call().await;
    let second = tokio::spawn(guarded.client(Version::HTTP_11).await.start(call()));
    guarded.until("mcp_queue_depth", 1).await;
    guarded.proxy.shutdown.start();
    pass_time(Duration::from_secs(60)).await;
    is_refused(within(second).await.unwrap().unwrap(), "shutting_down", 1).await;
    guarded.metric("mcp_queue_depth", 0);
}

#[tokio::test]
async fn nothing_of_it_is_told_where_there_is_none() {
    let upstream = Upstream::json("{}").await;
    let guarded = Guarded::before(upstream.address, |_| {});
    assert_eq!(guarded.send(Version::HTTP_11, call()).await.status(), 200);
    let page = guarded.observed.page();
    for name in ["mcp_bulkhead", "mcp_circuit", "queue_name=\"bulkhead\""] {
        assert!(!page.contains(name), "{name}");
    }
}
