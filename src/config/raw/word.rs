//! Values that are one of a few words, and names.

use super::written::Written;
use crate::config::error::Fault;
use crate::config::suggest::nearest;
use crate::config::{
    HttpVersion, InjectMeta, LogFormat, LogLevel, OtlpProtocol, RateKey, Secret, TokenCounter,
};

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

/// `tracing.otlp.compression`: whether it is gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Compression(pub(in crate::config) bool);

impl Written for Compression {
    const EXPECTED: &'static str = "\"gzip\" or \"none\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &[("gzip", Self(true)), ("none", Self(false))])
    }
}

impl Written for OtlpProtocol {
    const EXPECTED: &'static str = "\"http/protobuf\" or \"grpc\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text == "http/json" {
            let message = format!("expected {}", Self::EXPECTED);
            return Err(Fault::new(
                message,
                "JSON is not spoken; collectors that take it take protobuf, too",
            ));
        }
        one_of(text, Self::EXPECTED, &[("http/protobuf", Self::HttpProtobuf), ("grpc", Self::Grpc)])
    }
}

impl Written for TokenCounter {
    const EXPECTED: &'static str = "\"estimate\" or \"o200k\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &[("estimate", Self::Estimate), ("o200k", Self::O200k)])
    }
}

impl Written for RateKey {
    const EXPECTED: &'static str = "\"client\", \"address\" or \"server\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let words = [("client", Self::Client), ("address", Self::Address), ("server", Self::Server)];
        one_of(text, Self::EXPECTED, &words)
    }
}

impl Written for InjectMeta {
    const EXPECTED: &'static str = "\"auto\", true or false";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let words = [("auto", Self::Auto), ("true", Self::Always), ("false", Self::Never)];
        one_of(text, Self::EXPECTED, &words)
    }

    fn from_switch(value: bool) -> Option<Self> {
        Some(if value { Self::Always } else { Self::Never })
    }
}

/// A secret that is there: an empty one protects nothing.
impl Written for Secret {
    const EXPECTED: &'static str = "a secret, a string";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::new("an empty secret", "give it a value, or leave the line out"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The value of `words` that `text` names.
pub(super) fn one_of<T: Copy>(text: &str, expected: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let hint = match nearest(text, words.iter().map(|(word, _)| *word)) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => "write one of these words".to_owned(),
    };
    Err(Fault::new(format!("expected {expected}"), hint))
}
