//! Where in a message a value stands, as far as anybody asks: the finite tree of members that are read.

/// A place in the tree. Containers of it are walked; every other container is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Not asked for.
    Unwanted,
    Batch,
    Message,
    Jsonrpc,
    Id,
    Method,
    Params,
    Name,
    Uri,
    TaskId,
    RequestState,
    Cursor,
    RequestId,
    ProgressToken,
    InputResponses,
    Task,
    Arguments,
    ProtocolVersion,
    ClientInfo,
    Status,
    Result,
    IsError,
    ResultType,
    ResultTaskId,
    ResultStatus,
    ResultRequestState,
    ResultProtocolVersion,
    ServerInfo,
    NextCursor,
    Tools,
    Tool,
    ToolName,
    ResultTask,
    ResultTaskTaskId,
    ResultTaskStatus,
    Content,
    /// `structuredContent`, which may be kept.
    Structured,
    /// An element of `content`.
    Block,
    /// Kept as it is written, up to a cap.
    BlockText,
    /// An element of `content` behind the first that had a text.
    LaterBlock,
    /// `data` or `blob`: what is no text to a model.
    Media,
    /// An embedded `resource`.
    BlockResource,
    InnerResult,
    InnerIsError,
    InnerError,
    Error,
    Code,
    ErrorMessage,
    /// Name or version in `clientInfo` or `serverInfo`.
    Peer(Info, PeerField),
    Meta(Owner),
    MetaField(Owner, MetaField),
}

impl Slot {
    /// Whether it is one that may be kept as it is written.
    pub(super) fn is_payload(self) -> bool {
        matches!(self, Self::Params | Self::Arguments | Self::Result | Self::Structured)
    }
}

/// Whose `_meta` it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Params,
    Result,
    Tool,
}

/// Which description of a client or a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Info {
    Client,
    Server,
    /// Inside the `_meta` of one.
    Meta(Owner),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerField {
    Name,
    Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MetaField {
    ProtocolVersion,
    Traceparent,
    Tracestate,
    SubscriptionId,
    ProgressToken,
    /// One of the members that somebody asked for; which one is not told here, as every slot would be larger for it.
    Told,
    Challenges,
    Challenge,
    OutputTemplate,
    FlatResourceUri,
    Ui,
    UiResourceUri,
    RelatedTask,
    RelatedTaskId,
    /// `clientInfo` of a request, `serverInfo` of a result.
    Peer,
}

/// What is done with a value in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An object is walked.
    Object,
    /// An array is walked.
    Array,
    /// A string is kept.
    Text,
    /// A string or a number is kept.
    Id,
    /// That it is there, which literal it is, and its length suffice.
    Mark,
}

/// The longest key in the tree, or asked for, in bytes: a longer one cannot be wanted.
pub(super) const KEY_MAX: usize = 256;

impl Slot {
    /// What is done with a value here.
    pub(super) fn shape(self) -> Shape {
        match self {
            // A string is kept there, too.
            Self::Batch | Self::Tools | Self::Content | Self::MetaField(_, MetaField::Challenges) => {
                Shape::Array
            }
            Self::Message
            | Self::Params
            | Self::ClientInfo
            | Self::Result
            | Self::ServerInfo
            | Self::Tool
            | Self::Block
            | Self::LaterBlock
            | Self::BlockResource
            | Self::ResultTask
            | Self::InnerResult
            | Self::Error
            | Self::Meta(_)
            | Self::MetaField(_, MetaField::Ui | MetaField::RelatedTask | MetaField::Peer) => Shape::Object,
            Self::Id
            | Self::RequestId
            | Self::ProgressToken
            | Self::Code
            | Self::MetaField(_, MetaField::SubscriptionId | MetaField::ProgressToken) => Shape::Id,
            Self::Unwanted
            | Self::InputResponses
            | Self::Task
            | Self::Arguments
            | Self::IsError
            | Self::Structured
            | Self::BlockText
            | Self::Media
            | Self::InnerIsError
            | Self::InnerError
            | Self::MetaField(
                _,
                MetaField::OutputTemplate | MetaField::FlatResourceUri | MetaField::UiResourceUri,
            ) => Shape::Mark,
            Self::Jsonrpc
            | Self::Method
            | Self::Name
            | Self::Uri
            | Self::TaskId
            | Self::RequestState
            | Self::Cursor
            | Self::ProtocolVersion
            | Self::Status
            | Self::ResultType
            | Self::NextCursor
            | Self::ResultTaskId
            | Self::ResultStatus
            | Self::ResultRequestState
            | Self::ResultProtocolVersion
            | Self::ToolName
            | Self::ResultTaskTaskId
            | Self::ResultTaskStatus
            | Self::ErrorMessage
            | Self::Peer(..)
            | Self::MetaField(..) => Shape::Text,
        }
    }

    /// The slot of an array's elements.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    pub(super) fn element(self) -> Self {
        match self {
            Self::Batch => Self::Message,
            Self::Tools => Self::Tool,
            Self::Content => Self::Block,
            Self::MetaField(owner, MetaField::Challenges) => Self::MetaField(owner, MetaField::Challenge),
            _ => Self::Unwanted,
        }
    }

    /// The slot of an object's member.
    #[inline(never)]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a finite tree of which each function answers for one branch"
    )]
    pub(super) fn member(self, key: &[u8]) -> Self {
        match self {
            Self::Message => message(key),
            Self::Params => params(key),
            Self::Result => result(key),
            Self::Error => match key {
                b"code" => Self::Code,
                b"message" => Self::ErrorMessage,
                _ => Self::Unwanted,
            },
            Self::Tool => match key {
                b"name" => Self::ToolName,
                b"_meta" => Self::Meta(Owner::Tool),
                _ => Self::Unwanted,
            },
            Self::ResultTask => match key {
                b"taskId" => Self::ResultTaskTaskId,
                b"status" => Self::ResultTaskStatus,
                _ => Self::Unwanted,
            },
            Self::Block if key == b"text" => Self::BlockText,
            Self::Block | Self::LaterBlock => match key {
                b"data" | b"blob" => Self::Media,
                b"resource" => Self::BlockResource,
                _ => Self::Unwanted,
            },
            Self::BlockResource if key == b"blob" => Self::Media,
            Self::InnerResult if key == b"isError" => Self::InnerIsError,
            Self::ClientInfo => peer(Info::Client, key),
            Self::ServerInfo => peer(Info::Server, key),
            Self::Meta(owner) => meta(owner, key),
            Self::MetaField(owner, MetaField::Peer) => peer(Info::Meta(owner), key),
            Self::MetaField(owner, MetaField::Ui) if key == b"resourceUri" => {
                Self::MetaField(owner, MetaField::UiResourceUri)
            }
            Self::MetaField(owner, MetaField::RelatedTask) if key == b"taskId" => {
                Self::MetaField(owner, MetaField::RelatedTaskId)
            }
            _ => Self::Unwanted,
        }
    }
}

fn message(key: &[u8]) -> Slot {
    match key {
        b"jsonrpc" => Slot::Jsonrpc,
        b"id" => Slot::Id,
        b"method" => Slot::Method,
        b"params" => Slot::Params,
        b"result" => Slot::Result,
        b"error" => Slot::Error,
        _ => Slot::Unwanted,
    }
}

fn params(key: &[u8]) -> Slot {
    match key {
        b"name" => Slot::Name,
        b"arguments" => Slot::Arguments,
        b"_meta" => Slot::Meta(Owner::Params),
        b"uri" => Slot::Uri,
        b"taskId" => Slot::TaskId,
        b"requestState" => Slot::RequestState,
        b"cursor" => Slot::Cursor,
        b"requestId" => Slot::RequestId,
        b"progressToken" => Slot::ProgressToken,
        b"inputResponses" => Slot::InputResponses,
        b"task" => Slot::Task,
        b"protocolVersion" => Slot::ProtocolVersion,
        b"clientInfo" => Slot::ClientInfo,
        b"status" => Slot::Status,
        _ => Slot::Unwanted,
    }
}

fn result(key: &[u8]) -> Slot {
    match key {
        b"content" => Slot::Content,
        b"structuredContent" => Slot::Structured,
        b"isError" => Slot::IsError,
        b"resultType" => Slot::ResultType,
        b"_meta" => Slot::Meta(Owner::Result),
        b"tools" => Slot::Tools,
        b"nextCursor" => Slot::NextCursor,
        b"taskId" => Slot::ResultTaskId,
        b"status" => Slot::ResultStatus,
        b"requestState" => Slot::ResultRequestState,
        b"protocolVersion" => Slot::ResultProtocolVersion,
        b"serverInfo" => Slot::ServerInfo,
        b"task" => Slot::ResultTask,
        b"result" => Slot::InnerResult,
        b"error" => Slot::InnerError,
        _ => Slot::Unwanted,
    }
}

fn peer(info: Info, key: &[u8]) -> Slot {
    match key {
        b"name" => Slot::Peer(info, PeerField::Name),
        b"version" => Slot::Peer(info, PeerField::Version),
        _ => Slot::Unwanted,
    }
}

fn meta(owner: Owner, key: &[u8]) -> Slot {
    let field = match (key, owner) {
        (b"ui", _) => MetaField::Ui,
        (b"ui/resourceUri", _) => MetaField::FlatResourceUri,
        (b"openai/outputTemplate", _) => MetaField::OutputTemplate,
        (_, Owner::Tool) => return Slot::Unwanted,
        (b"progressToken", _) => MetaField::ProgressToken,
        (b"traceparent", _) => MetaField::Traceparent,
        (b"tracestate", _) => MetaField::Tracestate,
        (b"mcp/www_authenticate", Owner::Result) => MetaField::Challenges,
        (b"io.modelcontextprotocol/protocolVersion", _) => MetaField::ProtocolVersion,
        (b"io.modelcontextprotocol/subscriptionId", _) => MetaField::SubscriptionId,
        (b"io.modelcontextprotocol/related-task", _) => MetaField::RelatedTask,
        (b"io.modelcontextprotocol/clientInfo", Owner::Params)
        | (b"io.modelcontextprotocol/serverInfo", Owner::Result) => MetaField::Peer,
        _ => return Slot::Unwanted,
    };
    Slot::MetaField(owner, field)
}
