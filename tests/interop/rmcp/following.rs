//! The steps of the tasks extension, which rmcp has for 2026-07-28: a job is created, polled, answered and cancelled.

use std::time::Duration;

use rmcp::ServiceError;
use rmcp::model::{
    CallToolResponse, CancelTaskParams, GetTaskParams, GetTaskResult, InputResponses, TaskStatus,
    UpdateTaskParams,
};
use serde_json::{Value, json};

use crate::Session;
use crate::steps::tool;
use crate::transcript::Transcript;

/// The pause between two looks at a task.
const POLL: Duration = Duration::from_millis(50);

/// How often a task is looked at before the client gives up.
const LOOKS_MAX: u32 = 200;

/// Runs them all, in order.
pub(crate) async fn run(session: &Session, transcript: &mut Transcript) {
    let failing = finished(session, "failing_job", &json!({})).await;
    transcript.answered("a task whose tool fails", failing).await;
    let broken = finished(session, "protocol_error_job", &json!({})).await;
    transcript.answered("a task that breaks", broken).await;
    transcript.answered("a task that is cancelled", cancelled(session).await).await;
    parked(session, transcript).await;
    let unknown = session.get_task(GetTaskParams::new("no-such-task")).await;
    transcript.refused("unknown task", unknown).await;
}

/// A task that asks for something, gets it, and ends.
async fn parked(session: &Session, transcript: &mut Transcript) {
    let id = match created(session, "confirm_delete", &json!({"filename": "notes.txt"})).await {
        Ok(id) => id,
        Err(error) => return transcript.answered::<()>("a task that asks", Err(error)).await,
    };
    let asking = seen_as(session, &id, |status| status == TaskStatus::InputRequired).await;
    transcript.answered("a task that asks", asking).await;
    let answer = json!({"action": "accept", "content": {"confirm": true}});
    let responses = InputResponses::from([("confirm".to_owned(), answer)]);
    let updated = session.update_task(UpdateTaskParams::new(id.clone(), responses)).await;
    transcript.answered("tasks/update", updated).await;
    let done = seen_as(session, &id, |status| status.is_terminal()).await;
    transcript.answered("a task that was answered", done).await;
}

async fn cancelled(session: &Session) -> Result<GetTaskResult, ServiceError> {
    let id = created(session, "slow_compute", &json!({"seconds": 30})).await?;
    session.cancel_task(CancelTaskParams::new(id.clone())).await?;
    seen_as(session, &id, |status| status.is_terminal()).await
}

async fn finished(
    session: &Session,
    name: &'static str,
    arguments: &Value,
) -> Result<GetTaskResult, ServiceError> {
    let id = created(session, name, arguments).await?;
    seen_as(session, &id, |status| status.is_terminal()).await
}

/// The id of the task that a call becomes.
async fn created(session: &Session, name: &'static str, arguments: &Value) -> Result<String, ServiceError> {
    if let CallToolResponse::Task(created) = session.call_tool_once(tool(name, arguments)).await? {
        return Ok(created.task.task_id);
    }
    Err(ServiceError::UnexpectedResponse)
}

/// Looks at the task until its status is the wanted one; the last look, if it never is.
async fn seen_as(
    session: &Session,
    id: &str,
    wanted: impl Fn(TaskStatus) -> bool,
) -> Result<GetTaskResult, ServiceError> {
    let mut seen = session.get_task(GetTaskParams::new(id)).await?;
    for _ in 0..LOOKS_MAX {
        if wanted(seen.task.status()) {
            break;
        }
        tokio::time::sleep(POLL).await;
        seen = session.get_task(GetTaskParams::new(id)).await?;
    }
    Ok(seen)
}
