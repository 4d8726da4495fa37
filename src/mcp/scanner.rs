//! A push parser of one JSON body.

use std::sync::Arc;

use memchr::memchr2;

use super::capture::{Capture, Wanted};
use super::draft::{Draft, Value};
use super::id::Id;
use super::message::{Message, Unreadable};
use super::number::{self, Number};
use super::quoted::{self, Quoted};
use super::skip::{self, Skip};
use super::slot::{KEY_MAX, MetaField, Owner, Shape, Slot};
use super::text::Text;
use super::word::{self, WORD};

/// Reads one JSON body, an object or a batch, in whatever pieces it comes, and hands out each JSON-RPC message as
/// its closing brace passes.
///
/// Keys are compared with their escapes resolved; of duplicate keys the last wins, with all that stands in it, as
/// `JSON.parse` has it. One byte order mark is skipped. Memory does not grow with the body.
///
/// # Leniency
///
/// What is read is read strictly: brackets, keys, commas, numbers, literals and escapes. What is not asked for is
/// only measured: strings up to their quote, containers up to their bracket. Raw control characters and bytes that
/// are not UTF-8 are accepted inside strings. So a body that a strict parser refuses may give a message here; one
/// that a strict parser reads gives the same message, unless it is nested more than 512 deep.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "what is asked for and what was seen, none of which implies another"
)]
pub struct Scanner {
    state: State,
    /// What the value at hand, or the one expected next, is to us.
    slot: Slot,
    /// The containers being walked, outermost first, with the offset at which each began.
    stack: [(Slot, u64); STACK_MAX],
    depth: usize,
    /// Bytes read so far.
    offset: u64,
    /// Offset at which the value at hand began.
    begun: u64,
    quoted: Quoted,
    skip: Skip,
    draft: Draft,
    /// Payloads that are kept as they are written; `None` = nobody ever asked.
    capture: Option<Box<Capture>>,
    /// Somebody asks for some in this body.
    captures: bool,
    /// Members of `params._meta` that somebody asks for besides, or has asked for in another body.
    told: Option<Arc<[Box<str>]>>,
    /// Somebody asks for them in this body.
    tells: bool,
    /// More is asked for than messages tell on their own: payloads, or those.
    is_asked: bool,
    /// The value expected next is one that may be kept; only where payloads are.
    is_payload: bool,
    /// Something in the body was JSON but no message.
    odd: bool,
}

/// The deepest path of [`Slot`]: batch, message, result, tools, tool, `_meta`, `ui`.
const STACK_MAX: usize = 8;

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

#[derive(Debug, Clone, Copy)]
enum State {
    /// Nothing but white space so far.
    Start,
    /// So many bytes of a byte order mark.
    Bom(usize),
    /// A value for the slot.
    Value,
    /// After `[`: an element or `]`.
    FirstElement,
    /// After `{`: a key or `}`.
    FirstKey,
    /// After a comma in an object.
    NextKey,
    /// Inside a key.
    Key,
    Colon,
    /// A comma or a closing bracket.
    AfterValue,
    /// Inside a string that is kept.
    Text,
    /// Inside a string that is not; whether after a backslash.
    Unread(bool),
    /// Inside a container that is not walked.
    Skip,
    Number(Number),
    /// What is left of a literal.
    Literal(&'static [u8]),
    /// After the body's value.
    Done,
    Broken(Unreadable),
}

impl Scanner {
    /// A scanner of which nothing was asked yet.
    pub fn new() -> Self {
        Self {
            state: State::Start,
            slot: Slot::Unwanted,
            stack: [(Slot::Unwanted, 0); STACK_MAX],
            depth: 0,
            offset: 0,
            begun: 0,
            quoted: Quoted::default(),
            skip: Skip::default(),
            draft: Draft::default(),
            capture: None,
            captures: false,
            told: None,
            tells: false,
            is_asked: false,
            is_payload: false,
            odd: false,
        }
    }

    /// Ready for another body.
    pub fn reset(&mut self) {
        if !matches!(self.state, State::Start) || self.offset > 0 {
            self.state = State::Start;
            self.depth = 0;
            self.offset = 0;
            self.odd = false;
            self.is_payload = false;
            self.draft.clear();
            if let Some(capture) = &mut self.capture {
                capture.forget();
            }
        }
    }

    /// As if new: ready for another body, and nothing to keep of it.
    pub fn forget(&mut self) {
        (self.captures, self.tells, self.is_asked) = (false, false, false);
        self.reset();
    }

    /// Of the next messages, tells also these members of `params._meta`, at most 255 ([`super::Params::told`]).
    pub fn tell(&mut self, members: &Arc<[Box<str>]>) {
        // The same, nearly always: to count who holds them is a write to memory that all threads share.
        if self.told.as_ref().is_none_or(|told| !Arc::ptr_eq(told, members)) {
            self.told = Some(Arc::clone(members));
        }
        (self.tells, self.is_asked) = (true, true);
    }

    /// What is being kept of a payload is kept no longer.
    pub fn let_go(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.forget();
        }
    }

    /// How many bytes of payloads are held just now.
    pub fn held(&self) -> usize {
        self.capture.as_ref().map_or(0, |capture| capture.held())
    }

    /// From the next value on, keeps the wanted payloads as they are written, of each at most `wanted.bytes_max`.
    pub fn capture(&mut self, wanted: Wanted) {
        if !self.captures {
            if wanted.is_nothing() {
                return;
            }
            (self.captures, self.is_asked) = (true, true);
            // The key may have passed already.
            self.is_payload = matches!(self.state, State::Colon | State::Value) && self.slot.is_payload();
        }
        self.capture.get_or_insert_default().want(wanted);
    }

    /// Whether nothing but white space was seen.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// The next bytes of the body. Each message that ends in them is handed to `sink`.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Message)) {
        self.read(bytes, &mut |message| sink(std::mem::take(message)));
    }

    /// The same; a message is shown where it stands, for its reader to take what it wants.
    pub fn read(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&mut Message)) {
        if self.captures {
            return self.read_capturing(bytes, sink);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = self.step(rest, sink);
            self.offset += used as u64;
            rest = &rest[used..];
        }
    }

    /// The same, where payloads may be wanted.
    fn read_capturing(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&mut Message)) {
        // What the open payload has of these bytes begins here.
        let mut from = 0;
        let mut at = 0;
        let mut is_open = self.capture.as_ref().is_some_and(|capture| capture.is_open());
        while let Some(&byte) = bytes.get(at) {
            if !is_open && !self.is_payload {
                // So are most tokens.
                let used = self.step(&bytes[at..], sink);
                at += used;
                self.offset += used as u64;
                continue;
            }
            if matches!(self.state, State::Value) && self.begins(byte, at - from) {
                from = at;
                is_open = true;
            }
            let used = self.step(&bytes[at..], sink);
            at += used;
            self.offset += used as u64;
            if is_open && matches!(self.state, State::AfterValue) && self.ends(at - from) {
                self.captured(&bytes[from..at]);
                is_open = false;
            }
        }
        if is_open && let Some(capture) = &mut self.capture {
            capture.push(&bytes[from.min(at)..]);
        }
    }

    /// The body ended: why it could not be read, if so. Messages handed out before stay true. An empty body is
    /// nothing unreadable; [`Scanner::is_idle`] tells it.
    pub fn finish(&mut self) -> Option<Unreadable> {
        match self.state {
            State::Start => None,
            State::Broken(reason) => Some(reason),
            State::Done => self.odd.then_some(Unreadable::NotJsonRpc),
            State::Number(number) if self.depth == 0 && number.is_whole() => Some(Unreadable::NotJsonRpc),
            State::Number(_)
            | State::Bom(_)
            | State::Value
            | State::FirstElement
            | State::FirstKey
            | State::NextKey
            | State::Key
            | State::Colon
            | State::AfterValue
            | State::Text
            | State::Unread(_)
            | State::Skip
            | State::Literal(_) => Some(Unreadable::Truncated),
        }
    }

    /// Whether the value that begins with `byte` is a wanted payload.
    fn begins(&mut self, byte: u8, pending: usize) -> bool {
        let (Some(capture), true, false) = (&mut self.capture, self.is_payload, is_blank(byte)) else {
            return false;
        };
        self.is_payload = false;
        capture.begin(self.slot, self.depth, pending)
    }

    /// Whether the value that ended is the payload that is kept.
    fn ends(&mut self, pending: usize) -> bool {
        self.capture.as_mut().is_some_and(|capture| capture.ends(self.depth, pending))
    }

    /// The payload ended with these bytes.
    fn captured(&mut self, last: &[u8]) {
        let Some(capture) = &mut self.capture else { return };
        if let Some(((slot, captured), part)) = capture.end(last) {
            self.draft.capture(slot, captured);
            if let Some((slot, part)) = part {
                self.draft.capture(slot, part);
            }
        }
    }

    /// Reads on from the first byte; returns how many were used. None only where the state changed.
    fn step(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&mut Message)) -> usize {
        match self.state {
            State::Text | State::Key => self.read_quoted(bytes),
            State::Unread(escaped) => self.pass_string(bytes, escaped),
            State::Skip => self.pass_container(bytes),
            State::Number(number) => self.read_number(bytes, number),
            State::Literal(left) => self.read_literal(bytes, left),
            State::Bom(seen) => self.read_bom(bytes[0], seen),
            State::Broken(_) => bytes.len(),
            State::Start
            | State::Value
            | State::FirstElement
            | State::FirstKey
            | State::NextKey
            | State::Colon
            | State::AfterValue
            | State::Done
                if !is_blank(bytes[0]) =>
            {
                self.token(bytes, sink)
            }
            State::Start
            | State::Value
            | State::FirstElement
            | State::FirstKey
            | State::NextKey
            | State::Colon
            | State::AfterValue
            | State::Done => bytes.iter().position(|&byte| !is_blank(byte)).unwrap_or(bytes.len()),
        }
    }

    /// Reads the token that begins here; returns how many bytes of it were used.
    fn token(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&mut Message)) -> usize {
        match (self.state, bytes[0]) {
            (State::Start, byte) => return self.body(byte),
            (State::Value | State::FirstElement, b'"') => return self.string(bytes),
            (State::FirstElement, b']') | (State::FirstKey, b'}') => self.close(sink),
            (State::Value | State::FirstElement, _) => return self.value(bytes),
            (State::FirstKey | State::NextKey, b'"') => return self.key(bytes),
            (State::Colon, b':') => self.state = State::Value,
            (State::AfterValue, b',') if bytes.get(1) == Some(&b'"') && !self.is_in_array() => {
                return 1 + self.key(&bytes[1..]);
            }
            (State::AfterValue, byte) => self.after_value(byte, sink),
            _ => self.fail(Unreadable::InvalidJson),
        }
        1
    }

    /// The first byte of the body.
    fn body(&mut self, byte: u8) -> usize {
        if byte == BOM[0] && self.offset == 0 {
            self.state = State::Bom(1);
            return 1;
        }
        self.slot = match byte {
            b'{' => Slot::Message,
            b'[' => Slot::Batch,
            _ => Slot::Unwanted,
        };
        self.odd = self.slot == Slot::Unwanted;
        self.state = State::Value;
        0
    }

    fn read_bom(&mut self, byte: u8, seen: usize) -> usize {
        if byte != BOM[seen] {
            self.fail(Unreadable::InvalidJson);
        } else if seen + 1 < BOM.len() {
            self.state = State::Bom(seen + 1);
        } else {
            self.state = State::Start;
        }
        1
    }

    /// A value that is no string begins; returns how many bytes of it were used.
    fn value(&mut self, bytes: &[u8]) -> usize {
        self.begun = self.offset;
        match (bytes[0], self.slot.shape()) {
            (b'{', Shape::Object) => self.open(State::FirstKey),
            (b'[', Shape::Array) => self.open(State::FirstElement),
            (b'{' | b'[', _) => {
                self.skip.start(u32::try_from(self.depth).unwrap_or(skip::DEPTH_MAX));
                self.state = State::Skip;
            }
            (b't', _) => self.state = State::Literal(b"rue"),
            (b'f', _) => self.state = State::Literal(b"alse"),
            (b'n', _) => self.state = State::Literal(b"ull"),
            (_, shape) => return self.number(bytes, shape),
        }
        1
    }

    fn number(&mut self, bytes: &[u8], shape: Shape) -> usize {
        if let Some((number, used)) = number::plain(bytes) {
            let value = if shape == Shape::Id { Value::Number(Id::Number(number)) } else { Value::There };
            self.set(value, self.offset + used as u64);
            return used;
        }
        match Number::begin(bytes[0]) {
            Some(number) => {
                self.quoted.start(Text::CAP);
                self.quoted.push(&bytes[..1]);
                self.state = State::Number(number);
            }
            None => self.fail(Unreadable::InvalidJson),
        }
        1
    }

    /// A container that is walked begins.
    fn open(&mut self, state: State) {
        self.draft.open(self.slot);
        self.stack[self.depth] = (self.slot, self.offset);
        self.depth += 1;
        self.slot = self.element(self.slot);
        self.state = state;
    }

    /// The slot of an array's elements, as far as more of them are asked for.
    fn element(&self, array: Slot) -> Slot {
        let element = array.element();
        if element == Slot::Block && self.draft.has_first_text() { Slot::LaterBlock } else { element }
    }

    /// The innermost container that is walked ends with the byte at hand.
    fn close(&mut self, sink: &mut dyn FnMut(&mut Message)) {
        self.depth -= 1;
        let (slot, begun) = self.stack[self.depth];
        let bytes = self.offset + 1 - begun;
        self.draft.close(slot, bytes);
        if slot == Slot::Message {
            let message = self.draft.finish();
            (message.bytes, message.batch) = (bytes, self.depth > 0);
            if message.is_jsonrpc() {
                sink(message);
            } else {
                self.odd = true;
            }
            self.draft.clear();
        }
        // An empty batch is no message either (JSON-RPC 2.0, section 6).
        self.odd |= slot == Slot::Batch && matches!(self.state, State::FirstElement);
        self.after();
    }

    /// Whether the innermost container that is walked is an array.
    fn is_in_array(&self) -> bool {
        self.stack[self.depth - 1].0.shape() == Shape::Array
    }

    fn after_value(&mut self, byte: u8, sink: &mut dyn FnMut(&mut Message)) {
        let (slot, _) = self.stack[self.depth - 1];
        match (byte, self.is_in_array()) {
            (b',', true) => {
                self.slot = self.element(slot);
                self.state = State::Value;
            }
            (b',', false) => self.state = State::NextKey,
            (b']', true) | (b'}', false) => self.close(sink),
            _ => self.fail(Unreadable::InvalidJson),
        }
    }

    /// A key begins with the quote at hand.
    fn key(&mut self, bytes: &[u8]) -> usize {
        let inside = &bytes[1..];
        if let Some(end) = plain_end(inside) {
            self.member(&inside[..end]);
            if inside.get(end + 1) == Some(&b':') {
                self.state = State::Value;
                return end + 3;
            }
            return end + 2;
        }
        self.quoted.start(KEY_MAX);
        self.state = State::Key;
        1
    }

    fn member(&mut self, key: &[u8]) {
        let (slot, _) = self.stack[self.depth - 1];
        self.slot = slot.member(key);
        if self.is_asked {
            if self.slot != Slot::Unwanted {
                self.is_payload = self.slot.is_payload();
            } else if self.tells && slot == Slot::Meta(Owner::Params) {
                self.look_for(key);
            }
        }
        self.state = State::Colon;
    }

    /// A member of `params._meta` that nobody wants may be one that is asked for.
    #[inline(never)]
    fn look_for(&mut self, key: &[u8]) {
        let told = self.told.as_deref().unwrap_or_default();
        let position = told.iter().position(|member| member.as_bytes() == key);
        if let Some(at) = position.and_then(|position| u8::try_from(position).ok()) {
            self.slot = Slot::MetaField(Owner::Params, MetaField::Told);
            self.draft.told_at(at);
        }
    }

    /// A string begins with the quote at hand.
    fn string(&mut self, bytes: &[u8]) -> usize {
        self.begun = self.offset;
        if !matches!(self.slot.shape(), Shape::Text | Shape::Id)
            && !matches!(self.slot, Slot::MetaField(_, MetaField::Challenges))
        {
            if self.slot == Slot::BlockText {
                self.draft.begin_block_text();
            }
            self.state = State::Unread(false);
            return 1;
        }
        let inside = &bytes[1..];
        if let Some(end) = plain_end(inside) {
            self.set(Value::Text(Text::from(&inside[..end])), self.offset + end as u64 + 2);
            return end + 2;
        }
        self.quoted.start(Text::CAP);
        self.state = State::Text;
        1
    }

    fn read_quoted(&mut self, bytes: &[u8]) -> usize {
        match self.quoted.feed(bytes) {
            quoted::Progress::More => bytes.len(),
            quoted::Progress::Invalid => {
                self.fail(Unreadable::InvalidJson);
                bytes.len()
            }
            quoted::Progress::End(used) if matches!(self.state, State::Key) => {
                // Out of its buffer: keys that come in pieces, or with escapes, are rare.
                let key = self.quoted.all().map(<[u8]>::to_vec);
                if let Some(key) = key {
                    self.member(&key);
                } else {
                    self.slot = Slot::Unwanted;
                    self.state = State::Colon;
                }
                used
            }
            quoted::Progress::End(used) => {
                self.set(Value::Text(self.quoted.text()), self.offset + used as u64);
                used
            }
        }
    }

    fn pass_string(&mut self, bytes: &[u8], escaped: bool) -> usize {
        let (used, ended) = string_end(bytes, escaped);
        if self.slot == Slot::BlockText {
            self.draft.push_block_text(&bytes[..used - usize::from(ended == Ended::Here)]);
        }
        match ended {
            Ended::Here if self.slot == Slot::BlockText => self.after(),
            Ended::Here => self.set(Value::There, self.offset + used as u64),
            Ended::Not(escaped) => self.state = State::Unread(escaped),
        }
        used
    }

    fn pass_container(&mut self, bytes: &[u8]) -> usize {
        match self.skip.feed(bytes) {
            skip::Progress::More => bytes.len(),
            skip::Progress::End(used) => {
                self.set(Value::There, self.offset + used as u64);
                used
            }
            skip::Progress::TooDeep => {
                self.fail(Unreadable::TooDeep);
                bytes.len()
            }
        }
    }

    fn read_number(&mut self, bytes: &[u8], mut number: Number) -> usize {
        let mut used = 0;
        while let Some(next) = bytes.get(used).and_then(|&byte| number.next(byte)) {
            number = next;
            used += 1;
        }
        let wanted = self.slot.shape() == Shape::Id;
        if wanted {
            self.quoted.push(&bytes[..used]);
        }
        self.state = State::Number(number);
        if used < bytes.len() {
            if number.is_whole() {
                let value = if wanted { Value::Number(Id::number(self.quoted.text())) } else { Value::There };
                self.set(value, self.offset + used as u64);
            } else {
                self.fail(Unreadable::InvalidJson);
            }
        }
        used
    }

    fn read_literal(&mut self, bytes: &[u8], left: &'static [u8]) -> usize {
        let used = left.len().min(bytes.len());
        let (expected, left) = left.split_at(used);
        if bytes[..used] != *expected {
            self.fail(Unreadable::InvalidJson);
            return used;
        }
        self.state = State::Literal(left);
        if left.is_empty() {
            let end = self.offset + used as u64;
            let value = match end - self.begun {
                5 => Value::False,
                _ if expected.ends_with(b"l") => Value::Null,
                _ => Value::True,
            };
            self.set(value, end);
        }
        used
    }

    /// The value at hand ended at offset `end`.
    fn set(&mut self, value: Value, end: u64) {
        if self.slot == Slot::Message {
            // An element of a batch, and no object.
            self.odd = true;
        } else if self.slot != Slot::Unwanted {
            self.draft.set(self.slot, value, end - self.begun);
        }
        self.after();
    }

    fn after(&mut self) {
        self.state = if self.depth == 0 { State::Done } else { State::AfterValue };
    }

    fn fail(&mut self, reason: Unreadable) {
        self.state = State::Broken(reason);
        self.draft.clear();
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Here,
    /// Not yet; whether after a backslash.
    Not(bool),
}

/// How much of a string these bytes are, its quote included, and whether it ends with them.
fn string_end(bytes: &[u8], escaped: bool) -> (usize, Ended) {
    let mut at = usize::from(escaped);
    while let Some(special) = special(&bytes[at..], NEAR) {
        at += special + 1;
        if bytes[at - 1] == b'"' {
            return (at, Ended::Here);
        }
        if at == bytes.len() {
            return (at, Ended::Not(true));
        }
        at += 1;
    }
    (bytes.len(), Ended::Not(false))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Where the string ends whose inside this is, if it ends here and holds no escape.
fn plain_end(inside: &[u8]) -> Option<usize> {
    special(inside, SHORT).filter(|&at| inside[at] == b'"')
}

/// Keys and names are short: to call for the vectors costs more than to look at two words.
const SHORT: usize = 2 * WORD;

/// In a text with escapes, the next is often near; a call for the vectors costs as much as so many words.
const NEAR: usize = 8 * WORD;

/// The first quote or backslash; the first so many bytes are looked at in words, the rest in vectors.
fn special(bytes: &[u8], in_words: usize) -> Option<usize> {
    let mut from = 0;
    while from < in_words {
        let Some(word) = bytes.get(from..).and_then(<[u8]>::first_chunk) else { break };
        let word = u64::from_le_bytes(*word);
        let special = word::equal(word, b'"') | word::equal(word, b'\\');
        if special != 0 {
            return Some(from + word::first(special));
        }
        from += WORD;
    }
    memchr2(b'"', b'\\', &bytes[from..]).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::super::{Captured, Kind, Method, Widget};
    use super::*;

    fn scan(body: &[u8]) -> (Vec<Message>, Option<Unreadable>) {
        let mut scanner = Scanner::new();
        let mut messages = Vec::new();
        scanner.feed(body, &mut |message| messages.push(message));
        (messages, scanner.finish())
    }

    fn one(body: &str) -> Message {
        let (mut messages, reason) = scan(body.as_bytes());
        assert_eq!((messages.len(), reason), (1, None), "{body}");
        messages.remove(0)
    }

    fn reason(body: impl AsRef<[u8]>) -> Option<Unreadable> {
        scan(body.as_ref()).1
    }

    #[test]
    fn a_message_comes_out_with_its_closing_brace() {
        let mut scanner = Scanner::new();
        let mut seen = 0;
        scanner.feed(br#"{"id":1,"method":"ping""#, &mut |_| seen += 1);
        assert!(!scanner.is_idle());
        scanner.feed(b"}", &mut |_| seen += 1);
        scanner.feed(b" \n", &mut |_| seen += 1);
        assert_eq!((seen, scanner.finish()), (1, None));
        scanner.reset();
        assert!(scanner.is_idle());
        scanner.feed(br#"{"id":1,"method":"ping"}"#, &mut |_| seen += 1);
        assert_eq!((seen, scanner.finish()), (2, None));
    }

    #[test]
    fn payloads_are_kept_where_they_are_wanted() {
        let body = r#"{"id":1,"method":"m","params":{"arguments": {"a":[1]} },"result": [2 ,3]}"#;
        let read = |wanted: Wanted| {
            let mut scanner = Scanner::new();
            scanner.capture(wanted);
            let mut messages = Vec::new();
            scanner.feed(body.as_bytes(), &mut |message| messages.push(message));
            let Message { params, result, .. } = messages.remove(0);
            let text = |captured: Captured| String::from_utf8(captured.bytes.to_vec()).unwrap();
            (params.arguments.map(text), result.unwrap().captured.map(text))
        };
        let wanted = |arguments, results| Wanted { arguments, results, bytes_max: 100, ..Wanted::default() };
        let arguments = Some(r#"{"a":[1]}"#.to_owned());
        let result = Some("[2 ,3]".to_owned());
        assert_eq!(read(wanted(true, true)), (arguments.clone(), result.clone()));
        assert_eq!(read(wanted(true, false)), (arguments, None));
        assert_eq!(read(wanted(false, true)), (None, result));
        assert_eq!(read(wanted(false, false)), (None, None));
    }

    #[test]
    fn a_call_says_what_it_asks_for() {
        let message = one(
            r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"a":[1, 2]},
               "inputResponses":{},"requestState":"s","task":{"ttl":1},"_meta":{"progressToken":7,"traceparent":"00-1",
               "openai/session":"o","io.modelcontextprotocol/protocolVersion":"2026-07-28",
               "io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}}}}"#,
        );
        assert_eq!((message.kind(), message.known_method()), (Kind::Request, Method::ToolsCall));
        let params = message.params;
        assert_eq!(params.name.unwrap(), "echo");
        assert_eq!(params.arguments_bytes, Some(12));
        assert!(params.has_input_responses && params.task);
        assert_eq!(params.progress_token, Some(Id::Number(7)));
        assert_eq!(params.client_name.unwrap(), "c");
        assert_eq!(params.meta.traceparent.unwrap(), "00-1");
    }

    #[test]
    fn a_result_says_how_it_went_wherever_it_says_so() {
        let long = "x".repeat(1000);
        let message = one(&format!(
            r#"{{"result":{{"content":[{{"type":"text","text":"{long}"}}],"isError":true}},"jsonrpc":"2.0","id":3}}"#
        ));
        let answer = message.result.unwrap();
        assert!(answer.is_error && message.id == Some(Id::Number(3)));
        let listed = one(
            r#"{"id":1,"result":{"tools":[{"name":"a","inputSchema":{"name":"no"}},{"_meta":{"ui":{"resourceUri":"ui://x"}},
               "name":"b"},{"title":"nameless"}],"nextCursor":"2","_meta":{"openai/outputTemplate":"t"}}}"#,
        );
        let answer = listed.result.unwrap();
        assert_eq!(answer.tools, [Text::new("a"), Text::new("b")]);
        assert_eq!(answer.widget_tools, [(Text::new("b"), Widget::McpApp)]);
        assert_eq!((answer.next_cursor, answer.meta.widget), (Some(Text::new("2")), Some(Widget::OpenAi)));
    }

    #[test]
    fn a_later_duplicate_replaces_all_of_the_earlier() {
        let message = one(
            r#"{"method":"a","params":{"name":"x","_meta":{"traceparent":"t"}},"params":{"uri":"u"},"m\u0065thod":"b"}"#,
        );
        assert_eq!(message.method.unwrap(), "b");
        assert_eq!(message.params.name, None);
        assert_eq!(message.params.meta.traceparent, None);
        assert_eq!(message.params.uri.unwrap(), "u");
        assert_eq!(one(r#"{"id":1,"id":2,"result":{"isError":true},"result":5}"#).result.unwrap().bytes, 1);
        assert!(one(r#"{"id":1,"error":{"code":1},"error":null,"result":null}"#).error.is_none());
    }

    #[test]
    fn a_batch_gives_each_of_its_messages() {
        let (messages, reason) =
            scan(br#" [ {"id":1,"method":"a"} , {"method":"b"}, 5, [{"method":"c"}], {} ] "#);
        assert_eq!((messages.len(), reason), (2, Some(Unreadable::NotJsonRpc)));
        assert!(messages.iter().all(|message| message.batch));
        assert_eq!(scan(b"[]"), (vec![], Some(Unreadable::NotJsonRpc)));
    }

    #[test]
    fn nothing_of_a_message_is_left_in_the_next() {
        let full = r#"{"id":1,"result":{"content":[{"text":"a"}],"isError":true,"_meta":{"ui":{"resourceUri":"u"}},
            "serverInfo":{"name":"s"},"task":{"taskId":"t"}},"params":{"name":"n","_meta":{"progressToken":1}},"error":{}}"#;
        let bare = r#"{"id":2,"result":{"content":[],"isError":true},"params":{}}"#;
        let (messages, _) = scan(format!("[{full},{bare}]").as_bytes());
        let alone = one(bare);
        assert_eq!(messages[1], Message { batch: true, ..alone });
        let mut scanner = Scanner::new();
        let mut seen = Vec::new();
        for body in [full, bare] {
            scanner.read(body.as_bytes(), &mut |message| seen.push(message.clone()));
            scanner.forget();
        }
        assert_eq!(seen[1], one(bare));
    }

    #[test]
    fn an_id_of_no_known_shape_is_null_and_an_absent_one_is_none() {
        for id in ["null", "true", "{}", "[1]"] {
            assert_eq!(one(&format!(r#"{{"id":{id},"method":"x"}}"#)).id, Some(Id::Null));
        }
        assert_eq!(one(r#"{"method":"x"}"#).id, None);
    }

    #[test]
    fn what_is_not_json_is_told_from_what_is_cut_short() {
        for body in [
            "Accepted",
            "<html>",
            "{a",
            "{\"a\" 1}",
            "{\"a\":1,}",
            "[1 2]",
            "nul!",
            "{}x",
            "{}{}",
            "01",
            "\0",
        ] {
            assert_eq!(reason(body), Some(Unreadable::InvalidJson), "{body}");
        }
        for body in ["{", "[", "{\"a", "{\"a\":", "{\"a\":[1,[", "tru", "-", "\"a", "{\"method\":\"\\ud8"] {
            assert_eq!(reason(body), Some(Unreadable::Truncated), "{body}");
        }
        for body in ["null", "5", "\"x\"", "{}", "[1]", r#"{"error":"invalid_token"}"#, r#"{"id":1}"#] {
            assert_eq!(reason(body), Some(Unreadable::NotJsonRpc), "{body}");
        }
        for body in ["", " \r\n\t", "\u{FEFF}"] {
            assert_eq!(reason(body), None);
        }
        assert_eq!(reason(b"\xEF\xBB{}"), Some(Unreadable::InvalidJson));
    }

    #[test]
    fn depth_is_bounded_wherever_it_is() {
        let nested = |depth: usize| {
            format!(r#"{{"method":"x","params":{{"a":{}1{}}}}}"#, "[".repeat(depth), "]".repeat(depth))
        };
        assert_eq!(reason(nested(510)), None);
        assert_eq!(reason(nested(511)), Some(Unreadable::TooDeep));
        assert_eq!(reason("[".repeat(1_000_000)), Some(Unreadable::TooDeep));
        assert_eq!(reason("{\"params\":".repeat(1_000_000)), Some(Unreadable::TooDeep));
    }

    #[test]
    fn the_names_of_tools_are_capped() {
        let tools = vec![r#"{"name":"t"}"#; 5000].join(",");
        let message = one(&format!(r#"{{"id":1,"result":{{"tools":[{tools}]}}}}"#));
        assert_eq!(message.result.unwrap().tools.len(), 4096);
        let tools = vec![format!(r#"{{"name":"{}"}}"#, "n".repeat(600)); 1000].join(",");
        let message = one(&format!(r#"{{"id":1,"result":{{"tools":[{tools}]}}}}"#));
        assert_eq!(message.result.unwrap().tools.len(), 512);
    }
}
