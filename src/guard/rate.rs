//! How fast requests may come to one server: so many a second from each client, and some at once after a pause.
//!
//! # Why
//!
//! The generic cell rate algorithm keeps one time for each client, when it would have used up what it had: a bucket that
//! fills by itself, without anybody who fills it. Credentials are known by a keyed hash alone. The table is bounded; who
//! is pushed out of it begins with a full bucket, and that is who was silent longest.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hashlink::LruCache;
use http::HeaderMap;
use tokio::time::Instant;

use crate::config::{self, RateKey};

/// The requests of one server.
pub struct Rate {
    key: RateKey,
    /// Between two requests.
    spacing: Duration,
    /// How far ahead of that a client may be.
    ahead: Duration,
    hasher: RandomState,
    /// When each client will have used up what it has.
    clients: Mutex<LruCache<u64, Instant>>,
}

/// It would be let through after so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast {
    /// From now on.
    pub left: Duration,
}

/// Fields that hold what a client authenticates with, in the order in which they are believed.
const CREDENTIALS: [&str; 5] = ["authorization", "x-api-key", "api-key", "apikey", "x-goog-api-key"];

impl Rate {
    /// A rate for at most `max_clients` clients, told apart.
    pub fn new(settings: config::Rate, max_clients: usize) -> Self {
        let config::Rate { per_second, burst, key } = settings;
        let spacing = Duration::from_secs_f64(per_second.recip());
        Self {
            key,
            spacing,
            ahead: spacing.saturating_mul(burst.saturating_sub(1)),
            hasher: RandomState::new(),
            clients: Mutex::new(LruCache::new(max_clients.max(1))),
        }
    }

    /// Whether a request with these fields from this address may pass now; one that may not costs its client nothing.
    pub fn check(&self, fields: &HeaderMap, address: IpAddr) -> Result<(), TooFast> {
        let client = self.client(fields, address);
        let now = Instant::now();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let used_up = clients.get(&client).map_or(now, |used_up| now.max(*used_up));
        let left = used_up.duration_since(now).saturating_sub(self.ahead);
        if !left.is_zero() {
            return Err(TooFast { left });
        }
        clients.insert(client, used_up + self.spacing);
        Ok(())
    }

    fn client(&self, fields: &HeaderMap, address: IpAddr) -> u64 {
        let credentials = || CREDENTIALS.iter().find_map(|name| fields.get(*name));
        match self.key {
            RateKey::Server => 0,
            RateKey::Address => self.hasher.hash_one(network(address)),
            RateKey::Client => match credentials() {
                Some(value) => self.hasher.hash_one(value.as_bytes()),
                None => self.hasher.hash_one(network(address)),
            },
        }
    }
}

/// Of IPv6 the first 64 bits: whoever has an address there has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}
