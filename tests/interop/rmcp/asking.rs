//! Tools of the legacy era that ask the client something while they run: sampling, elicitation, roots. A client that
//! cannot answer, and every modern one, gets a tool error.
#![expect(
    deprecated,
    reason = "requests from the server end with the legacy era, which the fixture still serves"
)]

use rmcp::model::{
    CallToolResult, CreateMessageRequestParams, ElicitRequestParams, ElicitResult, ElicitationSchema,
    SamplingMessage,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServiceError};
use serde_json::{Value, json};

use crate::content;

/// Most tokens a model may answer with.
const TOKENS_MAX: u32 = 100;

/// Asks the client's model.
pub(crate) async fn sample(prompt: &str, context: &RequestContext<RoleServer>) -> CallToolResult {
    let request = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], TOKENS_MAX);
    match context.peer.create_message(request).await {
        Ok(answer) => {
            let text = answer.message.content.first().and_then(|content| content.as_text());
            content::text(format!("LLM response: {}", text.map_or("(no text)", |text| &text.text)))
        }
        Err(error) => content::failure(format!("Sampling failed: {error}")),
    }
}

/// Asks the client's user for a name and an address.
pub(crate) async fn elicit_contact(
    message: &str,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let schema = json!({
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    });
    let answer = elicit(message, schema, context).await?;
    Ok(report("User response: ", answer))
}

/// Asks with a default for every primitive type (SEP-1034).
pub(crate) async fn elicit_with_defaults(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let schema = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": true},
        },
    });
    let answer = elicit("Are these defaults right?", schema, context).await?;
    Ok(report("Elicitation completed: ", answer))
}

/// Asks with every kind of enumeration (SEP-1330).
pub(crate) async fn elicit_from_enums(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, ErrorData> {
    let options = json!(["option1", "option2", "option3"]);
    let titled = json!([
        {"const": "value1", "title": "First"},
        {"const": "value2", "title": "Second"},
        {"const": "value3", "title": "Third"},
    ]);
    let schema = json!({
        "type": "object",
        "properties": {
            "untitledSingle": {"type": "string", "enum": options},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]},
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": options}},
            "titledMulti": {"type": "array", "items": {"anyOf": titled}},
        },
    });
    let answer = elicit("Which of these?", schema, context).await?;
    Ok(report("Elicitation completed: ", answer))
}

/// Asks for the client's roots.
pub(crate) async fn list_roots(context: &RequestContext<RoleServer>) -> CallToolResult {
    match context.peer.list_roots().await {
        Ok(answer) => {
            let uris: Vec<_> = answer.roots.iter().map(|root| root.uri.as_str()).collect();
            content::text(format!("Roots: {}", uris.join(", ")))
        }
        Err(error) => content::failure(format!("Listing roots failed: {error}")),
    }
}

/// The client's answer, or why there is none. A schema rmcp cannot hold is the fixture's own fault.
async fn elicit(
    message: &str,
    schema: Value,
    context: &RequestContext<RoleServer>,
) -> Result<Result<ElicitResult, ServiceError>, ErrorData> {
    let requested_schema: ElicitationSchema =
        serde_json::from_value(schema).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let request = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema,
    };
    Ok(context.peer.create_elicitation(request).await)
}

fn report(prefix: &str, answer: Result<ElicitResult, ServiceError>) -> CallToolResult {
    match answer {
        Ok(answer) => {
            let action = json!(answer.action);
            let content = answer.content.unwrap_or_else(|| json!({}));
            content::text(format!(
                "{prefix}action={}, content={content}",
                action.as_str().unwrap_or_default()
            ))
        }
        Err(error) => content::failure(format!("Elicitation failed: {error}")),
    }
}
