//! What may not be told: secrets by the name of what holds them and by their shape (`telemetry.md` §5).
//!
//! Every detector looks at the text as it came and names ranges of it; all that any of them named becomes
//! [`MARK`], the same for every kind, so that a line does not even tell what was there. All work is linear in what is
//! looked at.
//!
//! # Why names and shapes
//! A name (`password`) catches any value where the text says what it is, a shape (`ghp_…`) what nobody named. Neither
//! catches a bare password in a sentence: payloads are logged only where somebody asks for them.

mod escapes;
mod hexadecimal;
mod json;
mod keys;
mod known;
mod pairs;
mod schema;
mod shapes;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Once;
use std::thread;

use self::keys::Keys;
use self::known::Known;
use super::event::Captured;
use crate::mcp::Text;

/// What stands where a secret stood.
pub(super) const MARK: &str = "[redacted]";

/// What ends a payload that was cut.
const CUT: char = '…';

/// Takes secrets out of what lines and spans tell. Each is replaced by `[redacted]`.
#[derive(Debug)]
pub struct Redactor {
    keys: Keys,
    known: Known,
}

impl Redactor {
    /// The built-in names and shapes, and `keys` beside them, in lower case.
    pub fn new(keys: &[String]) -> Self {
        make_patterns();
        Self { keys: Keys::new(keys), known: Known::default() }
    }

    /// Free text: an error message, a name, a header. Borrowed where there was nothing to redact.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if known::is_plain(text) || hexadecimal::is_harmless(text) {
            return Cow::Borrowed(text);
        }
        self.known.told(text, || {
            let mut secrets = Vec::new();
            self.find(text, &mut secrets);
            cover(text, secrets, MARK)
        })
    }

    /// What [`Redactor::text`] gives, where that takes no longer than a look-up: the text is too simple to hold a secret,
    /// or was looked at before.
    pub fn at_once<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        if known::is_plain(text) || hexadecimal::is_harmless(text) {
            Some(Cow::Borrowed(text))
        } else {
            self.known.remembered(text)
        }
    }

    /// A text of which only the beginning may have been kept: what may be the first half of a secret at its end is left
    /// out.
    pub fn kept<'a>(&self, text: &'a Text) -> Cow<'a, str> {
        self.text(if text.is_cut() { without_half_a_secret(text.as_str()) } else { text.as_str() })
    }

    fn find(&self, text: &str, secrets: &mut Vec<Range<usize>>) {
        self.find_written(text, secrets);
        if text.contains('%') {
            escapes::find(text, |meant, found| self.find_written(meant, found), secrets);
        }
    }

    fn find_written(&self, text: &str, secrets: &mut Vec<Range<usize>>) {
        pairs::find(&self.keys, text, secrets);
        shapes::find(text, secrets);
    }

    /// A URI without its query, its fragment and its user.
    pub fn uri(&self, uri: &str) -> String {
        let end = uri.find(['?', '#']).unwrap_or(uri.len());
        let uri = uri.get(..end).unwrap_or_default();
        self.text(&without_user(uri)).into_owned()
    }

    /// JSON that says what a tool is, whose keys are no names of secrets.
    pub fn schema(&self, json: &str) -> String {
        schema::redacted(self, json)
    }

    /// A payload, redacted and then cut to `max_bytes`; `…` stands after what was cut. It needs not be whole, nor
    /// JSON: what may be the first half of a secret at its own end is left out.
    pub fn json(&self, captured: &Captured, max_bytes: usize) -> String {
        let source = String::from_utf8_lossy(&captured.bytes);
        let (mut told, mut cut) = json::redacted(self, &source, captured.cut, max_bytes);
        if told.len() > max_bytes {
            told.truncate(boundary(&told, max_bytes));
            cut = true;
        }
        if cut {
            told.push(CUT);
        }
        told
    }
}

/// Has the patterns made on a thread of their own, once a process.
///
/// # Why
/// They take 28 million instructions: too long for the start, too long for the first call with an error. Who needs one
/// before it is made waits for that one, or makes it.
fn make_patterns() {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        // Every detector looks at this. Where there is no thread, whoever looks first makes them.
        let look = || {
            pairs::find(&Keys::new(&[]), "", &mut Vec::new());
            shapes::find("-----BEGIN ://@", &mut Vec::new());
        };
        let _ = thread::Builder::new().name("patterns".to_owned()).spawn(look);
    });
}

/// Of a word without an end so many bytes are left out at most: a longer beginning of a secret has its shape.
const HALF_SECRET_MAX: usize = 256;

/// Up to the last word, which may go on; digits in groups may be those of a card.
fn without_half_a_secret(text: &str) -> &str {
    let ends_word = |letter: char| letter.is_whitespace() || "\"'`,;&<>(){}[]".contains(letter);
    let farthest = boundary(text, text.len().saturating_sub(HALF_SECRET_MAX));
    let end = text.rfind(ends_word).unwrap_or_default().max(farthest);
    let kept = text.get(..end).unwrap_or_default();
    kept.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter.is_whitespace() || letter == '-')
}

fn without_user(uri: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = uri.split_once("://") else { return Cow::Borrowed(uri) };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rfind('@') {
        Some(at) => Cow::Owned(format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default())),
        None => Cow::Borrowed(uri),
    }
}

/// The last place at or before `at` where a character begins or the text ends.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// `text` with `mark` in place of each of these ranges; of some that overlap, in place of all together.
fn cover<'a>(text: &'a str, mut secrets: Vec<Range<usize>>, mark: &str) -> Cow<'a, str> {
    secrets
        .retain(|secret| text.get(secret.clone()).is_some_and(|hidden| !hidden.is_empty() && hidden != MARK));
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    secrets.sort_unstable_by_key(|secret| secret.start);
    let mut told = String::with_capacity(text.len());
    let mut at = 0;
    let mut secrets = secrets.into_iter().peekable();
    while let Some(secret) = secrets.next() {
        let mut end = secret.end;
        while let Some(next) = secrets.next_if(|next| next.start < end) {
            end = end.max(next.end);
        }
        told.push_str(text.get(at..secret.start).unwrap_or_default());
        told.push_str(mark);
        at = end;
    }
    told.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(told)
}
