//! Every call is two spans, as `telemetry.md` §4 tells them.

use std::fmt::Write;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use sightglass::config::{Config, OtlpProtocol};
use sightglass::export::Exporter;
use sightglass::mcp::trace::{Carried, Carriers, Context};
use sightglass::observe::{End, Failure};

use crate::support::collector::Collector;
use crate::support::told::{Told, attribute, exported, otlp, text};

const S1: [(&str, &str); 2] = [("mcp-session-id", "s1"), ("mcp-protocol-version", "2025-06-18")];
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"ide","version":"1"},"capabilities":{}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"s","version":"1"},"capabilities":{}}}"#;

fn call(id: u32, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    )
}

fn good(id: u32) -> String {
    format!(r#"{{"result":{{"content":[]}},"jsonrpc":"2.0","id":{id}}}"#)
}

/// A session `s1` of client `ide`.
fn begin(told: &Told) {
    let headers = [("content-type", "application/json"), ("mcp-session-id", "s1")];
    told.post(&[], INITIALIZE).answer(200, &headers).text(INITIALIZED).end(End::Complete);
}

/// A collector, and what it gets of what `drive` does.
async fn spans_of(drive: impl FnOnce(&Told)) -> Vec<Span> {
    spans_with(|_| {}, drive).await
}

async fn spans_with(configure: impl FnOnce(&mut Config), drive: impl FnOnce(&Told)) -> Vec<Span> {
    let collector = Collector::start().await;
    let mut config = exported(otlp(OtlpProtocol::HttpProtobuf, collector.address));
    configure(&mut config);
    let told = Told::start(&config);
    drive(&told);
    told.stop().await;
    collector.got().spans()
}

fn carried(traceparent: &str) -> Carried {
    Carried { context: Context::parse(traceparent).unwrap(), tracestate: None }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Everything of a span but its times, and of what takes time how much.
fn shown(span: &Span) -> String {
    let kind = SpanKind::try_from(span.kind).unwrap().as_str_name();
    let mut out = format!("{} ({kind})\n", span.name);
    let parent = if span.parent_span_id.is_empty() { "none".to_owned() } else { hex(&span.parent_span_id) };
    writeln!(
        out,
        "  {} {}, parent {parent}, flags {:x}",
        hex(&span.trace_id),
        hex(&span.span_id),
        span.flags
    )
    .unwrap();
    for attribute in &span.attributes {
        let value = text(attribute.value.as_ref().unwrap().value.as_ref().unwrap());
        let value = if attribute.key == "mcp.proxy.stream.first_event" { "…".to_owned() } else { value };
        writeln!(out, "  {} = {value}", attribute.key).unwrap();
    }
    for event in &span.events {
        writeln!(out, "  event {}", event.name).unwrap();
    }
    for link in &span.links {
        writeln!(out, "  link {} {}", hex(&link.trace_id), hex(&link.span_id)).unwrap();
    }
    if let Some(status) = &span.status {
        writeln!(out, "  status {} {:?}", status.code().as_str_name(), status.message).unwrap();
    }
    out
}

fn of_kind(spans: &[Span], kind: SpanKind) -> Vec<&Span> {
    spans.iter().filter(|span| span.kind() == kind).collect()
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

/// In a session, under a span of its client, in answer to which the server streams.
fn a_call_that_fails_after_some_progress(told: &Told) {
    begin(told);
    let above = Carried {
        tracestate: Some("a=1, not valid, b=2".to_owned()),
        ..carried("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01")
    };
    let carriers = Carriers { meta: Some(&above), ..Carriers::default() };
    let headers = [S1[0], S1[1], ("user-agent", "ide/1"), ("x-request-id", "r7")];
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let asked = told.post_in("/mcp", &headers, &call(1, "read_file"), carriers);
    let failed = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"disk on fire"}}"#;
    asked.events().event(progress).event(failed).end(End::Complete);
}

#[tokio::test]
async fn a_tool_call_is_a_server_span_and_under_it_a_client_span() {
    let spans =
        spans_with(|config| config.logs.raw_session_ids = true, a_call_that_fails_after_some_progress).await;
    let [.., server, client] = spans.as_slice() else { panic!("{spans:#?}") };
    assert!(server.start_time_unix_nano <= client.start_time_unix_nano);
    assert!(client.end_time_unix_nano <= server.end_time_unix_nano);
    assert_eq!(server.trace_state, "a=1,b=2");
    insta::assert_snapshot!(format!("{}{}", shown(server), shown(client)), @r#"
    tools/call read_file (SPAN_KIND_SERVER)
      0af7651916cd43dd8448eb211c80319c 0000000000000007, parent 00f067aa0ba902b7, flags 301
      mcp.method.name = tools/call
      mcp.protocol.version = 2025-06-18
      mcp.session.id = s1
      gen_ai.operation.name = execute_tool
      gen_ai.tool.name = read_file
      jsonrpc.request.id = 1
      rpc.response.status_code = -32603
      error.type = -32603
      network.transport = tcp
      network.protocol.name = http
      mcp.proxy.server = files
      mcp.proxy.outcome = jsonrpc_error
      mcp.proxy.transport = streamable_http
      mcp.proxy.era = legacy
      http.request.method = POST
      http.response.status_code = 200
      server.address = 127.0.0.1
      server.port = 1
      client.address = 127.0.0.1
      client.port = 50000
      network.protocol.version = 1.1
      user_agent.original = ide/1
      mcp.proxy.correlation_id = r7
      mcp.proxy.client.name = ide
      mcp.proxy.client.version = 1
      mcp.proxy.request.size = 91
      mcp.proxy.response.size = 73
      status STATUS_CODE_ERROR "disk on fire"
    tools/call read_file (SPAN_KIND_CLIENT)
      0af7651916cd43dd8448eb211c80319c 0000000000000008, parent 0000000000000007, flags 101
      mcp.method.name = tools/call
      mcp.protocol.version = 2025-06-18
      mcp.session.id = s1
      gen_ai.operation.name = execute_tool
      gen_ai.tool.name = read_file
      jsonrpc.request.id = 1
      rpc.response.status_code = -32603
      error.type = -32603
      network.transport = tcp
      network.protocol.name = http
      mcp.proxy.server = files
      mcp.proxy.outcome = jsonrpc_error
      mcp.proxy.transport = streamable_http
      mcp.proxy.era = legacy
      http.request.method = POST
      http.response.status_code = 200
      server.address = 127.0.0.1
      server.port = 1
      mcp.proxy.stream.messages = 2
      mcp.proxy.stream.first_event = …
      event first_event
      event notifications/progress
      status STATUS_CODE_ERROR "disk on fire"
    "#);
}

#[tokio::test]
async fn a_span_is_named_by_the_method_and_its_target_never_by_a_uri() {
    let spans = spans_of(|told| {
        let asks = [
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"greet"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///a"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"vendor/own","params":{"name":"x"}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        ];
        for ask in asks {
            told.post(&[], ask).json(200, &good(1));
        }
    })
    .await;
    let servers = of_kind(&spans, SpanKind::Server);
    let names: Vec<&str> = servers.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["prompts/get greet", "resources/read", "vendor/own", "tools/list"]);
    assert_eq!(attribute(servers[0], "gen_ai.prompt.name").unwrap(), "greet");
    assert_eq!(attribute(servers[1], "mcp.resource.uri").unwrap(), "file:///a");
}

#[tokio::test]
async fn the_clients_own_faults_leave_the_server_span_unset() {
    let spans = spans_of(|told| {
        for code in [-32602, -32603] {
            let fault = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"no"}}}}"#);
            told.post(&[], &call(1, "echo")).json(200, &fault);
        }
    })
    .await;
    let seen: Vec<(bool, String)> =
        spans.iter().map(|span| (is_error(span), attribute(span, "error.type").unwrap())).collect();
    let expected = [(false, "-32602"), (true, "-32602"), (true, "-32603"), (true, "-32603")];
    assert_eq!(seen, expected.map(|(is_error, code)| (is_error, code.to_owned())));
}

#[tokio::test]
async fn a_failed_leg_says_why() {
    let spans = spans_of(|told| {
        let asked = told.post(&[], &call(1, "echo"));
        let status = http::StatusCode::BAD_GATEWAY;
        asked.exchange.failed(Failure::Unreachable, status, "cannot connect: refused");
    })
    .await;
    for span in &spans {
        assert_eq!(span.status.as_ref().unwrap().message, "cannot connect: refused");
        assert_eq!(attribute(span, "error.type").unwrap(), "upstream_unreachable");
    }
    assert_eq!(spans.len(), 2);
}

#[tokio::test]
async fn what_was_not_passed_on_has_no_client_span() {
    let spans = spans_of(|told| {
        let asked = told.asked("/mcp", &[], &call(1, "echo"));
        asked.exchange.traced(told.trace(Carriers::default()));
        let status = http::StatusCode::BAD_GATEWAY;
        asked.exchange.failed(Failure::Unreachable, status, "cannot connect");
    })
    .await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].kind(), SpanKind::Server);
}

#[tokio::test]
async fn an_unsampled_success_makes_no_span_an_error_does() {
    let spans = spans_with(
        |config| config.tracing.sample_ratio = 0.0,
        |told| {
            told.post(&[], &call(1, "fine")).json(200, &good(1));
            told.post(&[], &call(2, "broken"))
                .json(200, r#"{"jsonrpc":"2.0","id":2,"result":{"isError":true,"content":[]}}"#);
        },
    )
    .await;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["tools/call broken", "tools/call broken"]);
    assert!(spans.iter().all(|span| span.flags & 1 == 1), "the exported copy is sampled");
}

#[tokio::test]
async fn an_unsampled_call_that_was_slow_is_exported() {
    let spans = spans_with(
        |config| {
            config.tracing.sample_ratio = 0.0;
            config.tracing.slow_threshold = Some(std::time::Duration::ZERO);
        },
        |told| told.post(&[], &call(1, "slow")).json(200, &good(1)),
    )
    .await;
    assert_eq!(spans.len(), 2);
}

#[tokio::test]
async fn a_session_without_a_parent_links_its_calls_to_its_handshake() {
    let spans = spans_of(|told| {
        begin(told);
        let asked = told.asked("/mcp", &S1, &call(1, "echo"));
        let handshake = asked.exchange.handshake();
        let carriers = Carriers { session: handshake.as_deref(), ..Carriers::default() };
        asked.exchange.traced(told.trace(carriers));
        asked.exchange.forwarded();
        asked.json(200, &good(1));
    })
    .await;
    let [initialize, _, server, _] = spans.as_slice() else { panic!("{spans:#?}") };
    assert_ne!(initialize.trace_id, server.trace_id);
    assert_eq!(server.links[0].span_id, initialize.span_id);
    assert_eq!(attribute(server, "mcp.session.id").unwrap().len(), 32, "a hash");
    assert_eq!(attribute(server, "mcp.proxy.client.name").unwrap(), "ide");
}

#[tokio::test]
async fn a_batch_has_spans_for_each_of_its_calls_beside_each_other() {
    let above = carried("00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
    let spans = spans_of(|told| {
        let batch = format!("[{},{}]", call(1, "a"), call(2, "b"));
        let carriers = Carriers { header: Some(&above), ..Carriers::default() };
        let asked = told.post_in("/mcp", &[], &batch, carriers);
        asked.json(200, &format!("[{},{}]", good(2), good(1)));
    })
    .await;
    let servers = of_kind(&spans, SpanKind::Server);
    assert_eq!((servers.len(), spans.len()), (2, 4));
    assert!(servers.iter().all(|span| hex(&span.parent_span_id) == "00f067aa0ba902b7"));
    assert_ne!(servers[0].span_id, servers[1].span_id);
}

#[tokio::test]
async fn a_legacy_sse_call_ends_with_its_answer_on_the_stream() {
    let spans = spans_of(|told| {
        let stream = told.observed.get("/sse", &[]).events().text("event: endpoint\ndata: /m?s=1\n\n");
        let asked = told.post_in("/m?s=1", &[], &call(1, "echo"), Carriers::default());
        asked.answer(202, &[]).text("Accepted").end(End::Complete);
        let _stream = stream.event(&good(1));
    })
    .await;
    assert_eq!(spans.len(), 2);
    assert_eq!(attribute(&spans[0], "mcp.proxy.transport").unwrap(), "sse");
    assert_eq!(attribute(&spans[0], "mcp.proxy.outcome").unwrap(), "ok");
}

#[tokio::test]
async fn a_call_whose_stream_was_resumed_is_one_pair_of_spans() {
    let spans = spans_of(|told| {
        begin(told);
        let asked = told.post(&S1, &call(1, "echo"));
        asked.events().text("id: 7\ndata:\n\n").end(End::Complete);
        let resumed = told.observed.get("/mcp", &[S1[0], S1[1], ("last-event-id", "7")]).events();
        resumed.event(&good(1)).end(End::Complete);
    })
    .await;
    let calls: Vec<&Span> = spans.iter().filter(|span| span.name == "tools/call echo").collect();
    assert_eq!(calls.len(), 2);
    let events: Vec<&str> = calls[1].events.iter().map(|event| event.name.as_str()).collect();
    assert!(events.contains(&"priming_event"), "{events:?}");
    assert_eq!(events.iter().filter(|event| **event == "stream_resumed").count(), 1, "{events:?}");
    assert_eq!(attribute(calls[0], "mcp.proxy.outcome").unwrap(), "ok");
}

#[tokio::test]
async fn what_a_server_asks_stands_under_the_call_it_asks_for() {
    let spans = spans_of(|told| {
        begin(told);
        let ask = r#"{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage","params":{"messages":[]}}"#;
        let stream = told.post(&S1, &call(1, "echo")).events().event(ask);
        told.post(&S1, &good(5)).answer(202, &[]).end(End::Complete);
        stream.event(&good(1)).end(End::Complete);
    })
    .await;
    let find = |name: &str, kind| spans.iter().find(|span| span.name == name && span.kind() == kind).unwrap();
    let asked = find("sampling/createMessage", SpanKind::Server);
    let leg = find("sampling/createMessage", SpanKind::Client);
    let call = find("tools/call echo", SpanKind::Client);
    assert_eq!((&asked.trace_id, &asked.parent_span_id), (&call.trace_id, &call.span_id));
    assert_eq!(leg.parent_span_id, asked.span_id);
    assert_eq!(attribute(asked, "mcp.proxy.direction").unwrap(), "server_to_client");
    assert_eq!(attribute(leg, "server.port").unwrap(), "50000");
}

#[tokio::test]
async fn a_task_has_a_span_from_its_creation_to_its_end() {
    let created = r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t1","status":"working"}}}"#;
    let get = r#"{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{"taskId":"t1"}}"#;
    let over = r#"{"jsonrpc":"2.0","id":2,"result":{"taskId":"t1","status":"failed"}}"#;
    let spans = spans_of(|told| {
        told.post(&[], &call(1, "report")).json(200, created);
        told.post(&[], get).json(200, over);
    })
    .await;
    let [task] = of_kind(&spans, SpanKind::Internal)[..] else { panic!("{spans:#?}") };
    let maker = spans.iter().find(|span| span.name == "tools/call report").unwrap();
    let teller = spans.iter().find(|span| span.name == "tasks/get").unwrap();
    assert_eq!(task.name, "task report");
    assert_eq!((&task.trace_id, &task.parent_span_id), (&maker.trace_id, &maker.span_id));
    assert_eq!(task.links[0].span_id, teller.span_id);
    assert_eq!(attribute(task, "mcp.proxy.task.status").unwrap(), "failed");
    let id = attribute(task, "mcp.proxy.task.id").unwrap();
    assert_eq!((id.len(), attribute(maker, "mcp.proxy.task.id")), (32, Some(id)));
    assert!(is_error(task) && !is_error(maker));
    assert_eq!(task.start_time_unix_nano, maker.start_time_unix_nano);
    assert!(task.end_time_unix_nano >= maker.end_time_unix_nano);
}

#[tokio::test]
async fn each_round_of_a_call_is_linked_to_the_one_before() {
    let asks = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"abc","inputRequests":{}}}"#;
    let again = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"book","requestState":"abc","inputResponses":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let spans = spans_of(|told| {
        told.post(&[], &call(1, "book")).json(200, asks);
        told.post(&[], again).json(200, &good(2));
    })
    .await;
    let [first, second] = of_kind(&spans, SpanKind::Server)[..] else { panic!("{spans:#?}") };
    assert_eq!(attribute(first, "mcp.proxy.outcome").unwrap(), "input_required");
    assert!(first.status.as_ref().is_none_or(|status| status.code == 0));
    assert_eq!(second.links[0].span_id, first.span_id);
    assert_eq!(second.links[0].trace_id, first.trace_id);
}

#[tokio::test]
async fn what_passes_on_a_stream_is_told_up_to_a_cap() {
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let spans = spans_of(|told| {
        let mut stream = told.post(&[], &call(1, "echo")).events();
        for _ in 0..100 {
            stream = stream.event(progress);
        }
        stream.event(&good(1)).end(End::Complete);
    })
    .await;
    let [client] = of_kind(&spans, SpanKind::Client)[..] else { panic!("{spans:#?}") };
    assert_eq!(client.events.len(), 64);
    assert_eq!(client.events.len() + client.dropped_events_count as usize, 101);
    assert!(of_kind(&spans, SpanKind::Server)[0].events.is_empty());
}

#[tokio::test]
async fn hostile_text_is_cut() {
    let spans = spans_of(|told| told.post(&[], &call(1, &"é".repeat(5000))).json(200, &good(1))).await;
    assert_eq!(spans[0].name.len(), "tools/call ".len() + 128);
    assert!(attribute(&spans[0], "gen_ai.tool.name").unwrap().len() <= 512);
    let agent = "agent/1.0 ".repeat(5000);
    let spans =
        spans_of(|told| told.post(&[("user-agent", &agent)], &call(1, "echo")).json(200, &good(1))).await;
    assert!((480..=512).contains(&attribute(&spans[0], "user_agent.original").unwrap().len()));
}

#[tokio::test]
async fn spans_as_long_as_can_be_are_sent_in_parts_that_a_collector_takes() {
    let collector = Collector::start().await;
    let mut config = exported(otlp(OtlpProtocol::Grpc, collector.address));
    config.tracing.slow_threshold = None;
    let told = Told::start(&config);
    let (agent, name) = ("a".repeat(5000), "n".repeat(5000));
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    for _ in 0..512 {
        let headers = [("user-agent", agent.as_str()), ("x-request-id", agent.as_str())];
        let stream = told.post(&headers, &call(1, &name)).events();
        let stream = (0..64).fold(stream, |stream, _| stream.event(progress));
        stream.event(&good(1)).end(End::Complete);
    }
    let losses = told.stop().await;
    let got = collector.got();
    assert_eq!(got.spans().len(), 1024);
    let longest = got.traces.iter().map(prost::Message::encoded_len).max().unwrap();
    assert!(got.traces.len() > 1 && longest < 4 * 1024 * 1024, "{longest}");
    assert_eq!(losses.failures(Exporter::OtlpTraces), 0);
}
