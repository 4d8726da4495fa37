//! Handles of series, kept so that a fact costs an addition and not a look-up by name.
//!
//! # Why
//! Registering costs 71–158 ns a time, a held handle 10–35 ns (`dependencies.md`). No idle timeout: with held
//! handles it would lose increments for ever.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::Hash;
use std::sync::{OnceLock, PoisonError, RwLock};

use metrics::{Counter, Gauge, Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;

use crate::mcp::Method;

/// One label of a series.
pub(super) type Pair<'a> = (&'static str, &'a str);

/// Label values in short form: small numbers instead of text.
pub(super) trait Short: Hash + Eq {}

impl<T: Hash + Eq> Short for T {}

const METADATA: Metadata<'static> = Metadata::new("sightglass", Level::INFO, None);

/// The handle of a counter.
pub(super) fn counter(recorder: &PrometheusRecorder, name: &'static str, labels: &[Pair<'_>]) -> Counter {
    recorder.register_counter(&key(name, labels), &METADATA)
}

/// The handle of a gauge.
pub(super) fn gauge(recorder: &PrometheusRecorder, name: &'static str, labels: &[Pair<'_>]) -> Gauge {
    recorder.register_gauge(&key(name, labels), &METADATA)
}

fn key(name: &'static str, labels: &[Pair<'_>]) -> Key {
    let labels = labels.iter().map(|(name, value)| metrics::Label::new(*name, (*value).to_owned()));
    Key::from_parts(name, labels.collect::<Vec<_>>())
}

/// Labels as the page writes them, without braces.
pub(super) fn labels_text<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (label, value) in labels {
        // Writing to a String cannot fail.
        let _ = write!(text, "{label}=\"{}\",", escaped(value));
    }
    text.pop();
    text
}

/// A label's value as the page writes it.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    } else {
        Cow::Borrowed(value)
    }
}

/// So many handles of a family are kept; when there are more, all are found by their names again.
const HANDLES_MAX: usize = 4096;

/// The handles of a family, or of several together, by label values in short form.
pub(super) struct Series<K, H> {
    known: RwLock<HashMap<K, H, foldhash::fast::RandomState>>,
}

impl<K, H> Default for Series<K, H> {
    fn default() -> Self {
        Self { known: RwLock::default() }
    }
}

impl<K: Short, H> Series<K, H> {
    /// Uses the handle of a key, made at its first use.
    pub(super) fn with(&self, key: K, make: impl FnOnce() -> H, apply: impl FnOnce(&H)) {
        if let Some(handle) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            apply(handle);
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= HANDLES_MAX {
            known.clear();
        }
        apply(known.entry(key).or_insert_with(make));
    }
}

/// The handles of a family whose only label is the method: by its position.
pub(super) struct ByMethod<H>([OnceLock<H>; Method::ALL.len()]);

impl<H> Default for ByMethod<H> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl<H: Clone> ByMethod<H> {
    /// The handle of a method, made at its first use.
    pub(super) fn of(&self, method: Method, make: impl FnOnce() -> H) -> Cow<'_, H> {
        match self.0.get(method as usize) {
            Some(handle) => Cow::Borrowed(handle.get_or_init(make)),
            None => Cow::Owned(make()),
        }
    }
}
