//! An answer finds its question, wherever it comes (`protocol.md` §5).

use sightglass::observe::{Cut, End};

use crate::support::observed::{Observed, one_server};

fn call(id: u32, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

fn good(id: u32) -> String {
    format!(r#"{{"result":{{"content":[]}},"jsonrpc":"2.0","id":{id}}}"#)
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"1"},"capabilities":{}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"s","version":"1"},"capabilities":{}}}"#;

/// A session `s1` of client `ide`.
fn begin(observed: &Observed) {
    let headers = [("content-type", "application/json"), ("mcp-session-id", "s1")];
    observed.post(&[], INITIALIZE).answer(200, &headers).text(INITIALIZED).end(End::Complete);
}

const S1: [(&str, &str); 2] = [("mcp-session-id", "s1"), ("mcp-protocol-version", "2025-06-18")];

#[test]
fn a_legacy_sse_answer_comes_on_the_stream_that_named_the_endpoint() {
    let observed = Observed::new();
    let stream =
        observed.get("/sse", &[]).events().text("event: endpoint\r\ndata: /messages/?session_id=1\r\n\r\n");
    let to = "/messages/?session_id=1";
    observed.post_to(to, &[], INITIALIZE).answer(202, &[]).text("Accepted").end(End::Complete);
    let stream = stream.event(INITIALIZED);
    // The message may come before the 202.
    let asked = observed.post_to(to, &[], &call(1, "echo"));
    let stream = stream.event(&good(1));
    asked.answer(202, &[]).text("Accepted").end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("transport", "sse").label("outcome", "ok").is(2);
    scrape.metric("mcp_tool_invocations_total").label("tool_name", "echo").label("outcome", "ok").is(1);
    scrape.metric("mcp_clients_total").label("era", "http_sse").label("client_name", "ide").is(2);
    scrape.metric("mcp_active_streams").label("kind", "sse").is(1);
    scrape.metric("mcp_active_sessions").is(1);
    scrape.metric("mcp_active_connections").label("transport", "sse").is(1);
    // Left open when the stream closes: no answer can come any more.
    observed.post_to(to, &[], &call(2, "echo")).answer(202, &[]).text("Accepted").end(End::Complete);
    observed.scrape().metric("mcp_requests_active").is(1);
    stream.end(End::Cancelled);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "client_disconnect").is(1);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_active_sessions").is(0);
    scrape.metric("mcp_session_duration_seconds_count").label("end_reason", "stream_closed").is(1);
    scrape.metric("mcp_session_tool_calls_sum").is(2);
    scrape
        .metric("mcp_stream_duration_seconds_count")
        .label("kind", "sse")
        .label("end_reason", "client")
        .is(1);
}

#[test]
fn a_legacy_stream_closed_before_initialize_counts_as_nobodys_session() {
    let observed = Observed::new();
    observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n").end(End::Complete);
    let scrape = observed.scrape();
    let total = scrape.metric("mcp_sessions_total");
    total.label("client_name", "none").label("protocol_version", "none").is(1);
    scrape.metric("mcp_stream_first_event_seconds_count").label("transport", "sse").is(1);
}

#[test]
fn an_endpoint_with_an_error_answers_the_call_itself() {
    let observed = Observed::new();
    let _stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    observed.post_to("/m?s=1", &[], &call(1, "echo")).answer(500, &[]).end(End::Complete);
    observed.scrape().metric("mcp_errors_total").label("error_type", "500").is(1);
}

#[test]
fn a_resumed_stream_of_a_session_brings_the_answer() {
    let observed = Observed::new();
    begin(&observed);
    let stream = observed.post(&S1, &call(1, "slow")).events().text("id: e1\nretry: 10\ndata: \n\n");
    stream.end(End::Complete);
    observed.scrape().metric("mcp_requests_active").is(1);
    let resumed = [S1[0], ("last-event-id", "e1")];
    observed.get("/mcp", &resumed).events().event(&good(1)).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_tool_invocations_total").label("tool_name", "slow").label("outcome", "ok").is(1);
    scrape.metric("mcp_stream_resumes_total").is(1);
    scrape.metric("mcp_stream_events_total").label("kind", "priming").is(1);
    scrape.metric("mcp_requests_active").is(0);
}

#[test]
fn a_resumed_stream_without_a_session_is_found_by_its_event_id() {
    let observed = Observed::new();
    observed.post(&[], &call(1, "slow")).events().text("id: e1\ndata: \n\n").end(End::Failed);
    observed.scrape().metric("mcp_requests_active").is(1);
    observed.get("/mcp", &[("last-event-id", "e1")]).events().event(&good(1)).end(End::Complete);
    observed.scrape().metric("mcp_requests_total").label("outcome", "ok").is(1);
}

#[tokio::test(start_paused = true)]
async fn a_resumable_stream_that_nobody_resumes_ends_without_a_response() {
    let observed = Observed::new();
    begin(&observed);
    observed.post(&S1, &call(1, "slow")).events().text("id: e1\ndata: \n\n").end(End::Complete);
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    observed.observer.tick();
    observed.scrape().metric("mcp_requests_total").label("outcome", "no_response").is(1);
}

#[test]
fn a_server_asks_and_its_client_answers() {
    let observed = Observed::new();
    begin(&observed);
    let question = r#"{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{"message":"?"}}"#;
    let stream = observed.post(&S1, &call(1, "book")).events().event(question);
    // The ids of both sides are separate spaces.
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}"#;
    observed.post(&S1, answer).answer(202, &[]).end(End::Complete);
    let scrape = observed.scrape();
    let asked = scrape.metric("mcp_server_requests_total").label("method", "elicitation/create");
    asked.label("outcome", "ok").is(1);
    scrape.metric("mcp_server_request_duration_seconds_count").is(1);
    scrape.metric("mcp_requests_active").label("method", "tools/call").is(1);
    stream.event(&good(1)).end(End::Complete);
    observed.scrape().metric("mcp_requests_total").label("method", "tools/call").label("outcome", "ok").is(1);
}

#[test]
fn a_client_without_a_session_answers_by_its_address() {
    let observed = Observed::new();
    let _stream =
        observed.post(&[], &call(1, "book")).events().event(r#"{"jsonrpc":"2.0","id":"q","method":"ping"}"#);
    observed
        .post(&[], r#"{"jsonrpc":"2.0","id":"q","error":{"code":-32601,"message":"no"}}"#)
        .answer(202, &[])
        .end(End::Complete);
    let scrape = observed.scrape();
    scrape
        .metric("mcp_server_requests_total")
        .label("method", "ping")
        .label("outcome", "jsonrpc_error")
        .is(1);
}

#[test]
fn each_element_of_a_batch_is_a_call() {
    let observed = Observed::new();
    let batch = format!(
        "[{},{},{}]",
        call(1, "a"),
        call(2, "b"),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#
    );
    let failed = r#"{"jsonrpc":"2.0","id":2,"result":{"isError":true,"content":[]}}"#;
    observed.post(&[], &batch).json(200, &format!("[{failed},{}]", good(1)));
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").is(2);
    scrape.metric("mcp_requests_total").label("outcome", "ok").is(1);
    scrape.metric("mcp_requests_total").label("outcome", "tool_error").is(1);
    scrape.metric("mcp_notifications_total").is(1);
}

#[test]
fn a_large_batch_is_answered_in_any_order() {
    let observed = Observed::new();
    let asked: Vec<String> = (0..2000).map(|id| call(id, "a")).collect();
    let answers: Vec<String> = (0..2000).rev().map(good).collect();
    observed.post(&[], &format!("[{}]", asked.join(","))).json(200, &format!("[{}]", answers.join(",")));
    observed.scrape().metric("mcp_requests_total").label("outcome", "ok").is(2000);
}

#[test]
fn a_task_lives_from_its_call_to_the_first_terminal_state_seen() {
    let get = r#"{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"t1"}}"#;
    for (created, state) in [
        (r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t1","status":"working"}}}"#, "failed"),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":"t1","status":"working"}}"#,
            "completed",
        ),
    ] {
        let observed = Observed::new();
        observed.post(&[], &call(1, "report")).json(200, created);
        observed.scrape().metric("mcp_tasks_active").label("tool_name", "report").is(1);
        let working = r#"{"jsonrpc":"2.0","id":2,"result":{"taskId":"t1","status":"working"}}"#;
        observed.post(&[], get).json(200, working);
        observed.scrape().metric("mcp_tasks_active").is(1);
        let over = format!(r#"{{"jsonrpc":"2.0","id":2,"result":{{"taskId":"t1","status":"{state}"}}}}"#);
        observed.post(&[], get).json(200, &over);
        observed.post(&[], get).json(200, &over);
        let scrape = observed.scrape();
        scrape.metric("mcp_tasks_total").label("tool_name", "report").label("status", state).is(1);
        scrape.metric("mcp_task_duration_seconds_count").is(1);
        scrape.metric("mcp_tasks_active").is(0);
    }
}

#[test]
fn a_task_ends_by_its_result_or_a_notification() {
    let created = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t1","status":"working"}}}"#;
    let observed = Observed::new();
    observed.post(&[], &call(1, "report")).json(200, created);
    let result = r#"{"jsonrpc":"2.0","id":2,"method":"tasks/result","params":{"taskId":"t1"}}"#;
    observed
        .post(&[], result)
        .json(200, r#"{"jsonrpc":"2.0","id":2,"result":{"content":[],"isError":true}}"#);
    observed.scrape().metric("mcp_tasks_total").label("status", "failed").is(1);
    let observed = Observed::new();
    observed.post(&[], &call(1, "report")).json(200, created);
    let said = r#"{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"t1","status":"cancelled"}}"#;
    let _stream = observed.get("/mcp", &[]).events().event(said);
    observed.scrape().metric("mcp_tasks_total").label("status", "cancelled").is(1);
}

#[test]
fn each_round_of_a_multi_round_trip_call_is_an_invocation() {
    let observed = Observed::new();
    let asks = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{},"requestState":"x"}}"#;
    observed.post(&[], &call(1, "book")).json(200, asks);
    observed.post(&[], &call(2, "book")).json(200, &good(2));
    let scrape = observed.scrape();
    let rounds = scrape.metric("mcp_tool_invocations_total").label("tool_name", "book");
    rounds.clone().label("status", "pending").is(1);
    rounds.label("status", "success").is(1);
}

#[test]
fn a_subscription_is_a_stream_and_in_no_latency_histogram() {
    let observed = Observed::new();
    let listen = r#"{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let acknowledged = r#"{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}"#;
    let stream = observed.post(&[], listen).events().event(acknowledged);
    let scrape = observed.scrape();
    scrape.metric("mcp_active_streams").label("kind", "listen").is(1);
    scrape.metric("mcp_requests_total").is(0);
    stream.event(r#"{"jsonrpc":"2.0","id":9,"result":{"resultType":"complete"}}"#).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("method", "subscriptions/listen").label("outcome", "ok").is(1);
    scrape.metric("mcp_request_duration_seconds_count").is(0);
    scrape.metric("mcp_http_request_duration_seconds_count").is(0);
    scrape.metric("mcp_http_requests_total").is(1);
}

#[test]
fn a_session_ends_by_delete_or_because_the_server_forgot_it() {
    let observed = Observed::new();
    begin(&observed);
    observed.post(&S1, &call(1, "a")).json(200, &good(1));
    observed.scrape().metric("mcp_active_sessions").is(1);
    observed.ask("DELETE", "/mcp", &S1).answer(200, &[]).end(End::Complete);
    begin(&observed);
    observed.post(&S1, &call(1, "a")).answer(404, &[]).end(End::Complete);
    let scrape = observed.scrape();
    let total = scrape.metric("mcp_sessions_total").label("client_name", "ide");
    total.label("protocol_version", "2025-06-18").is(2);
    scrape.metric("mcp_session_duration_seconds_count").label("end_reason", "deleted").is(1);
    scrape.metric("mcp_session_duration_seconds_count").label("end_reason", "expired").is(1);
    scrape.metric("mcp_active_sessions").is(0);
    let seen = scrape.metric("mcp_clients_total").label("client_name", "ide").label("era", "legacy");
    seen.label("protocol_version", "2025-06-18").is(4);
}

#[test]
fn a_delete_that_is_not_allowed_ends_nothing_and_no_session_id_starts_none() {
    let observed = Observed::new();
    observed.post(&[], INITIALIZE).json(200, INITIALIZED);
    observed.scrape().metric("mcp_sessions_total").is(0);
    begin(&observed);
    observed.ask("DELETE", "/mcp", &S1).answer(405, &[]).end(End::Complete);
    observed.scrape().metric("mcp_active_sessions").is(1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_session_ends() {
    let observed = Observed::new();
    begin(&observed);
    tokio::time::advance(std::time::Duration::from_secs(30 * 60)).await;
    observed.observer.tick();
    observed.scrape().metric("mcp_session_duration_seconds_count").label("end_reason", "idle").is(1);
}

#[test]
fn names_that_only_a_client_claims_are_other() {
    let observed = Observed::new();
    for number in 0..1000 {
        let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"unknown tool"}}"#;
        observed.post(&[], &call(1, &format!("tool{number}"))).json(200, error);
    }
    assert_eq!(observed.scrape().values("mcp_tool_invocations_total", "tool_name"), ["_other"]);
    let list = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    let listed =
        r#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"tool1"},{"inputSchema":{},"name":"tool2"}]}}"#;
    observed.post(&[], list).json(200, listed);
    let error = r#"{"jsonrpc":"2.0","id":1,"result":{"isError":true,"content":[]}}"#;
    observed.post(&[], &call(1, "tool2")).json(200, error);
    let scrape = observed.scrape();
    scrape.metric("mcp_tool_invocations_total").label("tool_name", "_other").is(1000);
    scrape.metric("mcp_tool_invocations_total").label("tool_name", "tool2").is(1);
    scrape.metric("mcp_payload_size_bytes_count").label("tool_name", "tool2").is(2);
}

#[test]
fn label_values_past_the_cap_are_other_and_counted() {
    let mut config = one_server();
    config.limits.max_label_values = 2;
    let observed = Observed::with(&config);
    for tool in ["a", "b", "c", "d"] {
        observed.post(&[], &call(1, tool)).json(200, &good(1));
    }
    let scrape = observed.scrape();
    assert_eq!(scrape.values("mcp_tool_invocations_total", "tool_name"), ["_other", "a", "b"]);
    scrape.metric("mcp_proxy_label_overflow_total").label("label", "tool_name").is(2);
}

#[test]
fn headers_that_contradict_the_body_are_counted() {
    let observed = Observed::new();
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"größe","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let right = [
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?Z3LDtsOfZQ==?="),
        ("mcp-protocol-version", "2026-07-28"),
    ];
    observed.post(&right, body).json(200, &good(7));
    observed.scrape().metric("mcp_header_mismatch_total").is(0);
    let wrong = [("mcp-method", "tools/list"), ("mcp-name", "x"), ("mcp-protocol-version", "2025-11-25")];
    observed.post(&wrong, body).json(400, &good(7));
    let scrape = observed.scrape();
    for header in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
        scrape.metric("mcp_header_mismatch_total").label("header", header).is(1);
    }
    let unknown = body.replace("2026-07-28", "2031-01-01");
    observed.post(&[("mcp-protocol-version", "2032-02-02")], &unknown).json(400, &good(7));
    let scrape = observed.scrape();
    scrape.metric("mcp_header_mismatch_total").label("header", "mcp-protocol-version").is(2);
}

#[test]
fn compressed_answers_are_read_from_a_copy() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(br#"{"jsonrpc":"2.0","id":1,"result":{"isError":true}}"#).unwrap();
    let packed = gzip.finish().unwrap();
    let observed = Observed::new();
    let headers = [("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")];
    observed.post(&[], &call(1, "a")).answer(200, &headers).bytes(&packed).end(End::Complete);
    observed.scrape().metric("mcp_requests_total").label("outcome", "tool_error").is(1);
    let headers = [("content-type", "application/json"), ("content-encoding", "lzma")];
    observed.post(&[], &call(1, "a")).answer(200, &headers).text("x").end(End::Complete);
    observed.scrape().metric("mcp_messages_unreadable_total").label("reason", "unknown_encoding").is(1);
}

#[test]
fn what_cannot_be_read_is_counted() {
    let observed = Observed::new();
    observed.post(&[], "{\"jsonrpc\":").answer(400, &[]).end(End::Complete);
    observed.post(&[], "no json").answer(400, &[]).end(End::Complete);
    observed.post(&[], "{\"x\":1}").answer(400, &[]).end(End::Complete);
    let scrape = observed.scrape();
    let from_client = scrape.metric("mcp_messages_unreadable_total").label("direction", "client_to_server");
    for reason in ["truncated", "invalid_json", "not_jsonrpc"] {
        from_client.clone().label("reason", reason).is(1);
    }
    observed.post(&[], &call(1, "a")).events().event("{junk").end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_messages_unreadable_total").label("direction", "server_to_client").is(1);
}

#[test]
fn a_question_read_after_its_answer_was_over_is_still_settled() {
    let observed = Observed::new();
    let asked = observed.ask("POST", "/mcp", &[]);
    let mut body = asked.exchange.request().expect("somebody looks");
    asked.answer(413, &[]).end(End::Complete);
    body.frame(&bytes::Bytes::from(call(1, "a")));
    body.end(End::Complete);
    observed.scrape().metric("mcp_errors_total").label("error_type", "413").is(1);
}

#[test]
fn a_second_initialize_on_a_legacy_stream_is_the_same_session() {
    let observed = Observed::new();
    let stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    let ask = || observed.post_to("/m?s=1", &[], INITIALIZE).answer(202, &[]).end(End::Complete);
    ask();
    let stream = stream.event(INITIALIZED);
    ask();
    stream.event(INITIALIZED).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_sessions_total").is(1);
    scrape.metric("mcp_active_sessions").is(0);
}

#[test]
fn an_initialize_answered_after_its_stream_closed_leaves_no_session() {
    let observed = Observed::new();
    let stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    let asked = observed.post_to("/m?s=1", &[], INITIALIZE);
    stream.end(End::Complete);
    asked.json(200, INITIALIZED);
    let scrape = observed.scrape();
    scrape.metric("mcp_active_sessions").is(0);
    scrape.metric("mcp_requests_active").is(0);
}

#[test]
fn an_endpoint_may_be_named_after_a_comment_and_a_time_to_wait() {
    let observed = Observed::new();
    let opening = ": hi\n\nretry: 100\n\nevent: endpoint\ndata: http://other.example/m?s=1\n\n";
    let stream = observed.get("/sse", &[]).events().text(opening);
    observed.post_to("/m?s=1", &[], &call(1, "echo")).answer(202, &[]).end(End::Complete);
    stream.event(&good(1)).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("transport", "sse").label("outcome", "ok").is(1);
    scrape.metric("mcp_stream_duration_seconds_count").label("kind", "sse").is(1);
    scrape.metric("mcp_active_streams").is(0);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_as_long_as_a_stream_resumes_it_also_without_a_session() {
    let observed = Observed::new();
    observed.post(&[], &call(1, "slow")).events().text("id: e1\ndata: \n\n").end(End::Complete);
    let first = observed.get("/mcp", &[("last-event-id", "e1")]).events().text("id: e2\ndata: \n\n");
    // It comes back again before the first was noticed to be gone.
    let again = observed.get("/mcp", &[("last-event-id", "e2")]).events();
    first.end(End::Cancelled);
    for _ in 0..3 {
        tokio::time::advance(std::time::Duration::from_secs(61)).await;
        observed.observer.tick();
    }
    observed.scrape().metric("mcp_requests_active").is(1);
    again.event(&good(1)).end(End::Complete);
    observed.scrape().metric("mcp_requests_total").label("outcome", "ok").is(1);
}

#[test]
fn a_session_that_began_before_us_is_joined_from_its_first_answer_on() {
    let observed = Observed::new();
    let stream = observed.get("/mcp", &S1).events();
    let _stream = stream.event(r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#);
    observed.post(&S1, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).answer(202, &[]).end(End::Complete);
    observed.scrape().metric("mcp_server_requests_total").label("outcome", "ok").is(1);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_an_open_stream_is_not_idle() {
    let observed = Observed::new();
    begin(&observed);
    let stream = observed.get("/mcp", &S1).events();
    for _ in 0..3 {
        tokio::time::advance(std::time::Duration::from_secs(30 * 60)).await;
        observed.observer.tick();
    }
    observed.scrape().metric("mcp_active_sessions").is(1);
    stream.end(End::Cancelled);
    tokio::time::advance(std::time::Duration::from_secs(60 * 60)).await;
    observed.observer.tick();
    observed.scrape().metric("mcp_active_sessions").is(0);
}

#[test]
fn an_initialize_resumed_on_another_stream_begins_its_session() {
    let observed = Observed::new();
    let head = [("content-type", "text/event-stream"), ("mcp-session-id", "s1")];
    observed.post(&[], INITIALIZE).answer(200, &head).text("id: e1\ndata: \n\n").end(End::Complete);
    let resumed = [S1[0], ("last-event-id", "e1")];
    observed.get("/mcp", &resumed).events().event(INITIALIZED).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "ok").is(1);
    scrape.metric("mcp_active_sessions").is(1);
}

#[test]
fn a_challenge_on_the_way_to_a_tasks_result_does_not_end_the_task() {
    let observed = Observed::new();
    let created = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t1","status":"working"}}}"#;
    observed.post(&[], &call(1, "report")).json(200, created);
    let result = r#"{"jsonrpc":"2.0","id":2,"method":"tasks/result","params":{"taskId":"t1"}}"#;
    let challenge = r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"who?"}}"#;
    observed.post(&[], result).json(401, challenge);
    observed.scrape().metric("mcp_tasks_active").is(1);
    observed.post(&[], result).json(200, challenge);
    observed.scrape().metric("mcp_tasks_total").label("status", "failed").is(1);
}

#[test]
fn a_notification_of_the_modern_era_cancels_nothing() {
    let observed = Observed::new();
    let waiting = observed.post(&[], &call(7, "slow"));
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    observed.post(&[("mcp-protocol-version", "2026-07-28")], cancel).answer(202, &[]).end(End::Complete);
    waiting.json(200, &good(7));
    observed.scrape().metric("mcp_requests_total").label("outcome", "ok").is(1);
}

#[test]
fn a_mirrored_header_that_cannot_be_decoded_contradicts_the_body() {
    let observed = Observed::new();
    let body = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    observed.post(&[("mcp-name", "=?base64?!?=")], body).json(400, &good(7));
    observed.post(&[], body).json(400, &good(7));
    observed.scrape().metric("mcp_header_mismatch_total").label("header", "mcp-name").is(1);
}

/// The event that the client comes back with may be minutes old.
#[tokio::test(start_paused = true)]
async fn an_event_id_is_kept_as_long_as_its_call_is_open() {
    let observed = Observed::new();
    let stream = observed.post(&[], &call(1, "slow")).events().text("id: e1\ndata: \n\n");
    let minutes = async |minutes| {
        for _ in 0..minutes {
            tokio::time::advance(std::time::Duration::from_secs(61)).await;
            observed.observer.tick();
        }
    };
    minutes(5).await;
    stream.end(End::Failed);
    let resumed = observed.get("/mcp", &[("last-event-id", "e1")]).events();
    minutes(5).await;
    observed.scrape().metric("mcp_requests_active").is(1);
    resumed.event(&good(1)).end(End::Complete);
    observed.scrape().metric("mcp_requests_total").label("outcome", "ok").is(1);
}

#[test]
fn answers_on_a_legacy_stream_come_in_any_order_and_twice() {
    let observed = Observed::new();
    let mut stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: m?s=1\n\n");
    let asked: Vec<_> = (1..=3).map(|id| observed.post_to("/m?s=1", &[], &call(id, "echo"))).collect();
    for id in [3, 1, 1, 99] {
        stream = stream.event(&good(id));
    }
    let mut asked = asked.into_iter();
    asked.next().unwrap().abandon();
    asked.next().unwrap().abandon();
    asked.next().unwrap().answer(202, &[]).end(End::Complete);
    observed.scrape().metric("mcp_requests_active").is(1);
    stream.end(End::Failed);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").is(3);
    scrape.metric("mcp_requests_total").label("outcome", "ok").is(2);
    scrape.metric("mcp_requests_total").label("outcome", "upstream_reset").is(1);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_proxy_limit_used").label("limit", "open_calls").is(0);
}

#[test]
fn two_streams_that_name_one_endpoint_leave_nothing_behind() {
    let observed = Observed::new();
    let open = || observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    let first = open();
    observed.post_to("/m?s=1", &[], &call(1, "echo")).answer(202, &[]).end(End::Complete);
    let second = open();
    observed.post_to("/m?s=1", &[], &call(2, "echo")).answer(202, &[]).end(End::Complete);
    first.event(&good(1)).end(End::Cancelled);
    second.event(&good(2)).end(End::Cancelled);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "ok").is(2);
    scrape.metric("mcp_active_streams").is(0);
    scrape.metric("mcp_active_sessions").is(0);
    scrape.metric("mcp_requests_active").is(0);
}

#[test]
fn a_session_that_ends_or_is_replaced_leaves_its_calls_and_streams_alone() {
    let observed = Observed::new();
    begin(&observed);
    let stream = observed.get("/mcp", &S1).events();
    let waiting = observed.post(&S1, &call(1, "slow"));
    begin(&observed);
    observed.scrape().metric("mcp_active_sessions").is(1);
    observed.ask("DELETE", "/mcp", &S1).answer(204, &[]).end(End::Complete);
    let stream = stream.event(r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#);
    stream.end(End::Complete);
    waiting.json(200, &good(1));
    let scrape = observed.scrape();
    scrape.metric("mcp_active_sessions").is(0);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_active_streams").is(0);
    scrape.metric("mcp_session_duration_seconds_count").label("end_reason", "evicted").is(1);
    scrape.metric("mcp_requests_total").label("method", "tools/call").label("outcome", "ok").is(1);
}

#[test]
fn a_batch_answered_in_part_and_one_of_notifications_alone_leave_nothing_open() {
    let observed = Observed::new();
    observed.post(&[], &format!("[{},{}]", call(1, "a"), call(2, "b"))).json(200, &good(2));
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    observed.post(&[], &format!("[{note},{note}]")).answer(202, &[]).end(End::Complete);
    let answer = r#"{"jsonrpc":"2.0","id":77,"result":{}}"#;
    observed.post(&[], answer).answer(202, &[]).end(End::Complete);
    let unknown = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}"#;
    observed.post(&[], unknown).answer(202, &[]).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "ok").is(1);
    scrape.metric("mcp_requests_total").label("outcome", "invalid_response").is(1);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_notifications_total").is(3);
    scrape.metric("mcp_errors_total").is(1);
}

#[test]
fn a_legacy_stream_that_the_proxy_cuts_times_its_calls_out() {
    let observed = Observed::new();
    let asked = observed.get("/sse", &[]);
    let cutter = asked.exchange.cutter();
    let stream = asked.events().text("event: endpoint\ndata: /m?s=1\n\n");
    observed.post_to("/m?s=1", &[], &call(1, "echo")).answer(202, &[]).end(End::Complete);
    cutter.cut(Cut::Timeout);
    stream.end(End::Cancelled);
    observed.scrape().metric("mcp_errors_total").label("error_type", "timeout").is(1);
}

#[test]
fn calls_that_still_wait_when_the_process_ends_are_told() {
    let observed = Observed::new();
    begin(&observed);
    observed.post(&S1, &call(1, "slow")).events().text("id: e1\ndata: \n\n").end(End::Complete);
    observed.observer.finish();
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "no_response").is(1);
    scrape.metric("mcp_requests_active").is(0);
}
