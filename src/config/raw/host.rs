//! Host names: of URLs, of mounts, of what is answered for; and the origins of pages.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::written::Written;
use crate::config::error::Fault;

/// What stands for any host or origin.
const ANY: &str = "*";

/// A host without a port, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct HostName(pub(in crate::config) String);

/// A host with or without a port, in lower case; or `*`, any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct AllowedHost(pub(in crate::config) String);

/// A value of `Origin`: `scheme://host`, `scheme://host:port` or `null`; or `*`, any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct AllowedOrigin(pub(in crate::config) String);

impl Written for HostName {
    const EXPECTED: &'static str = "a host name such as \"mcp.example.com\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if is_host(text) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Fault::new(format!("expected {}", Self::EXPECTED), host_hint(text)))
    }
}

fn host_hint(text: &str) -> &'static str {
    if text.contains("://") {
        "leave out the scheme and the path"
    } else if text.contains('*') {
        "a wildcard is not understood; write each name"
    } else if text.contains(':') {
        "leave out the port: a mount is found by name alone; IPv6 addresses stand in brackets"
    } else {
        "letters, digits, `-`, `_` and dots; IPv6 addresses stand in brackets"
    }
}

impl Written for AllowedHost {
    const EXPECTED: &'static str = "a host name such as \"mcp.example.com\" or \"mcp.example.com:8443\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let hint = if text.contains('*') {
            "write each name, or \"*\" alone to answer for any name"
        } else if text.contains("://") {
            "leave out the scheme and the path"
        } else {
            "a name without a port matches any port; IPv6 addresses stand in brackets"
        };
        match split_port(text) {
            Ok((host, _)) if is_host(host) || text == ANY => Ok(Self(text.to_ascii_lowercase())),
            _ => Err(Fault::new(format!("expected {}", Self::EXPECTED), hint)),
        }
    }
}

impl Written for AllowedOrigin {
    const EXPECTED: &'static str = "an origin such as \"https://app.example.com\", or \"null\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let hint = if text.contains('*') {
            "write each origin, or \"*\" alone to accept any page"
        } else {
            "write it as browsers send it: scheme, host and any port, no path and no trailing slash"
        };
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        };
        let valid = text == "null"
            || text == ANY
            || text.split_once("://").is_some_and(|(scheme, authority)| {
                is_scheme(scheme) && split_port(authority).is_ok_and(|(host, _)| is_host(host))
            });
        if valid {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Fault::new(format!("expected {}", Self::EXPECTED), hint))
    }
}

/// `host` and `host:port` apart; the brackets of an IPv6 address stay with the host.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<u16>), Fault> {
    let colon = match authority.rfind(':') {
        Some(colon) if authority.rfind(']').is_none_or(|bracket| bracket < colon) => colon,
        _ => return Ok((authority, None)),
    };
    let (host, port) = authority.split_at(colon);
    let digits = port.trim_start_matches(':');
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port) if valid && port > 0 => Ok((host, Some(port))),
        _ => Err(Fault::new(
            "the port is no number from 1 to 65535",
            "write it like `host:8080`, or leave it out",
        )),
    }
}

/// A name (letters, digits, `-`, `_`, labels apart by dots), an IPv4 address, or an IPv6 address in brackets.
pub(super) fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in
            ["localhost", "a-b_c.example", "example.com.", "10.0.0.1", "[::1]", "xn--bcher-kva.example"]
        {
            assert!(is_host(host), "{host}");
        }
        for host in ["", ".", "a..b", "::1", "[::1", "[]", "a b", "ü", "a/b", &"a".repeat(64)] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn allowed_hosts_may_name_a_port() {
        for text in ["h", "h:1", "[::1]", "[::1]:8080", "*"] {
            assert_eq!(AllowedHost::from_text(text), Ok(AllowedHost(text.to_owned())));
        }
        for text in ["", "*:1", "*.h", "h:", "h:x", "http://h", "h/", "h:1:2"] {
            assert!(AllowedHost::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origins_are_as_browsers_send_them() {
        for text in ["null", "*", "https://h", "http://h:1", "vscode-webview://0abc", "http://[::1]:8080"] {
            assert_eq!(AllowedOrigin::from_text(text), Ok(AllowedOrigin(text.to_owned())));
        }
        for text in ["", "h", "https://h/", "https://h/x", "https://", "1x://h", "https://*.h"] {
            assert!(AllowedOrigin::from_text(text).is_err(), "{text}");
        }
    }
}
