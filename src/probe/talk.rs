//! What a probe sends and reads over HTTP: one message to a request, and the answer to it, wherever it comes.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::report::FaultKind;
use crate::config::{self, HttpVersion};
use crate::mcp::{EventKind, EventReader, Item, Media, Message, Scanner, Text, Unreadable, Wanted};
use crate::net::{Alpn, ConnectError, Connector, ConnectorError, Steps};

/// More of an answer than this is not read: a list of tools has some hundred kilobytes at most.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// More of a page is not read.
const PAGE_BYTES_MAX: usize = 64 * 1024;

/// So much of a body that is no message is looked at, to say what it is.
const GLANCE: usize = 512;

const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: &str = concat!("sightglass-probe/", env!("CARGO_PKG_VERSION"));

/// The session of Streamable HTTP.
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// What went wrong, as far as HTTP knows.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) kind: FaultKind,
    pub(super) message: String,
    /// What the server said instead.
    pub(super) answer: Option<Box<Refused>>,
}

/// An answer that is no message.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) challenge: Option<HeaderValue>,
    pub(super) location: Option<HeaderValue>,
    /// The beginning of its body.
    pub(super) glance: String,
}

/// The answer to a message.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) message: Message,
}

/// Speaks HTTP to one server.
pub(super) struct Talk {
    client: legacy::Client<Connector, Full<Bytes>>,
    origin: String,
    pub(super) steps: Arc<Steps>,
    /// What goes with every request.
    headers: HeaderMap,
    status: Option<StatusCode>,
    /// The last status that was no success.
    refused: Option<StatusCode>,
    version: Option<Version>,
    /// The last answer that was no message.
    refusal: Option<Refused>,
    is_waiting_on_stream: bool,
}

impl Talk {
    /// Reads files of TLS: not to be called where traffic passes.
    pub(super) fn new(server: &config::Server, headers: &HeaderMap) -> Result<Self, ConnectorError> {
        let steps = Arc::new(Steps::default());
        let alpn = match server.http {
            HttpVersion::Auto => Alpn::Both,
            HttpVersion::One => Alpn::Http1,
            HttpVersion::Two => Alpn::Http2,
        };
        let connector = Connector::new(server, alpn, |_made| {})?.noting(Arc::clone(&steps));
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http2_only(server.http == HttpVersion::Two)
            .build(connector);
        let mut all = HeaderMap::new();
        all.insert(USER_AGENT, HeaderValue::from_static(PRODUCT));
        for (name, value) in headers {
            all.append(name, value.clone());
        }
        Ok(Self {
            client,
            origin: server.url.origin(),
            steps,
            headers: all,
            status: None,
            refused: None,
            version: None,
            refusal: None,
            is_waiting_on_stream: false,
        })
    }

    /// The last answer that was no message.
    pub(super) fn refusal(&self) -> Option<&Refused> {
        self.refusal.as_ref()
    }

    /// An event stream is open, and what was asked for has not come on it.
    pub(super) fn is_waiting_on_stream(&self) -> bool {
        self.is_waiting_on_stream
    }

    /// Whether from now on an answer has to come on a stream that is open.
    pub(super) fn waits_on_stream(&mut self, waits: bool) {
        self.is_waiting_on_stream = waits;
    }

    /// A page of the same server, as far as there is one.
    pub(super) async fn page(&mut self, path: &str) -> Option<String> {
        let request = self.request(Method::GET, path, &HeaderMap::new(), JSON, String::new()).ok()?;
        let response = self.client.request(request).await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let body = Limited::new(response.into_body(), PAGE_BYTES_MAX).collect().await.ok()?;
        String::from_utf8(body.to_bytes().to_vec()).ok()
    }

    /// The last status; where something is wrong, rather the last one that was no success.
    pub(super) fn status(&self, is_wrong: bool) -> Option<StatusCode> {
        self.refused.filter(|_| is_wrong).or(self.status)
    }

    /// How HTTP was spoken.
    pub(super) fn version(&self) -> Option<&'static str> {
        self.version.map(|version| if version == Version::HTTP_2 { "2.0" } else { "1.1" })
    }

    /// Posts a request whose id is `id` and reads until its answer is there.
    pub(super) async fn ask(
        &mut self,
        path: &str,
        headers: &HeaderMap,
        id: i64,
        body: String,
    ) -> Result<Answer, Trouble> {
        let response = self.post(path, headers, body).await?;
        let (head, body) = response.into_parts();
        let media = Media::of(head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes));
        if media == Media::Other || wants_credentials(&head) {
            return Err(self.no_message(&head, body).await);
        }
        let mut reading = Reading::new(media, body);
        self.is_waiting_on_stream = media == Media::EventStream;
        while let Some(message) = reading.next().await? {
            if answers(&message, id) {
                self.is_waiting_on_stream = false;
                return Ok(Answer { status: head.status, headers: head.headers, message });
            }
        }
        self.is_waiting_on_stream = false;
        let refused = Refused::of(&head, reading.glance());
        if !head.status.is_success() {
            self.refusal = Some(refused.clone());
            return Err(http_trouble(refused));
        }
        let (kind, message) = match reading.over() {
            Some(Unreadable::NotJsonRpc) => (FaultKind::NotMcp, "JSON that is no JSON-RPC message"),
            Some(Unreadable::Truncated) => (FaultKind::NotJson, "the answer is cut short"),
            Some(_) => (FaultKind::NotJson, "the answer cannot be read"),
            None if reading.seen == 0 => (FaultKind::NotMcp, "the answer is empty"),
            None => (FaultKind::NotMcp, "the answer does not hold the message that was asked for"),
        };
        Err(Trouble { kind, message: message.to_owned(), answer: Some(Box::new(refused)) })
    }

    /// Posts what nobody answers; any success will do.
    pub(super) async fn tell(
        &mut self,
        path: &str,
        headers: &HeaderMap,
        body: String,
    ) -> Result<(), Trouble> {
        let (head, body) = self.post(path, headers, body).await?.into_parts();
        if head.status.is_success() {
            read_up(&head, body).await;
            return Ok(());
        }
        Err(self.no_message(&head, body).await)
    }

    /// Opens an event stream.
    pub(super) async fn listen(&mut self, path: &str) -> Result<Reading, Trouble> {
        let request = self.request(Method::GET, path, &HeaderMap::new(), EVENT_STREAM, String::new())?;
        let (head, body) = self.send(request).await?.into_parts();
        let media = Media::of(head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes));
        if !head.status.is_success() || media != Media::EventStream {
            return Err(self.no_message(&head, body).await);
        }
        self.is_waiting_on_stream = true;
        Ok(Reading::new(media, body))
    }

    /// Ends a session.
    pub(super) async fn delete(&mut self, path: &str, headers: &HeaderMap) -> Result<StatusCode, Trouble> {
        let request = self.request(Method::DELETE, path, headers, BOTH, String::new())?;
        let (head, body) = self.send(request).await?.into_parts();
        read_up(&head, body).await;
        Ok(head.status)
    }

    async fn post(
        &mut self,
        path: &str,
        headers: &HeaderMap,
        body: String,
    ) -> Result<Response<Incoming>, Trouble> {
        let mut request = self.request(Method::POST, path, headers, BOTH, body)?;
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        self.send(request).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &HeaderMap,
        accept: HeaderValue,
        body: String,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let uri = format!("{}{path}", self.origin);
        let built = Request::builder().method(method).uri(uri).body(Full::new(Bytes::from(body)));
        let mut request =
            built.map_err(|error| Trouble::setup(format!("the URL cannot be asked: {error}")))?;
        request.headers_mut().insert(ACCEPT, accept);
        for (name, value) in self.headers.iter().chain(headers) {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Trouble> {
        let response = self.client.request(request).await.map_err(|error| Self::not_sent(&error))?;
        self.version = Some(response.version());
        self.status = Some(response.status());
        self.refused = self.status.filter(|status| !status.is_success()).or(self.refused);
        Ok(response)
    }

    async fn no_message(&mut self, head: &http::response::Parts, body: Incoming) -> Trouble {
        let refused = Refused::of(head, glance(body).await);
        self.refusal = Some(refused.clone());
        if !head.status.is_success() {
            return http_trouble(refused);
        }
        let is_page = refused.glance.trim_start().starts_with('<');
        let kind = if is_page { FaultKind::Html } else { FaultKind::NotMcp };
        let media = head.headers.get(CONTENT_TYPE).map(|media| String::from_utf8_lossy(media.as_bytes()));
        let message = match media {
            Some(media) => format!("{} and {media} in the place of a message", head.status.as_u16()),
            None => format!("{} without a message", head.status.as_u16()),
        };
        Trouble { kind, message, answer: Some(Box::new(refused)) }
    }

    /// Why there is no answer at all.
    fn not_sent(error: &legacy::Error) -> Trouble {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
        let mut message = error.to_string();
        let mut kind = FaultKind::Reset;
        while let Some(source) = cause {
            message = source.to_string();
            match source.downcast_ref::<ConnectError>() {
                Some(ConnectError::Tls(_)) => kind = FaultKind::Tls,
                Some(ConnectError::Timeout(_)) => return Trouble::new(FaultKind::Timeout, message),
                Some(ConnectError::Tcp(_)) => kind = FaultKind::Connect,
                None => {}
            }
            if source.to_string() == "dns error" {
                kind = FaultKind::Dns;
            }
            // hyper has no name for the second: the server spoke before it was asked.
            let said = source.to_string();
            if source.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse)
                || said.contains("unexpected message")
            {
                kind = FaultKind::NotHttp;
            }
            cause = source.source();
        }
        let what = [
            (FaultKind::Dns, "the name cannot be resolved"),
            (FaultKind::Connect, "no connection"),
            (FaultKind::Tls, "TLS failed"),
            (FaultKind::NotHttp, "what came is not HTTP"),
        ];
        let what = what.iter().find(|(known, _)| *known == kind).map(|(_, what)| *what);
        Trouble::new(kind, format!("{}: {message}", what.unwrap_or("the connection broke")))
    }
}

impl Trouble {
    pub(super) fn new(kind: FaultKind, message: String) -> Self {
        Self { kind, message, answer: None }
    }

    pub(super) fn setup(message: String) -> Self {
        Self::new(FaultKind::Setup, message)
    }

    /// The HTTP status that came with it.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.answer.as_ref().map(|answer| answer.status)
    }
}

impl Refused {
    fn of(head: &http::response::Parts, glance: String) -> Self {
        let value = |name| head.headers.get(name).cloned();
        Self { status: head.status, challenge: value(WWW_AUTHENTICATE), location: value(LOCATION), glance }
    }
}

impl Refused {
    /// What is known of an answer that was a message all the same.
    pub(super) fn status_alone(status: StatusCode, said: &str) -> Self {
        Self { status, challenge: None, location: None, glance: said.to_owned() }
    }
}

fn http_trouble(refused: Refused) -> Trouble {
    let kind = match refused.status {
        StatusCode::UNAUTHORIZED => FaultKind::Credentials,
        StatusCode::FORBIDDEN if refused.challenge.is_some() => FaultKind::Credentials,
        _ => FaultKind::Http,
    };
    Trouble { kind, message: format!("HTTP {}", refused.status), answer: Some(Box::new(refused)) }
}

fn wants_credentials(head: &http::response::Parts) -> bool {
    let is_challenged = head.headers.contains_key(WWW_AUTHENTICATE);
    head.status == StatusCode::UNAUTHORIZED || (head.status == StatusCode::FORBIDDEN && is_challenged)
}

/// Whether it is the answer to the request of this id. An error may come without one.
pub(super) fn answers(message: &Message, id: i64) -> bool {
    let is_error = message.error.is_some();
    if message.method.is_some() || (message.result.is_none() && !is_error) {
        return false;
    }
    match message.id.as_ref().and_then(crate::mcp::Id::as_number) {
        Some(number) => number == id,
        None => is_error,
    }
}

/// Reads the messages of a body.
pub(super) struct Reading {
    body: Incoming,
    reader: Reader,
    waiting: std::collections::VecDeque<Message>,
    endpoint: Option<Text>,
    beginning: Vec<u8>,
    seen: usize,
    ended: bool,
    problem: Option<Unreadable>,
}

enum Reader {
    Json(Box<Scanner>),
    Events(Box<EventReader>),
}

impl Reading {
    fn new(media: Media, body: Incoming) -> Self {
        let wanted = Wanted { results: true, bytes_max: ANSWER_BYTES_MAX, ..Wanted::default() };
        let reader = if media == Media::EventStream {
            let mut events = EventReader::new();
            events.capture(wanted);
            Reader::Events(Box::new(events))
        } else {
            let mut scanner = Scanner::new();
            scanner.capture(wanted);
            Reader::Json(Box::new(scanner))
        };
        Self {
            body,
            reader,
            waiting: std::collections::VecDeque::new(),
            endpoint: None,
            beginning: Vec::new(),
            seen: 0,
            ended: false,
            problem: None,
        }
    }

    /// The next message; `None` = the body has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Trouble> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Ok(Some(message));
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Where messages are to be posted, as the stream says; `None` = it has ended without.
    pub(super) async fn endpoint(&mut self) -> Result<Option<Text>, Trouble> {
        while self.endpoint.is_none() {
            if !self.more().await? {
                return Ok(None);
            }
        }
        Ok(self.endpoint.take())
    }

    /// Reads the next frame; false = there is none.
    async fn more(&mut self) -> Result<bool, Trouble> {
        if self.ended {
            return Ok(false);
        }
        let Some(frame) = self.body.frame().await else {
            self.ended = true;
            let problem = match &mut self.reader {
                Reader::Json(scanner) => scanner.finish(),
                Reader::Events(events) => events.finish(),
            };
            self.problem = self.problem.or(problem);
            return Ok(false);
        };
        let frame = frame
            .map_err(|error| Trouble::new(FaultKind::Reset, format!("the answer broke off: {error}")))?;
        let Some(data) = frame.data_ref() else { return Ok(true) };
        self.seen += data.len();
        if self.seen > ANSWER_BYTES_MAX {
            let message = format!("the answer is longer than {} MiB", ANSWER_BYTES_MAX >> 20);
            return Err(Trouble::new(FaultKind::NotMcp, message));
        }
        let room = GLANCE.saturating_sub(self.beginning.len());
        self.beginning.extend(data.iter().take(room));
        let Self { reader, waiting, endpoint, problem, .. } = self;
        match reader {
            Reader::Json(scanner) => scanner.feed(data, &mut |message| waiting.push_back(message)),
            Reader::Events(events) => events.feed(data, &mut |item| match item {
                Item::Message(message) => waiting.push_back(message),
                Item::Unreadable(reason) => *problem = Some(reason),
                Item::Event(event) if event.kind == EventKind::Endpoint => *endpoint = event.endpoint,
                Item::Event(_) | Item::Comment => {}
            }),
        }
        Ok(true)
    }

    fn glance(&self) -> String {
        String::from_utf8_lossy(&self.beginning).into_owned()
    }

    /// Why it could not be read, where it could not.
    fn over(&self) -> Option<Unreadable> {
        self.problem
    }
}

/// Reads what nobody asks for, so that the connection can be used again; an event stream may never end.
async fn read_up(head: &http::response::Parts, body: Incoming) {
    if Media::of(head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes)) != Media::EventStream {
        let _ = glance(body).await;
    }
}

/// The beginning of a body; the rest is read as far as it is short.
async fn glance(mut body: Incoming) -> String {
    let mut beginning = Vec::new();
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        let room = GLANCE.saturating_sub(beginning.len());
        beginning.extend(data.iter().take(room));
        if seen > 64 * 1024 {
            break;
        }
    }
    String::from_utf8_lossy(&beginning).into_owned()
}
