//! Connections that switch protocols.

use crate::support::{Proxy, Raw, RawServer};

const ASK: &str = "GET /ws HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const GRANT: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

async fn tunnel(proxy: &Proxy, server: &RawServer) -> (Raw, Raw) {
    let mut client = Raw::connect(proxy.address).await;
    client.write(ASK).await;
    let mut server_side = server.accept().await;
    let head = server_side.read_head().await.to_ascii_lowercase();
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: websocket\r\n"), "{head}");
    server_side.write(GRANT).await;
    let head = client.read_head().await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("connection: upgrade\r\n") && head.contains("upgrade: websocket\r\n"), "{head}");
    (client, server_side)
}

#[tokio::test]
async fn an_upgraded_connection_is_tunnelled_both_ways() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let (mut client, mut server_side) = tunnel(&proxy, &server).await;
    for word in ["ping", "pong"] {
        client.write(word).await;
        assert_eq!(server_side.read_until(word).await, word);
        server_side.write(word).await;
        assert_eq!(client.read_until(word).await, word);
    }
}

#[tokio::test]
async fn one_side_may_end_while_the_other_talks_on() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let (mut client, mut server_side) = tunnel(&proxy, &server).await;
    client.write("last words").await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.stream).await.unwrap();
    assert_eq!(server_side.read_to_end().await, "last words");
    server_side.write("more from here").await;
    drop(server_side);
    assert_eq!(client.read_to_end().await, "more from here");
}

#[tokio::test]
async fn a_side_that_vanishes_takes_the_other_along() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let (mut client, server_side) = tunnel(&proxy, &server).await;
    drop(server_side);
    client.closed().await;
    let (client, mut server_side) = tunnel(&proxy, &server).await;
    drop(client);
    server_side.closed().await;
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_answer() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write(ASK).await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno").await;
    assert_eq!(client.read_head().await, "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(client.read(2).await, b"no");
}

#[tokio::test]
async fn an_upgrade_nobody_asked_for_is_a_502() {
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut server_side = server.accept().await;
    server_side.read_head().await;
    server_side.write(GRANT).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert!(head.contains("x-sightglass-error: upstream_invalid"), "{head}");
}

#[tokio::test]
async fn an_offer_of_http_2_in_clear_text_is_not_granted() {
    // Java's client makes it with every request; a tunnel could not be observed.
    let server = RawServer::start().await;
    let proxy = Proxy::before(server.address);
    let mut client = Raw::connect(proxy.address).await;
    client
        .write("GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n")
        .await;
    let head = server.accept().await.read_head().await;
    assert_eq!(head, format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", server.address));
}
