//! The steps of 2026-07-28 alone: answers in rounds, logs by request, listen streams.
#![expect(deprecated, reason = "logging is deprecated in 2026-07-28 and still part of it")]

use rmcp::ServiceError;
use rmcp::model::{CallToolRequest, ClientRequest, LoggingLevel, RequestMetaObject, SubscriptionFilter};
use rmcp::service::{PeerRequestOptions, Subscription};
use serde_json::{Value, json};

use crate::Session;
use crate::following;
use crate::steps::{call, first_round, prompt, tool};
use crate::transcript::Transcript;

/// The resource that is watched; it need not exist.
const WATCHED: &str = "test://watched-resource";

/// Runs them all, in order.
pub(crate) async fn run(session: &Session, transcript: &mut Transcript) {
    rounds(session, transcript).await;
    logging(session, transcript).await;
    listening(session, transcript).await;
    following::run(session, transcript).await;
}

async fn rounds(session: &Session, transcript: &mut Transcript) {
    let needed = first_round(session, "test_input_required_result_request_state").await;
    transcript.answered("what a tool needs", needed).await;
    for (name, asked) in [
        ("test_input_required_result_elicitation", 1),
        ("test_input_required_result_sampling", 1),
        ("test_input_required_result_list_roots", 1),
        ("test_input_required_result_request_state", 1),
        ("test_input_required_result_multiple_inputs", 3),
        ("test_input_required_result_multi_round", 2),
        ("test_input_required_result_capabilities", 3),
    ] {
        transcript.answered_after(name, asked, call(session, name, &json!({})).await).await;
    }
    let forged = tool("test_input_required_result_tampered_state", &json!({})).with_request_state("forged");
    transcript.refused("forged state", session.call_tool(forged).await).await;
    let asked = session.get_prompt(prompt("test_input_required_result_prompt", &json!({}))).await;
    transcript.answered_after("a prompt in rounds", 1, asked).await;
}

async fn logging(session: &Session, transcript: &mut Transcript) {
    transcript.answered("no log line", call(session, "test_tool_with_logging", &json!({})).await).await;
    let mut meta = RequestMetaObject::new();
    meta.set_log_level(LoggingLevel::Info);
    let request = CallToolRequest::new(tool("test_tool_with_logging", &json!({})));
    let options = PeerRequestOptions::no_options().with_meta(meta);
    let outcome =
        match session.send_request_with_option(ClientRequest::CallToolRequest(request), options).await {
            Ok(sent) => sent.await_response().await,
            Err(error) => Err(error),
        };
    transcript.answered_after("three log lines", 3, outcome).await;
}

async fn listening(session: &Session, transcript: &mut Transcript) {
    let filter = SubscriptionFilter::builder().tools_list_changed().resource_subscription(WATCHED).build();
    let mut listened = match session.listen(filter).await {
        Ok(listened) => listened,
        Err(error) => return transcript.answered::<()>("subscriptions/listen", Err(error)).await,
    };
    transcript.answered("subscriptions/listen", Ok(listened.acknowledged())).await;
    for (name, arguments) in [
        ("test_trigger_prompt_change", json!({})),
        ("test_trigger_tool_change", json!({})),
        ("fixture_touch_resource", json!({"uri": WATCHED})),
    ] {
        transcript.answered(name, call(session, name, &arguments).await).await;
    }
    for step in ["the first that was listened for", "the second"] {
        transcript.answered(step, heard(&mut listened).await).await;
    }
    transcript.answered("stop listening", listened.cancel().await).await;
}

async fn heard(listened: &mut Subscription) -> Result<Value, ServiceError> {
    let notification = listened.next().await?;
    notification.map(|notification| json!(notification)).ok_or(ServiceError::TransportClosed)
}
