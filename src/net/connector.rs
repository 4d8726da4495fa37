//! Connects to one configured server, whatever URI it is asked for.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::client::legacy::connect;
use hyper_util::client::legacy::connect::{Connected, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use tower_service::Service;

use super::expiry::expiry;
use super::renewal::{Renewable, Renewal};
use super::steps::{Resolver, Steps};
use super::tls::{Alpn, TlsError, client_config_of, client_files};
use super::{Stamps, Stream};
use crate::config;

/// After how long an idle TCP connection is asked whether its peer still lives.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Makes connections to one server: name, TCP (IPv6 and IPv4 raced), TLS; all within `connect_timeout`. The URI it is
/// called with decides nothing: it may carry a Host that a client chose.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    target: Uri,
    tls: Option<(Renewable<ClientConfig>, ServerName<'static>)>,
    timeout: Option<Duration>,
    steps: Option<Arc<Steps>>,
    made: Box<dyn Fn(Made) + Send + Sync>,
}

/// A connection was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// How long name, TCP and TLS took together.
    pub took: Duration,
    /// When the certificate ends that the server showed, in unix seconds; `None` where it showed none: in plain text,
    /// or where a TLS session was resumed.
    pub expires: Option<i64>,
}

/// Why no connection came about: always the server's side.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConnectError {
    #[error("cannot connect: {0}")]
    Tcp(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("TLS handshake failed: {0}")]
    Tls(#[source] io::Error),
    #[error("no connection within {0:?}")]
    Timeout(Duration),
}

/// Why a [`Connector`] cannot be made.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ConnectorError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("`{0}` is not a host that can be connected to")]
    Host(String),
}

impl Connector {
    /// A connector to `server`. `made` is told of each new connection.
    pub fn new(
        server: &config::Server,
        alpn: Alpn,
        made: impl Fn(Made) + Send + Sync + 'static,
    ) -> Result<Self, ConnectorError> {
        let url = &server.url;
        let unusable = || ConnectorError::Host(url.authority());
        let target = Uri::builder()
            .scheme(url.scheme())
            .authority(url.authority())
            .path_and_query("/")
            .build()
            .map_err(|_malformed| unusable())?;
        let tls = if url.tls {
            let name = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(name).map_err(|_malformed| unusable())?;
            let (paths, tls) = (client_files(&server.tls).map(Path::to_owned).collect(), server.tls.clone());
            Some((Renewable::new(paths, move |files| client_config_of(&tls, alpn, files))?, name))
        } else {
            None
        };
        let timeout = server.connect_timeout;
        let shared = Shared { target, tls, timeout, steps: None, made: Box::new(made) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The same, and `steps` is told how long each step takes. To be said before there are clones.
    #[must_use]
    pub fn noting(mut self, steps: Arc<Steps>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.steps = Some(steps);
        }
        self
    }

    /// Whether TLS is spoken from files, which [`Connector::look`] looks at.
    pub fn has_files(&self) -> bool {
        self.shared.tls.as_ref().is_some_and(|(tls, _)| tls.has_files())
    }

    /// Looks whether the files of TLS have changed; what they hold then is for new connections. Waits for the disk.
    pub fn look(&self) -> Renewal {
        self.shared.tls.as_ref().map_or(Renewal::Unchanged, |(tls, _)| tls.look())
    }

    /// Makes one connection.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let began = Instant::now();
        let stream = match self.shared.timeout {
            Some(limit) => tokio::time::timeout(limit, self.shared.handshakes())
                .await
                .unwrap_or(Err(ConnectError::Timeout(limit)))?,
            None => self.shared.handshakes().await?,
        };
        (self.shared.made)(Made { took: began.elapsed(), expires: stream.shown().and_then(expiry) });
        Ok(Connection { inner: stream, stamps: Arc::default() })
    }
}

impl Shared {
    async fn handshakes(&self) -> Result<Stream, ConnectError> {
        let mut http = HttpConnector::new_with_resolver(Resolver::new(self.steps.clone()));
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(TCP_KEEP_ALIVE));
        let began = Instant::now();
        let tcp = http
            .call(self.target.clone())
            .await
            .map_err(|error| ConnectError::Tcp(Box::new(error)))?
            .into_inner();
        self.note(|steps| steps.connected(began, tcp.peer_addr().ok()));
        let Some((tls, name)) = &self.tls else { return Ok(Stream::Plain(tcp)) };
        let began = Instant::now();
        let stream = secured(TlsConnector::from(tls.current()), name.clone(), tcp).await?;
        self.note(|steps| steps.secured(began, stream.shown().and_then(expiry)));
        Ok(stream)
    }

    fn note(&self, what: impl FnOnce(&Steps)) {
        if let Some(steps) = &self.steps {
            what(steps);
        }
    }
}

async fn secured(
    connector: TlsConnector,
    name: ServerName<'static>,
    tcp: TcpStream,
) -> Result<Stream, ConnectError> {
    let stream = connector.connect(name, tcp).await.map_err(ConnectError::Tls)?;
    Ok(Stream::Tls(Box::new(TlsStream::Client(stream))))
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Connection>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Connection>, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _asked: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    inner: Stream,
    stamps: Arc<Stamps>,
}

impl Connection {
    /// When bytes last moved on it.
    pub fn stamps(&self) -> &Arc<Stamps> {
        &self.stamps
    }

    /// Whether both sides agreed on HTTP/2 by ALPN.
    pub fn is_http2(&self) -> bool {
        self.inner.is_http2()
    }

    fn note_write(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(_)) = polled {
            self.stamps.note_write();
        }
    }
}

impl connect::Connection for Connection {
    fn connected(&self) -> Connected {
        let connected = Connected::new();
        if self.is_http2() { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            this.stamps.note_read();
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, data);
        this.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, data);
        this.note_write(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(context)
    }
}
