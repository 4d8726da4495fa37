//! Raw → resolved: defaults filled in, and the rules of single keys and single tables. What concerns several
//! tables, or a listener that a flag may replace, is in `rules`.

use std::path::Path;
use std::time::Duration;

mod admin;
mod auth;
mod files;
mod guard;
mod identity;
mod label;
mod limits;
mod logs;
mod metrics;
mod otlp;
mod price;
mod probe;
mod proxy;
mod rule;
mod server;
mod slo;
mod tracing;

use toml::Spanned;

use super::error::{Fault, Mistake};
use super::otel::Otel;
use super::raw::{self, Count, Optional, Value, Wait, Written};
use super::rules::Spans;
use super::{Config, Drift, FromEnvironment, Price, Rewrite, Rule, TokenCounter, Tokens};

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
        admin: admin::resolve(file.admin, base)?,
        servers,
        rewrite: rewrite(&file.rewrite),
        limits: limits::resolve(&file.limits)?,
        metrics: metrics::resolve(file.metrics)?,
        tracing: tracing::resolve(file.tracing, base, &mut otel)?,
        logs: logs::resolve(file.logs, base)?,
        identity: identity::resolve(file.identity)?,
        tokens: tokens(file.tokens)?,
        drift: drift(file.drift, base)?,
        rules: rules(file.metric, &mut spans)?,
        prices: prices(file.price, &mut spans)?,
        warnings: Vec::new(),
        from_environment: FromEnvironment::default(),
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

fn tokens(raw: raw::Tokens) -> Result<Tokens, Mistake> {
    let span = raw.counter.as_ref().map(Spanned::span).unwrap_or_default();
    let counter = or(raw.counter, TokenCounter::default());
    if counter == TokenCounter::O200k && !cfg!(feature = "o200k") {
        let hint = "build it with `cargo build --release --features o200k`, or write \"estimate\"";
        return Err(Fault::new("this build has no o200k tokenizer", hint).at(span));
    }
    Ok(Tokens { counter })
}

fn drift(raw: raw::Drift, base: &Path) -> Result<Drift, Mistake> {
    let Some(name) = raw.state else { return Ok(Drift::default()) };
    if name.get_ref().is_empty() {
        let hint = "name a file, or leave the line out: then tools are forgotten at a restart";
        return Err(Fault::new("a file without a name", hint).at(name.span()));
    }
    Ok(Drift { state: Some(files::writable(&name, base)?) })
}

/// Each is looked at for every call.
const MOST_RULES: usize = 100;

/// Far more than anyone writes by hand.
const MOST_PRICES: usize = 1000;

fn rules(blocks: Vec<Spanned<raw::Metric>>, spans: &mut Spans) -> Result<Vec<Rule>, Mistake> {
    at_most(&blocks, MOST_RULES, "[[metric]]")?;
    let mut rules = Vec::with_capacity(blocks.len());
    for block in blocks {
        rules.push(rule::resolve(block.into_inner(), &rules, spans)?);
    }
    Ok(rules)
}

fn prices(blocks: Vec<Spanned<raw::Price>>, spans: &mut Spans) -> Result<Vec<Price>, Mistake> {
    at_most(&blocks, MOST_PRICES, "[[price]]")?;
    blocks.into_iter().map(|block| price::resolve(block, spans)).collect()
}

fn at_most<T>(blocks: &[Spanned<T>], most: usize, name: &str) -> Result<(), Mistake> {
    let Some(block) = blocks.get(most) else { return Ok(()) };
    let message = format!("more than {most} blocks `{name}`");
    Err(Fault::new(message, "every block is looked at for every call; keep those that matter")
        .at(block.span()))
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
