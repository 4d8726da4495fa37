//! The name a client dialled, and what follows from it: the same for all requests of most connections, so it is found
//! out once.

use std::sync::{Arc, Weak};

use http::{HeaderValue, header, request};

use super::head;
use super::link::Link;
use super::routes::Routes;
use crate::observe::Refusal;
use crate::rewrite::forwarded::{self, Said};

/// The name a client dialled.
pub(super) struct Dialled {
    /// `:authority`, an absolute target, or `Host`.
    pub(super) host: Option<String>,
    /// Whether it is answered for here.
    pub(super) checked: Result<(), Refusal>,
    /// What the server is told of a client that is not trusted.
    pub(super) said: Said,
    /// The client's address is in `proxy.trusted_networks`.
    pub(super) trusted: bool,
    /// The only line of `Host`, where that is all it follows from.
    line: Option<HeaderValue>,
    /// What it was judged by.
    routes: Weak<Routes>,
}

impl Dialled {
    /// What the request on `link` names.
    pub(super) fn of(routes: &Arc<Routes>, link: &Link, head: &request::Parts) -> Arc<Self> {
        let named = only_line(head);
        let is_same = |last: &Arc<Self>| {
            last.line.as_ref() == named && std::ptr::eq(last.routes.as_ptr(), Arc::as_ptr(routes))
        };
        if named.is_some()
            && let Some(last) = link.dialled().filter(is_same)
        {
            return last;
        }
        let host = head::host(head).map(str::to_owned);
        let dialled = Arc::new(Self {
            checked: routes.hosts.check_hosts(head::hosts(head)),
            said: Said::of(link.peer.ip(), link.tls, host.as_deref()),
            trusted: routes.trusts(link.peer.ip()),
            // A copy: the line is a part of all that was read with it.
            line: named.and_then(|line| HeaderValue::from_bytes(line.as_bytes()).ok()),
            host,
            routes: Arc::downgrade(routes),
        });
        link.remember(&dialled);
        dialled
    }

    /// Who asked, with this name.
    pub(super) fn client(&self, link: &Link, version: http::Version) -> forwarded::Client {
        let (address, host) = (link.peer.ip(), self.host.clone());
        forwarded::Client { address, tls: link.tls, version, trusted: self.trusted, host }
    }
}

fn only_line(head: &request::Parts) -> Option<&HeaderValue> {
    let mut lines = head.headers.get_all(header::HOST).into_iter();
    lines.next().filter(|_| head.uri.authority().is_none() && lines.next().is_none())
}
