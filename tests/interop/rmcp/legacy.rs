//! The steps of 2025-11-25 alone: requests from the server, subscriptions of the session, resumed streams.
#![expect(deprecated, reason = "these methods end with the legacy era, which is what is tested here")]

use rmcp::model::{
    ClientRequest, LoggingLevel, PingRequest, SetLevelRequestParams, SubscribeRequestParams,
    UnsubscribeRequestParams,
};
use serde_json::json;

use crate::Session;
use crate::steps::call;
use crate::transcript::Transcript;

/// The resource that is watched; it need not exist.
const WATCHED: &str = "test://watched-resource";

/// Runs them all, in order.
pub(crate) async fn run(session: &Session, transcript: &mut Transcript) {
    let ping = session.send_request(ClientRequest::PingRequest(PingRequest::default())).await;
    transcript.answered("ping", ping).await;
    logging(session, transcript).await;
    requests_from_the_server(session, transcript).await;
    subscriptions(session, transcript).await;
    transcript.answered("resumed stream", call(session, "test_reconnection", &json!({})).await).await;
    let changed = session.notify_roots_list_changed().await;
    transcript.answered("notifications/roots/list_changed", changed).await;
}

async fn logging(session: &Session, transcript: &mut Transcript) {
    let set = session.set_level(SetLevelRequestParams::new(LoggingLevel::Info)).await;
    transcript.answered("logging/setLevel info", set).await;
    let logged = call(session, "test_tool_with_logging", &json!({})).await;
    transcript.answered_after("three log lines", 3, logged).await;
    let set = session.set_level(SetLevelRequestParams::new(LoggingLevel::Error)).await;
    transcript.answered("logging/setLevel error", set).await;
    let silent = call(session, "test_tool_with_logging", &json!({})).await;
    transcript.answered("no log line", silent).await;
}

async fn requests_from_the_server(session: &Session, transcript: &mut Transcript) {
    let sampled = call(session, "test_sampling", &json!({"prompt": "Is it so?"})).await;
    transcript.answered_after("sampling", 1, sampled).await;
    let elicited = call(session, "test_elicitation", &json!({"message": "Who are you?"})).await;
    transcript.answered_after("elicitation", 1, elicited).await;
    for name in ["test_elicitation_sep1034_defaults", "test_elicitation_sep1330_enums", "fixture_roots"] {
        transcript.answered_after(name, 1, call(session, name, &json!({})).await).await;
    }
}

async fn subscriptions(session: &Session, transcript: &mut Transcript) {
    let uri = json!({"uri": WATCHED});
    let touch = || call(session, "fixture_touch_resource", &uri);
    let subscribed = session.subscribe(SubscribeRequestParams::new(WATCHED)).await;
    transcript.answered("resources/subscribe", subscribed).await;
    transcript.answered_after("a watched resource changes", 1, touch().await).await;
    let unsubscribed = session.unsubscribe(UnsubscribeRequestParams::new(WATCHED)).await;
    transcript.answered("resources/unsubscribe", unsubscribed).await;
    transcript.answered("an unwatched resource changes", touch().await).await;
    for name in ["test_trigger_tool_change", "test_trigger_prompt_change"] {
        transcript.answered_after(name, 1, call(session, name, &json!({})).await).await;
    }
}
