//! Who plays the cases: a program, a server that does as it is told, a client.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::cases::{Case, Client, Server, Then};
use super::flood;
use crate::support::mixed;
use crate::support::program::Program;
use crate::support::scrape::Scrape;
use crate::support::{RawServer, Upstream, within};

/// The program between a server that is well, and one that does as it is told.
pub(super) struct Stage {
    pub(super) program: Program,
    faulty: TcpListener,
    file: PathBuf,
}

/// Nothing that is no fault of the proxy's takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

const LIMITS: &str = "[limits]\nfirst_byte_timeout = \"300ms\"\nheader_timeout = \"300ms\"\n";

impl Stage {
    pub(super) async fn open() -> Self {
        Self::open_with(None).await
    }

    /// The same; the program may open so many files.
    pub(super) async fn open_with(files: Option<usize>) -> Self {
        let well = Upstream::json(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await.address;
        let faulty = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = faulty.local_addr().unwrap();
        let nobody = RawServer::start().await.address;
        let mut config = format!(
            "[proxy]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[logs]\nformat = \"json\"\n{LIMITS}"
        );
        let late = "head_timeout = \"300ms\"\ncall_timeout = \"600ms\"";
        for (name, url, more) in [
            ("healthy", format!("http://{well}/mcp"), ""),
            ("faulty", format!("http://{there}/mcp"), ""),
            ("late", format!("http://{there}/mcp"), late),
            ("untrusted", format!("https://{there}/mcp"), ""),
            ("nobody", format!("http://{nobody}/mcp"), ""),
            ("noname", "http://does-not-exist.invalid/mcp".to_owned(), ""),
        ] {
            let _ = write!(
                config,
                "[[server]]\nname = \"{name}\"\npath = \"/{name}\"\nurl = \"{url}\"\n{more}\n"
            );
        }
        let port = there.port();
        let file = std::env::temp_dir().join(format!("sightglass-faults-{}-{port}.toml", std::process::id()));
        std::fs::write(&file, config).unwrap();
        let path = file.clone();
        let program = tokio::task::spawn_blocking(move || Program::with_file(&path, files)).await.unwrap();
        Self { program, faulty, file }
    }

    pub(super) async fn end(self) {
        self.program.signal("TERM");
        let Self { mut program, file, .. } = self;
        let code = tokio::task::spawn_blocking(move || program.child.wait().unwrap().code()).await.unwrap();
        assert_eq!(code, Some(0), "it ends as if nothing had been");
        std::fs::remove_file(file).unwrap();
    }

    pub(super) async fn page(&self) -> Scrape {
        mixed::page(self.program.admin).await
    }

    /// What a client sees who calls a tool at this mount.
    pub(super) async fn call(&self, mount: &str) -> String {
        let mut stream = connect(self.program.proxy).await;
        stream.write_all(call(mount).as_bytes()).await.unwrap();
        read(&mut stream).await
    }

    /// A connection that is kept.
    pub(super) async fn connect(&self) -> Kept {
        Kept(connect(self.program.proxy).await)
    }

    /// What the client sees of the fault.
    pub(super) async fn play(&self, case: &Case) -> String {
        // The server has the request; the client has the beginning of the answer.
        let (asked, begun) = (Notify::new(), Notify::new());
        let client = self.act(case.client, &asked, &begun);
        match case.server {
            Server::Unasked => tokio::select! {
                sees = within_patience(client) => sees,
                _ = self.faulty.accept(), if !matches!(case.client, Client::Floods(_)) => panic!("{}: the server was asked", case.name),
            },
            Server::Answers(says, then) | Server::Begins(says, then) => {
                let waits = matches!(case.server, Server::Answers(..));
                let server = self.serve(waits, says, then, (&asked, &begun));
                let (sees, ()) = within_patience(async { tokio::join!(client, server) }).await;
                sees
            }
        }
    }

    async fn serve(&self, waits: bool, says: &str, then: Then, (asked, begun): (&Notify, &Notify)) {
        let (mut stream, _) = self.faulty.accept().await.unwrap();
        if waits {
            until(&mut stream, b"}}").await;
            asked.notify_one();
        }
        stream.write_all(says.as_bytes()).await.unwrap();
        match then {
            Then::Closes => drop(stream.shutdown().await),
            Then::Resets => {
                // What was said is read before.
                if !says.is_empty() {
                    begun.notified().await;
                }
                SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            // It ends when the proxy ends it.
            Then::Stalls => drop(stream.read_to_end(&mut Vec::new()).await),
            Then::Repeats(more) => while stream.write_all(more.as_bytes()).await.is_ok() {},
        }
    }

    async fn act(&self, client: Client, asked: &Notify, begun: &Notify) -> String {
        let mut stream = connect(self.program.proxy).await;
        match client {
            Client::Calls(mount) => {
                stream.write_all(call(mount).as_bytes()).await.unwrap();
                stream.readable().await.unwrap();
                begun.notify_one();
                read(&mut stream).await
            }
            Client::Leaves => {
                stream.write_all(call("faulty").as_bytes()).await.unwrap();
                asked.notified().await;
                "–".to_owned()
            }
            Client::LeavesAmid => {
                stream.write_all(call("faulty").as_bytes()).await.unwrap();
                until(&mut stream, b"\"2.0\"").await;
                "–".to_owned()
            }
            Client::Says("HUGE") => {
                let head =
                    format!("GET /faulty HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(70_000));
                // It may be refused before all of it was said.
                let _ = stream.write_all(head.as_bytes()).await;
                read(&mut stream).await
            }
            Client::Says(bytes) | Client::Stops(bytes) => {
                stream.write_all(bytes.as_bytes()).await.unwrap();
                read(&mut stream).await
            }
            Client::Floods(flood) => flood::play(&mut stream, flood).await,
        }
    }

    /// The page once no client is connected any more: what ends from here on began after it.
    pub(super) async fn page_without_clients(&self) -> Scrape {
        let patience = Instant::now() + PATIENCE;
        loop {
            let page = self.page().await;
            if page.metric("mcp_active_connections").sum() < 0.5 {
                return page;
            }
            assert!(Instant::now() < patience, "somebody stays connected");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until as many files are open as before; at last nothing is in flight.
    pub(super) async fn until_nothing_is_left(&self, before: usize) {
        let patience = Instant::now() + PATIENCE;
        loop {
            let page = self.page().await;
            let open = self.program.open_files();
            let active = page.metric("mcp_requests_active").sum() + page.metric("mcp_active_streams").sum();
            // One is the connection of this page.
            if open <= before + 1 && active < 0.5 {
                break;
            }
            assert!(
                Instant::now() < patience,
                "{open} files are open, {before} were; {active} calls in flight"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A connection that is used again.
pub(super) struct Kept(TcpStream);

impl Kept {
    /// What a client sees who calls a tool at this mount.
    pub(super) async fn call(&mut self, mount: &str) -> String {
        let call = call(mount).replace("connection: close\r\n", "");
        self.0.write_all(call.as_bytes()).await.unwrap();
        within_patience(until(&mut self.0, b"\"result\":{}}")).await;
        "200, whole".to_owned()
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    within(TcpStream::connect(address)).await.unwrap()
}

async fn within_patience<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

fn call(mount: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#;
    let length = body.len();
    format!(
        "POST /{mount} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Reads up to and with `end`.
async fn until(stream: &mut TcpStream, end: &[u8]) {
    let mut read = Vec::new();
    while !read.windows(end.len()).any(|window| window == end) {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "it ended early");
    }
}

/// What comes until the connection ends, in short.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end, too.
    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    let text = String::from_utf8_lossy(&bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return if text.is_empty() { "closed".to_owned() } else { format!("half a head: {text}") };
    };
    let head = head.to_ascii_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let status = head.split(' ').nth(1).unwrap_or_default();
    if let Some(kind) = field("x-sightglass-error:") {
        return format!("{status} `{kind}`");
    }
    let is_whole = match field("content-length:").and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => body.len() == length,
        None => field("transfer-encoding:").is_none() || body.ends_with("0\r\n\r\n"),
    };
    format!("{status}, {}", if is_whole { "whole" } else { "broken off" })
}
