//! Custom metrics: names, types, and which calls they are about.

use super::word::one_of;
use super::written::Written;
use crate::config::error::Fault;
use crate::config::suggest::nearest;
use crate::config::{METHODS, OUTCOMES, RuleKind};

/// The name of a custom metric. Whether it fits its type, and is no other metric's, is judged with the rest of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct MetricName(pub(in crate::config) String);

/// A metric's help text, one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Help(pub(in crate::config) String);

/// The name of a server or of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Name(pub(in crate::config) String);

/// One of [`METHODS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct MethodName(pub(in crate::config) String);

/// One of [`OUTCOMES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct OutcomeName(pub(in crate::config) String);

/// Of metrics and of labels.
pub(super) const LONGEST_NAME_BYTES: usize = 200;

/// A help text stands on the page once, and is read there.
const LONGEST_HELP: usize = 300;

/// Whether Prometheus takes it for the name of a metric (colons apart, which are for recording rules) or of a label.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty()
        && text.len() <= LONGEST_NAME_BYTES
        && text.bytes().all(allowed)
        && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// What to write in place of a text that is no name.
pub(super) fn name_hint(text: &str) -> String {
    let tidy = text.replace(['-', '.', ':', '/', ' '], "_");
    if is_name(&tidy) {
        return format!("write \"{tidy}\"");
    }
    format!("letters, digits and `_`, no digit first, up to {LONGEST_NAME_BYTES} of them")
}

impl Written for MetricName {
    const EXPECTED: &'static str = "a metric's name such as \"mcp_orders_total\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if let Some(prefix) = ["process_", "mcp_proxy_"].iter().find(|prefix| text.starts_with(**prefix)) {
            let message = format!("names that begin with `{prefix}` are about the proxy itself");
            return Err(Fault::new(message, "choose another name, such as \"mcp_orders_total\""));
        }
        if is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(format!("expected {}", Self::EXPECTED), name_hint(text)))
    }
}

impl Written for Help {
    const EXPECTED: &'static str = "a help text, one line";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let length = text.chars().count();
        if (1..=LONGEST_HELP).contains(&length) && !text.contains(char::is_control) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(
            format!("expected {}", Self::EXPECTED),
            format!(
                "1 to {LONGEST_HELP} characters, without a line break: a sentence that says what is counted"
            ),
        ))
    }
}

impl Written for Name {
    const EXPECTED: &'static str = "a name";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if text.is_empty() {
            return Err(Fault::new(
                "an empty name",
                "write the name, or leave the key out: then any will do",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Written for MethodName {
    const EXPECTED: &'static str = "a method of MCP such as \"tools/call\", or \"_other\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let other = || "\"_other\" is any that MCP does not know".to_owned();
        known(text, METHODS, Self::EXPECTED, other).map(Self)
    }
}

impl Written for OutcomeName {
    const EXPECTED: &'static str = "an outcome such as \"ok\" or \"tool_error\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let all = || format!("write one of {}", OUTCOMES.join(", "));
        known(text, OUTCOMES, Self::EXPECTED, all).map(Self)
    }
}

/// `text`, if it is one of `names`; `otherwise` is the hint where none of them is near.
fn known(
    text: &str,
    names: &[&str],
    expected: &str,
    otherwise: impl Fn() -> String,
) -> Result<String, Fault> {
    if names.contains(&text) {
        return Ok(text.to_owned());
    }
    let near = nearest(text, names.iter().copied());
    let hint = near.map_or_else(otherwise, |name| format!("did you mean \"{name}\"?"));
    Err(Fault::new(format!("expected {expected}"), hint))
}

impl Written for RuleKind {
    const EXPECTED: &'static str = "\"counter\", \"gauge\" or \"histogram\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        one_of(text, Self::EXPECTED, &Self::ALL.map(|kind| (kind.as_str(), kind)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_metrics() {
        for text in ["mcp_orders_total", "_a", "A1", "processes", "mcp_proxy"] {
            assert_eq!(MetricName::from_text(text), Ok(MetricName(text.to_owned())));
        }
        let long = "x".repeat(LONGEST_NAME_BYTES + 1);
        for text in ["", "1a", "a-b", "a:b", "ü", "process_cpu", "mcp_proxy_x", &long] {
            assert!(MetricName::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn help_is_one_line() {
        for text in ["Orders.", &"ü".repeat(LONGEST_HELP)] {
            assert_eq!(Help::from_text(text), Ok(Help(text.to_owned())));
        }
        for text in ["", "a\nb", "a\tb", &"x".repeat(LONGEST_HELP + 1)] {
            assert!(Help::from_text(text).is_err(), "{text}");
        }
    }
}
