//! Promise: what is read of payloads and header fields is what they say, whatever they hold, and never panics.

pub(crate) mod check;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::RngSeed;
use serde_json::{Map, Value, json};
use sightglass::mcp::{AuthError, baggage, challenge_error, claims};

/// The same cases in every run, few enough for every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_128),
        failure_persistence: None,
        ..Default::default()
    }
}

const KEYS: &[&str] =
    &["a", "b", "0", "1", "10", "a/b", "~", "", "content", "text", "data", "blob", "resource", "_meta"];

const TOKENS: &[&str] = &["a", "b", "0", "1", "10", "a~1b", "~0", "", "content", "text", "-", "01", "~"];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e18..1.0e18).prop_map(|number: f64| Value::from(number)),
        any::<String>().prop_map(Value::from),
        (250_usize..300).prop_map(|length| Value::from("é".repeat(length))),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    vec((select(KEYS), value), 0..6).prop_map(|members| {
        let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
        Value::Object(members.collect())
    })
}

/// A value in which keys and indices are those that pointers ask for, and strings hold JSON.
fn value() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            4 => object(inner.clone()),
            2 => vec(inner.clone(), 0..12).prop_map(Value::from),
            1 => inner.prop_map(|value| Value::from(value.to_string())),
        ]
    })
}

/// A pointer that may lead anywhere, or nowhere.
fn pointer() -> impl Strategy<Value = String> {
    let root = prop_oneof![9 => Just("/result"), 1 => select(&["", "/params", "result", "/"][..])];
    (root, vec(select(TOKENS), 0..6)).prop_map(|(root, tokens)| {
        tokens.iter().fold(root.to_owned(), |pointer, token| format!("{pointer}/{token}"))
    })
}

/// A value with pointers, most of which lead to something in it.
fn asked(value: impl Strategy<Value = Value>) -> impl Strategy<Value = (Value, Vec<String>)> {
    let steps = vec(any::<Index>(), 0..6);
    (value, vec(pointer(), 0..4), vec(steps, 1..6)).prop_map(|(value, mut pointers, ways)| {
        pointers.extend(ways.iter().map(|steps| format!("/result{}", way(&value, steps))));
        (value, pointers)
    })
}

/// The pointer to what is found in `value` by these steps.
fn way(value: &Value, steps: &[Index]) -> String {
    let Some((step, rest)) = steps.split_first() else { return String::new() };
    match value {
        Value::Object(members) if !members.is_empty() => {
            let (key, member) = members.iter().nth(step.index(members.len())).unwrap();
            format!("/{}{}", key.replace('~', "~0").replace('/', "~1"), way(member, rest))
        }
        Value::Array(elements) if !elements.is_empty() => {
            let index = step.index(elements.len());
            format!("/{index}{}", way(&elements[index], rest))
        }
        Value::String(text) => serde_json::from_str(text).map_or(String::new(), |inside| way(&inside, steps)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

/// A result in whose `content` there is what there may be.
fn result() -> impl Strategy<Value = Value> {
    (vec(prop_oneof![object(value()), leaf()], 0..4), object(value())).prop_map(|(content, mut result)| {
        result["content"] = Value::from(content);
        result
    })
}

/// A result of `tools/list`.
fn listed() -> impl Strategy<Value = Value> {
    let tool = (select(&["a", "b", "c", "d"][..]), any::<String>(), value(), object(value()));
    vec(tool, 0..6).prop_map(|tools| {
        let tools: Vec<_> = tools
            .into_iter()
            .map(|(name, description, schema, more)| {
                json!({ "name": name, "description": description, "annotations": more,
                    "inputSchema": { "type": "object", "properties": schema } })
            })
            .collect();
        json!({ "tools": tools })
    })
}

/// `members`, all written in one object, keys that stand twice included.
fn written(members: &[(&str, Value)]) -> String {
    let members: Vec<_> =
        members.iter().map(|(key, value)| format!("{} : {value}", Value::from(*key))).collect();
    format!(" {{ {} }} ", members.join(" , "))
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        (0..=group.len()).map(move |digit| char::from(DIGITS[bits >> (18 - 6 * digit) & 63]))
    });
    digits.collect()
}

/// What a claim of this value reads as.
fn claimed(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn pointers_find_what_serde_json_finds((value, pointers) in asked(value())) {
        check::pointers(&strs(&pointers), value.to_string().as_bytes());
        check::pointers(&strs(&pointers), serde_json::to_string_pretty(&value).unwrap().as_bytes());
    }

    #[test]
    fn the_last_of_members_of_the_same_key_is_found(
        members in vec((select(KEYS), value()), 0..12), ways in vec(vec(any::<Index>(), 0..6), 1..6),
    ) {
        let text = written(&members);
        let value: Value = serde_json::from_str(&text).unwrap();
        let last = ways.iter().map(|steps| format!("/result{}", way(&value, steps)));
        // Those of the first may lead into what was replaced.
        let first = members.iter().flat_map(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            ways.iter().map(move |steps| format!("/result/{key}{}", way(value, steps)))
        });
        check::pointers(&strs(&last.chain(first).collect::<Vec<_>>()), text.as_bytes());
    }

    #[test]
    fn what_is_found_in_a_value_that_was_cut_stands_in_the_whole(
        (value, pointers) in asked(object(value())), cut in any::<Index>(),
    ) {
        let text = value.to_string();
        let whole = check::found(&strs(&pointers), text.as_bytes());
        let cut = check::found(&strs(&pointers), &text.as_bytes()[..cut.index(text.len())]);
        for (found, expected) in cut.iter().zip(&whole) {
            prop_assert!(found.is_none() || found == expected, "{found:?} for {expected:?} in {text}");
        }
    }

    #[test]
    fn a_pointer_finds_the_same_alone_and_among_others((value, pointers) in asked(value())) {
        let text = value.to_string();
        let together = check::found(&strs(&pointers), text.as_bytes());
        for (pointer, together) in pointers.iter().zip(together) {
            prop_assert_eq!(&check::found(&[pointer], text.as_bytes())[0], &together);
        }
    }

    #[test]
    fn a_model_is_shown_the_result_without_what_is_hidden(result in result()) {
        check::model(result.to_string().as_bytes());
    }

    #[test]
    fn definitions_do_not_depend_on_how_they_are_written(result in listed(), most in 0_usize..6) {
        check::tools(result.to_string().as_bytes(), most);
    }

    #[test]
    fn claims_are_what_the_token_says(members in vec((select(KEYS), value()), 0..6)) {
        let payload: Map<String, Value> = members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let encoded = base64url(Value::from(payload.clone()).to_string().as_bytes());
        let expected: Vec<_> = KEYS.iter().map(|key| payload.get(*key).and_then(claimed)).collect();
        let expected = if encoded.len() > 16_384 { vec![None; KEYS.len()] } else { expected };
        prop_assert_eq!(claims(format!("Bearer e30.{encoded}.").as_bytes(), KEYS), expected);
    }

    #[test]
    fn a_member_of_baggage_is_what_was_encoded(before in "[a-z=;% ]{0,8}", value in any::<String>()) {
        let encoded = value.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let field = format!("{before},key = {encoded} ;p=1,other=2");
        let read = baggage(&field, "key");
        prop_assert_eq!(read.as_deref(), Some(&*value));
    }

    #[test]
    fn an_error_counts_as_a_parameter_and_not_inside_one(realm in any::<String>()) {
        let realm = realm.replace('\\', r"\\").replace('"', "\\\"");
        let challenge = format!(r#"Bearer realm="{realm}, error=\"invalid_token\"""#);
        prop_assert_eq!(challenge_error(challenge.as_bytes()), None);
        let challenge = format!(r#"{challenge}, error="insufficient_scope""#);
        prop_assert_eq!(challenge_error(challenge.as_bytes()), Some(AuthError::InsufficientScope));
    }

    #[test]
    fn any_field_is_something(value in "[ -~]{0,80}", bytes in vec(any::<u8>(), 0..80)) {
        check::field(value.as_bytes());
        check::field(&bytes);
    }

    #[test]
    fn a_value_with_a_byte_changed_never_panics(
        (value, pointers) in asked(prop_oneof![result(), listed()]), at in any::<Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = value.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        check::pointers(&strs(&pointers), &bytes);
        check::model(&bytes);
        check::tools(&bytes, 100);
    }
}

#[test]
fn most_generated_values_hold_what_pointers_ask_for() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let cases = (0..200).map(|_| asked(value()).new_tree(&mut runner).unwrap().current());
    let found = cases.map(|(value, pointers)| {
        let found = check::found(&strs(&pointers), value.to_string().as_bytes());
        // All of a value is found in any case.
        pointers
            .iter()
            .zip(&found)
            .filter(|(pointer, found)| *pointer != "/result" && found.is_some())
            .count()
    });
    let found: usize = found.sum();
    assert!(found > 100, "{found}");
}
