//! This proxy, three times: nothing observed, metrics alone, and everything on.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{ALL, Definition, OFF, Recipe, Site};

const BINARY: &str = env!("CARGO_BIN_EXE_sightglass");

pub(super) fn rows() -> [Definition; 3] {
    let off =
        |site: &Site| command(site, "metrics = { enabled = false }\ntracing = { enabled = false }\n", false);
    let metrics = |site: &Site| command(site, "tracing = { enabled = false }\n", false);
    let all = |site: &Site| {
        let otlp = format!("http://{}", site.collector);
        command(
            site,
            &format!("tracing = {{ sample_ratio = 0.1, otlp = {{ endpoint = \"{otlp}\" }} }}\n"),
            true,
        )
    };
    let row = |name, about, command| {
        let recipe = Recipe::new(|| Ok(PathBuf::from(BINARY)), &["--version"], command);
        Definition { name, about, recipe: Some(recipe) }
    };
    [
        row(OFF, "metrics, traces and log lines off: nothing is read", off),
        row("sightglass-metrics", "metrics on, traces and log lines off", metrics),
        row(ALL, "metrics, 10 % of the spans to an OTLP receiver, a JSON log line a call to a file", all),
    ]
}

fn command(site: &Site, telemetry: &str, lines: bool) -> Result<Command> {
    let (listen, admin, upstream, connections) = (site.listen, site.admin, site.upstream, site.connections);
    let file = site.write(
        "sightglass.toml",
        &format!(
            "logs = {{ format = \"json\", calls = {lines} }}\n{telemetry}[admin]\nlisten = \"{admin}\"\n\
             [proxy]\nlisten = \"{listen}\"\nshutdown_grace = \"1s\"\n\
             [limits]\nmax_connections = {connections}\nmax_streams = {connections}\n\
             [[server]]\nname = \"stub\"\nurl = \"http://{upstream}/mcp\"\n"
        ),
    )?;
    let mut command = site.run();
    command.args(["serve", "--config"]).arg(file);
    // What the surroundings say of telemetry is not what is measured.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("OTEL_") || name.starts_with("SIGHTGLASS_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// The size of the stripped binary.
pub(crate) fn binary_bytes() -> Result<u64> {
    Ok(std::fs::metadata(BINARY)?.len())
}
