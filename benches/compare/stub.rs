//! The MCP server behind every target, in a process of its own: as fast as it can be made, and correct.

use std::io::{IoSlice, Read, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::http::Reader;
use super::scenario::{Answer, ID_DIGITS, SCENARIOS, events, json_answer};

/// The word on the command line that makes this program the server.
pub(crate) const COMMAND: &str = "stub";
const THREADS: usize = 2;
const BUFFER_BYTES: usize = 32 * 1024;
const JSON_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
/// `X-Accel-Buffering` as the official SDKs send it: nginx then passes events on at once.
const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache, no-transform\r\n\
                           X-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The server, as the benchmark sees it; it ends with this.
pub(crate) struct Stub {
    pub(crate) address: SocketAddr,
    child: Child,
}

impl Stub {
    pub(crate) fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the stub server")?;
        let mut told = [0; 64];
        let length = child.stdout.as_mut().context("no standard output")?.read(&mut told)?;
        let address = std::str::from_utf8(&told[..length])?.trim().parse();
        Ok(Self { address: address.context("the stub server did not start")?, child })
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until standard input ends, so that it never outlives who started it.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let answers = Arc::new(Prepared::all());
    let mut loops = Vec::new();
    for _ in 0..THREADS {
        let (give, given) = mpsc::channel(1024);
        let answers = Arc::clone(&answers);
        loops.push(give);
        thread::spawn(move || event_loop(given, &answers));
    }
    thread::spawn(move || {
        for (stream, give) in listener.incoming().zip(loops.iter().cycle()) {
            let _ = stream.map(|stream| give.blocking_send(stream));
        }
    });
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn event_loop(mut given: mpsc::Receiver<std::net::TcpStream>, answers: &Arc<Vec<Prepared>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        while let Some(stream) = given.recv().await {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let stream = TcpStream::from_std(stream)?;
            tokio::spawn(Connection::new(stream, Arc::clone(answers)).serve());
        }
        Ok(())
    })
}

/// The answer of one tool, all of it but the id.
struct Prepared {
    tool: String,
    answer: Answer,
    /// What stands before the id: a JSON body's one part, or each event in its chunk.
    parts: Vec<Part>,
}

struct Part {
    bytes: Vec<u8>,
    id_at: Option<usize>,
}

impl Prepared {
    fn all() -> Vec<Self> {
        let mut answers: Vec<Answer> = SCENARIOS.iter().map(|scenario| scenario.answer).collect();
        answers.dedup();
        answers.into_iter().map(Self::new).collect()
    }

    fn new(answer: Answer) -> Self {
        let parts = match answer {
            Answer::Json(bytes) => vec![Part { bytes: json_answer(bytes).into_bytes(), id_at: None }],
            Answer::Events(count) => chunks(count, &"0".repeat(ID_DIGITS)),
        };
        Self { tool: answer.tool(), answer, parts }
    }
}

/// Each event in a chunk of its own, with the place of its id.
fn chunks(count: usize, id: &str) -> Vec<Part> {
    let chunk = |event: String| {
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        let id_at = chunk.rfind(id);
        Part { bytes: chunk.into_bytes(), id_at }
    };
    events(count, id).into_iter().map(chunk).collect()
}

struct Connection {
    stream: TcpStream,
    reader: Reader,
    body: Vec<u8>,
    scratch: Vec<u8>,
    answers: Arc<Vec<Prepared>>,
}

impl Connection {
    fn new(stream: TcpStream, answers: Arc<Vec<Prepared>>) -> Self {
        Self { stream, reader: Reader::default(), body: Vec::new(), scratch: Vec::new(), answers }
    }

    async fn serve(mut self) -> Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = self.stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let body = &mut self.body;
            if let Some(taken) = self.reader.feed(&buffer[..read], |part| body.extend_from_slice(part))? {
                ensure!(taken == read, "a pipelined request");
                self.answer().await?;
                self.body.clear();
            }
        }
    }

    async fn answer(&mut self) -> Result<()> {
        if self.reader.head().starts_with(b"GET ") {
            self.stream.write_all(STREAM_HEAD.as_bytes()).await?;
            return Ok(self.stream.write_all(b"8\r\n: open\n\n\r\n").await?);
        }
        let answers = Arc::clone(&self.answers);
        if let Some(prepared) = asked(&self.body, &answers) {
            let id = id_of(&self.body).to_vec();
            return match prepared.answer {
                Answer::Json(_) => self.send_json(&prepared.parts[0].bytes, &id).await,
                Answer::Events(count) => self.send_events(count, &prepared.parts, &id).await,
            };
        }
        let answer = self.of_the_protocol();
        Ok(self.stream.write_all(answer.as_bytes()).await?)
    }

    async fn send_json(&mut self, before: &[u8], id: &[u8]) -> Result<()> {
        self.scratch.clear();
        let length = before.len() + id.len() + 1;
        write!(self.scratch, "{JSON_HEAD}Content-Length: {length}\r\n\r\n")?;
        let head = self.scratch.len();
        self.scratch.extend_from_slice(id);
        self.scratch.push(b'}');
        let (head, end) = self.scratch.split_at(head);
        let slices = [IoSlice::new(head), IoSlice::new(before), IoSlice::new(end)];
        let mut written = self.stream.write_vectored(&slices).await?;
        for part in [head, before, end] {
            let gone = written.min(part.len());
            self.stream.write_all(&part[gone..]).await?;
            written -= gone;
        }
        Ok(())
    }

    /// The head, each event and the end in a write of its own, as servers do whose tools report while they work.
    async fn send_events(&mut self, count: usize, prepared: &[Part], id: &[u8]) -> Result<()> {
        let other;
        let parts = if id.len() == ID_DIGITS {
            prepared
        } else {
            other = chunks(count, std::str::from_utf8(id)?);
            &other
        };
        self.stream.write_all(STREAM_HEAD.as_bytes()).await?;
        for part in parts {
            self.scratch.clear();
            self.scratch.extend_from_slice(&part.bytes);
            if let Some(at) = part.id_at {
                self.scratch[at..at + id.len()].copy_from_slice(id);
            }
            self.stream.write_all(&self.scratch).await?;
        }
        Ok(self.stream.write_all(b"0\r\n\r\n").await?)
    }

    /// All but calls.
    fn of_the_protocol(&self) -> String {
        let id = String::from_utf8_lossy(id_of(&self.body)).into_owned();
        let method = after(&self.body, br#""method":""#).unwrap_or_default();
        let tools =
            || self.answers.iter().map(|prepared| tool_listed(&prepared.tool)).collect::<Vec<_>>().join(",");
        let result = match method {
            _ if self.reader.head().starts_with(b"DELETE ") => return empty("200 OK"),
            b"initialize" => {
                let server = r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"stub","version":"1.0"}}"#;
                return json(&format!("Mcp-Session-Id: {}\r\n", new_session()), &result(server, &id));
            }
            b"server/discover" => r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"private"}"#.to_owned(),
            b"tools/list" => format!(r#"{{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{}]}}"#, tools()),
            b"ping" => "{}".to_owned(),
            _ if method.starts_with(b"notifications/") => return empty("202 Accepted"),
            _ => return json("", &format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":"no such method or tool"}}}}"#)),
        };
        json("", &self::result(&result, &id))
    }
}

fn tool_listed(name: &str) -> String {
    format!(r#"{{"name":"{name}","inputSchema":{{"type":"object"}}}}"#)
}

fn result(result: &str, id: &str) -> String {
    format!(r#"{{"result":{result},"jsonrpc":"2.0","id":{id}}}"#)
}

fn json(fields: &str, body: &str) -> String {
    format!("{JSON_HEAD}{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn empty(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
}

fn new_session() -> String {
    static SESSIONS: AtomicU64 = AtomicU64::new(1);
    let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{number:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Which tool a call is for. A gateway may write the request anew and put other names before the tool's.
fn asked<'a>(body: &[u8], answers: &'a [Prepared]) -> Option<&'a Prepared> {
    let mut rest = body;
    while let Some(found) = memchr::memmem::find(rest, br#""name":""#) {
        rest = &rest[found + 8..];
        let name = rest.split(|byte| *byte == b'"').next()?;
        let prepared = answers.iter().find(|prepared| prepared.tool.as_bytes() == name);
        if prepared.is_some() {
            return prepared;
        }
    }
    None
}

/// The id as it was written; `null` where there is none.
fn id_of(body: &[u8]) -> &[u8] {
    let found = memchr::memmem::find(body, br#""id":"#);
    let id = found.and_then(|at| body[at + 5..].split(|byte| matches!(byte, b',' | b'}')).next());
    id.unwrap_or(b"null")
}

fn after<'a>(body: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let at = memchr::memmem::find(body, key)?;
    body[at + key.len()..].split(|byte| *byte == b'"').next()
}
