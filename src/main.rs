//! Arguments → one of the commands.

fn main() -> anyhow::Result<std::process::ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse().ok());
    let seconds = arguments.next().and_then(|seconds| seconds.parse().ok());
    sightglass::cli::demo::run(port, seconds.map(std::time::Duration::from_secs))
}
