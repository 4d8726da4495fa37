//! `[limits]`: which may be "off", and which refuse.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use crate::config::Limits;
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Count, Size, Value, Wait};

/// A key as the file has it.
type Key<'a, T> = Option<&'a Spanned<Value<T>>>;

/// Below, HTTP parsers cannot work; above, one head could fill the memory.
const HEADER_BYTES: RangeInclusive<usize> = 8 * 1024..=16 * 1024 * 1024;

/// Above, the payloads of few calls could fill the memory of all observation.
const MOST_PAYLOAD_BYTES: usize = 16 * 1024 * 1024;

/// Each takes up to two kibibytes.
const MOST_RECENT_CALLS: usize = 100_000;

/// What a header map can hold.
const MOST_HEADERS: usize = 32_768;

pub(super) fn resolve(raw: &raw::Limits) -> Result<Limits, Mistake> {
    let default = Limits::default();
    Ok(Limits {
        max_connections: count(raw.max_connections.as_ref(), default.max_connections),
        max_connections_per_address: count(
            raw.max_connections_per_address.as_ref(),
            default.max_connections_per_address,
        ),
        max_streams: count(raw.max_streams.as_ref(), default.max_streams),
        first_byte_timeout: wait(raw.first_byte_timeout.as_ref(), default.first_byte_timeout),
        header_timeout: wait(raw.header_timeout.as_ref(), default.header_timeout),
        keep_alive: wait(raw.keep_alive.as_ref(), default.keep_alive),
        header_bytes: header_bytes(raw.header_bytes.as_ref(), default.header_bytes)?,
        max_headers: max_headers(raw.max_headers.as_ref(), default.max_headers)?,
        request_body: raw.request_body.as_ref().map_or(default.request_body, |size| size.get_ref().0.0),
        hold_back: hold_back(raw.hold_back.as_ref(), default.hold_back),
        max_sessions: capped(raw.max_sessions.as_ref(), default.max_sessions)?,
        session_idle: finite(raw.session_idle.as_ref(), default.session_idle)?,
        max_open_calls: capped(raw.max_open_calls.as_ref(), default.max_open_calls)?,
        max_tasks: capped(raw.max_tasks.as_ref(), default.max_tasks)?,
        orphan_wait: finite(raw.orphan_wait.as_ref(), default.orphan_wait)?,
        max_label_values: capped(raw.max_label_values.as_ref(), default.max_label_values)?,
        max_client_names: capped(raw.max_client_names.as_ref(), default.max_client_names)?,
        max_tool_pairs: capped(raw.max_tool_pairs.as_ref(), default.max_tool_pairs)?,
        payload_bytes: payload_bytes(raw.payload_bytes.as_ref(), default.payload_bytes)?,
        observe_bytes: memory(raw.observe_bytes.as_ref(), default.observe_bytes)?,
        decoded_bytes: bytes(raw.decoded_bytes.as_ref(), default.decoded_bytes)?,
        recent_calls: recent_calls(raw.recent_calls.as_ref(), default.recent_calls)?,
    })
}

fn count(raw: Key<Count>, default: Option<usize>) -> Option<usize> {
    raw.map_or(default, |count| count.get_ref().0.0)
}

fn wait(raw: Key<Wait>, default: Option<Duration>) -> Option<Duration> {
    raw.map_or(default, |wait| wait.get_ref().0.0)
}

fn hold_back(raw: Key<Size>, default: usize) -> usize {
    raw.map_or(default, |size| in_memory(size.get_ref().0.0.unwrap_or(0)))
}

/// 0 is none here, rather than any number.
fn recent_calls(raw: Key<Count>, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let count = raw.get_ref().0.0.unwrap_or(0);
    if count > MOST_RECENT_CALLS {
        let message = format!("expected at most {MOST_RECENT_CALLS} calls");
        return Err(Fault::new(message, format!("the default is {default}; 0 keeps none")).at(raw.span()));
    }
    Ok(count)
}

/// The number of entries of a table.
fn capped(raw: Key<Count>, default: usize) -> Result<usize, Mistake> {
    match raw {
        None => Ok(default),
        Some(raw) => raw.get_ref().0.0.ok_or_else(|| unlimited(default).at(raw.span())),
    }
}

/// How long an entry of a table may live.
fn finite(raw: Key<Wait>, default: Duration) -> Result<Duration, Mistake> {
    match raw {
        None => Ok(default),
        Some(raw) => {
            let default = format!("\"{}s\"", default.as_secs());
            raw.get_ref().0.0.ok_or_else(|| unlimited(default).at(raw.span()))
        }
    }
}

fn bytes(raw: Key<Size>, default: u64) -> Result<u64, Mistake> {
    match raw {
        None => Ok(default),
        Some(raw) => {
            let default = format!("\"{}MiB\"", default / 1024 / 1024);
            raw.get_ref().0.0.ok_or_else(|| unlimited(default).at(raw.span()))
        }
    }
}

fn memory(raw: Key<Size>, default: usize) -> Result<usize, Mistake> {
    bytes(raw, default as u64).map(in_memory)
}

fn payload_bytes(raw: Key<Size>, default: usize) -> Result<usize, Mistake> {
    let size = memory(raw, default)?;
    match raw.filter(|_| size > MOST_PAYLOAD_BYTES) {
        None => Ok(size),
        Some(raw) => {
            let hint = format!("the default is \"{}MiB\"", default / 1024 / 1024);
            Err(Fault::new("expected a size up to \"16MiB\" for what is kept of a payload", hint)
                .at(raw.span()))
        }
    }
}

fn header_bytes(raw: Key<Size>, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let size = raw.get_ref().0.0.map(in_memory);
    size.filter(|size| HEADER_BYTES.contains(size)).ok_or_else(|| {
        let hint = format!("the default is \"{}KiB\"", default / 1024);
        Fault::new("expected \"8KiB\" to \"16MiB\" for the head of a request", hint).at(raw.span())
    })
}

fn max_headers(raw: Key<Count>, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    raw.get_ref().0.0.filter(|count| *count <= MOST_HEADERS).ok_or_else(|| {
        let message = format!("expected 1 to {MOST_HEADERS} header fields");
        Fault::new(message, format!("the default is {default}")).at(raw.span())
    })
}

fn unlimited(default: impl std::fmt::Display) -> Fault {
    Fault::new(
        "this limit cannot be switched off: what is remembered about traffic is bounded",
        format!("raise it if it is too low; the default is {default}"),
    )
}

/// Sizes are far below this on machines of 64 bits; smaller machines have no more anyway.
fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
