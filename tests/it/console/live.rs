//! `GET /api/events`.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{BAD, GOOD, Watched};
use crate::support::observed::one_server;

/// A reader of events.
struct Reader {
    stream: TcpStream,
    said: String,
}

impl Reader {
    async fn ask(address: SocketAddr, path: &str, fields: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self { stream, said: String::new() }
    }

    /// One that has been greeted, so that all that happens from now on is for it.
    async fn greeted(address: SocketAddr, path: &str, fields: &str) -> Self {
        let mut reader = Self::ask(address, path, fields).await;
        reader.until("event: hello").await;
        reader
    }

    /// Reads on until this was said.
    async fn until(&mut self, what: &str) {
        let read = async {
            while !self.said.contains(what) {
                let mut more = [0; 4096];
                let length = self.stream.read(&mut more).await.unwrap();
                assert!(length > 0, "it ended without {what}: {}", self.said);
                self.said.push_str(&String::from_utf8_lossy(&more[..length]));
            }
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.expect("said in time");
    }
}

#[tokio::test]
async fn calls_are_told_as_they_end_to_who_wants_them() {
    let watched = Watched::new();
    watched.call("before", GOOD);
    let mut all = Reader::greeted(watched.address, "/api/events", "").await;
    let mut some = Reader::greeted(watched.address, "/api/events?status=error", "").await;
    watched.call("fine", GOOD);
    watched.call("broken", BAD);
    all.until("\"tool_name\":\"broken\"").await;
    some.until("\"tool_name\":\"broken\"").await;
    assert!(all.said.to_ascii_lowercase().contains("content-type: text/event-stream"), "{}", all.said);
    assert!(all.said.contains("id: 1\nevent: call\ndata: {") && all.said.contains("\"tool_name\":\"fine\""));
    assert!(!all.said.contains("\"tool_name\":\"before\"") && !some.said.contains("\"tool_name\":\"fine\""));
}

#[tokio::test]
async fn who_comes_again_misses_nothing_and_who_is_too_slow_is_told_how_much() {
    let mut config = one_server();
    config.limits.recent_calls = 5;
    let watched = Watched::with(&config);
    for tool in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        watched.call(tool, GOOD);
    }
    let mut again = Reader::ask(watched.address, "/api/events", "last-event-id: 5\r\n").await;
    again.until("\"tool_name\":\"h\"").await;
    assert!(
        again.said.contains("id: 6\n")
            && !again.said.contains("id: 5\n")
            && !again.said.contains("event: lost")
    );
    let mut slow = Reader::ask(watched.address, "/api/events?after=0", "").await;
    slow.until("\"tool_name\":\"h\"").await;
    assert!(slow.said.contains("event: lost\ndata: {\"lost\":2}"), "{}", slow.said);
    // Of a process before this one.
    let mut other = Reader::greeted(watched.address, "/api/events", "last-event-id: 1000\r\n").await;
    watched.call("i", GOOD);
    other.until("\"tool_name\":\"i\"").await;
}

#[tokio::test]
async fn readers_are_few_and_end_with_the_process() {
    let watched = Watched::new();
    let mut readers = Vec::new();
    for _ in 0..16 {
        readers.push(Reader::greeted(watched.address, "/api/events", "").await);
    }
    Reader::ask(watched.address, "/api/events", "").await.until("HTTP/1.1 503").await;
    watched.shutdown.start();
    for mut reader in readers {
        // The last chunk of a body.
        reader.until("\r\n0\r\n\r\n").await;
    }
}
