//! Two connections that switched protocols, joined.

use super::activity::Watched;
use super::http1::Buffered;
use crate::net::Connection;
use crate::observe;

/// Where a client's connection is joined to, once it has switched.
pub(super) struct Tunnel {
    pub(super) server: Buffered<Connection>,
    /// Lives as long as the tunnel.
    pub(super) guard: observe::Tunnel,
}

impl Tunnel {
    /// Copies both ways until both sides have ended; one side's end is passed on while the other goes on talking.
    pub(super) async fn join(mut self, mut client: Buffered<Watched>) {
        // Whoever broke it, both learn of it by the drop here, and there is nobody else to tell.
        let _broken = tokio::io::copy_bidirectional(&mut client, &mut self.server).await;
        drop(self.guard);
    }
}
