//! The members of an object and the elements of an array, as they are written: what is read of a value that is here
//! whole, without a tree of it.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::body::unquoted;

/// Shows key and value of each member of the object that `json` is to `each`, in order; keys that stand twice are shown
/// twice. The key has its quotes. `None`, whatever was shown by then, where it is no object, or no JSON.
pub(super) fn members<'a>(json: &'a [u8], each: &mut dyn FnMut(&'a str, &'a str)) -> Option<()> {
    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_map(Members(each)).ok()?;
    json.end().ok()
}

/// Shows each element of the array that `json` is to `each`, in order. `None`, whatever was shown by then, where it is no
/// array, or no JSON.
pub(super) fn elements<'a>(json: &'a [u8], each: &mut dyn FnMut(&'a str)) -> Option<()> {
    let mut json = serde_json::Deserializer::from_slice(json);
    json.deserialize_seq(Elements(each)).ok()?;
    json.end().ok()
}

/// Where in `json` the value of its member `name` stands. `None` where `json` is no object, lacks it or has it twice.
pub fn member(json: &[u8], name: &str) -> Option<Range<usize>> {
    let mut found = Vec::new();
    members(json, &mut |key, value| {
        if unquoted(key) == name {
            let start = value.as_ptr().addr() - json.as_ptr().addr();
            found.push(start..start + value.len());
        }
    })?;
    let first = found.pop();
    first.filter(|_| found.is_empty())
}

struct Members<'f, 'a>(&'f mut dyn FnMut(&'a str, &'a str));

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            (self.0)(key.get(), value.get());
        }
        Ok(())
    }
}

struct Elements<'f, 'a>(&'f mut dyn FnMut(&'a str));

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(element) = sequence.next_element::<&RawValue>()? {
            (self.0)(element.get());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members_of(json: &str) -> (Vec<(&str, &str)>, bool) {
        let mut shown = Vec::new();
        let is_whole = members(json.as_bytes(), &mut |key, value| shown.push((key, value))).is_some();
        (shown, is_whole)
    }

    #[test]
    fn members_are_shown_as_they_are_written() {
        let (shown, is_whole) = members_of(r#" { "a" : 1.0 , "\u0061":{ "b" : [] }, "c":"\ud800"} "#);
        let expected = [(r#""a""#, "1.0"), (r#""\u0061""#, r#"{ "b" : [] }"#), (r#""c""#, r#""\ud800""#)];
        assert_eq!((shown, is_whole), (expected.to_vec(), true));
    }

    #[test]
    fn elements_are_shown_as_they_are_written() {
        let mut shown = Vec::new();
        assert_eq!(elements(br#" [1, "a" ,[ ],{}] "#, &mut |element| shown.push(element)), Some(()));
        assert_eq!(shown, ["1", r#""a""#, "[ ]", "{}"]);
        for other in ["", "{}", "[1", "[1,]", "[] x", "null"] {
            assert_eq!(elements(other.as_bytes(), &mut |_| {}), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_and_what_was_shown_before_stays() {
        assert_eq!(members_of(r#"{"a":1,"b"#), (vec![(r#""a""#, "1")], false));
        for other in ["", "[]", "null", "{} x", "{a:1}"] {
            assert!(!members_of(other).1, "{other}");
        }
    }

    #[test]
    fn depth_is_no_matter() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(members_of(&deep).1);
    }
}
