//! What stands before one server. A guard that is written and lets everything through would mislead: none of its values
//! may be "off".

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use super::or;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Count, Optional, Wait};
use crate::config::{Bulkhead, CircuitBreaker, Rate, RateKey};

/// Each is remembered until it is older than the window.
const MOST_FAILURES: usize = 1000;

/// Above, clocks are too coarse; below, nobody waits for the next.
const PER_SECOND: RangeInclusive<f64> = 0.001..=1_000_000.0;

const MOST_BURST: u32 = 1_000_000;

/// `call_timeout` is that of the same server.
pub(super) fn bulkhead(
    raw: Spanned<raw::Bulkhead>,
    call_timeout: Option<Duration>,
) -> Result<Bulkhead, Mistake> {
    let span = raw.span();
    let raw = raw.into_inner();
    let Some(max) = raw.max else {
        let hint = "say how many exchanges may be under way at once: bulkhead = { max = 100 }";
        return Err(Fault::new("`bulkhead` without `max`", hint).at(span));
    };
    let max = max.get_ref().0.0.ok_or_else(|| {
        let message = "expected a whole number: at least one exchange at once";
        Fault::new(message, "remove `bulkhead` for no limit").at(max.span())
    })?;
    let default = Bulkhead::new(max);
    let queue = or(raw.queue, Count(Some(default.queue))).0.unwrap_or_default();
    let wait = raw.wait.map(|wait| waiting(&wait, queue, call_timeout)).transpose()?;
    Ok(Bulkhead { max, queue, wait: wait.unwrap_or(default.wait) })
}

fn waiting(
    raw: &Spanned<raw::Value<Wait>>,
    queue: usize,
    call_timeout: Option<Duration>,
) -> Result<Duration, Mistake> {
    let fault = |message, hint| Err(Fault::new(message, hint).at(raw.span()));
    match raw.get_ref().0.0 {
        _ if queue == 0 => fault("`wait` without a `queue` would do nothing", "add queue = 50, or remove it"),
        None => fault("nobody waits in the queue without end", "the default is \"1s\""),
        Some(wait) if call_timeout.is_some_and(|limit| limit <= wait) => {
            fault("a call would be over before its `wait` is", "make it shorter than `call_timeout`")
        }
        Some(wait) => Ok(wait),
    }
}

pub(super) fn circuit_breaker(raw: raw::CircuitBreaker) -> Result<CircuitBreaker, Mistake> {
    let default = CircuitBreaker::default();
    let failures = raw.failures.map(|failures| {
        let count = failures.get_ref().0.0.filter(|count| *count <= MOST_FAILURES);
        count.ok_or_else(|| {
            let message = format!("expected 1 to {MOST_FAILURES} failures that open it");
            Fault::new(message, format!("the default is {}", default.failures)).at(failures.span())
        })
    });
    Ok(CircuitBreaker {
        failures: failures.transpose()?.unwrap_or(default.failures),
        window: finite(raw.window, "how long a failure counts", default.window)?,
        open_for: finite(raw.open_for, "how long the server is left alone", default.open_for)?,
    })
}

fn finite(raw: Optional<Wait>, what: &str, default: Duration) -> Result<Duration, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    raw.get_ref().0.0.ok_or_else(|| {
        let message = format!("{what} cannot be \"off\"");
        Fault::new(message, format!("the default is \"{}s\"", default.as_secs())).at(raw.span())
    })
}

pub(super) fn rate(raw: Spanned<raw::Rate>) -> Result<Rate, Mistake> {
    let span = raw.span();
    let raw = raw.into_inner();
    let Some(per_second) = raw.per_second else {
        let hint = "say how many requests may come in a second: rate = { per_second = 100 }";
        return Err(Fault::new("`rate` without `per_second`", hint).at(span));
    };
    let span = per_second.span();
    let per_second = per_second.into_inner().0.0;
    if !PER_SECOND.contains(&per_second) {
        let message = "expected 0.001 to 1000000 requests a second";
        let hint = "0.5 is one every two seconds; remove `rate` for no limit";
        return Err(Fault::new(message, hint).at(span));
    }
    Ok(Rate { per_second, burst: burst(raw.burst, per_second)?, key: or(raw.key, RateKey::default()) })
}

/// By default as many as a second lets through.
fn burst(raw: Optional<Count>, per_second: f64) -> Result<u32, Mistake> {
    let Some(raw) = raw else { return Ok(whole(per_second.ceil())) };
    let count = raw.get_ref().0.0.and_then(|count| u32::try_from(count).ok());
    count.filter(|count| *count <= MOST_BURST).ok_or_else(|| {
        let message = format!("expected 1 to {MOST_BURST} requests at once");
        Fault::new(message, "the default is as many as a second lets through").at(raw.span())
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 1,000,000")]
fn whole(number: f64) -> u32 {
    number as u32
}
