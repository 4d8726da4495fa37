//! `server.auth`.

use std::path::Path;

use toml::Spanned;

use super::files;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Written};
use crate::config::{Auth, Jwks, Url};

const EXAMPLE: &str =
    "auth = { issuer = \"https://login.example.com\", audience = \"https://mcp.example.com/github\" }";

pub(super) fn resolve(raw: Spanned<raw::Auth>, base: &Path) -> Result<Auth, Mistake> {
    let span = raw.span();
    let raw::Auth { issuer, audience, jwks, scopes } = raw.into_inner();
    let missing = |key| Fault::new(format!("`auth` without `{key}`"), EXAMPLE).at(span.clone());
    let issuer = issuer.ok_or_else(|| missing("issuer"))?;
    let audience = audience.ok_or_else(|| missing("audience"))?;
    if audience.get_ref().is_empty() {
        let hint =
            "write what the issuer puts into `aud` for this server, as a rule the URL that clients dial";
        return Err(Fault::new("an empty `audience` would be nobody's", hint).at(audience.span()));
    }
    Ok(Auth {
        issuer_url: url(&issuer)?,
        issuer: issuer.into_inner(),
        audience: audience.into_inner(),
        jwks: jwks.map(|jwks| keys(&jwks, base)).transpose()?,
        scopes: scopes.unwrap_or_default().into_iter().map(scope).collect::<Result<_, _>>()?,
    })
}

fn url(text: &Spanned<String>) -> Result<Url, Mistake> {
    let url = Url::from_text(text.get_ref()).map_err(|fault| fault.at(text.span()))?;
    if url.is_private() {
        return Ok(url);
    }
    let message = "keys over plain http could be anybody's";
    Err(Fault::new(message, "write https://; http:// is for this machine alone").at(text.span()))
}

fn keys(jwks: &Spanned<String>, base: &Path) -> Result<Jwks, Mistake> {
    if jwks.get_ref().contains("://") {
        return url(jwks).map(Jwks::Url);
    }
    files::readable(jwks, base).map(Jwks::File)
}

/// RFC 6749 §3.3.
fn scope(scope: Spanned<String>) -> Result<String, Mistake> {
    let is_token_byte = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if !scope.get_ref().is_empty() && scope.get_ref().bytes().all(is_token_byte) {
        return Ok(scope.into_inner());
    }
    let hint = "write each scope by itself, without spaces: scopes = [\"mcp:read\", \"mcp:write\"]";
    Err(Fault::new("this is no scope", hint).at(scope.span()))
}
