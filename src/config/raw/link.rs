//! Links of the console: addresses with places for what a call is known by.

use std::collections::BTreeMap;

use super::written::{Value, Written};
use crate::config::error::Fault;

/// An address as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Link(pub(in crate::config) String);

/// Addresses by what people call them.
pub(in crate::config) type Links = BTreeMap<String, Value<Link>>;

/// What may stand between braces: keys of a call's line.
const PLACES: [&str; 9] = [
    "trace_id",
    "span_id",
    "session_id",
    "correlation_id",
    "request_id",
    "server",
    "tool_name",
    "client_name",
    "user_id",
];

impl Written for Link {
    const EXPECTED: &'static str = "an address with places such as {trace_id}";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if host.is_none_or(|host| host.is_empty() || host.starts_with(['/', '{', '?', '#'])) {
            let hint = "write it whole: \"https://grafana.example.com/explore?trace={trace_id}\"";
            return Err(Fault::new("expected an http:// or https:// address", hint));
        }
        if text.contains(|character: char| character.is_control() || character.is_whitespace()) {
            return Err(Fault::new("an address holds no spaces", "write %20 for one"));
        }
        for part in text.split('{').skip(1) {
            let place = part.split_once('}').map_or(part, |(place, _)| place);
            if !PLACES.contains(&place) {
                let hint = format!("known are {}; another brace is %7B", PLACES.join(", "));
                return Err(Fault::new(format!("nothing of a call is called `{place}`"), hint));
            }
        }
        Ok(Self(text.to_owned()))
    }
}
