//! A configuration that takes the place of a running one.
//!
//! # Why positions stay
//!
//! Everything that is counted knows a server by its position in [`Config::servers`], also what goes on while the
//! configuration changes. So a server keeps its position for the life of the process: one that is gone leaves its own
//! empty, one that is new stands behind all others, one that comes back takes its own again. One that moved to another
//! `path` is another one: its series say where it was.

use super::{Config, Server};

/// A configuration to go on with.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// What holds from now on: the new file's, as far as a running process can take it.
    pub config: Config,
    /// What the file says otherwise and only a restart changes: tables, or keys as `table.key`.
    pub waiting: Vec<&'static str>,
}

impl Config {
    /// The servers that there are, with their positions.
    pub fn running(&self) -> impl Iterator<Item = (usize, &Server)> {
        self.servers.iter().enumerate().filter(|(_, server)| !server.removed)
    }

    /// This configuration, read while `previous` is running, in its place.
    #[must_use]
    pub fn after(mut self, previous: &Self) -> Reloaded {
        let mut servers: Vec<Server> = previous.servers.clone();
        for server in &mut servers {
            server.removed = true;
        }
        for server in std::mem::take(&mut self.servers) {
            match servers.iter_mut().find(|known| known.name == server.name && known.path == server.path) {
                Some(known) => *known = server,
                None => servers.push(server),
            }
        }
        self.servers = servers;
        let waiting = self.put_back(previous);
        self.from_environment.add(&previous.from_environment);
        Reloaded { config: self, waiting }
    }

    /// Puts back what only a restart changes; says what differed.
    fn put_back(&mut self, previous: &Self) -> Vec<&'static str> {
        let mut waiting = Vec::new();
        let mut keep = |name, differs: bool| {
            if differs {
                waiting.push(name);
            }
        };
        keep("proxy.listen", self.proxy.listen != previous.proxy.listen);
        keep("proxy.tls", self.proxy.tls != previous.proxy.tls);
        keep("proxy.shutdown_grace", self.proxy.shutdown_grace != previous.proxy.shutdown_grace);
        keep("proxy.workers", self.proxy.workers != previous.proxy.workers);
        keep("admin", self.admin != previous.admin);
        keep("limits", self.limits != previous.limits);
        keep("metrics", self.metrics != previous.metrics);
        keep("tracing", self.tracing != previous.tracing);
        keep("logs", self.logs != previous.logs);
        keep("tokens", self.tokens != previous.tokens);
        keep("drift", self.drift != previous.drift);
        keep("metric", self.rules != previous.rules);
        self.proxy.listen.clone_from(&previous.proxy.listen);
        self.proxy.tls.clone_from(&previous.proxy.tls);
        self.proxy.shutdown_grace = previous.proxy.shutdown_grace;
        self.proxy.workers = previous.proxy.workers;
        self.admin = previous.admin.clone();
        self.limits = previous.limits.clone();
        self.metrics = previous.metrics.clone();
        self.tracing = previous.tracing.clone();
        self.logs = previous.logs.clone();
        self.tokens = previous.tokens;
        self.drift = previous.drift.clone();
        self.rules.clone_from(&previous.rules);
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(servers: &[(&str, &str)]) -> Config {
        let server = |(name, host): &(&str, &str)| {
            let url =
                super::super::Url { tls: false, host: (*host).to_owned(), port: None, path: "/".to_owned() };
            Server::new(*name, url)
        };
        Config { servers: servers.iter().map(server).collect(), ..Config::default() }
    }

    fn names(config: &Config) -> Vec<(usize, &str)> {
        config.running().map(|(position, server)| (position, &*server.name)).collect()
    }

    #[test]
    fn a_server_keeps_its_position_for_ever() {
        let first = config(&[("a", "x"), ("b", "x")]);
        let second = config(&[("c", "x"), ("b", "y")]).after(&first).config;
        assert_eq!(names(&second), [(1, "b"), (2, "c")]);
        assert_eq!(second.servers[1].url.host, "y");
        let third = config(&[("b", "y"), ("a", "z")]).after(&second).config;
        assert_eq!(names(&third), [(0, "a"), (1, "b")]);
        assert_eq!(third.servers[0].url.host, "z");
    }

    #[test]
    fn what_only_a_restart_changes_stays_and_is_named() {
        let first = config(&[("a", "x")]);
        let mut file = config(&[("a", "x")]);
        file.limits.max_sessions = 7;
        file.proxy.workers = 3;
        file.rewrite.location = false;
        file.proxy.allowed_hosts = Some(vec!["h".to_owned()]);
        let Reloaded { config, waiting } = file.after(&first);
        assert_eq!(waiting, ["proxy.workers", "limits"]);
        assert_eq!((config.limits, config.proxy.workers), (first.limits.clone(), first.proxy.workers));
        assert!(!config.rewrite.location);
        assert_eq!(config.proxy.allowed_hosts, Some(vec!["h".to_owned()]));
        assert!(first.clone().after(&first).waiting.is_empty());
    }
}
