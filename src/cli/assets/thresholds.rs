//! When alerts fire: each threshold by name, with its default.

use crate::config::Error;

macro_rules! thresholds {
    ($($name:ident = $default:literal, $help:literal;)+) => {
        /// The thresholds of all alerts.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Thresholds {
            $(#[doc = $help] pub $name: f64,)+
        }

        impl Default for Thresholds {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Thresholds {
            /// Name, default, and what it is, in the order of the alerts.
            pub const ALL: &'static [(&'static str, f64, &'static str)] =
                &[$((stringify!($name), $default, $help),)+];

            fn slot(&mut self, name: &str) -> Option<&mut f64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)+
                    _ => None,
                }
            }
        }

        /// The list for `--help`.
        pub const HELP: &str = concat!(
            "Thresholds, with their defaults:",
            $("\n  ", stringify!($name), "=", stringify!($default), "  ", $help,)+
            "\n\nExamples:\n  sightglass assets monitoring --config config.toml\n  ",
            "sightglass assets monitoring --threshold tool_error_ratio=0.02 --threshold daily_cost_usd=500"
        );
    };
}

thresholds! {
    consecutive_failures = 5.0, "failures of a server in a row, critical";
    consecutive_failures_warning = 3.0, "the same, as a warning";
    health_score = 0.95, "share of servers that must be healthy";
    certificate_days = 14.0, "days until a certificate ends, a warning";
    certificate_days_critical = 3.0, "the same, critical";
    tool_error_ratio = 0.05, "share of a tool's calls that fail";
    tool_calls = 20.0, "calls in 5 minutes that such a share is judged by, at least";
    server_error_ratio = 0.1, "share of a server's requests that fail, critical";
    tool_p95_seconds = 2.5, "95th percentile of what a tool takes, seconds";
    tool_p99_seconds = 5.0, "99th percentile of what a tool takes, seconds";
    stuck_seconds = 300.0, "age of an unanswered call, seconds";
    overhead_seconds = 0.005, "99th percentile of the proxy's own share, seconds";
    auth_failure_ratio = 0.2, "share of credentials that are refused";
    auth_attempts = 20.0, "attempts in 5 minutes that such a share is judged by, at least";
    auth_attempts_per_second = 100.0, "attempts a second, critical";
    auth_attempts_factor = 10.0, "attempts, as a multiple of the last day's, critical";
    limit_ratio = 0.9, "used share of connections, sessions and bulkheads";
    memory_ratio = 0.85, "used share of the memory limit";
    descriptor_ratio = 0.85, "used share of file descriptors";
    cost_factor = 2.0, "an hour's cost, as a multiple of the week's hourly mean";
    daily_cost_usd = 100.0, "cost of a day, US dollars";
    degraded_alerts = 3.0, "alerts of one server that together make it degraded";
    log_errors = 50.0, "error lines of a server in 5 minutes";
}

impl Thresholds {
    /// The defaults, with `NAME=VALUE` in place of some.
    pub fn read(written: &[String]) -> Result<Self, Error> {
        let mut thresholds = Self::default();
        for text in written.iter().filter(|text| !text.is_empty()) {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let slot = thresholds.slot(name).ok_or_else(|| unknown(name))?;
            let number = value.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
            *slot = number.ok_or_else(|| no_number(name, value))?;
        }
        Ok(thresholds)
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = Thresholds::ALL.iter().map(|(name, ..)| *name).collect();
    Error::new(format!("there is no threshold `{name}`"), format!("it is one of {}", names.join(", ")))
}

fn no_number(name: &str, value: &str) -> Error {
    Error::new(format!("`{value}` is no threshold"), format!("write a number: --threshold {name}=0.05"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_set_by_name() {
        let read = |text: &str| Thresholds::read(&[text.to_owned()]);
        assert_eq!(Thresholds::read(&[]).expect("the defaults"), Thresholds::default());
        let other = Thresholds { tool_error_ratio: 0.02, ..Thresholds::default() };
        assert_eq!(read("tool_error_ratio=0.02").expect("a threshold"), other);
        for wrong in
            ["tool_error_ratio", "tool_error_ratio=", "tool_error_ratio=-1", "tool_error_ratio=inf", "x=1"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
