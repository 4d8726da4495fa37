//! How a server is asked how it is.

use std::time::Duration;

use toml::{Spanned, Value};

use crate::config::Probe;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Wait};

pub(super) fn resolve(raw: raw::Probe) -> Result<Probe, Mistake> {
    let default = Probe::default();
    let interval = finite(raw.interval.as_ref(), default.interval)?;
    if let Some(written) = raw.interval.filter(|_| interval < Probe::SHORTEST_INTERVAL) {
        let fault = Fault::new("a server is asked at most every second", "the default is \"30s\"");
        return Err(fault.at(written.span()));
    }
    let timeout = finite(raw.timeout.as_ref(), default.timeout.min(interval))?;
    if let Some(written) = raw.timeout.filter(|_| timeout > interval) {
        let hint = "make it at most as long as `interval`";
        return Err(Fault::new("a probe would not be over when the next one begins", hint).at(written.span()));
    }
    if raw.call.is_none() {
        alone(raw.arguments.as_ref(), "arguments")?;
        alone(raw.expect.as_ref(), "expect")?;
    }
    Ok(Probe {
        interval,
        timeout,
        call: raw.call.map(|call| named(call, "write the name as `tools/list` gives it")).transpose()?,
        arguments: raw.arguments.map(arguments).transpose()?.unwrap_or_default(),
        expect: raw
            .expect
            .map(|text| named(text, "write what stands in the result, or remove it"))
            .transpose()?,
    })
}

fn finite(raw: Option<&Spanned<raw::Value<Wait>>>, default: Duration) -> Result<Duration, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    raw.get_ref().0.0.ok_or_else(|| {
        Fault::new("a probe without a pause, or without an end", "remove `probe` to ask nothing")
            .at(raw.span())
    })
}

fn alone<T>(raw: Option<&Spanned<T>>, key: &str) -> Result<(), Mistake> {
    match raw {
        None => Ok(()),
        Some(raw) => {
            let message = format!("`{key}` without `call` would do nothing");
            Err(Fault::new(message, "name the tool that a probe may call: call = \"echo\"").at(raw.span()))
        }
    }
}

fn named(raw: Spanned<String>, hint: &str) -> Result<String, Mistake> {
    if raw.get_ref().is_empty() {
        return Err(Fault::new("an empty text", hint.to_owned()).at(raw.span()));
    }
    Ok(raw.into_inner())
}

/// They are sent as JSON, which has no dates and no infinite numbers.
fn arguments(raw: Spanned<toml::Table>) -> Result<toml::Table, Mistake> {
    let span = raw.span();
    let table = raw.into_inner();
    if table.values().all(is_json) {
        return Ok(table);
    }
    let hint = "write a date in double quotes";
    Err(Fault::new("arguments are sent as JSON, which has no dates and no infinite numbers", hint).at(span))
}

fn is_json(value: &Value) -> bool {
    match value {
        Value::Datetime(_) => false,
        Value::Float(number) => number.is_finite(),
        Value::String(_) | Value::Integer(_) | Value::Boolean(_) => true,
        Value::Array(values) => values.iter().all(is_json),
        Value::Table(table) => table.values().all(is_json),
    }
}
