//! The answer's body on its way down, and what lives as long as it does.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::activity::Busy;
use super::inbound::{Inbound, InboundError};
use super::overhead::Overhead;
use super::tap::{Tap, end_to_end};
use crate::guard::bulkhead::Place;
use crate::guard::limits::StreamPermit;
use crate::observe::{self, Cutter};
use crate::rewrite::endpoint::EndpointBody;
use crate::rewrite::oauth::ChallengeBody;

/// Why an answer broke off after its head was sent: the client's stream is broken, never ended cleanly.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseBodyError {
    #[error("the server broke off its answer")]
    Broken(#[source] InboundError),
    #[error("the call took longer than its limit")]
    CallTimeout,
}

/// Why a body ends before its sender ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// `call_timeout` passed: the stream breaks.
    CallTimeout,
    /// The process ends: the stream ends in an orderly way, the client may come back to another replica.
    Shutdown,
}

/// Resolves when a body has to end. Only bodies that may have to carry one.
pub(super) type UntilCut = Pin<Box<dyn Future<Output = Cut> + Send>>;

/// What is sent to a client.
pub(super) struct ResponseBody {
    content: Content,
    until: Option<(UntilCut, Cutter)>,
    /// `None` where a body in this one keeps it.
    kept: Option<Kept>,
}

/// What is given back when the body is over, read or not.
pub(super) struct Kept {
    busy: Busy,
    _stream: Option<StreamPermit>,
    _place: Option<Place>,
    overhead: Option<Overhead>,
}

impl Kept {
    /// The exchange, its place among the open streams where it is one, and among those of its server where it has one.
    pub(super) fn new(
        busy: Busy,
        stream: Option<StreamPermit>,
        place: Option<Place>,
        overhead: Option<Overhead>,
    ) -> Self {
        Self { busy, _stream: stream, _place: place, overhead }
    }

    /// The body passed to its end; what is still to be written of it is timed.
    fn over(&mut self) {
        if let Some(overhead) = self.overhead.take() {
            self.busy.hand(overhead);
        }
    }
}

enum Content {
    /// The proxy's own words.
    Own(Full<Bytes>),
    /// The server's bytes.
    Passed(Tap<Inbound>),
    /// The server's event stream, its `endpoint` events naming this proxy.
    Endpoint(Pin<Box<EndpointBody<Tap<Inbound>>>>),
    /// The server's body, the challenges in its results naming this proxy.
    Challenges(Pin<Box<ChallengeBody<ResponseBody>>>),
    /// What was read of a body ahead, and the rest of it.
    Held(Box<Held>),
    /// It was cut.
    Over,
}

/// What was read of a body before its head was sent on.
struct Held {
    data: Option<Bytes>,
    /// How it went on: trailers or the error.
    then: Option<Result<Frame<Bytes>, ResponseBodyError>>,
    rest: ResponseBody,
    is_over: bool,
}

impl Held {
    fn next(&mut self) -> Option<Result<Frame<Bytes>, ResponseBodyError>> {
        self.data.take().map(|data| Ok(Frame::data(data))).or_else(|| self.then.take())
    }

    fn is_given(&self) -> bool {
        self.data.is_none() && self.then.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.data.as_ref().map_or(0, Bytes::len) as u64;
        match self.rest.size_hint().exact() {
            _ if self.is_over => SizeHint::with_exact(held),
            Some(rest) => SizeHint::with_exact(held + rest),
            None => SizeHint::default(),
        }
    }
}

impl ResponseBody {
    /// The proxy's own answer.
    pub(super) fn own(data: Bytes, busy: Busy) -> Self {
        Self::new(Content::Own(Full::new(data)), Kept::new(busy, None, None, None))
    }

    /// The server's body as it comes.
    pub(super) fn passed(body: Tap<Inbound>, kept: Kept) -> Self {
        Self::new(Content::Passed(body), kept)
    }

    /// The server's event stream with its `endpoint` events rewritten.
    pub(super) fn endpoint(body: EndpointBody<Tap<Inbound>>, kept: Kept) -> Self {
        Self::new(Content::Endpoint(Box::pin(body)), kept)
    }

    /// The same body, the challenges in its results naming this proxy.
    pub(super) fn challenges(wrap: impl FnOnce(Self) -> ChallengeBody<Self>, body: Self) -> Self {
        Self { content: Content::Challenges(Box::pin(wrap(body))), until: None, kept: None }
    }

    /// Reads it up to its end, at most so many bytes. `change` may make another content of all of it, and is not asked
    /// where it is longer, or broke off; what comes then is this body as it was.
    pub(super) async fn held(mut self, most: usize, change: impl FnOnce(&Bytes) -> Option<Bytes>) -> Self {
        let mut read: Vec<Bytes> = Vec::new();
        let mut then = None;
        let is_over = loop {
            match std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
                None => break true,
                Some(frame) => match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => read.push(data),
                    Ok(Err(trailers)) => {
                        then = Some(Ok(trailers));
                        break true;
                    }
                    Err(error) => {
                        then = Some(Err(error));
                        break false;
                    }
                },
            }
            if read.iter().map(Bytes::len).sum::<usize>() > most {
                break false;
            }
        };
        let whole = match <[Bytes; 1]>::try_from(read) {
            Ok([only]) => only,
            Err(read) => read.concat().into(),
        };
        let changed = if is_over { change(&whole) } else { None };
        let data = Some(changed.unwrap_or(whole)).filter(|data| !data.is_empty());
        let is_over = is_over || then.is_some();
        let held = Box::new(Held { data, then, rest: self, is_over });
        Self { content: Content::Held(held), until: None, kept: None }
    }

    fn new(content: Content, kept: Kept) -> Self {
        let mut body = Self { content, until: None, kept: Some(kept) };
        if body.is_end_stream() {
            body.over();
        }
        body
    }

    /// The same, ended when `until` says so; the observer hears why.
    pub(super) fn ended_by(mut self, until: Option<(UntilCut, Cutter)>) -> Self {
        self.until = until;
        self
    }

    fn over(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.over();
        }
    }

    fn cut(&mut self, context: &mut Context<'_>) -> Option<Cut> {
        let (until, cutter) = self.until.take()?;
        let mut until = until;
        let Poll::Ready(cut) = until.as_mut().poll(context) else {
            self.until = Some((until, cutter));
            return None;
        };
        cutter.cut(match cut {
            Cut::CallTimeout => observe::Cut::Timeout,
            Cut::Shutdown => observe::Cut::Shutdown,
        });
        self.content = Content::Over;
        Some(cut)
    }

    fn poll_content(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        match &mut self.content {
            Content::Own(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Content::Passed(body) => Pin::new(body).poll_frame(context).map(passed),
            Content::Endpoint(body) => body.as_mut().poll_frame(context).map(passed),
            Content::Challenges(body) => body.as_mut().poll_frame(context),
            Content::Held(held) => match held.next() {
                Some(frame) => Poll::Ready(Some(frame)),
                None if held.is_over => Poll::Ready(None),
                None => Pin::new(&mut held.rest).poll_frame(context),
            },
            Content::Over => Poll::Ready(None),
        }
    }
}

fn passed(
    frame: Option<Result<Frame<Bytes>, InboundError>>,
) -> Option<Result<Frame<Bytes>, ResponseBodyError>> {
    Some(frame?.map(end_to_end).map_err(ResponseBodyError::Broken))
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        match this.cut(context) {
            Some(Cut::CallTimeout) => return Poll::Ready(Some(Err(ResponseBodyError::CallTimeout))),
            Some(Cut::Shutdown) => return Poll::Ready(None),
            None => {}
        }
        let frame = ready!(this.poll_content(context));
        // hyper does not poll a body that says it is over.
        if frame.is_none() || this.is_end_stream() {
            this.over();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Own(body) => body.is_end_stream(),
            Content::Passed(body) => body.is_end_stream(),
            Content::Endpoint(body) => body.is_end_stream(),
            Content::Challenges(body) => body.is_end_stream(),
            Content::Held(held) => held.is_given() && (held.is_over || held.rest.is_end_stream()),
            Content::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Own(body) => body.size_hint(),
            Content::Passed(body) => body.size_hint(),
            Content::Endpoint(body) => body.size_hint(),
            Content::Challenges(body) => body.size_hint(),
            Content::Held(held) => held.size_hint(),
            Content::Over => SizeHint::with_exact(0),
        }
    }
}
