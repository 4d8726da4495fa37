//! Asks the servers again and again, one probe at a time for each, and tells how they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ask::{Subject, probe};
use super::health::{Health, LOOK_SECONDS, ServerHealth};
use super::report::{Fault, FaultKind, Report};
use crate::config::{Config, Server};
use crate::mcp::Text;
use crate::observe::{Observer, ProbePhase, Probed, Redactor};
use crate::shutdown::Shutdown;

/// The first probes begin within this time, so that many servers are not asked all at once.
const FIRST_WITHIN: Duration = Duration::from_millis(250);

/// The pauses differ by up to a tenth, so that replicas do not stay in step.
const JITTER: f64 = 0.1;

/// Knows how the servers are; clones know the same.
#[derive(Clone)]
pub struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    observer: Observer,
    redactor: Redactor,
    config: watch::Sender<Arc<Config>>,
    /// By position; there is one for every server that ever was.
    servers: Mutex<HashMap<usize, Arc<Known>>>,
}

struct Known {
    health: Mutex<Health>,
    /// Held while it is probed: one at a time. The last report and when it came, to be shared by who waited.
    probing: AsyncMutex<Option<(Instant, Arc<Report>)>>,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(config: &Config, observer: Observer) -> Self {
        let redactor = Redactor::new(&config.logs.redact_keys);
        let (config, _) = watch::channel(Arc::new(config.clone()));
        Self { shared: Arc::new(Shared { observer, redactor, config, servers: Mutex::default() }) }
    }

    /// From now on the servers are those of `config`, those that were known before at their positions.
    pub fn reload(&self, config: &Config) {
        self.shared.config.send_replace(Arc::new(config.clone()));
    }

    /// Probes and looks until the process is asked to end.
    pub async fn run(self, shutdown: Shutdown) {
        tokio::select! {
            () = self.probe_all() => {}
            () = self.look() => {}
            () = shutdown.started() => {}
        }
    }

    /// How the servers are, in the order of the configuration.
    pub fn servers(&self) -> Vec<ServerHealth> {
        let config = self.config();
        config.running().map(|(at, server)| lock(&self.known(at).health).told(server)).collect()
    }

    /// Whether work can be sent here as far as probes know: none is on, or one server at least is available.
    pub fn is_ready(&self) -> bool {
        let config = self.config();
        let mut probed = config.running().filter(|(_, server)| server.probe.is_some()).peekable();
        probed.peek().is_none() || probed.any(|(at, _)| lock(&self.known(at).health).is_available())
    }

    /// Names of the servers that there are.
    pub fn names(&self) -> Vec<String> {
        self.config().running().map(|(_, server)| server.name.clone()).collect()
    }

    /// Probes a server now, by its name and within `timeout`; `None` = there is no such server. Where a probe is under way
    /// this one waits for it and takes its report: two in a row would take longer than who asks may wait.
    pub async fn probe(&self, name: &str, timeout: Option<Duration>) -> Option<Arc<Report>> {
        let config = self.config();
        let (at, server) = config.running().find(|(_, server)| server.name == name)?;
        Some(self.ask(at, server, timeout).await)
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.shared.config.borrow())
    }

    fn known(&self, at: usize) -> Arc<Known> {
        let mut servers = lock(&self.shared.servers);
        let make = || Arc::new(Known { health: Mutex::new(Health::new()), probing: AsyncMutex::default() });
        Arc::clone(servers.entry(at).or_insert_with(make))
    }

    /// Keeps a task for each server that is to be probed.
    async fn probe_all(&self) {
        let mut changes = self.shared.config.subscribe();
        let mut running: HashMap<usize, (Server, Task)> = HashMap::new();
        loop {
            let config = Arc::clone(&changes.borrow_and_update());
            running.retain(|at, (server, _)| {
                config.servers.get(*at).is_some_and(|now| now == server && !now.removed)
            });
            for (at, server) in config.running() {
                if server.probe.is_none() {
                    lock(&self.known(at).health).forget_probes();
                } else if let Entry::Vacant(entry) = running.entry(at) {
                    let (watch, own) = (self.clone(), server.clone());
                    let task = tokio::spawn(async move { watch.probe_again_and_again(at, own).await });
                    entry.insert((server.clone(), Task(task.abort_handle())));
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn probe_again_and_again(&self, at: usize, server: Server) {
        let Some(settings) = server.probe.clone() else { return };
        tokio::time::sleep(FIRST_WITHIN.min(settings.interval).mul_f64(fastrand::f64())).await;
        loop {
            let began = Instant::now();
            self.ask(at, &server, None).await;
            let pause = settings.interval.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0));
            tokio::time::sleep_until(began + pause).await;
        }
    }

    /// A probe that has begun is not given up with whoever asked for it: it has a session to end.
    async fn ask(&self, at: usize, server: &Server, timeout: Option<Duration>) -> Arc<Report> {
        let (watch, own) = (self.clone(), server.clone());
        let asked = tokio::spawn(async move { watch.ask_alone(at, &own, timeout).await });
        asked.await.unwrap_or_else(|error| {
            let message = format!("the probe broke off: {error}");
            let fault = Fault { kind: FaultKind::Setup, phase: ProbePhase::Initialize, message };
            Arc::new(Report { fault: Some(fault), ..Report::new(server.url.to_string()) })
        })
    }

    async fn ask_alone(&self, at: usize, server: &Server, timeout: Option<Duration>) -> Arc<Report> {
        let asked = Instant::now();
        let known = self.known(at);
        let mut last = known.probing.lock().await;
        if let Some((_, report)) = last.as_ref().filter(|(ended, _)| *ended >= asked) {
            return Arc::clone(report);
        }
        let mut settings = server.probe.clone().unwrap_or_default();
        settings.timeout = timeout.unwrap_or(settings.timeout).min(settings.timeout);
        let era = lock(&known.health).era;
        let subject = Subject { server: server.clone(), probe: settings, era, explains: false };
        let report = Arc::new(self.without_secrets(probe(&subject).await, &known));
        *last = Some((Instant::now(), Arc::clone(&report)));
        drop(last);
        self.tell(at, server, &known, &report);
        report
    }

    /// What the server said may hold a secret, and is told on pages and in lines.
    fn without_secrets(&self, mut report: Report, known: &Known) -> Report {
        if report.is_healthy() && lock(&known.health).lost_its_tools(&report) {
            let message = "it listed tools before and lists none now".to_owned();
            report.fault =
                Some(Fault { kind: FaultKind::ToolsMissing, phase: ProbePhase::ToolsList, message });
        }
        let said = report.fault.iter_mut().map(|fault| &mut fault.message);
        let server =
            report.server.iter_mut().flat_map(|server| [&mut server.name, &mut server.release]).flatten();
        for text in said.chain(server).chain(&mut report.hints).chain(report.tools.iter_mut().flatten()) {
            *text = self.shared.redactor.kept(&Text::new(text)).into_owned();
        }
        report
    }

    fn tell(&self, at: usize, server: &Server, known: &Known, report: &Arc<Report>) {
        let observer = &self.shared.observer;
        let is_scheduled = server.probe.is_some();
        let mut health = lock(&known.health);
        health.probed(report);
        let probed = Probed {
            status: report.status(),
            phases: report.phases.clone(),
            failures: health.failures,
            tools: report.tools.clone().unwrap_or_default(),
            baseline: health.baseline().map(|baseline| baseline.usual),
            is_scheduled,
        };
        // Told while it is held, so that what is told comes in the order in which it happened.
        observer.probed(at, &probed);
        if let Some(expires) = report.expires {
            observer.certificate_shown(at, expires);
        }
        if let Some(change) = health.change(is_scheduled) {
            observer.health_changed(at, &change);
        }
    }

    /// Looks at the traffic of all servers, for ever.
    async fn look(&self) {
        let mut every = tokio::time::interval(Duration::from_secs(LOOK_SECONDS));
        loop {
            every.tick().await;
            let config = self.config();
            for (at, server) in config.running() {
                let known = self.known(at);
                let mut health = lock(&known.health);
                health.saw(self.shared.observer.traffic(at));
                if let Some(change) = health.change(server.probe.is_some()) {
                    self.shared.observer.health_changed(at, &change);
                }
            }
        }
    }
}

/// Ends with who holds it.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
