//! Where in a request something stands.

use super::header::is_field_name;
use super::written::Written;
use crate::config::Source;
use crate::config::error::Fault;
use crate::config::suggest::nearest;

/// An entry of `identity.session`: `meta:…`, `header:…` or `baggage:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct SessionSource(pub(in crate::config) Source);

/// A name is written by people.
const LONGEST_NAME_BYTES: usize = 256;

impl Written for SessionSource {
    const EXPECTED: &'static str = "where a session is named, such as \"meta:openai/session\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "meta" => meta(name).map(Self),
            "header" => header(name).map(Self),
            "baggage" => baggage(name).map(Self),
            "claim" => Err(Fault::new(
                "a claim names no session: a token is not a conversation",
                "one token is sent in many of them; write `meta:`, `header:` or `baggage:` and a name",
            )),
            _ => Err(Fault::new(format!("expected {}", Self::EXPECTED), kinds(kind, name))),
        }
    }
}

fn kinds(kind: &str, name: &str) -> String {
    match nearest(kind, ["meta", "header", "baggage"]) {
        Some(known) if !name.is_empty() => format!("did you mean \"{known}:{name}\"?"),
        _ => "write `meta:`, `header:` or `baggage:` and a name".to_owned(),
    }
}

/// A header field, which has no case.
pub(in crate::config) fn header(name: &str) -> Result<Source, Fault> {
    if !is_field_name(name) {
        let hint = "letters, digits and `-`, without a colon: X-User-Id";
        return Err(Fault::new("no name of a header field", hint));
    }
    Ok(Source::Header(name.to_ascii_lowercase()))
}

/// A claim of a JWT.
pub(in crate::config) fn claim(name: &str) -> Result<Source, Fault> {
    member(name, "a claim", "sub").map(Source::Claim)
}

/// A member of `params._meta`.
pub(in crate::config) fn meta(name: &str) -> Result<Source, Fault> {
    member(name, "a member of `_meta`", "openai/subject").map(Source::Meta)
}

/// A member of `baggage`, whose names are tokens as those of header fields are (W3C Baggage §3.3.1).
pub(in crate::config) fn baggage(name: &str) -> Result<Source, Fault> {
    if !is_field_name(name) {
        let hint = "letters, digits and some signs such as `.`, `-` and `_`: session.id";
        return Err(Fault::new("no name of a member of `baggage`", hint));
    }
    Ok(Source::Baggage(name.to_owned()))
}

fn member(name: &str, what: &str, example: &str) -> Result<String, Fault> {
    if name.is_empty() || name.len() > LONGEST_NAME_BYTES || name.chars().any(char::is_control) {
        let message = format!("no name of {what}");
        let hint = format!("up to {LONGEST_NAME_BYTES} bytes of printable text, such as \"{example}\"");
        return Err(Fault::new(message, hint));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(text: &str) -> Result<Source, Fault> {
        SessionSource::from_text(text).map(|source| source.0)
    }

    #[test]
    fn sessions_are_named_by_a_kind_and_a_name() {
        assert_eq!(session("meta:openai/session"), Ok(Source::Meta("openai/session".to_owned())));
        assert_eq!(session("meta:a:b"), Ok(Source::Meta("a:b".to_owned())));
        assert_eq!(session("header:X-Session-Id"), Ok(Source::Header("x-session-id".to_owned())));
        assert_eq!(session("baggage:Session.Id"), Ok(Source::Baggage("Session.Id".to_owned())));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "meta", "meta:", "header:a b", "header:", "baggage:a,b", "Meta:x", "claim:sub", "x:y"]
        {
            assert!(session(text).is_err(), "{text}");
        }
        assert!(claim("").is_err() && claim("a\nb").is_err());
        assert!(meta(&"x".repeat(LONGEST_NAME_BYTES + 1)).is_err());
    }
}
