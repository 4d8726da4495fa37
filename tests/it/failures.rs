//! When the server cannot be reached, breaks or is late, and when a request cannot be carried.

use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;

use crate::support::client::collect;
use crate::support::{Client, Proxy, Raw, RawServer, Sent, Upstream, VERSIONS, empty, full, proxy, within};

fn call() -> Request<Sent> {
    let body = r#"{"jsonrpc":"2.0","id":"seven","method":"tools/call","params":{}}"#;
    Request::post("/").header("content-type", "application/json").body(full(body)).unwrap()
}

/// Checks an answer of the proxy's own to [`call`].
async fn is_own(response: Response<Incoming>, status: u16, kind: &str) {
    assert_eq!(response.headers()["x-sightglass-error"], kind);
    assert_eq!(response.status(), status);
    let body: serde_json::Value = serde_json::from_slice(&collect(response).await).unwrap();
    assert_eq!(body["id"], "seven");
    assert_eq!(body["jsonrpc"], "2.0");
    assert!(body["error"]["message"].is_string());
}

#[tokio::test]
async fn an_unreachable_server_is_a_502() {
    for version in VERSIONS {
        let nowhere = RawServer::start().await.address;
        let proxy = Proxy::before(nowhere);
        let mut client = Client::connect(proxy.address, version).await;
        is_own(client.send(call()).await, 502, "upstream_unreachable").await;
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_a_502() {
    let mut config = proxy::config(([127, 0, 0, 1], 1).into());
    config.servers[0].url.host = "does-not-exist.invalid".to_owned();
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    is_own(client.send(call()).await, 502, "upstream_unreachable").await;
}

#[tokio::test]
async fn a_server_that_hangs_up_before_its_head_is_a_502() {
    for version in VERSIONS {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(call()));
        let mut server_side = server.accept().await;
        server_side.read_until("}}").await;
        drop(server_side);
        is_own(within(answer).await.unwrap().unwrap(), 502, "upstream_invalid").await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_http_is_a_502() {
    for version in VERSIONS {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(call()));
        let mut server_side = server.accept().await;
        server_side.write("SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
        is_own(within(answer).await.unwrap().unwrap(), 502, "upstream_invalid").await;
    }
}

#[tokio::test]
async fn a_late_head_is_a_504_and_the_call_is_taken_back() {
    for version in VERSIONS {
        for whole_call in [false, true] {
            let mut upstream = Upstream::start().await;
            let mut config = proxy::config(upstream.address);
            let limit = Some(Duration::from_millis(300));
            if whole_call {
                config.servers[0].call_timeout = limit;
            } else {
                config.servers[0].head_timeout = limit;
            }
            let proxy = Proxy::start(config);
            let mut client = Client::connect(proxy.address, version).await;
            let answer = tokio::spawn(client.start(call()));
            let mut unanswered = upstream.call().await;
            is_own(within(answer).await.unwrap().unwrap(), 504, "upstream_timeout").await;
            unanswered.aborted().await;
        }
    }
}

#[tokio::test]
async fn a_call_past_its_limit_breaks_its_stream() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.servers[0].call_timeout = Some(Duration::from_secs(1));
        let proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(call()));
        let feed = upstream.call().await.events();
        let mut response = within(answer).await.unwrap().unwrap();
        let end = crate::support::client::next(response.body_mut()).await;
        assert!(end.unwrap().is_err(), "{version:?}");
        feed.aborted().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_a_504() {
    // TLS towards a server that accepts and says nothing: the handshake never ends.
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.servers[0].url.tls = true;
    let pki = crate::tls::Pki::new();
    config.servers[0].tls.ca = Some(pki.ca());
    config.servers[0].connect_timeout = Some(Duration::from_millis(50));
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    is_own(client.send(call()).await, 504, "upstream_timeout").await;
}

#[tokio::test]
async fn a_request_is_not_sent_twice_once_a_byte_was_written() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    // The first call leaves an idle connection behind, on which the second is written and lost.
    let answer = tokio::spawn(client.start(call()));
    let mut server_side = server.accept().await;
    server_side.read_until("}}").await;
    server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
    let answer = tokio::spawn(client.start(call()));
    server_side.read_until("}}").await;
    drop(server_side);
    is_own(within(answer).await.unwrap().unwrap(), 502, "upstream_invalid").await;
}

#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_is_given_back() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.servers[0].pool_idle = Duration::from_secs(3600);
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let answer = tokio::spawn(client.start(call()));
    let mut server_side = server.accept().await;
    server_side.read_until("}}").await;
    server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
    // The server says no more, and hears that the proxy does not either.
    server_side.stream.shutdown().await.unwrap();
    server_side.closed().await;
}

#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_costs_no_call() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    for _ in 0..5 {
        let answer = tokio::spawn(client.start(call()));
        let mut server_side = server.accept().await;
        server_side.read_until("}}").await;
        server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(within(answer).await.unwrap().unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_body_past_its_limit_is_a_413() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.limits.request_body = Some(100);
        let proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        let response = client.send(Request::post("/").body(full(vec![b'x'; 101])).unwrap()).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "declared, {version:?}");
        assert_eq!(response.headers()["x-sightglass-error"], "limit");
        assert!(upstream.is_untouched());

        let mut client = Client::connect(proxy.address, version).await;
        let (feed, body) = crate::support::fed();
        let answer = tokio::spawn(client.start(Request::post("/").body(body).unwrap()));
        feed.data(vec![b'x'; 60]).await;
        // What is past the limit comes once the server has the request.
        let call = upstream.call().await;
        feed.data(vec![b'x'; 60]).await;
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "streamed, {version:?}");
        drop(call);
    }
}

#[tokio::test]
async fn a_body_at_its_limit_passes() {
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.limits.request_body = Some(100);
    let proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    assert_eq!(client.send(Request::post("/").body(full(vec![b'x'; 100])).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn a_head_past_its_limit_is_a_431() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.limits.header_bytes = 1000;
    let proxy = Proxy::start(config);
    for bytes in [1000, 100_000] {
        let mut client = Raw::connect(proxy.address).await;
        let long = "x".repeat(bytes);
        client.write(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n")).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    }
    let mut client = Raw::connect(proxy.address).await;
    let many = (0..200).map(|number| format!("x{number}: 1\r\n")).collect::<Vec<_>>().concat();
    client.write(format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 431 "));
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn what_is_not_http_is_a_400() {
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    for request in [
        "what is this\r\n\r\n",
        "GET / HTTP/1.1\r\nbad field: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    ] {
        let mut client = Raw::connect(proxy.address).await;
        client.write(request).await;
        assert!(client.read_head().await.starts_with("HTTP/1.1 400 "), "{request}");
    }
}

#[tokio::test]
async fn smuggled_lengths_are_not_passed_on() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    for fields in ["content-length: 3\r\ncontent-length: 4\r\n", "transfer-encoding: gzip\r\n"] {
        let mut client = Raw::connect(proxy.address).await;
        client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n1\r\nx\r\n0\r\n\r\n")).await;
        let answer = client.read_to_end().await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert!(upstream.is_untouched());
    // With both, the chunks decide, one length goes on, and the connection is not used again.
    let mut client = Raw::connect(proxy.address).await;
    let fields = "content-length: 3\r\ntransfer-encoding: chunked\r\n";
    client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n1\r\nx\r\n0\r\n\r\n")).await;
    let mut call = upstream.call().await;
    assert!(!call.head.headers.contains_key("content-length"));
    assert_eq!(call.read().await, "x");
    call.answer(Response::new(empty()));
    assert!(client.read_to_end().await.contains("connection: close"));
}

#[tokio::test]
async fn a_refused_host_is_a_403() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.proxy.allowed_hosts = Some(vec!["good.example".to_owned()]);
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n").await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    assert!(head.contains("x-sightglass-error: host_refused"), "{head}");
    assert!(upstream.is_untouched());
}
