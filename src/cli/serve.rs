//! `sightglass serve`: the proxy, until a signal ends it.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::reload::{Reloader, Source};
use super::telemetry::Telemetry;
use crate::admin::{Admin, Reloads, Shown};
use crate::config::Config;
use crate::export::{Log, Started};
use crate::net;
use crate::observe::Observer;
use crate::probe::Watch;
use crate::shutdown::Shutdown;
use crate::wire::{Proxy, Router, Workers};

/// How long the last spans may take to be sent where the grace is over.
const LAST_SPANS: Duration = Duration::from_secs(1);

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The same after a second signal.
const LAST_LINES_AT_ONCE: Duration = Duration::from_millis(100);

/// Runs the proxy until SIGTERM or SIGINT, then drains and gives 0; a second signal ends it at once. SIGHUP, or a change of
/// its file, has the configuration read again from `source`.
pub fn run(config: &Config, source: Source) -> anyhow::Result<ExitCode> {
    super::logging::start(&config.logs);
    let telemetry = Telemetry::start(config, Some(super::logging::console(&config.logs)))?;
    telemetry.log().into_iter().for_each(super::logging::attach);
    for warning in &config.warnings {
        tracing::warn!(event = "configuration", "{warning}");
    }
    let ended = run_with(config, source, &telemetry);
    super::logging::detach();
    telemetry.stop(*ended.as_ref().unwrap_or(&LAST_LINES));
    ended.map(|_last_lines| ExitCode::SUCCESS)
}

/// Says how long the last lines may take to be written.
fn run_with(config: &Config, source: Source, telemetry: &Telemetry) -> anyhow::Result<Duration> {
    raise_open_files();
    // What carries traffic has threads of its own: here are the admin listener, the exports and the clock.
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(config, source, telemetry));
    // Nothing waits for a name that is still being looked up: that can take longer than the grace.
    runtime.shutdown_background();
    ended
}

/// Opens as many files as the system lets us: every call has two connections, and the usual limit of 1024 is there for
/// programs that still use `select`.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised stays as it is; where it is too low, accepting says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

async fn serve(config: &Config, source: Source, telemetry: &Telemetry) -> anyhow::Result<Duration> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let grace = config.proxy.shutdown_grace;
    let workers = Workers::start(config.proxy.workers).context("cannot start the workers")?;
    let running = start_on(Some(workers), config.clone(), telemetry).await?;
    let reloader = running.reloader(source, config.clone(), telemetry);
    let watching = tokio::spawn(Arc::clone(&reloader).watch());
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => reloader.reload_elsewhere().await,
        }
    }
    watching.abort();
    tracing::info!(
        event = "stopping",
        grace_seconds = grace.as_secs_f64(),
        "draining; a second signal ends it"
    );
    let last_lines = tokio::select! {
        () = running.stop() => LAST_LINES,
        _ = terminate.recv() => LAST_LINES_AT_ONCE,
        _ = interrupt.recv() => LAST_LINES_AT_ONCE,
    };
    tracing::info!(event = "stopped", "stopped");
    Ok(last_lines)
}

/// The proxy and its admin listener, running on the current runtime.
pub struct Running {
    /// Where clients dial, in the order of the configuration.
    pub data: Vec<SocketAddr>,
    /// Where the operator looks.
    pub admin: SocketAddr,
    shutdown: Shutdown,
    proxy: JoinHandle<()>,
    rest: Vec<JoinHandle<()>>,
    over: oneshot::Sender<()>,
    grace: Duration,
    observer: Observer,
    watch: Watch,
    router: Router,
    shown: Shown,
    reloads: Reloads,
    exports: Option<Started>,
    log: Option<Arc<Log>>,
}

impl Running {
    /// What puts another configuration in place of `config`, by which it runs; `POST /api/reload` asks it from now on.
    pub fn reloader(&self, source: Source, config: Config, telemetry: &Telemetry) -> Arc<Reloader> {
        let (router, shown, observer) = (self.router.clone(), self.shown.clone(), self.observer.clone());
        let prometheus = Arc::clone(&telemetry.prometheus);
        let watch = self.watch.clone();
        let reloader = Arc::new(Reloader::new(source, config, router, shown, observer, watch, prometheus));
        let asked = Arc::clone(&reloader);
        self.reloads.by(Arc::new(move || asked.reload().map(|changes| changes.told())));
        reloader
    }

    /// Takes nothing new, lets running calls finish within the grace, sends what waits to be exported, then ends.
    pub async fn stop(self) {
        let deadline = Instant::now() + self.grace;
        self.shutdown.start();
        // A panic in there has been reported; stopping goes on.
        let _ = self.proxy.await;
        let _ = self.over.send(());
        for task in self.rest {
            task.abort();
            let _ = task.await;
        }
        self.observer.finish();
        let Some(exports) = self.exports else { return };
        let deadline = deadline.max(Instant::now() + LAST_SPANS);
        if let Some(log) = &self.log {
            // What was just said of the last calls is exported, too.
            let _ = timeout_at(deadline, log.handed_on()).await;
        }
        exports.stop(deadline).await;
    }
}

/// Starts the proxy on the current runtime, without lines about its traffic: what `demo` embeds.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let telemetry = Telemetry::start(&config, None)?;
    start_told(config, &telemetry).await
}

/// The same, with what tells of its traffic already begun.
pub async fn start_told(config: Config, telemetry: &Telemetry) -> anyhow::Result<Running> {
    start_on(None, config, telemetry).await
}

/// The same, with threads for the traffic: what `serve` runs.
#[expect(clippy::unused_async, reason = "says that a runtime is needed")]
async fn start_on(
    workers: Option<Workers>,
    config: Config,
    telemetry: &Telemetry,
) -> anyhow::Result<Running> {
    let (observer, exports) = telemetry.observer(&config)?;
    let shutdown = Shutdown::new(config.proxy.shutdown_grace);
    let proxy = Proxy::bind(&config, observer.clone(), shutdown.clone())?;
    let prometheus = Arc::clone(&telemetry.prometheus);
    let recent = Arc::clone(&telemetry.recent);
    let watch = Watch::new(&config, observer.clone());
    let admin =
        Admin::bind(&config, (prometheus, recent), observer.clone(), watch.clone(), shutdown.clone())?;
    let (over, ended) = oneshot::channel::<()>();
    let (data, router) = (proxy.addresses(), proxy.router());
    let (admin_address, shown, reloads) = (admin.address()?, admin.shown(), admin.reloads());
    if workers.is_some() {
        // Before anything passes: who reads lines reads this one before any of a call.
        announce(&config, &data, admin_address);
    }
    let rest = vec![
        tokio::spawn(admin.run(async {
            let _ = ended.await;
        })),
        tokio::spawn(tick(observer.clone(), config.limits.orphan_wait)),
        tokio::spawn(watch.clone().run(shutdown.clone())),
    ];
    let proxy = match workers {
        Some(workers) => tokio::spawn(proxy.run_on(workers)),
        None => tokio::spawn(proxy.run()),
    };
    let grace = config.proxy.shutdown_grace;
    let log = telemetry.log().cloned();
    Ok(Running {
        data,
        admin: admin_address,
        shutdown,
        proxy,
        rest,
        over,
        grace,
        observer,
        watch,
        router,
        shown,
        reloads,
        exports,
        log,
    })
}

/// Looks every second, or often enough for the shortest wait, for what is due.
async fn tick(observer: Observer, shortest: Duration) {
    let every = (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut interval = tokio::time::interval(every);
    loop {
        interval.tick().await;
        observer.tick();
    }
}

/// One line that says what listens where and what is mounted where.
fn announce(config: &Config, data: &[SocketAddr], admin: SocketAddr) {
    let Some(address) = data.first() else { return };
    let mount =
        |server: &crate::config::Server| format!("{} for {}", config.dialled(server, *address), server.url);
    let mounts: Vec<String> = config.servers.iter().map(mount).collect();
    for address in net::not_taken() {
        tracing::warn!(
            event = "socket_not_taken",
            %address,
            "the process was started with a listener that the configuration does not ask for; \
             proxy.listen or admin.listen has to name its address"
        );
    }
    super::logging::started(data, admin, config.admin.tls.is_some(), &mounts);
    if config.logs.salt.is_none() && !config.logs.raw_session_ids {
        tracing::info!(
            event = "random_salt",
            "logs.salt is not set: hashes of session ids are of this process alone, and replicas do not agree on them"
        );
    }
}
