//! A string of which only the beginning is kept.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// Keyed anew in every process, so that nobody outside can choose two strings that collide.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A string as its sender meant it (escapes resolved), of which at most the first [`Text::CAP`] bytes are kept, cut
/// at a character's boundary. Two texts are equal when the whole strings were, kept or not: beyond the cap a keyed
/// hash of all the bytes and their number stand for them.
///
/// What is not UTF-8, and surrogates without their other half, read as U+FFFD.
///
/// # Why
/// Most of what is kept is short: a method, a tool's name, an id, a version. Such a text stands in place, so that a call
/// that is observed asks for no memory of its own for each.
#[derive(Clone)]
pub struct Text(Kept);

#[derive(Clone)]
enum Kept {
    /// All of a short text: so many of these bytes, which are UTF-8.
    Here(u8, [u8; HERE_MAX]),
    /// All of a longer one.
    Whole(Box<str>),
    /// The beginning of one that is longer still.
    Cut(Box<Cut>),
}

/// So long a text needs no memory of its own: a [`Text`] is then no bigger than a `Vec`.
const HERE_MAX: usize = 22;

#[derive(Clone)]
struct Cut {
    head: Box<str>,
    length: u64,
    hash: u64,
}

impl Text {
    /// How many bytes are kept, unless said otherwise where the text stands.
    pub const CAP: usize = 512;

    /// `text`, cut where it is longer than [`Text::CAP`] bytes.
    pub fn new(text: &str) -> Self {
        Self::from(text.as_bytes())
    }

    /// What was kept.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kept::Here(length, bytes) => bytes
                .get(..usize::from(*length))
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .unwrap_or_default(),
            Kept::Whole(text) => text,
            Kept::Cut(cut) => &cut.head,
        }
    }

    /// Whether there was more than was kept.
    pub fn is_cut(&self) -> bool {
        matches!(self.0, Kept::Cut(_))
    }

    /// The length of the whole string, in bytes.
    pub fn length(&self) -> u64 {
        match &self.0 {
            Kept::Here(length, _) => u64::from(*length),
            Kept::Whole(text) => text.len() as u64,
            Kept::Cut(cut) => cut.length,
        }
    }

    /// A hash of the whole string; the same for equal strings within one process, never across processes.
    pub fn hash(&self) -> u64 {
        match &self.0 {
            Kept::Here(..) | Kept::Whole(_) => hash(self.as_bytes()),
            Kept::Cut(cut) => cut.hash,
        }
    }

    /// The same text as the beginning of a longer one that was not read on: of that neither length nor hash is known.
    pub(super) fn and_more(self) -> Self {
        let (length, hash) = (self.length() + 1, self.hash());
        let head = match self.0 {
            Kept::Cut(cut) => cut.head,
            Kept::Whole(head) => head,
            Kept::Here(..) => self.as_str().into(),
        };
        Self(Kept::Cut(Box::new(Cut { head, length, hash })))
    }

    fn whole(bytes: &[u8]) -> Self {
        let length = bytes.len();
        if length <= HERE_MAX && (bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()) {
            let mut here = [0; HERE_MAX];
            here[..length].copy_from_slice(bytes);
            #[expect(clippy::cast_possible_truncation, reason = "at most HERE_MAX")]
            return Self(Kept::Here(length as u8, here));
        }
        Self(Kept::Whole(readable(bytes)))
    }

    /// The same as its bytes, which are UTF-8: cheaper than to have that checked again.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Kept::Here(length, bytes) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Kept::Whole(text) => text.as_bytes(),
            Kept::Cut(cut) => cut.head.as_bytes(),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        if !self.is_cut() && !other.is_cut() {
            return self.as_bytes() == other.as_bytes();
        }
        self.length() == other.length() && self.hash() == other.hash()
    }
}

impl Eq for Text {}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.length());
        state.write_u64(Self::hash(self));
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        !self.is_cut() && self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)?;
        if self.is_cut() { write!(f, "…({} bytes)", self.length()) } else { Ok(()) }
    }
}

/// Takes a string piece by piece and keeps its beginning.
#[derive(Debug, Default)]
pub(super) struct Gather {
    head: Vec<u8>,
    cap: usize,
    length: u64,
    /// Running over all the bytes, once they are more than the cap.
    hasher: Option<DefaultHasher>,
}

impl Gather {
    /// Begins a string of which `cap` bytes are to be kept.
    pub(super) fn start(&mut self, cap: usize) {
        self.head.clear();
        self.cap = cap;
        self.length = 0;
        self.hasher = None;
    }

    /// The next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = self.cap - self.head.len();
        if self.hasher.is_none() && bytes.len() <= room {
            self.head.extend_from_slice(bytes);
            return;
        }
        let (kept, beyond) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(kept);
        self.hasher
            .get_or_insert_with(|| {
                let mut hasher = KEYS.build_hasher();
                hasher.write(&self.head);
                hasher
            })
            .write(beyond);
    }

    /// All of the string, if it was not longer than the cap.
    pub(super) fn all(&self) -> Option<&[u8]> {
        self.hasher.is_none().then_some(&*self.head)
    }

    /// The string.
    pub(super) fn text(&self) -> Text {
        let Some(hasher) = &self.hasher else { return Text::whole(&self.head) };
        let kept = self.head.len() - broken_tail(&self.head);
        let head = readable(&self.head[..kept]);
        Text(Kept::Cut(Box::new(Cut { head, length: self.length, hash: hasher.finish() })))
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() <= Self::CAP {
            return Self::whole(bytes);
        }
        let mut gather = Gather::default();
        gather.start(Self::CAP);
        gather.push(bytes);
        gather.text()
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = KEYS.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

fn readable(bytes: &[u8]) -> Box<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes).into(),
    }
}

/// How many bytes at the end are the beginning of a character whose rest was cut off.
pub(super) fn broken_tail(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let byte = bytes[bytes.len() - back];
        let needed = match byte {
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x80..=0xBF => continue,
            0..=0x7F => 1,
        };
        return if needed > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(text: &str, piece: usize) -> Text {
        let mut gather = Gather::default();
        gather.start(Text::CAP);
        text.as_bytes().chunks(piece).for_each(|bytes| gather.push(bytes));
        gather.text()
    }

    #[test]
    fn a_long_text_is_cut_at_a_character_and_still_knows_what_it_was() {
        let long = format!("{}éé", "a".repeat(Text::CAP - 1));
        let text = Text::new(&long);
        assert!(text.is_cut());
        assert_eq!(text.as_str(), "a".repeat(Text::CAP - 1));
        assert_eq!(text.length(), Text::CAP as u64 + 3);
        assert_eq!(text, Text::new(&long));
        assert_ne!(text, Text::new(&format!("{}éè", "a".repeat(Text::CAP - 1))));
        assert_ne!(text, Text::new(text.as_str()));
        assert_ne!(text, *text.as_str());
    }

    #[test]
    fn a_hash_does_not_depend_on_how_the_text_came() {
        let long = "0123456789é".repeat(100);
        for piece in [1, 2, 3, 7, 64, 511, 512, 513, 5000] {
            let text = in_pieces(&long, piece);
            assert_eq!((text.hash(), text.length()), (Text::new(&long).hash(), 1200));
            assert_eq!(text.hash(), hash(long.as_bytes()));
        }
        assert_eq!(in_pieces("short", 2).hash(), Text::new("short").hash());
    }

    #[test]
    fn equal_texts_are_equal_whatever_was_kept_of_them() {
        let long = "x".repeat(Text::CAP + 1);
        let mut gather = Gather::default();
        gather.start(8192);
        gather.push(long.as_bytes());
        let kept = gather.text();
        assert!(!kept.is_cut());
        assert_eq!(kept, Text::new(&long));
        assert_eq!(KEYS.hash_one(&kept), KEYS.hash_one(Text::new(&long)));
    }

    #[test]
    fn what_is_not_utf_8_is_replaced() {
        assert_eq!(Text::from(&b"a\xFFb"[..]), "a\u{FFFD}b");
        assert_eq!(Text::from(&b"a\xC3"[..]), "a\u{FFFD}");
    }

    #[test]
    fn debug_says_how_much_is_missing() {
        assert_eq!(format!("{:?}", Text::new("a\"b")), r#""a\"b""#);
        assert!(format!("{:?}", Text::new(&"a".repeat(600))).ends_with("a\"…(600 bytes)"));
    }
}
