//! How a value becomes its type: from a string, or from a plain number or switch where the type has a meaning for one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

use crate::config::error::Fault;

/// A type that is written as text in the file.
pub(in crate::config) trait Written: Sized {
    /// What stands in "expected …".
    const EXPECTED: &'static str;

    /// The value that `text` stands for.
    fn from_text(text: &str) -> Result<Self, Fault>;

    /// The value that a bare integer stands for.
    fn from_integer(_: i64) -> Result<Self, Fault> {
        Err(Fault::new(format!("expected {}", Self::EXPECTED), "write it in double quotes"))
    }

    /// The value that a bare number with a fraction stands for; `None` = it has no meaning here.
    fn from_float(_: f64) -> Option<Result<Self, Fault>> {
        None
    }

    /// The value that a bare `true` or `false` stands for; `None` = it has no meaning here.
    fn from_switch(_: bool) -> Option<Self> {
        None
    }
}

/// A value of the file that parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Value<T>(pub(in crate::config) T);

impl<'de, T: Written> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader(PhantomData)).map(Self)
    }
}

struct Reader<T>(PhantomData<T>);

impl<T: Written> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        T::from_text(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        T::from_integer(value).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        match T::from_float(value) {
            Some(read) => read.map_err(E::custom),
            None => Err(E::invalid_type(Unexpected::Float(value), &self)),
        }
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<T, E> {
        T::from_switch(value).ok_or_else(|| E::invalid_type(Unexpected::Bool(value), &self))
    }
}
