//! Fields that end at a hop (RFC 9110 §7.6.1).
//!
//! # Why
//!
//! What `Connection` names goes, as the RFC demands, but never what both ends must agree upon for the message to keep
//! its meaning: RFC 9110 calls naming such a field an error of the sender, and obeying it would let a client take the
//! framing, the route or the credentials off a request on its way. `Trailer` stays although it is old custom to drop
//! it: hyper sends over HTTP/1.1 only the trailers that it names. `TE` is reduced to `trailers`, the only value that
//! has a meaning across versions. A `Content-Length` beside `Transfer-Encoding` means nothing and could cut the message
//! off, so it goes (RFC 9112 §6.3). Maps are rebuilt because removing from one changes the order of what stays.

use std::collections::HashSet;

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};

/// Never forwarded.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-authentication-info",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Forwarded even where `Connection` names them.
const END_TO_END: [&str; 7] = [
    "host",
    "content-length",
    "content-type",
    "content-encoding",
    "authorization",
    "cache-control",
    "trailer",
];

/// Room for what is added to a head on its way.
const ADDED_LATER: usize = 8;

/// Not allowed in trailers (RFC 9110 §6.5.1), beside the hop-by-hop ones: framing, routing, who asks. A server that
/// merges trailers into the head would take them for what this proxy has judged.
const NOT_IN_TRAILERS: [&str; 12] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "trailer",
    "via",
    "x-real-ip",
];

/// The fields of a request as they go to the server: order of names, duplicates and separate lines as they came.
/// With `upgrade` the offer to change protocols is passed on.
pub fn request_fields(from: HeaderMap, upgrade: bool) -> HeaderMap {
    end_to_end(from, upgrade)
}

/// The fields of a response as they go to the client; with `upgrade`, it is the `101` that changes protocols.
pub fn response_fields(from: HeaderMap, upgrade: bool) -> HeaderMap {
    end_to_end(from, upgrade)
}

/// Trailers as they go on.
pub fn trailers(from: HeaderMap) -> HeaderMap {
    let ends_here = |name: &HeaderName| {
        let name = name.as_str();
        HOP_BY_HOP.contains(&name) || NOT_IN_TRAILERS.contains(&name) || name.starts_with("x-forwarded-")
    };
    if !from.keys().any(ends_here) {
        return from;
    }
    let mut to = HeaderMap::with_capacity(from.keys_len());
    for (name, value) in from.iter().filter(|(name, _)| !ends_here(name)) {
        to.append(name.clone(), value.clone());
    }
    to
}

/// Whether a head asks to change protocols, or does: `Connection: upgrade` with an `Upgrade`. HTTP/2 over clear text
/// (`h2c`) concerns one hop alone and is not passed on.
pub fn wants_upgrade(fields: &HeaderMap) -> bool {
    tokens(fields, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        && tokens(fields, &UPGRADE).next().is_some()
        && !tokens(fields, &UPGRADE).any(|token| token.eq_ignore_ascii_case("h2c"))
}

/// Whether a message is in a transfer coding that nobody here takes off: all but `chunked`, once. Sent on without its
/// name, the body would be another.
pub fn is_in_another_coding(fields: &HeaderMap) -> bool {
    let is = |coding: &&str, name: &str| coding.eq_ignore_ascii_case(name);
    let mut codings = tokens(fields, &TRANSFER_ENCODING).filter(|coding| !is(coding, "identity"));
    codings.next().is_some_and(|first| !is(&first, "chunked")) || codings.next().is_some()
}

/// Makes one line of the cookies that a client split over several, as HTTP/2 allows and earlier versions do not
/// (RFC 9113 §8.2.3).
pub fn join_cookies(fields: &mut HeaderMap) {
    let lines: Vec<&[u8]> = fields.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&lines.join(b"; ".as_slice()))
    {
        fields.insert(COOKIE, joined);
    }
}

fn end_to_end(from: HeaderMap, upgrade: bool) -> HeaderMap {
    if !from.keys().any(is_hop_by_hop) {
        return from;
    }
    let named = named_by_connection(&from);
    let is_coded = from.contains_key(TRANSFER_ENCODING);
    let trailers = accepts_trailers(&from);
    let mut to = HeaderMap::with_capacity(from.keys_len() + ADDED_LATER);
    for (name, value) in each(from) {
        if name == TE {
            // Once, where the first line stood.
            if trailers && !to.contains_key(TE) {
                to.append(TE, HeaderValue::from_static("trailers"));
            }
        } else if upgrade && name == CONNECTION {
            to.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        } else if is_coded && name == CONTENT_LENGTH {
            // The chunks decide.
        } else if (upgrade && name == UPGRADE) || !ends_here(&name, &named) {
            to.append(name, value);
        }
    }
    to
}

/// The lines of a map, each with its name.
fn each(map: HeaderMap) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let mut last = None;
    map.into_iter().filter_map(move |(name, value)| {
        // A line of the same name as the one before comes without it.
        if name.is_some() {
            last = name;
        }
        Some((last.clone()?, value))
    })
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

fn ends_here(name: &HeaderName, named: &HashSet<HeaderName>) -> bool {
    is_hop_by_hop(name) || (!named.is_empty() && named.contains(name) && !END_TO_END.contains(&name.as_str()))
}

fn accepts_trailers(fields: &HeaderMap) -> bool {
    tokens(fields, &TE).any(|token| {
        let coding = token.split(';').next().unwrap_or_default();
        coding.trim().eq_ignore_ascii_case("trailers")
    })
}

/// The fields that `Connection` names; a set, for a hostile list is long.
fn named_by_connection(fields: &HeaderMap) -> HashSet<HeaderName> {
    let usual = |token: &&str| ["keep-alive", "close"].iter().any(|usual| token.eq_ignore_ascii_case(usual));
    let unusual = tokens(fields, &CONNECTION).filter(|token| !usual(token));
    unusual.filter_map(|token| HeaderName::try_from(token).ok()).collect()
}

/// The members of a list field, over all its lines.
fn tokens<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let lines = fields.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    fn lines(map: &HeaderMap) -> Vec<(&str, &str)> {
        map.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_ends_at_a_hop_is_dropped_and_the_rest_keeps_its_order() {
        let from = map(&[
            ("accept", "a"),
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("set-cookie", "b"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "x"),
            ("upgrade", "h2c"),
            ("trailer", "x-sum"),
            ("set-cookie", "c"),
            ("mcp-session-id", "d"),
        ]);
        let expected = [
            ("accept", "a"),
            ("set-cookie", "b"),
            ("set-cookie", "c"),
            ("trailer", "x-sum"),
            ("mcp-session-id", "d"),
        ];
        assert_eq!(lines(&request_fields(from.clone(), false)), expected);
        assert_eq!(lines(&response_fields(from.clone(), false)), expected);
    }

    #[test]
    fn a_client_cannot_take_the_framing_or_the_credentials_off() {
        let kept = [("host", "h"), ("content-length", "3"), ("authorization", "a"), ("content-type", "t")];
        let mut from = map(&kept);
        let names = "Host, content-length, Authorization, content-type, x-a,, @";
        from.append(CONNECTION, HeaderValue::from_static(names));
        from.append("x-a", HeaderValue::from_static("1"));
        assert_eq!(lines(&request_fields(from.clone(), false)), kept);
    }

    #[test]
    fn te_keeps_trailers_alone() {
        let from = map(&[("te", "gzip, Trailers"), ("te", "deflate;q=0.5"), ("connection", "te")]);
        assert_eq!(lines(&request_fields(from.clone(), false)), [("te", "trailers")]);
        assert!(request_fields(map(&[("te", "gzip")]), false).is_empty());
    }

    #[test]
    fn an_upgrade_is_passed_on_when_asked_for() {
        let from = map(&[("connection", "keep-alive"), ("connection", "Upgrade"), ("upgrade", "websocket")]);
        assert!(wants_upgrade(&from));
        assert_eq!(
            lines(&request_fields(from.clone(), true)),
            [("connection", "upgrade"), ("upgrade", "websocket")]
        );
        assert!(!wants_upgrade(&map(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")])));
        assert!(!wants_upgrade(&map(&[("upgrade", "websocket")])));
    }

    #[test]
    fn trailers_lose_what_belongs_in_a_head() {
        let claims = [("x-forwarded-for", "10.0.0.1"), ("authorization", "a"), ("origin", "b")];
        let mut from = map(&[("x-sum", "1"), ("content-length", "3"), ("x-sum", "2")]);
        from.extend(map(&claims));
        assert_eq!(lines(&trailers(from)), [("x-sum", "1"), ("x-sum", "2")]);
    }

    #[test]
    fn a_list_of_thousands_is_no_work() {
        let names = (0..10_000).map(|number| format!("n{number}")).collect::<Vec<_>>().join(",");
        let mut from = map(&[("x-a", "1")]);
        from.append(CONNECTION, HeaderValue::try_from(names).unwrap());
        assert_eq!(lines(&request_fields(from.clone(), false)), [("x-a", "1")]);
    }

    #[test]
    fn chunked_alone_is_understood() {
        for codings in [["chunked", ""], ["Chunked", "identity"], ["identity", ""]] {
            assert!(!is_in_another_coding(&map(&codings.map(|coding| ("transfer-encoding", coding)))));
        }
        for codings in [["gzip", "chunked"], ["chunked", "chunked"], ["chunked, gzip", ""]] {
            assert!(is_in_another_coding(&map(&codings.map(|coding| ("transfer-encoding", coding)))));
        }
    }
}
