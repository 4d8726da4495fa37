//! How long the steps of a connection take, for who asks how a server is.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use tower_service::Service;

/// The steps of the first connection that a [`Connector`](super::Connector) makes. What is not there has not ended, or was
/// not needed: an address needs no name, plain text no TLS.
#[derive(Debug, Default)]
pub struct Steps {
    resolved: OnceLock<Duration>,
    connected: OnceLock<(Duration, Option<SocketAddr>)>,
    secured: OnceLock<(Duration, Option<i64>)>,
}

impl Steps {
    /// How long the name took.
    pub fn dns(&self) -> Option<Duration> {
        self.resolved.get().copied()
    }

    /// How long TCP took.
    pub fn connect(&self) -> Option<Duration> {
        self.connected.get().map(|(took, _)| *took)
    }

    /// How long TLS took.
    pub fn tls(&self) -> Option<Duration> {
        self.secured.get().map(|(took, _)| *took)
    }

    /// Where the server is.
    pub fn address(&self) -> Option<SocketAddr> {
        self.connected.get().and_then(|(_, address)| *address)
    }

    /// When the certificate ends that the server showed, in unix seconds.
    pub fn expires(&self) -> Option<i64> {
        self.secured.get().and_then(|(_, expires)| *expires)
    }

    /// `began`: with the name, whose time is not TCP's.
    pub(super) fn connected(&self, began: Instant, address: Option<SocketAddr>) {
        let took = began.elapsed().saturating_sub(self.dns().unwrap_or_default());
        let _ = self.connected.set((took, address));
    }

    pub(super) fn secured(&self, began: Instant, expires: Option<i64>) {
        let _ = self.secured.set((began.elapsed(), expires));
    }
}

/// The system's resolver, which tells how long it took.
#[derive(Clone)]
pub(super) struct Resolver {
    inner: GaiResolver,
    steps: Option<Arc<Steps>>,
}

impl Resolver {
    pub(super) fn new(steps: Option<Arc<Steps>>) -> Self {
        Self { inner: GaiResolver::new(), steps }
    }
}

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<GaiAddrs>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (began, resolving, steps) = (Instant::now(), self.inner.call(name), self.steps.clone());
        Box::pin(async move {
            let addresses = resolving.await?;
            if let Some(steps) = &steps {
                let _ = steps.resolved.set(began.elapsed());
            }
            Ok(addresses)
        })
    }
}
