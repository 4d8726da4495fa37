//! Promise: a probe says of a server how it is, as its clients would find it, names what is wrong, and leaves nothing
//! behind in it.

mod command;
mod pages;
mod patient;
mod traffic;
mod verdicts;
mod watching;

use std::net::SocketAddr;
use std::time::Duration;

use sightglass::config::{self, Config, Probe, Server};
use sightglass::probe::{Report, Subject, probe};

use crate::support::{proxy, within};

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn settings() -> Probe {
    Probe { timeout: PATIENCE, ..Probe::default() }
}

fn server(address: SocketAddr) -> Server {
    Server::new("patient", config::Url { path: "/mcp".to_owned(), ..proxy::url(address) })
}

fn subject(address: SocketAddr) -> Subject {
    Subject { server: server(address), probe: settings(), era: None, explains: true }
}

async fn asked(subject: &Subject) -> Report {
    within(probe(subject)).await
}

/// A configuration in which this server is probed as often as can be.
fn watched(address: SocketAddr) -> Config {
    let probe = Probe { interval: Duration::from_millis(20), ..settings() };
    let server = Server { probe: Some(probe), path: Some("/patient".to_owned()), ..server(address) };
    Config { servers: vec![server], ..Config::default() }
}
