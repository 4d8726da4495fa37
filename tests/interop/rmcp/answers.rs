//! The client's side of the conversation: it answers what the server asks and notes what the server says.
#![expect(
    deprecated,
    reason = "requests from the server end with the legacy era, which the client still speaks"
)]

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult, ElicitRequestParams,
    ElicitResult, ElicitationAction, Implementation, ListRootsResult, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProtocolVersion, ResourceUpdatedNotificationParam, Root, SamplingMessage,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Notify};

/// How long the client waits for what the server still owes it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers every request the same way in every run; clones share their notes.
#[derive(Clone, Default)]
pub(crate) struct Answers {
    notes: Arc<Notes>,
}

#[derive(Default)]
struct Notes {
    seen: Mutex<Vec<Value>>,
    more: Notify,
}

impl Answers {
    /// Waits until the server said or asked `count` things, and takes them, in the order of their text: two of them may
    /// travel on two streams. Fewer are taken if no more come.
    pub(crate) async fn take(&self, count: usize) -> Vec<Value> {
        // The shortfall shows in the transcript and fails the step.
        let _ = tokio::time::timeout(PATIENCE, self.reach(count)).await;
        let mut seen = std::mem::take(&mut *self.notes.seen.lock().await);
        seen.sort_by_key(Value::to_string);
        seen
    }

    async fn reach(&self, count: usize) {
        while self.notes.seen.lock().await.len() < count {
            self.notes.more.notified().await;
        }
    }

    /// Notes one message of the server.
    async fn note(&self, method: &str, params: &impl Serialize) {
        let params = serde_json::to_value(params).unwrap_or_default();
        self.notes.seen.lock().await.push(json!({"method": method, "params": params}));
        self.notes.more.notify_one();
    }
}

impl ClientHandler for Answers {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_roots()
            .enable_roots_list_changed()
            .enable_sampling()
            .enable_tasks()
            .build();
        ClientConfig::new(capabilities, Implementation::new("rmcp-client", env!("CARGO_PKG_VERSION")))
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        self.note("sampling/createMessage", &params).await;
        let message = SamplingMessage::assistant_text("As the model sees it: yes.");
        Ok(CreateMessageResult::new(message, "model-of-the-test".to_owned()))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.note("elicitation/create", &request).await;
        let ElicitRequestParams::FormElicitationParams { requested_schema, .. } = request else {
            return Ok(ElicitResult::new(ElicitationAction::Decline));
        };
        let schema = json!(requested_schema);
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(filled_in(&schema)))
    }

    async fn list_roots(&self, _context: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        self.note("roots/list", &json!({})).await;
        Ok(ListRootsResult::new(vec![Root::new("file:///home/test").with_name("home")]))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.note("notifications/progress", &params).await;
    }

    async fn on_logging_message(
        &self,
        params: LoggingMessageNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.note("notifications/message", &params).await;
    }

    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.note("notifications/resources/updated", &params).await;
    }

    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.note("notifications/tools/list_changed", &json!({})).await;
    }

    async fn on_prompt_list_changed(&self, _context: NotificationContext<RoleClient>) {
        self.note("notifications/prompts/list_changed", &json!({})).await;
    }
}

/// A form filled in: the default of each field, else the first choice, else something of its type.
fn filled_in(schema: &Value) -> Value {
    let empty = Map::new();
    let fields = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    fields.iter().map(|(name, field)| (name.clone(), value_for(field))).collect()
}

fn value_for(field: &Value) -> Value {
    let known = [field.pointer("/default"), field.pointer("/enum/0"), field.pointer("/oneOf/0/const")];
    if let Some(value) = known.into_iter().flatten().next() {
        return value.clone();
    }
    match field.get("type").and_then(Value::as_str) {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(7),
        Some("array") => json!([field.get("items").map(first_choice)]),
        _ => json!("something"),
    }
}

fn first_choice(items: &Value) -> Value {
    items.pointer("/enum/0").or_else(|| items.pointer("/anyOf/0/const")).cloned().unwrap_or_default()
}
