//! The legacy SSE transport's `endpoint` event names this proxy (`rewrite.endpoint`; 2024-11-05, `protocol.md` §2.1).
//!
//! # Why
//!
//! Clients resolve the endpoint against the URL of the stream and refuse another origin; one of the official ones
//! refuses any full URL. So it is published as path and query alone, which all of them resolve to this proxy.
//! A rewrite changes the length, so an answer of known length is left alone: a legacy stream stays open for the
//! session's answers and cannot have one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::event::Rewriter;
use super::mount::Mount;
use super::reference;

/// Whether an answer can be a legacy event stream whose endpoint must be rewritten: `200` to a GET, of type
/// `text/event-stream`, neither encoded nor of known length.
pub fn applies(method: &Method, head: &response::Parts) -> bool {
    *method == Method::GET
        && head.status == StatusCode::OK
        && is_event_stream(&head.headers)
        && !head.headers.contains_key(CONTENT_LENGTH)
        && is_plain(&head.headers)
}

/// Whether an answer is such a stream, but of a content coding: it passes as it is.
pub fn is_encoded(method: &Method, head: &response::Parts) -> bool {
    *method == Method::GET
        && head.status == StatusCode::OK
        && is_event_stream(&head.headers)
        && !is_plain(&head.headers)
}

pin_project! {
    /// An event stream whose `endpoint` events name this proxy. All other bytes pass as they are and at once, frames
    /// by reference; of an event that may be an endpoint at most 16 KiB are held until its blank line. Over a body
    /// whose `size_hint` is exact it changes nothing.
    #[derive(Debug)]
    pub struct EndpointBody<B: Body> {
        #[pin]
        inner: B,
        rewriter: Option<Rewriter>,
        mount: Arc<Mount>,
        request_path: String,
        public_origin: String,
        out: VecDeque<Bytes>,
        // What comes after `out`: trailers or the error.
        then: Option<Result<Frame<Bytes>, B::Error>>,
        ended: bool,
    }
}

impl<B: Body<Data = Bytes>> EndpointBody<B> {
    /// `request_path` is the path and query the server was asked for, `public_origin` what the client dialled
    /// ([`super::forwarded::public_origin`]).
    pub fn new(inner: B, mount: Arc<Mount>, request_path: &str, public_origin: &str) -> Self {
        let rewriter = inner.size_hint().exact().is_none().then(Rewriter::default);
        Self {
            inner,
            rewriter,
            mount,
            request_path: request_path.to_owned(),
            public_origin: public_origin.to_owned(),
            out: VecDeque::new(),
            then: None,
            ended: false,
        }
    }

    /// Whether what comes out may be longer or shorter than what goes in.
    pub fn may_change_length(&self) -> bool {
        self.rewriter.is_some()
    }
}

impl<B: Body<Data = Bytes>> Body for EndpointBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(rewriter) = this.rewriter else { return this.inner.poll_frame(context) };
        loop {
            if let Some(data) = this.out.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            if let Some(then) = this.then.take() {
                return Poll::Ready(Some(then));
            }
            if *this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.inner.as_mut().poll_frame(context)).map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => {
                    let publish =
                        |value: &str| published(value, this.mount, this.request_path, this.public_origin);
                    rewriter.feed(&data, publish, this.out);
                }
                Some(Ok(Err(frame))) => {
                    rewriter.finish(this.out);
                    *this.then = Some(Ok(frame));
                }
                Some(Err(error)) => {
                    rewriter.finish(this.out);
                    *this.then = Some(Err(error));
                }
                None => {
                    rewriter.finish(this.out);
                    *this.ended = true;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let nothing_left = self.out.is_empty() && self.then.is_none();
        let nothing_held = !self.rewriter.as_ref().is_some_and(Rewriter::is_holding);
        nothing_left && (self.ended || (nothing_held && self.inner.is_end_stream()))
    }

    fn size_hint(&self) -> SizeHint {
        if self.may_change_length() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

/// The endpoint as clients must read it; `None` when it is right as it is.
fn published(value: &str, mount: &Mount, request_path: &str, public_origin: &str) -> Option<String> {
    let mapped = reference::map(value, mount, request_path, public_origin)?;
    // Two slashes would begin a host.
    let unclear = mapped.path_and_query.starts_with("//");
    (!unclear).then(|| mapped.path_and_query + mapped.fragment)
}

fn is_event_stream(fields: &HeaderMap) -> bool {
    let essence = fields.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    essence.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
}

fn is_plain(fields: &HeaderMap) -> bool {
    fields.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}
