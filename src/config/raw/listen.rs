//! Addresses to listen on.

use std::net::SocketAddr;

use super::written::Written;
use crate::config::error::Fault;

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
