//! Values that are one of a few words, and names.

use super::written::Written;
use crate::config::error::Fault;
use crate::config::suggest::nearest;
use crate::config::{HttpVersion, LogFormat, LogLevel};

/// The label `server`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct ServerName(pub(in crate::config) String);

impl Written for ServerName {
    const EXPECTED: &'static str = "a name such as \"github\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if matches!(text, "_other" | "none") {
            let message = format!("`{text}` is a label value with a meaning of its own");
            return Err(Fault::new(message, "choose another name"));
        }
        if !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(
            format!("expected {}", Self::EXPECTED),
            "up to 64 letters, digits, `-`, `_`, `.` and `:`; it is the label `server` of every metric",
        ))
    }
}

impl Written for HttpVersion {
    const EXPECTED: &'static str = "\"auto\", \"1\" or \"2\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &[("auto", Self::Auto), ("1", Self::One), ("2", Self::Two)])
    }
}

impl Written for LogFormat {
    const EXPECTED: &'static str = "\"auto\", \"json\" or \"pretty\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &[("auto", Self::Auto), ("json", Self::Json), ("pretty", Self::Pretty)])
    }
}

impl Written for LogLevel {
    const EXPECTED: &'static str = "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let words = [
            ("error", Self::Error),
            ("warn", Self::Warn),
            ("info", Self::Info),
            ("debug", Self::Debug),
            ("trace", Self::Trace),
        ];
        one_of(text, Self::EXPECTED, &words)
    }
}

fn one_of<T: Copy>(text: &str, expected: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let hint = match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => "write one of these words".to_owned(),
    };
    Err(Fault::new(format!("expected {expected}"), hint))
}
