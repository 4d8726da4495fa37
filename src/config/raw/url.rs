//! URLs, kept as they were written.

use super::host::{is_host, split_port};
use super::written::Written;
use crate::config::Url;
use crate::config::error::Fault;

impl Written for Url {
    const EXPECTED: &'static str = "a URL such as \"http://127.0.0.1:3001/mcp\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            Fault::new(format!("expected {}", Self::EXPECTED), "begin it with `http://` or `https://`")
        })?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(Fault::new("the scheme is neither http nor https", scheme_hint(scheme))),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority_of(authority)?;
        check_path(path)?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { tls, host: host.to_owned(), port, path: path.to_owned() })
    }
}

/// Where telemetry is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Endpoint(pub(in crate::config) Url);

impl Written for Endpoint {
    const EXPECTED: &'static str = "a URL such as \"http://localhost:4318\"";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if !text.contains("://") {
            let hint = "begin it with `http://`, or with `https://` for TLS; with grpc, too";
            return Err(Fault::new(format!("expected {}", Self::EXPECTED), hint));
        }
        Url::from_text(text).map(Self)
    }
}

fn scheme_hint(scheme: &str) -> &'static str {
    match scheme {
        "ws" => "MCP speaks HTTP: write `http://`; WebSocket upgrades pass all the same",
        "wss" => "MCP speaks HTTP: write `https://`; WebSocket upgrades pass all the same",
        _ => "begin it with `http://` or `https://`",
    }
}

fn authority_of(authority: &str) -> Result<(&str, Option<u16>), Fault> {
    if authority.contains('@') {
        return Err(Fault::new(
            "a URL here holds no user name or password",
            "send credentials as a header: headers = { Authorization = \"Basic ${CREDENTIALS}\" }",
        ));
    }
    let (host, port) = split_port(authority)?;
    if is_host(host) {
        return Ok((host, port));
    }
    Err(Fault::new(
        "the host of the URL is no host name, IPv4 address or IPv6 address in brackets",
        "write it like http://mcp.example.com/mcp, http://127.0.0.1:3001/mcp or http://[::1]:3001/mcp",
    ))
}

/// What goes on a request line as it is: RFC 3986 `pchar` and `/`.
fn check_path(path: &str) -> Result<(), Fault> {
    if path.contains('?') {
        return Err(Fault::new(
            "a URL here holds no query",
            "leave out `?` and what follows; the query of each request passes as it came",
        ));
    }
    if path.contains('#') {
        return Err(Fault::new(
            "a URL here holds no fragment",
            "leave out `#` and what follows; it is never sent to a server",
        ));
    }
    check_path_bytes(path)
}

/// Refuses what may stand in no path, and `%` without two hexadecimal digits.
pub(super) fn check_path_bytes(path: &str) -> Result<(), Fault> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(byte);
    if let Some(byte) = path.bytes().find(|byte| !allowed(byte)) {
        return Err(Fault::new(
            "the path holds a character that no URL may hold",
            format!("write it percent-encoded: %{byte:02X}"),
        ));
    }
    let encoded = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if path.split('%').skip(1).all(encoded) {
        return Ok(());
    }
    Err(Fault::new("`%` without two hexadecimal digits", "write a `%` itself as %25"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_kept() {
        for text in [
            "http://127.0.0.1:3001/mcp",
            "http://127.0.0.1:3001/mcp/",
            "https://API.example.com/a%2fb//c/;x=1/",
            "http://[::1]:80/",
            "https://localhost:443/sse",
            "http://under_score/a:b@c",
        ] {
            assert_eq!(Url::from_text(text).map(|url| url.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Url::from_text("HTTP://h").map(|url| url.to_string()).as_deref(), Ok("http://h/"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "h",
            "h:80",
            "/mcp",
            "ftp://h",
            "http://",
            "http:///mcp",
            "http://h:0/",
            "http://h:65536",
            "http://h:/",
            "http://h:+1",
            "http://u@h/",
            "http://u:p@h/",
            "http://h/?q",
            "http://h?q",
            "http://h/#f",
            "http://h/a b",
            "http://h/ü",
            "http://h/%zz",
            "http://h/%2",
            "http://::1/",
            "http://[::1/",
            "http://[g]/",
            "http://a..b/",
            "http://h\r\n/",
            "http://h/\"",
            " http://h",
            "http:// h",
            "unix:///run/x",
        ] {
            assert!(Url::from_text(text).is_err(), "{text}");
        }
    }
}
