//! Where the trace context stands in a body, or would stand, and the body with another in its place
//! (`protocol.md` §4.1).
//!
//! # Why
//! Written again from a tree, a body would lose what a tree does not keep: the digits of big numbers, the order of its
//! keys, keys that stand twice. So `serde_json` says where members begin and end, and a few bytes are put between what
//! stays. Where two readers could see two things (a key twice, an object that is none), nothing is put anywhere: the
//! header still carries the context.
//!
//! Nearly every body is plain, and [`walk`](super::walk) finds the same in it for a quarter less.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::body::quoted;
use super::trace::{Carried, Context};
use super::walk::walk;

/// What a body is, for the trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message with a method and an id.
    Request,
    /// A message with a method and no id.
    Notification,
    /// A message with a result or an error.
    Response,
    /// A batch, or what cannot be read: requests may be in it.
    Unknown,
    /// Nothing of JSON-RPC.
    Other,
}

/// A whole body that was posted.
#[derive(Debug)]
pub struct Posted<'a> {
    /// What it is.
    pub kind: Kind,
    /// What its `params._meta` says of the sender's span, where that is valid.
    pub carried: Option<Carried>,
    place: Option<Place<'a>>,
}

/// What becomes of the `tracestate` in `_meta`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tracestate<'a> {
    /// It stays as it is.
    Kept,
    /// It is this from now on; without one, what stands there is emptied.
    Set(Option<&'a str>),
}

/// The innermost object on the way to the trace context that is there, and what of it is.
#[derive(Debug)]
struct Place<'a> {
    body: &'a str,
    inside: Level,
    /// Right after its brace.
    open: usize,
    is_empty: bool,
    traceparent: Option<Range<usize>>,
    tracestate: Option<Range<usize>>,
}

/// The objects on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Level {
    #[default]
    Message,
    Params,
    Meta,
}

impl<'a> Posted<'a> {
    /// A body of which nothing is known.
    pub fn unknown() -> Self {
        Self { kind: Kind::Unknown, carried: None, place: None }
    }

    /// Reads a whole body, in one pass and whatever it holds.
    pub fn read(body: &'a [u8]) -> Self {
        if body.is_empty() {
            return Self { kind: Kind::Other, ..Self::unknown() };
        }
        let message = || {
            let text = std::str::from_utf8(body).ok()?;
            let blank = text.bytes().take_while(|byte| is_blank(*byte)).count();
            (text.as_bytes().get(blank) == Some(&b'{')).then_some(())?;
            let open = blank + 1;
            walk(Reading::begin(text, open), open).or_else(|| Reading::of(text, open))
        };
        message().as_ref().map_or_else(Self::unknown, Self::of)
    }

    fn of(reading: &Reading<'a>) -> Self {
        let kind = reading.kind();
        let place = reading.place().filter(|_| matches!(kind, Kind::Request | Kind::Notification));
        let carried = reading.carried().filter(|_| place.is_some());
        Self { kind, carried, place }
    }

    /// Whether its body can carry a context.
    pub fn has_place(&self) -> bool {
        self.place.is_some()
    }

    /// The body with this context in its `params._meta`, every other byte as it was; `None` where there is no place.
    pub fn spliced(&self, context: &Context, tracestate: Tracestate<'_>) -> Option<Vec<u8>> {
        self.place.as_ref().map(|place| place.splice(context, tracestate))
    }
}

impl Place<'_> {
    fn splice(&self, context: &Context, tracestate: Tracestate<'_>) -> Vec<u8> {
        let parent = quoted_parent(context);
        let state = match tracestate {
            Tracestate::Kept => None,
            Tracestate::Set(None) => Some(Cow::Borrowed(r#""""#)),
            Tracestate::Set(Some(state)) => Some(Cow::Owned(quoted(state))),
        };
        // Emptied is what is there; nothing is added to say that there is none.
        let is_new = self.tracestate.is_none() && tracestate != Tracestate::Set(None);
        let new_state = state.as_deref().filter(|_| is_new).map(str::as_bytes);
        let new_parent = self.traceparent.is_none().then_some(parent.as_slice());
        let inserted = self.inserted(new_parent, new_state);
        let old_parent = self.traceparent.as_ref().map(|at| (at, parent.as_slice()));
        let old_state = self.tracestate.as_ref().zip(state.as_deref().map(str::as_bytes));
        let is_after = |(parent, state): (&Range<usize>, &Range<usize>)| state.start < parent.start;
        let replaced = if self.traceparent.as_ref().zip(self.tracestate.as_ref()).is_some_and(is_after) {
            [old_state, old_parent]
        } else {
            [old_parent, old_state]
        };
        let added = inserted.iter().map(|part| part.len());
        let written = replaced.iter().flatten().map(|(_, value)| value.len());
        let mut splice = Splice::new(self.body.as_bytes(), added.chain(written).sum());
        splice.copy_to(self.open);
        for part in inserted {
            splice.out.extend_from_slice(part);
        }
        for (at, value) in replaced.into_iter().flatten() {
            splice.copy_to(at.start);
            splice.out.extend_from_slice(value);
            splice.at = at.end;
        }
        splice.copy_to(self.body.len());
        splice.out
    }

    /// The members that are not there yet, and the objects around them.
    fn inserted<'a>(&self, parent: Option<&'a [u8]>, state: Option<&'a [u8]>) -> [&'a [u8]; 8] {
        let mut parts: [&[u8]; 8] = [b""; 8];
        if parent.is_none() && state.is_none() {
            return parts;
        }
        let around: (&[u8], &[u8]) = match self.inside {
            Level::Message => (br#""params":{"_meta":{"#, b"}}"),
            Level::Params => (br#""_meta":{"#, b"}"),
            Level::Meta => (b"", b""),
        };
        (parts[0], parts[6]) = around;
        if let Some(parent) = parent {
            (parts[1], parts[2]) = (br#""traceparent":"#, parent);
        }
        if let Some(state) = state {
            parts[3] = if parent.is_some() { b"," } else { b"" };
            (parts[4], parts[5]) = (br#""tracestate":"#, state);
        }
        if !self.is_empty {
            parts[7] = b",";
        }
        parts
    }
}

/// Bytes as they were and bytes between them.
struct Splice<'a> {
    from: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Splice<'a> {
    /// At most `more` bytes are put between: a vector that is filled becomes `Bytes` without being copied or counted.
    fn new(from: &'a [u8], more: usize) -> Self {
        Self { from, at: 0, out: Vec::with_capacity(from.len() + more) }
    }

    fn copy_to(&mut self, end: usize) {
        self.out.extend_from_slice(self.from.get(self.at..end).unwrap_or_default());
        self.at = end;
    }
}

type QuotedParent = [u8; 57];

fn quoted_parent(context: &Context) -> QuotedParent {
    let mut quoted = [b'"'; 57];
    quoted[1..56].copy_from_slice(&context.traceparent_bytes());
    quoted
}

/// A message while it is read.
pub(super) struct Reading<'a> {
    pub(super) body: &'a str,
    /// The value of `method`, as it is written; so are the others.
    method: Option<&'a str>,
    inside: Level,
    open: usize,
    is_empty: bool,
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
    /// Which of the names were there, a bit each.
    seen: u8,
    /// Readers might differ on what there is, or it cannot be added to.
    is_odd: bool,
}

impl<'a> Reading<'a> {
    /// Of the object that `body` is, opened before `open`, nothing was read yet.
    fn begin(body: &'a str, open: usize) -> Self {
        Self {
            body,
            method: None,
            inside: Level::Message,
            open,
            is_empty: true,
            traceparent: None,
            tracestate: None,
            seen: 0,
            is_odd: false,
        }
    }

    /// Reads the object that `body` is, opened before `open`; `None` where it is not JSON.
    fn of(body: &'a str, open: usize) -> Option<Self> {
        let mut reading = Self::begin(body, open);
        let mut json = serde_json::Deserializer::from_str(body);
        Object { reading: &mut reading, level: Level::Message, open }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(reading)
    }

    fn kind(&self) -> Kind {
        let is_named = self.method.is_some_and(|method| method.starts_with('"'));
        match (is_named, self.has(Name::Id), self.has(Name::Answer)) {
            (true, true, _) => Kind::Request,
            (true, false, _) => Kind::Notification,
            (false, _, true) => Kind::Response,
            (false, _, false) => Kind::Other,
        }
    }

    fn carried(&self) -> Option<Carried> {
        let context = Context::parse(&text(self.traceparent?)?)?;
        Some(Carried::new(context, self.tracestate.and_then(text).map(Cow::into_owned)))
    }

    fn place(&self) -> Option<Place<'a>> {
        (!self.is_odd && !self.has(Name::Answer)).then_some(Place {
            body: self.body,
            inside: self.inside,
            open: self.open,
            is_empty: self.is_empty,
            traceparent: self.traceparent.and_then(|raw| self.range(raw)),
            tracestate: self.tracestate.and_then(|raw| self.range(raw)),
        })
    }

    /// Where a piece of the body stands in it.
    fn range(&self, piece: &str) -> Option<Range<usize>> {
        let start = piece.as_ptr().addr().checked_sub(self.body.as_ptr().addr())?;
        Some(start..start + piece.len())
    }

    fn has(&self, name: Name) -> bool {
        self.seen & name.bit() != 0
    }

    /// A member of this name stands in the object at this level; whether for the second time.
    pub(super) fn see(&mut self, level: Level, name: Name) -> bool {
        if name.level() != Some(level) {
            return false;
        }
        let again = self.has(name);
        self.seen |= name.bit();
        again
    }

    /// The object at this level begins, its brace before `open`.
    pub(super) fn open(&mut self, level: Level, open: usize) {
        (self.inside, self.open) = (level, open);
    }

    /// The object at this level ends.
    pub(super) fn close(&mut self, level: Level, is_empty: bool) {
        if self.inside == level {
            self.is_empty = is_empty;
        }
    }

    /// The value of a member that is kept, as it is written.
    pub(super) fn keep(&mut self, name: Name, value: &'a str) {
        match name {
            Name::Method => self.method = Some(value),
            Name::Traceparent => self.traceparent = Some(value),
            Name::Tracestate => self.tracestate = Some(value),
            Name::Id | Name::Answer | Name::Params | Name::Meta | Name::Other => {}
        }
    }

    fn member<A: MapAccess<'a>>(&mut self, level: Level, key: Key<'a>, map: &mut A) -> Result<(), A::Error> {
        self.is_odd |= self.see(level, key.name);
        match (level, key.name) {
            (Level::Message, Name::Method) | (Level::Meta, Name::Traceparent | Name::Tracestate) => {
                self.keep(key.name, map.next_value::<&RawValue>()?.get());
            }
            (Level::Message, Name::Params) => self.enter(Level::Params, key, map)?,
            (Level::Params, Name::Meta) => self.enter(Level::Meta, key, map)?,
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn enter<A: MapAccess<'a>>(&mut self, level: Level, key: Key<'a>, map: &mut A) -> Result<(), A::Error> {
        let Some(open) = key.text.and_then(|key| self.brace_after(key)) else {
            // No object, or its key is written with escapes.
            self.is_odd = true;
            return map.next_value::<IgnoredAny>().map(|IgnoredAny| ());
        };
        map.next_value_seed(Object { reading: self, level, open })
    }

    /// Right after the brace of the object that is the value of this key.
    fn brace_after(&self, key: &str) -> Option<usize> {
        let end = self.range(key)?.end;
        let (b'"', rest) = self.body.as_bytes().get(end..)?.split_first()? else { return None };
        let between = rest.iter().take_while(|byte| is_blank(**byte) || **byte == b':').count();
        (rest.get(between) == Some(&b'{')).then_some(end + between + 2)
    }
}

/// One object on the way.
struct Object<'r, 'a> {
    reading: &'r mut Reading<'a>,
    level: Level,
    open: usize,
}

impl<'de> DeserializeSeed<'de> for Object<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, level, open } = self;
        reading.open(level, open);
        let mut is_empty = true;
        while let Some(key) = map.next_key()? {
            reading.member(level, key, &mut map)?;
            is_empty = false;
        }
        reading.close(level, is_empty);
        Ok(())
    }
}

/// A member's key.
#[derive(Clone, Copy)]
struct Key<'a> {
    name: Name,
    /// As it stands in the body, where it is written without escapes.
    text: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Method,
    Id,
    Answer,
    Params,
    Meta,
    Traceparent,
    Tracestate,
    Other,
}

impl Name {
    pub(super) fn of(key: &[u8]) -> Self {
        match key {
            b"method" => Self::Method,
            b"id" => Self::Id,
            b"result" | b"error" => Self::Answer,
            b"params" => Self::Params,
            b"_meta" => Self::Meta,
            b"traceparent" => Self::Traceparent,
            b"tracestate" => Self::Tracestate,
            _ => Self::Other,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }

    /// Where it means something, and must not stand twice.
    fn level(self) -> Option<Level> {
        match self {
            Self::Method | Self::Id | Self::Answer | Self::Params => Some(Level::Message),
            Self::Meta => Some(Level::Params),
            Self::Traceparent | Self::Tracestate => Some(Level::Meta),
            Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key { name: Name::of(key.as_bytes()), text: Some(key) })
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key { name: Name::of(key.as_bytes()), text: None })
    }
}

/// What a string says; `None` for any other value.
fn text(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    const OURS: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// The body with our context in it; `THEIRS` and `OURS` stand for what they are.
    fn spliced(body: &str, tracestate: Tracestate<'_>) -> Option<String> {
        let body = body.replace("THEIRS", THEIRS);
        let spliced = Posted::read(body.as_bytes()).spliced(&Context::parse(OURS).unwrap(), tracestate)?;
        Some(String::from_utf8(spliced).unwrap().replace(OURS, "OURS").replace(THEIRS, "THEIRS"))
    }

    fn becomes(body: &str, tracestate: Tracestate<'_>, expected: &str) {
        assert_eq!(spliced(body, tracestate).as_deref(), Some(expected));
    }

    const NONE: Tracestate<'_> = Tracestate::Set(None);
    const STATE: Tracestate<'_> = Tracestate::Set(Some(r#"a="1""#));

    #[test]
    fn what_is_absent_is_put_right_after_the_brace() {
        becomes(r#"{"method":"x"}"#, NONE, r#"{"params":{"_meta":{"traceparent":"OURS"}},"method":"x"}"#);
        becomes(
            r#" { "method":"x", "params" : { } }"#,
            NONE,
            r#" { "method":"x", "params" : {"_meta":{"traceparent":"OURS"} } }"#,
        );
        becomes(
            r#"{"method":"x","params":{"a":1.0}}"#,
            STATE,
            r#"{"method":"x","params":{"_meta":{"traceparent":"OURS","tracestate":"a=\"1\""},"a":1.0}}"#,
        );
        becomes(
            r#"{"params":{"_meta": {"a":{}}},"method":"x"}"#,
            NONE,
            r#"{"params":{"_meta": {"traceparent":"OURS","a":{}}},"method":"x"}"#,
        );
        becomes(
            r#"{"params":{"_meta":{}},"method":"x"}"#,
            NONE,
            r#"{"params":{"_meta":{"traceparent":"OURS"}},"method":"x"}"#,
        );
    }

    #[test]
    fn what_is_there_is_replaced_where_it_stands() {
        let meta =
            |meta: &str| format!(r#"{{"id":1,"method":"x","params":{{"_meta":{{{meta}}},"b":1e400}}}}"#);
        let cases = [
            (r#""traceparent" : "THEIRS" , "a":1"#, NONE, r#""traceparent" : "OURS" , "a":1"#),
            (r#""traceparent":7"#, NONE, r#""traceparent":"OURS""#),
            (
                r#""tracestate":"s","traceparent":"x""#,
                Tracestate::Kept,
                r#""tracestate":"s","traceparent":"OURS""#,
            ),
            (r#""tracestate":"s","traceparent":"x""#, NONE, r#""tracestate":"","traceparent":"OURS""#),
            (r#""tracestate":"s""#, NONE, r#""traceparent":"OURS","tracestate":"""#),
            (
                r#""traceparent":"x","tracestate":[ ]"#,
                STATE,
                r#""traceparent":"OURS","tracestate":"a=\"1\"""#,
            ),
            (r#""traceparent":"x""#, STATE, r#""tracestate":"a=\"1\"","traceparent":"OURS""#),
        ];
        for (from, tracestate, to) in cases {
            becomes(&meta(from), tracestate, &meta(to));
        }
    }

    #[test]
    fn odd_shapes_have_no_place() {
        for body in [
            "",
            "null",
            r#""method""#,
            "{",
            r#"{"method":"x"} x"#,
            r#"{"method":"x",}"#,
            "\u{FEFF}{\"method\":\"x\"}",
            r#"{"method":1}"#,
            r#"{"id":1,"result":{}}"#,
            r#"{"id":1,"error":{}}"#,
            r#"{"id":1,"method":"x","result":{}}"#,
            r#"[{"id":1,"method":"x"}]"#,
            r#"{"method":"x","params":null}"#,
            r#"{"method":"x","params":[]}"#,
            r#"{"method":"x","params":"{}"}"#,
            r#"{"method":"x","params":{"_meta":null}}"#,
            r#"{"method":"x","params":{"_meta":"{"}}"#,
            r#"{"method":"x","params":{},"params":{}}"#,
            r#"{"method":"x","params":{},"p\u0061rams":{}}"#,
            r#"{"method":"x","p\u0061rams":{}}"#,
            r#"{"method":"x","method":"x"}"#,
            r#"{"method":"x","params":{"_meta":{},"_meta":{}}}"#,
            r#"{"method":"x","params":{"_meta":{"traceparent":"a","traceparent":"a"}}}"#,
            r#"{"method":"x","params":{"_meta":{"tracestate":"a","tr\u0061cestate":"a"}}}"#,
        ] {
            assert_eq!(spliced(body, STATE), None, "{body}");
        }
        assert!(!Posted::read(b"{\"method\":\"x\",\"a\":\"\xff\"}").has_place());
    }

    #[test]
    fn names_that_stand_elsewhere_are_nothing_to_us() {
        becomes(
            r#"{"method":"x","_meta":1,"traceparent":1,"traceparent":1,"params":{"method":1,"method":1,"params":[]}}"#,
            NONE,
            r#"{"method":"x","_meta":1,"traceparent":1,"traceparent":1,"params":{"_meta":{"traceparent":"OURS"},"method":1,"method":1,"params":[]}}"#,
        );
    }

    #[test]
    fn a_body_is_told_for_what_it_is() {
        for (body, kind) in [
            (r#"{"id":null,"method":"x"}"#, Kind::Request),
            (r#"{"id":1,"method":"x","params":[]}"#, Kind::Request),
            (r#"{"method":"x"}"#, Kind::Notification),
            (r#"{"id":1,"result":{}}"#, Kind::Response),
            (r#"{"id":1,"error":{}}"#, Kind::Response),
            (r#"{"client_name":"x"}"#, Kind::Other),
            ("", Kind::Other),
            ("[]", Kind::Unknown),
            ("{", Kind::Unknown),
            ("x", Kind::Unknown),
        ] {
            assert_eq!(Posted::read(body.as_bytes()).kind, kind, "{body}");
        }
    }

    #[test]
    fn what_meta_carries_is_read() {
        let carried = |meta: &str| {
            let body =
                format!(r#"{{"method":"x","params":{{"_meta":{{{meta}}}}}}}"#).replace("THEIRS", THEIRS);
            Posted::read(body.as_bytes()).carried
        };
        let context = Context::parse(THEIRS).unwrap();
        assert_eq!(carried(r#""traceparent":"THEIRS""#), Some(Carried { context, tracestate: None }));
        let state = carried(
            r#""traceparent":"\u00300-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01","tracestate":"a=\u0031""#,
        );
        assert_eq!(state, Some(Carried { context, tracestate: Some("a=1".to_owned()) }));
        assert_eq!(carried(r#""traceparent":"00","tracestate":"a=1""#), None);
        assert_eq!(carried(r#""tracestate":"a=1""#), None);
    }

    /// What was read, to be compared.
    fn told(reading: Option<Reading<'_>>) -> Option<String> {
        let reading = reading?;
        let place = reading.place().filter(|_| reading.kind() != Kind::Other);
        Some(format!("{:?} {place:?} {:?}", reading.kind(), reading.carried()))
    }

    /// Whether the walk went to the end of it, which it may only where it read the same.
    fn walks(body: &str) -> bool {
        let blank = body.bytes().take_while(|byte| is_blank(*byte)).count();
        if body.as_bytes().get(blank) != Some(&b'{') {
            return false;
        }
        let walked = told(walk(Reading::begin(body, blank + 1), blank + 1));
        if walked.is_some() {
            assert_eq!(walked, told(Reading::of(body, blank + 1)), "{body}");
        }
        walked.is_some()
    }

    #[test]
    fn plain_bodies_are_walked() {
        for body in [
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"a":[1,{}]}}}"#,
            r#" { "method" : "x" , "params" : { "_meta" : { "traceparent" : "\u0030" } , "a" : [ ] } } "#,
            r#"{"a":[],"b":{},"c":[[[{"d":[-1.5e+3,true,false,null,"\"\\\/\b\f\n\r\t\uD83d é"]}]]]}"#,
            "{}",
        ] {
            assert!(walks(body), "{body}");
        }
        assert!(walks(&format!(r#"{{"a":{}{}}}"#, "[".repeat(65), "]".repeat(65))));
        assert!(!walks(&format!(r#"{{"a":{}{}}}"#, "[".repeat(66), "]".repeat(66))));
    }

    #[test]
    fn what_is_walked_reads_the_same() {
        const PIECES: [&str; 44] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            " ",
            "\n",
            "\u{1}",
            "\u{7f}",
            "é",
            "0",
            "1",
            "-",
            ".",
            "e5",
            "true",
            "nul",
            "null",
            "\"\"",
            "\"a\"",
            "\"a\":",
            "\"id\":1",
            "\"id\":",
            "\"method\":\"x\"",
            "\"method\":",
            "\"params\":{",
            "\"_meta\":{",
            "\"traceparent\":",
            "\"tracestate\":\"a=1\"",
            "\"result\":1",
            "}}",
            "\"\\u0061\"",
            "\"\\u00g0\"",
            "\"\\x\"",
            "{}",
            "[]",
            ",\"b\":",
            ",",
            "\"THEIRS\"",
            "\"p\\u0061rams\":{",
            "\"long, longer than what is read word by word, so that vectors are called for it, and then some more\"",
        ];
        const WHOLE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"a":{"b":[1,2.5e3,null]},"traceparent":"THEIRS","tracestate":"a=1"},"name":"x"}}"#;
        let mut random = fastrand::Rng::with_seed(7);
        let mut walked = 0;
        for round in 0..60_000 {
            let mut body = String::new();
            if round % 2 == 0 {
                body.push('{');
                (0..random.usize(0..14)).for_each(|_| body.push_str(PIECES[random.usize(0..PIECES.len())]));
                body.push_str(if random.bool() { "}" } else { "}}}" });
            } else {
                body.push_str(WHOLE);
                for _ in 0..random.usize(1..3) {
                    let at = random.usize(0..=body.len());
                    let end = (at + random.usize(0..4)).min(body.len());
                    if body.is_char_boundary(at) && body.is_char_boundary(end) {
                        body.replace_range(at..end, PIECES[random.usize(0..PIECES.len())]);
                    }
                }
            }
            walked += usize::from(walks(&body.replace("THEIRS", THEIRS)));
        }
        assert!(walked > 4000, "{walked} are too few to say anything");
    }

    #[test]
    fn a_deep_body_is_no_danger() {
        let deep = format!("{}{}", r#"{"a":["#.repeat(30_000), "]}".repeat(30_000));
        let body = format!(r#"{{"method":"x","z":{deep},"params":{{"deep":{deep}}}}}"#);
        assert!(Posted::read(body.as_bytes()).has_place());
    }
}
