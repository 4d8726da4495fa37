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

use crate::admin::Admin;
use crate::config::Config;
use crate::export::{All, Log, Losses, Prometheus};
use crate::observe::{Export, Observer};
use crate::shutdown::Shutdown;
use crate::wire::Proxy;

/// How often histograms are folded.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Runs the proxy until SIGTERM or SIGINT, then drains and gives 0; a second signal ends it at once.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    super::logging::start(&config.logs);
    let losses = Arc::new(Losses::default());
    let console = super::logging::console(&config.logs);
    let log = Arc::new(Log::start(config, losses, console, None)?);
    super::logging::attach(&log);
    let ended = run_with(config, &log);
    super::logging::detach();
    log.stop(LAST_LINES);
    ended
}

fn run_with(config: &Config, log: &Arc<Log>) -> anyhow::Result<ExitCode> {
    raise_open_files();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if config.proxy.workers > 0 {
        runtime.worker_threads(config.proxy.workers);
    }
    let runtime = runtime.enable_all().build().context("cannot start the runtime")?;
    let ended = runtime.block_on(serve(config, log));
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

async fn serve(config: &Config, log: &Arc<Log>) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let grace = config.proxy.shutdown_grace;
    let running = start_logged(config.clone(), Some(Arc::clone(log) as _)).await?;
    announce(config, &running);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            // Whoever means "reload" must not end the proxy.
            _ = hangup.recv() => tracing::warn!(event = "reload", "this version cannot reload: nothing has changed"),
        }
    }
    tracing::info!(
        event = "stopping",
        grace_seconds = grace.as_secs_f64(),
        "draining; a second signal ends it"
    );
    tokio::select! {
        () = running.stop() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(event = "stopped", "stopped");
    Ok(ExitCode::SUCCESS)
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
}

impl Running {
    /// Takes nothing new, lets running calls finish within the grace, then ends.
    pub async fn stop(self) {
        self.shutdown.start();
        // A panic in there has been reported; stopping goes on.
        let _ = self.proxy.await;
        let _ = self.over.send(());
        for task in self.rest {
            task.abort();
            let _ = task.await;
        }
    }
}

/// Starts the proxy on the current runtime, without lines about its traffic: what `demo` embeds.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    start_logged(config, None).await
}

/// The same, with lines: what `serve` runs.
#[expect(clippy::unused_async, reason = "says that a runtime is needed")]
async fn start_logged(config: Config, log: Option<Arc<dyn Export>>) -> anyhow::Result<Running> {
    let prometheus = Arc::new(Prometheus::new(&config).context("cannot set up the metrics")?);
    let metrics = config.metrics.enabled.then(|| Arc::clone(&prometheus) as Arc<dyn Export>);
    let log = log.filter(|_| metrics.is_some() || config.logs.calls);
    let exports: Vec<Arc<dyn Export>> = metrics.into_iter().chain(log).collect();
    let observer =
        if exports.is_empty() { Observer::off() } else { Observer::new(&config, Arc::new(All(exports))) };
    let shutdown = Shutdown::new(config.proxy.shutdown_grace);
    let proxy = Proxy::bind(&config, observer.clone(), shutdown.clone())?;
    let admin = config.admin.listen;
    let admin = Admin::bind(admin, Arc::clone(&prometheus), observer.clone(), shutdown.clone())
        .with_context(|| format!("cannot listen on {admin} (admin.listen)"))?;
    let (over, ended) = oneshot::channel::<()>();
    let (data, admin_address) = (proxy.addresses(), admin.address()?);
    let rest = vec![
        tokio::spawn(admin.run(async {
            let _ = ended.await;
        })),
        tokio::spawn(tick(observer, config.limits.orphan_wait)),
        tokio::spawn(upkeep(prometheus)),
    ];
    let proxy = tokio::spawn(proxy.run());
    Ok(Running { data, admin: admin_address, shutdown, proxy, rest, over })
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

async fn upkeep(prometheus: Arc<Prometheus>) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        let prometheus = Arc::clone(&prometheus);
        let _ = tokio::task::spawn_blocking(move || prometheus.upkeep()).await;
    }
}

/// One line that says what listens where and what is mounted where.
fn announce(config: &Config, running: &Running) {
    let Some(address) = running.data.first() else { return };
    let mount =
        |server: &crate::config::Server| format!("{} for {}", config.dialled(server, *address), server.url);
    let mounts: Vec<String> = config.servers.iter().map(mount).collect();
    super::logging::started(&running.data, running.admin, &mounts);
}
