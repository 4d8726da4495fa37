//! `GET /api/history?every=1&last=300`: the last five minutes by the second, or the last fifteen by ten seconds.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::pages::{JSON, page, refusal};
use super::query::decoded;
use crate::export::{Every, Point, Prometheus};

/// The answer: `{ "every_seconds": 1, "servers": [{ "name": …, "points": { "at": […], … } }] }`; the first one, without a
/// name, is all of them together.
pub(super) fn answer(prometheus: &Arc<Prometheus>, query: &str) -> Response<Full<Bytes>> {
    let (mut every, mut last) = (Every::Second, usize::MAX);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match (name, value.parse()) {
            ("every", Ok(1)) => every = Every::Second,
            ("every", Ok(10)) => every = Every::TenSeconds,
            ("last", Ok(many)) => last = many,
            _ => {
                let error = format!("`{}` cannot be read", decoded(name));
                return refusal(
                    StatusCode::BAD_REQUEST,
                    &error,
                    "ask for ?every=1 or ?every=10, and for ?last=60",
                );
            }
        }
    }
    let servers = prometheus.history(every, last);
    let servers: Vec<Value> =
        servers.iter().map(|(name, points)| json!({ "name": name, "points": told(points) })).collect();
    let seconds = if every == Every::Second { 1 } else { 10 };
    page(StatusCode::OK, JSON, json!({ "every_seconds": seconds, "servers": servers }).to_string())
}

fn told(points: &[Point]) -> Value {
    let column = |value: &dyn Fn(&Point) -> Value| points.iter().map(value).collect::<Vec<_>>();
    let quantile = |place: usize| column(&|point| json!(point.quantiles.get(place).copied().flatten()));
    let at =
        |point: &Point| point.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    json!({
        "at": column(&|point| json!((at(point) * 1000.0).round() / 1000.0)),
        "seconds": column(&|point| json!((point.long.as_secs_f64() * 1000.0).round() / 1000.0)),
        "calls": column(&|point| json!(point.calls)),
        "errors": column(&|point| json!(point.errors)),
        "successes": column(&|point| json!(point.successes)),
        "p50": quantile(0),
        "p95": quantile(1),
        "p99": quantile(2),
        "sessions": column(&|point| json!(point.sessions)),
        "streams": column(&|point| json!(point.streams)),
    })
}
