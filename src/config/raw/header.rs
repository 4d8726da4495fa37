//! Header fields set on the way up.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::written::{Value, Written};
use crate::config::error::Fault;

/// The name of a field that may be set; as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HeaderName(pub(in crate::config) String);

/// The value of a field.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::config) struct HeaderValue(pub(in crate::config) String);

/// Fields with their places.
#[derive(Debug)]
pub(in crate::config) struct Headers(
    pub(in crate::config) Vec<(Spanned<Value<HeaderName>>, Value<HeaderValue>)>,
);

/// Fields that belong to one connection, or that the proxy itself decides (RFC 9110 §7.6.1).
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether it is a token, as names of header fields are (RFC 9110 §5.6.2).
pub(super) fn is_field_name(text: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token)
}

impl Written for HeaderName {
    const EXPECTED: &'static str = "the name of a header field";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if !is_field_name(text) {
            return Err(Fault::new(
                "no name of a header field",
                "letters, digits and `-`, without a colon: headers = { X-Api-Key = \"${KEY}\" }",
            ));
        }
        let lower = text.to_ascii_lowercase();
        if lower == "host" {
            return Err(Fault::new(
                "`Host` is not set by `headers`",
                "it is the authority of `url`, or with `preserve_host = true` what the client sent",
            ));
        }
        if OURS.contains(&lower.as_str()) {
            return Err(Fault::new(
                format!("`{text}` belongs to one connection and is not set by `headers`"),
                "remove it; the proxy decides it for each connection",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Written for HeaderValue {
    const EXPECTED: &'static str = "the value of a header field, a string";

    /// Never repeats the value: it may be a secret.
    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.bytes().any(|byte| byte == b'\n' || byte == b'\r') {
            return Err(Fault::new(
                "a line break in the value of a header field",
                "remove it; a variable read from a file often ends with one",
            ));
        }
        if !text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            return Err(Fault::new(
                "the value of a header field holds more than visible ASCII characters and spaces",
                "encode the rest, as the server expects it",
            ));
        }
        if text.trim() != text {
            return Err(Fault::new(
                "the value of a header field begins or ends with a space",
                "remove it; receivers would not see it",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Headers;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table of header fields such as { Authorization = \"Bearer ${TOKEN}\" }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Headers(fields))
    }
}
