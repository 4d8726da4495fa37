//! Names what is built, for `mcp_proxy_build_info` and `--version`.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=src/build.rs");
    println!("cargo:rerun-if-env-changed=SIGHTGLASS_REVISION");
    let revision = std::env::var("SIGHTGLASS_REVISION")
        .ok()
        .or_else(|| said_by(Command::new("git").args(["rev-parse", "--short=12", "HEAD"])));
    println!("cargo:rustc-env=SIGHTGLASS_REVISION={}", revision.unwrap_or_else(|| "unknown".to_owned()));
    let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = said_by(Command::new(compiler).arg("--version"));
    let version = version.as_deref().and_then(|said| said.split(' ').nth(1)).unwrap_or("unknown");
    println!("cargo:rustc-env=SIGHTGLASS_RUSTC={version}");
}

fn said_by(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|said| said.trim().to_owned())
}
