//! rmcp's [`StreamableHttpClient`] on hyper: what the SDK sends, as plain HTTP/1.1 exchanges, without reqwest.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::request::Builder;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_client::{
    SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
};
use sse_stream::{Sse, SseStream};

/// Largest JSON body that is read, in bytes.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Largest SSE event that is read where the transport names no limit, in bytes.
const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const EVENT_STREAM: &str = "text/event-stream";
const JSON: &str = "application/json";
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The SDK handed over something that is no HTTP request.
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
    /// No connection, or it broke before the answer.
    #[error("no answer: {0:?}")]
    Exchange(#[from] hyper_util::client::legacy::Error),
    /// It broke within the answer.
    #[error("the answer broke off")]
    Body(#[from] hyper::Error),
    /// One SSE event is larger than the transport allows.
    #[error("an event is larger than {0} bytes")]
    EventTooLarge(usize),
}

type Failure = StreamableHttpError<HttpError>;
type Events = BoxStream<'static, Result<Sse, SseError>>;

/// A pooled HTTP/1.1 client; clones share the pool.
#[derive(Clone)]
pub(crate) struct HyperClient {
    client: Client<HttpConnector, Full<Bytes>>,
    deleted: Arc<OnceLock<StatusCode>>,
}

impl HyperClient {
    /// A client without connections yet.
    pub(crate) fn new() -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), deleted: Arc::default() }
    }

    /// What the server answered when the session was deleted; `None` until then.
    pub(crate) fn deleted(&self) -> Option<StatusCode> {
        self.deleted.get().copied()
    }

    async fn exchange(&self, builder: Builder, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let request = builder.body(Full::new(body)).map_err(|error| Failure::Client(error.into()))?;
        self.client.request(request).await.map_err(|error| Failure::Client(error.into()))
    }
}

impl StreamableHttpClient for HyperClient {
    type Error = HttpError;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        self.post_message_with_max_sse_event_size(
            uri,
            message,
            session_id,
            auth_header,
            custom_headers,
            EVENT_BYTES_MAX,
        )
        .await
    }

    async fn post_message_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session_id: Option<Arc<str>>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let body = serde_json::to_vec(&message)?;
        let in_session = session_id.is_some();
        let builder = request(Method::POST, &uri, session_id.as_deref(), auth_header, custom_headers)
            .header(CONTENT_TYPE, JSON)
            .header(ACCEPT, BOTH);
        let response = self.exchange(builder, body.into()).await?;
        if response.status() == StatusCode::NOT_FOUND && in_session {
            return Err(Failure::SessionExpired);
        }
        if matches!(response.status(), StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        let session = text_header(&response, &SESSION_ID);
        if response.status().is_success() && has_type(&response, EVENT_STREAM) {
            return Ok(StreamableHttpPostResponse::Sse(events(response, max_sse_event_size), session));
        }
        answer(response, session, &message).await
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session_id: Arc<str>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let builder = request(Method::DELETE, &uri, Some(&session_id), auth_header, custom_headers);
        let response = self.exchange(builder, Bytes::new()).await?;
        let status = *self.deleted.get_or_init(|| response.status());
        if status.is_success() {
            return Ok(());
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            return Err(Failure::ServerDoesNotSupportDeleteSession);
        }
        Err(unexpected(status, ""))
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<Events, Failure> {
        self.get_stream_with_max_sse_event_size(
            uri,
            session_id,
            last_event_id,
            auth_header,
            custom_headers,
            EVENT_BYTES_MAX,
        )
        .await
    }

    async fn get_stream_with_max_sse_event_size(
        &self,
        uri: Arc<str>,
        session_id: Option<Arc<str>>,
        last_event_id: Option<String>,
        auth_header: Option<String>,
        custom_headers: HashMap<HeaderName, HeaderValue>,
        max_sse_event_size: usize,
    ) -> Result<Events, Failure> {
        let mut builder = request(Method::GET, &uri, session_id.as_deref(), auth_header, custom_headers)
            .header(ACCEPT, EVENT_STREAM);
        if let Some(last) = last_event_id {
            builder = builder.header(LAST_EVENT_ID, last);
        }
        let response = self.exchange(builder, Bytes::new()).await?;
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            return Err(Failure::ServerDoesNotSupportSse);
        }
        if !response.status().is_success() {
            return Err(unexpected(response.status(), ""));
        }
        if !has_type(&response, EVENT_STREAM) {
            return Err(Failure::UnexpectedContentType(text_header(&response, &CONTENT_TYPE)));
        }
        Ok(events(response, max_sse_event_size))
    }
}

/// The part that every request shares.
fn request(
    method: Method,
    uri: &str,
    session: Option<&str>,
    token: Option<String>,
    headers: HashMap<HeaderName, HeaderValue>,
) -> Builder {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    if let Some(session) = session {
        builder = builder.header(SESSION_ID, session);
    }
    if let Some(token) = token {
        builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    builder
}

/// An answer that is one body: a JSON-RPC message with whatever status, or nothing worth reading to a notification.
async fn answer(
    response: Response<Incoming>,
    session: Option<String>,
    message: &ClientJsonRpcMessage,
) -> Result<StreamableHttpPostResponse, Failure> {
    let status = response.status();
    let json = has_type(&response, JSON);
    let content_type = text_header(&response, &CONTENT_TYPE);
    let body = whole(response).await?;
    let ClientJsonRpcMessage::Request(request) = message else {
        return if status.is_success() {
            Ok(StreamableHttpPostResponse::Accepted)
        } else {
            Err(unexpected(status, &String::from_utf8_lossy(&body)))
        };
    };
    if !json && !status.is_success() {
        return Err(unexpected(status, &String::from_utf8_lossy(&body)));
    }
    if !json {
        return Err(Failure::UnexpectedContentType(content_type));
    }
    let mut answer: ServerJsonRpcMessage = serde_json::from_slice(&body)?;
    // A refusal before the body was read names no request (`id: null`, or none); here it is this request's.
    if let ServerJsonRpcMessage::Error(error) = &mut answer
        && error.id.is_none()
    {
        error.id = Some(request.id.clone());
    }
    Ok(StreamableHttpPostResponse::Json(answer, session))
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, Failure> {
    match Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Failure::ResponseBodyTooLarge { max_size: BODY_BYTES_MAX })
        }
        Err(error) => Err(Failure::Io(std::io::Error::other(error))),
    }
}

fn events(response: Response<Incoming>, event_bytes_max: usize) -> Events {
    let mut size = EventSize { max: event_bytes_max, event: 0, line: 0 };
    let chunks = response.into_body().into_data_stream().map(move |chunk| size.admit(chunk?));
    SseStream::from_bytes_stream(chunks).boxed()
}

/// Counts the bytes of the event that is on its way.
struct EventSize {
    max: usize,
    event: usize,
    line: usize,
}

impl EventSize {
    fn admit(&mut self, chunk: Bytes) -> Result<Bytes, HttpError> {
        for byte in &chunk {
            match byte {
                b'\r' => {}
                b'\n' if self.line == 0 => self.event = 0,
                b'\n' => self.line = 0,
                _ => {
                    self.line += 1;
                    self.event += 1;
                }
            }
            if self.event > self.max {
                return Err(HttpError::EventTooLarge(self.max));
            }
        }
        Ok(chunk)
    }
}

fn has_type(response: &Response<Incoming>, essence: &str) -> bool {
    let value =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|first| first.trim().eq_ignore_ascii_case(essence))
}

fn text_header(response: &Response<Incoming>, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
}

fn unexpected(status: StatusCode, body: &str) -> Failure {
    Failure::UnexpectedServerResponse(format!("HTTP {status}: {body}").into())
}
