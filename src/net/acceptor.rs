//! The TLS side of a listener.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::Stream;
use super::expiry::expiry;
use super::files::Files;
use super::renewal::{Renewable, Renewal};
use super::tls::{Alpn, TlsError, listener_files, server_config_of};
use crate::config::ListenerTls;

/// Answers TLS clients, with what the files of the setting hold now.
pub struct Acceptor {
    tls: Renewable<Served>,
}

/// What clients are answered with.
struct Served {
    config: Arc<ServerConfig>,
    expires: Option<i64>,
}

impl Acceptor {
    /// For a listener with these files.
    pub fn new(tls: &ListenerTls, alpn: Alpn) -> Result<Self, TlsError> {
        let paths = listener_files(tls).map(Path::to_owned).collect();
        let tls = tls.clone();
        let make = move |files: &Files| {
            let config = Arc::new(server_config_of(&tls, alpn, files)?);
            let expires = files.certificates(&tls.cert)?.first().and_then(expiry);
            Ok(Served { config, expires })
        };
        Ok(Self { tls: Renewable::new(paths, make)? })
    }

    /// The handshake. It waits for the client as long as it takes: the limit is the caller's.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.tls.current().config));
        let stream = acceptor.accept(stream).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
    }

    /// Looks whether the files have changed; what they hold then is for new connections. Waits for the disk.
    pub fn look(&self) -> Renewal {
        self.tls.look()
    }

    /// When the certificate ends that is shown now, in unix seconds; `None` where it does not say so readably.
    pub fn expires(&self) -> Option<i64> {
        self.tls.current().expires
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Acceptor").field("expires", &self.expires()).finish_non_exhaustive()
    }
}
