//! What the operator's listener answers (`interface.md`, Admin API).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sightglass::admin::{Admin, Certificate};
use sightglass::config::Config;
use sightglass::export::{Prometheus, Recent};
use sightglass::observe::{End, Observer};
use sightglass::probe::Watch;
use sightglass::shutdown::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::observed::{Observed, one_server};

/// A listener that ends with its runtime.
fn listen() -> (SocketAddr, Shutdown) {
    let (address, _, shutdown) = listen_as(one_server());
    (address, shutdown)
}

/// One of this configuration, on a free port of its address, and what looks at its certificate.
pub(crate) fn listen_as(config: Config) -> (SocketAddr, Option<Certificate>, Shutdown) {
    let prometheus = Arc::new(Prometheus::new(&config).unwrap());
    let observer = Observer::new(&config, Arc::clone(&prometheus) as _);
    listen_to(config, observer, prometheus)
}

fn listen_to(
    config: Config,
    observer: Observer,
    prometheus: Arc<Prometheus>,
) -> (SocketAddr, Option<Certificate>, Shutdown) {
    let recent = Arc::new(Recent::new(&config, Arc::clone(prometheus.losses())));
    listen_with(config, observer, (prometheus, recent))
}

pub(crate) fn listen_with(
    mut config: Config,
    observer: Observer,
    (prometheus, recent): (Arc<Prometheus>, Arc<Recent>),
) -> (SocketAddr, Option<Certificate>, Shutdown) {
    let shutdown = Shutdown::new(Duration::from_secs(30));
    config.admin.listen.set_port(0);
    let watch = Watch::new(&config, observer.clone());
    let admin = Admin::bind(&config, (prometheus, recent), observer, watch, shutdown.clone()).unwrap();
    let (port, certificate) = (admin.address().unwrap().port(), admin.certificate());
    tokio::spawn(admin.run(std::future::pending()));
    (SocketAddr::from(([127, 0, 0, 1], port)), certificate, shutdown)
}

/// Head and body of the answer to one request.
async fn ask(address: SocketAddr, line: &str, fields: &str) -> (String, Vec<u8>) {
    ask_as(address, "x", line, fields).await
}

/// The same with this `Host`.
pub(crate) async fn ask_as(address: SocketAddr, host: &str, line: &str, fields: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap().to_ascii_lowercase(), body)
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"2"}}}"#;
const BEGUN: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{}}}"#;
const GOOD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;

#[tokio::test]
async fn sessions_are_told_with_their_last_calls_to_who_is_at_the_machine() {
    let observed = Observed::new();
    let named = [("content-type", "application/json"), ("mcp-session-id", "a-secret-session")];
    observed.post(&[], INITIALIZE).answer(200, &named).text(BEGUN).end(End::Complete);
    observed.post(&[named[1]], CALL).json(200, GOOD);
    let (address, ..) = listen_to(one_server(), observed.observer.clone(), Arc::clone(&observed.prometheus));
    let (head, body) = ask_as(address, "127.0.0.1:1", "GET /api/sessions?limit=10", "").await;
    assert!(head.starts_with("http/1.1 200") && head.contains("application/json"), "{head}");
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["open"], 1);
    let session = &told["sessions"][0];
    assert_eq!((&session["server"], &session["client_name"]), (&"files".into(), &"ide".into()));
    assert_eq!((&session["protocol_version"], &session["tool_calls"]), (&"2025-06-18".into(), &1.into()));
    assert_eq!(session["recent"][0]["tool_name"], "echo");
    assert_eq!(session["recent"][0]["outcome"], "ok");
    assert!(!String::from_utf8_lossy(&body).contains("a-secret-session"));
    let (head, _) = ask_as(address, "localhost", "GET /api/sessions?limit=ten", "").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
    let (head, _) = ask_as(address, "rebound.example.com", "GET /api/sessions", "").await;
    assert!(head.starts_with("http/1.1 403"), "{head}");
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
    let (head, body) = ask_as(address, "localhost", "GET /metric", "").await;
    assert!(head.starts_with("http/1.1 404"), "{head}");
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for path in told["known"].as_array().unwrap() {
        let line = format!("PATCH {}", path.as_str().unwrap());
        let (head, _) = ask_as(address, "localhost", &line, "content-length: 0\r\n").await;
        assert!(head.starts_with("http/1.1 405"), "{line}: {head}");
    }
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
