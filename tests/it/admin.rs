//! What the operator's listener answers (`interface.md`, Admin API).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sightglass::admin::Admin;
use sightglass::export::Prometheus;
use sightglass::observe::Observer;
use sightglass::shutdown::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::observed::one_server;

/// A listener that ends with its runtime.
fn listen() -> (SocketAddr, Shutdown) {
    let config = one_server();
    let prometheus = Arc::new(Prometheus::new(&config).unwrap());
    let observer = Observer::new(&config, Arc::clone(&prometheus) as _);
    let shutdown = Shutdown::new(Duration::from_secs(30));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let admin = Admin::bind(any, prometheus, observer, shutdown.clone()).unwrap();
    let address = admin.address().unwrap();
    tokio::spawn(admin.run(std::future::pending()));
    (address, shutdown)
}

/// Head and body of the answer to one request.
async fn ask(address: SocketAddr, line: &str, fields: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_ascii_lowercase(), body)
}

#[tokio::test]
async fn the_page_comes_as_it_is_asked_for() {
    let (address, _) = listen();
    let (head, body) = ask(address, "GET /metrics", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
    assert!(body.starts_with(b"# HELP "));
    let (head, body) =
        ask(address, "GET /metrics", "accept: application/openmetrics-text;version=1.0.0\r\n").await;
    assert!(head.contains("application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.ends_with(b"# EOF\n"));
    let (head, body) = ask(address, "GET /metrics", "accept-encoding: gzip\r\n").await;
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut page = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*body), &mut page).unwrap();
    assert!(page.starts_with("# HELP "));
    let (head, body) = ask(address, "HEAD /metrics", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-length: "), "{head}");
    assert!(body.is_empty());
}

#[tokio::test]
async fn what_is_not_known_is_said() {
    let (address, _) = listen();
    assert!(ask(address, "GET /metric", "").await.0.starts_with("http/1.1 404"));
    let (head, _) = ask(address, "DELETE /metrics", "").await;
    assert!(head.starts_with("http/1.1 405") && head.contains("allow: get, head"), "{head}");
}

#[tokio::test]
async fn a_draining_proxy_is_unready_and_still_shows_its_numbers() {
    let (address, shutdown) = listen();
    assert!(ask(address, "GET /health/ready", "").await.0.starts_with("http/1.1 200"));
    shutdown.start();
    assert!(ask(address, "GET /health/ready", "").await.0.starts_with("http/1.1 503"));
    assert!(ask(address, "GET /health", "").await.0.starts_with("http/1.1 200"));
    assert!(ask(address, "GET /metrics", "").await.0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn past_sixty_four_connections_the_next_is_closed_and_none_waits() {
    let (address, _) = listen();
    let mut held = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // Its answer tells that it has its place.
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        held.push(stream);
    }
    let mut refused = TcpStream::connect(address).await.unwrap();
    assert_eq!(refused.read(&mut [0; 1]).await.unwrap_or(0), 0);
    drop(held);
    // Their places come free as their ends are seen.
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let asked = stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
        if asked.is_ok() && stream.read_exact(&mut [0; 12]).await.is_ok() {
            break;
        }
    }
}
