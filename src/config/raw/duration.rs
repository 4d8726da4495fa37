//! Durations: `"250ms"`, `"30s"`, `"5m"`, `"1h"`; `"off"` and 0 are none.

use std::time::Duration;

use super::written::Written;
use crate::config::error::Fault;

/// A duration, or `None` for "off".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Wait(pub(in crate::config) Option<Duration>);

/// A year: what is longer is a slip, and sums of durations with the clock stay far from overflow.
const LONGEST_SECONDS: u64 = 365 * 24 * 3600;

impl Written for Wait {
    const EXPECTED: &'static str = "a duration such as \"250ms\", \"30s\", \"5m\" or \"1h\", or \"off\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if matches!(text, "off" | "0") {
            return Ok(Self(None));
        }
        let unit_at = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(unit_at);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(unreadable(text)),
        };
        if digits.is_empty() {
            return Err(unreadable(text));
        }
        let ms = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit_ms));
        match ms.filter(|ms| *ms <= LONGEST_SECONDS * 1000) {
            Some(0) => Ok(Self(None)),
            Some(ms) => Ok(Self(Some(Duration::from_millis(ms)))),
            None => Err(Fault::new("a duration longer than a year", "write \"off\" for no limit")),
        }
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        match value {
            0 => Ok(Self(None)),
            _ => Err(Fault::new(
                format!("expected {}", Self::EXPECTED),
                format!("write a unit, in double quotes: \"{}s\" for seconds", value.unsigned_abs()),
            )),
        }
    }
}

fn unreadable(text: &str) -> Fault {
    let hint = if text.contains('.') {
        "write whole numbers: \"1500ms\" rather than \"1.5s\""
    } else if text.starts_with('-') {
        "a duration is not negative; \"off\" means no limit"
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        "write a unit: ms, s, m or h"
    } else {
        "a whole number and one unit without a space: ms, s, m or h"
    };
    Fault::new(format!("expected {}", Wait::EXPECTED), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_off() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000)] {
            assert_eq!(Wait::from_text(text), Ok(Wait(Some(Duration::from_millis(ms)))), "{text}");
        }
        for text in ["off", "0", "0s", "0ms"] {
            assert_eq!(Wait::from_text(text), Ok(Wait(None)), "{text}");
        }
        assert_eq!(Wait::from_integer(0), Ok(Wait(None)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "s", "5", "5 s", "1.5s", "-1s", "1d", "1h30m", "9999999999999999999h", "8761h", "٣s"]
        {
            assert!(Wait::from_text(text).is_err(), "{text}");
        }
        assert!(Wait::from_integer(5).is_err());
    }
}
