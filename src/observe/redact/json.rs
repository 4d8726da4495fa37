//! Payloads: JSON as it was written, perhaps cut, perhaps no JSON at all. Rewritten token by token, so that nothing
//! depends on its being whole.

use super::keys::Kind;
use super::pairs::container_end;
use super::{MARK, Redactor, cover};
use crate::mcp;

/// How often JSON is looked for in a string in a string.
const NESTED_MAX: usize = 4;

/// Stops so many bytes after what will be told: more would be cut off again.
const BEYOND: usize = 1;

/// `source`, of which there was more where it `is_cut`, without secrets, as far as `max_bytes` need it; and whether
/// something is missing at its end.
pub(super) fn redacted(redactor: &Redactor, source: &str, is_cut: bool, max_bytes: usize) -> (String, bool) {
    let mut rewriter =
        Rewriter { redactor, source, is_cut, nested: 0, at: 0, told: String::new(), names: None };
    let whole = rewriter.run(max_bytes.saturating_add(BEYOND));
    (rewriter.told, is_cut || !whole)
}

struct Rewriter<'a> {
    redactor: &'a Redactor,
    source: &'a str,
    /// The source's end is not the end of what it was.
    is_cut: bool,
    nested: usize,
    at: usize,
    told: String,
    /// What a sibling `name` or `key` says of the `value` that follows it.
    names: Option<Kind>,
}

impl<'a> Rewriter<'a> {
    /// Rewrites until so much is told; false when it stopped before the end.
    fn run(&mut self, enough: usize) -> bool {
        while self.at < self.source.len() && self.told.len() < enough {
            if self.byte() == Some(b'"') {
                self.string();
            } else {
                self.between();
            }
        }
        self.at >= self.source.len()
    }

    fn byte(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// What stands between strings: brackets, numbers, or whatever it is.
    fn between(&mut self) {
        let rest = self.rest();
        let end = rest.find('"').unwrap_or(rest.len());
        let mut between = rest.get(..end).unwrap_or_default();
        self.at += end;
        if self.is_cut && self.at == self.source.len() {
            // A number may be the first half of one.
            between = between
                .trim_end_matches(|letter: char| letter.is_ascii_alphanumeric() || " .+-".contains(letter));
        }
        if between.contains('}') {
            self.names = None;
        }
        let mut secrets = Vec::new();
        self.redactor.find(between, &mut secrets);
        self.told.push_str(&cover(between, secrets, &format!("\"{MARK}\"")));
    }

    /// A string begins: a name, or a value.
    fn string(&mut self) {
        let rest = self.rest();
        let Some(length) = string_end(rest.as_bytes()) else { return self.unfinished(rest) };
        let token = rest.get(..length).unwrap_or_default();
        self.at += length;
        let colon = self.rest().trim_start();
        if colon.starts_with(':') {
            self.name(token);
        } else {
            let value = self.value(token);
            self.told.push_str(value.as_deref().unwrap_or(token));
        }
    }

    fn name(&mut self, token: &str) {
        let name = mcp::unquoted(token);
        let mut kind = self.redactor.keys.kind(&name);
        let told = self.value(token);
        self.told.push_str(told.as_deref().unwrap_or(token));
        let blank = self.rest().len() - self.rest().trim_start_matches([' ', '\n', '\r', '\t', ':']).len();
        self.told.push_str(self.rest().get(..blank).unwrap_or_default());
        self.at += blank;
        match &*name.to_ascii_lowercase() {
            "name" | "key" | "header" => self.names = self.says(),
            "value" => kind = self.names.take().unwrap_or(kind),
            _ => {}
        }
        self.hide(kind);
    }

    /// What the string at hand, as a name, says of its value.
    fn says(&self) -> Option<Kind> {
        let rest = self.rest();
        let token = rest.get(..string_end(rest.as_bytes())?)?;
        Some(self.redactor.keys.kind(&mcp::unquoted(token)))
    }

    /// Puts the mark in place of the value that begins here, if its name asks for that.
    fn hide(&mut self, kind: Kind) {
        if kind == Kind::Harmless {
            return;
        }
        let rest = self.rest();
        let (length, is_number) = match self.byte() {
            Some(b'"') => (string_end(rest.as_bytes()).unwrap_or(rest.len()), false),
            Some(b'{' | b'[') => (container_end(rest.as_bytes()), false),
            Some(byte) if byte == b'-' || byte.is_ascii_digit() => {
                (rest.find([',', '}', ']', ' ', '\n', '\r', '\t', '"']).unwrap_or(rest.len()), true)
            }
            _ => return,
        };
        if kind == Kind::Secret || !is_number {
            self.at += length;
            self.told.push('"');
            self.told.push_str(MARK);
            self.told.push('"');
        }
    }

    /// The string as it is told, quoted; `None` = as it stands.
    fn value(&self, token: &str) -> Option<String> {
        let said = mcp::unquoted(token);
        let told = self.nested(&said, false);
        (told != said).then(|| mcp::quoted(&told))
    }

    /// A text within a string, which may be JSON again.
    fn nested(&self, said: &str, is_cut: bool) -> String {
        if self.nested == NESTED_MAX || !said.trim_start().starts_with(['{', '[', '"']) {
            return self.redactor.text(said).into_owned();
        }
        let mut inner = Rewriter {
            redactor: self.redactor,
            source: said,
            is_cut,
            nested: self.nested + 1,
            at: 0,
            told: String::new(),
            names: None,
        };
        inner.run(usize::MAX);
        self.redactor.text(&inner.told).into_owned()
    }

    /// A string without an end. Its last word may be half a secret, so it is left out; without a blank, all of it is.
    fn unfinished(&mut self, rest: &str) {
        self.at = self.source.len();
        if !self.is_cut {
            self.told.push_str(&self.redactor.text(rest));
            return;
        }
        let Some(said) = unquoted_beginning(rest) else { return };
        let kept = said.rfind(char::is_whitespace).and_then(|end| said.get(..end)).unwrap_or_default();
        let kept = kept.trim_end_matches(|letter: char| {
            letter.is_ascii_digit() || letter.is_whitespace() || letter == '-'
        });
        if kept.is_empty() {
            return;
        }
        let told = mcp::quoted(&self.nested(kept, true));
        self.told.push_str(told.strip_suffix('"').unwrap_or(&told));
    }
}

/// What a string that breaks off says; its last escape may be half an escape.
fn unquoted_beginning(rest: &str) -> Option<String> {
    // The longest escape is a pair of surrogates, twelve letters.
    (0..=12).find_map(|less| {
        let end = rest.len().checked_sub(less)?;
        let begun = rest.get(..end).filter(|begun| !begun.is_empty())?;
        mcp::unquoted_strictly(&format!("{begun}\""))
    })
}

/// Where the string ends that begins here.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
