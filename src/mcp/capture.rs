//! Payloads kept as they are written, for whoever is asked to log them: of each its beginning.

use super::message::Captured;
use super::slot::Slot;

/// Which payloads are to be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `params.arguments`.
    pub arguments: bool,
    /// `result`.
    pub results: bool,
    /// Bytes of each.
    pub bytes_max: usize,
}

impl Wanted {
    /// Whether nothing is.
    pub fn is_nothing(self) -> bool {
        !self.arguments && !self.results
    }
}

/// Gathers the bytes of one payload at a time.
#[derive(Debug)]
pub(super) struct Capture {
    wanted: Wanted,
    /// What is being kept, and how many containers stand around it.
    open: Option<(Slot, usize)>,
    bytes: Vec<u8>,
    cut: bool,
}

impl Capture {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, open: None, bytes: Vec::new(), cut: false }
    }

    pub(super) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// What was begun does not end.
    pub(super) fn forget(&mut self) {
        self.open = None;
        self.bytes.clear();
    }

    /// A value begins in `slot`, inside so many containers.
    pub(super) fn begin(&mut self, slot: Slot, depth: usize) {
        let wanted = (slot == Slot::Arguments && self.wanted.arguments)
            || (slot == Slot::Result && self.wanted.results);
        if wanted && self.open.is_none() {
            self.open = Some((slot, depth));
            self.bytes.clear();
            self.cut = false;
        }
    }

    /// The next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.open.is_some() && !self.cut {
            let room = self.wanted.bytes_max.saturating_sub(self.bytes.len());
            self.cut = bytes.len() > room;
            self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// A value ended inside so many containers: the payload, if it was that.
    pub(super) fn end(&mut self, depth: usize) -> Option<(Slot, Captured)> {
        let (slot, _) = self.open.take_if(|(_, begun)| *begun == depth)?;
        Some((slot, Captured { bytes: std::mem::take(&mut self.bytes).into(), cut: self.cut }))
    }
}
