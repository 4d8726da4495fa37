//! Payloads kept as they are written, for whoever needs more of them than the scanner tells: of each its beginning.

use std::ops::Range;

use bytes::Bytes;

use super::message::{Captured, shared};
use super::slot::Slot;

/// Which payloads are to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each payload is wanted or not")]
pub struct Wanted {
    /// All of `params`.
    pub params: bool,
    /// `params.arguments`.
    pub arguments: bool,
    /// `result`.
    pub results: bool,
    /// `result.structuredContent`.
    pub structured: bool,
    /// Bytes of each.
    pub bytes_max: usize,
}

impl Wanted {
    /// Whether nothing is.
    pub fn is_nothing(self) -> bool {
        !self.params && !self.arguments && !self.results && !self.structured
    }

    /// What either of two asks for.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            params: self.params || other.params,
            arguments: self.arguments || other.arguments,
            results: self.results || other.results,
            structured: self.structured || other.structured,
            bytes_max: self.bytes_max.max(other.bytes_max),
        }
    }
}

/// A payload, and where it stood.
pub(super) type Kept = (Slot, Captured);

/// Gathers the bytes of one payload at a time.
#[derive(Debug, Default)]
pub(super) struct Capture {
    wanted: Wanted,
    /// What is being kept, and how many containers stand around it.
    open: Option<(Slot, usize)>,
    /// Where in it a part stands that is wanted for itself, and how many containers stand around that.
    part: Option<(Range<usize>, usize)>,
    bytes: Vec<u8>,
    /// Bytes of it so far, kept or not.
    seen: usize,
}

impl Capture {
    pub(super) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// What was begun does not end.
    pub(super) fn forget(&mut self) {
        self.open = None;
        self.bytes = Vec::new();
    }

    /// How many bytes it holds just now.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether a payload is being kept.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A value begins in `slot`, inside so many containers, `pending` bytes of the open payload from here not pushed.
    /// True where it is a payload to be kept from here on.
    pub(super) fn begin(&mut self, slot: Slot, depth: usize, pending: usize) -> bool {
        let wanted = (slot == Slot::Params && self.wanted.params)
            || (slot == Slot::Arguments && self.wanted.arguments)
            || (slot == Slot::Result && self.wanted.results)
            || (slot == Slot::Structured && self.wanted.structured);
        if self.open.is_some() {
            if wanted {
                let at = self.seen + pending;
                self.part = Some((at..at, depth));
            }
            return false;
        }
        if wanted {
            self.open = Some((slot, depth));
            self.part = None;
            self.bytes.clear();
            self.seen = 0;
        }
        wanted
    }

    /// The next bytes of the payload.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.wanted.bytes_max.saturating_sub(self.bytes.len());
        self.seen += bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// A value ended inside so many containers: whether it is the payload. `pending` as above.
    pub(super) fn ends(&mut self, depth: usize, pending: usize) -> bool {
        if let Some((range, begun)) = &mut self.part
            && *begun == depth
            && range.end == range.start
        {
            range.end = self.seen + pending;
        }
        self.open.is_some_and(|(_, begun)| begun == depth)
    }

    /// The payload that ends with these bytes; also the part of it that is wanted for itself, where there is one.
    pub(super) fn end(&mut self, last: &[u8]) -> Option<(Kept, Option<Kept>)> {
        let (slot, _) = self.open.take()?;
        let bytes = if self.seen == 0 {
            // It came in one piece, as most do.
            self.seen = last.len();
            Bytes::copy_from_slice(&last[..last.len().min(self.wanted.bytes_max)])
        } else {
            self.push(last);
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.shrink_to_fit();
            Bytes::from(bytes)
        };
        let part = self.part.take().map(|(range, _)| {
            let end = range.end.min(bytes.len());
            let of = if slot == Slot::Params { Slot::Arguments } else { Slot::Structured };
            let bytes = shared(&bytes, range.start.min(end)..end);
            (of, Captured { bytes, cut: end < range.end })
        });
        let cut = bytes.len() < self.seen;
        Some(((slot, Captured { bytes, cut }), part))
    }
}
