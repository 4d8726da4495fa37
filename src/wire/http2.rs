//! One server's HTTP/2 connection, on which all calls to it are streams.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::http1::Answer;
use super::inbound::Inbound;
use super::request_body::RequestBody;
use super::upstream::SendError;
use crate::config::Limits;
use crate::net::{Connection, Connector, Stamps};

/// What one unread stream may hold of an HTTP/2 connection, and what all of them together may: many slow readers
/// must not stop the others on the same connection.
pub(super) const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// A server that may speak HTTP/2.
pub(super) struct Http2 {
    pub(super) connector: Connector,
    /// It speaks nothing else.
    pub(super) is_only: bool,
    builder: Builder<TokioExecutor>,
    open: Mutex<Option<Sender>>,
    /// It has spoken HTTP/2 before.
    is_known: AtomicBool,
    pub(super) connecting: tokio::sync::Mutex<()>,
}

/// Puts requests on an open connection.
#[derive(Clone)]
pub(super) struct Sender {
    inner: SendRequest<RequestBody>,
    stamps: Arc<Stamps>,
}

impl Http2 {
    pub(super) fn new(connector: Connector, is_only: bool, limits: &Limits) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX));
        Self {
            connector,
            is_only,
            builder,
            open: Mutex::default(),
            is_known: AtomicBool::new(false),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// The connection, where one is open.
    pub(super) fn open(&self) -> Option<Sender> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|sender| sender.inner.is_closed()) {
            *open = None;
        }
        open.clone()
    }

    /// Whether a new connection will be one for all.
    pub(super) fn is_expected(&self) -> bool {
        self.is_only || self.is_known.load(Ordering::Relaxed)
    }

    /// Speaks HTTP/2 on a new connection from now on.
    pub(super) async fn begin(&self, connection: Connection) -> Result<Sender, SendError> {
        let stamps = Arc::clone(connection.stamps());
        let (inner, driven) = self.builder.handshake(TokioIo::new(connection)).await?;
        // Why it ended is told to its streams.
        tokio::spawn(async move { driven.await.unwrap_or_default() });
        let sender = Sender { inner, stamps };
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
        self.is_known.store(true, Ordering::Relaxed);
        Ok(sender)
    }

    /// Sends a request; once more on a new connection where the server had left this one without taking it.
    pub(super) async fn send(
        &self,
        mut sender: Sender,
        request: Request<RequestBody>,
    ) -> Result<Answer, SendError> {
        let response = match sender.inner.try_send_request(request).await {
            Ok(response) => response,
            Err(mut error) => {
                let Some(request) = error.take_message() else { return Err(error.into_error().into()) };
                let _one = self.connecting.lock().await;
                sender = match self.open() {
                    Some(sender) => sender,
                    None => self.begin(self.connector.connect().await?).await?,
                };
                sender.inner.send_request(request).await?
            }
        };
        let (head, body) = response.into_parts();
        Ok(Answer { head, body: Inbound::Http2(body), stamps: sender.stamps, switched: None })
    }
}
