//! `GET /api/servers` and `GET /health/ready`: how the servers behind the proxy are.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value, json};

use super::pages::{JSON, page};
use crate::probe::{Baseline, FaultKind, Past, ServerHealth, Watch};

/// The answer: `{ "servers": […] }`, in the order of the configuration.
pub(super) fn answer(watch: &Watch) -> Response<Full<Bytes>> {
    let servers: Vec<Value> = watch.servers().iter().map(told).collect();
    page(StatusCode::OK, JSON, json!({ "servers": servers }).to_string())
}

/// Ready while it listens for new work and, where servers are probed, one of those at least is available.
pub(super) fn ready(watch: &Watch, is_stopping: bool) -> Response<Full<Bytes>> {
    let reason = match (is_stopping, watch.is_ready()) {
        (true, _) => Some("shutting down"),
        (false, true) => None,
        (false, false) => Some("no server is available"),
    };
    let servers: Map<String, Value> =
        watch.servers().into_iter().map(|server| (server.name.clone(), briefly(&server))).collect();
    let status = if reason.is_some() { "unready" } else { "ready" };
    let mut body = json!({ "status": status, "servers": servers });
    if let (Some(reason), Some(body)) = (reason, body.as_object_mut()) {
        body.insert("reason".to_owned(), json!(reason));
    }
    let code = if reason.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    page(code, JSON, body.to_string())
}

/// For whoever may connect: nothing that a server said.
fn briefly(server: &ServerHealth) -> Value {
    let fault = server.last.as_ref().and_then(|(report, _)| report.fault.as_ref());
    let reason = match fault {
        Some(fault) if fault.kind.as_str() == fault.phase.as_str() => fault.kind.as_str().to_owned(),
        Some(fault) => format!("{} in {}", fault.kind.as_str(), fault.phase.as_str()),
        None => server.reason.clone(),
    };
    let mut told = json!({ "health": server.health.as_str() });
    if let (false, Some(told)) = (reason.is_empty(), told.as_object_mut()) {
        told.insert("reason".to_owned(), json!(reason));
    }
    told
}

fn told(server: &ServerHealth) -> Value {
    let last = server.last.as_ref().map(|(report, at)| {
        let mut told = report.json();
        if let Some(told) = told.as_object_mut() {
            told.insert("at".to_owned(), json!(unix(*at)));
        }
        told
    });
    let past = |past: &Past| {
        json!({
            "at": unix(past.at),
            "status": past.status.as_str(),
            "fault": past.fault.map(FaultKind::as_str),
            "duration_seconds": past.took.as_secs_f64(),
        })
    };
    let history: Vec<Value> = server.history.iter().map(past).collect();
    json!({
        "name": server.name,
        "url": server.url,
        "health": server.health.as_str(),
        "reason": server.reason,
        "since": unix(server.since),
        "severity": server.severity,
        "consecutive_failures": server.failures,
        "probed": server.is_probed,
        "availability": {
            "1h": server.hour.ratio(),
            "24h": server.day.ratio(),
        },
        "baseline_seconds": server.baseline.map(|baseline| baseline.usual.as_secs_f64()),
        "slowdown": server.baseline.as_ref().map(Baseline::ratio),
        "certificate_expires": server.expires,
        "last_minute": { "calls": server.calls.0, "faults": server.calls.1 },
        "last_probe": last,
        "history": history,
    })
}

/// Unix seconds.
fn unix(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
