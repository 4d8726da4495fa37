//! What a client connection and its exchanges tell each other.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;

use super::activity::Activity;
use super::dialled::Dialled;
use super::tunnel::Tunnel;

/// One client connection, as its exchanges see it.
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    pub(super) tls: bool,
    pub(super) activity: Arc<Activity>,
    /// No request after the present ones.
    ending: AtomicBool,
    cut: AtomicBool,
    /// Its exchanges run in tasks of their own, and have to be told.
    is_shared: AtomicBool,
    told: Notify,
    dialled: Mutex<Option<Arc<Dialled>>>,
    tunnel: Mutex<Option<Tunnel>>,
}

impl Link {
    pub(super) fn new(peer: SocketAddr, tls: bool) -> Self {
        Self {
            peer,
            tls,
            activity: Arc::default(),
            ending: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            is_shared: AtomicBool::new(false),
            told: Notify::new(),
            dialled: Mutex::default(),
            tunnel: Mutex::new(None),
        }
    }

    /// Exchanges run in tasks of their own from now on (HTTP/2), rather than in the connection's.
    pub(super) fn share(&self) {
        self.is_shared.store(true, Ordering::Release);
    }

    /// Asks for the connection's end: no request after the present ones. The connection's task is to be polled next.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Waits for [`Link::end`].
    pub(super) async fn until_ending(&self) {
        self.until(&self.ending).await;
    }

    /// Tells every exchange that the grace is over. The connection's task is to be polled next.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.told.notify_waiters();
    }

    /// Waits for [`Link::cut`]. Cheaper than for the process: nobody else waits here.
    pub(super) async fn until_cut(&self) {
        self.until(&self.cut).await;
    }

    async fn until(&self, flag: &AtomicBool) {
        if !self.is_shared.load(Ordering::Acquire) {
            return poll_fn(|_| if flag.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending })
                .await;
        }
        loop {
            let mut told = pin!(self.told.notified());
            told.as_mut().enable();
            if flag.load(Ordering::Acquire) {
                return;
            }
            told.await;
        }
    }

    /// The name that was dialled last.
    pub(super) fn dialled(&self) -> Option<Arc<Dialled>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers a name for the next request.
    pub(super) fn remember(&self, dialled: &Arc<Dialled>) {
        *self.dialled.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(dialled));
    }

    /// Leaves what shall run once the connection has switched protocols.
    pub(super) fn leave_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
