//! Bodies that a test writes frame by frame.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use tokio::sync::mpsc;

/// Why a fed body broke off.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl std::fmt::Display for BrokenOff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("broken off by the test")
    }
}

impl std::error::Error for BrokenOff {}

/// Any body that a test sends.
pub(crate) type Sent = BoxBody<Bytes, BrokenOff>;

/// No body.
pub(crate) fn empty() -> Sent {
    Empty::new().map_err(|never: Infallible| match never {}).boxed()
}

/// All of a body at once.
pub(crate) fn full(data: impl Into<Bytes>) -> Sent {
    Full::new(data.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// A body of unknown length, and what feeds it.
pub(crate) fn fed() -> (Feed, Sent) {
    let (sender, receiver) = mpsc::channel(1);
    (Feed(sender), Fed(receiver).boxed())
}

/// Feeds a body. Dropping it ends the body.
pub(crate) struct Feed(mpsc::Sender<Result<Frame<Bytes>, BrokenOff>>);

impl Feed {
    /// One data frame; waits until the last one was taken.
    pub(crate) async fn data(&self, data: impl Into<Bytes>) {
        super::within(self.0.send(Ok(Frame::data(data.into())))).await.unwrap();
    }

    /// The trailers.
    pub(crate) async fn trailers(&self, trailers: HeaderMap) {
        super::within(self.0.send(Ok(Frame::trailers(trailers)))).await.unwrap();
    }

    /// Breaks the body off.
    pub(crate) async fn break_off(self) {
        super::within(self.0.send(Err(BrokenOff))).await.unwrap();
    }

    /// Waits until the reader has gone.
    pub(crate) async fn aborted(&self) {
        super::within(self.0.closed()).await;
    }
}

struct Fed(mpsc::Receiver<Result<Frame<Bytes>, BrokenOff>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        self.0.poll_recv(context)
    }
}
