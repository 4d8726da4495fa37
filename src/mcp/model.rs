//! What of a result reaches a model's context.

use memchr::memchr2;
use serde_json::value::RawValue;

use super::body::{quoted, unquoted};
use super::parts::{elements, members};

/// A result as a host hands it to its model, as compact JSON: without its own `_meta`, and without the binary `data` and
/// `blob` of its `content` and of the resources in there, which a model is not shown as text. Keys stay in order, numbers
/// as they are written; strings are as `serde_json` writes them.
///
/// A result that is no JSON (it is cut) is the text of its bytes as they are.
pub fn model_text(result: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<&RawValue>(result) else {
        return String::from_utf8_lossy(result).into_owned();
    };
    let mut text = String::new();
    write(json.get(), Place::Result, &mut text);
    text
}

/// Where a value stands, as far as it matters.
#[derive(Clone, Copy)]
enum Place {
    /// The result itself.
    Result,
    /// The result's `content`.
    Content,
    /// An element of it.
    Element,
    /// An element's `resource`.
    Resource,
    /// Anywhere else.
    Inside,
}

impl Place {
    /// Where the value of this key stands.
    fn of(self, key: &str) -> Self {
        match (self, key) {
            (Self::Result, "content") => Self::Content,
            (Self::Element, "resource") => Self::Resource,
            _ => Self::Inside,
        }
    }

    /// Whether a model is not shown the member of this key.
    fn hides(self, key: &str, value: &str) -> bool {
        match self {
            Self::Result => key == "_meta",
            Self::Element | Self::Resource => matches!(key, "data" | "blob") && value.starts_with('"'),
            Self::Content | Self::Inside => false,
        }
    }
}

/// Writes a value that was read before: it is JSON all through.
fn write(json: &str, place: Place, text: &mut String) {
    match (place, json.as_bytes().first()) {
        (Place::Result | Place::Element | Place::Resource, Some(b'{')) => write_object(json, place, text),
        (Place::Content, Some(b'[')) => write_content(json, text),
        _ => write_compact(json, text),
    }
}

fn write_object(json: &str, place: Place, text: &mut String) {
    let mut opening = '{';
    members(json.as_bytes(), &mut |key, value| {
        let name = unquoted(key);
        if !place.hides(&name, value) {
            text.push(std::mem::replace(&mut opening, ','));
            write_string(key, text);
            text.push(':');
            write(value, place.of(&name), text);
        }
    });
    text.push_str(if opening == '{' { "{}" } else { "}" });
}

fn write_content(json: &str, text: &mut String) {
    let mut opening = '[';
    elements(json.as_bytes(), &mut |element| {
        text.push(std::mem::replace(&mut opening, ','));
        write(element, Place::Element, text);
    });
    text.push_str(if opening == '[' { "[]" } else { "]" });
}

/// Everything but what stands between tokens; however deep it goes, it is only looked at once.
fn write_compact(json: &str, text: &mut String) {
    let mut rest = json;
    while let Some(at) = rest.find([' ', '\t', '\r', '\n', '"']) {
        let (tokens, from) = rest.split_at(at);
        text.push_str(tokens);
        let inside = from.strip_prefix('"');
        let length = inside.map_or(0, |inside| 1 + string_length(inside.as_bytes()));
        let (string, after) = from.split_at(length);
        write_string(string, text);
        rest = if inside.is_some() { after } else { after.trim_ascii_start() };
    }
    text.push_str(rest);
}

/// Up to the closing quote of a string, that included; what is no string to its end is one up to it.
fn string_length(inside: &[u8]) -> usize {
    let mut length = 0;
    while let Some(at) = inside.get(length..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        length += at + 1;
        if inside.get(length - 1) == Some(&b'"') {
            return length;
        }
        length += 1;
    }
    inside.len()
}

/// Writes a string as `serde_json` does, unless it is one that Unicode does not have.
fn write_string(json: &str, text: &mut String) {
    match json.contains('\\').then(|| serde_json::from_str::<String>(json)) {
        Some(Ok(meant)) => text.push_str(&quoted(&meant)),
        Some(Err(_)) | None => text.push_str(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(result: &str) -> String {
        model_text(result.as_bytes())
    }

    #[test]
    fn a_model_is_not_shown_metadata_nor_binary_data() {
        let result = r#"{ "_meta": {"a": 1}, "content": [
            {"type": "text", "text": "a  b", "data": {"kept": 1}, "_meta": {}},
            {"data": "aGk=", "type": "image", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "x:y", "blob": "aGk=", "resource": {"blob": "kept"}}},
            "data", {"blob": "aGk="}
          ], "data": "kept", "structuredContent": {"content": [{"data": "kept"}], "_meta": 1}, "isError": false }"#;
        let expected = r#"{"content":[{"type":"text","text":"a  b","data":{"kept":1},"_meta":{}},
            {"type":"image","mimeType":"image/png"},
            {"type":"resource","resource":{"uri":"x:y","resource":{"blob":"kept"}}},"data",{}],
            "data":"kept","structuredContent":{"content":[{"data":"kept"}],"_meta":1},"isError":false}"#;
        assert_eq!(of(result), expected.replace("\n            ", ""));
    }

    #[test]
    fn strings_are_written_in_one_way_and_numbers_stay() {
        let result = r#"{"\u0061":"\u00e9\/\"\\ \u0022","n":[ 1.50 , 1e2,123456789012345678901234567890 ]}"#;
        let expected = r#"{"a":"é/\"\\ \"","n":[1.50,1e2,123456789012345678901234567890]}"#;
        assert_eq!(of(result), expected);
        assert_eq!(of("{\"a\":\"\u{7f}\\u007f\"}"), "{\"a\":\"\u{7f}\u{7f}\"}");
        assert_eq!(of(r#"{"a":"\ud83d\n"}"#), r#"{"a":"\ud83d\n"}"#);
        assert_eq!(of(r#"{"\u005fmeta":1,"content":[{"\u0064ata":""}]}"#), r#"{"content":[{}]}"#);
    }

    #[test]
    fn what_has_another_shape_is_compact_all_the_same() {
        for (result, expected) in [
            ("[1, {\"_meta\" : 1}]", r#"[1,{"_meta":1}]"#),
            (" \"a b\" ", "\"a b\""),
            (r#"{"content":{"data" : "x"}}"#, r#"{"content":{"data":"x"}}"#),
            (r#"{"content":[ ]}"#, r#"{"content":[]}"#),
            (r#"{"_meta":{}}"#, "{}"),
            ("{}", "{}"),
        ] {
            assert_eq!(of(result), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_its_bytes() {
        for cut in ["", r#"{"content":[{"type":"text","te"#, r#"{"a": 1} x"#, "not JSON"] {
            assert_eq!(of(cut), cut);
        }
        assert_eq!(model_text(b"{\"a\":\"\xFF\""), "{\"a\":\"\u{FFFD}\"");
        assert_eq!(model_text(b"{\"a\":\"\xFF\"}"), "{\"a\":\"\u{FFFD}\"}");
    }

    #[test]
    fn depth_is_no_matter() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let expected = format!(r#"{{"a":{deep},"content":[{deep}]}}"#);
        assert_eq!(of(&format!(r#"{{"a": {deep}, "content": [ {deep} ]}}"#)), expected);
    }
}
