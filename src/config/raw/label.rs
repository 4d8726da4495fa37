//! Labels of custom metrics, and the values that labels may have.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::metric::{is_name, name_hint};
use super::pointer::Pointer;
use super::word::one_of;
use super::written::{Value, Written};
use super::{Optional, Plain};
use crate::config::Fact;
use crate::config::error::Fault;

/// `metric.labels`: each name with its place, and where its value comes from.
#[derive(Debug)]
pub(in crate::config) struct Labels(pub(in crate::config) Vec<(Spanned<Value<LabelName>>, Spanned<Label>)>);

/// Where the value of a label comes from, as it is written: which keys go together is judged with the rest of the rules.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "a table such as { fact = \"tool_name\" }")]
pub(in crate::config) struct Label {
    pub(in crate::config) pointer: Optional<Pointer>,
    pub(in crate::config) allowed: Plain<Vec<Spanned<Value<LabelValue>>>>,
    pub(in crate::config) fact: Optional<Fact>,
}

/// The name of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct LabelName(pub(in crate::config) String);

/// A value of a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct LabelValue(pub(in crate::config) String);

/// Values stand on every line of the page.
const LONGEST_VALUE: usize = 128;

impl Written for LabelName {
    const EXPECTED: &'static str = "the name of a label, such as \"priority\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let taken = match text {
            "server" => Some("`server` is a label of every metric already"),
            "le" => Some("`le` is the label of a histogram's buckets"),
            "quantile" => Some("`quantile` is the label of a summary's quantiles"),
            _ if text.starts_with("__") => Some("names that begin with `__` are Prometheus' own"),
            _ => None,
        };
        match taken {
            Some(message) => Err(Fault::new(message, "choose another name")),
            None if is_name(text) => Ok(Self(text.to_owned())),
            None => Err(Fault::new(format!("expected {}", Self::EXPECTED), name_hint(text))),
        }
    }
}

impl Written for LabelValue {
    const EXPECTED: &'static str = "a value of a label, a string";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let length = text.chars().count();
        if (1..=LONGEST_VALUE).contains(&length) && !text.contains(is_unfit) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(
            format!("expected {}", Self::EXPECTED),
            format!(
                "1 to {LONGEST_VALUE} characters, no double quote, backslash or control character among them"
            ),
        ))
    }
}

fn is_unfit(character: char) -> bool {
    character.is_control() || matches!(character, '"' | '\\')
}

impl Written for Fact {
    const EXPECTED: &'static str =
        "\"tool_name\", \"user_tier\", \"client_name\", \"method\", \"status\" or \"outcome\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &Self::ALL.map(|fact| (fact.as_str(), fact)))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Labels;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table of labels such as { tool = { fact = \"tool_name\" } }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Vec::new();
        while let Some(label) = map.next_entry()? {
            labels.push(label);
        }
        Ok(Labels(labels))
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::LONGEST_NAME_BYTES;
    use super::*;

    #[test]
    fn names_of_labels() {
        for text in ["priority", "_a", "A1", "status"] {
            assert_eq!(LabelName::from_text(text), Ok(LabelName(text.to_owned())));
        }
        let long = "x".repeat(LONGEST_NAME_BYTES + 1);
        for text in ["", "1a", "a-b", "a.b", "a b", "ü", "__a", "server", "le", "quantile", &long] {
            assert!(LabelName::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_of_labels() {
        for text in ["a", "two words", "ü", "it's", &"ü".repeat(LONGEST_VALUE)] {
            assert_eq!(LabelValue::from_text(text), Ok(LabelValue(text.to_owned())));
        }
        for text in ["", "a\"b", "a\\b", "a\nb", "\u{7f}", &"x".repeat(LONGEST_VALUE + 1)] {
            assert!(LabelValue::from_text(text).is_err(), "{text}");
        }
    }
}
