//! Who asked, told to the server: `X-Forwarded-*`, `Forwarded` (RFC 7239), `Via` (RFC 9110 §7.6.3)
//! (`rewrite.forwarded`), and what the client dialled.
//!
//! # Why
//!
//! A client outside `trusted_networks` may claim anything, so all that it claims is dropped, also the fields we do
//! not set ourselves (`X-Forwarded-Port`, `X-Real-IP`, …): a server that believes them would believe the client. A
//! trusted one is extended: lists grow by its address in one line, as many servers read only the first, and what says
//! how the first client dialled (`-Proto`, `-Host`) stays. `Forwarded` is not begun after `X-Forwarded-*` of a trusted
//! one: a server that prefers it would take the last hop for the first.

use std::net::IpAddr;

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, VIA};
use http::{Version, uri::Authority};

use crate::config::{Network, Url};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// What an untrusted client must not tell the server.
const CLAIMS: [&str; 10] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-real-ip",
];

/// Who sent a request, as this proxy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The address at the other end of the connection.
    pub address: IpAddr,
    /// It came over TLS.
    pub tls: bool,
    /// The version it came in.
    pub version: Version,
    /// The address is in `proxy.trusted_networks`.
    pub trusted: bool,
    /// Host field or `:authority`; `None` when it named none.
    pub host: Option<String>,
}

/// Adds to request fields who asked. Replaces an untrusted client's claims, extends a trusted one's.
pub fn add(fields: &mut HeaderMap, client: &Client) {
    if !client.trusted {
        return Said::of(client.address, client.tls, client.host.as_deref()).replace(fields, client.version);
    }
    let told = Told::read(fields);
    let begun = [&FOR, &PROTO, &HOST].into_iter().any(|name| fields.contains_key(name));
    let address = client.address.to_canonical();
    let host = client.host.as_deref().filter(|host| is_authority(host));
    if !begun || fields.contains_key(FORWARDED) {
        extend(fields, &FORWARDED, &element(address, host, scheme(client.tls)));
    }
    extend(fields, &FOR, &address.to_string());
    if !fields.contains_key(&PROTO) {
        fields.insert(PROTO, HeaderValue::from_static(scheme(told.tls.unwrap_or(client.tls))));
    }
    if let Some(host) = told.host.as_deref().or(host)
        && !fields.contains_key(&HOST)
        && let Ok(host) = HeaderValue::from_str(host)
    {
        fields.insert(HOST, host);
    }
    fields.append(VIA, via(client.version));
}

/// What is said of an untrusted client that dialled one host: the same for all requests of most connections.
#[derive(Debug, Clone)]
pub struct Said {
    forwarded: Option<HeaderValue>,
    address: Option<HeaderValue>,
    proto: &'static str,
    host: Option<HeaderValue>,
}

impl Said {
    /// Of a client at `address`, which named `host`.
    pub fn of(address: IpAddr, tls: bool, host: Option<&str>) -> Self {
        let address = address.to_canonical();
        let host = host.filter(|host| is_authority(host));
        Self {
            forwarded: HeaderValue::try_from(element(address, host, scheme(tls))).ok(),
            address: HeaderValue::try_from(address.to_string()).ok(),
            proto: scheme(tls),
            host: host.and_then(|host| HeaderValue::from_str(host).ok()),
        }
    }

    /// Puts it in the place of what the client claims in a request of this version.
    pub fn replace(&self, fields: &mut HeaderMap, version: Version) {
        drop_claims(fields);
        let lines = [(FORWARDED, &self.forwarded), (FOR, &self.address)];
        for (name, value) in lines.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))) {
            fields.insert(name, value);
        }
        fields.insert(PROTO, HeaderValue::from_static(self.proto));
        if let Some(host) = &self.host {
            fields.insert(HOST, host.clone());
        }
        fields.append(VIA, via(version));
    }
}

/// Whether an address is in one of the networks. An IPv4 address is the same mapped into IPv6.
pub fn is_trusted(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| contains(network, address))
}

/// The address nearest to us in `X-Forwarded-For` that is in none of `trusted`; `peer`, which is, where there is none.
/// What stands before it may be anybody's invention.
pub fn client_address(fields: &HeaderMap, peer: IpAddr, trusted: &[Network]) -> IpAddr {
    let mut nearest = peer;
    let lines = fields.get_all(&FOR).into_iter().rev().filter_map(|line| line.to_str().ok());
    for member in lines.flat_map(|line| line.rsplit(',')) {
        let Some(address) = node(member.trim()) else { break };
        nearest = address;
        if !is_trusted(trusted, address) {
            break;
        }
    }
    nearest
}

/// An address, perhaps with a port: some proxies add it.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

/// `scheme://authority` that the client dialled: `proxy.public_url` where set; else what a trusted client's received
/// fields say (`X-Forwarded-Proto`, `-Host`, `-Port`, or `Forwarded`); else the connection's scheme and the Host.
/// Empty when the client named no host: references then stay without one.
pub fn public_origin(client: &Client, fields: &HeaderMap, public_url: Option<&Url>) -> String {
    if let Some(url) = public_url {
        return url.origin();
    }
    let told = if client.trusted { Told::read(fields) } else { Told::default() };
    let tls = told.tls.unwrap_or(client.tls);
    let host = told.host.or_else(|| client.host.clone()).filter(|host| is_authority(host));
    host.map_or_else(String::new, |host| format!("{}://{host}", scheme(tls)))
}

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// What a proxy before us says of how it was dialled.
#[derive(Default)]
struct Told {
    tls: Option<bool>,
    host: Option<String>,
}

impl Told {
    fn read(fields: &HeaderMap) -> Self {
        let forwarded = first(fields, &FORWARDED);
        let parameter = |name| forwarded.and_then(|element| parameter(element, name));
        let proto = first(fields, &PROTO).map(str::to_owned).or_else(|| parameter("proto"));
        let tls = match proto.map(|proto| proto.to_ascii_lowercase()).as_deref() {
            Some("https") => Some(true),
            Some("http") => Some(false),
            Some(_) | None => None,
        };
        let host = first(fields, &HOST).map(|host| with_port(host, first(fields, &PORT), tls));
        let host = host.or_else(|| parameter("host")).filter(|host| is_authority(host));
        Self { tls, host }
    }
}

/// Some proxies name the port in a field of its own.
fn with_port(host: &str, port: Option<&str>, tls: Option<bool>) -> String {
    let usual = if tls == Some(true) { 443 } else { 80 };
    let has_port = host.parse::<Authority>().is_ok_and(|host| host.port().is_some());
    match port.and_then(|port| port.parse::<u16>().ok()) {
        Some(port) if port != usual && !has_port => format!("{host}:{port}"),
        Some(_) | None => host.to_owned(),
    }
}

/// A name or address with an optional port, and nothing that could break out of a URL or a quoted string.
fn is_authority(host: &str) -> bool {
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte));
    plain && host.parse::<Authority>().is_ok()
}

/// The first member of a list field: what the proxy nearest to the client said.
fn first<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = fields.get(name)?.to_str().ok()?;
    line.split(',').next().map(str::trim).filter(|member| !member.is_empty())
}

/// A parameter of one `Forwarded` element.
fn parameter(element: &str, wanted: &str) -> Option<String> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn drop_claims(fields: &mut HeaderMap) {
    let may_be = |name: &str| name.starts_with("x-") || name.starts_with('f');
    let is_claim = |name: &HeaderName| may_be(name.as_str()) && CLAIMS.contains(&name.as_str());
    if !fields.keys().any(is_claim) {
        return;
    }
    // Rebuilt, as removing would change the order of the others.
    let mut kept = HeaderMap::with_capacity(fields.keys_len());
    for (name, value) in fields.iter().filter(|(name, _)| !is_claim(name)) {
        kept.append(name.clone(), value.clone());
    }
    *fields = kept;
}

/// Adds a member to a list field, all of it in one line.
fn extend(fields: &mut HeaderMap, name: &HeaderName, member: &str) {
    let mut list: Vec<u8> = Vec::new();
    for line in fields.get_all(name) {
        list.extend_from_slice(line.as_bytes());
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(member.as_bytes());
    if let Ok(value) = HeaderValue::from_bytes(&list) {
        fields.insert(name, value);
    }
}

/// One `Forwarded` element. RFC 7239 §4, §6: an IPv6 address is bracketed, and quoted for its colons; so is a port's.
fn element(address: IpAddr, host: Option<&str>, proto: &str) -> String {
    let node = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    match host {
        Some(host) if host.contains([':', '[']) => format!("for={node};host=\"{host}\";proto={proto}"),
        Some(host) => format!("for={node};host={host};proto={proto}"),
        None => format!("for={node};proto={proto}"),
    }
}

fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_09 => "0.9 sightglass",
        Version::HTTP_10 => "1.0 sightglass",
        Version::HTTP_2 => "2 sightglass",
        Version::HTTP_3 => "3 sightglass",
        _ => "1.1 sightglass",
    })
}

fn contains(network: &Network, address: IpAddr) -> bool {
    let (base, prefix) = match network.address {
        IpAddr::V6(base) if network.prefix >= 96 => match base.to_ipv4_mapped() {
            Some(mapped) => (IpAddr::V4(mapped), network.prefix - 96),
            None => (network.address, network.prefix),
        },
        IpAddr::V6(_) | IpAddr::V4(_) => (network.address, network.prefix),
    };
    match (base, address.to_canonical()) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: bool) -> Client {
        Client {
            address: "::ffff:192.0.2.7".parse().unwrap(),
            tls: true,
            version: Version::HTTP_2,
            trusted,
            host: Some("mcp.example.com:8443".to_owned()),
        }
    }

    fn claims() -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-first", "1"),
            ("x-real-ip", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "a.example, b.example"),
            ("forwarded", "for=10.0.0.1;host=\"c.example:1\""),
            ("via", "1.1 front"),
            ("x-last", "2"),
        ] {
            fields.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        fields
    }

    fn lines(fields: &HeaderMap) -> Vec<String> {
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn a_trusted_client_is_extended() {
        let mut fields = claims();
        add(&mut fields, &client(true));
        assert_eq!(
            lines(&fields),
            [
                "x-forwarded-for: 10.0.0.1, 10.0.0.2, 192.0.2.7",
                "x-first: 1",
                "x-real-ip: 10.0.0.1",
                "x-forwarded-proto: http",
                "x-forwarded-host: a.example, b.example",
                "forwarded: for=10.0.0.1;host=\"c.example:1\", for=192.0.2.7;host=\"mcp.example.com:8443\";proto=https",
                "via: 1.1 front",
                "via: 2 sightglass",
                "x-last: 2",
            ]
        );
    }

    #[test]
    fn of_two_ways_to_say_it_neither_contradicts_the_other() {
        let mut fields = HeaderMap::new();
        fields.insert(PROTO, HeaderValue::from_static("http"));
        add(&mut fields, &client(true));
        assert!(!fields.contains_key(FORWARDED));
        let mut fields = HeaderMap::new();
        fields.insert(FORWARDED, HeaderValue::from_static("for=10.0.0.1;proto=http;host=a.example"));
        add(&mut fields, &client(true));
        assert_eq!(fields.get(PROTO).unwrap(), "http");
        assert_eq!(fields.get(HOST).unwrap(), "a.example");
        let mut fields = HeaderMap::new();
        add(&mut fields, &client(true));
        assert_eq!(fields.len(), 5);
    }

    #[test]
    fn an_untrusted_client_claims_in_vain() {
        let mut fields = claims();
        add(&mut fields, &client(false));
        assert_eq!(
            lines(&fields),
            [
                "x-first: 1",
                "via: 1.1 front",
                "via: 2 sightglass",
                "x-last: 2",
                "forwarded: for=192.0.2.7;host=\"mcp.example.com:8443\";proto=https",
                "x-forwarded-for: 192.0.2.7",
                "x-forwarded-proto: https",
                "x-forwarded-host: mcp.example.com:8443",
            ]
        );
    }

    #[test]
    fn an_ipv6_address_is_quoted_and_a_host_that_is_none_left_out() {
        let mut fields = HeaderMap::new();
        let address = "2001:db8::1".parse().unwrap();
        let host = Some("a\";for=evil".to_owned());
        add(&mut fields, &Client { address, host, version: Version::HTTP_11, ..client(false) });
        assert_eq!(fields.get(FORWARDED).unwrap(), "for=\"[2001:db8::1]\";proto=https");
        assert_eq!(fields.get(FOR).unwrap(), "2001:db8::1");
        assert_eq!(fields.get(VIA).unwrap(), "1.1 sightglass");
        assert!(!fields.contains_key(HOST));
    }

    #[test]
    fn networks_hold_what_their_prefix_says() {
        let network = |address: &str, prefix| Network { address: address.parse().unwrap(), prefix };
        let holds = |network: Network, address: &str| is_trusted(&[network], address.parse().unwrap());
        assert!(holds(network("10.0.0.0", 8), "10.255.0.1"));
        assert!(holds(network("10.0.0.0", 8), "::ffff:10.1.2.3"));
        assert!(holds(network("::ffff:10.0.0.0", 104), "10.1.2.3"));
        assert!(!holds(network("10.0.0.0", 8), "11.0.0.1"));
        assert!(holds(network("0.0.0.0", 0), "203.0.113.1"));
        assert!(!holds(network("0.0.0.0", 0), "2001:db8::1"));
        assert!(holds(network("::", 0), "2001:db8::1"));
        assert!(holds(network("::1", 128), "::1"));
        assert!(!holds(network("fe80::", 10), "fec0::1"));
        assert!(!is_trusted(&[], "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_public_origin_is_what_the_first_client_dialled() {
        let url = Url { tls: true, host: "public".to_owned(), port: Some(444), path: "/".to_owned() };
        assert_eq!(public_origin(&client(false), &claims(), Some(&url)), "https://public:444");
        assert_eq!(public_origin(&client(false), &claims(), None), "https://mcp.example.com:8443");
        assert_eq!(public_origin(&client(true), &claims(), None), "http://a.example");
        let mut fields = claims();
        fields.insert(PORT, HeaderValue::from_static("8080"));
        assert_eq!(public_origin(&client(true), &fields, None), "http://a.example:8080");
        let mut fields = HeaderMap::new();
        fields.insert(FORWARDED, HeaderValue::from_static("Host=\"c.example:1\";proto=HTTP, host=d"));
        assert_eq!(public_origin(&client(true), &fields, None), "http://c.example:1");
        assert_eq!(public_origin(&Client { host: None, ..client(false) }, &fields, None), "");
    }
}
