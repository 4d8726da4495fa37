//! CONNECTIONS. Resolve, connect, TLS: a leaf that all who talk to somebody share.

mod client;
mod connector;
mod stamps;
mod stream;
mod tls;

pub use client::{Client, ClientError};
pub use connector::{ConnectError, Connection, Connector, ConnectorError};
pub use stamps::Stamps;
pub use stream::Stream;
pub use tls::{Alpn, TlsError, client_config, server_config};
