//! `PUT /api/debug/sessions/{hash}?for=10m`: payloads of one session in the log, for a while.

use std::time::Duration;

use bytes::Bytes;
use http::header::ALLOW;
use http::{HeaderValue, Method, Response, StatusCode, request};
use http_body_util::Full;
use serde_json::json;

use super::pages::{JSON, page, refusal};
use super::query;
use crate::config;
use crate::observe::Observer;

/// Before the session's hash.
pub(super) const SESSIONS: &str = "/api/debug/sessions/";

/// How long where nobody says.
const USUAL: Duration = Duration::from_secs(10 * 60);

/// What is longer is forgotten, and then logs payloads that nobody wanted.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

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
    let session = query::unescaped(session);
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

/// What `for` says: the usual time where it is not there; or what is wrong with it.
fn duration(query: &str) -> Result<Duration, String> {
    let Some(said) = query::told(query, "for") else { return Ok(USUAL) };
    let long = config::duration(&said).map_err(|error| error.to_string())?.unwrap_or_default();
    if long > LONGEST {
        return Err("at most 24h; ask again when they are over".to_owned());
    }
    Ok(long)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
