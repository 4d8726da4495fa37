//! Ending: nothing new, running calls finish, streams end in an orderly way.

use std::time::Duration;

use http::{Request, Response, Version};
use tokio::net::TcpStream;

use crate::support::client::{collect, next};
use crate::support::{Client, Proxy, Raw, RawServer, Upstream, VERSIONS, empty, full, proxy, within};

fn get() -> Request<crate::support::Sent> {
    Request::get("/").body(empty()).unwrap()
}

#[tokio::test]
async fn a_running_call_finishes_and_then_the_proxy_ends() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut proxy = Proxy::before(upstream.address);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(get()));
        let call = upstream.call().await;
        proxy.shutdown.start();
        // The listener closes while the call is still under way.
        while TcpStream::connect(proxy.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        call.answer(Response::new(full("done")));
        assert_eq!(collect(within(answer).await.unwrap().unwrap()).await, "done", "{version:?}");
        proxy.ended().await;
        client.closed().await;
    }
}

#[tokio::test]
async fn idle_connections_do_not_hold_the_proxy_up() {
    let upstream = Upstream::json("{}").await;
    let mut proxy = Proxy::before(upstream.address);
    let mut silent = Raw::connect(proxy.address).await;
    let mut clients = Vec::new();
    for version in VERSIONS {
        let mut client = Client::connect(proxy.address, version).await;
        collect(client.send(get()).await).await;
        clients.push(client);
    }
    proxy.shutdown.start();
    proxy.ended().await;
    silent.closed().await;
}

#[tokio::test]
async fn streams_end_in_an_orderly_way_after_the_grace() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.proxy.shutdown_grace = Duration::from_millis(50);
        let mut proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(get()));
        let feed = upstream.call().await.events();
        let mut response = within(answer).await.unwrap().unwrap();
        feed.data("data: 1\n\n").await;
        assert!(next(response.body_mut()).await.is_some());
        proxy.shutdown.start();
        assert!(next(response.body_mut()).await.is_none(), "{version:?}: a clean end");
        feed.aborted().await;
        proxy.ended().await;
    }
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_is_a_503() {
    for version in VERSIONS {
        let mut upstream = Upstream::start().await;
        let mut config = proxy::config(upstream.address);
        config.proxy.shutdown_grace = Duration::from_millis(50);
        let mut proxy = Proxy::start(config);
        let mut client = Client::connect(proxy.address, version).await;
        let answer = tokio::spawn(client.start(get()));
        let mut call = upstream.call().await;
        proxy.shutdown.start();
        let response = within(answer).await.unwrap().unwrap();
        assert_eq!(response.status(), 503, "{version:?}");
        assert_eq!(response.headers()["x-sightglass-error"], "shutting_down");
        assert!(response.headers().contains_key("retry-after"));
        call.aborted().await;
        proxy.ended().await;
    }
}

#[tokio::test]
async fn a_body_under_way_after_the_grace_breaks() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.proxy.shutdown_grace = Duration::from_millis(50);
    let mut proxy = Proxy::start(config);
    let mut client = Client::connect(proxy.address, Version::HTTP_11).await;
    let answer = tokio::spawn(client.start(get()));
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let mut response = within(answer).await.unwrap().unwrap();
    assert_eq!(next(response.body_mut()).await.unwrap().unwrap(), "half");
    proxy.shutdown.start();
    assert!(next(response.body_mut()).await.unwrap().is_err());
    proxy.ended().await;
    server_side.closed().await;
}

#[tokio::test]
async fn a_tunnel_is_closed_after_the_grace() {
    let server = RawServer::start().await;
    let mut config = proxy::config(server.address);
    config.proxy.shutdown_grace = Duration::from_millis(50);
    let mut proxy = Proxy::start(config);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    client.read_head().await;
    proxy.shutdown.start();
    client.closed().await;
    server_side.closed().await;
    proxy.ended().await;
}

#[tokio::test]
async fn a_head_that_never_ends_does_not_hold_the_proxy_up() {
    let upstream = Upstream::json("{}").await;
    let mut config = proxy::config(upstream.address);
    config.proxy.shutdown_grace = Duration::from_secs(3600);
    let mut proxy = Proxy::start(config);
    let mut silent = Raw::connect(proxy.address).await;
    let mut slow = Raw::connect(proxy.address).await;
    slow.write("GET / HTTP/1.1\r\nhost: a\r\n").await;
    let mut other = Raw::connect(proxy.address).await;
    other.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    other.read_head().await;
    proxy.shutdown.start();
    proxy.ended().await;
    slow.closed().await;
    silent.closed().await;
}
