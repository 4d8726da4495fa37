//! A client that speaks one HTTP version over one connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Sent, within};

/// One connection to a proxy.
pub(crate) struct Client {
    sender: Sender,
    address: SocketAddr,
    driver: tokio::task::JoinHandle<()>,
    tasks: Tasks,
}

/// What an HTTP/2 connection runs beside its driver; the socket is theirs.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.lock().unwrap().spawn(async move { drop(future.await) });
    }
}

enum Sender {
    Http1(http1::SendRequest<Sent>),
    Http2(http2::SendRequest<Sent>),
}

impl Client {
    /// Connects in plain text.
    pub(crate) async fn connect(address: SocketAddr, version: Version) -> Self {
        let stream = within(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream, address, version).await
    }

    /// Speaks over a connection that is already made.
    pub(crate) async fn over<S>(stream: S, address: SocketAddr, version: Version) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let io = TokioIo::new(stream);
        let tasks = Tasks::default();
        if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(tasks.clone(), io).await.unwrap();
            let driver = tokio::spawn(async move { drop(connection.await) });
            return Self { sender: Sender::Http2(sender), address, driver, tasks };
        }
        let (sender, connection) = http1::handshake(io).await.unwrap();
        let driver = tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Self { sender: Sender::Http1(sender), address, driver, tasks }
    }

    /// Sends a request whose target is a path; waits for the head of the answer.
    pub(crate) async fn send(&mut self, request: Request<Sent>) -> Response<Incoming> {
        within(self.start(request)).await.unwrap()
    }

    /// As [`Client::send`], to be polled, dropped or failed at will.
    pub(crate) fn start(
        &mut self,
        mut request: Request<Sent>,
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + 'static {
        let sent: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = match &mut self.sender {
            Sender::Http1(sender) => {
                if !request.headers().contains_key("host") {
                    request.headers_mut().insert("host", self.address.to_string().parse().unwrap());
                }
                Box::pin(sender.send_request(request))
            }
            Sender::Http2(sender) => {
                let path = request.uri().path_and_query().unwrap().clone();
                let uri = format!("http://{}{path}", self.address);
                *request.uri_mut() = uri.parse().unwrap();
                Box::pin(sender.send_request(request))
            }
        };
        sent
    }

    /// Closes the connection without a word.
    pub(crate) fn vanish(self) {
        self.driver.abort();
        self.tasks.0.lock().unwrap().abort_all();
    }

    /// Waits until the connection is closed.
    pub(crate) async fn closed(&mut self) {
        within(&mut self.driver).await.unwrap();
    }
}

/// All of a body.
pub(crate) async fn collect(response: Response<Incoming>) -> Bytes {
    within(response.into_body().collect()).await.unwrap().to_bytes()
}

/// The next data frame that holds bytes (HTTP/2 ends with an empty one); `None` at the clean end, an error where the
/// stream broke.
pub(crate) async fn next(body: &mut Incoming) -> Option<hyper::Result<Bytes>> {
    loop {
        match within(body.frame()).await {
            None => return None,
            Some(Err(error)) => return Some(Err(error)),
            Some(Ok(frame)) => {
                if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                    return Some(Ok(data));
                }
            }
        }
    }
}
