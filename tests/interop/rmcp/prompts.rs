//! The prompts, and the completion of their arguments.

use rmcp::ErrorData;
use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, InputRequiredResult, ListPromptsResult, Prompt, PromptArgument,
    PromptMessage, Reference, ResourceContents, Role,
};
use serde_json::Value;

use crate::content::PICTURE;
use crate::fixture::{CACHE_MS, CACHE_SCOPE};
use crate::input;
use crate::tools::bad_cursor;

/// What the completable arguments may be.
const WORDS: [&str; 4] = ["parade", "paris", "park", "party"];

/// `prompts/list`: one page.
pub(crate) fn page(cursor: Option<&str>) -> Result<ListPromptsResult, ErrorData> {
    if let Some(cursor) = cursor {
        return Err(bad_cursor(cursor));
    }
    let prompts = vec![
        Prompt::new("test_simple_prompt", Some("One message without arguments"), None),
        Prompt::new(
            "test_prompt_with_arguments",
            Some("One message with both arguments in it"),
            Some(vec![required("arg1", "The first argument"), required("arg2", "The second argument")]),
        ),
        Prompt::new(
            "test_prompt_with_embedded_resource",
            Some("A resource to process"),
            Some(vec![required("resourceUri", "The URI of the resource")]),
        ),
        Prompt::new("test_prompt_with_image", Some("A picture to analyse"), None),
        Prompt::new("test_input_required_result_prompt", Some("Asks for its context first"), None),
    ];
    Ok(ListPromptsResult::with_all_items(prompts).with_ttl_ms(CACHE_MS).with_cache_scope(CACHE_SCOPE))
}

/// `prompts/get`.
pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![says("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (argument(request, "arg1")?, argument(request, "arg2")?);
            vec![says(format!("Prompt with arguments: arg1='{first}', arg2='{second}'"))]
        }
        "test_prompt_with_embedded_resource" => {
            vec![
                shows(embedded(argument(request, "resourceUri")?)),
                says("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => {
            vec![shows(ContentBlock::image(PICTURE, "image/png")), says("Please analyze the image above.")]
        }
        "test_input_required_result_prompt" => return in_rounds(request),
        other => return Err(ErrorData::invalid_params(format!("Prompt {other} not found"), None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

/// `completion/complete`: the words that begin with what was typed.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let known = match &request.r#ref {
        Reference::Prompt(prompt) => prompt.name == "test_prompt_with_arguments",
        Reference::Resource(template) => template.uri == "test://template/{id}/data",
        _ => false,
    };
    if !known {
        return Err(ErrorData::invalid_params("Nothing to complete under that reference", None));
    }
    let values =
        WORDS.iter().filter(|word| word.starts_with(&request.argument.value)).map(ToString::to_string);
    let completion = CompletionInfo::with_all_values(values.collect())
        .map_err(|reason| ErrorData::internal_error(reason, None))?;
    Ok(CompleteResult::new(completion))
}

/// A prompt in two rounds: its context is asked for, then put into the message.
fn in_rounds(request: &GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let answer = input::elicited(request.input_responses.as_ref(), "user_context", "context");
    let Some(context) = answer else {
        let question = input::question("What context should the prompt use?", "context", "string")?;
        let requests = [("user_context".to_owned(), question)].into();
        return Ok(InputRequiredResult::from_input_requests(requests).into());
    };
    Ok(GetPromptResult::new(vec![says(format!("Use this context: {context}"))]).into())
}

fn required(name: &str, description: &str) -> PromptArgument {
    PromptArgument::new(name).with_description(description).with_required(true)
}

fn argument<'request>(
    request: &'request GetPromptRequestParams,
    name: &str,
) -> Result<&'request str, ErrorData> {
    let value = request.arguments.as_ref().and_then(|arguments| arguments.get(name)).and_then(Value::as_str);
    value.ok_or_else(|| ErrorData::invalid_params(format!("Argument {name} is missing"), None))
}

fn embedded(uri: &str) -> ContentBlock {
    let contents = ResourceContents::text("Embedded resource content for testing.", uri);
    ContentBlock::resource(contents.with_mime_type("text/plain"))
}

fn says(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}

fn shows(content: ContentBlock) -> PromptMessage {
    PromptMessage::new(Role::User, content)
}
