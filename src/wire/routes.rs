//! What a reload replaces: where requests go, and what is done with them on the way.
//!
//! # Why
//!
//! An exchange takes the routes once, when its head is read, and keeps them: no request sees half of a reload, and what is
//! under way goes on as it began. A server whose block did not change keeps its connections, its circuit, the places of
//! its bulkhead and the keys of its issuer.

use std::net::IpAddr;
use std::sync::Arc;

use super::upstream::Upstream;
use super::{BindError, error, workers};
use crate::config::{self, Config, Server};
use crate::guard::auth::Authenticator;
use crate::guard::host::HostGuard;
use crate::guard::server::ServerGuard;
use crate::observe::Observer;
use crate::rewrite::forwarded::is_trusted;
use crate::rewrite::mount::Mounts;

/// Where requests go, by one configuration.
pub(super) struct Routes {
    pub(super) rewrite: config::Rewrite,
    pub(super) public_url: Option<config::Url>,
    pub(super) hosts: HostGuard,
    pub(super) mounts: Mounts,
    trusted: Vec<config::Network>,
    /// By their positions in the configuration.
    servers: Vec<Behind>,
}

/// A server, as its block had it.
struct Behind {
    settings: Server,
    /// `None` where a reload removed it.
    reached: Option<Reached>,
}

/// What leads to a server. Outlives the routes that it was made for.
#[derive(Clone)]
struct Reached {
    upstream: Arc<Upstream>,
    guard: Option<Arc<ServerGuard>>,
    authenticator: Option<Arc<Authenticator>>,
}

impl Routes {
    /// The routes of `config`; what leads to a server that `previous` had, too, is taken from there.
    pub(super) fn new(
        config: &Config,
        observer: &Observer,
        previous: Option<&Self>,
    ) -> Result<Self, BindError> {
        let workers = workers::number(config.proxy.workers);
        let reach = |(index, server): (usize, &Server)| {
            let kept = previous.and_then(|routes| routes.servers.get(index)?.unchanged(server));
            let reached = match kept {
                _ if server.removed => None,
                Some(kept) => Some(kept),
                None => Some(Reached {
                    upstream: Arc::new(Upstream::new(index, server, &config.limits, observer, workers)?),
                    guard: ServerGuard::new(index, server, &config.limits, observer).map(Arc::new),
                    authenticator: server
                        .auth
                        .as_ref()
                        .map(|auth| Arc::new(Authenticator::new(&server.name, auth, observer))),
                }),
            };
            Ok(Behind { settings: server.clone(), reached })
        };
        Ok(Self {
            servers: config.servers.iter().enumerate().map(reach).collect::<Result<_, _>>()?,
            rewrite: config.rewrite,
            public_url: config.proxy.public_url.clone(),
            hosts: HostGuard::new(config),
            mounts: match previous {
                Some(previous) => Mounts::reloaded(config, &previous.mounts),
                None => Mounts::new(config),
            },
            trusted: config.proxy.trusted_networks.clone(),
        })
    }

    /// Retires what stands before servers in `previous` and no longer does here.
    pub(super) fn retire(&self, previous: &Self) {
        let guard = |behind: &Behind| behind.reached.as_ref().and_then(|reached| reached.guard.clone());
        for (index, behind) in previous.servers.iter().enumerate() {
            let Some(old) = guard(behind) else { continue };
            let new = self.servers.get(index).and_then(guard);
            if new.is_none_or(|new| !Arc::ptr_eq(&new, &old)) {
                old.retire();
            }
        }
    }

    /// The server at this position; the route has found it.
    pub(super) fn upstream(&self, index: usize) -> Result<&Upstream, error::Error> {
        let reached = self.servers.get(index).and_then(|server| server.reached.as_ref());
        reached.map(|reached| &*reached.upstream).ok_or(error::Error::NoRoute)
    }

    /// Every server that is there.
    pub(super) fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        self.servers.iter().filter_map(|server| Some(&*server.reached.as_ref()?.upstream))
    }

    /// What stands before the server at this position; `None` where nothing does.
    pub(super) fn guard(&self, index: usize) -> Option<&ServerGuard> {
        self.servers.get(index)?.reached.as_ref()?.guard.as_deref()
    }

    /// Who judges the tokens for the server at this position; `None` where the server does.
    pub(super) fn authenticator(&self, index: usize) -> Option<&Authenticator> {
        self.servers.get(index)?.reached.as_ref()?.authenticator.as_deref()
    }

    /// Whether challenges and metadata of the server at this position name this proxy.
    pub(super) fn rewrites_oauth(&self, index: usize) -> bool {
        self.servers.get(index).is_some_and(|server| server.settings.rewrite_oauth)
    }

    /// Whether what a client at this address says of those before it is believed.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        is_trusted(&self.trusted, address)
    }

    /// The networks whose word is believed.
    pub(super) fn trusted(&self) -> &[config::Network] {
        &self.trusted
    }
}

impl Behind {
    /// What leads there, where the server's block says the same as before; what it promises is no matter of the way.
    fn unchanged(&self, server: &Server) -> Option<Reached> {
        let promised = Server { slo: server.slo, ..self.settings.clone() };
        self.reached.clone().filter(|_| promised == *server)
    }
}
