//! Placeholder: no proxy, the upstream itself.

use std::net::SocketAddr;

use anyhow::Context;

use crate::config::Config;

/// What runs.
pub struct Running {
    /// Data listeners.
    pub data: Vec<SocketAddr>,
    /// The operator's listener.
    pub admin: SocketAddr,
}

/// Starts nothing.
#[expect(clippy::unused_async, reason = "placeholder")]
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let server = config.servers.first().context("no server")?;
    let address: SocketAddr = server.url.authority().parse()?;
    Ok(Running { data: vec![address], admin: config.admin.listen })
}

impl Running {
    /// Stops nothing.
    #[expect(clippy::unused_async, reason = "placeholder")]
    pub async fn stop(self) {}
}
