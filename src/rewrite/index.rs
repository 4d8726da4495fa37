//! Which mount takes a request, where there are many: found by the name of the host and by the path.
//!
//! # Why
//! A walk over all mounts costs 100 instructions for each. Here a request costs one look-up for its host and one for
//! each length of prefix that ends at a segment of its path, however many mounts there are.

use std::borrow::Cow;
use std::collections::HashMap;

use super::path::split_port;

/// The places of mounts in the order in which they are asked.
#[derive(Debug)]
pub(super) struct Index {
    /// Those of one host, by its name in lower case.
    named: HashMap<Box<str>, Paths>,
    /// Those of every host.
    any: Paths,
}

/// The mounts of one host name, or of all.
#[derive(Debug, Default)]
struct Paths {
    /// How long prefixes are here: each length once.
    lengths: Vec<usize>,
    by_prefix: HashMap<Box<str>, Vec<Place>>,
    /// Those without a prefix, which take every path.
    every: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    at: usize,
    /// The port that the host has to have; `None` = any.
    port: Option<u16>,
}

impl Index {
    /// Of mounts in the order in which they are asked: host and prefix of each.
    pub(super) fn new<'a>(mounts: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Self {
        let mut index = Self { named: HashMap::new(), any: Paths::default() };
        for (at, (host, prefix)) in mounts.enumerate() {
            match host.map(host_name) {
                None => index.any.add(prefix, Place { at, port: None }),
                Some((name, port)) => {
                    let name = name.to_ascii_lowercase().into_boxed_str();
                    index.named.entry(name).or_default().add(prefix, Place { at, port });
                }
            }
        }
        index
    }

    /// The first mount that takes a request for `path`; `metadata` is what its OAuth metadata is about, if that is what
    /// it asks for.
    pub(super) fn first(&self, host: Option<&str>, path: &str, metadata: Option<&str>) -> Option<usize> {
        let named = || {
            let (name, port) = host_name(host?);
            self.named.get(&*lower_case(name))?.first(port, path, metadata)
        };
        // Whatever has a host stands before all that has none.
        let named = if self.named.is_empty() { None } else { named() };
        named.or_else(|| self.any.first(None, path, metadata))
    }
}

impl Paths {
    fn add(&mut self, prefix: Option<&str>, place: Place) {
        let Some(prefix) = prefix else {
            self.every.push(place);
            return;
        };
        if !self.lengths.contains(&prefix.len()) {
            self.lengths.push(prefix.len());
        }
        self.by_prefix.entry(prefix.into()).or_default().push(place);
    }

    fn first(&self, port: Option<u16>, path: &str, metadata: Option<&str>) -> Option<usize> {
        let about = metadata.into_iter().flat_map(|place| self.prefixes(place));
        let places = self.prefixes(path).chain(about).chain([&self.every]).flatten();
        places.filter(|place| place.port.is_none() || place.port == port).map(|place| place.at).min()
    }

    /// The mounts whose prefix `path` is under.
    fn prefixes(&self, path: &str) -> impl Iterator<Item = &Vec<Place>> {
        self.lengths.iter().filter_map(move |length| {
            let ends_a_segment = path.as_bytes().get(*length).is_none_or(|next| *next == b'/');
            // Longer than the path, it is no prefix; where a character goes on, it is none either.
            path.get(..*length).filter(|_| ends_a_segment).and_then(|prefix| self.by_prefix.get(prefix))
        })
    }
}

/// Name and port of a Host field: the dot at the end of a name says nothing.
pub(super) fn host_name(host: &str) -> (&str, Option<u16>) {
    let (name, port) = split_port(host);
    (name.strip_suffix('.').unwrap_or(name), port)
}

fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}
