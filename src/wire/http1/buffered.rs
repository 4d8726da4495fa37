//! A connection's bytes, waiting to be understood or to be written.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What is read at once where nobody knows how much will come.
const SCRATCH: usize = 16 * 1024;
/// From so many known bytes on they are read to where they stay.
const LARGE: usize = SCRATCH;
/// What is read at once of a large body.
const LARGE_READ: usize = 128 * 1024;
/// Frames up to this size are copied behind the head or the frame before, into one write.
const SMALL: usize = 4 * 1024;
/// What may wait to be written before more is asked for.
const HIGH_WATER: usize = 256 * 1024;
/// Pieces that may wait to be written, however small: each takes more memory than its bytes.
const PIECES: usize = 1024;
/// Slices of one write.
const SLICES: usize = 16;

thread_local! {
    /// Where small reads go first, so that a connection on which nothing comes holds no buffer.
    static ARRIVED: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// A connection with what was read of it and not yet used, and what is to be written to it. Holds no memory for bytes
/// while there are none.
#[derive(Debug)]
pub(in crate::wire) struct Buffered<S> {
    stream: S,
    input: BytesMut,
    output: Output,
    /// The stream may hold back what was written to it, as TLS does.
    is_unflushed: bool,
}

/// Bytes on their way out, in order: `flat` first.
#[derive(Debug, Default)]
struct Output {
    flat: Vec<u8>,
    /// How much of `flat` was written.
    written: usize,
    queue: VecDeque<Bytes>,
    queued: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Buffered<S> {
    pub(in crate::wire) fn new(stream: S) -> Self {
        Self { stream, input: BytesMut::new(), output: Output::default(), is_unflushed: false }
    }

    /// What was read and not yet used.
    pub(super) fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Reads more into [`Buffered::input`]; how much, 0 = the other side has ended. `wanted` is how many bytes are
    /// known to come, 0 = unknown.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        if wanted >= LARGE {
            return self.poll_fill_large(context, wanted);
        }
        ARRIVED.with_borrow_mut(|arrived| {
            let mut buffer = ReadBuf::new(arrived);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            self.input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    fn poll_fill_large(&mut self, context: &mut Context<'_>, wanted: usize) -> Poll<io::Result<usize>> {
        self.input.reserve(wanted.min(LARGE_READ));
        let polled = pin!(self.stream.read_buf(&mut self.input)).poll(context);
        if self.input.is_empty() {
            self.release();
        }
        polled
    }

    /// Gives back what holds no bytes any more.
    pub(super) fn release(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Where a head may be written to, before anything else of its message.
    pub(super) fn head(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.output.queue.is_empty(), "a head goes before its body");
        &mut self.output.flat
    }

    /// Adds bytes to be written: by reference where they are many.
    pub(super) fn push(&mut self, data: Bytes) {
        self.output.push(data);
    }

    /// Adds a few bytes to be written.
    pub(super) fn push_slice(&mut self, data: &[u8]) {
        self.output.push_slice(data);
    }

    /// Whether so much waits to be written that no more should be asked for.
    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= HIGH_WATER || self.output.queue.len() >= PIECES
    }

    /// Whether nothing waits to be written.
    pub(super) fn is_flushed(&self) -> bool {
        self.output.is_empty() && !self.is_unflushed
    }

    /// Writes what waits.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        while !self.output.is_empty() {
            let written = ready!(self.output.poll_write(&mut self.stream, context))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            self.is_unflushed = true;
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.is_unflushed = false;
        Poll::Ready(Ok(()))
    }

    /// What another connection was to write.
    pub(super) fn take_output(&mut self, other: Self) {
        self.output = other.output;
    }

    /// Forgets what was to be written.
    pub(super) fn drop_output(&mut self) {
        self.output = Output::default();
        self.is_unflushed = false;
    }

    /// Ends our side.
    pub(super) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Output {
    fn len(&self) -> usize {
        self.flat.len() - self.written + self.queued
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, data: Bytes) {
        if data.len() <= SMALL && self.queue.is_empty() {
            return self.flat.extend_from_slice(&data);
        }
        if !data.is_empty() {
            self.queued += data.len();
            self.queue.push_back(data);
        }
    }

    fn push_slice(&mut self, data: &[u8]) {
        if self.queue.is_empty() {
            self.flat.extend_from_slice(data);
        } else {
            self.queued += data.len();
            self.queue.push_back(Bytes::copy_from_slice(data));
        }
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let flat = self.flat.get(self.written..).unwrap_or_default();
        if self.queue.is_empty() {
            return Pin::new(stream).poll_write(context, flat);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let waiting =
            (!flat.is_empty()).then_some(flat).into_iter().chain(self.queue.iter().map(|data| &**data));
        let mut count = 0;
        for (slice, data) in slices.iter_mut().zip(waiting) {
            *slice = IoSlice::new(data);
            count += 1;
        }
        Pin::new(stream).poll_write_vectored(context, slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, mut written: usize) {
        let flat = (self.flat.len() - self.written).min(written);
        self.written += flat;
        if self.written == self.flat.len() {
            self.flat = Vec::new();
            self.written = 0;
        } else if self.written >= SMALL.max(self.flat.len() - self.written) {
            // A reader that never catches up would have all that was ever written kept. Moves less than was written.
            self.flat.drain(..self.written);
            self.written = 0;
        }
        written -= flat;
        self.queued -= written;
        while written > 0 {
            let Some(front) = self.queue.front_mut() else { return };
            if front.len() > written {
                return front.advance(written);
            }
            written -= front.len();
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > SLICES {
            self.queue = VecDeque::new();
        }
    }
}

/// As a plain connection: what was read ahead comes first.
impl<S: AsyncRead + Unpin> AsyncRead for Buffered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.input.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let ahead = this.input.split_to(this.input.len().min(buffer.remaining()));
        buffer.put_slice(&ahead);
        Poll::Ready(Ok(()))
    }
}

/// As a plain connection; nothing may wait to be written.
impl<S: AsyncWrite + Unpin> AsyncWrite for Buffered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes so many bytes, then none until it is asked again; what was taken is held back until it is flushed twice.
    #[derive(Default)]
    struct Slow {
        takes: usize,
        is_tired: bool,
        flushes: usize,
        taken: Vec<u8>,
    }

    impl AsyncRead for Slow {
        fn poll_read(
            self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            _buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            data: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_tired = !self.is_tired;
            if !self.is_tired {
                return Poll::Pending;
            }
            let taken = data.get(..self.takes).unwrap_or(data);
            self.taken.extend_from_slice(taken);
            Poll::Ready(Ok(taken.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            if self.flushes.is_multiple_of(2) { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn slow(takes: usize) -> Buffered<Slow> {
        Buffered::new(Slow { takes, ..Slow::default() })
    }

    #[test]
    fn a_reader_that_never_catches_up_holds_only_what_it_has_not_read() {
        let mut context = Context::from_waker(Waker::noop());
        let mut io = slow(1000);
        io.push_slice(&vec![b'x'; 20_000]);
        for _ in 0..1000 {
            io.push_slice(&[b'x'; 1000]);
            assert!(io.poll_flush(&mut context).is_pending());
        }
        assert!(io.output.len() >= 19_000);
        assert!(io.output.flat.capacity() < 200_000, "{} bytes are held", io.output.flat.capacity());
    }

    #[test]
    fn bytes_keep_their_order_however_they_are_taken() {
        let mut context = Context::from_waker(Waker::noop());
        for takes in [1, 7, 4096, 5000, 100_000] {
            let mut io = slow(takes);
            let mut expected = Vec::new();
            for (number, size) in (0_u8..).zip([10, 5000, 3, 4096, 4097, 0, 1, 70_000]) {
                let data = vec![number; size];
                expected.extend_from_slice(&data);
                if number % 2 == 0 {
                    io.push(data.into());
                } else {
                    io.push_slice(&data);
                }
                let _part = io.poll_flush(&mut context);
            }
            while io.poll_flush(&mut context).is_pending() {}
            assert!(io.stream.taken == expected, "taken in pieces of {takes}");
        }
    }

    #[test]
    fn what_a_stream_holds_back_is_flushed_until_it_says_so() {
        let mut context = Context::from_waker(Waker::noop());
        let mut io = slow(100);
        io.push_slice(b"hello");
        assert!(io.poll_flush(&mut context).is_pending());
        assert_eq!(io.stream.taken, b"hello");
        assert!(!io.is_flushed(), "the stream has not said so");
        assert!(io.poll_flush(&mut context).is_ready());
        assert!(io.is_flushed());
        assert!(io.poll_flush(&mut context).is_ready());
        assert_eq!(io.stream.flushes, 2, "there is nothing to flush any more");
    }

    #[test]
    fn thousands_of_tiny_pieces_are_as_much_as_many_bytes() {
        let mut io = slow(100);
        io.push(vec![b'x'; 2 * SMALL].into());
        for _ in 1..PIECES {
            assert!(!io.is_full());
            io.push_slice(b"x");
        }
        assert!(io.is_full());
    }
}
