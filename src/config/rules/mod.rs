//! Rules across tables. They hold however a configuration came about (file, flags, a program), so they are checked
//! on the resolved one; a file adds the places.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

mod insight;
mod slo;

pub(super) use insight::{PriceSpans, RuleSpans};

use super::error::{Fault, Mistake};
use super::suggest::nearest;
use super::{Config, Server};

/// Where a file wrote what the rules speak of; empty for what came from elsewhere.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) listen: Vec<Range<usize>>,
    pub(super) admin: Option<Range<usize>>,
    pub(super) servers: Vec<ServerSpans>,
    pub(super) rules: Vec<RuleSpans>,
    pub(super) prices: Vec<PriceSpans>,
}

/// Where a file wrote one server.
#[derive(Debug)]
pub(super) struct ServerSpans {
    pub(super) name: Range<usize>,
    pub(super) path: Option<Range<usize>>,
    pub(super) host: Option<Range<usize>>,
    pub(super) slo: Option<Range<usize>>,
}

/// The first rule that `config` breaks.
pub(super) fn check(config: &Config, spans: &Spans) -> Result<(), Mistake> {
    listeners(config, spans)?;
    if config.servers.is_empty() {
        return Err(Mistake { span: None, fault: no_server() });
    }
    let server = |index: usize| spans.servers.get(index);
    let name = |index| server(index).map(|spans| spans.name.clone());
    distinct(&config.servers, "name", |server| Some(server.name.as_str()), name)?;
    let path = |index| server(index).and_then(|spans| spans.path.clone());
    distinct(&config.servers, "path", |server| server.path.as_deref(), path)?;
    let host = |index| server(index).and_then(|spans| spans.host.clone());
    distinct(&config.servers, "host", |server| server.host.as_deref(), host)?;
    one_catches_all(&config.servers, name)?;
    slo::check(config, |index| server(index).and_then(|spans| spans.slo.clone()))?;
    insight::check(config, spans)
}

/// Refuses a name that no server has; `span` is where it stands.
fn known_server(
    config: &Config,
    spans: &Spans,
    name: &str,
    span: Option<Range<usize>>,
) -> Result<(), Mistake> {
    let names = || config.servers.iter().map(|server| server.name.as_str());
    if names().any(|known| known == name) {
        return Ok(());
    }
    let replaced = span.is_some() && spans.servers.is_empty();
    let hint = match nearest(name, names()) {
        _ if replaced => "the servers of the file were replaced by `--upstream`".to_owned(),
        Some(known) => format!("did you mean \"{known}\"?"),
        None => format!("the servers here are {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Mistake { span, fault: Fault::new(format!("no server is named `{name}`"), hint) })
}

fn no_server() -> Fault {
    Fault::new(
        "no MCP server is configured",
        "add a block: [[server]] with name = \"github\", url = \"http://127.0.0.1:3001/mcp\" and path = \"/github\"",
    )
}

fn listeners(config: &Config, spans: &Spans) -> Result<(), Mistake> {
    let listen = &config.proxy.listen;
    if listen.is_empty() {
        let fault = Fault::new("nothing to listen on", "give at least one address such as 127.0.0.1:8080");
        return Err(Mistake { span: None, fault });
    }
    for (index, address) in listen.iter().enumerate() {
        let span = spans.listen.get(index).cloned();
        if listen.iter().take(index).any(|earlier| earlier == address && address.port() != 0) {
            let fault = Fault::new(format!("{address} is listened on twice"), "keep one of the two");
            return Err(Mistake { span, fault });
        }
        if overlap(*address, config.admin.listen) {
            let admin = config.admin.listen;
            let fault = Fault::new(
                format!("the proxy ({address}) and `admin` ({admin}) would listen on the same address"),
                "give one of them another port: `proxy.listen`, `admin.listen`",
            );
            return Err(Mistake { span: spans.admin.clone().or(span), fault });
        }
    }
    Ok(())
}

/// Whether both cannot be bound: the same port (0 is any free one) on the same address, or on all of its family.
fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    let same_family = left.is_ipv4() == right.is_ipv4();
    let any = left.ip().is_unspecified() || right.ip().is_unspecified();
    left.port() != 0 && left.port() == right.port() && (left.ip() == right.ip() || same_family && any)
}

fn distinct<'a>(
    servers: &'a [Server],
    key: &str,
    value: impl Fn(&'a Server) -> Option<&'a str>,
    span: impl Fn(usize) -> Option<Range<usize>>,
) -> Result<(), Mistake> {
    let mut seen: HashMap<&str, &str> = HashMap::new();
    for (index, server) in servers.iter().enumerate() {
        let Some(value) = value(server) else { continue };
        let Some(earlier) = seen.insert(value, &server.name) else { continue };
        let message = match key {
            "name" => format!("two servers are named `{value}`"),
            _ => format!("the servers `{earlier}` and `{}` have the same {key} `{value}`", server.name),
        };
        let hint = format!("give each server a {key} of its own");
        return Err(Mistake { span: span(index), fault: Fault::new(message, hint) });
    }
    Ok(())
}

fn one_catches_all(servers: &[Server], span: impl Fn(usize) -> Option<Range<usize>>) -> Result<(), Mistake> {
    let is_catch_all = |server: &Server| server.path.is_none() && server.host.is_none();
    let mut all = servers.iter().enumerate().filter(|(_, server)| is_catch_all(server));
    let (Some((_, first)), Some((index, second))) = (all.next(), all.next()) else { return Ok(()) };
    let message = format!(
        "the servers `{}` and `{}` have neither `path` nor `host`: both would get every request",
        first.name, second.name
    );
    let fault = Fault::new(message, format!("add path = \"/{}\"", second.name));
    Err(Mistake { span: span(index), fault })
}
