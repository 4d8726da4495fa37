//! How many at once: client connections, in all and from one address, and open event streams.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Limits;

/// Counts client connections; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections {
    counts: Arc<Mutex<Counts>>,
    max: Option<usize>,
    max_per_address: Option<usize>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    /// Filled only where there is a limit per address; then no larger than `all`.
    by_address: HashMap<IpAddr, usize>,
}

/// One client connection's place; given back on drop.
#[derive(Debug)]
pub struct ConnectionPermit {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    /// Counts against `max_connections` and `max_connections_per_address`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            counts: Arc::default(),
            max: limits.max_connections,
            max_per_address: limits.max_connections_per_address,
        }
    }

    /// A place for a connection from `address`; `None` when a limit is reached.
    pub fn admit(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.max.is_some_and(|max| counts.all >= max) {
            return None;
        }
        if let Some(max) = self.max_per_address {
            let here = counts.by_address.entry(address).or_insert(0);
            if *here >= max {
                return None;
            }
            *here += 1;
        }
        counts.all += 1;
        Some(ConnectionPermit { connections: self.clone(), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

/// Counts open event streams; cheap to clone.
#[derive(Debug, Clone)]
pub struct Streams {
    open: Arc<AtomicUsize>,
    max: Option<usize>,
}

/// One open stream's place; given back on drop.
#[derive(Debug)]
pub struct StreamPermit(Arc<AtomicUsize>);

impl Streams {
    /// Counts against `max_streams`.
    pub fn new(limits: &Limits) -> Self {
        Self { open: Arc::default(), max: limits.max_streams }
    }

    /// A place for one more stream; `None` when the limit is reached.
    pub fn admit(&self) -> Option<StreamPermit> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let permit = StreamPermit(Arc::clone(&self.open));
        self.max.is_none_or(|max| before < max).then_some(permit)
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_given_back_on_drop() {
        let limits =
            Limits { max_connections: Some(2), max_connections_per_address: Some(1), ..Limits::default() };
        let connections = Connections::new(&limits);
        let [one, two, three] = [1, 2, 3].map(|last| IpAddr::from([10, 0, 0, last]));
        let first = connections.admit(one).unwrap();
        assert!(connections.admit(one).is_none(), "one for each address");
        let second = connections.admit(two).unwrap();
        assert!(connections.admit(three).is_none(), "two in all");
        drop(first);
        assert!(connections.admit(one).is_some());
        drop(second);
        assert!(connections.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn a_refused_stream_takes_no_place() {
        let streams = Streams::new(&Limits { max_streams: Some(1), ..Limits::default() });
        let first = streams.admit().unwrap();
        assert!(streams.admit().is_none());
        assert!(streams.admit().is_none());
        drop(first);
        assert!(streams.admit().is_some());
    }
}
