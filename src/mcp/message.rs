//! What a message said, as far as telemetry asks.

use std::ops::Range;

use bytes::Bytes;

use super::id::Id;
use super::method::Method;
use super::text::Text;

/// One JSON-RPC message. A member whose value has another shape than the schema gives it reads as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The id; `None` where there is no such member.
    pub id: Option<Id>,
    /// The method, of a request or a notification.
    pub method: Option<Text>,
    /// What `params` held; all empty where there were none.
    pub params: Params,
    /// The result, `null` included.
    pub result: Option<Answer>,
    /// The error; `null` reads as absent.
    pub error: Option<Fault>,
    /// Whether `jsonrpc` is `"2.0"`.
    pub jsonrpc: bool,
    /// Length as it was written, braces included.
    pub bytes: u64,
    /// Whether it is an element of a batch.
    pub batch: bool,
}

/// What a message is (JSON-RPC 2.0, sections 4 and 5; protocol page, section 1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A method and an id.
    Request,
    /// A method without an id.
    Notification,
    /// A result.
    Success,
    /// An error, whose id may be null or absent.
    Failure,
    /// JSON-RPC by its own word (`jsonrpc`), but none of these.
    Odd,
}

impl Message {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self { method: Some(_), id: Some(_), .. } => Kind::Request,
            Self { method: Some(_), .. } => Kind::Notification,
            Self { error: Some(_), .. } => Kind::Failure,
            Self { result: Some(_), .. } => Kind::Success,
            _ => Kind::Odd,
        }
    }

    /// The method by its name; [`Method::Other`] where there is none.
    pub fn known_method(&self) -> Method {
        self.method.as_ref().map_or(Method::Other, |method| Method::from_name(method.as_str()))
    }

    /// Whether this is JSON-RPC at all, rather than any JSON object. An object that does not say `"jsonrpc":"2.0"`
    /// must at least have a method, or a result and an id, or an error with a code.
    pub(super) fn is_jsonrpc(&self) -> bool {
        self.jsonrpc
            || self.method.is_some()
            || (self.result.is_some() && self.id.is_some())
            || self.error.as_ref().is_some_and(|fault| fault.code.is_some())
    }
}

/// What a request's or a notification's `params` held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// `name`: the tool or the prompt.
    pub name: Option<Text>,
    /// `uri`: the resource.
    pub uri: Option<Text>,
    /// `taskId`.
    pub task_id: Option<Text>,
    /// `requestState` of 2026-07-28's multi-round-trip requests.
    pub request_state: Option<Text>,
    /// `cursor`: which page of a list.
    pub cursor: Option<Text>,
    /// `requestId` of `notifications/cancelled`.
    pub request_id: Option<Id>,
    /// `progressToken` of `notifications/progress`; `_meta.progressToken` of every other method.
    pub progress_token: Option<Id>,
    /// Whether `inputResponses` is there: a later round of a multi-round-trip request.
    pub has_input_responses: bool,
    /// Whether `task` is there: 2025-11-25's way to ask for a task.
    pub task: bool,
    /// Length of `arguments` as written, in bytes.
    pub arguments_bytes: Option<u64>,
    /// `arguments` themselves, where the scanner was told to keep them.
    pub arguments: Option<Captured>,
    /// All of `params`, where the scanner was told to keep them.
    pub captured: Option<Captured>,
    /// `protocolVersion` of `initialize`.
    pub protocol_version: Option<Text>,
    /// Name in `_meta["io.modelcontextprotocol/clientInfo"]`, else in `clientInfo`.
    pub client_name: Option<Text>,
    /// Version, beside that name.
    pub client_version: Option<Text>,
    /// `status` of `notifications/tasks` and `notifications/tasks/status`.
    pub status: Option<Text>,
    /// `_meta`.
    pub meta: Meta,
    /// The members of `_meta` that the scanner was told to look for, each by its position in their list.
    pub told: Vec<(u8, Text)>,
}

impl Params {
    /// The member of `_meta` at this position of the list that the scanner was told to look for.
    pub fn told(&self, position: usize) -> Option<&Text> {
        self.told.iter().find(|(at, _)| usize::from(*at) == position).map(|(_, text)| text)
    }

    /// The last of several members of one name holds, whatever it is.
    pub(super) fn tell(&mut self, position: u8, text: Option<Text>) {
        self.told.retain(|(at, _)| *at != position);
        self.told.extend(text.map(|text| (position, text)));
    }

    /// Empty again; cheaper than a new one in its place, most of whose members are empty anyway.
    pub(super) fn clear(&mut self) {
        let Self {
            name,
            uri,
            task_id,
            request_state,
            cursor,
            request_id,
            progress_token,
            has_input_responses,
            task,
            arguments_bytes,
            arguments,
            captured,
            protocol_version,
            client_name,
            client_version,
            status,
            meta,
            told,
        } = self;
        for text in
            [name, uri, task_id, request_state, cursor, protocol_version, client_name, client_version, status]
        {
            *text = None;
        }
        (*request_id, *progress_token) = (None, None);
        (*has_input_responses, *task) = (false, false);
        (*arguments_bytes, *arguments, *captured) = (None, None, None);
        *meta = Meta::default();
        if !told.is_empty() {
            told.clear();
        }
    }
}

/// What a `_meta` held (protocol page, section 4).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// `io.modelcontextprotocol/protocolVersion`: the claim of the modern era.
    pub protocol_version: Option<Text>,
    /// `traceparent`, unchecked.
    pub traceparent: Option<Text>,
    /// `tracestate`, unchecked.
    pub tracestate: Option<Text>,
    /// `io.modelcontextprotocol/subscriptionId`.
    pub subscription_id: Option<Id>,
    /// `taskId` in `io.modelcontextprotocol/related-task`.
    pub related_task: Option<Text>,
    /// The widget that the host is asked to show.
    pub widget: Option<Widget>,
}

/// Whose convention a widget follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Widget {
    /// MCP Apps: `ui.resourceUri`, or the older `ui/resourceUri`. Wins where both are there.
    McpApp,
    /// The Apps SDK: `openai/outputTemplate`.
    OpenAi,
}

/// What a `result` held; all empty where it is no object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// `isError` is `true`.
    pub is_error: bool,
    /// `resultType`.
    pub result_type: Option<Text>,
    /// `taskId` (2026), else `task.taskId` (2025-11-25).
    pub task_id: Option<Text>,
    /// `status`, else `task.status`.
    pub status: Option<Text>,
    /// `requestState` of an interim result.
    pub request_state: Option<Text>,
    /// `protocolVersion` that `initialize` settled on.
    pub protocol_version: Option<Text>,
    /// Name in `serverInfo`, else in `_meta["io.modelcontextprotocol/serverInfo"]`.
    pub server_name: Option<Text>,
    /// Version, beside that name.
    pub server_version: Option<Text>,
    /// `nextCursor`: where it is there, this is not the last page.
    pub next_cursor: Option<Text>,
    /// Names in `tools`, in order: at most [`Answer::TOOLS_MAX`] of at most [`Answer::TOOL_NAMES_BYTES_MAX`] together.
    pub tools: Vec<Text>,
    /// Those of them whose `_meta` carries a widget, with whose convention it follows; the same caps.
    pub widget_tools: Vec<(Text, Widget)>,
    /// The first `text` in `content`, of a failed result (`isError`): at most what [`Text::CAP`] bytes as written say. A
    /// longer one is not read on: of that neither length nor hash is known.
    pub first_text: Option<Text>,
    /// The result itself, where the scanner was told to keep it.
    pub captured: Option<Captured>,
    /// Length as written.
    pub bytes: u64,
    /// How much of it is `_meta`, which no model reads, and `data` and `blob` in `content`, which are no text to one: with
    /// their keys, and no white space.
    pub unread_bytes: u64,
    /// `result.isError` inside the result is `true`: what 2026's `tasks/get` tells of a finished task.
    pub inner_is_error: bool,
    /// Whether `error` is there inside the result: what it tells of a failed task.
    pub has_error: bool,
    /// `_meta`.
    pub meta: Meta,
    /// The first challenge of its `mcp/www_authenticate`.
    pub challenge: Option<Text>,
}

impl Answer {
    /// Bytes that reach a model.
    pub fn model_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.unread_bytes)
    }

    /// How many tool names are kept.
    pub const TOOLS_MAX: usize = 4096;
    /// How many bytes of tool names are kept.
    pub const TOOL_NAMES_BYTES_MAX: usize = 256 * 1024;
}

/// A piece of JSON as it was written, not redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its beginning.
    pub bytes: Bytes,
    /// Whether there was more.
    pub cut: bool,
}

impl Captured {
    /// Not more than so many bytes of it.
    #[must_use]
    pub fn beginning(&self, bytes: usize) -> Self {
        let is_cut = bytes < self.bytes.len();
        Self { bytes: shared(&self.bytes, 0..bytes.min(self.bytes.len())), cut: self.cut || is_cut }
    }
}

/// A part of bytes in the memory of the whole, unless that would keep much more than the part.
pub(super) fn shared(whole: &Bytes, part: Range<usize>) -> Bytes {
    if 2 * part.len() < whole.len() { Bytes::copy_from_slice(&whole[part]) } else { whole.slice(part) }
}

/// What an `error` held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `code`, if it is an integer.
    pub code: Option<i64>,
    /// `message`; empty where there is none.
    pub message: Text,
}

impl Default for Fault {
    fn default() -> Self {
        Self { code: None, message: Text::from(&b""[..]) }
    }
}

/// Why what passed could not be read: the label `reason` of `mcp_messages_unreadable_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unreadable {
    /// Not JSON.
    InvalidJson,
    /// The beginning of JSON.
    Truncated,
    /// JSON that is no JSON-RPC message, or a batch in which something is none.
    NotJsonRpc,
    /// JSON nested deeper than anybody needs.
    TooDeep,
    /// A content encoding that nobody here decodes.
    UnknownEncoding,
    /// Called an event stream, and is none.
    BadEventStream,
}

impl Unreadable {
    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::Truncated => "truncated",
            Self::NotJsonRpc => "not_jsonrpc",
            Self::TooDeep => "too_deep",
            Self::UnknownEncoding => "unknown_encoding",
            Self::BadEventStream => "bad_event_stream",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_its_members_make_it() {
        let id = Some(Id::Null);
        let method = Some(Text::new("ping"));
        let fault = Some(Fault::default());
        let answer = Some(Answer::default());
        let message = Message::default();
        assert_eq!(message.kind(), Kind::Odd);
        assert_eq!(Message { id: id.clone(), ..message.clone() }.kind(), Kind::Odd);
        assert_eq!(Message { method: method.clone(), ..message.clone() }.kind(), Kind::Notification);
        assert_eq!(Message { id, method, ..message.clone() }.kind(), Kind::Request);
        assert_eq!(Message { result: answer.clone(), error: fault, ..message.clone() }.kind(), Kind::Failure);
        assert_eq!(Message { result: answer, ..message }.kind(), Kind::Success);
    }

    #[test]
    fn a_method_nobody_knows_is_other() {
        let called =
            |name: &str| Message { method: Some(Text::new(name)), ..Message::default() }.known_method();
        assert_eq!(called("tools/call"), Method::ToolsCall);
        assert_eq!(called("tools/Call"), Method::Other);
        assert_eq!(Message::default().known_method(), Method::Other);
    }
}
