//! Exact bytes, either side.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::within;

/// A TCP connection on which a test says exactly what it wants.
pub(crate) struct Raw {
    /// The connection itself.
    pub(crate) stream: TcpStream,
    unread: Vec<u8>,
}

impl Raw {
    /// Connects.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: within(TcpStream::connect(address)).await.unwrap(), unread: Vec::new() }
    }

    /// Sends these bytes.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads up to and with `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        loop {
            let end = end.as_bytes();
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let rest = self.unread.split_off(at + end.len());
                return text(std::mem::replace(&mut self.unread, rest));
            }
            let so_far = self.unread.len();
            assert!(
                self.read_more().await > 0,
                "ended after {so_far} bytes: {:?}",
                text(self.unread.clone())
            );
        }
    }

    /// Reads a head.
    pub(crate) async fn read_head(&mut self) -> String {
        self.read_until("\r\n\r\n").await
    }

    /// Reads exactly so many bytes.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<u8> {
        while self.unread.len() < count {
            assert!(self.read_more().await > 0, "ended early");
        }
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }

    /// Reads whatever comes until the other side closes, cleanly or not.
    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.read_more().await > 0 {}
        text(std::mem::take(&mut self.unread))
    }

    /// Waits until the other side closes, saying nothing more.
    pub(crate) async fn closed(&mut self) {
        assert_eq!(self.read_to_end().await, "");
    }

    async fn read_more(&mut self) -> usize {
        // A reset is an end, too.
        within(self.stream.read_buf(&mut self.unread)).await.unwrap_or(0)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A server that says exactly what a test wants.
pub(crate) struct RawServer {
    listener: TcpListener,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl RawServer {
    /// Listens on a free port.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Raw {
        let (stream, _peer) = within(self.listener.accept()).await.unwrap();
        Raw { stream, unread: Vec::new() }
    }
}
