//! An issuer's keys (RFC 7517), and what they say of a token (RFC 7515, 7519, 9068).
//!
//! # Why
//!
//! What a token says of itself decides nothing but which key is tried: the algorithms are those that the key is for. A
//! shared secret is no key here, so that nobody can sign with what everybody may read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use super::Fault;
use crate::config;

/// How far clocks may be apart, in seconds.
const LEEWAY: u64 = 60;

/// A token without `kid` is tried with so many keys.
const TRIED_MAX: usize = 8;

const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// What a token has to say.
pub(super) struct Wanted {
    pub(super) issuer: String,
    pub(super) scopes: Vec<String>,
    audience: String,
}

impl Wanted {
    pub(super) fn new(settings: &config::Auth) -> Self {
        let config::Auth { issuer, audience, scopes, issuer_url: _, jwks: _ } = settings.clone();
        Self { issuer, scopes, audience }
    }
}

/// The keys of an issuer, as they were fetched.
pub(super) struct KeySet {
    /// As they were written.
    pub(super) document: Bytes,
    /// Told apart from those before and after it.
    pub(super) generation: u64,
    keys: Vec<Key>,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    verifies: DecodingKey,
}

/// What a token says of how it is signed.
pub(super) struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

/// Reads it; nothing of it is verified yet.
pub(super) fn header(token: &str) -> Result<Header, Fault> {
    let header = decode_header(token).map_err(|error| {
        // `none`, and whatever nobody knows.
        let is_algorithm = matches!(error.kind(), ErrorKind::Json(_)) && is_compact(token);
        if is_algorithm { Fault::Algorithm } else { Fault::Malformed }
    })?;
    let is_access_token = header.typ.as_deref().is_none_or(|media| {
        let media = media.to_ascii_lowercase();
        matches!(media.strip_prefix("application/").unwrap_or(&media), "at+jwt" | "jwt")
    });
    if !is_access_token {
        return Err(Fault::Malformed);
    }
    Ok(Header { algorithm: header.alg, key_id: header.kid })
}

/// Whether it has the three parts of a JWS, its header a JSON object.
fn is_compact(token: &str) -> bool {
    // `{"`: what every such header begins with, but for blanks.
    token.split('.').count() == 3 && token.starts_with("eyJ")
}

impl KeySet {
    /// The keys of a document that verify signatures; `None` where there are none.
    pub(super) fn read(document: Bytes, generation: u64) -> Option<Self> {
        let value: Value = serde_json::from_slice(&document).ok()?;
        let keys = value.get("keys")?.as_array()?.iter();
        // One that cannot be read says nothing of the others.
        let keys: Vec<Key> =
            keys.filter_map(|key| Key::of(&serde_json::from_value(key.clone()).ok()?)).collect();
        (!keys.is_empty()).then_some(Self { document, generation, keys })
    }

    /// Whether one of the keys can be the one that the token names.
    pub(super) fn knows(&self, header: &Header) -> bool {
        self.keys.iter().any(|key| key.is_named(header))
    }

    /// What the token claims, where one of the keys has signed it and it is one that is wanted.
    pub(super) fn verify(&self, token: &str, header: &Header, wanted: &Wanted) -> Result<Claims, Fault> {
        let mut named = self.keys.iter().filter(|key| key.is_named(header)).peekable();
        if named.peek().is_none() {
            return Err(Fault::Key);
        }
        let fitting = named.filter(|key| key.algorithms.contains(&header.algorithm));
        let mut fault = Fault::Algorithm;
        for key in fitting.take(TRIED_MAX) {
            match key.verify(token, header.algorithm, wanted) {
                Err(Fault::Signature) => fault = Fault::Signature,
                verdict => return verdict,
            }
        }
        Err(fault)
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let is_for_signatures =
            jwk.common.public_key_use.as_ref().is_none_or(|uses| *uses == PublicKeyUse::Signature);
        let operations = jwk.common.key_operations.as_ref();
        let may_verify = operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !is_for_signatures || !may_verify {
            return None;
        }
        let mut algorithms = algorithms_of(&jwk.algorithm);
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| KeyAlgorithm::from(*algorithm) == only);
        }
        let verifies = DecodingKey::from_jwk(jwk).ok().filter(|_| !algorithms.is_empty())?;
        Some(Self { id: jwk.common.key_id.clone(), algorithms, verifies })
    }

    fn is_named(&self, header: &Header) -> bool {
        header.key_id.is_none() || self.id == header.key_id
    }

    fn verify(&self, token: &str, algorithm: Algorithm, wanted: &Wanted) -> Result<Claims, Fault> {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&wanted.issuer]);
        validation.set_audience(&[&wanted.audience]);
        let claims =
            decode::<Value>(token, &self.verifies, &validation).map_err(|error| fault(error.kind()))?.claims;
        let claims = Claims { claims, now: now() };
        let is_issuers = claims.claims.get("iss").and_then(Value::as_str) == Some(&wanted.issuer);
        if !is_issuers {
            return Err(Fault::Issuer);
        }
        match claims.number("iat") {
            Some(issued) if issued > seconds(claims.now + LEEWAY) => Err(Fault::NotYet),
            Some(_) | None => Ok(claims),
        }
    }
}

/// What a key of this kind can have signed, if that is accepted.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other kind is accepted")]
fn algorithms_of(parameters: &AlgorithmParameters) -> Vec<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(_) => RSA.to_vec(),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        _ => Vec::new(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the rest cannot be read")]
fn fault(kind: &ErrorKind) -> Fault {
    match kind {
        ErrorKind::InvalidSignature
        | ErrorKind::InvalidEcdsaKey
        | ErrorKind::InvalidEddsaKey
        | ErrorKind::InvalidRsaKey(_)
        | ErrorKind::Provider(_) => Fault::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Fault::Algorithm,
        ErrorKind::ExpiredSignature => Fault::Expired,
        ErrorKind::ImmatureSignature => Fault::NotYet,
        ErrorKind::InvalidIssuer => Fault::Issuer,
        ErrorKind::InvalidAudience => Fault::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "aud" => Fault::Audience,
        ErrorKind::MissingRequiredClaim(claim) if claim == "iss" => Fault::Issuer,
        _ => Fault::Malformed,
    }
}

/// What a verified token claims.
pub(super) struct Claims {
    claims: Value,
    /// Unix seconds.
    now: u64,
}

impl Claims {
    /// Whether each of these is in `scope` (RFC 9068 §2.2.3), or in `scp` as some issuers have it.
    pub(super) fn has_scopes(&self, wanted: &[String]) -> bool {
        let words = |claim| self.claims.get(claim).and_then(Value::as_str).unwrap_or_default().split(' ');
        let listed = self.claims.get("scp").and_then(Value::as_array).into_iter().flatten();
        let granted: Vec<&str> =
            words("scope").chain(words("scp")).chain(listed.filter_map(Value::as_str)).collect();
        wanted.iter().all(|scope| granted.contains(&scope.as_str()))
    }

    /// How long it may still be used.
    pub(super) fn lasts(&self) -> Duration {
        let left = self.number("exp").unwrap_or_default() - seconds(self.now);
        Duration::try_from_secs_f64(left).unwrap_or_default()
    }

    fn number(&self, claim: &str) -> Option<f64> {
        self.claims.get(claim).and_then(Value::as_f64)
    }
}

fn seconds(whole: u64) -> f64 {
    Duration::from_secs(whole).as_secs_f64()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the wall's clock decides is decided when a token is judged; from then on it lasts by a clock that nobody sets.
    #[test]
    fn a_token_lasts_as_long_as_it_says_by_the_clock_that_it_was_judged_by() {
        let lasts = |now| Claims { claims: json!({ "exp": 1_000_000 }), now }.lasts();
        assert_eq!(lasts(999_990), Duration::from_secs(10));
        assert_eq!(lasts(0), Duration::from_secs(1_000_000), "a clock that was set back");
        assert_eq!(lasts(1_000_000), Duration::ZERO);
        assert_eq!(lasts(u64::MAX - LEEWAY), Duration::ZERO, "a clock that was set forward");
    }
}
