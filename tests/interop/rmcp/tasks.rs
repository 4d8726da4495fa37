//! Tools of the tasks extension (SEP-2663): jobs that run as a task for clients that declare the extension, and that
//! answer at once, or refuse, for those that do not.

use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, CreateTaskResult,
    InputRequest, InputRequiredResult, InputResponses,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskOptions};
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

use crate::fixture::Fixture;
use crate::{content, input};

/// The longest a job may take.
const JOB_TIME_MAX: Duration = Duration::from_secs(60);

/// How long the jobs that take no argument take: long enough to be seen at work.
const PAUSE: Duration = Duration::from_millis(200);

/// What a call of one of these tools has to do.
enum Job {
    Compute(Duration),
    FailAsTool,
    FailAsProtocol,
    ConfirmDelete(String),
    TwoInputs,
    GreetLate(String),
}

/// Answers one of these tools; `None` for any other tool.
pub(crate) async fn call(
    fixture: &Fixture,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Option<Result<CallToolResponse, ErrorData>> {
    let arguments = Arguments(request);
    let job = match request.name.as_ref() {
        "greet" => {
            let greeting = format!("Hello, {}!", arguments.text("name").unwrap_or("friend"));
            return Some(Ok(content::text(greeting).into()));
        }
        "slow_compute" => Job::Compute(arguments.seconds("seconds")),
        "failing_job" => Job::FailAsTool,
        "protocol_error_job" => Job::FailAsProtocol,
        "confirm_delete" => Job::ConfirmDelete(arguments.text("filename").unwrap_or("a file").to_owned()),
        "multi_input" => Job::TwoInputs,
        "test_tool_with_task" => match input::elicited(request.input_responses.as_ref(), "user_name", "name")
        {
            Some(name) => Job::GreetLate(name),
            None => return Some(ask_for_name(context)),
        },
        _ => return None,
    };
    Some(start(fixture, job, context).await)
}

/// As a task if the client can follow one, at once if the job allows it, else -32021.
async fn start(
    fixture: &Fixture,
    job: Job,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if can_follow(context) {
        let task = fixture.tasks.spawn(TaskOptions::default(), |task| Box::pin(job.run_as(task)));
        return Ok(CreateTaskResult::new(task).into());
    }
    match job {
        Job::Compute(time) => Ok(compute(time).await.into()),
        Job::FailAsProtocol => Err(broken()),
        Job::FailAsTool | Job::ConfirmDelete(_) | Job::TwoInputs | Job::GreetLate(_) => Err(tasks_needed()),
    }
}

impl Job {
    async fn run_as(self, task: TaskContext) -> Result<CallToolResult, TaskExit> {
        match self {
            Self::Compute(time) => tokio::select! {
                () = task.cancelled() => Err(TaskExit::Cancelled),
                result = compute(time) => Ok(result),
            },
            Self::FailAsTool => {
                tokio::time::sleep(PAUSE).await;
                Ok(content::failure("The job failed, as it should."))
            }
            Self::FailAsProtocol => Err(broken().into()),
            Self::ConfirmDelete(file) => {
                let question = input::question(&format!("Delete {file}?"), "confirm", "boolean")?;
                let answer = ask(&task, "confirm", question, "confirm").await?;
                Ok(content::text(format!("Deleting {file}: {answer}")))
            }
            Self::TwoInputs => {
                let first = input::question("The first value?", "value", "string")?;
                let second = input::question("The second value?", "value", "string")?;
                let (first, second) = tokio::try_join!(
                    ask(&task, "first", first, "value"),
                    ask(&task, "second", second, "value")
                )?;
                Ok(content::text(format!("The values are {first} and {second}.")))
            }
            Self::GreetLate(name) => {
                tokio::time::sleep(PAUSE).await;
                Ok(content::text(format!("Hello, {name}, after all!")))
            }
        }
    }
}

/// Parks the task until the client answered; what it answered, or that it refused.
async fn ask(task: &TaskContext, key: &str, question: InputRequest, field: &str) -> Result<String, TaskExit> {
    let answer = task.request_input(key, question).await?;
    let responses = InputResponses::from([(key.to_owned(), answer)]);
    Ok(input::elicited(Some(&responses), key, field).unwrap_or_else(|| "refused".to_owned()))
}

fn ask_for_name(context: &RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
    if !can_follow(context) {
        return Err(tasks_needed());
    }
    let question = input::question("What is your name?", "name", "string")?;
    Ok(InputRequiredResult::from_input_requests([("user_name".to_owned(), question)].into()).into())
}

async fn compute(time: Duration) -> CallToolResult {
    tokio::time::sleep(time).await;
    content::text("The computation is done.")
}

fn broken() -> ErrorData {
    ErrorData::internal_error("The job broke, as it should", None)
}

fn can_follow(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|capabilities| capabilities.supports_tasks())
}

fn tasks_needed() -> ErrorData {
    ErrorData::missing_required_client_capability(ClientCapabilities::builder().enable_tasks().build())
}

/// The arguments of a call, read leniently: what is missing or of another type has a default.
struct Arguments<'request>(&'request CallToolRequestParams);

impl<'request> Arguments<'request> {
    fn text(&self, name: &str) -> Option<&'request str> {
        self.value(name)?.as_str()
    }

    fn seconds(&self, name: &str) -> Duration {
        let seconds = self.value(name).and_then(Value::as_f64).unwrap_or(1.0);
        Duration::try_from_secs_f64(seconds).unwrap_or(JOB_TIME_MAX).min(JOB_TIME_MAX)
    }

    fn value(&self, name: &str) -> Option<&'request Value> {
        self.0.arguments.as_ref()?.get(name)
    }
}
