//! The simulated users: each opens sessions, works through its schedule, closes them, and counts what it saw.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities,
    ClientConfig, ClientRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability,
    ErrorData, FormElicitationCapability, GetPromptRequestParams, Implementation, InputRequest,
    InputRequiredResult, InputResponses, JsonObject, ProgressNotificationParam, ProgressToken,
    ReadResourceRequestParams,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt, NotificationContext, PeerRequestOptions, RequestContext,
    RunningService, ServiceError,
};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::http::HttpClient;
use super::schedule::{Persona, Schedule, Step};
use super::server;
use super::tally::{Era, Feature, Outcome, Tally};

/// The label that the proxy gives to the name of a tool that no server ever listed (`telemetry.md` §1).
pub(super) const UNKNOWN_TOOL_LABEL: &str = "_other";

const UNKNOWN_TOOL: &str = "delete_everything";
const STEP_WAIT: Duration = Duration::from_secs(10);
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Longer than [`STEP_WAIT`]: a call that is to be given up on never ends by itself.
const ABANDONED_REPORT_MILLISECONDS: u64 = 20_000;
const GUESTS: u64 = 4;

/// Works until told to stop, then ends its session; whatever goes wrong is told to the tally.
pub(super) async fn work(
    persona: Persona,
    user: usize,
    url: Arc<str>,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
) {
    let mut user = User {
        http: HttpClient::new(persona.name, persona.version),
        schedule: Schedule::new(&persona, user),
        persona,
        url,
        tally,
    };
    loop {
        if let Err(error) = user.session(&mut stop).await {
            user.tally.failure(format!("{}: {error:#}", persona.name));
            if user.schedule.is_opening() && *stop.borrow() {
                return;
            }
        }
        let absence = user.schedule.absence();
        if rest(&mut stop, absence).await && !user.schedule.is_opening() {
            return;
        }
    }
}

/// Waits, at most until the end is called; says whether it was.
async fn rest(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    if *stop.borrow() {
        return true;
    }
    timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

struct User {
    persona: Persona,
    http: HttpClient,
    schedule: Schedule,
    url: Arc<str>,
    tally: Arc<Tally>,
}

/// An open session (older era) or the mere habit of calling (2026-07-28).
struct Session {
    service: RunningService<RoleClient, Screen>,
    progress: watch::Receiver<Option<ProgressToken>>,
}

impl User {
    async fn session(&mut self, stop: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut session = timeout(STEP_WAIT, self.connect()).await.context("connecting took too long")??;
        let worked = self.steps(&mut session, stop).await;
        let deleted = self.http.sessions_deleted();
        let closed = session.service.close_with_timeout(CLOSE_WAIT).await;
        if self.http.sessions_deleted() > deleted {
            self.tally.feature(self.persona.era, Feature::SessionDeleted);
        }
        worked?;
        match closed {
            Ok(Some(_)) => Ok(()),
            Ok(None) => bail!("closing took too long"),
            Err(error) => Err(error).context("closing failed"),
        }
    }

    async fn connect(&self) -> anyhow::Result<Session> {
        let (sender, progress) = watch::channel(None);
        let screen = Screen { persona: self.persona, progress: sender };
        let config = StreamableHttpClientTransportConfig::with_uri(Arc::clone(&self.url));
        let transport = StreamableHttpClientTransport::with_client(self.http.clone(), config);
        let lifecycle = match self.persona.era {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Modern => {
                ClientLifecycleMode::Discover { preferred_versions: vec![self.persona.protocol_version()] }
            }
        };
        let service = screen
            .serve_with_lifecycle(transport, lifecycle)
            .await
            .context("the server did not welcome us")?;
        let tools = service.peer().list_all_tools().await.context("tools/list failed")?;
        if tools.len() != server::TOOLS.len() {
            bail!("tools/list names {} tools instead of {}", tools.len(), server::TOOLS.len());
        }
        Ok(Session { service, progress })
    }

    async fn steps(&mut self, session: &mut Session, stop: &mut watch::Receiver<bool>) -> anyhow::Result<()> {
        for _ in 0..self.schedule.session_steps() {
            let next = self.schedule.next_step();
            timeout(STEP_WAIT, self.step(session, next))
                .await
                .unwrap_or_else(|_| Err(anyhow!("took more than {} s", STEP_WAIT.as_secs())))
                .with_context(|| format!("{next:?}"))?;
            let pause = self.schedule.pause();
            if rest(stop, pause).await && !self.schedule.is_opening() {
                break;
            }
        }
        Ok(())
    }

    async fn step(&mut self, session: &mut Session, step: Step) -> anyhow::Result<()> {
        let feature = match step {
            Step::Echo => self.echo(session).await?,
            Step::Add => self.add(session).await?,
            Step::SlowReport => self.slow_report(session).await?,
            Step::Flaky => self.flaky(session).await?,
            Step::UnknownTool => self.unknown_tool(session).await?,
            Step::ImportRows => self.import_rows(session).await?,
            Step::BookTable => self.book_table(session).await?,
            Step::CancelReport => self.cancel_report(session).await?,
            Step::ReadMenu => {
                let request = ReadResourceRequestParams::new(server::MENU);
                session.service.read_resource(request).await?;
                Some(Feature::Resource)
            }
            Step::AskPrompt => {
                session.service.get_prompt(GetPromptRequestParams::new(server::PROMPT)).await?;
                Some(Feature::Prompt)
            }
        };
        if let Some(feature) = feature {
            self.tally.feature(self.persona.era, feature);
        }
        Ok(())
    }

    async fn echo(&mut self, session: &Session) -> anyhow::Result<Option<Feature>> {
        let said = format!("table {} is free", self.schedule.number(1, 40));
        let result = self.succeed(session, "echo", json!({ "text": said })).await?;
        match result.content.first().and_then(|content| content.as_text()) {
            Some(heard) if heard.text == said => Ok(Some(Feature::QuickCall)),
            _ => bail!("another answer than asked for"),
        }
    }

    async fn add(&mut self, session: &Session) -> anyhow::Result<Option<Feature>> {
        let (a, b) = (self.schedule.number(1, 900), self.schedule.number(1, 900));
        let result = self.succeed(session, "add", json!({ "a": a, "b": b })).await?;
        match result
            .structured_content
            .as_ref()
            .and_then(|content| content.get("sum"))
            .and_then(Value::as_u64)
        {
            Some(sum) if sum == a + b => Ok(Some(Feature::QuickCall)),
            _ => bail!("another sum than asked for"),
        }
    }

    async fn slow_report(&mut self, session: &Session) -> anyhow::Result<Option<Feature>> {
        let milliseconds = self.schedule.number(300, 900);
        self.succeed(session, "slow_report", json!({ "milliseconds": milliseconds })).await?;
        Ok(Some(Feature::SlowCall))
    }

    async fn flaky(&self, session: &Session) -> anyhow::Result<Option<Feature>> {
        match self.call(session, "flaky", request("flaky", json!({}))).await? {
            Answer::Result(result) if result.is_error == Some(true) => Ok(Some(Feature::FailingTool)),
            Answer::Result(_) => Ok(None),
            Answer::Question(_) | Answer::Error(_) => bail!("neither a result nor a reported failure"),
        }
    }

    async fn unknown_tool(&self, session: &Session) -> anyhow::Result<Option<Feature>> {
        match self.call(session, UNKNOWN_TOOL_LABEL, request(UNKNOWN_TOOL, json!({}))).await? {
            Answer::Error(_) => Ok(Some(Feature::UnknownTool)),
            Answer::Result(_) | Answer::Question(_) => bail!("an unknown tool answered"),
        }
    }

    async fn import_rows(&self, session: &mut Session) -> anyhow::Result<Option<Feature>> {
        session.progress.mark_unchanged();
        self.succeed(session, "import_rows", json!({})).await?;
        if session.progress.has_changed()? {
            Ok(Some(Feature::Progress))
        } else {
            bail!("no progress was told")
        }
    }

    async fn book_table(&self, session: &Session) -> anyhow::Result<Option<Feature>> {
        let mut booking = request("book_table", json!({}));
        if self.persona.era == Era::Modern {
            match self.call(session, "book_table", booking.clone()).await? {
                Answer::Question(question) => booking.input_responses = Some(answers(question)),
                Answer::Result(_) | Answer::Error(_) => bail!("nobody was asked for how many"),
            }
        }
        match self.call(session, "book_table", booking).await? {
            Answer::Result(result) if says(&result, &format!("Booked for {GUESTS}.")) => {
                Ok(Some(Feature::Elicitation))
            }
            Answer::Result(_) | Answer::Question(_) | Answer::Error(_) => bail!("no table was booked"),
        }
    }

    /// Gives up as soon as the server has said that it works: before, there may be nothing to cancel yet.
    async fn cancel_report(&self, session: &mut Session) -> anyhow::Result<Option<Feature>> {
        let params = request("slow_report", json!({ "milliseconds": ABANDONED_REPORT_MILLISECONDS }));
        let started = Instant::now();
        let call = session
            .service
            .peer()
            .send_cancellable_request(
                ClientRequest::CallToolRequest(CallToolRequest::new(params)),
                PeerRequestOptions::no_options(),
            )
            .await?;
        let token = call.progress_token.clone();
        session.progress.wait_for(|latest| latest.as_ref() == Some(&token)).await?;
        call.cancel(Some("the user pressed stop".to_owned())).await?;
        self.tally.call("slow_report", Outcome::Cancelled, started.elapsed());
        Ok(Some(Feature::CancelledCall))
    }

    async fn succeed(
        &self,
        session: &Session,
        tool: &'static str,
        arguments: Value,
    ) -> anyhow::Result<CallToolResult> {
        match self.call(session, tool, request(tool, arguments)).await? {
            Answer::Result(result) if result.is_error != Some(true) => Ok(result),
            Answer::Result(_) => bail!("the tool reported a failure"),
            Answer::Question(_) => bail!("the tool asked back"),
            Answer::Error(error) => bail!("error {}: {}", error.code.0, error.message),
        }
    }

    /// One `tools/call`, counted as the proxy should count it; an error is one that no server sent.
    async fn call(
        &self,
        session: &Session,
        label: &'static str,
        request: CallToolRequestParams,
    ) -> anyhow::Result<Answer> {
        let started = Instant::now();
        let answer = match session.service.call_tool_once(request).await {
            Ok(CallToolResponse::Complete(result)) => Answer::Result(result),
            Ok(CallToolResponse::InputRequired(question)) => Answer::Question(question),
            Ok(_) => bail!("an answer of a kind that nobody asked for"),
            Err(ServiceError::McpError(error)) => Answer::Error(error),
            Err(ServiceError::TransportSend(error)) => bail!("{}", error.error),
            Err(error) => return Err(error.into()),
        };
        self.tally.call(label, answer.outcome(), started.elapsed());
        Ok(answer)
    }
}

enum Answer {
    Result(CallToolResult),
    Question(InputRequiredResult),
    Error(ErrorData),
}

impl Answer {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Result(result) if result.is_error == Some(true) => Outcome::ToolError,
            Self::Result(_) => Outcome::Ok,
            Self::Question(_) => Outcome::InputRequired,
            Self::Error(_) => Outcome::JsonrpcError,
        }
    }
}

fn request(name: impl Into<Cow<'static, str>>, arguments: Value) -> CallToolRequestParams {
    let params = CallToolRequestParams::new(name);
    match arguments {
        Value::Object(arguments) => params.with_arguments(arguments),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            params.with_arguments(JsonObject::new())
        }
    }
}

fn says(result: &CallToolResult, text: &str) -> bool {
    result.content.first().and_then(|content| content.as_text()).is_some_and(|content| content.text == text)
}

fn answers(question: InputRequiredResult) -> InputResponses {
    let asked = question.input_requests.into_iter().flatten();
    asked
        .filter(|(_, request)| matches!(request, InputRequest::Elicitation(_)))
        .map(|(key, _)| (key, json!({ "action": "accept", "content": { "guests": GUESTS } })))
        .collect()
}

/// What a user sees of the server's own initiative, and answers.
struct Screen {
    persona: Persona,
    progress: watch::Sender<Option<ProgressToken>>,
}

impl ClientHandler for Screen {
    fn get_info(&self) -> ClientConfig {
        let elicitation = ElicitationCapability::new().with_form(FormElicitationCapability::default());
        let capabilities = ClientCapabilities::builder().enable_elicitation_with(elicitation).build();
        ClientConfig::new(capabilities, Implementation::new(self.persona.name, self.persona.version))
            .with_protocol_version(self.persona.protocol_version())
    }

    async fn create_elicitation(
        &self,
        _request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        // A person needs a moment to answer.
        sleep(Duration::from_millis(60)).await;
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({ "guests": GUESTS })))
    }

    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _context: NotificationContext<RoleClient>,
    ) {
        self.progress.send_replace(Some(params.progress_token));
    }
}
