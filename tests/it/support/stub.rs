//! An MCP server for load and faults: what it does stands in the name of the tool that is called.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A body fed from elsewhere; `Err` breaks it.
pub(crate) struct Fed(mpsc::Receiver<Result<Bytes, std::io::Error>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(|data| data.map(Frame::data)))
    }
}

type Feed = mpsc::Sender<Result<Bytes, std::io::Error>>;

/// The streams of HTTP+SSE sessions, by the id in their endpoint's URL.
#[derive(Default)]
struct Streams {
    next: AtomicU64,
    open: Mutex<std::collections::HashMap<String, Feed>>,
}

/// Starts the server on the current runtime.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let streams = Arc::new(Streams::default());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let streams = Arc::clone(&streams);
            let service = service_fn(move |request| {
                let streams = Arc::clone(&streams);
                async move { Ok::<_, Infallible>(answer(request, &streams).await) }
            });
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A broken connection is what some tools are for.
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}

async fn answer(request: Request<Incoming>, streams: &Streams) -> Response<Fed> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    if request.method() == Method::GET {
        return legacy_stream(streams).await;
    }
    let body =
        request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(session) = path.strip_prefix("/messages?session=") {
        let feed = streams.open.lock().expect("a lock").get(session).cloned();
        if let Some(feed) = feed {
            let _ = feed.send(Ok(event(&result(&message["id"], "ok")))).await;
        }
        return whole(StatusCode::ACCEPTED, "text/plain", "Accepted");
    }
    perform(&message).await
}

async fn legacy_stream(streams: &Streams) -> Response<Fed> {
    let session = streams.next.fetch_add(1, Ordering::Relaxed).to_string();
    let (feed, body) = mpsc::channel(64);
    let endpoint = format!("event: endpoint\ndata: /messages?session={session}\n\n");
    let _ = feed.send(Ok(Bytes::from(endpoint))).await;
    streams.open.lock().expect("a lock").insert(session, feed);
    with(StatusCode::OK, "text/event-stream", body)
}

async fn perform(message: &Value) -> Response<Fed> {
    let (id, tool) = (&message["id"], message["params"]["name"].as_str().unwrap_or_default());
    let (kind, streamed) = match tool.strip_prefix("sse_") {
        Some(kind) => (kind, true),
        None => (tool, false),
    };
    match kind {
        "http_error" => whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "oops"),
        "junk" => whole(StatusCode::OK, "application/json", "<html>"),
        "accepted" => whole(StatusCode::ACCEPTED, "text/plain", ""),
        "challenge" => whole(StatusCode::UNAUTHORIZED, "text/plain", "no"),
        "not_found" => {
            whole(StatusCode::NOT_FOUND, "application/json", &result(id, "jsonrpc_error").to_string())
        }
        "huge" => huge(id),
        "slow" => {
            tokio::time::sleep(SLOW).await;
            whole(StatusCode::OK, "application/json", &result(id, "ok").to_string())
        }
        "reset" | "silent" | "hang" | "ended" => faulty(kind).await,
        _ if streamed => {
            let (feed, body) = mpsc::channel(4);
            let note =
                json!({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}});
            let _ = feed.send(Ok(event(&note))).await;
            let _ = feed.send(Ok(event(&result(id, kind)))).await;
            with(StatusCode::OK, "text/event-stream", body)
        }
        _ => whole(StatusCode::OK, "application/json", &result(id, kind).to_string()),
    }
}

/// How long the tool `slow` takes.
pub(crate) const SLOW: std::time::Duration = std::time::Duration::from_millis(120);

/// How long the text of the tool `huge` is.
pub(crate) const HUGE: usize = 200 << 20;

/// A result of 200 MB whose `isError` and `id` come last.
fn huge(id: &Value) -> Response<Fed> {
    let (feed, body) = mpsc::channel(4);
    let end = format!(r#""}}],"isError":true}},"jsonrpc":"2.0","id":{id}}}"#);
    tokio::spawn(async move {
        let start = Bytes::from_static(br#"{"result":{"content":[{"type":"text","text":""#);
        let chunk = Bytes::from(vec![b'x'; 64 << 10]);
        let _ = feed.send(Ok(start)).await;
        for _ in 0..HUGE / chunk.len() {
            let _ = feed.send(Ok(chunk.clone())).await;
        }
        let _ = feed.send(Ok(Bytes::from(end))).await;
    });
    with(StatusCode::OK, "application/json", body)
}

async fn faulty(kind: &str) -> Response<Fed> {
    let (feed, body) = mpsc::channel(4);
    match kind {
        "reset" => {
            let _ = feed.send(Ok(Bytes::from_static(b"{\"jsonrpc\":"))).await;
            let _ = feed.send(Err(std::io::Error::other("cut"))).await;
            with(StatusCode::OK, "application/json", body)
        }
        "ended" => {
            let _ = feed.send(Ok(Bytes::from_static(b": bye\n\n"))).await;
            with(StatusCode::OK, "text/event-stream", body)
        }
        "silent" => {
            let _ = feed.send(Ok(Bytes::from_static(b": hello\n\n"))).await;
            // Kept open until its client goes.
            tokio::spawn(async move { feed.closed().await });
            with(StatusCode::OK, "text/event-stream", body)
        }
        _ => std::future::pending().await,
    }
}

fn result(id: &Value, kind: &str) -> Value {
    match kind {
        "tool_error" => json!({"result":{"content":[],"isError":true},"jsonrpc":"2.0","id":id}),
        "jsonrpc_error" => json!({"jsonrpc":"2.0","id":id,"error":{"code":-32601,"message":"no"}}),
        "input_required" => {
            json!({"jsonrpc":"2.0","id":id,"result":{"resultType":"input_required","inputRequests":{}}})
        }
        "task" => {
            json!({"jsonrpc":"2.0","id":id,"result":{"resultType":"task","taskId":"t","status":"working"}})
        }
        _ => json!({"result":{"content":[{"type":"text","text":"done"}]},"jsonrpc":"2.0","id":id}),
    }
}

fn event(message: &Value) -> Bytes {
    Bytes::from(format!("event: message\ndata: {message}\n\n"))
}

fn whole(status: StatusCode, content_type: &str, text: &str) -> Response<Fed> {
    let (feed, body) = mpsc::channel(1);
    // The channel has room for the one frame there is.
    let _ = feed.try_send(Ok(Bytes::copy_from_slice(text.as_bytes())));
    with(status, content_type, body)
}

fn with(
    status: StatusCode,
    content_type: &str,
    fed: mpsc::Receiver<Result<Bytes, std::io::Error>>,
) -> Response<Fed> {
    let builder = Response::builder().status(status).header("content-type", content_type);
    builder.body(Fed(fed)).expect("a response")
}
