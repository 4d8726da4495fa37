//! agentgateway, where `SIGHTGLASS_BENCH_AGENTGATEWAY` names its binary: as a plain HTTP proxy, and as an MCP gateway, which
//! reads and writes every message anew. Its access log is on, as it is by default.
//!
//! # Why
//!
//! In MCP mode it holds sessions of its own, so that row is called in the older era whatever the scenario says, and what
//! it answers is checked less closely: its bodies are not the server's, byte for byte.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::super::scenario::Era;
use super::{Definition, Recipe, Site};

const BINARY: &str = "SIGHTGLASS_BENCH_AGENTGATEWAY";

pub(super) fn rows() -> [Definition; 2] {
    let plain = |site: &Site| command(site, &format!("      - host: {}\n", site.upstream));
    let mcp = |site: &Site| {
        let target = format!(
            "      - mcp:\n          targets:\n          - name: stub\n            mcp:\n              host: http://{}/mcp\n",
            site.upstream
        );
        command(site, &target)
    };
    let recipe = |command| Recipe::new(binary, &["--version"], command);
    [
        Definition {
            name: "agentgateway",
            about: "as a plain HTTP proxy, access log on as by default",
            recipe: Some(recipe(plain)),
        },
        Definition {
            name: "agentgateway-mcp",
            about: "MCP mode, access log on as by default; called in sessions of 2025-11-25 throughout",
            recipe: Some(Recipe { only: Some(Era::Sessions), ..recipe(mcp) }),
        },
    ]
}

fn binary() -> Result<PathBuf, String> {
    let path = std::env::var_os(BINARY).map(PathBuf::from);
    let path = path.ok_or_else(|| format!("{BINARY} does not name its binary"))?;
    if path.is_file() { Ok(path) } else { Err(format!("{BINARY}: there is no {}", path.display())) }
}

fn command(site: &Site, backend: &str) -> Result<Command> {
    let (port, admin, [statistics, readiness]) = (site.listen.port(), site.admin, site.spare);
    let file = site.write(
        "agentgateway.yaml",
        &format!(
            "config:\n  adminAddr: {admin}\n  statsAddr: {statistics}\n  readinessAddr: {readiness}\n\
             binds:\n- port: {port}\n  listeners:\n  - protocol: HTTP\n    routes:\n    - backends:\n{backend}"
        ),
    )?;
    let mut command = site.run();
    command.arg("-f").arg(file);
    Ok(command)
}
