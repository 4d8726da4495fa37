//! A message being read: every member as it was last written, sources of one fact still apart, because a later
//! duplicate of a key replaces the earlier one and all that stood in it.

use super::id::Id;
use super::message::{Answer, Captured, Fault, Message, Meta, Params, Widget};
use super::method::Method;
use super::quoted;
use super::slot::{Info, MetaField, Owner, PeerField, Slot};
use super::text::Text;

/// A value as far as it was read.
#[derive(Debug)]
pub(super) enum Value {
    Text(Text),
    Number(Id),
    True,
    False,
    Null,
    /// There, and not read: a string, a number or a container that nobody asked for.
    There,
}

#[derive(Debug, Default)]
pub(super) struct Draft {
    message: Message,
    client: Peer,
    params_meta: MetaDraft,
    /// `params.progressToken`.
    progress_token: Option<Id>,
    answer: Option<Box<AnswerDraft>>,
    tool: Tool,
}

#[derive(Debug, Default)]
struct AnswerDraft {
    answer: Answer,
    server: Peer,
    task: Peer,
    meta: MetaDraft,
    names_bytes: usize,
    /// The text of the element of `content` at hand, as it is written.
    block_text: Option<Vec<u8>>,
    /// Whether there was more of it than is kept.
    block_text_cut: bool,
    /// The first such, and whether there was more of it.
    first_text: Option<(Vec<u8>, bool)>,
}

/// Two texts that belong together: a name and a version, or a task's id and status.
#[derive(Debug, Default)]
struct Peer {
    name: Option<Text>,
    version: Option<Text>,
}

#[derive(Debug, Default)]
struct Tool {
    name: Option<Text>,
    meta: MetaDraft,
}

#[derive(Debug, Default)]
struct MetaDraft {
    meta: Meta,
    progress_token: Option<Id>,
    peer: Peer,
    output_template: bool,
    flat_resource_uri: bool,
    ui_resource_uri: bool,
}

impl Draft {
    /// A container that is walked begins: whatever an earlier one of the same key held is gone.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    pub(super) fn open(&mut self, slot: Slot) {
        match slot {
            Slot::Result => self.answer = Some(Box::default()),
            Slot::Error => self.message.error = Some(Fault::default()),
            Slot::Tool => self.tool = Tool::default(),
            Slot::Block => self.set(slot, Value::Null, 0),
            _ => self.set(slot, Value::There, 0),
        }
    }

    /// A container that is walked ended, `bytes` after it began.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    pub(super) fn close(&mut self, slot: Slot, bytes: u64) {
        match slot {
            Slot::Result => {
                if let Some(draft) = &mut self.answer {
                    draft.answer.bytes = bytes;
                }
            }
            Slot::Tool => {
                let tool = std::mem::take(&mut self.tool);
                if let Some(draft) = &mut self.answer {
                    draft.add_tool(tool);
                }
            }
            Slot::Block => {
                if let Some(draft) = &mut self.answer {
                    let cut = draft.block_text_cut;
                    draft.first_text = draft.block_text.take().map(|text| (text, cut));
                }
            }
            _ => {}
        }
    }

    /// A value of `bytes` bytes stood in `slot`.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    pub(super) fn set(&mut self, slot: Slot, value: Value, bytes: u64) {
        match slot {
            Slot::Jsonrpc => self.message.jsonrpc = value.text().is_some_and(|text| text == "2.0"),
            Slot::Id => self.message.id = Some(value.id().unwrap_or(Id::Null)),
            Slot::Method => self.message.method = value.text(),
            Slot::Params => {
                self.message.params = Params::default();
                self.client = Peer::default();
                self.params_meta = MetaDraft::default();
                self.progress_token = None;
            }
            Slot::Result => {
                let answer = Answer { bytes, ..Answer::default() };
                self.answer = Some(Box::new(AnswerDraft { answer, ..AnswerDraft::default() }));
            }
            Slot::Error => self.message.error = value.is_there().then(Fault::default),
            Slot::Code | Slot::ErrorMessage => self.set_error(slot, value),
            Slot::ClientInfo => self.client = Peer::default(),
            Slot::Peer(Info::Client, field) => self.client.set(field, value),
            Slot::Meta(owner) => {
                if let Some(meta) = self.meta(owner) {
                    *meta = MetaDraft::default();
                }
            }
            Slot::Peer(Info::Meta(owner), field) => {
                if let Some(meta) = self.meta(owner) {
                    meta.peer.set(field, value);
                }
            }
            Slot::MetaField(owner, field) => {
                if let Some(meta) = self.meta(owner) {
                    meta.set(field, value);
                }
            }
            Slot::ToolName => self.tool.name = value.text(),
            Slot::ProgressToken => self.progress_token = value.id(),
            _ => self.set_leaf(slot, value, bytes),
        }
    }

    /// Whether a text of `content` is known, so that the rest of it is not asked for.
    pub(super) fn has_first_text(&self) -> bool {
        self.answer.as_ref().is_some_and(|draft| draft.first_text.is_some())
    }

    /// A text in an element of `content` begins.
    pub(super) fn begin_block_text(&mut self) {
        if let Some(draft) = &mut self.answer {
            draft.block_text = Some(Vec::new());
            draft.block_text_cut = false;
        }
    }

    /// The next bytes of it, as they are written.
    pub(super) fn push_block_text(&mut self, bytes: &[u8]) {
        let Some(draft) = &mut self.answer else { return };
        if let Some(text) = &mut draft.block_text {
            let room = Text::CAP - text.len();
            draft.block_text_cut |= bytes.len() > room;
            text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// The value in `slot`, which was set before, as it was written.
    pub(super) fn capture(&mut self, slot: Slot, captured: Captured) {
        if slot == Slot::Arguments {
            self.message.params.arguments = Some(captured);
        } else if let Some(draft) = &mut self.answer {
            draft.answer.captured = Some(captured);
        }
    }

    /// The message, and an empty draft for the next.
    pub(super) fn take(&mut self) -> Message {
        let Self { mut message, client, mut params_meta, progress_token, answer, tool: _ } =
            std::mem::take(self);
        let is_progress = message.known_method() == Method::NotificationsProgress;
        let params = &mut message.params;
        params.progress_token = if is_progress { progress_token } else { params_meta.progress_token.take() };
        let (peer, meta) = params_meta.finish();
        let client = peer.or(client);
        (params.client_name, params.client_version) = (client.name, client.version);
        params.meta = meta;
        message.result = answer.map(|draft| draft.finish());
        message
    }

    fn meta(&mut self, owner: Owner) -> Option<&mut MetaDraft> {
        match owner {
            Owner::Params => Some(&mut self.params_meta),
            Owner::Result => self.answer.as_mut().map(|draft| &mut draft.meta),
            Owner::Tool => Some(&mut self.tool.meta),
        }
    }

    fn set_error(&mut self, slot: Slot, value: Value) {
        let Some(fault) = &mut self.message.error else { return };
        if slot == Slot::Code {
            fault.code = value.id().and_then(|id| id.as_number());
        } else {
            fault.message = value.text().unwrap_or_else(|| Fault::default().message);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    fn set_leaf(&mut self, slot: Slot, value: Value, bytes: u64) {
        let params = &mut self.message.params;
        match slot {
            Slot::Name => params.name = value.text(),
            Slot::Uri => params.uri = value.text(),
            Slot::TaskId => params.task_id = value.text(),
            Slot::RequestState => params.request_state = value.text(),
            Slot::RequestId => params.request_id = value.id(),
            Slot::InputResponses => params.has_input_responses = value.is_there(),
            Slot::Task => params.task = value.is_there(),
            Slot::Arguments => {
                params.arguments_bytes = Some(bytes);
                params.arguments = None;
            }
            Slot::ProtocolVersion => params.protocol_version = value.text(),
            Slot::Status => params.status = value.text(),
            _ => {
                if let Some(draft) = &mut self.answer {
                    draft.set(slot, value);
                }
            }
        }
    }
}

impl AnswerDraft {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    fn set(&mut self, slot: Slot, value: Value) {
        let answer = &mut self.answer;
        match slot {
            Slot::IsError => answer.is_error = matches!(value, Value::True),
            Slot::ResultType => answer.result_type = value.text(),
            Slot::ResultTaskId => answer.task_id = value.text(),
            Slot::ResultStatus => answer.status = value.text(),
            Slot::ResultRequestState => answer.request_state = value.text(),
            Slot::ResultProtocolVersion => answer.protocol_version = value.text(),
            Slot::ServerInfo => self.server = Peer::default(),
            Slot::Peer(Info::Server, field) => self.server.set(field, value),
            Slot::Content => self.first_text = None,
            Slot::Block | Slot::BlockText => self.block_text = None,
            Slot::NextCursor => answer.next_cursor = value.is_there(),
            Slot::ResultTask => self.task = Peer::default(),
            Slot::ResultTaskTaskId => self.task.name = value.text(),
            Slot::ResultTaskStatus => self.task.version = value.text(),
            Slot::InnerResult => answer.inner_is_error = false,
            Slot::InnerIsError => answer.inner_is_error = matches!(value, Value::True),
            Slot::InnerError => answer.has_error = value.is_there(),
            Slot::Tools => {
                answer.tools.clear();
                answer.widget_tools.clear();
                self.names_bytes = 0;
            }
            _ => {}
        }
    }

    fn add_tool(&mut self, tool: Tool) {
        let Some(name) = tool.name else { return };
        let bytes = self.names_bytes + name.as_str().len();
        if self.answer.tools.len() == Answer::TOOLS_MAX || bytes > Answer::TOOL_NAMES_BYTES_MAX {
            return;
        }
        self.names_bytes = bytes;
        if tool.meta.widget().is_some() {
            self.answer.widget_tools.push(name.clone());
        }
        self.answer.tools.push(name);
    }

    fn finish(self) -> Answer {
        let Self { mut answer, server, task, meta, first_text, .. } = self;
        let failed = first_text.filter(|_| answer.is_error);
        answer.first_text = failed.map(|(text, is_cut)| quoted::beginning(&text, is_cut));
        let (peer, meta) = meta.finish();
        let server = server.or(peer);
        (answer.server_name, answer.server_version) = (server.name, server.version);
        answer.task_id = answer.task_id.or(task.name);
        answer.status = answer.status.or(task.version);
        answer.meta = meta;
        answer
    }
}

impl MetaDraft {
    fn set(&mut self, field: MetaField, value: Value) {
        let meta = &mut self.meta;
        match field {
            MetaField::ProtocolVersion => meta.protocol_version = value.text(),
            MetaField::Traceparent => meta.traceparent = value.text(),
            MetaField::Tracestate => meta.tracestate = value.text(),
            MetaField::SubscriptionId => meta.subscription_id = value.id(),
            MetaField::ProgressToken => self.progress_token = value.id(),
            MetaField::OpenAiSession => meta.openai_session = value.text(),
            MetaField::OutputTemplate => self.output_template = value.is_there(),
            MetaField::FlatResourceUri => self.flat_resource_uri = value.is_there(),
            MetaField::Ui => self.ui_resource_uri = false,
            MetaField::UiResourceUri => self.ui_resource_uri = value.is_there(),
            MetaField::RelatedTask => meta.related_task = None,
            MetaField::RelatedTaskId => meta.related_task = value.text(),
            MetaField::Peer => self.peer = Peer::default(),
        }
    }

    fn widget(&self) -> Option<Widget> {
        if self.ui_resource_uri || self.flat_resource_uri {
            return Some(Widget::McpApp);
        }
        self.output_template.then_some(Widget::OpenAi)
    }

    fn finish(self) -> (Peer, Meta) {
        let widget = self.widget();
        (self.peer, Meta { widget, ..self.meta })
    }
}

impl Peer {
    fn set(&mut self, field: PeerField, value: Value) {
        match field {
            PeerField::Name => self.name = value.text(),
            PeerField::Version => self.version = value.text(),
        }
    }

    fn or(self, other: Self) -> Self {
        if self.name.is_some() || self.version.is_some() { self } else { other }
    }
}

impl Value {
    fn text(self) -> Option<Text> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::True | Self::False | Self::Null | Self::There => None,
        }
    }

    fn id(self) -> Option<Id> {
        match self {
            Self::Text(text) => Some(Id::Text(text)),
            Self::Number(id) => Some(id),
            Self::True | Self::False | Self::Null | Self::There => None,
        }
    }

    fn is_there(&self) -> bool {
        !matches!(self, Self::Null)
    }
}
