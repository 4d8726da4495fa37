//! JSON pointers (RFC 6901) into what a call carried: `{ "params": …, "result": … }`.

use super::written::Written;
use crate::config::error::Fault;

/// A pointer to something below `params` or `result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Pointer(pub(in crate::config) String);

/// A pointer is written by people.
const LONGEST_BYTES: usize = 500;

impl Written for Pointer {
    const EXPECTED: &'static str = "a JSON pointer such as \"/params/arguments/amount\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let below = ["/params", "/result"].iter().find_map(|root| text.strip_prefix(root));
        match below {
            Some("" | "/") => Err(Fault::new(
                format!("`{text}` is all of it, and no single value"),
                format!("name a text, a number or a switch below it: {}/…", text.trim_end_matches('/')),
            )),
            Some(below) if below.starts_with('/') => well_formed(text),
            _ => Err(Fault::new(format!("expected {}", Self::EXPECTED), hint(text))),
        }
    }
}

fn well_formed(text: &str) -> Result<Pointer, Fault> {
    if text.len() > LONGEST_BYTES {
        let message = format!("a pointer longer than {LONGEST_BYTES} bytes");
        return Err(Fault::new(message, "no value stands that deep, or has that long a name"));
    }
    if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
        return Err(Fault::new(
            "`~` without 0 or 1 in a pointer",
            "write `~0` for `~` itself, and `~1` for `/`",
        ));
    }
    Ok(Pointer(text.to_owned()))
}

/// Other ways to write where something stands.
fn hint(text: &str) -> String {
    let plain = text.trim_start_matches('$').trim_start_matches('.');
    let slashed = format!("/{}", plain.trim_start_matches('/').replace('.', "/"));
    let rooted = |prefix: &str| slashed.starts_with(prefix) && slashed.len() > prefix.len();
    if rooted("/params/") || rooted("/result/") {
        return format!("write \"{slashed}\"");
    }
    if rooted("/arguments/") || rooted("/_meta/") {
        return format!("write \"/params{slashed}\"");
    }
    if rooted("/structuredContent/") {
        return format!("write \"/result{slashed}\"");
    }
    "what a tool was given is below /params/arguments/, what it answered below /result/structuredContent/"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_below_params_or_result() {
        for text in
            ["/params/arguments/a", "/result/content/0/text", "/result/a~0b/c~1d", "/params//", "/params/ü"]
        {
            assert_eq!(Pointer::from_text(text), Ok(Pointer(text.to_owned())));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("/params/{}", "x".repeat(LONGEST_BYTES));
        for text in [
            "",
            "/",
            "/params",
            "/params/",
            "/result",
            "/result/",
            "/results/a",
            "params/a",
            "/a",
            "/params/~2",
            "/params/~",
            &long,
        ] {
            assert!(Pointer::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (text, meant) in [
            ("params.arguments.a", "write \"/params/arguments/a\""),
            ("$.result.a", "write \"/result/a\""),
            ("/arguments/a", "write \"/params/arguments/a\""),
            ("structuredContent.a", "write \"/result/structuredContent/a\""),
        ] {
            assert_eq!(Pointer::from_text(text).map_err(|fault| fault.hint), Err(meant.to_owned()));
        }
    }
}
