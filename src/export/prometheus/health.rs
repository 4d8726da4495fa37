//! Health of the servers behind the proxy (`telemetry.md` §3).

use std::sync::atomic::{AtomicBool, Ordering};

use super::server::Server;
use super::{Prometheus, as_f64, series};
use crate::config::Config;
use crate::mcp::Method;
use crate::observe::{Event, HealthState, ProbePhase, ProbeStatus, Probed};

/// Whether a server is well; it is taken to be until something else is known.
pub(super) struct Wellness(AtomicBool);

impl Default for Wellness {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Prometheus {
    /// What can be said of health before anybody asked.
    pub(super) fn say_how_servers_are(&self, config: &Config) {
        for (position, settings) in config.running() {
            let server = self.server(Some(position));
            for name in [FAILURES, DEGRADED] {
                // What is known already stays.
                series::gauge(&self.recorder, name, &server.labelled(&[])).increment(0.0);
            }
            if settings.probe.is_some() {
                for status in ProbeStatus::ALL {
                    let labels = server.labelled(&[("status", status.as_str())]);
                    series::counter(&self.recorder, CHECKS, &labels).increment(0);
                }
            }
        }
    }

    /// The share of healthy servers among those that there are.
    pub(super) fn tell_health_score(&self) {
        let gone = self.gone.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let running = self.servers.iter().filter(|server| !gone.contains(&server.name));
        let (mut all, mut well) = (0_u64, 0_u64);
        for server in running {
            all += 1;
            well += u64::from(server.wellness.0.load(Ordering::Relaxed));
        }
        if all > 0 {
            self.set("mcp_health_score", &[], as_f64(well) / as_f64(all));
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_health(&self, event: &Event<'_>) {
        match *event {
            Event::TransportJudged { server, failures } => {
                self.available(self.server(Some(server)), failures);
            }
            Event::Probed { server, probed } => self.probed(self.server(Some(server)), probed),
            Event::HealthChanged { server, change } => {
                let server = self.server(Some(server));
                let is_well = matches!(change.health, HealthState::Healthy | HealthState::Unknown);
                server.wellness.0.store(is_well, Ordering::Relaxed);
                let is_degraded = change.health == HealthState::Degraded;
                let degraded = f64::from(u8::from(is_degraded));
                self.set(DEGRADED, &server.labelled(&[]), degraded);
            }
            _ => {}
        }
    }

    fn available(&self, server: &Server, failures: u64) {
        let available = f64::from(u8::from(failures == 0));
        self.set("mcp_server_availability", &server.labelled(&[]), available);
        self.set(FAILURES, &server.labelled(&[]), as_f64(failures));
    }

    fn probed(&self, server: &Server, probed: &Probed) {
        let labels = server.labelled(&[("status", probed.status.as_str())]);
        series::counter(&self.recorder, CHECKS, &labels).increment(1);
        for (phase, took) in &probed.phases {
            let labels = server.labelled(&[("phase", phase.as_str())]);
            self.set("mcp_probe_phase_seconds", &labels, took.as_secs_f64());
            if let Some(method) = method_of(*phase) {
                let labels = server.labelled(&[("method", method.as_str())]);
                self.histograms.handle("mcp_response_time_seconds", &labels).record(took.as_secs_f64());
            }
        }
        if probed.is_scheduled {
            self.available(server, probed.failures);
            if let Some(baseline) = probed.baseline {
                self.set("mcp_probe_baseline_seconds", &server.labelled(&[]), baseline.as_secs_f64());
            }
        }
    }
}

const CHECKS: &str = "mcp_health_checks_total";
const FAILURES: &str = "mcp_consecutive_failures";
const DEGRADED: &str = "mcp_server_degraded";

/// What the server was asked in a phase; `None` = nothing yet.
fn method_of(phase: ProbePhase) -> Option<Method> {
    match phase {
        ProbePhase::Dns | ProbePhase::Connect | ProbePhase::Tls => None,
        ProbePhase::Initialize => Some(Method::Initialize),
        ProbePhase::Ping => Some(Method::Ping),
        ProbePhase::ToolsList => Some(Method::ToolsList),
        ProbePhase::ToolCall => Some(Method::ToolsCall),
    }
}
