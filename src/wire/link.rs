//! What a client connection and its exchanges tell each other.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::activity::Activity;

/// What runs on an upgraded connection until either side ends it.
pub(super) type Tunnel = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One client connection, as its exchanges see it.
pub(super) struct Link {
    pub(super) peer: SocketAddr,
    pub(super) tls: bool,
    pub(super) activity: Arc<Activity>,
    cut: AtomicBool,
    cutting: Notify,
    tunnel: Mutex<Option<Tunnel>>,
}

impl Link {
    pub(super) fn new(peer: SocketAddr, tls: bool) -> Self {
        Self {
            peer,
            tls,
            activity: Arc::default(),
            cut: AtomicBool::new(false),
            cutting: Notify::new(),
            tunnel: Mutex::new(None),
        }
    }

    /// Tells every exchange that the grace is over.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.cutting.notify_waiters();
    }

    /// Waits for [`Link::cut`]. Cheaper than for the process: nobody else waits here.
    pub(super) async fn until_cut(&self) {
        let mut notified = pin!(self.cutting.notified());
        notified.as_mut().enable();
        if !self.cut.load(Ordering::Acquire) {
            notified.await;
        }
    }

    /// Leaves what shall run once the connection has switched protocols.
    pub(super) fn leave_tunnel(&self, tunnel: Tunnel) {
        *self.tunnel.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
    }

    pub(super) fn take_tunnel(&self) -> Option<Tunnel> {
        self.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
