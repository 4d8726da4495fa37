//! Two connections that switched protocols, joined.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::observe;

/// Copies both ways until both sides have ended; one side's end is passed on while the other goes on talking.
pub(super) async fn join(client: OnUpgrade, server: OnUpgrade, _guard: observe::Tunnel) {
    if let Ok((client, server)) = tokio::try_join!(client, server) {
        let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
        // Whoever broke it, both learn of it by the drop here, and there is nobody else to tell.
        let _broken = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
