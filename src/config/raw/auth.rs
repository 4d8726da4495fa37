//! `server.auth`, as it is written.

use serde::Deserialize;
use toml::Spanned;

use super::Plain;

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { issuer = \"https://login.example.com\", audience = \"https://mcp.example.com\" }"
)]
pub(in crate::config) struct Auth {
    pub(in crate::config) issuer: Plain<String>,
    pub(in crate::config) audience: Plain<String>,
    pub(in crate::config) jwks: Plain<String>,
    pub(in crate::config) scopes: Option<Vec<Spanned<String>>>,
}
