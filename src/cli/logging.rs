//! The program's own lines, beside those of the traffic: the same keys, the same places (`telemetry.md` §5).

use std::borrow::Cow;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{LogFormat, LogLevel, Logs};
use crate::export::{Console, Line, Log, Value, json, pretty};

/// Where lines go once there is a log; until then they are printed.
static LOG: ArcSwapOption<Log> = ArcSwapOption::const_empty();

/// How lines look that are printed.
static LOOK: OnceLock<Look> = OnceLock::new();

#[derive(Debug, Clone, Copy)]
struct Look {
    pretty: bool,
    color: bool,
    level: LogLevel,
}

/// Tells what the program says of itself on standard output from now on. A second call changes nothing.
pub fn start(logs: &Logs) {
    LOOK.get_or_init(|| Look::of(logs));
    let level = match logs.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // What libraries say below a warning is for those who look for a fault in them.
    let libraries = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    let wanted = Targets::new().with_target(OWN_TARGET, level).with_default(libraries);
    // An error means that a subscriber is there already: embedded in another program, its own.
    let _ = Registry::default().with(OwnLines.with_filter(wanted)).try_init();
}

/// Standard output, as the log writes to it: past the buffer and the lock that everybody else shares, so that where
/// it blocks, only the log's thread waits.
pub fn console(logs: &Logs) -> Console {
    let look = Look::of(logs);
    let out: Box<dyn Write + Send> = match std::io::stdout().as_fd().try_clone_to_owned() {
        Ok(out) => Box::new(File::from(out)),
        // It was closed before we came.
        Err(_) => Box::new(std::io::sink()),
    };
    Console { out, pretty: look.pretty, color: look.color }
}

/// Hands all further lines to `log`.
pub fn attach(log: &Arc<Log>) {
    LOG.store(Some(Arc::clone(log)));
}

/// Prints all further lines again.
pub fn detach() {
    LOG.store(None);
}

/// The one line on start: what listens where, and what is mounted where.
pub fn started(listen: &[SocketAddr], admin: SocketAddr, admin_tls: bool, mounts: &[String]) {
    let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
    let version = env!("CARGO_PKG_VERSION");
    let scheme = if admin_tls { "https" } else { "http" };
    let message = format!(
        "sightglass {version} listens on {}; dial {}; console at {scheme}://{admin}/, metrics at {scheme}://{admin}/metrics",
        listen.join(", "),
        mounts.join(", "),
    );
    let mut line = Line::new(LogLevel::Info, "started", message);
    line.fields = vec![
        ("version", Value::from(version)),
        ("listen", Value::List(listen)),
        ("admin", Value::from(admin.to_string())),
        ("mounts", Value::List(mounts.to_vec())),
    ];
    say(line);
}

fn say(line: Line) {
    match &*LOG.load() {
        Some(log) => log.line(line),
        None => print(&line),
    }
}

fn print(line: &Line) {
    let look = LOOK.get_or_init(|| Look::of(&Logs::default()));
    if line.level > look.level {
        return;
    }
    let mut text = Vec::new();
    if look.pretty {
        pretty(line, look.color, &mut text);
    } else {
        json(line, "sightglass", &mut text);
    }
    // Nobody reads standard output any more: the proxy goes on.
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(&text).and_then(|()| out.flush());
}

impl Look {
    fn of(logs: &Logs) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let pretty = match logs.format {
            LogFormat::Json => false,
            LogFormat::Pretty => true,
            LogFormat::Auto => terminal,
        };
        // https://no-color.org
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { pretty, color: terminal && !refused, level: logs.level }
    }
}

/// What begins the target of everything that this crate says.
const OWN_TARGET: &str = "sightglass";

/// Makes lines of what `tracing` is told.
struct OwnLines;

impl<S: Subscriber> Layer<S> for OwnLines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let kind = if metadata.target().starts_with(OWN_TARGET) { "log" } else { Line::LIBRARY };
        let mut fields = Fields { line: Line::new(level(*metadata.level()), kind, String::new()) };
        event.record(&mut fields);
        say(fields.line);
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// A line whose keys are being told.
struct Fields {
    line: Line,
}

impl Fields {
    fn text(&mut self, field: &Field, text: String) {
        match field.name() {
            "message" => self.line.message = text,
            "event" if self.line.event != Line::LIBRARY => self.line.event = Cow::Owned(text),
            _ => self.add(field, Value::from(text)),
        }
    }

    fn add(&mut self, field: &Field, value: Value) {
        self.line.fields.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.text(field, format!("{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Integer(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.text(field, value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Flag(value));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Keeps the lines that become of events.
    struct Kept(Arc<Mutex<Vec<Line>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut fields =
                Fields { line: Line::new(level(*event.metadata().level()), "log", String::new()) };
            event.record(&mut fields);
            self.0.lock().unwrap().push(fields.line);
        }
    }

    #[test]
    fn what_the_program_says_has_the_keys_of_a_line() {
        let lines = Arc::default();
        let subscriber = Registry::default().with(Kept(Arc::clone(&lines)));
        tracing::subscriber::with_default(subscriber, || {
            let error = std::io::Error::other("no room");
            tracing::warn!(%error, tries = 3, left = -1, again = true, "cannot {}", "accept");
            tracing::info!(event = "stopping", grace_seconds = 1.5, "draining");
        });
        let mut text = Vec::new();
        for line in lines.lock().unwrap().iter_mut() {
            line.at = std::time::UNIX_EPOCH;
            json(line, "sightglass", &mut text);
        }
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"warn","event":"log","message":"cannot accept","service":"sightglass","error":"no room","tries":3,"left":"-1","again":true}
        {"timestamp":"1970-01-01T00:00:00.000Z","level":"info","event":"stopping","message":"draining","service":"sightglass","grace_seconds":1.5}
        "#);
    }
}
