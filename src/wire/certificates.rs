//! The files of certificates, looked at while the proxy runs.

use std::sync::Arc;

use tokio::time::sleep;

use super::Shared;
use crate::net::LOOK_EVERY;

/// The files of TLS of the listener and towards the servers.
#[derive(Clone)]
pub struct Certificates(pub(super) Arc<Shared>);

impl Certificates {
    /// Looks whether they have changed. What they hold then is for new connections; what cannot be used is warned about
    /// and changes nothing. Waits for the disk. The running proxy does so by itself every few seconds.
    pub fn look(&self) {
        self.0.look();
    }

    /// Looks again and again until the shutdown starts.
    pub(super) async fn watch(self) {
        if !self.0.has_files() {
            return;
        }
        let mut shutdown = std::pin::pin!(self.0.shutdown.started());
        loop {
            let look = async {
                sleep(LOOK_EVERY).await;
                let files = self.clone();
                // A panic in there has been reported; the next look may have none.
                let _looked = tokio::task::spawn_blocking(move || files.look()).await;
            };
            tokio::select! {
                () = shutdown.as_mut() => return,
                () = look => {}
            }
        }
    }
}
