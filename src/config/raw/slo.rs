//! `server.slo`, as it is written.

use std::time::Duration;

use serde::Deserialize;

use super::Optional;
use super::duration::Wait;
use super::number::Ratio;
use super::written::Written;
use crate::config::error::Fault;

#[derive(Debug, Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table such as { availability = 0.999, latency = \"2.5s\", latency_target = 0.99 }"
)]
pub(in crate::config) struct Slo {
    pub(in crate::config) availability: Optional<Ratio>,
    pub(in crate::config) latency: Optional<Latency>,
    pub(in crate::config) latency_target: Optional<Ratio>,
}

/// How long something may take: a duration as elsewhere, or seconds with a fraction, as the bounds of histograms are
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Latency(pub(in crate::config) Duration);

impl Written for Latency {
    const EXPECTED: &'static str = "a duration such as \"250ms\" or \"2.5s\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let whole = Wait::from_text(text).ok().and_then(|wait| wait.0);
        whole.or_else(|| fraction(text)).map(Self).ok_or_else(|| {
            Fault::new(
                format!("expected {}", Self::EXPECTED),
                "digits and one unit without a space: ms, s, m or h",
            )
        })
    }
}

/// `2.5s`, to the millisecond.
fn fraction(text: &str) -> Option<Duration> {
    let (seconds, part) = text.strip_suffix('s')?.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(part) || part.len() > 3 || seconds.len() > 7 {
        return None;
    }
    let ms = seconds.parse::<u64>().ok()? * 1000 + format!("{part:0<3}").parse::<u64>().ok()?;
    Some(Duration::from_millis(ms)).filter(|latency| !latency.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_a_fraction() {
        for (text, ms) in [("2.5s", 2500), ("0.05s", 50), ("250ms", 250), ("10s", 10_000), ("1m", 60_000)] {
            assert_eq!(Latency::from_text(text), Ok(Latency(Duration::from_millis(ms))), "{text}");
        }
        for text in ["", "off", "0s", "0.0s", "2.5", ".5s", "2.s", "1.2345s", "2.5m", "-1.5s"] {
            assert!(Latency::from_text(text).is_err(), "{text}");
        }
    }
}
