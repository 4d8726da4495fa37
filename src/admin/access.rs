//! Who may ask for what (`interface.md`, Admin API).
//!
//! # Why
//! Numbers and health are for whoever can connect: they hold no content, and who asks for them most has no secrets.
//! Everything else tells what users say, or changes something. Where a token is set, who shows it may: no web page can
//! make a browser send it. Where none is, only who is at the machine may: a listener that others reach refuses, and a
//! loopback one refuses a `Host` that is a name of somebody else, by which a web page that a browser on this machine shows
//! could ask (DNS rebinding). What a web page of somebody else sends to change something is refused in any case.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, request};
use http_body_util::Full;

use super::console;
use super::pages::refusal;
use crate::config::Secret;

/// What browsers say of where a request comes from (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The rules of one listener.
pub(super) struct Access {
    token: Option<Secret>,
    /// Only this machine can ask.
    is_local: bool,
}

impl Access {
    pub(super) fn new(token: Option<Secret>, is_local: bool) -> Self {
        Self { token, is_local }
    }

    /// The answer to who may not ask this; `None` = it may.
    pub(super) fn refusal(&self, request: &request::Parts) -> Option<Response<Full<Bytes>>> {
        if !is_looking(&request.method) && is_of_another_page(request) {
            return Some(refusal(
                StatusCode::FORBIDDEN,
                "a web page of another origin may change nothing here",
                "ask from the console's own page, or without a browser",
            ));
        }
        if is_for_everybody(request.uri.path()) {
            return None;
        }
        match &self.token {
            // The console without what it shows: it asks for the token, and for everything else with it.
            Some(_) if console::asset(request.uri.path()).is_some() => None,
            Some(token) => (!shows(&request.headers, token)).then(|| unauthorized(&request.headers)),
            None if !self.is_local => Some(refusal(
                StatusCode::FORBIDDEN,
                "without a token only /metrics and health are served where others can connect",
                "set admin.token and send it as `Authorization: Bearer …`; or set admin.listen to a loopback address such \
                 as 127.0.0.1:9464 and ask there",
            )),
            None => (!is_own_name(named(request))).then(|| {
                let (error, hint) = (
                    "the Host header names another machine",
                    "ask for 127.0.0.1, [::1] or localhost; or set admin.token and send it",
                );
                refusal(StatusCode::FORBIDDEN, error, hint)
            }),
        }
    }
}

fn is_looking(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_for_everybody(path: &str) -> bool {
    matches!(path, "/metrics" | "/health" | "/health/ready")
}

/// Whether a browser says that this comes from a page of another origin. What is no browser says nothing.
fn is_of_another_page(request: &request::Parts) -> bool {
    let foreign_site = request.headers.get_all(SEC_FETCH_SITE).iter();
    let mut foreign_site = foreign_site.filter(|site| *site != "same-origin" && *site != "none");
    let own = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(named(request)))
    };
    foreign_site.next().is_some() || !request.headers.get_all(ORIGIN).iter().all(own)
}

/// The machine that was asked for, with its port; empty where none is named.
fn named(request: &request::Parts) -> &str {
    let of_target = request.uri.authority().map(Authority::as_str);
    of_target.or_else(|| request.headers.get(HOST)?.to_str().ok()).unwrap_or_default()
}

/// Whether the one line of `Authorization` holds the token. Takes as long for a wrong one as for the right one.
fn shows(headers: &HeaderMap, token: &Secret) -> bool {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return false };
    let line = line.as_bytes();
    let Some(blank) = line.iter().position(|byte| *byte == b' ') else { return false };
    let (scheme, shown) = line.split_at(blank);
    scheme.eq_ignore_ascii_case(b"bearer")
        && verify_slices_are_equal(shown.trim_ascii(), token.0.as_bytes()).is_ok()
}

fn unauthorized(headers: &HeaderMap) -> Response<Full<Bytes>> {
    let error = if headers.contains_key(AUTHORIZATION) {
        "this is not the admin token"
    } else {
        "this listener asks for its token"
    };
    let hint = "send `Authorization: Bearer …` with the value of admin.token; /metrics and health need none";
    let mut answer = refusal(StatusCode::UNAUTHORIZED, error, hint);
    let challenge = HeaderValue::from_static("Bearer realm=\"sightglass\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    answer
}

/// Whether a `Host` is a loopback address or the name of one.
fn is_own_name(host: &str) -> bool {
    if host.contains('@') {
        return false;
    }
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
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
            "localhost:1@example.com",
        ] {
            assert!(!is_own_name(host), "{host}");
        }
    }

    #[test]
    fn a_token_is_shown_once_and_whole() {
        let token = Secret("0123456789abcdef".to_owned());
        let shown = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, line.parse().unwrap());
            }
            shows(&headers, &token)
        };
        for line in ["Bearer 0123456789abcdef", "bearer 0123456789abcdef", "BEARER  0123456789abcdef "] {
            assert!(shown(&[line]), "{line}");
        }
        for line in [
            "",
            "Bearer",
            "Bearer ",
            "0123456789abcdef",
            "Basic 0123456789abcdef",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789ABCDEF",
            "Bearer0123456789abcdef",
        ] {
            assert!(!shown(&[line]), "{line}");
        }
        assert!(!shown(&[]));
        assert!(!shown(&["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"]));
    }

    #[test]
    fn a_page_of_another_origin_is_told_by_what_browsers_say() {
        let asked = |fields: &[(&'static str, &'static str)]| {
            let mut request = http::Request::put("/api/x").header("host", "127.0.0.1:9464");
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            is_of_another_page(&request.body(()).unwrap().into_parts().0)
        };
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://127.0.0.1:9464")],
            &[("origin", "https://127.0.0.1:9464"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(!asked(own), "{own:?}");
        }
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null")],
            &[("origin", "http://127.0.0.1")],
            &[("origin", "http://127.0.0.1:8000")],
            &[("origin", "http://evil.example")],
            &[("origin", "http://evil.example"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(asked(foreign), "{foreign:?}");
        }
    }
}
