//! JSON pointers (RFC 6901), several at once, in one pass over a value's bytes.
//!
//! # Why
//! A result may be megabytes of which a rule asks for one number. So the pointers are a tree, the value is none: what no
//! pointer leads into is skipped, whatever it holds and however deep it goes.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::quoted;
use super::text::Text;

/// What a pointer leads into: its first token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Root {
    /// `/params`
    Params,
    /// `/result`
    Result,
}

/// What stands where a pointer leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// A string, of which at most the first 512 bytes are kept, cut at a character's boundary.
    Text(String),
    /// A number, as near as an `f64` comes to it; never infinite.
    Number(f64),
    /// A boolean.
    Bool(bool),
    /// `null`
    Null,
    /// An object or an array.
    Container,
}

/// Pointers that are read together. Each is known by its place among those that were given.
#[derive(Debug, Clone, Default)]
pub struct Pointers {
    params: Node,
    result: Node,
}

/// Where pointers go on, or end.
#[derive(Debug, Clone, Default)]
struct Node {
    /// Those that end here.
    here: Vec<usize>,
    /// Those that end here, or go on.
    all: Vec<usize>,
    children: Vec<(Token, Node)>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    key: String,
    /// The element of an array that it names (RFC 6901, section 4).
    index: Option<usize>,
}

/// A pointer with more tokens finds nothing: `serde_json` enters no more than 127 containers.
const TOKENS_MAX: usize = 100;

/// So many strings that hold JSON are entered on one way.
const STRINGS_MAX: u8 = 4;

/// Whether `text` is a JSON pointer (RFC 6901, section 3).
pub fn is_pointer(text: &str) -> bool {
    let begins_well = text.is_empty() || text.starts_with('/');
    begins_well && text.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

impl Pointers {
    /// Pointers into `{"params": …, "result": …}`. One that begins with neither, or is no pointer, finds nothing.
    pub fn new<'a>(pointers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut compiled = Self::default();
        for (index, pointer) in pointers.into_iter().enumerate().filter(|(_, pointer)| is_pointer(pointer)) {
            let mut tokens = pointer.split('/').skip(1);
            let node = match tokens.next() {
                Some("params") => &mut compiled.params,
                Some("result") => &mut compiled.result,
                _ => continue,
            };
            if tokens.clone().count() <= TOKENS_MAX {
                node.add(index, tokens);
            }
        }
        compiled
    }

    /// Whether a pointer leads into this root.
    pub fn wants(&self, root: Root) -> bool {
        !self.node(root).all.is_empty()
    }

    /// Reads the value of a root, and puts what the pointers lead to into `found`, each at its place; what is not found
    /// stays as it is.
    ///
    /// Of members that stand twice the last holds, with all that is in it. Where a pointer goes on at a string, it goes on
    /// in the JSON that the string holds: servers put JSON into texts. Where the bytes break (they are cut, or no JSON),
    /// what was found before holds.
    pub fn read(&self, root: Root, json: &[u8], found: &mut [Option<Found>]) {
        let node = self.node(root);
        if self.wants(root) {
            Step { node, found, strings: 0 }.read(json);
        }
    }

    fn node(&self, root: Root) -> &Node {
        match root {
            Root::Params => &self.params,
            Root::Result => &self.result,
        }
    }
}

impl Node {
    fn add<'a>(&mut self, index: usize, mut tokens: impl Iterator<Item = &'a str>) {
        self.all.push(index);
        match tokens.next() {
            Some(token) => self.child(Token::new(token)).add(index, tokens),
            None => self.here.push(index),
        }
    }

    fn child(&mut self, token: Token) -> &mut Self {
        let at = self.children.iter().position(|(known, _)| *known == token).unwrap_or(self.children.len());
        if at == self.children.len() {
            self.children.push((token, Self::default()));
        }
        &mut self.children[at].1
    }

    fn member(&self, key: &[u8]) -> Option<&Self> {
        self.children.iter().find(|(token, _)| token.key.as_bytes() == key).map(|(_, node)| node)
    }

    fn element(&self, index: usize) -> Option<&Self> {
        self.children.iter().find(|(token, _)| token.index == Some(index)).map(|(_, node)| node)
    }
}

impl Token {
    fn new(text: &str) -> Self {
        let is_index = text == "0" || text.starts_with(|first: char| matches!(first, '1'..='9'));
        let index = if is_index { text.parse().ok() } else { None };
        Self { key: text.replace("~1", "/").replace("~0", "~"), index }
    }
}

impl Found {
    /// What this value is; `None` for a number that no `f64` comes near to.
    fn of(json: &str) -> Option<Self> {
        Some(match json.as_bytes() {
            [b'"', inside @ .., b'"'] => {
                let written = inside.len().min(WRITTEN_BYTES_MAX);
                Self::text(quoted::beginning(&inside[..written], false).as_str())
            }
            [b'{' | b'[', ..] => Self::Container,
            b"true" => Self::Bool(true),
            b"false" => Self::Bool(false),
            b"null" => Self::Null,
            _ => Self::Number(json.parse().ok().filter(|number: &f64| number.is_finite())?),
        })
    }

    fn text(text: &str) -> Self {
        let is_end = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=text.len().min(Text::CAP)).rfind(is_end).unwrap_or_default();
        Self::Text(text.get(..end).unwrap_or_default().to_owned())
    }
}

/// The text that is kept never needs more, as a byte of it is written with six (`\u0041`) at most.
const WRITTEN_BYTES_MAX: usize = 8 * Text::CAP;

/// A value on the way.
struct Step<'p, 'f> {
    node: &'p Node,
    found: &'f mut [Option<Found>],
    /// How many strings were entered up to here.
    strings: u8,
}

impl<'p> Step<'p, '_> {
    fn read(self, json: &[u8]) {
        let mut json = serde_json::Deserializer::from_slice(without_cut_number(json));
        // What was found before an error holds.
        self.deserialize(&mut json).ok();
    }

    /// Goes on to a member or an element. What it held before is gone.
    fn enter(&mut self, node: &'p Node) -> Step<'p, '_> {
        for &index in &node.all {
            self.put(index, None);
        }
        Step { node, found: self.found, strings: self.strings }
    }

    /// This is where a pointer may end.
    fn tell(&mut self, what: &Found) {
        for &index in &self.node.here {
            self.put(index, Some(what.clone()));
        }
    }

    fn put(&mut self, index: usize, what: Option<Found>) {
        if let Some(found) = self.found.get_mut(index) {
            *found = what;
        }
    }
}

impl<'de> DeserializeSeed<'de> for Step<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        if !self.node.children.is_empty() {
            return json.deserialize_any(self);
        }
        let value = <&RawValue>::deserialize(json)?;
        if let Some(what) = Found::of(value.get()) {
            self.tell(&what);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Step<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.tell(&Found::Null);
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.tell(&Found::Bool(value));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a number is as near as an f64 comes to it")]
    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.tell(&Found::Number(value as f64));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a number is as near as an f64 comes to it")]
    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.tell(&Found::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.tell(&Found::Number(value));
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        if self.strings < STRINGS_MAX {
            Step { node: self.node, found: self.found, strings: self.strings + 1 }.read(text.as_bytes());
        }
        // Afterwards, as what it holds was taken for what stands here, too.
        self.tell(&Found::text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<(), A::Error> {
        self.tell(&Found::Container);
        for index in 0.. {
            let element = match self.node.element(index) {
                Some(node) => sequence.next_element_seed(self.enter(node))?,
                None => sequence.next_element()?.map(|IgnoredAny| ()),
            };
            if element.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.tell(&Found::Container);
        while let Some(child) = map.next_key_seed(Key(self.node))? {
            match child {
                Some(node) => map.next_value_seed(self.enter(node))?,
                None => map.next_value().map(|IgnoredAny| ())?,
            }
        }
        Ok(())
    }
}

/// Where pointers go on at a key of an object.
struct Key<'p>(&'p Node);

impl<'de, 'p> DeserializeSeed<'de> for Key<'p> {
    type Value = Option<&'p Node>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        // As text, it would have to be what Unicode has.
        json.deserialize_bytes(self)
    }
}

impl<'p> Visitor<'_> for Key<'p> {
    type Value = Option<&'p Node>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Self::Value, E> {
        Ok(self.0.member(key))
    }
}

/// Where a container was cut, a number may stand at the very end whose last digits nobody knows: without it.
fn without_cut_number(json: &[u8]) -> &[u8] {
    let is_container = matches!(json.trim_ascii_start().first(), Some(b'{' | b'['));
    let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let length = json.iter().rev().take_while(|byte| of_number(byte)).count();
    let (before, number) = json.split_at(json.len() - length);
    let is_number = matches!(number.first(), Some(b'0'..=b'9' | b'-'));
    if is_container && is_number { before } else { json }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<const N: usize>(pointers: [&str; N], result: &[u8]) -> [Option<Found>; N] {
        let mut found = [const { None }; N];
        Pointers::new(pointers).read(Root::Result, result, &mut found);
        found
    }

    fn one(pointer: &str, result: &str) -> Option<Found> {
        let [found] = read([pointer], result.as_bytes());
        found
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what was found")]
    fn text(text: &str) -> Option<Found> {
        Some(Found::Text(text.to_owned()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what was found")]
    fn number(number: f64) -> Option<Found> {
        Some(Found::Number(number))
    }

    #[test]
    fn a_pointer_is_known_by_its_syntax() {
        for pointer in ["", "/", "/a/b", "/a~1b/~0", "//", "/ä ~0~1"] {
            assert!(is_pointer(pointer), "{pointer}");
        }
        for other in ["a", "a/b", "/~", "/~2", "/a~", "#/a", "/~~0", "~0"] {
            assert!(!is_pointer(other), "{other}");
        }
    }

    #[test]
    fn the_document_of_the_rfc_is_read_as_it_says() {
        let document =
            br#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#;
        let pointers = [
            "/result",
            "/result/foo",
            "/result/foo/0",
            "/result/",
            "/result/a~1b",
            "/result/c%d",
            "/result/e^f",
            "/result/g|h",
            r"/result/i\j",
            "/result/k\"l",
            "/result/ ",
            "/result/m~0n",
        ];
        let numbers = (0..9_u8).map(|value| number(value.into()));
        let containers = [Some(Found::Container), Some(Found::Container), text("bar")];
        assert_eq!(
            read(pointers, document).to_vec(),
            containers.into_iter().chain(numbers).collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_kind_of_value_is_found() {
        for (value, found) in [
            (r#""a\u0062\n""#, text("ab\n")),
            (r#""\ud83d x""#, text("\u{FFFD} x")),
            ("12", number(12.0)),
            ("-0.5e1", number(-5.0)),
            ("123456789012345678901234567890", number(123_456_789_012_345_678_901_234_567_890.0)),
            ("1e999", None),
            ("true", Some(Found::Bool(true))),
            ("false", Some(Found::Bool(false))),
            ("null", Some(Found::Null)),
            ("[1]", Some(Found::Container)),
            (r#"{"a":1}"#, Some(Found::Container)),
        ] {
            assert_eq!(one("/result", value), found, "{value}");
            let [member, _] =
                read(["/result/a", "/result/b"], format!(r#"{{"a":{value},"b":1}}"#).as_bytes());
            assert_eq!(member, found, "{value}");
        }
    }

    #[test]
    fn a_value_is_found_where_other_pointers_go_on() {
        for (value, found) in [
            ("\"a\"", text("a")),
            ("-1", number(-1.0)),
            ("1", number(1.0)),
            ("1.5", number(1.5)),
            ("true", Some(Found::Bool(true))),
            ("null", Some(Found::Null)),
            ("[]", Some(Found::Container)),
            ("{}", Some(Found::Container)),
        ] {
            assert_eq!(
                read(["/result/a", "/result/a/b"], format!(r#"{{"a":{value}}}"#).as_bytes()),
                [found, None]
            );
        }
    }

    #[test]
    fn an_element_is_named_by_its_index_and_nothing_else() {
        let array = format!("[{}\"last\"]", "0,".repeat(10));
        assert_eq!(one("/result/10", &array), text("last"));
        for none in [
            "/result/11",
            "/result/010",
            "/result/-",
            "/result/",
            "/result/+1",
            "/result/99999999999999999999",
        ] {
            assert_eq!(one(none, &array), None, "{none}");
        }
        assert_eq!(read(["/result/0", "/result/-"], br#"{"0":1,"-":2}"#), [number(1.0), number(2.0)]);
    }

    #[test]
    fn a_pointer_that_leads_into_no_root_finds_nothing() {
        let others = ["", "/", "/error/code", "result/a", "/result~/a", "/resul", "/params/a"];
        assert_eq!(read(others, br#"{"a":1,"":2}"#), [const { None }; 7]);
        let pointers = Pointers::new(["/params/a", "/error", "/params/a"]);
        assert!(pointers.wants(Root::Params) && !pointers.wants(Root::Result));
        let mut found = vec![None; 3];
        pointers.read(Root::Params, br#"{"a":1}"#, &mut found);
        assert_eq!(found, [number(1.0), None, number(1.0)]);
        pointers.read(Root::Params, br#"{"a":2}"#, &mut []);
    }

    #[test]
    fn the_last_of_two_members_holds_with_all_that_is_in_it() {
        let pointers = ["/result/a", "/result/a/b", "/result/a/c"];
        let read = |result: &str| read(pointers, result.as_bytes());
        assert_eq!(read(r#"{"a":{"b":1,"c":2},"a":{"c":3}}"#), [Some(Found::Container), None, number(3.0)]);
        assert_eq!(read(r#"{"a":{"b":1},"\u0061":4}"#), [number(4.0), None, None]);
        assert_eq!(read(r#"{"a":"{\"b\":1}","a":"x"}"#), [text("x"), None, None]);
    }

    /// `value`, in so many strings.
    fn wrapped(value: &str, times: usize) -> String {
        (0..times).fold(value.to_owned(), |value, _| serde_json::Value::from(value).to_string())
    }

    #[test]
    fn a_pointer_goes_on_in_the_json_that_a_string_holds() {
        let order = r#"{"order":{"total":12.5,"items":["{\"sku\":\"a\"}"]}}"#;
        let result = format!(r#"{{"content":[{{"type":"text","text":{}}}],"n":1}}"#, wrapped(order, 1));
        let pointers = [
            "/result/content/0/text/order/total",
            "/result/content/0/text/order/items/0/sku",
            "/result/content/0/text/order",
            "/result/content/0/text",
            "/result/content/0/text/other",
            "/result/n",
        ];
        let [total, sku, inner, whole, other, n] = read(pointers, result.as_bytes());
        assert_eq!([total, sku, inner], [number(12.5), text("a"), Some(Found::Container)]);
        assert_eq!([whole, other, n], [text(order), None, number(1.0)]);
        assert_eq!(one("/result/text/a", r#"{"text":"no JSON"}"#), None);
    }

    #[test]
    fn no_more_than_four_strings_are_entered() {
        for times in 0..7 {
            let expected = number(1.0).filter(|_| times <= 4);
            assert_eq!(one("/result/a", &wrapped(r#"{"a":1}"#, times)), expected, "{times}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let long = format!("x{}", "é".repeat(3000));
        let kept = text(&format!("x{}", "é".repeat(255)));
        let written = serde_json::Value::from(long.clone()).to_string();
        assert_eq!(one("/result", &written), kept);
        assert_eq!(read(["/result", "/result/a"], written.as_bytes()), [kept, None]);
        assert_eq!(one("/result", &format!("\"{}\"", r"\u0041".repeat(600))), text(&"A".repeat(512)));
    }

    #[test]
    fn what_was_found_before_a_break_holds() {
        let pointers = ["/result/a", "/result/b/0", "/result/c"];
        let read = |result: &[u8]| read(pointers, result);
        let before = [number(1.0), text("x"), None];
        for cut in [
            &br#"{"a":1,"b":["x","#[..],
            br#"{"a":1,"b":["x"],"c":12"#,
            br#"{"a":1,"b":["x"],"c":-"#,
            br#"{"a":1,"b":["x"],"c":1.5e"#,
            br#"{"a":1,"b":["x"],"c":"y"#,
            br#"{"a":1,"b":["x"],"c":tru"#,
            br#"{"a":1,"b":["x"] "c":1}"#,
            b"{\"a\":1,\"b\":[\"x\"],\"c\":\"\xFF\"}",
        ] {
            assert_eq!(read(cut), before, "{}", String::from_utf8_lossy(cut));
        }
        assert_eq!(read(br#"{"a":1,"b":["x"],"c":true"#), [number(1.0), text("x"), Some(Found::Bool(true))]);
        assert_eq!(read(br#"{"a":1,"b":["x"],"c":3 "#), [number(1.0), text("x"), number(3.0)]);
        assert_eq!(one("/result/a/b", r#"{"a":"{\"b\":12"}"#), None);
    }

    #[test]
    fn depth_is_skipped() {
        let deep = "[".repeat(100_000);
        let whole = format!(r#"{{"a":1,"x":{deep}{},"b":2}}"#, "]".repeat(100_000));
        assert_eq!(read(["/result/a", "/result/b"], whole.as_bytes()), [number(1.0), number(2.0)]);
        let cut = format!(r#"{{"a":1,"x":{deep}"#);
        assert_eq!(read(["/result/a", "/result/x/0/0"], cut.as_bytes()), [number(1.0), None]);
    }

    #[test]
    fn a_pointer_is_followed_as_long_as_it_may_be() {
        let pointer = |tokens: usize| format!("/result{}", "/0".repeat(tokens));
        let (longest, longer) = (pointer(TOKENS_MAX), pointer(TOKENS_MAX + 1));
        let nested = format!("{}7{}", "[".repeat(TOKENS_MAX), "]".repeat(TOKENS_MAX));
        assert_eq!(read([&*longest, &*longer], nested.as_bytes()), [number(7.0), None]);
    }
}
