//! The request's body on its way up: what was held back for a reply's id and the trace context first, then the rest as
//! it comes.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

use super::activity::Activity;
use super::inbound::{Inbound, InboundError};
use super::tap::{Tap, end_to_end};

/// Why a request body did not reach its end: always the client's side.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestBodyError {
    #[error("the client broke off its request")]
    Broken(#[source] InboundError),
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the request body is not as long as its head declares")]
    WrongLength,
}

/// A request body, limited in size and shown to the tap.
pub(super) struct RequestBody {
    held: Held,
    rest: Tap<Inbound>,
    /// Bytes that may still come, and the limit they are counted against.
    allowed: Option<(u64, u64)>,
    ended: bool,
    /// Who wants to know that the client has sent all of it.
    told: Option<Arc<AtomicBool>>,
    activity: Arc<Activity>,
}

impl RequestBody {
    /// The body of a request, allowed `limit` bytes. The connection hears when it is dropped before its end.
    pub(super) fn new(rest: Tap<Inbound>, limit: Option<u64>, activity: &Arc<Activity>) -> Self {
        let allowed = limit.map(|limit| (limit, limit));
        let activity = Arc::clone(activity);
        Self { held: Held::default(), rest, allowed, ended: false, told: None, activity }
    }

    /// Waits for the end of the body or for `cap` bytes of it, whichever is first. Given up on before, it goes on with
    /// what came.
    pub(super) async fn hold(&mut self, cap: usize) -> Result<(), RequestBodyError> {
        while self.held.bytes() < cap && !self.ended && !self.rest.is_end_stream() {
            let Some(frame) = std::future::poll_fn(|context| self.poll_rest(context)).await else { break };
            match frame?.into_data() {
                Ok(data) => self.held.push(data),
                Err(trailers) => self.held.trailers = Some(trailers),
            }
        }
        Ok(())
    }

    /// Holds what has come by now; whether that is all that [`RequestBody::hold`] would wait for.
    pub(super) fn hold_what_is_there(&mut self, cap: usize) -> Result<bool, RequestBodyError> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(self.hold(cap)).poll(&mut context) {
            Poll::Ready(held) => held.map(|()| true),
            Poll::Pending => Ok(false),
        }
    }

    /// What was held, to be looked at.
    pub(super) fn held(&mut self) -> Bytes {
        self.held.all().clone()
    }

    /// Whether all of it is held. What trailers might vouch for is not: nobody shall change it.
    pub(super) fn is_held_whole(&self) -> bool {
        (self.ended || self.rest.is_end_stream()) && self.held.trailers.is_none()
    }

    /// Sets `told` as soon as the client has sent all of it.
    pub(super) fn tell_end(&mut self, told: Arc<AtomicBool>) {
        self.told = Some(told);
        self.tell(self.ended || self.rest.is_end_stream());
    }

    fn tell(&self, is_sent: bool) {
        if let Some(told) = self.told.as_ref().filter(|_| is_sent) {
            told.store(true, Ordering::Relaxed);
        }
    }

    /// Sends `data` on in the place of what was held.
    pub(super) fn replace_held(&mut self, data: Bytes) {
        self.held.gathered.clear();
        self.held.whole = data;
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
        let Some(polled) = polled else {
            self.tell(true);
            return Poll::Ready(None);
        };
        let frame = polled.map_err(RequestBodyError::Broken)?;
        if let (Some((left, limit)), Some(data)) = (&mut self.allowed, frame.data_ref()) {
            let Some(still) = left.checked_sub(data.len() as u64) else {
                self.activity.leave_unread();
                return Poll::Ready(Some(Err(RequestBodyError::TooLarge { limit: *limit })));
            };
            *left = still;
        }
        self.tell(self.ended || self.rest.is_end_stream());
        Poll::Ready(Some(Ok(end_to_end(frame))))
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended && !self.rest.is_end_stream() {
            self.activity.leave_unread();
        }
    }
}

/// What was held back, gathered: a frame keeps the buffer alive that it was read into, and a client that sends single
/// bytes, or empty frames, would have thousands of them kept.
#[derive(Default)]
struct Held {
    /// The only frame so far, not copied; or all that was gathered.
    whole: Bytes,
    gathered: BytesMut,
    trailers: Option<Frame<Bytes>>,
}

impl Held {
    fn push(&mut self, data: Bytes) {
        if self.bytes() == 0 {
            self.whole = data;
            return;
        }
        if data.is_empty() {
            return;
        }
        self.gathered.extend_from_slice(&std::mem::take(&mut self.whole));
        self.gathered.extend_from_slice(&data);
    }

    fn bytes(&self) -> usize {
        self.whole.len() + self.gathered.len()
    }

    fn is_empty(&self) -> bool {
        self.bytes() == 0 && self.trailers.is_none()
    }

    fn all(&mut self) -> &Bytes {
        if !self.gathered.is_empty() {
            self.whole = std::mem::take(&mut self.gathered).freeze();
        }
        &self.whole
    }

    /// The next frame of it.
    fn take(&mut self) -> Option<Frame<Bytes>> {
        if self.bytes() == 0 {
            return self.trailers.take();
        }
        self.all();
        Some(Frame::data(std::mem::take(&mut self.whole)))
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
        match this.held.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => this.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && (self.ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = if self.ended { SizeHint::with_exact(0) } else { self.rest.size_hint() };
        let held = self.held.bytes() as u64;
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}
