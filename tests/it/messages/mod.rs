//! Promise: whatever passes, and however it is cut, is read as what it is, and never panics.

pub(crate) mod check;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use sightglass::mcp::{EventKind, Item, Kind, Method};

/// The same cases in every run, few enough for every run.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_120),
        failure_persistence: None,
        ..Default::default()
    }
}

const MESSAGE_KEYS: &[&str] =
    &["jsonrpc", "id", "method", "params", "result", "error", "m\\u0065thod", "other"];

const INNER_KEYS: &[&str] = &[
    "name",
    "uri",
    "taskId",
    "requestState",
    "requestId",
    "progressToken",
    "inputResponses",
    "task",
    "arguments",
    "protocolVersion",
    "clientInfo",
    "serverInfo",
    "status",
    "_meta",
    "content",
    "text",
    "isError",
    "resultType",
    "nextCursor",
    "cursor",
    "data",
    "blob",
    "resource",
    "mcp/www_authenticate",
    "tools",
    "result",
    "error",
    "code",
    "message",
    "version",
    "ui",
    "resourceUri",
    "ui/resourceUri",
    "openai/outputTemplate",
    "traceparent",
    "tracestate",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/serverInfo",
    "io.modelcontextprotocol/subscriptionId",
    "io.modelcontextprotocol/related-task",
    "n\\u0061me",
    "a key that nobody asks for, and longer than any that somebody does",
    "",
];

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t ")]
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just(r#""2.0""#.to_owned()),
        Just(r#""notifications/progress""#.to_owned()),
        Just(r#""\ud83d\ude00 \"quoted\" \\ \u00e9""#.to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        (-1.0e18..1.0e18).prop_map(|number: f64| number.to_string()),
        Just("1.0".to_owned()),
        Just("-0".to_owned()),
        Just("1e2".to_owned()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        (500_usize..600).prop_map(|length| format!("\"{}\"", "é".repeat(length / 2))),
    ]
}

fn object(
    keys: &'static [&'static str],
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    let member = (proptest::sample::select(keys), blank(), value, blank());
    vec(member, 0..8).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(key, before, value, after)| format!("{before}\"{key}\"{after}:{before}{value}{after}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn array(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (vec(value, 0..5), blank()).prop_map(|(elements, blank)| format!("[{blank}{}]", elements.join(",")))
}

/// JSON with the keys that matter, duplicates and escapes included.
fn json() -> impl Strategy<Value = String> {
    leaf().prop_recursive(
        5,
        64,
        8,
        |inner| prop_oneof![4 => object(INNER_KEYS, inner.clone()), 1 => array(inner)],
    )
}

fn message() -> impl Strategy<Value = String> {
    object(MESSAGE_KEYS, json())
}

fn text_body() -> impl Strategy<Value = String> {
    prop_oneof![6 => message(), 2 => array(message()), 1 => json(), 1 => array(json())]
}

/// An object in which `key` stands once, or not at all, among others that stand anywhere.
fn holding(
    key: &'static str,
    value: impl Strategy<Value = String> + 'static,
) -> impl Strategy<Value = String> {
    const OTHERS: &[&str] = &["name", "arguments", "a", "method", "traceparent", "x\\u0061", "", "id"];
    let member = |key, value| (key, blank(), value, blank());
    let others = vec(member(proptest::sample::select(OTHERS).boxed(), json().boxed()), 0..4);
    let held = proptest::option::of(member(Just(key).boxed(), value.boxed()));
    (others, held, any::<prop::sample::Index>(), blank()).prop_map(|(mut members, held, at, blank)| {
        if let Some(held) = held {
            members.insert(at.index(members.len() + 1), held);
        }
        let written = members
            .iter()
            .map(|(key, before, value, after)| format!("{before}\"{key}\"{after}:{before}{value}{after}"));
        format!("{{{blank}{}{blank}}}", written.collect::<Vec<_>>().join(","))
    })
}

/// A request or a notification with the trace context in it, or parts of it, or none.
fn posted() -> impl Strategy<Value = String> {
    const TRACE_KEYS: &[&str] = &["traceparent", "tracestate", "progressToken", "a", "b", "tr\\u0061cestate"];
    const TRACE: &str = r#""00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01""#;
    let value = prop_oneof![Just(TRACE.to_owned()), json()];
    let number = proptest::sample::select(&["123456789012345678901234567890", "1.10", "-0.0", "1e2"][..]);
    let params = holding("params", holding("_meta", object(TRACE_KEYS, value)));
    (params, number, any::<bool>()).prop_map(|(message, number, is_request)| {
        let id = if is_request { format!("\"id\" : {number}") } else { format!("\"n\":{number}") };
        let rest = message.strip_prefix('{').unwrap();
        let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
        format!("{{ \"method\":\"tools/call\",{id},\"n\":1{comma}{rest}")
    })
}

/// An event stream of plausible lines, every kind of line end among them.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => message().prop_map(|message| format!("data: {message}")),
        1 => Just("data: {\"jsonrpc\":\"2.0\",".to_owned()),
        1 => Just("data:\"method\":\"ping\"}".to_owned()),
        1 => Just("data".to_owned()),
        1 => Just("data: /messages/?session_id=1".to_owned()),
        1 => Just("event: message".to_owned()),
        1 => Just("event: endpoint".to_owned()),
        1 => Just("event:ping".to_owned()),
        1 => Just("id: 7".to_owned()),
        1 => Just("id: \0".to_owned()),
        1 => Just("retry: 100".to_owned()),
        1 => Just(": keepalive".to_owned()),
        6 => Just(String::new()),
        1 => Just("\u{FEFF}data: x".to_owned()),
        1 => any::<String>(),
    ];
    let end = prop_oneof![Just("\n"), Just("\r"), Just("\r\n")];
    vec((line, end), 0..24)
        .prop_map(|lines| lines.into_iter().flat_map(|(line, end)| (line + end).into_bytes()).collect())
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn a_body_means_the_same_however_it_is_cut_and_what_serde_json_reads(body in text_body(), piece in 1_usize..200) {
        check::body(body.as_bytes(), piece);
    }

    #[test]
    fn a_body_written_compactly_has_its_exact_lengths(body in text_body(), piece in 1_usize..200) {
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        check::body(value.to_string().as_bytes(), piece);
    }

    #[test]
    fn a_body_with_a_byte_changed_never_panics(
        body in text_body(), at in any::<prop::sample::Index>(), byte in any::<u8>(), piece in 1_usize..200,
    ) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        check::body(&body, piece);
    }

    #[test]
    fn a_stream_means_the_same_however_it_is_cut(stream in lines(), piece in 1_usize..200) {
        check::stream(&stream, piece);
    }

    #[test]
    fn a_body_with_our_trace_context_in_it_says_what_it_said(body in posted()) {
        check::splice(body.as_bytes());
    }

    #[test]
    fn any_body_has_a_place_for_the_trace_context_or_none(body in text_body()) {
        check::splice(body.as_bytes());
    }

    #[test]
    fn a_body_with_a_byte_changed_has_a_place_or_none(
        body in posted(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        check::splice(&body);
    }

    #[test]
    fn any_bytes_are_something(bytes in vec(any::<u8>(), 0..400), piece in 1_usize..100) {
        check::body(&bytes, piece);
        check::stream(&bytes, piece);
        check::splice(&bytes);
    }
}

const INITIALIZE: &[u8] = include_bytes!("../corpus/initialize.json");
const INITIALIZED: &[u8] = include_bytes!("../corpus/initialize-answer.sse");
const CALL: &[u8] = include_bytes!("../corpus/call-2026-07-28.json");
const LEGACY: &[u8] = include_bytes!("../corpus/legacy.sse");

#[test]
fn most_generated_bodies_have_a_place() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::new(config(1));
    let bodies = (0..200).map(|_| posted().new_tree(&mut runner).unwrap().current());
    let with =
        bodies.filter(|body| sightglass::mcp::place::Posted::read(body.as_bytes()).has_place()).count();
    assert!(with > 50, "{with}");
}

#[test]
fn recorded_requests_are_read() {
    let (messages, reason) = check::scan([INITIALIZE]);
    assert_eq!((messages.len(), reason), (1, None));
    assert_eq!(messages[0].known_method(), Method::Initialize);
    assert_eq!(messages[0].params.client_name.as_ref().unwrap(), "mcp");
    assert_eq!(messages[0].params.client_version.as_ref().unwrap(), "0.1.0");
    assert_eq!(messages[0].params.protocol_version.as_ref().unwrap(), "2025-11-25");

    let (messages, reason) = check::scan([CALL]);
    assert_eq!((messages.len(), reason), (1, None));
    assert_eq!(messages[0].kind(), Kind::Request);
    assert_eq!(messages[0].known_method(), Method::ToolsCall);
    assert_eq!(messages[0].params.meta.protocol_version.as_ref().unwrap(), "2026-07-28");
    assert!(messages[0].params.name.is_some() && messages[0].params.arguments_bytes.is_some());
}

#[test]
fn recorded_event_streams_are_read() {
    let (items, reason) = check::read([INITIALIZED]);
    assert_eq!((items.len(), reason), (2, None));
    let (Item::Message(answer), Item::Event(event)) = (&items[0], &items[1]) else { panic!("{items:?}") };
    assert_eq!(answer.result.as_ref().unwrap().server_name.as_ref().unwrap(), "testbed-mcp");
    assert_eq!((event.kind, event.bytes), (EventKind::Message, INITIALIZED.len() as u64 - 1));

    let (items, reason) = check::read([LEGACY]);
    assert_eq!(reason, None);
    let Item::Event(endpoint) = &items[0] else { panic!("{items:?}") };
    assert_eq!(endpoint.kind, EventKind::Endpoint);
    assert!(endpoint.endpoint.as_ref().unwrap().as_str().starts_with("/messages/?session_id="));
    let messages = items.iter().filter(|item| matches!(item, Item::Message(_))).count();
    assert!(messages >= 2);
    assert!(!items.iter().any(|item| matches!(item, Item::Unreadable(_))));
}

#[test]
fn recordings_mean_the_same_however_they_are_cut() {
    for piece in 1..200 {
        check::body(INITIALIZE, piece);
        check::body(CALL, piece);
        check::stream(INITIALIZED, piece);
        check::stream(LEGACY, piece);
    }
}
