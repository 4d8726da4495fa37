//! What happened, one line of sorted JSON a step, without anything that differs from run to run.

use std::collections::BTreeMap;

use rmcp::ServiceError;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answers::Answers;

/// Keys whose values are chosen anew in every run.
const FRESH: [&str; 7] = [
    "createdAt",
    "io.modelcontextprotocol/subscriptionId",
    "lastUpdatedAt",
    "progressToken",
    "requestId",
    "requestState",
    "taskId",
];

/// Prints the steps of one session and counts those that went wrong.
pub(crate) struct Transcript {
    answers: Answers,
    origin: String,
    failures: usize,
}

impl Transcript {
    /// A transcript of a session with the server at `origin` (`http://host:port`), whose other side notes in `answers`.
    pub(crate) fn new(answers: Answers, origin: String) -> Self {
        Self { answers, origin, failures: 0 }
    }

    /// How many steps did not end as they should.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// A step that must succeed.
    pub(crate) async fn answered<R: Serialize>(&mut self, step: &str, outcome: Result<R, ServiceError>) {
        self.answered_after(step, 0, outcome).await;
    }

    /// A step that must succeed, and during which the server says or asks `count` things.
    pub(crate) async fn answered_after<R: Serialize>(
        &mut self,
        step: &str,
        count: usize,
        outcome: Result<R, ServiceError>,
    ) {
        let seen = self.answers.take(count).await;
        let fine = outcome.is_ok() && seen.len() == count;
        self.print(step, fine, &outcome_of(outcome), &seen);
    }

    /// A step that the server must refuse with a JSON-RPC error.
    pub(crate) async fn refused<R: Serialize>(&mut self, step: &str, outcome: Result<R, ServiceError>) {
        let seen = self.answers.take(0).await;
        let fine = matches!(outcome, Err(ServiceError::McpError(_))) && seen.is_empty();
        self.print(step, fine, &outcome_of(outcome), &seen);
    }

    fn print(&mut self, step: &str, fine: bool, outcome: &Value, seen: &[Value]) {
        self.failures += usize::from(!fine);
        let line = json!({"step": step, "fine": fine, "outcome": outcome, "seen": seen});
        println!("{}", self.normalised(&line));
    }

    /// The same value with its keys in order, fresh values masked, and the server's address out of its texts.
    fn normalised(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let sorted: BTreeMap<_, _> = fields.iter().collect();
                sorted.into_iter().map(|(key, value)| (key.clone(), self.field(key, value))).collect()
            }
            Value::Array(items) => items.iter().map(|item| self.normalised(item)).collect(),
            Value::String(text) => json!(text.replace(&self.origin, "<origin>")),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn field(&self, key: &str, value: &Value) -> Value {
        if FRESH.contains(&key) { json!("<fresh>") } else { self.normalised(value) }
    }
}

fn outcome_of<R: Serialize>(outcome: Result<R, ServiceError>) -> Value {
    match outcome {
        Ok(result) => json!({"result": serde_json::to_value(result).unwrap_or_default()}),
        Err(ServiceError::McpError(error)) => json!({"error": error}),
        Err(other) => json!({"failure": other.to_string()}),
    }
}
