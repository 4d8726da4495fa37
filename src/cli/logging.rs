//! The program's own lines: JSON for collectors, pretty for people (`telemetry.md` §5).

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::time::FormatTime;

use crate::config::{LogFormat, LogLevel, Logs};

/// Writes lines to standard output from now on. A second call changes nothing.
pub fn start(logs: &Logs) {
    let level = match logs.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt().with_max_level(level).with_target(false).with_timer(Utc);
    // Nobody reads them any more: the proxy goes on, and does not complain on a stream that may be closed too.
    let lines = lines.log_internal_errors(false);
    // An error means that a subscriber is there already: embedded in another program, its own.
    let _ = if is_json(logs.format) {
        lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        lines.with_ansi(std::io::stdout().is_terminal()).try_init()
    };
}

/// The one line on start: what listens where, and what is mounted where.
pub fn started(format: LogFormat, listen: &[SocketAddr], admin: SocketAddr, mounts: &[String]) {
    let line = if is_json(format) {
        serde_json::json!({
            "timestamp": timestamp(),
            "level": "INFO",
            "event": "started",
            "message": "sightglass is listening",
            "version": env!("CARGO_PKG_VERSION"),
            "listen": listen.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "admin": admin.to_string(),
            "mounts": mounts,
        })
        .to_string()
    } else {
        let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
        format!(
            "sightglass {} listens on {}; dial {}; metrics at http://{admin}/metrics",
            env!("CARGO_PKG_VERSION"),
            listen.join(", "),
            mounts.join(", "),
        )
    };
    // Nobody reads standard output any more: the proxy goes on.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stdout().is_terminal(),
    }
}

/// RFC 3339, UTC, milliseconds.
struct Utc;

impl FormatTime for Utc {
    fn format_time(&self, writer: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        writer.write_str(&timestamp())
    }
}

fn timestamp() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", now.subsec_millis())
}

/// Days since 1970-01-01 → year, month, day (proleptic Gregorian calendar, Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::civil;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }
}
