//! Label values that are learned: a name is known, or it is `_other` (`telemetry.md` §1, rule 3).
//!
//! # Why
//! A client can claim any name; only what the server itself lists, what the configuration lists, or what once
//! succeeded becomes a series. Each set has a cap, so a hostile server cannot grow the page either.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, RwLock};

use super::Redactor;
use super::lock;
use crate::mcp::Text;

/// A label value that may be shown. Its number stands for its text, in every set and as long as the process lives.
///
/// # Why its text is never freed
/// Each call has several, on every thread: to count who holds one text would have all of them write to the same memory.
/// What is kept so are the names that were ever learned, each once, and of those there are at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    number: u32,
    text: &'static str,
}

impl Label {
    /// Nothing is configured or known: `none`.
    pub fn none() -> Self {
        Self { number: NONE, text: "none" }
    }

    /// Not a known name: `_other`.
    pub fn other() -> Self {
        Self { number: OTHER, text: "_other" }
    }

    /// A name that stands in no set.
    pub(super) fn said(name: &str) -> Self {
        match name {
            "none" => Self::none(),
            "_other" => Self::other(),
            _ => kept(name),
        }
    }

    /// The same for the same text.
    pub fn number(self) -> u32 {
        self.number
    }

    /// The label value.
    pub fn as_str(self) -> &'static str {
        self.text
    }

    /// Whether anything was said, rather than `none`.
    pub(crate) fn is_said(self) -> bool {
        self.number != NONE
    }

    /// Whether it stands for a name of its own, now and for the life of the process.
    pub(crate) fn is_learned(self) -> bool {
        self.number > OTHER
    }
}

const NONE: u32 = 0;
const OTHER: u32 = 1;

/// All labels but our own words, by their texts: a name that is learned again, of another server or after a reload, is the
/// same label.
static ALL: Mutex<BTreeMap<&'static str, Label>> = Mutex::new(BTreeMap::new());

/// The label of a text that is none of our own words, kept as long as the process lives.
fn kept(text: &str) -> Label {
    let mut all = lock::lock(&ALL);
    if let Some(known) = all.get(text) {
        return *known;
    }
    let number = u32::try_from(all.len()).map_or(OTHER, |many| many.saturating_add(OTHER + 1));
    let new = Label { number, text: Box::leak(text.into()) };
    all.insert(new.text, new);
    new
}

/// A set of learned names with a cap.
#[derive(Debug)]
pub(crate) struct Labels {
    /// By their bytes: to take what was said for text would have it checked again.
    known: RwLock<HashMap<&'static [u8], Label, foldhash::fast::RandomState>>,
    max: usize,
    redactor: Arc<Redactor>,
}

/// What became of a name that was to be learned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Learned {
    /// It is known, from now on at the latest.
    Known(Label),
    /// There was no room: `_other`.
    Overflow(Label),
}

impl Labels {
    /// An empty set of at most `max` names, in which none that looks like a secret is shown.
    pub(crate) fn new(max: usize, redactor: Arc<Redactor>) -> Self {
        Self { known: RwLock::default(), max, redactor }
    }

    /// The label of a known name, else `_other`.
    pub(crate) fn resolve(&self, name: &Text) -> Label {
        let unknown = || if *name == "none" { Label::none() } else { Label::other() };
        self.known_as(name).unwrap_or_else(unknown)
    }

    /// Whether a name was learned.
    pub(crate) fn knows(&self, name: &Text) -> bool {
        !name.is_cut() && self.known_as(name).is_some()
    }

    /// The label of a name that was learned.
    fn known_as(&self, name: &Text) -> Option<Label> {
        let known = lock::read(&self.known);
        if known.is_empty() {
            return None;
        }
        // Most are written as they are told.
        let as_told = || known.get(readable(name.as_str()).as_bytes());
        known.get(name.as_bytes()).or_else(as_told).copied()
    }

    /// Makes a name known, where there is room.
    pub(crate) fn learn(&self, name: &Text) -> Learned {
        // Let go before anything is learned.
        let known = lock::read(&self.known).get(name.as_bytes()).copied();
        known.map_or_else(|| self.learn_text(name.as_str()), Learned::Known)
    }

    /// The same.
    pub(crate) fn learn_text(&self, written: &str) -> Learned {
        let name = &*readable(written);
        // Our own words, and what Prometheus takes for no label at all.
        match name {
            "none" => return Learned::Known(Label::none()),
            "_other" | "" => return Learned::Known(Label::other()),
            _ => {}
        }
        let seen = lock::read(&self.known);
        if let Some(label) = seen.get(name.as_bytes()) {
            return Learned::Known(*label);
        }
        if seen.len() >= self.max {
            return Learned::Overflow(Label::other());
        }
        drop(seen);
        // As it was written, too: where `_` stands for what parts two words, a secret may look like part of one.
        let is_secret = [written, name].iter().any(|name| matches!(self.redactor.text(name), Cow::Owned(_)));
        let mut known = lock::write(&self.known);
        if let Some(label) = known.get(name.as_bytes()) {
            return Learned::Known(*label);
        }
        if known.len() >= self.max {
            return Learned::Overflow(Label::other());
        }
        let named = kept(name);
        // Remembered all the same, so that it is looked at once.
        let label = if is_secret { Label::other() } else { named };
        known.insert(named.text.as_bytes(), label);
        Learned::Known(label)
    }

    /// How many names are known.
    pub(crate) fn len(&self) -> usize {
        lock::read(&self.known).len()
    }
}

/// The name as a page can hold it and a person can type it: what would have to be escaped is `_`, so that no two
/// names are written alike.
fn readable(name: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c.is_control() || matches!(c, '"' | '\\');
    if name.contains(is_bad) { Cow::Owned(name.replace(is_bad, "_")) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(max: usize) -> Labels {
        Labels::new(max, Arc::new(Redactor::new(&[])))
    }

    #[test]
    fn a_name_that_looks_like_a_secret_is_other() {
        let labels = labels(10);
        let behind_a_break = ["a\ngh", "p_0123456789abcdefghijklmnop"].concat();
        for name in ["somebody@example.com", "https://me:pass@host/", &behind_a_break] {
            for _ in 0..2 {
                assert!(
                    matches!(labels.learn_text(name), Learned::Known(label) if label.as_str() == "_other"),
                    "{name}"
                );
            }
            assert_eq!(labels.resolve(&Text::new(name)).as_str(), "_other");
        }
        assert!(
            matches!(labels.learn_text("reset_password"), Learned::Known(label) if label.as_str() == "reset_password")
        );
    }

    #[test]
    fn names_that_would_have_to_be_escaped_or_are_our_own_words_do_no_harm() {
        let labels = labels(10);
        for (name, shown) in
            [("a\"b", "a_b"), ("a\\b", "a_b"), ("a\nb", "a_b"), ("", "_other"), ("none", "none")]
        {
            assert!(
                matches!(labels.learn_text(name), Learned::Known(label) if label.as_str() == shown),
                "{name:?}"
            );
            assert_eq!(labels.resolve(&Text::new(name)).as_str(), shown);
        }
        assert_eq!(labels.len(), 1);
    }

    #[test]
    fn a_name_is_other_until_it_is_learned() {
        let labels = labels(2);
        assert_eq!(labels.resolve(&Text::new("echo")).as_str(), "_other");
        let echo = Text::new("echo");
        for _ in 0..2 {
            assert!(matches!(labels.learn(&echo), Learned::Known(label) if label.as_str() == "echo"));
        }
        assert_eq!(labels.resolve(&echo).as_str(), "echo");
    }

    #[test]
    fn past_the_cap_names_are_other() {
        let labels = labels(1);
        labels.learn_text("echo");
        assert!(matches!(labels.learn_text("add"), Learned::Overflow(label) if label.as_str() == "_other"));
        assert!(matches!(labels.learn_text("echo"), Learned::Known(_)));
        assert_eq!(labels.len(), 1);
    }
}
