//! `GET /api/sessions?limit=`: the sessions that are open, each with its last calls, for whoever looks now; and those that
//! ended last.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pages::{JSON, page};
use super::query;
use crate::observe::{Ended, Label, Observer, Recent, Session, Version};

/// Sessions where nobody says how many.
const USUAL: usize = 100;

/// Sessions of one answer.
const MOST: usize = 1000;

/// The answer: `{ "sessions": […], "open": n, "ended": […] }`, the open ones in no order, the others from the newest.
/// What clients call themselves is told without secrets, ids are as lines tell them.
pub(super) fn answer(observer: &Observer, query: &str) -> Response<Full<Bytes>> {
    let said = query::told(query, "limit");
    let Ok(limit) = said.map_or(Ok(USUAL), |said| said.parse()) else {
        let body = json!({ "error": "`limit` is no number", "hint": "write digits alone: ?limit=100" });
        return page(StatusCode::BAD_REQUEST, JSON, body.to_string());
    };
    let now = Instant::now();
    let sessions = observer.sessions(limit.min(MOST));
    let sessions: Vec<Value> = sessions.iter().map(|session| told(observer, session, now)).collect();
    let ended = observer.ended_sessions(limit.min(MOST));
    let ended: Vec<Value> = ended.iter().map(|session| over(observer, session, now)).collect();
    let body = json!({ "sessions": sessions, "open": observer.usage().sessions, "ended": ended });
    page(StatusCode::OK, JSON, body.to_string())
}

fn told(observer: &Observer, session: &Session, now: Instant) -> Value {
    json!({
        "session_id": session.id,
        "server": observer.server_name(session.server),
        "client_name": session.client_name.as_ref().map(|name| observer.without_secrets(name)),
        "client_version": session.client_version.as_ref().map(|version| observer.without_secrets(version)),
        "protocol_version": session.version.map(Version::as_str),
        "user_tier": session.tier().map(Label::as_str),
        "age_seconds": now.saturating_duration_since(session.started).as_secs_f64(),
        "tool_calls": session.tool_calls(),
        "recent": session.recent().iter().map(call).collect::<Vec<_>>(),
    })
}

fn over(observer: &Observer, session: &Ended, now: Instant) -> Value {
    json!({
        "session_id": session.id,
        "server": observer.server_name(session.server),
        "client_name": session.client_name.as_ref().map(|name| observer.without_secrets(name)),
        "client_version": session.client_version.as_ref().map(|version| observer.without_secrets(version)),
        "protocol_version": session.version.map(Version::as_str),
        "user_tier": session.tier.map(Label::as_str),
        "tool_calls": session.tool_calls,
        "duration_seconds": session.lasted.as_secs_f64(),
        "ended_seconds": now.saturating_duration_since(session.at).as_secs_f64(),
        "end_reason": session.reason.as_str(),
    })
}

fn call(recent: &Recent) -> Value {
    json!({
        "direction": recent.direction.as_str(),
        "method": recent.method.as_str(),
        "tool_name": recent.tool.map(Label::as_str),
        "status": recent.outcome.status().as_str(),
        "outcome": recent.outcome.as_str(),
        "began_seconds": recent.began.as_secs_f64(),
        "duration_seconds": recent.took.as_secs_f64(),
    })
}
