//! What must hold for any bytes; the property tests and the fuzz targets ask the same.

use serde_json::{Map, Value};
use sightglass::mcp::place::{Kind, Posted, Tracestate};
use sightglass::mcp::trace::Context;
use sightglass::mcp::{
    Answer, EventReader, Fault, Id, Item, Message, Meta, Method, Params, Scanner, Text, Unreadable, Widget,
    is_jsonrpc, request_id,
};

/// A body; the first byte says how long the pieces are.
pub(crate) fn jsonrpc(input: &[u8]) {
    if let Some((&piece, rest)) = input.split_first() {
        body(rest, piece.into());
        is_jsonrpc(rest);
        request_id(rest);
    }
}

/// An event stream; the first byte says how long the pieces are.
pub(crate) fn sse(input: &[u8]) {
    if let Some((&piece, rest)) = input.split_first() {
        stream(rest, piece.into());
    }
}

/// What a scanner says of a body that comes in these pieces.
pub(crate) fn scan<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Message>, Option<Unreadable>) {
    let mut scanner = Scanner::new();
    let mut messages = Vec::new();
    for piece in pieces {
        scanner.feed(piece, &mut |message| messages.push(message));
    }
    (messages, scanner.finish())
}

/// What a reader says of an event stream that comes in these pieces.
pub(crate) fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Item>, Option<Unreadable>) {
    let mut reader = EventReader::new();
    let mut items = Vec::new();
    for piece in pieces {
        reader.feed(piece, &mut |item| items.push(item));
    }
    (items, reader.finish())
}

/// A body means the same however it is cut, and what `serde_json` reads in it if it reads it at all.
pub(crate) fn body(body: &[u8], piece: usize) {
    let whole = scan([body]);
    assert_eq!(scan(body.chunks(1)), whole);
    assert_eq!(scan(body.chunks(piece.max(1))), whole);
    let (messages, reason) = whole;
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    // Lengths are known to the oracle only where the body is written as it would write it.
    let exact = serde_json::to_vec(&value).is_ok_and(|written| written == body);
    let (expected, odd) = oracle(&value, exact);
    assert_eq!(messages.into_iter().map(|message| comparable(message, exact)).collect::<Vec<_>>(), expected);
    assert_eq!(reason, odd.then_some(Unreadable::NotJsonRpc));
}

/// An event stream means the same however it is cut.
pub(crate) fn stream(stream: &[u8], piece: usize) {
    let whole = read([stream]);
    assert_eq!(read(stream.chunks(1)), whole);
    assert_eq!(read(stream.chunks(piece.max(1))), whole);
}

const OURS: &str = "00-5a4f8cbb9a1d4e0f8d3b6f0c9e7a2b41-c3d9e1f2a4b5c6d7-03";
const STATE: &str = r#"a="1\2",b=2"#;

/// A body with our trace context in it says what it said, and our context.
pub(crate) fn splice(body: &[u8]) {
    let posted = Posted::read(body);
    let ours = Context::parse(OURS).expect("a context");
    assert!(!posted.has_place() || matches!(posted.kind, Kind::Request | Kind::Notification));
    let Some(kept) = posted.spliced(&ours, Tracestate::Kept) else { return };
    let text = std::str::from_utf8(body).expect("what has a place is text");
    assert!(is_same_around(text, std::str::from_utf8(&kept).expect("text")));
    let Ok(was) = serde_json::from_slice::<Value>(body) else { return };
    let old = was.pointer("/params/_meta/tracestate").cloned();
    let emptied = old.as_ref().map(|_there| Value::from(""));
    for (tracestate, expected) in [
        (Tracestate::Kept, old),
        (Tracestate::Set(None), emptied),
        (Tracestate::Set(Some(STATE)), Some(Value::from(STATE))),
    ] {
        let spliced = posted.spliced(&ours, tracestate).expect("a place");
        let is: Value = serde_json::from_slice(&spliced).expect("JSON");
        assert_eq!(is.pointer("/params/_meta/traceparent"), Some(&Value::from(OURS)));
        assert_eq!(is.pointer("/params/_meta/tracestate"), expected.as_ref());
        assert_eq!(without_context(is), without_context(was.clone()));
    }
}

/// Whether one value was replaced by our context, or members were added after a brace, and nothing else.
fn is_same_around(body: &str, spliced: &str) -> bool {
    let (before, after) = spliced.split_once(&format!("\"{OURS}\"")).expect("our context");
    let replaced = body.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    if replaced.is_some_and(|value| serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok()) {
        return true;
    }
    let frames = [
        (r#""params":{"_meta":{"traceparent":"#, "}}"),
        (r#""_meta":{"traceparent":"#, "}"),
        (r#""traceparent":"#, ""),
    ];
    frames.iter().any(|(opening, closing)| {
        let (before, after) = (before.strip_suffix(opening), after.strip_prefix(closing));
        let (Some(before), Some(after)) = (before, after) else { return false };
        let after =
            if body.len() == before.len() + after.len() { Some(after) } else { after.strip_prefix(',') };
        after.is_some_and(|after| body == format!("{before}{after}"))
    })
}

/// Without the trace context, and the objects that hold nothing else.
fn without_context(mut message: Value) -> Value {
    let Some(members) = message.as_object_mut() else { return message };
    let Some(params) = members.get_mut("params").and_then(Value::as_object_mut) else { return message };
    if let Some(meta) = params.get_mut("_meta").and_then(Value::as_object_mut) {
        meta.retain(|key, _| key != "traceparent" && key != "tracestate");
        if meta.is_empty() {
            params.remove("_meta");
        }
    }
    if params.is_empty() {
        members.remove("params");
    }
    message
}

/// Without what a [`Value`] does not remember: how a number was written, and how long things were.
fn comparable(mut message: Message, exact: bool) -> Message {
    for id in [
        &mut message.id,
        &mut message.params.request_id,
        &mut message.params.progress_token,
        &mut message.params.meta.subscription_id,
    ] {
        forget_digits(id);
    }
    if let Some(answer) = &mut message.result {
        answer.first_text = answer.first_text.as_ref().map(|_| Text::new("some"));
        forget_digits(&mut answer.meta.subscription_id);
        answer.bytes *= u64::from(exact);
        answer.unread_bytes *= u64::from(exact);
    }
    message.bytes *= u64::from(exact);
    message.params.arguments_bytes = message.params.arguments_bytes.map(|bytes| bytes * u64::from(exact));
    message
}

fn forget_digits(id: &mut Option<Id>) {
    if let Some(Id::Decimal(digits)) = id {
        *digits = Text::new("");
    }
}

fn oracle(body: &Value, exact: bool) -> (Vec<Message>, bool) {
    let (elements, batch) = match body {
        Value::Array(elements) => (&**elements, true),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            (std::slice::from_ref(body), false)
        }
    };
    let objects = elements.iter().filter_map(Value::as_object);
    let messages: Vec<_> = objects.map(|object| message(object, batch, exact)).filter(is_message).collect();
    let odd = messages.len() < elements.len() || elements.is_empty();
    (messages, odd)
}

fn is_message(message: &Message) -> bool {
    message.jsonrpc
        || message.method.is_some()
        || (message.id.is_some() && message.result.is_some())
        || message.error.as_ref().is_some_and(|fault| fault.code.is_some())
}

fn message(object: &Map<String, Value>, batch: bool, exact: bool) -> Message {
    let method = text(object.get("method"));
    Message {
        id: object.get("id").map(|value| id(Some(value)).unwrap_or(Id::Null)),
        params: params(object.get("params").unwrap_or(&Value::Null), method.as_ref(), exact),
        method,
        result: object.get("result").map(|value| answer(value, exact)),
        error: object.get("error").filter(|value| !value.is_null()).map(|value| Fault {
            code: id(value.get("code")).and_then(|id| id.as_number()),
            message: text(value.get("message")).unwrap_or_else(|| Text::new("")),
        }),
        jsonrpc: object.get("jsonrpc").is_some_and(|value| value == "2.0"),
        bytes: length(object, exact),
        batch,
    }
}

fn params(params: &Value, method: Option<&Text>, exact: bool) -> Params {
    let meta_value = params.get("_meta").unwrap_or(&Value::Null);
    let progress = method.is_some_and(|method| *method == Method::NotificationsProgress.as_str());
    let (client_name, client_version) =
        peer([meta_value.get("io.modelcontextprotocol/clientInfo"), params.get("clientInfo")]);
    Params {
        name: text(params.get("name")),
        uri: text(params.get("uri")),
        task_id: text(params.get("taskId")),
        request_state: text(params.get("requestState")),
        cursor: text(params.get("cursor")),
        request_id: id(params.get("requestId")),
        progress_token: id(if progress { params } else { meta_value }.get("progressToken")),
        has_input_responses: is_there(params.get("inputResponses")),
        task: is_there(params.get("task")),
        arguments_bytes: params.get("arguments").map(|value| length(value, exact)),
        arguments: None,
        captured: None,
        protocol_version: text(params.get("protocolVersion")),
        client_name,
        client_version,
        status: text(params.get("status")),
        meta: meta(meta_value),
        told: Vec::new(),
    }
}

fn answer(result: &Value, exact: bool) -> Answer {
    let task = result.get("task").unwrap_or(&Value::Null);
    let meta_value = result.get("_meta").unwrap_or(&Value::Null);
    let inner = result.get("result").unwrap_or(&Value::Null);
    let (server_name, server_version) =
        peer([result.get("serverInfo"), meta_value.get("io.modelcontextprotocol/serverInfo")]);
    let listed = result.get("tools").and_then(Value::as_array).map_or(&[][..], |tools| tools);
    let named = |tool: &Value| text(tool.get("name"));
    Answer {
        is_error: result.get("isError") == Some(&Value::Bool(true)),
        result_type: text(result.get("resultType")),
        task_id: text(result.get("taskId")).or(text(task.get("taskId"))),
        status: text(result.get("status")).or(text(task.get("status"))),
        request_state: text(result.get("requestState")),
        protocol_version: text(result.get("protocolVersion")),
        server_name,
        server_version,
        first_text: first_text(result),
        captured: None,
        structured: None,
        next_cursor: text(result.get("nextCursor")),
        tools: listed.iter().filter_map(named).collect(),
        widget_tools: listed
            .iter()
            .filter_map(|tool| Some((named(tool)?, tool.get("_meta").and_then(widget)?)))
            .collect(),
        bytes: length(result, exact),
        unread_bytes: unread(result, exact),
        inner_is_error: inner.get("isError") == Some(&Value::Bool(true)),
        has_error: is_there(result.get("error")),
        meta: meta(meta_value),
        challenge: challenge(meta_value.get("mcp/www_authenticate")),
    }
}

/// Bytes of what no model reads.
fn unread(result: &Value, exact: bool) -> u64 {
    let blocks = result.get("content").and_then(Value::as_array).map_or(&[][..], |blocks| blocks);
    let media = blocks.iter().flat_map(|block| {
        let blob = block.get("resource").and_then(|resource| resource.get("blob"));
        [block.get("data"), block.get("blob"), blob]
    });
    let meta = result.get("_meta").filter(|meta| meta.is_object());
    let media: u64 = media.flatten().map(|value| length(value, exact) + 8).sum();
    (media + meta.map_or(0, |value| length(value, exact) + 9)) * u64::from(exact)
}

/// The oracle does not know how a text was written, so only whether there is one.
fn first_text(result: &Value) -> Option<Text> {
    let blocks = result.get("content").and_then(Value::as_array).filter(|_| result["isError"] == true)?;
    blocks.iter().find_map(|block| text(block.get("text"))).map(|_| Text::new("some"))
}

fn meta(meta: &Value) -> Meta {
    Meta {
        protocol_version: text(meta.get("io.modelcontextprotocol/protocolVersion")),
        traceparent: text(meta.get("traceparent")),
        tracestate: text(meta.get("tracestate")),
        subscription_id: id(meta.get("io.modelcontextprotocol/subscriptionId")),
        related_task: text(meta.pointer("/io.modelcontextprotocol~1related-task/taskId")),
        widget: widget(meta),
    }
}

fn challenge(value: Option<&Value>) -> Option<Text> {
    let first = value?.as_array().map(|all| all.iter().find_map(|one| text(Some(one))));
    first.unwrap_or_else(|| text(value))
}

fn widget(meta: &Value) -> Option<Widget> {
    if is_there(meta.pointer("/ui/resourceUri")) || is_there(meta.get("ui/resourceUri")) {
        return Some(Widget::McpApp);
    }
    is_there(meta.get("openai/outputTemplate")).then_some(Widget::OpenAi)
}

/// Name and version of the first that has either.
fn peer(sources: [Option<&Value>; 2]) -> (Option<Text>, Option<Text>) {
    let peers = sources.into_iter().flatten().map(|peer| (text(peer.get("name")), text(peer.get("version"))));
    peers.into_iter().find(|(name, version)| name.is_some() || version.is_some()).unwrap_or_default()
}

fn text(value: Option<&Value>) -> Option<Text> {
    value.and_then(Value::as_str).map(Text::new)
}

#[expect(clippy::cast_possible_truncation, reason = "integers that doubles hold exactly")]
fn id(value: Option<&Value>) -> Option<Id> {
    match value? {
        Value::String(text) => Some(Id::Text(Text::new(text))),
        Value::Number(number) => Some(match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Id::Number(integer),
            (None, Some(float)) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                Id::Number(float as i64)
            }
            _ => Id::Decimal(Text::new("")),
        }),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_there(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null())
}

fn length(value: &impl serde::Serialize, exact: bool) -> u64 {
    if exact { serde_json::to_string(value).map_or(0, |written| written.len() as u64) } else { 0 }
}
