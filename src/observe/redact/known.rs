//! What need not be looked at again: the names of tools, of clients and of their versions come with every call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::RwLock;

use crate::observe::lock;

/// Texts of at most so many bytes are remembered.
const TEXT_BYTES_MAX: usize = 96;

/// So many of them; when there are more, all are forgotten.
const TEXTS_MAX: usize = 1024;

/// The shortest secret of any shape has one byte more, unless it is made of digits.
const PLAIN_BYTES_MAX: usize = 12;

/// The shortest number that is one has so many digits.
const DIGITS_MAX: usize = 8;

/// Texts that were looked at, and what is told of them where that is something else.
#[derive(Debug, Default)]
pub(super) struct Known {
    texts: RwLock<HashMap<Box<str>, Option<Box<str>>, foldhash::fast::RandomState>>,
}

/// Whether a text is too short and too simple to hold a secret: a word, a version, a small number.
pub(super) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() > PLAIN_BYTES_MAX {
        return false;
    }
    let mut digits = 0;
    for byte in bytes {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.' | b'-' | b'/' => {}
            _ => return false,
        }
    }
    digits <= DIGITS_MAX
}

impl Known {
    /// What is told of `text`: what was told before, else what `look` gives.
    pub(super) fn told<'a>(&self, text: &'a str, look: impl FnOnce() -> Cow<'a, str>) -> Cow<'a, str> {
        if text.len() > TEXT_BYTES_MAX {
            return look();
        }
        if let Some(told) = self.remembered(text) {
            return told;
        }
        let told = look();
        let mut texts = lock::write(&self.texts);
        if texts.len() >= TEXTS_MAX {
            texts.clear();
        }
        let other = match &told {
            Cow::Borrowed(_) => None,
            Cow::Owned(other) => Some(other.as_str().into()),
        };
        texts.insert(text.into(), other);
        told
    }

    /// What was told of `text` before.
    pub(super) fn remembered<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let texts = lock::read(&self.texts);
        let told = texts.get(text)?;
        Some(told.as_ref().map_or(Cow::Borrowed(text), |told| Cow::Owned(told.clone().into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_at_once() {
        let known = Known::default();
        assert_eq!(
            known.told("trigger-long-running", || Cow::Borrowed("trigger-long-running")),
            "trigger-long-running"
        );
        assert_eq!(
            known.told("trigger-long-running", || unreachable!("it is known")),
            "trigger-long-running"
        );
        assert_eq!(known.told("a secret", || Cow::Owned("[redacted]".to_owned())), "[redacted]");
        assert_eq!(known.told("a secret", || unreachable!("it is known")), "[redacted]");
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let known = Known::default();
        for number in 0..5000 {
            let text = number.to_string();
            known.told(&text, || Cow::Borrowed(&text));
        }
        assert!(lock::read(&known.texts).len() <= TEXTS_MAX);
        let long = "x".repeat(TEXT_BYTES_MAX + 1);
        known.told(&long, || Cow::Borrowed(&long));
        assert!(!lock::read(&known.texts).contains_key(long.as_str()));
    }

    #[test]
    fn words_are_plain_and_numbers_that_may_be_somebodys_are_not() {
        for plain in ["echo", "tools/call", "1.2.3", "12345678", "get_report"] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in ["123-45-6789", "pwd=x", "a@b.example", "123456789", "trigger-long-running"] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
