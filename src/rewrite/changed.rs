//! A body that is changed as it passes: what all who change one have in common.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// What changes the bytes of a body.
pub trait Change {
    /// The next bytes. What is to go on is pushed; the rest is held.
    fn feed(&mut self, data: Bytes, out: &mut VecDeque<Bytes>);

    /// No bytes come any more: what is held goes on.
    fn finish(&mut self, out: &mut VecDeque<Bytes>);

    /// Whether anything is held.
    fn is_holding(&self) -> bool;

    /// Whether what comes out may be longer or shorter than what goes in.
    fn may_change_length(&self) -> bool;
}

pin_project! {
    /// A body whose bytes pass through `C`, and everything else as it is.
    #[derive(Debug)]
    pub struct ChangedBody<B: Body, C> {
        #[pin]
        pub(super) inner: B,
        change: C,
        out: VecDeque<Bytes>,
        // What comes after `out`: trailers or the error.
        then: Option<Result<Frame<Bytes>, B::Error>>,
        ended: bool,
    }
}

impl<B: Body<Data = Bytes>, C: Change> ChangedBody<B, C> {
    pub(super) fn with(inner: B, change: C) -> Self {
        Self { inner, change, out: VecDeque::new(), then: None, ended: false }
    }

    /// Whether what comes out may be longer or shorter than what goes in.
    pub fn may_change_length(&self) -> bool {
        self.change.may_change_length()
    }
}

impl<B: Body<Data = Bytes>, C: Change> Body for ChangedBody<B, C> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
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
                Some(Ok(Ok(data))) => this.change.feed(data, this.out),
                Some(Ok(Err(frame))) => {
                    this.change.finish(this.out);
                    *this.then = Some(Ok(frame));
                }
                Some(Err(error)) => {
                    this.change.finish(this.out);
                    *this.then = Some(Err(error));
                }
                None => {
                    this.change.finish(this.out);
                    *this.ended = true;
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let nothing_left = self.out.is_empty() && self.then.is_none();
        nothing_left && (self.ended || (!self.change.is_holding() && self.inner.is_end_stream()))
    }

    fn size_hint(&self) -> SizeHint {
        if self.may_change_length() { SizeHint::default() } else { self.inner.size_hint() }
    }
}
