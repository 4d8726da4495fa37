//! Secrets in what a tool says of itself. Its parameters may be called like secrets, which hold none: what stands under
//! such a name is a schema, and only what that gives as a value is one.

use serde_json::Value;

use super::{MARK, Redactor};

/// Members of a schema that give values of what it is about.
const VALUES: [&str; 5] = ["const", "default", "enum", "example", "examples"];

/// A schema, or other JSON without a payload, redacted; what is no JSON is a text.
pub(super) fn redacted(redactor: &Redactor, json: &str) -> String {
    let Ok(mut value) = serde_json::from_str(json) else { return redactor.text(json).into_owned() };
    redact(redactor, "", &mut value);
    value.to_string()
}

/// `name`: what the value is about.
fn redact(redactor: &Redactor, name: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = told(redactor, name, text),
        Value::Array(values) => values.iter_mut().for_each(|value| redact(redactor, name, value)),
        Value::Object(members) => {
            for (key, value) in members {
                redact(redactor, if VALUES.contains(&key.as_str()) { name } else { key }, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn told(redactor: &Redactor, name: &str, text: &str) -> String {
    let told = redactor.text(text);
    let named = format!("{name}: {told}");
    if redactor.text(&named) == named { told.into_owned() } else { MARK.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_covered_and_parameters_are_not() {
        let redactor = Redactor::new(&["pin".to_owned()]);
        let schema = r#"{"properties":{"password":{"default":"hunter2","description":"Bearer abcdefghijklmnopqrstuvwxyz0123456789","type":"string"},"pin":{"enum":["1234a"]},"user":{"default":"bob"}},"required":["password"]}"#;
        let expected = r#"{"properties":{"password":{"default":"[redacted]","description":"Bearer [redacted]","type":"string"},"pin":{"enum":["[redacted]"]},"user":{"default":"bob"}},"required":["password"]}"#;
        assert_eq!(redacted(&redactor, schema), expected);
        assert_eq!(redacted(&redactor, "password=hunter2"), "password=[redacted]");
    }
}
