//! `sightglass assets`: recording rules, alerts, dashboards and datasources that match this version and a configuration.
//!
//! # Why they are written by the program
//! Names of metrics and labels are this program's own, and so is what the configuration knows of servers, objectives and
//! bounds of histograms. What `docker/` and the chart of `deploy/` hold is what this writes by default; a test compares.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

mod alerts;
mod dashboards;
mod datasources;
mod log_rules;
mod objectives;
mod recording;
mod rules;
mod thresholds;

pub use thresholds::{HELP, Thresholds};

use super::arguments::AssetsArgs;
use crate::config::{self, Config};
use objectives::Objectives;

/// What the files depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// When alerts fire.
    pub thresholds: Thresholds,
    /// Where runbooks are found, without a slash at the end: what an alert's `runbook_url` begins with.
    pub runbooks: String,
    /// Where Grafana is, likewise: what links to dashboards begin with.
    pub grafana: String,
    objectives: Objectives,
}

impl Settings {
    /// What `config` says, and the defaults for the rest.
    pub fn new(config: &Config) -> Self {
        Self {
            thresholds: Thresholds::default(),
            runbooks: DEFAULT_RUNBOOKS.to_owned(),
            grafana: DEFAULT_GRAFANA.to_owned(),
            objectives: Objectives::new(config),
        }
    }
}

/// Where the stack of `docker/compose.yaml` has the runbooks.
pub const DEFAULT_RUNBOOKS: &str = "http://localhost:8000";

/// Where it has Grafana.
pub const DEFAULT_GRAFANA: &str = "http://localhost:3000";

/// Every file: its path below the folder, with `/`, and its content.
pub fn files(settings: &Settings) -> Vec<(String, String)> {
    let mut files = vec![
        (
            "prometheus/rules/recording.yaml".to_owned(),
            rules::render(&recording::groups(&settings.objectives)),
        ),
        ("prometheus/rules/alerts.yaml".to_owned(), rules::render(&alerts::groups(settings))),
        ("loki/rules/sightglass.yaml".to_owned(), rules::render(&log_rules::groups(settings))),
        ("grafana/provisioning/datasources/sightglass.yaml".to_owned(), datasources::TEXT.to_owned()),
    ];
    let boards = dashboards::all().into_iter();
    files.extend(boards.map(|(name, json)| (format!("grafana/dashboards/{name}.json"), json)));
    files
}

/// Writes all files below the folder that `args` name, and says which.
pub fn run(args: &AssetsArgs, env: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<ExitCode> {
    let config = match &args.config {
        Some(file) => config::load(file, env)?,
        None => Config::default(),
    };
    let settings = Settings {
        thresholds: Thresholds::read(&args.threshold)?,
        runbooks: args.runbooks.trim_end_matches('/').to_owned(),
        grafana: args.grafana.trim_end_matches('/').to_owned(),
        ..Settings::new(&config)
    };
    for (path, content) in files(&settings) {
        let path = args.dir.join(path);
        write(&path, &content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, content)
}
