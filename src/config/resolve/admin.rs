//! `[admin]`.

use std::path::Path;

use toml::Spanned;

use super::{or, proxy};
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Value};
use crate::config::{Admin, Secret};

/// Whoever guesses it may do everything here: a shorter one is guessed.
const SHORTEST_TOKEN: usize = 16;

/// A request head has to hold it, beside everything else.
const LONGEST_TOKEN: usize = 1024;

pub(super) fn resolve(raw: raw::Admin, base: &Path) -> Result<Admin, Mistake> {
    let default = Admin::default();
    Ok(Admin {
        listen: or(raw.listen, default.listen),
        token: raw.token.map(token).transpose()?,
        tls: raw.tls.map(|tls| proxy::listener_tls(tls, base)).transpose()?,
        links: raw.links.unwrap_or_default().into_iter().map(|(name, link)| (name, link.0.0)).collect(),
    })
}

fn token(raw: Spanned<Value<Secret>>) -> Result<Secret, Mistake> {
    let span = raw.span();
    let token = raw.into_inner().0;
    if !token.0.bytes().all(|byte| byte.is_ascii_graphic()) {
        let hint = "letters, digits and signs of ASCII, without spaces: `openssl rand -hex 32` makes one";
        return Err(Fault::new("a character that no bearer token may have", hint).at(span));
    }
    if !(SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&token.0.len()) {
        let message = format!("expected a token of {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters");
        let hint = "`openssl rand -hex 32` makes one; keep it out of the file: \"${SIGHTGLASS_ADMIN_TOKEN}\"";
        return Err(Fault::new(message, hint).at(span));
    }
    Ok(token)
}
