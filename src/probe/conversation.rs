//! What a client says to a server in the first seconds, in each era (`protocol.md` §2).

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::Subject;
use super::report::{Fault, FaultKind, Report, Server};
use super::talk::{Reading, Refused, SESSION, Talk, Trouble, answers};
use crate::mcp::{Answer, Era, Message, Version, challenge_parameters, resolve};
use crate::observe::ProbePhase;

/// In the order in which a client that knows nothing tries them.
const ERAS: [Era; 3] = [Era::Modern, Era::Legacy, Era::HttpSse];

/// What the proxy offers to servers that still shake hands.
const LEGACY: Version = Version::V2025_11_25;
const MODERN: Version = Version::V2026_07_28;

/// Pages of a list of tools that are read.
const PAGES_MAX: usize = 100;

/// Of a version that nobody knows, so many bytes are told.
const VERSION_BYTES_MAX: usize = 64;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// One conversation with one server.
pub(super) struct Conversation<'a> {
    talk: Talk,
    subject: &'a Subject,
    path: String,
    channel: Channel,
    next_id: i64,
    phases: Vec<(ProbePhase, Duration)>,
    /// What is under way.
    phase: Option<(ProbePhase, Instant)>,
    server: Option<Server>,
    has_tools: bool,
    tools: Option<Vec<String>>,
    wants_credentials: bool,
}

/// How messages travel.
enum Channel {
    /// Each alone.
    Modern,
    /// With a session, where the server gave one, and the version that both settled on.
    Legacy { session: Option<HeaderValue>, version: Option<HeaderValue> },
    /// Posted there, answered on the stream.
    Sse { endpoint: String, stream: Box<Reading> },
}

/// How a conversation ended.
pub(super) struct Ended {
    /// What the server said in the place of an answer.
    pub(super) refused: Option<Refused>,
    /// It ended while an event stream was open on which nothing came.
    pub(super) is_streaming: bool,
}

/// What `server/discover` and `initialize` answer, as far as it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Introduction {
    #[serde(default)]
    supported_versions: Vec<String>,
    protocol_version: Option<String>,
    #[serde(default)]
    capabilities: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    tools: Vec<Tool>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(talk: Talk, subject: &'a Subject) -> Self {
        Self {
            talk,
            subject,
            path: subject.server.url.path.clone(),
            channel: Channel::Modern,
            next_id: 1,
            phases: Vec::new(),
            phase: None,
            server: None,
            has_tools: false,
            tools: None,
            wants_credentials: false,
        }
    }

    /// Asks all that is to be asked; ends with the first thing that is wrong.
    pub(super) async fn run(&mut self) -> Result<(), Trouble> {
        self.begin(ProbePhase::Initialize);
        if let Err(trouble) = self.handshake().await {
            let is_closed = trouble.kind == FaultKind::Credentials && !self.subject.has_credentials();
            if is_closed && self.subject.probe.call.is_none() {
                // More than that it is there, and guarded, nobody without credentials can know.
                self.wants_credentials = true;
                self.end();
                return Ok(());
            }
            return Err(trouble);
        }
        self.end();
        if !matches!(self.channel, Channel::Modern) {
            self.begin(ProbePhase::Ping);
            match self.ask("ping", json!({})).await {
                // Some servers do not know it, which is no illness.
                Ok(_) | Err(Trouble { kind: FaultKind::JsonRpc, .. }) => {}
                Err(trouble) => return Err(trouble),
            }
            self.end();
        }
        if self.has_tools {
            self.begin(ProbePhase::ToolsList);
            self.list_tools().await?;
            self.end();
        }
        if let Some(tool) = self.subject.probe.call.as_deref() {
            self.begin(ProbePhase::ToolCall);
            self.call(tool).await?;
            self.end();
        }
        Ok(())
    }

    /// What was found out.
    pub(super) fn fill(&mut self, report: &mut Report, ended: Option<Trouble>) -> Ended {
        let is_streaming = ended.is_some() && self.talk.is_waiting_on_stream();
        let steps = &self.talk.steps;
        let connection = [
            (ProbePhase::Dns, steps.dns()),
            (ProbePhase::Connect, steps.connect()),
            (ProbePhase::Tls, steps.tls()),
        ];
        let connection = connection.into_iter().filter_map(|(phase, took)| Some((phase, took?)));
        report.phases.extend(connection);
        let connecting: Duration = report.phases.iter().map(|(_, took)| *took).sum();
        let mut phases = std::mem::take(&mut self.phases);
        let failed_in = ended.as_ref().and_then(|_| self.phase.take());
        if let Some((phase, since)) = failed_in {
            let phase = self.step_under_way(phase);
            phases.push((phase, since.elapsed()));
        }
        if let Some((_, took)) = phases.first_mut() {
            // The first request waited for the connection.
            *took = took.saturating_sub(connecting);
        }
        let failed_in = phases.last().map(|(phase, _)| *phase);
        report.phases.extend(phases);
        report.server = self.server.take();
        report.tools = self.tools.take();
        report.wants_credentials = self.wants_credentials;
        report.http_status = self.talk.status(ended.is_some()).map(|status| status.as_u16());
        report.http_version = self.talk.version();
        report.address = steps.address();
        report.expires = steps.expires();
        let Some(Trouble { kind, message, answer }) = ended else {
            return Ended { refused: None, is_streaming };
        };
        let phase = failed_in.unwrap_or(ProbePhase::Initialize);
        report.fault = Some(Fault { kind, phase, message });
        Ended { refused: answer.map(|answer| *answer), is_streaming }
    }

    /// What really failed where the connection never came about.
    fn step_under_way(&self, phase: ProbePhase) -> ProbePhase {
        let (steps, url) = (&self.talk.steps, &self.subject.server.url);
        if steps.connect().is_none() {
            let is_address = url.host.starts_with('[') || url.host.parse::<std::net::IpAddr>().is_ok();
            return if is_address || steps.dns().is_some() { ProbePhase::Connect } else { ProbePhase::Dns };
        }
        if url.tls && steps.tls().is_none() { ProbePhase::Tls } else { phase }
    }

    /// Ends the session, where there is one.
    pub(super) async fn close(&mut self) {
        if let Channel::Legacy { session: Some(_), .. } = self.channel {
            let headers = self.headers("", None);
            // Servers that do not know how say so.
            let _ = self.talk.delete(&self.path, &headers).await;
        }
    }

    /// What the metadata of the protected resource says that does not fit.
    pub(super) async fn metadata(&mut self, refused: Option<&Refused>) -> Option<String> {
        let refused = refused.cloned().or_else(|| self.talk.refusal().cloned())?;
        let challenge = refused.challenge?;
        let url = challenge_parameters(challenge.as_bytes())
            .find(|parameter| parameter.is_named("resource_metadata"))
            .map(|parameter| String::from_utf8_lossy(&parameter.means).into_owned());
        let origin = self.subject.server.url.origin();
        let Some(url) = url else {
            return Some(
                "the challenge names no resource_metadata (RFC 9728): clients cannot find out where to sign in"
                    .to_owned(),
            );
        };
        let Some(path) = url.strip_prefix(&origin).filter(|path| path.starts_with('/')) else {
            return Some(format!(
                "the challenge sends clients to {url}, which is not on {origin}; a proxy in front has to rewrite it \
                 (rewrite_oauth)"
            ));
        };
        let text = self.talk.page(path).await?;
        let resource = serde_json::from_str::<Value>(&text).ok()?.get("resource")?.as_str()?.to_owned();
        let dialled = self.subject.server.url.to_string();
        (resource.trim_end_matches('/') != dialled.trim_end_matches('/')).then(|| {
            format!(
                "the metadata calls the resource {resource}, clients call it {dialled}: they will refuse to sign in \
                 (RFC 9728, section 3.3)"
            )
        })
    }

    fn begin(&mut self, phase: ProbePhase) {
        self.phase = Some((phase, Instant::now()));
    }

    fn end(&mut self) {
        if let Some((phase, since)) = self.phase.take() {
            self.phases.push((phase, since.elapsed()));
        }
    }

    /// In the era that is known, else in the first that the server speaks.
    async fn handshake(&mut self) -> Result<(), Trouble> {
        let known = self.subject.era;
        let mut told: Option<(u8, Trouble)> = None;
        for era in known.into_iter().chain(ERAS.into_iter().filter(|era| Some(*era) != known)) {
            let tried = match era {
                Era::Modern => self.discover().await,
                Era::Legacy => self.initialize_legacy().await,
                Era::HttpSse => self.initialize_sse().await,
            };
            let Err(trouble) = tried else { return Ok(()) };
            if !may_speak_otherwise(&trouble, era) {
                return Err(trouble);
            }
            // Who knows the era says most: whoever said no in JSON-RPC, and at a status of success.
            let weight = weight(&trouble, era);
            if told.as_ref().is_none_or(|(most, _)| weight > *most) {
                told = Some((weight, trouble));
            }
        }
        Err(told.map_or_else(|| Trouble::setup("no era is known".to_owned()), |(_, trouble)| trouble))
    }

    async fn discover(&mut self) -> Result<(), Trouble> {
        self.channel = Channel::Modern;
        let message = self.ask("server/discover", json!({})).await?;
        let introduction: Introduction = read(&message)?;
        let version = MODERN.as_str();
        if !introduction.supported_versions.iter().any(|known| known == version) {
            let known = introduction.supported_versions.join(", ");
            return Err(Trouble::new(FaultKind::JsonRpc, format!("it speaks {known}, and not {version}")));
        }
        self.introduced(Era::Modern, version.to_owned(), &message, &introduction);
        Ok(())
    }

    async fn initialize_legacy(&mut self) -> Result<(), Trouble> {
        self.channel = Channel::Legacy { session: None, version: None };
        let (id, body) = self.message("initialize", hello());
        let headers = self.headers("initialize", None);
        let answer = self.talk.ask(&self.path, &headers, id, body).await?;
        let message = no_error(answer.message, answer.status)?;
        // From here on there is a session to be ended.
        let session = answer.headers.get(SESSION).cloned();
        self.channel = Channel::Legacy { session, version: None };
        self.settled(Era::Legacy, &message)?;
        let headers = self.headers("notifications/initialized", None);
        self.talk.tell(&self.path, &headers, INITIALIZED.to_owned()).await
    }

    async fn initialize_sse(&mut self) -> Result<(), Trouble> {
        let mut stream = self.talk.listen(&self.path).await?;
        let Some(endpoint) = stream.endpoint().await? else {
            let message = "the event stream ended without naming an endpoint";
            return Err(Trouble::new(FaultKind::NotMcp, message.to_owned()));
        };
        let endpoint = resolve(&self.path, endpoint.as_str()).ok_or_else(|| {
            Trouble::new(FaultKind::NotMcp, format!("`{}` is no endpoint", endpoint.as_str()))
        })?;
        self.channel = Channel::Sse { endpoint: endpoint.clone(), stream: Box::new(stream) };
        let message = self.ask("initialize", hello()).await?;
        self.settled(Era::HttpSse, &message)?;
        self.talk.tell(&endpoint, &HeaderMap::new(), INITIALIZED.to_owned()).await
    }

    /// `initialize` was answered.
    fn settled(&mut self, era: Era, message: &Message) -> Result<(), Trouble> {
        let introduction: Introduction = read(message)?;
        let version = introduction.protocol_version.clone();
        let Some(version) = version.filter(|version| version.len() <= VERSION_BYTES_MAX) else {
            let text = "the answer to `initialize` names no protocolVersion";
            return Err(Trouble::new(FaultKind::NotMcp, text.to_owned()));
        };
        if let Channel::Legacy { version: settled, .. } = &mut self.channel {
            *settled = HeaderValue::from_str(&version).ok();
        }
        self.introduced(era, version, message, &introduction);
        Ok(())
    }

    fn introduced(&mut self, era: Era, version: String, message: &Message, introduction: &Introduction) {
        let text = |text: &Option<crate::mcp::Text>| text.as_ref().map(|text| text.as_str().to_owned());
        let result = message.result.as_ref();
        self.server = Some(Server {
            era,
            version,
            name: result.and_then(|result| text(&result.server_name)),
            release: result.and_then(|result| text(&result.server_version)),
        });
        self.has_tools = introduction.capabilities.contains_key("tools");
    }

    async fn list_tools(&mut self) -> Result<(), Trouble> {
        let mut names: Vec<String> = Vec::new();
        let mut bytes = 0;
        let mut params = json!({});
        for _ in 0..PAGES_MAX {
            let page: Page = read(&self.ask("tools/list", params).await?)?;
            for Tool { name } in page.tools {
                bytes += name.len();
                if names.len() == Answer::TOOLS_MAX || bytes > Answer::TOOL_NAMES_BYTES_MAX {
                    let message = "it lists more tools than are remembered of a server".to_owned();
                    return Err(Trouble::new(FaultKind::NotMcp, message));
                }
                names.push(name);
            }
            let Some(cursor) = page.next_cursor else { break };
            params = json!({ "cursor": cursor });
        }
        let missing: Vec<&str> = {
            let wanted = self.subject.server.tools.iter().chain(self.subject.probe.call.as_ref());
            wanted.filter(|tool| !names.contains(tool)).map(String::as_str).collect()
        };
        let told = (!missing.is_empty()).then(|| format!("not listed any more: {}", missing.join(", ")));
        self.tools = Some(names);
        told.map_or(Ok(()), |message| Err(Trouble::new(FaultKind::ToolsMissing, message)))
    }

    async fn call(&mut self, tool: &str) -> Result<(), Trouble> {
        let arguments = serde_json::to_value(&self.subject.probe.arguments)
            .map_err(|error| Trouble::setup(format!("the arguments cannot be sent: {error}")))?;
        let params = json!({ "name": tool, "arguments": arguments });
        let message = self.ask_named("tools/call", Some(tool), params).await?;
        let result: Value = read(&message)?;
        let said = said(&result);
        if message.result.as_ref().is_some_and(|result| result.is_error) {
            let message = format!("the tool {tool} failed: {}", beginning(&said));
            return Err(Trouble::new(FaultKind::ToolError, message));
        }
        match self.subject.probe.expect.as_deref() {
            Some(expected) if !said.contains(expected) => {
                let message =
                    format!("the result of {tool} does not say what it should: {}", beginning(&said));
                Err(Trouble::new(FaultKind::Unexpected, message))
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> Result<Message, Trouble> {
        self.ask_named(method, None, params).await
    }

    /// Sends a request and waits for its answer; an error is trouble.
    async fn ask_named(
        &mut self,
        method: &str,
        name: Option<&str>,
        params: Value,
    ) -> Result<Message, Trouble> {
        let (id, body) = self.message(method, params);
        let headers = self.headers(method, name);
        if let Channel::Sse { endpoint, stream } = &mut self.channel {
            self.talk.tell(endpoint, &headers, body).await?;
            self.talk.waits_on_stream(true);
            while let Some(message) = stream.next().await? {
                if answers(&message, id) {
                    self.talk.waits_on_stream(false);
                    return no_error(message, StatusCode::OK);
                }
            }
            let text = "the event stream ended without the answer".to_owned();
            return Err(Trouble::new(FaultKind::Reset, text));
        }
        let answer = self.talk.ask(&self.path, &headers, id, body).await?;
        no_error(answer.message, answer.status)
    }

    fn message(&mut self, method: &str, mut params: Value) -> (i64, String) {
        let id = self.next_id;
        self.next_id += 1;
        if matches!(self.channel, Channel::Modern)
            && let Some(params) = params.as_object_mut()
        {
            params.insert("_meta".to_owned(), envelope());
        }
        (id, json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string())
    }

    /// What goes with a message in the era at hand.
    fn headers(&self, method: &str, name: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        match &self.channel {
            Channel::Modern => {
                headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(MODERN.as_str()));
                headers.extend(HeaderValue::from_str(method).ok().map(|method| (METHOD, method)));
                headers.extend(name.and_then(mirrored).map(|name| (NAME, name)));
            }
            Channel::Legacy { session, version } => {
                headers.extend(session.clone().map(|session| (SESSION, session)));
                headers.extend(version.clone().map(|version| (PROTOCOL_VERSION, version)));
            }
            Channel::Sse { .. } => {}
        }
        headers
    }
}

const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn client() -> Value {
    json!({ "name": "sightglass-probe", "version": env!("CARGO_PKG_VERSION") })
}

/// What `initialize` says.
fn hello() -> Value {
    json!({ "protocolVersion": LEGACY.as_str(), "capabilities": {}, "clientInfo": client() })
}

/// What every request of 2026-07-28 says of its sender.
fn envelope() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN.as_str(),
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": client(),
    })
}

/// A name as `Mcp-Name` carries it; one that needs to be encoded is left to the body, which counts.
fn mirrored(name: &str) -> Option<HeaderValue> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') && name.trim() == name;
    HeaderValue::from_str(name).ok().filter(|_| is_plain && !name.starts_with("=?"))
}

/// Whether the server may be one of another era, for all it said (`protocol.md` §2.1, §2.3).
fn may_speak_otherwise(trouble: &Trouble, era: Era) -> bool {
    let status = trouble.status().map(|status| status.as_u16());
    match (trouble.kind, era) {
        (FaultKind::Http, Era::Modern | Era::HttpSse) => {
            status.is_some_and(|status| (400..500).contains(&status))
        }
        (FaultKind::Http, Era::Legacy) => status.is_some_and(|status| matches!(status, 400 | 404 | 405)),
        (FaultKind::JsonRpc, Era::Modern) => status.is_none_or(|status| status < 500),
        (FaultKind::JsonRpc, Era::Legacy) => status.is_some_and(|status| matches!(status, 400 | 404)),
        (FaultKind::NotMcp | FaultKind::NotJson | FaultKind::Html, Era::Modern) => true,
        _ => false,
    }
}

/// How much an answer says of why none of the eras is spoken: the usual handshake's more than the others'.
fn weight(trouble: &Trouble, era: Era) -> u8 {
    let is_of_the_era = trouble.kind == FaultKind::JsonRpc && trouble.status().is_none();
    u8::from(is_of_the_era) * 2 + u8::from(era == Era::Legacy)
}

fn no_error(message: Message, status: StatusCode) -> Result<Message, Trouble> {
    let Some(fault) = &message.error else { return Ok(message) };
    let code = fault.code.map_or_else(String::new, |code| format!(" {code}"));
    let text = format!("JSON-RPC error{code}: {}", fault.message.as_str());
    let mut trouble = Trouble::new(FaultKind::JsonRpc, text);
    if !status.is_success() {
        trouble.answer = Some(Box::new(Refused::status_alone(status, fault.message.as_str())));
    }
    Err(trouble)
}

/// The result of `message`.
fn read<T: for<'de> Deserialize<'de>>(message: &Message) -> Result<T, Trouble> {
    let captured = message.result.as_ref().and_then(|result| result.captured.as_ref());
    let bytes = captured.filter(|captured| !captured.cut).map(|captured| &captured.bytes[..]);
    serde_json::from_slice(bytes.unwrap_or_default()).map_err(|error| {
        Trouble::new(FaultKind::NotMcp, format!("the result is not what MCP has there: {error}"))
    })
}

/// All text of a result, for a model and for programs.
fn said(result: &Value) -> String {
    let content = result.get("content").and_then(Value::as_array);
    let texts = content.into_iter().flatten().filter_map(|item| item.get("text")?.as_str());
    let structured = result.get("structuredContent").map(Value::to_string);
    texts.map(str::to_owned).chain(structured).collect::<Vec<_>>().join("\n")
}

fn beginning(text: &str) -> String {
    let mut characters = text.chars();
    let beginning: String = characters.by_ref().take(120).collect();
    if characters.next().is_some() { format!("{beginning}…") } else { beginning }
}
