//! The proxy under test, in this process.

use std::net::SocketAddr;

use sightglass::config::{Config, Server, Url};
use sightglass::observe::Observer;
use sightglass::shutdown::Shutdown;
use sightglass::wire;

/// A running proxy; stops on drop.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What looks at its certificates.
    pub(crate) certificates: wire::Certificates,
    /// Its will to end.
    pub(crate) shutdown: Shutdown,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts it on a free port, whatever `config` says.
    pub(crate) fn start(config: Config) -> Self {
        Self::observed(config, Observer::off())
    }

    /// The same, with somebody who looks.
    pub(crate) fn observed(mut config: Config, observer: Observer) -> Self {
        config.proxy.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let shutdown = Shutdown::new(config.proxy.shutdown_grace);
        let proxy = wire::Proxy::bind(&config, observer, shutdown.clone()).unwrap();
        let (address, certificates) = (proxy.addresses()[0], proxy.certificates());
        Self { address, certificates, shutdown, task: tokio::spawn(proxy.run()) }
    }

    /// Starts it before one server that takes every path.
    pub(crate) fn before(address: SocketAddr) -> Self {
        Self::start(config(address))
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) {
        super::within(&mut self.task).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One server that takes every path, every rewrite off: the bytes that the tests send are those that must arrive.
pub(crate) fn config(address: SocketAddr) -> Config {
    let mut config = Config { servers: vec![Server::new("test", url(address))], ..Config::default() };
    config.proxy.allowed_hosts = Some(vec!["*".to_owned()]);
    config.rewrite.endpoint = false;
    config.rewrite.location = false;
    config.rewrite.forwarded = false;
    config.tracing.enabled = false;
    config
}

/// `http://address/`.
pub(crate) fn url(address: SocketAddr) -> Url {
    Url { tls: false, host: address.ip().to_string(), port: Some(address.port()), path: "/".to_owned() }
}
