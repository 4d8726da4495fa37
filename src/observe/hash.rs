//! Names that stand for something secret: a session id acts as a bearer secret, so it is told as a keyed hash
//! (`protocol.md` §5, `telemetry.md` §5).
//!
//! # Why
//! The key of a process is the system's randomness. That of the cryptographic library is seeded from the jitter of the
//! processor at its first use, 430 of the 467 million instructions that a start took, and only TLS needs it.

use std::fs::File;
use std::io::Read as _;

use aws_lc_rs::hmac;

use crate::config::Logs;
use crate::mcp::Text;

/// Hashes with `logs.salt`: replicas that share it give the same hash.
#[derive(Debug)]
pub(super) struct Hasher {
    key: hmac::Key,
    raw_session_ids: bool,
}

/// Bytes of a hash that are told: enough that nobody meets two alike.
const TOLD_BYTES: usize = 16;

impl Hasher {
    pub(super) fn new(logs: &Logs) -> Self {
        let key = match &logs.salt {
            Some(salt) => hmac::Key::new(hmac::HMAC_SHA256, salt.0.as_bytes()),
            None => hmac::Key::new(hmac::HMAC_SHA256, &random()),
        };
        Self { key, raw_session_ids: logs.raw_session_ids }
    }

    /// 32 hexadecimal digits.
    pub(super) fn hash(&self, text: &[u8]) -> String {
        let tag = hmac::sign(&self.key, text);
        let digits =
            |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
        tag.as_ref().iter().take(TOLD_BYTES).flat_map(digits).collect()
    }

    /// How lines and spans call a session.
    pub(super) fn session(&self, id: &[u8]) -> String {
        if !self.raw_session_ids {
            return self.hash(id);
        }
        // Every line and span of the session says it.
        String::from_utf8_lossy(id.get(..Text::CAP).unwrap_or(id)).into_owned()
    }
}

/// A key for this process alone.
fn random() -> [u8; 32] {
    let mut key = [0; 32];
    if File::open("/dev/urandom").and_then(|mut system| system.read_exact(&mut key)).is_ok() {
        return key;
    }
    // Without randomness there would be no TLS either; then the hashes are merely the same in every process.
    let _ = aws_lc_rs::rand::fill(&mut key);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn the_same_salt_gives_the_same_hash_and_another_another() {
        let with = |salt: Option<&str>| {
            Hasher::new(&Logs { salt: salt.map(|salt| Secret(salt.to_owned())), ..Logs::default() })
        };
        let hash = with(Some("a")).session(b"id");
        assert_eq!(hash.len(), 32);
        assert_eq!(hash, with(Some("a")).session(b"id"));
        assert_ne!(hash, with(Some("b")).session(b"id"));
        assert_ne!(with(None).session(b"id"), with(None).session(b"id"));
    }
}
