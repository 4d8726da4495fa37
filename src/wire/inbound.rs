//! A body as it comes from either peer, in either version.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::{ClientBody, Malformed, ServerBody};

/// What comes from a client or a server.
pub(super) enum Inbound {
    /// All of it came along with the head; `None` once it was taken, or where there is none.
    Whole(Option<Bytes>),
    /// The rest is on a client's connection.
    Client(ClientBody),
    /// The rest is on a server's connection, which it holds.
    Server(ServerBody),
    /// A stream of an HTTP/2 connection.
    Http2(Incoming),
}

/// Why a body did not reach its end: its sender's side.
#[derive(Debug, thiserror::Error)]
pub(super) enum InboundError {
    #[error("the connection broke")]
    Broken(#[source] std::io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    Http2(#[from] hyper::Error),
}

impl Inbound {
    /// No bytes.
    pub(super) fn empty() -> Self {
        Self::Whole(None)
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = InboundError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, InboundError>>> {
        match self.get_mut() {
            Self::Whole(data) => Poll::Ready(data.take().map(|data| Ok(Frame::data(data)))),
            Self::Client(body) => body.poll_frame(context),
            Self::Server(body) => body.poll_frame(context),
            Self::Http2(body) => {
                Pin::new(body).poll_frame(context).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(data) => data.is_none(),
            Self::Client(body) => body.is_over(),
            Self::Server(body) => body.is_over(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let left = match self {
            Self::Whole(data) => Some(data.as_ref().map_or(0, |data| data.len() as u64)),
            Self::Client(body) => body.left(),
            Self::Server(body) => body.left(),
            Self::Http2(body) => return body.size_hint(),
        };
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
