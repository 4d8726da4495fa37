//! The smallest valid picture and sound, and the tools that answer with fixed content.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::json;

/// One pixel, PNG, base64.
pub(crate) const PICTURE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGMQMgkDAAD4AJ3MaiF4AAAAAElFTkSuQmCC";

/// Eight silent samples, WAV, base64.
const SOUND: &str = "UklGRiwAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQgAAACAgICAgICAgA==";

/// What a tool without arguments and without side effects answers; `None` for any other tool.
pub(crate) fn fixed(tool: &str) -> Option<CallToolResult> {
    let result = match tool {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => CallToolResult::success(vec![ContentBlock::image(PICTURE, "image/png")]),
        "test_audio_content" => CallToolResult::success(vec![ContentBlock::audio(SOUND, "audio/wav")]),
        "test_embedded_resource" => CallToolResult::success(vec![embedded_text()]),
        "test_multiple_content_types" => CallToolResult::success(vec![
            ContentBlock::text("Multiple content types test:"),
            ContentBlock::image(PICTURE, "image/png"),
            embedded_json(),
        ]),
        "test_error_handling" => failure("This tool intentionally returns an error for testing"),
        "fixture_structured" => CallToolResult::structured(json!({"celsius": 22.5, "sky": "clear"})),
        _ => return None,
    };
    Some(result)
}

/// A successful result of one text.
pub(crate) fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// A failed tool call (`isError`) with its reason.
pub(crate) fn failure(reason: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(reason)])
}

fn embedded_text() -> ContentBlock {
    let contents =
        ResourceContents::text("This is an embedded resource content.", "test://embedded-resource");
    ContentBlock::resource(contents.with_mime_type("text/plain"))
}

fn embedded_json() -> ContentBlock {
    let contents = ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource");
    ContentBlock::resource(contents.with_mime_type("application/json"))
}
