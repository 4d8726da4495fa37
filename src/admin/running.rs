//! `GET /api/config`: the configuration that runs, secrets masked.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::Value;

use super::pages::{JSON, page, refusal};
use crate::config::{Config, FromEnvironment, MASK, Step};

/// The configuration that is told; another one after a reload.
#[derive(Clone)]
pub struct Shown(Arc<ArcSwap<Config>>);

impl Shown {
    pub(super) fn new(config: &Config) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(config.clone())))
    }

    /// This one runs from now on.
    pub fn follow(&self, config: &Config) {
        self.0.store(Arc::new(config.clone()));
    }

    /// The one that runs now.
    pub(super) fn running(&self) -> Arc<Config> {
        self.0.load_full()
    }

    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        answer(&self.0.load())
    }
}

/// The answer: the tables and keys of `config.toml`, each with its value or its default, `null` where it has none.
fn answer(config: &Config) -> Response<Full<Bytes>> {
    match shown(config) {
        Ok(shown) => page(StatusCode::OK, JSON, format!("{shown:#}\n")),
        Err(error) => refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the configuration cannot be shown",
            &format!("this is a fault of the program, please report it: {error}"),
        ),
    }
}

/// What is told of a configuration.
pub fn shown(config: &Config) -> serde_json::Result<Value> {
    let mut shown = serde_json::to_value(config)?;
    for place in config.from_environment.places() {
        mask(&mut shown, place);
    }
    for (position, (_, server)) in config.running().enumerate() {
        if let Some(shown) = shown.get_mut("server").and_then(|servers| servers.get_mut(position)) {
            server.from_environment.iter().for_each(|place| mask(shown, place));
        }
    }
    hide(&mut shown, &config.from_environment);
    Ok(shown)
}

/// Masks what stands at `place`.
fn mask(value: &mut Value, place: &[Step]) {
    let inner = match place.first() {
        None => {
            *value = Value::from(MASK);
            return;
        }
        Some(Step::Key(key)) => value.get_mut(key),
        Some(Step::Index(index)) => value.get_mut(index),
    };
    if let (Some(inner), Some((_, rest))) = (inner, place.split_first()) {
        mask(inner, rest);
    }
}

/// Masks values of the environment wherever else they came to stand.
fn hide(value: &mut Value, environment: &FromEnvironment) {
    match value {
        Value::String(text) => *text = environment.hide_in(text),
        Value::Array(values) => values.iter_mut().for_each(|value| hide(value, environment)),
        Value::Object(values) => values.values_mut().for_each(|value| hide(value, environment)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
