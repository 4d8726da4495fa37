//! When bytes last moved on a connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The instants of a connection's last read and last write that moved bytes. Written by the connection's I/O, read by
/// whoever asks; each is exact by itself, the two are not a pair.
#[derive(Debug)]
pub struct Stamps {
    origin: Instant,
    /// Nanoseconds after `origin`; 0 = never.
    read: AtomicU64,
    written: AtomicU64,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { origin: Instant::now(), read: AtomicU64::new(0), written: AtomicU64::new(0) }
    }
}

impl Stamps {
    /// When the connection was made.
    pub fn origin(&self) -> Instant {
        self.origin
    }

    /// When bytes were last read.
    pub fn last_read(&self) -> Option<Instant> {
        self.at(&self.read)
    }

    /// When bytes were last written.
    pub fn last_write(&self) -> Option<Instant> {
        self.at(&self.written)
    }

    /// Bytes were read now.
    pub fn note_read(&self) {
        self.read.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Bytes were written now.
    pub fn note_write(&self) {
        self.written.store(self.elapsed(), Ordering::Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn at(&self, stamp: &AtomicU64) -> Option<Instant> {
        let nanoseconds = stamp.load(Ordering::Relaxed);
        (nanoseconds > 0).then(|| self.origin + Duration::from_nanos(nanoseconds))
    }
}
