//! `[logs]`.

use std::path::Path;

use toml::Spanned;

use super::{at_least_one, files, or};
use crate::config::error::{Fault, Mistake};
use crate::config::raw::{self, Optional, Size, Value};
use crate::config::{Capture, LogFile, LogLevel, Logs};

/// A file that is rotated more often than a line fills it would only turn round.
const SMALLEST_FILE_BYTES: u64 = 1024;

/// The default of `logs.file.max_size`.
const FILE_BYTES: u64 = 10 * 1024 * 1024;

/// The default of `logs.file.max_files`.
const FILES: usize = 5;

pub(super) fn resolve(raw: raw::Logs, base: &Path) -> Result<Logs, Mistake> {
    let default = Logs::default();
    Ok(Logs {
        format: or(raw.format, default.format),
        level: or(raw.level, default.level),
        calls: raw.calls.unwrap_or(default.calls),
        queue: at_least_one(raw.queue.as_ref(), "line", default.queue)?,
        file: raw.file.map(|file| log_file(file, base)).transpose()?,
        capture: capture(raw.capture, default.capture)?,
        redact_keys: raw.redact_keys.map(redact_keys).transpose()?.unwrap_or_default(),
        raw_session_ids: raw.raw_session_ids.unwrap_or(default.raw_session_ids),
        salt: raw.salt.map(|salt| salt.into_inner().0),
    })
}

/// What the operator should know of `logs` though it is no mistake.
///
/// # Why
/// Payloads are logged at `debug`, but a session can also be debugged for a while, whatever the level: to capture above
/// `debug` is a way to prepare for that, and perhaps a slip.
pub(super) fn warning(logs: &Logs) -> Option<String> {
    let captures = logs.capture.arguments || logs.capture.results;
    (captures && logs.level < LogLevel::Debug).then(|| {
        "logs.capture: payloads are logged at level \"debug\"; above it, only of sessions that are being debugged"
            .to_owned()
    })
}

fn log_file(file: Spanned<raw::LogFile>, base: &Path) -> Result<LogFile, Mistake> {
    let span = file.span();
    let raw::LogFile { path, max_size, max_files, compress } = file.into_inner();
    let Some(path) = path.filter(|path| !path.get_ref().is_empty()) else {
        let hint = "write file = { path = \"sightglass.log\" }; lines go to standard output in any case";
        return Err(Fault::new("`file` without `path`", hint).at(span));
    };
    Ok(LogFile {
        path: files::writable(&path, base)?,
        max_size: file_bytes(max_size.as_ref())?,
        max_files: at_least_one(max_files.as_ref(), "file", FILES)?,
        compress: compress.unwrap_or(true),
    })
}

fn file_bytes(raw: Option<&Spanned<Value<Size>>>) -> Result<u64, Mistake> {
    let Some(raw) = raw else { return Ok(FILE_BYTES) };
    let size = raw.get_ref().0.0.filter(|size| *size >= SMALLEST_FILE_BYTES);
    size.ok_or_else(|| {
        let message = "expected at least \"1KiB\" for the size at which a file is rotated";
        Fault::new(message, "the default is \"10MiB\"").at(raw.span())
    })
}

fn capture(raw: raw::Capture, default: Capture) -> Result<Capture, Mistake> {
    Ok(Capture {
        arguments: raw.arguments.unwrap_or(default.arguments),
        results: raw.results.unwrap_or(default.results),
        max_bytes: capture_bytes(raw.max_bytes, default.max_bytes)?,
    })
}

/// A captured payload waits in a queue: it is bounded.
const MOST_CAPTURED_BYTES: u64 = 1024 * 1024;

fn capture_bytes(raw: Optional<Size>, default: usize) -> Result<usize, Mistake> {
    let Some(raw) = raw else { return Ok(default) };
    let size = raw.get_ref().0.0.filter(|size| *size <= MOST_CAPTURED_BYTES);
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        let message = "expected a size up to \"1MiB\" for what is logged of a payload";
        let hint = "the default is \"4KiB\"; to log none of it, leave `arguments` and `results` false";
        Fault::new(message, hint).at(raw.span())
    })
}

fn redact_keys(raw: Vec<Spanned<String>>) -> Result<Vec<String>, Mistake> {
    match raw.iter().find(|key| key.get_ref().trim().is_empty()) {
        Some(key) => {
            let hint = "write the name of a member as the payloads have it, in any case";
            Err(Fault::new("a key without a name", hint).at(key.span()))
        }
        None => Ok(raw.into_iter().map(|key| key.into_inner().to_lowercase()).collect()),
    }
}
