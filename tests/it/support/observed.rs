//! The observer driven by hand: what the taps would show, without a network.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use sightglass::config::{Config, Server, Url};
use sightglass::export::{All, Prometheus};
use sightglass::observe::{Connection, Disconnect, End, Exchange, Export, Observer, Route, Target, Watch};

use super::scrape::Scrape;

/// An observer of one server `files`, and its page.
pub(crate) struct Observed {
    pub(crate) observer: Observer,
    pub(crate) prometheus: Arc<Prometheus>,
}

/// A configuration of one server.
pub(crate) fn one_server() -> Config {
    let url = Url { tls: false, host: "127.0.0.1".to_owned(), port: Some(1), path: "/mcp".to_owned() };
    Config { servers: vec![Server::new("files", url)], ..Config::default() }
}

impl Observed {
    pub(crate) fn new() -> Self {
        Self::with(&one_server())
    }

    pub(crate) fn with(config: &Config) -> Self {
        Self::telling(config, Arc::new(All::default()))
    }

    /// One that tells somebody besides.
    pub(crate) fn telling(config: &Config, other: Arc<dyn Export>) -> Self {
        let prometheus = Arc::new(Prometheus::new(config).expect("buckets"));
        let observer = Observer::new(config, Arc::new(All(vec![Arc::clone(&prometheus) as _, other])));
        Self { observer, prometheus }
    }

    pub(crate) fn page(&self) -> String {
        self.observer.catch_up();
        self.prometheus.page(self.observer.usage())
    }

    /// The page in `OpenMetrics`.
    pub(crate) fn openmetrics(&self) -> String {
        sightglass::export::to_openmetrics(&self.page(), self.prometheus.exemplars())
    }

    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::of(&self.page())
    }

    /// A POST whose body was sent whole.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> Asked {
        let asked = self.ask("POST", "/mcp", headers);
        asked.send(body)
    }

    pub(crate) fn post_to(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Asked {
        self.ask("POST", path, headers).send(body)
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Asked {
        self.ask("GET", path, headers)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().method(method).uri(path);
        if method == "POST" && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).expect("a head").into_parts().0;
        let target = Target { server: Some(0), route: Route::Mount, upstream_path: path };
        let connection = self.observer.connection();
        let exchange = connection.exchange(target, &head, SocketAddr::from(([127, 0, 0, 1], 50_000)));
        Asked { connection, exchange }
    }
}

/// A request that has no answer yet.
pub(crate) struct Asked {
    connection: Connection,
    pub(crate) exchange: Exchange,
}

impl Asked {
    /// The whole body was sent.
    pub(crate) fn send(self, body: &str) -> Self {
        let mut watch = self.exchange.request().expect("somebody looks");
        watch.frame(&Bytes::copy_from_slice(body.as_bytes()));
        watch.end(End::Complete);
        self.exchange.forwarded();
        self
    }

    /// The response head came.
    pub(crate) fn answer(self, status: u16, headers: &[(&str, &str)]) -> Answering {
        let mut head = Response::new(()).into_parts().0;
        head.status = StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            head.headers.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        Answering {
            watch: self.exchange.answered(&head, None).expect("somebody looks"),
            connection: self.connection,
        }
    }

    /// A whole JSON answer.
    pub(crate) fn json(self, status: u16, body: &str) {
        self.answer(status, &[("content-type", "application/json")]).text(body).end(End::Complete);
    }

    /// An event stream that stays open.
    pub(crate) fn events(self) -> Answering {
        self.answer(200, &[("content-type", "text/event-stream")])
    }

    /// The client went away before there was an answer.
    pub(crate) fn abandon(self) {
        drop(self.exchange);
    }
}

/// A response that is under way.
pub(crate) struct Answering {
    watch: Watch,
    connection: Connection,
}

impl Answering {
    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.watch.frame(&Bytes::copy_from_slice(bytes));
        self
    }

    /// One event with this data.
    pub(crate) fn event(self, data: &str) -> Self {
        self.text(&format!("event: message\ndata: {data}\n\n"))
    }

    pub(crate) fn end(self, end: End) {
        self.watch.end(end);
        self.connection.closed(Disconnect::Client);
    }
}
