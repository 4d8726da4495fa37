//! Label values that are learned: a name is known, or it is `_other` (`telemetry.md` §1, rule 3).
//!
//! # Why
//! A client can claim any name; only what the server itself lists, what the configuration lists, or what once
//! succeeded becomes a series. Each set has a cap, so a hostile server cannot grow the page either.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, RwLock};

use super::Redactor;
use super::lock;
use crate::mcp::Text;

/// A label value that may be shown. Compared by its number within the set it came from.
///
/// # Why its text is never freed
/// Each call has several, on every thread: to count who holds one text would have all of them write to the same memory.
/// What is kept so are the names that were ever learned, each once, and of those there are at most so many.
#[derive(Debug, Clone, Copy)]
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
        Self { number: OTHER + 1, text: kept(name) }
    }

    /// The position in its set; stable for the life of the process.
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

/// The texts of all labels: a name that is learned again, of another server or after a reload, is the same text.
static TEXTS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// The text, kept as long as the process lives.
fn kept(text: &str) -> &'static str {
    let mut texts = lock::lock(&TEXTS);
    let texts = texts.get_or_insert_default();
    if let Some(known) = texts.get(text) {
        return known;
    }
    let new: &'static str = Box::leak(text.into());
    texts.insert(new);
    new
}

/// A set of learned names with a cap.
#[derive(Debug)]
pub(crate) struct Labels {
    known: RwLock<HashMap<&'static str, Label, foldhash::fast::RandomState>>,
    /// What its own numbers begin at.
    first: u32,
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
        Self::starting_at(OTHER + 1, max, redactor)
    }

    /// The same; its labels' numbers begin at `first`, so that they stand beside those of another set.
    pub(crate) fn starting_at(first: u32, max: usize, redactor: Arc<Redactor>) -> Self {
        Self { known: RwLock::default(), first, max, redactor }
    }

    /// The label of a known name, else `_other`.
    pub(crate) fn resolve(&self, name: &str) -> Label {
        let name = &*readable(name);
        if name == "none" {
            return Label::none();
        }
        lock::read(&self.known).get(name).copied().unwrap_or_else(Label::other)
    }

    /// Whether a name was learned.
    pub(crate) fn knows(&self, name: &Text) -> bool {
        let known = lock::read(&self.known);
        !known.is_empty() && !name.is_cut() && known.contains_key(&*readable(name.as_str()))
    }

    /// Makes a name known, where there is room.
    pub(crate) fn learn(&self, written: &str) -> Learned {
        let name = &*readable(written);
        // Our own words, and what Prometheus takes for no label at all.
        match name {
            "none" => return Learned::Known(Label::none()),
            "_other" | "" => return Learned::Known(Label::other()),
            _ => {}
        }
        let seen = lock::read(&self.known);
        if let Some(label) = seen.get(name) {
            return Learned::Known(*label);
        }
        if seen.len() >= self.max {
            return Learned::Overflow(Label::other());
        }
        drop(seen);
        // As it was written, too: where `_` stands for what parts two words, a secret may look like part of one.
        let is_secret = [written, name].iter().any(|name| matches!(self.redactor.text(name), Cow::Owned(_)));
        let mut known = lock::write(&self.known);
        if let Some(label) = known.get(name) {
            return Learned::Known(*label);
        }
        let Some(number) = u32::try_from(known.len()).ok().filter(|_| known.len() < self.max) else {
            return Learned::Overflow(Label::other());
        };
        let text = kept(name);
        // Remembered all the same, so that it is looked at once.
        let label = if is_secret { Label::other() } else { Label { number: self.first + number, text } };
        known.insert(text, label);
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
                    matches!(labels.learn(name), Learned::Known(label) if label.as_str() == "_other"),
                    "{name}"
                );
            }
            assert_eq!(labels.resolve(name).as_str(), "_other");
        }
        assert!(
            matches!(labels.learn("reset_password"), Learned::Known(label) if label.as_str() == "reset_password")
        );
    }

    #[test]
    fn names_that_would_have_to_be_escaped_or_are_our_own_words_do_no_harm() {
        let labels = labels(10);
        for (name, shown) in
            [("a\"b", "a_b"), ("a\\b", "a_b"), ("a\nb", "a_b"), ("", "_other"), ("none", "none")]
        {
            assert!(
                matches!(labels.learn(name), Learned::Known(label) if label.as_str() == shown),
                "{name:?}"
            );
            assert_eq!(labels.resolve(name).as_str(), shown);
        }
        assert_eq!(labels.len(), 1);
    }

    #[test]
    fn a_name_is_other_until_it_is_learned() {
        let labels = labels(2);
        assert_eq!(labels.resolve("echo").as_str(), "_other");
        assert!(matches!(labels.learn("echo"), Learned::Known(label) if label.as_str() == "echo"));
        assert_eq!(labels.resolve("echo").as_str(), "echo");
    }

    #[test]
    fn past_the_cap_names_are_other() {
        let labels = labels(1);
        labels.learn("echo");
        assert!(matches!(labels.learn("add"), Learned::Overflow(label) if label.as_str() == "_other"));
        assert!(matches!(labels.learn("echo"), Learned::Known(_)));
        assert_eq!(labels.len(), 1);
    }
}
