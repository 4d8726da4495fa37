//! One file a command, and the arguments of all of them.

pub mod arguments;
pub mod assets;
pub mod check;
#[cfg(feature = "demo")]
pub mod demo;
pub mod logging;
pub mod probe;
pub mod reload;
pub mod sample;
pub mod serve;
pub mod telemetry;
pub mod top;

use std::path::Path;

use crate::config::{self, Config, Error, Overrides};
use arguments::ServeArgs;

/// The exit code for a wrong command line or configuration (`EX_USAGE` of sysexits.h).
pub const EXIT_USAGE: u8 = 64;

/// The file that is read when nothing else is said.
pub const DEFAULT_FILE: &str = "config.toml";

/// The configuration that `args` ask for: flags and their `SIGHTGLASS_*` variables over the file, the file over the
/// `OTEL_*` variables, those over the defaults. `env` looks these up, and `${VAR}` in the file.
pub fn resolve(args: &ServeArgs, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Error> {
    // A variable that is set but empty, as compose files leave it, says nothing.
    let upstreams: Vec<String> = args.upstream.iter().filter(|text| !text.is_empty()).cloned().collect();
    let overrides = Overrides {
        listen: args.listen.clone(),
        admin: args.admin,
        log_format: args.log_format.map(Into::into),
        upstreams: config::upstreams(&upstreams)?,
    };
    match file(args) {
        Some(file) => config::load_over(file, env, overrides),
        None if !upstreams.is_empty() => Config::from_overrides(overrides, env),
        None => Err(nothing_to_do()),
    }
}

/// The file that says the configuration that `args` ask for, if one does.
fn file(args: &ServeArgs) -> Option<&Path> {
    let has_upstream = args.upstream.iter().any(|text| !text.is_empty());
    let default = Path::new(DEFAULT_FILE);
    args.config.as_deref().or((!has_upstream && default.exists()).then_some(default))
}

/// The same, as it is read again while it is running.
pub fn source(args: &ServeArgs, env: fn(&str) -> Option<String>) -> reload::Source {
    let (file, args) = (file(args).map(Path::to_owned), args.clone());
    // A default file that was there at the start is meant for good.
    let args = ServeArgs { config: file.clone(), ..args };
    reload::Source { file, read: Box::new(move || resolve(&args, &env)) }
}

fn nothing_to_do() -> Error {
    Error::new(
        "no server to observe: neither --config nor --upstream is given, and there is no config.toml here",
        "begin with `sightglass serve --upstream http://127.0.0.1:3001/mcp`, or with `sightglass serve --config FILE`",
    )
}
