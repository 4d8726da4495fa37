//! Who may call a server, by the tokens that its issuer gave (`server.auth`; RFC 6750, 9068, 9728).
//!
//! # Why
//!
//! It stands before everything else that stands before a server: who may not call it at all takes no place there. A token
//! that was judged once is known by a keyed hash for at most five minutes, so most calls cost one look-up; with keys at
//! hand one signature; only without does a request wait, and never longer than five seconds. What a token says is nowhere
//! told: a refusal names the check that failed, and nothing of the token.

mod keys;
mod known;
mod source;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::Instant;

use self::keys::{KeySet, Wanted};
use self::known::Known;
use self::source::Keys;
use crate::config;
use crate::observe::{KeysFrom, Observer};

/// A longer token is none: its claims could not be for calling a tool.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Judges the tokens that come for one server.
pub struct Authenticator {
    wanted: Wanted,
    keys: Keys,
    known: Known,
    /// The host of who issues them.
    issuer: Arc<str>,
    observer: Observer,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unauthorized {
    /// It came with no token.
    NoToken,
    /// Its token is none of those that are let through.
    Invalid(Fault),
    /// Its token lacks a scope.
    Scope,
    /// The issuer's keys are not known; asking again makes sense after so long.
    NoKeys(Duration),
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the descriptions say it")]
pub enum Fault {
    Several,
    TooLong,
    Malformed,
    Algorithm,
    Key,
    Signature,
    Issuer,
    Audience,
    Expired,
    NotYet,
}

impl Fault {
    /// As `error_description` tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Several => "more than one Authorization field",
            Self::TooLong => "the token is too long",
            Self::Malformed => "this is no JWT access token",
            Self::Algorithm => "the algorithm of the signature is not accepted",
            Self::Key => "the signing key is none of the issuer's",
            Self::Signature => "the signature is wrong",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
        }
    }
}

impl Authenticator {
    /// Of the server of this name. The issuer's keys are asked for at once, on the runtime that this is called on.
    pub fn new(server: &str, settings: &config::Auth, observer: &Observer) -> Self {
        let issuer: Arc<str> = settings.issuer_url.authority().into();
        let told = (observer.clone(), Arc::clone(&issuer));
        Self {
            wanted: Wanted::new(settings),
            keys: Keys::of(server, settings, told),
            known: Known::default(),
            issuer,
            observer: observer.clone(),
        }
    }

    /// Whether a request with these fields may pass.
    pub async fn check(&self, fields: &HeaderMap) -> Result<(), Unauthorized> {
        let Some(token) = bearer(fields)? else { return Err(Unauthorized::NoToken) };
        let began = Instant::now();
        let (keys, verdict) = self.judge(token).await;
        self.observer.token_judged(&self.issuer, keys, began.elapsed());
        verdict
    }

    async fn judge(&self, token: &str) -> (KeysFrom, Result<(), Unauthorized>) {
        let name = self.known.name(token);
        let mut keys = self.keys.current();
        if let Some(set) = &keys
            && self.known.has(&name, set.generation)
        {
            return (KeysFrom::Hit, Ok(()));
        }
        let mut from = KeysFrom::Miss;
        if keys.is_none() {
            from = KeysFrom::Refresh;
            keys = self.keys.first().await;
        }
        let Some(mut set) = keys else { return (from, Err(Unauthorized::NoKeys(source::RETRY))) };
        let header = match keys::header(token) {
            Ok(header) => header,
            Err(fault) => return (from, Err(Unauthorized::Invalid(fault))),
        };
        if !set.knows(&header)
            && let Some(newer) = self.keys.newer(&set).await
        {
            (from, set) = (KeysFrom::Refresh, newer);
        }
        (from, self.verify(token, &header, &set, name))
    }

    fn verify(
        &self,
        token: &str,
        header: &keys::Header,
        set: &KeySet,
        name: known::Name,
    ) -> Result<(), Unauthorized> {
        let claims = set.verify(token, header, &self.wanted).map_err(Unauthorized::Invalid)?;
        if !claims.has_scopes(&self.wanted.scopes) {
            return Err(Unauthorized::Scope);
        }
        self.known.insert(name, set.generation, claims.lasts());
        Ok(())
    }

    /// The challenge that such a refusal carries (RFC 6750 §3, RFC 9728 §5.1); `metadata` is the URL by which the client
    /// finds the metadata of the resource.
    pub fn challenge(&self, why: Unauthorized, metadata: &str) -> Option<String> {
        let scope = self.wanted.scopes.join(" ");
        let scope = if scope.is_empty() { scope } else { format!(", scope=\"{scope}\"") };
        let metadata = metadata.replace('\\', "\\\\").replace('"', "\\\"");
        let metadata = format!("resource_metadata=\"{metadata}\"");
        match why {
            Unauthorized::NoToken => Some(format!("Bearer {metadata}{scope}")),
            Unauthorized::Invalid(fault) => Some(format!(
                "Bearer error=\"invalid_token\", error_description=\"{}\", {metadata}{scope}",
                fault.as_str()
            )),
            Unauthorized::Scope => Some(format!(
                "Bearer error=\"insufficient_scope\", error_description=\"the token lacks a scope\", {metadata}{scope}"
            )),
            Unauthorized::NoKeys(_) => None,
        }
    }

    /// The metadata of the resource (RFC 9728 §2) that clients dial as `resource`.
    pub fn metadata(&self, resource: &str) -> String {
        let mut document = serde_json::json!({
            "resource": resource,
            "authorization_servers": [self.wanted.issuer],
            "bearer_methods_supported": ["header"],
        });
        if !self.wanted.scopes.is_empty()
            && let Some(members) = document.as_object_mut()
        {
            members.insert("scopes_supported".to_owned(), self.wanted.scopes.clone().into());
        }
        document.to_string()
    }
}

/// The token that a request came with.
fn bearer(fields: &HeaderMap) -> Result<Option<&str>, Unauthorized> {
    let mut lines = fields.get_all(AUTHORIZATION).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Unauthorized::Invalid(Fault::Several));
    }
    if line.len() > TOKEN_BYTES_MAX {
        return Err(Unauthorized::Invalid(Fault::TooLong));
    }
    let malformed = Unauthorized::Invalid(Fault::Malformed);
    let (scheme, token) = match line.to_str() {
        Ok(line) => line.trim().split_once(' ').ok_or(malformed)?,
        Err(_) => return Err(malformed),
    };
    // Credentials of another kind are none here.
    Ok(scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()))
}
