//! The command line. Every option has an environment variable; a flag wins over it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::assets;
use crate::config::{self, LogFormat};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "sightglass",
    version,
    about = "A transparent observability reverse proxy for the Model Context Protocol",
    args_conflicts_with_subcommands = true,
    after_help = "Without a command, `serve` runs.\n\nExample:\n  sightglass --upstream http://127.0.0.1:3001/mcp\n  \
                  then point the client at http://127.0.0.1:8080/mcp and open http://127.0.0.1:9464/metrics"
)]
pub struct Arguments {
    /// What to do; `None` = serve, with the arguments of [`Arguments::serve`].
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The arguments of `serve` when no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// One of the commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the proxy
    #[command(after_help = SERVE_EXAMPLE)]
    Serve(ServeArgs),
    /// Validate a configuration and print what it resolves to; exits 0 or 64
    #[command(after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
    /// Ask one MCP server how it is: era, phases and their times, tools, verdict; exits 0 healthy, 1 not
    #[command(after_help = PROBE_EXAMPLE)]
    Probe(ProbeArgs),
    /// Write the rules, alerts, dashboards and datasources that match this version and a configuration
    #[command(after_help = assets::HELP)]
    Assets(AssetsArgs),
    /// Watch tools, calls, sessions and servers in the terminal, of a proxy here or elsewhere
    #[command(after_help = TOP_EXAMPLE)]
    Top(TopArgs),
    /// Try everything with nothing to install: an MCP server, a client that keeps calling it, the proxy between
    #[command(after_help = "Example:\n  sightglass demo --for 30s")]
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
}

const SERVE_EXAMPLE: &str = "Examples:\n  sightglass serve --upstream http://127.0.0.1:3001/mcp\n  \
     sightglass serve --upstream github=https://api.example.com/mcp --upstream search=http://127.0.0.1:3002/mcp\n  \
     sightglass serve --config config.toml --listen 0.0.0.0:8080";

const CHECK_EXAMPLE: &str = "Examples:\n  sightglass check --config config.toml\n  \
     sightglass check --config config.toml --sample call.json\n\nA sample is a JSON file with a call and its answer, such as\n  \
     { \"params\": { \"name\": \"search\", \"arguments\": {} }, \"result\": { \"content\": [] } }\nor \
     { \"request\": …, \"response\": … } with JSON-RPC messages; \"server\": \"NAME\" says whose it is.";

const PROBE_EXAMPLE: &str = "Examples:\n  sightglass probe http://127.0.0.1:3001/mcp\n  \
     sightglass probe https://mcp.example.com/mcp --header \"Authorization: Bearer $TOKEN\" --call echo \\\n    \
     --arguments '{\"message\": \"hello\"}' --expect hello --format json\n  \
     sightglass probe --health http://127.0.0.1:9464\n\nThe last one asks a sightglass itself whether it is ready, for the \
     health check of a container.";

const TOP_EXAMPLE: &str = "Examples:\n  sightglass top\n  sightglass top --admin https://proxy.example.com:9464 --token \"$TOKEN\"\n  \
     sightglass top --once\n\nKeys: 1 to 4 or Tab for tools, calls, sessions and servers; s sorts by another column, r turns the order, \
     / filters, p pauses, arrows, PgUp, PgDn, Home and End scroll, ? tells all keys, q ends. NO_COLOR is heeded.\n\n\
     Where the output is no terminal, it is text, as with --once.";

/// Arguments of `top`.
#[derive(Debug, Clone, Default, Args)]
pub struct TopArgs {
    /// The admin listener of a sightglass; without a scheme it is plain http [default: 127.0.0.1:9464]
    #[arg(long, value_name = "URL", env = "SIGHTGLASS_ADMIN")]
    pub admin: Option<String>,
    /// What it asks for where `admin.token` is set
    #[arg(long, value_name = "TOKEN", env = "SIGHTGLASS_ADMIN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", env = "SIGHTGLASS_CA")]
    pub ca: Option<PathBuf>,
    /// Print servers and tools as text and end; exits 1 where there is no answer
    #[arg(long)]
    pub once: bool,
}

/// Arguments of `probe`.
#[derive(Debug, Clone, Default, Args)]
pub struct ProbeArgs {
    /// The MCP server; with --health the admin listener of a sightglass [default with --health: 127.0.0.1:9464]
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// Send this header field, as "Name: value"; may be given several times (in the variable: one a line)
    #[arg(
        long,
        value_name = "FIELD",
        env = "SIGHTGLASS_HEADER",
        hide_env_values = true,
        value_delimiter = '\n'
    )]
    pub header: Vec<String>,
    /// Call this tool, too
    #[arg(long, value_name = "TOOL", env = "SIGHTGLASS_CALL", conflicts_with = "health")]
    pub call: Option<String>,
    /// What the tool is called with, a JSON object
    #[arg(long, value_name = "JSON", env = "SIGHTGLASS_ARGUMENTS", requires = "call")]
    pub arguments: Option<String>,
    /// What has to stand in the text of its result
    #[arg(long, value_name = "TEXT", env = "SIGHTGLASS_EXPECT", requires = "call")]
    pub expect: Option<String>,
    /// How long all of it may take
    #[arg(long, value_name = "DURATION", env = "SIGHTGLASS_TIMEOUT", value_parser = duration, default_value = "10s")]
    pub timeout: Duration,
    /// Trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "FILE", env = "SIGHTGLASS_CA")]
    pub ca: Option<PathBuf>,
    /// How the report looks
    #[arg(long, value_name = "FORMAT", env = "SIGHTGLASS_FORMAT", default_value = "text")]
    pub format: ReportFormat,
    /// Ask a sightglass whether it is ready, rather than an MCP server how it is
    #[arg(long)]
    pub health: bool,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Arguments of `check`.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// What `serve` would be given.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Tell what the custom metrics and prices of the configuration make of the call in this JSON file
    #[arg(long, value_name = "FILE", env = "SIGHTGLASS_SAMPLE")]
    pub sample: Option<PathBuf>,
}

/// Arguments of `serve` and `check`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// The configuration file; without it and `--upstream`: config.toml where it stands
    #[arg(long, value_name = "FILE", env = "SIGHTGLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// An MCP server, in place of those of the file; several as `NAME=URL`, each found at `/NAME` (in the variable:
    /// separated by spaces)
    #[arg(long, value_name = "[NAME=]URL", env = "SIGHTGLASS_UPSTREAM", value_delimiter = ' ')]
    pub upstream: Vec<String>,
    /// Where clients connect; may be given several times (in the variable: separated by spaces) [default:
    /// 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR", env = "SIGHTGLASS_LISTEN", value_delimiter = ' ')]
    pub listen: Vec<SocketAddr>,
    /// Where /metrics and /health are served [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDR", env = "SIGHTGLASS_ADMIN")]
    pub admin: Option<SocketAddr>,
    /// How the program's own lines look [default: pretty on a terminal, else json]
    #[arg(long, value_name = "FORMAT", env = "SIGHTGLASS_LOG_FORMAT")]
    pub log_format: Option<Format>,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Pretty on a terminal, else JSON
    Auto,
    /// One JSON object a line
    Json,
    /// For people
    Pretty,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Auto => Self::Auto,
            Format::Json => Self::Json,
            Format::Pretty => Self::Pretty,
        }
    }
}

/// Arguments of `assets`.
#[derive(Debug, Clone, Default, Args)]
pub struct AssetsArgs {
    /// The folder below which the files are written; those that are there already are replaced
    #[arg(value_name = "DIR", env = "SIGHTGLASS_ASSETS")]
    pub dir: PathBuf,
    /// The configuration that says what servers promise (`slo`) and how histograms are divided [default: no server of
    /// its own, and the default buckets]
    #[arg(long, value_name = "FILE", env = "SIGHTGLASS_CONFIG")]
    pub config: Option<PathBuf>,
    /// When an alert fires, in place of the default; may be given several times (in the variable: separated by spaces)
    #[arg(long, value_name = "NAME=VALUE", env = "SIGHTGLASS_THRESHOLD", value_delimiter = ' ')]
    pub threshold: Vec<String>,
    /// Where people find the runbooks: `NAME.md` is added
    #[arg(long, value_name = "URL", env = "SIGHTGLASS_RUNBOOKS", default_value = assets::DEFAULT_RUNBOOKS)]
    pub runbooks: String,
    /// Where people find Grafana
    #[arg(long, value_name = "URL", env = "SIGHTGLASS_GRAFANA", default_value = assets::DEFAULT_GRAFANA)]
    pub grafana: String,
}

/// Arguments of `demo`.
#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// The port of the proxy [default: any free one]
    #[arg(long, value_name = "N", env = "SIGHTGLASS_PORT")]
    pub port: Option<u16>,
    /// Stop after this time ("10s", "5m") and exit 0 when everything worked [default: run until Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", env = "SIGHTGLASS_FOR", value_parser = duration)]
    pub for_: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    match config::duration(text) {
        Ok(Some(duration)) => Ok(duration),
        Ok(None) => Err("expected a duration longer than none, such as 10s".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
