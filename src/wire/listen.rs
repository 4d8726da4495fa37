//! Listeners: accepting, and ending.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::certificates::Certificates;
use super::{BindError, Shared, Workers, connection};
use crate::net::inherited;
use crate::observe::Refusal;

/// Connections the kernel may hold for us.
const BACKLOG: u32 = 1024;
/// After how long an idle connection's peer is asked whether it still lives: one that vanished without a word must
/// not keep its server's work going for ever.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long nothing is accepted after the system refused us one (no more file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on `address`, one of `all`, unless the process was started with a listener there.
pub(super) fn bind(address: SocketAddr, all: &[SocketAddr]) -> Result<TcpListener, BindError> {
    try_bind(address, all).map_err(|source| BindError::Listen { address, source })
}

fn try_bind(address: SocketAddr, all: &[SocketAddr]) -> io::Result<TcpListener> {
    if let Some(listener) = inherited(address) {
        return TcpListener::from_std(listener);
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // `[::]` takes IPv4 too, unless that is asked for beside it.
    let any_v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
    if address.is_ipv6() && all.contains(&any_v4) {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts on every listener until the shutdown starts; returns when the last connection is closed.
pub(super) async fn run(listeners: Vec<TcpListener>, shared: Arc<Shared>, workers: Option<Arc<Workers>>) {
    // Nothing is ever sent: the channel closes when the last connection drops its end.
    let (alive, mut all_closed) = mpsc::channel::<std::convert::Infallible>(1);
    let mut accepting = tokio::task::JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&shared), workers.clone(), alive.clone()));
    }
    accepting.spawn(Certificates(shared).watch());
    drop((alive, workers));
    while accepting.join_next().await.is_some() {}
    all_closed.recv().await;
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    workers: Option<Arc<Workers>>,
    alive: mpsc::Sender<std::convert::Infallible>,
) {
    let mut shutdown = std::pin::pin!(shared.shutdown.started());
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => welcome(&shared, workers.as_deref(), stream, peer, alive.clone()),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Who has connected by now and waits would be refused where nobody else listens.
    while let Ok(Ok((stream, peer))) = timeout(Duration::ZERO, listener.accept()).await {
        welcome(&shared, workers.as_deref(), stream, peer, alive.clone());
    }
}

fn welcome(
    shared: &Arc<Shared>,
    workers: Option<&Workers>,
    stream: TcpStream,
    peer: SocketAddr,
    alive: mpsc::Sender<std::convert::Infallible>,
) {
    let Some(permit) = shared.connections.admit(peer.ip()) else {
        return shared.observer.refused(Refusal::Limit);
    };
    // Only latency and the finding of dead peers depend on these; a connection already reset refuses them.
    let _best_effort = stream.set_nodelay(true);
    let _best_effort =
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEP_ALIVE));
    let shared = Arc::clone(shared);
    let serve = move |shared, stream| async move {
        connection::serve(shared, stream, peer, permit).await;
        drop(alive);
    };
    match workers {
        None => drop(tokio::spawn(serve(shared, stream))),
        Some(workers) => {
            // It is polled by another runtime from now on.
            let Ok(stream) = stream.into_std() else { return };
            workers.spawn(async move || {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    serve(shared, stream).await;
                }
            });
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}
