//! Where clients find a server here, and what that is on the server itself.
//!
//! # Why
//!
//! A mount is a prefix: `path` is `url` and `path/rest` is `url/rest`, byte for byte, as servers differ in what they
//! make of double slashes and percent-encoding. Where `url` ends in `/`, `path/rest` is `url` + `rest`: the slash is
//! not doubled, so `path` and `path/` are the same place, published as `path`.
//! Below `path`, the segment `_origin` is ours: what a server named outside `url` is found there and nothing else, so
//! a mount never opens more of an origin than the operator or the server itself did. Dot segments could leave the
//! prefix once the server resolves them, so they are refused; without a prefix there is nothing to leave.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::{Index, host_name};
use super::names::Names;
use super::path::{has_dot_segment, split_query, under};
use crate::config::{Config, Server, Url};

/// The segment under a mount's path that leads to what its server named outside `url`.
const ORIGIN_SEGMENT: &str = "/_origin";
const WELL_KNOWN: &str = "/.well-known/";
/// What is found at `/.well-known/NAME` + the path of a resource or issuer (RFC 9728 §3.1, RFC 8414 §3.1).
const WELL_KNOWN_NAMES: [&str; 3] =
    [PROTECTED_RESOURCE, "oauth-authorization-server", "openid-configuration"];
const PROTECTED_RESOURCE: &str = "oauth-protected-resource";

/// By which rule a request found its place on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Under `url`.
    Mount,
    /// Outside `url`, where the server itself had pointed.
    Origin,
    /// OAuth metadata of the server's origin.
    WellKnown,
}

/// A place on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Path and query to ask for, in origin form.
    pub path_and_query: String,
    /// By which rule.
    pub kind: Kind,
}

/// Why a request has no place on any server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteError {
    /// Nothing is mounted there: 404.
    NotFound,
    /// A `.` or `..` segment, plain or encoded, under a prefix: 400.
    DotSegment,
}

/// One server's mapping between the paths clients use and its own.
#[derive(Debug)]
pub struct Mount {
    url: Url,
    /// The public path without a trailing slash (`""` for `/`); `None` = every path is the server's.
    prefix: Option<String>,
    preserve_host: bool,
    /// The root forms of the well-known paths are this server's too.
    owns_well_known: bool,
    named: Arc<Names>,
}

/// All servers, and the choice between them.
#[derive(Debug)]
pub struct Mounts {
    /// In the order in which they are asked: with `host` first, then the longest path.
    entries: Vec<Entry>,
    /// Where in `entries` each server of the configuration is.
    places: Vec<Option<usize>>,
    /// For more than [`FEW`].
    index: Option<Index>,
}

/// So many mounts are asked one after the other, which costs less than to look one up.
const FEW: usize = 4;

/// Where a request goes.
#[derive(Debug, Clone)]
pub struct Routed {
    /// Index in [`Config::servers`].
    pub server: usize,
    /// Its mount, which also maps the answer.
    pub mount: Arc<Mount>,
    /// The place on it.
    pub upstream: Upstream,
}

#[derive(Debug)]
struct Entry {
    server: usize,
    host: Option<String>,
    mount: Arc<Mount>,
}

impl Mounts {
    /// The mounts of a configuration.
    pub fn new(config: &Config) -> Self {
        let alone = config.running().count() == 1;
        let mut entries: Vec<Entry> = config
            .running()
            .map(|(index, server)| {
                let mount = Mount { owns_well_known: alone, ..Mount::new(server) };
                Entry { server: index, host: server.host.clone(), mount: Arc::new(mount) }
            })
            .collect();
        entries.sort_by_key(|entry| {
            let length = entry.mount.prefix.as_ref().map_or(0, |prefix| prefix.len() + 1);
            (entry.host.is_none(), std::cmp::Reverse(length))
        });
        let mut places = vec![None; config.servers.len()];
        for (at, entry) in entries.iter().enumerate() {
            if let Some(place) = places.get_mut(entry.server) {
                *place = Some(at);
            }
        }
        let described = entries.iter().map(|entry| (entry.host.as_deref(), entry.mount.prefix()));
        let index = (entries.len() > FEW).then(|| Index::new(described));
        Self { entries, places, index }
    }

    /// The mounts of a reloaded configuration: what servers named under `previous` stays served where `url`, `path`
    /// and `host` are still the same, so that running sessions go on.
    #[must_use]
    pub fn reloaded(config: &Config, previous: &Self) -> Self {
        let mut mounts = Self::new(config);
        let mut before = HashMap::new();
        for old in &previous.entries {
            before.entry(old.identity()).or_insert(&old.mount.named);
        }
        for entry in &mut mounts.entries {
            let named = before.get(&entry.identity()).copied().map(Arc::clone);
            if let (Some(named), Some(mount)) = (named, Arc::get_mut(&mut entry.mount)) {
                mount.named = named;
            }
        }
        mounts
    }

    /// The place of a request. `host` is its Host field or `:authority`; `path_and_query` its target in origin form.
    ///
    /// A mount with a `host` that matches comes before one without, then the longest `path` that is a prefix on a
    /// segment boundary. Host names compare without case, trailing dot and, unless the configuration names one,
    /// port.
    pub fn route(&self, host: Option<&str>, path_and_query: &str) -> Result<Routed, RouteError> {
        let found = match &self.index {
            None => self.first_of_few(host, path_and_query),
            Some(index) => self.looked_up(index, host, path_and_query),
        };
        let (entry, place) = found.ok_or(RouteError::NotFound)?;
        Ok(Routed { server: entry.server, mount: Arc::clone(&entry.mount), upstream: place? })
    }

    fn first_of_few(
        &self,
        host: Option<&str>,
        path_and_query: &str,
    ) -> Option<(&Entry, Result<Upstream, RouteError>)> {
        let mut here = self.entries.iter().filter(|entry| entry.is_for(host));
        here.find_map(|entry| entry.mount.find(path_and_query).map(|place| (entry, place)))
    }

    /// The same by the index, which knows nothing of [`Mount::owns_well_known`]: that is a mount alone.
    fn looked_up(
        &self,
        index: &Index,
        host: Option<&str>,
        path_and_query: &str,
    ) -> Option<(&Entry, Result<Upstream, RouteError>)> {
        let (path, _) = split_query(path_and_query);
        let about = split_well_known(path).map(|(_, place)| place);
        let entry = self.entries.get(index.first(host, path, about)?)?;
        entry.mount.find(path_and_query).map(|place| (entry, place))
    }

    /// The mount of the server at `index` in [`Config::servers`].
    pub fn server(&self, index: usize) -> Option<&Arc<Mount>> {
        self.entries.get((*self.places.get(index)?)?).map(|entry| &entry.mount)
    }
}

impl Entry {
    /// What makes it the same mount after a reload.
    fn identity(&self) -> (Option<String>, Option<String>, Url) {
        (self.host.clone(), self.mount.prefix.clone(), self.mount.url.clone())
    }

    fn is_for(&self, host: Option<&str>) -> bool {
        let Some(wanted) = &self.host else { return true };
        let Some(host) = host else { return false };
        let (wanted_name, wanted_port) = host_name(wanted);
        let (name, port) = host_name(host);
        name.eq_ignore_ascii_case(wanted_name) && (wanted_port.is_none() || wanted_port == port)
    }
}

impl Mount {
    /// The mount of one server, as if it were one of several.
    pub fn new(server: &Server) -> Self {
        Self {
            url: server.url.clone(),
            prefix: server.path.as_ref().map(|path| path.trim_end_matches('/').to_owned()),
            preserve_host: server.preserve_host,
            owns_well_known: false,
            named: Arc::default(),
        }
    }

    /// Where the server is.
    pub fn origin(&self) -> &Url {
        &self.url
    }

    /// The public path, without a trailing slash; `None` = every path is the server's.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The place on the server of a public path and query.
    pub fn to_upstream(&self, path_and_query: &str) -> Result<Upstream, RouteError> {
        self.find(path_and_query).unwrap_or(Err(RouteError::NotFound))
    }

    /// What a path and query of the server's origin are called here. Outside `url` this registers the name, so that
    /// [`Mount::to_upstream`] serves it from now on; a path with dot segments is never registered.
    pub fn to_public(&self, upstream_path_and_query: &str) -> String {
        let Some(prefix) = &self.prefix else { return upstream_path_and_query.to_owned() };
        let (path, query) = split_query(upstream_path_and_query);
        if !path.starts_with('/') {
            return upstream_path_and_query.to_owned();
        }
        if let Some(public) = self.inside(prefix, path).or_else(|| self.well_known_to_public(prefix, path)) {
            return public + query;
        }
        if !has_dot_segment(path) {
            self.named.publish(path);
        }
        format!("{prefix}{ORIGIN_SEGMENT}{path}{query}")
    }

    /// The path that clients dial for `url`.
    pub fn public_path(&self) -> &str {
        match self.prefix() {
            Some("") => "/",
            Some(prefix) => prefix,
            None => &self.url.path,
        }
    }

    /// What clients call the resource that the server calls `rest`, a path and query of its own origin: one that is
    /// under `url`, or that `url` is under. `None` where it is another.
    pub(super) fn public_resource(&self, rest: &str) -> Option<String> {
        let Some(prefix) = &self.prefix else { return Some(rest.to_owned()) };
        let (path, query) = split_query(rest);
        let whole = if path.is_empty() { "/" } else { path };
        let above =
            || under(path.trim_end_matches('/'), &self.url.path).map(|_| self.public_path().to_owned());
        Some(self.inside(prefix, whole).or_else(above)? + query)
    }

    /// Whether `path` is one by which clients find the metadata of this server.
    pub(super) fn is_public_metadata(&self, path: &str) -> bool {
        self.prefix.as_ref().is_some_and(|prefix| self.well_known_to_upstream(prefix, path).is_some())
    }

    /// Where clients find the metadata of the protected resource at this mount (RFC 9728 §3.1).
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{PROTECTED_RESOURCE}{}", self.public_path().trim_end_matches('/'))
    }

    /// What clients dial for the resource whose metadata is found at the public `path`; `None` where it is none.
    pub fn described_at<'a>(&'a self, path: &'a str) -> Option<&'a str> {
        match resource_metadata(path)? {
            "" => Some(self.public_path()),
            place => Some(place),
        }
    }

    /// Whether `path` is one that clients use for this server.
    pub(super) fn is_public(&self, path: &str) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| under(prefix, path).is_some())
    }

    /// Whether a path of the server's origin lies under `url`.
    pub(super) fn is_inside(&self, path: &str) -> bool {
        self.prefix.as_ref().is_none_or(|prefix| self.inside(prefix, path).is_some())
    }

    /// Whether the server sees the client's Host, and so may take the public name for its own.
    pub(super) fn preserves_host(&self) -> bool {
        self.preserve_host
    }

    /// `None`: not this mount's; another may be asked.
    fn find(&self, path_and_query: &str) -> Option<Result<Upstream, RouteError>> {
        let Some(prefix) = &self.prefix else {
            return Some(Ok(Upstream { path_and_query: path_and_query.to_owned(), kind: Kind::Mount }));
        };
        let (path, query) = split_query(path_and_query);
        let well_known = self.well_known_to_upstream(prefix, path);
        let rest = under(prefix, path);
        if well_known.is_none() && rest.is_none() {
            return None;
        }
        if has_dot_segment(path) {
            return Some(Err(RouteError::DotSegment));
        }
        let (path, kind) = match (well_known, rest) {
            (Some(path), _) => (path, Kind::WellKnown),
            (None, Some(rest)) => match under(ORIGIN_SEGMENT, rest) {
                None => (self.join(rest), Kind::Mount),
                Some(named) if self.named.has(named) => (named.to_owned(), Kind::Origin),
                Some(_) => return Some(Err(RouteError::NotFound)),
            },
            (None, None) => return None,
        };
        Some(Ok(Upstream { path_and_query: path + query, kind }))
    }

    /// `url`'s path with `rest`, which is empty or begins with `/`.
    fn join(&self, rest: &str) -> String {
        let base = &self.url.path;
        match rest.strip_prefix('/') {
            Some(rest) if base.ends_with('/') => format!("{base}{rest}"),
            Some(_) | None => format!("{base}{rest}"),
        }
    }

    /// The public path of a path under `url`; `None` outside, and for the few inside that mean something else here.
    fn inside(&self, prefix: &str, path: &str) -> Option<String> {
        let base = &self.url.path;
        let rest = match path.strip_prefix(base.as_str())? {
            "" => String::new(),
            rest if base.ends_with('/') => format!("/{rest}"),
            rest if rest.starts_with('/') => rest.to_owned(),
            _ => return None,
        };
        if under(ORIGIN_SEGMENT, &rest).is_some() {
            return None;
        }
        if !prefix.is_empty() {
            return Some(format!("{prefix}{rest}"));
        }
        // Mounted at the root, `/` is `url` itself, and the well-known paths are taken.
        match rest.as_str() {
            "" => Some("/".to_owned()),
            "/" => None,
            rest if self.well_known_to_upstream(prefix, rest).is_some() => None,
            _ => Some(rest),
        }
    }

    /// `/.well-known/NAME/github/rest` → `/.well-known/NAME/mcp/rest` (`protocol.md` §6).
    fn well_known_to_upstream(&self, prefix: &str, path: &str) -> Option<String> {
        let (name, place) = split_well_known(path)?;
        if place.is_empty() && self.owns_well_known && !prefix.is_empty() {
            return Some(path.to_owned());
        }
        let rest = if prefix.is_empty() { place } else { under(prefix, place)? };
        Some(format!("{WELL_KNOWN}{name}{}{rest}", self.well_known_place()))
    }

    /// The way back of [`Mount::well_known_to_upstream`].
    fn well_known_to_public(&self, prefix: &str, path: &str) -> Option<String> {
        let (name, place) = split_well_known(path)?;
        if place.is_empty() && self.owns_well_known && !prefix.is_empty() {
            return Some(path.to_owned());
        }
        let rest = place.strip_prefix(self.well_known_place())?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        Some(format!("{WELL_KNOWN}{name}{prefix}{rest}"))
    }

    /// What of `url` is inserted into its well-known paths: no slash at the end, as both RFCs and the SDKs have it.
    fn well_known_place(&self) -> &str {
        self.url.path.strip_suffix('/').unwrap_or(&self.url.path)
    }
}

/// The name and what follows it, of one of the OAuth well-known paths.
fn split_well_known(path: &str) -> Option<(&'static str, &str)> {
    let path = path.strip_prefix(WELL_KNOWN)?;
    WELL_KNOWN_NAMES.iter().find_map(|name| Some((*name, under(name, path)?)))
}

/// What follows the name in a path of the metadata of a protected resource (RFC 9728 §3.1): the path of the resource.
pub(super) fn resource_metadata(path: &str) -> Option<&str> {
    split_well_known(path).filter(|(name, _)| *name == PROTECTED_RESOURCE).map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(path: &str) -> Url {
        Url { tls: true, host: "api.example.com".to_owned(), port: None, path: path.to_owned() }
    }

    fn server(public: Option<&str>, path: &str) -> Server {
        Server { path: public.map(str::to_owned), ..Server::new("github", url(path)) }
    }

    fn mount(public: &str, path: &str) -> Mount {
        Mount::new(&server(Some(public), path))
    }

    fn upstream(mount: &Mount, path: &str) -> Result<String, RouteError> {
        mount.to_upstream(path).map(|upstream| upstream.path_and_query)
    }

    #[test]
    fn a_mount_is_a_prefix_byte_for_byte() {
        let mount = mount("/github", "/mcp");
        for (public, expected) in [
            ("/github", "/mcp"),
            ("/github?x=1&y=%2e%2e/..", "/mcp?x=1&y=%2e%2e/.."),
            ("/github/", "/mcp/"),
            ("/github//a//", "/mcp//a//"),
            ("/github/a%20b%2Fc/%C3%A9?q", "/mcp/a%20b%2Fc/%C3%A9?q"),
            ("/github/.hidden/...", "/mcp/.hidden/..."),
        ] {
            assert_eq!(upstream(&mount, public).as_deref(), Ok(expected));
            assert_eq!(mount.to_public(expected), public);
        }
        for elsewhere in ["/githubx", "/", "/git", "/%67ithub", "*", "", "/github%2Fa"] {
            assert_eq!(upstream(&mount, elsewhere), Err(RouteError::NotFound), "{elsewhere}");
        }
    }

    #[test]
    fn a_url_that_ends_in_a_slash_does_not_double_it() {
        let mount = mount("/github", "/mcp/");
        assert_eq!(upstream(&mount, "/github?x").as_deref(), Ok("/mcp/?x"));
        assert_eq!(upstream(&mount, "/github/").as_deref(), Ok("/mcp/"));
        assert_eq!(upstream(&mount, "/github/a").as_deref(), Ok("/mcp/a"));
        assert_eq!(upstream(&mount, "/github//a").as_deref(), Ok("/mcp//a"));
        assert_eq!(mount.to_public("/mcp/"), "/github");
        assert_eq!(mount.to_public("/mcp"), "/github/_origin/mcp");
        assert_eq!(upstream(&mount, "/github/_origin/mcp").as_deref(), Ok("/mcp"));
    }

    #[test]
    fn a_mount_at_the_root_is_the_url() {
        let mount = mount("/", "/mcp");
        assert_eq!(upstream(&mount, "/?x").as_deref(), Ok("/mcp?x"));
        assert_eq!(upstream(&mount, "/a").as_deref(), Ok("/mcp/a"));
        assert_eq!(
            upstream(&mount, "/.well-known/oauth-protected-resource").as_deref(),
            Ok("/.well-known/oauth-protected-resource/mcp")
        );
        assert_eq!(mount.to_public("/mcp"), "/");
        assert_eq!(mount.to_public("/mcp/"), "/_origin/mcp/");
    }

    #[test]
    fn dot_segments_are_refused_under_a_prefix_in_every_disguise() {
        let mount = mount("/github", "/mcp");
        for dots in [
            "..",
            ".",
            "../admin",
            "a/../../admin",
            "a/..",
            "%2e%2e/admin",
            "%2E./admin",
            ".%2e",
            "..;x=1/admin",
            "..%3bx/admin",
            "a%2f..%2fb",
            "..%2fadmin",
            "..%00/admin",
            "..%3f/admin",
            "..%23",
            "..%5cadmin",
            "..\\admin",
            "%2e%2E%5Cadmin",
            "a/./b",
            "_origin/../x",
        ] {
            let path = format!("/github/{dots}");
            assert_eq!(upstream(&mount, &path), Err(RouteError::DotSegment), "{path}");
        }
        let metadata = "/.well-known/oauth-protected-resource/github/../x";
        assert_eq!(upstream(&mount, metadata), Err(RouteError::DotSegment));
        assert!(upstream(&mount, "/github?../..").is_ok());
    }

    #[test]
    fn without_a_prefix_every_path_passes_unchanged() {
        let mount = Mount::new(&server(None, "/mcp"));
        for path in ["/", "/mcp", "/a/../b", "//x", "*", "/%2e%2e/?q", "/_origin/x"] {
            assert_eq!(upstream(&mount, path).as_deref(), Ok(path));
            assert_eq!(mount.to_public(path), path);
        }
    }

    #[test]
    fn only_what_the_server_named_is_served_outside_its_url() {
        let mount = mount("/github", "/sse");
        assert_eq!(upstream(&mount, "/github/_origin/messages/"), Err(RouteError::NotFound));
        assert_eq!(mount.to_public("/messages/?session_id=1"), "/github/_origin/messages/?session_id=1");
        let place = mount.to_upstream("/github/_origin/messages/?session_id=2").unwrap();
        assert_eq!(place.path_and_query, "/messages/?session_id=2");
        assert_eq!(place.kind, Kind::Origin);
        assert_eq!(upstream(&mount, "/github/_origin/messages/abc").as_deref(), Ok("/messages/abc"));
        assert_eq!(upstream(&mount, "/github/_origin/message"), Err(RouteError::NotFound));
        assert_eq!(upstream(&mount, "/github/_origin"), Err(RouteError::NotFound));
        assert_eq!(upstream(&mount, "/github/_origin/messages/../admin"), Err(RouteError::DotSegment));
        // A path of the server's own that looks like ours is published through it.
        assert_eq!(mount.to_public("/sse/_origin/x"), "/github/_origin/sse/_origin/x");
        assert_eq!(upstream(&mount, "/github/_origin/sse/_origin/x").as_deref(), Ok("/sse/_origin/x"));
    }

    #[test]
    fn oauth_metadata_is_found_in_every_form() {
        let mount = mount("/github", "/mcp");
        for name in WELL_KNOWN_NAMES {
            let place = mount.to_upstream(&format!("/.well-known/{name}/github/a?q")).unwrap();
            assert_eq!(place.path_and_query, format!("/.well-known/{name}/mcp/a?q"));
            assert_eq!(place.kind, Kind::WellKnown);
            assert_eq!(mount.to_public(&place.path_and_query), format!("/.well-known/{name}/github/a?q"));
            assert_eq!(
                upstream(&mount, &format!("/github/.well-known/{name}")),
                Ok(format!("/mcp/.well-known/{name}"))
            );
            assert_eq!(upstream(&mount, &format!("/.well-known/{name}/githubx")), Err(RouteError::NotFound));
            assert_eq!(upstream(&mount, &format!("/.well-known/{name}")), Err(RouteError::NotFound));
        }
        assert_eq!(upstream(&mount, "/.well-known/other/github"), Err(RouteError::NotFound));
    }

    fn routed(mounts: &Mounts, host: &str, path: &str) -> Result<(usize, String), RouteError> {
        let routed = mounts.route(Some(host), path)?;
        Ok((routed.server, routed.upstream.path_and_query))
    }

    #[test]
    fn the_root_forms_of_oauth_metadata_belong_to_the_only_server() {
        let one = Config { servers: vec![server(Some("/github"), "/mcp")], ..Config::default() };
        let path = "/.well-known/oauth-authorization-server";
        assert_eq!(routed(&Mounts::new(&one), "h", path), Ok((0, path.to_owned())));
        let two =
            Config { servers: vec![server(Some("/a"), "/"), server(Some("/b"), "/")], ..Config::default() };
        assert_eq!(routed(&Mounts::new(&two), "h", path), Err(RouteError::NotFound));
    }

    #[test]
    fn a_host_that_matches_wins_then_the_longest_path() {
        let on = |host: &str, server: Server| Server { host: Some(host.to_owned()), ..server };
        let config = Config {
            servers: vec![
                server(None, "/all"),
                server(Some("/a"), "/short"),
                server(Some("/a/b"), "/long"),
                on("One.example", server(None, "/host")),
                on("two.example:8443", server(Some("/a"), "/both")),
            ],
            ..Config::default()
        };
        let mounts = Mounts::new(&config);
        let at = |host: &str, path: &str| routed(&mounts, host, path).unwrap();
        assert_eq!(at("x", "/a/c"), (1, "/short/c".to_owned()));
        assert_eq!(at("x", "/a/b/c"), (2, "/long/c".to_owned()));
        assert_eq!(at("x", "/ab"), (0, "/ab".to_owned()));
        assert_eq!(at("ONE.example.:99", "/a"), (3, "/a".to_owned()));
        assert_eq!(at("two.example:8443", "/a"), (4, "/both".to_owned()));
        assert_eq!(at("two.example:1", "/a"), (1, "/short".to_owned()));
        assert_eq!(at("two.example:8443", "/b"), (0, "/b".to_owned()));
        assert_eq!(mounts.route(None, "/a/b").unwrap().server, 2);
        assert_eq!(routed(&mounts, "x", "/a/_origin/x"), Err(RouteError::NotFound));
        assert_eq!(mounts.server(4).unwrap().prefix(), Some("/a"));
    }

    #[test]
    fn a_reload_keeps_the_names_of_servers_that_stay() {
        let config = Config { servers: vec![server(Some("/github"), "/sse")], ..Config::default() };
        let before = Mounts::new(&config);
        let public = before.server(0).unwrap().to_public("/messages/1");
        assert!(routed(&Mounts::reloaded(&config, &before), "h", &public).is_ok());
        assert_eq!(routed(&Mounts::new(&config), "h", &public), Err(RouteError::NotFound));
    }

    fn one_of(of: &[&str]) -> impl Strategy<Value = String> + use<> {
        let of: Vec<String> = of.iter().map(|text| (*text).to_owned()).collect();
        prop::sample::select(of)
    }

    /// A path of segments that meet each other often.
    fn some_path() -> impl Strategy<Value = String> {
        let segment = one_of(&["a", "b", "ab", "", "_origin", "..", "é", "x%2Fy"]);
        let tail = one_of(&["", "", "/", "?q", "?/a/b", "/?.."]);
        let start = one_of(&[
            "",
            "",
            "",
            "/.well-known/oauth-protected-resource",
            "/.well-known/openid-configuration",
            "/.well-known/other",
            "*",
        ]);
        (start, prop::collection::vec(segment, 0..5), tail).prop_map(|(start, segments, tail)| {
            let segments = segments.iter().fold(String::new(), |path, segment| path + "/" + segment);
            format!("{start}{segments}{tail}")
        })
    }

    fn some_server() -> impl Strategy<Value = Server> {
        let prefix = prop::collection::vec(one_of(&["a", "b", "ab", "é"]), 0..4)
            .prop_map(|segments| format!("/{}", segments.join("/")));
        let host = one_of(&["One.example", "one.example:80", "one.example.", "two.example:8443", "[::1]:1"]);
        (prop::option::of(prefix), prop::option::of(host), one_of(&["/", "/mcp", "/mcp/", "/.well-known"]))
            .prop_map(|(prefix, host, path)| Server { host, ..server(prefix.as_deref(), &path) })
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_walk_finds(
            servers in prop::collection::vec(some_server(), 1..24),
            requests in prop::collection::vec(
                (
                    prop::option::of(one_of(&[
                        "one.example", "ONE.example.", "one.example:80", "one.example.:8443", "two.example",
                        "two.example:8443", "two.EXAMPLE:8443", "[::1]", "[::1]:1", "", ":", "h:x",
                    ])),
                    some_path(),
                ),
                1..24,
            ),
        ) {
            let several = servers.len() > 1;
            let mounts = Mounts::new(&Config { servers, ..Config::default() });
            let described = mounts.entries.iter().map(|entry| (entry.host.as_deref(), entry.mount.prefix()));
            let index = Index::new(described);
            for (host, path) in requests.iter().filter(|_| several) {
                let told = |(entry, place): (&Entry, _)| (entry.server, place);
                let walked = mounts.first_of_few(host.as_deref(), path).map(told);
                let looked_up = mounts.looked_up(&index, host.as_deref(), path).map(told);
                prop_assert_eq!(looked_up, walked, "{:?} {}", host, path);
            }
        }
    }

    #[test]
    fn each_of_many_servers_is_found_by_its_place_in_the_configuration() {
        let servers: Vec<Server> =
            (0..1000).map(|number| server(Some(&format!("/{number}")), &format!("/mcp{number}"))).collect();
        let mounts = Mounts::new(&Config { servers, ..Config::default() });
        for number in 0..1000 {
            assert_eq!(mounts.server(number).unwrap().prefix(), Some(format!("/{number}").as_str()));
            let path = format!("/{number}/x");
            assert_eq!(routed(&mounts, "h", &path), Ok((number, format!("/mcp{number}/x"))));
        }
        assert!(mounts.server(1000).is_none());
    }
}
