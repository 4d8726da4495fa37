//! CONNECTIONS. Resolve, connect, TLS: a leaf that all who talk to somebody share.

mod acceptor;
mod client;
mod connector;
mod expiry;
mod files;
mod inherited;
mod renewal;
mod stamps;
mod steps;
mod stream;
mod tls;

pub use acceptor::Acceptor;
pub use client::{Client, ClientError};
pub use connector::{ConnectError, Connection, Connector, ConnectorError, Made};
pub use inherited::{inherited, not_taken};
pub use renewal::{LOOK_EVERY, Renewal, keep_looking};
pub use stamps::Stamps;
pub use steps::Steps;
pub use stream::Stream;
pub use tls::{Alpn, TlsError, client_config, server_config};
