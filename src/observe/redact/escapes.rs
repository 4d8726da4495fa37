//! Secrets as a URL writes them: what is percent-encoded is looked at as it is meant.

use std::ops::Range;

/// Has `find` look at `text` with its escapes resolved, and names what it finds by where that stands in `text`.
pub(super) fn find(
    text: &str,
    find: impl FnOnce(&str, &mut Vec<Range<usize>>),
    secrets: &mut Vec<Range<usize>>,
) {
    let Some(meant) = Meant::of(text) else { return };
    let mut found = Vec::new();
    find(&meant.text, &mut found);
    secrets.extend(found.into_iter().filter_map(|secret| meant.written(&secret)));
}

/// A text without its escapes.
struct Meant {
    text: String,
    /// Where each byte of it stands in what was written, and the end.
    places: Vec<usize>,
}

impl Meant {
    /// `None` where there are no escapes. Those of other than ASCII stay: no secret has a shape in them.
    fn of(written: &str) -> Option<Self> {
        let mut meant =
            Self { text: String::with_capacity(written.len()), places: Vec::with_capacity(written.len()) };
        let mut rest = written;
        while let Some(letter) = rest.chars().next() {
            let at = written.len() - rest.len();
            let escaped = rest.get(..3).and_then(escaped);
            let length = if escaped.is_some() { 3 } else { letter.len_utf8() };
            let letter = escaped.unwrap_or(letter);
            meant.text.push(letter);
            meant.places.extend((0..letter.len_utf8()).map(|byte| at + byte));
            rest = rest.get(length..).unwrap_or_default();
        }
        meant.places.push(written.len());
        (meant.text.len() < written.len()).then_some(meant)
    }

    fn written(&self, meant: &Range<usize>) -> Option<Range<usize>> {
        Some(*self.places.get(meant.start)?..*self.places.get(meant.end)?)
    }
}

/// The letter that these three stand for.
fn escaped(three: &str) -> Option<char> {
    let digits = three.strip_prefix('%').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let byte = u8::from_str_radix(digits?, 16).ok()?;
    byte.is_ascii().then(|| char::from(byte))
}
