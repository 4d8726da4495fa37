//! What clients dial to reach a server through this proxy.

use std::net::SocketAddr;

use super::{Config, Server};

impl Config {
    /// The URL of `server` for clients, through the listener at `address` (what was bound, where the configured port
    /// is 0) or, where it is set, `public_url`. A listener on all addresses is shown as `localhost`.
    pub fn dialled(&self, server: &Server, address: SocketAddr) -> String {
        let path = server.path.as_deref().unwrap_or(&server.url.path);
        let (scheme, authority, prefix) = if let Some(url) = &self.proxy.public_url {
            (url.scheme(), host_of(server, &url.host, url.port), url.path.trim_end_matches('/'))
        } else {
            let scheme = if self.proxy.tls.is_some() { "https" } else { "http" };
            (scheme, host_of(server, &shown(address), Some(address.port())), "")
        };
        format!("{scheme}://{authority}{prefix}{path}")
    }
}

fn host_of(server: &Server, listener: &str, port: Option<u16>) -> String {
    let host = server.host.as_deref().unwrap_or(listener);
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn shown(address: SocketAddr) -> String {
    match address {
        _ if address.ip().is_unspecified() => "localhost".to_owned(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}
