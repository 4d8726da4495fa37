//! `GET /api/calls`.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sightglass::observe::End;

use super::{BAD, CALL, GOOD, Watched};
use crate::admin::ask_as;
use crate::support::observed::one_server;

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
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
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
