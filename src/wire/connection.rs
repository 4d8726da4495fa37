//! One client connection, from its first byte to its last.

use std::error::Error as _;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::activity::{Check, Patience, Watched};
use super::exchange::{Client, carry};
use super::http1::{After, Buffered, HeadLimits, Next, Served};
use super::http2::STREAM_WINDOW;
use super::inbound::Inbound;
use super::link::Link;
use crate::config::Limits;
use crate::guard::limits::ConnectionPermit;
use crate::net::{Acceptor, Stream};
use crate::observe::{Disconnect, Refusal};

/// What a connection that was told to end still has to write its last bytes.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// How HTTP/2 is spoken with clients.
pub(super) type Http2 = http2::Builder<TokioExecutor>;

/// How HTTP/2 is spoken with clients.
pub(super) fn http2(limits: &Limits) -> Http2 {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server
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
        secured = Box::pin(handshake(acceptor, stream, shared.limits.first_byte_timeout)) => secured,
        () = shutting_down(shared) => Err(Disconnect::Shutdown),
    }
}

/// Waits for the shutdown, and as long as who has just connected may take to say something.
async fn shutting_down(shared: &Shared) {
    shared.shutdown.started().await;
    sleep(LAST_WORDS).await;
}

async fn handshake(
    acceptor: &Acceptor,
    stream: TcpStream,
    limit: Option<Duration>,
) -> Result<Stream, Disconnect> {
    let accept = acceptor.accept(stream);
    let accepted = match limit {
        Some(limit) => timeout(limit, accept).await.map_err(|_elapsed| Disconnect::Idle)?,
        None => accept.await,
    };
    accepted.map_err(|_not_tls| Disconnect::Error)
}

/// Serves requests until either side closes, in whichever version the client begins with.
async fn converse(shared: &Arc<Shared>, client: &Arc<Client>, stream: Stream) -> Disconnect {
    let link = &client.link;
    let watched = Watched::new(stream, Arc::clone(&link.activity));
    let mut served = Served::new(watched, HeadLimits::new(&shared.limits));
    let over = {
        // Pinned here and lent: a future that is handed over takes its place twice.
        let conversation = pin!(serve_http1(shared, client, &mut served));
        drive(shared, link, conversation).await
    };
    match over {
        Over::Ended(reason) => {
            served.leave();
            reason
        }
        // What few connections need takes no room in all of them.
        Over::Switched => Box::pin(tunnel(shared, link, served)).await,
        Over::Http2 => match served.into_buffered() {
            Some(stream) => {
                let stream = TokioIo::new(stream);
                let mut conversation = Box::pin(serve_http2(shared, client, stream));
                match Box::pin(drive(shared, link, conversation.as_mut())).await {
                    Over::Ended(reason) => reason,
                    Over::Http2 | Over::Switched => Disconnect::Error,
                }
            }
            None => Disconnect::Error,
        },
    }
}

/// What a conversation came to.
enum Over {
    Ended(Disconnect),
    /// The client speaks HTTP/2; what it said waits to be read.
    Http2,
    /// The connection is a tunnel now.
    Switched,
}

/// One request after the other. `Busy` is of the exchange; between them the connection is idle.
async fn serve_http1(shared: &Arc<Shared>, client: &Arc<Client>, served: &mut Served) -> Over {
    let link = &*client.link;
    loop {
        let request = match served.next(link).await {
            Next::Request(request) => request,
            Next::Http2 => return Over::Http2,
            Next::Gone => return Over::Ended(Disconnect::Client),
            Next::Ended => return Over::Ended(Disconnect::Server),
            Next::Malformed => {
                shared.observer.refused(Refusal::BadHead);
                return Over::Ended(Disconnect::Error);
            }
        };
        let answer = {
            let call = pin!(carry(shared, client, request));
            served.unless_gone(call).await
        };
        let Some(answer) = answer else { return Over::Ended(Disconnect::Client) };
        match served.answer(answer, link).await {
            After::Open => {}
            After::Closed if link.activity.ended() => return Over::Ended(Disconnect::Client),
            After::Closed | After::Broken => return Over::Ended(Disconnect::Server),
            After::Gone => return Over::Ended(Disconnect::Client),
            After::Switched => return Over::Switched,
        }
    }
}

/// Streams beside each other, each in a task of its own.
async fn serve_http2(shared: &Arc<Shared>, client: &Arc<Client>, stream: TokioIo<Buffered<Watched>>) -> Over {
    let link = &client.link;
    link.share();
    let service = {
        let (shared, client) = (Arc::clone(shared), Arc::clone(client));
        service_fn(move |request: Request<Incoming>| {
            let carried = carry(&shared, &client, request.map(Inbound::Http2));
            async move { Ok::<_, std::convert::Infallible>(carried.await) }
        })
    };
    let mut connection = pin!(shared.http2.serve_connection(stream, service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = link.until_ending() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    Over::Ended(judge(link, ended))
}

/// Joins a connection that has switched protocols with the server's.
async fn tunnel(shared: &Shared, link: &Link, served: Served) -> Disconnect {
    let (Some(tunnel), Some(client)) = (link.take_tunnel(), served.into_buffered()) else {
        return Disconnect::Error;
    };
    tokio::select! {
        () = tunnel.join(client) => Disconnect::Client,
        () = shared.shutdown.deadline() => Disconnect::Shutdown,
    }
}

/// Polls a conversation, watches its clock, and hears the shutdown.
async fn drive(shared: &Shared, link: &Link, mut conversation: Pin<&mut impl Future<Output = Over>>) -> Over {
    let patience = Patience::new(&shared.limits);
    let mut timer = pin!(sleep(Duration::ZERO));
    let mut shutdown = pin!(shared.shutdown.started());
    let told = loop {
        tokio::select! {
            biased;
            over = conversation.as_mut() => return over,
            () = timer.as_mut() => match link.activity.check(&patience, Instant::now()) {
                Check::At(next) => timer.as_mut().reset(next.into()),
                Check::Idle => break Disconnect::Idle,
                Check::SlowHead => {
                    shared.observer.refused(Refusal::SlowHead);
                    return Over::Ended(Disconnect::Limit);
                }
            },
            () = shutdown.as_mut() => break Disconnect::Shutdown,
        }
    };
    link.end();
    if told == Disconnect::Idle && link.activity.is_before_call() {
        return Over::Ended(told);
    }
    tokio::select! {
        biased;
        _over = conversation.as_mut() => return Over::Ended(told),
        () = sleep(LAST_WORDS) => if has_nothing_to_finish(link, told) {
            return Over::Ended(told);
        },
        () = shared.shutdown.deadline() => {}
    }
    tokio::select! {
        biased;
        _over = conversation.as_mut() => return Over::Ended(told),
        () = shared.shutdown.deadline() => link.cut(),
    }
    let _late = timeout(LAST_WORDS, conversation).await;
    Over::Ended(told)
}

/// Whether a connection that was told to end has no call that would be lost. On HTTP/2 one can come before the client
/// hears of the end: it has its time. In a shutdown, answers may still be on their way to slow readers; a head that is
/// not there by now is not waited for.
fn has_nothing_to_finish(link: &Link, told: Disconnect) -> bool {
    if told == Disconnect::Shutdown { link.activity.is_before_call() } else { !link.activity.is_busy() }
}

/// Why an HTTP/2 connection ended by itself.
fn judge(link: &Link, ended: Result<(), hyper::Error>) -> Disconnect {
    match ended {
        Ok(()) if link.activity.ended() => Disconnect::Client,
        Ok(()) => Disconnect::Server,
        Err(error) if error.is_parse() => Disconnect::Error,
        Err(error) if error.is_user() => Disconnect::Server,
        Err(error) if is_flood(&error) => Disconnect::Limit,
        Err(_) => Disconnect::Client,
    }
}

/// Whether we gave the connection up: more frames than anybody needs (RFC 9113, section 10.5).
fn is_flood(error: &hyper::Error) -> bool {
    let error = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}
