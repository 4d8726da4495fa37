//! A small HTTP client for one address: what the proxy itself asks of somebody, apart from what it passes on.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::{Alpn, Connector, ConnectorError};
use crate::config;

/// How long a connection that nothing is sent on is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Sends whole requests over HTTP/1.1 and reads whole answers, of at most so many bytes. Connections are kept.
pub struct Client {
    inner: legacy::Client<Connector, Full<Bytes>>,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum ClientError {
    #[error("the request was not answered: {}", causes(_0))]
    Request(#[source] legacy::Error),
    #[error("the answer broke off or is too long: {0}")]
    Answer(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
}

impl Client {
    /// A client of `server`, of which the address, the TLS settings and the limit for connecting count. `timeout` is
    /// for the whole of a request, its answer's last byte included.
    pub fn new(
        server: &config::Server,
        timeout: Duration,
        answer_bytes_max: usize,
    ) -> Result<Self, ConnectorError> {
        let connector = Connector::new(server, Alpn::Http1, |_made| {})?;
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { inner, timeout, answer_bytes_max })
    }

    /// Sends `request` and reads its answer, whatever its status. The URI must be absolute; it goes to the client's own
    /// server all the same. To be called on a tokio runtime.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let whole = async {
            let answer = self.inner.request(request.map(Full::new)).await.map_err(ClientError::Request)?;
            self.read(answer).await
        };
        tokio::time::timeout(self.timeout, whole).await.unwrap_or(Err(ClientError::Timeout(self.timeout)))
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<Response<Bytes>, ClientError> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await.map_err(ClientError::Answer)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// hyper names the kind of an error and leaves what happened to its sources.
fn causes(error: &legacy::Error) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text = cause.to_string();
        next = cause.source();
    }
    text
}
