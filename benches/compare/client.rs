//! One MCP client on one connection: opens it as its era demands, asks, and checks every answer.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::http::{Reader, Tail};
use super::scenario::{Era, FIRST_ID, Request, Scenario};

/// How long anything may take before it is an error.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
pub(crate) const BUFFER_BYTES: usize = 64 * 1024;
/// Ids of different clients lie so far apart, so that an answer to somebody else is noticed.
const IDS_PER_CLIENT: u64 = 10_000_000;

/// What the clients of a round do.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub(crate) scenario: &'static Scenario,
    /// The scenario's, unless the target knows one alone.
    pub(crate) era: Era,
    pub(crate) address: SocketAddr,
    /// Whether the answer must come as the server wrote it: its length and its id. Otherwise it is checked that it is at
    /// least as long and complete.
    pub(crate) exact: bool,
}

/// The calls of one client, without its connection: bytes out, bytes in.
pub(crate) struct Exchange {
    request: Request,
    id: u64,
    reader: Reader,
    tail: Tail,
    expected_bytes: usize,
    first_event_bytes: Option<usize>,
    exact: bool,
}

impl Exchange {
    fn new(job: &Job, client: u64, session: Option<&str>) -> Self {
        let answer = job.scenario.answer;
        Self {
            request: Request::call(job.scenario, job.era, &job.address.to_string(), session),
            id: FIRST_ID + client * IDS_PER_CLIENT,
            reader: Reader::default(),
            tail: Tail::default(),
            expected_bytes: answer.body_bytes(),
            first_event_bytes: answer.first_event_bytes(),
            exact: job.exact,
        }
    }

    /// The next request.
    pub(crate) fn ask(&mut self) -> &[u8] {
        self.id += 1;
        self.request.numbered(self.id)
    }

    /// Takes what came; true = the answer is complete and as it should be.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<bool> {
        ensure!(!bytes.is_empty(), "the connection was closed within an answer");
        let tail = &mut self.tail;
        let Some(taken) = self.reader.feed(bytes, |part| tail.push(part))? else { return Ok(false) };
        ensure!(taken == bytes.len(), "{} bytes behind the answer", bytes.len() - taken);
        self.check()?;
        Ok(true)
    }

    /// Whether the first event of the answer that is being read has come whole.
    pub(crate) fn first_event_came(&self) -> bool {
        self.first_event_bytes.is_some_and(|bytes| self.reader.body_bytes() >= bytes)
    }

    pub(crate) fn has_events(&self) -> bool {
        self.first_event_bytes.is_some()
    }

    fn check(&self) -> Result<()> {
        let (status, bytes, expected) = (self.reader.status(), self.reader.body_bytes(), self.expected_bytes);
        ensure!(status == 200, "status {status}: {}", String::from_utf8_lossy(self.reader.head()).trim());
        if !self.exact {
            // Written anew by the target, in other words: the text that the tool returned is in it all the same.
            ensure!(bytes >= expected / 2, "{bytes} bytes for an answer of {expected}");
            return Ok(());
        }
        ensure!(bytes == expected, "{bytes} bytes for an answer of {expected}");
        let id = format_id(self.id);
        ensure!(self.tail.ends_with(&id), "the answer to another request than {}", self.id);
        Ok(())
    }
}

/// What an answer ends with: its id and a brace, without an allocation for each answer.
fn format_id(mut id: u64) -> [u8; 11] {
    let mut end = *b"0000000000}";
    for digit in end[..10].iter_mut().rev() {
        *digit = b'0' + u8::try_from(id % 10).unwrap_or_default();
        id /= 10;
    }
    end
}

/// A client on a blocking connection; `into_parts` gives it to an event loop.
pub(crate) struct Client {
    stream: TcpStream,
    exchange: Exchange,
    buffer: Vec<u8>,
}

/// When a call ended, and when its first event came.
pub(crate) struct Times {
    pub(crate) ended: Instant,
    pub(crate) first_event: Option<Instant>,
}

impl Client {
    /// Connects; in the older era also begins a session.
    pub(crate) fn open(job: &Job, number: usize) -> Result<Self> {
        let (stream, session) = connect(job.address, job.era)?;
        let exchange = Exchange::new(job, u64::try_from(number)?, session.as_deref());
        Ok(Self { stream, exchange, buffer: vec![0; BUFFER_BYTES] })
    }

    pub(crate) fn call(&mut self) -> Result<Times> {
        self.stream.write_all(self.exchange.ask())?;
        let mut first_event = None;
        loop {
            let read = self.stream.read(&mut self.buffer)?;
            let complete = self.exchange.hear(&self.buffer[..read])?;
            if first_event.is_none() && self.exchange.first_event_came() {
                first_event = Some(Instant::now());
            }
            if complete {
                return Ok(Times { ended: Instant::now(), first_event });
            }
        }
    }

    pub(crate) fn into_parts(self) -> (TcpStream, Exchange, Vec<u8>) {
        (self.stream, self.exchange, self.buffer)
    }
}

/// A connection, and the id of the session that was begun on it.
pub(crate) fn connect(address: SocketAddr, era: Era) -> Result<(TcpStream, Option<String>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    if era == Era::Stateless {
        return Ok((stream, None));
    }
    let authority = address.to_string();
    let initialized = exchange(&mut stream, &Request::initialize(&authority)).context("initialize")?;
    let session = initialized.field("mcp-session-id").map(|id| String::from_utf8_lossy(id).into_owned());
    ensure!(session.is_some(), "initialize was answered without a session");
    exchange(&mut stream, &Request::initialized(&authority, session.as_deref())).context("initialized")?;
    Ok((stream, session))
}

/// Sends a request and reads its answer, which must be a success.
fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Reader> {
    stream.write_all(request)?;
    let (mut reader, mut buffer) = (Reader::default(), vec![0; 8192]);
    loop {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the connection was closed within an answer");
        if reader.feed(&buffer[..read], |_| ())?.is_some() {
            break;
        }
    }
    if !matches!(reader.status(), 200..300) {
        bail!("status {}", reader.status());
    }
    Ok(reader)
}
