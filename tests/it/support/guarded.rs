//! A proxy with something before its server, and the page that tells of it.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use sightglass::config::{Config, Server};

use super::client::collect;
use super::observed::Observed;
use super::{Client, Proxy, Sent, full, proxy, within};

/// A running proxy, and what it tells.
pub(crate) struct Guarded {
    pub(crate) proxy: Proxy,
    pub(crate) observed: Observed,
}

impl Guarded {
    /// Starts it before one server, which `guard` puts something before.
    pub(crate) fn before(address: SocketAddr, guard: impl FnOnce(&mut Server)) -> Self {
        let mut config = proxy::config(address);
        guard(&mut config.servers[0]);
        Self::start(config)
    }

    pub(crate) fn start(config: Config) -> Self {
        let observed = Observed::with(&config);
        Self::telling(config, observed)
    }

    /// The same with an observer of one's own.
    pub(crate) fn telling(config: Config, observed: Observed) -> Self {
        let proxy = Proxy::observed(config, observed.observer.clone());
        Self { proxy, observed }
    }

    /// A connection of its own.
    pub(crate) async fn client(&self, version: Version) -> Client {
        Client::connect(self.proxy.address, version).await
    }

    /// What a call on a connection of its own is answered with.
    pub(crate) async fn send(&self, version: Version, request: Request<Sent>) -> Response<Incoming> {
        self.client(version).await.send(request).await
    }

    /// Asserts a metric's sum.
    #[track_caller]
    pub(crate) fn metric(&self, name: &str, expected: u32) {
        self.observed.scrape().metric(name).is(expected);
    }

    /// Waits until a metric's sum is this.
    #[track_caller]
    pub(crate) fn until(&self, name: &str, expected: u32) -> impl Future<Output = ()> {
        within(async move {
            while (self.observed.scrape().metric(name).sum() - f64::from(expected)).abs() > 1e-9 {
                tokio::task::yield_now().await;
            }
        })
    }

    /// Asserts how often the proxy refused, and why.
    #[track_caller]
    pub(crate) fn refused(&self, reason: &str, times: u32) {
        let page = self.observed.scrape();
        page.metric("mcp_proxy_refused_total").label("reason", reason).is(times);
        page.metric("mcp_proxy_refused_total").is(times);
    }
}

/// A call whose id is `"seven"`.
pub(crate) fn call() -> Request<Sent> {
    numbered(7)
}

/// The same, told apart by its field `x-number`.
pub(crate) fn numbered(number: u32) -> Request<Sent> {
    let body = r#"{"jsonrpc":"2.0","id":"seven","method":"tools/call","params":{"name":"echo"}}"#;
    let head = Request::post("/").header("content-type", "application/json").header("x-number", number);
    head.body(full(body)).unwrap()
}

/// Checks that [`call`] was refused by the proxy itself, and after how many seconds to come again, but for what has
/// passed since.
#[track_caller]
pub(crate) fn is_refused(
    response: Response<Incoming>,
    kind: &'static str,
    seconds: u32,
) -> impl Future<Output = ()> {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["x-sightglass-error"], kind);
    let told: u32 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((seconds.saturating_sub(SLOW).max(1)..=seconds).contains(&told), "{told} rather than {seconds}");
    async move {
        let body: serde_json::Value = serde_json::from_slice(&collect(response).await).unwrap();
        assert_eq!((body["id"].as_str(), body["jsonrpc"].as_str()), (Some("seven"), Some("2.0")));
        assert_eq!(body["error"]["code"], -32603);
        assert_eq!(body["error"]["data"]["sightglass"], kind);
    }
}

/// What a test may take on a busy machine, in seconds.
const SLOW: u32 = 10;

/// Lets time pass for whoever waits for it, all at once.
pub(crate) async fn pass_time(long: Duration) {
    tokio::time::pause();
    tokio::time::advance(long).await;
    tokio::time::resume();
}
