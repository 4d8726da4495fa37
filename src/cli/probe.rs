//! `sightglass probe`: asks one MCP server how it is.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

use super::arguments::{ProbeArgs, ReportFormat};
use crate::config::{self, Config, Secret, Server};
use crate::net::Client;
use crate::observe::ProbePhase;
use crate::probe::{Report, Subject, probe};

/// The widest bar.
const BAR: f64 = 30.0;

/// Tools that are named.
const NAMED_MAX: usize = 12;

/// More of what a health page says is not read.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// Asks, prints what was found out, and gives 0 where the server is well, else 1.
pub fn run(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (told, is_healthy) =
        runtime.block_on(async { if args.health { health(args).await } else { server(args).await } })?;
    // A closed stream is no reason to fail.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), told.as_bytes());
    // Nothing waits for a name that is still being looked up.
    runtime.shutdown_background();
    Ok(if is_healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn server(args: &ProbeArgs) -> anyhow::Result<(String, bool)> {
    let url = args.url.as_deref().ok_or_else(missing)?;
    let mut server = named(url)?;
    server.headers = args.header.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
    server.tls.ca.clone_from(&args.ca);
    let settings = config::Probe {
        timeout: args.timeout,
        call: args.call.clone(),
        arguments: arguments(args.arguments.as_deref())?,
        expect: args.expect.clone(),
        ..config::Probe::default()
    };
    let report = probe(&Subject { server, probe: settings, era: None, explains: true }).await;
    let told = match args.format {
        ReportFormat::Text => text(&report),
        ReportFormat::Json => format!("{:#}\n", report.json()),
    };
    Ok((told, report.is_healthy()))
}

/// Asks a sightglass whether it is ready: what a container's health check needs, where there is no other program.
async fn health(args: &ProbeArgs) -> anyhow::Result<(String, bool)> {
    let default = Config::default().admin.listen;
    let url = args.url.clone().unwrap_or_else(|| format!("http://{default}/health/ready"));
    let mut server = named(&url)?;
    if server.url.path == "/" {
        "/health/ready".clone_into(&mut server.url.path);
    }
    server.tls.ca.clone_from(&args.ca);
    let asked = server.url.to_string();
    let client = Client::new(&server, args.timeout, PAGE_BYTES_MAX)?;
    let request = http::Request::get(&asked).body(bytes::Bytes::new())?;
    let (is_healthy, said) = match client.send(request).await {
        Ok(answer) => {
            let said = String::from_utf8_lossy(answer.body()).into_owned();
            (answer.status().is_success(), format!("{}: {said}", answer.status()))
        }
        Err(error) => (false, error.to_string()),
    };
    let told = match args.format {
        ReportFormat::Text => format!("{asked}: {said}\n"),
        ReportFormat::Json => format!("{:#}\n", json!({ "url": asked, "healthy": is_healthy, "said": said })),
    };
    Ok((told, is_healthy))
}

fn missing() -> anyhow::Error {
    config::Error::new(
        "no server to ask: the URL is missing",
        "ask like this: sightglass probe http://127.0.0.1:3001/mcp",
    )
    .into()
}

fn named(url: &str) -> anyhow::Result<Server> {
    let servers = config::upstreams(&[url.to_owned()])?;
    servers.into_iter().next().ok_or_else(missing)
}

fn header(line: &str) -> anyhow::Result<(String, Secret)> {
    let unreadable = || {
        config::Error::new(
            "--header holds no header field",
            "write a name, a colon and a value: --header \"Authorization: Bearer …\"",
        )
    };
    let (name, value) = line.split_once(':').ok_or_else(unreadable)?;
    Ok((name.trim().to_owned(), Secret(value.trim().to_owned())))
}

fn arguments(text: Option<&str>) -> anyhow::Result<toml::Table> {
    let Some(text) = text else { return Ok(toml::Table::new()) };
    let unreadable = |error: serde_json::Error| {
        config::Error::new(
            format!("--arguments is no JSON object that can be sent: {error}"),
            "write for example --arguments '{\"message\": \"hello\"}'",
        )
    };
    Ok(serde_json::from_str(text).map_err(unreadable)?)
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    let verdict = match &report.fault {
        None if report.wants_credentials => "there, and wants credentials".to_owned(),
        None => "healthy".to_owned(),
        Some(fault) => {
            format!("{} in {}: {}", report.status().as_str(), fault.phase.as_str(), plain(&fault.message))
        }
    };
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("{}: {verdict}", report.url));
    if let Some(server) = &report.server {
        let name = server.name.as_deref().map(plain).unwrap_or_default();
        let release = server.release.as_deref().map(plain).unwrap_or_default();
        line(format!("  server   {}", format!("{name} {release}").trim()));
        line(format!("  speaks   {} ({})", plain(&server.version), era(server.era)));
    }
    if let Some(tools) = &report.tools {
        line(format!("  tools    {}", listed(tools)));
    }
    if let Some(address) = report.address {
        let http = report.http_version.map(|version| format!(", HTTP/{version}")).unwrap_or_default();
        line(format!("  address  {address}{http}"));
    }
    if let Some(expires) = report.expires {
        line(format!("  TLS      the certificate ends in {} days", days_left(expires)));
    }
    let longest = report.phases.iter().map(|(_, took)| *took).max().unwrap_or_default();
    for (phase, took) in &report.phases {
        line(bar(*phase, *took, longest));
    }
    line(format!("  {:<12} {:>9}", "all of it", milliseconds(report.took)));
    for hint in &report.hints {
        line(format!("  hint: {}", plain(hint)));
    }
    text
}

fn bar(phase: ProbePhase, took: Duration, longest: Duration) -> String {
    let share = took.as_secs_f64() / longest.as_secs_f64().max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 30")]
    let width = (share * BAR).round() as usize;
    let bar = if width == 0 { "▏".to_owned() } else { "█".repeat(width) };
    format!("  {:<12} {:>9}  {bar}", phase.as_str(), milliseconds(took))
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn era(era: crate::mcp::Era) -> &'static str {
    match era {
        crate::mcp::Era::Modern => "Streamable HTTP without sessions",
        crate::mcp::Era::Legacy => "Streamable HTTP",
        crate::mcp::Era::HttpSse => "HTTP+SSE",
    }
}

fn listed(tools: &[String]) -> String {
    if tools.is_empty() {
        return "none".to_owned();
    }
    let mut told = String::new();
    for tool in tools.iter().take(NAMED_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(told, "{}{}", if told.is_empty() { "" } else { ", " }, plain(tool));
    }
    let more = tools.len().saturating_sub(NAMED_MAX);
    if more > 0 {
        format!("{}: {told}, and {more} more", tools.len())
    } else {
        format!("{}: {told}", tools.len())
    }
}

/// What a server says may move the cursor of a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

fn days_left(expires: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (expires - i64::try_from(now.as_secs()).unwrap_or(i64::MAX)) / (24 * 60 * 60)
}
