//! What the command line says in place of a file, or over it.

use std::net::SocketAddr;

use super::error::{Error, Fault};
use super::raw::{MountPath, ServerName, Written};
use super::rules::{self, Spans};
use super::{Config, LogFormat, Server, Url, read};

/// Values that win over those of the file: flags and `SIGHTGLASS_*` variables. `None` and empty lists say nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--listen`, in place of `proxy.listen`.
    pub listen: Vec<SocketAddr>,
    /// `--admin`, in place of `admin.listen`.
    pub admin: Option<SocketAddr>,
    /// `--log-format`, in place of `logs.format`.
    pub log_format: Option<LogFormat>,
    /// `--upstream`, in place of all `[[server]]` blocks.
    pub upstreams: Vec<Server>,
}

impl Overrides {
    /// Puts these values in place of those of `config`, which then have no place in a file.
    pub(super) fn apply(self, config: &mut Config, spans: &mut Spans) {
        if !self.listen.is_empty() {
            config.proxy.listen = self.listen;
            config.from_environment.forget(&["proxy", "listen"]);
            spans.listen.clear();
        }
        if let Some(admin) = self.admin {
            config.admin.listen = admin;
            config.from_environment.forget(&["admin", "listen"]);
            spans.admin = None;
        }
        if let Some(format) = self.log_format {
            config.logs.format = format;
            config.from_environment.forget(&["logs", "format"]);
        }
        if !self.upstreams.is_empty() {
            config.servers = self.upstreams;
            spans.servers.clear();
        }
    }
}

/// The servers that `[NAME=]URL` options name: one bare URL gets every path; `NAME=URL` is mounted at `/NAME`.
pub(super) fn servers(upstreams: &[String]) -> Result<Vec<Server>, Error> {
    let servers: Vec<Server> = upstreams.iter().map(|text| server(text)).collect::<Result<_, _>>()?;
    if servers.len() > 1 && servers.iter().any(|server| server.path.is_none()) {
        let fault = Fault::new(
            "several servers, and one of them without a name",
            "name each: --upstream github=http://127.0.0.1:3001/mcp --upstream search=http://127.0.0.1:3002/mcp",
        );
        return Err(Error::whole(OPTION, fault));
    }
    Ok(servers)
}

const OPTION: &str = "--upstream";

fn server(text: &str) -> Result<Server, Error> {
    match text.split_once('=').filter(|(name, _)| !name.contains([':', '/'])) {
        Some((name, url)) => {
            named(name, url).map_err(|fault| Error::whole(format!("{OPTION} {name}"), fault))
        }
        None => bare(text).map_err(|fault| Error::whole(OPTION, fault)),
    }
}

fn named(name: &str, url: &str) -> Result<Server, Fault> {
    let ServerName(name) = ServerName::from_text(name)?;
    let MountPath(path) = MountPath::from_text(&format!("/{name}"))?;
    Ok(Server { path: Some(path), ..Server::new(name, Url::from_text(url)?) })
}

fn bare(url: &str) -> Result<Server, Fault> {
    let url = Url::from_text(url)?;
    let name = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Server::new(name, url))
}

impl Config {
    /// The default configuration with the servers of `--upstream [NAME=]URL` options. With one URL every path passes
    /// unchanged to its origin and the server is named after its host; `NAME=URL` mounts it at `/NAME`.
    pub fn from_upstreams(upstreams: &[String]) -> Result<Self, Error> {
        let overrides = Overrides { upstreams: servers(upstreams)?, ..Overrides::default() };
        Self::from_overrides(overrides, &|_| None)
    }

    /// The default configuration with these values in place, and what the `OTEL_*` variables that `env` looks up say.
    pub fn from_overrides(overrides: Overrides, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut config = read::nothing(env)?;
        overrides.apply(&mut config, &mut Spans::default());
        config.validate()?;
        Ok(config)
    }

    /// The rules that concern several tables: listeners apart from each other, at least one server, names and mounts
    /// of servers distinct. [`load`](super::load) and [`parse`](super::parse) have checked them already.
    pub fn validate(&self) -> Result<(), Error> {
        rules::check(self, &Spans::default()).map_err(|mistake| Error::whole("", mistake.fault))
    }
}
