//! What is known of a call when it ends, besides its outcome: its place in a trace, its session, its rounds, what passed on
//! its way, and what its error said. Spans and lines are made of nothing else.

use std::sync::{Arc, Mutex};

use sightglass::config::{Config, Otlp};
use sightglass::mcp::trace::{Carried, Carriers, Context, Ids, Sampler, SpanId, Trace, TraceId, decide};
use sightglass::observe::{Call, Direction, End, Ending, Event, Export, Failure, Outcome, Passed, Task};

use crate::support::observed::{Asked, Observed, one_server};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}"#;

/// Keeps what ended.
#[derive(Default)]
struct Kept {
    calls: Mutex<Vec<(Arc<Call>, Ending)>>,
    tasks: Mutex<Vec<(Arc<Task>, Option<Context>)>>,
}

impl Export for Kept {
    fn event(&self, event: &Event<'_>) {
        if let Event::CallEnded { call, ending } = event {
            self.calls.lock().unwrap().push((Arc::clone(call), (*ending).clone()));
        }
        if let Event::TaskEnded { task, seen_by, .. } = event {
            self.tasks.lock().unwrap().push((Arc::clone(task), *seen_by));
        }
    }
}

impl Kept {
    fn last(&self) -> (Arc<Call>, Ending) {
        self.calls.lock().unwrap().last().expect("a call that ended").clone()
    }
}

fn observed() -> (Observed, Arc<Kept>) {
    let mut config = one_server();
    config.tracing.otlp =
        Some(Otlp { traces: Some("http://127.0.0.1:1/v1/traces".to_owned()), ..Otlp::default() });
    with(&config)
}

fn with(config: &Config) -> (Observed, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    (Observed::telling(config, Arc::clone(&kept) as _), kept)
}

/// A place in the trace of [`PARENT`], with spans of this number.
fn place(number: u8) -> Trace {
    let parent = Carried { context: Context::parse(PARENT).unwrap(), tracestate: None };
    let carriers = Carriers { header: Some(&parent), ..Carriers::default() };
    let ids = Ids { trace: TraceId([1; 16]), server: SpanId([number; 8]), client: SpanId([number + 100; 8]) };
    decide(carriers, Sampler { ratio: 1.0, parent_based: true }, ids)
}

fn traced(asked: Asked, number: u8) -> Asked {
    asked.exchange.traced(place(number));
    asked
}

fn call(id: u32, more: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"echo"{more}}}}}"#)
}

#[test]
fn a_call_has_the_place_that_the_path_decided() {
    let (observed, kept) = observed();
    traced(observed.post(&[], &call(1, "")), 7).json(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let (call, _) = kept.last();
    assert_eq!(call.trace(), Some(&place(7)));
}

#[test]
fn the_requests_of_a_batch_are_siblings() {
    let (observed, kept) = observed();
    let batch = format!("[{},{}]", call(1, ""), call(2, ""));
    let answer = r#"[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]"#;
    traced(observed.post(&[], &batch), 7).json(200, answer);
    let calls = kept.calls.lock().unwrap();
    let places: Vec<&Trace> = calls.iter().filter_map(|(call, _)| call.trace()).collect();
    assert_eq!(places.len(), 2);
    assert_eq!((places[0].id, places[0].parent), (places[1].id, places[1].parent));
    assert_ne!(places[0].server_span, places[1].server_span);
    assert_ne!(places[0].client_span, places[1].client_span);
}

#[test]
fn a_session_remembers_where_its_handshake_stood() {
    let (observed, kept) = observed();
    let initialize = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"probe","version":"3"}}}"#;
    let result = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}"#;
    let json = ("content-type", "application/json");
    let asked = traced(observed.post(&[], initialize), 7);
    asked.answer(200, &[json, ("mcp-session-id", "secret")]).text(result).end(End::Complete);
    let asked = observed.post(&[("mcp-session-id", "secret")], &call(1, ""));
    let handshake = asked.exchange.handshake().expect("a handshake");
    assert_eq!(
        handshake.carried.as_ref().map(|carried| carried.context.traceparent()),
        Some(PARENT.to_owned())
    );
    assert_eq!(handshake.span.span, place(7).server_span);
    asked.json(200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let (call, _) = kept.last();
    let session = call.session.as_ref().expect("a session");
    assert_eq!(session.id.len(), 32);
    assert!(!session.id.contains("secret"));
    assert_eq!(session.client_version.as_ref().map(sightglass::mcp::Text::as_str), Some("3"));
}

#[test]
fn progress_belongs_to_the_call_of_its_token() {
    let (observed, kept) = observed();
    let meta = |token: &str| call(1, &format!(r#","_meta":{{"progressToken":"{token}"}}"#));
    let progress =
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}"#;
    traced(observed.post(&[], &meta("t")), 7)
        .events()
        .event(progress)
        .event(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        .end(End::Complete);
    let (call, ending) = kept.last();
    let (milestones, more) = call.milestones();
    let passed: Vec<Passed> = milestones.iter().map(|milestone| milestone.what).collect();
    let progress = sightglass::mcp::Method::NotificationsProgress;
    assert_eq!(passed, [Passed::FirstEvent, Passed::Notification(progress)]);
    assert_eq!((more, ending.events), (0, Some(2)));
}

#[test]
fn milestones_are_capped_and_the_rest_is_counted() {
    let (observed, kept) = observed();
    let log = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}"#;
    let mut answer = traced(observed.post(&[], &call(1, "")), 7).events();
    for _ in 0..1000 {
        answer = answer.event(log);
    }
    answer.event(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).end(End::Complete);
    let (milestones, more) = kept.last().0.milestones();
    assert_eq!((milestones.len(), more), (64, 1001 - 64));
}

#[test]
fn what_the_server_asks_stands_under_the_call_on_whose_stream_it_asks() {
    let (observed, kept) = observed();
    let ask = r#"{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{}}"#;
    let session = ("mcp-session-id", "s");
    let answer = traced(observed.post(&[session], &call(1, "")), 7).events().event(ask);
    observed.post(&[session], r#"{"jsonrpc":"2.0","id":9,"result":{}}"#).json(202, "");
    let (asked, _) = kept.last();
    assert_eq!(asked.direction, Direction::ServerToClient);
    let trace = asked.trace().expect("a place");
    assert_eq!((trace.id, trace.parent), (place(7).id, Some(place(7).client_span)));
    answer.event(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).end(End::Complete);
}

#[test]
fn the_rounds_of_a_call_are_joined_by_their_request_state() {
    let (observed, kept) = observed();
    let first = call(1, &format!(",{MODERN}"));
    let interim = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"abc"}}"#;
    traced(observed.post(&[], &first), 7).json(200, interim);
    assert_eq!(kept.last().1.outcome, Outcome::InputRequired);
    let second = call(2, &format!(r#","requestState":"abc","inputResponses":{{}},{MODERN}"#));
    traced(observed.post(&[], &second), 8).json(200, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
    assert_eq!(kept.last().0.earlier, Some(place(7).server()));
    let other = call(3, &format!(r#","requestState":"abd",{MODERN}"#));
    traced(observed.post(&[], &other), 9).json(200, r#"{"jsonrpc":"2.0","id":3,"result":{}}"#);
    assert_eq!(kept.last().0.earlier, None);
}

#[test]
fn a_task_knows_the_call_that_made_it_and_the_one_that_saw_it_end() {
    let (observed, kept) = observed();
    let made = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"task","taskId":"t1","status":"working"}}"#;
    traced(observed.post(&[], &call(1, &format!(",{MODERN}"))), 7).json(200, made);
    let task = kept.last().1.task.clone().unwrap();
    assert!(task.len() == 32 && task.chars().all(|digit| digit.is_ascii_hexdigit()), "{task}");
    let get =
        format!(r#"{{"jsonrpc":"2.0","id":2,"method":"tasks/get","params":{{"taskId":"t1",{MODERN}}}}}"#);
    let done =
        r#"{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","taskId":"t1","status":"completed"}}"#;
    traced(observed.post(&[], &get), 8).json(200, done);
    let tasks = kept.tasks.lock().unwrap();
    let (task, seen_by) = tasks.last().expect("a task that ended");
    assert_eq!((task.origin, *seen_by), (Some(place(7).server()), Some(place(8).server())));
}

#[test]
fn a_call_says_what_its_error_said() {
    let (observed, kept) = observed();
    let fault = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32050,"message":"the index is being built"}}"#;
    observed.post(&[], &call(1, "")).json(200, fault);
    let (_, ending) = kept.last();
    assert_eq!(ending.code, Some(-32050));
    assert_eq!(ending.message.as_ref().map(sightglass::mcp::Text::as_str), Some("the index is being built"));
    assert_eq!(ending.response_bytes, Some(fault.len() as u64));
    assert_eq!(ending.http_status, Some(http::StatusCode::OK));
}

#[test]
fn a_call_that_never_arrived_says_why() {
    let (observed, kept) = observed();
    let asked = observed.post(&[], &call(1, ""));
    asked.exchange.failed(Failure::Unreachable, http::StatusCode::BAD_GATEWAY, "connection refused");
    let (_, ending) = kept.last();
    assert_eq!(ending.message.as_ref().map(sightglass::mcp::Text::as_str), Some("connection refused"));
}
