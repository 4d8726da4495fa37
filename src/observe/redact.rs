//! What may not be told: secrets by the name of what holds them and by their shape (`telemetry.md` §5).

use std::borrow::Cow;

use super::event::Captured;

/// Takes secrets out of what lines and spans tell.
#[derive(Debug)]
pub struct Redactor {}

impl Redactor {
    /// The built-in names and shapes, and `keys` beside them, in lower case.
    pub fn new(_keys: &[String]) -> Self {
        Self {}
    }

    /// Free text: an error message, a name, a header.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(text)
    }

    /// A URI without its query, its fragment and its user.
    pub fn uri(&self, uri: &str) -> String {
        uri.to_owned()
    }

    /// A payload, redacted and then cut to `max_bytes`.
    pub fn json(&self, captured: &Captured, max_bytes: usize) -> String {
        String::from_utf8_lossy(captured.bytes.get(..max_bytes).unwrap_or(&captured.bytes)).into_owned()
    }
}
