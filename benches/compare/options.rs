//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Parser;

use super::scenario::{SCENARIOS, Scenario};
use super::targets::{DIRECT, Definition};

/// Compares sightglass with other proxies on this machine: throughput, latency, processor time and memory.
///
/// By default everything, in less than 20 minutes; with --quick the four most telling cells, in less than 3. Anything
/// that is answered wrongly makes the exit code 1.
#[derive(Parser)]
#[command(bin_name = "benches/compare/run", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Rounds, interleaved over the targets [default: 5, with --quick 3]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// How long one target is measured in one round [default: 1.1, with --quick 0.8]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Only these targets, beside `direct`
    #[arg(long, value_name = "TARGET,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Only these scenarios
    #[arg(long, value_name = "SCENARIO,…", value_delimiter = ',')]
    scenarios: Vec<String>,
    /// At so many connections, all scenarios [default: what tells most of each]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    concurrency: Vec<usize>,
    /// Fewer scenarios, shorter
    #[arg(long)]
    quick: bool,
    /// Idle event streams that are opened at each target; 0 = neither they nor starts are measured [default: 2000, with
    /// --quick 500]
    #[arg(long, value_name = "N")]
    streams: Option<usize>,
    /// Where report.md, plot.svg, raw.csv and idle.csv go [default: target/compare of the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What `cargo bench` passes
    #[arg(long, hide = true)]
    bench: bool,
}

const OUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/compare");

const EXAMPLES: &str = "Examples:
  benches/compare/run --quick
  benches/compare/run --only nginx,sightglass-all --scenarios json-300,sse-10 --concurrency 1,32
  SIGHTGLASS_BENCH_AGENTGATEWAY=/path/to/agentgateway benches/compare/run --out results

Targets: direct nginx nginx-buffering haproxy envoy agentgateway agentgateway-mcp sightglass-off sightglass-metrics
  sightglass-all
Scenarios: json-300 json-300-session ask-16k json-16k json-300k json-1m sse-1 sse-10 sse-10-session sse-1000";

/// What is to be done.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
    /// Each scenario with the concurrencies at which it is measured.
    pub(crate) scenarios: Vec<(&'static Scenario, Vec<usize>)>,
    pub(crate) streams: usize,
    pub(crate) out: PathBuf,
    only: Vec<String>,
}

impl Plan {
    pub(crate) fn of_arguments(definitions: &[Definition]) -> Result<Self> {
        let options = Options::parse();
        for name in &options.only {
            let known = definitions.iter().any(|definition| definition.name == name);
            ensure!(known, "there is no target `{name}`; see --help");
        }
        for name in &options.scenarios {
            let known = SCENARIOS.iter().any(|scenario| scenario.name == name);
            ensure!(known, "there is no scenario `{name}`; see --help");
        }
        ensure!(!options.concurrency.contains(&0), "--concurrency is a count from 1");
        let quick = options.quick;
        let measured = Duration::try_from_secs_f64(options.seconds.unwrap_or(if quick { 0.8 } else { 1.1 }))?;
        ensure!(!measured.is_zero(), "--seconds is more than 0");
        Ok(Self {
            rounds: options.rounds.unwrap_or(if quick { 3 } else { 5 }).max(1),
            measured,
            scenarios: SCENARIOS.iter().filter_map(|scenario| options.cells_of(scenario)).collect(),
            streams: options.streams.unwrap_or(if quick { 500 } else { 2000 }),
            out: options.out.unwrap_or_else(|| PathBuf::from(OUT)),
            only: options.only,
        })
    }

    /// The most connections that are opened at once.
    pub(crate) fn most_clients(&self) -> usize {
        let under_load = self.scenarios.iter().flat_map(|(_, at)| at).copied();
        under_load.chain([self.streams]).max().unwrap_or_default()
    }

    pub(crate) fn includes(&self, target: &str) -> bool {
        self.only.is_empty() || target == DIRECT || self.only.iter().any(|name| name == target)
    }
}

impl Options {
    /// `None` = this scenario is not asked for.
    fn cells_of(&self, scenario: &'static Scenario) -> Option<(&'static Scenario, Vec<usize>)> {
        let named = self.scenarios.iter().any(|name| name == scenario.name);
        if !named && (!self.scenarios.is_empty() || self.quick && scenario.quick.is_empty()) {
            return None;
        }
        let usual =
            if self.quick && !scenario.quick.is_empty() { scenario.quick } else { scenario.concurrency };
        let asked = if self.concurrency.is_empty() { usual } else { &self.concurrency };
        Some((scenario, asked.to_vec()))
    }
}
