//! One configured server: its client, its pool, and the head that is sent to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header, request};

use super::BindError;
use super::error::Error;
use super::http1::{Answer, AskError, Asking, HeadLimits, Malformed};
use super::http2::{Http2, Sender};
use super::pool::{self, Pool};
use super::request_body::{RequestBody, RequestBodyError};
use crate::config::{HttpVersion, Limits, Server};
use crate::net::{Alpn, ConnectError, Connection, Connector, Made};
use crate::observe::Observer;

/// A server as requests are sent to it.
pub(super) struct Upstream {
    name: String,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    preserve_host: bool,
    /// The authority of the URI becomes `:authority` on HTTP/2.
    may_be_http2: bool,
    fields: Vec<(HeaderName, HeaderValue)>,
    /// Makes connections that offer HTTP/1.1 alone. HTTP/2 has no upgrades.
    http1: Connector,
    /// Where HTTP/2 may be spoken.
    http2: Option<Http2>,
    /// One for each worker.
    pools: Vec<Arc<Pool>>,
    first_pool: Arc<Pool>,
    limits: HeadLimits,
    pub(super) head_timeout: Option<Duration>,
    pub(super) call_timeout: Option<Duration>,
}

impl Upstream {
    /// The server at position `index` of the configuration.
    pub(super) fn new(
        index: usize,
        server: &Server,
        limits: &Limits,
        observer: &Observer,
        workers: usize,
    ) -> Result<Self, BindError> {
        let connect = |alpn| {
            let observer = observer.clone();
            let made = move |made: Made| {
                observer.connected(index, made.took);
                if let Some(expires) = made.expires {
                    observer.certificate_shown(index, expires);
                }
            };
            Connector::new(server, alpn, made)
                .map_err(|source| BindError::Server { server: server.name.clone(), source })
        };
        let may_be_http2 = match server.http {
            HttpVersion::Auto => server.url.tls,
            HttpVersion::One => false,
            HttpVersion::Two => true,
        };
        let http2 = if may_be_http2 {
            let is_only = server.http == HttpVersion::Two;
            let connector = connect(if is_only { Alpn::Http2 } else { Alpn::Both })?;
            Some(Http2::new(connector, is_only, limits))
        } else {
            None
        };
        let pool = || Pool::new(server.pool_idle);
        let unusable = || BindError::Field { server: server.name.clone(), name: "url".to_owned() };
        let authority: Authority = server.url.authority().parse().map_err(|_malformed| unusable())?;
        Ok(Self {
            name: server.name.clone(),
            scheme: if server.url.tls { Scheme::HTTPS } else { Scheme::HTTP },
            host: HeaderValue::from_str(authority.as_str()).map_err(|_malformed| unusable())?,
            authority,
            preserve_host: server.preserve_host,
            may_be_http2,
            fields: configured_fields(server)?,
            http1: connect(Alpn::Http1)?,
            http2,
            pools: (0..workers.max(1)).map(|_| pool()).collect(),
            first_pool: pool(),
            limits: HeadLimits::new(limits),
            head_timeout: server.head_timeout,
            call_timeout: server.call_timeout,
        })
    }

    /// Whether TLS is spoken from files.
    pub(super) fn has_files(&self) -> bool {
        self.http1.has_files()
    }

    /// Looks whether those files have changed.
    pub(super) fn look(&self) {
        self.http1.look().tell(&format!("server.tls of `{}`", self.name));
        // It has the same files.
        let _told = self.http2.as_ref().map(|http2| http2.connector.look());
    }

    /// Whether an upgrade can be asked of this server.
    pub(super) fn can_upgrade(&self) -> bool {
        self.http2.as_ref().is_none_or(|http2| !http2.is_only)
    }

    /// Puts the Host this server is to see where the client's stood, sets the configured fields, and names the target.
    pub(super) fn finish(
        &self,
        head: &mut request::Parts,
        path_and_query: String,
        client_host: Option<&str>,
    ) -> Result<(), Error> {
        let preserved = client_host.filter(|_| self.preserve_host);
        let (authority, host) = match preserved {
            Some(host) => preserved_host(host).ok_or(Error::BadRequest("malformed Host"))?,
            None => (self.authority.clone(), self.host.clone()),
        };
        set_host(&mut head.headers, host);
        for (name, value) in &self.fields {
            head.headers.insert(name, value.clone());
        }
        let path = PathAndQuery::try_from(path_and_query)
            .map_err(|_malformed| Error::BadRequest("malformed request target"))?;
        if !self.may_be_http2 {
            // HTTP/1.1 names the host in its field alone.
            head.uri = path.into();
            return Ok(());
        }
        let mut target = http::uri::Parts::default();
        target.scheme = Some(self.scheme.clone());
        target.authority = Some(authority);
        target.path_and_query = Some(path);
        head.uri =
            Uri::from_parts(target).map_err(|_malformed| Error::BadRequest("malformed request target"))?;
        head.version = http::Version::HTTP_11;
        Ok(())
    }

    /// Sends a request and waits for the head of its answer. Dropping this future takes the request back.
    pub(super) async fn send(
        &self,
        head: request::Parts,
        body: RequestBody,
        upgrade: bool,
    ) -> Result<Answer, SendError> {
        if !upgrade && let Some(http2) = &self.http2 {
            return Box::pin(self.send_either(http2, head, body)).await;
        }
        let asking = match self.pool().take() {
            Some(asking) => asking,
            None => self.connect().await?,
        };
        self.ask(asking, &head, body).await
    }

    async fn send_either(
        &self,
        http2: &Http2,
        head: request::Parts,
        body: RequestBody,
    ) -> Result<Answer, SendError> {
        match self.route(http2).await? {
            Route::Http2(sender) => http2.send(sender, Request::from_parts(head, body)).await,
            Route::Http1(asking) => self.ask(asking, &head, body).await,
        }
    }

    async fn ask(
        &self,
        mut asking: Box<Asking>,
        head: &request::Parts,
        body: RequestBody,
    ) -> Result<Answer, SendError> {
        asking.begin(head, body);
        loop {
            match asking.ask().await {
                Ok(answer) => return Ok(answer),
                Err(AskError::Unsent(unsent)) => {
                    asking = self.connect().await?;
                    asking.take_over(*unsent);
                }
                Err(AskError::Body(error)) => return Err(SendError::Body(error)),
                Err(AskError::Broken(error)) => return Err(SendError::Broken(error)),
                Err(AskError::Malformed(error)) => return Err(SendError::Malformed(error)),
            }
        }
    }

    /// The idle connections of this thread.
    fn pool(&self) -> &Arc<Pool> {
        let one = pool::worker() % self.pools.len();
        self.pools.get(one).unwrap_or(&self.first_pool)
    }

    /// A new connection that speaks HTTP/1.1.
    async fn connect(&self) -> Result<Box<Asking>, SendError> {
        // Most calls find one: what connecting needs takes no room in all of them.
        Ok(self.asking(Box::pin(self.http1.connect()).await?))
    }

    fn asking(&self, connection: Connection) -> Box<Asking> {
        Box::new(Asking::new(connection, Arc::downgrade(self.pool()), self.limits))
    }

    /// Whatever connection there is, or a new one in the version that the server chooses.
    async fn route(&self, http2: &Http2) -> Result<Route, SendError> {
        if let Some(sender) = http2.open() {
            return Ok(Route::Http2(sender));
        }
        if let Some(asking) = self.pool().take() {
            return Ok(Route::Http1(asking));
        }
        // One connection carries all: those who come meanwhile wait for it, once the server is known to speak HTTP/2.
        let _first = if http2.is_expected() { Some(http2.connecting.lock().await) } else { None };
        if let Some(sender) = http2.open() {
            return Ok(Route::Http2(sender));
        }
        let connection = http2.connector.connect().await?;
        if http2.is_only || connection.is_http2() {
            Ok(Route::Http2(http2.begin(connection).await?))
        } else {
            Ok(Route::Http1(self.asking(connection)))
        }
    }
}

enum Route {
    Http1(Box<Asking>),
    Http2(Sender),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error(transparent)]
    Malformed(Malformed),
    #[error(transparent)]
    Http2(#[from] hyper::Error),
    #[error(transparent)]
    Body(RequestBodyError),
}

fn configured_fields(server: &Server) -> Result<Vec<(HeaderName, HeaderValue)>, BindError> {
    let parse = |(name, value): &(String, crate::config::Secret)| {
        let unusable = || BindError::Field { server: server.name.clone(), name: name.clone() };
        let field = HeaderName::try_from(name.as_str()).map_err(|_malformed| unusable())?;
        let mut value = HeaderValue::try_from(value.0.as_str()).map_err(|_malformed| unusable())?;
        value.set_sensitive(true);
        Ok((field, value))
    };
    server.headers.iter().map(parse).collect()
}

/// A name, without a user.
fn preserved_host(host: &str) -> Option<(Authority, HeaderValue)> {
    if host.contains('@') {
        return None;
    }
    Some((host.parse().ok()?, HeaderValue::from_str(host).ok()?))
}

/// Replaces `host` where it stands. A client that spoke HTTP/2 sent none: then it comes first.
fn set_host(fields: &mut HeaderMap, host: HeaderValue) {
    if fields.contains_key(header::HOST) {
        fields.insert(header::HOST, host);
        return;
    }
    let mut with_host = HeaderMap::with_capacity(fields.len() + 1);
    with_host.insert(header::HOST, host);
    for (name, value) in &*fields {
        with_host.append(name, value.clone());
    }
    *fields = with_host;
}
