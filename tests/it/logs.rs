//! What is logged, and how it looks (`telemetry.md` §5).

use std::time::Duration;

use http::StatusCode;
use sightglass::config::{LogLevel, Source, Tier};
use sightglass::export::Line;
use sightglass::observe::{Cut, End, Failure, Refusal};
use tokio::time::advance;

use crate::support::logged::{Logged, masked};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}"#;
const GOOD: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[]}}"#;
const ID: (&str, &str) = ("x-request-id", "r-1");
const SESSION: &[(&str, &str)] = &[("mcp-session-id", "s1"), ID];

/// A session of `inspector` was begun.
fn initialize(logged: &Logged) {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"inspector","version":"1.2"}}}"#;
    let answer = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"files","version":"1"}}}"#;
    logged
        .post(&[ID], body)
        .answer(200, &[("content-type", "application/json"), ("mcp-session-id", "s1")])
        .text(answer)
        .end(End::Complete);
}

/// The lines that hold `text`.
fn only(lines: &str, text: &str) -> String {
    lines.lines().filter(|line| line.contains(text)).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_answered() {
    let logged = Logged::new();
    let asked = logged.post(&[ID], CALL);
    advance(Duration::from_micros(12_345)).await;
    asked.json(200, GOOD);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"info","event":"tool_invocation","message":"echo answered in 12.3 ms","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"success","outcome":"ok","duration_ms":12.345,"upstream_ms":12.345,"request_bytes":91,"response_bytes":48,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_session_and_the_session_itself() {
    let logged = Logged::new();
    initialize(&logged);
    logged.post(SESSION, CALL).json(200, GOOD);
    // What waits to be written is not forgotten yet.
    logged.tape.wait_for("tool_invocation");
    advance(Duration::from_secs(3600)).await;
    logged.observed.observer.tick();
    insta::assert_snapshot!(logged.lines(), @r#"
    {"timestamp":"…","level":"info","event":"mcp_request","message":"initialize answered in 0.0 ms","service":"sightglass","server":"files","method":"initialize","status":"success","outcome":"ok","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":156,"response_bytes":128,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"0","client_name":"inspector","client_version":"1.2","protocol_version":"2025-06-18","transport":"streamable_http","correlation_id":"r-1"}
    {"timestamp":"…","level":"info","event":"session_started","message":"a session began","service":"sightglass","server":"files","trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","session_id":"3dcccd69cff5db779e20dcae586c4e10","client_name":"inspector","client_version":"1.2","protocol_version":"2025-06-18"}
    {"timestamp":"…","level":"info","event":"tool_invocation","message":"echo answered in 0.0 ms","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"success","outcome":"ok","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"response_bytes":48,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","session_id":"3dcccd69cff5db779e20dcae586c4e10","request_id":"7","client_name":"inspector","client_version":"1.2","protocol_version":"2025-06-18","transport":"streamable_http","correlation_id":"r-1"}
    {"timestamp":"…","level":"info","event":"session_ended","message":"a session ended: idle","service":"sightglass","server":"files","trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","session_id":"3dcccd69cff5db779e20dcae586c4e10","client_name":"inspector","client_version":"1.2","protocol_version":"2025-06-18","duration_ms":3600000.0,"end_reason":"idle","tool_calls":1}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_failed() {
    let logged = Logged::new();
    let answer = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#;
    logged.post(&[ID], CALL).json(200, answer);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"error","event":"tool_invocation","message":"echo failed: tool_error","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"error","outcome":"tool_error","error_type":"tool_error","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"response_bytes":63,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_the_server_reported() {
    let logged = Logged::new();
    let answer = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"no \"luck\""}}"#;
    logged.post(&[ID], CALL).json(200, answer);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"error","event":"tool_invocation","message":"echo failed: -32603","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"error","outcome":"jsonrpc_error","error_type":"-32603","error_message":"no \"luck\"","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"response_bytes":72,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_fault_is_no_error_of_ours() {
    let logged = Logged::new();
    let answer = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no such tool"}}"#;
    logged.post(&[ID], CALL).json(200, answer);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"info","event":"tool_invocation","message":"echo failed: -32602","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"error","outcome":"jsonrpc_error","error_type":"-32602","error_message":"no such tool","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"response_bytes":73,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached() {
    let logged = Logged::new();
    let why = "cannot connect to 127.0.0.1:1";
    logged.post(&[ID], CALL).exchange.failed(Failure::Unreachable, StatusCode::BAD_GATEWAY, why);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"error","event":"tool_invocation","message":"echo failed: upstream_unreachable","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"error","outcome":"upstream_unreachable","error_type":"upstream_unreachable","error_message":"cannot connect to 127.0.0.1:1","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"http_status":502,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_cancelled() {
    let logged = Logged::new();
    initialize(&logged);
    let stream = logged.post(SESSION, CALL).events();
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    logged.post(SESSION, cancel).answer(202, &[]).end(End::Complete);
    stream.end(End::Complete);
    insta::assert_snapshot!(only(&logged.lines(), "tool_invocation"), @r#"{"timestamp":"…","level":"info","event":"tool_invocation","message":"echo was cancelled","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"cancelled","outcome":"cancelled","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","session_id":"3dcccd69cff5db779e20dcae586c4e10","request_id":"7","client_name":"inspector","client_version":"1.2","protocol_version":"2025-06-18","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_asks_its_client() {
    let logged = Logged::new();
    let ask = r#"{"jsonrpc":"2.0","id":"e1","method":"elicitation/create","params":{"message":"?"}}"#;
    let stream = logged.post(SESSION, CALL).events().event(ask);
    let answer = r#"{"jsonrpc":"2.0","id":"e1","result":{"action":"decline"}}"#;
    logged.post(SESSION, answer).answer(202, &[]).end(End::Complete);
    stream.event(GOOD).end(End::Complete);
    let lines = masked(&masked(&only(&logged.lines(), "mcp_server_request"), "trace_id"), "span_id");
    insta::assert_snapshot!(lines, @r#"{"timestamp":"…","level":"info","event":"mcp_server_request","message":"elicitation/create answered in 0.0 ms","service":"sightglass","server":"files","method":"elicitation/create","status":"success","outcome":"ok","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":82,"response_bytes":57,"trace_id":"…","span_id":"…","session_id":"3dcccd69cff5db779e20dcae586c4e10","request_id":"e1","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_told_as_it_was_written() {
    let logged = Logged::new();
    let body = r#"{"jsonrpc":"2.0","id":"x","method":"vendor/\n\u001b[2Jdo"}"#;
    logged.post(&[ID], body).json(200, r#"{"jsonrpc":"2.0","id":"x","result":{}}"#);
    insta::assert_snapshot!(logged.lines(), @r#"{"timestamp":"…","level":"info","event":"mcp_request","message":"vendor/\n\u001b[2Jdo answered in 0.0 ms","service":"sightglass","server":"files","method":"vendor/\n\u001b[2Jdo","status":"success","outcome":"ok","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":58,"response_bytes":38,"http_status":200,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"x","transport":"streamable_http","correlation_id":"r-1"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_the_proxy_refuses() {
    let logged = Logged::new();
    logged.observed.observer.refused(Refusal::Limit);
    logged.observed.observer.refused(Refusal::SlowHead);
    logged.post(&[ID], CALL).exchange.refused(
        Refusal::BulkheadFull,
        StatusCode::SERVICE_UNAVAILABLE,
        "too many calls",
    );
    insta::assert_snapshot!(logged.lines(), @r#"
    {"timestamp":"…","level":"warn","event":"refused","message":"a request was refused: limit","service":"sightglass","reason":"limit"}
    {"timestamp":"…","level":"info","event":"refused","message":"a request was refused: slow_head","service":"sightglass","reason":"slow_head"}
    {"timestamp":"…","level":"warn","event":"refused","message":"a request was refused: bulkhead_full","service":"sightglass","server":"files","reason":"bulkhead_full"}
    {"timestamp":"…","level":"warn","event":"tool_invocation","message":"echo was refused","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","status":"rejected","outcome":"refused","error_message":"too many calls","duration_ms":0.0,"upstream_ms":0.0,"request_bytes":91,"http_status":503,"trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","transport":"streamable_http","correlation_id":"r-1"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_correlation_id_gets_one() {
    let logged = Logged::new();
    logged.post(&[], CALL).json(200, GOOD);
    let lines = logged.lines();
    let (_, id) = lines.split_once(r#""correlation_id":""#).unwrap();
    let id = id.split('"').next().unwrap();
    assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
}

/// Payloads are asked for, and their lines wanted.
fn asking(config: &mut sightglass::config::Config) {
    config.logs.level = LogLevel::Debug;
    config.logs.capture.arguments = true;
    config.logs.capture.results = true;
}

#[tokio::test(start_paused = true)]
async fn what_a_call_carried_is_told_where_it_is_asked_for_redacted() {
    let logged = Logged::with(asking);
    let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"password":"x"}}}"#;
    logged.post(&[ID], call).json(200, GOOD);
    logged
        .post(&[ID], r#"{"jsonrpc":"2.0","id":8,"method":"ping"}"#)
        .json(200, r#"{"jsonrpc":"2.0","id":8,"result":{"apiKey":"x"}}"#);
    insta::assert_snapshot!(only(&logged.lines(), "_payload"), @r#"
    {"timestamp":"…","level":"debug","event":"tool_payload","message":"what echo carried","service":"sightglass","server":"files","method":"tools/call","tool_name":"echo","trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"7","correlation_id":"r-1","arguments":"{\"a\":1,\"password\":\"[redacted]\"}","result":"{\"content\":[]}"}
    {"timestamp":"…","level":"debug","event":"mcp_payload","message":"what ping carried","service":"sightglass","server":"files","method":"ping","trace_id":"abababababababababababababababab","span_id":"cdcdcdcdcdcdcdcd","request_id":"8","correlation_id":"r-1","result":"{\"apiKey\":\"[redacted]\"}"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_carried_is_not_told_where_it_is_not_asked_for() {
    for change in [
        |config: &mut sightglass::config::Config| config.logs.level = LogLevel::Debug,
        |config: &mut sightglass::config::Config| {
            asking(config);
            config.logs.level = LogLevel::Info;
        },
    ] {
        let logged = Logged::with(change);
        logged.post(&[ID], CALL).json(200, GOOD);
        assert_eq!(events_of(&logged.lines()), ["tool_invocation"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_debugged_session_tells_what_its_calls_carried_at_any_level() {
    let logged = Logged::new();
    initialize(&logged);
    logged.post(SESSION, CALL).json(200, GOOD);
    let long = Duration::from_secs(600);
    assert!(logged.observed.observer.debug_session("3dcccd69cff5db779e20dcae586c4e10", long));
    logged.post(SESSION, CALL).json(200, GOOD);
    logged.post(&[ID], CALL).json(200, GOOD);
    let lines = logged.lines();
    let told = ["mcp_request", "session_started", "tool_invocation"];
    assert_eq!(
        events_of(&lines),
        [&told[..], &["tool_invocation", "tool_payload", "tool_invocation"]].concat()
    );
    assert!(only(&lines, "tool_payload").contains(r#""arguments":"{\"a\":1}""#), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn ids_that_act_as_secrets_are_not_told_where_a_server_names_them() {
    let logged = Logged::new();
    let named = &[("mcp-session-id", "session-1"), ID];
    let answer =
        |said: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":-32603,"message":"{said}"}}}}"#);
    logged.post(named, CALL).json(200, GOOD);
    logged.post(named, CALL).json(200, &answer("session-1 is over"));
    let get = r#"{"jsonrpc":"2.0","id":7,"method":"tasks/get","params":{"taskId":"task-12"}}"#;
    logged.post(&[ID], get).json(200, &answer("no task-12"));
    let lines = logged.lines();
    assert!(!lines.contains("session-1") && !lines.contains("task-12"), "{lines}");
    assert!(lines.contains(r#""error_message":"no [redacted]""#), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_correlation_id_is_cut() {
    let logged = Logged::new();
    logged.post(&[("x-correlation-id", &"x".repeat(4000))], CALL).json(200, GOOD);
    let lines = logged.lines();
    assert!(lines.contains(&format!(r#""correlation_id":"{}""#, "x".repeat(128))), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn the_level_decides_what_is_written() {
    for (level, events) in [
        (LogLevel::Error, ["tool_invocation"].as_slice()),
        (LogLevel::Warn, &["tool_invocation", "refused"]),
        (
            LogLevel::Info,
            &["mcp_request", "session_started", "tool_invocation", "tool_invocation", "refused"],
        ),
    ] {
        let logged = Logged::with(|config| config.logs.level = level);
        initialize(&logged);
        logged.post(SESSION, CALL).json(200, GOOD);
        logged.post(SESSION, CALL).json(500, "down");
        logged.observed.observer.refused(Refusal::Limit);
        assert_eq!(events_of(&logged.lines()), events, "{level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_call_lines_sessions_and_refusals_are_still_told() {
    let logged = Logged::with(|config| config.logs.calls = false);
    initialize(&logged);
    logged.post(SESSION, CALL).json(200, GOOD);
    logged.observed.observer.refused(Refusal::Limit);
    assert_eq!(events_of(&logged.lines()), ["session_started", "refused"]);
}

#[tokio::test(start_paused = true)]
async fn the_programs_own_lines_come_in_order_between_the_others() {
    let logged = Logged::new();
    logged.log.line(Line::new(LogLevel::Info, "first", ""));
    logged.post(&[ID], CALL).json(200, GOOD);
    logged.log.line(Line::new(LogLevel::Debug, "unwanted", ""));
    logged.log.line(Line::new(LogLevel::Warn, "last", ""));
    assert_eq!(events_of(&logged.lines()), ["first", "tool_invocation", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_is_written_at_once_not_when_the_next_comes() {
    let logged = Logged::new();
    for round in ["r-1", "r-2", "r-3"] {
        logged.post(&[("x-request-id", round)], CALL).json(200, GOOD);
        logged.tape.wait_for(round);
    }
}

/// Times are shown as they are in the first column, so they are cut off here.
fn without_time(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, rest)| rest)
}

#[tokio::test(start_paused = true)]
async fn for_people_a_call_is_columns_and_the_rest_sentences() {
    let logged = Logged::pretty(false);
    initialize(&logged);
    let asked = logged.post(SESSION, CALL);
    advance(Duration::from_micros(12_345)).await;
    asked.json(200, GOOD);
    let cut = logged.post(SESSION, CALL);
    let cutter = cut.exchange.cutter();
    let stream = cut.events();
    advance(Duration::from_secs(2)).await;
    cutter.cut(Cut::Timeout);
    stream.end(End::Cancelled);
    logged.observed.observer.refused(Refusal::Limit);
    logged.log.line(Line::new(LogLevel::Info, "started", "sightglass listens"));
    let lines = logged.lines();
    let lines: Vec<&str> =
        lines.lines().map(|line| if line.contains("listens") { line } else { without_time(line) }).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    INFO  files        initialize               ok                 0.0ms client_name=inspector trace_id=abababababababababababababababab
    INFO  a session began server=files session_id=3dcccd69cff5db779e20dcae586c4e10 client_name=inspector client_version=1.2 protocol_version=2025-06-18 trace_id=abababababababababababababababab
    INFO  files        echo                     ok                12.3ms session_id=3dcccd69cff5db779e20dcae586c4e10 client_name=inspector trace_id=abababababababababababababababab
    ERROR files        echo                     timeout            2.00s session_id=3dcccd69cff5db779e20dcae586c4e10 client_name=inspector trace_id=abababababababababababababababab
    WARN  a request was refused: limit reason=limit
    sightglass listens
    "#);
}

#[tokio::test(start_paused = true)]
async fn colours_are_only_for_terminals() {
    let colored = Logged::pretty(true);
    colored.post(&[ID], CALL).json(200, GOOD);
    let plain = Logged::pretty(false);
    plain.post(&[ID], CALL).json(200, GOOD);
    assert!(colored.lines().contains("\x1b[32mok"));
    assert!(!plain.lines().contains('\x1b'));
}

/// The key `event` of each line.
fn events_of(lines: &str) -> Vec<String> {
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("a JSON object");
    lines.lines().map(|text| line(text)["event"].as_str().expect("an event").to_owned()).collect()
}

#[test]
fn masks_hide_values_and_nothing_else() {
    assert_eq!(masked(r#"{"a":"1","b":"2"}{"a":"3"}"#, "a"), r#"{"a":"…","b":"2"}{"a":"…"}"#);
}

#[tokio::test(start_paused = true)]
async fn the_leg_to_the_server_is_no_longer_than_the_call_that_its_client_left() {
    let logged = Logged::new();
    initialize(&logged);
    let stream = logged.post(SESSION, CALL).events();
    advance(Duration::from_millis(5)).await;
    stream.end(End::Cancelled);
    advance(Duration::from_secs(61)).await;
    logged.observed.observer.tick();
    let line = only(&logged.lines(), "client_disconnect");
    assert!(line.contains(r#""duration_ms":5.0,"upstream_ms":5.0,"#), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_told_as_a_hash_and_a_tier() {
    let logged = Logged::with(|config| {
        config.identity.user = Some(Source::Header("x-user".to_owned()));
        let (source, allowed) = (Source::Header("x-plan".to_owned()), vec!["pro".to_owned()]);
        config.identity.tier = Some(Tier { source, allowed });
    });
    let who = [ID, ("x-user", "ada@example.com"), ("x-plan", "pro")];
    logged.post(&who, CALL).json(200, GOOD);
    let lines = logged.lines();
    let line: serde_json::Value = serde_json::from_str(&lines).unwrap();
    assert_eq!(line["user_tier"], "pro");
    assert!(line["user_id"].as_str().is_some_and(|id| id.len() == 32), "{line}");
    assert!(!lines.contains("ada"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_changed_is_told_with_before_and_after_and_without_secrets() {
    let logged = Logged::new();
    let list = |description: &str, parameters: &str| {
        let ask = r#"{"jsonrpc":"2.0","id":7,"method":"tools/list"}"#;
        let tool = format!(
            r#"{{"name":"pay","description":"{description}","inputSchema":{{"properties":{{{parameters}}}}}}}"#
        );
        let answer = format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{tool}]}}}}"#);
        logged.post(&[ID], ask).json(200, &answer);
        logged.observed.observer.catch_up();
    };
    list("It pays.", r#""amount":{"type":"number"}"#);
    list("It pays. password=hunter22", r#""amount":{"type":"number"},"currency":{"type":"string"}"#);
    let lines = logged.lines();
    insta::assert_snapshot!(only(&lines, "tool_changed"), @r#"
    {"timestamp":"…","level":"info","event":"tool_changed","message":"the tool pay is described otherwise","service":"sightglass","server":"files","tool_name":"pay","change":"description","before":"It pays.","after":"It pays. password=[redacted]"}
    {"timestamp":"…","level":"info","event":"tool_changed","message":"the tool pay takes other arguments: added currency","service":"sightglass","server":"files","tool_name":"pay","change":"input_schema","before":"{\"properties\":{\"amount\":{\"type\":\"number\"}}}","after":"{\"properties\":{\"amount\":{\"type\":\"number\"},\"currency\":{\"type\":\"string\"}}}"}
    "#);
}
