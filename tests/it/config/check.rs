//! What must hold for any text that is given as `config.toml`; the tests and the fuzz target ask the same.

use serde_json::Value;
use sightglass::admin::shown;
use sightglass::config::{self, Config};

/// What every value of the environment begins with.
const SECRET: &str = "s3cr3t-";

/// Any bytes: a mistake is told with its place, and what is accepted is shown without its secrets and can be read again.
pub(crate) fn input(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if text.contains(SECRET) || text.len() > 1 << 16 {
        return;
    }
    match config::parse(text, "config.toml", &environment) {
        Ok(config) => accepted(&config),
        Err(error) => told(text, &error.to_string(), &error.without_line()),
    }
}

/// Of any name but those that have a meaning of their own.
fn environment(name: &str) -> Option<String> {
    (!name.starts_with("OTEL_")).then(|| format!("{SECRET}{name}"))
}

/// The message draws the line and a caret under it, says what to do, and holds nothing of the environment.
fn told(text: &str, message: &str, without_line: &str) {
    assert!(!message.contains(SECRET) && !without_line.contains(SECRET), "{message}");
    assert!(message.contains("hint: "), "{message}");
    let Some(rest) = message.strip_prefix("config.toml, line ") else { return };
    let (number, rest) = rest.split_once(", column ").expect("a column");
    let line: usize = number.parse().expect("a number");
    assert!((1..=text.split('\n').count()).contains(&line), "{message}");
    let mut lines = rest.split('\n').skip(1);
    let gutter = " ".repeat(number.len());
    assert_eq!(lines.next(), Some(format!("{gutter} |").as_str()), "{message}");
    let shown = lines.next().and_then(|shown| shown.strip_prefix(number)?.strip_prefix(" | "));
    assert!(shown.is_some_and(|shown| shown.chars().count() <= 160), "{message}");
    let caret = lines.next().and_then(|under| under.strip_prefix(&gutter)?.strip_prefix(" | "));
    let caret = caret.expect("a line for the caret").trim_start_matches(' ');
    assert!(!caret.is_empty() && caret.bytes().all(|byte| byte == b'^'), "{message}");
    assert!(without_line.starts_with(&format!("config.toml, line {line}, column ")), "{without_line}");
}

fn accepted(config: &Config) {
    let told = shown(config).expect("it can be shown");
    assert!(!told.to_string().contains(SECRET), "{told:#}");
    for place in ["/admin/token", "/logs/salt"] {
        is_masked(told.pointer(place));
    }
    let otlp = told.pointer("/tracing/otlp/headers");
    let servers = told["server"].as_array().expect("a list").iter().map(|server| server.get("headers"));
    for headers in servers.chain([otlp]).flatten().filter_map(Value::as_object) {
        headers.values().for_each(|value| is_masked(Some(value)));
    }
    read_again(config);
}

fn is_masked(secret: Option<&Value>) {
    assert!(secret.is_none_or(|secret| secret.is_null() || secret == config::MASK), "{secret:?}");
}

/// What is shown is a file that says the same, where nothing was masked or resolved into something else.
fn read_again(config: &Config) {
    let is_plain = config.tracing.otlp.is_none()
        && config.admin.token.is_none()
        && config.logs.salt.is_none()
        && config.from_environment.places().next().is_none()
        && config
            .servers
            .iter()
            .all(|server| server.headers.is_empty() && server.from_environment.is_empty());
    if !is_plain {
        return;
    }
    let text = as_file(config);
    let again = config::parse(&text, "config.toml", &|_| None);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{text}"));
    // Warnings name what was written.
    let config = Config { warnings: again.warnings.clone(), ..config.clone() };
    assert_eq!(again, config, "{text}");
}

/// The file that says what is told.
pub(crate) fn as_file(config: &Config) -> String {
    let mut told = serde_json::to_value(config).expect("it can be told");
    // The file does not say them: they come from the variables of OpenTelemetry.
    let tracing = told["tracing"].as_object_mut().expect("a table");
    tracing.remove("parent_based").expect("it is told");
    tracing.remove("resource").expect("it is told");
    without_nulls(&mut told);
    escape_dollars(&mut told);
    toml::to_string(&told).expect("TOML")
}

/// Without what has no value: TOML knows no null.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(table) => {
            table.retain(|_, value| !value.is_null());
            table.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A `$` that is meant stands there twice.
fn escape_dollars(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('$', "$$"),
        Value::Object(table) => table.values_mut().for_each(escape_dollars),
        Value::Array(list) => list.iter_mut().for_each(escape_dollars),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
