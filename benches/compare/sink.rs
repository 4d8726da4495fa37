//! Takes OTLP over HTTP and throws it away: where the spans of the row "everything on" go.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use super::http::Reader;

pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    sent: Arc<Sent>,
}

#[derive(Default)]
struct Sent {
    exports: AtomicUsize,
    bytes: AtomicUsize,
}

impl Sink {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let sink = Self { address: listener.local_addr()?, sent: Arc::default() };
        let sent = Arc::clone(&sink.sent);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sent = Arc::clone(&sent);
                thread::spawn(move || sent.take(stream));
            }
        });
        Ok(sink)
    }

    /// Zero would mean that the rows with spans show nothing of their cost.
    pub(crate) fn summary(&self) -> String {
        let of = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        format!("{} exports, {} kB", of(&self.sent.exports), of(&self.sent.bytes) / 1000)
    }
}

impl Sent {
    fn take(&self, mut stream: TcpStream) -> Result<()> {
        let (mut reader, mut buffer) = (Reader::default(), vec![0; 64 * 1024]);
        loop {
            let read = stream.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            let mut rest = &buffer[..read];
            while let Some(taken) = reader.feed(rest, |_| ())? {
                self.exports.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(reader.body_bytes(), Ordering::Relaxed);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
                rest = &rest[taken..];
            }
        }
    }
}
