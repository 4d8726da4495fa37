//! Where the trace context stands in a body, or would stand, and the body with another in its place
//! (`protocol.md` §4.1).
//!
//! # Why
//! Written again from a tree, a body would lose what a tree does not keep: the digits of big numbers, the order of its
//! keys, keys that stand twice. So `serde_json` says where members begin and end, and a few bytes are put between what
//! stays. Where two readers could see two things (a key twice, an object that is none), nothing is put anywhere: the
//! header still carries the context.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::body::quoted;
use super::trace::{Carried, Context};

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
enum Level {
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
            Reading::of(text, blank + 1)
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
            Tracestate::Set(state) => Some(state.map_or_else(|| r#""""#.to_owned(), quoted)),
        };
        let added = state.as_ref().map_or(0, String::len);
        let mut splice = Splice::new(self.body.as_bytes(), added);
        splice.copy_to(self.open);
        // Emptied is what is there; nothing is added to say that there is none.
        let is_new = self.tracestate.is_none() && tracestate != Tracestate::Set(None);
        let new_state = state.as_deref().filter(|_| is_new);
        self.insert(&mut splice.out, self.traceparent.is_none().then_some(&parent), new_state);
        let old_parent = self.traceparent.as_ref().map(|at| (at, parent.as_slice()));
        let old_state = self.tracestate.as_ref().zip(state.as_deref().map(str::as_bytes));
        let mut replaced = [old_parent, old_state];
        replaced.sort_by_key(|member| member.as_ref().map(|(at, _)| at.start));
        for (at, value) in replaced.into_iter().flatten() {
            splice.copy_to(at.start);
            splice.out.extend_from_slice(value);
            splice.at = at.end;
        }
        splice.copy_to(self.body.len());
        splice.out
    }

    /// Writes the members that are not there yet, and the objects around them.
    fn insert(&self, out: &mut Vec<u8>, parent: Option<&QuotedParent>, state: Option<&str>) {
        if parent.is_none() && state.is_none() {
            return;
        }
        let (before, after): (&[u8], &[u8]) = match self.inside {
            Level::Message => (br#""params":{"_meta":{"#, b"}}"),
            Level::Params => (br#""_meta":{"#, b"}"),
            Level::Meta => (b"", b""),
        };
        out.extend_from_slice(before);
        if let Some(parent) = parent {
            out.extend_from_slice(br#""traceparent":"#);
            out.extend_from_slice(parent);
        }
        if let Some(state) = state {
            let comma: &[u8] = if parent.is_some() { b"," } else { b"" };
            for part in [comma, br#""tracestate":"#, state.as_bytes()] {
                out.extend_from_slice(part);
            }
        }
        out.extend_from_slice(after);
        if !self.is_empty {
            out.push(b',');
        }
    }
}

/// Bytes as they were and bytes between them.
struct Splice<'a> {
    from: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Splice<'a> {
    fn new(from: &'a [u8], added: usize) -> Self {
        // Room for both keys, both objects and a `traceparent`.
        const MOST_ADDED: usize = 128;
        Self { from, at: 0, out: Vec::with_capacity(from.len() + added + MOST_ADDED) }
    }

    fn copy_to(&mut self, end: usize) {
        self.out.extend_from_slice(self.from.get(self.at..end).unwrap_or_default());
        self.at = end;
    }
}

type QuotedParent = [u8; 57];

fn quoted_parent(context: &Context) -> QuotedParent {
    let mut quoted = [b'"'; 57];
    for (place, byte) in quoted.iter_mut().skip(1).zip(context.traceparent_bytes()) {
        *place = byte;
    }
    quoted
}

/// A message while it is read.
struct Reading<'a> {
    body: &'a str,
    method: Option<&'a RawValue>,
    inside: Level,
    open: usize,
    is_empty: bool,
    traceparent: Option<&'a RawValue>,
    tracestate: Option<&'a RawValue>,
    /// Which of the names were there, a bit each.
    seen: u8,
    /// Readers might differ on what there is, or it cannot be added to.
    is_odd: bool,
}

impl<'a> Reading<'a> {
    /// Reads the object that `body` is, opened before `open`; `None` where it is not JSON.
    fn of(body: &'a str, open: usize) -> Option<Self> {
        let mut reading = Self {
            body,
            method: None,
            inside: Level::Message,
            open,
            is_empty: true,
            traceparent: None,
            tracestate: None,
            seen: 0,
            is_odd: false,
        };
        let mut json = serde_json::Deserializer::from_str(body);
        Object { reading: &mut reading, level: Level::Message, open }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(reading)
    }

    fn kind(&self) -> Kind {
        let is_named = self.method.is_some_and(|method| method.get().starts_with('"'));
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
            traceparent: self.traceparent.and_then(|raw| self.range(raw.get())),
            tracestate: self.tracestate.and_then(|raw| self.range(raw.get())),
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

    fn member<A: MapAccess<'a>>(&mut self, level: Level, key: Key<'a>, map: &mut A) -> Result<(), A::Error> {
        if key.name.level() == Some(level) {
            self.is_odd |= self.has(key.name);
            self.seen |= key.name.bit();
        }
        match (level, key.name) {
            (Level::Message, Name::Method) => self.method = Some(map.next_value()?),
            (Level::Message, Name::Params) => self.enter(Level::Params, key, map)?,
            (Level::Params, Name::Meta) => self.enter(Level::Meta, key, map)?,
            (Level::Meta, Name::Traceparent) => self.traceparent = Some(map.next_value()?),
            (Level::Meta, Name::Tracestate) => self.tracestate = Some(map.next_value()?),
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
        reading.inside = level;
        reading.open = open;
        let mut is_empty = true;
        while let Some(key) = map.next_key()? {
            reading.member(level, key, &mut map)?;
            is_empty = false;
        }
        if reading.inside == level {
            reading.is_empty = is_empty;
        }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
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
    fn of(key: &str) -> Self {
        match key {
            "method" => Self::Method,
            "id" => Self::Id,
            "result" | "error" => Self::Answer,
            "params" => Self::Params,
            "_meta" => Self::Meta,
            "traceparent" => Self::Traceparent,
            "tracestate" => Self::Tracestate,
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
        Ok(Key { name: Name::of(key), text: Some(key) })
    }

    fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key { name: Name::of(key), text: None })
    }
}

/// What a string says; `None` for any other value.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw.get()).ok().map(Cow::Owned)
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

    #[test]
    fn a_deep_body_is_no_danger() {
        let deep = format!("{}{}", r#"{"a":["#.repeat(30_000), "]}".repeat(30_000));
        let body = format!(r#"{{"method":"x","z":{deep},"params":{{"deep":{deep}}}}}"#);
        assert!(Posted::read(body.as_bytes()).has_place());
    }
}
