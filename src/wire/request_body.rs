//! The request's body on its way up: what was held back for a reply's id first, then the rest as it comes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::tap::{Tap, end_to_end};

/// Why a request body did not reach its end: always the client's side.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestBodyError {
    #[error("the client broke off its request")]
    Broken(#[source] hyper::Error),
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
}

/// A request body, limited in size and shown to the tap.
pub(super) struct RequestBody {
    held: VecDeque<Frame<Bytes>>,
    held_bytes: u64,
    rest: Tap<Incoming>,
    /// Bytes that may still come, and the limit they are counted against.
    allowed: Option<(u64, u64)>,
    ended: bool,
}

impl RequestBody {
    /// The body of a request, allowed `limit` bytes.
    pub(super) fn new(rest: Tap<Incoming>, limit: Option<u64>) -> Self {
        let allowed = limit.map(|limit| (limit, limit));
        Self { held: VecDeque::new(), held_bytes: 0, rest, allowed, ended: false }
    }

    /// Waits for the end of the body or for `cap` bytes of it, whichever is first, and returns a copy of what came.
    pub(super) async fn hold(&mut self, cap: usize) -> Result<Bytes, RequestBodyError> {
        let cap = u64::try_from(cap).unwrap_or(u64::MAX);
        while self.held_bytes < cap && !self.ended && !self.rest.is_end_stream() {
            match std::future::poll_fn(|context| self.poll_rest(context)).await {
                Some(frame) => {
                    let frame = frame?;
                    self.held_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                    self.held.push_back(frame);
                }
                None => break,
            }
        }
        Ok(self.copy_of_held())
    }

    fn copy_of_held(&self) -> Bytes {
        let mut data = self.held.iter().filter_map(Frame::data_ref);
        match (data.next(), data.next()) {
            (None, _) => Bytes::new(),
            (Some(only), None) => only.clone(),
            (Some(_), Some(_)) => {
                let data: Vec<&[u8]> =
                    self.held.iter().filter_map(Frame::data_ref).map(AsRef::as_ref).collect();
                Bytes::from(data.concat())
            }
        }
    }

    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = ready!(Pin::new(&mut self.rest).poll_frame(context));
        self.ended = !matches!(&polled, Some(Ok(frame)) if frame.is_data());
        let Some(polled) = polled else { return Poll::Ready(None) };
        let frame = polled.map_err(RequestBodyError::Broken)?;
        if let (Some((left, limit)), Some(data)) = (&mut self.allowed, frame.data_ref()) {
            match left.checked_sub(data.len() as u64) {
                Some(still) => *left = still,
                None => return Poll::Ready(Some(Err(RequestBodyError::TooLarge { limit: *limit }))),
            }
        }
        Poll::Ready(Some(Ok(end_to_end(frame))))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let this = self.get_mut();
        match this.held.pop_front() {
            Some(frame) => {
                this.held_bytes -= frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            None => this.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && (self.ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = if self.ended { SizeHint::with_exact(0) } else { self.rest.size_hint() };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(self.held_bytes));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(self.held_bytes));
        }
        hint
    }
}
