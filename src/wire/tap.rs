//! The tap: a body that is shown as it passes. It sees what was sent, before any rewrite, and changes nothing.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::observe::{End, Watch};
use crate::rewrite::hop;

pin_project_lite::pin_project! {
    /// A body whose data frames and end a [`Watch`] is told, each once, as they pass. Dropped before its end, it
    /// reads as cancelled. Without a watch it is the body itself.
    pub(super) struct Tap<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

impl<B: Body<Data = Bytes>> Tap<B> {
    /// `inner`, shown to `watch`.
    pub(super) fn new(inner: B, watch: Option<Watch>) -> Self {
        let mut tap = Self { inner, watch };
        // hyper never polls a body that says it is over.
        if tap.inner.is_end_stream() {
            end(&mut tap.watch, End::Complete);
        }
        tap
    }
}

impl<B: Body<Data = Bytes>> Body for Tap<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let polled = ready!(this.inner.as_mut().poll_frame(context));
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(watch), Some(data)) = (this.watch.as_mut(), frame.data_ref()) {
                    watch.frame(data);
                }
                if frame.is_trailers() || this.inner.is_end_stream() {
                    end(this.watch, End::Complete);
                }
            }
            Some(Err(_)) => end(this.watch, End::Failed),
            None => end(this.watch, End::Complete),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The frame as the other side may have it: trailers lose what concerns one connection only.
pub(super) fn end_to_end(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(hop::trailers(trailers)),
        Err(data) => data,
    }
}

fn end(watch: &mut Option<Watch>, how: End) {
    if let Some(watch) = watch.take() {
        watch.end(how);
    }
}
