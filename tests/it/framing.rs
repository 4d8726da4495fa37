//! Where a message ends is never in doubt: what client, proxy and server could read differently is refused or made plain.

use http::{HeaderValue, Request, Response, Version};

use crate::support::{Client, Proxy, Raw, RawServer, Upstream, VERSIONS, empty, full, proxy, within};

#[tokio::test]
async fn a_transfer_coding_beside_chunked_is_a_400() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    for coding in ["gzip, chunked", "chunked, chunked", "xchunked, chunked"] {
        let mut client = Raw::connect(proxy.address).await;
        client
            .write(format!(
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: {coding}\r\n\r\n1\r\nx\r\n0\r\n\r\n"
            ))
            .await;
        let answer = client.read_head().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{coding}: {answer}");
    }
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn a_request_that_names_no_host_is_a_400_unless_it_is_http_1_0() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(upstream.is_untouched());
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.0\r\n\r\n").await;
    drop(upstream.call().await);
}

#[tokio::test]
async fn of_chunks_and_a_length_in_an_answer_the_chunks_decide() {
    for fields in [
        "content-length: 3\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
    ] {
        let server = RawServer::start().await;
        let proxy = Proxy::before(server.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        let mut connection = server.accept().await;
        connection.read_head().await;
        connection.write(format!("HTTP/1.1 200 OK\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n")).await;
        let answer = client.read_to_end().await;
        assert!(answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.1 502 "), "{answer}");
        if answer.starts_with("HTTP/1.1 200 ") {
            assert!(!answer.contains("content-length"), "{answer}");
            assert!(answer.ends_with("5\r\nhello\r\n0\r\n\r\n"), "{answer}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_a_transfer_coding_that_nobody_asked_for_is_a_502() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let mut connection = server.accept().await;
    connection.read_head().await;
    connection
        .write("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        .await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("x-sightglass-error: upstream_invalid"), "{answer}");
}

#[tokio::test]
async fn a_host_beside_another_authority_is_a_400_on_http_2() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Client::connect(proxy.address, Version::HTTP_2).await;
    let request = Request::get("/").header("host", "evil.example").body(empty()).unwrap();
    assert_eq!(client.send(request).await.status(), 400);
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn cookies_that_http_2_split_are_one_line_again() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        let request = Request::get("/").header("cookie", "a=1").header("x", "y").header("cookie", "b=2");
        let sent = client.start(request.body(empty()).unwrap());
        let sent = tokio::spawn(sent);
        let call = upstream.call().await;
        let cookies: Vec<_> = call.head.headers.get_all("cookie").iter().cloned().collect();
        if version == Version::HTTP_2 {
            assert_eq!(cookies, [HeaderValue::from_static("a=1; b=2")]);
        } else {
            assert_eq!(cookies, ["a=1", "b=2"].map(HeaderValue::from_static));
        }
        call.answer(Response::new(empty()));
        within(sent).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn an_own_reply_to_head_has_no_body() {
    for version in VERSIONS {
        let upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.servers[0].path = Some("/only".to_owned());
        let proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        for _ in 0..2 {
            let response = client.send(Request::head("/").body(empty()).unwrap()).await;
            assert_eq!(response.status(), 404);
            assert!(response.headers().contains_key("content-length"));
            assert_eq!(crate::support::client::collect(response).await, "");
        }
    }
}

#[tokio::test]
async fn an_own_reply_reaches_a_client_that_writes_all_of_its_body_first() {
    let upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.servers[0].path = Some("/only".to_owned());
    let proxy = Proxy::start(config);
    // More than the buffers of both sockets hold.
    let body = "x".repeat(16 << 20);
    for _ in 0..3 {
        let mut client = Raw::connect(proxy.address).await;
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write(head).await;
        client.write(&body).await;
        assert!(client.read_head().await.starts_with("HTTP/1.1 404 "));
    }
}

#[tokio::test]
async fn a_body_that_comes_in_single_bytes_arrives_whole() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Client::connect(proxy.address, Version::HTTP_2).await;
    let (feed, body) = crate::support::fed();
    let request = Request::post("/").header("content-type", "application/json").body(body).unwrap();
    let sent = tokio::spawn(client.start(request));
    // Empty frames and single bytes, and no end: the call goes on without waiting for it.
    for _ in 0..100 {
        feed.data("").await;
        feed.data("x").await;
    }
    let mut call = upstream.call().await;
    feed.data("y").await;
    drop(feed);
    assert_eq!(call.read().await, "x".repeat(100) + "y");
    call.answer(Response::new(full("{}")));
    within(sent).await.unwrap().unwrap();
}
