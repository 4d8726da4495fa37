//! Metrics are exact: 20,000 calls at concurrency 64, of every outcome, every era, JSON and event streams, over real
//! connections; each counter equals what the driver did, every histogram count equals its counter.

use std::collections::BTreeMap;
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
use sightglass::cli::serve;
use sightglass::config::{Config, Server, Url};

use crate::support::scrape::Scrape;
use crate::support::stub;

const CALLS: usize = 20_000;
const CONCURRENCY: usize = 64;

/// Era, server (its mount), tool, and the outcome it must have.
const KINDS: &[(Era, &str, &str, &str)] = &[
    (Era::Modern, "stub", "ok", "ok"),
    (Era::Modern, "stub", "sse_ok", "ok"),
    (Era::Legacy, "stub", "ok", "ok"),
    (Era::Legacy, "stub", "sse_ok", "ok"),
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
enum Era {
    HttpSse,
    Legacy,
    Modern,
}

type Http = Client<HttpConnector, Full<Bytes>>;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_calls_are_counted_one_by_one() {
    let upstream = stub::start().await;
    // Bound and not listening: nobody answers there, and no other test can be given its port meanwhile.
    let gone = tokio::net::TcpSocket::new_v4().expect("a socket");
    gone.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let nowhere = gone.local_addr().expect("an address");
    let running = serve::start(config(upstream, nowhere)).await.expect("a proxy");
    let (proxy, admin) = (running.data[0], running.admin);
    let next = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..CONCURRENCY).map(|_| tokio::spawn(work(proxy, Arc::clone(&next)))).collect();
    for worker in workers {
        worker.await.expect("a worker");
    }
    let scrape = settled(admin).await;
    compare(&scrape);
    running.stop().await;
}

fn config(upstream: SocketAddr, gone: SocketAddr) -> Config {
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
        Config { servers: vec![mount("stub", upstream), mount("gone", gone)], ..Config::default() };
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
async fn work(proxy: SocketAddr, next: Arc<AtomicUsize>) {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let mut legacy = LegacySse::open(&http, proxy).await;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= CALLS {
            return;
        }
        let (era, server, tool, _) = KINDS[number % KINDS.len()];
        if era == Era::HttpSse {
            legacy.call(&http, number, tool).await;
            continue;
        }
        let response = http.request(post(proxy, &format!("/{server}"), number, era, tool)).await;
        let Ok(response) = response else { panic!("no answer from the proxy for {tool}") };
        // Closing the stream of a silent tool is what is tested; everything else is read to its end, or its break.
        if tool != "silent" {
            let _ = response.into_body().collect().await;
        }
    }
}

fn post(proxy: SocketAddr, path: &str, number: usize, era: Era, tool: &str) -> Request<Full<Bytes>> {
    let meta = match era {
        Era::Modern => r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#,
        Era::Legacy | Era::HttpSse => "",
    };
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}{meta}}}}}"#
    );
    let request = Request::post(format!("http://{proxy}{path}"));
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

    async fn call(&mut self, http: &Http, number: usize, tool: &str) {
        let request = post(self.proxy, &self.endpoint, number, Era::HttpSse, tool);
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
async fn settled(admin: SocketAddr) -> Scrape {
    let waiting = async {
        loop {
            let scrape = page(admin).await;
            if scrape.metric("mcp_requests_total").sum() >= f64::from(count(CALLS)) {
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

async fn page(admin: SocketAddr) -> Scrape {
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{admin}/metrics")).body(Full::default()).expect("a request");
    let body = http.request(request).await.expect("a page").into_body().collect().await.expect("a body");
    Scrape::of(std::str::from_utf8(&body.to_bytes()).expect("text"))
}

fn compare(scrape: &Scrape) {
    let mut by_outcome: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for number in 0..CALLS {
        let (_, server, _, outcome) = KINDS[number % KINDS.len()];
        *by_outcome.entry((server, outcome)).or_default() += 1;
    }
    for ((server, outcome), count) in &by_outcome {
        for name in [
            "mcp_requests_total",
            "mcp_request_duration_seconds_count",
            "mcp_tool_invocations_total",
            "mcp_tool_duration_seconds_count",
        ] {
            scrape.metric(name).label("server", server).label("outcome", outcome).is(*count);
        }
    }
    let total = count(CALLS);
    for name in [
        "mcp_requests_total",
        "mcp_request_duration_seconds_count",
        "mcp_tool_invocations_total",
        "mcp_tool_duration_seconds_count",
        "mcp_clients_total",
    ] {
        scrape.metric(name).is(total);
    }
    let errors =
        by_outcome.iter().filter(|((_, outcome), _)| is_error(outcome)).map(|(_, count)| count).sum();
    scrape.metric("mcp_errors_total").is(errors);
    scrape.metric("mcp_tool_errors_total").is(errors);
    scrape.metric("mcp_requests_active").is(0);
    let sse =
        u32::try_from((0..CALLS).filter(|number| KINDS[number % KINDS.len()].0 == Era::HttpSse).count());
    scrape.metric("mcp_requests_total").label("transport", "sse").is(sse.expect("a count"));
    scrape.metric("mcp_http_requests_total").is(total + count(CONCURRENCY) - open(scrape));
    scrape.metric("mcp_proxy_dropped_total").is(0);
    // Every answer that came whole over its own connection was timed.
    let timed = scrape.metric("mcp_proxy_overhead_seconds_count").sum();
    let whole = scrape.metric("mcp_requests_total").label("outcome", "ok").sum();
    assert!(timed >= whole, "{timed} exchanges were timed, {whole} calls were answered");
}

/// Event streams that are still open are no ended HTTP request yet.
fn open(scrape: &Scrape) -> u32 {
    let open = scrape.metric("mcp_active_streams").sum();
    (0..=u32::MAX).find(|count| (f64::from(*count) - open).abs() < 0.5).expect("a count")
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a count")
}

fn is_error(outcome: &str) -> bool {
    !matches!(
        outcome,
        "ok" | "cancelled" | "client_disconnect" | "auth_challenge" | "input_required" | "task"
    )
}
