//! How the servers are: what their probes and their traffic say, put together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::history::{Baseline, Minutes, Share, Times};
use super::report::{FaultKind, Report};
use crate::mcp::Era;
use crate::observe::{HealthChange, HealthState, ProbeStatus, Traffic};

/// Reports of a server that are kept.
const REPORTS_MAX: usize = 50;

/// So often the traffic is looked at, and it is judged by the last so many looks: a minute.
pub(super) const LOOK_SECONDS: u64 = 5;
const LOOKS: usize = 12;

/// Of fewer calls nothing is concluded.
const CALLS_MIN: u64 = 10;

/// From so many failures in a row on it is a warning, and from so many on it is critical.
const WARNING: u64 = 3;
const CRITICAL: u64 = 5;

/// How a server is, for who asks.
#[derive(Debug, Clone)]
pub struct ServerHealth {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// In one word.
    pub health: HealthState,
    /// Why, where it is not well.
    pub reason: String,
    /// Since when.
    pub since: SystemTime,
    /// `warning` after 3 failures in a row, `critical` after 5.
    pub severity: Option<&'static str>,
    /// Probes, or without probes legs to it, that failed since the last that did not.
    pub failures: u64,
    /// Whether it is probed again and again.
    pub is_probed: bool,
    /// The last probe, and when it ended.
    pub last: Option<(Arc<Report>, SystemTime)>,
    /// The last ones in short, the oldest first.
    pub history: Vec<Past>,
    /// Probes of the last hour.
    pub hour: Share,
    /// Probes of the last day.
    pub day: Share,
    /// How long a probe usually takes.
    pub baseline: Option<Baseline>,
    /// Calls of the last minute, and how many of them failed for a fault of the server's.
    pub calls: (u64, u64),
    /// When the certificate ends that it showed a probe last, in unix seconds.
    pub expires: Option<i64>,
}

/// A probe in short.
#[derive(Debug, Clone, Copy)]
pub struct Past {
    /// When it ended.
    pub at: SystemTime,
    /// How it went.
    pub status: ProbeStatus,
    /// What was wrong.
    pub fault: Option<FaultKind>,
    /// How long it took.
    pub took: Duration,
}

/// What is known of one server.
pub(super) struct Health {
    pub(super) last: Option<(Arc<Report>, SystemTime)>,
    history: VecDeque<Past>,
    pub(super) failures: u64,
    pub(super) expires: Option<i64>,
    minutes: Minutes,
    times: Times,
    /// How it was spoken to the last time.
    pub(super) era: Option<Era>,
    /// It has listed tools.
    has_listed: bool,
    traffic: VecDeque<Traffic>,
    state: HealthState,
    reason: String,
    since: SystemTime,
}

impl Health {
    pub(super) fn new() -> Self {
        Self {
            last: None,
            history: VecDeque::new(),
            failures: 0,
            expires: None,
            minutes: Minutes::new(Instant::now()),
            times: Times::default(),
            era: None,
            has_listed: false,
            traffic: VecDeque::new(),
            state: HealthState::Unknown,
            reason: String::new(),
            since: SystemTime::now(),
        }
    }

    /// Whether tools that were listed are gone: an MCP server without any is of no use to those who used it.
    pub(super) fn lost_its_tools(&self, report: &Report) -> bool {
        self.has_listed && report.tools.as_ref().is_some_and(Vec::is_empty)
    }

    /// A probe has ended.
    pub(super) fn probed(&mut self, report: &Arc<Report>) {
        let is_fine = report.is_healthy();
        self.failures = if is_fine { 0 } else { self.failures + 1 };
        self.minutes.add(is_fine, Instant::now());
        if is_fine {
            self.times.add(report.took);
        }
        self.has_listed |= report.tools.as_ref().is_some_and(|tools| !tools.is_empty());
        self.era = report.server.as_ref().map(|server| server.era).or(self.era);
        self.expires = report.expires.or(self.expires);
        let at = SystemTime::now();
        self.last = Some((Arc::clone(report), at));
        let fault = report.fault.as_ref().map(|fault| fault.kind);
        self.history.push_back(Past { at, status: report.status(), fault, took: report.took });
        if self.history.len() > REPORTS_MAX {
            self.history.pop_front();
        }
    }

    /// It is not probed any more.
    pub(super) fn forget_probes(&mut self) {
        self.last = None;
        self.failures = 0;
        self.times = Times::default();
    }

    /// Traffic was looked at.
    pub(super) fn saw(&mut self, traffic: Traffic) {
        self.traffic.push_back(traffic);
        if self.traffic.len() > LOOKS + 1 {
            self.traffic.pop_front();
        }
    }

    /// Calls of the last minute, and how many of them failed.
    fn calls(&self) -> (u64, u64) {
        match (self.traffic.front(), self.traffic.back()) {
            (Some(first), Some(last)) => (last.calls - first.calls, last.faults - first.faults),
            _ => (0, 0),
        }
    }

    /// How long a probe that is fine usually takes.
    pub(super) fn baseline(&self) -> Option<Baseline> {
        self.times.baseline()
    }

    /// What it is now, and why.
    fn judge(&self, is_probed: bool) -> (HealthState, String) {
        let (calls, faults) = self.calls();
        let is_failing = calls >= CALLS_MIN && faults * 2 > calls;
        let is_serving = calls >= CALLS_MIN && faults * 2 <= calls;
        let failing = || format!("{faults} of the {calls} calls of the last minute failed");
        let transport = self.traffic.back().and_then(|traffic| traffic.failures);
        let Some((report, _)) = self.last.as_ref().filter(|_| is_probed) else {
            return match transport {
                Some(failures) if failures > 0 => {
                    (HealthState::Down, format!("the last {failures} requests did not reach it"))
                }
                _ if is_failing => (HealthState::Degraded, failing()),
                Some(_) => (HealthState::Healthy, String::new()),
                None => (HealthState::Unknown, String::new()),
            };
        };
        if let Some(fault) = &report.fault {
            let told = format!("{}: {}", fault.phase.as_str(), fault.message);
            let serving = || format!("its probe fails ({told}), and its calls do not");
            return if is_serving { (HealthState::Degraded, serving()) } else { (HealthState::Down, told) };
        }
        if is_failing {
            return (HealthState::Degraded, format!("it answers probes, and {}", failing()));
        }
        match self.baseline() {
            Some(baseline) if baseline.is_slow() => {
                let (usual, ratio) = (baseline.usual.as_secs_f64() * 1000.0, baseline.ratio());
                (HealthState::Degraded, format!("slow: {ratio:.0} times the usual {usual:.0} ms"))
            }
            Some(_) | None => (HealthState::Healthy, String::new()),
        }
    }

    /// What is to be told, where it is not what it was.
    pub(super) fn change(&mut self, is_probed: bool) -> Option<HealthChange> {
        let (health, reason) = self.judge(is_probed);
        let failures = self.failing(is_probed);
        let is_news = health != self.state;
        let before = std::mem::replace(&mut self.state, health);
        self.reason.clone_from(&reason);
        if !is_news {
            return None;
        }
        self.since = SystemTime::now();
        Some(HealthChange { health, before, reason, failures })
    }

    fn failing(&self, is_probed: bool) -> u64 {
        if is_probed {
            self.failures
        } else {
            self.traffic.back().and_then(|traffic| traffic.failures).unwrap_or_default()
        }
    }

    pub(super) fn is_available(&self) -> bool {
        self.last.as_ref().is_some_and(|(report, _)| report.is_healthy())
    }

    /// For who asks.
    pub(super) fn told(&self, server: &crate::config::Server) -> ServerHealth {
        let now = Instant::now();
        let is_probed = server.probe.is_some();
        let failures = self.failing(is_probed);
        let severity = match failures {
            CRITICAL.. => Some("critical"),
            WARNING.. => Some("warning"),
            _ => None,
        };
        ServerHealth {
            name: server.name.clone(),
            url: server.url.to_string(),
            health: self.state,
            reason: self.reason.clone(),
            since: self.since,
            severity,
            failures,
            is_probed,
            last: self.last.clone(),
            history: self.history.iter().copied().collect(),
            hour: self.minutes.share(60, now),
            day: self.minutes.share(24 * 60, now),
            baseline: self.baseline(),
            calls: self.calls(),
            expires: self.expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Fault;
    use super::*;
    use crate::observe::ProbePhase;

    fn report(took: u64, fault: Option<FaultKind>) -> Arc<Report> {
        let fault =
            fault.map(|kind| Fault { kind, phase: ProbePhase::Initialize, message: "it is so".to_owned() });
        let took = Duration::from_millis(took);
        Arc::new(Report { fault, took, ..Report::new("http://x/".to_owned()) })
    }

    fn traffic(failures: Option<u64>, calls: u64, faults: u64) -> Traffic {
        Traffic { failures, calls, faults }
    }

    fn state(health: &mut Health, is_probed: bool) -> (HealthState, String) {
        health.change(is_probed);
        (health.state, health.reason.clone())
    }

    #[test]
    fn traffic_alone_tells_where_nobody_probes() {
        let mut health = Health::new();
        assert_eq!(health.judge(false).0, HealthState::Unknown);
        health.saw(traffic(Some(0), 0, 0));
        assert_eq!(state(&mut health, false).0, HealthState::Healthy);
        health.saw(traffic(Some(2), 4, 4));
        let (state_now, reason) = state(&mut health, false);
        assert_eq!(state_now, HealthState::Down);
        assert_eq!(reason, "the last 2 requests did not reach it");
        assert_eq!(health.failing(false), 2);
        health.saw(traffic(Some(0), 9, 9));
        assert_eq!(state(&mut health, false).0, HealthState::Healthy, "of nine calls nothing is concluded");
        health.saw(traffic(Some(0), 12, 10));
        let (state_now, reason) = state(&mut health, false);
        assert_eq!(state_now, HealthState::Degraded);
        assert_eq!(reason, "10 of the 12 calls of the last minute failed");
        for _ in 0..=LOOKS {
            health.saw(traffic(Some(0), 12, 10));
        }
        assert_eq!(state(&mut health, false).0, HealthState::Healthy, "a minute later");
    }

    #[test]
    fn a_probe_and_the_traffic_may_disagree() {
        let mut health = Health::new();
        health.saw(traffic(Some(0), 0, 0));
        health.probed(&report(10, None));
        assert_eq!(state(&mut health, true), (HealthState::Healthy, String::new()));
        health.saw(traffic(Some(0), 20, 15));
        let (state_now, reason) = state(&mut health, true);
        assert_eq!(state_now, HealthState::Degraded);
        assert_eq!(reason, "it answers probes, and 15 of the 20 calls of the last minute failed");
        health.probed(&report(10, Some(FaultKind::Http)));
        assert_eq!(state(&mut health, true), (HealthState::Down, "initialize: it is so".to_owned()));
        health.saw(traffic(Some(0), 100, 15));
        let (state_now, reason) = state(&mut health, true);
        assert_eq!(state_now, HealthState::Degraded);
        assert_eq!(reason, "its probe fails (initialize: it is so), and its calls do not");
        assert!(!health.is_available());
        health.forget_probes();
        assert_eq!(state(&mut health, false).0, HealthState::Healthy);
    }

    #[test]
    fn what_is_remembered_of_a_server_has_an_end() {
        let mut health = Health::new();
        for round in 0..1000 {
            health.probed(&report(10, (round % 2 == 0).then_some(FaultKind::Timeout)));
            health.saw(traffic(None, round, 0));
        }
        assert_eq!((health.history.len(), health.traffic.len()), (REPORTS_MAX, LOOKS + 1));
        assert_eq!(health.told(&crate::config::Server::new("x", url())).hour, Share { fine: 500, of: 1000 });
    }

    fn url() -> crate::config::Url {
        crate::config::Url { tls: false, host: "x".to_owned(), port: None, path: "/".to_owned() }
    }
}
