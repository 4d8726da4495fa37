//! Each outcome of `telemetry.md` §2 is reached, and is what it says.

use sightglass::observe::{Cut, End, Failure, Refusal};

use crate::support::observed::{Asked, Observed, one_server};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":1}}}"#;
const MODERN: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
const GOOD: &str = r#"{"result":{"content":[]},"jsonrpc":"2.0","id":7}"#;

/// The one call ended so, is in no other counter, and in each histogram once.
#[track_caller]
fn ended(observed: &Observed, outcome: &str, status: &str, error_type: Option<&str>) {
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").is(1);
    scrape.metric("mcp_requests_total").label("outcome", outcome).label("status", status).is(1);
    scrape.metric("mcp_tool_invocations_total").label("outcome", outcome).label("status", status).is(1);
    scrape.metric("mcp_request_duration_seconds_count").label("outcome", outcome).is(1);
    scrape.metric("mcp_tool_duration_seconds_count").label("outcome", outcome).is(1);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_errors_total").is(u32::from(error_type.is_some()));
    if let Some(error_type) = error_type {
        scrape.metric("mcp_errors_total").label("error_type", error_type).label("method", "tools/call").is(1);
        scrape.metric("mcp_tool_errors_total").label("error_type", error_type).is(1);
    }
}

#[track_caller]
fn call(answer: impl FnOnce(Asked), outcome: &str, status: &str, error_type: Option<&str>) {
    let observed = Observed::new();
    answer(observed.post(&[], CALL));
    ended(&observed, outcome, status, error_type);
}

#[test]
fn ok() {
    call(|asked| asked.json(200, GOOD), "ok", "success", None);
}

#[test]
fn ok_on_a_stream_before_it_ends() {
    let observed = Observed::new();
    let stream = observed.post(&[], CALL).events().event(GOOD);
    ended(&observed, "ok", "success", None);
    stream.end(End::Complete);
    ended(&observed, "ok", "success", None);
    let scrape = observed.scrape();
    scrape
        .metric("mcp_stream_duration_seconds_count")
        .label("kind", "post")
        .label("end_reason", "complete")
        .is(1);
    scrape.metric("mcp_active_streams").is(0);
}

#[test]
fn tool_error() {
    let body = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[],"isError":true}}"#;
    call(|asked| asked.json(200, body), "tool_error", "error", Some("tool_error"));
}

#[test]
fn jsonrpc_error_with_a_known_code() {
    let body = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"no"}}"#;
    call(|asked| asked.json(200, body), "jsonrpc_error", "error", Some("-32602"));
}

#[test]
fn jsonrpc_error_with_any_other_code_at_any_status() {
    let body = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-31999,"message":"no"}}"#;
    call(|asked| asked.json(500, body), "jsonrpc_error", "error", Some("jsonrpc_other"));
}

#[test]
fn jsonrpc_error_without_an_id_belongs_to_the_exchange() {
    for id in [r#","id":null"#, ""] {
        let body = format!(r#"{{"jsonrpc":"2.0","error":{{"code":-32600,"message":"no"}}{id}}}"#);
        call(|asked| asked.json(400, &body), "jsonrpc_error", "error", Some("-32600"));
    }
}

#[test]
fn http_error() {
    call(
        |asked| asked.answer(502, &[]).text("Bad Gateway").end(End::Complete),
        "http_error",
        "error",
        Some("502"),
    );
    call(
        |asked| asked.answer(307, &[("location", "/x")]).end(End::Complete),
        "http_error",
        "error",
        Some("307"),
    );
    call(|asked| asked.json(404, r#"{"detail":"Not Found"}"#), "http_error", "error", Some("404"));
}

#[test]
fn invalid_response() {
    let junk = |asked: Asked| asked.json(200, "<html>");
    call(junk, "invalid_response", "error", Some("invalid_response"));
    let truncated = |asked: Asked| asked.json(200, r#"{"jsonrpc":"2.0","id":7,"resu"#);
    call(truncated, "invalid_response", "error", Some("invalid_response"));
    let empty = |asked: Asked| asked.answer(200, &[]).end(End::Complete);
    call(empty, "invalid_response", "error", Some("invalid_response"));
    let text =
        |asked: Asked| asked.answer(200, &[("content-type", "text/plain")]).text(GOOD).end(End::Complete);
    call(text, "invalid_response", "error", Some("invalid_response"));
    let somebody_elses = |asked: Asked| asked.json(200, r#"{"jsonrpc":"2.0","id":8,"result":{}}"#);
    call(somebody_elses, "invalid_response", "error", Some("invalid_response"));
}

#[test]
fn an_id_is_its_type_too() {
    let text = |asked: Asked| asked.json(200, r#"{"jsonrpc":"2.0","id":"7","result":{}}"#);
    call(text, "invalid_response", "error", Some("invalid_response"));
}

#[test]
fn upstream_unreachable_reset_timeout() {
    let failing = |failure| {
        move |asked: Asked| asked.exchange.failed(failure, http::StatusCode::BAD_GATEWAY, "refused")
    };
    call(failing(Failure::Unreachable), "upstream_unreachable", "error", Some("upstream_unreachable"));
    call(failing(Failure::Reset), "upstream_reset", "error", Some("upstream_reset"));
    call(failing(Failure::Timeout), "timeout", "error", Some("timeout"));
    call(failing(Failure::Invalid), "invalid_response", "error", Some("invalid_response"));
    let cut =
        |asked: Asked| asked.answer(200, &[("content-type", "application/json")]).text("{").end(End::Failed);
    call(cut, "upstream_reset", "error", Some("upstream_reset"));
}

#[test]
fn timeout_of_a_call_whose_stream_had_begun() {
    let observed = Observed::new();
    let asked = observed.post(&[], CALL);
    let cutter = asked.exchange.cutter();
    let stream = asked.events().text(": working\n\n");
    cutter.cut(Cut::Timeout);
    stream.end(End::Cancelled);
    ended(&observed, "timeout", "error", Some("timeout"));
    observed.scrape().metric("mcp_stream_duration_seconds_count").label("end_reason", "error").is(1);
}

#[test]
fn no_response() {
    call(|asked| asked.answer(202, &[]).end(End::Complete), "no_response", "error", Some("no_response"));
    call(
        |asked| asked.events().text(": ping\n\n").end(End::Complete),
        "no_response",
        "error",
        Some("no_response"),
    );
}

#[test]
fn cancelled_by_a_notification_in_the_same_session() {
    let observed = Observed::new();
    let session = [("mcp-session-id", "s1")];
    observed.ask("GET", "/mcp", &session).events().end(End::Complete);
    let waiting = observed.post(&session, CALL);
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#;
    observed.post(&session, cancel).answer(202, &[]).end(End::Complete);
    ended(&observed, "cancelled", "cancelled", None);
    waiting.json(200, GOOD);
    ended(&observed, "cancelled", "cancelled", None);
    observed.scrape().metric("mcp_notifications_total").label("method", "notifications/cancelled").is(1);
}

#[test]
fn cancelled_by_closing_a_modern_stream() {
    let observed = Observed::new();
    observed.post(&[("mcp-protocol-version", "2026-07-28")], MODERN).abandon();
    ended(&observed, "cancelled", "cancelled", None);
    let observed = Observed::new();
    observed.post(&[], MODERN).events().text(": ping\n\n").end(End::Cancelled);
    ended(&observed, "cancelled", "cancelled", None);
}

#[test]
fn client_disconnect_at_once_where_no_answer_can_come() {
    call(Asked::abandon, "client_disconnect", "cancelled", None);
    call(|asked| asked.events().end(End::Cancelled), "client_disconnect", "cancelled", None);
}

#[tokio::test(start_paused = true)]
async fn client_disconnect_after_the_wait_where_an_answer_could_come() {
    let observed = Observed::new();
    observed.get("/mcp", &[("mcp-session-id", "s1")]).events().end(End::Complete);
    observed.post(&[("mcp-session-id", "s1")], CALL).abandon();
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_active").label("method", "tools/call").is(0);
    scrape.metric("mcp_requests_total").is(0);
    tokio::time::advance(std::time::Duration::from_secs(59)).await;
    observed.observer.tick();
    observed.scrape().metric("mcp_requests_total").is(0);
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    observed.observer.tick();
    ended(&observed, "client_disconnect", "cancelled", None);
    // It lasted until the disconnect, not until the wait was over.
    assert!(observed.scrape().metric("mcp_request_duration_seconds_sum").sum() < 1.0);
}

#[test]
fn auth_challenge() {
    call(|asked| asked.answer(401, &[]).end(End::Complete), "auth_challenge", "rejected", None);
    let challenge = [("www-authenticate", "Bearer")];
    call(|asked| asked.answer(403, &challenge).end(End::Complete), "auth_challenge", "rejected", None);
    call(|asked| asked.answer(403, &[]).end(End::Complete), "http_error", "error", Some("403"));
    let body = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"no"}}"#;
    call(|asked| asked.json(401, body), "auth_challenge", "rejected", None);
}

#[test]
fn refused() {
    let refuse =
        |asked: Asked| asked.exchange.refused(Refusal::Limit, http::StatusCode::SERVICE_UNAVAILABLE, "full");
    call(refuse, "refused", "rejected", None);
}

#[test]
fn input_required() {
    let body = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{}}}"#;
    call(|asked| asked.json(200, body), "input_required", "pending", None);
}

#[test]
fn task_of_both_designs() {
    let old = r#"{"jsonrpc":"2.0","id":7,"result":{"task":{"taskId":"t1","status":"working"}}}"#;
    call(|asked| asked.json(200, old), "task", "pending", None);
    let new = r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"task","taskId":"t1","status":"working"}}"#;
    call(|asked| asked.json(200, new), "task", "pending", None);
}

#[test]
fn a_stream_that_ended_without_the_answer_was_ended_by_the_server() {
    let observed = Observed::new();
    observed.post(&[], CALL).events().text(": ping\n\n").end(End::Complete);
    ended(&observed, "no_response", "error", Some("no_response"));
    let ends = observed.scrape();
    ends.metric("mcp_stream_duration_seconds_count").label("end_reason", "upstream").is(1);
    ends.metric("mcp_stream_duration_seconds_count").label("end_reason", "complete").is(0);
}

/// What a client came back for is timed to its answer; only a call that ends by the disconnect lasts until then.
#[tokio::test(start_paused = true)]
async fn an_answer_that_came_after_all_is_timed_to_its_end() {
    let observed = Observed::new();
    let session = [("mcp-session-id", "s1")];
    observed.get("/mcp", &session).events().end(End::Complete);
    observed.post(&session, CALL).events().text("id: e1\ndata: \n\n").end(End::Cancelled);
    observed.scrape().metric("mcp_requests_active").is(0);
    tokio::time::advance(std::time::Duration::from_secs(30)).await;
    observed.get("/mcp", &[session[0], ("last-event-id", "e1")]).events().event(GOOD).end(End::Complete);
    ended(&observed, "ok", "success", None);
    observed.scrape().metric("mcp_request_duration_seconds_sum").is(30);
}

#[test]
fn an_upgrade_answers_no_call() {
    let observed = Observed::new();
    let mut head = http::Response::new(()).into_parts().0;
    head.status = http::StatusCode::SWITCHING_PROTOCOLS;
    drop(observed.post(&[], CALL).exchange.upgraded(&head));
    ended(&observed, "invalid_response", "error", Some("invalid_response"));
}

/// What the proxy had no room to look into is given up and counted; it is not the server's error.
#[test]
fn an_answer_that_could_not_be_looked_into_is_no_error() {
    let mut config = one_server();
    config.limits.observe_bytes = 4096;
    let observed = Observed::with(&config);
    let asked = observed.ask("POST", "/mcp", &[]);
    let mut body = asked.exchange.request().expect("somebody looks");
    body.frame(&bytes::Bytes::from(CALL));
    // The request's reader still holds all the memory there is.
    asked.json(200, GOOD);
    body.end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_errors_total").is(0);
    scrape.metric("mcp_requests_total").is(0);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_proxy_limit_used").label("limit", "open_calls").is(0);
    scrape.metric("mcp_proxy_dropped_total").label("what", "event").is(1);
}

#[test]
fn an_answer_that_unpacks_to_more_than_is_looked_at_is_no_error() {
    use std::io::Write;
    let mut config = one_server();
    config.limits.decoded_bytes = 1000;
    let observed = Observed::with(&config);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let text = "x".repeat(100_000);
    gzip.write_all(GOOD.replace("[]", &format!("[\"{text}\"]")).as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    observed.post(&[], CALL).answer(200, &headers).bytes(&packed).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_errors_total").is(0);
    scrape.metric("mcp_requests_active").is(0);
    scrape.metric("mcp_messages_unreadable_total").is(0);
    scrape.metric("mcp_proxy_dropped_total").label("what", "event").is(1);
}

#[test]
fn a_subscription_that_the_server_takes_back_is_cancelled() {
    let observed = Observed::new();
    let listen = r#"{"jsonrpc":"2.0","id":9,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let cancel = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}}"#;
    observed.post(&[], listen).events().event(cancel).end(End::Complete);
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_total").label("outcome", "cancelled").is(1);
    scrape.metric("mcp_errors_total").is(0);
    scrape.metric("mcp_request_duration_seconds_count").is(0);
}
