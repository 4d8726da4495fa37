//! Bodies of requests, and answers that do not wait for them.

use std::time::Duration;

use http::{Response, Version};
use sightglass::config::HttpVersion;

use super::{answers, told};
use crate::support::{Proxy, Raw, RawServer, Upstream, full, proxy};

const CHUNKED: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
const SECOND: &str = "GET /second HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn behind_chunks_that_cannot_be_read_nothing_is_read() {
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5 a\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "\r\n0\r\n\r\n",
        ";a\r\n0\r\n\r\n",
        "g\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhellox\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n0\r\nx: 1\n\n\r\n\r\n",
        "5\r\nhello\r\n0\r\nx : 1\r\n\r\n",
        "5\r\nhello\r\n0\r\n\n\r\n\r\n",
    ] {
        let upstream = Upstream::json("{}").await;
        let proxy = Proxy::before(upstream.address);
        let told = told(&proxy, format!("{CHUNKED}{chunks}{SECOND}")).await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{chunks:?}: {told}");
        assert_eq!(answers(&told), 1, "{chunks:?}: {told}");
    }
}

#[tokio::test]
async fn extensions_and_trailers_end_somewhere() {
    let long = "x".repeat(17 * 1024);
    for chunks in [
        format!("1;{long}"),
        format!("1;{long}\r\nx\r\n0\r\n\r\n"),
        "1;xxxxxxxxxxxxxxxxx\r\nx\r\n".repeat(1000),
        format!("0\r\nx: {long}"),
        format!("0\r\n{}\r\n", "x: 1\r\n".repeat(100)),
    ] {
        let upstream = Upstream::json("{}").await;
        let proxy = Proxy::before(upstream.address);
        let told = told(&proxy, format!("{CHUNKED}{chunks}")).await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    }
}

#[tokio::test]
async fn extensions_that_can_be_read_mean_nothing() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write(format!("{CHUNKED}5 ;a=\"b;c\"\r\nhello\r\n0005;x\r\nhello\r\n00;y\r\n\r\n{SECOND}")).await;
    let mut call = upstream.call().await;
    assert_eq!(call.read().await, "hellohello");
    call.answer(Response::new(full("ok")));
    client.read_until("ok").await;
    assert_eq!(upstream.call().await.head.uri, "/second");
}

#[tokio::test]
async fn trailers_reach_only_a_client_that_wants_them() {
    for (fields, has) in [("te: trailers\r\n", true), ("te: gzip;q=0, trailers\r\n", true), ("", false)] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await;
        let mut server_side = server.accept().await;
        server_side.read_head().await;
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";
        server_side.write(format!("{answer}x-sum: 1\r\ncontent-length: 9\r\nset-cookie: a\r\n\r\n")).await;
        client.read_head().await;
        let told = client.read_until("\r\n\r\n").await;
        assert_eq!(told.contains("x-sum: 1\r\n"), has, "{told}");
        assert!(!told.contains("content-length"), "{told}");
    }
}

#[tokio::test]
async fn an_answer_may_come_while_its_request_still_does() {
    for (framing, start, rest) in [
        ("content-length: 10", "hello", "world"),
        ("transfer-encoding: chunked", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n"),
    ] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n{start}")).await;
        let mut server_side = server.accept().await;
        server_side.read_until("hello").await;
        server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200 "));
        // The next request comes behind the rest of this one, which the server gets first.
        client.write(format!("{rest}{SECOND}")).await;
        server_side.read_until("world").await;
        let mut next = if framing.starts_with("content") {
            server_side
        } else {
            server_side.read_until("0\r\n\r\n").await;
            server_side
        };
        // It may come on either connection: the first one may not be home yet.
        let mut other = tokio::select! {
            head = next.read_head() => { assert!(head.starts_with("GET /second "), "{head}"); next }
            mut other = server.accept() => { other.read_head().await; other }
        };
        other.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await;
        client.read_until("late").await;
    }
}

#[tokio::test]
async fn a_request_that_is_never_finished_holds_no_connection_once_it_is_answered() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.limits.keep_alive = Some(Duration::from_millis(50));
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
    let mut server_side = server.accept().await;
    server_side.read_until("hello").await;
    server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert!(client.read_until("ok").await.starts_with("HTTP/1.1 200 "));
    client.closed().await;
    server_side.closed().await;
}

#[tokio::test]
async fn a_client_that_leaves_after_its_body_is_missed() {
    for version in [HttpVersion::One, HttpVersion::Two] {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.servers[0].http = version;
        let proxy = Proxy::start(config);
        let mut client = Raw::connect(proxy.address).await;
        client.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
        let mut call = upstream.call().await;
        client.write("world").await;
        assert_eq!(call.read().await, "helloworld");
        drop(client);
        call.aborted().await;
    }
}

#[tokio::test]
async fn who_expects_to_be_told_to_go_on_is_not_told_where_it_is_too_late() {
    // The body has come already.
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let expect = "expect: 100-continue\r\ncontent-length: 2\r\nconnection: close\r\n";
    let told_at_once = told(&proxy, format!("POST / HTTP/1.1\r\nhost: a\r\n{expect}\r\n{{}}")).await;
    assert!(told_at_once.starts_with("HTTP/1.1 200 "), "{told_at_once}");
    // It is refused.
    let mut config = proxy::config(upstream.address);
    config.servers[0].path = Some("/only".to_owned());
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{expect}\r\n")).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
    // HTTP/1.0 knows no such thing.
    let upstream = Upstream::json("{}").await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await;
    client.write("{}").await;
    assert!(client.read_to_end().await.starts_with("HTTP/1.0 200 "));
}

#[tokio::test]
async fn the_body_of_one_request_is_never_that_of_another() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = crate::support::Client::connect(proxy.address, Version::HTTP_11).await;
    for number in 0..20_u8 {
        let size = usize::from(number) * 9_000;
        let body = vec![b'a' + number; size];
        let request = http::Request::post("/").body(full(body.clone())).unwrap();
        let answer = tokio::spawn(client.start(request));
        let mut call = upstream.call().await;
        assert_eq!(call.read().await, body);
        call.answer(Response::new(full(body.clone())));
        let response = crate::support::within(answer).await.unwrap().unwrap();
        assert_eq!(crate::support::client::collect(response).await, body);
    }
}
