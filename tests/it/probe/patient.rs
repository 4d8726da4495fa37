//! A server of any era with any illness, that counts what is left behind in it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use sightglass::mcp::Era;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::support::{Feed, Sent, empty, fed, full};

/// What it has.
#[derive(Clone)]
pub(crate) enum Illness {
    Nothing,
    /// Every request is answered so.
    Answers(u16, &'static [(&'static str, &'static str)], &'static str),
    /// No request is answered.
    Hangs,
    /// An event stream opens and nothing comes.
    Buffers,
    /// Requests are answered by this error.
    Error(i64, &'static str),
    /// It lists no tool.
    NoTools,
    /// Its tool fails.
    ToolFails,
    /// Its answers take so long.
    Slow(Duration),
    /// It forgets its sessions at once.
    Forgets,
    /// It has no `ping`.
    NoPing,
}

pub(crate) struct Patient {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    listening: AbortHandle,
}

struct State {
    speaks: Era,
    illness: Mutex<Illness>,
    /// With the streams of those that have one.
    sessions: Mutex<HashMap<String, Option<Arc<Feed>>>>,
    next: AtomicUsize,
    connections: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    asked: Mutex<Vec<String>>,
}

impl Patient {
    pub(crate) async fn of(speaks: Era) -> Self {
        let state = Arc::new(State {
            speaks,
            illness: Mutex::new(Illness::Nothing),
            sessions: Mutex::default(),
            next: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            asked: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let listening = tokio::spawn(listen(listener, Arc::clone(&state))).abort_handle();
        Self { address, state, listening }
    }

    pub(crate) fn has(&self, illness: Illness) {
        *self.state.illness.lock().unwrap() = illness;
    }

    /// It is killed: nobody listens any more, and what was connected is not.
    pub(crate) fn dies(&self) {
        self.listening.abort();
    }

    /// It is started again, where it was.
    pub(crate) async fn lives(&mut self) {
        let listener = loop {
            // The port is free once the last task of the dead one is.
            match TcpListener::bind(self.address).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.listening = tokio::spawn(listen(listener, Arc::clone(&self.state))).abort_handle();
    }

    /// Sessions that nobody has ended.
    pub(crate) fn sessions(&self) -> usize {
        self.state.sessions.lock().unwrap().len()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// How many requests were under way at once.
    pub(crate) fn most_under_way(&self) -> usize {
        self.state.most_under_way.load(Ordering::SeqCst)
    }

    /// The methods that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            state.connections.fetch_add(1, Ordering::SeqCst);
            let _leaves = Leaves(&state.connections);
            let shared = Arc::clone(&state);
            let service = service_fn(move |request| {
                let state = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

struct Leaves<'a>(&'a AtomicUsize);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

const JSON: &str = "application/json";

fn head(status: u16, media: &str) -> response::Builder {
    Response::builder().status(status).header("content-type", media)
}

fn whole(status: u16, value: &Value) -> Response<Sent> {
    head(status, JSON).body(full(value.to_string())).unwrap()
}

async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Response<Sent> {
    let now = state.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    state.most_under_way.fetch_max(now, Ordering::SeqCst);
    let _leaves = Leaves(&state.under_way);
    let illness = state.illness.lock().unwrap().clone();
    if let Illness::Answers(status, fields, body) = illness {
        let mut builder = Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        return builder.body(full(body)).unwrap();
    }
    if matches!(illness, Illness::Hangs) {
        std::future::pending::<()>().await;
    }
    if let Illness::Slow(long) = illness {
        tokio::time::sleep(long).await;
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let session = head.headers.get("mcp-session-id").and_then(|id| id.to_str().ok());
    match (head.method, state.speaks) {
        (Method::GET, Era::HttpSse) => open_stream(state),
        (Method::DELETE, Era::Legacy) => {
            let ended = session.and_then(|id| state.sessions.lock().unwrap().remove(id));
            Response::builder().status(if ended.is_some() { 204 } else { 404 }).body(empty()).unwrap()
        }
        (Method::POST, era) if era != Era::HttpSse || head.uri.path() == "/messages" => {
            let message: Value = serde_json::from_slice(&body).unwrap_or_default();
            let method = message["method"].as_str().unwrap_or_default().to_owned();
            state.asked.lock().unwrap().push(method);
            match era {
                Era::HttpSse => posted(state, head.uri.query(), &message, &illness).await,
                Era::Legacy | Era::Modern => streamable(state, session, &message, &illness),
            }
        }
        _ => Response::builder().status(405).body(empty()).unwrap(),
    }
}

fn open_stream(state: &Arc<State>) -> Response<Sent> {
    let id = state.next.fetch_add(1, Ordering::SeqCst).to_string();
    let (feed, body) = fed();
    let feed = Arc::new(feed);
    state.sessions.lock().unwrap().insert(id.clone(), Some(Arc::clone(&feed)));
    let state = Arc::clone(state);
    tokio::spawn(async move {
        feed.data(format!("event: endpoint\ndata: /messages?id={id}\n\n")).await;
        feed.aborted().await;
        state.sessions.lock().unwrap().remove(&id);
    });
    head(200, "text/event-stream").body(body).unwrap()
}

async fn posted(state: &State, query: Option<&str>, message: &Value, illness: &Illness) -> Response<Sent> {
    let id = query.and_then(|query| query.strip_prefix("id=")).unwrap_or_default();
    let feed = state.sessions.lock().unwrap().get(id).cloned().flatten();
    let Some(feed) = feed else { return Response::builder().status(404).body(empty()).unwrap() };
    if message.get("id").is_some() && !matches!(illness, Illness::Buffers) {
        feed.data(format!("event: message\ndata: {}\n\n", result(message, illness))).await;
    }
    head(202, "text/plain").body(full("Accepted")).unwrap()
}

/// An event stream that goes on after what is said first.
fn stream(first: Option<String>) -> Sent {
    let (feed, body) = fed();
    tokio::spawn(async move {
        if let Some(first) = first {
            feed.data(first).await;
        }
        feed.aborted().await;
    });
    body
}

fn streamable(state: &State, session: Option<&str>, message: &Value, illness: &Illness) -> Response<Sent> {
    let method = message["method"].as_str().unwrap_or_default();
    let is_modern = !message["params"]["_meta"].is_null();
    if message.get("id").is_some() && is_modern != (state.speaks == Era::Modern) {
        let error = json!({ "code": -32000, "message": "Bad Request: Server not initialized" });
        return whole(400, &json!({ "jsonrpc": "2.0", "error": error, "id": null }));
    }
    if matches!(illness, Illness::Buffers) {
        return head(200, "text/event-stream").body(stream(None)).unwrap();
    }
    if state.speaks == Era::Modern {
        return whole(200, &result(message, illness));
    }
    if method == "initialize" {
        let id = format!("session-{}", state.next.fetch_add(1, Ordering::SeqCst));
        if !matches!(illness, Illness::Forgets) {
            state.sessions.lock().unwrap().insert(id.clone(), None);
        }
        let event = format!("event: message\ndata: {}\n\n", result(message, illness));
        return head(200, "text/event-stream")
            .header("mcp-session-id", id)
            .body(stream(Some(event)))
            .unwrap();
    }
    if !session.is_some_and(|id| state.sessions.lock().unwrap().contains_key(id)) {
        let error = json!({ "code": -32001, "message": "Session not found" });
        return whole(404, &json!({ "jsonrpc": "2.0", "error": error }));
    }
    if message.get("id").is_none() {
        return Response::builder().status(202).body(empty()).unwrap();
    }
    whole(200, &result(message, illness))
}

/// The answer to a request.
fn result(message: &Value, illness: &Illness) -> Value {
    let error = |code: i64, text: &str| json!({ "jsonrpc": "2.0", "id": message["id"], "error": { "code": code, "message": text } });
    let method = message["method"].as_str().unwrap_or_default();
    if let Illness::Error(code, text) = illness {
        return error(*code, text);
    }
    if matches!(illness, Illness::NoPing) && method == "ping" {
        return error(-32601, "Method not found");
    }
    let info = json!({ "name": "patient", "version": "1.2" });
    let capabilities = json!({ "tools": {} });
    let cursor = &message["params"]["cursor"];
    let result = match method {
        "server/discover" => json!({
            "supportedVersions": ["2026-07-28"], "capabilities": capabilities,
            "_meta": { "io.modelcontextprotocol/serverInfo": info },
        }),
        "initialize" => {
            json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info })
        }
        "ping" => json!({}),
        "tools/list" if matches!(illness, Illness::NoTools) => json!({ "tools": [] }),
        "tools/list" if cursor.is_null() => json!({ "tools": [{ "name": "echo" }], "nextCursor": "more" }),
        "tools/list" => json!({ "tools": [{ "name": "add" }] }),
        "tools/call" if matches!(illness, Illness::ToolFails) => {
            json!({ "content": [{ "type": "text", "text": "the disk is full" }], "isError": true })
        }
        "tools/call" => {
            let said = message["params"]["arguments"]["message"].as_str().unwrap_or_default();
            json!({ "content": [{ "type": "text", "text": format!("you said {said}") }] })
        }
        _ => return error(-32601, "Method not found"),
    };
    json!({ "jsonrpc": "2.0", "id": message["id"], "result": result })
}
