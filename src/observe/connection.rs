//! A client connection: which transport it carries, from its first MCP message on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::time::Instant;

use super::Disconnect;
use super::event::{Event, Transport};
use super::inner::Inner;

/// What a client connection carries; it is `http` until a message tells.
pub(super) struct ConnectionState {
    opened: Instant,
    transport: AtomicU8,
}

impl ConnectionState {
    pub(super) fn open(inner: &Inner) -> Arc<Self> {
        inner.connections.fetch_add(1, Ordering::Relaxed);
        inner.tell(&Event::ConnectionOpened);
        Arc::new(Self { opened: Instant::now(), transport: AtomicU8::new(number(Transport::Http)) })
    }

    /// A message was seen; the first one decides.
    pub(super) fn carries(&self, inner: &Inner, transport: Transport) {
        self.change(inner, Transport::Http, transport);
    }

    /// The `GET` that looked like Streamable HTTP named a legacy endpoint.
    pub(super) fn becomes_sse(&self, inner: &Inner) {
        self.change(inner, Transport::StreamableHttp, Transport::Sse);
    }

    pub(super) fn close(&self, inner: &Inner, reason: Disconnect) {
        // What its exchanges still tell changes nothing any more.
        let transport = transport(self.transport.swap(CLOSED, Ordering::AcqRel));
        inner.connections.fetch_sub(1, Ordering::Relaxed);
        inner.tell(&Event::ConnectionClosed { transport, lasted: self.opened.elapsed(), reason });
    }

    fn change(&self, inner: &Inner, from: Transport, to: Transport) {
        let swapped =
            self.transport.compare_exchange(number(from), number(to), Ordering::AcqRel, Ordering::Acquire);
        if swapped.is_ok() {
            inner.tell(&Event::ConnectionTransport { from, to });
        }
    }
}

/// No transport's number.
const CLOSED: u8 = u8::MAX;

fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Http => 0,
        Transport::StreamableHttp => 1,
        Transport::Sse => 2,
        Transport::WebSocket => 3,
    }
}

fn transport(number: u8) -> Transport {
    match number {
        1 => Transport::StreamableHttp,
        2 => Transport::Sse,
        3 => Transport::WebSocket,
        _ => Transport::Http,
    }
}
