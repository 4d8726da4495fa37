//! Addresses to listen on: one, or an array of them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::written::{Value, Written};
use crate::config::error::Fault;

/// Addresses, each with its place where it stands in an array.
#[derive(Debug, Clone)]
pub(in crate::config) struct Listen(pub(in crate::config) Vec<(SocketAddr, Option<Range<usize>>)>);

impl Written for SocketAddr {
    const EXPECTED: &'static str = "an IP address and a port such as \"127.0.0.1:8080\" or \"[::]:8080\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let address = text.parse().ok();
        address.ok_or_else(|| Fault::new(format!("expected {}", Self::EXPECTED), hint(text)))
    }

    fn from_integer(value: i64) -> Result<Self, Fault> {
        Err(Fault::new(format!("expected {}", Self::EXPECTED), port_hint(&value.to_string())))
    }
}

fn hint(text: &str) -> String {
    if let Some(port) = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':')) {
        return port_hint(port);
    }
    if text.contains("://") {
        return "leave out the scheme and the path; TLS is switched on by `tls`".to_owned();
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return "add a port; IPv6 addresses stand in brackets: \"[::1]:8080\"".to_owned();
    }
    "a name is not listened on: write an address of this machine, or \"0.0.0.0:8080\" for all of them"
        .to_owned()
}

fn port_hint(port: &str) -> String {
    format!("\"127.0.0.1:{port}\" for this machine alone, \"0.0.0.0:{port}\" for every network")
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMany)
    }
}

struct OneOrMany;

impl<'de> Visitor<'de> for OneOrMany {
    type Value = Listen;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, or an array of them", SocketAddr::EXPECTED)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Listen, E> {
        SocketAddr::from_text(text).map(|address| Listen(vec![(address, None)])).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Listen, E> {
        SocketAddr::from_integer(value).map(|address| Listen(vec![(address, None)])).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Listen, A::Error> {
        let mut addresses = Vec::new();
        while let Some(value) = sequence.next_element::<Spanned<Value<SocketAddr>>>()? {
            let span = value.span();
            addresses.push((value.into_inner().0, Some(span)));
        }
        if addresses.is_empty() {
            let fault =
                Fault::new("nothing to listen on", "write at least one address: [\"127.0.0.1:8080\"]");
            return Err(de::Error::custom(fault));
        }
        Ok(Listen(addresses))
    }
}
