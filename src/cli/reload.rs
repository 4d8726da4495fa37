//! Reading the configuration again while the proxy runs: on SIGHUP, and when its file changes.
//!
//! # Why the file is looked at again and again
//!
//! What tells of changes differs between systems and file systems, and misses what Kubernetes does: a file there changes
//! because a link above it does. To read a small file every two seconds costs nothing and sees all of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::admin::Shown;
use crate::config::{Config, Error, Reloaded, Server};
use crate::export::Prometheus;
use crate::observe::Observer;
use crate::probe::Watch;
use crate::wire::Router;

/// How often the file is looked at. It is read again once it stayed as it is for as long: whoever writes it in two
/// pieces has not finished after the first.
const EVERY: Duration = Duration::from_secs(2);

/// How a configuration is read: the same way again each time.
pub type Read = Box<dyn Fn() -> Result<Config, Error> + Send + Sync>;

/// Where the running configuration came from.
pub struct Source {
    /// Reads it.
    pub read: Read,
    /// The file that says it, where one does.
    pub file: Option<PathBuf>,
}

/// Puts another configuration in place of the running one.
pub struct Reloader {
    source: Source,
    /// Held while one is put in place, so that each is compared with the one before it.
    running: Mutex<Config>,
    watched: Mutex<Watched>,
    router: Router,
    shown: Shown,
    observer: Observer,
    watch: Watch,
    prometheus: Arc<Prometheus>,
}

/// What a reload changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Names of servers that are new.
    pub added: Vec<String>,
    /// Names of servers that are reached or guarded in another way than before.
    pub changed: Vec<String>,
    /// Names of servers that are gone.
    pub removed: Vec<String>,
    /// Other tables, or keys as `table.key`, that hold from now on.
    pub taken: Vec<&'static str>,
    /// Tables, or keys as `table.key`, that differ and wait for a restart.
    pub waiting: Vec<&'static str>,
}

impl Reloader {
    /// For a proxy that runs by `config`.
    pub fn new(
        source: Source,
        config: Config,
        router: Router,
        shown: Shown,
        observer: Observer,
        watch: Watch,
        prometheus: Arc<Prometheus>,
    ) -> Self {
        let watched = Mutex::new(Watched::new(source.content()));
        Self { source, running: Mutex::new(config), watched, router, shown, observer, watch, prometheus }
    }

    /// The configuration that the proxy runs by, with the servers that reloads removed.
    pub fn running(&self) -> Config {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the configuration and puts it in place, all of it or, where it has a mistake, nothing: then the running one
    /// goes on, and the mistake is told. Reads files: not to be called where traffic passes.
    pub fn reload(&self) -> Result<Changes, String> {
        let changes = self.try_reload().map_err(|error| why(&error));
        self.prometheus.reloaded(changes.is_ok());
        match &changes {
            Ok(changes) => changes.tell(),
            Err(error) => tracing::error!(
                event = "reload_failed",
                error,
                "the configuration cannot be read again; the running one goes on"
            ),
        }
        changes
    }

    fn try_reload(&self) -> anyhow::Result<Changes> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Before it is read: what changes meanwhile is seen.
        self.watched().read = self.source.content();
        let Reloaded { config, waiting } = (self.source.read)()?.after(&running);
        let routes = self.router.prepare(&config)?;
        for warning in &config.warnings {
            tracing::warn!(event = "configuration", "{warning}");
        }
        let changes = Changes { waiting, ..Changes::between(&running, &config) };
        if !changes.is_nothing() {
            // In this order: a request that takes a new route finds everybody ready to be told of it.
            self.observer.reload(&config);
            routes.take();
            self.watch.reload(&config);
        }
        self.shown.follow(&config);
        *running = config;
        Ok(changes)
    }

    /// Reloads whenever the file says something else than before. Never ends.
    pub async fn watch(self: Arc<Self>) {
        if self.source.file.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(EVERY).await;
            let reloader = Arc::clone(&self);
            let look = move || {
                let content = reloader.source.content();
                let is_new = reloader.watched().look(content);
                // What went wrong has been told.
                is_new && reloader.reload().is_ok()
            };
            let _ = tokio::task::spawn_blocking(look).await;
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reloads on a thread that carries no traffic.
    pub async fn reload_elsewhere(self: &Arc<Self>) {
        let reloader = Arc::clone(self);
        // What went wrong has been told.
        let _ = tokio::task::spawn_blocking(move || reloader.reload().is_ok()).await;
    }
}

/// What is told of a mistake.
fn why(error: &anyhow::Error) -> String {
    error.downcast_ref::<Error>().map_or_else(|| format!("{error:#}"), Error::without_line)
}

impl Source {
    /// What the file says; `None` where it cannot be read, as while it is being replaced.
    fn content(&self) -> Option<Vec<u8>> {
        std::fs::read(self.file.as_ref()?).ok()
    }
}

/// A file that is looked at again and again.
struct Watched {
    /// What it said when a configuration was made of it.
    read: Option<Vec<u8>>,
    /// What it said at the last look.
    seen: Option<Vec<u8>>,
}

impl Watched {
    fn new(content: Option<Vec<u8>>) -> Self {
        Self { read: content.clone(), seen: content }
    }

    /// Whether it is to be read again.
    fn look(&mut self, content: Option<Vec<u8>>) -> bool {
        let is_settled = content.is_some() && content == self.seen;
        let is_new = is_settled && content != self.read;
        self.seen = content;
        is_new
    }
}

impl Changes {
    fn between(before: &Config, after: &Config) -> Self {
        let servers =
            |config: &Config| -> Vec<Server> { config.running().map(|(_, server)| server.clone()).collect() };
        let (old, new) = (servers(before), servers(after));
        let names = |servers: &[Server]| -> BTreeSet<String> {
            servers.iter().map(|server| server.name.clone()).collect()
        };
        let (old_names, new_names) = (names(&old), names(&new));
        let is_other = |server: &&Server| old_names.contains(&server.name) && !old.contains(server);
        let taken = [
            ("proxy.public_url", before.proxy.public_url != after.proxy.public_url),
            ("proxy.allowed_hosts", before.proxy.allowed_hosts != after.proxy.allowed_hosts),
            ("proxy.allowed_origins", before.proxy.allowed_origins != after.proxy.allowed_origins),
            ("proxy.trusted_networks", before.proxy.trusted_networks != after.proxy.trusted_networks),
            ("rewrite", before.rewrite != after.rewrite),
            ("identity", before.identity != after.identity),
            ("price", before.prices != after.prices),
        ];
        Self {
            added: new_names.difference(&old_names).cloned().collect(),
            changed: new.iter().filter(is_other).map(|server| server.name.clone()).collect(),
            removed: old_names.difference(&new_names).cloned().collect(),
            taken: taken.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect(),
            waiting: Vec::new(),
        }
    }

    /// As `POST /api/reload` answers.
    pub fn told(&self) -> serde_json::Value {
        let Self { added, changed, removed, taken, waiting } = self;
        serde_json::json!({
            "servers": { "added": added, "changed": changed, "removed": removed },
            "changed": taken,
            "waiting_for_restart": waiting,
        })
    }

    /// Whether nothing holds from now on that did not before.
    pub fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty() && self.taken.is_empty()
    }

    fn tell(&self) {
        let message =
            if self.is_nothing() { "nothing has changed" } else { "the configuration was read again" };
        let list = |names: &[String]| (!names.is_empty()).then(|| names.join(", "));
        let taken = (!self.taken.is_empty()).then(|| self.taken.join(", "));
        tracing::info!(
            event = "reloaded",
            added = list(&self.added),
            changed = list(&self.changed),
            removed = list(&self.removed),
            taken,
            "{message}"
        );
        if !self.waiting.is_empty() {
            tracing::warn!(
                event = "restart_needed",
                keys = self.waiting.join(", "),
                "some of what has changed waits for a restart"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_once_it_is_another_and_stays_so() {
        let content = |text: &str| Some(text.as_bytes().to_vec());
        let mut watched = Watched::new(content("a"));
        assert!(!watched.look(content("a")));
        // It is being written.
        assert!(!watched.look(content("b")));
        assert!(!watched.look(content("bc")));
        assert!(watched.look(content("bc")));
        watched.read = content("bc");
        assert!(!watched.look(content("bc")));
        // It is being replaced.
        assert!(!watched.look(None));
        assert!(!watched.look(None));
        assert!(!watched.look(content("bc")));
        assert!(!watched.look(content("bc")));
        assert!(!watched.look(content("a")));
        assert!(watched.look(content("a")));
    }
}
