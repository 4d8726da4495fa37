//! Which Host and Origin are answered for: protection against DNS rebinding (`protocol.md` §6.1), which the server
//! behind us loses when Host is rewritten.
//!
//! # Why
//!
//! A web page can point its own name at 127.0.0.1 and then talk to a proxy there as to its own origin; it cannot
//! change what the browser says in Host. So on loopback only names of loopback are answered for: `localhost` and
//! literal loopback addresses, any port. A request without Host is refused there as the SDKs refuse it: every
//! client since HTTP/1.1 sends one. An Origin `null` (a sandboxed frame, a file) could be anybody's, so it is refused
//! on loopback. `public_url` is a name of this proxy too, so a front on the same machine needs no allow-list.

use std::net::IpAddr;

use http::HeaderValue;

use crate::config::{Proxy, Url};
use crate::observe::Refusal;

/// The check of one data listener.
#[derive(Debug, Clone)]
pub struct HostGuard {
    hosts: Allowed<Host>,
    origins: Allowed<Origin>,
}

#[derive(Debug, Clone)]
enum Allowed<T> {
    Any,
    /// Loopback, whatever the port, and these.
    LoopbackAnd(Vec<T>),
    Listed(Vec<T>),
}

/// `name` or `name:port`, lower case, without a trailing dot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// `http` or `https`: the scheme's own port is filled in.
    Page { tls: bool, host: Host },
    /// `null`, or a scheme of its own (`vscode-webview://…`), lower case.
    Other(String),
}

impl HostGuard {
    /// The check that `allowed_hosts` and `allowed_origins` ask for; `"*"` in either allows any. By default, when all
    /// addresses listened on are loopback, loopback names and `public_url`; else any.
    pub fn new(proxy: &Proxy) -> Self {
        let loopback = proxy.listen.iter().all(|address| address.ip().to_canonical().is_loopback());
        let public = proxy.public_url.as_ref();
        let hosts = match &proxy.allowed_hosts {
            Some(names) if names.iter().any(|name| name == "*") => Allowed::Any,
            Some(names) => Allowed::Listed(names.iter().filter_map(|name| Host::parse(name)).collect()),
            None if loopback => Allowed::LoopbackAnd(public.map(Host::of).into_iter().collect()),
            None => Allowed::Any,
        };
        let origins = match &proxy.allowed_origins {
            Some(origins) if origins.iter().any(|origin| origin == "*") => Allowed::Any,
            Some(origins) => Allowed::Listed(origins.iter().map(|origin| Origin::parse(origin)).collect()),
            None if loopback => Allowed::LoopbackAnd(public.map(Origin::of).into_iter().collect()),
            None => Allowed::Any,
        };
        Self { hosts, origins }
    }

    /// Whether a request with this Host field (or `:authority`) and Origin may pass. No Origin always may: it is not
    /// a web page's.
    pub fn check(&self, host: Option<&str>, origin: Option<&HeaderValue>) -> Result<(), Refusal> {
        if !self.allows_host(host) {
            return Err(Refusal::HostRefused);
        }
        if !self.allows_origin(origin) {
            return Err(Refusal::OriginRefused);
        }
        Ok(())
    }

    fn allows_host(&self, host: Option<&str>) -> bool {
        let (loopback, listed) = match &self.hosts {
            Allowed::Any => return true,
            Allowed::LoopbackAnd(listed) => (true, listed),
            Allowed::Listed(listed) => (false, listed),
        };
        let Some(host) = host.and_then(Host::parse) else { return false };
        let is_listed =
            |name: &Host| name.name == host.name && (name.port.is_none() || name.port == host.port);
        (loopback && host.is_loopback()) || listed.iter().any(is_listed)
    }

    fn allows_origin(&self, origin: Option<&HeaderValue>) -> bool {
        let Some(origin) = origin else { return true };
        let (loopback, listed) = match &self.origins {
            Allowed::Any => return true,
            Allowed::LoopbackAnd(listed) => (true, listed),
            Allowed::Listed(listed) => (false, listed),
        };
        let Ok(origin) = origin.to_str().map(Origin::parse) else { return false };
        (loopback && origin.is_loopback()) || listed.contains(&origin)
    }
}

impl Host {
    /// `None` when it is not `host` or `host:port`.
    fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port.parse().ok()?)),
            Some(_) | None => (text, None),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let bracketed = name.starts_with('[') && name.ends_with(']');
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        (!name.is_empty() && (plain || bracketed)).then_some(Self { name, port })
    }

    /// The public name is the same at any port: a front before us may have been dialled at another.
    fn of(url: &Url) -> Self {
        Self { name: url.host.to_ascii_lowercase(), port: None }
    }

    fn is_loopback(&self) -> bool {
        let address = self.name.trim_start_matches('[').trim_end_matches(']');
        self.name == "localhost"
            || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl Origin {
    fn parse(text: &str) -> Self {
        let page = |scheme: &str| {
            let (head, rest) = text.split_at_checked(scheme.len())?;
            if head.eq_ignore_ascii_case(scheme) { Host::parse(rest) } else { None }
        };
        if let Some(host) = page("https://") {
            return Self::page(true, host);
        }
        if let Some(host) = page("http://") {
            return Self::page(false, host);
        }
        Self::Other(text.to_ascii_lowercase())
    }

    fn of(url: &Url) -> Self {
        Self::page(url.tls, Host { port: url.port, ..Host::of(url) })
    }

    fn page(tls: bool, host: Host) -> Self {
        let port = host.port.or(Some(if tls { 443 } else { 80 }));
        Self::Page { tls, host: Host { port, ..host } }
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Page { host, .. } => host.is_loopback(),
            Self::Other(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(listen: &str) -> Proxy {
        Proxy { listen: vec![listen.parse().unwrap()], ..Proxy::default() }
    }

    fn host(guard: &HostGuard, host: &str) -> bool {
        guard.check(Some(host), None).is_ok()
    }

    fn origin(guard: &HostGuard, origin: &str) -> Result<(), Refusal> {
        guard.check(Some("localhost"), Some(&HeaderValue::from_str(origin).unwrap()))
    }

    #[test]
    fn on_loopback_only_names_of_loopback_are_answered_for() {
        for listen in ["127.0.0.1:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            let guard = HostGuard::new(&proxy(listen));
            for name in [
                "localhost",
                "LOCALHOST:1",
                "localhost.:8080",
                "127.0.0.1",
                "127.0.0.1:9",
                "[::1]",
                "[::1]:80",
            ] {
                assert!(host(&guard, name), "{name}");
            }
            for name in [
                "evil.example",
                "localhost.evil.example",
                "127.0.0.1.evil.example",
                "",
                ".",
                "localhost:x",
                "a@localhost",
                "10.0.0.1",
                "[::2]",
                "localhost:80:80",
            ] {
                assert_eq!(guard.check(Some(name), None), Err(Refusal::HostRefused), "{name}");
            }
            assert_eq!(guard.check(None, None), Err(Refusal::HostRefused));
        }
    }

    #[test]
    fn on_loopback_only_pages_of_loopback_may_ask() {
        let guard = HostGuard::new(&proxy("127.0.0.1:8080"));
        for page in ["http://localhost:3000", "https://127.0.0.1", "HTTP://[::1]:5"] {
            assert_eq!(origin(&guard, page), Ok(()), "{page}");
        }
        for page in
            ["null", "http://evil.example", "http://localhost.evil.example", "file://", "app://localhost", ""]
        {
            assert_eq!(origin(&guard, page), Err(Refusal::OriginRefused), "{page}");
        }
        let unreadable = HeaderValue::from_bytes(b"http://\xff").unwrap();
        assert_eq!(guard.check(Some("localhost"), Some(&unreadable)), Err(Refusal::OriginRefused));
    }

    #[test]
    fn off_loopback_anything_passes_until_configured() {
        let guard = HostGuard::new(&proxy("0.0.0.0:8080"));
        assert!(host(&guard, "evil.example"));
        assert_eq!(guard.check(None, Some(&HeaderValue::from_static("null"))), Ok(()));
        let names = vec!["mcp.example.com".to_owned(), "other.example:8443".to_owned()];
        let guard = HostGuard::new(&Proxy { allowed_hosts: Some(names), ..proxy("0.0.0.0:8080") });
        assert!(host(&guard, "MCP.example.com:1"));
        assert!(host(&guard, "other.example:8443"));
        assert!(!host(&guard, "other.example"));
        assert!(!host(&guard, "localhost"));
        assert_eq!(guard.check(None, None), Err(Refusal::HostRefused));
    }

    #[test]
    fn origins_compare_with_the_ports_of_their_schemes() {
        let listed = ["https://App.example", "null", "vscode-webview://a"].map(str::to_owned).to_vec();
        let guard = HostGuard::new(&Proxy { allowed_origins: Some(listed), ..proxy("127.0.0.1:1") });
        for page in ["https://app.example:443", "null", "vscode-webview://A"] {
            assert_eq!(origin(&guard, page), Ok(()), "{page}");
        }
        for page in ["http://app.example", "https://app.example:444", "http://localhost"] {
            assert_eq!(origin(&guard, page), Err(Refusal::OriginRefused), "{page}");
        }
    }

    #[test]
    fn the_public_url_is_a_name_of_this_proxy() {
        let url = Url { tls: true, host: "Mcp.example.com".to_owned(), port: None, path: "/".to_owned() };
        let guard = HostGuard::new(&Proxy { public_url: Some(url), ..proxy("127.0.0.1:1") });
        assert!(host(&guard, "mcp.example.com"));
        assert!(host(&guard, "localhost"));
        assert_eq!(origin(&guard, "https://mcp.example.com"), Ok(()));
        assert_eq!(origin(&guard, "http://mcp.example.com"), Err(Refusal::OriginRefused));
    }

    #[test]
    fn a_star_allows_any() {
        let any = Some(vec!["*".to_owned()]);
        let guard = HostGuard::new(&Proxy {
            allowed_hosts: any.clone(),
            allowed_origins: any,
            ..proxy("127.0.0.1:1")
        });
        assert_eq!(guard.check(None, Some(&HeaderValue::from_static("null"))), Ok(()));
    }
}
