//! BYTES. Client ⇄ server over HTTP; knows nothing of MCP.
//!
//! ```text
//! client ──▶ listen ─▶ tls ─▶ guard ─▶ route ─▶ tap ─▶ guard ─▶ rewrite ─▶ upstream ──▶ MCP server
//! client ◀──────────────────────────── rewrite ◀─── tap ◀──────────────────── (JSON or SSE)
//! ```
//!
//! `listen` accepts, `connection` keeps one client's clock, `exchange` holds the order of a request's steps.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::config::{self, Config};
use crate::guard::host::HostGuard;
use crate::guard::limits::{Connections, Streams};
use crate::guard::server::ServerGuard;
use crate::net::{ConnectorError, TlsError, server_config};
use crate::observe::Observer;
use crate::rewrite::forwarded::is_trusted;
use crate::rewrite::mount::Mounts;
use crate::rewrite::trace::Propagation;
use crate::shutdown::Shutdown;

mod activity;
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
mod request_body;
mod response_body;
mod tap;
mod tunnel;
mod upstream;
mod workers;

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

    /// Where it listens, in the order of the configuration; a port 0 is resolved.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
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
    tls: Option<TlsAcceptor>,
    limits: config::Limits,
    rewrite: config::Rewrite,
    /// `None` = trace context passes as it is.
    propagation: Option<Propagation>,
    trusted: Vec<config::Network>,
    public_url: Option<config::Url>,
    connections: Connections,
    streams: Streams,
    hosts: HostGuard,
    mounts: Mounts,
    upstreams: Vec<upstream::Upstream>,
    /// What stands before each of them.
    guards: Vec<Option<ServerGuard>>,
}

impl Shared {
    fn new(config: &Config, observer: Observer, shutdown: Shutdown) -> Result<Self, BindError> {
        let tls = match &config.proxy.tls {
            Some(tls) => Some(TlsAcceptor::from(Arc::new(server_config(tls).map_err(BindError::Tls)?))),
            None => None,
        };
        let workers = workers::number(config.proxy.workers);
        let guard = |(index, server)| ServerGuard::new(index, server, &config.limits, &observer);
        let upstream =
            |(index, server)| upstream::Upstream::new(index, server, &config.limits, &observer, workers);
        Ok(Self {
            upstreams: config.servers.iter().enumerate().map(upstream).collect::<Result<_, _>>()?,
            guards: config.servers.iter().enumerate().map(guard).collect(),
            http2: connection::http2(&config.limits),
            tls,
            limits: config.limits.clone(),
            rewrite: config.rewrite,
            propagation: Propagation::new(&config.tracing),
            trusted: config.proxy.trusted_networks.clone(),
            public_url: config.proxy.public_url.clone(),
            connections: Connections::new(&config.limits),
            streams: Streams::new(&config.limits),
            hosts: HostGuard::new(config),
            mounts: Mounts::new(config),
            observer,
            shutdown,
        })
    }

    fn upstream(&self, index: usize) -> Result<&upstream::Upstream, error::Error> {
        self.upstreams.get(index).ok_or(error::Error::NoRoute)
    }

    /// What stands before a server, if anything does.
    fn guard(&self, index: usize) -> Option<&ServerGuard> {
        self.guards.get(index)?.as_ref()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        is_trusted(&self.trusted, address)
    }
}
