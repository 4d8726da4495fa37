//! Address blocks: `10.0.0.0/8`, `::1/128`, or a bare address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::written::Written;
use crate::config::Network;
use crate::config::error::Fault;

impl Written for Network {
    const EXPECTED: &'static str = "a network such as \"10.0.0.0/8\" or \"fd00::/8\", or an address";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok().ok_or_else(unreadable)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| {
            prefix.parse::<u8>().ok().filter(|prefix| *prefix <= bits).ok_or_else(|| {
                Fault::new(
                    format!("the prefix is no number from 0 to {bits}"),
                    format!("write the leading bits that count: {address}/{bits} is this address alone"),
                )
            })
        })?;
        let first = first_address(address, prefix);
        if first == address {
            return Ok(Self { address, prefix });
        }
        Err(Fault::new(
            format!("{address} is not the first address of its /{prefix} network"),
            format!("write \"{first}/{prefix}\" for the network, or \"{address}\" for this address alone"),
        ))
    }
}

fn first_address(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

fn unreadable() -> Fault {
    Fault::new(
        format!("expected {}", Network::EXPECTED),
        "write addresses, not names; loopback is \"127.0.0.0/8\" and \"::1\"",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses() {
        for (text, prefix) in [
            ("10.0.0.0/8", 8),
            ("0.0.0.0/0", 0),
            ("::/0", 0),
            ("::1", 128),
            ("127.0.0.1", 32),
            ("fd00::/8", 8),
        ] {
            assert_eq!(Network::from_text(text).map(|network| network.prefix), Ok(prefix), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "10.0.0.1/8", "10/8", "10.0.0.0/33", "::/129", "::1/0", "a/8", "10.0.0.0/", "10.0.0.0/-1"]
        {
            assert!(Network::from_text(text).is_err(), "{text}");
        }
    }
}
