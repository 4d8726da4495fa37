//! A body in memory that comes in pieces.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A body in pieces.
pub(crate) struct Pieces {
    pieces: VecDeque<Bytes>,
    length: Option<u64>,
}

impl Pieces {
    /// `body` in pieces that end at `cuts`, each taken modulo its length; the length is told where it `is_fixed`.
    pub(crate) fn of(body: &[u8], cuts: &[usize], is_fixed: bool) -> Self {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| Bytes::copy_from_slice(&body[pair[0]..pair[1]])).collect();
        Self { pieces, length: is_fixed.then_some(body.len() as u64) }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// All of a body that never waits.
pub(crate) fn read_at_once(body: &mut (impl Body<Data = Bytes, Error = Infallible> + Unpin)) -> Vec<u8> {
    let mut read = Vec::new();
    while let Poll::Ready(Some(Ok(frame))) =
        Pin::new(&mut *body).poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        read.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    read
}
