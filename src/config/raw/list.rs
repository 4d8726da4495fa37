//! Keys that take one value, or an array of them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::written::{Value, Written};

/// Values, each with its place where it stands in an array. Never judges how many they are.
#[derive(Debug, Clone)]
pub(in crate::config) struct OneOrMany<T>(Vec<(T, Option<Range<usize>>)>);

impl<T> OneOrMany<T> {
    /// The values with their places: that of `raw` for one that stands alone.
    pub(in crate::config) fn each(raw: Spanned<Self>) -> Vec<Spanned<T>> {
        let whole = raw.span();
        let places = raw.into_inner().0.into_iter();
        places.map(|(value, place)| Spanned::new(place.unwrap_or_else(|| whole.clone()), value)).collect()
    }
}

impl<'de, T: Written> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values(PhantomData))
    }
}

struct Values<T>(PhantomData<T>);

impl<T: Written> Values<T> {
    fn one<E: de::Error>(read: Result<T, crate::config::error::Fault>) -> Result<OneOrMany<T>, E> {
        read.map(|value| OneOrMany(vec![(value, None)])).map_err(E::custom)
    }
}

impl<'de, T: Written> Visitor<'de> for Values<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, or an array of them", T::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany<T>, E> {
        Self::one(T::from_text(text))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<OneOrMany<T>, E> {
        Self::one(T::from_integer(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<OneOrMany<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element::<Spanned<Value<T>>>()? {
            let place = value.span();
            values.push((value.into_inner().0, Some(place)));
        }
        Ok(OneOrMany(values))
    }
}
