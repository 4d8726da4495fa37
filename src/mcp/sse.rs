//! Event streams (WHATWG HTML, section 9.2; protocol page, section 2.4).

use memchr::{memchr2, memchr3};

use super::capture::Wanted;
use super::message::{Message, Unreadable};
use super::scanner::Scanner;
use super::text::{Gather, Text};

/// Reads an event stream in whatever pieces it comes. The JSON inside each event's data goes straight to a
/// [`Scanner`], so a message comes out as its brace passes, before its event ends, and an event of 100 MB costs no
/// memory.
///
/// Events named otherwise than `message` are not looked into, as the SDKs have it, provided that the name comes
/// before the data. An event that the end of the stream cuts short is no event, by the specification; a message
/// that was complete in it was handed out all the same.
#[derive(Debug)]
pub struct EventReader {
    state: State,
    field: Field,
    name: Gather,
    value: Gather,
    endpoint: Gather,
    scanner: Scanner,
    event: Draft,
    /// A line that belongs in an event stream was seen.
    recognised: bool,
    /// A line that does not was seen.
    foreign: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "handed over once, never stored")]
pub enum Item {
    /// A JSON-RPC message inside an event's data.
    Message(Message),
    /// The data of the event that ends next could not be read, or not all of it.
    Unreadable(Unreadable),
    /// An event ended; its messages came before.
    Event(Event),
    /// A comment line ended: a keep-alive.
    Comment,
}

/// The same, shown where it stands.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A JSON-RPC message inside an event's data, for its reader to take what it wants.
    Message(&'a mut Message),
    /// See [`Item::Unreadable`].
    Unreadable(Unreadable),
    /// See [`Item::Event`].
    Event(&'a Event),
    /// See [`Item::Comment`].
    Comment,
}

impl Shown<'_> {
    /// The item itself.
    fn take(self) -> Item {
        match self {
            Self::Message(message) => Item::Message(std::mem::take(message)),
            Self::Unreadable(reason) => Item::Unreadable(reason),
            Self::Event(event) => Item::Event(event.clone()),
            Self::Comment => Item::Comment,
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is.
    pub kind: EventKind,
    /// Its `id`.
    pub id: Option<Text>,
    /// The data of an `endpoint` event: where to POST (2024-11-05). Kept up to [`EventReader::ENDPOINT_CAP`] bytes.
    pub endpoint: Option<Text>,
    /// How many messages it held.
    pub messages: u32,
    /// Its length as written, with the blank line (its CR alone, where that is a CR and an LF: the event has ended
    /// before the LF comes) and the comments since the blank line before.
    pub bytes: u64,
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Named `message`, or not at all.
    Message,
    /// Named `endpoint`.
    Endpoint,
    /// No data, but an id or a time to wait before a reconnect.
    Priming,
    /// Named otherwise.
    Other,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// At the very beginning: so many bytes of a byte order mark.
    Bom(usize),
    /// At the beginning of a line; whether after a CR, of which an LF may be the other half.
    Line(bool),
    /// In a field's name.
    Name,
    /// After the colon, where one space does not count.
    Colon,
    /// In a field's value.
    Value,
    /// In a comment.
    Comment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
    Unknown,
}

/// An event being read.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five facts, none of which implies another")]
struct Draft {
    bytes: u64,
    /// There is a field that makes it an event.
    begun: bool,
    name: Name,
    id: Option<Text>,
    retry: bool,
    /// There is a data line.
    data_line: bool,
    /// There is data in one.
    data: bool,
    /// The data may be an endpoint.
    maybe_endpoint: bool,
    messages: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Name {
    #[default]
    Message,
    Endpoint,
    Other,
}

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Longer than any field's name.
const NAME_CAP: usize = 8;

impl EventReader {
    /// How many bytes of an endpoint are kept.
    pub const ENDPOINT_CAP: usize = 8 * 1024;

    /// A reader at the beginning of a stream.
    pub fn new() -> Self {
        Self {
            state: State::Bom(0),
            field: Field::Unknown,
            name: Gather::default(),
            value: Gather::default(),
            endpoint: Gather::default(),
            scanner: Scanner::new(),
            event: Draft::default(),
            recognised: false,
            foreign: false,
        }
    }

    /// From the next value on, keeps the wanted payloads of its messages; see [`Scanner::capture`].
    pub fn capture(&mut self, wanted: Wanted) {
        self.scanner.capture(wanted);
    }

    /// See [`Scanner::let_go`].
    pub fn let_go(&mut self) {
        self.scanner.let_go();
    }

    /// How many bytes of payloads are held just now.
    pub fn held(&self) -> usize {
        self.scanner.held()
    }

    /// The next bytes of the stream. What ends in them is handed to `sink`, in order.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Item)) {
        self.read(bytes, &mut |shown| sink(shown.take()));
    }

    /// The same; what was read is shown where it stands.
    pub fn read(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Shown<'_>)) {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            let used = self.step(byte, rest, sink);
            rest = &rest[used..];
        }
    }

    /// The stream ended: why it could not be read, if so. What counts is an event cut short inside its data, and
    /// whether anything here was an event stream; events that ended had their say before.
    pub fn finish(&mut self) -> Option<Unreadable> {
        let foreign = match self.state {
            State::Bom(seen) => seen > 0,
            State::Name => self.name.all().is_none_or(|name| !is_beginning_of_name(name)),
            State::Line(_) | State::Colon | State::Value | State::Comment => false,
        };
        if (self.foreign || foreign) && !self.recognised {
            return Some(Unreadable::BadEventStream);
        }
        let scanned = self.event.name == Name::Message && self.event.data;
        if scanned { self.scanner.finish() } else { None }
    }

    /// Reads on from `byte`, the first of `rest`; returns how many bytes were used. None only where the state
    /// changed.
    fn step(&mut self, byte: u8, rest: &[u8], sink: &mut dyn FnMut(Shown<'_>)) -> usize {
        match self.state {
            State::Bom(seen) => self.bom(byte, seen),
            State::Line(after_cr) => self.line(byte, after_cr, sink),
            State::Name => self.name(rest, sink),
            State::Colon => {
                self.state = State::Value;
                let space = usize::from(byte == b' ');
                self.event.bytes += space as u64;
                space
            }
            State::Value => self.value(rest, sink),
            State::Comment => self.comment(rest, sink),
        }
    }

    fn bom(&mut self, byte: u8, seen: usize) -> usize {
        if byte == BOM[seen] {
            self.state = if seen + 1 < BOM.len() { State::Bom(seen + 1) } else { State::Line(false) };
            return 1;
        }
        if seen == 0 {
            self.state = State::Line(false);
        } else {
            self.begin_name();
            self.name.push(&BOM[..seen]);
        }
        0
    }

    fn line(&mut self, byte: u8, after_cr: bool, sink: &mut dyn FnMut(Shown<'_>)) -> usize {
        match byte {
            b'\n' if after_cr => {
                // After a blank line it belongs to neither event.
                self.event.bytes += u64::from(self.event.bytes > 0);
                self.state = State::Line(false);
            }
            b'\n' | b'\r' => {
                self.event.bytes += 1;
                self.end_event(sink);
                self.state = State::Line(byte == b'\r');
            }
            b':' => {
                self.event.bytes += 1;
                self.state = State::Comment;
            }
            _ => {
                self.begin_name();
                return 0;
            }
        }
        1
    }

    fn begin_name(&mut self) {
        self.name.start(NAME_CAP);
        self.state = State::Name;
    }

    fn name(&mut self, rest: &[u8], sink: &mut dyn FnMut(Shown<'_>)) -> usize {
        let end = memchr3(b':', b'\n', b'\r', rest);
        let Some(end) = end else {
            self.name.push(rest);
            self.event.bytes += rest.len() as u64;
            return rest.len();
        };
        // Nearly always all of it is here.
        let is_whole = self.name.all().is_some_and(<[u8]>::is_empty);
        let field = if is_whole {
            Field::named(&rest[..end])
        } else {
            self.name.push(&rest[..end]);
            self.name.all().map_or(Field::Unknown, Field::named)
        };
        self.begin_value(field, sink);
        if rest[end] == b':' {
            self.event.bytes += end as u64 + 1;
            self.state = State::Colon;
            return end + 1;
        }
        self.event.bytes += end as u64;
        self.state = State::Value;
        end
    }

    fn begin_value(&mut self, field: Field, sink: &mut dyn FnMut(Shown<'_>)) {
        self.field = field;
        let known = field != Field::Unknown;
        self.recognised |= known;
        self.foreign |= !known;
        self.value.start(Text::CAP);
        if self.field == Field::Data {
            if self.event.data_line {
                self.data(b"\n", sink);
            }
            self.event.data_line = true;
            self.event.begun = true;
        }
    }

    fn value(&mut self, rest: &[u8], sink: &mut dyn FnMut(Shown<'_>)) -> usize {
        let end = memchr2(b'\n', b'\r', rest);
        let value = &rest[..end.unwrap_or(rest.len())];
        match self.field {
            Field::Data if !value.is_empty() => {
                self.begin_data(value[0]);
                self.data(value, sink);
            }
            Field::Data | Field::Unknown => {}
            Field::Event | Field::Id | Field::Retry => self.value.push(value),
        }
        self.event.bytes += value.len() as u64;
        let Some(end) = end else { return rest.len() };
        self.end_field();
        self.end_line(rest[end]) + end
    }

    fn begin_data(&mut self, byte: u8) {
        if !self.event.data {
            self.event.data = true;
            // An endpoint may be named after it was given; no JSON-RPC message begins like one.
            self.event.maybe_endpoint = self.event.name != Name::Other && !matches!(byte, b'{' | b'[');
            self.endpoint.start(Self::ENDPOINT_CAP);
        }
    }

    fn data(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Shown<'_>)) {
        if self.event.maybe_endpoint {
            self.endpoint.push(bytes);
        }
        if self.event.name == Name::Message {
            let messages = &mut self.event.messages;
            self.scanner.read(bytes, &mut |message| {
                *messages = messages.saturating_add(1);
                sink(Shown::Message(message));
            });
        }
    }

    fn comment(&mut self, rest: &[u8], sink: &mut dyn FnMut(Shown<'_>)) -> usize {
        let Some(end) = memchr2(b'\n', b'\r', rest) else {
            self.event.bytes += rest.len() as u64;
            return rest.len();
        };
        self.event.bytes += end as u64;
        self.recognised = true;
        sink(Shown::Comment);
        self.end_line(rest[end]) + end
    }

    /// The byte that ends a line; returns its length.
    fn end_line(&mut self, byte: u8) -> usize {
        self.event.bytes += 1;
        self.state = State::Line(byte == b'\r');
        1
    }

    fn end_field(&mut self) {
        match self.field {
            Field::Data | Field::Unknown => {}
            Field::Event => {
                self.event.name = match self.value.all() {
                    Some(b"" | b"message") => Name::Message,
                    Some(b"endpoint") => Name::Endpoint,
                    _ => Name::Other,
                };
            }
            Field::Id => {
                let id = self.value.text();
                if !id.as_str().contains('\0') {
                    self.event.id = Some(id);
                    self.event.begun = true;
                }
            }
            Field::Retry => {
                let digits = self.value.all().unwrap_or_default();
                self.event.retry |= !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                self.event.begun |= self.event.retry;
            }
        }
    }

    /// A blank line.
    fn end_event(&mut self, sink: &mut dyn FnMut(Shown<'_>)) {
        let event = std::mem::take(&mut self.event);
        if event.name == Name::Message
            && event.data
            && let Some(reason) = self.scanner.finish()
        {
            sink(Shown::Unreadable(reason));
        }
        self.scanner.reset();
        if event.begun {
            let is_endpoint = event.name == Name::Endpoint && event.data;
            let endpoint = is_endpoint.then(|| self.endpoint.text());
            sink(Shown::Event(&event.finish(endpoint)));
        }
    }
}

impl Default for EventReader {
    fn default() -> Self {
        Self::new()
    }
}

impl Draft {
    fn finish(self, endpoint: Option<Text>) -> Event {
        let kind = match self.name {
            Name::Endpoint => EventKind::Endpoint,
            Name::Other => EventKind::Other,
            Name::Message if !self.data && (self.id.is_some() || self.retry) => EventKind::Priming,
            Name::Message => EventKind::Message,
        };
        Event { kind, id: self.id, endpoint, messages: self.messages, bytes: self.bytes }
    }
}

impl Field {
    fn named(name: &[u8]) -> Self {
        match name {
            b"data" => Self::Data,
            b"event" => Self::Event,
            b"id" => Self::Id,
            b"retry" => Self::Retry,
            _ => Self::Unknown,
        }
    }
}

fn is_beginning_of_name(bytes: &[u8]) -> bool {
    ["data", "event", "id", "retry"].iter().any(|name| name.as_bytes().starts_with(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stream: &[u8]) -> (Vec<Item>, Option<Unreadable>) {
        let mut reader = EventReader::new();
        let mut items = Vec::new();
        reader.feed(stream, &mut |item| items.push(item));
        (items, reader.finish())
    }

    fn kinds(stream: &str) -> Vec<EventKind> {
        let events = read(stream.as_bytes()).0.into_iter().filter_map(|item| match item {
            Item::Event(event) => Some(event.kind),
            Item::Message(_) | Item::Unreadable(_) | Item::Comment => None,
        });
        events.collect()
    }

    #[test]
    fn every_kind_of_line_end_ends_a_line() {
        for end in ["\n", "\r", "\r\n"] {
            let stream =
                format!("event: message{end}data: {{\"id\":1,{end}data:\"result\":1}}{end}{end}: ping{end}");
            let (items, reason) = read(stream.as_bytes());
            assert!(matches!(&items[..], [Item::Message(_), Item::Event(_), Item::Comment]), "{items:?}");
            assert_eq!(reason, None);
        }
    }

    #[test]
    fn a_message_comes_out_before_its_event_ends_and_even_if_it_never_does() {
        let (items, reason) = read(b"data: {\"id\":1,\"result\":{}}");
        assert!(matches!(&items[..], [Item::Message(_)]));
        assert_eq!(reason, None);
        assert_eq!(read(b"data: {\"id\":1,\"res"), (vec![], Some(Unreadable::Truncated)));
    }

    #[test]
    fn events_are_told_apart() {
        use EventKind::{Endpoint, Message, Other, Priming};
        assert_eq!(kinds("id: 1\ndata: \n\n"), [Priming]);
        assert_eq!(kinds("retry: 500\n\n"), [Priming]);
        assert_eq!(kinds("event: endpoint\ndata: /m\n\n"), [Endpoint]);
        assert_eq!(kinds("event: ping\ndata: {}\n\n"), [Other]);
        assert_eq!(kinds("event:\ndata:{}\n\nevent: message\ndata:[]\n\n"), [Message, Message]);
        assert_eq!(kinds("\n\nevent: message\n\nretry: x\n\nfoo: bar\n\n: c\n\n"), []);
    }

    #[test]
    fn an_endpoint_is_kept_whichever_line_comes_first() {
        for stream in ["event: endpoint\ndata: /m?s=1\n\n", "data: /m?s=1\nevent: endpoint\n\n"] {
            let (items, _) = read(stream.as_bytes());
            let [Item::Event(event)] = &items[..] else { panic!("{items:?}") };
            assert_eq!(event.endpoint.as_ref().unwrap(), "/m?s=1");
        }
    }

    #[test]
    fn data_that_is_no_message_is_told_with_its_event() {
        let (items, reason) = read(b"data: hello\n\ndata: {}\n\ndata: {\n\n");
        let told: Vec<_> = items.iter().filter(|item| matches!(item, Item::Unreadable(_))).collect();
        assert_eq!(
            told,
            [
                &Item::Unreadable(Unreadable::InvalidJson),
                &Item::Unreadable(Unreadable::NotJsonRpc),
                &Item::Unreadable(Unreadable::Truncated)
            ]
        );
        assert_eq!(reason, None);
    }

    #[test]
    fn an_id_belongs_to_its_event_alone() {
        let (items, _) = read(b"id: a\nid: b\nid: \0\ndata\n\ndata\n\n");
        let [Item::Event(first), Item::Event(second)] = &items[..] else { panic!("{items:?}") };
        assert_eq!((first.id.clone(), second.id.clone()), (Some(Text::new("b")), None));
        assert_eq!((first.bytes, second.bytes), (24, 6));
    }

    #[test]
    fn what_is_no_event_stream_is_told() {
        for stream in ["{\"jsonrpc\":\"2.0\"}", "<html>\n", "<html>", "\u{FEFF}\u{FEFF}data: x\n\n"] {
            assert_eq!(read(stream.as_bytes()).1, Some(Unreadable::BadEventStream), "{stream}");
        }
        for stream in ["", "dat", "\n\n", ": c\n\nfoo\n", "\u{FEFF}data: {\"method\":\"x\"}\n\n"] {
            assert_eq!(read(stream.as_bytes()).1, None, "{stream}");
        }
    }
}
