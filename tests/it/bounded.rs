//! Nothing grows without a cap: a result of any size, any number of names, any number of sessions.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sightglass::observe::{End, Route, Target};

use crate::support::observed::{Observed, one_server};
use crate::support::program::Program;
use crate::support::scrape::Scrape;
use crate::support::stub;

type Http = Client<HttpConnector, Full<Bytes>>;

async fn call(http: &Http, proxy: SocketAddr, tool: &str) -> usize {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#);
    let request = Request::post(format!("http://{proxy}/mcp")).header("content-type", "application/json");
    let mut response =
        http.request(request.body(Full::from(body)).expect("a request")).await.expect("an answer");
    let mut length = 0;
    while let Some(frame) = response.body_mut().frame().await {
        length += frame.expect("a frame").data_ref().map_or(0, Bytes::len);
    }
    length
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_200_mb_that_ends_in_is_error_costs_no_memory() {
    let upstream = stub::start().await;
    let program = Program::start(upstream);
    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    call(&http, program.proxy, "ok").await;
    let before = program.peak();
    assert!(call(&http, program.proxy, "huge").await > stub::HUGE);
    let grown = program.peak().saturating_sub(before);
    assert!(grown < 8 << 20, "resident memory grew by {grown} bytes");
    let request =
        Request::get(format!("http://{}/metrics", program.admin)).body(Full::default()).expect("a request");
    let page = http.request(request).await.expect("a page").into_body().collect().await.expect("a body");
    let scrape = Scrape::of(std::str::from_utf8(&page.to_bytes()).expect("text"));
    scrape.metric("mcp_requests_total").label("outcome", "tool_error").is(1);
    assert!(scrape.metric("mcp_payload_size_bytes_sum").label("direction", "server_to_client").sum() > 2e8);
}

#[test]
fn a_hundred_thousand_names_from_a_client_are_one_label_value() {
    let observed = Observed::new();
    for number in 0..100_000 {
        let asked =
            format!(r#"{{"id":1,"method":"tools/call","params":{{"name":"tool{number}"}},"jsonrpc":"2.0"}}"#);
        observed
            .post(&[], &asked)
            .json(200, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#);
    }
    let scrape = observed.scrape();
    assert_eq!(scrape.values("mcp_tool_invocations_total", "tool_name"), ["_other"]);
    scrape.metric("mcp_tool_invocations_total").is(100_000);
}

#[test]
fn a_server_that_makes_up_statuses_adds_one_label_value() {
    let observed = Observed::new();
    let asked = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}"#;
    for status in 300..1000 {
        observed.post(&[], asked).answer(status, &[]).end(End::Complete);
    }
    let scrape = observed.scrape();
    assert!(scrape.values("mcp_http_requests_total", "status_code").len() < 80);
    assert!(scrape.values("mcp_errors_total", "error_type").len() < 80);
    scrape.metric("mcp_http_requests_total").is(700);
    scrape.metric("mcp_http_requests_total").label("status_code", "404").is(1);
    scrape.metric("mcp_errors_total").label("error_type", "502").is(1);
    let (made_up, others) = (scrape.metric("mcp_http_requests_total").label("status_code", "_other"), 600.0);
    assert!(made_up.sum() > others);
    assert!(scrape.metric("mcp_errors_total").label("error_type", "http_other").sum() > others);
}

#[test]
fn client_names_have_a_cap_of_their_own() {
    let observed = Observed::new();
    for number in 0..1000 {
        let meta = format!(
            r#"{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"c{number}"}}}}"#
        );
        let asked =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{{"_meta":{meta}}}}}"#);
        observed.post(&[], &asked).json(200, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#);
    }
    let scrape = observed.scrape();
    assert_eq!(scrape.values("mcp_clients_total", "client_name").len(), 101);
    scrape.metric("mcp_clients_total").label("client_name", "_other").is(900);
    scrape.metric("mcp_proxy_label_overflow_total").label("label", "client_name").is(900);
}

#[test]
fn three_hundred_thousand_abandoned_sessions_stay_under_the_cap() {
    const ASKED: &str =
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    const ANSWERED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
    let observed = Observed::with(&one_server());
    for number in 0..300_000 {
        let id = number.to_string();
        let headers = [("content-type", "application/json"), ("mcp-session-id", id.as_str())];
        observed.post(&[], ASKED).answer(200, &headers).text(ANSWERED).end(End::Complete);
    }
    let scrape = observed.scrape();
    scrape.metric("mcp_sessions_total").is(300_000);
    let active = scrape.metric("mcp_active_sessions").sum();
    let evicted = scrape.metric("mcp_session_duration_seconds_count").label("end_reason", "evicted").sum();
    assert!(active <= 100_000.0, "{active} sessions are open");
    assert!((active + evicted - 300_000.0).abs() < 0.5, "{active} open and {evicted} evicted");
    scrape.metric("mcp_proxy_limit").label("limit", "sessions").is(100_000);
}

#[test]
fn session_ids_that_a_client_makes_up_push_no_session_out() {
    let mut config = one_server();
    config.limits.max_sessions = 100;
    let observed = Observed::with(&config);
    let begun = [("content-type", "application/json"), ("mcp-session-id", "real")];
    let asked = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;
    let answered = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18"}}"#;
    observed.post(&[], asked).answer(200, &begun).text(answered).end(End::Complete);
    for number in 0..1000 {
        let id = number.to_string();
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        observed.post(&[("mcp-session-id", &id)], ping).json(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    }
    let scrape = observed.scrape();
    scrape.metric("mcp_active_sessions").is(1);
    scrape.metric("mcp_session_duration_seconds_count").is(0);
}

#[test]
fn calls_past_the_cap_are_given_up_and_counted() {
    let mut config = one_server();
    config.limits.max_open_calls = 10;
    let observed = Observed::with(&config);
    let asked: Vec<String> =
        (0..100).map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).collect();
    let waiting = observed.post(&[], &format!("[{}]", asked.join(",")));
    let scrape = observed.scrape();
    scrape.metric("mcp_requests_active").is(10);
    scrape.metric("mcp_proxy_dropped_total").label("what", "event").label("reason", "queue_full").is(90);
    waiting.abandon();
    observed.scrape().metric("mcp_proxy_limit_used").label("limit", "open_calls").is(0);
}

#[test]
fn a_legacy_call_past_the_cap_is_given_up_not_failed() {
    let mut config = one_server();
    config.limits.max_open_calls = 1;
    let observed = Observed::with(&config);
    let _stream = observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
    for id in 0..5 {
        let ping = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        observed.post_to("/m?s=1", &[], &ping).answer(202, &[]).end(End::Complete);
    }
    let scrape = observed.scrape();
    scrape.metric("mcp_errors_total").is(0);
    scrape.metric("mcp_requests_active").is(1);
    scrape.metric("mcp_proxy_dropped_total").is(4);
}

/// Each of the errors is for all calls of the exchange, of which there are none left after the first.
#[test]
fn a_batch_of_errors_without_an_id_is_no_quadratic_work() {
    let observed = Observed::new();
    let asked: Vec<String> =
        (0..20_000).map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#)).collect();
    let error = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"no"}}"#;
    let answers = vec![error; 20_000];
    observed.post(&[], &format!("[{}]", asked.join(","))).json(400, &format!("[{}]", answers.join(",")));
    observed.scrape().metric("mcp_errors_total").label("error_type", "-32600").is(20_000);
}

#[test]
fn an_open_stream_keeps_no_buffer_of_the_heads_it_came_with() {
    let observed = Observed::new();
    let buffer = Bytes::from(vec![b'a'; 64 * 1024]);
    let field = || HeaderValue::from_maybe_shared(buffer.slice(..600)).unwrap();
    let asked = Request::post("/mcp")
        .header("content-type", "application/json")
        .header("user-agent", field())
        .header("x-request-id", field())
        .header("mcp-session-id", field());
    let asked = asked.body(()).unwrap().into_parts().0;
    let answered =
        Response::builder().header("content-type", "text/event-stream").header("mcp-session-id", field());
    let answered = answered.body(()).unwrap().into_parts().0;
    let connection = observed.observer.connection();
    let target = Target { server: Some(0), route: Route::Mount, upstream_path: "/mcp" };
    let exchange = connection.exchange(target, &asked, SocketAddr::from(([127, 0, 0, 1], 1)));
    let mut watch = exchange.request().unwrap();
    watch.frame(&Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#));
    watch.end(End::Complete);
    let _stream = exchange.answered(&answered, None).unwrap();
    observed.scrape().metric("mcp_requests_active").is(1);
    drop((asked, answered));
    assert!(buffer.is_unique());
}
