//! What stands before servers: circuits and bulkheads.

use std::sync::Arc;

use super::server::Server;
use super::{Prometheus, as_f64, series};
use crate::config::Config;
use crate::observe::{BulkheadChange, Event};

impl Prometheus {
    /// What is configured stands on the page from the start: a circuit that never opened, a bulkhead that nobody entered.
    pub(super) fn say_what_stands_before(&self, config: &Config) {
        for (position, settings) in config.running() {
            let server = self.server(Some(position));
            if settings.circuit_breaker.is_some() && server.circuit.get().is_none() {
                self.circuit(server, 0.0);
            }
            let max = |max| self.set("mcp_bulkhead_max", &server.labelled(&[]), as_f64(max));
            if let Some(bulkhead) = &settings.bulkhead {
                max(bulkhead.max as u64);
                self.running(server, 0.0);
                self.queued(0.0);
            } else if server.bulkhead.get().is_some() {
                // A reload took it away.
                max(0);
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`Export::event` has dealt out the others")]
    pub(super) fn on_guard(&self, event: &Event<'_>) {
        match *event {
            Event::CircuitOpened { server, .. } => self.circuit(self.server(Some(server)), 1.0),
            Event::CircuitClosed { server } => self.circuit(self.server(Some(server)), 0.0),
            Event::TokenJudged { issuer, keys, took } => {
                let labels = [("provider", &**issuer), ("cache_status", keys.as_str())];
                let make = || self.histograms.handle("mcp_oauth_validation_seconds", &labels);
                let key = (Arc::clone(issuer), keys);
                self.judged.with(key, make, |histogram| histogram.record(took.as_secs_f64()));
            }
            Event::KeysFetched { issuer, success } => {
                let labels =
                    [("provider", &**issuer), ("status", if success { "success" } else { "failure" })];
                series::counter(&self.recorder, "mcp_oauth_key_fetches_total", &labels).increment(1);
            }
            Event::BulkheadChanged { server, change } => match change {
                BulkheadChange::Entered => self.running(self.server(Some(server)), 1.0),
                BulkheadChange::Left => self.running(self.server(Some(server)), -1.0),
                BulkheadChange::Queued => self.queued(1.0),
                BulkheadChange::Unqueued => self.queued(-1.0),
            },
            _ => {}
        }
    }

    fn circuit(&self, of: &Server, open: f64) {
        let labels = [("dependency", of.name.as_str())];
        let make = || series::gauge(&self.recorder, "mcp_circuit_breaker_open", &labels);
        of.circuit.get_or_init(make).set(open);
    }

    fn running(&self, of: &Server, by: f64) {
        let make = || series::gauge(&self.recorder, "mcp_bulkhead_running", &of.labelled(&[]));
        of.bulkhead.get_or_init(make).increment(by);
    }

    fn queued(&self, by: f64) {
        let make = || series::gauge(&self.recorder, "mcp_queue_depth", &[("queue_name", "bulkhead")]);
        self.queued.get_or_init(make).increment(by);
    }
}
