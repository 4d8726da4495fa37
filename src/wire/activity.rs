//! What a client connection is doing, so that it can be cut when it does nothing.
//!
//! # Why
//!
//! hyper's own header timer also runs on idle connections and not before the version is known, and it cannot tell a
//! slow head from an idle peer. So the I/O notes when bytes came, exchanges note when they begin and end, and the
//! connection's task asks [`Activity::check`]. Nothing is woken for it: the task looks when its timer fires.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::overhead::Overhead;
use crate::config::Limits;
use crate::net::{Stamps, Stream};

/// How long the rest of a body that nobody wants is still read before its connection is closed.
const LINGER: Duration = Duration::from_secs(2);
/// Reads of one poll while it lingers: others run on this thread, too.
const READS_AT_ONCE: u32 = 16;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// In `Activity::preface`: what came first was not HTTP/2.
const NOT_HTTP2: u8 = u8::MAX;

/// One client connection's doings. Orderings are relaxed: each value is read by itself, and late by a moment is fine.
#[derive(Debug, Default)]
pub(super) struct Activity {
    stamps: Stamps,
    phase: AtomicU8,
    /// When the phase began, in nanoseconds after the stamps' origin.
    since: AtomicU64,
    exchanges: AtomicUsize,
    /// How much of the HTTP/2 preface has come, or [`NOT_HTTP2`].
    preface: AtomicU8,
    ended: AtomicBool,
    /// A request's body was not read to its end.
    unread: AtomicBool,
    /// An answer is over whose last bytes are still to be written.
    is_handing: AtomicBool,
    handing: Mutex<Option<Overhead>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte yet.
    Silent,
    /// A head has begun and has not ended.
    Head,
    /// An exchange is open.
    Busy,
    /// Between exchanges.
    Idle,
}

/// What [`Activity::check`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing is due; look again then.
    At(Instant),
    /// Nothing was said for too long, at the start or between exchanges.
    Idle,
    /// A head takes too long.
    SlowHead,
}

/// How long each phase may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first_byte: Option<Duration>,
    head: Option<Duration>,
    keep_alive: Option<Duration>,
}

impl Patience {
    pub(super) fn new(limits: &Limits) -> Self {
        // Clocks cannot count to every limit that can be written.
        let countable = |limit: Option<Duration>| limit.map(|limit| limit.min(LONGEST));
        Self {
            first_byte: countable(limits.first_byte_timeout),
            head: countable(limits.header_timeout),
            keep_alive: countable(limits.keep_alive),
        }
    }

    fn limit(&self, phase: Phase) -> Option<Duration> {
        match phase {
            Phase::Silent => self.first_byte,
            Phase::Head => self.head,
            Phase::Busy => None,
            Phase::Idle => self.keep_alive,
        }
    }

    /// After how long a phase that began right after a look could be over. A connection with nothing to wait for is
    /// looked at once an hour.
    fn shortest(&self) -> Duration {
        let all = [self.first_byte, self.head, self.keep_alive];
        all.into_iter().flatten().min().unwrap_or(Duration::from_secs(3600))
    }
}

impl Activity {
    /// Whether the connection has lasted in its phase for too long.
    pub(super) fn check(&self, patience: &Patience, now: Instant) -> Check {
        let later = now + patience.shortest();
        let phase = self.phase();
        let Some(limit) = patience.limit(phase) else { return Check::At(later) };
        let began = self.stamps.origin() + Duration::from_nanos(self.since.load(Ordering::Relaxed));
        // An answer may still be on its way to a slow reader when its exchange is over.
        let began =
            if phase == Phase::Idle { began.max(self.stamps.last_write().unwrap_or(began)) } else { began };
        let due = began + limit;
        match phase {
            _ if due > now => Check::At(due.min(later)),
            Phase::Head => Check::SlowHead,
            Phase::Silent | Phase::Idle | Phase::Busy => Check::Idle,
        }
    }

    /// Whether the client closed its side.
    pub(super) fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// A request's body is not going to be read to its end.
    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether a head is under way, or nothing came yet.
    pub(super) fn is_before_call(&self) -> bool {
        matches!(self.phase(), Phase::Silent | Phase::Head)
    }

    /// Whether an exchange is open.
    pub(super) fn is_busy(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) > 0
    }

    /// When bytes last moved.
    pub(super) fn stamps(&self) -> &Stamps {
        &self.stamps
    }

    /// An answer is over; its last bytes are written next.
    pub(super) fn hand(&self, overhead: Overhead) {
        let earlier = self.handing.lock().unwrap_or_else(PoisonError::into_inner).replace(overhead);
        self.is_handing.store(true, Ordering::Relaxed);
        if let Some(earlier) = earlier {
            earlier.end(Instant::now());
        }
    }

    fn note_write(&self) {
        self.stamps.note_write();
        if self.is_handing.load(Ordering::Relaxed) && self.is_handing.swap(false, Ordering::Relaxed) {
            let handed = self.handing.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let (Some(handed), Some(written)) = (handed, self.stamps.last_write()) {
                handed.end(written);
            }
        }
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Silent,
            1 => Phase::Head,
            2 => Phase::Busy,
            _ => Phase::Idle,
        }
    }

    fn enter(&self, phase: Phase) {
        let elapsed = u64::try_from(self.stamps.origin().elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.since.store(elapsed, Ordering::Relaxed);
        let phase = match phase {
            Phase::Silent => 0,
            Phase::Head => 1,
            Phase::Busy => 2,
            Phase::Idle => 3,
        };
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn note_read(&self, data: &[u8]) {
        if data.is_empty() {
            return self.ended.store(true, Ordering::Relaxed);
        }
        self.stamps.note_read();
        let is_http2 = self.match_preface(data);
        match self.phase() {
            // What follows the preface are frames, of which most are no heads: only idleness is judged.
            Phase::Silent | Phase::Head if is_http2 => self.enter(Phase::Idle),
            Phase::Silent => self.enter(Phase::Head),
            Phase::Idle if !is_http2 => self.enter(Phase::Head),
            Phase::Head | Phase::Busy | Phase::Idle => {}
        }
    }

    /// Whether all of the HTTP/2 preface has come.
    fn match_preface(&self, data: &[u8]) -> bool {
        let matched = self.preface.load(Ordering::Relaxed);
        if matched == NOT_HTTP2 {
            return false;
        }
        let rest = PREFACE.get(usize::from(matched)..).unwrap_or_default();
        let seen = rest.len().min(data.len());
        if rest.get(..seen) != data.get(..seen) {
            self.preface.store(NOT_HTTP2, Ordering::Relaxed);
            return false;
        }
        let matched = usize::from(matched) + seen;
        self.preface.store(u8::try_from(matched).unwrap_or(NOT_HTTP2), Ordering::Relaxed);
        matched == PREFACE.len()
    }
}

/// An open exchange. While one lives, the connection is busy.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Busy {
    pub(super) fn new(activity: &Arc<Activity>) -> Self {
        activity.exchanges.fetch_add(1, Ordering::Relaxed);
        activity.enter(Phase::Busy);
        Self(Arc::clone(activity))
    }

    /// The exchange's answer is over; its last bytes are written next.
    pub(super) fn hand(&self, overhead: Overhead) {
        self.0.hand(overhead);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.exchanges.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.enter(Phase::Idle);
        }
    }
}

/// A client connection's bytes, noted as they pass.
#[derive(Debug)]
pub(super) struct Watched {
    inner: Stream,
    activity: Arc<Activity>,
    /// Until when it lingers, once its own side is shut.
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    pub(super) fn new(inner: Stream, activity: Arc<Activity>) -> Self {
        Self { inner, activity, lingering: None }
    }

    /// Reads on without looking, until the client has ended or time is up: a socket closed over unread bytes resets
    /// the connection, and the client would miss the answer, or take its own broken write for it.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let until = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut unwanted = [0; 16 * 1024];
        let mut budget = READS_AT_ONCE;
        loop {
            let mut buffer = ReadBuf::new(&mut unwanted);
            // Whatever ends it, nobody is left to be told.
            match Pin::new(&mut self.inner).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(Ok(()) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
            budget -= 1;
            if budget == 0 {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    fn note_write(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(_)) = polled {
            self.activity.note_write();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            this.activity.note_read(buffer.filled().get(before..).unwrap_or_default());
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write(context, buffer);
        this.note_write(&polled);
        polled
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_write_vectored(context, buffers);
        this.note_write(&polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(context))?;
        }
        if this.activity.unread.load(Ordering::Relaxed) {
            this.poll_linger(context)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn patience() -> Patience {
        Patience { first_byte: Some(SECOND), head: Some(2 * SECOND), keep_alive: Some(3 * SECOND) }
    }

    fn after(activity: &Activity, seconds: u32) -> Check {
        activity.check(&patience(), Instant::now() + seconds * SECOND)
    }

    #[test]
    fn each_phase_has_its_own_limit() {
        let activity = Arc::new(Activity::default());
        assert_eq!(after(&activity, 1), Check::Idle, "silent");
        activity.note_read(b"P");
        assert!(matches!(after(&activity, 1), Check::At(_)));
        assert_eq!(after(&activity, 2), Check::SlowHead);
        let first = Busy::new(&activity);
        let second = Busy::new(&activity);
        drop(first);
        assert!(matches!(after(&activity, 1000), Check::At(_)), "an open exchange has no limit here");
        drop(second);
        assert!(matches!(after(&activity, 2), Check::At(_)));
        assert_eq!(after(&activity, 3), Check::Idle);
    }

    #[test]
    fn frames_after_the_preface_are_no_slow_head() {
        let activity = Activity::default();
        let (start, rest) = PREFACE.split_at(7);
        activity.note_read(start);
        assert_eq!(after(&activity, 2), Check::SlowHead);
        activity.note_read(rest);
        activity.note_read(b"\0\0\0\x04\0\0\0\0\0");
        assert!(matches!(after(&activity, 2), Check::At(_)));
        assert_eq!(after(&activity, 3), Check::Idle);
    }
}
