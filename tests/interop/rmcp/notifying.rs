//! Tools that say something on their way: logs, progress, changes, and a stream that ends too early.
#![expect(deprecated, reason = "logging is deprecated in 2026-07-28 and still part of every era")]

use std::time::Duration;

use http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{
    CallToolResult, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
    ResourceUpdatedNotificationParam,
};
use rmcp::service::RequestContext;
use serde_json::json;

use crate::content;
use crate::fixture::{Fixture, is_modern};

/// The pause between two notifications of one call: long enough that they travel apart.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client shall wait before it resumes a closed stream.
const RETRY: Duration = Duration::from_millis(100);

/// rmcp numbers the POSTs of a session from 0 and keeps the number of a call to itself: streams up to here are closed.
const POSTS_MAX: u64 = 256;

/// Logs three lines at level info.
pub(crate) async fn log_steps(fixture: &Fixture, context: &RequestContext<RoleServer>) -> CallToolResult {
    for (position, line) in
        ["Tool execution started", "Tool processing data", "Tool execution completed"].into_iter().enumerate()
    {
        if position > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        log(fixture, context, line).await;
    }
    content::text("The tool logged three lines.")
}

/// Logs one line; in the modern era only if the request names a level.
pub(crate) async fn log_if_asked(fixture: &Fixture, context: &RequestContext<RoleServer>) -> CallToolResult {
    log(fixture, context, "The request wants logs").await;
    content::text("The tool logged what was asked for.")
}

/// Reports 0, 50 and 100 of 100, if the request brought a token.
pub(crate) async fn report_progress(context: &RequestContext<RoleServer>) -> CallToolResult {
    for progress in [0.0, 50.0, 100.0] {
        if progress > 0.0 {
            tokio::time::sleep(PAUSE).await;
        }
        progress_to(context, progress).await;
    }
    content::text("The tool reported its progress.")
}

/// Reports progress once, so that the client knows it runs, then waits for the cancellation.
pub(crate) async fn wait(
    fixture: &Fixture,
    name: &str,
    context: &RequestContext<RoleServer>,
) -> CallToolResult {
    progress_to(context, 0.0).await;
    context.ct.cancelled().await;
    fixture.cancelled.raise(name);
    content::failure("cancelled")
}

/// Waits until the call of that name was cancelled, and forgets it, so that the name can be used again.
pub(crate) async fn report_cancelled(fixture: &Fixture, name: &str) -> CallToolResult {
    if fixture.cancelled.hear(name).await {
        return content::text(format!("{name} was cancelled."));
    }
    content::failure(format!("{name} goes on."))
}

/// Closes the call's SSE stream (SEP-1699) and answers once a GET has resumed it: rmcp forgets an answer that nobody
/// was there to read.
pub(crate) async fn close_stream(fixture: &Fixture, context: &RequestContext<RoleServer>) -> CallToolResult {
    let parts = context.extensions.get::<Parts>();
    let session = parts.and_then(|parts| parts.headers.get("mcp-session-id")).and_then(|id| id.to_str().ok());
    let Some(session) = session else {
        return content::text("Without a session there is nothing to resume.");
    };
    let Some(handle) = fixture.sessions.sessions.read().await.get(session).cloned() else {
        return content::failure("The session is gone.");
    };
    fixture.resumed.lower(session);
    for post in 0..POSTS_MAX {
        // Every other number is a POST that is answered already, or none.
        let _ = handle.close_sse_stream(post, Some(RETRY)).await;
    }
    if fixture.resumed.hear(session).await {
        return content::text("The stream was resumed.");
    }
    content::failure("Nobody resumed the stream.")
}

/// Announces a change of the tools: on the session's own stream, and to every listener.
pub(crate) async fn change_tools(fixture: &Fixture, context: &RequestContext<RoleServer>) -> CallToolResult {
    if !is_modern(context) {
        let _ = context.peer.notify_tool_list_changed().await;
    }
    fixture.listeners.announce_tools().await;
    content::text("The list of tools changed.")
}

/// Announces a change of the prompts, likewise.
pub(crate) async fn change_prompts(
    fixture: &Fixture,
    context: &RequestContext<RoleServer>,
) -> CallToolResult {
    if !is_modern(context) {
        let _ = context.peer.notify_prompt_list_changed().await;
    }
    fixture.listeners.announce_prompts().await;
    content::text("The list of prompts changed.")
}

/// Announces a change of one resource, to the session if it subscribed, and to every listener that watches it.
pub(crate) async fn touch(
    fixture: &Fixture,
    uri: &str,
    context: &RequestContext<RoleServer>,
) -> CallToolResult {
    if !is_modern(context) && fixture.settings.lock().await.watched.contains(uri) {
        let _ = context.peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await;
    }
    fixture.listeners.announce_resource(uri).await;
    content::text(format!("{uri} changed."))
}

/// One line at level info, unless the client asked for less.
async fn log(fixture: &Fixture, context: &RequestContext<RoleServer>, line: &str) {
    let wanted = if is_modern(context) {
        context.meta.log_level()
    } else {
        Some(fixture.settings.lock().await.log_level.unwrap_or(LoggingLevel::Debug))
    };
    if wanted.is_some_and(lets_info_through) {
        let message =
            LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(line)).with_logger("rmcp-fixture");
        let _ = context.peer.notify_logging_message(message).await;
    }
}

fn lets_info_through(level: LoggingLevel) -> bool {
    matches!(level, LoggingLevel::Debug | LoggingLevel::Info)
}

async fn progress_to(context: &RequestContext<RoleServer>, progress: f64) {
    if let Some(token) = context.meta.get_progress_token() {
        let notification = ProgressNotificationParam::new(token, progress).with_total(100.0);
        let _ = context.peer.notify_progress(notification).await;
    }
}
