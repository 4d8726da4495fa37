//! `GET /api/calls?limit=&server=&tool=&status=&outcome=&session=&client=&method=&since=&slower=&text=&before=`: calls that
//! ended, the newest first, with the keys of their log lines.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::pages::{JSON, page, refusal};
use super::query::decoded;
use crate::config;
use crate::export::{Kept, Recent};

/// Calls where nobody says how many.
const USUAL: usize = 100;

/// Calls of one answer.
const MOST: usize = 10_000;

/// The keys that can be asked for, and what they are called in a line.
const KEYS: [(&str, &str); 7] = [
    ("server", "server"),
    ("tool", "tool_name"),
    ("status", "status"),
    ("outcome", "outcome"),
    ("session", "session_id"),
    ("client", "client_name"),
    ("method", "method"),
];

/// The answer: `{ "calls": […], "next": n }`, where `next` is the number that the next call to end gets.
pub(super) async fn answer(recent: &Arc<Recent>, query: &str) -> Response<Full<Bytes>> {
    let asked = match Asked::of(query) {
        Ok(asked) => asked,
        Err(problem) => return problem.answer(),
    };
    let recent = Arc::clone(recent);
    // All that is kept may have to be read: not on a thread that waits for others.
    let found = tokio::task::spawn_blocking(move || {
        let next = recent.next();
        let before = asked.before.unwrap_or(next);
        (recent.before(before, asked.limit, |kept| asked.filter.wants(kept)), next)
    });
    let (found, next) = found.await.unwrap_or_default();
    let mut body = Vec::from(&b"{\"calls\":["[..]);
    for (place, kept) in found.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&kept.json);
    }
    body.extend_from_slice(format!("],\"next\":{next}}}").as_bytes());
    page(StatusCode::OK, JSON, body)
}

/// What a query asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) limit: usize,
    /// Numbers below this one.
    before: Option<u64>,
    /// Numbers above this one.
    pub(super) after: Option<u64>,
    pub(super) filter: Filter,
}

/// Which calls are wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Keys of the line, and what they must be.
    keys: Vec<(&'static str, String)>,
    since: Option<SystemTime>,
    slower_ms: Option<f64>,
    /// In lower case.
    text: Option<String>,
}

/// A parameter that cannot be read.
#[derive(Debug, PartialEq)]
pub(super) struct Problem {
    name: String,
    hint: &'static str,
}

impl Problem {
    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        refusal(StatusCode::BAD_REQUEST, &format!("`{}` cannot be read", self.name), self.hint)
    }
}

impl Asked {
    pub(super) fn of(query: &str) -> Result<Self, Problem> {
        let mut asked = Self { limit: USUAL, ..Self::default() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            if value.is_empty() {
                continue;
            }
            let wrong = |hint| Problem { name: decoded(name), hint };
            let number = || value.parse::<u64>().map_err(|_not_digits| wrong("write digits alone"));
            match name {
                "limit" => asked.limit = usize::try_from(number()?).unwrap_or(MOST).min(MOST),
                "before" => asked.before = Some(number()?),
                "after" => asked.after = Some(number()?),
                "since" => asked.filter.since = Some(moment(&value).ok_or_else(|| wrong(SINCE))?),
                "slower" => {
                    let long = config::duration(&value).ok().flatten().ok_or_else(|| wrong(SLOWER))?;
                    asked.filter.slower_ms = Some(long.as_secs_f64() * 1000.0);
                }
                "text" => asked.filter.text = Some(value.to_lowercase()),
                _ => {
                    let key = KEYS.iter().find(|(parameter, _)| *parameter == name);
                    let (_, key) = key.ok_or_else(|| wrong(KNOWN))?;
                    asked.filter.keys.push((key, value));
                }
            }
        }
        Ok(asked)
    }
}

const SINCE: &str = "unix seconds (1795201327), or how long ago: ?since=5m";
const SLOWER: &str = "a duration: ?slower=250ms";
const KNOWN: &str = "known are limit, server, tool, status, outcome, session, client, method, since, slower, text, before \
                     and, for events, after";

/// Unix seconds, or a time before now.
fn moment(text: &str) -> Option<SystemTime> {
    if let Ok(seconds) = text.parse::<f64>() {
        return SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?);
    }
    SystemTime::now().checked_sub(config::duration(text).ok()??)
}

impl Filter {
    pub(super) fn wants(&self, kept: &Kept) -> bool {
        if self.since.is_some_and(|since| kept.at < since) {
            return false;
        }
        if self.keys.is_empty() && self.slower_ms.is_none() && self.text.is_none() {
            return true;
        }
        let Ok(line) = serde_json::from_slice::<Value>(&kept.json) else { return false };
        let is_slow =
            |slow: f64| line.get("duration_ms").and_then(Value::as_f64).is_some_and(|took| took >= slow);
        self.keys.iter().all(|(key, wanted)| line.get(key).and_then(Value::as_str) == Some(wanted))
            && self.slower_ms.is_none_or(is_slow)
            && self.text.as_ref().is_none_or(|text| holds(&line, text))
    }
}

/// Whether one of its texts holds this one, whatever the case.
fn holds(line: &Value, text: &str) -> bool {
    let Some(keys) = line.as_object() else { return false };
    keys.values().filter_map(Value::as_str).any(|value| value.to_lowercase().contains(text))
}

/// One call that is told as an event.
pub(super) fn event(kept: &Kept, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("id: {}\nevent: call\ndata: ", kept.number).as_bytes());
    out.extend_from_slice(&kept.json);
    out.extend_from_slice(b"\n\n");
}

/// That so many were missed.
pub(super) fn lost(many: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: lost\ndata: {}\n\n", json!({ "lost": many })).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(json: &str) -> Kept {
        Kept { number: 1, at: SystemTime::now(), json: json.as_bytes().to_vec() }
    }

    fn wants(query: &str, json: &str) -> bool {
        Asked::of(query).unwrap().filter.wants(&kept(json))
    }

    #[test]
    fn all_that_is_asked_for_must_be_so() {
        let line =
            r#"{"server":"a","tool_name":"<b>","outcome":"ok","duration_ms":12.5,"client_name":"Ide"}"#;
        for query in
            ["", "server=a", "tool=%3Cb%3E&outcome=ok", "slower=12ms", "text=iD", "since=1m", "server="]
        {
            assert!(wants(query, line), "{query}");
        }
        for query in [
            "server=b",
            "server=a&outcome=task",
            "session=x",
            "slower=13ms",
            "text=12.5",
            "since=99999999999",
        ] {
            assert!(!wants(query, line), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for query in ["limit=ten", "since=soon", "slower=12", "colour=red", "after=-1"] {
            let problem = Asked::of(query).unwrap_err();
            assert!(query.starts_with(&problem.name), "{problem:?}");
        }
        assert_eq!(Asked::of("limit=99999999999").unwrap().limit, MOST);
    }
}
