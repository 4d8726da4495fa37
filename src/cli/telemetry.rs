//! Who is told of the traffic: the destinations that a configuration asks for, put together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;

use crate::config::Config;
use crate::export::{All, Console, LineSink, Log, Otlp, Prometheus, Recent, Started};
use crate::observe::{Export, Observer};

/// The destinations that need no runtime, and so live longer than it.
pub struct Telemetry {
    /// The page of `/metrics`.
    pub prometheus: Arc<Prometheus>,
    /// The last calls.
    pub recent: Arc<Recent>,
    log: Option<Arc<Log>>,
    /// Where lines go besides, once there is an exporter of lines.
    lines: Arc<OnceLock<LineSink>>,
}

impl Telemetry {
    /// Starts the log on `console`, and in a file where the configuration names one; without a console there are no
    /// lines at all.
    pub fn start(config: &Config, console: Option<Console>) -> anyhow::Result<Self> {
        let prometheus = Arc::new(Prometheus::new(config).context("cannot set up the metrics")?);
        let lines: Arc<OnceLock<LineSink>> = Arc::default();
        let log = console.map(|console| {
            let exported = Arc::clone(&lines);
            let also: LineSink = Arc::new(move |line| {
                if let Some(export) = exported.get() {
                    export(line);
                }
            });
            let also = config.tracing.otlp.as_ref().and_then(|otlp| otlp.logs.as_ref()).map(|_| also);
            Log::start(config, Arc::clone(prometheus.losses()), console, also)
        });
        let log = log.transpose().context("cannot start the log")?.map(Arc::new);
        let recent = Arc::new(Recent::new(config, Arc::clone(prometheus.losses())));
        Ok(Self { prometheus, recent, log, lines })
    }

    /// The log, where there is one.
    pub fn log(&self) -> Option<&Arc<Log>> {
        self.log.as_ref()
    }

    /// Starts the exporters on the current runtime, and the observer that tells all destinations. Where nobody wants to
    /// be told, it sees nothing (invariant 1).
    pub fn observer(&self, config: &Config) -> anyhow::Result<(Observer, Option<Started>)> {
        let prometheus = &self.prometheus;
        let otlp = Otlp::start(config, prometheus.losses(), prometheus.exemplars())
            .context("cannot set up the OTLP exporter")?;
        if let Some(sink) = otlp.as_ref().and_then(Started::lines) {
            let _ = self.lines.set(Arc::new(sink));
        }
        let mut told: Vec<Arc<dyn Export>> = Vec::new();
        if config.metrics.enabled {
            told.push(Arc::clone(prometheus) as _);
        }
        told.extend(otlp.as_ref().map(Started::export));
        let is_told = !told.is_empty() || config.logs.calls;
        told.extend(self.log.iter().filter(|_| is_told).map(|log| Arc::clone(log) as _));
        let looks = !told.is_empty() || config.tracing.enabled;
        if looks && self.recent.is_on() {
            // After the log, whose lines it keeps.
            told.push(Arc::clone(&self.recent) as _);
        }
        let observer = if looks { Observer::new(config, Arc::new(All(told))) } else { Observer::off() };
        Ok((observer, otlp))
    }

    /// Writes what waits for the log, but takes no longer than `within`.
    pub fn stop(&self, within: Duration) {
        if let Some(log) = &self.log {
            log.stop(within);
        }
    }
}
