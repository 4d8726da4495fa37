//! `sightglass check`: what a configuration resolves to.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

mod guard;
mod insight;

use super::arguments::CheckArgs;
use super::sample;
use crate::config::{
    Config, Limits, LogFormat, LogLevel, Logs, Otlp, OtlpProtocol, Server, Tracing, duration_text, size_text,
};

/// Prints what `args` resolve to, and what it makes of a sample, and answers 0. A configuration that is refused, or a file
/// that is no sample, is the error; the caller prints it and exits with [`super::EXIT_USAGE`].
pub fn run(args: &CheckArgs, env: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<ExitCode> {
    let config = super::resolve(&args.serve, env)?;
    let mut told = describe(&config);
    if let Some(path) = args.sample.as_deref().filter(|path| !path.as_os_str().is_empty()) {
        let sample = sample::load(path, &config)?;
        let (verdicts, cost) = sample::judge(&config, &sample);
        let _ = write!(told, "\n{}", sample::render(&config, &sample, &verdicts, cost));
    }
    std::io::stdout().lock().write_all(told.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A configuration for people: what listens where, where calls lead to, what is mounted where, what goes where of traces and
/// lines, who calls, what is counted of payloads, which limits are not the default ones, and what else should be known.
/// Secrets are masked.
pub fn describe(config: &Config) -> String {
    let mut lines = vec!["The configuration is valid.".to_owned(), String::new()];
    let tls = |tls: &Option<_>| if tls.is_some() { " (TLS)" } else { "" };
    let of_proxy = tls(&config.proxy.tls);
    lines.extend(config.proxy.listen.iter().map(|address| format!("listen  {address}{of_proxy}")));
    lines.push(format!("admin   {}{} (/metrics, /health)", config.admin.listen, tls(&config.admin.tls)));
    lines.extend(config.admin.token.iter().map(|_| "        asks for admin.token: ***".to_owned()));
    lines.extend(config.admin.links.iter().map(|(name, link)| {
        format!("        calls lead to {name}: {}", config.from_environment.hide_in(link))
    }));
    lines.push(String::new());
    lines.extend(config.servers.iter().flat_map(|server| mount(config, server)));
    if !config.metrics.enabled {
        let off = "metrics are off: /metrics tells nothing of the traffic".to_owned();
        lines.extend([String::new(), off]);
    }
    lines.push(String::new());
    lines.extend(tracing(&config.tracing));
    lines.extend(logs(&config.logs));
    lines.extend(insight::describe(config));
    let limits = changed_limits(&config.limits);
    if !limits.is_empty() {
        lines.extend([String::new(), "limits that are not the default:".to_owned()]);
        lines.extend(limits);
    }
    if !config.warnings.is_empty() {
        lines.push(String::new());
        lines.extend(config.warnings.iter().map(|warning| format!("warning: {warning}")));
    }
    lines.iter().fold(String::new(), |mut text, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{line}");
        text
    })
}

fn mount(config: &Config, server: &Server) -> Vec<String> {
    let mut lines = vec![format!("server  {}", server.name)];
    for address in dialled_listeners(config) {
        lines.push(format!("        {} -> {}", config.dialled(server, address), server.url));
    }
    if server.path.is_none() {
        let origin = server.url.origin();
        let whose = server.host.as_ref().map_or(String::new(), |host| format!(" of {host}"));
        lines.push(format!("        every path{whose} passes unchanged to {origin}"));
    }
    lines.extend(server.headers.iter().map(|(name, _)| format!("        sets {name}: ***")));
    if server.rewrite_oauth {
        lines.push("        challenges and resource metadata name this proxy".to_owned());
    }
    lines.extend(guard::describe(server));
    lines
}

fn tracing(tracing: &Tracing) -> Vec<String> {
    let mut lines = Vec::new();
    if tracing.enabled {
        let meta = if tracing.injects_meta() { " and in `params._meta`" } else { "" };
        lines.push(format!("tracing on: servers get the trace context in headers{meta}"));
        let parents = if tracing.parent_based { "" } else { ", whatever their parents say" };
        lines
            .push(format!("        samples {} of the traces that begin here{parents}", tracing.sample_ratio));
    } else {
        lines.push("tracing off: trace headers and `params._meta` pass untouched".to_owned());
    }
    let spans = tracing.otlp.as_ref().is_some_and(|otlp| otlp.traces.is_some());
    if tracing.enabled && !spans {
        lines.push("        spans go nowhere: tracing.otlp names no endpoint".to_owned());
    }
    if let Some(otlp) = &tracing.otlp {
        lines.extend(exported(tracing, otlp));
    }
    lines
}

/// Where telemetry is sent, and with what.
fn exported(tracing: &Tracing, otlp: &Otlp) -> Vec<String> {
    let protocol = match otlp.protocol {
        OtlpProtocol::HttpProtobuf => "http/protobuf",
        OtlpProtocol::Grpc => "grpc",
    };
    let gzip = if otlp.gzip { ", gzip" } else { "" };
    let traces = otlp.traces.as_ref().filter(|_| tracing.enabled);
    let mut lines = Vec::new();
    for (what, url) in [("spans", traces), ("metrics", otlp.metrics.as_ref()), ("lines", otlp.logs.as_ref())]
    {
        lines.extend(url.map(|url| format!("        {what} -> {url} ({protocol}{gzip})")));
    }
    if traces.is_some() {
        let slow = tracing.slow_threshold.is_some();
        let slow = if slow {
            format!(" and calls slower than {}", wait(tracing.slow_threshold))
        } else {
            String::new()
        };
        lines.push(format!("        errors{slow} are sent even where they were not sampled"));
    }
    lines.extend(otlp.headers.iter().map(|(name, _)| format!("        sends {name}: ***")));
    lines.extend(tracing.resource.iter().map(|(name, value)| format!("        {name} = {value}")));
    lines
}

fn logs(logs: &Logs) -> Vec<String> {
    let format = match logs.format {
        LogFormat::Auto => "pretty on a terminal, else JSON",
        LogFormat::Json => "JSON",
        LogFormat::Pretty => "pretty",
    };
    let level = match logs.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let calls = if logs.calls { "with a line for each call" } else { "without calls" };
    let mut lines = vec![format!("logs    {format}; level {level}, {calls}")];
    if let Some(file) = &logs.file {
        let (path, size, files) = (file.path.display(), size(file.max_size), file.max_files);
        let gzip = if file.compress { ", gzip" } else { "" };
        lines.push(format!("        also to {path}: {files} files of {size}{gzip}"));
    }
    let captured = [("arguments", logs.capture.arguments), ("results", logs.capture.results)];
    for (what, _) in captured.iter().filter(|(_, captured)| *captured) {
        lines.push(format!(
            "        {what} are logged, redacted, up to {}",
            size(logs.capture.max_bytes as u64)
        ));
    }
    if logs.raw_session_ids {
        lines.push("        ids of sessions are not hashed".to_owned());
    }
    lines.extend(logs.salt.iter().map(|_| "        hashes are keyed with logs.salt: ***".to_owned()));
    lines
}

/// One is enough where clients dial `public_url`.
fn dialled_listeners(config: &Config) -> Vec<std::net::SocketAddr> {
    let many = if config.proxy.public_url.is_some() { 1 } else { config.proxy.listen.len() };
    config.proxy.listen.iter().take(many).copied().collect()
}

fn changed_limits(limits: &Limits) -> Vec<String> {
    let pairs = written(limits).into_iter().zip(written(&Limits::default()));
    let changed = pairs.filter(|(ours, default)| ours != default);
    changed
        .map(|((name, value), (_, default))| format!("        {name} = {value} (default {default})"))
        .collect()
}

/// Every limit as the file writes it; a new one cannot be forgotten here.
fn written(limits: &Limits) -> [(&'static str, String); 22] {
    let Limits {
        max_connections,
        max_connections_per_address,
        max_streams,
        first_byte_timeout,
        header_timeout,
        keep_alive,
        header_bytes,
        max_headers,
        request_body,
        hold_back,
        max_sessions,
        session_idle,
        max_open_calls,
        max_tasks,
        orphan_wait,
        max_label_values,
        max_client_names,
        max_tool_pairs,
        payload_bytes,
        observe_bytes,
        decoded_bytes,
        recent_calls,
    } = limits;
    [
        ("max_connections", count(*max_connections)),
        ("max_connections_per_address", count(*max_connections_per_address)),
        ("max_streams", count(*max_streams)),
        ("first_byte_timeout", wait(*first_byte_timeout)),
        ("header_timeout", wait(*header_timeout)),
        ("keep_alive", wait(*keep_alive)),
        ("header_bytes", size(*header_bytes as u64)),
        ("max_headers", max_headers.to_string()),
        ("request_body", request_body.map_or_else(off, size)),
        ("hold_back", size(*hold_back as u64)),
        ("max_sessions", max_sessions.to_string()),
        ("session_idle", wait(Some(*session_idle))),
        ("max_open_calls", max_open_calls.to_string()),
        ("max_tasks", max_tasks.to_string()),
        ("orphan_wait", wait(Some(*orphan_wait))),
        ("max_label_values", max_label_values.to_string()),
        ("max_client_names", max_client_names.to_string()),
        ("max_tool_pairs", max_tool_pairs.to_string()),
        ("payload_bytes", size(*payload_bytes as u64)),
        ("observe_bytes", size(*observe_bytes as u64)),
        ("decoded_bytes", size(*decoded_bytes)),
        ("recent_calls", recent_calls.to_string()),
    ]
}

fn off() -> String {
    "\"off\"".to_owned()
}

fn count(limit: Option<usize>) -> String {
    limit.map_or_else(off, |count| count.to_string())
}

fn wait(limit: Option<Duration>) -> String {
    limit.map_or_else(off, |wait| format!("\"{}\"", duration_text(wait)))
}

fn size(bytes: u64) -> String {
    let text = size_text(bytes);
    if text.ends_with('B') { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn one() -> Config {
        Config::from_upstreams(&["http://127.0.0.1:3001/mcp".to_owned()]).expect("a configuration")
    }

    #[test]
    fn a_bare_upstream_is_found_at_its_own_path() {
        let expected = "The configuration is valid.\n\nlisten  127.0.0.1:8080\nadmin   127.0.0.1:9464 (/metrics, /health)\n\n\
             server  127.0.0.1\n        http://127.0.0.1:8080/mcp -> http://127.0.0.1:3001/mcp\n        \
             every path passes unchanged to http://127.0.0.1:3001\n\n\
             tracing on: servers get the trace context in headers\n        samples 1 of the traces that begin here\n        \
             spans go nowhere: tracing.otlp names no endpoint\n\
             logs    pretty on a terminal, else JSON; level info, with a line for each call\n\
             tokens  estimated: one for every four bytes\n";
        assert_eq!(describe(&one()), expected);
    }

    #[test]
    fn links_of_calls_are_listed_without_what_the_environment_gave() {
        let text = "[[server]]\nname = \"a\"\nurl = \"http://127.0.0.1:1/mcp\"\n[admin.links]\ntrace = \"https://${HOST}/{trace_id}\"\nlogs = \"https://l.example.com/\"\n";
        let host = |name: &str| (name == "HOST").then(|| "hidden.example.com".to_owned());
        let told = describe(&crate::config::parse(text, "config.toml", &host).expect("a configuration"));
        for line in
            ["calls lead to trace: https://***/{trace_id}\n", "calls lead to logs: https://l.example.com/\n"]
        {
            assert!(told.contains(line), "{told}");
        }
    }

    #[test]
    fn limits_are_listed_where_they_differ() {
        let mut config = one();
        config.limits.max_connections = None;
        config.limits.max_tasks = 7;
        config.limits.keep_alive = Some(Duration::from_millis(1500));
        assert_eq!(
            changed_limits(&config.limits),
            [
                "        max_connections = \"off\" (default 10000)",
                "        keep_alive = \"1500ms\" (default \"75s\")",
                "        max_tasks = 7 (default 100000)",
            ]
        );
    }
}
