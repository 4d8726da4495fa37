//! Servers that are asked again and again: what is told when they fall ill, and when they are well again.

use std::sync::Arc;
use std::time::Duration;

use sightglass::cli::serve::{self, Running};
use sightglass::cli::telemetry::Telemetry;
use sightglass::config::{Config, Probe};
use sightglass::mcp::Era;
use sightglass::observe::HealthState;
use sightglass::probe::{FaultKind, ServerHealth, Watch};
use sightglass::shutdown::Shutdown;

use super::patient::{Illness, Patient};
use super::{server, settings, watched};
use crate::admin::ask_as;
use crate::support::observed::Observed;
use crate::support::within;

/// A watch over one server, and what it tells.
struct Watched {
    watch: Watch,
    observed: Observed,
    shutdown: Shutdown,
}

impl Watched {
    fn over(patient: &Patient) -> Self {
        let config = watched(patient.address);
        let observed = Observed::with(&config);
        let watch = Watch::new(&config, observed.observer.clone());
        let shutdown = Shutdown::new(Duration::ZERO);
        tokio::spawn(watch.clone().run(shutdown.clone()));
        Self { watch, observed, shutdown }
    }

    fn now(&self) -> ServerHealth {
        self.watch.servers().remove(0)
    }

    /// Waits until the server is so.
    async fn until(&self, what: impl Fn(&ServerHealth) -> bool) -> ServerHealth {
        within(async {
            loop {
                let now = self.now();
                if what(&now) {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    fn metric(&self, name: &str) -> f64 {
        self.observed.scrape().metric(name).sum()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.start();
    }
}

fn kind(server: &ServerHealth) -> Option<FaultKind> {
    server.last.as_ref().and_then(|(report, _)| report.fault.as_ref()).map(|fault| fault.kind)
}

#[tokio::test]
async fn what_befalls_a_server_is_told_at_once_and_over_once_it_is_well() {
    let mut patient = Patient::of(Era::Legacy).await;
    let watched = Watched::over(&patient);
    assert_eq!(watched.now().health, HealthState::Unknown);
    watched.until(|server| server.health == HealthState::Healthy).await;
    let text: &[(&str, &str)] = &[("content-type", "text/plain")];
    for (illness, expected) in [
        (Illness::Answers(500, text, "oops"), FaultKind::Http),
        (Illness::NoTools, FaultKind::ToolsMissing),
        (Illness::Answers(200, &[("content-type", "text/html")], "<html>"), FaultKind::Html),
    ] {
        patient.has(illness);
        let ill = watched.until(|server| server.health == HealthState::Down).await;
        assert_eq!(kind(&ill), Some(expected));
        watched.until(|server| server.severity == Some("warning")).await;
        let critical = watched.until(|server| server.severity == Some("critical")).await;
        assert!(critical.failures >= 5 && critical.hour.fine < critical.hour.of);
        assert!((watched.metric("mcp_server_availability") - 0.0).abs() < 1e-9);
        assert!(watched.metric("mcp_consecutive_failures") >= 5.0);
        assert!((watched.metric("mcp_health_score") - 0.0).abs() < 1e-9);
        patient.has(Illness::Nothing);
        let well = watched.until(|server| server.health == HealthState::Healthy).await;
        assert_eq!((well.failures, well.severity, &*well.reason), (0, None, ""));
        assert!((watched.metric("mcp_server_availability") - 1.0).abs() < 1e-9);
        assert!((watched.metric("mcp_health_score") - 1.0).abs() < 1e-9);
    }
    patient.dies();
    let ill = watched.until(|server| server.health == HealthState::Down).await;
    assert!(matches!(kind(&ill), Some(FaultKind::Connect | FaultKind::Reset)), "{:?}", kind(&ill));
    watched.until(|server| kind(server) == Some(FaultKind::Connect)).await;
    patient.lives().await;
    watched.until(|server| server.health == HealthState::Healthy).await;
    assert_eq!(patient.most_under_way(), 1, "one probe at a time");
    let page = watched.observed.scrape();
    let statuses = page.values("mcp_health_checks_total", "status");
    assert_eq!(statuses, ["error", "invalid", "success", "timeout"]);
    let phases = page.values("mcp_probe_phase_seconds", "phase");
    assert_eq!(phases, ["connect", "initialize", "ping", "tools_list"]);
    assert!(page.metric("mcp_response_time_seconds_count").label("method", "tools/list").sum() > 0.0);
}

#[tokio::test]
async fn a_server_that_is_much_slower_than_usual_is_not_well() {
    let patient = Patient::of(Era::Modern).await;
    let watched = Watched::over(&patient);
    // So that a busy machine is not slow beside it.
    patient.has(Illness::Slow(Duration::from_millis(30)));
    watched.until(|server| server.baseline.is_some()).await;
    patient.has(Illness::Slow(Duration::from_millis(600)));
    let slow = watched.until(|server| server.health == HealthState::Degraded).await;
    assert!(slow.reason.starts_with("slow: "), "{}", slow.reason);
    assert!((watched.metric("mcp_server_degraded") - 1.0).abs() < 1e-9);
    assert!((watched.metric("mcp_server_availability") - 1.0).abs() < 1e-9, "it answers");
    patient.has(Illness::Slow(Duration::from_millis(30)));
    watched.until(|server| server.health == HealthState::Healthy).await;
    assert!((watched.metric("mcp_server_degraded") - 0.0).abs() < 1e-9);
}

#[tokio::test]
async fn who_asks_while_a_server_is_asked_waits_and_shares() {
    let patient = Patient::of(Era::Modern).await;
    patient.has(Illness::Slow(Duration::from_millis(50)));
    let config = Config { servers: vec![server(patient.address)], ..Config::default() };
    let observed = Observed::with(&config);
    let watch = Watch::new(&config, observed.observer.clone());
    let asking: Vec<_> = (0..20)
        .map(|_| {
            let watch = watch.clone();
            tokio::spawn(async move { watch.probe("patient", None).await.unwrap() })
        })
        .collect();
    let mut reports = Vec::new();
    for asked in asking {
        reports.push(within(asked).await.unwrap());
    }
    let different: std::collections::BTreeSet<_> =
        reports.iter().map(|report| Arc::as_ptr(report) as usize).collect();
    assert!(different.len() <= 2, "{} probes for twenty who asked", different.len());
    assert_eq!(patient.most_under_way(), 1);
    assert!(watch.probe("stranger", None).await.is_none());
    // That nobody probes it by plan is seen: what was asked by the way decides nothing.
    assert!(observed.page().contains("mcp_health_checks_total{server=\"patient\",status=\"success\"}"));
    assert!(!observed.page().contains("mcp_server_availability{"));
}

#[tokio::test]
async fn tools_that_a_probe_saw_have_their_names() {
    let patient = Patient::of(Era::Modern).await;
    let watched = Watched::over(&patient);
    watched.until(|server| server.health == HealthState::Healthy).await;
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add"}}"#;
    let failed = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"x"}}"#;
    watched.observed.post(&[], call).json(200, failed);
    assert_eq!(watched.observed.scrape().values("mcp_tool_invocations_total", "tool_name"), ["add"]);
}

#[tokio::test]
async fn what_a_server_says_is_told_without_secrets() {
    let patient = Patient::of(Era::Modern).await;
    patient.has(Illness::Error(-32603, "cannot reach it with Bearer abcdefghijklmnop0123456789"));
    let watched = Watched::over(&patient);
    let ill = watched.until(|server| server.health == HealthState::Down).await;
    assert!(ill.reason.contains("cannot reach it") && !ill.reason.contains("abcdefghij"), "{}", ill.reason);
}

#[tokio::test]
async fn where_a_server_sends_a_probe_is_told_without_secrets() {
    let patient = Patient::of(Era::Modern).await;
    let fields: &[(&str, &str)] = &[("location", "/mcp/?access_token=abcdefghijklmnop0123456789")];
    patient.has(Illness::Answers(307, fields, ""));
    let watched = Watched::over(&patient);
    let ill = watched.until(|server| server.health == HealthState::Down).await;
    let hints = ill.last.unwrap().0.hints.join("");
    assert!(hints.contains("it redirects: ask /mcp/") && !hints.contains("abcdefghij"), "{hints}");
}

#[tokio::test]
async fn a_reload_begins_and_ends_probes() {
    let patient = Patient::of(Era::Modern).await;
    let config = Config { servers: vec![server(patient.address)], ..Config::default() };
    let observed = Observed::with(&config);
    let watch = Watch::new(&config, observed.observer.clone());
    let shutdown = Shutdown::new(Duration::ZERO);
    let running = tokio::spawn(watch.clone().run(shutdown.clone()));
    assert!(watch.is_ready(), "nothing is probed");
    let mut probed = config.clone();
    probed.servers[0].probe = Some(Probe { interval: Duration::from_millis(20), ..settings() });
    watch.reload(&probed);
    assert!(!watch.is_ready(), "nothing is known yet");
    within(async {
        while !watch.is_ready() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    watch.reload(&config);
    within(async {
        while watch.servers()[0].last.is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    shutdown.start();
    within(running).await.unwrap();
}

async fn ready(running: &Running) -> (String, serde_json::Value) {
    let (head, body) = ask_as(running.admin, "127.0.0.1", "GET /health/ready", "").await;
    (head.lines().next().unwrap().to_owned(), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn ready_is_who_has_a_server_that_is_available() {
    let patient = Patient::of(Era::Modern).await;
    let mut config = watched(patient.address);
    config.proxy.listen[0].set_port(0);
    config.admin.listen.set_port(0);
    let telemetry = Telemetry::start(&config, None).unwrap();
    let running = serve::start_told(config, &telemetry).await.unwrap();
    let until = async |code: &str| {
        within(async {
            loop {
                let (line, body) = ready(&running).await;
                if line.contains(code) {
                    return body;
                }
            }
        })
        .await
    };
    let body = until("200").await;
    assert_eq!(body["servers"]["patient"]["health"], "healthy");
    patient.has(Illness::Answers(500, &[("content-type", "text/plain")], "a secret"));
    let body = until("503").await;
    assert_eq!((&body["status"], &body["reason"]), (&"unready".into(), &"no server is available".into()));
    assert_eq!(body["servers"]["patient"]["reason"], "http in initialize");
    patient.has(Illness::Nothing);
    until("200").await;
    running.stop().await;
}
