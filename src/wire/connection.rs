//! One client connection, from its first byte to its last.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::Shared;
use super::activity::{Check, Patience, Watched};
use super::exchange::{Client, carry};
use super::link::Link;
use super::upstream::STREAM_WINDOW;
use crate::config::Limits;
use crate::guard::limits::ConnectionPermit;
use crate::net::Stream;
use crate::observe::{Disconnect, Refusal};

/// What a connection that was told to end still has to write its last bytes.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);
/// hyper's own floor for a connection's buffer.
const LEAST_BUFFER: usize = 8 * 1024;

/// Speaks HTTP/1 or HTTP/2, whichever the client begins with.
pub(super) type Server = auto::Builder<TokioExecutor>;

/// How clients are spoken to.
pub(super) fn server(limits: &Limits) -> Server {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        // With it on, a client that leaves during a silent call would go unseen, and its work on.
        .half_close(false)
        .preserve_header_case(true)
        .auto_date_header(false)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.header_bytes.max(LEAST_BUFFER))
        .timer(TokioTimer::new())
        // Our own timers judge: see `activity`.
        .header_read_timeout(None);
    server
        .http2()
        .auto_date_header(false)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(4 * STREAM_WINDOW)
        .timer(TokioTimer::new());
    server
}

/// Serves one accepted connection; returns when it is closed.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: ConnectionPermit,
) {
    let observed = shared.observer.connection();
    match secure(&shared, stream).await {
        Ok(stream) => {
            let link = Arc::new(Link::new(peer, shared.tls.is_some()));
            let client = Arc::new(Client { observed, link });
            let reason = converse(&shared, &client, stream).await;
            // Exchanges hold the link, never the client: this is its last owner.
            if let Some(client) = Arc::into_inner(client) {
                client.observed.closed(reason);
            }
        }
        Err(reason) => observed.closed(reason),
    }
    drop(permit);
}

/// The TLS handshake, where the listener asks for it.
async fn secure(shared: &Shared, stream: TcpStream) -> Result<Stream, Disconnect> {
    let Some(acceptor) = &shared.tls else { return Ok(Stream::Plain(stream)) };
    tokio::select! {
        secured = handshake(acceptor, stream, shared.limits.first_byte_timeout) => secured,
        () = shared.shutdown.started() => Err(Disconnect::Shutdown),
    }
}

async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    limit: Option<Duration>,
) -> Result<Stream, Disconnect> {
    let accept = acceptor.accept(stream);
    let accepted = match limit {
        Some(limit) => timeout(limit, accept).await.map_err(|_elapsed| Disconnect::Idle)?,
        None => accept.await,
    };
    let stream = accepted.map_err(|_not_tls| Disconnect::Error)?;
    Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
}

/// Serves requests until either side closes, then what they left on the connection.
async fn converse(shared: &Arc<Shared>, client: &Arc<Client>, stream: Stream) -> Disconnect {
    let link = &client.link;
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&link.activity)));
    let service = {
        let (shared, client) = (Arc::clone(shared), Arc::clone(client));
        service_fn(move |request| {
            let carried = carry(&shared, &client, request);
            async move { Ok::<_, std::convert::Infallible>(carried.await) }
        })
    };
    let reason = drive(shared, link, shared.server.serve_connection_with_upgrades(io, service)).await;
    let Some(tunnel) = link.take_tunnel() else { return reason };
    tokio::select! {
        () = tunnel => Disconnect::Client,
        () = shared.shutdown.deadline() => Disconnect::Shutdown,
    }
}

/// A connection that hyper drives.
type Connection<'a, S> = auto::UpgradeableConnection<'a, TokioIo<Watched>, S, TokioExecutor>;

/// Polls the connection, watches its clock, and hears the shutdown.
async fn drive<S, F>(shared: &Shared, link: &Link, connection: Connection<'_, S>) -> Disconnect
where
    S: hyper::service::Service<
            http::Request<hyper::body::Incoming>,
            Response = http::Response<super::response_body::ResponseBody>,
            Error = std::convert::Infallible,
            Future = F,
        >,
    F: Future<Output = Result<http::Response<super::response_body::ResponseBody>, std::convert::Infallible>>
        + Send
        + 'static,
{
    let mut connection = pin!(connection);
    let patience = Patience::new(&shared.limits);
    let mut timer = pin!(sleep(Duration::ZERO));
    let mut shutdown = pin!(shared.shutdown.started());
    let told = loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => return judge(shared, link, ended),
            () = timer.as_mut() => match link.activity.check(&patience, Instant::now()) {
                Check::At(next) => timer.as_mut().reset(next.into()),
                Check::Idle => break Disconnect::Idle,
                Check::SlowHead => {
                    shared.observer.refused(Refusal::SlowHead);
                    return Disconnect::Limit;
                }
            },
            () = shutdown.as_mut() => break Disconnect::Shutdown,
        }
    };
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        _ended = connection.as_mut() => return told,
        () = sleep(LAST_WORDS) => if has_nothing_to_finish(link, told) {
            return told;
        },
        () = shared.shutdown.deadline() => {}
    }
    tokio::select! {
        _ended = connection.as_mut() => return told,
        () = shared.shutdown.deadline() => link.cut(),
    }
    let _late = timeout(LAST_WORDS, connection).await;
    told
}

/// Whether a connection that was told to end has no call that would be lost. On HTTP/2 one can come before the client
/// hears of the end: it has its time. In a shutdown, answers may still be on their way to slow readers; a head that is
/// not there by now is not waited for.
fn has_nothing_to_finish(link: &Link, told: Disconnect) -> bool {
    if told == Disconnect::Shutdown { link.activity.is_before_call() } else { !link.activity.is_busy() }
}

/// Why a connection ended by itself.
fn judge(
    shared: &Shared,
    link: &Link,
    ended: Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Disconnect {
    let Err(error) = ended else {
        return if link.activity.ended() { Disconnect::Client } else { Disconnect::Server };
    };
    let error = error.downcast_ref::<hyper::Error>();
    if error.is_some_and(hyper::Error::is_parse) {
        shared.observer.refused(Refusal::BadHead);
        return Disconnect::Error;
    }
    match error {
        Some(error) if error.is_user() => Disconnect::Server,
        Some(_) | None => Disconnect::Client,
    }
}
