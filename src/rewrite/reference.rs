//! URL references in what a server says (RFC 3986 §4.1, §5.2), and what they must be called here.

use super::mount::Mount;
use super::path::{has_dot_segment, split_port, split_query};
use crate::mcp;

/// A reference that has to change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mapped<'a> {
    /// Its public path and query.
    pub(super) path_and_query: String,
    /// Its fragment with the `#`; empty when there is none.
    pub(super) fragment: &'a str,
    /// It named a host, rather than a path.
    pub(super) absolute: bool,
}

enum Target<'a> {
    /// `tls` is `None` for `//authority/…`.
    Absolute {
        tls: Option<bool>,
        authority: &'a str,
        rest: &'a str,
    },
    Local(&'a str),
    /// Not of HTTP, or such that readers may differ about it.
    Foreign,
}

/// What `reference`, in an answer to the request for `request_path` (path and query on the server), must be called by
/// a client at `public_origin` (`scheme://authority`; empty when unknown). `None`: it is right as it is, or names
/// another origin.
pub(super) fn map<'a>(
    reference: &'a str,
    mount: &Mount,
    request_path: &str,
    public_origin: &str,
) -> Option<Mapped<'a>> {
    let at = reference.find('#').unwrap_or(reference.len());
    let (body, fragment) = reference.split_at(at);
    match split(body) {
        Target::Absolute { tls, authority, rest } => {
            let path_and_query = map_absolute(tls, authority, rest, mount, public_origin)?;
            let same = reference.strip_prefix(public_origin).and_then(|rest| rest.strip_suffix(fragment))
                == Some(path_and_query.as_str());
            (!same).then_some(Mapped { path_and_query, fragment, absolute: true })
        }
        Target::Local(body) => {
            let path_and_query = map_local(body, mount, request_path)?;
            Some(Mapped { path_and_query, fragment, absolute: false })
        }
        Target::Foreign => None,
    }
}

/// What follows the authority in `reference`, where that names the server's own origin, as the server may call it: by
/// `url`, or where it is told the public name, by that.
pub(super) fn on_origin<'a>(reference: &'a str, mount: &Mount, public_origin: &str) -> Option<&'a str> {
    let Target::Absolute { tls: Some(tls), authority, rest } = split(reference) else { return None };
    let origin = mount.origin();
    let is_public = || {
        let (public_tls, public_authority) = split_origin(public_origin)?;
        Some(mount.preserves_host() && is_at(tls, authority, public_tls, public_authority))
    };
    let is_own = is_at(tls, authority, origin.tls, &origin.authority()) || is_public().unwrap_or_default();
    is_own.then_some(rest)
}

fn map_absolute(
    tls: Option<bool>,
    authority: &str,
    rest: &str,
    mount: &Mount,
    public_origin: &str,
) -> Option<String> {
    let target = mcp::normal(rest);
    let path = split_query(&target).0;
    if has_dot_segment(path) {
        return None;
    }
    let origin = mount.origin();
    if is_at(tls.unwrap_or(origin.tls), authority, origin.tls, &origin.authority()) {
        return Some(mount.to_public(&target));
    }
    // A server that is told the public name may use it with its own paths, and with the scheme it is itself reached by.
    let (public_tls, public_authority) = split_origin(public_origin)?;
    if !is_at(tls.unwrap_or(public_tls), authority, public_tls, public_authority) {
        return None;
    }
    if mount.is_public(path) {
        return Some(target);
    }
    (mount.preserves_host() || mount.is_inside(path)).then(|| mount.to_public(&target))
}

fn map_local(body: &str, mount: &Mount, request_path: &str) -> Option<String> {
    mount.prefix()?;
    let target = mcp::join(request_path, body);
    if has_dot_segment(split_query(&target).0) {
        return None;
    }
    let public = mount.to_public(&target);
    let understood = mcp::join(&mount.to_public(request_path), body);
    (public != understood).then_some(public)
}

fn split(body: &str) -> Target<'_> {
    if body.bytes().any(|byte| byte == b'\\' || byte <= b' ' || byte == 0x7f) {
        return Target::Foreign;
    }
    let (tls, rest) = match scheme(body) {
        None => (None, body),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(false), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(true), rest),
        Some(_) => return Target::Foreign,
    };
    match (rest.strip_prefix("//"), tls) {
        (Some(rest), tls) => {
            let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            Target::Absolute { tls, authority, rest }
        }
        (None, None) => Target::Local(body),
        (None, Some(_)) => Target::Foreign,
    }
}

/// The scheme and what follows its colon.
fn scheme(body: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = body.split_once(':')?;
    let fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    fits.then_some((scheme, rest))
}

/// Whether a reference with this scheme and authority names the origin `origin_tls`, `origin_authority`; also with
/// `http` instead of `https`, which is how a server behind TLS-terminating proxies errs.
fn is_at(tls: bool, authority: &str, origin_tls: bool, origin_authority: &str) -> bool {
    let (name, port) = split_port(authority);
    let (origin_name, origin_port) = split_port(origin_authority);
    let effective = |tls: bool, port: Option<u16>| port.unwrap_or(if tls { 443 } else { 80 });
    let origin_port = effective(origin_tls, origin_port);
    let port = effective(tls, port);
    let same = tls == origin_tls && port == origin_port;
    let downgraded = !tls && origin_tls && (port == 80 || port == origin_port);
    name.eq_ignore_ascii_case(origin_name) && (same || downgraded)
}

fn split_origin(origin: &str) -> Option<(bool, &str)> {
    let (scheme, authority) = origin.split_once("://")?;
    Some((scheme == "https", authority))
}
