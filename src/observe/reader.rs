//! One body, read from a copy: undo the encoding, then JSON or events, frame by frame, in constant memory.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::decode::Decoder;
use super::said::Written;
use crate::mcp::{EventReader, Media, Scanner, Shown, Unreadable, Wanted};

/// What a body that is written so holds.
pub(super) fn media(written: Written<'_>) -> Media {
    Media::of(written.media.map(http::HeaderValue::as_bytes))
}

/// The memory of all observation together (`limits.observe_bytes`).
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    /// A share of it, given back when dropped; `None` where there is not so much.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Option<Reserved> {
        self.left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes))
            .ok()
            .map(|_| Reserved { budget: Arc::clone(self), bytes })
    }

    /// What is free, in bytes.
    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Acquire)
    }
}

/// A share of the budget.
#[derive(Debug)]
pub(super) struct Reserved {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reserved {
    /// Both shares as one.
    fn and(mut self, other: Option<Self>) -> Self {
        if let Some(mut other) = other {
            self.bytes += std::mem::take(&mut other.bytes);
        }
        self
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::AcqRel);
    }
}

/// Reads one body.
pub(super) struct Reader {
    decoder: Option<Box<Decoder>>,
    syntax: Syntax,
    /// Said once, whatever follows.
    broken: Option<Unreadable>,
    wanted: Wanted,
    /// For the payload being kept.
    kept: Option<Reserved>,
    reserved: Reserved,
}

enum Syntax {
    Json(Lent),
    Events(Box<EventReader>),
}

/// A scanner that is given back when dropped, for another body to be read with.
///
/// # Why
/// It is large, and a short body is read in less time than it takes to make one.
struct Lent(Option<Box<Scanner>>);

/// So many scanners may wait for a body, on each thread.
const SPARE_MAX: usize = 32;

thread_local! {
    #[expect(clippy::vec_box, reason = "they move, and are large")]
    static SPARE: Cell<Vec<Box<Scanner>>> = const { Cell::new(Vec::new()) };
}

impl Lent {
    fn new() -> Self {
        let spare = SPARE.try_with(|spare| {
            let mut scanners = spare.take();
            let scanner = scanners.pop();
            spare.set(scanners);
            scanner
        });
        Self(Some(spare.ok().flatten().unwrap_or_default()))
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut scanner) = self.0.take() else { return };
        scanner.forget();
        // At the end of a thread there is nobody to give it to.
        let _ = SPARE.try_with(|spare| {
            let mut scanners = spare.take();
            if scanners.len() < SPARE_MAX {
                scanners.push(scanner);
            }
            spare.set(scanners);
        });
    }
}

/// Why a body is not read.
pub(super) enum NotRead {
    /// Its media type holds no messages.
    OtherMedia,
    /// Its encoding is unknown.
    Encoding,
    /// There was no memory for it.
    NoRoom,
}

/// About what a scanner holds, in bytes.
const SYNTAX_WEIGHT: usize = 4096;

impl Reader {
    /// A reader for a body that is written so.
    pub(super) fn new(
        media: Media,
        written: Written<'_>,
        decoded_max: u64,
        budget: &Arc<Budget>,
    ) -> Result<Self, NotRead> {
        let syntax = match media {
            Media::Json => Syntax::Json(Lent::new()),
            Media::EventStream => Syntax::Events(Box::default()),
            Media::Other => return Err(NotRead::OtherMedia),
        };
        let decoder = decoder(written, decoded_max)?;
        let weight = SYNTAX_WEIGHT + decoder.as_ref().map_or(0, |decoder| decoder.weight);
        let reserved = budget.take(weight).ok_or(NotRead::NoRoom)?;
        Ok(Self { decoder, syntax, broken: None, wanted: Wanted::default(), kept: None, reserved })
    }

    /// Keeps payloads from now on as `wanted`, or no longer.
    #[inline]
    pub(super) fn capture(&mut self, wanted: Wanted) {
        if self.wanted != wanted {
            self.wanted = wanted;
            self.syntax.capture(wanted);
        }
    }

    /// Tells also these members of `params._meta`.
    pub(super) fn tell(&mut self, members: &Arc<[Box<str>]>) {
        if let Syntax::Json(Lent(Some(scanner))) = &mut self.syntax {
            scanner.tell(members);
        }
    }

    /// Shows what a frame holds. False where there was no memory for a payload, which is then kept no longer.
    pub(super) fn feed(&mut self, data: &Bytes, sink: &mut dyn FnMut(Shown<'_>)) -> bool {
        if self.broken.is_none() {
            self.read(data, sink);
        }
        self.wanted.is_nothing() || self.has_room()
    }

    fn read(&mut self, data: &Bytes, sink: &mut dyn FnMut(Shown<'_>)) {
        let syntax = &mut self.syntax;
        match &mut self.decoder {
            None => syntax.feed(data, sink),
            Some(decoder) => {
                if !decoder.feed(data, &mut |bytes| syntax.feed(bytes, sink)) && !decoder.is_spent() {
                    self.broken = Some(Unreadable::UnknownEncoding);
                }
            }
        }
    }

    /// Takes as much of the budget as payloads take of memory.
    fn has_room(&mut self) -> bool {
        let held = self.syntax.held();
        let reserved = self.kept.as_ref().map_or(0, |kept| kept.bytes);
        if held == 0 {
            self.kept = None;
        } else if held > reserved {
            let Some(more) = self.reserved.budget.take(held - reserved) else {
                self.capture(Wanted::default());
                self.syntax.forget();
                self.kept = None;
                return false;
            };
            self.kept = Some(more.and(self.kept.take()));
        }
        true
    }

    /// Whether it unpacked to more than is looked at.
    pub(super) fn gave_up(&self) -> bool {
        self.decoder.as_ref().is_some_and(|decoder| decoder.is_spent())
    }

    /// The body ended: what could not be read of it.
    pub(super) fn finish(&mut self) -> Option<Unreadable> {
        self.broken.take().or_else(|| match &mut self.syntax {
            Syntax::Json(Lent(scanner)) => scanner.as_mut().and_then(|scanner| scanner.finish()),
            Syntax::Events(events) => events.finish(),
        })
    }
}

impl Syntax {
    fn capture(&mut self, wanted: Wanted) {
        match self {
            Self::Json(Lent(scanner)) => scanner.iter_mut().for_each(|scanner| scanner.capture(wanted)),
            Self::Events(events) => events.capture(wanted),
        }
    }

    /// Bytes of payloads held just now.
    fn held(&self) -> usize {
        match self {
            Self::Json(Lent(scanner)) => scanner.as_ref().map_or(0, |scanner| scanner.held()),
            Self::Events(events) => events.held(),
        }
    }

    /// What was begun of a payload does not end.
    fn forget(&mut self) {
        match self {
            Self::Json(Lent(scanner)) => scanner.iter_mut().for_each(|scanner| scanner.let_go()),
            Self::Events(events) => events.let_go(),
        }
    }

    fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Shown<'_>)) {
        match self {
            Self::Json(Lent(scanner)) => {
                if let Some(scanner) = scanner {
                    scanner.read(bytes, &mut |message| sink(Shown::Message(message)));
                }
            }
            Self::Events(events) => events.read(bytes, sink),
        }
    }
}

fn decoder(written: Written<'_>, decoded_max: u64) -> Result<Option<Box<Decoder>>, NotRead> {
    let Some(encoding) = written.encoding else { return Ok(None) };
    if written.has_more_encodings {
        return Err(NotRead::Encoding);
    }
    let encoding = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    if encoding.is_empty() || encoding == "identity" {
        return Ok(None);
    }
    let decoder = Decoder::new(&encoding, decoded_max).ok_or(NotRead::Encoding)?;
    Ok(Some(Box::new(decoder)))
}
