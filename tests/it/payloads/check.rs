//! What must hold for any bytes; the property tests and the fuzz target ask the same.

use serde_json::{Map, Value};
use sightglass::mcp::{
    Found, Pointers, Root, Text, baggage, challenge_error, claims, definitions, is_pointer, model_text,
    parameters, scheme_of, server_timing,
};

/// A payload and a header field; the first byte says how long the pointers are that stand before it.
pub(crate) fn input(input: &[u8]) {
    let Some((&length, rest)) = input.split_first() else { return };
    let (before, payload) = rest.split_at(rest.len().min(length.into()));
    let before = String::from_utf8_lossy(before);
    let before: Vec<String> = before.lines().map(|rest| format!("/result{rest}")).collect();
    pointers(&before.iter().map(String::as_str).collect::<Vec<_>>(), payload);
    model(payload);
    tools(payload, length.into());
    field(payload);
}

/// What these pointers find in a result.
pub(crate) fn found(pointers: &[&str], result: &[u8]) -> Vec<Option<Found>> {
    let mut found = vec![None; pointers.len()];
    Pointers::new(pointers.iter().copied()).read(Root::Result, result, &mut found);
    found
}

/// Pointers find what `serde_json` finds, where it reads the result and every string that they lead into.
pub(crate) fn pointers(pointers: &[&str], result: &[u8]) {
    let found = found(pointers, result);
    let Ok(value) = serde_json::from_slice::<Value>(result) else { return };
    for (pointer, found) in pointers.iter().zip(found) {
        if let Ok(expected) = expected(&value, pointer) {
            assert!(is_same(found.as_ref(), expected.as_ref()), "{pointer}: {found:?} for {expected:?}");
        }
    }
}

fn expected(value: &Value, pointer: &str) -> Result<Option<Found>, Unknown> {
    match pointer.strip_prefix("/result").filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        Some(rest) if is_pointer(rest) && rest.matches('/').count() <= 100 => led(value, rest, 0),
        _ => Ok(None),
    }
}

/// Somebody else has to say what a string holds that `serde_json` does not read.
struct Unknown;

/// Where this pointer leads, in a value that stands inside so many strings.
fn led(value: &Value, pointer: &str, strings: u8) -> Result<Option<Found>, Unknown> {
    let Some(rest) = pointer.strip_prefix('/') else { return Ok(Some(as_found(value))) };
    if let Value::String(text) = value {
        if strings == 4 {
            return Ok(None);
        }
        let inside: Value = serde_json::from_str(text).map_err(|_no_json| Unknown)?;
        return led(&inside, pointer, strings + 1);
    }
    let (token, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    value.pointer(&format!("/{token}")).map_or(Ok(None), |value| led(value, rest, strings))
}

fn as_found(value: &Value) -> Found {
    match value {
        Value::Null => Found::Null,
        Value::Bool(value) => Found::Bool(*value),
        Value::Number(number) => Found::Number(number.as_f64().expect("a number")),
        Value::String(text) => Found::Text(beginning(text)),
        Value::Array(_) | Value::Object(_) => Found::Container,
    }
}

fn beginning(text: &str) -> String {
    let kept = |(at, letter): &(usize, char)| at + letter.len_utf8() <= Text::CAP;
    text.char_indices().take_while(kept).map(|(_, letter)| letter).collect()
}

/// `serde_json` may miss the last bits of a number.
fn is_same(found: Option<&Found>, expected: Option<&Found>) -> bool {
    match (found, expected) {
        (Some(Found::Number(found)), Some(Found::Number(expected))) => {
            (found - expected).abs() <= expected.abs() * 1e-14 + f64::MIN_POSITIVE
        }
        _ => found == expected,
    }
}

/// What reaches a model is the result without what does not.
pub(crate) fn model(result: &[u8]) {
    let text = model_text(result);
    let Ok(mut value) = serde_json::from_slice::<Value>(result) else { return };
    serde_json::from_str::<Value>(&text).expect("JSON");
    // What a tree does not keep (keys that stand twice) is nothing to compare.
    let (compact, pretty) = (value.to_string(), serde_json::to_string_pretty(&value).expect("JSON"));
    let text = model_text(compact.as_bytes());
    assert_eq!(model_text(pretty.as_bytes()), text);
    without_hidden(&mut value);
    assert_eq!(text, value.to_string());
}

fn without_hidden(result: &mut Value) {
    let Some(result) = result.as_object_mut() else { return };
    result.remove("_meta");
    let elements = result.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten();
    for element in elements.filter_map(Value::as_object_mut) {
        without_binary(element);
        element.get_mut("resource").and_then(Value::as_object_mut).map(without_binary).unwrap_or_default();
    }
}

fn without_binary(members: &mut Map<String, Value>) {
    members.retain(|key, value| !(matches!(&**key, "data" | "blob") && value.is_string()));
}

/// Definitions are the same however the result is written, and canonical once and for all.
pub(crate) fn tools(result: &[u8], most: usize) {
    let Some(defined) = definitions(result, most) else { return };
    assert!(defined.len() <= most);
    for schema in defined.iter().filter_map(|tool| tool.input_schema.as_deref()) {
        let value: Value = serde_json::from_str(schema).expect("JSON");
        assert_eq!(parameters(Some(schema), Some(schema)).2, Vec::<String>::new());
        assert_eq!(parameters(None, Some(&value.to_string())), parameters(None, Some(schema)));
    }
    let Ok(value) = serde_json::from_slice::<Value>(result) else { return };
    assert_eq!(
        definitions(value.to_string().as_bytes(), most),
        definitions(backwards(&value).as_bytes(), most)
    );
}

/// A value with the keys of its objects in the other order, and with blanks.
fn backwards(value: &Value) -> String {
    match value {
        Value::Array(elements) => {
            format!("[ {} ]", elements.iter().map(backwards).collect::<Vec<_>>().join(" , "))
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|one, other| other.0.cmp(one.0));
            let member =
                |(key, value): (&String, &Value)| format!("{}\n: {}", Value::from(&**key), backwards(value));
            format!("{{ {}\t}}", members.into_iter().map(member).collect::<Vec<_>>().join(" ,"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Any bytes as any header field.
pub(crate) fn field(value: &[u8]) {
    scheme_of(value);
    challenge_error(value);
    let mut told = 0;
    server_timing(value, &mut |timing| {
        told += 1;
        assert!((1..=64).contains(&timing.name.length()));
        assert!(
            timing.milliseconds.is_none_or(|milliseconds| milliseconds.is_finite() && milliseconds >= 0.0)
        );
    });
    assert!(told <= 32);
    assert_eq!(claims(value, &["sub", "tier"]).len(), 2);
    let text = String::from_utf8_lossy(value);
    is_pointer(&text);
    baggage(&text, "key");
}
