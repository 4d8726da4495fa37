//! `GET /api/calls`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use sightglass::cli::telemetry::Telemetry;
use sightglass::export::Console;
use sightglass::observe::End;

use super::{BAD, CALL, GOOD, Watched};
use crate::admin::ask_as;
use crate::support::logged::Tape;
use crate::support::observed::{Observed, one_server};

#[tokio::test]
async fn the_last_calls_come_first_and_only_those_that_are_asked_for() {
    let watched = Watched::new();
    watched.call("read", GOOD);
    watched.call("write", BAD);
    watched.call("read", BAD);
    assert_eq!(watched.tools("").await, ["read", "write", "read"]);
    assert_eq!(watched.tools("limit=1").await, ["read"]);
    assert_eq!(watched.tools("tool=write").await, ["write"]);
    assert_eq!(watched.tools("status=error").await, ["read", "write"]);
    assert_eq!(watched.tools("outcome=ok&tool=read").await, ["read"]);
    assert_eq!(watched.tools("server=files&text=WRI").await, ["write"]);
    assert_eq!(watched.tools("since=1h&method=tools/call&before=1").await, ["read"]);
    for nothing in ["server=other", "tool=none", "session=x", "client=x", "slower=1h", "since=99999999999"] {
        assert!(watched.tools(nothing).await.is_empty(), "{nothing}");
    }
    let (head, _) = ask_as(watched.address, "localhost", "GET /api/calls?colour=red", "").await;
    assert!(head.starts_with("http/1.1 400"), "{head}");
}

#[tokio::test]
async fn a_call_is_told_as_its_line_tells_it_with_the_times_of_its_way() {
    let text = "[[server]]\nname = \"files\"\nurl = \"http://127.0.0.1:1/mcp\"\n\
                [tracing]\notlp = { endpoint = \"http://127.0.0.1:1\" }\n";
    let watched = Watched::with(&sightglass::config::parse(text, "config.toml", &|_| None).unwrap());
    let answering = watched.observed.post(&[("x-request-id", "mine")], CALL).events();
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    answering.event(progress).event(GOOD).end(End::Complete);
    let told = watched.get("/api/calls").await;
    let call = &told["calls"][0];
    assert_eq!(told["next"], 1);
    for (key, value) in [
        ("event", json!("tool_invocation")),
        ("server", json!("files")),
        ("tool_name", json!("echo")),
        ("status", json!("success")),
        ("outcome", json!("ok")),
        ("request_id", json!("7")),
        ("http_status", json!(200)),
        ("correlation_id", json!("mine")),
        ("transport", json!("streamable_http")),
        ("number", json!(0)),
    ] {
        assert_eq!(call[key], value, "{key}");
    }
    let timeline = &call["timeline"];
    let at = |name: &str| timeline[name].as_f64().unwrap_or_else(|| panic!("{name}: {call}"));
    let times = ["received_ms", "sent_ms", "first_byte_ms", "first_event_ms", "ended_ms"].map(at);
    assert!(times.is_sorted(), "{timeline}");
    assert!((at("ended_ms") - call["duration_ms"].as_f64().unwrap()).abs() < 0.002, "{call}");
    assert_eq!(timeline["passed"][1]["what"], "notifications/progress");
}

#[tokio::test]
async fn what_passes_on_the_stream_of_a_call_is_kept_from_when_somebody_looks() {
    let watched = Watched::new();
    let stream = || {
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
        watched.observed.post(&[], CALL).events().event(progress).event(GOOD).end(End::Complete);
    };
    stream();
    let told = watched.get("/api/calls").await;
    assert_eq!(told["calls"][0]["timeline"].get("passed"), None, "{told}");
    stream();
    let timeline = watched.get("/api/calls?limit=1").await["calls"][0]["timeline"].clone();
    assert_eq!(timeline["passed"][1]["what"], "notifications/progress", "{timeline}");
    for name in ["received_ms", "sent_ms", "first_byte_ms", "first_event_ms", "ended_ms"] {
        assert!(timeline[name].is_f64(), "{name}: {timeline}");
    }
}

#[tokio::test]
async fn hostile_names_and_messages_are_text_without_secrets() {
    let watched = Watched::new();
    let hostile = "<img src=x onerror=alert(1)>\u{1b}[2J\u{202e}\u{7f}\u{9b}31m";
    watched.call(hostile, GOOD);
    let error = json!({ "jsonrpc": "2.0", "id": 7, "error": {
        "code": -32000, "message": "no <b>Bearer abcdefghijklmnopqrstuvwxyz0123456789</b> \u{7}",
    }});
    watched.call("echo", &error.to_string());
    let (head, body) = ask_as(watched.address, "localhost", "GET /api/calls", "").await;
    assert!(head.contains("content-type: application/json") && head.contains("nosniff"), "{head}");
    let text = String::from_utf8(body).unwrap();
    assert!(!text.contains("abcdefghijklmnop"), "{text}");
    let obeyed = |character: char| character.is_control() && character != '\n';
    assert!(!text.contains(obeyed), "{text:?}");
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(told["calls"][1]["tool_name"], hostile);
    assert!(told["calls"][0]["error_message"].as_str().unwrap().starts_with("no <b>"), "{text}");
    assert_eq!(
        watched.tools("tool=%3Cimg%20src=x%20onerror=alert(1)%3E%1B[2J%E2%80%AE%7F%C2%9B31m").await,
        [hostile]
    );
}

#[tokio::test]
async fn only_so_many_calls_are_kept_and_only_so_many_bytes_of_them() {
    let mut config = one_server();
    config.limits.recent_calls = 3;
    let watched = Watched::with(&config);
    for tool in ["one", "two", "three", "four"] {
        watched.call(tool, GOOD);
    }
    assert_eq!(watched.tools("").await, ["four", "three", "two"]);
    config.limits.recent_calls = 50;
    let watched = Watched::with(&config);
    let name = |number: usize| format!("tool-{number}-{}", "x".repeat(number % 37));
    (0..1000).for_each(|number| watched.call(&name(number), GOOD));
    let kept: Vec<String> = (950..1000).rev().map(name).collect();
    assert_eq!(watched.tools("").await, kept);
    config.limits.recent_calls = 1000;
    let watched = Watched::with(&config);
    // Each keeps the half kibibyte of its name, and is looked at for secrets only when somebody asks.
    let long = "x".repeat(4000);
    (0..3000).for_each(|_| watched.call(&long, BAD));
    let told = AtomicUsize::new(0);
    let bytes = watched.recent.before(u64::MAX, usize::MAX, |kept| {
        told.fetch_add(kept.json.len(), Ordering::Relaxed);
        true
    });
    assert!((100..=1000).contains(&bytes.len()), "{}", bytes.len());
    assert!(told.into_inner() <= 1000 * 2048);
}

#[tokio::test]
async fn nothing_is_kept_where_that_is_switched_off() {
    let mut config = one_server();
    config.limits.recent_calls = 0;
    let watched = Watched::with(&config);
    assert!(!watched.recent.is_on());
    watched.call("echo", GOOD);
    assert!(watched.tools("").await.is_empty());
}

/// Of a call that had none, the line and who makes it again later tell different ones.
fn without_correlation(mut line: Value) -> Value {
    let keys = line.as_object_mut().unwrap();
    for key in ["correlation_id", "number", "timeline"] {
        keys.remove(key);
    }
    line
}

#[tokio::test]
async fn what_is_kept_of_a_call_is_its_line_in_the_log() {
    let (config, output) = (one_server(), Tape::default());
    for pretty in [false, true] {
        let console = Console { out: Box::new(output.clone()), pretty, color: false };
        let telemetry = Telemetry::start(&config, Some(console)).unwrap();
        let observer = telemetry.observer(&config).unwrap().0;
        let calls = Observed { observer, prometheus: Arc::clone(&telemetry.prometheus) };
        let secret = BAD.replace("\"no\"", "\"password=hunter2hunter2 \u{1b}\"");
        for (tool, answer) in [("good", GOOD), ("bad", BAD), ("secret", &secret)] {
            calls.post(&[], &CALL.replace("echo", tool)).json(200, answer);
        }
        let mut kept = telemetry.recent.before(u64::MAX, usize::MAX, |_| true);
        kept.reverse();
        telemetry.stop(Duration::from_secs(60));
        let kept = kept.iter().map(|kept| serde_json::from_slice::<Value>(&kept.json).unwrap());
        let kept: Vec<Value> = kept.collect();
        assert_eq!(kept.len(), 3);
        assert!(!kept[2].to_string().contains("hunter2"), "{}", kept[2]);
        if !pretty {
            let text = output.text();
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let lines: Vec<Value> = lines.filter(|line| line["outcome"].is_string()).collect();
            assert_eq!(kept[0]["correlation_id"], lines[0]["correlation_id"]);
            let same = |lines: Vec<Value>| lines.into_iter().map(without_correlation).collect::<Vec<_>>();
            assert_eq!(same(kept), same(lines));
        }
    }
}

#[tokio::test]
async fn without_lines_calls_are_kept_from_when_somebody_looks() {
    let mut config = one_server();
    config.logs.calls = false;
    let watched = Watched::with(&config);
    watched.call("unseen", GOOD);
    assert!(watched.tools("").await.is_empty());
    watched.call("seen", GOOD);
    assert_eq!(watched.tools("").await, ["seen"]);
}

#[tokio::test]
async fn nobody_is_told_of_calls_where_nothing_is_looked_at() {
    let mut config = one_server();
    config.metrics.enabled = false;
    config.tracing.enabled = false;
    config.logs.calls = false;
    for (looks, told) in [(false, false), (true, true)] {
        config.tracing.enabled = looks;
        let telemetry = Telemetry::start(&config, None).unwrap();
        let observer = telemetry.observer(&config).unwrap();
        assert_eq!(Arc::strong_count(&telemetry.recent) > 1, told);
        drop(observer);
    }
}

#[tokio::test]
async fn payloads_are_told_where_they_were_captured_and_without_secrets() {
    let watched = Watched::new();
    watched.begin("a-long-id");
    let call = CALL.replace("{}}", r#"{"city":"Bern","password":"hunter2"}}"#);
    let ask = || watched.observed.post(&[("mcp-session-id", "a-long-id")], &call).json(200, GOOD);
    ask();
    let told = watched.get("/api/calls?tool=echo").await;
    assert!(
        told["calls"][0].get("arguments").is_none() && told["calls"][0].get("result").is_none(),
        "{told}"
    );
    let id = told["calls"][0]["session_id"].as_str().unwrap();
    assert!(watched.observed.observer.debug_session(id, Duration::from_secs(60)));
    ask();
    let told = watched.get("/api/calls?tool=echo&limit=1").await;
    assert_eq!(told["calls"][0]["arguments"], r#"{"city":"Bern","password":"[redacted]"}"#);
    assert_eq!(told["calls"][0]["result"], r#"{"content":[]}"#);
}
