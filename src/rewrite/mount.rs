//! Placeholder.
#![expect(missing_docs, reason = "a placeholder")]
use std::sync::Arc;

use crate::config::{self, Config};

#[derive(Debug)]
pub struct Mount {
    path: Option<String>,
    host: Option<String>,
    url_path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mount,
    Origin,
    WellKnown,
}

#[derive(Debug)]
pub struct Upstream {
    pub path_and_query: String,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteError {
    NotFound,
    DotSegment,
}

impl Mount {
    pub fn new(server: &config::Server, _public_url: Option<&config::Url>) -> Self {
        Self { path: server.path.clone(), host: server.host.clone(), url_path: server.url.path.clone() }
    }

    pub fn matches(&self, host: Option<&str>, path: &str) -> Option<usize> {
        if let Some(own) = &self.host
            && host.map(|host| host.split(':').next().unwrap_or(host)) != Some(own)
        {
            return None;
        }
        let Some(prefix) = &self.path else { return Some(0) };
        let rest = path.strip_prefix(prefix.as_str())?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(prefix.len())
    }

    pub fn to_upstream(&self, path_and_query: &str) -> Result<Upstream, RouteError> {
        let Some(prefix) = &self.path else {
            return Ok(Upstream { path_and_query: path_and_query.to_owned(), kind: Kind::Mount });
        };
        let rest = path_and_query.strip_prefix(prefix.as_str()).ok_or(RouteError::NotFound)?;
        if rest.contains("/../") {
            return Err(RouteError::DotSegment);
        }
        let path = if rest.starts_with('/') { self.url_path.trim_end_matches('/') } else { &self.url_path };
        Ok(Upstream { path_and_query: format!("{path}{rest}"), kind: Kind::Mount })
    }
}

pub struct Mounts(Vec<Arc<Mount>>);

pub struct Routed {
    pub server: usize,
    pub mount: Arc<Mount>,
    pub upstream: Upstream,
}

impl Mounts {
    pub fn new(config: &Config) -> Self {
        let mount = |server| Arc::new(Mount::new(server, config.proxy.public_url.as_ref()));
        Self(config.servers.iter().map(mount).collect())
    }

    pub fn route(&self, host: Option<&str>, path_and_query: &str) -> Result<Routed, RouteError> {
        let path = path_and_query.split('?').next().unwrap_or(path_and_query);
        let matching = |(server, mount): (usize, &Arc<Mount>)| Some((mount.matches(host, path)?, server));
        let best = self.0.iter().enumerate().filter_map(matching).max().ok_or(RouteError::NotFound)?;
        let mount = self.0.get(best.1).cloned().ok_or(RouteError::NotFound)?;
        let upstream = mount.to_upstream(path_and_query)?;
        Ok(Routed { server: best.1, mount, upstream })
    }
}
