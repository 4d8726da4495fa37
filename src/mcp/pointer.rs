//! JSON pointers (RFC 6901), several at once, in one pass over a value's bytes.
//!
//! # Why
//! A result may be megabytes of which a rule asks for one number. So the pointers are a tree, the value is none: what no
//! pointer leads into is skipped, whatever it holds and however deep it goes.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::de::IgnoredAny;

use super::number::Number;
use super::quoted;
use super::skip::{self, Skip};
use super::text::{Text, broken_tail};

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
    /// A string, of which at most the first [`Pointers::TEXT_BYTES_MAX`] bytes are kept, cut at a character's boundary.
    Text(String),
    /// A string that is longer than any that somebody looks for ([`Pointers::with_texts_of`]).
    LongText,
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
#[derive(Debug, Clone)]
pub struct Pointers {
    params: Node,
    result: Node,
    /// Bytes of a string that are kept.
    text_bytes: usize,
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
    /// No character of the key is one that a string may not hold as it is.
    is_plain: bool,
}

/// A pointer with more tokens finds nothing, so that nobody goes deeper than that.
const TOKENS_MAX: usize = 100;

/// So many strings that hold JSON are entered on one way.
const STRINGS_MAX: u8 = 4;

/// Whether `text` is a JSON pointer (RFC 6901, section 3).
pub fn is_pointer(text: &str) -> bool {
    let begins_well = text.is_empty() || text.starts_with('/');
    begins_well && text.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

impl Default for Pointers {
    fn default() -> Self {
        Self { params: Node::default(), result: Node::default(), text_bytes: Self::TEXT_BYTES_MAX }
    }
}

impl Pointers {
    /// No more of a string is ever kept.
    pub const TEXT_BYTES_MAX: usize = Text::CAP;

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

    /// The same, where so many bytes tell the strings apart that somebody looks for: no more than those are kept, and
    /// nothing of a string that is longer however it is written ([`Found::LongText`]).
    #[must_use]
    pub fn with_texts_of(self, bytes: usize) -> Self {
        Self { text_bytes: bytes.min(Self::TEXT_BYTES_MAX), ..self }
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
            Reader::new(json, found, (self.text_bytes, 0)).value(Some(node));
        }
    }

    /// The same, of the member of the root that is called `name`: what leads into others finds nothing.
    pub fn read_member(&self, root: Root, name: &str, json: &[u8], found: &mut [Option<Found>]) {
        if let Some(node) = self.node(root).member(name.as_bytes()) {
            Reader::new(json, found, (self.text_bytes, 0)).value(Some(node));
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
        let key = text.replace("~1", "/").replace("~0", "~");
        Self { is_plain: !key.contains(['"', '\\']), key, index }
    }
}

impl Found {
    /// What a string is that was written so, without its quotes; `None` where it begins with what is no text.
    fn text(inside: &[u8], most: usize) -> Option<Self> {
        if most < Pointers::TEXT_BYTES_MAX && inside.len() > ESCAPED_BYTES_MAX * most {
            return Some(Self::LongText);
        }
        let kept = beginning(inside, most);
        if memchr(b'\\', kept).is_none() {
            return std::str::from_utf8(kept).ok().map(|text| Self::Text(text.to_owned()));
        }
        let kept = beginning(inside, WRITTEN_BYTES_MAX);
        std::str::from_utf8(kept).ok()?;
        Some(Self::resolved(quoted::beginning(kept, false).as_str(), most))
    }

    /// The same of a text whose escapes are resolved.
    fn resolved(text: &str, most: usize) -> Self {
        let is_end = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=text.len().min(most)).rfind(is_end).unwrap_or_default();
        Self::Text(text.get(..end).unwrap_or_default().to_owned())
    }
}

/// Bytes of a key that are looked at one by one.
const SHORT_KEY: usize = 32;

/// At most so many bytes, cut at a character's boundary.
fn beginning(bytes: &[u8], most: usize) -> &[u8] {
    let Some(kept) = bytes.get(..most) else { return bytes };
    &kept[..kept.len() - broken_tail(kept)]
}

/// Of a byte of a text (`\u0041`).
const ESCAPED_BYTES_MAX: usize = 6;

/// The text that is kept never needs more, as a byte of it is written with six (`\u0041`) at most.
const WRITTEN_BYTES_MAX: usize = 8 * Text::CAP;

/// Reads the values on the way, and skips the others.
///
/// # Leniency
///
/// Of what is skipped only strings and brackets are looked at, and of strings their ends: what a pointer leads to is found
/// also where something else is no JSON.
struct Reader<'j, 'f> {
    json: &'j [u8],
    at: usize,
    /// Containers around it.
    depth: usize,
    found: &'f mut [Option<Found>],
    /// Bytes of a string that are kept.
    text_bytes: usize,
    /// How many strings were entered up to here.
    strings: u8,
}

impl<'j, 'f> Reader<'j, 'f> {
    fn new(json: &'j [u8], found: &'f mut [Option<Found>], (text_bytes, strings): (usize, u8)) -> Self {
        Self { json, at: 0, depth: 0, found, text_bytes, strings }
    }

    /// The next value; `None` where the bytes break. What was found before holds.
    fn value(&mut self, node: Option<&Node>) -> Option<()> {
        self.blanks();
        match (*self.json.get(self.at)?, node) {
            (b'{', Some(node)) if !node.children.is_empty() => self.members(node),
            (b'[', Some(node)) if !node.children.is_empty() => self.elements(node),
            (b'{' | b'[', _) => {
                self.container()?;
                self.tell(node, Found::Container);
                Some(())
            }
            (b'"', None) => self.string().map(|_| ()),
            (b'"', Some(node)) => self.text(node),
            (b't', _) => self.literal(b"true", node, Found::Bool(true)),
            (b'f', _) => self.literal(b"false", node, Found::Bool(false)),
            (b'n', _) => self.literal(b"null", node, Found::Null),
            _ => self.number(node),
        }
    }

    fn members(&mut self, node: &Node) -> Option<()> {
        self.enter(node);
        if self.pass(b'}') {
            self.depth -= 1;
            return Some(());
        }
        loop {
            let child = match self.wanted_key(node) {
                Some(child) => Some(child),
                None => node.member(&self.key()?),
            };
            self.pass(b':').then_some(())?;
            self.child(child)?;
            if self.pass(b'}') {
                self.depth -= 1;
                return Some(());
            }
            self.pass(b',').then_some(())?;
        }
    }

    /// The member whose key is at hand, as it is written where nothing in it has to be escaped.
    fn wanted_key<'n>(&mut self, node: &'n Node) -> Option<&'n Node> {
        self.blanks();
        let inside = self.json.get(self.at..)?.strip_prefix(b"\"")?;
        let is_at_hand = |token: &Token| {
            let length = token.key.len();
            token.is_plain
                && inside.get(length) == Some(&b'"')
                && inside.get(..length) == Some(token.key.as_bytes())
        };
        let (token, child) = node.children.iter().find(|(token, _)| is_at_hand(token))?;
        self.at += token.key.len() + 2;
        Some(child)
    }

    /// The key at hand, its escapes resolved.
    fn key(&mut self) -> Option<Cow<'j, [u8]>> {
        self.blanks();
        let rest = self.json.get(self.at..)?;
        // Most keys are short: to look at their bytes one by one costs less than to prepare for many.
        for (at, &byte) in rest.iter().enumerate().take(SHORT_KEY).skip(1) {
            match byte {
                b'"' if rest.first() == Some(&b'"') => {
                    self.at += at + 1;
                    return rest.get(1..at).map(Cow::Borrowed);
                }
                b'"' | b'\\' => break,
                _ => {}
            }
        }
        let begun = self.at;
        let inside = self.string()?;
        if memchr(b'\\', inside).is_none() {
            return Some(inside.into());
        }
        // One that is no text is as it is written: none that a pointer names.
        let text = serde_json::from_slice::<String>(self.json.get(begun..self.at)?);
        Some(text.map_or(inside.into(), |text| text.into_bytes().into()))
    }

    fn elements(&mut self, node: &Node) -> Option<()> {
        self.enter(node);
        if self.pass(b']') {
            self.depth -= 1;
            return Some(());
        }
        for index in 0.. {
            self.child(node.element(index))?;
            if self.pass(b']') {
                self.depth -= 1;
                return Some(());
            }
            self.pass(b',').then_some(())?;
        }
        None
    }

    /// Goes on to a member or an element. What it held before is gone.
    fn child(&mut self, node: Option<&Node>) -> Option<()> {
        for &index in node.iter().flat_map(|node| &node.all) {
            self.put(index, None);
        }
        self.value(node)
    }

    fn enter(&mut self, node: &Node) {
        (self.at, self.depth) = (self.at + 1, self.depth + 1);
        self.tell(Some(node), Found::Container);
    }

    /// A string where a pointer ends, or goes on in the JSON that it holds.
    fn text(&mut self, node: &Node) -> Option<()> {
        let begun = self.at;
        let inside = self.string()?;
        if node.children.is_empty() {
            self.tell(Some(node), Found::text(inside, self.text_bytes)?);
            return Some(());
        }
        let text: Cow<'_, str> = match std::str::from_utf8(inside) {
            Ok(text) if memchr(b'\\', inside).is_none() => text.into(),
            _ => serde_json::from_slice::<String>(self.json.get(begun..self.at)?).ok()?.into(),
        };
        if self.strings < STRINGS_MAX {
            let read = (self.text_bytes, self.strings + 1);
            Reader::new(text.as_bytes(), self.found, read).value(Some(node));
        }
        // Afterwards, as what it holds was taken for what stands here, too.
        self.tell(Some(node), Found::resolved(&text, self.text_bytes));
        Some(())
    }

    fn literal(&mut self, word: &[u8], node: Option<&Node>, what: Found) -> Option<()> {
        self.json.get(self.at..)?.starts_with(word).then_some(())?;
        self.at += word.len();
        self.tell(node, what);
        Some(())
    }

    fn number(&mut self, node: Option<&Node>) -> Option<()> {
        let begun = self.at;
        let mut number = Number::begin(*self.json.get(begun)?)?;
        self.at += 1;
        while let Some(next) = self.json.get(self.at).and_then(|byte| number.next(*byte)) {
            number = next;
            self.at += 1;
        }
        // At the very end of what was cut it may have digits that nobody knows.
        let is_cut = self.depth > 0 && self.at == self.json.len();
        (number.is_whole() && !is_cut).then_some(())?;
        if node.is_some() {
            let written = std::str::from_utf8(self.json.get(begun..self.at)?).ok()?;
            // None that no `f64` comes near to.
            if let Some(number) = written.parse().ok().filter(|number: &f64| number.is_finite()) {
                self.tell(node, Found::Number(number));
            }
        }
        Some(())
    }

    /// The inside of a string, as it is written.
    fn string(&mut self) -> Option<&'j [u8]> {
        self.blanks();
        (*self.json.get(self.at)? == b'"').then_some(())?;
        let begun = self.at + 1;
        let mut at = begun;
        loop {
            at += memchr2(b'"', b'\\', self.json.get(at..)?)?;
            if self.json[at] == b'"' {
                self.at = at + 1;
                return self.json.get(begun..at);
            }
            at += 2;
        }
    }

    /// Passes a container that no pointer leads into.
    fn container(&mut self) -> Option<()> {
        let mut skip = Skip::default();
        skip.start(0);
        self.at += match skip.feed(self.json.get(self.at + 1..)?) {
            skip::Progress::End(used) => used + 1,
            skip::Progress::More => return None,
            skip::Progress::TooDeep => {
                let rest = serde_json::Deserializer::from_slice(self.json.get(self.at..)?);
                let mut rest = rest.into_iter::<IgnoredAny>();
                rest.next()?.ok()?;
                rest.byte_offset()
            }
        };
        Some(())
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.json.get(self.at) {
            self.at += 1;
        }
    }

    /// Passes this byte, and blanks before it, if it is the next one.
    fn pass(&mut self, byte: u8) -> bool {
        self.blanks();
        let is_next = self.json.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// This is where a pointer may end.
    fn tell(&mut self, node: Option<&Node>, what: Found) {
        let Some((last, others)) = node.and_then(|node| node.here.split_last()) else { return };
        for &index in others {
            self.put(index, Some(what.clone()));
        }
        self.put(*last, Some(what));
    }

    fn put(&mut self, index: usize, what: Option<Found>) {
        if let Some(found) = self.found.get_mut(index) {
            *found = what;
        }
    }
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
    fn nothing_is_kept_of_a_text_that_is_longer_than_any_that_is_looked_for() {
        let pointers = Pointers::new(["/result/a"]).with_texts_of(10);
        let longest = "x".repeat(10);
        for (inside, expected) in [
            (longest.clone(), text(&longest)),
            ("x".repeat(60), text(&longest)),
            (r"\u0041".repeat(10), text(&"A".repeat(10))),
            ("x".repeat(61), Some(Found::LongText)),
            (r"\u0041".repeat(11), Some(Found::LongText)),
        ] {
            let mut found = [None];
            pointers.read(Root::Result, format!(r#"{{"a":"{inside}"}}"#).as_bytes(), &mut found);
            assert_eq!(found, [expected], "{inside}");
        }
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
