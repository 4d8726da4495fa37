//! `tools/list` and `tools/call`: the pages, and who answers which tool.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ListToolsResult, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use crate::fixture::{CACHE_MS, CACHE_SCOPE, Fixture};
use crate::{asking, catalogue, content, input, notifying, tasks};

/// The cursor of the second page.
const SECOND_PAGE: &str = "tools-2";

/// `tools/list`: the suite's tools, then the interoperability client's.
pub(crate) fn page(cursor: Option<&str>) -> Result<ListToolsResult, ErrorData> {
    let (tools, next_cursor) = match cursor {
        None => (catalogue::first_page(), Some(SECOND_PAGE.to_owned())),
        Some(SECOND_PAGE) => (catalogue::second_page(), None),
        Some(other) => return Err(bad_cursor(other)),
    };
    let page = ListToolsResult { tools, next_cursor, ..Default::default() };
    Ok(page.with_ttl_ms(CACHE_MS).with_cache_scope(CACHE_SCOPE))
}

/// The tool of that name, by which rmcp checks the `Mcp-Param-*` headers of a call.
pub(crate) fn find(name: &str) -> Option<Tool> {
    catalogue::first_page().into_iter().chain(catalogue::second_page()).find(|tool| tool.name == name)
}

/// `tools/call`. An unknown tool is -32602.
pub(crate) async fn call(
    fixture: &Fixture,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if let Some(result) = content::fixed(&request.name) {
        return Ok(result.into());
    }
    if let Some(response) = input::call(fixture, &request, context) {
        return response;
    }
    if let Some(response) = tasks::call(fixture, &request, context).await {
        return response;
    }
    let result = match request.name.as_ref() {
        "test_tool_with_logging" => notifying::log_steps(fixture, context).await,
        "test_tool_with_progress" => notifying::report_progress(context).await,
        "test_logging_tool" => notifying::log_if_asked(fixture, context).await,
        "test_reconnection" => notifying::close_stream(fixture, context).await,
        "test_trigger_tool_change" => notifying::change_tools(fixture, context).await,
        "test_trigger_prompt_change" => notifying::change_prompts(fixture, context).await,
        "fixture_touch_resource" => notifying::touch(fixture, text_argument(&request, "uri")?, context).await,
        "fixture_wait" => notifying::wait(fixture, text_argument(&request, "name")?, context).await,
        "fixture_cancelled" => notifying::report_cancelled(fixture, text_argument(&request, "name")?).await,
        "test_sampling" => asking::sample(text_argument(&request, "prompt")?, context).await,
        "test_elicitation" => asking::elicit_contact(text_argument(&request, "message")?, context).await?,
        "test_elicitation_sep1034_defaults" => asking::elicit_with_defaults(context).await?,
        "test_elicitation_sep1330_enums" => asking::elicit_from_enums(context).await?,
        "fixture_roots" => asking::list_roots(context).await,
        "test_missing_capability" => need_sampling(context)?,
        "test_custom_header" | "fixture_echo" => content::text(text_argument(&request, "value")?),
        "json_schema_2020_12_tool" => content::text("The schema is what matters here."),
        other => return Err(ErrorData::invalid_params(format!("Tool {other} not found"), None)),
    };
    Ok(result.into())
}

/// The error for a cursor that no page gave out.
pub(crate) fn bad_cursor(cursor: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown cursor {cursor}"), None)
}

fn text_argument<'request>(
    request: &'request CallToolRequestParams,
    name: &str,
) -> Result<&'request str, ErrorData> {
    let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
    value.ok_or_else(|| ErrorData::invalid_params(format!("Argument {name} must be a string"), None))
}

/// Refuses a client that does not declare sampling (-32021).
#[expect(deprecated, reason = "sampling is deprecated in 2026-07-28 and still a capability to lack")]
fn need_sampling(context: &RequestContext<RoleServer>) -> Result<CallToolResult, ErrorData> {
    if context.client_capabilities().is_some_and(|capabilities| capabilities.sampling.is_some()) {
        return Ok(content::text("The client can sample."));
    }
    let needed = ClientCapabilities::builder().enable_sampling().build();
    Err(ErrorData::missing_required_client_capability(needed))
}
