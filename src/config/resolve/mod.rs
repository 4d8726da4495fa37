//! Raw → resolved: defaults filled in, and the rules of single keys and single tables. What concerns several
//! tables, or a listener that a flag may replace, is in `rules`.

use std::path::Path;
use std::time::Duration;

mod files;
mod limits;
mod metrics;
mod proxy;
mod server;

use super::error::Mistake;
use super::raw::{self, Optional, Wait, Written};
use super::rules::Spans;
use super::{Admin, Config, Logs, Rewrite, Tracing};

/// The configuration that `file` stands for, and where its keys are. Relative file names are taken from `base`.
pub(super) fn file(file: raw::File, base: &Path) -> Result<(Config, Spans), Mistake> {
    let mut spans = Spans { admin: file.admin.listen.as_ref().map(toml::Spanned::span), ..Spans::default() };
    let proxy = proxy::resolve(file.proxy, base, &mut spans)?;
    let mut servers = Vec::with_capacity(file.server.len());
    for server in file.server {
        servers.push(server::resolve(server.into_inner(), base, &mut spans)?);
    }
    let config = Config {
        proxy,
        admin: Admin { listen: or(file.admin.listen, Admin::default().listen) },
        servers,
        rewrite: rewrite(&file.rewrite),
        limits: limits::resolve(&file.limits)?,
        metrics: metrics::resolve(file.metrics)?,
        logs: Logs {
            format: or(file.logs.format, Logs::default().format),
            level: or(file.logs.level, Logs::default().level),
            ..Logs::default()
        },
        tracing: Tracing::default(),
    };
    Ok((config, spans))
}

fn rewrite(raw: &raw::Rewrite) -> Rewrite {
    let default = Rewrite::default();
    Rewrite {
        endpoint: raw.endpoint.unwrap_or(default.endpoint),
        location: raw.location.unwrap_or(default.location),
        forwarded: raw.forwarded.unwrap_or(default.forwarded),
    }
}

/// What is written, else the default.
fn or<T: Written>(raw: Optional<T>, default: T) -> T {
    raw.map_or(default, |value| value.into_inner().0)
}

/// What is written, else the default; "off" is `None`.
fn wait(raw: Optional<Wait>, default: Option<Duration>) -> Option<Duration> {
    raw.map_or(default, |value| value.into_inner().0.0)
}
