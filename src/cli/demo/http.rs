//! What rmcp's client asks of an HTTP client, over hyper's own: the SDK's reqwest would double the binary's TLS.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_core::stream::BoxStream;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};

/// The most that is read of one body, an event stream's included; the demo's longest answer is a few KiB.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
const BOTH: &str = "application/json, text/event-stream";
const SESSION_ID: &str = "mcp-session-id";
const LAST_EVENT_ID: &str = "last-event-id";

type Failure = StreamableHttpError<HttpError>;

/// One simulated program's HTTP client, with its own pool of connections; clones share both pool and count.
#[derive(Clone)]
pub(super) struct HttpClient {
    connections: Client<HttpConnector, Full<Bytes>>,
    user_agent: HeaderValue,
    sessions_deleted: Arc<AtomicU64>,
}

/// Why an HTTP exchange came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
    #[error("no answer came")]
    Exchange(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the message cannot be written")]
    Message(#[from] serde_json::Error),
    #[error("{0} instead of the page")]
    Status(StatusCode),
}

impl HttpClient {
    /// A client that says `name/version` in `User-Agent`.
    pub(super) fn new(name: &str, version: &str) -> Self {
        let product: String =
            format!("{name}/{version}").chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect();
        Self {
            connections: Client::builder(TokioExecutor::new()).build_http(),
            user_agent: HeaderValue::from_str(&product).unwrap_or(HeaderValue::from_static("demo")),
            sessions_deleted: Arc::default(),
        }
    }

    /// How many sessions this client ended with a `DELETE` that the server confirmed.
    pub(super) fn sessions_deleted(&self) -> u64 {
        self.sessions_deleted.load(Ordering::Relaxed)
    }

    /// The text of a page, at most 16 MiB of it; any status but 200 is an error.
    pub(super) async fn page(&self, uri: &str) -> Result<String, HttpError> {
        let request = Request::get(uri).header(USER_AGENT, &self.user_agent).body(Full::default())?;
        let response = self.connections.request(request).await?;
        match response.status() {
            StatusCode::OK => Ok(String::from_utf8_lossy(&whole(response).await?).into_owned()),
            status => Err(HttpError::Status(status)),
        }
    }

    async fn send(
        &self,
        builder: request::Builder,
        session: Option<&str>,
        headers: HashMap<HeaderName, HeaderValue>,
        body: Bytes,
    ) -> Result<Response<Incoming>, HttpError> {
        let mut builder = builder.header(USER_AGENT, &self.user_agent);
        if let Some(session) = session {
            builder = builder.header(SESSION_ID, session);
        }
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        Ok(self.connections.request(builder.body(Full::new(body))?).await?)
    }
}

impl StreamableHttpClient for HttpClient {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let body = serde_json::to_vec(&message).map_err(|error| failed(error.into()))?;
        let builder = Request::builder()
            .method(Method::POST)
            .uri(&*uri)
            .header(ACCEPT, BOTH)
            .header(CONTENT_TYPE, JSON);
        let response = self
            .send(builder, session_id.as_deref(), custom_headers, body.into())
            .await
            .map_err(StreamableHttpError::Client)?;
        let status = response.status();
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && session_id.is_some() {
            return Err(StreamableHttpError::SessionExpired);
        }
        answer(response).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let builder = Request::builder().method(Method::DELETE).uri(&*uri);
        let response = self
            .send(builder, Some(&session_id), custom_headers, Bytes::new())
            .await
            .map_err(StreamableHttpError::Client)?;
        if !response.status().is_success() {
            return Err(unexpected(format!("DELETE was answered {}", response.status())));
        }
        self.sessions_deleted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        _auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        let mut builder = Request::builder().method(Method::GET).uri(&*uri).header(ACCEPT, EVENT_STREAM);
        if let Some(last) = last_event_id {
            builder = builder.header(LAST_EVENT_ID, last);
        }
        let response = self
            .send(builder, session_id.as_deref(), custom_headers, Bytes::new())
            .await
            .map_err(StreamableHttpError::Client)?;
        match response.status() {
            StatusCode::OK if is(&response, EVENT_STREAM) => Ok(events(response)),
            StatusCode::METHOD_NOT_ALLOWED => Err(StreamableHttpError::ServerDoesNotSupportSse),
            status => Err(unexpected(format!("GET was answered {status}"))),
        }
    }
}

/// A stream of events, or one message; a JSON-RPC error counts as the answer at any HTTP status.
async fn answer(response: Response<Incoming>) -> Result<StreamableHttpPostResponse, Failure> {
    let status = response.status();
    let session = response.headers().get(SESSION_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    if status.is_success() && is(&response, EVENT_STREAM) {
        return Ok(StreamableHttpPostResponse::Sse(events(response), session));
    }
    let body = whole(response).await.map_err(failed)?;
    match serde_json::from_slice::<ServerJsonRpcMessage>(&body) {
        Ok(message) => Ok(StreamableHttpPostResponse::Json(message, session)),
        Err(_) => Err(unexpected(format!("HTTP {status}: {}", preview(&body)))),
    }
}

fn is(response: &Response<Incoming>, media_type: &str) -> bool {
    let value = response.headers().get(CONTENT_TYPE);
    value.is_some_and(|value| value.as_bytes().starts_with(media_type.as_bytes()))
}

fn events(response: Response<Incoming>) -> BoxStream<'static, Result<Sse, SseError>> {
    Box::pin(SseStream::new(Limited::new(response.into_body(), BODY_BYTES_MAX).map_err(HttpError::Body)))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, HttpError> {
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX);
    Ok(body.collect().await.map_err(HttpError::Body)?.to_bytes())
}

fn preview(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..200).unwrap_or(body)).into_owned()
}

fn failed(error: HttpError) -> Failure {
    StreamableHttpError::Client(error)
}

fn unexpected(what: String) -> Failure {
    StreamableHttpError::UnexpectedServerResponse(Cow::Owned(what))
}
