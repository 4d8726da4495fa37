//! OPERATOR. A second listener: `/metrics`, health, sessions and debugging (`interface.md`, Admin API).

mod debug;
mod pages;
mod sessions;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::pages::Pages;
use crate::export::Prometheus;
use crate::observe::Observer;
use crate::shutdown::Shutdown;

/// Connections at once; a scraper needs one.
const MAX_CONNECTIONS: usize = 64;

/// A head that takes longer, or a connection idle for longer, is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that lives longer is asked to come again, so that readers who never read cannot keep every place.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// The operator's listener, bound.
pub struct Admin {
    listener: TcpListener,
    pages: Arc<Pages>,
    shutdown: Shutdown,
}

impl Admin {
    /// Binds the listener. Must be called within a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        prometheus: Arc<Prometheus>,
        observer: Observer,
        shutdown: Shutdown,
    ) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let is_local = listener.local_addr()?.ip().is_loopback();
        let pages = Arc::new(Pages::new(prometheus, observer, shutdown.clone(), is_local));
        Ok(Self { listener, pages, shutdown })
    }

    /// Where it listens; a port 0 is resolved.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves while the process lives: also while it drains, so that its last numbers are seen. Ends when `over` does.
    pub async fn run(self, over: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut over = std::pin::pin!(over);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut over => break,
            };
            while connections.try_join_next().is_some() {}
            match (accepted, Arc::clone(&room).try_acquire_owned()) {
                (Ok((stream, _)), Ok(place)) => {
                    let pages = Arc::clone(&self.pages);
                    connections.spawn(async move {
                        serve(stream, pages).await;
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

async fn serve(stream: TcpStream, pages: Arc<Pages>) {
    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
        let pages = Arc::clone(&pages);
        async move { Ok::<Response<Full<Bytes>>, Infallible>(pages.answer(&request.into_parts().0).await) }
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
