//! The servers by their positions, for those who tell of them by name; a reload adds some.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Config, Url};

/// What a destination knows of the servers; clones know the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Servers(Arc<ArcSwap<Vec<Arc<Server>>>>);

/// What is told of a server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) url: Url,
}

impl Servers {
    pub(super) fn of(config: &Config) -> Self {
        let servers = Self::default();
        servers.reload(config);
        servers
    }

    /// From now on they are those of `config`.
    pub(super) fn reload(&self, config: &Config) {
        let server = |server: &crate::config::Server| {
            Arc::new(Server { name: server.name.clone(), url: server.url.clone() })
        };
        self.0.store(Arc::new(config.servers.iter().map(server).collect()));
    }

    /// The server at this position.
    pub(super) fn get(&self, position: usize) -> Option<Arc<Server>> {
        self.0.load().get(position).cloned()
    }
}
