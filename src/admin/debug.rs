//! `PUT /api/debug/sessions/{hash}?for=10m`: payloads of one session in the log, for a while.
//!
//! # Why only here
//! Whoever may do this may read what users say. This version knows no `admin.token`, so only who is at the machine may:
//! a listener that others reach refuses, and a loopback one refuses a `Host` that is a name of somebody else, by which a
//! web page that a browser on this machine shows could ask (DNS rebinding).

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, HOST};
use http::{HeaderValue, Method, Response, StatusCode, request};
use http_body_util::Full;
use serde_json::json;

use super::pages::{JSON, page};
use crate::config;
use crate::observe::Observer;

/// Before the session's hash.
pub(super) const SESSIONS: &str = "/api/debug/sessions/";

/// How long where nobody says.
const USUAL: Duration = Duration::from_secs(10 * 60);

/// What is longer is forgotten, and then logs payloads that nobody wanted.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The answer to whoever may see no more than numbers.
pub(super) fn only_here() -> Response<Full<Bytes>> {
    refusal(
        StatusCode::FORBIDDEN,
        "only /metrics and health are served where others can connect",
        "set admin.listen to a loopback address such as 127.0.0.1:9464 and ask there; this version has no admin.token",
    )
}

/// The answer to whoever asks by the name of another machine; `None` = it may ask.
pub(super) fn other_machine(request: &request::Parts) -> Option<Response<Full<Bytes>>> {
    let named = request.uri.host().or_else(|| request.headers.get(HOST)?.to_str().ok());
    let refuse = || {
        let (error, hint) =
            ("the Host header names another machine", "ask for 127.0.0.1, [::1] or localhost");
        refusal(StatusCode::FORBIDDEN, error, hint)
    };
    (!named.is_some_and(is_own_name)).then(refuse)
}

/// The answer to a request for one session.
pub(super) fn answer(observer: &Observer, session: &str, request: &request::Parts) -> Response<Full<Bytes>> {
    if request.method != Method::PUT {
        let mut refusal = refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            "only PUT is known here",
            "PUT …?for=10m, or ?for=0s to end it",
        );
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("PUT"));
        return refusal;
    }
    let long = match duration(request.uri.query().unwrap_or_default()) {
        Ok(long) => long,
        Err(hint) => {
            return refusal(StatusCode::BAD_REQUEST, "`for` is no duration that can be used here", &hint);
        }
    };
    let session = decoded(session);
    if !observer.debug_session(&session, long) {
        return refusal(
            StatusCode::NOT_FOUND,
            "no such session",
            "name it as session_id in the log names it; one that has ended is forgotten",
        );
    }
    let body = json!({ "session": session, "for_seconds": long.as_secs_f64() });
    page(StatusCode::OK, JSON, body.to_string())
}

fn refusal(status: StatusCode, error: &str, hint: &str) -> Response<Full<Bytes>> {
    page(status, JSON, json!({ "error": error, "hint": hint }).to_string())
}

/// What `for` says: the usual time where it is not there; or what is wrong with it.
fn duration(query: &str) -> Result<Duration, String> {
    let said = query.split('&').filter_map(|pair| pair.strip_prefix("for=")).next_back();
    let Some(said) = said else { return Ok(USUAL) };
    let long = config::duration(&decoded(said)).map_err(|error| error.to_string())?.unwrap_or_default();
    if long > LONGEST {
        return Err("at most 24h; ask again when they are over".to_owned());
    }
    Ok(long)
}

/// Whether a `Host` is a loopback address or the name of one.
fn is_own_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Percent-escapes resolved; what is no escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| byte == b'%').and_then(|two| std::str::from_utf8(two).ok());
        let escaped = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for host in
            ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.1.2.3:1", "[::1]:9464", "[::1]", "localhost."]
        {
            assert!(is_own_name(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "10.0.0.1:9464",
            "127.0.0.1.nip.io",
            "[::2]",
            "0.0.0.0",
        ] {
            assert!(!is_own_name(host), "{host}");
        }
    }

    #[test]
    fn a_time_is_at_most_a_day() {
        assert_eq!(duration(""), Ok(USUAL));
        assert_eq!(duration("for=90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("for=0s"), Ok(Duration::ZERO));
        assert_eq!(duration("for=24h"), Ok(LONGEST));
        for query in ["for=", "for=25h", "for=ten", "for=5", "for=1d"] {
            assert!(duration(query).is_err(), "{query}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_what_is_none_stays() {
        assert_eq!(decoded("a%2Fb%zz%4"), "a/b%zz%4");
    }
}
