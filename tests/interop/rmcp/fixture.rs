//! The server itself: its capabilities, and where each request goes.
#![expect(deprecated, reason = "the legacy era's methods are what the fixture must still answer")]

use std::collections::HashSet;
use std::sync::Arc;

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
    CompleteResult, GetPromptRequestParams, GetPromptResponse, GetTaskParams, GetTaskResult, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    RequestStateCodec, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
    SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::Mutex;

use crate::signals::Signals;
use crate::subscriptions::Listeners;
use crate::{input, prompts, resources, tools};

/// How long a client may keep what it listed or read, in milliseconds.
pub(crate) const CACHE_MS: u64 = 60_000;

/// Who may keep it: nothing here belongs to one user.
pub(crate) const CACHE_SCOPE: CacheScope = CacheScope::Public;

/// One session's view of the server. A request of the modern era has a session to itself.
#[derive(Clone)]
pub(crate) struct Fixture {
    /// rmcp's table of legacy sessions: the way to close a stream under a running call.
    pub(crate) sessions: Arc<LocalSessionManager>,
    /// The open `subscriptions/listen` streams of every client.
    pub(crate) listeners: Arc<Listeners>,
    /// Seals and opens the `requestState` of calls in several rounds.
    pub(crate) states: RequestStateCodec,
    /// The tasks that run or ran, of every client.
    pub(crate) tasks: TaskManager,
    /// The calls of `fixture_wait` that were cancelled, by the name they were given.
    pub(crate) cancelled: Arc<Signals>,
    /// The legacy sessions in which a stream was resumed.
    pub(crate) resumed: Arc<Signals>,
    /// What this legacy session set.
    pub(crate) settings: Arc<Mutex<Settings>>,
}

/// What `logging/setLevel` and `resources/subscribe` set in one legacy session.
#[derive(Default)]
pub(crate) struct Settings {
    /// The least severe level the client wants to see; all of them until it says so.
    pub(crate) log_level: Option<LoggingLevel>,
    /// The URIs whose changes the client wants to hear of.
    pub(crate) watched: HashSet<String>,
}

impl Fixture {
    /// A server without sessions yet.
    ///
    /// # Errors
    /// The key for `requestState` is refused.
    pub(crate) fn new(sessions: Arc<LocalSessionManager>) -> anyhow::Result<Self> {
        Ok(Self {
            sessions,
            listeners: Arc::default(),
            states: RequestStateCodec::try_new(input::STATE_KEY)?,
            tasks: TaskManager::new(),
            cancelled: Arc::default(),
            resumed: Arc::default(),
            settings: Arc::default(),
        })
    }

    /// The same server with fresh settings, for the next session.
    pub(crate) fn for_new_session(&self) -> Self {
        Self { settings: Arc::default(), ..self.clone() }
    }
}

/// Whether the request speaks 2026-07-28 or later: no sessions, no requests from the server.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

/// The cursor of a list request, if it has one.
fn cursor(request: Option<PaginatedRequestParams>) -> Option<String> {
    request.and_then(|request| request.cursor)
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_tasks()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("rmcp-fixture", env!("CARGO_PKG_VERSION")))
            .with_instructions("The fixture of the conformance suite, on the official Rust SDK.")
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        tools::page(cursor(request).as_deref())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        tools::call(self, request, &context).await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        prompts::page(cursor(request).as_deref())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        resources::page(cursor(request).as_deref())
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&request.uri).map(ReadResourceResponse::from)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.settings.lock().await.watched.insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.settings.lock().await.watched.remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.listeners.expect();
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.listeners.hold_open(&context).await;
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        prompts::complete(&request)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.tasks.get_task(&request.task_id).map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.settings.lock().await.log_level = Some(request.level);
        Ok(())
    }
}
