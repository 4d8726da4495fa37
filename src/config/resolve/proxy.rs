//! `[proxy]`.

use std::net::SocketAddr;
use std::path::Path;

use toml::Spanned;

use super::{files, wait};
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Count, OneOrMany, Optional, Value};
use crate::config::rules::Spans;
use crate::config::{ListenerTls, Proxy};

/// More threads than any machine has cores for.
const MOST_WORKERS: usize = 1024;

pub(super) fn resolve(raw: raw::Proxy, base: &Path, spans: &mut Spans) -> Result<Proxy, Mistake> {
    let default = Proxy::default();
    Ok(Proxy {
        listen: match raw.listen {
            Some(listen) => addresses(listen, spans)?,
            None => default.listen,
        },
        public_url: raw.public_url.map(|url| url.into_inner().0),
        tls: raw.tls.map(|tls| listener_tls(tls, base)).transpose()?,
        allowed_hosts: raw.allowed_hosts.map(|hosts| each(hosts, |host| host.0)),
        allowed_origins: raw.allowed_origins.map(|origins| each(origins, |origin| origin.0)),
        trusted_networks: raw.trusted_networks.map_or(default.trusted_networks, |all| each(all, |one| one)),
        workers: workers(raw.workers, default.workers)?,
        shutdown_grace: wait(raw.shutdown_grace, Some(default.shutdown_grace)).unwrap_or_default(),
    })
}

fn each<T, U>(values: Vec<Value<T>>, inner: impl Fn(T) -> U) -> Vec<U> {
    values.into_iter().map(|value| inner(value.0)).collect()
}

fn addresses(listen: Spanned<OneOrMany<SocketAddr>>, spans: &mut Spans) -> Result<Vec<SocketAddr>, Mistake> {
    let whole = listen.span();
    let addresses = OneOrMany::each(listen);
    if addresses.is_empty() {
        let hint = "write at least one address: [\"127.0.0.1:8080\"]";
        return Err(Fault::new("nothing to listen on", hint).at(whole));
    }
    spans.listen = addresses.iter().map(Spanned::span).collect();
    Ok(addresses.into_iter().map(Spanned::into_inner).collect())
}

fn workers(raw: Optional<Count>, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    match raw.get_ref().0.0.unwrap_or(0) {
        workers if workers <= MOST_WORKERS => Ok(workers),
        _ => Err(Fault::new(
            format!("expected at most {MOST_WORKERS} worker threads"),
            "0 starts one per core, which is rarely wrong",
        )
        .at(raw.span())),
    }
}

/// The files of a listener.
pub(super) fn listener_tls(tls: Spanned<raw::Tls>, base: &Path) -> Result<ListenerTls, Mistake> {
    let span = tls.span();
    let raw::Tls { cert, key, client_ca } = tls.into_inner();
    let (cert, key) = match (cert, key) {
        (Some(cert), Some(key)) => (cert, key),
        (cert, _) => {
            let missing = if cert.is_some() { "key" } else { "cert" };
            let hint = "write tls = { cert = \"cert.pem\", key = \"key.pem\" }";
            return Err(Fault::new(format!("`tls` without `{missing}`"), hint).at(span));
        }
    };
    Ok(ListenerTls {
        cert: files::certificates(&cert, base)?,
        key: files::private_key(&key, base)?,
        client_ca: client_ca.map(|ca| files::certificates(&ca, base)).transpose()?,
    })
}
