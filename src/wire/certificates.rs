//! The files of certificates, looked at while the proxy runs.

use std::sync::Arc;

use super::Shared;
use crate::net::keep_looking;

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
        let shared = Arc::clone(&self.0);
        // A reload may bring the first.
        let wanted = || shared.has_files();
        tokio::select! {
            () = shared.shutdown.started() => {}
            () = keep_looking(wanted, move || self.look()) => {}
        }
    }
}
