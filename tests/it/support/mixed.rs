//! Calls of every outcome, every era, JSON and event streams, over real connections: what they are, and who makes them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sightglass::config::{Config, Server, Url};

use super::scrape::Scrape;

/// Era, server (its mount), tool, and the outcome it must have.
pub(crate) const KINDS: &[(Era, &str, &str, &str)] = &[
    (Era::Modern, "stub", "ok", "ok"),
    (Era::Modern, "stub", "sse_ok", "ok"),
    (Era::Legacy, "stub", "ok", "ok"),
    (Era::Legacy, "stub", "sse_ok", "ok"),
    (Era::Modern, "stub", "slow", "ok"),
    (Era::Modern, "stub", "tool_error", "tool_error"),
    (Era::Legacy, "stub", "sse_tool_error", "tool_error"),
    (Era::Modern, "stub", "jsonrpc_error", "jsonrpc_error"),
    (Era::Legacy, "stub", "sse_jsonrpc_error", "jsonrpc_error"),
    (Era::Modern, "stub", "not_found", "jsonrpc_error"),
    (Era::Modern, "stub", "http_error", "http_error"),
    (Era::Legacy, "stub", "junk", "invalid_response"),
    (Era::Modern, "stub", "reset", "upstream_reset"),
    (Era::Legacy, "stub", "accepted", "no_response"),
    (Era::Legacy, "stub", "ended", "no_response"),
    (Era::Modern, "stub", "challenge", "auth_challenge"),
    (Era::Modern, "stub", "input_required", "input_required"),
    (Era::Modern, "stub", "sse_task", "task"),
    (Era::Modern, "stub", "silent", "cancelled"),
    (Era::Legacy, "stub", "silent", "client_disconnect"),
    (Era::Modern, "gone", "ok", "upstream_unreachable"),
    (Era::Modern, "late", "hang", "timeout"),
    (Era::HttpSse, "stub", "ok", "ok"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    HttpSse,
    Legacy,
    Modern,
}

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

/// What a call says of its place in a trace.
#[derive(Clone, Default)]
pub(crate) struct Carriers {
    /// The `traceparent` header.
    pub(crate) header: Option<String>,
    /// `params._meta.traceparent`.
    pub(crate) meta: Option<String>,
}

/// Makes `calls` calls, so many at once, each with the carriers that its number has.
pub(crate) async fn drive(
    proxy: SocketAddr,
    calls: usize,
    concurrency: usize,
    carriers: impl Fn(usize) -> Carriers + Send + Sync + 'static,
) {
    let next = Arc::new(AtomicUsize::new(0));
    let carriers = Arc::new(carriers);
    let work = |_| tokio::spawn(work(proxy, calls, Arc::clone(&next), Arc::clone(&carriers)));
    let workers: Vec<_> = (0..concurrency).map(work).collect();
    for worker in workers {
        worker.await.expect("a worker");
    }
}

/// An address that is bound and not listened on: nobody answers there, and no other test is given its port meanwhile.
pub(crate) struct Nowhere {
    address: SocketAddr,
    _socket: tokio::net::TcpSocket,
}

impl Nowhere {
    pub(crate) fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        Self { address: socket.local_addr().expect("an address"), _socket: socket }
    }
}

impl Nowhere {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The servers that the kinds name: `stub`, `gone` (nobody listens), `late` (given up on).
pub(crate) fn config(upstream: SocketAddr, gone: &Nowhere) -> Config {
    let url = |address: SocketAddr| Url {
        tls: false,
        host: address.ip().to_string(),
        port: Some(address.port()),
        path: "/".to_owned(),
    };
    let mount = |name: &str, address| {
        let mut server = Server::new(name, url(address));
        server.path = Some(format!("/{name}"));
        server
    };
    let mut config =
        Config { servers: vec![mount("stub", upstream), mount("gone", gone.address)], ..Config::default() };
    let mut late = mount("late", upstream);
    late.head_timeout = Some(Duration::from_millis(20));
    config.servers.push(late);
    config.proxy.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    config.proxy.shutdown_grace = Duration::from_secs(1);
    config.admin.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.limits.orphan_wait = Duration::from_millis(100);
    config
}

/// One client: takes the next call until there are no more.
async fn work(
    proxy: SocketAddr,
    calls: usize,
    next: Arc<AtomicUsize>,
    carriers: Arc<impl Fn(usize) -> Carriers>,
) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut legacy = LegacySse::open(&http, proxy).await;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return;
        }
        let (era, server, tool, _) = KINDS[number % KINDS.len()];
        if era == Era::HttpSse {
            legacy.call(&http, number, tool, &carriers(number)).await;
            continue;
        }
        let response =
            http.request(post(proxy, &format!("/{server}"), (number, era, tool), &carriers(number))).await;
        let Ok(response) = response else { panic!("no answer from the proxy for {tool}") };
        // Closing the stream of a silent tool is what is tested; everything else is read to its end, or its break.
        if tool != "silent" {
            let _ = response.into_body().collect().await;
        }
    }
}

fn post(
    proxy: SocketAddr,
    path: &str,
    (number, era, tool): (usize, Era, &str),
    carriers: &Carriers,
) -> Request<Full<Bytes>> {
    let mut meta = serde_json::Map::new();
    if era == Era::Modern {
        meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), "2026-07-28".into());
    }
    if let Some(traceparent) = &carriers.meta {
        meta.insert("traceparent".to_owned(), traceparent.clone().into());
    }
    let meta =
        if meta.is_empty() { String::new() } else { format!(",\"_meta\":{}", serde_json::Value::from(meta)) };
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}{meta}}}}}"#
    );
    let mut request = Request::post(format!("http://{proxy}{path}"));
    if let Some(traceparent) = &carriers.header {
        request = request.header("traceparent", traceparent);
    }
    let request = request.header("content-type", "application/json");
    request.header("accept", "application/json, text/event-stream").body(Full::from(body)).expect("a request")
}

/// One HTTP+SSE session: calls are posted to the endpoint, answers come on the stream.
struct LegacySse {
    proxy: SocketAddr,
    endpoint: String,
    stream: Response<Incoming>,
    seen: String,
}

impl LegacySse {
    async fn open(http: &Http, proxy: SocketAddr) -> Self {
        let request = Request::get(format!("http://{proxy}/stub")).header("accept", "text/event-stream");
        let stream = http.request(request.body(Full::default()).expect("a request")).await.expect("a stream");
        let mut session = Self { proxy, endpoint: String::new(), stream, seen: String::new() };
        let event = session.event().await;
        event.split("data: ").nth(1).expect("an endpoint").trim().clone_into(&mut session.endpoint);
        session
    }

    async fn call(&mut self, http: &Http, number: usize, tool: &str, carriers: &Carriers) {
        let request = post(self.proxy, &self.endpoint, (number, Era::HttpSse, tool), carriers);
        let accepted = http.request(request).await.expect("an answer");
        assert_eq!(accepted.status(), 202);
        let _ = accepted.into_body().collect().await;
        let event = self.event().await;
        assert!(event.contains(&format!("\"id\":{number}")), "{event}");
    }

    async fn event(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.seen.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.seen = rest;
                return event;
            }
            let frame = self.stream.body_mut().frame().await.expect("more").expect("a frame");
            self.seen.push_str(std::str::from_utf8(frame.data_ref().expect("data")).expect("text"));
        }
    }
}

/// The page once every call is decided.
pub(crate) async fn settled(admin: SocketAddr, calls: usize) -> Scrape {
    let waiting = async {
        loop {
            let scrape = page(admin).await;
            if scrape.metric("mcp_requests_total").sum() >= f64::from(count(calls)) {
                return scrape;
            }
            tokio::task::yield_now().await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), waiting).await {
        Ok(scrape) => scrape,
        Err(_) => page(admin).await,
    }
}

/// The page as it stands.
pub(crate) async fn page(admin: SocketAddr) -> Scrape {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{admin}/metrics")).body(Full::default()).expect("a request");
    let body = http.request(request).await.expect("a page").into_body().collect().await.expect("a body");
    Scrape::of(std::str::from_utf8(&body.to_bytes()).expect("text"))
}

pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a count")
}

pub(crate) fn is_error(outcome: &str) -> bool {
    !matches!(
        outcome,
        "ok" | "cancelled" | "client_disconnect" | "auth_challenge" | "input_required" | "task"
    )
}
