//! Raw → resolved: defaults filled in, and the rules of single keys and single tables. What concerns several
//! tables, or a listener that a flag may replace, is in `rules`.

use std::path::Path;
use std::time::Duration;

mod files;
mod limits;
mod logs;
mod metrics;
mod otlp;
mod proxy;
mod server;
mod tracing;

use toml::Spanned;

use super::error::{Fault, Mistake};
use super::otel::Otel;
use super::raw::{self, Count, Optional, Value, Wait, Written};
use super::rules::Spans;
use super::{Admin, Config, Drift, Identity, Rewrite, Tokens};

/// The configuration that `file` stands for, and where its keys are. What it leaves out may be in `otel`. Relative file
/// names are taken from `base`.
pub(super) fn file(file: raw::File, base: &Path, mut otel: Otel) -> Result<(Config, Spans), Mistake> {
    let mut spans = Spans { admin: file.admin.listen.as_ref().map(Spanned::span), ..Spans::default() };
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
        tracing: tracing::resolve(file.tracing, base, &mut otel)?,
        logs: logs::resolve(file.logs, base)?,
        identity: Identity::default(),
        tokens: Tokens::default(),
        drift: Drift::default(),
        rules: Vec::new(),
        prices: Vec::new(),
        warnings: Vec::new(),
    };
    let warnings = otel.warnings.into_iter().chain(logs::warning(&config.logs)).collect();
    Ok((Config { warnings, ..config }, spans))
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

/// The number of things that may wait or be kept: there is no "off", and none would be none at all.
fn at_least_one(raw: Option<&Spanned<Value<Count>>>, thing: &str, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    raw.get_ref().0.0.ok_or_else(|| {
        let message = format!("expected a whole number: at least one {thing}");
        Fault::new(message, format!("the default is {default}")).at(raw.span())
    })
}
