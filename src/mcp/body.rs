//! What the proxy's own error replies need of a held request body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::scanner::Scanner;

/// The id of the JSON-RPC request that `body` is, as it is written, to stand in an error reply: a string, a number
/// or `null`. `None` for notifications, responses, batches and whatever else.
pub fn request_id(body: &[u8]) -> Option<&[u8]> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let mut json = serde_json::Deserializer::from_slice(body);
    let request = json.deserialize_map(Envelope).ok()?;
    json.end().ok()?;
    let is_request = request.method.is_some_and(|method| method.get().starts_with('"'));
    let id = request.id.filter(|_| is_request)?.get();
    id.starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'n']).then_some(id.as_bytes())
}

/// `text` as a JSON string, for a reply that is written by hand around an id that must keep its bytes.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What a JSON string says, its quotes included; one that is none, or none that Unicode has, as it stands between them.
pub fn unquoted(token: &str) -> Cow<'_, str> {
    let inside = token.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(token);
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    unquoted_strictly(token).map_or(Cow::Borrowed(inside), Cow::Owned)
}

/// The same, but only of a string that is one. Control characters may stand in it as they are.
pub fn unquoted_strictly(token: &str) -> Option<String> {
    let is_control = |letter: char| letter.is_ascii_control();
    serde_json::from_str(&token.replace(is_control, " ")).ok()
}

/// Whether `body` is JSON-RPC, and nothing else.
pub fn is_jsonrpc(body: &[u8]) -> bool {
    let mut scanner = Scanner::new();
    let mut messages = 0_usize;
    scanner.feed(body, &mut |_| messages += 1);
    scanner.finish().is_none() && messages > 0
}

#[derive(Default)]
struct Request<'a> {
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
}

struct Envelope;

impl<'de> Visitor<'de> for Envelope {
    type Value = Request<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut request = Request::default();
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "id" => request.id = Some(map.next_value()?),
                "method" => request.method = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(body: &str) -> Option<&str> {
        request_id(body.as_bytes()).map(|id| std::str::from_utf8(id).unwrap())
    }

    #[test]
    fn the_id_of_a_request_is_given_as_it_was_written() {
        assert_eq!(id(r#"{"jsonrpc":"2.0","id": 1.0 ,"method":"x"}"#), Some("1.0"));
        assert_eq!(id(r#"{"method":"x","params":{"id":2},"id":"a\u0062"}"#), Some(r#""a\u0062""#));
        assert_eq!(
            id(r#"{"method":"x","id":123456789012345678901234567890}"#),
            Some("123456789012345678901234567890")
        );
        assert_eq!(id(r#"{"method":"x","id":null}"#), Some("null"));
        assert_eq!(id(r#"{"m\u0065thod":"x","id":1,"id":2}"#), Some("2"));
        assert_eq!(id("\u{FEFF}{\"method\":\"x\",\"id\":3} \n"), Some("3"));
    }

    #[test]
    fn what_is_no_request_has_no_id_to_answer_with() {
        for body in [
            "",
            "{",
            "null",
            r#"{"method":"x"}"#,
            r#"{"id":1,"result":{}}"#,
            r#"{"id":1,"method":2}"#,
            r#"[{"id":1,"method":"x"}]"#,
            r#"{"id":1,"method":"x"} x"#,
            r#"{"id":{},"method":"x"}"#,
            r#"{"id":true,"method":"x"}"#,
        ] {
            assert_eq!(id(body), None, "{body}");
        }
    }

    #[test]
    fn json_rpc_is_told_from_other_json() {
        assert!(is_jsonrpc(br#"{"jsonrpc":"2.0","method":"x"}"#));
        assert!(is_jsonrpc(br#"[{"jsonrpc":"2.0","method":"x"}]"#));
        for body in ["", "{}", "[]", r#"{"error":"invalid_token"}"#, r#"{"jsonrpc":"2.0"} x"#, "Accepted"] {
            assert!(!is_jsonrpc(body.as_bytes()), "{body}");
        }
    }
}
