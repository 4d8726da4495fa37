//! BYTES. Client ⇄ server over HTTP; knows nothing of MCP.
//!
//! ```text
//! client ──▶ listen ─▶ tls ─▶ guard ─▶ route ─▶ tap ─▶ guard ─▶ rewrite ─▶ upstream ──▶ MCP server
//! client ◀──────────────────────────── rewrite ◀─── tap ◀──────────────────── (JSON or SSE)
//! ```
//!
//! `listen` accepts, `connection` keeps one client's clock, `exchange` holds the order of a request's steps.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{self, Config};
use crate::guard::limits::{Connections, Streams};
use crate::net::{Acceptor, Alpn, ConnectorError, TlsError};
use crate::observe::{Listener, Observer};
use crate::rewrite::trace::Propagation;
use crate::shutdown::Shutdown;

mod activity;
mod certificates;
mod connection;
mod dialled;
mod error;
mod exchange;
mod head;
mod http1;
mod http2;
mod inbound;
mod link;
mod listen;
mod overhead;
mod pool;
mod published;
mod request_body;
mod response_body;
mod routes;
mod tap;
mod tunnel;
mod upstream;
mod workers;

pub use certificates::Certificates;
#[doc(hidden)]
pub use http1::reading;
use routes::Routes;
pub use workers::Workers;

/// Why the proxy cannot start; the cause of it is the source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BindError {
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("proxy.tls")]
    Tls(#[source] TlsError),
    #[error("server `{server}`")]
    Server { server: String, source: ConnectorError },
    #[error("server `{server}`: `{name}` cannot be sent in a request head")]
    Field { server: String, name: String },
}

/// The proxy, its listeners bound.
pub struct Proxy {
    listeners: Vec<tokio::net::TcpListener>,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Binds every listener of `config`, so that a mistake shows before anything is served. Must be called within a
    /// tokio runtime.
    pub fn bind(config: &Config, observer: Observer, shutdown: Shutdown) -> Result<Self, BindError> {
        let shared = Arc::new(Shared::new(config, observer, shutdown)?);
        let all = &config.proxy.listen;
        let listeners = all.iter().map(|address| listen::bind(*address, all)).collect::<Result<_, _>>()?;
        Ok(Self { listeners, shared })
    }

    /// What changes its routes while it runs.
    pub fn router(&self) -> Router {
        Router(Arc::clone(&self.shared))
    }

    /// Where it listens, in the order of the configuration; a port 0 is resolved.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// What looks at the files of TLS, while it runs as well.
    pub fn certificates(&self) -> Certificates {
        Certificates(Arc::clone(&self.shared))
    }

    /// Serves on the current runtime until the shutdown starts, then drains: the listeners close, running calls finish; after the grace,
    /// event streams end in an orderly way and what still runs is cut. Returns when every connection is closed.
    pub async fn run(self) {
        listen::run(self.listeners, self.shared, None).await;
    }

    /// The same, with the connections on threads of their own.
    pub async fn run_on(self, workers: Workers) {
        let workers = Arc::new(workers);
        listen::run(self.listeners, self.shared, Some(Arc::clone(&workers))).await;
        if let Some(workers) = Arc::into_inner(workers) {
            workers.stop();
        }
    }
}

/// What every connection of the process shares.
struct Shared {
    observer: Observer,
    shutdown: Shutdown,
    http2: connection::Http2,
    tls: Option<Acceptor>,
    limits: config::Limits,
    /// `None` = trace context passes as it is.
    propagation: Option<Propagation>,
    connections: Connections,
    streams: Streams,
    routes: ArcSwap<Routes>,
}

impl Shared {
    fn new(config: &Config, observer: Observer, shutdown: Shutdown) -> Result<Self, BindError> {
        let tls = config.proxy.tls.as_ref().map(|tls| Acceptor::new(tls, Alpn::Both));
        let tls = tls.transpose().map_err(BindError::Tls)?;
        let shared = Self {
            http2: connection::http2(&config.limits),
            tls,
            limits: config.limits.clone(),
            propagation: Propagation::new(&config.tracing),
            connections: Connections::new(&config.limits),
            streams: Streams::new(&config.limits),
            routes: ArcSwap::from_pointee(Routes::new(config, &observer, None)?),
            observer,
            shutdown,
        };
        shared.tell_certificate();
        Ok(shared)
    }

    /// Whether anything is read from files that may change.
    fn has_files(&self) -> bool {
        self.tls.is_some() || self.routes.load().upstreams().any(upstream::Upstream::has_files)
    }

    fn look(&self) {
        if let Some(tls) = &self.tls {
            let renewal = tls.look();
            renewal.tell("proxy.tls");
            if renewal.is_new() {
                self.tell_certificate();
            }
        }
        let routes = self.routes.load_full();
        routes.upstreams().filter(|upstream| upstream.has_files()).for_each(upstream::Upstream::look);
    }

    fn tell_certificate(&self) {
        if let Some(expires) = self.tls.as_ref().and_then(Acceptor::expires) {
            self.observer.certificate_used(Listener::Proxy, expires);
        }
    }
}

/// Changes where a running proxy sends requests.
#[derive(Clone)]
pub struct Router(Arc<Shared>);

/// Routes that are ready to be taken.
pub struct NewRoutes {
    shared: Arc<Shared>,
    routes: Routes,
}

impl Router {
    /// Makes the routes of `config` ready, whose servers stand where the running ones do ([`Config::after`]). Nothing has
    /// changed yet, and nothing does where this fails.
    pub fn prepare(&self, config: &Config) -> Result<NewRoutes, BindError> {
        let routes = Routes::new(config, &self.0.observer, Some(&self.0.routes.load()))?;
        Ok(NewRoutes { shared: Arc::clone(&self.0), routes })
    }
}

impl NewRoutes {
    /// From now on requests take these; those under way go on as they began.
    pub fn take(self) {
        self.routes.retire(&self.shared.routes.load());
        self.shared.routes.store(Arc::new(self.routes));
    }
}
