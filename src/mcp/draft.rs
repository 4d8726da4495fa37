//! A message being read: every member as it was last written, sources of one fact still apart, because a later
//! duplicate of a key replaces the earlier one and all that stood in it.

use super::id::Id;
use super::message::{Answer, Captured, Fault, Message, Meta, Widget};
use super::method::Method;
use super::quoted;
use super::slot::{Info, MetaField, Owner, PeerField, Slot};
use super::text::Text;

/// Bytes of a member beside its value: its key, the quotes around that, a colon and a comma.
const META_KEY: u64 = "\"_meta\":,".len() as u64;
const MEDIA_KEY: u64 = "\"data\":,".len() as u64;

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

/// # Why
/// One draft serves all messages of all bodies that a scanner reads: a message is filled in where it stands and shown
/// there, and only what was touched is cleared. It is as large as all that a message can say, of which most say little.
#[derive(Debug, Default)]
pub(super) struct Draft {
    message: Message,
    /// Something stood in `params`.
    has_params: bool,
    /// `clientInfo` in `params`.
    client: Peer,
    params_meta: MetaDraft,
    /// The position of the member of `_meta` that comes next and is asked for.
    told_at: u8,
    /// `params.progressToken`.
    progress_token: Option<Id>,
    /// A `result` was there, also where its reader took it.
    has_result: bool,
    answer: AnswerDraft,
    tool: Option<Box<Tool>>,
}

/// What belongs to the message's `result`, while that is there.
#[derive(Debug, Default)]
struct AnswerDraft {
    server: Peer,
    task: Peer,
    meta: MetaDraft,
    /// Bytes of `_meta`, and of what is no text in `content`.
    meta_bytes: u64,
    media_bytes: u64,
    names_bytes: usize,
    /// The text of an element of `content`, as it is written: the one at hand, or the first.
    text: Vec<u8>,
    block: Block,
    /// Whether there was more of it than is kept.
    is_cut: bool,
}

/// Whose text is kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Block {
    #[default]
    None,
    /// That of the element at hand.
    AtHand,
    /// That of the first element that had one.
    First,
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
    told: Meta,
    meta: MetaDraft,
}

/// What of a `_meta` has other sources, too.
#[derive(Debug, Default)]
struct MetaDraft {
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
            Slot::Error => self.message.error = Some(Fault::default()),
            Slot::Tool => self.tool = Some(Box::default()),
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
                if let Some(answer) = &mut self.message.result {
                    answer.bytes = bytes;
                }
            }
            Slot::Tool => {
                if let (Some(tool), Some(answer)) = (self.tool.take(), &mut self.message.result) {
                    self.answer.add_tool(answer, *tool);
                }
            }
            Slot::Block if self.answer.block == Block::AtHand => self.answer.block = Block::First,
            Slot::Meta(Owner::Result) => self.answer.meta_bytes = bytes + META_KEY,
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
                if self.has_params {
                    self.clear_params();
                }
                self.has_params = true;
            }
            Slot::Result => {
                self.clear_result();
                self.has_result = true;
                self.message.result = Some(Answer { bytes, ..Answer::default() });
            }
            Slot::Error => self.message.error = value.is_there().then(Fault::default),
            Slot::Code | Slot::ErrorMessage => self.set_error(slot, value),
            Slot::ClientInfo => self.client = Peer::default(),
            Slot::Peer(Info::Client, field) => self.client.set(field, value),
            Slot::Meta(owner) => {
                match owner {
                    Owner::Params if !self.message.params.told.is_empty() => self.message.params.told.clear(),
                    Owner::Result => self.forget_meta(),
                    Owner::Params | Owner::Tool => {}
                }
                if let Some((told, meta)) = self.meta(owner) {
                    (*told, *meta) = (Meta::default(), MetaDraft::default());
                }
            }
            Slot::Peer(Info::Meta(owner), field) => {
                if let Some((_, meta)) = self.meta(owner) {
                    meta.peer.set(field, value);
                }
            }
            Slot::MetaField(_, MetaField::Told) => self.message.params.tell(self.told_at, value.text()),
            Slot::MetaField(_, field @ (MetaField::Challenges | MetaField::Challenge)) => {
                self.challenge(field, value);
            }
            Slot::MetaField(owner, field) => {
                if let Some((told, meta)) = self.meta(owner) {
                    meta.set(told, field, value);
                }
            }
            Slot::ToolName => {
                if let Some(tool) = &mut self.tool {
                    tool.name = value.text();
                }
            }
            Slot::ProgressToken => self.progress_token = value.id(),
            _ => self.set_leaf(slot, value, bytes),
        }
    }

    /// The value that comes next is that of the member at this position of the list that is asked for.
    pub(super) fn told_at(&mut self, position: u8) {
        self.told_at = position;
    }

    /// Whether a text of `content` is known, so that the rest of it is not asked for.
    pub(super) fn has_first_text(&self) -> bool {
        self.answer.block == Block::First
    }

    /// A text in an element of `content` begins.
    pub(super) fn begin_block_text(&mut self) {
        self.answer.text.clear();
        self.answer.block = Block::AtHand;
        self.answer.is_cut = false;
    }

    /// The next bytes of it, as they are written.
    pub(super) fn push_block_text(&mut self, bytes: &[u8]) {
        let draft = &mut self.answer;
        let room = Text::CAP - draft.text.len();
        draft.is_cut |= bytes.len() > room;
        draft.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The value in `slot`, which was set before, as it was written.
    pub(super) fn capture(&mut self, slot: Slot, captured: Captured) {
        let params = &mut self.message.params;
        if slot == Slot::Params {
            params.captured = Some(captured);
        } else if slot == Slot::Arguments {
            params.arguments = Some(captured);
        } else if let Some(answer) = &mut self.message.result {
            let place = if slot == Slot::Structured { &mut answer.structured } else { &mut answer.captured };
            *place = Some(captured);
        }
    }

    /// The message, all of whose members were set.
    pub(super) fn finish(&mut self) -> &mut Message {
        if self.has_params {
            let is_progress = self
                .message
                .method
                .as_ref()
                .is_some_and(|method| *method == Method::NotificationsProgress.as_str());
            let (params, meta) = (&mut self.message.params, &mut self.params_meta);
            params.progress_token =
                if is_progress { self.progress_token.take() } else { meta.progress_token.take() };
            let client = if meta.peer.is_known() { &mut meta.peer } else { &mut self.client };
            (params.client_name, params.client_version) = (client.name.take(), client.version.take());
            params.meta.widget = meta.widget();
        }
        if let Some(answer) = &mut self.message.result {
            self.answer.finish(answer);
        }
        &mut self.message
    }

    /// Ready for the next message.
    pub(super) fn clear(&mut self) {
        let message = &mut self.message;
        message.id = None;
        message.method = None;
        message.error = None;
        message.jsonrpc = false;
        if self.has_params {
            self.clear_params();
        }
        self.clear_result();
        self.tool = None;
    }

    fn clear_params(&mut self) {
        self.has_params = false;
        self.message.params.clear();
        self.client = Peer::default();
        self.params_meta = MetaDraft::default();
        self.progress_token = None;
    }

    fn clear_result(&mut self) {
        if self.has_result {
            self.has_result = false;
            self.message.result = None;
            let AnswerDraft {
                server,
                task,
                meta,
                meta_bytes,
                media_bytes,
                names_bytes,
                text: _,
                block,
                is_cut: _,
            } = &mut self.answer;
            (*server, *task, *meta) = (Peer::default(), Peer::default(), MetaDraft::default());
            (*meta_bytes, *media_bytes, *names_bytes, *block) = (0, 0, 0, Block::None);
        }
    }

    /// The `_meta` of a result begins, perhaps again.
    fn forget_meta(&mut self) {
        self.answer.meta_bytes = 0;
        if let Some(answer) = &mut self.message.result {
            answer.challenge = None;
        }
    }

    /// A challenge, or all of them.
    fn challenge(&mut self, field: MetaField, value: Value) {
        if let Some(answer) = &mut self.message.result
            && (field == MetaField::Challenges || answer.challenge.is_none())
        {
            answer.challenge = value.text();
        }
    }

    fn meta(&mut self, owner: Owner) -> Option<(&mut Meta, &mut MetaDraft)> {
        match owner {
            Owner::Params => Some((&mut self.message.params.meta, &mut self.params_meta)),
            Owner::Result => {
                self.message.result.as_mut().map(|answer| (&mut answer.meta, &mut self.answer.meta))
            }
            Owner::Tool => self.tool.as_mut().map(|tool| (&mut tool.told, &mut tool.meta)),
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
            Slot::Cursor => params.cursor = value.text(),
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
                if let Some(answer) = &mut self.message.result {
                    self.answer.set(answer, slot, value, bytes);
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
    fn set(&mut self, answer: &mut Answer, slot: Slot, value: Value, bytes: u64) {
        match slot {
            Slot::IsError => answer.is_error = matches!(value, Value::True),
            Slot::ResultType => answer.result_type = value.text(),
            Slot::ResultTaskId => answer.task_id = value.text(),
            Slot::ResultStatus => answer.status = value.text(),
            Slot::ResultRequestState => answer.request_state = value.text(),
            Slot::ResultProtocolVersion => answer.protocol_version = value.text(),
            Slot::ServerInfo => self.server = Peer::default(),
            Slot::Peer(Info::Server, field) => self.server.set(field, value),
            Slot::Content => (self.block, self.media_bytes) = (Block::None, 0),
            Slot::Block | Slot::BlockText => self.block = Block::None,
            // Also where a key stands twice: what is written is read by nobody.
            Slot::Media => self.media_bytes += bytes + MEDIA_KEY,
            Slot::NextCursor => answer.next_cursor = value.text(),
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

    fn add_tool(&mut self, answer: &mut Answer, tool: Tool) {
        let Some(name) = tool.name else { return };
        let bytes = self.names_bytes + name.as_str().len();
        if answer.tools.len() == Answer::TOOLS_MAX || bytes > Answer::TOOL_NAMES_BYTES_MAX {
            return;
        }
        self.names_bytes = bytes;
        if let Some(widget) = tool.meta.widget() {
            answer.widget_tools.push((name.clone(), widget));
        }
        answer.tools.push(name);
    }

    fn finish(&mut self, answer: &mut Answer) {
        if answer.is_error && self.block == Block::First {
            answer.first_text = Some(quoted::beginning(&self.text, self.is_cut));
        }
        let server = if self.server.is_known() { &mut self.server } else { &mut self.meta.peer };
        (answer.server_name, answer.server_version) = (server.name.take(), server.version.take());
        if answer.task_id.is_none() {
            answer.task_id = self.task.name.take();
        }
        if answer.status.is_none() {
            answer.status = self.task.version.take();
        }
        answer.meta.widget = self.meta.widget();
        answer.unread_bytes = self.meta_bytes + self.media_bytes;
    }
}

impl MetaDraft {
    fn set(&mut self, meta: &mut Meta, field: MetaField, value: Value) {
        match field {
            MetaField::ProtocolVersion => meta.protocol_version = value.text(),
            MetaField::Traceparent => meta.traceparent = value.text(),
            MetaField::Tracestate => meta.tracestate = value.text(),
            MetaField::SubscriptionId => meta.subscription_id = value.id(),
            MetaField::ProgressToken => self.progress_token = value.id(),
            // Of the message, rather than of its `_meta`.
            MetaField::Told | MetaField::Challenges | MetaField::Challenge => {}
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
}

impl Peer {
    fn set(&mut self, field: PeerField, value: Value) {
        match field {
            PeerField::Name => self.name = value.text(),
            PeerField::Version => self.version = value.text(),
        }
    }

    fn is_known(&self) -> bool {
        self.name.is_some() || self.version.is_some()
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
