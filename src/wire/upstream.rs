//! One configured server: its client, its pool, and the head that is sent to it.

use std::time::Duration;

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header, request};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::BindError;
use super::error::Error;
use super::request_body::RequestBody;
use crate::config::{HttpVersion, Limits, Server};
use crate::net::{Alpn, Connector};
use crate::observe::Observer;

/// What one unread stream may hold of an HTTP/2 connection, and what all of them together may: many slow readers
/// must not stop the others on the same connection.
pub(super) const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// A server as requests are sent to it.
pub(super) struct Upstream {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    preserve_host: bool,
    /// The authority of the URI becomes `:authority` on HTTP/2.
    may_be_http2: bool,
    fields: Vec<(HeaderName, HeaderValue)>,
    client: Client<Connector, RequestBody>,
    /// HTTP/2 has no upgrades: where ALPN may choose it, they go over connections that offer HTTP/1.1 alone.
    upgrades: Option<Client<Connector, RequestBody>>,
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
    ) -> Result<Self, BindError> {
        let connect = |alpn| {
            let observer = observer.clone();
            let made = move |took| observer.connected(index, took);
            Connector::new(server, alpn, made)
                .map_err(|source| BindError::Server { server: server.name.clone(), source })
        };
        let http = server.http;
        let alpn = match http {
            HttpVersion::Auto => Alpn::Both,
            HttpVersion::One => Alpn::Http1,
            HttpVersion::Two => Alpn::Http2,
        };
        let client = client(server, limits, http == HttpVersion::Two, connect(alpn)?);
        let needs_another = http == HttpVersion::Auto && server.url.tls;
        let upgrades = if needs_another {
            Some(self::client(server, limits, false, connect(Alpn::Http1)?))
        } else {
            None
        };
        let unusable = || BindError::Field { server: server.name.clone(), name: "url".to_owned() };
        let authority: Authority = server.url.authority().parse().map_err(|_malformed| unusable())?;
        Ok(Self {
            scheme: if server.url.tls { Scheme::HTTPS } else { Scheme::HTTP },
            host: HeaderValue::from_str(authority.as_str()).map_err(|_malformed| unusable())?,
            authority,
            preserve_host: server.preserve_host,
            may_be_http2: http == HttpVersion::Two || needs_another,
            fields: configured_fields(server)?,
            client,
            upgrades,
            head_timeout: server.head_timeout,
            call_timeout: server.call_timeout,
        })
    }

    /// Whether an upgrade can be asked of this server.
    pub(super) fn can_upgrade(&self) -> bool {
        self.upgrades.is_some() || !self.may_be_http2
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
        let mut target = http::uri::Parts::default();
        target.scheme = Some(self.scheme.clone());
        // The pool's key, too: only HTTP/2 needs the client's own name in it.
        target.authority = Some(if self.may_be_http2 { authority } else { self.authority.clone() });
        target.path_and_query = Some(path);
        head.uri =
            Uri::from_parts(target).map_err(|_malformed| Error::BadRequest("malformed request target"))?;
        head.version = http::Version::HTTP_11;
        Ok(())
    }

    /// Sends a request and waits for the head of its answer. Dropping this future takes the request back.
    pub(super) async fn send(
        &self,
        mut request: Request<RequestBody>,
        upgrade: bool,
    ) -> Result<Response<Incoming>, Error> {
        let is_unsized = !request.body().is_end_stream() && request.body().size_hint().exact().is_none();
        if is_unsized && matches!(*request.method(), Method::GET | Method::HEAD) {
            // Without it hyper takes a GET's body of unknown length for none; on HTTP/2 it is dropped again.
            let chunked = HeaderValue::from_static("chunked");
            request.headers_mut().insert(header::TRANSFER_ENCODING, chunked);
        }
        let client = self.upgrades.as_ref().filter(|_| upgrade).unwrap_or(&self.client);
        Ok(client.request(request).await?)
    }
}

fn client(
    server: &Server,
    limits: &Limits,
    http2_only: bool,
    connector: Connector,
) -> Client<Connector, RequestBody> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(server.pool_idle)
        .retry_canceled_requests(true)
        .set_host(false)
        .http1_preserve_header_case(true)
        .http1_max_headers(limits.max_headers)
        .http2_only(http2_only)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .build(connector)
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
