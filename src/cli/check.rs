//! `sightglass check`: what a configuration resolves to.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

use super::arguments::ServeArgs;
use crate::config::{Config, Limits, Server};

/// Prints what `args` resolve to and answers 0. A configuration that is refused is the error; the caller prints it and
/// exits with [`super::EXIT_USAGE`].
pub fn run(args: &ServeArgs, env: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<ExitCode> {
    let config = super::resolve(args, env)?;
    std::io::stdout().lock().write_all(describe(&config).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A configuration for people: what listens where, what is mounted where, and which limits are not the default ones.
pub fn describe(config: &Config) -> String {
    let mut lines = vec!["The configuration is valid.".to_owned(), String::new()];
    let tls = if config.proxy.tls.is_some() { " (TLS)" } else { "" };
    lines.extend(config.proxy.listen.iter().map(|address| format!("listen  {address}{tls}")));
    lines.push(format!("admin   {} (/metrics, /health)", config.admin.listen));
    lines.push(String::new());
    lines.extend(config.servers.iter().flat_map(|server| mount(config, server)));
    if !config.metrics.enabled {
        lines.extend([String::new(), "metrics are off: nothing is observed".to_owned()]);
    }
    let limits = changed_limits(&config.limits);
    if !limits.is_empty() {
        lines.extend([String::new(), "limits that are not the default:".to_owned()]);
        lines.extend(limits);
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
    lines
}

/// One is enough where clients dial `public_url`.
fn dialled_listeners(config: &Config) -> Vec<std::net::SocketAddr> {
    let many = if config.proxy.public_url.is_some() { 1 } else { config.proxy.listen.len() };
    config.proxy.listen.iter().take(many).copied().collect()
}

/// `Debug` of both sides names every field, so that a new limit cannot be forgotten here.
fn changed_limits(limits: &Limits) -> Vec<String> {
    let (ours, default) = (format!("{limits:#?}"), format!("{:#?}", Limits::default()));
    let fields = |text: &str| -> Vec<(String, String)> {
        let joined = text.replace("Some(\n        ", "").replace(",\n    ),", ",").replace("None", "off");
        let field = |line: &str| line.trim().trim_end_matches(',').split_once(": ").map(own);
        joined.lines().filter_map(field).collect()
    };
    let changed = fields(&ours).into_iter().zip(fields(&default)).filter(|(ours, default)| ours != default);
    changed
        .map(|((name, value), (_, default))| format!("        {name} = {value} (default {default})"))
        .collect()
}

fn own((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
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
             every path passes unchanged to http://127.0.0.1:3001\n";
        assert_eq!(describe(&one()), expected);
    }

    #[test]
    fn limits_are_listed_where_they_differ() {
        let mut config = one();
        config.limits.max_connections = None;
        config.limits.max_tasks = 7;
        config.limits.keep_alive = Some(std::time::Duration::from_millis(1500));
        assert_eq!(
            changed_limits(&config.limits),
            [
                "        max_connections = off (default 10000)",
                "        keep_alive = 1.5s (default 75s)",
                "        max_tasks = 7 (default 100000)",
            ]
        );
    }
}
