//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::mount::Mount;

pin_project_lite::pin_project! {
    pub struct EndpointBody<B> {
        #[pin]
        inner: B,
    }
}

impl<B> EndpointBody<B> {
    pub fn new(inner: B, _mount: Arc<Mount>, _get_path: &str, _public_origin: &str) -> Self {
        Self { inner }
    }
}

impl<B: Body<Data = Bytes>> Body for EndpointBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.project().inner.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
