//! Every tool's name, description and schemas. The conformance suite reads the first page only, so its own tools are
//! all there; the second page holds what only the interoperability client calls.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

/// The tools without arguments.
const PLAIN: [(&str, &str); 30] = [
    ("test_simple_text", "Answers with a text"),
    ("test_image_content", "Answers with a picture"),
    ("test_audio_content", "Answers with a sound"),
    ("test_embedded_resource", "Answers with an embedded resource"),
    ("test_multiple_content_types", "Answers with a text, a picture and a resource"),
    ("test_error_handling", "Always fails"),
    ("test_tool_with_logging", "Logs three lines on its way"),
    ("test_tool_with_progress", "Reports progress three times on its way"),
    ("test_logging_tool", "Logs one line if the request asks for logs"),
    ("test_reconnection", "Closes its stream, then answers to whoever resumes it"),
    ("test_elicitation_sep1034_defaults", "Asks the user with a default for every type"),
    ("test_elicitation_sep1330_enums", "Asks the user with every kind of enumeration"),
    ("test_trigger_tool_change", "Announces that the list of tools changed"),
    ("test_trigger_prompt_change", "Announces that the list of prompts changed"),
    ("test_missing_capability", "Works only for clients that can sample"),
    ("test_streaming_elicitation", "Needs an input before it answers"),
    ("test_input_required_result_elicitation", "Needs the user's name"),
    ("test_input_required_result_sampling", "Needs a model's answer"),
    ("test_input_required_result_list_roots", "Needs the client's roots"),
    ("test_input_required_result_request_state", "Needs a confirmation, and its state back"),
    ("test_input_required_result_multiple_inputs", "Needs three inputs at once, and its state back"),
    ("test_input_required_result_multi_round", "Needs two inputs, one after the other"),
    ("test_input_required_result_tampered_state", "Refuses a state it did not seal"),
    ("test_input_required_result_capabilities", "Needs only what the client can give"),
    ("failing_job", "Fails as a task"),
    ("protocol_error_job", "Breaks as a task"),
    ("confirm_delete", "Asks within a task"),
    ("multi_input", "Asks twice at once within a task"),
    ("test_tool_with_task", "Needs the user's name, then becomes a task"),
    ("fixture_roots", "Lists the client's roots"),
];

/// How many entries of [`PLAIN`], from the first, are the suite's.
const PLAIN_OF_SUITE: usize = 29;

/// The tools of the conformance suite.
pub(crate) fn first_page() -> Vec<Tool> {
    let plain =
        PLAIN.iter().take(PLAIN_OF_SUITE).map(|(name, description)| without_arguments(name, description));
    plain
        .chain([sampling(), elicitation(), custom_header(), full_schema(), greet(), slow_compute()])
        .collect()
}

/// The tools of the interoperability client.
pub(crate) fn second_page() -> Vec<Tool> {
    let plain =
        PLAIN.iter().skip(PLAIN_OF_SUITE).map(|(name, description)| without_arguments(name, description));
    plain.chain([structured(), touch_resource(), echo(), wait(), cancelled()]).collect()
}

/// A JSON literal as the object rmcp wants; anything but an object is empty.
pub(crate) fn object(value: &Value) -> JsonObject {
    value.as_object().cloned().unwrap_or_default()
}

fn without_arguments(name: &'static str, description: &'static str) -> Tool {
    Tool::new(name, description, object(&json!({"type": "object", "properties": {}})))
}

fn with_text(name: &'static str, description: &'static str, argument: &str, schema: &Value) -> Tool {
    let input = json!({"type": "object", "properties": {argument: schema}, "required": [argument]});
    Tool::new(name, description, object(&input))
}

fn sampling() -> Tool {
    let schema = json!({"type": "string", "description": "What to ask the model"});
    with_text("test_sampling", "Asks the client's model", "prompt", &schema)
}

fn elicitation() -> Tool {
    let schema = json!({"type": "string", "description": "What to show the user"});
    with_text("test_elicitation", "Asks the client's user", "message", &schema)
}

fn custom_header() -> Tool {
    let schema = json!({"type": "string", "x-mcp-header": "Value"});
    with_text("test_custom_header", "Echoes an argument that is also a header", "value", &schema)
}

fn touch_resource() -> Tool {
    let schema = json!({"type": "string", "description": "The URI of the resource"});
    with_text(
        "fixture_touch_resource",
        "Announces that a resource changed, to those who watch it",
        "uri",
        &schema,
    )
}

fn greet() -> Tool {
    with_text("greet", "Greets at once", "name", &json!({"type": "string"}))
}

fn slow_compute() -> Tool {
    let input = json!({
        "type": "object",
        "properties": {"seconds": {"type": "number"}, "label": {"type": "string"}},
    });
    Tool::new("slow_compute", "Takes its time, as a task if the client can follow one", object(&input))
}

fn echo() -> Tool {
    with_text("fixture_echo", "Answers with its argument", "value", &json!({"type": "string"}))
}

fn wait() -> Tool {
    let schema = json!({"type": "string", "description": "What to call the call"});
    with_text("fixture_wait", "Reports progress once, then waits until it is cancelled", "name", &schema)
}

fn cancelled() -> Tool {
    let schema = json!({"type": "string", "description": "The name of the call"});
    with_text("fixture_cancelled", "Answers once that call of `fixture_wait` was cancelled", "name", &schema)
}

fn structured() -> Tool {
    let output = json!({
        "type": "object",
        "properties": {"celsius": {"type": "number"}, "sky": {"type": "string"}},
        "required": ["celsius", "sky"],
    });
    without_arguments("fixture_structured", "Answers with structured content")
        .with_raw_output_schema(Arc::new(object(&output)))
}

/// The schema whose keywords must survive the listing (SEP-1613, SEP-2106).
fn full_schema() -> Tool {
    let address = json!({
        "$anchor": "addressDef",
        "type": "object",
        "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
    });
    let input = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": address},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    });
    Tool::new(
        "json_schema_2020_12_tool",
        "Has every keyword of JSON Schema 2020-12 that matters",
        object(&input),
    )
}
