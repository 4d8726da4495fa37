//! `sightglass demo`: a small MCP server, simulated users that keep calling it, and the proxy between them.
//!
//! # Why
//! Server and client are the official Rust SDK's, so that what is shown is what real programs say to each other. The
//! users count for themselves what they see; with `--for` the proxy's metrics page must say exactly the same.

mod exposition;
mod http;
mod report;
mod schedule;
mod server;
mod tally;
mod users;

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::cli::serve;
use crate::config::{self, Config, LogLevel};
use exposition::ToolMetrics;
use http::HttpClient;
use report::Places;
use schedule::PERSONAS;
use tally::{Counts, Tally};

/// The label `server` of the demo's traffic.
const SERVER: &str = "demo";
const LINE_EVERY: Duration = Duration::from_secs(1);
/// How long the metrics page may take to tell of calls that just ended.
const SETTLE_WAIT: Duration = Duration::from_secs(2);
const SETTLE_POLL: Duration = Duration::from_millis(50);
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Where the proxy listens unless another program does.
const PORT: u16 = 8080;
/// Where the metrics are unless another program listens there.
const ADMIN_PORT: u16 = 9464;

/// Runs the demo on a runtime of its own, until Ctrl-C or for `duration`, and prints to standard output.
///
/// `port` is the proxy's, and 0 gives proxy and metrics any free one; `None` takes 8080 or, where that is taken, any.
/// With a `duration` the result is a self-check: success only if the metrics page agrees with what the users counted,
/// every feature occurred and nothing failed; without one, success. A second Ctrl-C ends at once, with code 130.
///
/// # Errors
/// The runtime, the server or the proxy cannot start.
pub fn run(port: Option<u16>, duration: Option<Duration>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let code = runtime.block_on(demo(port, duration));
    // Event streams of the server may still be open; nobody reads them any more.
    runtime.shutdown_background();
    code
}

async fn demo(port: Option<u16>, duration: Option<Duration>) -> anyhow::Result<ExitCode> {
    let server = server::start().await.context("the demo's server cannot start")?;
    let proxy = serve::start(configuration(port, server)).await.context("the proxy cannot start")?;
    let data = proxy.data.first().copied().context("the proxy listens nowhere")?;
    let places = Places {
        proxy: format!("http://{data}{}", server::PATH),
        console: format!("http://{}/", proxy.admin),
        metrics: format!("http://{}/metrics", proxy.admin),
        server: format!("http://{server}{}", server::PATH),
    };
    say(&report::welcome(&places, PERSONAS.len(), duration));
    let tally = Arc::new(Tally::default());
    let code = tokio::select! {
        code = show(&places, &tally, duration) => code,
        () = interrupted_twice() => return Ok(ExitCode::from(130)),
    };
    // What is still open after that ends with the process.
    let _ = timeout(STOP_WAIT, proxy.stop()).await;
    Ok(code)
}

/// The run itself and, after it, the table and what there is to say about it.
async fn show(places: &Places, tally: &Arc<Tally>, duration: Option<Duration>) -> ExitCode {
    run_users(places, tally, duration).await;
    let counts = tally.counts();
    let mut wrong = counts.failures_told();
    let page = settled(&places.metrics, &counts).await;
    match &page {
        Ok(metrics) => say(&report::table(&counts, metrics)),
        Err(error) => wrong.push(format!("{} cannot be read: {error:#}", places.metrics)),
    }
    if duration.is_none() {
        // Somebody's own client may have called too: nothing has to agree.
        say(&report::trouble(&wrong));
        return ExitCode::SUCCESS;
    }
    if let Ok(metrics) = &page {
        wrong.extend(report::disagreements(&counts, metrics));
    }
    wrong.extend(counts.missing_features().iter().map(|feature| format!("never occurred: {feature}")));
    say(&report::verdict(&counts, &wrong));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run_users(places: &Places, tally: &Arc<Tally>, duration: Option<Duration>) {
    let (stop, stopped) = watch::channel(false);
    let url: Arc<str> = places.proxy.as_str().into();
    let mut users = JoinSet::new();
    for (index, persona) in PERSONAS.iter().enumerate() {
        users.spawn(users::work(*persona, index, Arc::clone(&url), Arc::clone(tally), stopped.clone()));
    }
    tokio::select! {
        () = ended(duration) => {}
        () = tell_progress(tally) => {}
    }
    stop.send_replace(true);
    while let Some(user) = users.join_next().await {
        if let Err(error) = user {
            tally.failure(format!("a user stopped working: {error}"));
        }
    }
    if std::io::stdout().is_terminal() {
        say("\n\n");
    }
}

async fn ended(duration: Option<Duration>) {
    let time = async {
        match duration {
            Some(duration) => sleep(duration).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = time => {}
        () = interrupted() => {}
    }
}

/// One line, written over itself; nothing where nobody watches.
async fn tell_progress(tally: &Tally) {
    if !std::io::stdout().is_terminal() {
        return std::future::pending().await;
    }
    let started = Instant::now();
    let mut calls = 0;
    loop {
        sleep(LINE_EVERY).await;
        let counts = tally.counts();
        say(&format!("\r\x1b[2K{}", report::progress(&counts, calls, LINE_EVERY, started.elapsed())));
        calls = counts.total();
    }
}

/// The metrics page once it knows of all that the users counted, or as it stands when [`SETTLE_WAIT`] is over.
async fn settled(url: &str, counts: &Counts) -> anyhow::Result<ToolMetrics> {
    let http = HttpClient::new("sightglass-demo", env!("CARGO_PKG_VERSION"));
    let started = Instant::now();
    loop {
        let page = timeout(SETTLE_WAIT, http.page(url)).await.context("no answer in time")??;
        let metrics = ToolMetrics::read(&page, SERVER);
        if started.elapsed() >= SETTLE_WAIT || !report::is_behind(counts, &metrics) {
            return Ok(metrics);
        }
        sleep(SETTLE_POLL).await;
    }
}

fn configuration(port: Option<u16>, server: SocketAddr) -> Config {
    let loopback = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let url = config::Url {
        tls: false,
        host: server.ip().to_string(),
        port: Some(server.port()),
        path: server::PATH.to_owned(),
    };
    let mut mounted = config::Server::new(SERVER, url);
    mounted.path = Some(server::PATH.to_owned());
    mounted.tools = server::TOOLS.map(str::to_owned).to_vec();
    let mut config = Config { servers: vec![mounted], ..Config::default() };
    let data = port.unwrap_or_else(|| free(PORT));
    let admin = if port == Some(0) || data == ADMIN_PORT { 0 } else { free(ADMIN_PORT) };
    config.proxy.listen = vec![loopback(data)];
    config.admin.listen = loopback(admin);
    config.prices = vec![price(None, 0.0005, 0.01), price(Some("slow_report"), 0.02, 0.01)];
    // The welcome says where everything is.
    config.logs.level = LogLevel::Warn;
    config
}

/// What calls of a tool, or of all, might cost.
fn price(tool: Option<&str>, per_call: f64, per_1k_tokens: f64) -> config::Price {
    let tool = tool.map(str::to_owned);
    config::Price { server: None, tool, per_call, per_kilobyte: 0.0, per_1k_tokens }
}

/// The port, or 0 (any) where another program has it.
fn free(port: u16) -> u16 {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).map_or(0, |_| port)
}

/// Completes at Ctrl-C; never, where the system has no such signal.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn interrupted_twice() {
    interrupted().await;
    interrupted().await;
}

/// Writes to standard output. Whoever closed it does not want to know.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_zero_lets_both_listeners_take_any() {
        let config = configuration(Some(0), SocketAddr::from(([127, 0, 0, 1], 4000)));
        assert_eq!((config.proxy.listen[0].port(), config.admin.listen.port()), (0, 0));
        assert_eq!(config.servers[0].url.to_string(), "http://127.0.0.1:4000/mcp");
    }

    #[test]
    fn a_proxy_on_the_port_of_the_metrics_sends_them_elsewhere() {
        let config = configuration(Some(ADMIN_PORT), SocketAddr::from(([127, 0, 0, 1], 4000)));
        assert_eq!((config.proxy.listen[0].port(), config.admin.listen.port()), (ADMIN_PORT, 0));
    }

    #[test]
    fn a_taken_port_becomes_any() {
        let taken = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert_eq!(free(taken.local_addr().unwrap().port()), 0);
    }
}
