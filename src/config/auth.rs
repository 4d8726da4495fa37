//! `server.auth`, resolved: whose tokens are let through to a server.

use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::{Url, shown};

/// `server.auth`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Auth {
    /// Who issues the tokens, as written: what `iss` has to say.
    pub issuer: String,
    /// The same as a URL.
    #[serde(skip)]
    pub issuer_url: Url,
    /// Whom the tokens are for: what `aud` has to name. Never empty.
    pub audience: String,
    /// Where the issuer's keys are; `None` = where its own metadata says.
    pub jwks: Option<Jwks>,
    /// Scopes that every token has to have.
    pub scopes: Vec<String>,
}

/// `server.auth.jwks`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// `https`, or on this machine.
    Url(Url),
    /// A file.
    File(PathBuf),
}

impl Serialize for Jwks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Url(url) => url.serialize(serializer),
            Self::File(path) => shown::path(path, serializer),
        }
    }
}

impl Url {
    /// Whether what is asked for there cannot be changed on the way: by TLS, or as it stays on this machine.
    pub fn is_private(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = || address.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        self.tls || self.host.eq_ignore_ascii_case("localhost") || is_loopback()
    }
}
