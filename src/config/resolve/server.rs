//! One `[[server]]`.

use std::path::Path;

use toml::Spanned;

use super::{auth, files, guard, or, probe, slo, wait};
use crate::config::error::{Fault, Mistake};
use crate::config::raw;
use crate::config::rules::{ServerSpans, Spans};
use crate::config::{Secret, Server, ServerTls};

pub(super) fn resolve(raw: raw::Server, base: &Path, spans: &mut Spans) -> Result<Server, Mistake> {
    spans.servers.push(ServerSpans {
        name: raw.name.span(),
        path: raw.path.as_ref().map(Spanned::span),
        host: raw.host.as_ref().map(Spanned::span),
        slo: raw.slo.as_ref().map(Spanned::span),
    });
    let default = Server::new(raw.name.into_inner().0.0, raw.url.into_inner().0);
    let tls = match raw.tls {
        Some(tls) if !default.url.tls => return Err(needless_tls().at(tls.span())),
        Some(tls) => server_tls(tls, base)?,
        None => ServerTls::default(),
    };
    let call_timeout = wait(raw.call_timeout, default.call_timeout);
    let bulkhead = raw.bulkhead.map(|bulkhead| guard::bulkhead(bulkhead, call_timeout));
    Ok(Server {
        path: raw.path.map(|path| path.into_inner().0.0),
        host: raw.host.map(|host| host.into_inner().0.0),
        preserve_host: raw.preserve_host.unwrap_or(default.preserve_host),
        http: or(raw.http, default.http),
        headers: raw.headers.map(headers).transpose()?.unwrap_or_default(),
        rewrite_oauth: raw.rewrite_oauth.unwrap_or(default.rewrite_oauth),
        tls,
        tools: raw.tools.map(tools).transpose()?.unwrap_or_default(),
        connect_timeout: wait(raw.connect_timeout, default.connect_timeout),
        head_timeout: wait(raw.head_timeout, default.head_timeout),
        call_timeout,
        pool_idle: wait(raw.pool_idle, Some(default.pool_idle)).unwrap_or_default(),
        bulkhead: bulkhead.transpose()?,
        circuit_breaker: raw.circuit_breaker.map(guard::circuit_breaker).transpose()?,
        rate: raw.rate.map(guard::rate).transpose()?,
        probe: raw.probe.map(probe::resolve).transpose()?,
        auth: raw.auth.map(|auth| auth::resolve(auth, base)).transpose()?,
        slo: raw.slo.map(|slo| slo::resolve(slo.into_inner())).transpose()?,
        from_environment: default.from_environment,
        name: default.name,
        url: default.url,
        removed: false,
    })
}

fn needless_tls() -> Fault {
    Fault::new("`tls` beside an `http://` url would do nothing", "write `https://` in `url`, or remove `tls`")
}

pub(super) fn server_tls(tls: Spanned<raw::ServerTls>, base: &Path) -> Result<ServerTls, Mistake> {
    let span = tls.span();
    let raw::ServerTls { ca, cert, key } = tls.into_inner();
    let alone = match (&cert, &key) {
        (Some(_), None) => Some("`cert` without its `key`"),
        (None, Some(_)) => Some("`key` without its `cert`"),
        _ => None,
    };
    if let Some(message) = alone {
        let hint = "a client certificate needs both: tls = { cert = \"client.pem\", key = \"client.key\" }";
        return Err(Fault::new(message, hint).at(span));
    }
    Ok(ServerTls {
        ca: ca.map(|ca| files::certificates(&ca, base)).transpose()?,
        cert: cert.map(|cert| files::certificates(&cert, base)).transpose()?,
        key: key.map(|key| files::private_key(&key, base)).transpose()?,
    })
}

pub(super) fn headers(raw: raw::Headers) -> Result<Vec<(String, Secret)>, Mistake> {
    let mut headers: Vec<(String, Secret)> = Vec::with_capacity(raw.0.len());
    for (name, value) in raw.0 {
        let span = name.span();
        let name = name.into_inner().0.0;
        if headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            let message = format!("`{name}` is set twice: names of header fields have no case");
            return Err(Fault::new(message, "keep one of the two").at(span));
        }
        headers.push((name, Secret(value.0.0)));
    }
    Ok(headers)
}

fn tools(raw: Vec<Spanned<String>>) -> Result<Vec<String>, Mistake> {
    match raw.iter().find(|tool| tool.get_ref().is_empty()) {
        Some(tool) => {
            Err(Fault::new("a tool without a name", "write the name as `tools/list` gives it")
                .at(tool.span()))
        }
        None => Ok(raw.into_iter().map(Spanned::into_inner).collect()),
    }
}
