//! Servers behind the proxy.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::{Feed, Sent, fed, within};

/// A server whose every request a test answers itself; HTTP/1.1 and HTTP/2 with prior knowledge.
pub(crate) struct Upstream {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    calls: mpsc::Receiver<Call>,
}

/// A request that waits for its answer.
pub(crate) struct Call {
    /// Its head.
    pub(crate) head: request::Parts,
    /// Its body, as it comes.
    pub(crate) body: Incoming,
    answer: oneshot::Sender<Response<Sent>>,
}

impl Call {
    /// Answers.
    pub(crate) fn answer(self, response: Response<Sent>) {
        assert!(self.answer.send(response).is_ok(), "nobody waits for the answer");
    }

    /// Answers 200 with an event stream that the test feeds.
    pub(crate) fn events(self) -> Feed {
        let (feed, body) = fed();
        self.answer(Response::builder().header("content-type", "text/event-stream").body(body).unwrap());
        feed
    }

    /// All of the body.
    pub(crate) async fn read(&mut self) -> Bytes {
        within((&mut self.body).collect()).await.unwrap().to_bytes()
    }

    /// Waits until nobody waits for the answer any more.
    pub(crate) async fn aborted(&mut self) {
        within(self.answer.closed()).await;
    }
}

impl Upstream {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, calls) = mpsc::channel(64);
        tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _peer)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                connections.spawn(serve(stream, sender.clone()));
            }
        });
        Self { address, calls }
    }

    /// Starts a server that answers every request with this JSON.
    pub(crate) async fn json(text: &'static str) -> Self {
        let mut started = Self::start().await;
        let (_unused, nothing) = mpsc::channel(1);
        let mut calls = std::mem::replace(&mut started.calls, nothing);
        tokio::spawn(async move {
            while let Some(mut call) = calls.recv().await {
                call.read().await;
                let response = Response::builder().header("content-type", "application/json");
                call.answer(response.body(super::full(text)).unwrap());
            }
        });
        started
    }

    /// The next request.
    pub(crate) async fn call(&mut self) -> Call {
        within(self.calls.recv()).await.unwrap()
    }

    /// Whether no request has come.
    pub(crate) fn is_untouched(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

async fn serve(stream: tokio::net::TcpStream, calls: mpsc::Sender<Call>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let calls = calls.clone();
        async move {
            let (head, body) = request.into_parts();
            let (answer, answered) = oneshot::channel();
            let _test_over = calls.send(Call { head, body, answer }).await;
            match answered.await {
                Ok(response) => Ok::<_, Infallible>(response),
                // The test dropped the call: say nothing until the client goes.
                Err(_dropped) => std::future::pending().await,
            }
        }
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().preserve_header_case(true).half_close(false).auto_date_header(false);
    server.http2().auto_date_header(false);
    let _broken = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}
