//! What the client sent arrives as it was, and so does the answer.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::support::client::{collect, next};
use crate::support::{Client, Proxy, Raw, RawServer, Upstream, VERSIONS, empty, fed, full, proxy, within};

/// What arrives at the server when a client sends exactly these bytes.
async fn forwarded(request: &str) -> String {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write(request.replace('\n', "\r\n")).await;
    let mut server_side = server.accept().await;
    server_side.read_head().await.replace(&server.address.to_string(), "SERVER").replace("\r\n", "\n")
}

/// What arrives at the client when the server sends exactly these bytes and closes.
async fn answered(request_line: &str, response: &str) -> String {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write(format!("{request_line}\r\nhost: a\r\nconnection: close\r\n\r\n")).await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write(response.replace('\n', "\r\n")).await;
    drop(server_side);
    client.read_to_end().await.replace("\r\n", "\n")
}

#[tokio::test]
async fn delete_without_a_body_stays_bodyless() {
    let arrived = forwarded("DELETE /mcp HTTP/1.1\nHost: a\nMcp-Session-Id: 1\n\n").await;
    assert_eq!(arrived, "DELETE /mcp HTTP/1.1\nHost: SERVER\nMcp-Session-Id: 1\n\n");
}

#[tokio::test]
async fn header_case_is_kept() {
    let request = "GET /a HTTP/1.1\nhOsT: a\nX-ODD-case: 1\nmcp-Session-ID: 2\n\n";
    assert_eq!(forwarded(request).await, request.replace("hOsT: a", "hOsT: SERVER"));
    let response = "HTTP/1.1 200 OK\nX-Odd: 1\nx-oDD: 2\nContent-LENGTH: 0\n";
    let arrived = answered("GET / HTTP/1.1", &format!("{response}\n")).await;
    assert_eq!(arrived, format!("{response}connection: close\n\n"));
}

#[tokio::test]
async fn duplicate_fields_keep_their_order() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        let request = Request::get("/").header("x-a", "1").header("x-b", "2").header("x-a", "3");
        let answer = client.start(request.body(empty()).unwrap());
        let answer = tokio::spawn(answer);
        let call = upstream.call().await;
        let values = |fields: &HeaderMap, name| {
            fields.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(values(&call.head.headers, "x-a"), ["1", "3"], "{version:?}");
        let response = Response::builder().header("set-cookie", "a=1").header("set-cookie", "b=2; Path=/");
        call.answer(response.body(empty()).unwrap());
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(values(response.headers(), "set-cookie"), ["a=1", "b=2; Path=/"], "{version:?}");
    }
}

#[tokio::test]
async fn the_target_passes_byte_for_byte() {
    for target in ["/", "/a//b/", "/%7Efoo/%2e/x?y=%20&z=a+b&&=;", "/?", "/a?b?c=d/../e"] {
        let arrived = forwarded(&format!("GET {target} HTTP/1.1\nhost: a\n\n")).await;
        assert_eq!(arrived.lines().next().unwrap(), format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn an_absolute_target_is_sent_on_as_a_path() {
    let arrived = forwarded("GET http://elsewhere.example/a?b HTTP/1.1\nhost: a\n\n").await;
    assert_eq!(arrived, "GET /a?b HTTP/1.1\nhost: SERVER\n\n");
}

#[tokio::test]
async fn hop_by_hop_fields_are_removed() {
    let arrived = forwarded(
        "GET / HTTP/1.1\nhost: a\nConnection: keep-alive, X-Private\nKeep-Alive: timeout=5\nX-Private: 1\nX-Kept: 2\n\n",
    )
    .await;
    assert_eq!(arrived, "GET / HTTP/1.1\nhost: SERVER\nX-Kept: 2\n\n");
    let response =
        "HTTP/1.1 200 OK\nconnection: keep-alive, x-private\nkeep-alive: timeout=5\nx-private: 1\n";
    let arrived = answered("GET / HTTP/1.1", &format!("{response}content-length: 0\n\n")).await;
    assert_eq!(arrived, "HTTP/1.1 200 OK\ncontent-length: 0\nconnection: close\n\n");
}

#[tokio::test]
async fn every_method_passes() {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"];
    for version in VERSIONS {
        for name in methods {
            let mut upstream = Upstream::start().await;
            let proxy = Proxy::before(upstream.address);
            let mut client = Client::connect(proxy.address, version).await;
            let method = Method::from_bytes(name.as_bytes()).unwrap();
            let request = Request::builder().method(method).uri("/x").body(empty()).unwrap();
            let answer = tokio::spawn(client.start(request));
            let call = upstream.call().await;
            assert_eq!(call.head.method.as_str(), name);
            call.answer(Response::new(full("x")));
            let response = within(answer).await.unwrap().unwrap();
            let body = if name == "HEAD" { "" } else { "x" };
            assert_eq!(collect(response).await, body, "{version:?} {name}");
        }
    }
}

#[tokio::test]
async fn connect_is_refused_cleanly() {
    let mut upstream = Upstream::start().await;
    let proxy = Proxy::before(upstream.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n").await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(head.contains("x-sightglass-error: bad_request"), "{head}");
    assert!(upstream.is_untouched());
}

#[tokio::test]
async fn an_asterisk_is_sent_on() {
    let arrived = forwarded("OPTIONS * HTTP/1.1\nhost: a\n\n").await;
    assert_eq!(arrived, "OPTIONS * HTTP/1.1\nhost: SERVER\n\n");
}

#[tokio::test]
async fn bodyless_answers_come_exactly_as_they_were() {
    for head in [
        "HTTP/1.1 202 Accepted\ncontent-length: 0\n",
        "HTTP/1.1 204 No Content\n",
        "HTTP/1.1 204 No Content\ncontent-length: 0\n",
        "HTTP/1.1 205 Reset Content\ncontent-length: 0\n",
        "HTTP/1.1 304 Not Modified\netag: \"1\"\ncontent-length: 1234\n",
        "HTTP/1.1 304 Not Modified\netag: \"1\"\n",
    ] {
        let arrived = answered("GET / HTTP/1.1", &format!("{head}\n")).await;
        assert_eq!(arrived, format!("{head}connection: close\n\n"));
    }
    let chunked = "HTTP/1.1 202 Accepted\ntransfer-encoding: chunked\n";
    let arrived = answered("POST / HTTP/1.1", &format!("{chunked}\n0\n\n")).await;
    assert_eq!(arrived, "HTTP/1.1 202 Accepted\nconnection: close\ntransfer-encoding: chunked\n\n0\n\n");
}

#[tokio::test]
async fn an_answer_to_head_keeps_its_length() {
    let arrived = answered("HEAD / HTTP/1.1", "HTTP/1.1 200 OK\ncontent-length: 1234\n\n").await;
    assert_eq!(arrived, "HTTP/1.1 200 OK\ncontent-length: 1234\nconnection: close\n\n");
}

#[tokio::test]
async fn a_reason_of_the_servers_own_is_kept() {
    let arrived = answered("GET / HTTP/1.1", "HTTP/1.1 299 Fine By Me\ncontent-length: 0\n\n").await;
    assert_eq!(arrived.lines().next().unwrap(), "HTTP/1.1 299 Fine By Me");
}

#[tokio::test]
async fn an_answer_that_ends_with_its_connection_is_whole() {
    let arrived = answered("GET / HTTP/1.1", "HTTP/1.0 200 OK\n\nto the end").await;
    assert_eq!(
        arrived,
        "HTTP/1.1 200 OK\nconnection: close\ntransfer-encoding: chunked\n\nA\nto the end\n0\n\n"
    );
}

#[tokio::test]
async fn an_http_1_0_client_is_served() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET /old HTTP/1.0\r\nX: 1\r\n\r\n").await;
    let mut server_side = server.accept().await;
    let head = server_side.read_head().await;
    assert_eq!(head, format!("GET /old HTTP/1.1\r\nhost: {}\r\nX: 1\r\n\r\n", server.address));
    server_side.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").await;
    assert_eq!(client.read_to_end().await, "HTTP/1.0 200 OK\r\n\r\nok");
}

#[tokio::test]
async fn expect_100_continue_is_answered_and_the_body_follows() {
    for content_type in ["application/json", "application/octet-stream"] {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Raw::connect(proxy.address).await;
        let head = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n";
        client.write(format!("{head}content-type: {content_type}\r\n\r\n")).await;
        assert_eq!(client.read_head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.write("{}").await;
        let mut call = upstream.call().await;
        assert_eq!(call.read().await, "{}");
        call.answer(Response::new(full("done")));
        assert!(client.read_head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        let (feed, body) = fed();
        let request =
            Request::post("/").header("te", "trailers").header("trailer", "x-sum").body(body).unwrap();
        let answer = tokio::spawn(client.start(request));
        feed.data("data").await;
        let trailers = || HeaderMap::from_iter([("x-sum".parse().unwrap(), "1".parse().unwrap())]);
        feed.trailers(trailers()).await;
        drop(feed);
        let mut call = upstream.call().await;
        let body = within((&mut call.body).collect()).await.unwrap();
        assert_eq!(body.trailers(), Some(&trailers()), "{version:?}");
        let (feed, body) = fed();
        call.answer(Response::builder().header("trailer", "x-sum").body(body).unwrap());
        feed.data("data").await;
        feed.trailers(trailers()).await;
        drop(feed);
        let response = within(answer).await.unwrap().unwrap();
        let body = within(response.into_body().collect()).await.unwrap();
        assert_eq!(body.trailers(), Some(&trailers()), "{version:?}");
        assert_eq!(body.to_bytes(), "data");
    }
}

#[tokio::test]
async fn a_known_length_stays_known() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        let data = Bytes::from(vec![b' '; 200_000]);
        let request = Request::post("/").header("content-type", "application/json");
        let answer = tokio::spawn(client.start(request.body(full(data.clone())).unwrap()));
        let mut call = upstream.call().await;
        assert_eq!(call.body.size_hint().exact(), Some(200_000), "{version:?}");
        assert!(!call.head.headers.contains_key("transfer-encoding"));
        assert_eq!(call.read().await, data);
        call.answer(Response::new(full(data.clone())));
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(response.body().size_hint().exact(), Some(200_000), "{version:?}");
        assert_eq!(collect(response).await, data);
    }
}

#[tokio::test]
async fn a_get_with_a_body_keeps_it() {
    for body in ["content-length: 4\r\n\r\nbody", "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"]
    {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Raw::connect(proxy.address).await;
        client.write(format!("GET / HTTP/1.1\r\nhost: a\r\n{body}")).await;
        let mut call = upstream.call().await;
        assert_eq!(call.read().await, "body");
    }
}

#[tokio::test]
async fn the_host_is_the_servers_own_or_the_clients() {
    for version in VERSIONS {
        for preserve_host in [false, true] {
            let mut upstream = Upstream::start().await;
            let mut config = proxy::config(upstream.address);
            config.servers[0].preserve_host = preserve_host;
            let proxy = Proxy::start(config);
            let mut client = Client::connect(proxy.address, version).await;
            let _answer = tokio::spawn(client.start(Request::get("/").body(empty()).unwrap()));
            let call = upstream.call().await;
            let expected = if preserve_host { proxy.address } else { upstream.address };
            assert_eq!(call.head.headers["host"], expected.to_string(), "{version:?}");
            assert_eq!(call.head.headers.get_all("host").iter().count(), 1);
        }
    }
}

#[tokio::test]
async fn configured_fields_are_set_or_replaced() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    let secret = |value: &str| sightglass::config::Secret(value.to_owned());
    config.servers[0].headers =
        vec![("Authorization".to_owned(), secret("Bearer 1")), ("x-new".to_owned(), secret("2"))];
    let proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nauthorization: mine\r\nhost: a\r\nauthorization: too\r\n\r\n").await;
    let head = server.accept().await.read_head().await;
    let host = server.address;
    assert_eq!(
        head,
        format!("GET / HTTP/1.1\r\nauthorization: Bearer 1\r\nhost: {host}\r\nx-new: 2\r\n\r\n")
    );
}

#[tokio::test]
async fn a_prefix_mount_leads_to_the_servers_path() {
    let mut upstream = Upstream::start().await;
    let mut config = proxy::config(upstream.address);
    config.servers[0].path = Some("/github".to_owned());
    config.servers[0].url.path = "/mcp".to_owned();
    let proxy = Proxy::start(config);
    for (asked, arrives) in [("/github", "/mcp"), ("/github/a/b?c", "/mcp/a/b?c"), ("/github?x", "/mcp?x")] {
        let mut client = Client::connect(proxy.address, http::Version::HTTP_11).await;
        let _answer = tokio::spawn(client.start(Request::get(asked).body(empty()).unwrap()));
        let call = upstream.call().await;
        assert_eq!(call.head.uri.path_and_query().unwrap().as_str(), arrives);
    }
    let mut client = Client::connect(proxy.address, http::Version::HTTP_11).await;
    let response = client.send(Request::get("/other").body(empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["x-sightglass-error"], "no_route");
}

/// Bytes that look like nothing, the same for the same seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

fn hash(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.hash(&mut hasher);
    hasher.finish()
}

#[tokio::test]
async fn a_hash_of_every_body_in_equals_a_hash_of_every_body_out() {
    const SIZES: [usize; 7] = [0, 1, 1000, 16_384, 65_535, 65_537, 1_000_000];
    const CHUNKS: [usize; 4] = [1, 777, 16_384, 1_000_000];
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        for (seed, size) in (0_u64..).zip(SIZES) {
            for chunk in CHUNKS.into_iter().filter(|chunk| size / chunk <= 2000) {
                let (up, down) = (Bytes::from(noise(seed, size)), Bytes::from(noise(seed + 100, size)));
                let (feed, body) = fed();
                let content_type = if seed % 2 == 0 { "application/json" } else { "text/plain" };
                let request = Request::post("/").header("content-type", content_type).body(body).unwrap();
                let answer = tokio::spawn(client.start(request));
                let sending = tokio::spawn(feed_in_chunks(feed, up.clone(), chunk));
                let mut call = upstream.call().await;
                assert_eq!(hash(&call.read().await), hash(&up), "{version:?} {size} in {chunk}");
                within(sending).await.unwrap();
                let (feed, body) = fed();
                call.answer(Response::new(body));
                let sending = tokio::spawn(feed_in_chunks(feed, down.clone(), chunk));
                let response = within(answer).await.unwrap().unwrap();
                assert_eq!(hash(&collect(response).await), hash(&down), "{version:?} {size} in {chunk}");
                within(sending).await.unwrap();
            }
        }
    }
}

async fn feed_in_chunks(feed: crate::support::Feed, data: Bytes, chunk: usize) {
    for part in data.chunks(chunk) {
        feed.data(data.slice_ref(part)).await;
    }
}

#[tokio::test]
async fn one_connection_carries_one_request_after_another() {
    for version in VERSIONS {
        let upstream = Upstream::json("{}").await;
        let proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        for _ in 0..20 {
            let mut response = client.send(Request::post("/").body(full("{}")).unwrap()).await;
            assert_eq!(next(response.body_mut()).await.unwrap().unwrap(), "{}");
            assert!(next(response.body_mut()).await.is_none());
        }
    }
}
