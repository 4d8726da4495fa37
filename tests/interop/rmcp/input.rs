//! Tools of the modern era that answer in rounds (SEP-2322): what they need goes out as `inputRequests`, comes back as
//! `inputResponses` of a new request, and what must be remembered travels in a sealed `requestState`.
#![expect(deprecated, reason = "sampling and roots are deprecated in 2026-07-28 and still part of it")]

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CreateMessageRequest, CreateMessageRequestParams, ElicitRequest,
    ElicitRequestParams, ElicitationSchema, InputRequest, InputRequests, InputRequiredResult, InputResponses,
    ListRootsRequest, SamplingMessage,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Value, json};

use crate::content;
use crate::fixture::Fixture;

/// Seals `requestState`. It is public: the fixture guards nothing.
pub(crate) const STATE_KEY: &[u8] = b"a key for tests, longer than 32 bytes";

/// Most tokens a model may answer with.
const TOKENS_MAX: u32 = 100;

type Response = Result<CallToolResponse, ErrorData>;

/// Answers one round of a tool in rounds; `None` for any other tool.
pub(crate) fn call(
    fixture: &Fixture,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Response> {
    let responses = request.input_responses.as_ref();
    let response = match request.name.as_ref() {
        "test_input_required_result_elicitation" | "test_streaming_elicitation" => greet(responses),
        "test_input_required_result_sampling" => Ok(capital(responses)),
        "test_input_required_result_list_roots" => Ok(roots(responses)),
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            confirm(fixture, request)
        }
        "test_input_required_result_multiple_inputs" => three_inputs(fixture, request),
        "test_input_required_result_multi_round" => two_rounds(fixture, request),
        "test_input_required_result_capabilities" => what_the_client_can(responses, context),
        _ => return None,
    };
    Some(response)
}

/// A question to the user with one field.
pub(crate) fn question(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    let schema = json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    let requested_schema: ElicitationSchema =
        serde_json::from_value(schema).map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let params = ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: message.to_owned(),
        requested_schema,
    };
    Ok(InputRequest::Elicitation(ElicitRequest::new(params)))
}

/// What the user put into that field, as text; `None` if the answer is missing, refused or malformed.
pub(crate) fn elicited(responses: Option<&InputResponses>, key: &str, field: &str) -> Option<String> {
    let answer = responses?.get(key)?;
    if answer.get("action")? != "accept" {
        return None;
    }
    match answer.get("content")?.get(field)? {
        Value::String(text) => Some(text.clone()),
        other @ (Value::Bool(_) | Value::Number(_)) => Some(other.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn greet(responses: Option<&InputResponses>) -> Response {
    match elicited(responses, "user_name", "name") {
        Some(name) => Ok(content::text(format!("Hello, {name}!")).into()),
        None => Ok(needed([("user_name", question("What is your name?", "name", "string")?)], None)),
    }
}

fn capital(responses: Option<&InputResponses>) -> CallToolResponse {
    match sampled(responses, "capital_question") {
        Some(text) => content::text(text).into(),
        None => needed([("capital_question", to_model("What is the capital of France?"))], None),
    }
}

fn roots(responses: Option<&InputResponses>) -> CallToolResponse {
    match listed_roots(responses, "client_roots") {
        Some(roots) => content::text(format!("Roots: {roots}")).into(),
        None => needed([("client_roots", to_roots())], None),
    }
}

fn confirm(fixture: &Fixture, request: &CallToolRequestParams) -> Response {
    let state = opened(fixture, request)?;
    let answer = elicited(request.input_responses.as_ref(), "confirm", "ok");
    if let (Some(_), Some(answer)) = (state, answer) {
        return Ok(content::text(format!("state-ok: {answer}")).into());
    }
    Ok(needed([("confirm", question("Please confirm", "ok", "boolean")?)], Some(sealed(fixture, 1)?)))
}

fn three_inputs(fixture: &Fixture, request: &CallToolRequestParams) -> Response {
    let state = opened(fixture, request)?;
    let responses = request.input_responses.as_ref();
    let name = elicited(responses, "user_name", "name");
    let greeting = sampled(responses, "greeting");
    let roots = listed_roots(responses, "client_roots");
    if let (Some(_), Some(name), Some(greeting), Some(roots)) = (state, name, greeting, roots) {
        return Ok(content::text(format!("{greeting} {name} at {roots}")).into());
    }
    let requests = [
        ("user_name", question("What is your name?", "name", "string")?),
        ("greeting", to_model("Generate a greeting")),
        ("client_roots", to_roots()),
    ];
    Ok(needed(requests, Some(sealed(fixture, 1)?)))
}

fn two_rounds(fixture: &Fixture, request: &CallToolRequestParams) -> Response {
    let responses = request.input_responses.as_ref();
    let round = opened(fixture, request)?.unwrap_or(0);
    if round == 2
        && let Some(color) = elicited(responses, "step2", "color")
    {
        return Ok(content::text(format!("All steps are done: {color}")).into());
    }
    let first_done = round == 1 && elicited(responses, "step1", "name").is_some();
    if first_done || round == 2 {
        let next = question("Step 2: What is your favorite color?", "color", "string")?;
        return Ok(needed([("step2", next)], Some(sealed(fixture, 2)?)));
    }
    let first = question("Step 1: What is your name?", "name", "string")?;
    Ok(needed([("step1", first)], Some(sealed(fixture, 1)?)))
}

fn what_the_client_can(responses: Option<&InputResponses>, context: &RequestContext<RoleServer>) -> Response {
    if responses.is_some() {
        return Ok(content::text("The client gave what it can.").into());
    }
    let can = context.client_capabilities().unwrap_or_default();
    let mut requests = InputRequests::new();
    if can.elicitation.is_some() {
        requests.insert("user_name".to_owned(), question("What is your name?", "name", "string")?);
    }
    if can.sampling.is_some() {
        requests.insert("greeting".to_owned(), to_model("Generate a greeting"));
    }
    if can.roots.is_some() {
        requests.insert("client_roots".to_owned(), to_roots());
    }
    if requests.is_empty() {
        return Ok(content::text("The client can give nothing.").into());
    }
    Ok(InputRequiredResult::from_input_requests(requests).into())
}

fn needed<const COUNT: usize>(
    requests: [(&str, InputRequest); COUNT],
    state: Option<String>,
) -> CallToolResponse {
    let requests = requests.into_iter().map(|(key, request)| (key.to_owned(), request)).collect();
    InputRequiredResult::new(Some(requests), state).into()
}

fn to_model(prompt: &str) -> InputRequest {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text(prompt)], TOKENS_MAX);
    InputRequest::CreateMessage(CreateMessageRequest::new(params))
}

fn to_roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

fn sampled(responses: Option<&InputResponses>, key: &str) -> Option<String> {
    let text = responses?.get(key)?.get("content")?.get("text")?;
    text.as_str().map(ToOwned::to_owned)
}

fn listed_roots(responses: Option<&InputResponses>, key: &str) -> Option<String> {
    let roots = responses?.get(key)?.get("roots")?.as_array()?;
    let uris: Vec<_> = roots.iter().filter_map(|root| root.get("uri")?.as_str()).collect();
    Some(uris.join(", "))
}

fn sealed(fixture: &Fixture, round: u64) -> Result<String, ErrorData> {
    fixture.states.seal_json(&round).map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

/// The round that the request's state names, `None` without a state. A state we did not seal is -32602.
fn opened(fixture: &Fixture, request: &CallToolRequestParams) -> Result<Option<u64>, ErrorData> {
    let Some(state) = request.request_state.as_deref() else {
        return Ok(None);
    };
    let round = fixture.states.open_json(state);
    round
        .map(Some)
        .map_err(|error| ErrorData::invalid_params(format!("requestState is not ours: {error}"), None))
}
