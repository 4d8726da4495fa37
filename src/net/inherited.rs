//! Listeners that were open before the process was: systemd's socket activation (`sd_listen_fds(3)`).
//!
//! # Why
//!
//! Whoever holds the socket keeps it open while one process ends and the next begins: what connects meanwhile waits in
//! its queue, and no connection is refused. Two that listen for themselves (`SO_REUSEPORT`) each have a queue, and what
//! waits in that of the one that ends is lost.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, OnceLock, PoisonError};

use listenfd::ListenFd;

/// Those that nobody has taken yet.
static INHERITED: OnceLock<Mutex<Vec<TcpListener>>> = OnceLock::new();

/// The listener on `address` that the process was started with, if there is one; each is given away once. It is in the
/// mode that asynchronous code needs.
pub fn inherited(address: SocketAddr) -> Option<TcpListener> {
    let mut left = all().lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = |listener: &TcpListener| listener.local_addr().is_ok_and(|local| local == address);
    let at = left.iter().position(is_it)?;
    let listener = left.swap_remove(at);
    listener.set_nonblocking(true).ok()?;
    Some(listener)
}

/// Where the listeners are that nobody asked for: a mistake of whoever started the process.
pub fn not_taken() -> Vec<SocketAddr> {
    let left = all().lock().unwrap_or_else(PoisonError::into_inner);
    left.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}

fn all() -> &'static Mutex<Vec<TcpListener>> {
    INHERITED.get_or_init(|| {
        let mut inherited = ListenFd::from_env();
        // What is no TCP socket is not ours to close.
        let many = inherited.len();
        let take = |at| inherited.take_tcp_listener(at).ok().flatten();
        Mutex::new((0..many).filter_map(take).collect())
    })
}
