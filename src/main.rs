//! Arguments → one of the commands.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use sightglass::cli::arguments::{Arguments, Command};
use sightglass::cli::{self, EXIT_USAGE};
use sightglass::config;

/// A call asks for a few pieces of one to three kilobytes, which the system's allocator has to look for: measured, a tenth
/// of a call's processor time.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    run(&command).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        if error.is::<config::Error>() { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
    })
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(args) => cli::check::run(args, &variable),
        Command::Serve(args) => cli::serve::run(&cli::resolve(args, &variable)?, cli::source(args, variable)),
        Command::Probe(args) => cli::probe::run(args),
        Command::Assets(args) => cli::assets::run(args, &variable),
        Command::Top(args) => cli::top::run(args),
        #[cfg(feature = "demo")]
        Command::Demo(args) => cli::demo::run(args.port, args.for_),
    }
}

/// Help and version were asked for; anything else is a mistake of the command line.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed stream is no reason to fail.
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_USAGE)
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
