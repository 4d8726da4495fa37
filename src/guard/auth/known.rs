//! Tokens that were let through before, by a keyed hash: nothing of them is kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use hashlink::LruCache;
use tokio::time::Instant;

/// So many are known; of more, those that came least lately are judged again.
const TOKENS_MAX: usize = 10_000;

/// The longest that one is known: who withdraws a key, or a clock that was wrong, is heard after that.
const LASTS_MAX: Duration = Duration::from_secs(5 * 60);

/// What a token is known by.
pub(super) type Name = [u8; 32];

pub(super) struct Known {
    key: hmac::Key,
    tokens: Mutex<LruCache<Name, Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    until: Instant,
    /// Of the keys that it was judged with.
    generation: u64,
}

impl Default for Known {
    fn default() -> Self {
        let mut secret = [0; 32];
        // Without chance there could be no TLS either; then nothing is known, and all is judged.
        let is_secret = aws_lc_rs::rand::fill(&mut secret).is_ok();
        let tokens = LruCache::new(if is_secret { TOKENS_MAX } else { 0 });
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), tokens: Mutex::new(tokens) }
    }
}

impl Known {
    /// What this token is known by.
    pub(super) fn name(&self, token: &str) -> Name {
        let tag = hmac::sign(&self.key, token.as_bytes());
        let mut name = [0; 32];
        name.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        name
    }

    /// Whether it was let through, with the same keys, and still may be.
    pub(super) fn has(&self, name: &Name, generation: u64) -> bool {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(name).is_some_and(|known| known.generation == generation && Instant::now() < known.until)
    }

    /// It was let through, and lasts so long.
    pub(super) fn insert(&self, name: Name, generation: u64, lasts: Duration) {
        let until = Instant::now() + lasts.min(LASTS_MAX);
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(name, Entry { until, generation });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By a clock that was set back a token would last for years: it is judged again all the same.
    #[tokio::test(start_paused = true)]
    async fn however_long_a_token_lasts_it_is_judged_again_after_a_while() {
        let known = Known::default();
        let name = known.name("a token");
        known.insert(name, 1, Duration::from_secs(1_000_000_000));
        tokio::time::advance(LASTS_MAX.saturating_sub(Duration::from_secs(1))).await;
        assert!(known.has(&name, 1));
        assert!(!known.has(&name, 2), "with other keys");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!known.has(&name, 1));
    }
}
