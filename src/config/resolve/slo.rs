//! `server.slo`.

use crate::config::Slo;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Optional, Ratio};

pub(super) fn resolve(raw: raw::Slo) -> Result<Slo, Mistake> {
    let default = Slo::default();
    Ok(Slo {
        availability: target(raw.availability, default.availability)?,
        latency: raw.latency.map_or(default.latency, |latency| latency.into_inner().0.0),
        latency_target: target(raw.latency_target, default.latency_target)?,
    })
}

/// What is allowed to fail is what is burnt: with nothing there is nothing to measure by.
fn target(raw: Optional<Ratio>, default: f64) -> Result<f64, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let target = raw.get_ref().0.0;
    if target > 0.0 && target < 1.0 {
        return Ok(target);
    }
    let message = "expected a share of more than 0 and less than 1";
    Err(Fault::new(message, format!("0.999 is one failure in a thousand; the default is {default}"))
        .at(raw.span()))
}
