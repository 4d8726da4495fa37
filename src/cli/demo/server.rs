//! The demo's MCP server: a bistro on the official SDK, speaking both eras on one URL.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock, ElicitRequest,
    ElicitRequestParams, ElicitationSchema, ErrorData, GetPromptRequestParams, GetPromptResponse,
    GetPromptResult, Implementation, InputRequest, InputRequests, InputRequiredResult, JsonObject,
    ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, Prompt, PromptMessage, ProtocolVersion, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, Role, ServerCapabilities,
    ServerConfig, ServerRequest, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Where the server is, on its address.
pub(super) const PATH: &str = "/mcp";
/// Every tool there is.
pub(super) const TOOLS: [&str; 6] = ["echo", "add", "slow_report", "flaky", "import_rows", "book_table"];
/// The one resource.
pub(super) const MENU: &str = "bistro://menu";
/// The one prompt.
pub(super) const PROMPT: &str = "recommend_dish";

const CONNECTIONS_MAX: usize = 256;
const REPORT_MILLISECONDS_MAX: u64 = 30_000;
const IMPORT_BATCHES: u32 = 4;
const IMPORT_BATCH_TIME: Duration = Duration::from_millis(25);
const ANSWER_WAIT: Duration = Duration::from_secs(30);
const QUESTION: &str = "party";

/// Starts to serve on a free loopback port, for as long as the runtime lives.
///
/// # Errors
/// No loopback address to listen on.
pub(super) async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let attempts = Arc::new(AtomicU64::new(0));
    let service = StreamableHttpService::new(
        move || Ok(Bistro { attempts: Arc::clone(&attempts) }),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    tokio::spawn(accept(listener, service));
    Ok(address)
}

async fn accept(listener: TcpListener, service: StreamableHttpService<Bistro, LocalSessionManager>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: they come back, a spinning loop would not help.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Answers are small and wanted at once; a failure to say so costs time alone.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(service.clone());
        tokio::spawn(async move {
            // Why a client's connection broke concerns nobody here.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}

/// What a connection or session is served by; all share the count of `flaky`'s attempts.
#[derive(Clone)]
struct Bistro {
    attempts: Arc<AtomicU64>,
}

impl ServerHandler for Bistro {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("sightglass-demo", env!("CARGO_PKG_VERSION")))
            .with_instructions("A small bistro to watch MCP traffic with.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match &*request.name {
            "echo" => Ok(text(string(&request, "text"))),
            "add" => Ok(add(&request)),
            "flaky" => Ok(self.flaky()),
            "slow_report" => slow_report(&request, &context).await,
            "import_rows" => import_rows(&context).await,
            "book_table" => book_table(&request, &context).await,
            unknown => Err(ErrorData::invalid_params(format!("Unknown tool: {unknown}"), None)),
        }
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new(MENU, "menu")]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri != MENU {
            return Err(ErrorData::resource_not_found(format!("No such resource: {}", request.uri), None));
        }
        let menu = "Onion soup 7\nTrout with almonds 19\nTarte tatin 8\n";
        Ok(ReadResourceResult::new(vec![ResourceContents::text(menu, MENU)]).into())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompt = Prompt::new(PROMPT, Some("Asks for a dish from the menu"), None);
        Ok(ListPromptsResult::with_all_items(vec![prompt]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name != PROMPT {
            return Err(ErrorData::invalid_params(format!("No such prompt: {}", request.name), None));
        }
        let message = PromptMessage::new_text(Role::User, "Read the menu and recommend one dish.");
        Ok(GetPromptResult::new(vec![message]).into())
    }
}

impl Bistro {
    /// Fails two times in three.
    fn flaky(&self) -> CallToolResponse {
        if self.attempts.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
            return text("The kitchen answered.");
        }
        CallToolResult::error(vec![ContentBlock::text("The kitchen did not answer in time; try again.")])
            .into()
    }
}

fn tools() -> Vec<Tool> {
    let string = || json!({ "type": "string" });
    let integer = || json!({ "type": "integer" });
    vec![
        tool("echo", "Says what it is told", json!({ "text": string() })),
        tool("add", "Adds two numbers", json!({ "a": integer(), "b": integer() })),
        tool("slow_report", "Writes a report, which takes a while", json!({ "milliseconds": integer() })),
        tool("flaky", "Asks the kitchen, which often does not answer", json!({})),
        tool("import_rows", "Imports rows and tells how far it is", json!({})),
        tool("book_table", "Books a table, asking for how many", json!({})),
    ]
}

fn tool(name: &'static str, description: &'static str, properties: Value) -> Tool {
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), properties);
    Tool::new(name, description, schema)
}

fn text(what: impl Into<String>) -> CallToolResponse {
    CallToolResult::success(vec![ContentBlock::text(what)]).into()
}

fn argument<'a>(request: &'a CallToolRequestParams, name: &str) -> Option<&'a Value> {
    request.arguments.as_ref()?.get(name)
}

fn string(request: &CallToolRequestParams, name: &str) -> String {
    argument(request, name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn add(request: &CallToolRequestParams) -> CallToolResponse {
    let number = |name| argument(request, name).and_then(Value::as_i64).unwrap_or_default();
    let sum = number("a").saturating_add(number("b"));
    let mut result = CallToolResult::success(vec![ContentBlock::text(sum.to_string())]);
    result.structured_content = Some(json!({ "sum": sum }));
    result.into()
}

/// Says at once that it began, so that a client that gives up knows what it gives up on.
async fn slow_report(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let milliseconds = argument(request, "milliseconds").and_then(Value::as_u64).unwrap_or(500);
    tell_progress(context, 0, 1).await;
    tokio::select! {
        () = context.ct.cancelled() => Err(ErrorData::internal_error("cancelled", None)),
        () = sleep(Duration::from_millis(milliseconds.min(REPORT_MILLISECONDS_MAX))) => {
            Ok(text("Guests rose by 4 %; trout is the most ordered dish."))
        }
    }
}

async fn import_rows(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    for batch in 1..=IMPORT_BATCHES {
        tokio::select! {
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
            () = sleep(IMPORT_BATCH_TIME) => tell_progress(context, batch, IMPORT_BATCHES).await,
        }
    }
    Ok(text("All rows are in."))
}

async fn tell_progress(context: &RequestContext<RoleServer>, done: u32, of: u32) {
    let Some(token) = context.meta.get_progress_token() else { return };
    let progress = ProgressNotificationParam::new(token, f64::from(done)).with_total(f64::from(of));
    // A client that is gone is told nothing.
    let _ = context.peer.notify_progress(progress).await;
}

/// Older era: a request to the client while the call waits. 2026-07-28: an interim result, then the call once more.
async fn book_table(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if context.client_capabilities().is_none_or(|capabilities| capabilities.elicitation.is_none()) {
        return Ok(text("Booked for two, as nobody could be asked."));
    }
    if context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28) {
        return match request.input_responses.as_ref().and_then(|answers| answers.get(QUESTION)) {
            Some(answer) => Ok(booked(answer.pointer("/content/guests"))),
            None => Ok(ask_in_result()?.into()),
        };
    }
    let question = ServerRequest::ElicitRequest(ElicitRequest::new(question()?));
    match timeout(ANSWER_WAIT, context.peer.send_request(question)).await {
        Ok(Ok(ClientResult::ElicitResult(answer))) => {
            Ok(booked(answer.content.as_ref().and_then(|content| content.get("guests"))))
        }
        Ok(Ok(_) | Err(_)) | Err(_) => {
            Ok(CallToolResult::error(vec![ContentBlock::text("Nobody said for how many.")]).into())
        }
    }
}

fn booked(guests: Option<&Value>) -> CallToolResponse {
    match guests.and_then(Value::as_u64) {
        Some(guests) => text(format!("Booked for {guests}.")),
        None => text("Not booked."),
    }
}

fn ask_in_result() -> Result<InputRequiredResult, ErrorData> {
    let request = InputRequest::Elicitation(ElicitRequest::new(question()?));
    Ok(InputRequiredResult::from_input_requests(InputRequests::from([(QUESTION.to_owned(), request)])))
}

fn question() -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema = ElicitationSchema::builder()
        .required_integer("guests", 1, 12)
        .build()
        .map_err(|error| ErrorData::internal_error(error, None))?;
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: "For how many guests?".to_owned(),
        requested_schema,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_tools_are_the_named_ones() {
        let listed: Vec<String> = tools().iter().map(|tool| tool.name.to_string()).collect();
        assert_eq!(listed, TOOLS);
    }
}
