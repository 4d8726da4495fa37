//! Which Host and Origin are answered for: protection against DNS rebinding (`protocol.md` §6.1), which the server
//! behind us loses when Host is rewritten.
//!
//! # Why
//!
//! A web page can point its own name at 127.0.0.1 and then talk to a proxy there as to its own origin; it cannot
//! change what the browser says in Host. So on loopback only names of loopback are answered for: `localhost` and
//! literal loopback addresses, any port, and what servers are mounted by. A request without Host is refused there as the SDKs refuse it: every
//! client since HTTP/1.1 sends one. An Origin `null` (a sandboxed frame, a file) could be anybody's, so it is refused
//! on loopback. `public_url` is a name of this proxy too, so a front on the same machine needs no allow-list.

use std::net::IpAddr;

use http::HeaderValue;

use crate::config::{Config, Server, Url};
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
    /// addresses listened on are loopback, loopback names and `public_url`; else any. The `host` that a server is
    /// mounted by is always answered for: it was written to be dialled.
    pub fn new(config: &Config) -> Self {
        let proxy = &config.proxy;
        let loopback = proxy.listen.iter().all(|address| address.ip().to_canonical().is_loopback());
        let public = proxy.public_url.as_ref();
        let mounted = || config.running().filter_map(|(_, server)| Host::mounted(server));
        let hosts = match &proxy.allowed_hosts {
            Some(names) if names.iter().any(|name| name == "*") => Allowed::Any,
            Some(names) => {
                Allowed::Listed(names.iter().filter_map(|name| Host::parse(name)).chain(mounted()).collect())
            }
            None if loopback => {
                Allowed::LoopbackAnd(public.map(Host::of).into_iter().chain(mounted()).collect())
            }
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

    /// Whether a request may pass that names these hosts (Host field, `:authority`, an absolute target) and these
    /// Origins: every one of them is judged, as the server may read another than we do. No host is refused where not
    /// any is allowed; no Origin always may pass, it is not a web page's.
    pub fn check<'a>(
        &self,
        hosts: impl IntoIterator<Item = &'a str>,
        origins: impl IntoIterator<Item = &'a HeaderValue>,
    ) -> Result<(), Refusal> {
        self.check_hosts(hosts)?;
        self.check_origins(origins)
    }

    /// The same of the hosts alone.
    pub fn check_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
        if self.allows_hosts(hosts) { Ok(()) } else { Err(Refusal::HostRefused) }
    }

    /// The same of the Origins alone.
    pub fn check_origins<'a>(
        &self,
        origins: impl IntoIterator<Item = &'a HeaderValue>,
    ) -> Result<(), Refusal> {
        if !origins.into_iter().all(|origin| self.allows_origin(origin)) {
            return Err(Refusal::OriginRefused);
        }
        Ok(())
    }

    fn allows_hosts<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> bool {
        if matches!(self.hosts, Allowed::Any) {
            return true;
        }
        let mut hosts = hosts.into_iter().peekable();
        hosts.peek().is_some() && hosts.all(|host| self.allows_host(host))
    }

    fn allows_host(&self, host: &str) -> bool {
        let (loopback, listed) = match &self.hosts {
            Allowed::Any => return true,
            Allowed::LoopbackAnd(listed) => (true, listed),
            Allowed::Listed(listed) => (false, listed),
        };
        let Some(host) = Host::parse(host) else { return false };
        let is_listed =
            |name: &Host| name.name == host.name && (name.port.is_none() || name.port == host.port);
        (loopback && host.is_loopback()) || listed.iter().any(is_listed)
    }

    fn allows_origin(&self, origin: &HeaderValue) -> bool {
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

    /// The name that a server is mounted by.
    fn mounted(server: &Server) -> Option<Self> {
        Self::parse(server.host.as_deref()?)
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
    use crate::config::Proxy;

    fn proxy(listen: &str) -> Proxy {
        Proxy { listen: vec![listen.parse().unwrap()], ..Proxy::default() }
    }

    fn guard(proxy: Proxy) -> HostGuard {
        HostGuard::new(&Config { proxy, ..Config::default() })
    }

    fn host(guard: &HostGuard, host: &str) -> bool {
        guard.check([host], []).is_ok()
    }

    fn origin(guard: &HostGuard, origin: &str) -> Result<(), Refusal> {
        guard.check(["localhost"], [&HeaderValue::from_str(origin).unwrap()])
    }

    #[test]
    fn on_loopback_only_names_of_loopback_are_answered_for() {
        for listen in ["127.0.0.1:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            let guard = guard(proxy(listen));
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
                assert_eq!(guard.check([name], []), Err(Refusal::HostRefused), "{name}");
            }
            assert_eq!(guard.check([], []), Err(Refusal::HostRefused));
        }
    }

    #[test]
    fn on_loopback_only_pages_of_loopback_may_ask() {
        let guard = guard(proxy("127.0.0.1:8080"));
        for page in ["http://localhost:3000", "https://127.0.0.1", "HTTP://[::1]:5"] {
            assert_eq!(origin(&guard, page), Ok(()), "{page}");
        }
        for page in
            ["null", "http://evil.example", "http://localhost.evil.example", "file://", "app://localhost", ""]
        {
            assert_eq!(origin(&guard, page), Err(Refusal::OriginRefused), "{page}");
        }
        let unreadable = HeaderValue::from_bytes(b"http://\xff").unwrap();
        assert_eq!(guard.check(["localhost"], [&unreadable]), Err(Refusal::OriginRefused));
    }

    #[test]
    fn off_loopback_anything_passes_until_configured() {
        let guard = guard(proxy("0.0.0.0:8080"));
        assert!(host(&guard, "evil.example"));
        assert_eq!(guard.check([], [&HeaderValue::from_static("null")]), Ok(()));
        let names = vec!["mcp.example.com".to_owned(), "other.example:8443".to_owned()];
        let guard = self::guard(Proxy { allowed_hosts: Some(names), ..proxy("0.0.0.0:8080") });
        assert!(host(&guard, "MCP.example.com:1"));
        assert!(host(&guard, "other.example:8443"));
        assert!(!host(&guard, "other.example"));
        assert!(!host(&guard, "localhost"));
        assert_eq!(guard.check([], []), Err(Refusal::HostRefused));
    }

    #[test]
    fn origins_compare_with_the_ports_of_their_schemes() {
        let listed = ["https://App.example", "null", "vscode-webview://a"].map(str::to_owned).to_vec();
        let guard = guard(Proxy { allowed_origins: Some(listed), ..proxy("127.0.0.1:1") });
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
        let guard = guard(Proxy { public_url: Some(url), ..proxy("127.0.0.1:1") });
        assert!(host(&guard, "mcp.example.com"));
        assert!(host(&guard, "localhost"));
        assert_eq!(origin(&guard, "https://mcp.example.com"), Ok(()));
        assert_eq!(origin(&guard, "http://mcp.example.com"), Err(Refusal::OriginRefused));
    }

    #[test]
    fn a_star_allows_any() {
        let any = Some(vec!["*".to_owned()]);
        let guard = guard(Proxy { allowed_hosts: any.clone(), allowed_origins: any, ..proxy("127.0.0.1:1") });
        assert_eq!(guard.check([], [&HeaderValue::from_static("null")]), Ok(()));
    }

    #[test]
    fn every_name_and_every_page_is_judged() {
        let guard = guard(proxy("127.0.0.1:1"));
        assert_eq!(guard.check(["localhost", "evil.example"], []), Err(Refusal::HostRefused));
        let pages = ["http://localhost", "http://evil.example"].map(HeaderValue::from_static);
        assert_eq!(guard.check(["localhost"], &pages), Err(Refusal::OriginRefused));
    }

    #[test]
    fn the_host_that_a_server_is_mounted_by_is_answered_for() {
        let url = Url { tls: false, host: "up".to_owned(), port: None, path: "/".to_owned() };
        let server = Server { host: Some("Tools.example".to_owned()), ..Server::new("tools", url) };
        for allowed_hosts in [None, Some(vec!["other.example".to_owned()])] {
            let proxy = Proxy { allowed_hosts, ..proxy("127.0.0.1:1") };
            let guard = HostGuard::new(&Config { proxy, servers: vec![server.clone()], ..Config::default() });
            assert!(host(&guard, "tools.example:8080"));
            assert!(!host(&guard, "evil.example"));
        }
    }
}
