//! OPERATOR. A second listener: `/metrics`, health, the configuration, sessions and debugging (`interface.md`, Admin API).

mod access;
mod calls;
mod console;
mod debug;
mod history;
mod live;
mod pages;
mod probe;
mod query;
mod reload;
mod running;
mod servers;
mod sessions;
mod tools;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use self::pages::{Body, Pages};
pub use self::reload::{Reload, Reloads};
pub use self::running::Shown;
#[doc(hidden)]
pub use self::running::shown;
use crate::config::Config;
use crate::export::{Prometheus, Recent};
use crate::net::{Acceptor, Alpn, Stream, TlsError, inherited, keep_looking};
use crate::observe::{Listener, Observer};
use crate::probe::Watch;
use crate::shutdown::Shutdown;

/// Connections at once; a scraper needs one.
const MAX_CONNECTIONS: usize = 64;

/// A head that takes longer, or a connection idle for longer, is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that lives longer is asked to come again, so that readers who never read cannot keep every place.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// A TLS handshake that takes longer is given up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the listener cannot be opened; the cause of it is the source.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum BindError {
    #[error("cannot listen on {address} (admin.listen)")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("admin.tls")]
    Tls(#[source] TlsError),
}

/// The operator's listener, bound.
pub struct Admin {
    listener: TcpListener,
    certificate: Option<Certificate>,
    prometheus: Arc<Prometheus>,
    pages: Arc<Pages>,
    shutdown: Shutdown,
}

impl Admin {
    /// Binds the listener of `config`. Must be called within a tokio runtime.
    pub fn bind(
        config: &Config,
        (prometheus, recent): (Arc<Prometheus>, Arc<Recent>),
        observer: Observer,
        watch: Watch,
        shutdown: Shutdown,
    ) -> Result<Self, BindError> {
        let address = config.admin.listen;
        let (listener, is_local) = listen(address).map_err(|source| BindError::Listen { address, source })?;
        let tls = config.admin.tls.as_ref().map(|tls| Acceptor::new(tls, Alpn::Http1));
        let tls = tls.transpose().map_err(BindError::Tls)?;
        let certificate = tls.map(|tls| Certificate { tls: Arc::new(tls), observer: observer.clone() });
        certificate.iter().for_each(Certificate::tell);
        let pages = Arc::new(Pages::new(
            config,
            (Arc::clone(&prometheus), recent),
            observer,
            watch,
            shutdown.clone(),
            is_local,
        ));
        Ok(Self { listener, certificate, prometheus, pages, shutdown })
    }

    /// Where it listens; a port 0 is resolved.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What is told of the configuration, to be told of another one.
    pub fn shown(&self) -> Shown {
        self.pages.shown().clone()
    }

    /// Who is asked to read the configuration again.
    pub fn reloads(&self) -> Reloads {
        self.pages.reloads().clone()
    }

    /// What looks at the files of TLS, while it serves as well; `None` = there is no TLS.
    pub fn certificate(&self) -> Option<Certificate> {
        self.certificate.clone()
    }

    /// Serves while the process lives: also while it drains, so that its last numbers are seen. Ends when `over` does.
    pub async fn run(self, over: impl Future<Output = ()>) {
        // They, and what looks at the certificate, end with this.
        let mut connections = JoinSet::new();
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        connections.spawn(look(Arc::clone(&self.prometheus)));
        let mut over = std::pin::pin!(over);
        if let Some(certificate) = self.certificate.clone() {
            connections.spawn(keep_looking(|| true, move || certificate.look()));
        }
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut over => break,
            };
            while connections.try_join_next().is_some() {}
            match (accepted, Arc::clone(&room).try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => {
                    let pages = Arc::clone(&self.pages);
                    let tls = self.certificate.as_ref().map(|certificate| Arc::clone(&certificate.tls));
                    connections.spawn(async move {
                        if let Some(stream) = secure(tls.as_deref(), stream).await {
                            serve(stream, pages).await;
                        }
                        drop(place);
                    });
                }
                // Too many at once: closed at once.
                (Ok(_), Err(_)) => {}
                (Err(error), _) => {
                    tracing::warn!(%error, "the admin listener cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.shutdown);
    }
}

/// Remembers what the console shows of the last minutes.
async fn look(prometheus: Arc<Prometheus>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        prometheus.look(every.tick().await);
    }
}

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, bool)> {
    let listener = match inherited(address) {
        Some(listener) => listener,
        None => std::net::TcpListener::bind(address)?,
    };
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let is_local = listener.local_addr()?.ip().is_loopback();
    Ok((listener, is_local))
}

/// The certificate of the listener.
#[derive(Clone)]
pub struct Certificate {
    tls: Arc<Acceptor>,
    observer: Observer,
}

impl Certificate {
    /// Looks whether its files have changed. What they hold then is for new connections; what cannot be used is warned
    /// about and changes nothing. Waits for the disk. The listener does so by itself every few seconds.
    pub fn look(&self) {
        let renewal = self.tls.look();
        renewal.tell("admin.tls");
        if renewal.is_new() {
            self.tell();
        }
    }

    fn tell(&self) {
        if let Some(expires) = self.tls.expires() {
            self.observer.certificate_used(Listener::Admin, expires);
        }
    }
}

/// The TLS handshake, where the listener asks for it; `None` = it failed.
async fn secure(tls: Option<&Acceptor>, stream: TcpStream) -> Option<Stream> {
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a TLS handshake of the admin listener failed");
            None
        }
        Err(_elapsed) => None,
    }
}

async fn serve(stream: Stream, pages: Arc<Pages>) {
    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
        let pages = Arc::clone(&pages);
        async move { Ok::<Response<Body>, Infallible>(pages.answer(&request.into_parts().0).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = tokio::time::sleep(CONNECTION_LIFETIME) => {
            connection.as_mut().graceful_shutdown();
            // What is not read by then is not read at all.
            tokio::time::timeout(HEADER_TIMEOUT, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an admin connection broke");
    }
}
