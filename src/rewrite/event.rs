//! Finds the data of `event: endpoint` events in a stream of server-sent events, at any chunking, and passes all else
//! on untouched and at once.
//!
//! # Why
//!
//! A client acts on an event only at its blank line, so holding an event's data until then delays nothing. Held is
//! only what may still be an endpoint's: from the first data value of an event that has no other name, unless the
//! data begins like JSON, which no URL does. So MCP messages are never held, with or without `event: message`.

use std::collections::VecDeque;

use bytes::Bytes;

/// Longest hold of an event, in bytes, from its first data value to its blank line; past it the event passes as it is.
pub(super) const HELD_BYTES_MAX: usize = 16 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The position in a stream, and what is held of it.
#[derive(Debug, Default)]
pub(super) struct Rewriter {
    event: Event,
    line: Line,
    /// The field name, then the event's name, of the current line.
    word: Word,
    /// The stream's first line, which a byte order mark may begin.
    past_first_line: bool,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_return: bool,
    holding: bool,
    held: Vec<u8>,
}

/// What the current event is, by what was seen of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// No name yet.
    #[default]
    Unnamed,
    Endpoint,
    /// Not to be rewritten, whatever follows.
    Other,
}

/// Where in a line the next byte is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Name,
    /// After the colon of `data`, and after the one space that may follow it.
    DataStart {
        spaced: bool,
    },
    /// After the colon of `event`.
    EventStart,
    EventName,
    /// The rest says nothing to us.
    Rest,
}

/// The first bytes of a name, as many as are needed to tell the ones we know.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; 9],
    length: usize,
}

/// One chunk on its way through.
struct Passage<'a> {
    chunk: &'a Bytes,
    /// Where what was not yet given out begins.
    from: usize,
    /// Where in the chunk the held part begins, while holding.
    hold_from: usize,
    out: &'a mut VecDeque<Bytes>,
}

impl Rewriter {
    /// Passes `chunk` on to `out`. `publish` gives the new value of an endpoint, or `None` to leave it.
    pub(super) fn feed(
        &mut self,
        chunk: &Bytes,
        publish: impl Fn(&str) -> Option<String>,
        out: &mut VecDeque<Bytes>,
    ) {
        let mut passage = Passage { chunk, from: 0, hold_from: 0, out };
        let mut at = 0;
        while let Some(byte) = chunk.get(at) {
            let follows_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if follows_return => at += 1,
                b'\r' | b'\n' => {
                    at += 1;
                    self.after_return = *byte == b'\r';
                    self.end_line(at, &publish, &mut passage);
                }
                _ if self.line == Line::Rest => at += line_length(chunk, at),
                byte => {
                    at += 1;
                    self.byte(*byte, at, &mut passage);
                }
            }
        }
        self.end_chunk(&mut passage);
    }

    /// The stream ended, or something other than data comes: what is held goes on as it is.
    pub(super) fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        self.holding = false;
        self.event = Event::Other;
        push(out, std::mem::take(&mut self.held).into());
    }

    /// Whether bytes wait for the end of their event.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// One byte of a line; `next` is the position after it.
    fn byte(&mut self, byte: u8, next: usize, passage: &mut Passage<'_>) {
        match self.line {
            Line::Name if byte == b':' => self.end_name(next, passage),
            Line::Name => {
                self.word.push(byte);
                if !self.past_first_line && self.word.is(BYTE_ORDER_MARK) {
                    self.past_first_line = true;
                    self.word.clear();
                }
            }
            Line::DataStart { spaced: false } if byte == b' ' => self.line = Line::DataStart { spaced: true },
            Line::DataStart { .. } => {
                self.line = Line::Rest;
                if matches!(byte, b'{' | b'[' | b'"') {
                    self.release(passage);
                }
            }
            Line::EventStart if byte == b' ' => self.line = Line::EventName,
            Line::EventStart | Line::EventName => {
                self.line = Line::EventName;
                self.word.push(byte);
            }
            Line::Rest => {}
        }
    }

    fn end_name(&mut self, next: usize, passage: &mut Passage<'_>) {
        self.line = Line::Rest;
        if self.word.is(b"event") {
            self.line = Line::EventStart;
        } else if self.word.is(b"data") && self.event != Event::Other && !self.holding {
            self.line = Line::DataStart { spaced: false };
            self.holding = true;
            passage.hold_from = next;
        }
        self.word.clear();
    }

    fn end_line(
        &mut self,
        next: usize,
        publish: &impl Fn(&str) -> Option<String>,
        passage: &mut Passage<'_>,
    ) {
        match self.line {
            Line::Name if self.word.length == 0 => self.end_event(next, publish, passage),
            Line::Name if self.word.is(b"event") => self.release(passage),
            Line::EventStart | Line::EventName if self.event == Event::Other => {}
            Line::EventStart | Line::EventName if self.word.is(b"endpoint") => self.event = Event::Endpoint,
            Line::EventStart | Line::EventName => self.release(passage),
            Line::Name | Line::DataStart { .. } | Line::Rest => {}
        }
        self.line = Line::Name;
        self.past_first_line = true;
        self.word.clear();
    }

    fn end_event(
        &mut self,
        next: usize,
        publish: &impl Fn(&str) -> Option<String>,
        passage: &mut Passage<'_>,
    ) {
        let event = std::mem::take(&mut self.event);
        if !std::mem::take(&mut self.holding) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let tail = passage.chunk.get(passage.hold_from..next).unwrap_or_default();
        if event == Event::Endpoint && held.len() + tail.len() <= HELD_BYTES_MAX {
            let whole = [held.as_slice(), tail].concat();
            if let Some(rewritten) = rewrite(&whole, publish) {
                passage.give_until(passage.hold_from);
                push(passage.out, rewritten.into());
                passage.from = next;
                return;
            }
        }
        push(passage.out, held.into());
    }

    /// The event is none of ours: what is held of it goes on.
    fn release(&mut self, passage: &mut Passage<'_>) {
        self.event = Event::Other;
        self.holding = false;
        // Held bytes are from earlier chunks, so nothing of this one was given out.
        push(passage.out, std::mem::take(&mut self.held).into());
    }

    fn end_chunk(&mut self, passage: &mut Passage<'_>) {
        let end = passage.chunk.len();
        if self.holding && self.held.len() + (end - passage.hold_from) > HELD_BYTES_MAX {
            self.release(passage);
        }
        if !self.holding {
            passage.give_until(end);
            return;
        }
        passage.give_until(passage.hold_from);
        self.held.extend_from_slice(passage.chunk.get(passage.hold_from..).unwrap_or_default());
    }
}

impl Passage<'_> {
    fn give_until(&mut self, end: usize) {
        push(self.out, self.chunk.slice(self.from..end));
        self.from = end;
    }
}

impl Word {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn is(&self, word: &[u8]) -> bool {
        self.bytes.get(..self.length) == Some(word)
    }

    fn clear(&mut self) {
        self.length = 0;
    }
}

fn push(out: &mut VecDeque<Bytes>, bytes: Bytes) {
    if !bytes.is_empty() {
        out.push_back(bytes);
    }
}

/// Bytes from `at` to the end of the line or chunk; at least 1.
fn line_length(chunk: &[u8], at: usize) -> usize {
    let rest = chunk.get(at..).unwrap_or_default();
    rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len()).max(1)
}

/// An event's bytes from its first data value on, with the value `publish` gives; further data lines go, as they are
/// part of the old value. `None`: it stays as it is.
fn rewrite(whole: &[u8], publish: impl Fn(&str) -> Option<String>) -> Option<Vec<u8>> {
    let mut lines = whole.split_inclusive(|byte| matches!(byte, b'\r' | b'\n'));
    let first = lines.next()?;
    let (value, line_end) = split_line_end(first);
    let (space, value) = split_space(value);
    let mut reference = value.to_vec();
    let mut rest: Vec<u8> = line_end.to_vec();
    let mut line_feed_goes = false;
    for line in lines {
        if line == b"\n" && std::mem::take(&mut line_feed_goes) {
            continue;
        }
        line_feed_goes = false;
        let (content, line_end) = split_line_end(line);
        let more = content.strip_prefix(b"data:").or_else(|| (content == b"data").then_some(&[]));
        match more {
            Some(more) => {
                reference.extend_from_slice(split_space(more).1);
                line_feed_goes = line_end == b"\r";
            }
            None => rest.extend_from_slice(line),
        }
    }
    // As URL parsers do: lines are joined, spaces around do not count.
    reference.retain(|byte| *byte != b'\t');
    let reference = std::str::from_utf8(reference.trim_ascii()).ok()?;
    let published = if reference.is_empty() { None } else { publish(reference) }?;
    Some([space, published.as_bytes(), &rest].concat())
}

fn split_line_end(line: &[u8]) -> (&[u8], &[u8]) {
    match line.split_last() {
        Some((b'\r' | b'\n', content)) => line.split_at(content.len()),
        Some(_) | None => (line, &[]),
    }
}

fn split_space(value: &[u8]) -> (&[u8], &[u8]) {
    value.split_at(usize::from(value.starts_with(b" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of `chunks`, when endpoints are put into angle brackets.
    fn pass(chunks: &[&[u8]]) -> (Vec<Bytes>, Rewriter) {
        let mut rewriter = Rewriter::default();
        let mut out = VecDeque::new();
        for chunk in chunks {
            let publish = |value: &str| (value != "/same").then(|| format!("<{value}>"));
            rewriter.feed(&Bytes::copy_from_slice(chunk), publish, &mut out);
        }
        (out.into(), rewriter)
    }

    fn whole(stream: &str) -> String {
        let (mut parts, mut rewriter) = pass(&[stream.as_bytes()]);
        let mut out = VecDeque::new();
        rewriter.finish(&mut out);
        parts.extend(out);
        String::from_utf8(parts.concat()).unwrap()
    }

    #[test]
    fn an_endpoint_is_found_however_it_is_written() {
        for (stream, expected) in [
            ("event: endpoint\ndata: /a?b\n\n", "event: endpoint\ndata: </a?b>\n\n"),
            ("event:endpoint\r\ndata:/a\r\n\r\n", "event:endpoint\r\ndata:</a>\r\n\r\n"),
            ("event: endpoint\rdata: /a\r\r", "event: endpoint\rdata: </a>\r\r"),
            ("\u{feff}event: endpoint\ndata: /a\n\n", "\u{feff}event: endpoint\ndata: </a>\n\n"),
            ("data: /a\nid: 1\nevent: endpoint\n\n", "data: </a>\nid: 1\nevent: endpoint\n\n"),
            (": ping\n\nevent: endpoint\ndata: /a\n\n", ": ping\n\nevent: endpoint\ndata: </a>\n\n"),
            ("event: endpoint\ndata: /a\ndata: b\n\n", "event: endpoint\ndata: </ab>\n\n"),
            (
                "event: endpoint\r\ndata:\r\n: x\r\ndata: /a\r\ndata\r\nid: 1\r\n\r\n",
                "event: endpoint\r\ndata:</a>\r\n: x\r\nid: 1\r\n\r\n",
            ),
            (
                "event: endpoint\ndata: /a\n\ndata: {}\n\nevent: endpoint\ndata: /b\n\n",
                "event: endpoint\ndata: </a>\n\ndata: {}\n\nevent: endpoint\ndata: </b>\n\n",
            ),
        ] {
            assert_eq!(whole(stream), expected, "{stream:?}");
        }
    }

    #[test]
    fn all_else_passes_as_it_is() {
        for stream in [
            "event: message\ndata: /a\n\n",
            "data: /a\n\n",
            "event: endpoint\ndata: /same\n\n",
            "event: endpoint\ndata: /a\n",
            "event: endpoint\ndata: \n\n",
            "event: endpoint\ndata: {\"a\":1}\n\n",
            "event: endpoint\nevent: message\ndata: /a\n\n",
            "event: endpoint\ndata: /a\nevent\n\n",
            "event: endpoints\ndata: /a\n\n",
            "Event: endpoint\nData: /a\n\n",
            " event: endpoint\n data: /a\n\n",
            "id: 1\nretry: 5\ndata: \n\n",
            "\n\n\r\r\n: \n",
            "event: endpoint\n\ndata: /a\n\n",
            "id: 1\n\u{feff}event: endpoint\ndata: /a\n\n",
        ] {
            assert_eq!(whole(stream), stream, "{stream:?}");
        }
    }

    #[test]
    fn a_message_is_never_held() {
        for chunks in [
            [b"event: message\nda".as_slice(), b"ta: {\"a\"", b":1}\n"],
            [b"data: {", b"\"a\"", b":1}\n"],
            [b"event: m", b"essage\ndata: /", b"a"],
        ] {
            let (out, rewriter) = pass(&chunks);
            assert_eq!(out, chunks);
            assert!(!rewriter.is_holding());
        }
    }

    #[test]
    fn of_an_endpoint_only_its_value_is_held() {
        let (out, rewriter) = pass(&[b"event: endpoint\nda", b"ta:", b" /a", b"\n"]);
        assert_eq!(out, [b"event: endpoint\nda".as_slice(), b"ta:"]);
        assert!(rewriter.is_holding());
    }

    #[test]
    fn frames_pass_by_reference() {
        let mut out = VecDeque::new();
        let chunk = Bytes::from_static(b"event: message\ndata: {}\n\n");
        Rewriter::default().feed(&chunk, |_| None, &mut out);
        assert_eq!(out.front().unwrap().as_ptr(), chunk.as_ptr());
        assert_eq!(out.len(), 1);
    }

    #[test]
    fn an_endless_endpoint_passes_as_it_is() {
        let head = "event: endpoint\ndata: /";
        let fits = format!("{head}{}\n\n", "x".repeat(HELD_BYTES_MAX - 4));
        assert_ne!(whole(&fits), fits);
        let beyond = format!("{head}{}\n\nevent: endpoint\ndata: /a\n\n", "x".repeat(HELD_BYTES_MAX - 3));
        assert_eq!(whole(&beyond), beyond.replace("data: /a", "data: </a>"));
        let (out, rewriter) = pass(&[head.as_bytes(), &[b'x'; HELD_BYTES_MAX]]);
        assert_eq!(out.concat().len(), head.len() + HELD_BYTES_MAX);
        assert!(!rewriter.is_holding());
    }
}
