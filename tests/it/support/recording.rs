//! Recorded traffic: what a relay read on both sides → HTTP exchanges, and what happened in which order.

use std::collections::BTreeMap;
use std::time::Duration;

/// One file of `corpus/recorded/`.
pub(crate) struct Recording {
    /// The file's name.
    pub(crate) name: &'static str,
    /// In the order of their request heads.
    pub(crate) exchanges: Vec<Exchange>,
    /// In the order of the file.
    pub(crate) steps: Vec<Step>,
}

/// A request and its answer.
pub(crate) struct Exchange {
    /// Which connection carried it.
    pub(crate) connection: usize,
    /// What the client sent.
    pub(crate) request: Message,
    /// What the server sent.
    pub(crate) response: Message,
}

/// A head and its body, without what framed it.
#[derive(Default)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) start: String,
    /// Names in lower case, values without the space around them.
    pub(crate) headers: Vec<(String, String)>,
    /// All of it; an event stream whole.
    pub(crate) body: Vec<u8>,
    /// Who closed the connection before the body's end.
    pub(crate) cut: Option<Side>,
}

/// Who sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Something that happened, since the recording began.
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) what: What,
}

/// What happened. Exchanges are positions in [`Recording::exchanges`].
pub(crate) enum What {
    /// The first sign of a connection.
    Connected { connection: usize },
    /// A head was complete.
    Head { exchange: usize, side: Side },
    /// So much of a body came.
    Data { exchange: usize, side: Side, data: Vec<u8> },
    /// A body was complete.
    End { exchange: usize, side: Side },
    /// `by` closed the connection before the answer was complete.
    Cut { exchange: usize, by: Side },
    /// `by` closed the connection.
    Closed { connection: usize, by: Side },
}

impl Recording {
    /// Every recording there is.
    pub(crate) fn all() -> Vec<Self> {
        const FILES: [(&str, &[u8]); 5] = [
            ("conformance-2026-07-28", include_bytes!("../corpus/recorded/conformance-2026-07-28.txt")),
            (
                "py-client-to-everything-auto",
                include_bytes!("../corpus/recorded/py-client-to-everything-auto.txt"),
            ),
            ("py-mcp-2025-11-25", include_bytes!("../corpus/recorded/py-mcp-2025-11-25.txt")),
            ("py-mcp-2026-07-28", include_bytes!("../corpus/recorded/py-mcp-2026-07-28.txt")),
            ("py-mcp-sse-legacy", include_bytes!("../corpus/recorded/py-mcp-sse-legacy.txt")),
        ];
        FILES.iter().map(|(name, file)| Self::read(name, file)).collect()
    }

    fn read(name: &'static str, file: &[u8]) -> Self {
        let mut recording = Self { name, exchanges: Vec::new(), steps: Vec::new() };
        let mut connections = BTreeMap::new();
        for block in blocks(file) {
            let connection: &mut Connection = connections.entry(block.connection).or_insert_with(|| {
                let what = What::Connected { connection: block.connection };
                recording.steps.push(Step { at: block.at, what });
                Connection::default()
            });
            recording.take(connection, &block);
        }
        recording
    }

    fn take(&mut self, connection: &mut Connection, block: &Block<'_>) {
        // What is said to somebody who has gone is not heard.
        if connection.is_closed {
            return;
        }
        let Block { at, connection: number, side, .. } = *block;
        let mut steps = Vec::new();
        connection.flow(side).buffer.extend_from_slice(block.data);
        while let Some(part) = connection.flow(side).next() {
            if let (Side::Client, Part::Head(_)) = (side, &part) {
                connection.exchanges.push(self.exchanges.len());
                let (request, response) = (Message::default(), Message::default());
                self.exchanges.push(Exchange { connection: number, request, response });
            }
            let exchange = connection.current(side);
            let message = self.exchanges[exchange].side(side);
            steps.push(match part {
                Part::Head(head) => {
                    *message = head;
                    What::Head { exchange, side }
                }
                Part::Data(data) => {
                    message.body.extend_from_slice(&data);
                    What::Data { exchange, side, data }
                }
                Part::End => {
                    connection.flow(side).ended += 1;
                    What::End { exchange, side }
                }
            });
        }
        if block.is_end {
            connection.is_closed = true;
            if connection.server.ended < connection.exchanges.len() {
                let exchange = connection.current(Side::Server);
                self.exchanges[exchange].response.cut = Some(side);
                steps.push(What::Cut { exchange, by: side });
            }
            steps.push(What::Closed { connection: number, by: side });
        }
        self.steps.extend(steps.into_iter().map(|what| Step { at, what }));
    }
}

impl Exchange {
    /// The request's method.
    pub(crate) fn method(&self) -> &str {
        self.request.start.split(' ').next().unwrap()
    }

    /// The request's target.
    pub(crate) fn path(&self) -> &str {
        self.request.start.split(' ').nth(1).unwrap()
    }

    /// The answer's status.
    pub(crate) fn status(&self) -> u16 {
        self.response.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn side(&mut self, side: Side) -> &mut Message {
        match side {
            Side::Client => &mut self.request,
            Side::Server => &mut self.response,
        }
    }
}

impl Message {
    /// The value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The media type, without its parameters.
    pub(crate) fn media_type(&self) -> &str {
        self.header("content-type").unwrap_or_default().split(';').next().unwrap()
    }

    fn parse(head: &[u8]) -> Self {
        let text = std::str::from_utf8(head).unwrap();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self { start, headers: lines.map(header).collect(), ..Self::default() }
    }
}

struct Block<'a> {
    at: Duration,
    connection: usize,
    side: Side,
    is_end: bool,
    data: &'a [u8],
}

fn blocks(file: &[u8]) -> Vec<Block<'_>> {
    const MARK: &[u8] = b"\n##### ";
    let mut ends: Vec<usize> = memchr::memmem::find_iter(file, MARK).collect();
    let starts: Vec<usize> = ends.iter().map(|at| at + MARK.len()).collect();
    ends.push(file.len());
    starts.into_iter().zip(ends.into_iter().skip(1)).map(|(start, end)| block(&file[start..end])).collect()
}

/// `<seconds>s conn<n> C->S|S->C[ EOF]`, a line feed, the bytes.
fn block(text: &[u8]) -> Block<'_> {
    let end = memchr::memchr(b'\n', text).unwrap();
    let mut words = std::str::from_utf8(&text[..end]).unwrap().split(' ');
    let at = words.next().unwrap().strip_suffix('s').unwrap();
    let (seconds, millis) = at.split_once('.').unwrap();
    let at = seconds.parse::<u64>().unwrap() * 1000 + millis.parse::<u64>().unwrap();
    let connection = words.next().unwrap().strip_prefix("conn").unwrap().parse().unwrap();
    let side = if words.next().unwrap() == "C->S" { Side::Client } else { Side::Server };
    let is_end = words.next().is_some();
    let data = if is_end { &[] } else { &text[end + 1..] };
    Block { at: Duration::from_millis(at), connection, side, is_end, data }
}

#[derive(Default)]
struct Connection {
    client: Flow,
    server: Flow,
    /// Those asked on it.
    exchanges: Vec<usize>,
    is_closed: bool,
}

impl Connection {
    fn flow(&mut self, side: Side) -> &mut Flow {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The exchange that a side is at.
    fn current(&self, side: Side) -> usize {
        match side {
            Side::Client => *self.exchanges.last().unwrap(),
            Side::Server => self.exchanges[self.server.ended],
        }
    }
}

/// One direction of a connection: HTTP/1.1, read as far as it has come.
#[derive(Default)]
struct Flow {
    buffer: Vec<u8>,
    reading: Reading,
    /// Messages that are complete.
    ended: usize,
}

#[derive(Default, Clone, Copy)]
enum Reading {
    #[default]
    Head,
    /// So many bytes are left.
    Sized(usize),
    ChunkSize,
    /// So many bytes of a chunk are left.
    Chunk(usize),
    ChunkEnd,
}

enum Part {
    Head(Message),
    Data(Vec<u8>),
    End,
}

impl Flow {
    fn next(&mut self) -> Option<Part> {
        loop {
            match self.reading {
                Reading::Head => {
                    let head = self.until(b"\r\n\r\n")?;
                    let message = Message::parse(&head);
                    self.reading = body_of(&message);
                    return Some(Part::Head(message));
                }
                Reading::Sized(0) => {
                    self.reading = Reading::Head;
                    return Some(Part::End);
                }
                Reading::Sized(left) => {
                    let data = self.some(left)?;
                    self.reading = Reading::Sized(left - data.len());
                    return Some(Part::Data(data));
                }
                Reading::ChunkSize => {
                    // No recording has trailers: an empty line ends the last chunk.
                    let is_last = self.buffer.starts_with(b"0\r\n");
                    let line = self.until(if is_last { b"\r\n\r\n" } else { b"\r\n" })?;
                    let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap(), 16).unwrap();
                    self.reading = if size == 0 { Reading::Sized(0) } else { Reading::Chunk(size) };
                }
                Reading::Chunk(0) => self.reading = Reading::ChunkEnd,
                Reading::Chunk(left) => {
                    let data = self.some(left)?;
                    self.reading = Reading::Chunk(left - data.len());
                    return Some(Part::Data(data));
                }
                Reading::ChunkEnd => {
                    assert!(self.until(b"\r\n")?.is_empty(), "a chunk is longer than it says");
                    self.reading = Reading::ChunkSize;
                }
            }
        }
    }

    /// What comes before `mark`; both are taken.
    fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        let at = memchr::memmem::find(&self.buffer, mark)?;
        let mut taken: Vec<u8> = self.buffer.drain(..at + mark.len()).collect();
        taken.truncate(at);
        Some(taken)
    }

    /// At most `most` bytes, where there are any.
    fn some(&mut self, most: usize) -> Option<Vec<u8>> {
        let most = most.min(self.buffer.len());
        (most > 0).then(|| self.buffer.drain(..most).collect())
    }
}

fn body_of(message: &Message) -> Reading {
    if message.header("transfer-encoding").is_some() {
        return Reading::ChunkSize;
    }
    let length = message.header("content-length").map(|length| length.parse().unwrap());
    assert!(length.is_some() || !message.start.starts_with("HTTP/"), "an answer that only the end frames");
    Reading::Sized(length.unwrap_or(0))
}
