//! HTTP/2 towards servers, and its own ways.

use http::{Request, Response, Version};
use sightglass::config::HttpVersion;

use crate::support::client::collect;
use crate::support::{Client, Proxy, RawServer, Upstream, VERSIONS, empty, full, proxy, within};

#[tokio::test]
async fn a_server_is_spoken_to_in_the_version_configured() {
    for (http, expected) in [
        (HttpVersion::Auto, Version::HTTP_11),
        (HttpVersion::One, Version::HTTP_11),
        (HttpVersion::Two, Version::HTTP_2),
    ] {
        for version in VERSIONS {
            let mut upstream = Upstream::start().await;
            let mut config = proxy::config(upstream.address);
            config.servers[0].http = http;
            let proxy = Proxy::start(config);
            let mut client = Client::connect(proxy.address, version).await;
            let request = Request::post("/a?b").header("connection", "x-hop").header("x-hop", "1");
            let request = if version == Version::HTTP_2 { Request::post("/a?b") } else { request };
            let answer = tokio::spawn(client.start(request.body(full("up")).unwrap()));
            let mut call = upstream.call().await;
            assert_eq!(call.head.version, expected);
            assert_eq!(call.head.uri.path_and_query().unwrap().as_str(), "/a?b");
            assert!(!call.head.headers.contains_key("x-hop"));
            assert_eq!(call.read().await, "up");
            call.answer(Response::new(full("down")));
            let response = within(answer).await.unwrap().unwrap();
            assert_eq!(response.version(), version);
            assert_eq!(collect(response).await, "down");
        }
    }
}

#[tokio::test]
async fn the_host_of_a_preserving_server_is_its_authority() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.servers[0].http = HttpVersion::Two;
        config.servers[0].preserve_host = true;
        let proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        let _answer = tokio::spawn(client.start(Request::get("/").body(empty()).unwrap()));
        let call = upstream.call().await;
        assert_eq!(call.head.uri.authority().unwrap().as_str(), proxy.address.to_string());
    }
}

#[tokio::test]
async fn many_calls_share_one_connection_to_an_http_2_server() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.servers[0].http = HttpVersion::Two;
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_2).await;
    let mut answers = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..20 {
        answers.push(tokio::spawn(client.start(Request::get("/").body(empty()).unwrap())));
        calls.push(upstream.call().await);
    }
    for call in calls.into_iter().rev() {
        call.answer(Response::new(full("x")));
    }
    for answer in answers {
        assert_eq!(collect(within(answer).await.unwrap().unwrap()).await, "x");
    }
}

#[tokio::test]
async fn unread_streams_do_not_stop_the_others_on_their_connection() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.servers[0].http = HttpVersion::Two;
    let proxy = Proxy::start(config);
    let mut unread = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
        let answer = tokio::spawn(client.start(Request::get("/").body(empty()).unwrap()));
        upstream.call().await.answer(Response::new(full(vec![b'x'; 16 * 1024 * 1024])));
        unread.push((client, within(answer).await.unwrap().unwrap()));
    }
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let answer = tokio::spawn(client.start(Request::get("/").body(empty()).unwrap()));
    upstream.call().await.answer(Response::new(full(vec![b'y'; 100_000])));
    assert_eq!(collect(within(answer).await.unwrap().unwrap()).await.len(), 100_000);
}

#[tokio::test]
async fn a_server_that_is_not_http_2_is_a_502() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.servers[0].http = HttpVersion::Two;
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let answer = tokio::spawn(client.start(Request::get("/").body(empty()).unwrap()));
    let mut server_side = server.accept().await;
    server_side.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let response = within(answer).await.unwrap().unwrap();
    assert_eq!(response.status(), 502);
}
